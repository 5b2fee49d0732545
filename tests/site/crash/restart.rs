//! What a restart finds: reports that could not be delivered, and a damaged snapshot.

use std::fs;
use std::process::Command;

use nix::sys::signal::Signal;

use super::site::{Site, counts, mails};
use super::small_disk::SmallDisk;

const QUEUE: &str = "set queue n from@x n@x [now]\nn ^foo\n";

#[test]
fn a_report_that_was_undeliverable_at_the_end_is_sent_by_the_next_start() {
    let mut site = Site::start(&[], QUEUE);
    site.sink.down();
    site.log("foo one");
    site.wait_told("could not contact");
    site.finish();
    assert!(site.told().contains("is kept for the next start"));
    site.sink.up();
    site.run();
    site.sink.messages(1);
    site.finish();
    let mails = mails(&site.sink.record());
    let bodies: Vec<&str> = mails.values().map(|mail| mail.body()).collect();
    assert_eq!(bodies, ["\nh1: \n    1: foo one\n"]);
}

#[test]
fn a_damaged_snapshot_is_moved_aside_and_told() {
    let mut site = Site::start(&[], QUEUE);
    site.finish();
    fs::write(site.snapshot(), "rubbish").expect("the damage");
    site.run();
    assert!(site.told().contains("damaged"), "{}", site.told());
    assert!(site.dir.path("state/tenshi.state.bad-0").exists());
    site.finish();
}

#[test]
fn a_full_disk_is_told_stops_nothing_and_is_used_again_when_there_is_room() {
    let queues = format!("{QUEUE}set queue c from@x c@x [0 0 1 1 *]\nc ^bar\n");
    let mut site = Site::prepare(&[], &queues);
    let disk = SmallDisk::mount(&site.dir.path("state"));
    site.run();
    // What is appended may fit into a block that is there.
    site.spoil();
    disk.fill();
    site.log("bar one");
    site.log("foo one");
    site.sink.messages(1);
    site.wait_told("the snapshot could not be written");
    assert!(site.told().contains("No space left"), "{}", site.told());
    // A snapshot that failed leaves the one before as it was.
    tenshi::state::read(&site.dir.path("state")).expect("a whole snapshot");
    disk.empty();
    site.wait_told("snapshots are written again");
    let told = site.told().matches("could not be written").count();
    assert_eq!(told, 1, "told once: {}", site.told());
    site.kill();
    site.log("bar two");
    site.run();
    site.daemon().signal(Signal::SIGUSR2);
    site.sink.messages(2);
    site.finish();
    let mails = mails(&site.sink.record());
    assert_eq!(mails.len(), 2);
    for (queue, lines) in [("n", &["foo one"][..]), ("c", &["bar one", "bar two"])] {
        let counts = counts(&mails, queue);
        assert!(counts.keys().eq(lines), "{counts:?}");
        assert!(counts.values().all(|&count| count == 1), "{counts:?}");
    }
}

/// Makes the snapshot look as if it were so much older.
fn age(site: &Site, time: chrono::TimeDelta) {
    let mut snapshot = tenshi::state::read(&site.dir.path("state")).expect("a snapshot");
    snapshot.made -= time;
    snapshot.looked -= time;
    for queue in &mut snapshot.queues {
        queue.start -= time;
    }
    let bytes = tenshi::state::encode(&snapshot).expect("its bytes");
    fs::write(site.snapshot(), bytes).expect("the snapshot");
}

