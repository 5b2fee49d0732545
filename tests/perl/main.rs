//! What is compared with Perl: the original of the program, and the language of its patterns.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]
#![allow(
    clippy::too_many_lines,
    reason = "a test tells one story from its beginning to its end"
)]

#[path = "../support/mod.rs"]
mod support;

mod compat;
mod corpora;
mod cron;
mod pattern;
mod pattern_fuzz;
mod suggest;
