//! What the process is to the system: ids, daemon, pid file, signals, service manager, and the
//! programs that it runs.

pub mod child;
pub mod daemonize;
pub mod ids;
pub mod limits;
pub mod pidfile;
pub mod service;
pub mod signals;
pub mod walk;
