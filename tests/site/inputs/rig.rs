//! What hands lines to an input, and what looks at what comes out of it.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use tenshi::clock::{Clock, Time};
use tenshi::counters::{Counter, Counters};
use tenshi::input::{Batch, Event, EventSender, Notice};

/// How long anything that should take a moment may take on a busy machine.
pub const DEADLINE: Duration = Duration::from_secs(20);
/// Lines are cut here in these tests, bytes.
pub const MAX_LINE: usize = 64 * 1024;

/// The loop's side of an input.
pub struct Sink {
    events: Receiver<Event>,
    pub batches: Vec<Batch>,
    pub notices: Vec<Notice>,
    pub health: Vec<(String, Option<String>)>,
    pub counters: Counters,
    pub drained: usize,
}

/// A sink, and the sender that an input is given.
pub fn sink() -> (EventSender, Sink) {
    sink_of(16)
}

/// As [`sink`], with room for `depth` events.
pub fn sink_of(depth: usize) -> (EventSender, Sink) {
    let (sender, events) = sync_channel(depth);
    let sink = Sink {
        events,
        batches: Vec::new(),
        notices: Vec::new(),
        health: Vec::new(),
        counters: Counters::default(),
        drained: 0,
    };
    (sender.into(), sink)
}

impl Sink {
    /// Takes events until `done`; what takes long comes in many of them.
    pub fn until(&mut self, what: &str, mut done: impl FnMut(&Self) -> bool) {
        let end = Instant::now() + 6 * DEADLINE;
        while !done(self) {
            let left = end.saturating_duration_since(Instant::now());
            match self.events.recv_timeout(left.min(DEADLINE)) {
                Ok(Event::Batch(batch)) => {
                    for (counter, _, count) in batch.counters.all() {
                        self.counters.add(counter, count);
                    }
                    self.batches.push(batch);
                }
                Ok(Event::Notice(notice)) => {
                    for (counter, _, count) in notice.counters.all() {
                        self.counters.add(counter, count);
                    }
                    self.notices.push(notice);
                }
                Ok(Event::Health { input, fault }) => {
                    self.health.push((input, fault.map(|fault| fault.text)));
                }
                Ok(Event::Patterns(_)) => {}
                Ok(Event::Drained) => self.drained += 1,
                Err(_) => panic!(
                    "waited for {what}; there is {:?}, {:?}",
                    self.text(),
                    self.notices
                ),
            }
        }
    }

    /// Takes events until there are `count` lines, and gives all lines.
    pub fn lines(&mut self, count: usize) -> Vec<String> {
        self.until(&format!("{count} lines"), |sink| sink.count() >= count);
        let lines: Vec<String> = self.text().lines().map(Into::into).collect();
        assert_eq!(lines.len(), count, "{lines:?}");
        lines
    }

    /// The lines so far are forgotten.
    pub fn clear(&mut self) {
        self.batches.clear();
    }

    /// Takes events until one tells of `text`.
    pub fn told(&mut self, text: &str) -> Notice {
        let told = |sink: &Self| sink.notices.iter().position(|n| n.text.contains(text));
        self.until(text, |sink| told(sink).is_some());
        let at = told(self).expect("just found");
        self.notices.remove(at)
    }

    /// Takes events until one more drain is answered.
    pub fn answered(&mut self) {
        let before = self.drained;
        self.until("the answer to a drain", |sink| sink.drained > before);
    }

    pub fn fault_count(&self) -> u64 {
        self.counters.get(Counter::InputFaults)
    }

    fn count(&self) -> usize {
        let texts = self.batches.iter().map(|batch| &batch.text);
        // Not by `filter`: there are a hundred megabytes of them, and no optimizer.
        texts
            .map(|text| memchr::memchr_iter(b'\n', text).count())
            .sum()
    }

    fn text(&self) -> String {
        let texts: Vec<&[u8]> = self.batches.iter().map(|b| b.text.as_slice()).collect();
        String::from_utf8_lossy(&texts.concat()).into_owned()
    }
}

/// That this takes less than `limit`: in one of a few tries, for a busy machine may hold up any of them.
pub fn at_once(limit: Duration, mut act: impl FnMut() -> Duration) {
    let taken: Vec<Duration> = (0..5)
        .map(|_| act())
        .take_while(|taken| *taken >= limit)
        .collect();
    assert!(taken.len() < 5, "{taken:?}");
}

/// A clock that stands still.
struct FixedClock(Time);

impl Clock for FixedClock {
    fn now(&self) -> Time {
        self.0
    }
}

/// A clock that stands at a known time.
pub fn clock() -> Arc<dyn Clock> {
    let time = "2026-11-03T21:44:00Z".parse().expect("a time");
    Arc::new(FixedClock(time))
}

/// Runs a program of a Debian package, which must be there, and waits for its end.
pub fn run(package: &str, program: &str, arguments: &[&str]) {
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|e| panic!("{program}: {e}; it is in Debian's package {package}"));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {errors}");
}

/// A program that runs beside the test. Killed on drop.
pub struct Running(pub Child);

impl Running {
    pub fn start(package: &str, program: &str, arguments: &[&str]) -> Self {
        let child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Self(
            child.unwrap_or_else(|e| panic!("{program}: {e}; it is in Debian's package {package}")),
        )
    }

    pub fn kill(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Waits until `there`.
pub fn wait_for(what: &str, mut there: impl FnMut() -> bool) {
    let end = Instant::now() + DEADLINE;
    while !there() {
        assert!(Instant::now() < end, "waited for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// An rsyslogd that forwards what comes to its socket by `action`.
pub struct Rsyslogd {
    _running: Running,
    socket: std::path::PathBuf,
    _dir: tempfile::TempDir,
}

impl Rsyslogd {
    pub fn start(preamble: &str, action: &str) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let path = |name: &str| dir.path().join(name).display().to_string();
        let conf = format!(
            "global(workDirectory=\"{}\")\n\
             module(load=\"imuxsock\" sysSock.use=\"off\")\n\
             input(type=\"imuxsock\" socket=\"{}\" useSysTimeStamp=\"off\" \
             ratelimit.interval=\"0\" useSpecialParser=\"off\")\n{preamble}\n*.* {action}\n",
            dir.path().display(),
            path("log")
        );
        std::fs::write(path("conf"), conf).expect("its configuration");
        let (conf, pid) = (path("conf"), path("pid"));
        run("rsyslog", "rsyslogd", &["-N1", "-f", &conf]);
        let arguments = ["-n", "-f", &conf, "-i", &pid];
        let running = Running::start("rsyslog", "rsyslogd", &arguments);
        let socket = dir.path().join("log");
        wait_for("rsyslogd's socket", || socket.exists());
        Self {
            _running: running,
            socket,
            _dir: dir,
        }
    }

    /// Sends these messages through it.
    pub fn log(&self, messages: &[String]) {
        let socket = std::os::unix::net::UnixDatagram::unbound().expect("a socket");
        socket.connect(&self.socket).expect("rsyslogd listens");
        for message in messages {
            socket.send(message.as_bytes()).expect("rsyslogd takes it");
        }
    }
}

/// Writes `text` into a file or fifo by a shell of its own.
pub fn shell_write(path: &Path, text: &str) {
    let line = format!("printf '%s' \"$1\" > \"{}\"", path.display());
    run("dash", "/bin/sh", &["-c", &line, "sh", text]);
}
