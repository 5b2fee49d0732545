//! `tenshi packs`: which rule files fit a log, and the links to them.

use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::support::daemon::PROGRAM;
use crate::support::{Dir, with_input};

fn files() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("etc/includes-available")
}

/// A machine with the installed configuration, and no rule file linked.
struct Site {
    dir: Dir,
    conf: PathBuf,
}

impl Site {
    /// `edit` changes the text of the configuration.
    fn new(edit: impl FnOnce(String) -> String) -> Self {
        let dir = Dir::new();
        fs::create_dir(dir.path("active")).unwrap();
        let text = include_str!("../../etc/tenshi.conf");
        let active = dir.path("active").display().to_string();
        let text = text.replace("/etc/tenshi/includes-active", &active);
        let log = dir.write("syslog", "");
        let text = text.replace("/var/log/syslog", &log.display().to_string());
        let text = text.replace("set logfile /var/log/auth.log\n", "");
        let conf = dir.write("tenshi.conf", edit(text));
        Self { dir, conf }
    }

    fn packs(&self, words: &[&str]) -> (i32, String, String) {
        self.run(words, &[])
    }

    fn run(&self, words: &[&str], input: &[u8]) -> (i32, String, String) {
        let mut command = Command::new(PROGRAM);
        command
            .arg("packs")
            .args(words)
            .arg("-c")
            .arg(&self.conf)
            .arg("--from")
            .arg(files());
        let (output, written) = with_input(&mut command, input);
        written.unwrap();
        let Output {
            status,
            stdout,
            stderr,
        } = output;
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (status.code().unwrap(), text(stdout), text(stderr))
    }

    fn linked(&self) -> Vec<String> {
        let entries = fs::read_dir(self.dir.path("active")).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }
}

const LOG: &str = "\
Nov  3 06:00:00 alpha sshd[1]: Failed password for anna from 192.0.2.1 port 22 ssh2
Nov  3 06:00:01 alpha sshd[2]: Received disconnect from 192.0.2.1 port 22:11: Bye [preauth]
Nov  3 06:00:02 alpha sshd[3]: a message that nobody knows
2026-11-03T06:00:03.123456+01:00 alpha CRON[4]: (root) CMD (true)
Nov  3 06:00:04 alpha postfix/smtpd[5]: connect from unknown[192.0.2.1]
Nov  3 06:00:05 alpha postfix/qmgr[6]: ABC: removed
Nov  3 06:00:06 alpha app[7]: no space left on device
Nov  3 06:00:07 alpha app[8]: well
";

#[test]
fn what_each_file_would_take_is_counted() {
    let site = Site::new(|text| text);
    let log = site.dir.write("a.log", LOG);
    let (status, out, err) = site.packs(&[log.to_str().unwrap()]);
    assert_eq!((status, err.as_str()), (0, ""), "{out}");
    let want = "\
8 lines. No rule takes 7 of them, or only one that takes everything.

     takes of lines  file     into
         2        2  postfix  trash 2
                              of postfix/qmgr, postfix/smtpd
         2        3  sshd     report 1, trash 1
         1        1  cron     trash 1
                              of CRON

3 files fit: together 5 lines, 62.5 % of all.
To link them: tenshi packs --link. To link some of them, name them behind it.
";
    assert_eq!(out, want);
    assert!(site.linked().is_empty());
}

/// The counts are equal from the followed logs, compressed, by standard input, and in any order of the lines.
#[test]
fn every_way_to_give_a_log_counts_the_same() {
    let site = Site::new(|text| text);
    let log = site.dir.write("a.log", LOG);
    let want = site.packs(&[log.to_str().unwrap()]);
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(LOG.as_bytes()).unwrap();
    let packed = packed.finish().unwrap();
    assert_eq!(site.run(&["-"], LOG.as_bytes()), want);
    assert_eq!(site.run(&["-"], &packed), want);
    let packed = site.dir.write("b", packed);
    assert_eq!(site.packs(&[packed.to_str().unwrap()]), want);
    let mut back: Vec<&str> = LOG.lines().rev().collect();
    back.push("");
    let back = site.dir.write("back", back.join("\n"));
    assert_eq!(site.packs(&[back.to_str().unwrap()]), want);
    site.dir.write("syslog", LOG);
    assert_eq!(site.packs(&[]), want);
}

