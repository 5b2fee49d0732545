//! The commands beside the daemon, one file each.

pub mod check;
pub mod completions;
pub mod matching;
mod profile;
pub mod replay;
mod saved;
pub mod status;
