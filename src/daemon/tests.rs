//! The loop's own state over power cuts: a daemon without threads, on a disk that forgets all that it may.
//! What it has mailed, what waits, and what it has not read yet are together every line, once.

mod pings;
mod set_clock;
mod site;
mod storm;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, channel, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bstr::BString;
use chrono::{TimeZone, Utc};

use super::commits::Commits;
use super::ending::Shutdown;
use super::event_loop::Daemon;
use super::inputs::Inputs;
use super::kept::JournalPositions;
use super::messages::Requests;
use super::pings::Pings;
use super::service_status::ServiceStatus;
use super::start;
use super::watchdog::Watchdog;
use crate::clock::{Clock, Time};
use crate::config::{Config, parse_bytes};
use crate::counters::Counters;
use crate::delivery::outputs::Outputs;
use crate::delivery::worker_pool::WorkerPool;
use crate::delivery::{AttemptResult, Delivery};
use crate::disk::{Disk, SimulatedDisk};
use crate::input::file::{FileCheckpoint, FileId, Fingerprint, PathCheckpoints, Standing};
use crate::input::journal::{FilePosition, Numbering, PositionsChange};
use crate::input::{Batch, Checkpoint};
use crate::ledger::news::Why;
use crate::monitor::{Counted, Monitor, TrendRule, TrendRules};
use crate::random::Random;
use crate::report::Status;
use crate::state::{self, Commit, Snapshot, Store, Written};

const CONFIG: &str = "set mailserver h\nset logfile /log\nset notify chat /bin/true\n\
    set queue n f@x n@x,notify:chat [now]\nset queue c f@x c@x,notify:chat [*/3 * * * *]\nset queue e f@x e@x [*/5 * * * *]\nset repeat_limit 9\nset quiet e\n\
    set bundle n 4m\nset bundle_first 2\nset bundle_max 12m\n\
    set news on\nset news_learn 0\nset trends on\nset join on\nset continue_lines 2\n\
    repeat ^last message repeated (\\d+) times\nn ^now\nc,e:3 ^foo\nc .*\n";

/// A clock that a test sets.
struct SetClock(Mutex<Time>);

impl Clock for SetClock {
    fn now(&self) -> Time {
        *self.0.lock().unwrap()
    }
}

/// Everything outside of the daemon.
struct World {
    config: Arc<Config>,
    rules: TrendRules,
    clock: Arc<SetClock>,
    disk: SimulatedDisk,
    directory: tempfile::TempDir,
    random: Random,
    /// The lines of the log.
    log: Vec<String>,
    /// The texts of the mails, and of the reports for a program, that were taken, by their Message-IDs.
    mails: [BTreeMap<String, String>; 2],
    /// How often a commit was compared with the whole state.
    compared: u32,
}

/// A daemon while it lives, with the lines that it has taken.
struct Life {
    daemon: Daemon,
    jobs: Receiver<(u64, Commit)>,
    read: usize,
}

/// The positions after this number of `lines` of the log. The offset of a line is its number.
fn positions(lines: usize) -> PathCheckpoints {
    let bytes = |text: String| Arc::from(text.into_bytes());
    let file = FileCheckpoint {
        id: FileId { dev: 1, ino: 1 },
        offset: lines as u64,
        end: lines as u64,
        fingerprint: Fingerprint {
            anchor: bytes(format!("line {lines}")),
            head: bytes("the log".into()),
        },
        skipping: false,
        standing: Standing::Live,
    };
    PathCheckpoints {
        path: PathBuf::from("/log"),
        files: vec![file],
        done: Vec::new(),
        seen: 0,
        last_line: lines as i64,
    }
}

/// A change of the positions in the journal, of any form.
fn journal_change(file: u8, random: u64) -> PositionsChange {
    let position = FilePosition {
        next: random,
        ..FilePosition::default()
    };
    let numbering = Numbering {
        base: random >> 9,
        ..Numbering::default()
    };
    let name = || BString::from(vec![file]);
    PositionsChange {
        directories: (random & 7 == 0).then(|| [(name(), 1)].into()),
        files: [([file; 16], (random & 24 > 0).then_some(position))].into(),
        numberings: [(name(), (random & 96 > 0).then_some(numbering))].into(),
        volatile: None,
    }
}

fn lines_read(snapshot: &Snapshot) -> usize {
    let offset = |path: &PathCheckpoints| path.files[0].offset;
    snapshot
        .files
        .first()
        .map_or(0, |path| offset(path) as usize)
}

