//! What is not the daemon: one file a command.
