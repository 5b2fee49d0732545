//! What the input makes of a journal: each entry once, over what happens to its files.

use std::fs;
use std::path::Path;

use tenshi::counters::Counter;
use tenshi::input::journal::{Positions, PositionsChange};
use tenshi::input::{Checkpoint, Drain, Input, Resume, Start, configured};

use super::journald::Journald;
use super::made::{Export, LAYOUTS, Layout};
use crate::inputs::rig::{Sink, clock, sink_of};

const LAYOUT: Layout = LAYOUTS[0];

/// A running input, and where it is.
struct Run {
    input: Box<dyn Input>,
    sink: Sink,
    positions: Positions,
    /// Number of batches whose positions are taken over.
    taken: usize,
}

impl Run {
    /// Begins to read `directory` from `positions` on; `rest` is more of the configuration.
    fn start(directory: &Path, rest: &str, positions: Positions) -> Self {
        let text = format!(
            "set mailserver h\nset journal {}\nset queue q f@x t@x [now]\nq .*\n{rest}\n",
            directory.display()
        );
        let config = tenshi::config::parse_bytes(text.as_bytes()).config;
        let config = config.expect("a good configuration");
        let mut inputs = configured(&config, false).expect("the inputs");
        let mut input = inputs.pop().expect("the journal");
        assert_eq!(input.describe(), "journal");
        let (events, sink) = sink_of(1000);
        let resume = Resume {
            journal: positions.clone(),
            ..Resume::default()
        };
        let start = Start {
            config: &config,
            resume: &resume,
            clock: &clock(),
            events: &events,
            other_files: 0,
        };
        input.start(&start).expect("it starts");
        let mut run = Self {
            positions,
            sink,
            taken: 0,
            input,
        };
        let begun: PositionsChange = run.input.begun().journal;
        run.positions.make(begun);
        run
    }

    /// All that is there is read.
    fn drain(&mut self) {
        self.input.drain(Drain::All);
        self.sink.answered();
    }

    /// All lines so far, without their stamps.
    fn lines(&mut self) -> Vec<String> {
        self.drain();
        let texts = self.sink.batches.iter().map(|batch| batch.text.clone());
        let text = texts.collect::<Vec<_>>().concat();
        let text = String::from_utf8_lossy(&text).into_owned();
        text.lines().map(|line| line[16..].to_owned()).collect()
    }

    /// Ends it. Gives where it is.
    fn stop(mut self) -> Positions {
        self.drain();
        for batch in self.sink.batches.drain(self.taken..) {
            if let Checkpoint::Journal(change) = batch.checkpoint {
                self.positions.make(*change);
            }
        }
        self.input
            .stop()
            .into_iter()
            .for_each(|thread| thread.stop());
        self.positions
    }
}

/// The numbers in the messages `entry N`, in their order.
fn numbers(lines: &[String]) -> Vec<u64> {
    let number = |line: &String| {
        let rest = line.split_once("entry ").map(|(_, rest)| rest.to_owned());
        let rest = rest.unwrap_or_else(|| panic!("no entry: {line}"));
        let digits = rest.split(|c: char| !c.is_ascii_digit()).next();
        digits
            .and_then(|digits| digits.parse().ok())
            .expect("its number")
    };
    let mut all: Vec<u64> = lines.iter().map(number).collect();
    all.sort_unstable();
    all
}

#[test]
fn remote_entries_that_come_late_are_read() {
    let dir = tempfile::tempdir().unwrap();
    let (mut early, mut late) = (Export::new(1), Export::new(2));
    early.write(&dir.path().join("remote-a.journal"), LAYOUT, 100);
    let mut run = Run::start(dir.path(), "", Positions::default());
    early.write(&dir.path().join("remote-b.journal"), LAYOUT, 50);
    assert_eq!(numbers(&run.lines()), (101..=150).collect::<Vec<_>>());
    // All of these are older than what was read.
    late.write(&dir.path().join("remote-c.journal"), LAYOUT, 30);
    let lines = run.lines();
    assert_eq!(lines.len(), 80);
    assert_eq!(numbers(&lines[50..]), (1..=30).collect::<Vec<_>>());
    let positions = run.stop();
    late.write(&dir.path().join("remote-d.journal"), LAYOUT, 30);
    let mut run = Run::start(dir.path(), "", positions);
    assert_eq!(numbers(&run.lines()), (31..=60).collect::<Vec<_>>());
    assert!(run.sink.notices.is_empty(), "{:?}", run.sink.notices);
    run.stop();
}

