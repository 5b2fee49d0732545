//! The ordered rules: the first that matches takes a line; groups skip what cannot match.
//!
//! `in_order` is the definition: a loop over all rules. `index` gives the same answer in less time, and is what the
//! monitor asks. `mask` makes lines equal that differ only in what a rule's groups match.

mod in_order;
mod index;
mod mask;

pub use in_order::{decide, decide_continuation, decide_with, match_rule};
pub use index::{Index, Query};
pub use mask::mask;

use crate::config::{Action, Rule};

/// Whether a rule takes whatever comes to it: a line that only such a rule takes is one that no rule knows.
pub fn is_catch_all(rule: &Rule) -> bool {
    let takes = matches!(rule.action, Action::Trash | Action::Queues(_));
    takes && rule.pattern.properties().matches_everything
}
