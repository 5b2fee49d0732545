//! No part dies alone: a thread that panics, or ends without having been asked to, ends the daemon,
//! which says so, keeps what is counted, and goes on from there when it is started again.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::net::{TcpStream, UdpSocket};
use std::os::unix::fs::OpenOptionsExt;

use nix::sys::signal::Signal;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use super::site::{Site, counts, mails};
use crate::support::ports::free_port;
use crate::support::taken::Mail;
use crate::support::{DEADLINE, NEVER, line, poll};

/// What the daemon ends with.
const DIED: Option<i32> = Some(70);

/// All threads of a daemon that has every kind of input, and one of a library.
const THREADS: [&str; 12] = [
    "main",
    "signals",
    "state",
    "follow",
    "watch",
    "syslog/udp",
    "syslog/tcp",
    "fifo",
    "redis",
    "journal",
    "resolve",
    "post",
];

/// Of these, those that end by themselves when their work is done.
const TASKS: [&str; 2] = ["main", "post"];

/// A site whose daemon has every kind of thread but a tail program's.
fn site(port: u16) -> Site {
    let mut site = Site::prepare(&[], "");
    let fifo = site.dir.path("fifo");
    mkfifo(&fifo, Mode::from_bits_truncate(0o666)).expect("a fifo");
    fs::set_permissions(&fifo, std::os::unix::fs::PermissionsExt::from_mode(0o666)).expect("chmod");
    let journal = site.dir.path("journal");
    fs::create_dir(&journal).expect("a directory");
    site.config += &format!(
        "set fifo {}\nset journal {}\nset listen 127.0.0.1:{port}\nset listen tcp:127.0.0.1:{port}\n\
         set redisqueue list\nset redisserver redis://127.0.0.1:9\nset resolve on\n\
         set filter n /bin/cat\nset queue n from@x n@x [now]\nset queue c from@x c@x {NEVER}\n\
         n,c ^foo\ntrash ^other\n",
        fifo.display(),
        journal.display()
    );
    site.run();
    site
}

/// Gives every thread something to do.
fn stir(site: &mut Site, port: u16, round: usize) {
    // A host that is not known yet, so that its name is looked up.
    let text = line(&format!("h{round}"), &format!("foo {round}"));
    site.dir.append("log", text);
    if let Ok(socket) = UdpSocket::bind("127.0.0.1:0") {
        let _ = socket.send_to(b"<34>Nov 23 21:44:00 h2 other", ("127.0.0.1", port));
    }
    if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) {
        let _ = stream.write_all(b"<34>Nov 23 21:44:00 h2 other\n");
    }
    // No journal, but a name that came: its thread looks.
    site.dir.write(&format!("journal/{round}"), "");
    // It has no reader once the daemon is gone.
    let fifo = fs::OpenOptions::new()
        .write(true)
        .custom_flags(nix::libc::O_NONBLOCK)
        .open(site.dir.path("fifo"));
    if let Ok(mut fifo) = fifo {
        let _ = fifo.write_all(b"Nov 23 21:44:00 h3 other\n");
    }
    if site.daemon().alive() {
        let pid = site.daemon().pid();
        let _ = nix::sys::signal::kill(pid, Signal::SIGUSR1);
    }
}

/// All mails, once a `USR2` brought one of queue `c` with this line.
fn flushed(site: &mut Site, text: &str) -> BTreeMap<String, Mail> {
    site.daemon().signal(Signal::SIGUSR2);
    site.sink
        .wait(|record| counts(&mails(record), "c").contains_key(text));
    site.finish();
    mails(&site.sink.record())
}

/// One thread's death, and what comes after.
fn death(thread: &str, how: &str) {
    let port = free_port();
    let mut site = site(port);
    site.log("foo before");
    site.sink.messages(1);
    site.fault(&format!("{thread} {how}"));
    let mut round = 0;
    let ended = poll(DEADLINE, || {
        round += 1;
        stir(&mut site, port, round);
        std::thread::sleep(std::time::Duration::from_millis(100));
        (!site.daemon().alive()).then_some(())
    });
    assert!(ended.is_some(), "{thread} {how}: it goes on without");
    assert_eq!(site.ends(), DIED, "{thread} {how}: {}", site.told());
    let told = site.told();
    let words = match how {
        "panic" => format!("error: thread `{thread}` panicked at src/threads.rs:"),
        _ => format!("error: thread `{thread}` ended, which nobody asked for;"),
    };
    assert!(told.contains(&words), "{thread} {how}: {told}");
    assert!(told.contains("the daemon ends with status 70"), "{told}");
    let (line, code) = site.check();
    assert!(line.contains("no daemon is running"), "{line}");
    assert_eq!(code, Some(2));
    site.fault("");
    site.run();
    site.log("foo after");
    let mails = flushed(&mut site, "foo after");
    for queue in ["n", "c"] {
        let counts = counts(&mails, queue);
        assert_eq!(
            counts.len(),
            round + 2,
            "{thread} {how}, {queue}: {counts:?}"
        );
        assert!(
            counts.values().all(|n| *n == 1),
            "{thread} {how}: {counts:?}"
        );
    }
}

