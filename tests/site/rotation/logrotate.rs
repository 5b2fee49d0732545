//! Real logrotate, while the daemon is down: what nobody had read is read from where it was packed to.

use crate::support::daemon::Daemon;
use crate::support::postbox::Postbox;
use crate::support::{DEADLINE, Dir, NEVER, line, poll};
use nix::sys::signal::Signal;
use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

/// A site with a log, a state, and lines that have numbers.
struct Console {
    dir: Dir,
    postbox: Postbox,
    log: PathBuf,
    /// More of the configuration.
    more: &'static str,
    next: u64,
}

impl Console {
    fn new(more: &'static str) -> Self {
        let dir = Dir::new();
        // logrotate refuses a directory that others may write to.
        fs::create_dir(dir.path("logs")).unwrap();
        fs::set_permissions(dir.path("logs"), fs::Permissions::from_mode(0o755)).unwrap();
        let mut site = Self {
            log: dir.path("logs").join("app.log"),
            dir,
            postbox: Postbox::open(),
            more,
            next: 0,
        };
        site.write(3);
        site
    }

    fn write(&mut self, lines: u64) {
        let mut log = OpenOptions::new();
        let mut log = log.append(true).create(true).open(&self.log).unwrap();
        for n in self.next..self.next + lines {
            let pad = "x".repeat(n as usize % 61);
            let text = line("h", &format!("n {n} {pad}"));
            log.write_all(text.as_bytes()).unwrap();
        }
        self.next += lines;
    }

    fn start(&self) -> Daemon {
        let config = format!(
            "set sleep 1\nset mailserver 127.0.0.1:{}\nset statedir {}\nset tail /usr/bin/tail -n +1\n\
             set logfile {}\n{}set queue a from@x.example a@x.example {NEVER}\na .*\n",
            self.postbox.port(),
            self.dir.path("state").display(),
            self.log.display(),
            self.more,
        );
        Daemon::start_with(&self.dir, &config, &[], &["-d"])
    }

    /// One run of logrotate.
    fn logrotate(&self, how: &str) {
        let text = format!(
            "{} {{\n rotate 100\n missingok\n create 0644\n{how}\n}}\n",
            self.log.display()
        );
        let config = self.dir.write("logrotate.conf", text);
        let run = Command::new("/usr/sbin/logrotate")
            .arg("-f")
            .arg("-s")
            .arg(self.dir.path("logrotate.state"))
            .arg(config)
            .output()
            .expect("needs the Debian package logrotate");
        let told = String::from_utf8_lossy(&run.stderr);
        assert!(
            run.status.success() && !told.contains("error"),
            "{how}: {told}"
        );
    }

    /// Ends the daemon. Its reports, and the reports of the daemons before, hold each line once, and no loss was told.
    fn account(&self, mut daemon: Daemon, how: &str) {
        daemon.finish();
        let told = daemon.stderr();
        let mut counts: BTreeMap<u64, u64> = BTreeMap::new();
        for (_, entries) in self.postbox.mails().iter().flat_map(|mail| mail.counts()) {
            for entry in entries {
                let number = super::rig::number(&entry.text);
                *counts.entry(number.expect(&entry.text)).or_default() += entry.count;
            }
        }
        let want: BTreeMap<u64, u64> = (0..self.next).map(|n| (n, 1)).collect();
        assert!(counts == want, "{how}: {counts:?}\n{told}");
        assert!(!told.contains("lost"), "{how}: {told}");
    }
}

/// Rotates so often while the daemon is dead.
fn rotated_while_down(how: &str, more: &'static str, times: usize) -> Console {
    let mut site = Console::new(more);
    let mut daemon = site.start();
    site.write(20);
    let checks = || daemon.stdout().matches("checking queues").count();
    let before = checks();
    daemon.signal(Signal::SIGUSR1);
    let done = poll(DEADLINE, || (checks() > before).then_some(()));
    assert!(done.is_some(), "no answer: {}", daemon.stderr());
    daemon.signal(Signal::SIGKILL);
    daemon.wait();
    for _ in 0..times {
        site.write(500);
        site.logrotate(how);
    }
    site.write(10);
    let daemon = site.start();
    site.write(10);
    site.account(daemon, how);
    site
}

#[test]
fn what_logrotate_packed_while_the_daemon_was_down_is_read() {
    for (program, suffix) in [
        ("gzip", ".gz"),
        ("xz", ".xz"),
        ("zstd", ".zst"),
        ("bzip2", ".bz2"),
    ] {
        let command = format!(" compress\n compresscmd /usr/bin/{program}\n");
        for more in ["", " delaycompress\n", " copytruncate\n"] {
            let how = format!("{command} compressext {suffix}\n{more}");
            let site = rotated_while_down(&how, "", 3);
            let packed = format!("{}.3{suffix}", site.log.display());
            assert!(PathBuf::from(&packed).exists(), "{packed}");
        }
    }
    // Its name says gzip.
    let how = " compress\n compresscmd /usr/bin/zstd\n compressext .gz\n";
    let site = rotated_while_down(how, "", 3);
    let packed = fs::read(format!("{}.3.gz", site.log.display())).unwrap();
    assert!(packed.starts_with(b"\x28\xb5\x2f\xfd"));
}

/// The directory of `olddir` is made by logrotate.
const OLD: &str = " olddir old\n createolddir 755 root root\n";

#[test]
fn what_logrotate_moved_to_another_directory_is_read() {
    for (how, times) in [
        (" nocompress\n", 3),
        (" compress\n", 3),
        (" compress\n delaycompress\n", 3),
        (" compress\n compresscmd /usr/bin/xz\n compressext .xz\n", 3),
        (" copytruncate\n", 3),
        (" copytruncate\n compress\n", 3),
        (" dateext\n", 1),
        (" dateext\n extension .log\n compress\n", 1),
    ] {
        let how = format!("{OLD}{how}");
        let site = rotated_while_down(&how, "set olddir old\n", times);
        let old = fs::read_dir(site.log.with_file_name("old")).unwrap();
        assert_eq!(old.count(), times, "{how}");
    }
}

#[test]
fn what_logrotate_moves_to_another_directory_while_the_daemon_runs_is_read() {
    for how in [" compress\n delaycompress\n", " copytruncate\n compress\n"] {
        let how = format!("{OLD}{how}");
        let mut site = Console::new("set olddir old\n");
        let daemon = site.start();
        for round in 0..6 {
            site.write(50);
            // It gets no time for what is written, copied and cut off in between.
            if round % 2 == 1 {
                daemon.signal(Signal::SIGSTOP);
            }
            site.write(50);
            site.logrotate(&how);
            site.write(10);
            if round % 3 != 1 {
                daemon.signal(Signal::SIGCONT);
            }
        }
        daemon.signal(Signal::SIGCONT);
        site.account(daemon, &how);
    }
}
