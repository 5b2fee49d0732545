//! `tenshi suggest`: the rules that it prints take the lines that they were made of, whatever their order, and
//! hold no name of a user or host.

use std::process::{Command, Output};

use tenshi::config::{self, Config};
use tenshi::pattern::{Budget, Spans};
use tenshi::rules::decide;

use crate::support::daemon::PROGRAM;
use crate::support::{Dir, line, with_input};

const HEAD: &str = "set mailserver localhost\nset logfile /dev/null\nset hidepid on\n\
                    set queue critical a@localhost b@localhost [now]\n\
                    set queue report a@localhost b@localhost [0 0 1 1 *]\n\
                    set queue misc a@localhost b@localhost [0 0 1 1 *]\n";

/// Runs `tenshi suggest` with these options on the log.
fn suggest(rules: &str, options: &[&str], log: &[u8]) -> Output {
    let dir = Dir::new();
    let config = dir.write("tenshi.conf", format!("{HEAD}{rules}"));
    let mut command = Command::new(PROGRAM);
    command.args(["suggest", "-c"]).arg(&config);
    let (output, written) = with_input(command.args(options).arg("-"), log);
    written.expect("write to tenshi");
    output
}

fn printed(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

/// The rules as a configuration that has no error and no warning.
pub fn accepted(rules: &str) -> Config {
    let used = |line: &&str| {
        let queue = line
            .strip_prefix("set queue ")
            .and_then(|rest| rest.split(' ').next());
        queue.is_none_or(|queue| rules.contains(&format!("\n{queue} ^")))
    };
    let head: Vec<&str> = HEAD.lines().filter(used).collect();
    let loaded = config::parse_bytes(format!("{}\n{rules}", head.join("\n")).as_bytes());
    assert!(
        loaded.diagnostics.is_empty(),
        "{:?}\n{rules}",
        loaded.diagnostics
    );
    loaded.config.expect("a configuration")
}

/// Whether a rule takes each of the messages.
fn all_taken(rules: &str, messages: &[Vec<u8>]) {
    let config = accepted(rules);
    let mut used = std::collections::BTreeSet::new();
    for message in messages {
        let (mut spans, mut budget) = (Spans::default(), Budget::new(message.len()));
        let rule = decide(&config.rules, b"web1", message, &mut spans, &mut budget);
        assert!(
            rule.is_some(),
            "{}\n{rules}",
            String::from_utf8_lossy(message)
        );
        used.extend(rule);
    }
    let printed = rules
        .lines()
        .filter(|line| line.contains(" ^") && !line.starts_with("group"))
        .count();
    assert_eq!(used.len(), printed, "a rule takes nothing\n{rules}");
}

/// Messages of programs as they write them, each a few times with other values.
pub fn messages() -> Vec<Vec<u8>> {
    let users = ["hsato", "mkrause", "jdoe", "ptanaka", "lmeyer"];
    let mut all = Vec::new();
    for (n, user) in users.iter().enumerate() {
        let (ip, port, hex) = (
            format!("192.0.2.{}", 7 * n + 3),
            40000 + 97 * n,
            format!("4f2a{n}c9e{n}1"),
        );
        for text in [
            format!(
                "dovecot: imap-login: Login: user=<{user}>, method=PLAIN, rip={ip}, lip=198.51.100.2, mpid={port}, TLS, session=<q{hex}>"
            ),
            format!(
                "dovecot: imap({user})<{port}><q{hex}>: Disconnected: Logged out in={port} out=91{n}"
            ),
            format!(
                "haproxy: {ip}:{port} [23/Nov/2026:21:44:0{n}.123] www~ app/srv{n} 0/0/1/2{n}/3{n} 200 51{n} - - ---- 1/1/0/0/0 0/0 \"GET /x/{hex} HTTP/1.1\""
            ),
            format!(
                "haproxy: Server app/srv{n} is DOWN, reason: Layer4 timeout, check duration: 200{n}ms."
            ),
            format!(
                "openvpn: {user}/{ip}:{port} TLS: soft reset sec=360{n}/3600 bytes={port}/-1 pkts=12{n}/0"
            ),
            format!(
                "mysqld: {port} [Warning] Aborted connection {port} to db: 'shop' user: '{user}' host: '{ip}' (Got timeout reading communication packets)"
            ),
            format!(
                "kubelet: E1123 21:44:0{n}.42{n}    {port} pod_workers.go:1294] \"Error syncing pod, skipping\" err=\"failed to start container\" pod=\"web/app-{hex}\""
            ),
            format!("sssd: Failed login for {user} from {ip}"),
            format!("backup: Out of memory: Killed process {port} (rsync)"),
        ] {
            all.push(text.into_bytes());
        }
        // Shift_JIS, whose second bytes may be signs of patterns, EUC-JP and UTF-8.
        all.push(
            [
                &b"app1: "[..],
                b"\x83\x5c\x83\x74\x83\x67 \x8f\x49\x97\xb9 code=",
                port.to_string().as_bytes(),
            ]
            .concat(),
        );
        all.push(
            [
                &b"app2: "[..],
                b"\xa5\xed\xa5\xb0\xa5\xa4\xa5\xf3 ",
                ip.as_bytes(),
            ]
            .concat(),
        );
        all.push(format!("app3: ログイン失敗: {user} ({ip})").into_bytes());
        all.push(
            [
                &b"app4: \x1b[31mfailed\x1b[0m job "[..],
                port.to_string().as_bytes(),
                b"  ",
            ]
            .concat(),
        );
    }
    all
}

pub fn lines(messages: &[Vec<u8>]) -> Vec<u8> {
    let prefix = line("web1", "");
    let prefix = prefix.trim_end_matches('\n').as_bytes();
    messages
        .iter()
        .flat_map(|message| [prefix, message, b"\n"].concat())
        .collect()
}

#[test]
fn rules_take_all_lines_that_they_were_made_of() {
    let messages = messages();
    let rules = printed(&suggest("", &[], &lines(&messages)));
    all_taken(&rules, &messages);
    for name in [
        "hsato", "mkrause", "jdoe", "ptanaka", "lmeyer", "web1", "192.0.2",
    ] {
        let leaks = rules
            .lines()
            .filter(|line| !line.starts_with('#') && line.contains(name));
        assert_eq!(leaks.collect::<Vec<_>>(), Vec::<&str>::new(), "{name}");
    }
    assert!(
        rules.contains("\ncritical ^backup: Out of memory"),
        "{rules}"
    );
    assert!(rules.contains("\nreport ^sssd: Failed login"), "{rules}");
    assert!(!rules.contains("\ntrash "), "{rules}");
    assert!(
        !rules.contains("(.+)") && !rules.contains("(.*)"),
        "{rules}"
    );
}

#[test]
fn the_order_of_lines_changes_nothing() {
    let mut messages = messages();
    let first = suggest("", &[], &lines(&messages)).stdout;
    messages.reverse();
    assert_eq!(suggest("", &[], &lines(&messages)).stdout, first);
    let half = messages.len() / 2;
    messages.rotate_left(half);
    assert_eq!(suggest("", &[], &lines(&messages)).stdout, first);
}

/// Lines that a rule takes are left alone; lines that only a rule for every line takes are not.
#[test]
fn only_what_no_rule_takes_is_looked_at() {
    let messages = messages();
    let rules = printed(&suggest(
        "misc ^dovecot: \nmisc .*\n",
        &[],
        &lines(&messages),
    ));
    assert!(!rules.contains("^dovecot"), "{rules}");
    assert!(rules.contains("group ^haproxy:"), "{rules}");
    assert!(
        rules.contains("# Put them before ") && rules.contains("tenshi.conf:8:"),
        "{rules}"
    );
    let again = printed(&suggest(&rules, &[], &lines(&messages)));
    assert!(
        again.contains("group ^dovecot:") && !again.contains("group ^haproxy:"),
        "{again}"
    );
}

#[test]
fn samples_hide_names_and_masks_can_be_left_out() {
    let messages = messages();
    let rules = printed(&suggest("", &[], &lines(&messages)));
    assert!(
        rules.contains("#   sssd: Failed login for ______ from"),
        "{rules}"
    );
    for name in ["hsato", "mkrause", "jdoe", "ptanaka", "lmeyer"] {
        assert!(!rules.contains(name), "{name}: {rules}");
    }
    let rules = printed(&suggest("", &["--samples"], &lines(&messages)));
    assert!(
        !rules.contains("#   sssd: Failed login for ______"),
        "{rules}"
    );
    let rules = printed(&suggest("", &["--keep", "user,addr"], &lines(&messages)));
    assert!(
        rules.contains("^sssd: Failed login for (?:\\S+) from (?:[\\d.]+)$"),
        "{rules}"
    );
    all_taken(&rules, &messages);
}

/// A program that does not write English: its words are values, until a file names them.
#[test]
fn words_of_the_site_are_text() {
    let dir = Dir::new();
    let mut log = Vec::new();
    for (n, word) in ["verbunden", "getrennt", "gesperrt"]
        .iter()
        .cycle()
        .take(30)
        .enumerate()
    {
        log.extend(line("web1", &format!("kasse: konto {n} {word}")).into_bytes());
    }
    let rules = printed(&suggest("", &[], &log));
    assert!(!rules.contains("getrennt$"), "{rules}");
    let words = dir.write("words", "konto verbunden\ngetrennt gesperrt\n");
    let setting = format!("set suggest_words {}\n", words.display());
    let rules = printed(&suggest(&setting, &[], &log));
    for word in ["verbunden", "getrennt", "gesperrt"] {
        assert!(
            rules.contains(&format!("misc ^kasse: konto (\\d+) {word}$")),
            "{rules}"
        );
    }
    let output = suggest("set suggest_words /nonexistent/words\n", &[], &log);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("/nonexistent/words"));
}

