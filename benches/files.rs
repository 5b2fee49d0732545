//! `make bench-files`: what ten thousand log files cost. `TENSHI_BENCH_FILES` is another number of files,
//! `TENSHI_BENCH_PROGRAM` another program, to compare with. Each figure is printed as a row of a table.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]
#![allow(clippy::disallowed_methods, reason = "a benchmark is no daemon")]

use std::fs::{self, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How long the daemon may take to do what is asked for.
const PATIENCE: Duration = Duration::from_secs(300);
/// How long it settles before it is looked at, and how long it is looked at.
const SETTLE: Duration = Duration::from_secs(5);
const WATCH: Duration = Duration::from_secs(60);
/// Clock ticks a second, in which /proc counts processor time.
const TICKS: f64 = 100.0;

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
            "set uid {0}\nset gid {0}\nset sleep 1\nset logfile {dir}/logs/*/*.log\n\
             set statedir {dir}/state\nset pidfile {dir}/pid\nset mailserver 127.0.0.1:{port}\n\
             set queue now tenshi@example.com root@example.com [now]\n\
             set queue day tenshi@example.com root@example.com [0 0 1 1 *]\n\
             now urgent\nday .*\n",
            user()
        );
        fs::write(&conf, text).expect("a configuration");
        conf
    }
}

fn user() -> String {
    let user = Command::new("id").arg("-un").output().expect("id");
    String::from_utf8(user.stdout)
        .expect("a name")
        .trim()
        .to_owned()
}

/// A mail server that tells when it got the text of each mail.
fn mail_server() -> (u16, Receiver<(Instant, String)>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("its address").port();
    let (send, mails) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let send = send.clone();
            std::thread::spawn(move || serve(&stream, &send));
        }
    });
    (port, mails)
}

fn serve(stream: &TcpStream, mails: &Sender<(Instant, String)>) -> Option<()> {
    let mut out = stream;
    let mut lines = BufReader::new(stream).lines();
    out.write_all(b"220 sink\r\n").ok()?;
    loop {
        let command = lines.next()?.ok()?.to_ascii_uppercase();
        if command != "DATA" {
            out.write_all(b"250 ok\r\n").ok()?;
            continue;
        }
        let began = Instant::now();
        out.write_all(b"354 go on\r\n").ok()?;
        let mut text = String::new();
        loop {
            let line = lines.next()?.ok()?;
            if line == "." {
                break;
            }
            text += &line;
            text.push('\n');
        }
        out.write_all(b"250 ok\r\n").ok()?;
        mails.send((began, text)).ok()?;
    }
}

struct Daemon {
    child: Child,
}

impl Daemon {
    fn start(conf: &Path) -> Self {
        let program = std::env::var_os("TENSHI_BENCH_PROGRAM");
        let program = program.unwrap_or_else(|| env!("CARGO_BIN_EXE_tenshi").into());
        let child = Command::new(program)
            .args(["-f", "-c"])
            .arg(conf)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("the daemon");
        Self { child }
    }

    fn field(&self, file: &str, name: &str) -> u64 {
        let pid = self.child.id();
        let text = fs::read_to_string(format!("/proc/{pid}/{file}")).expect("the daemon runs");
        let value = text.lines().find_map(|line| line.strip_prefix(name));
        let number = value.and_then(|value| value.split_whitespace().next());
        number.and_then(|n| n.parse().ok()).expect("a number")
    }

    /// The processor time that it used, seconds.
    fn cpu(&self) -> f64 {
        let pid = self.child.id();
        let text = fs::read_to_string(format!("/proc/{pid}/stat")).expect("the daemon runs");
        let fields = text.rsplit(')').next().expect("fields").split_whitespace();
        let ticks: u64 = fields
            .skip(11)
            .take(2)
            .filter_map(|n| n.parse::<u64>().ok())
            .sum();
        ticks as f64 / TICKS
    }

    /// The voluntary context switches of all threads.
    fn sleeps(&self) -> u64 {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.child.id()));
        let tasks = tasks.expect("the daemon runs").flatten();
        tasks
            .map(|task| {
                let file = format!("task/{}/status", task.file_name().to_string_lossy());
                self.field(&file, "voluntary_ctxt_switches:")
            })
            .sum()
    }

    /// Waits until it did nothing for a while, and gives the processor time that it used.
    fn settle(&self) -> f64 {
        let began = Instant::now();
        let (mut cpu, mut since) = (self.cpu(), Instant::now());
        while since.elapsed() < SETTLE {
            assert!(began.elapsed() < PATIENCE, "it does not come to rest");
            sleep(Duration::from_millis(100));
            let now = self.cpu();
            if now > cpu {
                (cpu, since) = (now, Instant::now());
            }
        }
        cpu
    }

    fn end(mut self) {
        let pid = self.child.id().to_string();
        let _ = Command::new("kill").arg(&pid).status();
        let _ = self.child.wait();
    }
}

