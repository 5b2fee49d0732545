//! What is not the daemon: one file a command.

pub mod check;
pub mod matching;
pub mod replay;
