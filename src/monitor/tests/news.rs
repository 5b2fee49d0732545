//! News over days and months, on a clock that is stepped.

use std::collections::{BTreeMap, BTreeSet};

use chrono::Local;

use super::*;
use crate::ledger::news::Why;
use crate::random::Random;

/// Queues whose reports the tests ask for, news for all of them.
const NEWS: &str = "set mailserver localhost\nset mask ______\nset news on\n\
    set queue a f@x a@x [0 0 1 1 *]\nset queue b f@x b@x [0 0 1 1 *]\n\
    set queue n f@x n@x,pager:p@x [now]\n";

/// A time of the calendar at this machine.
fn at(year: i32, month: u32, day: u32, hour: u32, minute: u32) -> Time {
    let time = Local.with_ymd_and_hms(year, month, day, hour, minute, 0);
    time.single().expect("a time that comes once").to_utc()
}

fn config(rules: &str) -> Arc<crate::config::Config> {
    let loaded = parse_bytes(format!("{NEWS}{rules}").as_bytes());
    Arc::new(loaded.config.expect("a good config"))
}

fn begun(rules: &str, now: Time) -> Monitor {
    Monitor::new(config(rules), now)
}

/// Takes lines `HOST TEXT`, whose kinds are looked up at once.
fn take(monitor: &mut Monitor, now: Time, lines: &[&str]) {
    monitor.advance_to(now);
    for line in lines {
        monitor.take(format!("Nov 23 12:00:00 {line}\n").as_bytes());
    }
    monitor.note_news(now);
}

/// The texts of all reports, by queue, and by form.
fn texts(monitor: &mut Monitor, now: Time) -> BTreeMap<(String, bool), String> {
    let due = monitor.flush(now, None, &no_names);
    let reports = due.into_iter().flat_map(|due| due.reports);
    reports
        .map(|report| ((report.queue, report.pager), report.body.to_string()))
        .collect()
}

/// What stands above the hosts in the report of a queue.
fn news_of(monitor: &mut Monitor, now: Time, queue: &str) -> String {
    let text = texts(monitor, now).remove(&(queue.to_owned(), false));
    let text = text.expect("a report");
    text.split_once("\n\n")
        .map_or(String::new(), |(head, _)| format!("{head}\n"))
}

/// What comes on each host, all the time.
const USUAL: [&str; 4] = [
    "db1 cron: x",
    "web1 cron: x",
    "web2 cron: x",
    "mail1 cron: x",
];
const TLS: &str = "postfix/smtpd: warning: TLS library problem";
const REBUILD: &str = "mdadm: RebuildStarted event detected on md device ______";

/// A site from March to November.
fn site() -> Monitor {
    let rules = "set news_learn 1\na ^(?:kernel|sshd|postfix|mdadm|cron)\n";
    let start = at(2026, 3, 3, 8, 0);
    let mut monitor = begun(rules, start);
    take(&mut monitor, start, &USUAL);
    take(&mut monitor, start, &[&format!("mail2 {TLS}")]);
    let head = news_of(&mut monitor, at(2026, 3, 3, 12, 0), "a");
    assert_eq!(head, "*** News begin on Wed 4 Mar ***\n");
    for day in [4, 5, 6] {
        let now = at(2026, 7, day, 9, 0);
        take(&mut monitor, now, &[&format!("web1 {REBUILD}")]);
        texts(&mut monitor, now);
    }
    for month in 4..=11 {
        let now = at(2026, month, 1, 9, 0);
        take(&mut monitor, now, &USUAL);
        take(&mut monitor, now, &[&format!("mail2 {TLS}")]);
        texts(&mut monitor, now);
    }
    take(&mut monitor, at(2026, 11, 26, 12, 0), &USUAL);
    texts(&mut monitor, at(2026, 11, 26, 12, 30));
    monitor
}