/// Adds the counts of a report's text.
fn add_counts(counts: &mut BTreeMap<String, u64>, body: &[u8]) {
    for line in String::from_utf8_lossy(body).lines() {
        let counted = line.trim_start().split_once(": ");
        if let Some((n, text)) = counted.filter(|_| line.starts_with("   "))
            && let Ok(n) = n.parse::<u64>()
        {
            *counts.entry(text.to_owned()).or_default() += n;
        }
    }
}

/// The counts of the lines that wait in the queues of a state.
fn kept_lines(state: &Snapshot) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for queue in state.queues.iter().filter(|queue| queue.name != "e") {
        let lines = queue.tally.lines(Default::default(), &[], &mut Vec::new());
        for (n, text) in lines.iter().flat_map(|host| &host.lines) {
            *counts.entry(text.to_string()).or_default() += n;
        }
    }
    counts
}

/// A daemon without threads, on a state.
fn daemon_of(
    config: &Arc<Config>,
    clock: Arc<dyn Clock>,
    store: Store,
    before: &mut Snapshot,
) -> Daemon {
    let now = clock.now();
    let mut monitor = Monitor::new(config.clone(), now);
    let settlements = start::restore(before, &mut monitor, now);
    let identity = start::identity();
    let (sender, messages) = sync_channel(4);
    let before = std::mem::take(before);
    Daemon {
        outputs: Outputs::new(&config.mail, identity.clone(), false),
        archive: None,
        workers: WorkerPool::new(|_| {}),
        next_due: None,
        files: before.files.into_iter().collect(),
        journal: JournalPositions::new(before.journal),
        patterns: HashMap::new(),
        resolver: None,
        monitor,
        clock,
        config_file: PathBuf::new(),
        identity,
        print: false,
        outbox: before.outbox,
        settlements,
        inputs: Inputs::open(config, false).unwrap(),
        messages,
        sender,
        site: None,
        pings: Pings::default(),
        signals: channel().1,
        requests: Requests::default(),
        next_check: now,
        turned: now,
        watchdog: Watchdog::new(None, Instant::now()),
        next_heartbeat: now,
        service_status: ServiceStatus::new(),
        shutdown: Shutdown::default(),
        commits: Commits::new(Some(store)),
        counted: before.redis,
        faults: HashMap::new(),
        blind: BTreeSet::new(),
        started: now,
        catching_up: false,
    }
}

impl World {
    fn new(seed: u64) -> Self {
        Self::with(seed, CONFIG)
    }

    fn with(seed: u64, config: &str) -> Self {
        let mut random = Random::new(seed);
        let loaded = parse_bytes(config.as_bytes());
        let start = Utc.with_ymd_and_hms(2026, 11, 23, 12, 0, 30).unwrap();
        let config = loaded.config.expect("a good configuration");
        Self {
            rules: TrendRules::new(&config),
            config: Arc::new(config),
            clock: Arc::new(SetClock(Mutex::new(start))),
            disk: SimulatedDisk::new(random.bits()),
            directory: tempfile::tempdir().unwrap(),
            random,
            log: Vec::new(),
            mails: Default::default(),
            compared: 0,
        }
    }

    fn pass(&self, seconds: u64) {
        *self.clock.0.lock().unwrap() += Duration::from_secs(seconds);
    }

    /// A daemon begins on what is on the disk; nothing if the disk fails.
    fn begin(&mut self) -> Option<Life> {
        let disk: Arc<dyn Disk> = Arc::new(self.disk.clone());
        let (store, loaded, jobs) = Store::on(disk, self.directory.path()).ok()?;
        assert_eq!(loaded.warning, None);
        let mut before = loaded.snapshot.unwrap_or_default();
        self.check(&before);
        let read = lines_read(&before);
        let mut daemon = daemon_of(&self.config, self.clock.clone(), store, &mut before);
        daemon.commit_here(daemon.clock.now());
        daemon.plan();
        Some(Life { daemon, jobs, read })
    }

    /// Every line before the positions of a state was mailed, or waits in it, once.
    fn check(&self, state: &Snapshot) {
        let (want, kept) = (self.wanted(state), kept_lines(state));
        for (way, mails) in self.mails.iter().enumerate() {
            let mut counts = kept.clone();
            self.count_mails(state, way, &mut counts);
            assert_eq!(counts, want, "way {way}, {} taken", mails.len());
        }
        self.check_trends(state, want.values().sum());
        // No kind was told twice by a queue.
        let told = state.news.told();
        let mut kinds: Vec<_> = told
            .filter(|told| told.why == Why::NeverSeen)
            .map(|told| (&told.queue, &told.text))
            .collect();
        let all = kinds.len();
        kinds.sort();
        kinds.dedup();
        assert_eq!(kinds.len(), all, "{kinds:?}");
    }

