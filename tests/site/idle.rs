//! Idle is idle: nothing to do, no wake-up, no write.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use crate::support::daemon::Daemon;
use crate::support::ports::free_port;
use crate::support::{DEADLINE, Dir, NEVER, line, poll};
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use tenshi::counters::Counter;

/// How often each thread of the daemon slept so far.
fn sleeps(daemon: &Daemon) -> BTreeMap<String, u64> {
    let tasks = format!("/proc/{}/task", daemon.pid());
    let mut sleeps = BTreeMap::new();
    for task in fs::read_dir(tasks).unwrap().flatten() {
        let status = fs::read_to_string(task.path().join("status")).unwrap();
        let field = |name: &str| {
            let value = status.lines().find_map(|line| line.strip_prefix(name));
            value.unwrap().trim_start_matches(':').trim().to_owned()
        };
        let id = task.file_name().into_string().unwrap();
        let count = field("voluntary_ctxt_switches").parse().unwrap();
        sleeps.insert(format!("{id} {}", field("Name")), count);
    }
    sleeps
}

#[test]
fn an_idle_daemon_sleeps_and_writes_nothing() {
    let dir = Dir::new();
    let logs = ["log1", "log2", "log3"];
    let mut config = format!(
        "set mailserver 127.0.0.1:9\nset statedir {0}/state\nset fifo {0}/fifo\n\
         set listen 127.0.0.1:{1}\nset listen tcp:127.0.0.1:{1}\nset logfile {0}/*.glob\n\
         set queue a f@x t@x {NEVER}\nset queue n f@x t@x [now]\nset silence n\nset archive 9\n\
         expect n [0 0 1 1 *] 5m ^never\na .*\n",
        dir.root().display(),
        free_port()
    );
    for log in logs {
        dir.write(log, "");
        config += &format!("set logfile {}\n", dir.path(log).display());
    }
    let journal = dir.path("journal");
    fs::create_dir(&journal).unwrap();
    config += &format!("set journal {}\n", journal.display());
    mkfifo(&dir.path("fifo"), Mode::from_bits_truncate(0o666)).unwrap();
    let daemon = Daemon::start(&dir, &config, &[]);
    // Lines have come, and a snapshot holds them.
    let state = dir.path("state");
    for log in logs {
        dir.append(log, line("h1", "busy"));
    }
    let mut written = logs.len() as u64;
    let held = poll(DEADLINE, || {
        // What a fifo brings is on disk within a second, and the positions in the logs with it.
        dir.append("fifo", line("h1", "busy"));
        written += 1;
        let snapshot = tenshi::state::read(&state).ok()?;
        let counted = snapshot.files.iter().filter(|file| file.last_line > 0);
        (counted.count() == logs.len()).then_some(())
    });
    assert!(held.is_some(), "no snapshot: {}", daemon.stderr());
    // On a slow disk the commit of the last of them comes late.
    let settled = poll(DEADLINE, || {
        let snapshot = tenshi::state::read(&state).ok()?;
        (snapshot.counters.get(Counter::Lines) == written).then_some(())
    });
    assert!(settled.is_some(), "no commit: {}", daemon.stderr());
    let snapshot = || {
        let file = fs::metadata(state.join("tenshi.state")).unwrap();
        (file.ino(), file.len())
    };
    std::thread::sleep(Duration::from_millis(2500));
    let (before, kept) = (sleeps(&daemon), snapshot());
    assert!(before.len() >= 7, "threads: {before:?}");
    std::thread::sleep(Duration::from_secs(4));
    assert_eq!(sleeps(&daemon), before, "a thread woke for nothing");
    assert_eq!(snapshot(), kept, "a commit was made of nothing");
}
