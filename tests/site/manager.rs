//! What a service manager hears of the running daemon: a socket of ours in the place of systemd's.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::process::{Child, Command, Stdio};

use crate::support::daemon::PROGRAM;
use crate::support::postbox::Postbox;
use crate::support::{DEADLINE, Dir, NEVER, conf, line, poll};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// A daemon and what it told so far. Killed on drop.
struct Managed {
    child: Child,
    socket: UnixDatagram,
    told: Vec<String>,
}

impl Managed {
    fn start(dir: &Dir, config: &str) -> Self {
        let path = dir.path("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_nonblocking(true).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o777)).unwrap();
        let child = Command::new(PROGRAM)
            .args(["-f", "-c"])
            .arg(dir.write("tenshi.conf", config))
            .env("NOTIFY_SOCKET", &path)
            .env("WATCHDOG_USEC", "400000")
            .env_remove("WATCHDOG_PID")
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self {
            child,
            socket,
            told: Vec::new(),
        }
    }

    /// Waits until something is told that begins so, behind the first `after` messages; its place.
    fn wait(&mut self, after: usize, begins: &str) -> usize {
        let found = poll(DEADLINE, || {
            let mut buffer = [0; 4096];
            while let Ok(length) = self.socket.recv(&mut buffer) {
                let text = String::from_utf8_lossy(&buffer[..length]);
                self.told.push(text.trim_end().to_owned());
            }
            let mut later = self.told.iter().enumerate().skip(after);
            later.find_map(|(at, text)| text.starts_with(begins).then_some(at))
        });
        found.unwrap_or_else(|| panic!("no {begins} in {:?}", &self.told[after..]))
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap());
        kill(pid, signal).unwrap();
    }
}

impl Drop for Managed {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_manager_hears_how_the_daemon_is() {
    let (dir, postbox) = (Dir::new(), Postbox::open());
    dir.write("log", "");
    let rules = format!("set queue a f@x.example t@x.example {NEVER}\na ^foo\n");
    let config = conf(&dir, postbox.port(), &rules);
    let mut daemon = Managed::start(&dir, &config);
    assert_eq!(daemon.wait(0, "READY=1"), 0, "{:?}", daemon.told);
    daemon.wait(0, "STATUS=no lines yet");
    // It goes on by itself, with nothing to do.
    let first = daemon.wait(0, "WATCHDOG=1");
    let second = daemon.wait(first + 1, "WATCHDOG=1");
    daemon.wait(second + 1, "WATCHDOG=1");
    dir.append("log", line("h1", "foo") + &line("h1", "bar"));
    let read = "STATUS=lines read: 2, lines matched by a rule: 1, lines matched by no rule: 1";
    daemon.wait(0, read);

    let before = daemon.told.len();
    daemon.signal(Signal::SIGHUP);
    let reloading = daemon.wait(before, "RELOADING=1\nMONOTONIC_USEC=");
    let ready = daemon.wait(reloading, "READY=1");
    daemon.wait(ready, &format!("{read}, reports delivered: 1"));
    // One with an error is over as well, and the daemon as ready as it was.
    dir.write("tenshi.conf", "nonsense");
    let before = daemon.told.len();
    daemon.signal(Signal::SIGHUP);
    let reloading = daemon.wait(before, "RELOADING=1");
    daemon.wait(reloading, "READY=1");

    let before = daemon.told.len();
    daemon.signal(Signal::SIGTERM);
    daemon.wait(before, "STOPPING=1");
    assert!(daemon.child.wait().unwrap().success());
    assert_eq!(postbox.mails().len(), 1);
}

/// A manager that hangs does not hold up lines and mails.
#[test]
fn nothing_waits_for_a_manager_that_reads_nothing() {
    let (dir, postbox) = (Dir::new(), Postbox::open());
    dir.write("log", "");
    let rules = format!("set queue a f@x.example t@x.example {NEVER}\na ^foo\n");
    let mut daemon = Managed::start(&dir, &conf(&dir, postbox.port(), &rules));
    daemon.wait(0, "READY=1");
    // No datagram more finds room.
    let sender = UnixDatagram::unbound().unwrap();
    sender.set_nonblocking(true).unwrap();
    let full = || {
        sender
            .send_to(b"x", dir.path("notify"))
            .is_err()
            .then_some(())
    };
    poll(DEADLINE, full).expect("a full socket");
    dir.append("log", line("h1", "foo"));
    // The pings of the watchdog found no room meanwhile.
    std::thread::sleep(std::time::Duration::from_millis(500));
    daemon.signal(Signal::SIGUSR2);
    poll(DEADLINE, || (postbox.mails().len() == 1).then_some(())).expect("a mail");
    daemon.signal(Signal::SIGTERM);
    assert!(daemon.child.wait().unwrap().success());
}

/// A batch of lines that each cost as much as a line may: minutes of work. The watchdog hears of us all the
/// while, an end that is asked for waits ten seconds for it, and no line is lost.
#[test]
fn neither_the_watchdog_nor_an_end_waits_for_lines_that_cost_much() {
    let (dir, postbox) = (Dir::new(), Postbox::open());
    dir.write("log", "");
    let slow = "a ^(?:(a+)+(?!b)x\\1?)+$\n".repeat(8);
    let rules = format!("set queue a f@x.example t@x.example {NEVER}\n{slow}a .*\n");
    let config = conf(&dir, postbox.port(), &rules);
    let mut daemon = Managed::start(&dir, &config);
    daemon.wait(0, "STATUS=no lines yet");
    let dear = line("h1", &format!("{}x!", "a".repeat(40)));
    dir.append("log", dear.repeat(4_000));
    for _ in 0..8 {
        let before = daemon.told.len();
        daemon.wait(before, "WATCHDOG=1");
    }
    assert!(
        !daemon
            .told
            .iter()
            .any(|told| told.starts_with("STATUS=lines"))
    );
    daemon.signal(Signal::SIGTERM);
    let before = daemon.told.len();
    daemon.wait(before, "STOPPING=1");
    assert!(daemon.child.wait().unwrap().success());
    let mails = postbox.mails();
    assert_eq!(mails.len(), 1);
    let raw = String::from_utf8_lossy(mails[0].raw.as_ref());
    assert!(raw.contains("4000: aaaa"), "{raw}");
}
