//! The inputs beside log files, against the real thing: logger and rsyslogd over UDP and TCP, shells
//! that write to fifos, redis-server, and programs as `set tail` runs them.
//!
//! Debian packages: bsdutils, rsyslog, rsyslog-hiredis, redis-server, openssl.

mod command;
mod fifo;
mod journal;
mod redis;
mod rig;
mod silence;
mod tcp;
mod udp;
