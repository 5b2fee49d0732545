//! The archive as a user has it: delivered letters are kept as they were mailed, and `tenshi letters` lists them,
//! searches them and shows them.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io::Read;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Instant;

use chrono::{Local, TimeDelta, Utc};
use flate2::read::GzDecoder;
use nix::sys::signal::Signal;
use tenshi::archive::{Archive, Summary, ToKeep};
use tenshi::clock::Time;

use crate::support::daemon::{Daemon, PROGRAM};
use crate::support::postbox::Postbox;
use crate::support::random::Random;
use crate::support::sink::{Fault, Sink, Stage};
use crate::support::tmux::Tmux;
use crate::support::{DEADLINE, Dir, NEVER, conf, line, poll, torture};

/// The files of an archive, unpacked, by their paths in it.
pub fn archived(state: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let archive = state.join("archive");
    let (mut letters, mut paths) = (BTreeMap::new(), vec![archive.clone()]);
    while let Some(path) = paths.pop() {
        if path.is_dir() {
            paths.extend(
                fs::read_dir(&path)
                    .expect("a directory")
                    .map(|e| e.expect("a file").path()),
            );
        } else if path.extension() == Some(OsStr::new("gz")) {
            let mut text = Vec::new();
            let packed = fs::File::open(&path).expect("a letter");
            GzDecoder::new(packed)
                .read_to_end(&mut text)
                .expect("a whole letter");
            letters.insert(
                path.strip_prefix(&archive).expect("below it").to_owned(),
                text,
            );
        }
    }
    letters
}

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

    fn start(&self, settings: &str) -> Daemon {
        let rest = format!(
            "set statedir {}\n{settings}set queue c f@x.example c@x.example,pager:p@x.example {NEVER} Störung\n\
             set queue d f@x.example d@x.example {NEVER}\nd ^d: \nc .*\n",
            self.state().display()
        );
        let config = conf(&self.dir, self.postbox.port(), &rest);
        Daemon::start(&self.dir, &config, &["log"])
    }

    fn state(&self) -> PathBuf {
        self.dir.path("state")
    }

    /// `tenshi letters` with the daemon's configuration.
    fn letters(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(PROGRAM);
        command
            .args(["letters", "-c", "tenshi.conf"])
            .args(arguments);
        command
            .current_dir(self.dir.root())
            .output()
            .expect("it runs")
    }

    /// Has all reports sent, and waits for `mails` mails in all.
    fn report(&self, daemon: &Daemon, mails: usize) {
        daemon.signal(Signal::SIGUSR2);
        self.postbox.wait(mails);
        let kept = poll(DEADLINE, || {
            (archived(&self.state()).len() >= mails).then_some(())
        });
        assert!(kept.is_some(), "{}", daemon.stderr());
    }
}

fn text(output: &Output) -> String {
    let all = [&output.stdout[..], &output.stderr[..]].concat();
    String::from_utf8_lossy(&all).into_owned()
}

#[test]
fn each_letter_is_kept_as_it_was_mailed() {
    let site = Site::new();
    let mut daemon = site.start("set archive 400\n");
    site.dir.append("log", line("h1", "c: caf\u{e9} one"));
    site.dir.append("log", line("h2", "d: two"));
    site.report(&daemon, 3);
    site.dir.append("log", line("h1", "c: three"));
    site.report(&daemon, 5);
    daemon.finish();
    let kept = archived(&site.state());
    let mut texts: Vec<&Vec<u8>> = kept.values().collect();
    let mails = site.postbox.mails();
    let mut mailed: Vec<&Vec<u8>> = mails.iter().map(|mail| &mail.raw).collect();
    texts.sort();
    mailed.sort();
    assert_eq!(texts.len(), 5);
    assert!(texts == mailed, "byte by byte");
    for path in kept.keys() {
        let path = site.state().join("archive").join(path);
        let mode = |path: &Path| fs::metadata(path).expect("it is there").mode() & 0o7777;
        assert_eq!(mode(&path), 0o640);
        assert_eq!(mode(path.parent().expect("a month")), 0o750);
    }
    let index = kept
        .keys()
        .next()
        .expect("a letter")
        .with_file_name("index");
    let index = fs::read_to_string(site.state().join("archive").join(index)).expect("the index");
    assert_eq!(index.lines().count(), 5, "{index}");
}

