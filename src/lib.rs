//! tenshi follows logs, routes each line through ordered rules into queues, counts equal lines a
//! host, and mails each queue when its schedule says so.
//!
//! Data flows one way, and each arrow below is one type:
//!
//! ```text
//! config   ──► Config      rules, queues, schedules, inputs: parsed once, immutable
//! input    ──► Batch       complete lines and the position after them
//! record   ──► Record      host and message, the prefix taken off
//! rules    ──► RuleId      the rule that took the line, and the masked text
//! queue        counts equal lines of a host; escalation; repeat; thresholds
//! schedule     a minute of cron or now, on an injected clock
//! report   ──► Report      the text of a queue's counts
//! delivery ──► QueuedMail  the outbox holds it until an output accepts it, behind the filter:
//!                          SMTP │ sendmail │ CSV program │ standard output
//! state    ──► Snapshot    positions, counts, escalation and outbox in one file: all or nothing
//! ```
//!
//! [`monitor`] is the part of this without input or output: lines go in, due reports come out.
//! [`daemon`] is the loop around it that owns the threads; [`commands`] are the other commands.
//! [`analysis`] tells people who write rules what a configuration does with their lines, and
//! [`import`] reads the rules of other programs.
//! [`host_system`] says whether the machine has what a configuration needs.

// What users run: what comes from outside must not make it panic.
#![cfg_attr(
    not(test),
    deny(clippy::panic, clippy::unreachable, clippy::disallowed_methods)
)]

#[cfg_attr(not(test), deny(clippy::indexing_slicing))]
pub mod analysis;
#[cfg_attr(not(test), deny(clippy::indexing_slicing))]
pub mod archive;
pub mod charset;
pub mod cli;
#[cfg_attr(not(test), deny(clippy::indexing_slicing))]
pub mod clock;
pub mod commands;
pub mod config;
#[cfg_attr(not(test), deny(clippy::indexing_slicing))]
pub mod counters;
#[cfg_attr(not(test), deny(clippy::indexing_slicing))]
pub mod daemon;
pub mod delivery;
#[cfg_attr(not(test), deny(clippy::indexing_slicing))]
pub mod disk;
pub mod hash;
#[cfg_attr(not(test), deny(clippy::indexing_slicing))]
pub mod health;
#[cfg_attr(not(test), deny(clippy::indexing_slicing))]
pub mod host_system;
pub mod hosts;
#[cfg_attr(not(test), deny(clippy::indexing_slicing))]
pub mod import;
pub mod input;
#[cfg_attr(not(test), deny(clippy::indexing_slicing))]
pub mod ledger;
#[cfg_attr(not(test), deny(clippy::indexing_slicing))]
pub mod logging;
pub mod logpath;
pub mod monitor;
#[cfg_attr(not(test), deny(clippy::indexing_slicing))]
pub mod packs;
pub mod pattern;
pub mod plain;
pub mod portable;
#[cfg_attr(not(test), deny(clippy::indexing_slicing))]
pub mod process;
pub mod queue;
pub mod record;
pub mod redis_link;
pub mod report;
#[cfg_attr(not(test), deny(clippy::indexing_slicing))]
pub mod resolve;
pub mod rules;
pub mod schedule;
pub mod shown;
pub mod simd;
#[cfg_attr(not(test), deny(clippy::indexing_slicing))]
pub mod site;
#[cfg_attr(not(test), deny(clippy::indexing_slicing))]
pub mod state;
pub mod suggest;
#[cfg_attr(not(test), deny(clippy::indexing_slicing))]
pub mod threads;
#[cfg_attr(not(test), deny(clippy::indexing_slicing))]
pub mod timed_stream;
#[cfg_attr(not(test), deny(clippy::indexing_slicing))]
pub mod unpack;

/// The tests beside the code draw from the generator of the others.
#[cfg(test)]
#[path = "../tests/support/random.rs"]
mod random;
