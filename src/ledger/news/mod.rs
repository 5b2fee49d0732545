//! News: the kinds of lines that a site has had, so that a report can say which were never here before.
//!
//! All that changes is changed by an [`Op`], and what a commit writes are the operations since the one before:
//! a state that is read goes through the same steps as the daemon that wrote it.

mod begin;
mod block;
mod handed_in;
mod hosts;
mod key;
mod kinds;
mod learn;
mod observe;
mod ops;
mod rules;
mod shape;
mod state;
mod waiting;

pub use block::{Block, NEW_HOSTS, Reported, RuleOf};
pub use handed_in::{HandedIn, HandedRow, Known, Taught, Whose};
pub use hosts::{Hosts, KnownHost};
pub use key::Keyed;
pub use kinds::{Kind, Kinds, NOBODY, Pair};
pub use observe::{NewLine, Observer};
pub use ops::{About, Op, Wait};
pub use rules::RuleRecord;
pub use state::{News, NewsChange};
pub use waiting::{Item, Told, Waiting, Why};

#[cfg(test)]
mod tests;