#[test]
fn a_report_begins_with_what_was_never_here_before() {
    let mut monitor = site();
    take(
        &mut monitor,
        at(2026, 11, 27, 3, 12),
        &["db1 kernel: EXT4-fs error (device sda1): ext4_find_entry:1463: inode #______"; 3],
    );
    let kex = "sshd: error: kex_exchange_identification: ______";
    let kex = [format!("web1 {kex}"), format!("web2 {kex}")];
    let kex: Vec<&str> = kex.iter().flat_map(|line| vec![line.as_str(); 9]).collect();
    take(&mut monitor, at(2026, 11, 26, 19, 40), &kex);
    let later = at(2026, 11, 27, 9, 0);
    take(&mut monitor, later, &[&format!("mail1 {TLS}")]);
    take(
        &mut monitor,
        later,
        &[format!("web1 {REBUILD}").as_str(); 2],
    );
    take(
        &mut monitor,
        later,
        &["web7 cron: x", "web7 sshd: hello", "web7 cron: x"],
    );
    take(&mut monitor, later, &USUAL);
    let head = news_of(&mut monitor, at(2026, 11, 27, 12, 30), "a");
    let want = "\
*** New since Thu 26 Nov 12:30: 2 kinds never seen at this site, 1 new to its host, 1 back after 144 days, 1 new host ***
    db1: 3: kernel: EXT4-fs error (device sda1): ext4_find_entry:1463: inode #______  first 03:12
    web1,web2: 18: sshd: error: kex_exchange_identification: ______                   first Thu 26 Nov 19:40
    mail1 (known from mail2 since 3 Mar): 1: postfix/smtpd: warning: TLS library problem
    back: web1: 2: mdadm: RebuildStarted event detected on md device ______           (last 6 Jul)
    new host web7: 2 kinds, 3 lines
";
    assert_eq!(head, want);
    let told: Vec<&Why> = monitor.ledger().news.told().map(|told| &told.why).collect();
    assert_eq!(told.len(), 6, "the five, and the rebuilding in July");
    // Without news there is no block, and the text is the text of a report without `set news`.
    take(&mut monitor, later, &["web7 cron: x"]);
    let text = texts(&mut monitor, at(2026, 11, 27, 18, 0));
    assert_eq!(text[&("a".to_owned(), false)], "\nweb7: \n    1: cron: x\n");
}

#[test]
fn without_news_nothing_is_noted_and_no_text_changes() {
    let now = start();
    let mut monitor = monitor("a .*\n");
    take(&mut monitor, now, &["h1 one", "h2 two"]);
    assert_eq!(monitor.ledger(), &crate::ledger::Ledger::default());
    assert!(monitor.ledger().changes().news.is_none());
    let text = texts(&mut monitor, now);
    assert_eq!(
        text[&("a".to_owned(), false)],
        "\nh1: \n    1: one\n\nh2: \n    1: two\n"
    );
    assert!(
        monitor
            .queues
            .iter()
            .all(|queue| queue.fresh.lines.capacity() == 0)
    );
}

#[test]
fn news_are_those_of_the_queues_that_are_named() {
    let now = at(2026, 5, 1, 9, 0);
    let mut monitor = begun("set news_learn 0\nset news b\na,b ^x\na ^y\n", now);
    take(&mut monitor, now, &["h0 x base"]);
    texts(&mut monitor, now);
    take(&mut monitor, now, &["h0 x one", "h0 y two"]);
    let texts = texts(&mut monitor, now);
    assert!(!texts[&("a".to_owned(), false)].contains("***"));
    assert!(texts[&("b".to_owned(), false)].contains("    h0: 1: x one  first 09:00\n"));
}

#[test]
fn each_queue_of_a_rule_tells_its_news_and_one_that_is_mailed_at_once_in_its_first_line() {
    let now = at(2026, 5, 1, 9, 0);
    let mut monitor = begun("set news_learn 0\nn,a .*\n", now);
    take(&mut monitor, now, &["h0 base"]);
    let first = texts(&mut monitor, now);
    assert!(first[&("n".to_owned(), false)].starts_with("*** New kind: 1 new host ***\n\nh0: \n"));
    take(&mut monitor, now, &["h0 base", "h0 one", "h0 one"]);
    let texts_now = texts(&mut monitor, now);
    let text = |queue: &str, pager| texts_now[&(queue.to_owned(), pager)].as_str();
    assert_eq!(
        text("n", false),
        "*** New kind: 1 kind never seen at this site ***\n\nh0: \n    2: one\n    1: base\n"
    );
    assert_eq!(text("n", true), "new kind\nh0,2,one\nh0,1,base\n");
    assert!(text("a", false).contains("1 kind never seen"));
    take(&mut monitor, now, &["h0 one"]);
    let texts = texts(&mut monitor, now);
    assert_eq!(texts[&("n".to_owned(), true)], "h0,1,one\n");
    assert!(texts.values().all(|text| !text.contains("***")));
}

#[test]
fn what_a_threshold_holds_back_is_no_news() {
    let now = at(2026, 5, 1, 9, 0);
    let rules = "set news_learn 0\nset threshold a 3 rare\na .*\n";
    let mut monitor = begun(rules, now);
    take(&mut monitor, now, &["h0 base"]);
    texts(&mut monitor, now);
    take(&mut monitor, now, &["h0 rare x", "h0 often"]);
    let head = news_of(&mut monitor, now, "a");
    assert!(
        head.contains(": 1 kind never seen at this site ***\n    h0: 1: often"),
        "{head}"
    );
}

