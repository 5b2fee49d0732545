//! Any bytes may stand in the state directory: they are a snapshot, or it is told why not. What is
//! one can be gone on from.

#![no_main]

use std::sync::{Arc, LazyLock};

use libfuzzer_sys::fuzz_target;
use tenshi::clock::Time;
use tenshi::config::{self, Config};
use tenshi::monitor::Monitor;
use tenshi::report::Status;
use tenshi::state::{self, Snapshot};

static CONFIG: LazyLock<Arc<Config>> = LazyLock::new(|| {
    let loaded = config::parse_bytes(include_bytes!("../line.conf"));
    Arc::new(loaded.config.unwrap_or_else(|| panic!("line.conf")))
});

fuzz_target!(|bytes: &[u8]| {
    let _ = state::decode(bytes);
    // Chance finds no checksum: the same bytes with a good head.
    for version in [1, 2, 3] {
        let mut whole = u32::to_le_bytes(version).to_vec();
        whole.extend_from_slice(bytes);
        let checksum = crc32fast::hash(&whole).to_le_bytes();
        let whole = [b"tenshi state\n".as_slice(), &checksum, &whole].concat();
        if let Ok(snapshot) = state::decode(&whole) {
            go_on(snapshot);
        }
    }
    // The bytes as a record behind an empty snapshot.
    let mut whole = state::encode(&Snapshot::default()).unwrap_or_default();
    let Some(before) = whole.get(13..17).map(<[u8]>::to_vec) else {
        return;
    };
    let length = u32::to_le_bytes(u32::try_from(bytes.len()).unwrap_or_default());
    let checksum = crc32fast::hash(&[&before, &length[..], bytes].concat()).to_le_bytes();
    whole.extend_from_slice(&[&length[..], &checksum, bytes].concat());
    if let Ok(snapshot) = state::decode(&whole) {
        go_on(snapshot);
    }
});

fn go_on(mut snapshot: Snapshot) {
    let again = state::encode(&snapshot).unwrap_or_default();
    assert_eq!(state::decode(&again).as_ref(), Ok(&snapshot));
    let now: Time = Time::UNIX_EPOCH;
    let mut monitor = Monitor::new(Arc::clone(&CONFIG), now);
    monitor.restore(snapshot.take_monitor(), now);
    let waiting = |queue: &str| snapshot.outbox.waiting(queue);
    let _ = monitor.due(now, None, &waiting, &|_| None);
    let _ = monitor.flush(now, Some(Status::Flushing), &|_| None);
    let _ = snapshot.outbox.start_due(now, &|_| false);
}
