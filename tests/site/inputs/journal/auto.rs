//! `set journal auto`, in a mount namespace whose /run and /var/log are the test's own: what journald copies from
//! memory is not read twice, and the journal is left alone where a syslog daemon writes files.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use nix::sys::signal::Signal;

use super::journald::Journald;
use crate::support::daemon::PROGRAM;
use crate::support::{DEADLINE, Dir, poll};

/// tenshi in the namespace of a journald, its mails in a file. Killed on drop.
struct Inside {
    child: Child,
    output: PathBuf,
}

impl Inside {
    fn start(journald: &Journald, root: &std::path::Path) -> Self {
        let config = root.join("conf");
        let text = "set mailserver h\nset journal auto\nset tail /usr/bin/tail -n +1\nset hidepid on\n\
                    set logfile /var/log/syslog\nset sleep 1\nset queue q f@x t@x [now]\nq ^t: entry\n";
        fs::write(&config, text).expect("the configuration");
        let output = root.join("output");
        let file = fs::File::create(&output).expect("a file");
        let child = Command::new("nsenter")
            .args([
                "-m",
                "-t",
                &journald.pid().to_string(),
                PROGRAM,
                "-f",
                "--print",
                "-c",
            ])
            .arg(&config)
            .arg("--state-dir")
            .arg(root.join("state"))
            .stdin(Stdio::null())
            .stderr(file.try_clone().expect("a descriptor"))
            .stdout(file)
            .spawn()
            .expect("nsenter, as root");
        Self { child, output }
    }

    /// Waits until it has said this.
    fn says(&self, text: &str) {
        let said = poll(DEADLINE, || self.said().contains(text).then_some(()));
        assert!(said.is_some(), "waited for {text}: {}", self.said());
    }

    fn said(&self) -> String {
        fs::read_to_string(&self.output).unwrap_or_default()
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn an_entry_that_journald_copies_from_memory_is_read_once() {
    let dir = Dir::new();
    let journald = Journald::in_memory(dir.root());
    let log = |n: u32| journald.log(&format!("MESSAGE=entry {n}\nSYSLOG_IDENTIFIER=t\n"));
    (1..=5).for_each(log);
    let tenshi = Inside::start(&journald, dir.root());
    tenshi.says("1: t: entry 5\n");
    // It copies what is in memory to /var/log/journal.
    journald.signal(Signal::SIGUSR1);
    let flushed = poll(DEADLINE, || {
        journald
            .inside("run/systemd/journal/flushed")
            .exists()
            .then_some(())
    });
    assert!(flushed.is_some(), "journald does not flush");
    (6..=9).for_each(log);
    tenshi.says("1: t: entry 9\n");
    for n in 1..=9 {
        assert_eq!(
            tenshi.said().matches(&format!("1: t: entry {n}\n")).count(),
            1,
            "{}",
            tenshi.said()
        );
    }
    // A syslog daemon begins to write files.
    fs::write(
        journald.inside("var/log/syslog"),
        "Nov 29 12:00:00 h t: entry 10\n",
    )
    .unwrap();
    log(11);
    tenshi.says("reads the journal no more");
    fs::write(journald.inside("var/log/syslog.1"), "").unwrap();
    tenshi.says("1: t: entry 10\n");
    log(12);
    let line = "Nov 29 12:00:00 h t: entry 10\nNov 29 12:00:01 h t: entry 13\n";
    fs::write(journald.inside("var/log/syslog"), line).unwrap();
    tenshi.says("1: t: entry 13\n");
    assert!(!tenshi.said().contains("entry 12"), "{}", tenshi.said());
    assert!(!tenshi.said().contains("lost"), "{}", tenshi.said());
}