#[test]
fn a_log_that_cannot_be_read_is_told() {
    let dir = Dir::new();
    let config = dir.write("tenshi.conf", HEAD);
    let run = |file: &str| {
        let mut command = Command::new(PROGRAM);
        command
            .args(["suggest", "-c"])
            .arg(&config)
            .arg(file)
            .output()
            .expect("run tenshi")
    };
    let output = run("/nonexistent/log");
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("/nonexistent/log"));
}

/// Runs the review of a log in `dir` with these answers.
fn review(dir: &Dir, answers: &str) -> Output {
    let mut command = Command::new(PROGRAM);
    command
        .args(["suggest", "--plain", "-c"])
        .arg(dir.path("tenshi.conf"))
        .arg("--write")
        .arg(dir.path("accepted"))
        .arg(dir.path("log"));
    let (output, written) = with_input(&mut command, answers.as_bytes());
    written.expect("write to tenshi");
    output
}

/// A program is accepted by one key; the end of the answers loses nothing, and what was asked is not asked
/// again.
#[test]
fn a_review_can_be_left_and_taken_up_again() {
    let (dir, messages) = (Dir::new(), messages());
    dir.write("tenshi.conf", HEAD);
    dir.write("log", lines(&messages));
    let file = || std::fs::read_to_string(dir.path("accepted")).expect("the accepted rules");
    let first = printed(&review(&dir, "a\n?\ns\n"));
    assert!(
        first.contains("[1/8] ") && first.contains("[3/8] "),
        "{first}"
    );
    assert!(first.contains("Written to "), "{first}");
    let begun = file();
    assert!(
        begun.starts_with("group ^") && begun.contains("\n# asked: "),
        "{begun}"
    );
    let second = printed(&review(&dir, &"a\n".repeat(6)));
    assert!(
        second.contains("[1/6] ") && second.contains("[6/6] "),
        "{second}"
    );
    assert!(file().starts_with(&begun));
    let third = printed(&review(&dir, ""));
    assert!(third.contains("No rule is left to ask about."), "{third}");
    let config = accepted(&file());
    let left = messages.iter().filter(|message| {
        let (mut spans, mut budget) = (Spans::default(), Budget::new(message.len()));
        decide(&config.rules, b"web1", message, &mut spans, &mut budget).is_none()
    });
    // The program that was skipped.
    assert!((5..=10).contains(&left.count()));
}

