//! What the process is to the system: ids, daemon, pid file, signals, service manager.
