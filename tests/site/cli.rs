//! The command line as a user meets it: what is said where, and with which exit status.

use std::process::{Command, Output};

use crate::support::daemon::PROGRAM;

const CONF: &str = "set mailserver localhost\nset logfile log\nset queue a f@x.example t@x.example [now]\na ^foo\n";

/// Runs tenshi in a fresh directory with `ok.conf` and an empty `log` in it.
fn tenshi(words: &str) -> Output {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(
        dir.path().join("ok.conf"),
        CONF.replace(
            "logfile log",
            &format!("logfile {}/log", dir.path().display()),
        ),
    )
    .unwrap();
    std::fs::write(dir.path().join("log"), "").unwrap();
    Command::new(PROGRAM)
        .args(words.split_whitespace())
        .current_dir(dir.path())
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn help_and_version_go_to_standard_output() {
    for (words, says) in [
        ("-h", "Usage: tenshi"),
        ("--help", "Usage: tenshi"),
        ("--he", "Usage: tenshi"),
        ("--version", concat!("tenshi ", env!("CARGO_PKG_VERSION"))),
    ] {
        let output = tenshi(words);
        assert_eq!(output.status.code(), Some(0), "{words}");
        assert!(text(&output.stdout).contains(says), "{words}");
        assert_eq!(text(&output.stderr), "", "{words}");
    }
}

/// The forms of the original that ended with status 0 and no message do so still.
#[test]
fn a_check_takes_every_form_of_the_original() {
    for words in [
        "-C -c ok.conf",
        "--Check --configuration ok.conf",
        "--Ch --conf ok.conf",
        "-C -c=ok.conf",
        "-C --c ok.conf",
        "-C -conf ok.conf",
        "-C --p -c ok.conf",
        "-C --pr -c ok.conf",
        "-C --P /x -c ok.conf",
        "-C --Pid=/tmp/x -c ok.conf",
        "-C -C -c none.conf -c ok.conf",
        "-C -d -c ok.conf",
        "-C -d 0 -c ok.conf",
        "-C -d 2 -c ok.conf",
        "-C -d=2 -c ok.conf",
        "-C --debug=2 -c ok.conf",
    ] {
        let output = tenshi(words);
        assert_eq!(text(&output.stderr), "", "{words}");
        assert_eq!(output.status.code(), Some(0), "{words}");
    }
}

/// The original named what it did not know and went on, with the standard configuration if need
/// be: `--version` started a daemon.
#[test]
fn what_is_not_understood_starts_nothing() {
    for words in [
        "--version=1",
        "--bogus -C -c ok.conf",
        "-x -C -c ok.conf",
        "-?",
        "-c",
        "-Cc ok.conf",
        "-C -cok.conf",
        "-C -d2 -c ok.conf",
        "-C -d foo -c ok.conf",
        "-C -c ok.conf extra args",
        "-C -- -c ok.conf",
        "--check --conf=ok.conf",
        "-C --pid=/tmp/x -c ok.conf",
        "-C --nofoo -c ok.conf",
        "-C replay -c ok.conf log",
        "replay -c ok.conf",
    ] {
        let output = tenshi(words);
        assert_eq!(output.status.code(), Some(2), "{words}");
        assert_eq!(text(&output.stdout), "", "{words}");
        assert!(!output.stderr.is_empty(), "{words}");
    }
}

/// Every subcommand and long option.
fn words_of_the_command_line() -> Vec<String> {
    let mut command = tenshi::cli::command();
    command.build();
    let mut words: Vec<String> = Vec::new();
    for part in std::iter::once(&command).chain(command.get_subcommands()) {
        words.extend(part.get_subcommands().map(|c| c.get_name().to_owned()));
        let names = part.get_arguments().filter_map(clap::Arg::get_long);
        words.extend(names.map(str::to_owned));
    }
    words.sort_unstable();
    words.dedup();
    words
}

#[test]
fn help_lists_every_command() {
    let help = text(&tenshi("--help").stdout);
    let mut checked = 0;
    for command in tenshi::cli::command().get_subcommands() {
        let line = format!("\n  {} ", command.get_name());
        assert!(help.contains(&line), "{line:?} is not in {help}");
        checked += 1;
    }
    assert!(checked >= 4, "{checked}");
    let help = text(&tenshi("status --help").stdout);
    for option in [
        "--json",
        "--check",
        "--warning <AGE>",
        "--lag-critical <SIZE>",
    ] {
        assert!(help.contains(option), "{option}: {help}");
    }
}

#[test]
fn completions_know_every_command_and_option() {
    let words = words_of_the_command_line();
    assert!(words.len() >= 20, "{words:?}");
    let mut checked = 0;
    for shell in ["bash", "zsh", "fish"] {
        let output = tenshi(&format!("completions {shell}"));
        assert_eq!(output.status.code(), Some(0), "{shell}");
        let script = text(&output.stdout);
        for word in &words {
            assert!(script.contains(word.as_str()), "{shell}: no {word}");
            checked += 1;
        }
    }
    assert_eq!(checked, 3 * words.len());
    let refused = tenshi("completions tcsh");
    assert_eq!(refused.status.code(), Some(2));
    assert!(text(&refused.stderr).contains("bash, zsh, fish"));
}

/// bash takes the script, and it completes what somebody has begun to type.
#[test]
fn bash_completes_the_command_line() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("tenshi");
    std::fs::write(&file, tenshi("completions bash").stdout).unwrap();
    let parsed = Command::new("bash").arg("-n").arg(&file).output();
    let parsed = parsed.expect("run bash");
    assert!(parsed.status.success(), "{}", text(&parsed.stderr));
    let ask = "source \"$0\"; COMP_WORDS=(tenshi $1); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); \
               last=${COMP_WORDS[-1]}; before=${COMP_WORDS[-2]}; \
               _tenshi tenshi \"$last\" \"$before\"; echo \"${COMPREPLY[*]}\"";
    let mut checked = 0;
    for (typed, want) in [
        ("sta", "status"),
        ("rep", "replay"),
        ("--stat", "--state-dir"),
        ("status --ch", "--check"),
        ("status --check --lag-w", "--lag-warning"),
        ("completions f", "fish"),
    ] {
        let output = Command::new("bash")
            .args(["-c", ask])
            .arg(&file)
            .arg(typed)
            .output();
        let output = output.expect("run bash");
        assert_eq!(
            text(&output.stdout).trim(),
            want,
            "{typed}: {}",
            text(&output.stderr)
        );
        checked += 1;
    }
    assert_eq!(checked, 6);
}

