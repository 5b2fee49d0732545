//! Real rsyslogd and real logrotate: all that rsyslogd wrote is in the reports.

use super::rig::{Site, number};
use super::{alone, duration, seed};
use crate::support::random::Random;
use crate::support::{DEADLINE, Dir, poll};
use flate2::read::MultiGzDecoder;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Hosts by the first letter of their name: how their logs are written and rotated.
const HOSTS: [&str; 9] = ["t1", "t2", "t3", "i1", "i2", "i3", "c1", "d1", "x1"];

/// rsyslogd on a port of its own. Ended on drop.
struct Rsyslogd {
    child: Child,
    port: u16,
}

impl Rsyslogd {
    fn start(dir: &Dir) -> Self {
        let root = dir.root().display();
        let config = format!(
            r#"global(workDirectory="{root}")
module(load="imtcp")
input(type="imtcp" address="127.0.0.1" port="0" listenPortFileName="{root}/port")
template(name="t" type="string" string="{root}/t/%HOSTNAME:::secpath-replace%.log")
template(name="i" type="string" string="{root}/i/%HOSTNAME:::secpath-replace%.log")
template(name="one" type="string" string="{root}/one/%HOSTNAME:::secpath-replace%.log")
$FileCreateMode 0644
if $hostname startswith "t" then
  action(type="omfile" dynaFile="t" template="RSYSLOG_TraditionalFileFormat")
else if $hostname startswith "i" then
  action(type="omfile" dynaFile="i" template="RSYSLOG_FileFormat")
else
  action(type="omfile" dynaFile="one" template="RSYSLOG_TraditionalFileFormat")
"#
        );
        let config = dir.write("rsyslog.conf", config);
        let child = Command::new("/usr/sbin/rsyslogd")
            .arg("-n")
            .arg("-f")
            .arg(config)
            .arg("-i")
            .arg(dir.path("rsyslogd.pid"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(dir.path("rsyslogd.err")).unwrap())
            .spawn()
            .expect("needs the Debian package rsyslog");
        let mut daemon = Self { child, port: 0 };
        let port = || {
            fs::read_to_string(dir.path("port"))
                .ok()?
                .trim()
                .parse()
                .ok()
        };
        let told = || fs::read_to_string(dir.path("rsyslogd.err")).unwrap_or_default();
        daemon.port = poll(DEADLINE, port).unwrap_or_else(|| panic!("no port: {}", told()));
        daemon
    }

    fn connect(&self) -> Option<TcpStream> {
        TcpStream::connect(("127.0.0.1", self.port)).ok()
    }

    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).unwrap();
        kill(Pid::from_raw(pid), signal).unwrap();
    }

    /// Stops it, and waits until no thread of it runs any more.
    fn stop(&self) {
        self.signal(Signal::SIGSTOP);
        let tasks = format!("/proc/{}/task", self.child.id());
        let stopped = |task: fs::DirEntry| {
            let stat = fs::read_to_string(task.path().join("stat")).unwrap_or_default();
            stat.rsplit_once(") ")
                .is_none_or(|(_, rest)| rest.starts_with('T'))
        };
        let all = || {
            fs::read_dir(&tasks)
                .unwrap()
                .flatten()
                .all(stopped)
                .then_some(())
        };
        assert!(poll(DEADLINE, all).is_some(), "rsyslogd does not stop");
    }

    /// Ends it, when it wrote what it has.
    fn finish(mut self) {
        self.signal(Signal::SIGTERM);
        let end = poll(DEADLINE, || self.child.try_wait().unwrap());
        assert!(end.is_some(), "rsyslogd does not end");
    }
}

impl Drop for Rsyslogd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A `logrotate.conf` for each way of rotation; its path.
fn rotation(dir: &Dir, name: &str, logs: &str, how: &str) -> PathBuf {
    let root = dir.root().display();
    let text = format!(
        "{root}/{logs} {{\n missingok\n notifempty\n rotate 1000\n{how}\n sharedscripts\n \
         postrotate\n  kill -HUP $(cat {root}/rsyslogd.pid)\n endscript\n}}\n"
    );
    dir.write(name, text)
}

fn logrotate(dir: &Dir, config: &Path) {
    let mut state = config.to_path_buf();
    state.set_extension("state");
    let run = Command::new("/usr/sbin/logrotate")
        .arg("-f")
        .arg("-s")
        .arg(state)
        .arg(config)
        .current_dir(dir.root())
        .output()
        .expect("needs the Debian package logrotate");
    let told = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "logrotate: {told}");
}

