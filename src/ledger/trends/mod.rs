//! Trends: how many lines each rule takes in each period, so that a report can say which rule took more of them
//! than usual, and which none.
//!
//! A rule is told by one queue, its *home*, and counted by the period of that queue: a day, or the time between two
//! reports where that is longer. What a line costs is one addition in [`Cells`]; all else is done when a commit is
//! made or a period ends.

mod block;
mod calendar;
mod cells;
mod judge;
mod key;
mod note;
mod record;
mod running;
mod state;
mod view;

pub use block::Block;
pub use calendar::Slot;
pub use cells::Cells;
pub use judge::Period;
pub use key::rule_key;
pub use note::{Note, What};
pub use record::{PERIODS, RuleHistory};
pub use state::{Home, Taken, Trends, TrendsChange, TrendsChangeRef};
pub use view::RuleTrend;

#[cfg(test)]
mod tests;
