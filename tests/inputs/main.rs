//! The inputs beside log files, against the real thing: logger and rsyslogd over UDP and TCP, shells
//! that write to fifos, redis-server, and programs as `set tail` runs them.
//!
//! Debian packages: bsdutils, rsyslog, rsyslog-hiredis, redis-server, openssl.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod command;
mod fifo;
mod redis;
mod support;
mod tcp;
mod udp;
