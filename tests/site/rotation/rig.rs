//! A numbered log with its writer, and the daemon that has to account for it.

use crate::support::daemon::Daemon;
use crate::support::mail::Mail;
use crate::support::postbox::Postbox;
use crate::support::random::Random;
use crate::support::{DEADLINE, Dir, NEVER, line, poll};
use nix::sys::signal::Signal;
use nix::unistd::geteuid;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// A log in a directory of its own, and its writer.
pub struct Rig {
    _home: Dir,
    host: String,
    /// The log.
    pub log: PathBuf,
    writer: Option<File>,
    /// The number of the next line.
    pub next: u64,
    /// How often it was rotated.
    pub rotations: u64,
    pub random: Random,
}

impl Rig {
    /// An empty log of `host`.
    pub fn new(host: &str, seed: u64) -> Self {
        let home = Dir::new();
        let dir = home.path("logs");
        fs::create_dir(&dir).unwrap();
        let mut rig = Self {
            log: dir.join("app.log"),
            _home: home,
            host: host.to_owned(),
            writer: None,
            next: 0,
            rotations: 0,
            random: Random::new(seed),
        };
        rig.reopen();
        rig
    }

    /// What the writer does on HUP: opens the log by its name, and creates it if need be.
    pub fn reopen(&mut self) {
        let file = OpenOptions::new().append(true).create(true).open(&self.log);
        self.writer = Some(file.unwrap());
    }

    /// The new log with these permissions, opened by the writer.
    pub fn open_with_mode(&mut self, mode: u32) {
        fs::write(&self.log, "").unwrap();
        self.reopen();
        self.chmod(mode);
    }

    pub fn chmod(&self, mode: u32) {
        fs::set_permissions(&self.log, Permissions::from_mode(mode)).unwrap();
    }

    /// The inode that is written to.
    pub fn inode(&self) -> u64 {
        self.writer.as_ref().unwrap().metadata().unwrap().ino()
    }

    /// The name of the log with `suffix`.
    pub fn named(&self, suffix: &str) -> PathBuf {
        PathBuf::from(format!("{}{suffix}", self.log.display()))
    }

    fn lines(&mut self, n: usize) -> String {
        let mut text = String::new();
        for _ in 0..n {
            let pad = "x".repeat(self.random.below(200));
            text += &line(&self.host, &format!("n {} {pad}", self.next));
            self.next += 1;
        }
        text
    }

    fn put(&mut self, text: &str) {
        let writer = self.writer.as_mut().unwrap();
        writer.write_all(text.as_bytes()).unwrap();
    }

    /// A few lines; some of them come in two halves.
    pub fn burst(&mut self) {
        let n = 1 + self.random.below(8);
        let text = self.lines(n);
        if self.random.percent(30) {
            let (first, second) = text.split_at(self.random.below(text.len()));
            self.put(first);
            std::thread::sleep(Duration::from_millis(self.random.below(4) as u64));
            self.put(second);
        } else {
            self.put(&text);
        }
    }

    /// Lines in one piece that are longer than `bytes` together.
    pub fn outgrow(&mut self, bytes: u64) {
        let mut text = self.lines(1);
        while text.len() as u64 <= bytes {
            text += &self.lines(1);
        }
        self.put(&text);
    }

    /// Bursts with pauses for about `ms`.
    pub fn write_for(&mut self, ms: u64) {
        let end = Instant::now() + Duration::from_millis(ms);
        loop {
            self.burst();
            if Instant::now() >= end {
                return;
            }
            let pause = self.random.below(12) as u64;
            std::thread::sleep(Duration::from_millis(pause));
        }
    }
}

/// The daemon, and the mail server that it reports to.
pub struct Site {
    dir: Dir,
    postbox: Postbox,
    pub daemon: Daemon,
    /// The number of marks so far. Held while one is waited for.
    marks: Mutex<u32>,
}

