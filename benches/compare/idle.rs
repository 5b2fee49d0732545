//! What the daemon takes when nothing happens.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::rules::ourselves;

/// How long it settles before it is looked at.
const SETTLE: Duration = Duration::from_secs(2);
const WATCH: Duration = Duration::from_secs(60);

/// A daemon with nothing to do.
pub struct Idle {
    child: Child,
    since: Instant,
    resident: u64,
    before: u64,
    /// Looks when a minute is over.
    minute: JoinHandle<u64>,
}

/// What was seen.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    /// Resident memory, KiB.
    pub resident: u64,
    /// How often a thread slept anew in a minute, which it does after each wake-up.
    pub minute: u64,
    /// How often a thread slept anew in the whole time.
    pub all: u64,
    pub seconds: u64,
}

impl Idle {
    /// Starts two, each in a directory of its own, with the example configuration and empty logs: as
    /// it is installed, with no rule file, and with all of them.
    pub fn two(dir: &Path) -> [Self; 2] {
        // Both directories first: whoever makes one beside a daemon's directory wakes the daemon.
        [("idle", false), ("idle-rules", true)]
            .map(|(name, rules)| prepare(&dir.join(name), rules))
            .map(|conf| Self::start(&conf))
    }

    fn start(conf: &Path) -> Self {
        let child = Command::new(env!("CARGO_BIN_EXE_tenshi"))
            .args(["-f", "--print", "-c"])
            .arg(conf)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("the daemon");
        std::thread::sleep(SETTLE);
        let pid = child.id();
        Self {
            child,
            since: Instant::now(),
            resident: field(pid, "status", "VmRSS:"),
            before: sleeps(pid),
            minute: std::thread::spawn(move || {
                std::thread::sleep(WATCH);
                sleeps(pid)
            }),
        }
    }

    /// Looks at it again, after a minute at the earliest, and ends it.
    pub fn finish(mut self) -> Seen {
        let minute = std::mem::replace(&mut self.minute, std::thread::spawn(|| 0));
        let minute = minute.join().expect("a look at the daemon");
        let pid = self.child.id();
        Seen {
            resident: self.resident.max(field(pid, "status", "VmRSS:")),
            minute: minute - self.before,
            all: sleeps(pid) - self.before,
            seconds: self.since.elapsed().as_secs(),
        }
    }
}

/// The voluntary context switches of all threads of a process.
fn sleeps(pid: u32) -> u64 {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).expect("the daemon runs");
    tasks
        .map(|task| {
            let name = task.expect("a thread").file_name();
            let file = format!("task/{}/status", name.to_string_lossy());
            field(pid, &file, "voluntary_ctxt_switches:")
        })
        .sum()
}

fn field(pid: u32, file: &str, name: &str) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/{file}")).expect("the daemon runs");
    let value = text.lines().find_map(|line| line.strip_prefix(name));
    let number = value.and_then(|value| value.split_whitespace().next());
    number.and_then(|n| n.parse().ok()).expect(name)
}

impl Drop for Idle {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Makes the directory anew, with a configuration. What an earlier run left there would have to be
/// read, and saved again.
fn prepare(dir: &Path, rules: bool) -> PathBuf {
    let _ = fs::remove_dir_all(dir);
    fs::create_dir_all(dir.join("state")).expect("a directory");
    let conf = dir.join("tenshi.conf");
    fs::write(&conf, example(dir, rules)).expect("a configuration");
    conf
}

/// etc/tenshi.conf, with the files and accounts of this machine.
fn example(dir: &Path, rules: bool) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("etc");
    let own = fs::read_to_string(root.join("tenshi.conf")).expect("the example configuration");
    let dir = dir.display();
    let mut text = format!(
        "{}set pidfile {dir}/pid\nset statedir {dir}/state\n",
        ourselves()
    );
    let mut logs = 0;
    for line in own.lines() {
        if line.starts_with("set logfile ") {
            let log = format!("{dir}/{logs}.log");
            fs::write(&log, "").expect("an empty log");
            text += &format!("set logfile {log}\n");
            logs += 1;
        } else if line.starts_with("includedir ") {
            if rules {
                text += &format!("includedir {}/includes-available\n", root.display());
            }
        } else {
            text += &format!("{line}\n");
        }
    }
    assert!(logs > 0, "the example configuration follows no log");
    text
}
