//! News over kills: each kind is told once by its queue, whenever the daemon dies.

use std::collections::BTreeMap;
use std::time::Duration;

use nix::sys::signal::Signal;

use super::site::{Site, mails};
use crate::support::random::Random;
use crate::support::{NEVER, conf, line, poll, seed, torture};

/// A word of letters alone: digits would all be one kind.
fn word(number: usize) -> String {
    let digits = format!("{number}").into_bytes();
    digits.iter().map(|digit| char::from(digit + 49)).collect()
}

/// How often each kind stands in the block of the mails of a queue.
fn told(site: &Site) -> BTreeMap<String, usize> {
    let mut told = BTreeMap::new();
    for mail in mails(&site.sink.record()).values() {
        for row in mail.body().lines() {
            let kind = row
                .strip_prefix("    h1: ")
                .and_then(|row| row.split_once("kind "));
            if let Some((_, kind)) = kind.filter(|(_, kind)| kind.contains("  first ")) {
                let kind = kind.split("  first ").next().unwrap_or_default().trim();
                *told.entry(kind.to_owned()).or_default() += 1;
            }
        }
    }
    told
}

#[test]
fn each_kind_is_told_once_over_kills() {
    let first = seed(1);
    let kills = if torture() { 200 } else { 20 };
    let mut random = Random::new(first);
    let mut site = Site::prepare(&[], "");
    let rest = format!(
        "set news on\nset news_learn 0\nset news_limit 100000\nset queue c from@x c@x {NEVER}\nc .*\n"
    );
    site.config = conf(&site.dir, site.sink.port, &rest);
    site.run();
    site.log("base");
    site.daemon().signal(Signal::SIGUSR2);
    let known = poll(Duration::from_secs(60), || {
        (!mails(&site.sink.record()).is_empty()).then_some(())
    });
    known.expect("the host is known");
    let (mut kinds, mut killed) = (0, 0);
    while killed < kills {
        for _ in 0..random.below(12) {
            // Half of them came before.
            let number = random.below(2 * kinds + 2).min(kinds);
            kinds += usize::from(number == kinds);
            let text = format!("kind {}", word(number));
            site.dir.append("log", line("h1", &text));
        }
        if random.percent(40) {
            site.daemon().signal(Signal::SIGUSR2);
        }
        std::thread::sleep(Duration::from_millis(random.bits() % 120));
        if random.percent(50) {
            site.kill();
            killed += 1;
            site.run();
        }
    }
    site.finish();
    let told = told(&site);
    let want: BTreeMap<String, usize> = (0..kinds).map(|n| (word(n), 1)).collect();
    assert_eq!(told, want, "{kinds} kinds, seed {first}: {}", site.told());
    println!("{kinds} kinds, {killed} kills: each told once");
    assert!(kinds > kills / 2);
}
