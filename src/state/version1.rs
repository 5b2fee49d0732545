//! Snapshots of version 1: all fields one after the other, the counters by their places.

use std::collections::HashMap;

use serde::Deserialize;

use super::Snapshot;
use crate::clock::Time;
use crate::counters::{Counter, Counters};
use crate::delivery::outbox::Outbox;
use crate::input::Counted;
use crate::input::file::PathCheckpoints;
use crate::monitor::{SavedCounter, SavedLast, SavedQueue};

/// The counters of version 1, in the order in which they were written.
const COUNTERS: [Counter; 18] = [
    Counter::Lines,
    Counter::Matched,
    Counter::Unmatched,
    Counter::NoPrefix,
    Counter::NoHost,
    Counter::TooLong,
    Counter::NotUtf8,
    Counter::OverLimit,
    Counter::GaveUp,
    Counter::RepeatDropped,
    Counter::BytesLost,
    Counter::InputFaults,
    Counter::Delivered,
    Counter::DeliveryFailed,
    Counter::RecipientRejected,
    Counter::Refused,
    Counter::CommandFailed,
    Counter::SnapshotFailed,
];

/// The fields as they were written. A type in here whose fields change later keeps its old form
/// in this file.
#[derive(Deserialize)]
struct Version1 {
    made: Time,
    started: Time,
    looked: Time,
    files: Vec<PathCheckpoints>,
    queues: Vec<SavedQueue>,
    escalations: Vec<SavedCounter>,
    last: Vec<SavedLast>,
    outbox: Outbox,
    settlements: HashMap<u64, Vec<SavedCounter>>,
    remarks: Vec<String>,
    counters: [u64; COUNTERS.len()],
    faults: HashMap<String, String>,
    redis: Counted,
}

/// Reads what follows the version.
pub(super) fn read(body: &[u8]) -> Result<Snapshot, String> {
    let old: Version1 = postcard::from_bytes(body).map_err(|e| e.to_string())?;
    let mut counters = Counters::default();
    for (counter, n) in COUNTERS.into_iter().zip(old.counters) {
        counters.add(counter, n);
    }
    Ok(Snapshot {
        made: old.made,
        started: old.started,
        looked: old.looked,
        files: old.files,
        queues: old.queues,
        escalations: old.escalations,
        last: old.last,
        outbox: old.outbox,
        settlements: old.settlements,
        remarks: old.remarks,
        counters,
        faults: old.faults,
        redis: old.redis,
        ..Snapshot::default()
    })
}
