//! News: the kinds of lines that a site has had, so that a report can say which were never here before.
//!
//! All that changes is changed by an [`Op`], and what a commit writes are the operations since the one before:
//! a state that is read goes through the same steps as the daemon that wrote it.

mod hosts;
mod kinds;
mod ops;
mod state;

pub use hosts::{Hosts, KnownHost};
pub use kinds::{Kind, Kinds, NOBODY, Pair};
pub use ops::{About, Op};
pub use state::{News, NewsChange};

#[cfg(test)]
mod tests;