/// `-p -d`: what each rule costs, and how many lines it was tried on and matched.
#[test]
fn the_profile_shows_what_each_rule_takes() {
    let dir = tempfile::tempdir().unwrap();
    let rules =
        "group ^sshd\na ok (\\d+)\ntrash bar\ngroup_end\na ^(?:(a+)+(?!b)x\\1?)+$\na .*\na never\n";
    let config = format!("set mailserver m\nset queue a f@x.example t@x.example [now]\n{rules}");
    let path = dir.path().join("tenshi.conf");
    std::fs::write(&path, config).unwrap();
    let mut lines = String::from("junk\n");
    for text in [
        "sshd: ok 1",
        "sshd: ok 2",
        "sshd: bar",
        "sshd: x",
        &("a".repeat(40) + "x!"),
    ] {
        lines += &format!("Nov 23 21:44:00 h1 {text}\n");
    }
    let log = dir.path().join("log");
    std::fs::write(&log, lines).unwrap();
    let run = |words: &[&str]| {
        let mut command = Command::new(PROGRAM);
        command.args(words).arg("-c").arg(&path);
        command.stdin(std::fs::File::open(&log).unwrap());
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        (text(&output.stdout), text(&output.stderr))
    };
    assert_eq!(run(&["-p"]).0.lines().count(), 1);
    let told = run(&["-p", "-d"]).0;
    assert!(
        told.starts_with("[PROFILE] reached end of file: 6 lines in "),
        "{told}"
    );
    let mut checked = 0;
    for (place, tried, matched, rest) in [
        ("3:7", 5, 4, "^sshd"),
        ("4:3", 4, 2, "ok (\\d+)"),
        ("5:7", 2, 1, "bar"),
        ("7:3", 2, 0, "^(?:(a+)+(?!b)x\\1?)+$ (given up: 1)"),
        ("8:3", 2, 2, ".*"),
    ] {
        let end = format!("{}:{place}: {rest}", path.display());
        let row = told.lines().find(|line| line.ends_with(&end));
        let row = row.unwrap_or_else(|| panic!("no {end} in {told}"));
        let words: Vec<&str> = row.split_whitespace().collect();
        // seconds, share, per try, `us`, tried, matched
        assert_eq!(
            words[4..6],
            [tried.to_string(), matched.to_string()],
            "{row}"
        );
        checked += 1;
    }
    assert_eq!(checked, 5);
    assert!(told.ends_with("rules that no line came to: 1\n"), "{told}");
    let log = log.to_str().unwrap();
    let (mails, told) = run(&["replay", "-d", log]);
    assert!(
        mails.contains("    1: sshd: x\n") && !mails.contains("PROFILE"),
        "{mails}"
    );
    assert!(told.contains("[PROFILE] each rule by itself"), "{told}");
}

