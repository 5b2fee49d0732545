//! Forms of the command line, the original's and ours.

use std::path::PathBuf;

use super::getopt::{LONG, ORIGINAL, long_name};
use super::*;

fn read(line: &str) -> Result<Command, Exit> {
    let words = std::iter::once("tenshi").chain(line.split_whitespace());
    parse(words.map(OsString::from))
}

fn run(line: &str) -> RunArgs {
    match read(line) {
        Ok(Command::Run(args)) => args,
        other => panic!("{line}: {other:?}"),
    }
}

#[test]
fn the_originals_forms_are_all_taken() {
    let forms = [
        "-c x",
        "-c=x",
        "--c x",
        "--configuration x",
        "--configuration=x",
        "--conf x",
        "--conf=x",
        "-conf x",
        "-configuration=x",
    ];
    for form in forms {
        assert_eq!(run(form).config, PathBuf::from("x"), "{form}");
    }
    assert_eq!(run("").config, PathBuf::from("/etc/tenshi/tenshi.conf"));
    for form in ["-C -c ok", "--Check --conf ok", "--Ch -conf=ok"] {
        let want = Command::Check {
            config: "ok".into(),
            debug: 0,
        };
        assert_eq!(read(form), Ok(want), "{form}");
    }
    assert!(run("--for").foreground && run("-f").foreground && run("-foreground").foreground);
    assert_eq!(run("-P /run/x").pid_file, Some("/run/x".into()));
    assert!(matches!(read("-p"), Ok(Command::Profile { .. })));
}

/// `--pr` began one option of the original, and must not clash with our `--print`.
#[test]
fn our_options_take_no_abbreviation_away() {
    assert!(LONG[ORIGINAL - 1].0 == "Pid" && LONG[ORIGINAL].0 == "print");
    let mut checked = 0;
    for (name, kind) in &LONG[..ORIGINAL] {
        for end in 1..=name.len() {
            let found = long_name(&name[..end], true).expect("the original takes it");
            assert!(found == (*name, *kind), "{}", &name[..end]);
            checked += 1;
        }
    }
    assert_eq!(checked, 47);
    assert!(run("--pri").print);
}

#[test]
fn the_last_of_an_option_given_twice_counts() {
    assert_eq!(run("-c a -c b").config, PathBuf::from("b"));
    assert_eq!(run("-d 2 -d").debug, 1);
    assert!(run("-f -f").foreground);
    assert!(matches!(read("-C --Check"), Ok(Command::Check { .. })));
}

#[test]
fn a_debug_level_may_be_left_out() {
    for (form, level) in [
        ("-d", 1),
        ("-d 0", 1),
        ("-d 2", 2),
        ("--deb=2", 2),
        ("-d -f", 1),
        ("-f", 0),
    ] {
        assert_eq!(run(form).debug, level, "{form}");
    }
}

#[test]
fn what_has_no_meaning_is_refused() {
    for form in [
        "--check", "--pid x", "--foo", "-c", "stray", "-Cc", "-d2", "-cx", "-x", "-?",
    ] {
        let exit = read(form).expect_err(form);
        assert!(exit.error && exit.status == 2, "{form}: {exit:?}");
    }
    for (form, says) in [
        ("--check", "did you mean --Check?"),
        ("--pid=x", "did you mean --Pid?"),
        ("-d2", "did you mean -d 2?"),
        ("-cok.conf", "did you mean -c ok.conf?"),
        ("-Cc x", "did you mean -C -c?"),
        ("-x", "--help lists"),
        ("-C extra args", "extra is neither"),
        ("-d foo", "foo is neither"),
        ("-P x replay a", "-P does not go with replay"),
        ("-C replay a", "-C does not go with replay"),
        ("-f match a", "-f does not go with match"),
    ] {
        let text = read(form).expect_err(form).text;
        assert!(text.contains(says), "{form}: {text}");
    }
    assert_eq!(read("--help").unwrap_err().status, 0);
    assert!(read("--version").unwrap_err().text.starts_with("tenshi "));
}

#[test]
fn our_own_words() {
    assert!(run("--print").print);
    let want = Command::Replay {
        config: "x".into(),
        files: vec!["a".into(), "b.gz".into()],
        debug: 0,
    };
    assert_eq!(read("replay -c x a b.gz"), Ok(want.clone()));
    assert_eq!(read("-c x replay a b.gz"), Ok(want));
    let lines = |regex: &str, files: &[&str], mask: &str| {
        Ok(Command::Match(MatchArgs::Lines {
            regex: regex.into(),
            files: files.iter().map(PathBuf::from).collect(),
            mask: mask.into(),
        }))
    };
    assert_eq!(read("match a+ f g"), lines("a+", &["f", "g"], "______"));
    assert_eq!(read("match --mask * a"), lines("a", &[], "*"));
    assert_eq!(read("match -- -a+ f"), lines("-a+", &["f"], "______"));
    assert_eq!(
        read("match --pairs x"),
        Ok(Command::Match(MatchArgs::Pairs("x".into())))
    );
    assert!(read("match").is_err() && read("match --pairs x a").is_err());
    command().debug_assert();
}