#[test]
fn entries_of_two_boots_are_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("remote-a.journal");
    let mut run = Run::start(dir.path(), "", Positions::default());
    let mut export = Export::new(3);
    export.write(&path, LAYOUT, 20);
    assert_eq!(run.lines().len(), 20);
    let positions = run.stop();
    export.write(&path, LAYOUT, 20);
    export.boot = 2;
    export.write(&path, LAYOUT, 40);
    let mut run = Run::start(dir.path(), "", positions);
    assert_eq!(numbers(&run.lines()), (21..=80).collect::<Vec<_>>());
    run.stop();
}

#[test]
fn a_line_is_what_rsyslog_writes() {
    let dir = tempfile::tempdir().unwrap();
    let journald = Journald::start(dir.path());
    let directory = journald.directory();
    let mut run = Run::start(
        &directory,
        "set tail /usr/bin/tail -n +1",
        Positions::default(),
    );
    let host = nix::unistd::gethostname().unwrap();
    let host = host.to_str().unwrap();
    let pid = std::process::id();
    journald.log("MESSAGE=entry 1\nSYSLOG_IDENTIFIER=prog\nPRIORITY=3\n");
    journald.log("MESSAGE\n\x13\0\0\0\0\0\0\0two\nlines\tand \x1b[1m\n\nSYSLOG_IDENTIFIER=prog\n");
    journald.log("NO_MESSAGE=here\nSYSLOG_IDENTIFIER=prog\n");
    journald.log("MESSAGE=last\nPRIORITY=6\n");
    run.sink.until("the last line", |sink| {
        sink.batches
            .iter()
            .any(|batch| memchr::memmem::find(&batch.text, b"last").is_some())
    });
    let lines = run.lines();
    let comm = fs::read_to_string("/proc/self/comm").unwrap();
    let lines: Vec<&String> = lines
        .iter()
        .filter(|line| !line.contains(" systemd-journal"))
        .collect();
    assert_eq!(
        lines,
        [
            &format!("{host} prog[{pid}]: entry 1"),
            &format!("{host} prog[{pid}]: two#012lines#011and #033[1m"),
            &format!("{host} {}[{pid}]: last", comm.trim()),
        ]
    );
    run.stop();
    let rest = "set tail /usr/bin/tail -n +1\nset journal_priority on\n\
                set journal_match PRIORITY=0..4 SYSLOG_IDENTIFIER=prog\nset journal_match MESSAGE=last";
    let mut run = Run::start(&directory, rest, Positions::default());
    let lines = run.lines();
    assert_eq!(lines[0], format!("{host} <err> prog[{pid}]: entry 1"));
    assert_eq!(lines.len(), 2, "{lines:?}");
    run.stop();
}

#[test]
fn what_was_removed_unread_is_told_exactly() {
    let dir = tempfile::tempdir().unwrap();
    let journald = Journald::start(dir.path());
    let log = |from: u64, to: u64| {
        for n in from..=to {
            journald.log(&format!("MESSAGE=entry {n}\nSYSLOG_IDENTIFIER=t\n"));
        }
        let last = format!("entry {to}");
        let there = || journald.messages(&last).contains(&last);
        crate::inputs::rig::wait_for("journald", there);
    };
    log(1, 10);
    let mut run = Run::start(
        &journald.directory(),
        "set journal_match SYSLOG_IDENTIFIER=t",
        Positions::default(),
    );
    log(11, 50);
    assert_eq!(numbers(&run.lines()), (11..=50).collect::<Vec<_>>());
    let positions = run.stop();
    // 51 to 73 stay in the file of before, 74 to 150 have one of their own, which goes.
    log(51, 73);
    journald.rotate();
    log(74, 150);
    let gone = journald.files();
    journald.rotate();
    let gone = journald
        .files()
        .into_iter()
        .filter(|file| !gone.contains(file));
    log(151, 160);
    // The file that was rotated last has another name now; its entries are 74 to 150.
    let gone: Vec<_> = gone.collect();
    assert_eq!(gone.len(), 1, "{gone:?}");
    // journald begins a file with a word of its own.
    let lost = journald.entries(&gone[0]);
    assert!((77..80).contains(&lost), "{lost}");
    fs::remove_file(&gone[0]).unwrap();
    let mut run = Run::start(
        &journald.directory(),
        "set journal_match SYSLOG_IDENTIFIER=t",
        positions,
    );
    let want: Vec<u64> = (51..=73).chain(151..=160).collect();
    assert_eq!(numbers(&run.lines()), want);
    let notice = run.sink.told("removed before tenshi read them");
    assert!(
        notice.report
            && notice
                .text
                .contains(&format!(": {lost} entries from number ")),
        "{notice:?}"
    );
    assert_eq!(run.sink.counters.get(Counter::JournalLost), lost);
    let positions = run.stop();
    let mut run = Run::start(
        &journald.directory(),
        "set journal_match SYSLOG_IDENTIFIER=t",
        positions,
    );
    log(161, 170);
    assert_eq!(numbers(&run.lines()), (161..=170).collect::<Vec<_>>());
    assert!(run.sink.notices.is_empty(), "{:?}", run.sink.notices);
    run.stop();
}

