//! `set heartbeat` and `set quiet` of the running daemon, at the turn of a minute. Its clock is set to a moment before.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::support::daemon::Daemon;
use crate::support::sink::Sink;
use crate::support::{Dir, conf, line, poll};

/// A whole minute more, where the machine was too busy to start before the first.
const LONG: Duration = Duration::from_secs(90);

/// The library that gives a program another time (Debian's `libfaketime`).
fn faketime() -> PathBuf {
    let library = format!(
        "/usr/lib/{}-linux-gnu/faketime/libfaketime.so.1",
        std::env::consts::ARCH
    );
    assert!(
        Path::new(&library).exists(),
        "the package `faketime` is missing"
    );
    library.into()
}

#[test]
fn at_its_minute_the_program_runs_and_a_queue_without_lines_is_mailed() {
    let (dir, sink) = (Dir::new(), Sink::start(&[], &[]));
    dir.write("log", "");
    let program = dir.write("ping", "#!/bin/sh\necho ping >>$0.sent\n");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let rest = format!(
        "set statedir {}\nset heartbeat [* * * * *] {}\nset queue q f@x t@x [* * * * *]\nset quiet q\n\
         q ^never\ntrash .*\n",
        dir.path("state").display(),
        program.display()
    );
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let offset = PathBuf::from(format!("+{}s", 55 - now % 60 + 60));
    let library = faketime();
    let environment = [
        ("LD_PRELOAD", library.as_path()),
        ("FAKETIME", offset.as_path()),
        ("FAKETIME_DONT_FAKE_MONOTONIC", Path::new("1")),
        ("NO_FAKE_STAT", Path::new("1")),
    ];
    let config = conf(&dir, sink.port, &rest);
    let mut daemon = Daemon::start_in(&dir, &config, &["log"], &[], &environment);
    dir.append("log", line("h1", "x") + &line("h2", "y"));
    let sent = || fs::read_to_string(dir.path("ping.sent")).ok();
    let pinged = poll(LONG, sent);
    assert!(pinged.is_some(), "{}", daemon.stderr());
    // Where the minute comes before the lines are read, the mail of the next one has them.
    let mails = || sink.record().messages;
    let told = |mail: &Vec<u8>| {
        let mail = String::from_utf8_lossy(mail);
        let (_, body) = mail.split_once("\r\n\r\n").unwrap();
        assert!(body.starts_with("*** All quiet since "), "{mail}");
        body.contains(": 2 hosts, 2 lines read, nothing for this queue ***")
    };
    let found = poll(LONG, || mails().iter().any(told).then_some(()));
    assert!(found.is_some(), "{:?}: {}", mails(), daemon.stderr());
    daemon.finish();
}
