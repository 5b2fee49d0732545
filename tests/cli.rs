//! The command line as a user meets it: what is said where, and with which exit status.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::process::{Command, Output};

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
    Command::new(env!("CARGO_BIN_EXE_tenshi"))
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
