//! The protocol by which several consoles make one report (`set site`, `src/site/`), as a model whose every
//! state is looked at: consoles that crash at any step, a board that is wiped or comes back from an old copy,
//! writes that land when nobody waits for them any more.
//!
//! What is modelled is what safety rests on: a share is handed in, claimed, read, committed together with the
//! letter, let go; and what happens when the board has a new number. A leader is not: it is there so that there
//! is one report, and whether counts are right must not hang on it. So each console may report at any time.
//!
//! A crash and a time-out are one action: both throw away what a console has not committed.

mod board;
mod console;
mod site;

pub use board::{Keys, Write};
pub use console::{Answer, Command, Console, Disk, Round, Stage};
pub use site::{Action, Bounds, Site, Steps, Whole};

/// A set of consoles or of shares: a bit for each.
pub type Set = u8;

/// The most consoles of a model.
pub const CONSOLES: usize = 3;
/// The most shares of a model.
pub const SHARES: usize = 2;

/// The set with this one member.
#[must_use]
pub fn one(member: usize) -> Set {
    1 << member
}

/// Whether it is a member of the set.
#[must_use]
pub fn has(set: Set, member: usize) -> bool {
    set & one(member) != 0
}

/// The members of the set, the smallest first.
pub fn members(set: Set) -> impl Iterator<Item = usize> {
    (0..8).filter(move |member| has(set, *member))
}
