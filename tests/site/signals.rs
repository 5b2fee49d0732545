//! The signals, as the manual lists them: USR1 checks the queues, USR2 sends all of them, HUP reads
//! the configuration again, TERM and INT send what is there and end.

use std::process::{Command, Stdio};

use crate::support::daemon::{Daemon, PROGRAM};
use crate::support::postbox::Postbox;
use crate::support::{DEADLINE, Dir, NEVER, conf, line, poll};
use nix::sys::signal::Signal;

/// A running daemon with the cron queue `a` (`^foo`) and the `now` queue `n` (`^now`).
struct Site {
    dir: Dir,
    postbox: Postbox,
    daemon: Daemon,
}

fn rules(name: &str) -> String {
    format!(
        "set queue {name} from@x.example {name}@x.example {NEVER}\n\
         set queue n from@x.example n@x.example [now]\n{name} ^foo\nn ^now\n"
    )
}

impl Site {
    fn start() -> Self {
        let (dir, postbox) = (Dir::new(), Postbox::open());
        dir.write("log", "");
        let daemon = Daemon::start(&dir, &conf(&dir, postbox.port(), &rules("a")), &["log"]);
        Self {
            dir,
            postbox,
            daemon,
        }
    }

    /// Writes `text` and a line for the `now` queue, whose mail tells that both were read.
    fn read(&self, text: &str) {
        let before = self.postbox.mails().len();
        self.dir
            .append("log", line("h1", text) + &line("h1", "now"));
        assert_eq!(self.postbox.wait(before + 1)[before].queue(), "n");
    }

    fn statuses(&self, queue: &str) -> Vec<Option<String>> {
        self.postbox
            .mails()
            .iter()
            .filter(|m| m.queue() == queue)
            .map(|m| m.status())
            .collect()
    }

    fn wait_for(&self, queue: &str, mails: usize) {
        let there = poll(DEADLINE, || {
            (self.statuses(queue).len() >= mails).then_some(())
        });
        assert!(
            there.is_some(),
            "queue {queue}: {:#?}",
            self.postbox.mails()
        );
    }
}

#[test]
fn term_and_int_send_all_and_end() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let mut site = Site::start();
        site.dir.append("log", line("h1", "foo"));
        site.daemon.signal(signal);
        assert!(site.daemon.wait().success(), "{signal}");
        assert_eq!(
            site.statuses("a"),
            [Some("terminating".to_owned())],
            "{signal}"
        );
    }
}

#[test]
fn usr2_sends_all_and_goes_on() {
    let mut site = Site::start();
    for round in 1..=2 {
        site.read("foo");
        site.daemon.signal(Signal::SIGUSR2);
        site.wait_for("a", round);
    }
    assert_eq!(site.statuses("a"), vec![Some("flushing".to_owned()); 2]);
    site.daemon.finish();
    assert_eq!(site.statuses("a").len(), 2, "nothing was left to send");
}

#[test]
fn usr1_sends_what_is_due_and_keeps_the_rest() {
    let mut site = Site::start();
    site.read("foo");
    site.daemon.signal(Signal::SIGUSR1);
    site.read("other");
    assert!(
        site.statuses("a").is_empty(),
        "a cron queue that is not due"
    );
    site.daemon.finish();
    assert_eq!(site.statuses("a"), [Some("terminating".to_owned())]);
}

#[test]
fn hup_sends_all_and_takes_the_new_configuration() {
    let mut site = Site::start();
    site.read("foo");
    site.dir.write(
        "tenshi.conf",
        conf(&site.dir, site.postbox.port(), &rules("b")),
    );
    site.daemon.signal(Signal::SIGHUP);
    site.wait_for("a", 1);
    site.read("foo");
    site.daemon.finish();
    assert_eq!(site.statuses("a"), [Some("reloading".to_owned())]);
    assert_eq!(site.statuses("b"), [Some("terminating".to_owned())]);
}

/// The original dies of this, after its flush.
#[test]
fn hup_with_a_bad_configuration_keeps_the_old_one() {
    let mut site = Site::start();
    site.read("foo");
    let bad = conf(&site.dir, site.postbox.port(), &rules("b")) + "b (unclosed\n";
    site.dir.write("tenshi.conf", bad);
    site.daemon.signal(Signal::SIGHUP);
    site.daemon.wait_stderr("tenshi.conf");
    site.wait_for("a", 1);
    assert!(site.daemon.alive());
    site.read("foo");
    site.daemon.finish();
    assert!(site.statuses("b").is_empty());
    let foos: u64 = site
        .postbox
        .mails()
        .iter()
        .filter(|m| m.queue() == "a")
        .flat_map(|m| m.counts().into_values().flatten())
        .map(|entry| entry.count)
        .sum();
    assert_eq!(
        foos,
        2,
        "nothing lost, nothing doubled: {:#?}",
        site.postbox.mails()
    );
}

/// A tail program of one's own gets its files when it starts: another list needs another start.
#[test]
fn hup_with_other_log_files_starts_the_own_tail_program_anew() {
    let (dir, postbox) = (Dir::new(), Postbox::open());
    let program = dir.write(
        "tail",
        "#!/bin/sh\nshift\nfor file; do echo \"Nov 23 21:44:00 h1 now $(cat $file) $$\"; done\nexec sleep 1000\n",
    );
    std::fs::set_permissions(
        &program,
        std::os::unix::fs::PermissionsExt::from_mode(0o755),
    )
    .unwrap();
    dir.write("log", "one");
    dir.write("two", "two");
    let config = conf(&dir, postbox.port(), &rules("a"));
    let config = format!("set tail {} -x\n{config}", program.display());
    let mut daemon = Daemon::start(&dir, &config, &[]);
    let text = |mail: usize| postbox.wait(mail + 1)[mail].counts()["h1"][0].text.clone();
    let first = text(0);
    assert!(first.starts_with("now one "), "{first}");
    // The same files: the program goes on.
    daemon.signal(Signal::SIGHUP);
    daemon.wait_stderr("read again");
    let (log, two) = (dir.path("log"), dir.path("two"));
    let other = config.replace(log.to_str().unwrap(), two.to_str().unwrap());
    assert_ne!(config, other);
    dir.write("tenshi.conf", other);
    daemon.signal(Signal::SIGHUP);
    let second = text(1);
    assert!(second.starts_with("now two "), "{second}");
    let old = first.rsplit(' ').next().unwrap().to_owned();
    let gone = poll(DEADLINE, || {
        (!std::path::Path::new(&format!("/proc/{old}")).exists()).then_some(())
    });
    assert!(gone.is_some(), "the old one still runs");
    daemon.finish();
    assert_eq!(postbox.mails().len(), 2, "{:#?}", postbox.mails());
}

#[test]
fn print_ends_when_nobody_reads_any_more() {
    let dir = Dir::new();
    dir.write("log", line("h1", "now one"));
    let rules = "set tail /usr/bin/tail -q -n +1 -F\nset queue n f@x t@x [now]\nn ^now\n";
    let config = dir.write("tenshi.conf", conf(&dir, 9, rules));
    let mut child = Command::new(PROGRAM)
        .args(["-f", "--print", "-c"])
        .arg(config)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let ended = poll(DEADLINE, || child.try_wait().unwrap());
    let _ = child.kill();
    assert!(ended.is_some(), "it goes on for nobody");
}
