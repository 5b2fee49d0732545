//! Names of hosts that strangers choose, by a real rsyslogd: names of files, in the end.

use crate::support::daemon::{Daemon, PROGRAM};
use crate::support::ports::free_port;
use crate::support::postbox::Postbox;
use crate::support::{DEADLINE, Dir, line, poll};
use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::net::UdpSocket;
use std::os::unix::ffi::OsStrExt;
use std::process::{Child, Command, Stdio};

/// An rsyslogd that receives by UDP, with a directory for each host. Killed on drop.
struct Rsyslogd {
    child: Child,
    port: u16,
}

impl Rsyslogd {
    fn start(dir: &Dir) -> Self {
        let port = free_port();
        let root = dir.root().display();
        let config = format!(
            r#"global(workDirectory="{root}")
module(load="imudp")
input(type="imudp" address="127.0.0.1" port="{port}")
template(name="hosts" type="string" string="{root}/remote/%HOSTNAME%/%PROGRAMNAME%.log")
template(name="flat" type="string" string="{root}/flat/%HOSTNAME%.log")
action(type="omfile" dynaFile="hosts" template="RSYSLOG_TraditionalFileFormat"
       dirCreateMode="0755" fileCreateMode="0644")
action(type="omfile" dynaFile="flat" template="RSYSLOG_TraditionalFileFormat"
       dirCreateMode="0755" fileCreateMode="0644")
"#
        );
        let child = Command::new("/usr/sbin/rsyslogd")
            .args(["-n", "-i", "NONE", "-f"])
            .arg(dir.write("rsyslog.conf", config))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(dir.path("rsyslogd.err")).unwrap())
            .spawn()
            .expect("needs the Debian package rsyslog");
        Self { child, port }
    }

    /// Sends a datagram of this host until its file is there, and then one with `text`.
    fn send(&self, dir: &Dir, host: &[u8], text: &str) {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let file = dir
            .path("remote")
            .join(std::ffi::OsStr::from_bytes(host))
            .join("app.log");
        let message = |text: &str| {
            let head = b"<34>1 2026-11-27T12:00:00Z ";
            [head, host, b" app - - - ", text.as_bytes()].concat()
        };
        let there = poll(DEADLINE, || {
            socket
                .send_to(&message("begin"), ("127.0.0.1", self.port))
                .ok()?;
            file.exists().then_some(())
        });
        assert!(there.is_some(), "rsyslogd did not make {}", file.display());
        socket
            .send_to(&message(text), ("127.0.0.1", self.port))
            .unwrap();
    }
}

impl Drop for Rsyslogd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `tenshi ARGUMENTS -c CONFIGURATION`: exit status and output.
fn tenshi(dir: &Dir, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(PROGRAM);
    command
        .args(arguments)
        .arg("-c")
        .arg(dir.path("tenshi.conf"));
    let output = command.output().unwrap();
    let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    (output.status.code(), text)
}

#[test]
fn the_lines_of_a_host_with_any_name_are_in_the_mail() {
    let (dir, postbox) = (Dir::new(), Postbox::open());
    for sub in ["remote", "flat"] {
        fs::create_dir(dir.path(sub)).unwrap();
    }
    let rsyslogd = Rsyslogd::start(&dir);
    rsyslogd.send(&dir, b"good", "before");
    let root = dir.root().display();
    let config = format!(
        "set logfile {root}/remote/*/*.log\nset logfile {root}/flat/*.log\nset statedir {root}/state\n\
         set sleep 1\nset mailserver 127.0.0.1:{}\nset queue a f@x.example t@x.example [now]\n\
         trash begin\na .*\n",
        postbox.port()
    );
    let mut daemon = Daemon::start(&dir, &config, &["remote/good/app.log"]);
    let hosts: [&[u8]; 9] = [
        b"h\xe9st",
        b"\xff\xfe",
        b"*",
        b"?",
        b"[a-z]*",
        b"**",
        b"$(id)",
        "日本\u{202e}".as_bytes(),
        b"good",
    ];
    let words: Vec<String> = (0..hosts.len())
        .map(|n| format!("word-{n}-of-it"))
        .collect();
    for (host, word) in hosts.iter().zip(&words) {
        rsyslogd.send(&dir, host, word);
    }
    let all = |postbox: &Postbox, words: &[String]| {
        let found = poll(DEADLINE, || {
            let text: String = postbox.mails().iter().map(|mail| mail.body()).collect();
            // Once by each pattern.
            words
                .iter()
                .all(|word| text.matches(word.as_str()).count() >= 1)
                .then_some(text)
        });
        let text: String = postbox.mails().iter().map(|mail| mail.body()).collect();
        assert!(found.is_some(), "{text}");
    };
    all(&postbox, &words);
    let (status, text) = tenshi(&dir, &["status", "--check"]);
    assert!(status == Some(0) && text.starts_with("TENSHI OK"), "{text}");
    let (status, text) = tenshi(&dir, &["-C"]);
    assert!(status == Some(0) && !text.contains("warning:"), "{text}");
    let (status, text) = tenshi(&dir, &["status"]);
    assert!(status == Some(0), "{text}");
    for shown in [
        "/h\\xE9st/app.log",
        "/\\xFF\\xFE.log",
        "/日本\\u{202E}/app.log",
        "/**.log",
    ] {
        assert!(text.contains(shown), "{shown}: {text}");
    }
    let (_, text) = tenshi(&dir, &["status", "--json"]);
    let status: serde_json::Value = serde_json::from_str(&text).unwrap();
    let paths = status["files"].as_array().unwrap().iter();
    let paths: BTreeSet<&str> = paths.map(|file| file["path"].as_str().unwrap()).collect();
    assert_eq!(paths.len(), 2 * hosts.len(), "{paths:?}");
    // It ends well, and the next start goes on where this one ended.
    daemon.finish();
    let before = postbox.mails().len();
    let more: Vec<String> = words.iter().map(|word| format!("{word}-again")).collect();
    for (host, word) in hosts.iter().zip(&more) {
        rsyslogd.send(&dir, host, word);
    }
    let mut daemon = Daemon::start(&dir, &config, &["remote/good/app.log"]);
    all(&postbox, &more);
    daemon.finish();
    let mails = postbox.mails();
    let counts = mails[before..].iter().flat_map(|mail| mail.counts());
    let entries: Vec<_> = counts.flat_map(|(_, entries)| entries).collect();
    for word in &more {
        // Once by each pattern.
        let of_it = entries
            .iter()
            .filter(|entry| entry.text == format!("app {word}"));
        assert_eq!(
            of_it.map(|entry| entry.count).sum::<u64>(),
            2,
            "{word}: {entries:?}"
        );
    }
    assert!(
        entries.iter().all(|entry| entry.text.ends_with("-again")),
        "{entries:?}"
    );
    assert!(!daemon.stderr().contains("panicked"), "{}", daemon.stderr());
}

