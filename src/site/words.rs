//! The numbers of the words of this console, by which it sees that another one has a copy of its state.

use std::collections::{BTreeSet, VecDeque};

/// The own words that are remembered: the board may bring back one of some minutes ago.
const MOST: usize = 1024;
/// After this number of words on end that are not ours another console has a copy of our state. One may be of the
/// process before this one, and one more of its words may be written late.
const STRANGE: usize = 3;

/// The words of this console.
#[derive(Debug, Default)]
pub(super) struct Words {
    /// The last ones that it said.
    own: VecDeque<u64>,
    /// The last ones that stood on the board as its own, and are not.
    strange: BTreeSet<u64>,
}

impl Words {
    /// Notes a word that is said.
    pub(super) fn say(&mut self, word: u64) {
        self.own.push_back(word);
        if self.own.len() > MOST {
            self.own.pop_front();
        }
    }

    /// Notes the word that stands on the board as ours. Gives whether another console says words as ours.
    pub(super) fn see(&mut self, word: u64) -> bool {
        match self.own.contains(&word) {
            true => self.strange.clear(),
            false => {
                self.strange.insert(word);
            }
        }
        self.strange.len() >= STRANGE
    }
}
