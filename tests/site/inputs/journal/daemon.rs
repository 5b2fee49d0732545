//! The daemon on a real journald's files, which are rotated and it killed: each entry is counted once.

use std::time::Duration;

use super::journald::Journald;
use crate::crash::site::{Site, counts, mails};
use crate::support::random::Random;
use crate::support::{DEADLINE, NEVER, poll, seed, torture};

#[test]
fn each_entry_is_counted_once_over_rotations_and_kills() {
    let (rotations, kills) = if torture() { (500, 200) } else { (20, 8) };
    let mut random = Random::new(seed(20_261_129));
    let mut site = Site::prepare(
        &[],
        &format!("set queue c from@x c@x {NEVER}\nc ^t: (?:entry|last)\n"),
    );
    let journald = Journald::start(site.dir.root());
    site.config += &format!(
        "set journal {}\nset journal_match SYSLOG_IDENTIFIER=t\nset hidepid on\nset limit 1000000\n",
        journald.directory().display()
    );
    site.run();
    let mut written = 0u64;
    let (mut rotated, mut killed) = (0, 0);
    while rotated < rotations || killed < kills {
        for _ in 0..random.below(400) {
            // A text for each hundred: the report stays small.
            journald.log(&format!(
                "MESSAGE=entry {}\nSYSLOG_IDENTIFIER=t\n",
                written / 100
            ));
            written += 1;
        }
        if rotated * kills <= killed * rotations {
            journald.rotate();
            rotated += 1;
        } else {
            std::thread::sleep(Duration::from_millis(random.below(120) as u64));
            site.kill();
            killed += 1;
            if random.percent(30) {
                journald.rotate();
                rotated += 1;
            }
            site.run();
        }
    }
    journald.log("MESSAGE=last\nSYSLOG_IDENTIFIER=t\n");
    let there = poll(3 * DEADLINE, || {
        std::thread::sleep(Duration::from_millis(100));
        let all = journald.messages("last");
        (!all.is_empty()).then_some(())
    });
    assert!(there.is_some(), "journald has all");
    site.finish();
    site.run();
    site.daemon().signal(nix::sys::signal::Signal::SIGUSR2);
    let last = poll(DEADLINE, || {
        let counts = counts(&mails(&site.sink.record()), "c");
        counts.get("t: last").copied()
    });
    assert_eq!(last, Some(1), "{}", site.told());
    site.finish();
    let counts = counts(&mails(&site.sink.record()), "c");
    for (text, count) in &counts {
        let Some(n) = text
            .strip_prefix("t: entry ")
            .and_then(|n| n.parse::<u64>().ok())
        else {
            continue;
        };
        let want = (written - n * 100).min(100);
        assert_eq!(*count, want, "{text}: {}", site.told());
    }
    let sum: u64 = counts.values().sum();
    println!("{written} entries, {rotated} rotations, {killed} kills");
    assert_eq!(sum, written + 1, "{}", site.told());
    assert!(!site.told().contains("lost"), "{}", site.told());
}
