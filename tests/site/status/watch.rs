//! `tenshi status --watch` in a real terminal.

use std::process::{Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{Site, run, text};
use crate::support::daemon::PROGRAM;
use crate::support::tmux::Tmux;

/// The process that draws.
fn watcher(conf: &str) -> Pid {
    let output = Command::new("pgrep")
        .args(["-f", &format!("status --watch -c {conf}")])
        .output();
    let output = output.expect("pgrep: Debian package procps").stdout;
    let pids = text(&output);
    let pid = pids.lines().next().expect("a watcher that runs");
    Pid::from_raw(pid.parse().unwrap())
}

#[test]
fn the_screen_follows_the_daemon_and_the_terminal_is_left_as_it_was() {
    let mut site = Site::start(&[], "");
    for text in ["bar one", "bar one", "bar two", "foo"] {
        site.log(text);
    }
    site.until("the report", |s| s["counters"]["delivered"] == 1);
    let tmux = Tmux::start(&site.dir);
    let settings = |what: &str| {
        tmux.shell(&format!("clear; stty -g | cksum; echo {what}"));
        let screen = tmux.wait_for(what, |screen| screen.contains(&format!("\n{what}\n")));
        let sum =
            |line: &&str| line.len() > 8 && line.bytes().all(|b| b == b' ' || b.is_ascii_digit());
        let sum = screen.lines().find(sum);
        sum.expect("a sum over the settings").to_owned()
    };
    let before = settings("before");
    let conf = site.dir.path("tenshi.conf").display().to_string();
    let watch = format!("{PROGRAM} status --watch -c {conf}");
    tmux.shell(&watch);
    let screen = tmux.wait("lines/s");
    let version = env!("CARGO_PKG_VERSION");
    assert!(
        screen.starts_with(&format!("tenshi {version}  ")),
        "{screen}"
    );
    for part in [
        "\nrunning for ",
        ", 4 read, 0 B of the logs unread\n",
        "\nqueues\n           3  c",
        "\n           0  n",
        "  at once\n",
        "\nq or Ctrl-C: end",
    ] {
        assert!(screen.contains(part), "no {part:?} in {screen}");
    }
    // What comes while it is shown: unread lines, a report that waits, a daemon that is gone.
    site.daemon().signal(Signal::SIGSTOP);
    site.log("foo more");
    let log = site.dir.path("log").display().to_string();
    tmux.wait("\nunread\n");
    assert!(tmux.screen().contains(&log[..20]));
    site.sink.down();
    site.daemon().signal(Signal::SIGCONT);
    tmux.wait("\noutbox\n  n, for ");
    site.daemon().signal(Signal::SIGKILL);
    site.daemon().wait();
    tmux.wait("\nno daemon is running; last commit ");

    // A terminal that is small for a while.
    tmux.run(&["resize-window", "-t", "t", "-x", "24", "-y", "6"]);
    let narrow = tmux.wait_for("a narrow screen", |screen| {
        screen.contains("q or Ctrl-C: end") && screen.contains('\u{2026}')
    });
    assert!(
        narrow.lines().all(|line| line.chars().count() <= 24),
        "{narrow}"
    );
    tmux.run(&["resize-window", "-t", "t", "-x", "100", "-y", "30"]);
    tmux.wait("of the logs unread\n");

    // Each way to end it gives the terminal back.
    let is_free = || {
        let state = "#{cursor_flag} #{alternate_on} #{wrap_flag} #{mouse_any_flag}";
        let shown = tmux.run(&["display-message", "-p", "-t", "t", state]);
        assert_eq!(shown.trim(), "1 0 1 0");
    };
    let mut checked = 0;
    for end in ["C-c", "q", "TERM"] {
        if checked > 0 {
            tmux.shell(&watch);
            tmux.wait("lines/s");
        }
        match end {
            "TERM" => kill(watcher(&conf), Signal::SIGTERM).unwrap(),
            key => tmux.keys(&[key]),
        }
        tmux.wait_for("the shell", |screen| !screen.contains("lines/s"));
        assert_eq!(settings(&format!("after{checked}")), before);
        is_free();
        checked += 1;
    }
    assert_eq!(checked, 3);
}

#[test]
fn without_a_terminal_it_says_what_to_write_instead() {
    let site = Site::start(&[], "");
    let conf = site.dir.path("tenshi.conf");
    let told = "tenshi: --watch needs a terminal with a full screen; `tenshi status` shows the status once\n";
    let mut command = Command::new(PROGRAM);
    command.args(["status", "--watch", "-c"]).arg(&conf);
    let output = run(command.stdin(Stdio::null()));
    assert_eq!(
        (text(&output.stderr).as_str(), text(&output.stdout).as_str()),
        (told, "")
    );
    assert_eq!(output.status.code(), Some(1));
    let tmux = Tmux::start(&site.dir);
    tmux.shell(&format!(
        "TERM=dumb {PROGRAM} status --watch -c {}; echo status $?",
        conf.display()
    ));
    let screen = tmux.wait("status 1");
    assert!(screen.contains("--watch needs a terminal"), "{screen}");
    for form in ["--json", "--check", "--prometheus"] {
        let output = site.status(&["--watch", form]);
        assert_eq!(output.status.code(), Some(2), "{form}");
    }
}
