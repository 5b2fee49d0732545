//! What is not the daemon: one file a command.

pub mod check;
pub mod completions;
pub mod matching;
mod profile;
pub mod replay;
mod saved;
pub mod status;
