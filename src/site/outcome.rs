//! What a member has for the loop.

use super::board::Fault;
use super::merge::Merged;
use super::record::HeardHere;
use crate::ledger::news::Taught;

/// What the loop is to do.
#[derive(Clone, PartialEq, Debug)]
pub enum Outcome {
    /// Make a letter of these counts, and give its shares to `Member::reported`, in the same commit.
    Report(Box<Merged>),
    /// Make a letter of these counts of this console alone, and give its shares to `Member::reported`, in the same
    /// commit: the board is away, or the console leaves its site.
    Alone(Box<Merged>),
    /// Another console heard this within the last minutes.
    Heard {
        /// The console.
        console: String,
        /// What it heard.
        heard: HeardHere,
    },
    /// What reports of other consoles told of news.
    Known(Vec<Taught>),
    /// A sentence for the next report.
    Remark(String),
    /// The board is away from now on, or it is back.
    Board(Option<Fault>),
}
