//! The commands beside the daemon, one file each.

pub mod check;
pub mod completions;
mod logs;
pub mod matching;
pub mod packs;
mod profile;
pub mod replay;
mod saved;
pub mod status;
pub mod suggest;