#[test]
fn a_report_that_fell_due_while_nobody_ran_is_sent_at_once_and_says_so() {
    // One queue holds a line when the daemon dies, one has only what came after that.
    let queues = "set queue c from@x c@x [0 9 * * *]\nset queue d from@x d@x [0 9 * * *]\n\
                  set queue e from@x e@x [0 9 * * *]\nset queue n from@x n@x [now]\n\
                  c ^bar\nd ^baz\nn ^foo\ne ^never\n";
    let mut site = Site::start(&[], queues);
    site.log("bar one");
    // With a report on its way the snapshot is written at once.
    site.log("foo");
    site.sink.messages(1);
    site.kill();
    age(&site, chrono::TimeDelta::days(2));
    site.log("bar two");
    site.log("baz");
    site.run();
    // The kill may have come before the answer was on disk: then `foo` comes again.
    let record = site.sink.wait(|record| {
        let mails = mails(record);
        !counts(&mails, "c").is_empty() && !counts(&mails, "d").is_empty()
    });
    let mails_so_far = mails(&record);
    let of = |queue: &str| {
        let subject = format!("tenshi report [{queue}]");
        let found = mails_so_far
            .values()
            .filter(|mail| mail.header("Subject") == subject);
        let texts: Vec<&str> = found.map(|mail| mail.text.as_str()).collect();
        assert_eq!(texts.len(), 1, "queue {queue}: {texts:?}");
        texts[0]
    };
    let text = of("c");
    assert!(text.contains("    1: bar one\n    1: bar two\n"), "{text}");
    assert!(text.contains("*** This report covers "), "{text}");
    let gap = "tenshi was not running for a time between ";
    assert!(text.contains(gap), "{text}");
    assert!(of("d").contains("    1: baz\n"), "{}", of("d"));
    site.finish();
    let all = mails(&site.sink.record());
    assert_eq!(
        all.len(),
        3,
        "nothing is left for the end, nothing is there for `e`"
    );
}

#[test]
fn a_restart_after_a_quiet_time_is_no_gap() {
    let mut site = Site::start(&[], "set queue c from@x c@x [0 0 1 1 *]\nc ^bar\n");
    // As if nothing had happened for hours, so that nothing was written.
    age(&site, chrono::TimeDelta::hours(3));
    site.finish();
    site.run();
    site.log("bar");
    site.finish();
    let messages = site.sink.messages(1);
    assert!(!messages[0].contains("not running"), "{}", messages[0]);
}

/// Recorded from a daemon of the program before: what it held is gone on with.
#[test]
fn a_snapshot_of_version_1_is_gone_on_with() {
    let rest = "set queue report from@x r@x [0 0 1 1 *]\nset queue critical from@x c@x [now]\n\
                set queue misc from@x m@x [0 0 1 1 *]\nmisc .*\n";
    let mut site = Site::prepare(&[], rest);
    // A daemon makes the directory, for its own user.
    site.start_only();
    site.finish();
    let old = include_bytes!("snapshots/version-1.state");
    fs::write(site.snapshot(), old).expect("the snapshot, in the file of the daemon's user");
    site.start_only();
    // The report that was on its way arrives, and what was counted is in the next ones.
    site.sink.messages(1);
    site.finish();
    let mails = mails(&site.sink.record());
    assert_eq!(counts(&mails, "critical").len(), 3, "{}", site.told());
    let report = counts(&mails, "report");
    assert_eq!(report.values().sum::<u64>(), 8, "{report:?}");
    assert_eq!(counts(&mails, "misc").values().sum::<u64>(), 2);
    let now = tenshi::state::read(&site.dir.path("state")).expect("the new one");
    let lines = tenshi::counters::Counter::Lines;
    assert_eq!(now.counters.get(lines), 10);
}

/// What a later program wrote is neither read nor touched.
#[test]
fn a_snapshot_of_a_newer_version_is_refused_and_left_as_it_is() {
    let mut site = Site::start(&[], QUEUE);
    site.finish();
    let mut bytes = fs::read(site.snapshot()).expect("a snapshot");
    let version = b"tenshi state\n".len() + 4;
    bytes[version..version + 4].copy_from_slice(&6_u32.to_le_bytes());
    let sum = crc32fast::hash(&bytes[version..]);
    bytes[version - 4..version].copy_from_slice(&sum.to_le_bytes());
    fs::write(site.snapshot(), &bytes).expect("the newer one");
    let output = Command::new(crate::support::daemon::PROGRAM)
        .args(["-f", "-c"])
        .arg(site.dir.path("tenshi.conf"))
        .arg("--state-dir")
        .arg(site.dir.path("state"))
        .output()
        .expect("tenshi runs");
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        told.contains("version 6, this program knows 5 and older"),
        "{told}"
    );
    assert_eq!(fs::read(site.snapshot()).expect("still there"), bytes);
}
