//! Several consoles with `set site` and the real Redis, which keeps nothing on its disk: consoles are killed and
//! put to sleep, their cables pulled, the board wiped and killed. Each line that was written must be counted once
//! in all mails together.

mod board;
mod clock;
mod console;
mod judge;
mod network;

use std::fs;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use board::Board;
use clock::Clock;
use console::{Console, after};
use judge::Post;
use network::Network;

use crate::daemon::LONGEST_END;
use crate::support::random::Random;
use crate::support::sink::{Fault, Sink, Stage};

/// The queues of each console. All are due each minute.
pub const QUEUES: usize = 4;
/// The consoles.
const CONSOLES: usize = 4;
/// `site_wait` where clocks run as ours, seconds.
pub const WAIT: u64 = 60;

/// What is done in a world.
#[derive(Clone, Copy)]
pub struct Plan {
    pub seed: u64,
    /// How long it is disturbed.
    pub time: Duration,
    /// How many seconds pass for the programs in one of the machine's.
    pub speed: u32,
}

impl Plan {
    /// `site_wait`, seconds: connections and programs are not faster when clocks are.
    fn wait(self) -> u64 {
        WAIT.max(20 * u64::from(self.speed))
    }

    /// How long after its slot a report may come while one console and the board live, seconds. The lease of the
    /// leader ends by the clock of Redis, which is the machine's clock, and programs are not faster either.
    fn latest(self) -> u64 {
        self.wait() + 60 + 45 * u64::from(self.speed - 1)
    }

    /// How long nothing may come at the end, by the machine's clock, before what is missing is lost. The pauses
    /// between two tries of a mail end at ten minutes.
    fn last_wait(self) -> Duration {
        let seconds = (90 + self.latest()) / u64::from(self.speed);
        Duration::from_secs(seconds.max(75))
    }
}

/// What was done, and what came of it.
#[derive(Default, Debug)]
pub struct Seen {
    pub worlds: usize,
    pub lines: u64,
    pub kills: usize,
    pub sleeps: usize,
    pub wipes: usize,
    pub board_kills: usize,
    pub partitions: usize,
    pub reports: usize,
    /// Those with lines of more than one console.
    pub merged: usize,
    /// Those that a console sent alone, since the board was away.
    pub alone: usize,
    /// Those that the server took more than once.
    pub again: usize,
    /// How long after its slot the report of the last console came, in worlds whose clocks run as ours.
    pub latest: Duration,
    /// How long after its slot a report of a console alone came, in these worlds.
    pub latest_alone: Duration,
    /// Lines that are lost or doubled; ends and reports that did not come in time.
    pub wrong: Vec<String>,
}

impl Seen {
    /// Adds what another world has seen.
    pub fn add(&mut self, other: Self) {
        self.worlds += other.worlds;
        self.lines += other.lines;
        self.kills += other.kills;
        self.sleeps += other.sleeps;
        self.wipes += other.wipes;
        self.board_kills += other.board_kills;
        self.partitions += other.partitions;
        self.reports += other.reports;
        self.merged += other.merged;
        self.alone += other.alone;
        self.again += other.again;
        self.latest = self.latest.max(other.latest);
        self.latest_alone = self.latest_alone.max(other.latest_alone);
        self.wrong.extend(other.wrong);
    }

    /// What was done, in a line.
    pub fn summary(&self, seed: u64) -> String {
        format!(
            "consoles, seed {seed}: {} lines, {} kills, {} sleeps, {} wipes, {} kills of Redis, {} partitions; {} \
             reports, {} of several consoles, {} alone, {} repeated; the last console reported {:.0} s after the \
             slot, consoles without a board {:.0} s; wrong: {:?}",
            self.lines,
            self.kills,
            self.sleeps,
            self.wipes,
            self.board_kills,
            self.partitions,
            self.reports,
            self.merged,
            self.alone,
            self.again,
            self.latest.as_secs_f64(),
            self.latest_alone.as_secs_f64(),
            self.wrong
        )
    }
}

/// What is to be mended, and when.
enum Mend {
    Console(usize),
    Board,
    Cable(usize),
    Sleep(usize),
}

struct World {
    plan: Plan,
    random: Random,
    clock: Clock,
    network: Network,
    board: Board,
    consoles: Vec<Console>,
    sink: Sink,
    post: Post,
    mends: Vec<(Instant, Mend)>,
    seen: Seen,
}

