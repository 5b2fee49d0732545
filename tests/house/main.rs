//! What the repository says about itself, held against the program and its sources.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod docs;
mod structure;
