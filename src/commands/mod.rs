//! What is not the daemon: one file a command.

pub mod check;
pub mod completions;
pub mod matching;
pub mod replay;
pub mod status;
