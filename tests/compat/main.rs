//! The promise of a drop-in: what Debian's Perl tenshi 0.13 reports for a configuration and a log,
//! ours reports too. Random cases, each from its seed, through both programs; the mails compared by
//! envelope, headers, and counts of each queue, host and line.
//!
//! `TENSHI_TORTURE=1` runs twenty times as many.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod generate;
#[path = "../support/mod.rs"]
mod support;

use generate::Case;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use support::daemon::Daemon;
use support::mail::{Counts, Entry, Mail};
use support::postbox::Postbox;
use support::{Dir, conf, perl};

/// Cases of an ordinary run.
const CASES: u64 = 300;
/// Cases that run at the same time: both programs mostly wait for each other.
const WORKERS: usize = 4;

/// A queue's mail, reduced to what must be the same in both.
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
    let cases = if std::env::var_os("TENSHI_TORTURE").is_some() {
        20 * CASES
    } else {
        CASES
    };
    let next = AtomicU64::new(1);
    let (compared, mails) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let differences = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed > cases {
                        break;
                    }
                    match compare(seed) {
                        Ok(count) => mails.fetch_add(count, Ordering::Relaxed),
                        Err(why) => {
                            differences
                                .lock()
                                .unwrap()
                                .push(format!("seed {seed}: {why}"));
                            0
                        }
                    };
                    compared.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    let (compared, mails) = (compared.into_inner(), mails.into_inner());
    let differences = differences.into_inner().unwrap();
    println!(
        "compared {compared} cases with {mails} mails; {} differ",
        differences.len()
    );
    assert!(
        differences.is_empty(),
        "{}",
        differences[..differences.len().min(5)].join("\n")
    );
    assert_eq!(compared as u64, cases);
    assert!(mails > compared, "the cases are too poor: {mails} mails");
}

/// Runs one case through both; the number of mails compared, or what differs.
fn compare(seed: u64) -> Result<usize, String> {
    let case = generate::case(seed);
    let theirs = reports(&case, original(&case));
    let ours = reports(&case, ours(&case));
    if theirs == ours {
        return Ok(ours.len());
    }
    Err(format!(
        "{}\n-- original\n{theirs:#?}\n-- ours\n{ours:#?}",
        case.config
    ))
}

fn original(case: &Case) -> Vec<Mail> {
    let (dir, postbox) = (Dir::new(), Postbox::open());
    dir.write("log", &case.log);
    perl::reports(&dir, &conf(&dir, postbox.port(), &case.config), &postbox)
}

/// TERM is enough: what stands in the log by then is read first.
fn ours(case: &Case) -> Vec<Mail> {
    let (dir, postbox) = (Dir::new(), Postbox::open());
    dir.write("log", "");
    let mut daemon = Daemon::start(&dir, &conf(&dir, postbox.port(), &case.config), &["log"]);
    dir.append("log", &case.log);
    daemon.finish();
    postbox.mails()
}

fn reports(case: &Case, mails: Vec<Mail>) -> BTreeMap<String, Report> {
    let mut reports = BTreeMap::new();
    for mail in mails {
        let report = Report {
            from: mail.from.clone(),
            to: mail.to.clone(),
            headers: ["From", "To", "Subject"].map(|name| mail.header(name)),
            status: mail.status(),
            counts: settled(case, mail.counts()),
        };
        let queue = mail.queue();
        assert!(
            reports.insert(queue.clone(), report).is_none(),
            "two mails for queue {queue}"
        );
    }
    reports
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
