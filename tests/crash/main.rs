//! No line lost, none counted twice, whatever happens to the daemon: `kill -9` at random moments,
//! rotation, a failing mail server, a full disk. The real program with `--state-dir`, real files, a
//! mail server of our own.

#![allow(clippy::expect_used, clippy::unwrap_used)]

#[path = "../support/sink.rs"]
mod sink;
#[path = "../support/mod.rs"]
mod support;

mod chaos;
mod deaths;
mod ending;
mod first;
mod redis;
mod restart;
mod server;
mod site;