/// Plays a world to its end.
pub fn world(plan: Plan) -> Seen {
    let mut world = World::new(plan);
    world.run_for(Duration::from_secs(3));
    let until = Instant::now() + plan.time;
    while Instant::now() < until && world.seen.wrong.is_empty() {
        let pause = after(&mut world.random, 1_200);
        world.run_until(pause);
        world.disturb();
    }
    world.mend_all();
    world.settle();
    world.last_console();
    if plan.speed == 1 {
        world.without_board();
    }
    world.end()
}

impl World {
    fn new(plan: Plan) -> Self {
        let mut random = Random::new(plan.seed);
        let clock = Clock::new(plan.speed);
        let network = Network::new(CONSOLES);
        let sink = Sink::start_for_all();
        let board = Board::start();
        let skewed = random.percent(50) && plan.speed > 1;
        let consoles = (0..CONSOLES).map(|n| {
            let here = network.here(n);
            let config = format!(
                "set mailserver {here}:{}\nset site torture redis://{here}:{}/0\nset site_wait {}s\n",
                sink.port,
                board.port,
                plan.wait()
            );
            let wrong = if skewed { i64::try_from(random.below(121)).expect("small") - 60 } else { 0 };
            Console::new(n, &config, clock, wrong)
        });
        let consoles = consoles.collect();
        let mut world = Self {
            plan,
            random,
            clock,
            network,
            board,
            consoles,
            sink,
            post: Post::default(),
            mends: Vec::new(),
            seen: Seen {
                worlds: 1,
                ..Seen::default()
            },
        };
        for console in &mut world.consoles {
            console.start(&world.network);
        }
        world.consoles.iter().for_each(Console::begun);
        world
    }

    fn run_for(&mut self, time: Duration) {
        self.run_until(Instant::now() + time);
    }

