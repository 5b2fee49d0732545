//! A library inside the crate: Perl's regular expressions over bytes.
//!
//! It imports nothing of the crate but [`simd`](crate::simd). [`Pattern::compile`] reads Perl's syntax
//! into a tree ([`ast`]), and from the tree several matchers are made. Their parts, and who decides when,
//! are told in docs/matching.md:
//!
//! * `backtracker` matches most patterns alone: literals, repeated sets, a few alternatives. It has a
//!   budget for each attempt and leaves what would take longer to
//! * `engine`, which asks `regex` (linear), the lazy DFA (`lazy_dfa`) on long subjects, and for
//!   look-around and backreferences a memoized backtracker that counts its steps (`counted`);
//! * `perl_vm` finds captures in loops as Perl leaves them, for the few patterns that have such.
//!
//! `language` compares what patterns match, and `reach` tells how far one matches: for people who write rules.
//!
//! No foreign engine gets the string as written: `regex` reads `\\<` as a word boundary and `[[` as a
//! nested set, without a word. What `emit` writes for it from the tree does not depend on a dialect.

pub mod ast;
mod authority;
mod backtracker;
mod budget;
mod compiled;
mod counted;
mod diagnostic;
mod emit;
mod engine;
mod language;
mod lazy_dfa;
mod literals;
mod matches;
mod notes;
mod parse;
mod perl_classes;
mod perl_loops;
mod perl_vm;
mod reach;
pub mod set;
pub mod tag;
pub mod tag_analysis;

pub use backtracker::Continuation;
pub use compiled::{Budget, Engine, Pattern, Properties};
pub use diagnostic::{Note, NoteKind, PatternError};
pub use language::{Inclusion, Language};
pub use matches::{Found, Span, Spans};
pub use reach::Reach;

#[cfg(test)]
mod tests;
