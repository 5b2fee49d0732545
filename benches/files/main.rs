//! `make bench-files`: what ten thousand log files and a million held lines cost the running daemon. Prints
//! each figure as a row of a table, and writes them into docs/performance.md. With the argument `logs` or
//! `held` it measures that part alone, and writes nothing.
//!
//! Environment: `TENSHI_BENCH_FILES` (10,000) is the number of files, `TENSHI_BENCH_HELD` (1,000,000) the
//! number of lines, `TENSHI_BENCH_MINUTES` (10) how long the commits are watched; `TENSHI_BENCH_PROGRAM` is another
//! program, to compare with.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]
#![allow(clippy::disallowed_methods, reason = "a benchmark is no daemon")]

mod held;
#[path = "../logs.rs"]
mod logs;
mod rig;
#[path = "../section.rs"]
mod section;

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::thread::sleep;
use std::time::{Duration, Instant};

use held::shown;
use rig::{Daemon, Figures, PATIENCE, mail_server, number, ourselves};

/// How long the daemon settles before it is looked at, and how long it is looked at.
const SETTLE: Duration = Duration::from_secs(5);
const WATCH: Duration = Duration::from_secs(60);

/// The line of a log.
fn line(host: usize, text: &str) -> String {
    format!("Nov 27 12:00:00 host{host:05} app[1]: {text}\n")
}

/// Directories of logs with one line in each.
struct Logs {
    dir: PathBuf,
    dirs: usize,
    each: usize,
}

impl Logs {
    fn make(dir: PathBuf, dirs: usize, each: usize) -> Self {
        let _ = fs::remove_dir_all(&dir);
        let logs = Self { dir, dirs, each };
        fs::create_dir_all(logs.dir.join("state")).expect("a directory");
        for n in 0..dirs {
            fs::create_dir_all(logs.path(n * each).parent().expect("its directory"))
                .expect("a directory");
        }
        (0..logs.files()).for_each(|n| logs.append(n, "the first line"));
        logs
    }

    fn files(&self) -> usize {
        self.dirs * self.each
    }

    fn path(&self, n: usize) -> PathBuf {
        let dir = format!("logs/{:03}", n / self.each);
        self.dir.join(dir).join(format!("host{n:05}.log"))
    }

    fn append(&self, n: usize, text: &str) {
        let mut log = OpenOptions::new();
        let mut log = log
            .append(true)
            .create(true)
            .open(self.path(n))
            .expect("a log");
        log.write_all(line(n, text).as_bytes()).expect("a line");
    }

    fn config(&self, port: u16) -> PathBuf {
        let dir = self.dir.display();
        let conf = self.dir.join("tenshi.conf");
        let text = format!(
            "{0}set sleep 1\nset logfile {dir}/logs/*/*.log\n\
             set statedir {dir}/state\nset pidfile {dir}/pid\nset mailserver 127.0.0.1:{port}\n\
             set queue now tenshi@example.com root@example.com [now]\n\
             set queue day tenshi@example.com root@example.com [0 0 1 1 *]\n\
             now urgent\nday .*\n",
            ourselves()
        );
        fs::write(&conf, text).expect("a configuration");
        conf
    }
}

fn idle(daemon: &Daemon, name: &str, figures: &mut Figures) {
    let before = daemon.sleeps();
    sleep(WATCH);
    let what = format!("Wake-ups, idle for a minute, {name}");
    figures.at_most(&what, 0.0, "", 0, (daemon.sleeps() - before) as f64);
}

fn busy(daemon: &Daemon, logs: &Logs, name: &str, figures: &mut Figures) {
    let (before, began) = (daemon.cpu(), Instant::now());
    let mut n = 0;
    while began.elapsed() < WATCH {
        logs.append(n * 7919 % logs.files(), "a line now and then");
        n += 1;
        sleep((Duration::from_millis(20) * n as u32).saturating_sub(began.elapsed()));
    }
    let share = (daemon.cpu() - before) / began.elapsed().as_secs_f64() * 100.0;
    let what = format!("Processor, 50 lines a second over {name}");
    figures.at_most(&what, 1.0, " %", 2, share);
}

