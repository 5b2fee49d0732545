//! The ledger: what a site is known by over weeks and months, beside the counts of the day.
//!
//! Each part of it is a section of the state with its own changes, so it is committed with the counts that it
//! was made of: what was noted of a line is kept exactly if the line is counted. Nothing is noted for a line
//! that a queue has already in its period, and a part that the configuration does not want costs nothing.
//!
//! - [`news`]: the kinds of lines that were seen, and at which hosts;
//! - [`silence`]: when each host and file writes, and so which of them is silent for too long;
//! - [`trends`]: how many lines each rule takes in a day, and so which takes more than usual.
//!
//! The ledger reads no clock: each call has the time, or the [`Day`] that it is at this machine.

mod counts;
mod day;
pub mod news;
pub mod silence;
pub mod trends;

pub use counts::Counts;
pub use day::Day;
pub use news::{News, NewsChange};
pub use trends::{Trends, TrendsChange, TrendsChangeRef};

use news::Op;

/// The ledger of a site.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Ledger {
    /// The kinds of lines.
    pub news: News,
    /// The lines of each rule.
    pub trends: Trends,
}

/// What changed in the ledger since the last commit; nothing where nothing did.
#[derive(Debug, Default)]
pub struct LedgerChanges<'a> {
    /// The changes of the kinds.
    pub news: Option<NewsChange<&'a News, &'a [Op]>>,
    /// The changes of the lines of rules.
    pub trends: Option<TrendsChangeRef<'a>>,
}

impl Ledger {
    /// What changed since the last commit.
    pub fn changes(&self) -> LedgerChanges<'_> {
        LedgerChanges {
            news: self.news.changes(),
            trends: self.trends.changes(),
        }
    }

    /// To be called when a commit, with what changed or whole, was made of the ledger as it is.
    pub fn committed(&mut self) {
        self.news.committed();
        self.trends.committed();
    }
}