/// Lets the sender end, whatever happens to the test.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Sends numbered messages of all hosts until told to stop. The last host appears late.
fn send(mut stream: TcpStream, mut random: Random, stop: &AtomicBool) -> u64 {
    let (began, mut next) = (Instant::now(), 0);
    while !stop.load(Ordering::SeqCst) {
        let late = usize::from(began.elapsed() < duration() / 3);
        let hosts = &HOSTS[late..];
        let mut text = String::new();
        for _ in 0..=random.below(20) {
            let pad = "x".repeat(random.below(100));
            let host = random.pick(hosts);
            text += &format!("<13>Nov 24 03:00:00 {host} app: n {next} {pad}\n");
            next += 1;
        }
        stream.write_all(text.as_bytes()).unwrap();
        std::thread::sleep(Duration::from_millis(random.below(12) as u64));
    }
    next
}

/// The numbers that stand in all files below `dir`, by host.
fn on_disk(dir: &Path, found: &mut BTreeMap<String, BTreeSet<u64>>) -> u64 {
    let mut lines = 0;
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let mut text = String::new();
        let mut file = fs::File::open(&path).unwrap();
        if path.extension().is_some_and(|e| e == "gz") {
            MultiGzDecoder::new(file).read_to_string(&mut text).unwrap();
        } else {
            file.read_to_string(&mut text).unwrap();
        }
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let host = name[..2].to_owned();
        for line in text.lines() {
            found
                .entry(host.clone())
                .or_default()
                .insert(number(line).unwrap());
            lines += 1;
        }
    }
    lines
}

#[test]
fn what_rsyslogd_writes_and_logrotate_rotates() {
    let dir = Dir::new();
    for sub in ["t", "i", "one"] {
        fs::create_dir(dir.path(sub)).unwrap();
        // logrotate refuses a directory that others may write to.
        fs::set_permissions(dir.path(sub), fs::Permissions::from_mode(0o755)).unwrap();
    }
    let create = " create 0644\n nocompress";
    let ways = [
        rotation(&dir, "create.conf", "t/*.log", create),
        rotation(
            &dir,
            "delay.conf",
            "i/*.log",
            " create 0644\n compress\n delaycompress",
        ),
        rotation(
            &dir,
            "nocreate.conf",
            "one/x1.log",
            " nocreate\n nocompress",
        ),
        rotation(
            &dir,
            "copy.conf",
            "one/c1.log",
            " copytruncate\n nocompress",
        ),
    ];
    let dated = " create 0644\n nocompress\n dateext\n dateformat -%Y%m%d-%s";
    let dated = rotation(&dir, "dated.conf", "one/d1.log", dated);
    let _alone = alone();
    let rsyslogd = Rsyslogd::start(&dir);
    let logs = ["t/*.log", "i/*.log", "one/*.log"].map(|name| dir.path(name));
    let site = Site::start(&logs);
    let (stop, random) = (AtomicBool::new(false), Random::new(seed()));
    let stream = rsyslogd.connect().expect("rsyslogd listens");
    let (sent, rotations) = std::thread::scope(|scope| {
        let sender = scope.spawn(|| send(stream, random, &stop));
        let stopping = Stop(&stop);
        let (end, mut rotations) = (Instant::now() + duration(), 0);
        let mut last_dated = Instant::now();
        while Instant::now() < end {
            std::thread::sleep(Duration::from_millis(200));
            for way in &ways {
                let copying = way.ends_with("copy.conf");
                if copying {
                    // What is written between the copy and the truncation, nobody can read.
                    rsyslogd.stop();
                }
                logrotate(&dir, way);
                if copying {
                    rsyslogd.signal(Signal::SIGCONT);
                }
                rotations += 1;
            }
            if last_dated.elapsed() > Duration::from_millis(1100) {
                logrotate(&dir, &dated);
                last_dated = Instant::now();
                rotations += 1;
            }
        }
        drop(stopping);
        (sender.join().unwrap(), rotations)
    });
    let mut found = BTreeMap::new();
    let all = || ["t", "i", "one"].map(|sub| dir.path(sub));
    let written = poll(DEADLINE, || {
        found.clear();
        let lines: u64 = all().iter().map(|sub| on_disk(sub, &mut found)).sum();
        (lines >= sent).then_some(lines)
    });
    rsyslogd.finish();
    println!("{rotations} runs of logrotate, {sent} lines");
    let there: usize = found.values().map(BTreeSet::len).sum();
    assert_eq!(
        written,
        Some(sent),
        "rsyslogd wrote all that was sent, not {there}"
    );
    assert_eq!(found.len(), HOSTS.len());
    site.compare(found);
}
