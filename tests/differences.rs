//! Differences from the Perl original that no other test holds, each a row of
//! docs/compatibility.md: what it loses, garbles or dies of, and what we do.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::fs::File;
use std::process::{Command, Output, Stdio};

use nix::sys::signal::Signal;
use support::daemon::{Daemon, PROGRAM};
use support::mail::Mail;
use support::postbox::Postbox;
use support::{Dir, NEVER, conf, line};

fn queue(name: &str, to: &str) -> String {
    format!("set queue {name} from@x {to} {NEVER}\n")
}

/// Runs `log` through `config` and gives the mails as `replay` prints them.
fn replay(config: &str, log: &str) -> String {
    let dir = Dir::new();
    let file = dir.write("tenshi.conf", format!("set mailserver m\n{config}"));
    let output = Command::new(PROGRAM)
        .args(["replay", "-c"])
        .arg(file)
        .arg(dir.write("log", log))
        .output()
        .expect("the program runs");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{told}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Starts the program on a configuration that it must refuse, and gives what it says.
fn refused(dir: &Dir, config: &str) -> String {
    let file = dir.write("tenshi.conf", config);
    let Output { status, stderr, .. } = Command::new(PROGRAM)
        .args(["-f", "-c"])
        .arg(file)
        .stdin(Stdio::null())
        .output()
        .expect("the program runs");
    assert!(!status.success(), "it should not run");
    String::from_utf8_lossy(&stderr).into_owned()
}

fn bodies(mails: &[Mail]) -> String {
    mails.iter().map(Mail::body).collect()
}

#[test]
fn a_mail_server_may_be_set_after_an_include() {
    let dir = Dir::new();
    let rules = dir.write("rules", queue("a", "t") + "a x\n");
    let text = format!("include {}\nset mailserver m\n", rules.display());
    let output = Command::new(PROGRAM)
        .args(["-C", "-c"])
        .arg(dir.write("tenshi.conf", text))
        .output()
        .expect("the program runs");
    assert!(output.status.success());
}

#[test]
fn a_zero_is_a_subject() {
    let mails = replay(
        &format!("set queue a from@x t {NEVER} 0\na x\n"),
        &line("h", "x"),
    );
    assert!(mails.contains("Subject: 0 [a]"), "{mails}");
}

#[test]
fn an_empty_recipient_is_passed_over() {
    let (dir, postbox) = (Dir::new(), Postbox::open());
    dir.write("log", "");
    let rules = queue("a", "one@x,,two@x,") + "a .*\n";
    let mut daemon = Daemon::start(&dir, &conf(&dir, postbox.port(), &rules), &["log"]);
    dir.append("log", line("h1", "x"));
    daemon.finish();
    assert_eq!(postbox.mails()[0].to, ["one@x", "two@x"]);
}

#[test]
fn a_group_host_left_open_swallows_nothing() {
    let rules = queue("a", "t") + "group_host ^web\na ^mail\n";
    let log = line("web1", "mail to x") + &line("db1", "mail to y") + &line("db1", "web page");
    let mails = replay(&rules, &log);
    assert!(mails.contains("web1: \n    1: mail to x"), "{mails}");
    assert!(!mails.contains("db1"), "{mails}");
}

#[test]
fn only_a_whole_number_repeats() {
    let rules = queue("a", "t") + "repeat ^repeated (\\S+)\na ^foo\n";
    let mut log = line("h", "foo");
    for word in [
        "three",
        "3x",
        "0x10",
        "1e3",
        "2.5",
        "-5",
        "",
        "99999999999999999999999",
    ] {
        log += &line("h", &format!("repeated {word}"));
    }
    let mails = replay(&rules, &(log.clone() + &line("h", "repeated 4")));
    assert!(mails.contains("    5: foo"), "{mails}");
}

#[test]
fn groups_are_masked_in_the_order_of_the_text() {
    let rules = queue("a", "t") + "a (?=.*(z))(a)\n";
    let mails = replay(&rules, &line("h", "a then z"));
    assert!(mails.contains("    1: ______ then ______\n"), "{mails}");
}

#[test]
fn profile_mode_counts_lines_and_runs_no_program() {
    let dir = Dir::new();
    let made = dir.path("made");
    let config = dir.write(
        "tenshi.conf",
        format!(
            "set mailserver m\nset csv [now] /usr/bin/touch {}\ncsv .*\n",
            made.display()
        ),
    );
    let log = dir.write("log", line("h", "x").repeat(3));
    let output = Command::new(PROGRAM)
        .args(["-p", "-c"])
        .arg(config)
        .stdin(File::open(log).expect("the log"))
        .output()
        .expect("the program runs");
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success() && told.contains("3 lines in "),
        "{told}"
    );
    assert!(told.contains("lines per second"), "{told}");
    assert!(!made.exists());
}