/// Only the shape counts, and a kind that lacks a mask is named in place of its flood.
#[test]
fn a_rule_that_lacks_a_mask_is_named_in_place_of_its_news() {
    let mut now = at(2026, 5, 1, 9, 0);
    let mut monitor = begun("set news_learn 0\na ^app: .*\nb .*\n", now);
    take(&mut monitor, now, &["h0 base"]);
    texts(&mut monitor, now);
    let mut random = Random::new(3);
    let name = |random: &mut Random| -> String {
        (0..9)
            .map(|_| (b'a' + random.below(26) as u8) as char)
            .collect()
    };
    let mut named = Vec::new();
    for day in 0..14 {
        let lines: Vec<String> = (0..60)
            .map(|_| format!("h0 app: user {} left", name(&mut random)))
            .collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        take(&mut monitor, now, &lines);
        let head = news_of(&mut monitor, now, "a");
        let rows = head
            .lines()
            .filter(|line| line.starts_with("    h0: 1: app"))
            .count();
        // The kinds of the third day beyond its fiftieth are none.
        assert_eq!(rows, if day < 3 { 20 } else { 0 }, "{day}: {head}");
        if head.contains("varies") {
            named.push((day, head.lines().last().unwrap_or_default().to_owned()));
        }
        now += Duration::days(1);
    }
    let days: Vec<i32> = named.iter().map(|(day, _)| *day).collect();
    assert_eq!(days, [2, 9]);
    let want = "*** /tenshi.conf:8:3: a ^app: .*: 60 new kinds a day; the 3rd word varies: \
                no news of this rule until it masks that ***";
    assert_eq!(named[0].1, want);
}

#[test]
fn a_rule_that_was_changed_takes_its_kinds_over() {
    let mut now = at(2026, 5, 1, 9, 0);
    let mut monitor = begun("set news_learn 0\na ^app: (\\d+)\na .*\n", now);
    take(&mut monitor, now, &["h0 app: 1", "h0 other", "h0 third"]);
    texts(&mut monitor, now);
    monitor.reconfigure(
        config("set news_learn 0\na ^app: \\d+ ?(.*)\na ^other\na .*\n"),
        now,
    );
    take(
        &mut monitor,
        now,
        &[
            "h0 app: 1",
            "h0 app: 2",
            "h0 other",
            "h0 third",
            "h0 fourth",
        ],
    );
    let head = news_of(&mut monitor, now, "a");
    let want = "*** New since Fri 1 May 09:00: 1 kind never seen at this site ***\n    \
                h0: 1: fourth  first 09:00\n*** Rules changed: 2 kinds taken over ***\n";
    assert_eq!(head, want);
    // A restart with other rules takes kinds over as well, for a day at least.
    let rules = "set news_learn 0\na ^(?:app|other)\na .*\n";
    let mut monitor = restarted_at(&monitor, rules, now);
    take(&mut monitor, now, &["h0 other"]);
    assert_eq!(
        news_of(&mut monitor, now, "a"),
        "*** Rules changed: 1 kind taken over ***\n"
    );
    now += Duration::days(1);
    take(&mut monitor, now, &["h0 other else"]);
    assert_eq!(
        news_of(&mut monitor, now, "a"),
        "*** Rules changed: 1 kind taken over ***\n"
    );
    now += Duration::days(1);
    take(&mut monitor, now, &["h0 other again"]);
    assert!(news_of(&mut monitor, now, "a").contains("1 kind never seen"));
}

/// Goes on in another monitor of these rules from what this one would save.
fn restarted_at(monitor: &Monitor, rules: &str, now: Time) -> Monitor {
    let mut snapshot = SavedMonitor {
        looked: now,
        made: now,
        ..SavedMonitor::default()
    };
    snapshot.ledger.news = owned(&monitor.ledger().news);
    let queues = monitor.saved_queues().into_iter();
    let owned_queue = |queue: SavedQueue<&crate::queue::Tally>| {
        let (queue, tally) = queue.split();
        queue.with(owned(tally))
    };
    snapshot.queues = queues.map(owned_queue).collect();
    let mut next = begun(rules, now);
    assert!(next.restore(snapshot, now).is_empty());
    next
}

