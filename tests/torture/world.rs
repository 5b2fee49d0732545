//! Many logs that are rotated five times a second, and a daemon that is killed, ended, stopped and made
//! to read its configuration again among all those generations, with a mail server that fails.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::daemon::{LONGEST_END, Run};
use super::writer::{SCHEMES, Scheme, Writer, only};
use crate::support::random::Random;
use crate::support::sink::{Fault, Record, Sink, Stage};
use crate::support::taken::{counts, mails};
use crate::support::{Dir, NEVER};

/// The two queues of a line: mailed at once, and with everything else.
const QUEUES: [&str; 2] = ["n", "c"];
/// How long the last daemon may go without reading a line, while there are some that it has not read: then it
/// is started once more, and whoever makes no progress even so has lost them.
const LAST_WAIT: Duration = Duration::from_secs(30);

/// What is done in a world.
#[derive(Clone, Copy)]
pub struct Plan {
    pub seed: u64,
    pub logs: usize,
    pub time: Duration,
}

/// What was done, and what came of it.
#[derive(Default, Debug)]
pub struct Seen {
    pub lines: usize,
    /// By scheme.
    pub rotations: BTreeMap<Scheme, usize>,
    pub kills: usize,
    pub terms: usize,
    pub stops: usize,
    pub hups: usize,
    pub reports: usize,
    pub again: usize,
    pub longest_end: Duration,
    /// How often the last daemon was started at most, until it had read all.
    pub last_starts: usize,
    /// Losses that were told, although there were none.
    pub alarms: usize,
    /// Lines that are lost or doubled; ends that did not come in time.
    pub wrong: Vec<String>,
}

impl Seen {
    /// Adds what another world has seen.
    pub fn add(&mut self, other: Self) {
        self.lines += other.lines;
        for (scheme, n) in other.rotations {
            *self.rotations.entry(scheme).or_default() += n;
        }
        self.kills += other.kills;
        self.terms += other.terms;
        self.stops += other.stops;
        self.hups += other.hups;
        self.reports += other.reports;
        self.again += other.again;
        self.alarms += other.alarms;
        self.longest_end = self.longest_end.max(other.longest_end);
        self.last_starts = self.last_starts.max(other.last_starts);
        self.wrong.extend(other.wrong);
    }

    /// What was done, in a line.
    pub fn summary(&self, seed: u64) -> String {
        format!(
            "seed {seed}: {} lines, {} rotations, {} kills, {} ends (the longest took {:.1} s), {} stops, \
             {} reloads, {} reports, {} of them repeated, {} losses told, all read after {} starts; wrong: {:?}",
            self.lines,
            self.all_rotations(),
            self.kills,
            self.terms,
            self.longest_end.as_secs_f64(),
            self.stops,
            self.hups,
            self.reports,
            self.again,
            self.alarms,
            self.last_starts,
            self.wrong
        )
    }

    pub fn all_rotations(&self) -> usize {
        self.rotations.values().sum()
    }
}

/// Runs a world to its end.
pub fn world(plan: Plan) -> Seen {
    let mut random = Random::new(plan.seed);
    let dir = Dir::new();
    let sink = Sink::start(&[], &["8BITMIME"]);
    let mut writers = writers(&dir, plan, &mut random);
    configure(&dir, sink.port, &writers);
    let mut seen = Seen::default();
    let mut run = Run::start(dir.root(), None);
    run.ready();
    assert!(run.alive(), "{}", told(&dir));
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for writer in &mut writers {
            scope.spawn(|| {
                while !over.load(Ordering::SeqCst) {
                    writer.write_for(120);
                    writer.rotate();
                }
                writer.end_line();
            });
        }
        let end = Instant::now() + plan.time;
        while Instant::now() < end {
            disturb(&dir, &sink, &mut run, &mut random, &mut seen);
        }
        over.store(true, Ordering::SeqCst);
    });
    sink.set(&[]);
    // It has to come up among many generations, and is killed as it does.
    for _ in 0..random.below(4) {
        std::thread::sleep(Duration::from_millis(random.bits() % 1_000));
        strike(&dir, &mut run, &mut random, &mut seen);
    }
    let mut taken = Taken::default();
    let wrong = loop {
        let before = taken.lines;
        seen.last_starts += 1;
        run.ready();
        wait_until_read(&sink, &writers, &mut taken);
        finish(&mut run, &mut seen);
        taken.look(&sink);
        let wrong = judge(&sink, &writers, &mut seen);
        if wrong.is_empty() || taken.lines == before {
            break wrong;
        }
        run = Run::start(dir.root(), None);
    };
    seen.wrong.extend(wrong);
    let told = told(&dir);
    seen.alarms = told.lines().filter(|line| line.contains("lost")).count();
    if !seen.wrong.is_empty() {
        seen.wrong
            .push(format!("seed {}: the daemons said: {told}", plan.seed));
    }
    for writer in &writers {
        *seen.rotations.entry(writer.scheme).or_default() += writer.rotations;
        seen.lines += writer.lines;
    }
    seen
}

