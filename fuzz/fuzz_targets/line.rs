//! Any bytes may be log lines: each is counted exactly once, and what they lead to is a mail.

#![no_main]

use std::sync::{Arc, LazyLock};

use libfuzzer_sys::fuzz_target;
use tenshi::clock::Time;
use tenshi::config::{self, Config};
use tenshi::counters::Counter;
use tenshi::delivery::message::{self, Identity};
use tenshi::delivery::outbox::Outbox;
use tenshi::monitor::Monitor;
use tenshi::report::Status;

/// Every kind of rule, prefix and report.
static CONFIG: LazyLock<Arc<Config>> = LazyLock::new(|| {
    let loaded = config::parse_bytes(include_bytes!("../line.conf"));
    let told: Vec<String> = loaded.diagnostics.iter().map(ToString::to_string).collect();
    Arc::new(loaded.config.unwrap_or_else(|| panic!("line.conf: {told:?}")))
});

fuzz_target!(|bytes: &[u8]| {
    let now: Time = Time::UNIX_EPOCH;
    let mut monitor = Monitor::new(Arc::clone(&CONFIG), now);
    monitor.take(bytes);
    let counters = monitor.counters();
    let lines = bytes.split_inclusive(|b| *b == b'\n').count() as u64;
    assert_eq!(counters.get(Counter::Lines), lines);
    let ends = [
        Counter::Matched,
        Counter::Unmatched,
        Counter::NoPrefix,
        Counter::NoHost,
    ];
    let ended: u64 = ends.iter().map(|end| counters.get(*end)).sum();
    assert_eq!(ended, lines, "each line has one end");
    let identity = |html| Identity {
        version: "1".into(),
        hostname: "fuzz".into(),
        html,
    };
    let mut outbox = Outbox::default();
    for due in monitor.flush(now, Some(Status::Flushing), &|_| None) {
        for report in due.reports {
            outbox.push(report, now, "fuzz");
        }
    }
    for queued in outbox.mails() {
        for html in [false, true] {
            let mail = message::compose(queued, &identity(html));
            assert!(mail.is_ascii() || std::str::from_utf8(&mail).is_ok());
        }
    }
});