#[test]
fn what_waits_to_be_told_is_told_after_a_restart() {
    let now = at(2026, 5, 1, 9, 0);
    let rules = "set news_learn 0\na .*\n";
    let mut monitor = begun(rules, now);
    take(&mut monitor, now, &["h0 base", "h1 base"]);
    texts(&mut monitor, now);
    take(&mut monitor, now, &["h0 one", "h1 one", "h2 base"]);
    let mut monitor = restarted_at(&monitor, rules, now);
    take(&mut monitor, now, &["h0 one", "h1 two", "h2 two"]);
    let head = news_of(&mut monitor, now, "a");
    let want = "*** New since Fri 1 May 09:00: 2 kinds never seen at this site, 1 new host ***\n    \
                h1: 1: two     first 09:00\n    h0,h1: 3: one  first 09:00\n    \
                new host h2: 2 kinds, 2 lines\n";
    assert_eq!(head, want);
}

/// A sender that makes up kinds and hosts stays within the bounds, and the report says so in few lines.
#[test]
fn what_a_stranger_makes_up_is_bounded_and_named() {
    let mut now = at(2026, 5, 1, 9, 0);
    let rules = "set news_learn 0\nset news_max 3200\nset max_lines 1000000\na .*\n";
    let mut monitor = begun(rules, now);
    take(&mut monitor, now, &["h0 base"]);
    texts(&mut monitor, now);
    let mut random = Random::new(4);
    for day in 0..4 {
        let mut text = String::new();
        for n in 0..10_000 {
            let host = format!("evil{day}x{n}");
            let word = |random: &mut Random| (b'a' + random.below(26) as u8) as char;
            let words: String = (0..12).map(|_| word(&mut random)).collect();
            text += &format!("Nov 23 12:00:00 {host} {words}\n");
        }
        monitor.advance_to(now);
        monitor.take(text.as_bytes());
        monitor.note_news(now);
        let news = &monitor.ledger().news;
        assert!(news.kinds().count() <= 3200 && news.kinds().pairs() <= 4 * 3200);
        assert!(news.hosts().count() <= 1 << 14);
        assert!(news.waiting_items() <= 1000);
        let bytes = postcard::to_stdvec(news).unwrap().len();
        assert!(bytes < 3 << 20, "{bytes}");
        take(&mut monitor, now, &["h0 a good line of our own"]);
        let head = news_of(&mut monitor, now, "a");
        assert!(head.lines().count() <= 24, "{head}");
        assert!(head.contains(" new hosts"), "{head}");
        now += Duration::days(1);
    }
    assert!(monitor.counters().get(Counter::KindsOver) > 30_000);
    let mut evil = begun(rules, now);
    std::mem::swap(&mut evil.ledger, &mut monitor.ledger);
    // Who was known before is known still, or new once.
    take(&mut evil, now, &["h0 base"]);
    assert!(news_of(&mut evil, now, "a").lines().count() <= 4);
}

/// A site of the model: kinds with their full texts.
#[derive(Default)]
struct Model {
    kinds: BTreeMap<String, (u32, u32, u32)>,
    pairs: BTreeMap<(String, String), u32>,
    hosts: BTreeMap<String, u32>,
}

/// What a day should tell: sorts with hosts and texts.
type Sorted = BTreeSet<(u8, String, String)>;

impl Model {
    fn see(&mut self, day: u32, learn: u32, lines: &[(String, String)]) -> Sorted {
        let mut told = Sorted::new();
        let learning = day < learn;
        let mut new_hosts = BTreeSet::new();
        let mut of_day: BTreeMap<String, u8> = BTreeMap::new();
        for (host, text) in lines {
            if !self.hosts.contains_key(host) {
                self.hosts.insert(host.clone(), day);
                new_hosts.insert(host.clone());
            }
            let kind = self.kinds.get(text).copied();
            let pair = self.pairs.insert((host.clone(), text.clone()), day);
            let (first, last, pause) = kind.unwrap_or((day, day, 0));
            let silent = day - last;
            self.kinds
                .insert(text.clone(), (first, day, pause.max(silent)));
            if learning {
                continue;
            }
            if new_hosts.contains(host) {
                told.insert((3, host.clone(), String::new()));
                continue;
            }
            let sort = match (of_day.get(text), kind) {
                (Some(sort), _) => *sort,
                (None, None) => 0,
                (None, Some(_)) if silent > 30 && silent > 2 * pause => 2,
                (None, Some(_)) if pair.is_none() && day - self.hosts[host] >= learn => 1,
                _ => continue,
            };
            if sort != 1 {
                of_day.insert(text.clone(), sort);
            }
            let of_host = if sort == 1 {
                host.clone()
            } else {
                String::new()
            };
            told.insert((sort, of_host, text.clone()));
        }
        told
    }
}