#[test]
fn status_has_one_form_and_levels_in_order() {
    let status = |line: &str| match read(line) {
        Ok(Command::Status(args)) => args,
        other => panic!("{line}: {other:?}"),
    };
    let check = |age: (u64, u64), lag: (u64, u64)| {
        let levels = |(warning, critical)| Levels { warning, critical };
        let (age, lag) = (levels(age), levels(lag));
        StatusForm::Check { age, lag }
    };
    let usual = (100 << 20, 1 << 30);
    for (line, want) in [
        ("status", StatusForm::Text),
        ("status --json", StatusForm::Json),
        ("status --prometheus", StatusForm::Prometheus),
        ("status --watch", StatusForm::Watch),
        (
            "status --check",
            StatusForm::Check {
                age: Levels::AGE,
                lag: Levels::LAG,
            },
        ),
        ("status --ch --war 5 --cri=2h", check((5, 7200), usual)),
        (
            "status --check --warning 9 --warning 5m",
            check((300, 3600), usual),
        ),
        (
            "status --check --lag-warning 1K --lag-critical 2K",
            check((900, 3600), (1024, 2048)),
        ),
    ] {
        assert_eq!(status(line).form, want, "{line}");
    }
    for line in ["-c x --state-dir d status", "status --state-dir=d -c x"] {
        let args = status(line);
        assert_eq!(args.state_dir, Some("d".into()), "{line}");
        assert_eq!(args.config, PathBuf::from("x"), "{line}");
    }
    for command in ["news", "trends", "letters", "learn a", "hush web1 off"] {
        let line = format!("--state-dir d {command}");
        assert!(read(&line).is_ok(), "{line}");
    }
    for line in [
        "status --check --json",
        "status --watch --check",
        "status --prometheus --json",
        "status --warning 5",
        "status --check --warning 2h",
        "status --check --critical soon",
        "status extra",
        "-f status",
        "--check status",
        "--state-dir d replay a",
    ] {
        let exit = read(line).expect_err(line);
        assert!(exit.error && exit.status == 2, "{line}: {exit:?}");
    }
}

#[test]
fn completions_are_for_the_shells_that_the_package_knows() {
    for (name, shell) in [
        ("bash", Shell::Bash),
        ("zsh", Shell::Zsh),
        ("fish", Shell::Fish),
    ] {
        let line = format!("completions {name}");
        assert_eq!(read(&line), Ok(Command::Completions(shell)));
    }
    assert!(read("completions").is_err() && read("completions tcsh").is_err());
}

#[test]
fn the_commands_for_rules_have_their_words() {
    let import = |dir: &str, seen: &[&str]| {
        Command::Import(ImportArgs {
            config: "x".into(),
            dir: dir.into(),
            queue: "misc".into(),
            alerts: "report".into(),
            seen_in: seen.iter().map(Into::into).collect(),
            write: None,
        })
    };
    assert_eq!(
        read("import logcheck -c x"),
        Ok(import("/etc/logcheck", &[]))
    );
    assert_eq!(
        read("import logcheck d --seen-in a b -c x"),
        Ok(import("d", &["a", "b"]))
    );
    assert_eq!(
        read("import logcheck -c x --seen-in=a d"),
        Ok(import("d", &["a"]))
    );
    assert!(read("import").is_err() && read("import logwatch").is_err());
    let explain = Command::Explain {
        config: "x".into(),
        line: vec!["a".into(), "b".into()],
        debug: 1,
    };
    assert_eq!(read("explain -c x -d a b"), Ok(explain));
    let diff = Command::Diff {
        old: "a".into(),
        new: "b".into(),
        files: vec!["c".into(), "d".into()],
        json: true,
    };
    assert_eq!(read("diff --json a b c d"), Ok(diff));
    assert!(read("diff a b").is_err());
    let coverage = Command::Coverage {
        config: "x".into(),
        files: Vec::new(),
        json: false,
    };
    assert_eq!(read("coverage -c x"), Ok(coverage));
}

/// Abbreviations are looked up among just the options that clap knows.
#[test]
fn the_table_of_long_options_is_whole() {
    let mut command = command();
    command.build();
    let subs = command
        .get_subcommands()
        .flat_map(clap::Command::get_arguments);
    let all = command.get_arguments().chain(subs);
    let known: std::collections::BTreeSet<&str> = all.filter_map(|a| a.get_long()).collect();
    let table: std::collections::BTreeSet<&str> = LONG.iter().map(|(name, _)| *name).collect();
    assert_eq!(known, table);
    assert_eq!(table.len(), LONG.len(), "none is there twice");
}
