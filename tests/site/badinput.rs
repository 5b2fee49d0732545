//! Bad input: whatever stands in a log or a configuration, the daemon says what is wrong, goes on,
//! and loses nothing else.

use crate::support::daemon::{Daemon, PROGRAM};
use crate::support::postbox::Postbox;
use crate::support::random::Random;
use crate::support::{Dir, NEVER, conf, line, seed, torture, with_input};
use std::fs;
use std::os::unix::fs::symlink;
use std::process::{Command, Output, Stdio};

fn rules() -> String {
    format!("set queue a from@x.example a@x.example {NEVER}\na ^good\n")
}

/// Feeds `junk` between two good lines; both must be in the report, whatever became of the junk.
fn good_lines_survive(junk: &[u8]) {
    let (dir, postbox) = (Dir::new(), Postbox::open());
    dir.write("log", "");
    let mut daemon = Daemon::start(&dir, &conf(&dir, postbox.port(), &rules()), &["log"]);
    dir.append("log", line("h1", "good before"));
    dir.append("log", junk);
    dir.append("log", b"\n");
    dir.append("log", line("h1", "good after"));
    daemon.finish();
    let mails = postbox.mails();
    assert_eq!(mails.len(), 1, "{}", daemon.stderr());
    let counts = mails[0].counts();
    let texts: Vec<&str> = counts["h1"]
        .iter()
        .map(|entry| entry.text.as_str())
        .collect();
    assert_eq!(texts, ["good after", "good before"]);
}

#[test]
fn random_bytes() {
    let first = seed(1);
    for seed in first..first + if torture() { 50 } else { 1 } {
        let mut random = Random::new(seed);
        let junk: Vec<u8> = (0..200_000).map(|_| random.below(256) as u8).collect();
        good_lines_survive(&junk);
    }
}

#[test]
fn nul_bytes() {
    good_lines_survive(&[0; 100_000]);
    good_lines_survive(b"Nov 23 21:44:00 h2 \0\0text\0");
}

#[test]
fn a_line_of_a_hundred_megabytes() {
    good_lines_survive(&vec![b'x'; 100 << 20]);
}

#[test]
fn a_directory_as_log_file_costs_only_itself() {
    let (dir, postbox) = (Dir::new(), Postbox::open());
    dir.write("log", "");
    fs::create_dir(dir.path("adir")).unwrap();
    let config = format!(
        "set logfile {}\n{}",
        dir.path("adir").display(),
        conf(&dir, postbox.port(), &rules())
    );
    let mut daemon = Daemon::start(&dir, &config, &["log"]);
    dir.append("log", line("h1", "good"));
    daemon.finish();
    assert!(
        daemon.stderr().contains("adir"),
        "it is told: {}",
        daemon.stderr()
    );
    assert_eq!(postbox.mails()[0].counts()["h1"][0].count, 1);
}

/// What `tenshi -C` says to a configuration.
fn checked(dir: &Dir, config: &[u8]) -> (Output, String) {
    let path = dir.write("tenshi.conf", config);
    let output = Command::new(PROGRAM)
        .args(["-C", "-c"])
        .arg(path)
        .stdin(Stdio::null())
        .output()
        .expect("tenshi starts");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    (output, told)
}

#[test]
fn includes_that_cannot_be_read_are_named() {
    let dir = Dir::new();
    fs::create_dir(dir.path("adir")).unwrap();
    symlink(dir.path("nowhere"), dir.path("dangling")).unwrap();
    let names = ["missing", "adir", "dangling"];
    for name in names {
        let config = format!(
            "include {}\n{}",
            dir.path(name).display(),
            conf(&dir, 25, &rules())
        );
        let (output, told) = checked(&dir, config.as_bytes());
        assert!(!output.status.success(), "{name}");
        assert!(
            told.contains(name) && told.contains("tenshi.conf"),
            "{name}: {told}"
        );
    }
}

