//! Bundled queues over kills: each line counts once, windows go on, and a storm is a few mails.

use std::collections::BTreeMap;
use std::time::Duration;

use nix::sys::signal::Signal;
use tenshi::counters::Counter;

use super::site::{Site, counts, mails};
use crate::support::random::Random;
use crate::support::taken::Mail;
use crate::support::{line, poll, seed, torture};

const LONG: Duration = Duration::from_secs(60);

/// The mails in the order in which they came, each once.
fn in_order(site: &Site) -> Vec<Mail> {
    let mut mails = mails(&site.sink.record());
    let record = site.sink.record();
    let mut ordered = Vec::new();
    for raw in &record.messages {
        let text = String::from_utf8_lossy(raw).replace("\r\n", "\n");
        let id = text.lines().find_map(|l| l.strip_prefix("Message-ID: "));
        ordered.extend(mails.remove(id.unwrap_or_default()));
    }
    ordered
}

#[test]
fn lines_of_a_bundled_queue_count_once_over_kills() {
    let first = seed(1);
    let kills = if torture() { 200 } else { 15 };
    let mut random = Random::new(first);
    let rest = "set queue n from@x n@x [now]\nset bundle n 2s\nset bundle_max 4s\n\
                set bundle_first 2\nn ^\n";
    let mut site = Site::start(&[], rest);
    let mut want: BTreeMap<String, u64> = BTreeMap::new();
    let mut killed = 0;
    while killed < kills {
        for _ in 0..random.below(40) {
            let text = format!("kind {}", char::from(b'a' + random.below(12) as u8));
            site.log(&text);
            *want.entry(text).or_default() += 1;
        }
        if random.percent(10) {
            site.daemon().signal(Signal::SIGUSR2);
        }
        std::thread::sleep(Duration::from_millis(random.bits() % 400));
        if random.percent(30) {
            site.kill();
            killed += 1;
            site.run();
        }
    }
    site.finish();
    let mails = mails(&site.sink.record());
    let told = site.told();
    assert_eq!(counts(&mails, "n"), want, "seed {first}: {told}");
    let lines: u64 = want.values().sum();
    println!("{lines} lines, {killed} kills, {} mails", mails.len());
}

#[test]
fn a_window_goes_on_after_a_kill_and_ends_though_no_line_comes() {
    let rest = "set queue n from@x n@x [now]\nset bundle n 20s\nn ^\n";
    let mut site = Site::start(&[], rest);
    site.log("a");
    site.sink.messages(1);
    site.dir.append("log", line("h1", "a") + &line("h1", "b"));
    // The commit that holds this mail holds the count of the other line.
    site.sink.messages(2);
    site.kill();
    site.run();
    let mails = poll(LONG, || {
        Some(in_order(&site)).filter(|mails| mails.len() > 2)
    });
    let mails = mails.expect("the bundle");
    let bodies: Vec<&str> = mails.iter().map(Mail::body).collect();
    assert_eq!(bodies[..2], ["\nh1: \n    1: a\n", "\nh1: \n    1: b\n"]);
    assert!(
        bodies[2].ends_with(", 1 line ***\n\nh1: \n    1: a\n"),
        "{}",
        bodies[2]
    );
    let bundle = &mails[2];
    let subject = bundle.header("Subject");
    assert!(
        subject.starts_with("tenshi report: 1 more in 2"),
        "{subject}"
    );
    assert!(subject.ends_with(" seconds, 1 line [n]"), "{subject}");
    assert_eq!(bundle.header("In-Reply-To"), mails[0].header("Message-ID"));
    assert_ne!(bundle.header("X-tenshi-report-start"), "");
    assert_eq!(mails[1].header("X-tenshi-report-start"), "");
    site.finish();
    assert_eq!(mails.len(), 3);
}

/// The mail server is away while 20,000 lines of 40 kinds come.
#[test]
fn a_storm_while_no_mail_can_leave_is_two_mails() {
    let rest = "set queue n from@x n@x [now]\nset bundle n 5s\nn ^\n";
    let mut site = Site::start(&[], rest);
    site.sink.down();
    let mut want: BTreeMap<String, u64> = BTreeMap::new();
    for round in 0..20 {
        let mut text = String::new();
        for n in 0..1_000 {
            let kind = format!("kind {}", n % (2 * round + 2));
            text.push_str(&line("h1", &kind));
            *want.entry(kind).or_default() += 1;
        }
        site.dir.append("log", text);
        if round == 0 {
            site.wait_told("could not contact");
        }
    }
    let over = poll(LONG, || {
        let snapshot = tenshi::state::read(&site.dir.path("state")).ok()?;
        let queue = snapshot.queues.iter().find(|queue| queue.name == "n")?;
        (snapshot.counters.get(Counter::Lines) == 20_000 && queue.overdue).then_some(())
    });
    assert!(over.is_some(), "the window is over: {}", site.told());
    site.sink.up();
    let bundle = |mails: &Vec<Mail>| mails.len() > 1;
    let mails = poll(LONG, || Some(in_order(&site)).filter(bundle)).expect("the bundle");
    assert!(mails[1].body().contains(" more in "), "{}", mails[1].text);
    site.finish();
    let mails = super::site::mails(&site.sink.record());
    assert_eq!(mails.len(), 2);
    assert_eq!(counts(&mails, "n"), want);
}