#[test]
fn nothing_is_kept_without_the_directive() {
    let site = Site::new();
    let mut daemon = site.start("");
    site.dir.append("log", line("h1", "c: one"));
    daemon.signal(Signal::SIGUSR2);
    site.postbox.wait(2);
    daemon.finish();
    assert!(!site.state().join("archive").exists());
    let none = site.letters(&[]);
    assert_eq!(none.status.code(), Some(2));
    assert!(
        text(&none).contains("there is no archive"),
        "{}",
        text(&none)
    );
    assert!(
        text(&none).contains("`set archive DAYS`"),
        "{}",
        text(&none)
    );
}

/// Letters of three days, as the daemon writes them.
fn three_days(site: &Site) {
    let mut daemon = site.start("set archive 400\n");
    for (host, words) in [
        ("db1", "c: EXT4-fs error"),
        ("db1", "c: EXT4-fs error"),
        ("web1", "c: usual"),
    ] {
        site.dir.append("log", line(host, words));
    }
    site.dir.append(
        "log",
        line("web2", "d: \u{1b}]0;title\u{7} EXT4-fs was mounted"),
    );
    site.report(&daemon, 3);
    daemon.finish();
}

#[test]
fn letters_are_listed_searched_and_shown() {
    let site = Site::new();
    three_days(&site);
    let today = Local::now().format("%Y-%m-%d").to_string();
    let list = text(&site.letters(&[]));
    let rows: Vec<Vec<&str>> = list
        .lines()
        .map(|row| row.split_whitespace().collect())
        .collect();
    assert_eq!(rows.len(), 4, "{list}");
    assert_eq!(rows[0], ["DATE", "QUEUE", "LINES", "HOSTS", "SUBJECT"]);
    let of_d = rows.iter().find(|row| row[2] == "d").expect("a row");
    assert_eq!(of_d[3..], ["1", "1", "tenshi", "report", "[d]"]);
    let of_c = rows.iter().find(|row| row[2] == "c").expect("a row");
    assert_eq!(of_c[3..], ["3", "2", "Störung", "[c]"]);
    let pager = rows.iter().find(|row| row[2] == "c-2").expect("a row");
    assert_eq!(pager[3..5], ["3", "2"], "{list}");
    // By queue, host and time.
    assert_eq!(text(&site.letters(&["-q", "d"])).lines().count(), 2);
    assert_eq!(text(&site.letters(&["--host", "web1"])).lines().count(), 3);
    assert_eq!(
        text(&site.letters(&["--since", "3 weeks"])).lines().count(),
        4
    );
    assert_eq!(text(&site.letters(&["--since", &today])).lines().count(), 4);
    let none = site.letters(&["--since", "2199-01-01"]);
    assert_eq!((none.status.code(), text(&none)), (Some(1), String::new()));
    // A search counts lines of logs.
    let found = text(&site.letters(&["-g", "EXT4-fs", "-q", "c"]));
    let rows: Vec<Vec<&str>> = found
        .lines()
        .map(|row| row.split_whitespace().collect())
        .collect();
    assert_eq!(
        rows[1][2..],
        ["c", "2", "db1", "c:", "EXT4-fs", "error"],
        "{found}"
    );
    assert!(
        found.contains("\n4 lines in 2 of 2 letters: first "),
        "{found}"
    );
    let found = site.letters(&["-g", "^d: .*mounted$", "--host", "web2"]);
    assert!(
        text(&found).contains("d: \\x1B]0;title\\x07 EXT4-fs was mounted\n"),
        "{}",
        text(&found)
    );
    assert!(
        text(&found).contains("\n1 line in 1 of 1 letter: first "),
        "{}",
        text(&found)
    );
    let none = site.letters(&["-g", "nowhere"]);
    assert_eq!(none.status.code(), Some(1));
    assert_eq!(text(&none), "no line of 3 letters matches\n");
    let wrong = site.letters(&["-g", "(open"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(text(&wrong).contains("tenshi: error: "), "{}", text(&wrong));
    // One letter, by the words of the list and by its name.
    let minute = of_d[1];
    for words in [
        vec![of_d[0], minute, "d"],
        vec![&*format!("{today}-{}-d", minute.replace(':', ""))],
    ] {
        let shown = site.letters(&words);
        let shown = text(&shown);
        assert!(
            shown.starts_with("From: f@x.example\nTo: d@x.example\nDate: "),
            "{shown}"
        );
        assert!(shown.contains("\nSubject: tenshi report [d]\n"), "{shown}");
        assert!(
            shown.ends_with("\nweb2: \n    1: d: \\x1B]0;title\\x07 EXT4-fs was mounted\n"),
            "{shown}"
        );
    }
    let several = site.letters(&[&today]);
    assert_eq!(several.status.code(), Some(1));
    assert!(
        text(&several).starts_with("tenshi: 3 letters are called so:\n    "),
        "{}",
        text(&several)
    );
    let unknown = site.letters(&["2026-01-01-0000-none"]);
    assert!(
        text(&unknown).contains("there is no letter 2026-01-01-0000-none"),
        "{}",
        text(&unknown)
    );
}

#[test]
fn programs_get_json() {
    let site = Site::new();
    three_days(&site);
    let json = |arguments: &[&str]| -> serde_json::Value {
        let output = site.letters(arguments);
        serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {}", text(&output)))
    };
    let list = json(&["--json", "-q", "d"]);
    assert_eq!(
        (&list[0]["queue"], &list[0]["lines"]),
        (&"d".into(), &1.into())
    );
    assert_eq!(list[0]["hosts"], serde_json::json!(["web2"]));
    let name = list[0]["name"].as_str().expect("a name").to_owned();
    let found = json(&["--json", "-g", "EXT4-fs error"]);
    assert_eq!(
        (&found[0]["count"], &found[0]["first_line"]),
        (&2.into(), &"c: EXT4-fs error".into())
    );
    let letter = json(&["--json", &name]);
    assert_eq!(letter["to"], "d@x.example");
    assert_eq!(letter["id"], list[0]["id"]);
    assert!(
        letter["body"]
            .as_str()
            .expect("a text")
            .contains("EXT4-fs was mounted")
    );
    assert_eq!(
        json(&["--json", "--since", "2199-01-01"]),
        serde_json::json!([])
    );
}

#[test]
fn what_is_no_letter_is_not_read() {
    let site = Site::new();
    three_days(&site);
    let month = site
        .state()
        .join("archive")
        .join(Local::now().format("%Y/%m").to_string());
    symlink("/etc/passwd", month.join("01-0000-evil.txt.gz")).expect("a link");
    nix::unistd::mkfifo(
        &month.join("01-0001-fifo.txt.gz"),
        nix::sys::stat::Mode::S_IRWXU,
    )
    .expect("a fifo");
    fs::write(month.join("01-0002-\u{1b}[2J.txt.gz"), "x").expect("a file");
    fs::write(month.join("01-0003-rubbish.txt.gz"), "rubbish").expect("a file");
    fs::write(month.join("index"), "\u{1b}[2J\trubbish\n").expect("an index");
    let list = text(&site.letters(&[]));
    assert!(!list.contains('\u{1b}'), "{list}");
    assert_eq!(list.lines().count(), 7, "{list}");
    // The letters are known by their text.
    assert!(list.contains("Störung [c]"), "{list}");
    let found = site.letters(&["-g", "."]);
    assert_eq!(found.status.code(), Some(2), "{}", text(&found));
    let told = String::from_utf8_lossy(&found.stderr).into_owned();
    assert!(told.contains("-evil: it is no plain file\n"), "{told}");
    assert!(told.contains("-fifo: it is no plain file\n"), "{told}");
    assert_eq!(told.lines().count(), 3, "{told}");
    assert!(text(&found).contains(" of 6 letters: "), "{}", text(&found));
}

#[test]
fn a_letter_that_some_recipients_get_later_is_kept_once() {
    let dir = Dir::new();
    let sink = Sink::start(&[(Stage::Rcpt("late@x"), Fault::Say("451 later"))], &[]);
    dir.write("log", "");
    let rest = format!(
        "set statedir {}\nset archive 10\nset queue n f@x a@x,late@x [now]\nn .*\n",
        dir.path("state").display()
    );
    let mut daemon = Daemon::start(&dir, &conf(&dir, sink.port, &rest), &["log"]);
    dir.append("log", line("h1", "one"));
    sink.messages(1);
    sink.set(&[]);
    sink.messages(2);
    daemon.finish();
    let record = sink.record();
    assert_eq!(record.envelopes[1].1, ["late@x"]);
    let kept = archived(&dir.path("state"));
    assert_eq!(kept.len(), 1, "{kept:?}");
    assert!(kept.values().eq([&record.messages[0]]) && record.messages[0] == record.messages[1]);
}

#[test]
fn a_reload_begins_and_ends_the_archive() {
    let site = Site::new();
    let mut daemon = site.start("");
    let config = fs::read_to_string(site.dir.path("tenshi.conf")).expect("the configuration");
    site.dir
        .write("tenshi.conf", format!("{config}set archive 30\n"));
    daemon.signal(Signal::SIGHUP);
    daemon.wait_stderr("read again");
    site.dir.append("log", line("h1", "d: one"));
    site.report(&daemon, 1);
    site.dir.write(
        "tenshi.conf",
        format!("{config}set archive 30\nset archive off\n"),
    );
    daemon.signal(Signal::SIGHUP);
    let again = poll(DEADLINE, || {
        (daemon.stderr().matches("read again").count() == 2).then_some(())
    });
    assert!(again.is_some(), "{}", daemon.stderr());
    site.dir.append("log", line("h1", "d: two"));
    daemon.signal(Signal::SIGUSR2);
    site.postbox.wait(2);
    daemon.finish();
    assert_eq!(archived(&site.state()).len(), 1);
}

/// Keeps a letter of a queue `report`, made at this time.
fn keep(archive: &Archive, made: Time, subject: &str, body: &[u8]) {
    let id = format!("{}.tenshi@console", made.timestamp());
    let head = format!(
        "Date: {}\r\nSubject: {subject}\r\nMessage-ID: <{id}>\r\n\r\n",
        made.to_rfc2822()
    );
    let letter = ToKeep {
        made,
        queue: "report",
        id: &id,
        subject: subject.as_bytes(),
        summary: Summary::default(),
        content: &|out| {
            out.write_all(head.as_bytes())
                .and_then(|()| out.write_all(body))
        },
    };
    archive.keep(&letter, 400).expect("it is kept");
}

#[test]
fn on_a_terminal_there_is_a_pager_and_rows_end_at_the_edge() {
    let dir = Dir::new();
    let subject = "a subject ".repeat(20);
    keep(
        &Archive::new(dir.root()),
        Utc::now(),
        &subject,
        b"\r\nh1: \r\n    1: x\r\n",
    );
    let tmux = Tmux::start(&dir);
    let command = format!("{PROGRAM} letters --state-dir .");
    tmux.shell(&format!("PAGER='sed s/^/paged:/ >paged' {command}; echo done >ended; {command} >plain; echo all of it"));
    tmux.wait("\nall of it");
    let paged = fs::read_to_string(dir.path("paged")).expect("the pager ran");
    let rows: Vec<&str> = paged
        .lines()
        .map(|row| row.strip_prefix("paged:").expect("paged"))
        .collect();
    assert_eq!(rows.len(), 2, "{paged}");
    assert!(
        rows[1].ends_with('\u{2026}') && rows[1].chars().count() == 80,
        "{paged}"
    );
    let plain = fs::read_to_string(dir.path("plain")).expect("the output");
    assert!(
        plain.ends_with(&format!("  {}\n", subject.trim_end())),
        "{plain}"
    );
}

/// A year of letters, two a day, each of 200 lines (20 KB): with `TENSHI_TORTURE` the time is printed that a search
/// of them takes.
#[test]
fn a_year_of_letters_is_searched() {
    let days = if torture() { 365 } else { 30 };
    let dir = Dir::new();
    let archive = Archive::new(dir.root());
    let mut random = Random::new(1);
    for number in 0..2 * days {
        let made = Utc::now() - TimeDelta::hours(12 * i64::from(2 * days - number));
        let mut body = Vec::new();
        for host in 0..10 {
            body.extend_from_slice(format!("\r\nhost{host}: \r\n").as_bytes());
            for _ in 0..20 {
                let row = random.bits();
                let row = format!(
                    "    {}: daemon: event {row:x} on device {:x} was seen by the watch of {row}\r\n",
                    row % 9 + 1,
                    row >> 7
                );
                body.extend_from_slice(row.as_bytes());
            }
        }
        if number >= days {
            body.extend_from_slice(b"    2: kernel: EXT4-fs error (device ______)\r\n");
        }
        keep(&archive, made, "report", &body);
    }
    let search = |arguments: &[&str]| {
        let mut command = Command::new(PROGRAM);
        command
            .arg("letters")
            .args(arguments)
            .arg("--state-dir")
            .arg(dir.root());
        let begun = Instant::now();
        let output = command.output().expect("it runs");
        (text(&output), begun.elapsed())
    };
    let (list, listed) = search(&[]);
    assert_eq!(list.lines().count(), 2 * days as usize + 1);
    let (found, searched) = search(&["-g", "EXT4-fs error"]);
    let want = format!(
        "\n{} lines in {days} of {} letters: first ",
        2 * days,
        2 * days
    );
    assert!(found.contains(&want), "{found}");
    println!(
        "{} letters: listed in {listed:?}, searched in {searched:?}",
        2 * days
    );
}
