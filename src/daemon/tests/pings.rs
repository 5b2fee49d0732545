//! The pings of `set heartbeat`: each fault that `tenshi status --check` tells of holds back the next one.

use std::fs::{self, File};
use std::time::SystemTime;

use super::*;
use crate::daemon::messages::Message;
use crate::daemon::pings::Pinged;
use crate::delivery::MAIL_SERVER;
use crate::input::Fault;

/// A daemon with a heartbeat each five minutes, and its state directory.
struct Site {
    clock: Arc<SetClock>,
    directory: tempfile::TempDir,
    daemon: Daemon,
}

impl Site {
    fn new(program: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let text = format!(
            "set mailserver h\nset logfile /log\nset queue n f@x n@x [now]\nn .*\n\
             set filter_timeout 1\nset heartbeat [*/5 * * * *] {program}\n"
        );
        let config = Arc::new(parse_bytes(text.as_bytes()).config.unwrap());
        let start = Utc.with_ymd_and_hms(2026, 11, 23, 12, 0, 30).unwrap();
        let clock = Arc::new(SetClock(Mutex::new(start)));
        let (store, _) = Store::open(&directory.path().join("state"), |_| {}).unwrap();
        let mut daemon = daemon_of(&config, clock.clone(), store, &mut Snapshot::default());
        daemon.commit_here(daemon.clock.now());
        daemon.plan_ping(start);
        Self {
            clock,
            directory,
            daemon,
        }
    }

    fn state(&self) -> PathBuf {
        self.directory.path().join("state")
    }

    /// Five minutes pass, and the loop turns.
    fn turn(&mut self) {
        *self.clock.0.lock().unwrap() += Duration::from_secs(300);
        let now = self.clock.now();
        // The sign of life that another process looks for is of the test's own time.
        let lock = File::options()
            .write(true)
            .open(self.state().join("tenshi.lock"));
        lock.unwrap().set_modified(SystemTime::from(now)).unwrap();
        self.daemon.ping(now);
    }

    /// The next ping; nothing if none is begun.
    fn next(&mut self) -> Option<Pinged> {
        self.turn();
        self.end()
    }

    fn end(&mut self) -> Option<Pinged> {
        if !self.daemon.pings.running {
            return None;
        }
        let Ok(Message::Pinged(end)) = self.daemon.messages.recv() else {
            return None;
        };
        self.daemon.pinged(&end);
        Some(end)
    }

    /// Nothing is wrong, then this is; the ping of that period is held back for it.
    fn held_back(&mut self, words: &str) {
        match self.next() {
            Some(Pinged::Unwell(why)) => assert!(why.contains(words), "{why}: {words}"),
            other => panic!("{words}: {other:?}"),
        }
    }

    /// A report comes into the outbox. Gives the number of its mail.
    fn report(&mut self) -> u64 {
        let now = self.clock.now();
        self.daemon.monitor.take(b"Nov 23 12:00:00 h1 x\n");
        self.daemon.check(now, None);
        self.daemon.outbox.mails().last().unwrap().id
    }

    fn fault(&mut self, name: &str, blind: bool) {
        let text = "it is at fault".to_owned();
        self.daemon.health(name.into(), Some(Fault { text, blind }));
        self.held_back(&format!("{name}: it is at fault"));
        self.daemon.health(name.into(), None);
        assert_eq!(self.next(), Some(Pinged::Sent), "{name}");
    }
}

#[test]
fn each_fault_that_the_check_knows_holds_back_the_next_ping() {
    let mut site = Site::new("/bin/true");
    assert_eq!(site.next(), Some(Pinged::Sent));
    // An input, a log that is not there, the mail server, a recipient.
    site.fault("/log", true);
    site.fault("/var/log/other", false);
    site.fault(MAIL_SERVER, false);
    site.fault("queue n", true);
    // A report that waits, and one that was refused.
    let id = site.report();
    let now = site.clock.now();
    site.daemon.outbox.start_due(now, &|_| false);
    let end = |delivery| AttemptResult::new(id, delivery);
    site.daemon.settle(&end(Delivery::Deferred("down".into())));
    assert_eq!(site.next(), Some(Pinged::Sent), "five minutes may pass");
    assert_eq!(site.next(), Some(Pinged::Sent));
    site.held_back("the report of queue n waits (15 min): down");
    site.daemon.settle(&end(Delivery::accepted()));
    assert_eq!(site.next(), Some(Pinged::Sent));
    let id = site.report();
    let refused = AttemptResult::new(id, Delivery::ContentRejected("550 no".into()));
    site.daemon.settle(&refused);
    site.held_back("was refused");
    let accepted = AttemptResult::new(id, Delivery::accepted());
    site.daemon.settle(&accepted);
    assert_eq!(site.next(), Some(Pinged::Sent));
}

