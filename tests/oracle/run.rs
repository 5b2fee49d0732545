//! Takes the steps of an experiment.
//!
//! The files of the case are laid into a fresh work directory of user `tenshi`, with `@W@` replaced by
//! that directory, `@SMTP@` by the address of the mail server, `@PORT@` by a free port. Then, a line
//! each of `steps`:
//!
//! ```text
//! start [ARGS]        starts the program (`-f -c @W@/tenshi.conf`) and waits until it is ready
//! startraw ARGS       starts it with these arguments and waits for nothing
//! startpipe FILE ARGS as startraw, with the file of the case as standard input
//! append FILE [LOG]   adds the file of the case to the log
//! udp TEXT            sends a datagram to the port; \n stands for a newline
//! occupy              holds the UDP port until the end
//! signal NAME | wait SECONDS | settle (until it has nothing to do) | waitmail N [SECONDS]
//! waitexit [SECONDS]  waits for the end of the program
//! env K=V ...         sets the environment of later starts
//! presec N            sets the clock of the program to second N of the present minute or the next
//! untilsec N          waits until that clock shows second N
//! sink FAULT | sinkdown | sinkup   makes the mail server fail, close, open; `sink` alone mends it
//! sh COMMAND          runs a shell command in the work directory
//! mark TEXT           nothing
//! ```

use std::fs::{self, File};
use std::net::UdpSocket;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use bstr::ByteSlice;
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, User};

use super::answer::{Answer, Taken};
use super::ports::free_port;
use super::sink::{Fault, Sink, Stage};

/// The program under test: ours, or the one that `TENSHI_PROGRAM` named when the tests were compiled.
const PROGRAM: &str = match option_env!("TENSHI_PROGRAM") {
    Some(named) => named,
    None => env!("CARGO_BIN_EXE_tenshi"),
};
/// What is done where a case has no steps of its own.
const USUAL: &str = "start\nappend input.log\nsettle\nsignal USR2\nsettle\nsignal TERM\nwaitexit\n";
/// How long anything that should take a moment may take on a busy machine.
const DEADLINE: Duration = Duration::from_secs(30);
/// What belongs to the case and not to the site.
const OURS: &[&str] = &[
    "steps",
    "input.log",
    "note",
    "better",
    "answer",
    "original",
    "nolog",
];

/// Fails by name for whatever is missing.
pub fn required() {
    assert!(
        nix::unistd::geteuid().is_root(),
        "the recorded cases need root"
    );
    let known = User::from_name("tenshi").ok().flatten().is_some();
    assert!(
        known,
        "the recorded cases need user tenshi: apt-get install tenshi"
    );
    assert!(
        faketime().is_some(),
        "the recorded cases need libfaketime: apt-get install faketime"
    );
    for (program, package) in [("redis-server", "redis-server"), ("setpriv", "util-linux")] {
        let there = Command::new("which").arg(program).output();
        let there = there.is_ok_and(|out| out.status.success());
        assert!(
            there,
            "the recorded cases need {program}: apt-get install {package}"
        );
    }
}

/// The steps of a case.
pub fn steps(case: &Path) -> String {
    fs::read_to_string(case.join("steps")).unwrap_or_else(|_| USUAL.to_owned())
}

/// An experiment under way.
struct Experiment<'a> {
    case: &'a Path,
    dir: tempfile::TempDir,
    sink: Sink,
    port: u16,
    /// How far the clock of the program is ahead, seconds.
    ahead: i64,
    minute: i64,
    child: Option<Child>,
    environment: Vec<(String, String)>,
    exit: Option<&'static str>,
    printed: String,
    held: Vec<UdpSocket>,
}

/// Runs a case.
pub fn run(case: &Path) -> Answer {
    let steps = steps(case);
    let second = steps.lines().find(|step| step.starts_with("presec"));
    let ahead = second.map_or(0, |step| (number(step) as i64 - now()).rem_euclid(60));
    let mut experiment = Experiment::new(case, ahead);
    experiment.lay(case, Path::new(""));
    if !case.join("nolog").exists() {
        experiment.make("log", b"", 0o644);
    }
    for step in steps.lines() {
        let step = experiment.replaced(step.trim());
        if !step.is_empty() && !step.starts_with('#') {
            experiment.take(&step);
        }
    }
    experiment.end()
}