fn latency(logs: &Logs, mails: &Receiver<(Instant, String)>, name: &str, figures: &mut Figures) {
    let mut times = Vec::new();
    for n in 0..100 {
        let word = format!("urgent {n} of {name}");
        let began = Instant::now();
        logs.append(n * 7919 % logs.files(), &word);
        let came = std::iter::from_fn(|| mails.recv_timeout(PATIENCE).ok());
        let came = { came }.find(|(_, text)| text.contains(&word));
        times.push(came.expect("the mail").0.saturating_duration_since(began));
        sleep(Duration::from_millis(130));
    }
    times.sort_unstable();
    let (middle, worst) = (times[times.len() / 2], times[times.len() * 99 / 100 - 1]);
    let what = format!("Line to DATA at `sleep 1`, {name}, 99th of 100");
    figures.at_most(&what, 1.2, " s", 2, worst.as_secs_f64());
    let what = format!("The same, median, {name}");
    figures.told(&what, format!("{:.2} s", middle.as_secs_f64()));
}

/// Start, rest, some lines, and mails.
fn whole(dir: &Path, dirs: usize, each: usize, figures: &mut Figures) {
    let name = match dirs {
        1 => format!("one directory of {} logs", shown(each)),
        dirs => format!("{dirs} directories of {} logs", shown(each)),
    };
    let logs = Logs::make(dir.join(format!("files-{dirs}")), dirs, each);
    let (port, mails) = mail_server();
    let conf = logs.config(port);
    for which in ["first start", "second start"] {
        let daemon = Daemon::start(&conf);
        let what = format!("Processor, {which}, {name}");
        figures.at_most(&what, 1.5, " s", 2, daemon.settle(SETTLE));
        if which == "first start" {
            daemon.end();
            continue;
        }
        idle(&daemon, &name, figures);
        busy(&daemon, &logs, &name, figures);
        latency(&logs, &mails, &name, figures);
        let resident = daemon.field("status", "VmHWM:") as f64 / 1024.0;
        let what = format!("Peak memory, {name}");
        figures.at_most(&what, 40.0, " MiB", 1, resident);
        daemon.end();
    }
    let _ = fs::remove_dir_all(&logs.dir);
}

/// Files that come one after the other.
fn growing(dir: &Path, files: usize, figures: &mut Figures) {
    let logs = Logs::make(dir.join("files-new"), 1, files);
    let (port, mails) = mail_server();
    let daemon = Daemon::start(&logs.config(port));
    let before = daemon.settle(SETTLE);
    let (stop, stopped) = channel::<()>();
    let maker = Logs {
        dir: logs.dir.clone(),
        dirs: 1,
        each: files * 10,
    };
    let maker = std::thread::spawn(move || {
        let began = Instant::now();
        let mut n = 0;
        while stopped.try_recv() == Err(TryRecvError::Empty) {
            maker.append(files + n, "the first line of a new host");
            n += 1;
            sleep((Duration::from_millis(50) * n as u32).saturating_sub(began.elapsed()));
        }
        n
    });
    latency(&logs, &mails, "20 new logs a second", figures);
    drop(stop);
    let new = maker.join().expect("its number");
    let each = (daemon.settle(SETTLE) - before) * 1000.0 / new as f64;
    let what = format!("Processor for each new log beside {}", shown(files));
    figures.told(&what, format!("{each:.2} ms"));
    daemon.end();
    let _ = fs::remove_dir_all(&logs.dir);
}

fn main() {
    let files = number("TENSHI_BENCH_FILES", 10_000);
    let dir = std::env::temp_dir().join(format!("tenshi-bench-{}", std::process::id()));
    fs::create_dir_all(&dir).expect("a directory");
    println!("{}", section::TABLE);
    let mut figures = Figures::default();
    let only = std::env::args().find(|word| ["logs", "held"].contains(&word.as_str()));
    let wanted = |part: &str| only.as_ref().is_none_or(|only| only == part);
    if wanted("logs") {
        whole(&dir, 1, files, &mut figures);
        whole(&dir, 100, files / 100, &mut figures);
        growing(&dir, files * 8 / 10, &mut figures);
    }
    if wanted("held") {
        held::measure(&dir, &mut figures);
    }
    let _ = fs::remove_dir_all(&dir);
    if only.is_none() {
        section::write(&figures.rows());
    }
}
