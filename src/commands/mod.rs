//! The commands beside the daemon, one file each.

pub mod check;
pub mod completions;
pub mod coverage;
mod decoded;
pub mod diff;
pub mod explain;
pub mod hush;
pub mod import;
mod json_text;
pub mod learn;
pub mod letters;
mod logs;
pub mod matching;
pub mod news;
pub mod packs;
mod profile;
pub mod replay;
mod rule_text;
mod saved;
mod state_directory;
pub mod status;
pub mod suggest;
mod terminal;
pub mod trends;