/// Over 500 days, what is told is what a model says that keeps all texts.
#[test]
fn what_is_told_is_what_was_not_there() {
    let rules = "set news_learn 7\nset news_limit 1000\na .*\n";
    let mut now = at(2026, 1, 5, 9, 0);
    let mut monitor = begun(rules, now);
    let (mut model, mut random) = (Model::default(), Random::new(11));
    let letters =
        |n: usize| -> String { format!("{n}").bytes().map(|b| (b + 49) as char).collect() };
    let mut numbers = [0; 4];
    for day in 0..500_u32 {
        let mut lines = Vec::new();
        // More kinds and hosts come with time; some kinds come rarely.
        for _ in 0..40 {
            let host = format!("host-{}", letters(random.below(3 + day as usize / 40)));
            let kind = match random.below(10) {
                0 => random.below(1 + day as usize / 2),
                _ => random.below(30),
            };
            lines.push((host, format!("kind {}", letters(kind))));
        }
        let want = model.see(day, 7, &lines);
        let lines: Vec<String> = lines
            .iter()
            .map(|(host, text)| format!("{host} {text}"))
            .collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        take(&mut monitor, now, &lines);
        let before = monitor.ledger().news.told().count();
        if random.percent(10) {
            monitor = restarted_at(&monitor, rules, now);
        }
        texts(&mut monitor, now);
        let news = &monitor.ledger().news;
        let today = news.told().filter(|told| told.when == now);
        let got: Sorted = today
            .map(|told| match &told.why {
                Why::NeverSeen => (0, String::new(), told.text.to_string()),
                Why::NewToHost { .. } => (1, told.hosts[0].to_string(), told.text.to_string()),
                Why::Back { .. } => (2, String::new(), told.text.to_string()),
                Why::NewHost { .. } => (3, told.text.to_string(), String::new()),
            })
            .collect();
        assert_eq!(got, want, "day {day}, {before} told before");
        for (sort, ..) in got {
            numbers[usize::from(sort)] += 1;
        }
        now += Duration::days(1);
    }
    assert!(numbers.iter().all(|n| *n > 5), "{numbers:?}");
}

#[test]
fn a_queue_tells_a_kind_once_though_another_one_waits_to_tell_it() {
    let rules = "set news_learn 0\nset queue c f@x c@x [*/3 * * * *]\n\
        set queue e f@x e@x [*/10 * * * *]\nc,e ^app\n";
    let minute = |minute| at(2026, 11, 26, 8, minute);
    let mut monitor = begun(rules, minute(0));
    take(&mut monitor, minute(1), &["web1 app: usual"]);
    let mut told = BTreeMap::new();
    for at in 2..=20 {
        if [11, 13, 17].contains(&at) {
            take(&mut monitor, minute(at), &["web1 app: strange"]);
        }
        for report in monitor.due(minute(at), None, &|_| false, &no_names) {
            for report in report.reports {
                let text = report.body.to_string();
                let news = text.contains("1 kind never seen");
                told.insert((report.queue, at), news);
            }
        }
    }
    let told: Vec<_> = (told
        .iter()
        .map(|((queue, at), news)| (queue.as_str(), *at, *news)))
    .collect();
    assert_eq!(
        told,
        [
            ("c", 3, false),
            ("c", 12, true),
            ("c", 15, false),
            ("c", 18, false),
            ("e", 10, false),
            ("e", 20, true)
        ]
    );
}

#[test]
fn a_clock_that_is_years_ahead_for_a_moment_makes_nothing_forgotten() {
    let day = at(2026, 5, 1, 9, 0);
    let mut monitor = begun("set news_learn 0\na .*\n", day);
    take(&mut monitor, day, &["h0 base", "h1 base"]);
    let day = day + Duration::days(1);
    take(&mut monitor, day, &["h0 base", "h1 one"]);
    let counts = |monitor: &Monitor| {
        let news = &monitor.ledger().news;
        (news.kinds().count(), news.hosts().count())
    };
    take(&mut monitor, at(2036, 5, 2, 9, 0), &["h0 one"]);
    assert_eq!(counts(&monitor), (2, 2));
    // It is right again, and what is old is forgotten as before.
    texts(&mut monitor, day);
    take(&mut monitor, day, &["h0 one"]);
    let later = at(2027, 8, 1, 9, 0);
    take(&mut monitor, later, &["h0 two"]);
    assert_eq!(counts(&monitor), (3, 2));
    take(&mut monitor, later + Duration::days(1), &["h0 three"]);
    assert_eq!(
        counts(&monitor),
        (3, 1),
        "one is known until its day is over"
    );
}
