//! News as a user has them: old logs are learnt, the running daemon takes them in, reports tell what is new, and
//! `tenshi news` shows it.

use std::io::Write;
use std::process::{Command, Output};

use chrono::{Local, TimeDelta};
use flate2::Compression;
use flate2::write::GzEncoder;
use nix::sys::signal::Signal;

use crate::support::daemon::{Daemon, PROGRAM};
use crate::support::postbox::Postbox;
use crate::support::{DEADLINE, Dir, NEVER, conf, line, poll};

const RULES: &str = "c ^app: (\\d+)\nc .*\n";

struct Site {
    dir: Dir,
    postbox: Postbox,
}

impl Site {
    fn new() -> Self {
        let (dir, postbox) = (Dir::new(), Postbox::open());
        dir.write("log", "");
        Self { dir, postbox }
    }

    fn config(&self, settings: &str) -> String {
        let state = self.dir.path("state");
        let rest = format!(
            "set statedir {}\n{settings}set queue c f@x.example c@x.example {NEVER}\n{RULES}",
            state.display()
        );
        conf(&self.dir, self.postbox.port(), &rest)
    }

    fn start(&self, settings: &str) -> Daemon {
        Daemon::start(&self.dir, &self.config(settings), &["log"])
    }

    /// A command with the daemon's configuration.
    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(PROGRAM);
        let command = command.args(arguments).current_dir(self.dir.root());
        command
            .args(["-c", "tenshi.conf"])
            .output()
            .expect("it runs")
    }

    /// Has all reports sent. Gives the text of the last one.
    fn report(&self, daemon: &Daemon) -> String {
        let before = self.postbox.mails().len();
        daemon.signal(Signal::SIGUSR2);
        let mails = self.postbox.wait(before + 1);
        mails.last().expect("a mail").body()
    }
}

/// A line of ten days ago.
fn old(host: &str, text: &str) -> String {
    let day = (Local::now() - TimeDelta::days(10)).format("%Y-%m-%d");
    format!("{day}T12:00:00+00:00 {host} {text}\n")
}

fn text(output: &Output) -> String {
    let all = [&output.stdout[..], &output.stderr[..]].concat();
    String::from_utf8_lossy(&all).into_owned()
}

