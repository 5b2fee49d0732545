//! The process and the system: ids, background, pid file, signals, service manager, limits, and the
//! programs that the process runs.

pub mod child;
pub mod daemonize;
pub mod ids;
pub mod limits;
pub mod pidfile;
pub mod service;
pub mod signals;
pub mod walk;