#[test]
fn what_another_process_would_see_holds_it_back_too() {
    let mut site = Site::new("/bin/true");
    assert_eq!(site.next(), Some(Pinged::Sent));
    // Too much of a log is unread.
    let log = site.directory.path().join("log");
    let file = File::create(&log).unwrap();
    let mut positions = positions(0);
    positions.path.clone_from(&log);
    positions.files.clear();
    site.daemon.files.set(positions);
    file.set_len(99 << 20).unwrap();
    assert_eq!(site.next(), Some(Pinged::Sent));
    file.set_len(101 << 20).unwrap();
    site.held_back("101.0 MiB unread, most of it of ");
    file.set_len(0).unwrap();
    assert_eq!(site.next(), Some(Pinged::Sent));
    // Snapshots cannot be written.
    let failing = |site: &Site, failing| {
        let store = site.daemon.commits.store.as_ref().unwrap();
        store.show_failing(failing);
    };
    failing(&site, true);
    site.held_back("no snapshot could be written for ");
    failing(&site, false);
    assert_eq!(site.next(), Some(Pinged::Sent));
    // The state is gone, and then the whole directory.
    let (state, aside) = (
        site.state().join("tenshi.state"),
        site.directory.path().join("aside"),
    );
    fs::rename(&state, &aside).unwrap();
    site.held_back("no snapshot can be seen");
    fs::rename(&aside, &state).unwrap();
    assert_eq!(site.next(), Some(Pinged::Sent));
    // The loop did not turn, as the lock shows: to others it hangs.
    *site.clock.0.lock().unwrap() += Duration::from_secs(700);
    let now = site.clock.now();
    site.daemon.ping(now);
    let end = site.end();
    let hangs =
        |end: &Pinged| matches!(end, Pinged::Unwell(why) if why.contains("the daemon hangs"));
    assert!(end.as_ref().is_some_and(hangs), "{end:?}");
}

#[test]
fn a_program_that_fails_or_hangs_is_told_and_is_no_fault_of_its_own() {
    let mut site = Site::new("echo no >&2; exit 3");
    let failed = |words: &str| Some(Pinged::Failed(words.into()));
    assert_eq!(site.next(), failed("exit status 3: no"));
    assert_eq!(
        site.next(),
        failed("exit status 3: no"),
        "it is tried again"
    );
    assert_eq!(
        site.daemon
            .monitor
            .counters()
            .get(crate::counters::Counter::CommandFailed),
        2
    );
    assert!(site.daemon.faults.is_empty());
    let mut site = Site::new("/bin/sleep 1000");
    assert_eq!(site.next(), failed("it did not end in time and was killed"));
    // One ping is under way at a time.
    site.turn();
    site.turn();
    assert!(
        site.daemon
            .pings
            .fault
            .as_ref()
            .unwrap()
            .contains("is not over")
    );
    site.end();
}

#[test]
fn it_keeps_its_times_over_a_clock_that_is_set() {
    let mut site = Site::new("/bin/true");
    let due = |site: &Site| site.daemon.next_ping().unwrap().format("%H:%M").to_string();
    // The schedule is in local time, this minute in UTC: they agree in all zones that are whole quarters of an hour
    // off.
    assert!(due(&site).ends_with(":05"), "{}", due(&site));
    assert_eq!(site.next(), Some(Pinged::Sent));
    *site.clock.0.lock().unwrap() -= Duration::from_secs(3000);
    let now = site.clock.now();
    site.daemon.ping(now);
    assert!(site.daemon.next_ping().unwrap() - now <= chrono::TimeDelta::minutes(5));
    assert!(!site.daemon.pings.running, "nothing is made up for");
    let text = "set mailserver h\nset logfile /log\nset queue n f@x n@x [now]\nn .*\n";
    let config = Arc::new(parse_bytes(text.as_bytes()).config.unwrap());
    site.daemon.monitor.reconfigure(config, now);
    site.daemon.plan_ping(now);
    assert_eq!(site.daemon.next_ping(), None);
}