#[test]
fn what_cannot_be_read_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    let mut export = Export::new(4);
    export.write(&path("good.journal"), LAYOUT, 20);
    let mut run = Run::start(
        dir.path(),
        "set tail /usr/bin/tail -n +1",
        Positions::default(),
    );
    assert_eq!(run.lines().len(), 20);
    // Packed by xz, of tomorrow, no journal, not written yet, a copy; and one that was put aside.
    let good = fs::read(path("good.journal")).unwrap();
    let with = |name: &str, flags: u8| {
        let mut bytes = good.clone();
        bytes[12] |= flags;
        bytes[24] = flags;
        fs::write(path(name), bytes).unwrap();
    };
    with("xz.journal", 1);
    with("tomorrow.journal", 128);
    fs::write(path("none.journal"), [b'x'; 500]).unwrap();
    fs::write(path("empty.journal"), "").unwrap();
    fs::write(path("notes.txt"), "no journal").unwrap();
    fs::copy(path("good.journal"), path("other.journal")).unwrap();
    export.write(&path("aside.journal"), LAYOUT, 5);
    fs::rename(path("aside.journal"), path("aside@1.journal~")).unwrap();
    for words in [
        "xz.journal: its entries are packed by xz",
        "tomorrow.journal: it is of a newer form",
        "none.journal: it is no journal file",
        "other.journal: it is a copy of ",
    ] {
        run.sink.told(words);
    }
    let lines = run.lines();
    assert_eq!(numbers(&lines[20..]), (21..=25).collect::<Vec<_>>());
    fs::remove_file(path("xz.journal")).unwrap();
    let well = |(input, fault): &(String, Option<String>)| {
        input.ends_with("xz.journal") && fault.is_none()
    };
    run.sink
        .until("word that it is well", |sink| sink.health.iter().any(well));
    run.stop();
    // A copy that is there from the first start on is not read either.
    let mut run = Run::start(
        dir.path(),
        "set tail /usr/bin/tail -n +1",
        Positions::default(),
    );
    assert_eq!(numbers(&run.lines()), (1..=25).collect::<Vec<_>>());
    run.sink.told("it is a copy of ");
    run.stop();
}

#[test]
fn damaged_entries_are_counted_and_the_others_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.journal");
    Export::new(5).write(&path, LAYOUTS[5], 100);
    let mut bytes = fs::read(&path).unwrap();
    // The type of the object that holds the message of entry 40.
    let at = memchr::memmem::find(&bytes, b"MESSAGE=entry 40 ").expect("the message");
    bytes[at - 64] = 9;
    fs::write(&path, bytes).unwrap();
    let mut run = Run::start(
        dir.path(),
        "set tail /usr/bin/tail -n +1",
        Positions::default(),
    );
    let want: Vec<u64> = (1..40).chain(41..=100).collect();
    assert_eq!(numbers(&run.lines()), want);
    run.sink
        .told("1 entry was damaged and not read: no value at offset");
    run.drain();
    run.drain();
    assert_eq!(run.sink.counters.get(Counter::JournalLost), 1);
    run.stop();
}

#[test]
fn messages_of_another_character_set_become_utf_8() {
    use std::io::Write;

    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("system.journal");
    let mut child = super::made::writer(&file, LAYOUT).spawn().unwrap();
    // 失敗 in EUC-JP: a field that is not text has its length in front.
    let message = [&b"MESSAGE\n\x05\0\0\0\0\0\0\0"[..], b"\xbc\xba\xc7\xd4!\n"].concat();
    let entry = [
        &b"__REALTIME_TIMESTAMP=1764000000000000\n__MONOTONIC_TIMESTAMP=1000000\n"[..],
        b"_BOOT_ID=0123456789abcdef0123456789abcdef\n_HOSTNAME=h1\nSYSLOG_IDENTIFIER=app\n",
        &message,
        b"\n",
    ]
    .concat();
    child.stdin.take().unwrap().write_all(&entry).unwrap();
    assert!(child.wait().unwrap().success());
    let begin = "set tail /usr/bin/tail -n +1 -F\nset charset euc-jp";
    let mut run = Run::start(dir.path(), begin, Positions::default());
    assert_eq!(run.lines(), ["h1 app: 失敗!"]);
    run.stop();
}
