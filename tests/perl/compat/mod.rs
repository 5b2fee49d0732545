//! The promise of a drop-in: what Debian's Perl tenshi 0.13 reports for a configuration and a log,
//! ours reports too. Random cases, each from its seed, through both programs; the mails compared by
//! envelope, headers, and counts of each queue, host and line.
//!
//! `TENSHI_TORTURE=1` runs twenty times as many; `TENSHI_SEED` is the first seed.

mod generate;

use crate::support::daemon::Daemon;
use crate::support::mail::{Counts, Entry, Mail};
use crate::support::postbox::Postbox;
use crate::support::{DEADLINE, Dir, conf, perl, poll, seed, torture};
use generate::{CLOCKED, Case};
use nix::sys::signal::Signal;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Cases of an ordinary run.
const CASES: u64 = 300;
/// Cases that run at the same time: both programs mostly wait for each other.
const WORKERS: usize = 4;

/// A queue's mail, reduced to what must be equal in both programs.
#[derive(Debug, PartialEq, Eq)]
struct Report {
    from: String,
    to: Vec<String>,
    headers: [String; 3],
    status: Option<String>,
    counts: Counts,
}

#[test]
fn reports_are_those_of_the_original() {
    perl::required();
    let cases = if torture() { 20 * CASES } else { CASES };
    let first = seed(1);
    let next = AtomicU64::new(first);
    let (compared, mails, rows) = (
        AtomicUsize::new(0),
        AtomicUsize::new(0),
        AtomicUsize::new(0),
    );
    let differences = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + cases {
                        break;
                    }
                    match compare(seed) {
                        Ok((m, r)) => {
                            mails.fetch_add(m, Ordering::Relaxed);
                            rows.fetch_add(r, Ordering::Relaxed);
                        }
                        Err(why) => {
                            let why = format!("seed {seed}: {why}");
                            println!("{why}");
                            differences.lock().unwrap().push(why);
                        }
                    };
                    compared.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    let (compared, mails) = (compared.into_inner(), mails.into_inner());
    let rows = rows.into_inner();
    let differences = differences.into_inner().unwrap();
    println!(
        "compared {compared} cases with {mails} mails and {rows} CSV rows; {} differ",
        differences.len()
    );
    assert!(
        differences.is_empty(),
        "{}",
        differences[..differences.len().min(5)].join("\n")
    );
    assert_eq!(compared as u64, cases);
    assert!(
        mails > compared && rows > compared,
        "the cases are too poor: {mails} mails, {rows} rows"
    );
}

/// What came of a case: the mails, and the rows that the CSV program got.
type Outcome = (Vec<Mail>, Vec<String>);

/// Runs one case through both; the numbers of mails and of rows compared, or what differs.
fn compare(seed: u64) -> Result<(usize, usize), String> {
    let case = generate::case(seed);
    let (mails, rows) = original(&case);
    let theirs = (reports(&case, &mails), rows);
    let (mails, rows) = ours(&case);
    let ours = (reports(&case, &mails), rows);
    if theirs == ours {
        return Ok((ours.0.values().map(Vec::len).sum(), ours.1.len()));
    }
    let (theirs, ours) = (lines(&theirs), lines(&ours));
    let mut text = case.config;
    for (lines, others, sign) in [(&theirs, &ours, '-'), (&ours, &theirs, '+')] {
        for line in lines.iter().filter(|line| !others.contains(line)) {
            text += &format!("{sign} {line}\n");
        }
    }
    Err(format!("(-) the original, (+) ours\n{text}"))
}

/// All that is compared, a line each.
fn lines((reports, rows): &(BTreeMap<String, Vec<Report>>, Vec<String>)) -> Vec<String> {
    let mut lines: Vec<String> = rows.iter().map(|row| format!("csv: {row}")).collect();
    for (queue, reports) in reports {
        for (n, report) in reports.iter().enumerate() {
            let name = format!("{queue} {n}");
            let Report { counts, .. } = report;
            lines.push(format!(
                "{name}: {:?}",
                (&report.from, &report.to, &report.headers, &report.status)
            ));
            for (host, entries) in counts {
                let entries = entries.iter();
                lines.extend(entries.map(|e| format!("{name}: {host} {} {}", e.count, e.text)));
            }
        }
    }
    lines
}

/// The configuration of a case for one program.
fn config(case: &Case, dir: &Dir, postbox: &Postbox) -> String {
    let text = conf(dir, postbox.port(), &case.config);
    text.replace(generate::DIR, &dir.root().display().to_string())
}