fn number(step: &str) -> f64 {
    let word = step.split_whitespace().nth(1);
    word.and_then(|word| word.parse().ok())
        .expect("a number of seconds")
}

fn now() -> i64 {
    chrono::Utc::now().timestamp()
}

/// The library that shows another time to a program (Debian's package libfaketime).
fn faketime() -> Option<PathBuf> {
    let architectures = fs::read_dir("/usr/lib").ok()?.flatten();
    let mut found = architectures.map(|entry| entry.path().join("faketime/libfaketimeMT.so.1"));
    found.find(|library| library.exists())
}

impl<'a> Experiment<'a> {
    fn new(case: &'a Path, ahead: i64) -> Self {
        let dir = tempfile::Builder::new().prefix("tenshi-case-").tempdir();
        let dir = dir.expect("a temporary directory");
        let user = User::from_name("tenshi").unwrap().expect("user tenshi");
        chown(dir.path(), Some(user.uid.as_raw()), Some(user.gid.as_raw())).expect("chown");
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).expect("chmod");
        Self {
            case,
            dir,
            sink: Sink::start(&[], &["SIZE 10000000", "8BITMIME"]),
            port: free_port(),
            ahead,
            minute: now() + ahead,
            child: None,
            environment: Vec::new(),
            exit: None,
            printed: String::new(),
            held: Vec::new(),
        }
    }

    fn until_second(&self, second: i64) {
        while (now() + self.ahead) % 60 != second {
            sleep(Duration::from_millis(50));
        }
    }

    fn root(&self) -> &Path {
        self.dir.path()
    }

    fn replaced(&self, text: &str) -> String {
        use chrono::{Local, TimeZone, Timelike};
        let minute = |time| Local.timestamp_opt(time, 0).unwrap().minute().to_string();
        text.replace("@W@", &self.root().display().to_string())
            .replace("@SMTP@", &format!("127.0.0.1:{}", self.sink.port))
            .replace("@SINKPORT@", &self.sink.port.to_string())
            .replace("@PORT@", &self.port.to_string())
            .replace("@MIN0@", &minute(self.minute))
            .replace("@MIN1@", &minute(self.minute + 60))
    }

    /// As [`Self::replaced`], in bytes that need not be UTF-8.
    fn replaced_bytes(&self, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        for chunk in bytes.utf8_chunks() {
            out.extend_from_slice(self.replaced(chunk.valid()).as_bytes());
            out.extend_from_slice(chunk.invalid());
        }
        out
    }

    /// Lays the files of the case into the work directory.
    fn lay(&self, from: &Path, below: &Path) {
        for entry in fs::read_dir(from).expect("a case") {
            let entry = entry.expect("a file of the case");
            let name = entry.file_name();
            let to = self.root().join(below).join(&name);
            let kind = entry.file_type().expect("its kind");
            if OURS.iter().any(|ours| name == *ours) {
                continue;
            } else if kind.is_dir() {
                fs::create_dir_all(&to).expect("a directory");
                self.lay(&entry.path(), &below.join(&name));
            } else if kind.is_symlink() {
                let target = fs::read_link(entry.path()).expect("a link");
                symlink(self.replaced(&target.to_string_lossy()), to).expect("a link");
            } else {
                let bytes = fs::read(entry.path()).expect("a file of the case");
                let mode = entry.metadata().expect("its mode").mode() & 0o777;
                self.make(below.join(name), &self.replaced_bytes(&bytes), mode);
            }
        }
    }

    /// Makes a file of user tenshi.
    fn make(&self, name: impl AsRef<Path>, bytes: &[u8], mode: u32) {
        let path = self.root().join(name);
        fs::write(&path, bytes).expect("a file");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("chmod");
        let owner = fs::metadata(self.root()).expect("the work directory");
        chown(&path, Some(owner.uid()), Some(owner.gid())).expect("chown");
    }

    fn take(&mut self, step: &str) {
        let (verb, rest) = step.split_once(' ').unwrap_or((step, ""));
        let words: Vec<&str> = rest.split_whitespace().collect();
        match verb {
            "start" if words.is_empty() => {
                let config = self.root().join("tenshi.conf");
                self.start(
                    &["-f", "-c", config.to_str().expect("a plain path")],
                    None,
                    true,
                );
            }
            "start" => self.start(&words, None, true),
            "startraw" => self.start(&words, None, false),
            "startpipe" => {
                let file = File::open(self.case.join(words[0])).expect("a file of the case");
                self.start(&words[1..], Some(file), false);
            }
            "append" => self.append(words[0], words.get(1).unwrap_or(&"log")),
            "udp" => {
                let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
                let text = rest.replace("\\n", "\n");
                socket
                    .send_to(text.as_bytes(), ("127.0.0.1", self.port))
                    .expect("a datagram");
                sleep(Duration::from_millis(100));
            }
            "occupy" => self
                .held
                .push(UdpSocket::bind(("127.0.0.1", self.port)).expect("bind")),
            "signal" => self.signal(words[0]),
            "wait" => sleep(Duration::from_secs_f64(number(step))),
            "settle" => self.settle(),
            "waitmail" => self.wait_mail(&words),
            "waitexit" => self.wait_exit(&words),
            "untilsec" => self.until_second(number(step) as i64),
            "env" => {
                let pairs = words.iter().filter_map(|word| word.split_once('='));
                self.environment
                    .extend(pairs.map(|(k, v)| (k.to_owned(), v.to_owned())));
            }
            "sink" => self
                .sink
                .set(&words.iter().map(|word| fault(word)).collect::<Vec<_>>()),
            "sinkdown" => self.sink.down(),
            "sinkup" => self.sink.up(),
            "sh" => self.shell(rest),
            "presec" | "mark" => {}
            _ => panic!("{}: no such step: {step}", self.case.display()),
        }
    }

    fn append(&self, file: &str, log: &str) {
        use std::io::Write;
        let bytes = fs::read(self.case.join(file)).unwrap_or_default();
        let log = fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(self.root().join(log));
        log.and_then(|mut log| log.write_all(&bytes))
            .expect("append to a log");
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(self.root())
            .env_remove("NO_COLOR")
            .env("W", self.root())
            .env("PORT", self.port.to_string())
            .env("CASE", self.case)
            .env("TENSHI", PROGRAM)
            .envs(self.environment.iter().map(|(k, v)| (k, v)));
        if let Some(child) = &self.child {
            command.env("PID", child.id().to_string());
        }
        command
    }

    fn start(&mut self, arguments: &[&str], input: Option<File>, wait: bool) {
        let socket = self.root().join("notify");
        let _ = fs::remove_file(&socket);
        let notified = UnixDatagram::bind(&socket).expect("a notify socket");
        notified.set_nonblocking(true).expect("not blocking");
        fs::set_permissions(&socket, fs::Permissions::from_mode(0o777)).expect("chmod");
        let output = |name: &str| {
            let path = self.root().join(name);
            let file = fs::OpenOptions::new().append(true).create(true).open(path);
            file.expect("a file for its output")
        };
        let mut command = self.command(PROGRAM);
        if self.ahead != 0 {
            // Its waits and the times of files are the machine's.
            command
                .env("LD_PRELOAD", faketime().expect("libfaketime"))
                .env("FAKETIME", format!("+{}s", self.ahead))
                .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
                .env("NO_FAKE_STAT", "1");
        }
        let child = command
            .args(arguments)
            .env("NOTIFY_SOCKET", &socket)
            .stdin(input.map_or_else(Stdio::null, Stdio::from))
            .stdout(output(".stdout"))
            .stderr(output(".stderr"))
            .spawn()
            .expect("the program starts");
        self.child = Some(child);
        if wait {
            let end = Instant::now() + DEADLINE;
            let mut message = [0; 4096];
            while self.running() && Instant::now() < end {
                let told = notified.recv(&mut message).unwrap_or(0);
                let told = String::from_utf8_lossy(&message[..told]).into_owned();
                if told.lines().any(|line| line == "READY=1") {
                    break;
                }
                sleep(Duration::from_millis(5));
            }
            // It tells that it is ready when its inputs were begun; the first look may be under way.
            self.settle();
        }
    }

    fn running(&mut self) -> bool {
        let child = self.child.as_mut();
        child.is_some_and(|child| child.try_wait().is_ok_and(|status| status.is_none()))
    }

    fn signal(&mut self, name: &str) {
        let signal: Signal = format!("SIG{name}").parse().expect("a signal");
        if self.running() {
            let pid = self.child.as_ref().map_or(0, Child::id);
            kill(Pid::from_raw(pid.cast_signed()), signal).expect("kill");
        }
    }

    /// Waits until the program uses no processor time for a while, and no longer than needed.
    fn settle(&mut self) {
        let end = Instant::now() + DEADLINE;
        let (mut last, mut quiet) = (None, 0);
        sleep(Duration::from_millis(700));
        while quiet < 5 && self.running() && Instant::now() < end {
            let pid = self.child.as_ref().map_or(0, Child::id);
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            let used: Vec<String> = stat
                .rsplit(')')
                .next()
                .unwrap_or_default()
                .split(' ')
                .skip(12)
                .take(2)
                .map(String::from)
                .collect();
            quiet = if last.as_ref() == Some(&used) {
                quiet + 1
            } else {
                0
            };
            last = Some(used);
            sleep(Duration::from_millis(100));
        }
    }

    fn wait_mail(&self, words: &[&str]) {
        let wanted: usize = words[0].parse().expect("a number of mails");
        let seconds = words
            .get(1)
            .map_or(10, |word| word.parse().expect("seconds"));
        let end = Instant::now() + Duration::from_secs(seconds);
        while self.sink.record().messages.len() < wanted && Instant::now() < end {
            sleep(Duration::from_millis(20));
        }
    }

    fn wait_exit(&mut self, words: &[&str]) {
        let seconds: u64 = words
            .first()
            .map_or(15, |word| word.parse().expect("seconds"));
        let end = Instant::now() + Duration::from_secs(2 * seconds);
        while self.running() && Instant::now() < end {
            sleep(Duration::from_millis(20));
        }
        let status = self
            .child
            .as_mut()
            .and_then(|child| child.try_wait().ok().flatten());
        let exit = match status {
            None => "still running",
            Some(status) if status.success() => "0",
            Some(_) => "not 0",
        };
        self.exit = self.exit.or(Some(exit));
    }

    fn shell(&mut self, command: &str) {
        let out = self
            .command("/bin/sh")
            .args(["-c", command])
            .output()
            .expect("a shell");
        self.printed.push_str(&String::from_utf8_lossy(&out.stdout));
        self.printed.push_str(&String::from_utf8_lossy(&out.stderr));
    }

    fn end(mut self) -> Answer {
        if self.running() {
            self.signal("TERM");
            let exit = self.exit;
            self.wait_exit(&["8"]);
            self.exit = exit;
            if let Some(child) = &mut self.child {
                let _ = child.kill();
                let _ = child.wait();
            }
        }
        for name in [".stdout", ".stderr"] {
            let text = fs::read(self.root().join(name)).unwrap_or_default();
            self.printed.push_str(&String::from_utf8_lossy(&text));
        }
        let root = self.root().display().to_string();
        let printed = self.printed.replace(&root, "@W@");
        if std::env::var_os("TENSHI_CASE").is_some() {
            println!("== {}\n{printed}", self.case.display());
        }
        let record = self.sink.record();
        let path: Vec<u8> = format!("{root}/").into_bytes();
        let mails = record.messages.into_iter().zip(record.envelopes);
        let mails = mails.map(|(raw, (sender, recipients))| Taken {
            sender,
            recipients,
            // The path of the work directory is not compared.
            raw: raw.replace(&path, b""),
        });
        Answer::new(&mails.collect::<Vec<_>>(), self.exit, printed)
    }
}

fn fault(word: &str) -> (Stage, Fault) {
    match word {
        "hang_banner" => (Stage::Greeting, Fault::Hang),
        "hang_rcpt" => (Stage::Rcpt(""), Fault::Hang),
        "reject_ehlo" => (Stage::Ehlo, Fault::Say("502 no EHLO")),
        "reject_rcpt=bad@" => (Stage::Rcpt("bad@"), Fault::Say("550 no such rcpt")),
        "reject_data" => (Stage::Data, Fault::Say("550 no data")),
        "reject_eod" => (Stage::EndOfData, Fault::Say("550 message refused")),
        "slow=1" => (Stage::Greeting, Fault::Late(Duration::from_secs(6))),
        _ => panic!("no such fault: {word}"),
    }
}