    /// Counts the lines of the reports that wait in a state, or were taken: mails, or reports for a program.
    fn count_mails(&self, state: &Snapshot, way: usize, counts: &mut BTreeMap<String, u64>) {
        let mut ids: BTreeSet<&str> = BTreeSet::new();
        let ours = |subject: &BString| !subject.ends_with(b"[e]");
        let program = |id| state.notified.contains_key(&id);
        let mails = state.outbox.mails().iter();
        for mail in mails.filter(|mail| usize::from(program(mail.id)) == way) {
            if ours(&mail.report.subject) {
                add_counts(counts, &mail.report.body.whole());
            }
            ids.insert(&mail.message_id);
        }
        let taken = self.mails[way].iter();
        for (_, body) in taken.filter(|(id, _)| !ids.contains(id.as_str())) {
            add_counts(counts, body.as_bytes());
        }
    }

    /// The counts of the lines that a state has read.
    fn wanted(&self, state: &Snapshot) -> BTreeMap<String, u64> {
        let mut want: BTreeMap<String, u64> = BTreeMap::new();
        let (read, mut last) = (lines_read(state), BTreeMap::new());
        for line in self.log[..read]
            .iter()
            .filter(|line| !line.starts_with('\t'))
        {
            let (host, text) = line.split_once(' ').unwrap();
            let repeated = text.strip_prefix("last message repeated ");
            match repeated.and_then(|rest| rest.split(' ').next()?.parse::<u64>().ok()) {
                Some(n) => {
                    if let Some(last) = last.get(host) {
                        *want.entry(String::clone(last)).or_default() += n;
                    }
                }
                None => {
                    last.insert(host.to_owned(), text.to_owned());
                    *want.entry(text.to_owned()).or_default() += 1;
                }
            }
        }
        want
    }

    /// Each line was counted once for its rule.
    fn check_trends(&self, state: &Snapshot, want: u64) {
        if !self.config.trends.on {
            return;
        }
        let of_rule = |rule: &TrendRule| {
            let queue = &self.config.queues[rule.queue].name;
            let Some(trend) = state.trends.rule(queue, rule.key) else {
                return (0, 0);
            };
            let before: u32 = trend.before.iter().map(|(_, lines)| lines).sum();
            let of_hosts: u32 = trend.hosts.iter().map(|(_, lines)| lines).sum();
            (u64::from(before + trend.now), trend.now - of_hosts)
        };
        let counted: Vec<(u64, u32)> = self.rules.rules().iter().map(of_rule).collect();
        let lines: u64 = counted.iter().map(|(lines, _)| lines).sum();
        // At the beginning of the log there is no line that another one could go on: it has no prefix, that is all.
        let read = self.log[..lines_read(state)].iter();
        let alone = read.take_while(|line| line.starts_with('\t')).count();
        assert_eq!(lines, want + alone as u64, "{counted:?}");
        // A line without a prefix has no host.
        let mut of_hosts = counted.iter().zip(self.rules.rules());
        let whole =
            |of: (&(u64, u32), &TrendRule)| of.0.1 == 0 || of.1.counted == Counted::NoPrefix;
        assert!(of_hosts.all(whole), "{counted:?}");
    }

    /// Something happens to a daemon. False once the power is cut.
    fn step(&mut self, life: &mut Life) -> bool {
        let daemon = &mut life.daemon;
        match self.random.below(10) {
            0..4 => {
                let mut text = Vec::new();
                for _ in 0..=self.random.below(4) {
                    if life.read == self.log.len() {
                        self.log.push(new_line(&mut self.random));
                    }
                    let line = match self.log[life.read].as_str() {
                        joined if joined.starts_with('\t') => format!("{joined}\n"),
                        line => format!("Nov 23 12:00:00 {line}\n"),
                    };
                    text.extend_from_slice(line.as_bytes());
                    life.read += 1;
                }
                daemon.batch(Batch {
                    source: Arc::new("/log".into()),
                    text,
                    checkpoint: Checkpoint::File(positions(life.read)),
                    counters: Counters::default(),
                });
                let (file, next) = (self.random.below(3) as u8, self.random.bits());
                daemon.batch(Batch {
                    source: Arc::new("journal".into()),
                    text: Vec::new(),
                    checkpoint: Checkpoint::Journal(Box::new(journal_change(file, next))),
                    counters: Counters::default(),
                });
            }
            4 | 5 => {
                let seconds = self.random.below(90) as u64;
                self.pass(seconds);
                let now = self.clock.now();
                match self.random.below(8) {
                    0 => daemon.flush_queues(now, Status::Flushing),
                    _ => daemon.check(now, None),
                }
            }
            // While commits fail mails are sent too, and a crash may send them twice: that is told.
            6 | 7 if daemon.commits.failed => {}
            6 | 7 => self.deliver(&mut life.daemon),
            _ => {
                self.pass(31);
                self.commit(life);
            }
        }
        !self.disk.is_off()
    }