#[test]
fn lines_of_two_files_are_never_joined() {
    let (dir, postbox) = (Dir::new(), Postbox::open());
    dir.write("log", "");
    dir.write("log2", "");
    let more = format!(
        "set logfile {}\n{}a .*\n",
        dir.path("log2").display(),
        queue("a", "a@x")
    );
    let mut daemon = Daemon::start(&dir, &conf(&dir, postbox.port(), &more), &["log", "log2"]);
    dir.append("log", "Nov 23 21:44:00 h1 part one,");
    dir.append("log2", line("h2", "from log2"));
    // The second file's line is read before the first one's end is written.
    daemon.signal(Signal::SIGUSR2);
    postbox.wait(1);
    dir.append("log", " rest\n");
    daemon.finish();
    let text = bodies(&postbox.mails());
    assert!(text.contains("    1: from log2\n"), "{text}");
    assert!(text.contains("    1: part one, rest\n"), "{text}");
}

#[test]
fn a_log_file_that_is_not_there_yet_is_waited_for() {
    let (dir, postbox) = (Dir::new(), Postbox::open());
    let rules = format!("{}a .*\n", queue("a", "a@x"));
    dir.write("other", "");
    let other = format!("set logfile {}\n{rules}", dir.path("other").display());
    let config = conf(&dir, postbox.port(), &other);
    let mut daemon = Daemon::start(&dir, &config, &["other"]);
    dir.append("log", line("h1", "the first line"));
    daemon.wait_stderr("followed again");
    daemon.finish();
    assert!(bodies(&postbox.mails()).contains("1: the first line\n"));
    // The old way, for those who want it.
    let dir = Dir::new();
    let off = format!("set tail_missing off\n{}", conf(&dir, 25, &rules));
    let told = refused(&dir, &off);
    assert!(told.contains("no valid log files"), "{told}");
}

#[test]
fn a_missing_filter_is_refused_whichever_rule_uses_its_queue() {
    let dir = Dir::new();
    dir.write("log", "");
    let rules = queue("a", "t") + &queue("b", "t") + "set filter b /nonexistent/x\na,b .*\n";
    let told = refused(&dir, &conf(&dir, 25, &rules));
    assert!(
        told.contains("/nonexistent/x: not executable (queue b)"),
        "{told}"
    );
}

#[test]
fn what_was_written_before_the_end_is_read() {
    const LINES: usize = 50_000;
    let (dir, postbox) = (Dir::new(), Postbox::open());
    dir.write("log", "");
    let rules = queue("a", "a@x") + "a .*\n";
    let mut daemon = Daemon::start(&dir, &conf(&dir, postbox.port(), &rules), &["log"]);
    dir.append("log", line("h1", "x").repeat(LINES));
    daemon.finish();
    let text = bodies(&postbox.mails());
    assert!(text.contains(&format!("    {LINES}: x\n")), "{text}");
}

#[test]
fn a_reload_finds_a_configuration_named_relatively() {
    let (dir, postbox) = (Dir::new(), Postbox::open());
    dir.write("log", "");
    let rules = |name: &str| queue(name, "a@x") + &format!("{name} .*\n");
    let config = |name: &str| conf(&dir, postbox.port(), &rules(name));
    let mut daemon = Daemon::start_with(&dir, &config("a"), &["log"], &["-c", "tenshi.conf"]);
    dir.write("tenshi.conf", config("b"));
    daemon.signal(Signal::SIGHUP);
    daemon.wait_stderr("read again");
    dir.append("log", line("h1", "x"));
    daemon.finish();
    assert_eq!(postbox.mails()[0].queue(), "b");
}

#[test]
fn what_a_reload_no_longer_sets_has_its_default() {
    let (dir, postbox) = (Dir::new(), Postbox::open());
    dir.write("log", "");
    let rules = queue("a", "a@x") + "a (.*)\n";
    let before = conf(&dir, postbox.port(), &format!("set mask X\n{rules}"));
    let mut daemon = Daemon::start(&dir, &before, &["log"]);
    dir.write("tenshi.conf", conf(&dir, postbox.port(), &rules));
    daemon.signal(Signal::SIGHUP);
    daemon.wait_stderr("read again");
    dir.append("log", line("h1", "x"));
    daemon.finish();
    let text = bodies(&postbox.mails());
    assert!(text.contains("    1: ______\n"), "{text}");
}

#[test]
fn a_queue_check_is_said_in_its_own_mail_only() {
    let (dir, postbox) = (Dir::new(), Postbox::open());
    dir.write("log", "");
    let rules = "set queue n from@x n@x [now]\nn .*\n";
    let mut daemon = Daemon::start(&dir, &conf(&dir, postbox.port(), rules), &["log"]);
    daemon.signal(Signal::SIGUSR1);
    for round in 1..=2 {
        dir.append("log", line("h1", "x"));
        postbox.wait(round);
    }
    daemon.finish();
    let mails = postbox.mails();
    assert_eq!(mails[1].status(), None, "{}", mails[1].body());
}

#[test]
fn messages_have_colours_on_a_terminal_only() {
    let dir = Dir::new();
    let told = refused(&dir, "set foo\n");
    assert!(!told.contains('\x1b') && told.contains("error"), "{told}");
}
