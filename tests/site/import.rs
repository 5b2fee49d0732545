//! `tenshi import logcheck`, on the rules of Debian's package logcheck-database.

use std::ffi::OsStr;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use bstr::ByteSlice;
use tenshi::analysis::shadows;
use tenshi::config::parse_bytes;
use tenshi::import::{Import, Imported, Kind};
use tenshi::pattern::{Found, Inclusion, Language, Pattern};
use tenshi::record::MessageText;

use crate::support::daemon::PROGRAM;
use crate::support::random::Random;
use crate::support::{seed, subjects, torture};

#[path = "../perl/corpora/fetch.rs"]
mod fetch;

const CONF: &str = "set mailserver localhost\nset logfile /var/log/syslog\nset hidepid on\n\
                    set queue misc f@x.example t@x.example [now] misc\n\
                    set queue report f@x.example t@x.example [now] report\n";

/// The directory of logcheck's rules, on this machine or in the package.
fn logcheck() -> PathBuf {
    let installed = Path::new("/etc/logcheck");
    match installed.join("ignore.d.server").is_dir() {
        true => installed.to_owned(),
        false => fetch::package("logcheck-database").join("etc/logcheck"),
    }
}

fn rules(hidepid: bool) -> Import {
    Import::read(&logcheck(), hidepid).unwrap()
}

