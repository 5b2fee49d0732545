//! What the daemon takes when nothing happens.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::rules::ourselves;

/// How long it settles before it is looked at.
const SETTLE: Duration = Duration::from_secs(2);
/// How long it is looked at, at least.
const WATCH: Duration = Duration::from_secs(60);

/// A daemon with nothing to do.
pub struct Idle {
    child: Child,
    since: Instant,
    before: u64,
    resident: u64,
}

/// What was seen.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    /// Resident memory, KiB.
    pub resident: u64,
    pub seconds: u64,
    /// How often a thread slept anew, which it does after each wake-up.
    pub wakeups: u64,
    pub threads: usize,
}

impl Idle {
    /// Starts it in the directory `dir`, which nobody else uses, with the example configuration and
    /// empty logs; with all rule files, or with none, as it is installed.
    pub fn start(dir: &Path, rules: bool) -> Self {
        fs::create_dir_all(dir.join("state")).expect("a directory");
        let conf = dir.join("tenshi.conf");
        fs::write(&conf, example(dir, rules)).expect("a configuration");
        let child = Command::new(env!("CARGO_BIN_EXE_tenshi"))
            .args(["-f", "--print", "-c"])
            .arg(&conf)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("the daemon");
        std::thread::sleep(SETTLE);
        let mut idle = Self {
            child,
            since: Instant::now(),
            before: 0,
            resident: 0,
        };
        idle.resident = idle.field("status", "VmRSS:");
        idle.before = idle.sleeps().0;
        idle
    }

    /// Looks at it again when its time is over, and ends it.
    pub fn finish(mut self) -> Seen {
        std::thread::sleep(WATCH.saturating_sub(self.since.elapsed()));
        let (after, threads) = self.sleeps();
        let seen = Seen {
            resident: self.resident.max(self.field("status", "VmRSS:")),
            seconds: self.since.elapsed().as_secs(),
            wakeups: after - self.before,
            threads,
        };
        assert!(
            self.child.try_wait().expect("the daemon").is_none(),
            "the idle daemon ended"
        );
        seen
    }

    /// The voluntary context switches of all threads, and how many threads there are.
    fn sleeps(&self) -> (u64, usize) {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.child.id())).expect("threads");
        let counts: Vec<u64> = tasks
            .map(|task| {
                let name = task.expect("a thread").file_name();
                let file = format!("task/{}/status", name.to_string_lossy());
                self.field(&file, "voluntary_ctxt_switches:")
            })
            .collect();
        (counts.iter().sum(), counts.len())
    }

    fn field(&self, file: &str, name: &str) -> u64 {
        let path = format!("/proc/{}/{file}", self.child.id());
        let text = fs::read_to_string(&path).expect("the daemon runs");
        let value = text.lines().find_map(|line| line.strip_prefix(name));
        let number = value.and_then(|value| value.split_whitespace().next());
        number.and_then(|n| n.parse().ok()).expect(name)
    }
}

impl Drop for Idle {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
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