fn writers(dir: &Dir, plan: Plan, random: &mut Random) -> Vec<Writer> {
    // All in one directory, or each in one of its own.
    let shared = random.percent(60);
    let writer = |n: usize| {
        let scheme = only().unwrap_or(*random.pick(&SCHEMES));
        let home = dir.path(&if shared {
            "logs".to_owned()
        } else {
            format!("logs{n}")
        });
        fs::create_dir_all(&home).expect("a directory");
        Writer::new(&home, &format!("l{n}"), scheme, random.bits())
    };
    (0..plan.logs).map(writer).collect()
}

fn configure(dir: &Dir, port: u16, writers: &[Writer]) {
    let mut text = format!(
        "set sleep 1\nset mailtimeout 2\nset mailserver 127.0.0.1:{port}\n\
         set queue n from@x n@x [now]\nset queue c from@x c@x {NEVER}\n"
    );
    for writer in writers {
        let _ = writeln!(text, "set logfile {}", writer.logfile().display());
    }
    text.push_str("n,c ^\\S+ \\d+ (x*)$\n");
    dir.write("tenshi.conf", text);
}

fn told(dir: &Dir) -> String {
    let bytes = fs::read(dir.path("stderr")).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Lets some time pass, then does something to the daemon.
fn disturb(dir: &Dir, sink: &Sink, run: &mut Run, random: &mut Random, seen: &mut Seen) {
    let faults = [
        (Stage::EndOfData, Fault::Drop),
        (Stage::EndOfData, Fault::TakeAndDrop),
        (Stage::InData, Fault::Drop),
        (Stage::Data, Fault::Say("451 not now")),
        (Stage::Greeting, Fault::Hang),
        (Stage::Greeting, Fault::Say("421 too busy")),
    ];
    match random.percent(30) {
        true => sink.set(&[*random.pick(&faults)]),
        false => sink.set(&[]),
    }
    // While it starts, before its first report, in the middle of it, or long after.
    let longest = *random.pick(&[20, 50, 200, 500, 1_500, 3_000]);
    std::thread::sleep(Duration::from_millis(random.bits() % longest));
    match random.below(100) {
        0..65 => strike(dir, run, random, seen),
        65..76 => {
            finish(run, seen);
            start(dir, run, random);
        }
        76..88 => {
            seen.stops += 1;
            run.signal(Signal::SIGSTOP);
            std::thread::sleep(Duration::from_millis(random.bits() % 1_000));
            run.signal(Signal::SIGCONT);
        }
        88..94 => {
            seen.hups += 1;
            // One that does not catch it yet would be ended by it.
            run.ready();
            run.signal(Signal::SIGHUP);
        }
        _ => {
            run.ready();
            run.signal(Signal::SIGUSR2);
        }
    }
}

/// Kills the daemon, and starts it again.
fn strike(dir: &Dir, run: &mut Run, random: &mut Random, seen: &mut Seen) {
    seen.kills += 1;
    run.signal(Signal::SIGKILL);
    run.end();
    start(dir, run, random);
}

/// Starts the daemon again, mostly at once; half of the times nobody waits until it runs.
fn start(dir: &Dir, run: &mut Run, random: &mut Random) {
    let pause = *random.pick(&[1, 1, 100, 1_000]);
    std::thread::sleep(Duration::from_millis(random.bits() % pause));
    *run = Run::start(dir.root(), None);
    if random.percent(50) {
        run.ready();
    }
}

/// The lines that the queue that is mailed at once has.
#[derive(Default)]
struct Taken {
    /// How many messages were looked at.
    messages: usize,
    known: BTreeSet<String>,
    lines: usize,
}

impl Taken {
    /// Looks at the messages that came since the last look. The server goes on meanwhile.
    fn look(&mut self, sink: &Sink) {
        let messages = sink.look(|record| record.messages[self.messages..].to_vec());
        self.messages += messages.len();
        let mut new = mails(&Record {
            messages,
            ..Record::default()
        });
        new.retain(|id, _| self.known.insert(id.clone()));
        self.lines += counts(&new, "n").len();
    }
}

/// Waits until the queue that is mailed at once has all lines, or none come any more.
fn wait_until_read(sink: &Sink, writers: &[Writer], taken: &mut Taken) {
    let lines: usize = writers.iter().map(|writer| writer.lines).sum();
    let mut end = Instant::now() + LAST_WAIT;
    while Instant::now() < end {
        let before = taken.lines;
        taken.look(sink);
        if taken.lines >= lines {
            return;
        }
        if taken.lines > before {
            end = Instant::now() + LAST_WAIT;
        }
        std::thread::sleep(Duration::from_millis(300));
    }
}

/// An orderly end.
fn finish(run: &mut Run, seen: &mut Seen) {
    run.ready();
    if !run.alive() {
        seen.wrong.push("the daemon had ended by itself".into());
    }
    seen.terms += 1;
    let (status, took) = run.end();
    seen.longest_end = seen.longest_end.max(took);
    if status != 0 || took >= LONGEST_END {
        seen.wrong
            .push(format!("an end with {status} after {took:?}"));
    }
}

/// What of the lines is lost or doubled.
fn judge(sink: &Sink, writers: &[Writer], seen: &mut Seen) -> Vec<String> {
    let mails = sink.look(mails);
    seen.reports = mails.len();
    seen.again = mails.values().map(|mail| mail.times - 1).sum();
    let mut wrong = Vec::new();
    for queue in QUEUES {
        let mut numbers: BTreeMap<(&str, usize), u64> = BTreeMap::new();
        let counts = counts(&mails, queue);
        for (text, count) in &counts {
            let mut words = text.split(' ');
            let name = words.next().unwrap_or_default();
            let number = words.next().and_then(|n| n.parse().ok());
            *numbers.entry((name, number.unwrap_or(0))).or_default() += count;
        }
        for writer in writers {
            let times = |n: usize| numbers.remove(&(writer.name.as_str(), n)).unwrap_or(0);
            let times: Vec<u64> = (1..=writer.lines).map(times).collect();
            for (what, bad) in [
                ("lost", (|n| n == 0) as fn(u64) -> bool),
                ("doubled", |n| n > 1),
            ] {
                let found = ranges(&times, bad);
                if !found.is_empty() {
                    let (name, scheme, all) = (&writer.name, writer.scheme, writer.lines);
                    wrong.push(format!(
                        "{queue}: {name} ({scheme:?}, {all} lines): {what} {found:?}"
                    ));
                }
            }
        }
        if !numbers.is_empty() {
            wrong.push(format!("{queue}: lines that nobody wrote: {numbers:?}"));
        }
    }
    wrong
}

/// The numbers of lines for which it is so, first and last.
pub fn ranges(times: &[u64], bad: fn(u64) -> bool) -> Vec<(usize, usize)> {
    let mut found: Vec<(usize, usize)> = Vec::new();
    for n in (1..=times.len()).filter(|n| bad(times[n - 1])) {
        match found.last_mut() {
            Some((_, last)) if *last + 1 == n => *last = n,
            _ => found.push((n, n)),
        }
    }
    found
}
