//! `set journal`, with files of systemd-journal-remote, and with a journald of the test's own.
//!
//! Debian packages: systemd, systemd-journal-remote.

mod auto;
mod daemon;
mod hostile;
mod journald;
mod layouts;
mod made;
mod reading;
mod unread;
