//! A program that fails twenty times and then works, over kills of the daemon: it takes the report once, and each
//! attempt had the Message-ID of the first.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use nix::sys::signal::Signal;

use super::program;
use crate::support::daemon::Daemon;
use crate::support::random::Random;
use crate::support::sink::Sink;
use crate::support::{DEADLINE, Dir, conf, line, poll, seed, torture};

/// The number of attempts that fail.
const FAILURES: usize = 20;

#[test]
fn a_program_that_fails_twenty_times_takes_the_report_once_over_kills() {
    let kills = if torture() { 50 } else { 5 };
    let mut random = Random::new(seed(1));
    let (dir, sink) = (Dir::new(), Sink::start(&[], &[]));
    dir.write("log", "");
    let chat = program(
        &dir,
        "chat",
        "echo $TENSHI_MESSAGE_ID >>$0.tried; test -e $0.up || exit 1; cat >>$0.got; echo $TENSHI_MESSAGE_ID >>$0.taken",
    );
    let rest = format!(
        "set statedir {}\nset queue q from@x t@x,notify:chat [now]\nset notify chat {chat}\nq .*\n",
        dir.path("state").display()
    );
    let config = conf(&dir, sink.port, &rest);
    let lines = |name: &str| {
        let text = fs::read_to_string(dir.path(name)).unwrap_or_default();
        text.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let mut daemon = Daemon::start(&dir, &config, &["log"]);
    dir.append("log", line("h1", "only once"));
    let mut killed = 0;
    while killed < kills || lines("chat.tried").len() < FAILURES {
        let tried = lines("chat.tried").len();
        let more = 1 + random.below(FAILURES / 4);
        let enough = poll(DEADLINE, || {
            // Each pause would be twice as long as the one before: a flush ends it.
            daemon.signal(Signal::SIGUSR2);
            (lines("chat.tried").len() >= tried + more).then_some(())
        });
        assert!(enough.is_some(), "{}", daemon.stderr());
        if killed < kills {
            std::thread::sleep(Duration::from_millis(random.below(20) as u64));
            daemon.signal(Signal::SIGKILL);
            daemon.wait();
            killed += 1;
            daemon = Daemon::start(&dir, &config, &["log"]);
        }
    }
    let failed = lines("chat.tried").len();
    dir.write("chat.up", "");
    let taken = poll(DEADLINE, || {
        // One that comes while an attempt is being made is for the next one.
        daemon.signal(Signal::SIGUSR2);
        Some(lines("chat.taken")).filter(|lines| !lines.is_empty())
    });
    assert!(taken.is_some(), "{}", daemon.stderr());
    daemon.finish();
    // What was taken is in no state any more.
    let mut daemon = Daemon::start(&dir, &config, &["log"]);
    daemon.signal(Signal::SIGUSR2);
    daemon.finish();
    let ids: BTreeSet<String> = lines("chat.tried").into_iter().collect();
    assert_eq!(ids.len(), 1, "{ids:?}");
    assert_eq!(lines("chat.taken").len(), 1);
    let got = fs::read_to_string(dir.path("chat.got")).unwrap();
    assert!(got.ends_with("\nh1: \n    1: only once\n"), "{got}");
    assert_eq!(got.matches("only once").count(), 1, "{got}");
    let mails: BTreeSet<Vec<u8>> = sink.record().messages.into_iter().collect();
    assert_eq!(mails.len(), 1, "the mail was not sent again for it");
    println!("{failed} attempts failed, {killed} kills, 1 delivery");
}