#[test]
fn each_thread_that_dies_ends_the_daemon_and_nothing_is_lost() {
    let panics = THREADS.iter().map(|thread| (*thread, "panic"));
    let standing = THREADS.iter().filter(|thread| !TASKS.contains(thread));
    let cases: Vec<_> = panics.chain(standing.map(|t| (*t, "end"))).collect();
    assert_eq!(cases.len(), 22);
    // A few at a time: each is a daemon with all its threads.
    for some in cases.chunks(6) {
        std::thread::scope(|scope| {
            let running = some
                .iter()
                .map(|(thread, how)| scope.spawn(|| death(thread, how)));
            let running: Vec<_> = running.collect();
            for case in running {
                case.join().expect("the daemon ends, and goes on");
            }
        });
    }
}

#[test]
fn a_tail_programs_thread_that_dies_ends_the_daemon() {
    for how in ["panic", "end"] {
        let mut site = Site::prepare(&[], "set tail /usr/bin/env tail -q -F -n +1\n");
        site.config += "set queue n from@x n@x [now]\nn ^foo\n";
        site.run_with_files(0);
        site.log("foo one");
        site.sink.messages(1);
        site.fault(&format!("tail {how}"));
        site.log("foo two");
        assert_eq!(site.ends(), DIED, "{}", site.told());
        assert!(
            site.told().contains("error: thread `tail` "),
            "{}",
            site.told()
        );
    }
}

/// Without a state directory, what is counted is mailed, for the next start knows nothing of it.
#[test]
fn without_a_state_directory_the_last_reports_go_out() {
    let rest = format!("set queue c from@x c@x {NEVER}\nc ^foo\n");
    let mut site = Site::prepare(&[], &rest);
    site.run_without_state();
    site.log("foo one");
    site.fault("signals panic");
    std::thread::sleep(std::time::Duration::from_secs(1));
    site.daemon().signal(Signal::SIGUSR1);
    assert_eq!(site.ends(), DIED, "{}", site.told());
    let counts = counts(&mails(&site.sink.record()), "c");
    assert_eq!(counts.get("foo one"), Some(&1), "{}", site.told());
}

/// What ends because the daemon was told to end, or to read other files, did not die.
#[test]
fn an_end_that_was_asked_for_is_no_death() {
    let mut site = site(free_port());
    site.daemon().signal(Signal::SIGHUP);
    site.wait_told("read again");
    site.finish();
    let told = site.told();
    assert!(!told.contains("error: "), "{told}");
    assert!(!told.contains("status 70"), "{told}");
}

/// The unit starts it again whatever it ended with but a good end.
#[test]
fn the_service_manager_starts_it_again() {
    let root = env!("CARGO_MANIFEST_DIR");
    let unit = fs::read_to_string(format!("{root}/debian/tenshi.service")).expect("the unit");
    let lines: Vec<&str> = unit.lines().collect();
    assert!(lines.contains(&"Restart=on-failure"));
    assert!(lines.contains(&"StartLimitIntervalSec=0"));
    assert!(!unit.contains("SuccessExitStatus"));
    assert!(!unit.contains("RestartPreventExitStatus"));
}

/// What came over the network is nowhere else: the loop writes it by itself when the writer of the state is dead.
#[test]
fn what_was_counted_when_the_writer_of_the_state_dies_is_kept() {
    for how in ["panic", "end"] {
        let port = free_port();
        let mut site = site(port);
        site.fault(&format!("state {how}"));
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        let line = b"<34>Nov 23 21:44:00 h2 foo by UDP";
        socket
            .send_to(line, ("127.0.0.1", port))
            .expect("a datagram");
        assert_eq!(site.ends(), DIED, "{}", site.told());
        site.fault("");
        site.run();
        let mails = flushed(&mut site, "foo by UDP");
        for queue in ["n", "c"] {
            assert_eq!(counts(&mails, queue).get("foo by UDP"), Some(&1), "{how}");
        }
    }
}