fn row(what: &str, bar: &str, measured: String) {
    println!("| {what} | {bar} | {measured} |");
}

fn idle(daemon: &Daemon) {
    let before = daemon.sleeps();
    sleep(WATCH);
    row(
        "wake-ups, idle for a minute",
        "0",
        (daemon.sleeps() - before).to_string(),
    );
}

fn busy(daemon: &Daemon, logs: &Logs) {
    let (before, began) = (daemon.cpu(), Instant::now());
    let mut n = 0;
    while began.elapsed() < WATCH {
        logs.append(n * 7919 % logs.files(), "a line now and then");
        n += 1;
        sleep((Duration::from_millis(20) * n as u32).saturating_sub(began.elapsed()));
    }
    let share = (daemon.cpu() - before) / began.elapsed().as_secs_f64() * 100.0;
    row(
        "processor, 50 lines a second over all files",
        "1 %",
        format!("{share:.2} %"),
    );
}

fn latency(logs: &Logs, mails: &Receiver<(Instant, String)>, what: &str) {
    let mut times = Vec::new();
    for n in 0..100 {
        let word = format!("urgent {n} of {what}");
        let began = Instant::now();
        logs.append(n * 7919 % logs.files(), &word);
        let came = std::iter::from_fn(|| mails.recv_timeout(PATIENCE).ok());
        let came = { came }.find(|(_, text)| text.contains(&word));
        times.push(came.expect("the mail").0.saturating_duration_since(began));
        sleep(Duration::from_millis(130));
    }
    times.sort_unstable();
    let (middle, worst) = (times[times.len() / 2], times[times.len() * 99 / 100 - 1]);
    row(
        &format!("line to DATA at `sleep 1`, {what}: 99th of 100 (median)"),
        "1.2 s",
        format!(
            "{:.2} s ({:.2} s)",
            worst.as_secs_f64(),
            middle.as_secs_f64()
        ),
    );
}

/// Start, rest, some lines, and mails.
fn whole(dir: &Path, dirs: usize, each: usize) {
    let name = format!("{dirs} directories of {each} files");
    let logs = Logs::make(dir.join(format!("files-{dirs}")), dirs, each);
    let (port, mails) = mail_server();
    let conf = logs.config(port);
    for which in ["first start", "second start"] {
        let daemon = Daemon::start(&conf);
        row(
            &format!("{which}, {name}"),
            "1.5 s",
            format!("{:.2} s", daemon.settle()),
        );
        if which == "first start" {
            daemon.end();
            continue;
        }
        idle(&daemon);
        busy(&daemon, &logs);
        latency(&logs, &mails, &name);
        let resident = daemon.field("status", "VmHWM:") as f64 / 1024.0;
        row(
            "resident memory at most",
            "40 MiB",
            format!("{resident:.1} MiB"),
        );
        daemon.end();
    }
    let _ = fs::remove_dir_all(&logs.dir);
}

/// Files that come one after the other.
fn growing(dir: &Path, files: usize) {
    let logs = Logs::make(dir.join("files-new"), 1, files);
    let (port, mails) = mail_server();
    let daemon = Daemon::start(&logs.config(port));
    let before = daemon.settle();
    let (stop, stopped) = channel::<()>();
    let maker = Logs {
        dir: logs.dir.clone(),
        dirs: 1,
        each: files * 10,
    };
    let maker = std::thread::spawn(move || {
        let began = Instant::now();
        let mut n = 0;
        while stopped.try_recv().is_err() {
            maker.append(files + n, "the first line of a new host");
            n += 1;
            sleep((Duration::from_millis(50) * n as u32).saturating_sub(began.elapsed()));
        }
        n
    });
    latency(&logs, &mails, "20 new files a second");
    drop(stop);
    let new = maker.join().expect("its number");
    let each = (daemon.settle() - before) * 1000.0 / new as f64;
    row(
        &format!("processor for each new file beside {files}"),
        "",
        format!("{each:.2} ms"),
    );
    daemon.end();
    let _ = fs::remove_dir_all(&logs.dir);
}

fn main() {
    let files = std::env::var("TENSHI_BENCH_FILES")
        .ok()
        .and_then(|n| n.parse().ok());
    let files: usize = files.unwrap_or(10_000);
    let dir = std::env::temp_dir().join(format!("tenshi-bench-{}", std::process::id()));
    fs::create_dir_all(&dir).expect("a directory");
    println!("| What | Bar | Measured |\n| --- | ---: | ---: |");
    whole(&dir, 1, files);
    whole(&dir, 100, files / 100);
    growing(&dir, files * 8 / 10);
    let _ = fs::remove_dir_all(&dir);
}