    /// The mails whose time has come are tried.
    fn deliver(&mut self, daemon: &mut Daemon) {
        let now = self.clock.now();
        let commits = &daemon.commits;
        let held = |mail| commits.holds(mail);
        for mail in daemon.outbox.start_due(now, &held) {
            let delivery = match self.random.below(4) {
                0 => Delivery::Deferred("not now".into()),
                1 => Delivery::ContentRejected("never".into()),
                _ => Delivery::accepted(),
            };
            if delivery == Delivery::accepted() && !mail.report.subject.ends_with(b"[e]") {
                let body = mail.report.body.to_string();
                let way = usize::from(mail.report.notification.is_some());
                let before = self.mails[way].insert(mail.message_id.clone(), body.clone());
                assert!(before.is_none_or(|before| before == body), "another text");
            }
            daemon.settle(&AttemptResult::new(mail.id, delivery));
        }
    }

    fn commit(&mut self, life: &mut Life) {
        let now = self.clock.now();
        if self.random.percent(7) {
            life.daemon.commits.begun = false;
        }
        life.daemon.commit(now);
        let Ok((number, commit)) = life.jobs.try_recv() else {
            return;
        };
        let store = life.daemon.commits.store.as_ref().unwrap();
        let result = store.write_now(number, &commit);
        if matches!(result.result, Written::Done) && self.random.percent(30) {
            let path = self.directory.path().join("tenshi.state");
            let read = state::decode(&self.disk.read(&path).unwrap()).unwrap();
            let whole = state::encode(&life.daemon.snapshot(now)).unwrap();
            assert_eq!(sorted(read), sorted(state::decode(&whole).unwrap()));
            self.compared += u32::from(matches!(commit, Commit::Changes(_)));
        }
        life.daemon.stored(&result);
    }
}

fn new_line(random: &mut Random) -> String {
    let host = format!("h{}", random.below(3));
    match random.below(12) {
        9.. => format!("\tat {}", random.below(20)),
        0 => format!("{host} now {}", random.below(3)),
        1 => format!("{host} last message repeated {} times", 1 + random.below(4)),
        2..5 => format!("{host} foo"),
        _ => {
            let letter = |random: &mut Random| char::from(b'a' + random.below(20) as u8);
            format!("{host} other {}{}", letter(random), letter(random))
        }
    }
}

/// The snapshot with its lists in an order that does not depend on how it came to be.
fn sorted(mut snapshot: Snapshot) -> Snapshot {
    snapshot
        .escalations
        .sort_by(|a, b| (&a.rule, &a.host).cmp(&(&b.rule, &b.host)));
    snapshot.sources.sort_by(|a, b| a.source.cmp(&b.source));
    for source in &mut snapshot.sources {
        source.last.sort_by(|a, b| a.host.cmp(&b.host));
    }
    snapshot
}

/// `lives` daemons, each on what the power cut or kill of the one before left.
fn power_cuts(seed: u64, lives: u64) {
    let mut world = World::new(seed);
    let (mut cuts, mut begun) = (0, 0);
    for _ in 0..lives {
        world.disk.fail([0, 0, 0, 20][world.random.below(4)]);
        world.disk.cut_in(world.random.below(60) as u32);
        if let Some(mut life) = world.begin() {
            begun += 1;
            while world.step(&mut life) && !world.random.percent(1) {}
        }
        cuts += u64::from(world.disk.is_off());
        world.disk.restart();
        if world.log.len() > 4000 {
            let compared = world.compared;
            world = World::new(world.random.bits());
            world.compared = compared;
        }
    }
    assert!(begun > lives / 2 && cuts > lives / 4, "{begun} {cuts}");
    assert!(u64::from(world.compared) > lives / 8, "{}", world.compared);
}

#[test]
fn each_line_counts_once_over_power_cuts() {
    let torture = std::env::var_os("TENSHI_TORTURE").is_some();
    let lives = if torture { 100_000 } else { 500 };
    let seed = std::env::var("TENSHI_SEED").ok();
    let seed = seed
        .and_then(|seed| seed.parse().ok())
        .unwrap_or(20_261_129);
    println!("TENSHI_SEED={seed}");
    power_cuts(seed, lives);
}
