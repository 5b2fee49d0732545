//! What a configuration does with lines, for people who write rules: nothing here counts for a report.
//!
//! [`Classifier`] tells which rule takes a line, and what is counted; [`explain()`] tells why, and why no other
//! rule does; [`Difference`] compares two configurations on the same lines; [`Coverage`] tells what each rule does
//! with the lines of logs, and [`shadows()`] which rules no line can come to.

mod classifier;
mod coverage;
mod difference;
mod explain;
mod groups;
mod loud;
mod shadows;

pub use classifier::{Classifier, Outcome, Taken};
pub use coverage::{Coverage, RuleUse, TakenBefore, Varying};
pub use difference::{Change, Difference, Effect, Sample};
pub use explain::{Explanation, Tried, explain, explain_message};
pub use loud::is_loud;
pub use shadows::{Near, Shadowed, Shadows, shadows};