impl Site {
    /// A daemon without privileges (so that permissions matter) that follows `logs`.
    pub fn start(logs: &[PathBuf]) -> Self {
        let (dir, postbox) = (Dir::new(), Postbox::open());
        let mut config = format!(
            "set sleep 60\nset mailserver 127.0.0.1:{}\nset logfile {}\n",
            postbox.port(),
            dir.write("marks", "").display()
        );
        for log in logs {
            config += &format!("set logfile {}\n", log.display());
        }
        if geteuid().is_root() {
            config += "set uid nobody\nset gid nogroup\n";
        }
        config += &format!(
            "set queue a from@x.example a@x.example {NEVER}\nset queue m from@x.example m@x.example [now]\n\
             m ^mark\na .*\n"
        );
        let daemon = Daemon::start(&dir, &config, &[]);
        Self {
            dir,
            postbox,
            daemon,
            marks: Mutex::new(0),
        }
    }

    /// Waits until all that was written is read: a USR1 is obeyed after that.
    pub fn sync(&self) {
        let mut marks = self.marks.lock().unwrap();
        // Once in a minute a mark is mailed though no signal asks for it: then another one is written.
        loop {
            *marks += 1;
            let mark = format!("mark {marks}");
            self.dir.append("marks", line("marks", &mark));
            self.daemon.signal(Signal::SIGUSR1);
            let is_mark =
                |mail: &Mail| mail.queue() == "m" && mail.body().ends_with(&format!(": {mark}\n"));
            let mail = poll(DEADLINE, || self.postbox.mails().into_iter().find(is_mark));
            let mail = mail.unwrap_or_else(|| panic!("no answer: {}", self.daemon.stderr()));
            if mail.status().is_some() {
                return;
            }
        }
    }

    /// Ends the daemon and checks that its reports hold each line of each rig exactly once.
    pub fn account(self, rigs: &[Rig]) {
        for rig in rigs {
            let (host, n) = (&rig.host, rig.rotations);
            println!("{host}: {n} rotations, {} lines", rig.next);
        }
        let written = rigs.iter().map(|rig| (rig.host.clone(), 0..rig.next));
        self.compare(written.map(|(host, all)| (host, all.collect())).collect());
    }

    /// Ends the daemon and checks that its reports hold each written line exactly once.
    pub fn compare(mut self, written: BTreeMap<String, BTreeSet<u64>>) {
        self.daemon.finish();
        let told = self.daemon.stderr();
        let mut seen: BTreeMap<String, BTreeMap<u64, u64>> = BTreeMap::new();
        let mut garbled = Vec::new();
        let mails = self.postbox.mails();
        let reports = mails.iter().filter(|mail| mail.queue() == "a");
        for (host, entries) in reports.flat_map(|mail| mail.counts()) {
            let counts = seen.entry(host).or_default();
            for entry in entries {
                match number(&entry.text) {
                    Some(n) => *counts.entry(n).or_default() += entry.count,
                    None => garbled.push(entry.text),
                }
            }
        }
        let mut faults = Vec::new();
        for (host, numbers) in written {
            let counts = seen.remove(&host).unwrap_or_default();
            let lost = numbers.iter().filter(|n| !counts.contains_key(n));
            let doubled = counts.iter().filter(|(_, c)| **c > 1);
            let (lost, doubled) = (ranges(lost.copied()), ranges(doubled.map(|(n, _)| *n)));
            let strange = counts.keys().any(|n| !numbers.contains(n));
            if !lost.is_empty() || !doubled.is_empty() || strange {
                faults.push(format!(
                    "{host}: lost {lost:?} doubled {doubled:?} {strange}"
                ));
            }
        }
        assert!(
            faults.is_empty() && garbled.is_empty() && seen.is_empty(),
            "{faults:#?} garbled {garbled:?} {:?}\n{:?}",
            seen.keys(),
            told.lines().rev().take(20).collect::<Vec<_>>()
        );
        let bad = |line: &&str| line.contains("without") || line.contains("lost");
        let bad: Vec<_> = told.lines().filter(bad).collect();
        assert!(
            bad.is_empty(),
            "a drain did not end, or a loss was told: {bad:?}"
        );
    }
}

/// The number of a line: the word after `n`.
pub fn number(text: &str) -> Option<u64> {
    text.split_once("n ")?.1.split(' ').next()?.parse().ok()
}

/// Numbers as first to last.
fn ranges(numbers: impl Iterator<Item = u64>) -> Vec<(u64, u64)> {
    let mut found: Vec<(u64, u64)> = Vec::new();
    for n in numbers {
        match found.last_mut() {
            Some((_, last)) if *last + 1 == n => *last = n,
            _ => found.push((n, n)),
        }
    }
    found
}
