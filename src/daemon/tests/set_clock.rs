//! A clock that is ahead when the machine starts, and is set back: nothing waits until the clock has come there again.

use chrono::TimeDelta;

use super::*;
use crate::cli::Levels;
use crate::daemon::commits::AGAIN;
use crate::health::{Health, Level, WaitingReport};
use crate::report::Status;
use crate::state::LockStatus;

const YEARS: TimeDelta = TimeDelta::days(3652);

/// A daemon that began while the clock was years ahead.
struct Ahead {
    clock: Arc<SetClock>,
    _directory: tempfile::TempDir,
    daemon: Daemon,
    jobs: Receiver<(u64, Commit)>,
}

impl Ahead {
    fn new() -> Self {
        Self::on(&mut Snapshot::default(), YEARS)
    }

    fn on(before: &mut Snapshot, ahead: TimeDelta) -> Self {
        let text = "set mailserver h\nset logfile /log\nset queue n f@x n@x [now]\n\
            set queue c f@x c@x [0 7 * * *]\nn ^now\nc .*\n";
        let config = Arc::new(parse_bytes(text.as_bytes()).config.unwrap());
        let start = Utc.with_ymd_and_hms(2026, 11, 23, 12, 0, 30).unwrap() + ahead;
        let clock = Arc::new(SetClock(Mutex::new(start)));
        let directory = tempfile::tempdir().unwrap();
        let disk: Arc<dyn Disk> = Arc::new(SimulatedDisk::new(1));
        let (store, _, jobs) = Store::on(disk, directory.path()).unwrap();
        let mut daemon = daemon_of(&config, clock.clone(), store, before);
        daemon.commit_here(daemon.clock.now());
        daemon.plan();
        Self {
            clock,
            _directory: directory,
            daemon,
            jobs,
        }
    }

    /// The clock goes on, or back.
    fn step(&mut self, by: TimeDelta) -> Time {
        *self.clock.0.lock().unwrap() += by;
        let now = self.clock.now();
        self.daemon.look_at_clock(now);
        now
    }

    fn take(&mut self, line: &str) {
        let text = format!("Nov 23 12:00:00 h1 {line}\n").into_bytes();
        self.daemon.batch(Batch {
            source: Arc::new("/log".into()),
            text,
            checkpoint: Checkpoint::None,
            counters: Counters::default(),
        });
    }

    /// A report of this line is made, and its delivery fails.
    fn deferred(&mut self, line: &str) -> u64 {
        self.take(line);
        let now = self.clock.now();
        self.daemon.flush_queues(now, Status::Flushing);
        let id = self.daemon.outbox.mails().last().unwrap().id;
        self.daemon.outbox.start_due(now, &|_| false);
        let down = Delivery::Deferred("down".into());
        self.daemon.settle(&AttemptResult::new(id, down));
        id
    }

    fn health(&self) -> Level {
        let health = Health {
            now: self.clock.now(),
            lock: Ok(LockStatus {
                running: true,
                failing: false,
                moved: None,
            }),
            made: self.clock.now(),
            outbox: self
                .daemon
                .outbox
                .mails()
                .iter()
                .map(WaitingReport::new)
                .collect(),
            lag: 0,
            behind: None,
            faults: HashMap::new(),
            blind: BTreeSet::new(),
        };
        health.judge(Levels::AGE, Levels::LAG).level()
    }
}

#[test]
fn lines_of_a_now_queue_wait_for_no_longer_than_sleep() {
    let mut ahead = Ahead::new();
    ahead.take("now 1");
    let now = ahead.clock.now();
    ahead.daemon.check(now, None);
    assert_eq!(ahead.daemon.outbox.mails().len(), 1);
    let id = ahead.daemon.outbox.mails()[0].id;
    ahead.daemon.outbox.start_due(now, &|_| false);
    let taken = AttemptResult::new(id, Delivery::accepted());
    ahead.daemon.settle(&taken);
    ahead.step(-YEARS);
    ahead.take("now 2");
    let sleep = ahead.daemon.monitor.config().sleep;
    let now = ahead.step(TimeDelta::from_std(sleep).unwrap());
    ahead.daemon.check_if_due(now);
    assert_eq!(ahead.daemon.outbox.mails().len(), 1, "the second line");
}

#[test]
fn a_scheduled_queue_is_planned_anew_though_no_line_comes() {
    let mut ahead = Ahead::new();
    ahead.take("other");
    let now = ahead.step(-YEARS);
    let due = ahead.daemon.next_due.unwrap();
    assert!(due > now && due - now <= TimeDelta::days(1), "{due}");
}

#[test]
fn signs_of_life_and_commits_go_on() {
    let mut ahead = Ahead::new();
    let now = ahead.clock.now();
    ahead.daemon.heartbeat(now);
    ahead.daemon.commits.not_before = Some(now + AGAIN);
    ahead.daemon.commits.wanted = Some(now + AGAIN);
    ahead.daemon.asked_to_end(now, Duration::from_secs(70));
    let now = ahead.step(-YEARS);
    assert!(ahead.daemon.next_heartbeat <= now, "the last one is ahead");
    ahead.daemon.commit(now);
    assert!(ahead.jobs.try_recv().is_ok(), "the commit is made");
    let end = ahead.daemon.shutdown.deadline.unwrap();
    assert!(end - now <= TimeDelta::seconds(70), "{end}");
}

#[test]
fn a_mail_that_was_deferred_is_tried_and_its_age_counts() {
    let mut ahead = Ahead::new();
    ahead.deferred("now 1");
    let now = ahead.step(-YEARS);
    let next = ahead.daemon.outbox.next_try(&|_| false).unwrap();
    assert!(next - now <= TimeDelta::seconds(5), "{next}");
    assert_eq!(ahead.health(), Level::Ok);
    ahead.step(TimeDelta::hours(2));
    assert_eq!(ahead.health(), Level::Critical);
}

#[test]
fn a_mail_of_a_run_before_with_another_clock_is_tried_and_its_age_counts() {
    let mut ahead = Ahead::new();
    ahead.deferred("now 1");
    let bytes = state::encode(&ahead.daemon.snapshot(ahead.clock.now())).unwrap();
    let mut before = state::decode(&bytes).unwrap();
    let mut again = Ahead::on(&mut before, TimeDelta::zero());
    let now = again.clock.now();
    let next = again.daemon.outbox.next_try(&|_| false).unwrap();
    assert!(next - now <= TimeDelta::seconds(5), "{next}");
    again.step(TimeDelta::hours(2));
    assert_eq!(again.health(), Level::Critical);
}
