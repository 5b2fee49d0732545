//! A site: several consoles that mail one exact report together, any of which may die.
//!
//! Lines never leave the console that reads them. At the time of a report, each console turns what a queue counted
//! into a *share*, kept in its own state, and writes a copy of it on the *board*, a place that may be wiped at any
//! time. One console, the reporter, claims the shares, merges their counts, and makes a letter. A share leaves its
//! console only when a reporter has it in its own state.
//!
//! A *round* ([`Round`]) is one visit to the board, one step after the other, beside the loop that owns the state
//! ([`Member`]). That no share is lost and none stands in two letters rests on two sentences:
//!
//! 1. **A round begins only when everything that the console knows is committed**: what it wrote, claimed and
//!    mailed before is on its disk, or it will never act upon it.
//! 2. **Its answer is taken wholly, and committed, before the next round begins.**
//!
//! From these follow:
//!
//! * *Put is noted before it is written.* A share without the note was never on any board, so it may be mailed alone.
//! * *One reporter.* A claim is set once and stays while its board has the same number. A share that is missing on the
//!   board of its note is written again, under the same name: whoever claimed it finds it, and nobody else may take it.
//!   A reporter that cannot read a share takes it off the board and keeps its claim: its owner writes it again.
//! * *What is read is read after the claim.* A reporter that dies between the claim and the commit finds its claim
//!   without a letter in its next round, and takes the share then; one that dies after the commit says so (`done`).
//! * *A board with another number knows nothing.* The first thing that a console writes there is the list of what it
//!   has of older boards (its last round is over and committed, so the list is whole, and it will never again claim on
//!   an older board). The owner of a share that was put on an older board waits for the lists of all consoles that could
//!   have claimed it: those that its own word named as known, each committed before the word was written.
//! * *Late writes do no harm.* A write for an older board stands under that board's number, which nobody reads. A write
//!   that brings back a share of this board finds its claim, which stays for a day after its owner let go of it.
//!
//! Who leads is for order alone, and times only say when somebody is not waited for any more: a clock that is wrong
//! makes two letters of one, of other shares each, never a share in both. Where a console is passed over that may have
//! mailed a share (it was away for `set site_giveup`, or its state is lost), the letter says so ([`Doubt`]).

mod alone;
mod answered;
mod board;
mod claims;
mod directory;
mod id;
mod member;
mod merge;
mod mirrors;
mod outcome;
mod pack;
mod recent;
mod record;
mod redis;
mod round;
mod saved;
mod set_clock;
mod share;
mod view;
mod visit;
mod words;
mod worker;

pub use alone::LOOK;
pub use board::{ALARM, Board, Fault, LEASE, Table};
pub use directory::DirectoryBoard;
pub use id::{BoardNumber, ConsoleId, ShareId};
pub use member::Member;
pub use merge::{Doubt, Merged, Missing};
pub use outcome::Outcome;
pub use record::{HeardHere, LONGEST_HOST, Lesson, MOST_HEARD};
pub use redis::RedisBoard;
pub use round::{Answer, Round};
pub use saved::{SavedSite, SiteChange};
pub use share::{HostCounts, Share, Watched};
pub use view::{MemberView, SiteView};
pub use worker::{Worked, Worker, open};

#[cfg(test)]
mod simulation;

#[cfg(test)]
mod tests;
