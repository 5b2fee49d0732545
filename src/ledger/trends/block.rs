//! What a report tells of trends, in words.

use serde::{Deserialize, Serialize};

use super::judge::WINDOW;
use super::note::{Note, What};
use super::state::Taken;
use crate::clock::Time;
use crate::ledger::Day;

/// The trends of a report.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Block {
    /// The rules, each with what the report says of it.
    pub rows: Vec<(String, Note)>,
    /// The number of rows that are not shown.
    pub over: u32,
    /// Sentences about trends as a whole.
    pub sentences: Vec<String>,
}

impl Block {
    /// The block of what was taken out for a report, with the names of the rules; a rule without a name is not in the
    /// configuration any more.
    pub fn new(taken: Taken, name: impl Fn(u64) -> Option<String>, now: Time) -> Self {
        let named = |note: Note| Some((name(note.key)?, note));
        let mut sentences = Vec::new();
        if let Some(day) = taken.begins {
            let day = day.date().format("%a %-d %b");
            sentences.push(format!("Trends begin on {day}"));
        }
        if taken.anew > 0 {
            let until = Day::of(now).after(WINDOW).date().format("%a %-d %b");
            let rules = match taken.anew {
                1 => "the trend of 1 rule begins".to_owned(),
                n => format!("the trends of {n} rules begin"),
            };
            sentences.push(format!("Rules changed: {rules} anew, until {until}"));
        }
        Self {
            rows: taken.notes.into_iter().filter_map(named).collect(),
            over: taken.over,
            sentences,
        }
    }

    /// Whether there is nothing to tell.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The number of rules with more lines than usual.
    pub fn more(&self) -> usize {
        let more = |(_, note): &&(String, Note)| matches!(note.what, What::More { .. });
        self.rows.iter().filter(more).count()
    }
}