#[test]
fn random_configurations_are_refused_without_a_crash() {
    let dir = Dir::new();
    let words = [
        "set ",
        "queue ",
        "logfile ",
        "[now]",
        "[* * * * *]",
        "a ",
        "group ",
        "(",
        "\\d+",
        "\n",
        "\0",
        "é",
        "{",
    ];
    let (mut refused, first) = (0, seed(0));
    let count = if torture() { 5_000 } else { 100 };
    for seed in first..first + count {
        let mut random = Random::new(seed);
        let config: Vec<u8> = (0..60)
            .flat_map(|_| {
                if random.percent(20) {
                    vec![random.below(256) as u8]
                } else {
                    random.pick(&words).as_bytes().to_vec()
                }
            })
            .collect();
        let (output, told) = checked(&dir, &config);
        assert!(
            matches!(output.status.code(), Some(code) if code != 0 && code != 101),
            "seed {seed}: {} {told}",
            output.status
        );
        assert!(told.contains("tenshi.conf"), "seed {seed}: {told}");
        refused += 1;
    }
    assert_eq!(refused, count);
}

/// Text that nobody may get at a terminal: an escape, both forms of CSI, a carriage return, an override of the
/// direction, what has no width.
const HOSTILE: &str =
    "\u{1b}[2J\u{1b}]0;x\u{7}\u{9b}31m\r\u{202e}toor\u{2066}\u{200b}\u{feff}\u{ad}\u{e0041}";
const HARMLESS: &str =
    r"\x1B[2J\x1B]0;x\x07\xC2\x9B31m\x0D\u{202E}toor\u{2066}\u{200B}\u{FEFF}\u{AD}\u{E0041}";

/// Runs the program and gives what it prints, which must be safe on a terminal.
fn printed(words: &[&str], input: &[u8], what: &str) -> String {
    let (output, _) = with_input(Command::new(PROGRAM).args(words), input);
    let Output { stdout, stderr, .. } = output;
    let text = String::from_utf8([stdout, stderr].concat()).expect("all that is printed is UTF-8");
    let steers =
        |c: &char| (c.is_control() && !matches!(c, '\n' | '\t')) || tenshi::shown::is_unseen(*c);
    assert_eq!(text.chars().find(steers), None, "{what}: {text:?}");
    text
}

#[test]
fn nothing_that_is_printed_steers_a_terminal() {
    let dir = Dir::new();
    let rule = format!("a ^(x)?.*{HOSTILE}\na .*\n");
    let queue = format!("set queue a f@x t@x {NEVER} subject {HOSTILE}\n");
    let rest = format!("{queue}{rule}set limit {HOSTILE}5\n");
    let wrong = dir.write(
        "wrong.conf",
        format!("{rest}set {HOSTILE}\n\u{202e} x{HOSTILE}\n"),
    );
    let config = dir.write("tenshi.conf", format!("set mailserver m\n{queue}{rule}"));
    let (config, wrong) = (config.display().to_string(), wrong.display().to_string());
    let log = [line("h1", HOSTILE), line(&format!("h{HOSTILE}"), HOSTILE)].concat();
    let file = dir.write(&format!("log{HOSTILE}"), &log);
    let (file, absent) = (file.display().to_string(), format!("/none{HOSTILE}"));
    let runs: [(&str, Vec<&str>, &str); 11] = [
        ("a report", vec!["replay", "-c", &config, &file], HARMLESS),
        (
            "a file that is not there",
            vec!["replay", "-c", &config, &absent],
            "/none\\x1B",
        ),
        (
            "what rules cost",
            vec!["-p", "-d", "-c", &config],
            "PROFILE",
        ),
        ("each rule", vec!["-C", "-d", "-c", &config], "each rule"),
        ("errors", vec!["-C", "-c", &wrong], "\\u{202E} x"),
        ("errors at a start", vec!["-f", "-c", &wrong], "\\u{202E} x"),
        (
            "a configuration that is not there",
            vec!["-C", "-c", &absent],
            "/none",
        ),
        ("a pattern", vec!["match", HOSTILE, &file], "\\u{202E}toor"),
        (
            "a wrong pattern",
            vec!["match", "(\u{202e}\u{1b}", &file],
            "\\u{202E}",
        ),
        ("a wrong option", vec!["--\u{1b}\u{202e}"], "\\x1B"),
        ("no state", vec!["status", "--state-dir", &absent], "/none"),
    ];
    for (what, words, says) in runs {
        let text = printed(&words, log.as_bytes(), what);
        assert!(text.contains(says), "{what}: {text}");
    }
}

