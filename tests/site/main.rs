//! What runs the program: the daemon and each subcommand as a user has them, or a part of the library
//! with the real thing at its other end. One binary, so that it is linked once.

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

mod badinput;
mod charsets;
mod cli;
mod config;
mod consoles;
mod coverage;
mod crash;
mod demo;
mod diff;
mod differences;
mod explain;
mod heartbeat;
mod html;
mod idle;
mod import;
mod inputs;
mod letters;
mod mail;
mod mailtls;
mod manager;
mod matching;
mod news;
mod notify;
mod outage;
mod packs;
mod process;
mod reports;
mod review;
mod rotation;
mod rules;
mod signals;
mod silence;
mod status;
mod suggest;
mod trends;
