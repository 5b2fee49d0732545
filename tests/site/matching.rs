//! `tenshi match` as a user meets it.

use std::process::{Command, Output};

use crate::support::daemon::PROGRAM;
use crate::support::with_input;

/// Runs `tenshi match` with `input` on standard input.
fn matching(words: &[&str], input: &[u8]) -> Output {
    with_input(Command::new(PROGRAM).arg("match").args(words), input).0
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn each_line_is_shown_with_its_groups_and_its_mask() {
    let output = matching(
        &[r"^sshd: user (\w+)(?: from (\S+))?$"],
        b"sshd: user bob from 1.2.3.4\nsshd: user eve\nsshd: no\xff",
    );
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(err(&output), "");
    insta::assert_snapshot!(out(&output), @r"
    engine: regex (linear time)
    line: sshd: user bob from 1.2.3.4
      match: 0-27 `sshd: user bob from 1.2.3.4`
      group 1: 11-14 `bob`
      group 2: 20-27 `1.2.3.4`
      masked: sshd: user ______ from ______
    line: sshd: user eve
      match: 0-14 `sshd: user eve`
      group 1: 11-14 `eve`
      group 2: took no part
      masked: sshd: user ______
    line: sshd: no\xff
      no match
    ");
}

#[test]
fn files_are_read_one_after_the_other_and_the_mask_is_free() {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let (one, two) = (file("one", "a1\n"), file("two", "b2\nc\n"));
    let output = matching(&["--mask", "*", r"(?<=[ab])(\d)", &one, &two], b"d4\n");
    assert_eq!(output.status.code(), Some(0));
    let text = out(&output);
    assert!(text.starts_with("engine: fancy-regex"), "{text}");
    assert!(
        text.contains("masked: a*\n") && text.contains("masked: b*\n"),
        "{text}"
    );
    assert_eq!(text.matches("line: ").count(), 3, "{text}");
    assert!(err(&output).contains("for look-behind"), "{}", err(&output));
    let output = matching(&["b", &one, "/none/such", &two], b"");
    assert_eq!(output.status.code(), Some(2), "a file that cannot be read");
    assert!(out(&output).contains("line: b2\n  match: 0-1 `b`"));
    assert!(err(&output).contains("/none/such: No such file"));
}

#[test]
fn the_exit_status_is_that_of_grep() {
    let mut checked = 0;
    for (regex, input, status) in [
        ("a", "b\na\n", 0),
        ("a", "b\n", 1),
        ("a", "", 1),
        ("(a", "a\n", 2),
        ("(?R)", "a\n", 2),
    ] {
        let output = matching(&[regex], input.as_bytes());
        assert_eq!(output.status.code(), Some(status), "{regex} on {input:?}");
        checked += 1;
    }
    assert_eq!(checked, 5);
    assert_eq!(matching(&[], b"").status.code(), Some(2), "no regex");
}

#[test]
fn a_pattern_that_is_refused_or_odd_is_pointed_at() {
    let output = matching(&[r"^a (?:b|+c)"], b"");
    insta::assert_snapshot!(err(&output), @r"
    tenshi: error: Perl does not accept this: nothing for `+` to repeat
        ^a (?:b|+c)
                ^
    hint: write `\+` for the character
    ");
    let output = matching(&[r"repeated (\\d+) times"], b"repeated 3 times\n");
    assert_eq!(output.status.code(), Some(1));
    assert!(err(&output).contains("note: "), "{}", err(&output));
}

#[test]
fn pairs_are_answered_in_the_form_in_which_they_came() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("pairs.tsv");
    let rows = "# regex\tsubject\nx(a)?(b)\txb\tmore\nhex:5cc3a9\t\\xc3\\xA9\na\tb\\t\\\\\\n\n\
                (?R)\ta\n#(a)\t#a\n^(?:(a+)+(?!b)x\\1?)+$\taaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaax!\n";
    std::fs::write(&path, rows).unwrap();
    let output = matching(&["--pairs", path.to_str().unwrap()], b"");
    assert_eq!(
        (output.status.code(), err(&output)),
        (Some(0), String::new())
    );
    assert_eq!(
        out(&output),
        "x(a)?(b)\txb\t0-2,-,1-2\nhex:5cc3a9\t\\xc3\\xA9\t0-2\na\tb\\t\\\\\\n\tnomatch\n\
         (?R)\ta\trefuse\n#(a)\t#a\t0-2,1-2\n\
         ^(?:(a+)+(?!b)x\\1?)+$\taaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaax!\tlimit\n"
    );
    for bad in ["a", "a\t\\q", "hex:4\ta", "a\t\\x4"] {
        std::fs::write(&path, format!("{bad}\nb\tb\n")).unwrap();
        let output = matching(&["--pairs", path.to_str().unwrap()], b"");
        assert_eq!(output.status.code(), Some(2), "{bad}");
        assert!(
            err(&output).contains("pairs.tsv:1: not a pair"),
            "{bad}: {}",
            err(&output)
        );
        assert_eq!(
            out(&output),
            "b\tb\t0-1\n",
            "the rest is answered all the same"
        );
    }
}