#[test]
fn a_log_of_any_name_is_mailed_kept_over_a_restart_and_shown_without_harm() {
    let (dir, postbox) = (Dir::new(), Postbox::open());
    fs::create_dir(dir.path("logs")).unwrap();
    let path = |name: &[u8]| dir.path("logs").join(std::ffi::OsStr::from_bytes(name));
    let append = |name: &[u8], text: &str| {
        let log = fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(path(name));
        log.unwrap().write_all(line("h", text).as_bytes()).unwrap();
    };
    // One by its name, others by a pattern; one of these is a terminal sequence over two lines.
    let names: [&[u8]; 4] = [b"l\xe9g", b"evil\n\x1b[31m.log", b"\xff.log", b"good.log"];
    names.iter().for_each(|name| append(name, "old"));
    let root = dir.root().as_os_str().as_bytes();
    let list = [
        &b"set logfile "[..],
        root,
        b"/logs/l\xe9g\nset logfile ",
        root,
        b"/logs/*.log\n",
    ];
    dir.write("logs.conf", list.concat());
    let config = format!(
        "include {root}/logs.conf\nset statedir {root}/state\nset sleep 1\n\
         set mailserver 127.0.0.1:{}\nset queue a f@x.example t@x.example [now]\na .*\n",
        postbox.port(),
        root = dir.root().display(),
    );
    let mut daemon = Daemon::start(&dir, &config, &["logs/good.log"]);
    let mut told = String::new();
    let text =
        |postbox: &Postbox| -> String { postbox.mails().iter().map(|mail| mail.body()).collect() };
    for round in 0..2 {
        for (n, name) in names.iter().enumerate() {
            append(name, &format!("line {n} of round {round}"));
        }
        let all = || {
            let text = text(&postbox);
            (0..names.len())
                .all(|n| text.contains(&format!("line {n} of round {round}")))
                .then_some(())
        };
        assert!(
            poll(DEADLINE, all).is_some(),
            "{} {}",
            text(&postbox),
            daemon.stderr()
        );
        let (status, shown) = tenshi(&dir, &["status", "--check"]);
        assert_eq!(status, Some(0), "{shown}");
        let (_, shown) = tenshi(&dir, &["status"]);
        assert!(
            shown.contains("/logs/l\\xE9g: ") && shown.contains("/evil\\x0A\\x1B[31m.log: "),
            "{shown}"
        );
        daemon.finish();
        told += &daemon.stderr();
        if round == 1 {
            // What is lost of it is told in the next report.
            append(names[1], "lost");
            fs::remove_file(path(names[1])).unwrap();
        }
        daemon = Daemon::start(&dir, &config, &["logs/good.log"]);
    }
    append(names[3], "the last");
    let last = poll(DEADLINE, || {
        text(&postbox).contains("the last").then_some(())
    });
    assert!(last.is_some(), "{}", daemon.stderr());
    daemon.finish();
    told += &daemon.stderr();
    let text = text(&postbox);
    for (n, round) in (0..names.len()).flat_map(|n| [(n, 0), (n, 1)]) {
        assert_eq!(
            text.matches(&format!("1: line {n} of round {round}"))
                .count(),
            1,
            "{text}"
        );
    }
    assert!(!text.contains("old"), "{text}");
    assert!(
        told.contains("evil\\x0A\\x1B[31m.log: the file that was being read is gone"),
        "{told}"
    );
    assert!(
        text.contains("evil\\x0A\\x1B[31m.log: the file that was being read is gone"),
        "{text}"
    );
    for shown in [told, text] {
        assert!(
            !shown.contains('\u{1b}') && !shown.contains("31m.log\n"),
            "{shown}"
        );
    }
}