#[test]
fn the_files_that_fit_are_linked_and_nothing_is_overwritten() {
    let site = Site::new(|text| text);
    let log = site.dir.write("a.log", LOG);
    let log = log.to_str().unwrap();
    // One by name, and one that does not fit.
    let (status, out, err) = site.packs(&["--link", "cron", "vpn", log]);
    assert_eq!((status, err.as_str()), (0, ""), "{out}");
    assert!(out.contains("not linked: vpn, as it takes none"), "{out}");
    assert!(out.contains("systemctl reload tenshi"), "{out}");
    assert_eq!(site.linked(), ["cron"]);
    // Somebody's own file of that name stays, and so does a link that leads nowhere.
    symlink("/nowhere", site.dir.path("active").join("sshd")).unwrap();
    let (_, out, _) = site.packs(&["--link", "sshd", log]);
    assert!(out.contains("There already: cron, sshd."), "{out}");
    let to = fs::read_link(site.dir.path("active").join("sshd")).unwrap();
    assert_eq!(to, Path::new("/nowhere"));
    fs::remove_file(site.dir.path("active").join("sshd")).unwrap();
    fs::write(site.dir.path("active").join("sshd"), "# mine\n").unwrap();
    let (status, out, err) = site.packs(&["--link", log]);
    assert_eq!((status, err.as_str()), (0, ""), "{out}");
    assert!(out.contains("There already: cron, sshd."), "{out}");
    assert_eq!(site.linked(), ["cron", "postfix", "sshd"]);
    assert_eq!(
        fs::read(site.dir.path("active").join("sshd")).unwrap(),
        b"# mine\n"
    );
    let to = fs::read_link(site.dir.path("active").join("postfix")).unwrap();
    assert_eq!(to, files().join("postfix"));
    // Once linked they take the lines.
    let (_, out, _) = site.packs(&["--link", log]);
    assert!(out.contains("No rule takes 4 of them"), "{out}");
    assert!(out.contains("No other rule file takes any"), "{out}");
    let check = Command::new(PROGRAM)
        .arg("-C")
        .arg("-c")
        .arg(&site.conf)
        .output();
    assert!(check.unwrap().status.success());
}

#[test]
fn what_is_in_the_way_is_said() {
    let in_the_way: [(&str, &str, &str); 3] = [
        (
            "includedir ",
            "#includedir ",
            "includes no directory: write `includedir /etc/tenshi/includes-active`",
        ),
        (
            "includedir ",
            "misc .*\nincludedir ",
            "takes every line before",
        ),
        (
            "set queue report ",
            "set queue reports ",
            "the queue `report`, which",
        ),
    ];
    for (from, to, says) in in_the_way {
        let site = Site::new(|text| {
            let text = text.replace(from, to);
            text.replace("report   (?i)", "misc (?i)")
        });
        let log = site.dir.write("a.log", LOG);
        let (status, out, err) = site.packs(&["--link", log.to_str().unwrap()]);
        assert_eq!(status, 1, "{out}{err}");
        assert!(err.contains(says), "{err}");
        assert!(site.linked().is_empty(), "{out}{err}");
    }
    // Two files for the same lines: the second is not needed, unless it is named.
    let site = Site::new(|text| text);
    let log =
        "Nov  3 06:00:00 alpha kernel: [ 1.0] [UFW BLOCK] IN=eth0 OUT= SRC=192.0.2.1 PROTO=TCP\n";
    let log = site.dir.write("ufw.log", log);
    let (_, out, _) = site.packs(&["--link", log.to_str().unwrap()]);
    assert!(
        out.contains("Not needed: netfilter, whose 1 lines these take."),
        "{out}"
    );
    assert_eq!(site.linked(), ["kernel"]);
    // Without this the rules take nothing.
    let site = Site::new(|text| text.replace("set hidepid on", ""));
    let log = site.dir.write("a.log", LOG);
    let (_, out, _) = site.packs(&[log.to_str().unwrap()]);
    assert!(out.contains("need `set hidepid on`"), "{out}");
    // A log that is not there, and what may have been meant.
    let (status, _, err) = site.packs(&["--link", "shsd"]);
    assert_eq!(status, 1);
    assert!(
        err.contains("shsd: neither a log nor a rule file of "),
        "{err}"
    );
}
