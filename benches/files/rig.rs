//! The running daemon, its mail server, and what was measured.

use std::ffi::OsString;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How long the daemon may take to do what is asked for.
pub const PATIENCE: Duration = Duration::from_secs(300);
/// Clock ticks a second, in which /proc counts processor time.
const TICKS: f64 = 100.0;

/// A figure beside its goal.
pub struct Figure {
    what: String,
    goal: String,
    measured: String,
    /// Whether the goal is met; nothing where there is none.
    met: Option<bool>,
}

/// What was measured.
#[derive(Default)]
pub struct Figures(Vec<Figure>);

impl Figures {
    /// Notes a figure that is to be at most `goal`, with its unit and the number of its decimals.
    pub fn at_most(&mut self, what: &str, goal: f64, unit: &str, decimals: usize, measured: f64) {
        self.add(Figure {
            what: what.to_owned(),
            goal: format!("≤ {goal}{unit}"),
            measured: format!("{measured:.decimals$}{unit}"),
            met: Some(measured <= goal),
        });
    }

    /// Notes a figure without a goal.
    pub fn told(&mut self, what: &str, measured: String) {
        self.add(Figure {
            what: what.to_owned(),
            goal: String::new(),
            measured,
            met: None,
        });
    }

    fn add(&mut self, figure: Figure) {
        println!("{}", figure.row());
        self.0.push(figure);
    }

    /// The rows of a table.
    pub fn rows(&self) -> String {
        self.0.iter().map(|figure| figure.row() + "\n").collect()
    }
}

impl Figure {
    fn row(&self) -> String {
        let met = match self.met {
            Some(true) => "yes",
            Some(false) => "**no**",
            None => "",
        };
        let (what, goal, measured) = (&self.what, &self.goal, &self.measured);
        format!("| {what} | {goal} | {measured} | {met} |")
    }
}

/// The program that is measured.
pub fn program() -> OsString {
    let program = std::env::var_os("TENSHI_BENCH_PROGRAM");
    program.unwrap_or_else(|| env!("CARGO_BIN_EXE_tenshi").into())
}

/// A number from the environment.
pub fn number(name: &str, default: usize) -> usize {
    let number = std::env::var(name).ok().and_then(|n| n.parse().ok());
    number.unwrap_or(default)
}

/// The account that runs this, as settings: the daemon becomes the user `tenshi` otherwise.
pub fn ourselves() -> String {
    let user = user();
    format!("set uid {user}\nset gid {user}\n")
}

fn user() -> String {
    let user = Command::new("id").arg("-un").output().expect("id");
    String::from_utf8(user.stdout)
        .expect("a name")
        .trim()
        .to_owned()
}

/// A mail server that tells when it got the text of each mail.
pub fn mail_server() -> (u16, Receiver<(Instant, String)>) {
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
            let reply: &[u8] = match command.starts_with("EHLO") {
                // No report is cut into parts.
                true => b"250-sink\r\n250 SIZE 1000000000\r\n",
                false => b"250 ok\r\n",
            };
            out.write_all(reply).ok()?;
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

/// A running daemon.
pub struct Daemon {
    child: Child,
}

impl Daemon {
    /// Starts it with this configuration.
    pub fn start(conf: &Path) -> Self {
        let child = Command::new(program())
            .args(["-f", "-c"])
            .arg(conf)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("the daemon");
        Self { child }
    }

    /// The number behind a name in a file of its directory in /proc.
    pub fn field(&self, file: &str, name: &str) -> u64 {
        let pid = self.child.id();
        let text = fs::read_to_string(format!("/proc/{pid}/{file}")).expect("the daemon runs");
        let value = text.lines().find_map(|line| line.strip_prefix(name));
        let number = value.and_then(|value| value.split_whitespace().next());
        number.and_then(|n| n.parse().ok()).expect("a number")
    }

    /// The processor time that it used, seconds.
    pub fn cpu(&self) -> f64 {
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
    pub fn sleeps(&self) -> u64 {
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
    pub fn settle(&self, still: Duration) -> f64 {
        let began = Instant::now();
        let (mut cpu, mut since) = (self.cpu(), Instant::now());
        while since.elapsed() < still {
            assert!(began.elapsed() < PATIENCE, "it does not come to rest");
            sleep(Duration::from_millis(100));
            let now = self.cpu();
            if now > cpu {
                (cpu, since) = (now, Instant::now());
            }
        }
        cpu
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        let _ = Command::new("kill").args([signal, &pid]).status();
    }

    /// Has the kernel measure its greatest memory from now on.
    pub fn measure_memory_anew(&self) {
        let file = format!("/proc/{}/clear_refs", self.child.id());
        fs::write(file, "5").expect("the daemon runs");
    }

    /// The processor time of the loop's thread, seconds.
    pub fn loop_cpu(&self) -> f64 {
        let pid = self.child.id();
        let text = fs::read_to_string(format!("/proc/{pid}/task/{pid}/schedstat"));
        let text = text.expect("the daemon runs");
        let time: f64 = text
            .split(' ')
            .next()
            .and_then(|n| n.parse().ok())
            .expect("a number");
        time / 1e9
    }

    /// Ends it as a crash would: nothing is mailed.
    pub fn kill(self) {
        self.signal("-KILL");
        self.wait();
    }

    /// Ends it.
    pub fn end(self) {
        self.signal("-TERM");
        self.wait();
    }

    fn wait(mut self) {
        let _ = self.child.wait();
    }
}