/// No text turns a line around in the mail itself, its subject included, nor in what the daemon says with `-d`.
#[test]
fn nothing_in_a_mail_turns_a_line_around() {
    let (dir, postbox) = (Dir::new(), Postbox::open());
    dir.write("log", "");
    let rules = format!("set queue a f@x t@x {NEVER} s{HOSTILE}\na .*\n");
    let mut daemon = Daemon::start(&dir, &conf(&dir, postbox.port(), &rules), &["log"]);
    dir.append("log", line("h1", &format!("user {HOSTILE}")));
    dir.append("log", line("h1", "plain \u{65e5}\u{672c}"));
    daemon.finish();
    let mails = postbox.mails();
    let body = mails[0].body();
    assert!(
        body.contains(&format!("    1: user {HARMLESS}\n")),
        "{body}"
    );
    assert!(body.contains("    1: plain \u{65e5}\u{672c}\n"), "{body}");
}

/// A name is shown by `shown_path` alone, which escapes what steers a terminal, and is never taken for
/// UTF-8 where it is used.
#[test]
fn no_source_shows_a_file_name_as_it_is() {
    let mut rooms = vec![std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    let mut found = Vec::new();
    while let Some(room) = rooms.pop() {
        for entry in fs::read_dir(&room).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                rooms.push(path);
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            let test = ["tests", "model.rs"]
                .iter()
                .any(|name| path.to_string_lossy().contains(name));
            let program = text.split("#[cfg(test)]\nmod ").next().filter(|_| !test);
            let bad = [".display()", ".to_string_lossy()"];
            let lines = (1..).zip(program.unwrap_or_default().lines());
            let lines = lines.filter(|(_, line)| bad.iter().any(|word| line.contains(word)));
            found
                .extend(lines.map(|(number, line)| format!("{}:{number}: {line}", path.display())));
        }
    }
    assert!(found.is_empty(), "write shown_path(&name): {found:#?}");
}

/// Long lines and invented hosts have a bound in bytes: what is over it is counted, and said in the report.
#[test]
fn what_a_queue_holds_has_a_bound_in_bytes() {
    let dir = Dir::new();
    let config =
        format!("set mailserver m\nset max_memory 1M\nset queue a f@x t@x {NEVER}\na .*\n");
    let config = dir.write("tenshi.conf", config).display().to_string();
    let long = "x".repeat(60_000);
    let lines: String = (0..200)
        .map(|n| line("h1", &format!("{n} {long}")))
        .collect();
    let hosts: String = (0..9_000)
        .map(|n| line(&format!("invented{n}"), "a line"))
        .collect();
    let log = dir.write("log", lines + &hosts).display().to_string();
    let report = printed(&["replay", "-c", &config, &log], b"", "the report");
    let after = |words: &str| -> u64 {
        let rest = report.split_once(words).expect(words).1;
        rest.split_once(" other lines").unwrap().0.parse().unwrap()
    };
    let kept = report.matches("\n    1: ").count() as u64;
    let own = report.split_once("\nh1: \n").expect("the host").1;
    let lines = own.split_once("\n  *** and ").expect("other lines").1;
    let lines: u64 = lines.split_once(" other").unwrap().0.parse().unwrap();
    let hosts = after("[other hosts]: \n\n  *** and ");
    assert!(report.contains("are counted for their host only") || report.contains("max_memory"));
    assert_eq!((lines, hosts, kept), (182, 9_000, 18));
    assert!(report.len() < 2 << 20);
}