fn original(case: &Case) -> Outcome {
    let (dir, postbox) = (Dir::new(), Postbox::open());
    let mut log = String::new();
    for (part, signal) in &case.parts {
        log += part;
        if let Some(signal) = signal {
            log += &format!("@signal {}\n", signal.as_str().trim_start_matches("SIG"));
        }
    }
    dir.write("log", log);
    let mails = perl::reports(&dir, &config(case, &dir, &postbox), &postbox);
    (mails, rows(&dir))
}

/// TERM is enough: what stands in the log by then is read first.
fn ours(case: &Case) -> Outcome {
    let (dir, postbox) = (Dir::new(), Postbox::open());
    dir.write("log", "");
    let text = config(case, &dir, &postbox);
    let mut daemon = Daemon::start_with(&dir, &text, &["log"], &["-d"]);
    for (part, signal) in &case.parts {
        dir.append("log", part);
        if let Some(signal) = signal {
            give(&daemon, *signal);
        }
    }
    daemon.finish();
    (postbox.mails(), rows(&dir))
}

/// Sends a signal and waits until it is obeyed and its mails are delivered.
fn give(daemon: &Daemon, signal: Signal) {
    let said = |words: &str| daemon.stdout().matches(words).count();
    let wait = |what: &str, done: &dyn Fn() -> bool| {
        let there = poll(DEADLINE, || done().then_some(()));
        assert!(there.is_some(), "waited for {what}: {}", daemon.stdout());
    };
    let flushes = said("flushing all queues");
    daemon.signal(signal);
    wait("the flush", &|| said("flushing all queues") > flushes);
    let checks = said("checking queues");
    daemon.signal(Signal::SIGUSR1);
    wait("the check", &|| said("checking queues") > checks);
    wait("the mails", &|| said(": mailing") == said(": delivered"));
}

/// The rows that the CSV program got, in the form of RFC 4180.
fn rows(dir: &Dir) -> Vec<String> {
    let file = std::fs::read(dir.path("rows")).unwrap_or_default();
    let mut reader = csv::ReaderBuilder::new();
    let mut reader = reader.has_headers(false).from_reader(&*file);
    let row = |row: csv::Result<csv::StringRecord>| {
        let fields: Vec<String> = row.expect("a row").iter().map(str::to_owned).collect();
        assert_eq!(fields.len(), 3, "{fields:?}");
        fields.join("\t")
    };
    let mut rows: Vec<String> = reader.records().map(row).collect();
    // Rows of equal counts come in any order from the original.
    rows.sort();
    rows
}

/// The reports of each queue, one after the other. When the clock mails, is left to chance: then
/// only the sum of the counts is compared.
fn reports(case: &Case, mails: &[Mail]) -> BTreeMap<String, Vec<Report>> {
    let mut reports: BTreeMap<String, Vec<Report>> = BTreeMap::new();
    for mail in mails {
        let report = Report {
            from: mail.from.clone(),
            to: mail.to.clone(),
            headers: ["From", "To", "Subject"].map(|name| mail.header(name)),
            status: mail.status(),
            counts: settled(case, mail.counts()),
        };
        let of_queue = reports.entry(mail.queue()).or_default();
        match of_queue.first_mut().filter(|_| mail.queue() == CLOCKED) {
            Some(sum) => add(&mut sum.counts, report.counts),
            None => of_queue.push(report),
        }
    }
    for sum in reports.get_mut(CLOCKED).into_iter().flatten() {
        sum.status = None;
    }
    reports
}

fn add(sum: &mut Counts, more: Counts) {
    for (host, entries) in more {
        let all = sum.entry(host).or_default();
        for entry in entries {
            match all.iter_mut().find(|known| known.text == entry.text) {
                Some(known) => known.count += entry.count,
                None => all.push(entry),
            }
        }
        all.sort();
    }
}

/// The counts with what is random in the original put in order: equal counts by text; and where a
/// limit cuts, which of the lines with the last count are shown is left out.
fn settled(case: &Case, mut counts: Counts) -> Counts {
    for (host, entries) in &mut counts {
        let order = |a: &Entry, b: &Entry| {
            if case.ascending {
                a.count <= b.count
            } else {
                a.count >= b.count
            }
        };
        assert!(
            entries.is_sorted_by(order),
            "host {host} is out of order: {entries:?}"
        );
        entries.sort();
        if case.limit == Some(entries.len()) {
            let last = if case.ascending {
                entries.last()
            } else {
                entries.first()
            }
            .map(|e| e.count);
            for entry in entries.iter_mut().filter(|e| Some(e.count) == last) {
                entry.text.clear();
            }
        }
    }
    counts
}
