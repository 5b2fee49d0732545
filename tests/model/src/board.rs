//! What stands on the board under one number.

use crate::{CONSOLES, SHARES, Set, has, one};

/// The keys under one number of the board.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, Debug)]
pub struct Keys {
    /// `share`: those whose bytes are there.
    pub shares: Set,
    /// `claim`: the console that has it, plus one; 0 for none.
    pub claims: [u8; SHARES],
    /// `done`.
    pub done: Set,
    /// `member` and `taken` of each console that has published under this number: whom it knows, and what it
    /// took.
    pub published: [Option<(Set, Set)>; CONSOLES],
}

/// A command that changes the board. The key has the number in it, so it lands there whenever it lands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Write {
    /// `member` and `taken`.
    Publish {
        /// Who.
        console: usize,
        /// Whom it has committed as known.
        known: Set,
        /// What it has committed as taken.
        taken: Set,
    },
    /// `share`.
    Share(usize),
    /// `claim`, if there is none.
    Claim {
        /// The share.
        share: usize,
        /// Who wants it.
        console: usize,
    },
    /// `done`.
    Done(usize),
    /// The share is deleted.
    Delete(usize),
    /// The share and its claim are deleted, for a model without this care.
    Forget(usize),
}

impl Keys {
    /// The console that has claimed it.
    #[must_use]
    pub fn claimed_by(&self, share: usize) -> Option<usize> {
        usize::from(self.claims[share]).checked_sub(1)
    }

    /// Does what the command says.
    pub fn apply(&mut self, write: Write) {
        match write {
            Write::Publish {
                console,
                known,
                taken,
            } => self.published[console] = Some((known, taken)),
            Write::Share(share) => self.shares |= one(share),
            Write::Claim { share, console } => {
                if self.claims[share] == 0 {
                    self.claims[share] = u8::try_from(console + 1).unwrap_or(u8::MAX);
                }
            }
            Write::Done(share) => self.done |= one(share),
            Write::Delete(share) => self.shares &= !one(share),
            Write::Forget(share) => {
                self.shares &= !one(share);
                self.claims[share] = 0;
                self.done &= !one(share);
            }
        }
    }

    /// Whether all of these have published.
    #[must_use]
    pub fn all_published(&self, known: Set) -> bool {
        (0..CONSOLES).all(|n| !has(known, n) || self.published[n].is_some())
    }

    /// Whether one that has published took it.
    #[must_use]
    pub fn was_taken(&self, share: usize) -> bool {
        let published = self.published.iter().flatten();
        published.into_iter().any(|(_, taken)| has(*taken, share))
    }
}
