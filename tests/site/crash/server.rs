//! A mail server that fails in every way and at every stage, and TERM, HUP or `kill -9` in the middle
//! of it: each line is in exactly one report, each report arrives, and comes again, if at all, as
//! the same mail.

use nix::sys::signal::Signal;

use super::site::{Site, counts, mails};
use crate::support::sink::{Fault, Record, Stage};

const QUEUE: &str = "set mailtimeout 2\nset queue n from@x n@x,second@x [now]\nset queue c from@x c@x [0 0 1 1 *]\nn,c ^foo\n";

/// What the server does; nothing is that nobody listens.
const FAULTS: [Option<(Stage, Fault)>; 20] = [
    None,
    Some((Stage::Greeting, Fault::Hang)),
    Some((Stage::Hello, Fault::Hang)),
    Some((Stage::Mail, Fault::Hang)),
    Some((Stage::Rcpt(""), Fault::Hang)),
    Some((Stage::Data, Fault::Hang)),
    Some((Stage::InData, Fault::Hang)),
    Some((Stage::EndOfData, Fault::Hang)),
    Some((Stage::Greeting, Fault::Say("421 busy"))),
    Some((Stage::Mail, Fault::Say("451 not now"))),
    Some((Stage::Mail, Fault::Say("550 not you"))),
    Some((Stage::Rcpt(""), Fault::Say("450 full"))),
    Some((Stage::Rcpt(""), Fault::Say("550 unknown"))),
    Some((Stage::Data, Fault::Say("451 not now"))),
    Some((Stage::Data, Fault::Say("554 no"))),
    Some((Stage::EndOfData, Fault::Say("451 not now"))),
    Some((Stage::EndOfData, Fault::Say("554 spam"))),
    Some((Stage::InData, Fault::Drop)),
    Some((Stage::EndOfData, Fault::Drop)),
    Some((Stage::EndOfData, Fault::TakeAndDrop)),
];

/// One fault and one signal; how often the server took a mail again.
fn outage(fault: Option<(Stage, Fault)>, signal: Signal) -> usize {
    let mut site = Site::start(fault.as_slice(), QUEUE);
    match fault {
        None => {
            site.sink.down();
            site.log("foo one");
            site.wait_told("could not contact");
        }
        Some(_) => {
            let before = site.sink.record().connections;
            site.log("foo one");
            site.sink.wait(|record| record.connections > before);
        }
    }
    site.log("foo two");
    match signal {
        Signal::SIGKILL => site.kill(),
        Signal::SIGTERM => site.finish(),
        _ => site.daemon().signal(signal),
    }
    site.log("foo three");
    site.sink.set(&[]);
    if fault.is_none() {
        site.sink.up();
    }
    if signal != Signal::SIGHUP {
        site.run();
    }
    // What was refused comes with the next report of its queue.
    let arrived = |record: &Record, queue: &str| counts(&mails(record), queue).len() == 3;
    site.sink.wait(|record| arrived(record, "n"));
    site.daemon().signal(Signal::SIGUSR2);
    let record = site
        .sink
        .wait(|record| arrived(record, "n") && arrived(record, "c"));
    site.finish();
    let case = format!("{fault:?} with {signal}: {}", site.told());
    let mails = mails(&site.sink.record());
    for queue in ["n", "c"] {
        for (line, count) in counts(&mails, queue) {
            assert_eq!(count, 1, "queue {queue}, {line}, {case}");
        }
    }
    assert!(site.sink.record().messages.len() >= record.messages.len());
    let again: usize = mails.values().map(|mail| mail.times - 1).sum();
    // Only an answer that got lost makes a mail come twice.
    let lost = matches!(fault, Some((_, Fault::TakeAndDrop))) || signal == Signal::SIGKILL;
    assert!(lost || again == 0, "{again} mails came again: {case}");
    again
}

#[test]
fn every_fault_of_the_server_with_every_signal_in_the_middle() {
    let mut checked = 0;
    for signal in [Signal::SIGTERM, Signal::SIGHUP, Signal::SIGKILL] {
        let mut again = 0;
        // A few at a time: each is a daemon and a server.
        for some in FAULTS.chunks(7) {
            again += std::thread::scope(|scope| -> usize {
                let running: Vec<_> = (some.iter())
                    .map(|&fault| scope.spawn(move || outage(fault, signal)))
                    .collect();
                checked += running.len();
                let ended = running.into_iter().map(|outage| outage.join());
                ended.map(|again| again.expect("no report is lost")).sum()
            });
        }
        println!("{signal}: {again} mails came again, as the same mails");
    }
    assert_eq!(checked, 60);
}
