//! A console: its logs, its configuration, and the daemon while one runs.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Write;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::QUEUES;
use super::clock::Clock;
use super::network::Network;
use crate::daemon::{Run, program};
use crate::support::random::Random;
use crate::support::{DEADLINE, Dir, line, poll};
use crate::writer::append;

/// A console of a world.
pub struct Console {
    pub name: String,
    number: usize,
    dir: Dir,
    log: File,
    run: Option<Run>,
    /// How wrong its clock is, seconds.
    wrong: i64,
    clock: Clock,
    /// Of each queue: when each line was written, by the clock of the world.
    pub lines: Vec<Vec<Duration>>,
    /// Of each queue: how often the line was written that all consoles have.
    pub beats: Vec<u64>,
}

impl Console {
    pub fn new(number: usize, config: &str, clock: Clock, wrong: i64) -> Self {
        let dir = Dir::new();
        let name = format!("c{number}");
        let log = dir.path("log");
        let mut text = format!(
            "set logfile {}\nset sleep 1\nset mailtimeout 2\nset site_console {name}\n{config}",
            log.display()
        );
        for queue in 0..QUEUES {
            let _ = writeln!(text, "set queue q{queue} from@x q{queue}@x [* * * * *]");
        }
        for queue in 0..QUEUES {
            let _ = writeln!(text, "q{queue} ^q{queue} ");
        }
        dir.write("tenshi.conf", text);
        let log = append(&log);
        Self {
            name,
            number,
            dir,
            log,
            run: None,
            wrong,
            clock,
            lines: vec![Vec::new(); QUEUES],
            beats: vec![0; QUEUES],
        }
    }

    /// Starts the daemon, if none runs.
    pub fn start(&mut self, network: &Network) {
        if self.is_up() {
            return;
        }
        let mut command = network.command(self.number);
        command.arg(program());
        self.clock.set(&mut command, self.wrong);
        self.run = Some(Run::begin(command, self.dir.root()));
    }

    /// Waits until the state tells where the log was begun: what stood in it before is not read.
    pub fn begun(&self) {
        let begun = || {
            let snapshot = tenshi::state::read(&self.dir.path("state")).ok()?;
            (!snapshot.files.is_empty()).then_some(())
        };
        assert!(
            poll(3 * DEADLINE, begun).is_some(),
            "no state: {}",
            self.told()
        );
    }

    /// Whether a daemon runs.
    pub fn is_up(&mut self) -> bool {
        self.run.as_mut().is_some_and(Run::alive)
    }

    /// Whether a daemon ran and ended by itself; told once.
    pub fn died(&mut self) -> bool {
        let died = self.run.as_mut().is_some_and(|run| !run.alive());
        if died {
            self.run = None;
        }
        died
    }

    /// Takes what the daemon tells a service manager.
    pub fn listen(&self) {
        if let Some(run) = &self.run {
            run.listen();
        }
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        if let Some(mut run) = self.run.take() {
            run.signal(Signal::SIGKILL);
            run.end();
        }
    }

    pub fn signal(&mut self, signal: Signal) {
        if let Some(run) = &mut self.run {
            run.signal(signal);
        }
    }

    /// An orderly end: its status, and how long it took.
    pub fn finish(&mut self) -> (i32, Duration) {
        let Some(mut run) = self.run.take() else {
            return (-1, Duration::ZERO);
        };
        run.ready();
        run.end()
    }

    /// Writes some lines.
    pub fn write(&mut self, random: &mut Random) {
        let mut text = String::new();
        for _ in 0..random.below(12) {
            let queue = random.below(QUEUES);
            if random.percent(30) {
                self.beats[queue] += 1;
                text += &line("shared", &format!("q{queue} beat"));
                continue;
            }
            self.lines[queue].push(self.clock.now());
            let number = self.lines[queue].len();
            text += &line(
                &format!("h{}", random.below(6)),
                &format!("q{queue} {} {number}", self.name),
            );
        }
        self.log.write_all(text.as_bytes()).expect("write a log");
    }

    /// What its daemons said.
    pub fn told(&self) -> String {
        let bytes = fs::read(self.dir.path("stderr")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

/// A moment at which something is done.
pub fn after(random: &mut Random, most: u64) -> Instant {
    Instant::now() + Duration::from_millis(random.bits() % most.max(1))
}