/// What a log is packed by is told by its first bytes: logs are renamed.
#[test]
fn a_packed_log_is_read_or_refused_by_what_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    std::fs::write(path("ok.conf"), CONF).unwrap();
    std::fs::write(path("log"), "Nov 23 21:44:00 h1 foo\n").unwrap();
    let shell = |command: &str| {
        Command::new("sh")
            .args(["-c", command])
            .env("TENSHI", PROGRAM)
            .current_dir(dir.path())
            .output()
            .unwrap()
    };
    let packed = "gzip -c log >log.gz; cp log.gz renamed; xz -c log >log.xz; cp log.xz plain; zstd -qc log >z; bzip2 -c log >b; \
                  printf '\\004\\042\\115\\030d' >log.lz4; cp log.lz4 l";
    assert!(shell(packed).status.success());
    let mut read = 0;
    for from in [
        "log",
        "log.gz",
        "renamed",
        "log.xz",
        "plain",
        "z",
        "b",
        "- <log.xz",
        "- <z",
        "- <log",
        "- <log.gz",
        "- -",
        "log - <log.gz",
        "/dev/stdin <log",
    ] {
        let output = shell(&format!("cat log | $TENSHI replay -c ok.conf {from}"));
        let count = if from == "log - <log.gz" { 2 } else { 1 };
        let (report, told) = (text(&output.stdout), text(&output.stderr));
        assert!(
            report.contains(&format!("    {count}: foo\n")),
            "{from}: {report}{told}"
        );
        assert_eq!(output.status.code(), Some(0), "{from}: {told}");
        read += 1;
    }
    for (from, says) in [
        (
            "log.lz4",
            "log.lz4: is packed by lz4, which is not read here: run `lz4 -dc log.lz4 | tenshi replay -`",
        ),
        ("l", "`lz4 -dc l | tenshi replay -`"),
        ("- <l", "`lz4 -dc FILE | tenshi replay -`"),
    ] {
        let output = shell(&format!("$TENSHI replay -c ok.conf {from}"));
        assert!(
            text(&output.stderr).contains(says),
            "{from}: {}",
            text(&output.stderr)
        );
        assert_eq!(
            (text(&output.stdout).as_str(), output.status.code()),
            ("", Some(1)),
            "{from}"
        );
        read += 1;
    }
    for (from, says, status) in [
        ("- <log.gz", "line: Nov 23 21:44:00 h1 foo\n", 0),
        ("renamed", "line: Nov 23 21:44:00 h1 foo\n", 0),
        ("z", "line: Nov 23 21:44:00 h1 foo\n", 0),
        ("l", "`lz4 -dc l | tenshi match REGEX -`", 2),
    ] {
        let output = shell(&format!("$TENSHI match foo {from}"));
        let all = text(&output.stdout) + &text(&output.stderr);
        assert!(all.contains(says), "{from}: {all}");
        assert_eq!(output.status.code(), Some(status), "{from}");
        read += 1;
    }
    let output = shell(
        "$TENSHI -p -c ok.conf <log.gz; $TENSHI -p -c ok.conf <log.xz; $TENSHI -p -c ok.conf <l",
    );
    assert!(
        text(&output.stdout).matches("file: 1 lines").count() == 2,
        "{}",
        text(&output.stdout)
    );
    assert!(text(&output.stderr).contains("`lz4 -dc FILE | tenshi -p`"));
    assert_eq!((output.status.code(), read), (Some(1), 21));
}