#[test]
fn what_is_learnt_is_no_news_and_what_was_told_is_shown() {
    let site = Site::new();
    let mut daemon = site.start("set news on\n");
    let lines = [
        old("web1", "app: 17"),
        old("web1", "kernel: usual"),
        old("db1", "kernel: usual"),
    ];
    site.dir.write("old", lines.concat());
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed
        .write_all(old("db1", "cron: rare").as_bytes())
        .expect("packed");
    site.dir.write("old.gz", packed.finish().expect("packed"));
    let learnt = site.run(&["learn", "old", "old.gz"]);
    assert!(learnt.status.success(), "{}", text(&learnt));
    assert!(
        text(&learnt).contains("4 lines are learnt: 3 kinds, 2 hosts."),
        "{}",
        text(&learnt)
    );
    // A second log is added to what was not taken in yet.
    site.dir.write("older", old("mail1", "postfix: usual"));
    let learnt = site.run(&["learn", "older"]);
    assert!(
        text(&learnt).contains("1 lines are learnt: 4 kinds, 3 hosts."),
        "{}",
        text(&learnt)
    );
    daemon.signal(Signal::SIGHUP);
    daemon.wait_stderr("old logs are learnt: 4 kinds of lines, 3 hosts");
    let taken = poll(DEADLINE, || {
        (!site.dir.path("state/tenshi.learnt").exists()).then_some(())
    });
    assert!(taken.is_some(), "a commit holds it");
    site.dir.append("log", line("db1", "kernel: usual"));
    site.dir.append("log", line("db1", "cron: rare"));
    site.dir.append("log", line("web1", "app: 4711"));
    site.dir.append("log", line("web1", "kernel: odd"));
    site.dir.append("log", line("mail1", "kernel: usual"));
    let report = site.report(&daemon);
    let block: Vec<&str> = report
        .lines()
        .filter(|line| line.contains(" kernel: "))
        .collect();
    assert!(
        block[0].starts_with("    web1: 1: kernel: odd  "),
        "{report}"
    );
    assert!(
        report.contains("1 kind never seen at this site, 1 new to its host ***"),
        "{report}"
    );
    daemon.finish();
    let shown = text(&site.run(&["news"]));
    assert!(
        shown.contains("5 kinds of lines and 3 hosts are known, since "),
        "{shown}"
    );
    assert!(
        shown.contains(" c: never seen: web1: 1: kernel: odd\n"),
        "{shown}"
    );
    assert!(
        shown.contains(" c: new to its host: mail1: 1: kernel: usual (known from "),
        "{shown}"
    );
    let of_host = text(&site.run(&["news", "--host", "mail1"]));
    assert!(
        of_host.contains("new to its host") && !of_host.contains("odd"),
        "{of_host}"
    );
    assert!(!text(&site.run(&["news", "--since", "2199-01-01"])).contains(" c: "));
    let json = site.run(&["news", "--json"]);
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).expect("JSON");
    assert_eq!(json[0]["why"], "never_seen");
    assert_eq!(json[0]["text"], "kernel: odd");
    assert_eq!(json[1]["known_since"].as_str().expect("a day").len(), 10);
    let status = text(&site.run(&["status"]));
    assert!(
        status.contains("\nnews: 5 kinds of lines and 3 hosts are known"),
        "{status}"
    );
    // A daemon that begins anew knows all of it.
    let mut daemon = site.start("set news on\n");
    site.dir.append("log", line("web1", "kernel: odd"));
    assert!(!site.report(&daemon).contains("***  New"));
    daemon.finish();
}

#[test]
fn logs_are_learnt_before_news_begin_too() {
    let site = Site::new();
    site.start("").finish();
    site.dir.write("tenshi.conf", site.config("set news on\n"));
    site.dir.write("old", line("h1", "usual"));
    let learnt = site.run(&["learn", "old"]);
    assert!(learnt.status.success(), "{}", text(&learnt));
    let mut daemon = site.start("set news on\n");
    site.dir.append("log", line("h1", "usual"));
    site.dir.append("log", line("h1", "strange"));
    let report = site.report(&daemon);
    assert!(report.contains("    h1: 1: strange  first "), "{report}");
    daemon.finish();
}

#[test]
fn what_cannot_be_learnt_is_told() {
    let site = Site::new();
    site.dir.write("tenshi.conf", site.config(""));
    site.dir.write("old", line("h1", "usual"));
    let off = site.run(&["learn", "old"]);
    assert_eq!(off.status.code(), Some(1));
    assert!(text(&off).contains("write `set news on`"), "{}", text(&off));
    site.start("set news on\n").finish();
    let none = site.run(&["learn", "nowhere"]);
    assert_eq!(none.status.code(), Some(1));
    assert!(
        text(&none).contains("nothing is learnt: no log could be read"),
        "{}",
        text(&none)
    );
    // What is damaged is told, and passed over.
    site.dir.write("state/tenshi.learnt", "rubbish");
    let mut daemon = site.start("set news on\n");
    daemon.wait_stderr("tenshi.learnt: the snapshot is damaged");
    daemon.finish();
}

/// Without `set news` a mail is what it always was, and the state says nothing of it.
#[test]
fn without_news_nothing_of_it_is_kept() {
    let site = Site::new();
    let mut daemon = site.start("");
    site.dir.append("log", line("h1", "one"));
    assert!(site.report(&daemon).contains("\nh1: \n    1: one\n"));
    daemon.finish();
    let state = tenshi::state::read(&site.dir.path("state")).expect("a state");
    assert_eq!(state.news, tenshi::ledger::News::default());
    assert!(text(&site.run(&["news"])).contains("nothing is known yet"));
    assert!(!text(&site.run(&["status"])).contains("news:"));
}