fn import(dir: &Path, words: &[&str]) -> Output {
    std::fs::write(dir.join("t.conf"), CONF).unwrap();
    Command::new(PROGRAM)
        .args(["import", "logcheck", "-c", "t.conf"])
        .args(words)
        .current_dir(dir)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The number of rules of these queues in a file.
fn count(file: &str, queue: &str) -> usize {
    file.lines()
        .filter(|line| line.starts_with(&format!("{queue} ")))
        .count()
}

#[test]
fn the_rules_of_this_machine_pass_the_check() {
    let dir = tempfile::tempdir().unwrap();
    let rules_of = logcheck();
    let output = import(
        dir.path(),
        &[rules_of.to_str().unwrap(), "--write", "imported"],
    );
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{told}");
    let file = std::fs::read(dir.path().join("imported")).unwrap();
    let file = text(&file);
    let (ignored, alerts) = (count(&file, "misc"), count(&file, "report"));
    assert!(ignored >= 1_829, "{ignored} rules of what is left out");
    assert!(alerts >= 14, "{alerts} rules of what is reported");
    assert_eq!(count(&file, "trash"), 0);
    let refused = told
        .lines()
        .filter(|line| line.contains(": not imported: "))
        .count();
    let read = rules(true);
    assert_eq!(
        (refused, ignored + alerts),
        (read.refused.len(), read.rules.len())
    );
    assert_eq!(refused + ignored + alerts, read.all());
    let conf = format!("{CONF}include imported\n");
    std::fs::write(dir.path().join("t.conf"), conf).unwrap();
    let check = Command::new(PROGRAM)
        .args(["-C", "-c", "t.conf"])
        .current_dir(dir.path())
        .output()
        .unwrap();
    assert_eq!(check.status.code(), Some(0), "{}", text(&check.stderr));
    assert!(!text(&check.stderr).contains("no `group_end`"));
}

/// The form of the file, on rules of our own.
#[test]
fn a_file_has_blocks_by_program() {
    let dir = tempfile::tempdir().unwrap();
    let own = dir.path().join("rules");
    let stamp = r"^(\w{3} [ :[:digit:]]{11}|[0-9T:.+-]{32}) [._[:alnum:]-]+";
    for (name, rules) in [
        (
            "ignore.d.server/ssh",
            vec![
                r"sshd\[[[:digit:]]+\]: session (opened|closed)$",
                r"login\[[0-9]+\]: ok",
            ],
        ),
        (
            "ignore.d.server/other",
            vec![r"sshd\[[[:digit:]]+\]: bye$", r"[a-z]+: x"],
        ),
        ("violations.d/su", vec![r"su(\[[0-9]+\])?: .*$"]),
        ("violations.ignore.d/su", vec![r"su(\[[0-9]+\])?: ok$"]),
        ("ignore.d.server/left.dpkg-old", vec!["not read"]),
    ] {
        let path = own.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let lines: Vec<String> = rules
            .iter()
            .map(|rule| format!("{stamp} {rule}\n"))
            .collect();
        std::fs::write(path, format!("# a comment\n\n{}^(x) \\1\n", lines.concat())).unwrap();
    }
    let output = import(
        dir.path(),
        &["rules", "--queue", "trash", "--alerts", "misc"],
    );
    insta::assert_snapshot!(text(&output.stdout), @r"
    # Rules of logcheck, by `tenshi import logcheck`: 6 of 10 rules of rules.
    # The lines need `set hidepid on`.

    # violations.ignore.d: what logcheck leaves out.
    group ^su:
    # violations.ignore.d/su
    trash ^su: ok$
    group_end

    # violations.d: what logcheck reports.
    group ^su:
    # violations.d/su
    misc ^su: .*$
    group_end

    # ignore.d.server: what logcheck leaves out.
    group ^sshd:
    # ignore.d.server/other
    trash ^sshd: bye$
    # ignore.d.server/ssh
    trash ^sshd: session (?:opened|closed)$
    group_end
    group ^login:
    trash ^login: ok
    group_end
    # ignore.d.server/other
    trash ^[a-z]+: x
    ");
    insta::assert_snapshot!(text(&output.stderr), @r"
    rules/violations.ignore.d/su:4: not imported: it has a back reference, and groups would be masked
        ^(x) \1
    rules/violations.d/su:4: not imported: it has a back reference, and groups would be masked
        ^(x) \1
    rules/ignore.d.server/other:5: not imported: it has a back reference, and groups would be masked
        ^(x) \1
    rules/ignore.d.server/ssh:5: not imported: it has a back reference, and groups would be masked
        ^(x) \1
    tenshi: 6 of 10 rules can be imported
    ");
}

#[test]
fn only_rules_that_take_a_line_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let from = &*logcheck().into_os_string().into_string().unwrap();
    let log = "Nov 23 21:44:00 h1 sshd[7]: Received disconnect from 10.0.0.1 port 5:11: Bye Bye [preauth]\n\
               2026-11-23T21:44:00.123456+09:00 h1 CRON[7]: (root) CMD (true)\n";
    std::fs::write(dir.path().join("log"), log).unwrap();
    let output = import(dir.path(), &[from, "--seen-in", "log"]);
    assert_eq!(output.status.code(), Some(0));
    let file = text(&output.stdout);
    assert_eq!(
        (count(&file, "misc"), count(&file, "group")),
        (2, 1),
        "{file}"
    );
    assert!(text(&output.stderr).contains(", 2 of them take a line of the logs"));
    let output = import(dir.path(), &[from, "--seen-in", "none"]);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn a_file_of_somebody_else_is_not_written_over() {
    let dir = tempfile::tempdir().unwrap();
    let from = &*logcheck().into_os_string().into_string().unwrap();
    let file = dir.path().join("mine");
    std::fs::write(&file, "misc .*\n").unwrap();
    let output = import(dir.path(), &[from, "--write", "mine"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("mine: is there, and not by `tenshi import"));
    assert_eq!(std::fs::read(&file).unwrap(), b"misc .*\n");
    // One of ours is, and a directory gets a file.
    for _ in 0..2 {
        std::fs::create_dir_all(dir.path().join("d")).unwrap();
        let output = import(dir.path(), &[from, "--write", "d"]);
        assert_eq!(output.status.code(), Some(0));
    }
    let names: Vec<_> = std::fs::read_dir(dir.path().join("d")).unwrap().collect();
    assert_eq!(names.len(), 1);
    let output = import(dir.path(), &["none"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("none: No such file"));
    let output = import(dir.path(), &["."]);
    assert!(text(&output.stderr).contains("has no rules of logcheck"));
}

/// Messages that a rule matches, and some that it may not match any more.
fn messages(rule: &Imported, random: &mut Random) -> Vec<Vec<u8>> {
    let tree = Pattern::compile(&rule.pattern).unwrap().tree();
    let mut all = Vec::new();
    for at in 0..8 {
        let mut text = subjects::from(&tree, random);
        if at % 2 == 1 {
            subjects::damage(&mut text, random);
        }
        text.retain(|byte| !matches!(byte, 0 | b'\n'));
        all.push(text);
    }
    all
}

/// The message with a process id behind its first word, if a colon stands there.
fn with_pid(message: &[u8]) -> Option<Vec<u8>> {
    let word = message.find_byte(b' ')?;
    let colon = word
        .checked_sub(1)
        .filter(|&at| message[at] == b':' && at > 0)?;
    let (before, behind) = message.split_at(colon);
    (!before.ends_with(b"]")).then(|| [before, b"[1234]", behind].concat())
}

/// Which of these lines the rule of logcheck matches, by grep.
fn grep(rule: &[u8], lines: &[Vec<u8>]) -> Vec<bool> {
    let mut child = Command::new("grep")
        .args(["-a", "-n", "-E", "-e"])
        .arg(OsStr::from_bytes(rule))
        .env("LC_ALL", "C")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut input = lines.join(&b'\n');
    input.push(b'\n');
    // grep may end before it has read all.
    let _ = child.stdin.take().unwrap().write_all(&input);
    let output = child.wait_with_output().unwrap();
    let mut matched = vec![false; lines.len()];
    for line in output.stdout.lines() {
        let number = line.split_str(":").next().unwrap().to_str().unwrap();
        matched[number.parse::<usize>().unwrap() - 1] = true;
    }
    matched
}

const HEAD: &[u8] = b"Nov 23 21:44:00 mail-3.example.org ";

/// Compares one rule with the original on made lines. The number of messages that both match.
fn compare(rule: &Imported, hidepid: bool, random: &mut Random) -> usize {
    let pattern = Pattern::compile(&rule.pattern).unwrap();
    let mut written = Vec::new();
    for message in messages(rule, random) {
        written.extend(with_pid(&message));
        written.push(message);
    }
    let lines: Vec<Vec<u8>> = written
        .iter()
        .map(|message| [HEAD, message].concat())
        .collect();
    let matched = grep(&rule.original, &lines);
    let mut both = 0;
    for (message, found) in written.iter().zip(&matched) {
        let mut room = Vec::new();
        let mut text = MessageText::new(message, hidepid, &mut room);
        let ours = pattern.is_match(text.message()) == Found::Yes;
        // With the process id hidden, the message stands for those with it and without it.
        let theirs = *found
            || hidepid && {
                let same = |other: &Vec<u8>| {
                    let (mut one, mut two) = (Vec::new(), Vec::new());
                    let mut other = MessageText::new(other, true, &mut one);
                    let mut this = MessageText::new(message, true, &mut two);
                    other.message() == this.message()
                };
                written
                    .iter()
                    .zip(&matched)
                    .any(|(other, matched)| *matched && same(other))
            };
        assert_eq!(
            ours,
            theirs,
            "{:?}:{}, hidepid {hidepid}: {}\n{}\n{}",
            rule.file,
            rule.line,
            rule.original,
            rule.pattern,
            message.as_bstr()
        );
        both += usize::from(ours);
    }
    both
}

#[test]
fn each_imported_rule_takes_the_lines_of_the_original() {
    let first = seed(1);
    let mut random = Random::new(first);
    // A grep for each rule: the usual run takes one rule of six.
    let step = if torture() { 1 } else { 6 };
    let (mut compared, mut matched) = (0, 0);
    for hidepid in [true, false] {
        let import = rules(hidepid);
        let start = usize::try_from(first).unwrap_or_default() % step;
        for rule in import.rules.iter().skip(start).step_by(step) {
            matched += usize::from(compare(rule, hidepid, &mut random) > 0);
            compared += 1;
        }
    }
    assert!(compared * step >= 2 * 1_829, "{compared}");
    // A few are for nothing that a line can have.
    assert!(
        matched * 100 >= compared * 95,
        "{matched} of {compared} match a line"
    );
}

/// The rules of logcheck that stand behind one that takes all their lines, in the order of their files: each is
/// found, and of each other rule a line is left by every rule before it.
#[test]
fn shadowed_rules_are_found_in_the_import() {
    let mut import = rules(true).rules;
    import.retain(|rule| rule.kind == Kind::Ignore);
    import.sort_by_key(|rule| (rule.file.clone(), rule.line));
    let mut text = CONF.as_bytes().to_vec();
    for rule in &import {
        text.extend([b"misc ", &rule.pattern[..], b"\n"].concat());
    }
    let config = parse_bytes(&text).config.unwrap();
    let found = shadows(&config);
    let equal = found.shadowed.iter().filter(|one| one.equal).count();
    println!("{} shadowed, {equal} equal", found.shadowed.len());
    assert!(found.shadowed.len() >= 38 && equal >= 17);
    assert!(found.impossible.is_empty(), "{:?}", found.impossible);
    assert!(found.unchecked.len() <= 1, "{:?}", found.unchecked);
    let mut random = Random::new(seed(1));
    let pattern = |at: usize| &config.rules[at].pattern;
    let mut line_of = |at: usize| {
        let tree = pattern(at).tree();
        let mut lines = (0..100).map(|_| subjects::from(&tree, &mut random));
        lines.find(|line| !line.contains(&b'\n') && pattern(at).is_match(line) == Found::Yes)
    };
    let mut checked = 0;
    for at in 0..config.rules.len() {
        let shadow = found.shadowed.iter().find(|one| one.rule.index() == at);
        let Some(line) = line_of(at) else {
            continue;
        };
        if let Some(one) = shadow {
            // No line of it is left by the rule before it.
            for line in (0..50).filter_map(|_| line_of(at)) {
                let by = pattern(one.by.index());
                assert_eq!(by.is_match(&line), Found::Yes, "{by:?} {}", line.as_bstr());
            }
            continue;
        }
        // Each rule before it leaves a line of it: this one, or the one that the comparison gives.
        for before in (0..at).filter(|&before| pattern(before).is_match(&line) == Found::Yes) {
            let [one, other] = [at, before].map(|at| Language::new(pattern(at)).unwrap());
            let Inclusion::Witness(line) = Language::included(&[&one], &[&other]) else {
                panic!("{:?} is in {:?}", pattern(at), pattern(before));
            };
            assert_eq!(
                pattern(at).is_match(&line),
                Found::Yes,
                "{}",
                line.as_bstr()
            );
            assert_eq!(
                pattern(before).is_match(&line),
                Found::No,
                "{}",
                line.as_bstr()
            );
            checked += 1;
        }
    }
    println!("{checked} pairs that overlap");
}