    /// Lets time pass: lines are written, and what is to be mended is.
    fn run_until(&mut self, until: Instant) {
        while Instant::now() < until {
            for console in &mut self.consoles {
                if self.random.percent(20) {
                    console.write(&mut self.random);
                }
            }
            self.mend(Instant::now());
            self.look_for_deaths();
            self.look();
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn look(&mut self) {
        self.consoles.iter().for_each(Console::listen);
        self.post.look(&self.sink, self.clock);
    }

    /// A daemon that ended unasked is a fault.
    fn look_for_deaths(&mut self) {
        for console in &mut self.consoles {
            if console.died() {
                let told = console.told();
                let last = told.lines().last().unwrap_or_default();
                self.seen
                    .wrong
                    .push(format!("{} died: {last}", console.name));
            }
        }
    }

    fn mend(&mut self, now: Instant) {
        let due = |(when, _): &mut (Instant, Mend)| *when <= now;
        let due: Vec<_> = self.mends.extract_if(.., due).collect();
        for (_, mend) in due {
            match mend {
                Mend::Console(n) => self.consoles[n].start(&self.network),
                Mend::Board => self.board.up(),
                Mend::Cable(n) => self.network.plug(n),
                Mend::Sleep(n) => self.consoles[n].signal(Signal::SIGCONT),
            }
        }
    }

    fn mend_all(&mut self) {
        self.sink.set(&[]);
        self.mend(Instant::now() + Duration::from_secs(3600));
    }

    /// Does something to the site.
    fn disturb(&mut self) {
        let n = self.random.below(CONSOLES);
        let longest = *self.random.pick(&[1, 200, 200, 1_500, 6_000]);
        let later = after(&mut self.random, longest);
        match self.random.below(100) {
            0..52 => {
                self.consoles[n].kill();
                self.seen.kills += 1;
                self.mends.push((later, Mend::Console(n)));
            }
            52..68 => {
                self.board.wipe();
                self.seen.wipes += 1;
            }
            68..79 => {
                if self.board.is_up() {
                    self.board.down();
                    self.seen.board_kills += 1;
                    self.mends.push((later, Mend::Board));
                }
            }
            79..88 => {
                self.network.pull(n);
                self.seen.partitions += 1;
                self.mends.push((later, Mend::Cable(n)));
            }
            88..95 => {
                self.consoles[n].signal(Signal::SIGSTOP);
                self.seen.sleeps += 1;
                self.mends.push((later, Mend::Sleep(n)));
            }
            _ => {
                let faults = [
                    (Stage::EndOfData, Fault::Drop),
                    (Stage::EndOfData, Fault::TakeAndDrop),
                    (Stage::Data, Fault::Say("451 not now")),
                ];
                let fault = *self.random.pick(&faults);
                self.sink.set(if self.random.percent(50) {
                    &[]
                } else {
                    std::slice::from_ref(&fault)
                });
            }
        }
    }

    /// Nothing is done any more: what was written must come.
    fn settle(&mut self) {
        let mut before = 0;
        let mut end = Instant::now() + self.plan.last_wait();
        while Instant::now() < end {
            self.look();
            let (there, written) = self.post.progress(&self.consoles);
            if there >= written {
                // What is doubled may come a little later.
                std::thread::sleep(Duration::from_secs(2));
                break;
            }
            if there > before {
                before = there;
                end = Instant::now() + self.plan.last_wait();
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        self.look();
    }

    /// All consoles but one die. What that one reads must be mailed in time.
    fn last_console(&mut self) {
        let last = self.random.below(CONSOLES);
        for n in (0..CONSOLES).filter(|n| *n != last) {
            self.consoles[n].kill();
            self.seen.kills += 1;
        }
        let since = self.clock.now();
        for _ in 0..5 {
            self.consoles[last].write(&mut self.random);
        }
        self.settle();
        let latest = self.latest(&[last], since);
        if self.plan.speed == 1 {
            self.seen.latest = latest;
        }
        for console in &mut self.consoles {
            console.start(&self.network);
        }
        self.settle();
    }

    /// The board dies. What each console reads must be mailed in time by that console alone.
    fn without_board(&mut self) {
        self.board.down();
        let since = self.clock.now();
        for console in &mut self.consoles {
            console.write(&mut self.random);
        }
        self.settle();
        let all: Vec<usize> = (0..CONSOLES).collect();
        self.seen.latest_alone = self.latest(&all, since);
        self.board.up();
        self.settle();
    }

    /// How long after its slot the last report came that has lines of these consoles, written since then. It is told
    /// if that was too late.
    fn latest(&mut self, consoles: &[usize], since: Duration) -> Duration {
        let latest = (consoles.iter())
            .map(|n| self.post.latest(&self.consoles[*n], since))
            .map(|latest| latest.unwrap_or(Duration::MAX));
        let latest = latest.max().unwrap_or_default();
        if latest > Duration::from_secs(self.plan.latest()) {
            self.seen
                .wrong
                .push(format!("a report {latest:?} after its slot"));
        }
        latest
    }

    fn end(mut self) -> Seen {
        for console in &mut self.consoles {
            if !console.is_up() {
                self.seen
                    .wrong
                    .push(format!("{} had ended by itself", console.name));
            }
            let (status, took) = console.finish();
            // The time for the last snapshot is short by clocks that run faster: the one before stays then.
            let bad = status != 0 && (status != 1 || self.plan.speed == 1);
            if bad || took >= LONGEST_END {
                let name = &console.name;
                self.seen
                    .wrong
                    .push(format!("{name}: an end with {status} after {took:?}"));
            }
        }
        self.look();
        self.seen.wrong.extend(self.post.judge(&self.consoles));
        let (post, evidence) = (&self.post, self.evidence());
        let seen = &mut self.seen;
        seen.lines = post.progress(&self.consoles).1;
        seen.reports = post.reports();
        seen.merged = post.merged();
        seen.alone = post.alone();
        seen.again = post.again();
        if !seen.wrong.is_empty() {
            seen.wrong
                .push(format!("seed {}: see {evidence}", self.plan.seed));
        }
        self.seen
    }

    /// The mails and what the consoles said, in a directory that stays, if anything is wrong.
    fn evidence(&self) -> String {
        if self.seen.wrong.is_empty() {
            return String::new();
        }
        let at = std::env::temp_dir().join(format!("tenshi-consoles-{}", self.plan.seed));
        let _ = fs::create_dir_all(&at);
        let _ = fs::write(at.join("mails"), self.post.text());
        for console in &self.consoles {
            let _ = fs::write(at.join(&console.name), console.told());
        }
        at.display().to_string()
    }
}