/// Rule by rule: another queue, another pattern, a second thought.
#[test]
fn a_review_changes_queues_and_patterns() {
    let dir = Dir::new();
    dir.write("tenshi.conf", HEAD);
    let mut log = Vec::new();
    for n in 0..6 {
        log.extend(line("web1", &format!("job: run {n} failed")).into_bytes());
        log.extend(line("web1", &format!("job: run {n} finished")).into_bytes());
        log.extend(line("web1", &format!("job: run {n} started")).into_bytes());
    }
    dir.write("log", log);
    let file = || std::fs::read_to_string(dir.path("accepted")).expect("the accepted rules");
    let answers = "l\nt\nn\nc\ne\n(\ne\n^nothing$\ne\n^job: run (\\d+) fini\nm\nu\nu\nu\n";
    let said = printed(&review(&dir, answers));
    assert!(
        said.contains("these lines say `fail`: drop them all the same"),
        "{said}"
    );
    assert!(
        said.contains("this is no pattern") && said.contains("takes 0 of 6 samples"),
        "{said}"
    );
    assert!(
        said.contains("takes 6 of 6 samples") && said.contains("Nothing was added"),
        "{said}"
    );
    assert_eq!(file(), "");
    printed(&review(&dir, "l\nc\ne\n^job: run (\\d+) fini\nm\nt\n"));
    let rules = file();
    assert!(
        rules.contains("\ncritical ^job: run (\\d+) failed$\n"),
        "{rules}"
    );
    assert!(rules.contains("\nmisc ^job: run (\\d+) fini\n"), "{rules}");
    assert!(
        rules.contains("\ntrash ^job: run (\\d+) started$\n"),
        "{rules}"
    );
    let again = printed(&review(&dir, ""));
    assert!(again.contains("No rule is left"), "{again}");
}
