//! A daemon that holds a million distinct lines: its report, its commits, and how it reads a backlog.

use std::fs::{self, File, OpenOptions};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};

use super::logs;
use super::rig::{Daemon, Figures, PATIENCE, mail_server, number, ourselves, program};

/// The daemon settles before it is looked at.
const SETTLE: Duration = Duration::from_secs(2);
/// By then a commit has what was read before.
const COMMITTED: Duration = Duration::from_secs(45);
/// Lines of the backlog, and how often it is read.
const BACKLOG: usize = 3_000_000;
const ROUNDS: usize = 5;

/// A line of its own for each number.
fn line(n: usize) -> String {
    format!(
        "Nov 27 12:00:{:02} host{:02} app[{}]: session {n} of user{:05} from 10.{}.{}.{} port {} ended after {} ms\n",
        n % 60,
        n % 25,
        n % 30_000,
        n * 7919 % 100_000,
        n >> 16 & 255,
        n >> 8 & 255,
        n & 255,
        n * 31 % 60_000,
        n * 17 % 100_003,
    )
}

/// One followed log, with its state.
struct Log {
    dir: PathBuf,
}

impl Log {
    /// An empty log with this configuration behind the settings that all have.
    fn make(dir: PathBuf, port: u16, config: &str) -> Self {
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(dir.join("state")).expect("a directory");
        let log = Self { dir };
        File::create(log.path()).expect("a log");
        let dir = log.dir.display();
        let text = format!(
            "{}set logfile {dir}/log\nset statedir {dir}/state\nset pidfile {dir}/pid\n\
             set mailserver 127.0.0.1:{port}\n{config}",
            ourselves()
        );
        fs::write(log.config(), text).expect("a configuration");
        log
    }

    fn path(&self) -> PathBuf {
        self.dir.join("log")
    }

    fn config(&self) -> PathBuf {
        self.dir.join("tenshi.conf")
    }

    fn append(&self, lines: impl Iterator<Item = usize>) {
        let log = OpenOptions::new().append(true).open(self.path());
        let mut log = BufWriter::new(log.expect("the log"));
        for n in lines {
            log.write_all(line(n).as_bytes()).expect("a line");
        }
        log.flush().expect("all lines");
    }
}

/// Holds each line until it is asked for its report.
const COLLECT: &str = "set max_lines 2000000\n\
    set queue day tenshi@example.com root@example.com [0 0 1 1 *]\nday .*\n";

/// All of it.
pub fn measure(dir: &Path, figures: &mut Figures) {
    let held = number("TENSHI_BENCH_HELD", 1_000_000);
    report(dir, held, figures);
    commits(dir, held, figures);
    backlog(dir, figures);
}

/// The number with commas.
pub fn shown(n: usize) -> String {
    let digits = n.to_string();
    let groups = digits.as_bytes().rchunks(3).rev();
    let groups: Vec<_> = groups.map(String::from_utf8_lossy).collect();
    groups.join(",")
}

/// The memory of a report, and how long the loop is busy with it.
fn report(dir: &Path, held: usize, figures: &mut Figures) {
    let (port, mails) = mail_server();
    let log = Log::make(dir.join("report"), port, COLLECT);
    let daemon = Daemon::start(&log.config());
    daemon.settle(SETTLE);
    let empty = daemon.field("status", "VmRSS:") as f64;
    log.append(0..held);
    daemon.settle(SETTLE);
    let lines = daemon.field("status", "VmRSS:") as f64 - empty;
    daemon.measure_memory_anew();
    let before = daemon.loop_cpu();
    daemon.signal("-USR2");
    let mail = mails.recv_timeout(PATIENCE).expect("the report").1;
    daemon.settle(SETTLE);
    let busy = daemon.loop_cpu() - before;
    let peak = daemon.field("status", "VmHWM:") as f64 - empty;
    assert_eq!(mail.matches("ended after").count(), held, "all is in it");
    let n = shown(held);
    let what = format!("Peak memory, report of {n} distinct lines, against that of the lines");
    figures.at_most(&what, 1.5, " ×", 2, peak / lines);
    let what = format!("Processor of the loop for the report of {n} lines");
    figures.at_most(&what, 1.0, " s", 2, busy);
    daemon.end();
}

