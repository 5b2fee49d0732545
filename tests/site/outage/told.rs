//! What readers and admins hear of reports that do not leave.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output};

use nix::sys::signal::Signal;

use super::{Site, body};
use crate::support::daemon::{Daemon, PROGRAM};
use crate::support::sink::{Fault, Sink, Stage};
use crate::support::{DEADLINE, Dir, conf, line, poll};

fn status(dir: &Dir) -> Output {
    let mut command = Command::new(PROGRAM);
    command.args(["status", "--check", "-c"]);
    command.arg(dir.path("tenshi.conf")).output().unwrap()
}

#[test]
fn a_login_that_fails_is_tried_with_care_and_told_once() {
    let dir = Dir::new();
    let sink = Sink::start(
        &[(Stage::Auth, Fault::Say("535 5.7.8 wrong"))],
        &["AUTH PLAIN"],
    );
    dir.write("log", "");
    let password = dir.write("password", "secret\n");
    fs::set_permissions(&password, fs::Permissions::from_mode(0o600)).unwrap();
    if let Ok(Some(user)) = nix::unistd::User::from_name("tenshi") {
        nix::unistd::chown(&password, Some(user.uid), None).unwrap();
    }
    let csv = super::ticker(&dir);
    let rest = format!(
        "set statedir {}\nset mailauth me {}\nset csv [now] {}\n\
         set queue n from@x n@x [now]\nset queue m from@x m@x [now]\nn ^foo\nm ^bar\ncsv ^tick\n",
        dir.path("state").display(),
        password.display(),
        csv.display()
    );
    let mut daemon = Daemon::start(&dir, &conf(&dir, sink.port, &rest), &["log"]);
    let logins = || sink.dialogue().matches("AUTH PLAIN").count();
    dir.append("log", line("h1", "foo"));
    daemon.wait_stderr("535 5.7.8 wrong");
    dir.append("log", line("h1", "bar"));
    // Six checks of the `[now]` queues later, what is no mail has left, and nobody has tried again.
    for tick in 1..=6 {
        dir.append("log", line("h1", &format!("tick {tick}")));
        assert!(super::ticked(&dir, tick), "{}", daemon.stderr());
    }
    assert_eq!(logins(), 1, "{}", sink.dialogue());
    let told = daemon.stderr();
    assert_eq!(told.matches("535 5.7.8 wrong").count(), 1, "{told}");
    let critical = || {
        let output = status(&dir);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        (output.status.code() == Some(2) && text.contains("mail server")).then_some(text)
    };
    let text = poll(DEADLINE, critical).expect("critical");
    assert!(text.contains("535 5.7.8 wrong"), "{text}");
    // The admin has put it right: one mail tries, the others follow.
    sink.set(&[]);
    daemon.signal(Signal::SIGUSR2);
    sink.messages(2);
    daemon.wait_stderr("the mail server lets us in again");
    let fine = || (status(&dir).status.code() == Some(0)).then_some(());
    assert!(poll(DEADLINE, fine).is_some(), "{:?}", status(&dir));
    daemon.finish();
    assert_eq!(sink.record().messages.len(), 2, "none twice");
}

#[test]
fn a_report_that_was_refused_is_told_of_in_the_next_one_that_goes() {
    let queue = "set queue o from@x o@x [now]\no ^other";
    let mut site = Site::start(
        &[(Stage::Rcpt("n@x"), Fault::Say("550 5.1.1 unknown"))],
        queue,
    );
    site.log("foo hidden");
    site.told("queue n: the report was refused");
    site.log("other 1");
    let messages = site.sink.messages(1);
    let first = body(&messages[0]);
    assert!(
        first.starts_with("*** The report of queue n of ")
            && first.contains(" was refused and is kept: every recipient was refused: n@x: 550"),
        "{first}"
    );
    assert!(first.ends_with(" ***\n\nh1: \n    1: other 1\n"), "{first}");
    // Once is enough.
    site.log("other 2");
    let messages = site.sink.messages(2);
    assert_eq!(body(&messages[1]), "\nh1: \n    1: other 2\n");
    // It goes when it can, and nothing is told of what has gone.
    site.sink.set(&[]);
    site.daemon.signal(Signal::SIGUSR2);
    let messages = site.sink.messages(3);
    assert_eq!(body(&messages[2]), "\nh1: \n    1: foo hidden\n");
    site.log("other 3");
    let messages = site.sink.messages(4);
    assert_eq!(body(&messages[3]), "\nh1: \n    1: other 3\n");
    site.daemon.finish();
}

#[test]
fn a_report_that_waits_is_told_of_too() {
    let queue = "set queue o from@x o@x [now]\no ^other";
    let mut site = Site::start(
        &[(Stage::Rcpt("n@x"), Fault::Say("450 4.2.0 greylisted"))],
        queue,
    );
    site.log("foo late");
    site.told("queue n: the report waits");
    site.log("other 1");
    let messages = site.sink.messages(1);
    let first = body(&messages[0]);
    assert!(
        first.contains(" waits: ") && first.contains("450 4.2.0 greylisted"),
        "{first}"
    );
    site.sink.set(&[]);
    let messages = site.sink.messages(2);
    assert_eq!(body(&messages[1]), "\nh1: \n    1: foo late\n");
    site.daemon.finish();
}