/// What commits write while lines come that are held already: as many as wanted, and a thousand.
fn commits(dir: &Path, held: usize, figures: &mut Figures) {
    let minutes = number("TENSHI_BENCH_MINUTES", 10);
    let counts = [held, 1_000];
    let logs = counts.map(|n| {
        let log = Log::make(dir.join(format!("held-{n}")), 9, COLLECT);
        (n, Daemon::start(&log.config()), log)
    });
    for (n, daemon, log) in &logs {
        daemon.settle(SETTLE);
        log.append(0..*n);
    }
    sleep(COMMITTED);
    let written = |daemon: &Daemon| daemon.field("io", "write_bytes:") as f64;
    let before = logs.each_ref().map(|(_, daemon, _)| written(daemon));
    let (began, all) = (Instant::now(), Duration::from_secs(60 * minutes as u64));
    let (mut tick, mut at) = (0, 1);
    while began.elapsed() < all {
        for (n, _, log) in &logs {
            log.append((0..10).map(|k| (at + k) * 7919 % n));
        }
        (tick, at) = (tick + 1, at + 10);
        sleep((Duration::from_millis(100) * tick).saturating_sub(began.elapsed()));
    }
    let hours = began.elapsed().as_secs_f64() / 3600.0;
    let each = [0, 1].map(|at| (written(&logs[at].1) - before[at]) / hours / 1e6);
    let n = shown(held);
    let what = format!("Bytes written an hour, 100 lines a second, {n} distinct lines held");
    figures.at_most(&what, 300.0, " MB", 1, each[0]);
    figures.at_most(
        "The same against 1,000 lines held",
        3.0,
        " ×",
        2,
        each[0] / each[1],
    );
    for (_, daemon, _) in logs {
        daemon.kill();
    }
}

/// Our rules, and queues that wait.
fn rules() -> String {
    let available = Path::new(env!("CARGO_MANIFEST_DIR")).join("etc/includes-available");
    let files = fs::read_dir(available).expect("our rule files");
    let mut files: Vec<PathBuf> = files.map(|file| file.expect("a file").path()).collect();
    files.sort();
    let queue = |name| format!("set queue {name} tenshi@localhost root@localhost [0 0 1 1 *]\n");
    let mut text =
        "set hidepid on\n".to_owned() + &["misc", "report", "critical"].map(queue).concat();
    for file in files {
        text += &(fs::read_to_string(file).expect("a rule file") + "\n");
    }
    text + "misc .*\n"
}

/// The processor time of the children that have ended, seconds.
fn children() -> f64 {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).expect("usage");
    let seconds =
        |time: nix::sys::time::TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    seconds(usage.user_time()) + seconds(usage.system_time())
}

/// The processor time of `-p` on these lines.
fn piped(dir: &Path, lines: &Path) -> f64 {
    let log = Log::make(dir.join("backlog"), 9, &rules());
    let before = children();
    let run = Command::new(program())
        .arg("-c")
        .arg(log.config())
        .arg("-p")
        .stdin(File::open(lines).expect("the lines"))
        .stdout(Stdio::null())
        .status();
    assert!(run.expect("the program").success());
    children() - before
}

/// The processor time of a daemon that finds these lines behind the place where it ended.
fn followed(dir: &Path, lines: &Path) -> f64 {
    let log = Log::make(dir.join("backlog"), 9, &rules());
    let daemon = Daemon::start(&log.config());
    daemon.settle(SETTLE);
    daemon.end();
    let behind = OpenOptions::new().append(true).open(log.path());
    let mut lines = File::open(lines).expect("the lines");
    std::io::copy(&mut lines, &mut behind.expect("the log")).expect("all lines");
    let daemon = Daemon::start(&log.config());
    let cpu = daemon.settle(SETTLE);
    daemon.kill();
    cpu
}

fn backlog(dir: &Path, figures: &mut Figures) {
    let (lines, none) = (dir.join("backlog.log"), Path::new("/dev/null"));
    let (mut source, mut text) = (logs::Logs::new(), Vec::new());
    let mut out = File::create(&lines).expect("a log");
    for n in 0..BACKLOG {
        source.line(&mut text).expect("a line");
        if text.len() > 1 << 20 || n + 1 == BACKLOG {
            out.write_all(&text).expect("lines");
            text.clear();
        }
    }
    let starts = (piped(dir, none), followed(dir, none));
    let rounds = (0..ROUNDS).map(|_| {
        (
            piped(dir, &lines) - starts.0,
            followed(dir, &lines) - starts.1,
        )
    });
    let (mut piped, mut followed): (Vec<f64>, Vec<f64>) = rounds.unzip();
    piped.sort_unstable_by(f64::total_cmp);
    followed.sort_unstable_by(f64::total_cmp);
    let (piped, followed) = (piped[ROUNDS / 2], followed[ROUNDS / 2]);
    let n = shown(BACKLOG);
    let what = format!("Processor, the daemon on a backlog of {n} lines, against `-p`");
    figures.at_most(&what, 1.3, " ×", 2, followed / piped);
    let each = format!("{:.0} ns", followed / BACKLOG as f64 * 1e9);
    figures.told("The same for a line", each);
}
