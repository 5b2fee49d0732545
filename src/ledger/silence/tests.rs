//! Silence over simulated years: what nine rhythms make of it, and each thing that is no silence of a host.

use bstr::{BStr, BString};
use chrono::{FixedOffset, Offset, TimeDelta, TimeZone};
use chrono_tz::Europe::Berlin;

use super::*;
use crate::clock::Time;
use crate::random::Random;
use crate::schedule::CronSpec;

mod expected;
mod rhythms;

fn at(text: &str) -> Time {
    text.parse().expect(text)
}

fn minutes(n: i64) -> TimeDelta {
    TimeDelta::minutes(n)
}

/// A site whose hushes, faults and rules a test sets.
struct Model {
    modes: Vec<(&'static str, Mode)>,
    /// A name, and the beginning and the end of its hush.
    hushes: Vec<(&'static str, Time, Time)>,
    blind: Vec<&'static str>,
    digest: bool,
    consoles: bool,
}

impl Default for Model {
    fn default() -> Self {
        Self {
            modes: Vec::new(),
            hushes: Vec::new(),
            blind: Vec::new(),
            digest: true,
            consoles: false,
        }
    }
}

impl Site for Model {
    fn mode(&self, name: &BStr) -> Mode {
        let found = self
            .modes
            .iter()
            .find(|(begin, _)| name.starts_with(begin.as_bytes()));
        found.map_or(Mode::Learnt, |(_, mode)| *mode)
    }

    fn hushed(&self, name: &BStr, from: Time, to: Time) -> Option<Time> {
        let covers =
            |(host, begin, end): &&(&str, Time, Time)| name == host && *begin <= to && *end > from;
        self.hushes
            .iter()
            .filter(covers)
            .map(|(.., end)| *end)
            .max()
    }

    fn blind(&self, source: &BStr) -> bool {
        self.blind.iter().any(|blind| source == blind)
    }

    fn digest(&self) -> bool {
        self.digest
    }

    fn has_consoles(&self) -> bool {
        self.consoles
    }

    fn way(&self) -> TimeDelta {
        TimeDelta::minutes(if self.consoles { 3 } else { 0 })
    }

    fn at_once(&self, _: Option<&BStr>) -> bool {
        true
    }

    fn next(&self, schedule: &CronSpec, after: Time) -> Option<Time> {
        schedule.next(after, &Berlin)
    }

    fn offset(&self, at: Time) -> FixedOffset {
        Berlin.offset_from_utc_datetime(&at.naive_utc()).fix()
    }
}

/// A console whose time goes by in steps of at most five minutes, as the loop's does.
struct Console {
    silence: Silence,
    model: Model,
    now: Time,
    told: Vec<(Time, String)>,
}

fn named(now: Time) -> Silence {
    let mut silence = Silence::new(now);
    silence.name_console(b"console");
    silence
}

impl Console {
    fn new(now: Time) -> Self {
        Self {
            silence: named(now),
            model: Model::default(),
            now,
            told: Vec::new(),
        }
    }

    /// Lets the time pass, and looks at silences when that is due.
    fn pass(&mut self, until: Time) {
        while self.now < until {
            let next = self.silence.next().filter(|next| *next > self.now);
            self.now = until.min(self.now + minutes(5)).min(next.unwrap_or(until));
            self.silence.turn(self.now, &self.model);
            if self.silence.next().is_some_and(|next| next <= self.now) {
                self.silence.check(self.now, &self.model);
                self.collect();
            }
        }
    }

    fn collect(&mut self) {
        for line in self.silence.take_lines() {
            self.told
                .push((self.now, format!("{}: {}", line.host, line.text)));
        }
    }

    fn hear(&mut self, host: &str) {
        self.silence
            .host(host.into(), "file /l".into(), self.now, &self.model);
        self.collect();
    }

    fn hear_at(&mut self, time: Time, host: &str) {
        self.pass(time);
        self.hear(host);
    }

    /// Lines of the hosts each `step` minutes, for some days.
    fn days(&mut self, days: i64, step: i64, hosts: &[&str]) {
        let end = self.now + TimeDelta::days(days);
        while self.now < end {
            for host in hosts {
                self.hear(host);
            }
            self.pass(self.now + minutes(step));
        }
    }

    fn texts(&mut self) -> Vec<String> {
        self.told.drain(..).map(|(_, text)| text).collect()
    }
}

#[test]
fn a_host_is_silent_and_comes_back() {
    let mut console = Console::new(at("2026-11-02T09:00:00Z"));
    console.days(20, 10, &["web1"]);
    assert_eq!(console.texts(), [""; 0]);
    let last = console.now - minutes(10);
    console.pass(last + minutes(300));
    let seen = console.told.first().expect("a line").0 - last;
    assert!(seen <= minutes(21), "{seen}");
    assert_eq!(
        console.texts(),
        ["web1: silent since 09:50 (its longest pause in four weeks was 10 minutes)"]
    );
    // Three quarter hours with lines are a return.
    console.hear("web1");
    console.hear_at(console.now + minutes(12), "web1");
    assert_eq!(console.texts(), [""; 0]);
    console.hear_at(console.now + minutes(12), "web1");
    console.hear_at(console.now + minutes(12), "web1");
    assert_eq!(console.texts(), ["web1: back since 14:50, silent for 5 h"]);
}

#[test]
fn who_falls_silent_again_is_told_with_the_next_report() {
    let mut console = Console::new(at("2026-11-02T09:00:00Z"));
    console.model.modes = vec![("sw", Mode::Fixed(std::time::Duration::from_secs(1800)))];
    for pause in [70, 40, 33, 50] {
        for _ in 0..10 {
            console.hear("sw1");
            console.pass(console.now + minutes(7));
        }
        console.pass(console.now + minutes(pause - 7));
    }
    console.hear("sw1");
    let texts = console.texts();
    assert_eq!(texts.len(), 2, "{texts:?}");
    assert!(texts[1].contains("back since"), "{texts:?}");
    assert!(console.silence.has_often());
    let often = console.silence.take_often(console.now, &console.model);
    assert_eq!(
        often[0].text,
        "silent 4 times since Mon 11:03, 33-70 minutes"
    );
    assert!(!console.silence.has_often());
    // Without a scheduled report nothing is kept back.
    console.model.digest = false;
    console.pass(console.now + minutes(40));
    console.hear("sw1");
    assert_eq!(console.texts().len(), 2);
}

#[test]
fn many_at_once_are_one_line() {
    let mut console = Console::new(at("2026-11-02T09:00:00Z"));
    let names: Vec<String> = (0..25).map(|n| format!("h{n:02}")).collect();
    let hosts: Vec<&str> = names.iter().map(String::as_str).collect();
    console.days(20, 4, &hosts);
    // Two are left.
    let (two, others) = hosts.split_at(2);
    let end = console.now + minutes(88);
    while console.now < end {
        two.iter().for_each(|host| console.hear(host));
        console.pass(console.now + minutes(4));
    }
    assert_eq!(
        console.texts(),
        [
            "console: nothing from 23 of 25 hosts since 09:56: this console's network, or its rsyslogd?"
        ]
    );
    // All but one come back.
    for _ in 0..10 {
        others[1..]
            .iter()
            .chain(two)
            .for_each(|host| console.hear(host));
        console.pass(console.now + minutes(4));
    }
    assert_eq!(
        console.texts(),
        [
            "console: back since 11:28: nothing had come from 23 hosts for 1 h 32 min",
            "h02: silent since 11:28 (its longest pause in four weeks was 4 minutes)",
        ]
    );
}

#[test]
fn everything_stops_is_one_line_whatever_the_rhythms() {
    let mut console = Console::new(at("2026-10-01T09:00:00Z"));
    let end = console.now + TimeDelta::days(60);
    let mut step = 0;
    while console.now < end {
        for (host, every) in [("a", 1), ("b", 3), ("c", 24), ("d", 288), ("e", 144)] {
            if step % every == 0 {
                console.hear(host);
            }
        }
        step += 1;
        console.pass(console.now + minutes(5));
    }
    assert_eq!(console.texts(), [""; 0]);
    console.pass(console.now + TimeDelta::days(6));
    let texts = console.texts();
    assert_eq!(texts.len(), 1, "{texts:?}");
    assert!(texts[0].contains("nothing from 5 of 5 hosts"), "{texts:?}");
    // Those that are silent for longer are forgotten, all of them by one line.
    let mut forgetful = console.silence.clone();
    forgetful.check(console.now + TimeDelta::days(3), &console.model);
    let lines = forgetful.take_lines();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!(
        lines[0].text,
        "5 hosts are forgotten after 7 days of silence; each will be new when it comes"
    );
    assert_eq!(forgetful.next(), None);
    // Nothing of it is learnt: the silence of one of them is seen as soon as before.
    console.days(1, 5, &["a", "b", "c", "d", "e"]);
    assert!(console.texts()[0].contains("nothing had come from"));
    console.days(1, 5, &["b", "c", "d", "e"]);
    let (seen, text) = console.told.remove(0);
    assert!(text.starts_with("a: silent since"), "{text}");
    assert!(seen < console.now - minutes(23 * 60), "{seen}");
}

#[test]
fn our_own_downtime_and_what_is_caught_up_is_no_silence() {
    let mut console = Console::new(at("2026-11-02T09:00:00Z"));
    console.days(20, 5, &["a", "b", "c", "d"]);
    // Three days later; what was written meanwhile is read within minutes.
    console.now += TimeDelta::days(3);
    console.silence.begin(console.now);
    for _ in 0..50 {
        console.now += TimeDelta::seconds(5);
        console.silence.turn(console.now, &console.model);
        console.hear("a");
    }
    console.silence.begin(console.now);
    console.days(1, 5, &["a", "b", "c", "d"]);
    assert_eq!(console.texts(), [""; 0]);
    // A machine that slept, a clock that was set forward or back.
    for step in [minutes(600), minutes(8), -minutes(120)] {
        console.now += step;
        console.silence.turn(console.now, &console.model);
        console.days(1, 5, &["a", "b", "c", "d"]);
        assert_eq!(console.texts(), [""; 0], "{step}");
    }
    // A restart in the middle of a silence: whether the host was silent in the time before is not known.
    console.pass(console.now + minutes(8));
    console.silence.begin(console.now);
    console.pass(console.now + minutes(12));
    assert_eq!(console.texts(), [""; 0]);
    console.pass(console.now + minutes(30));
    assert!(console.texts()[0].contains("nothing from 4 of 4 hosts"));
}

#[test]
fn a_hush_over_midnight_is_kept_and_told_once_when_it_is_over() {
    let mut console = Console::new(at("2026-11-02T09:00:00Z"));
    console.days(20, 5, &["db1", "web1"]);
    let now = console.now;
    let (begin, end) = (now + minutes(12 * 60), now + minutes(18 * 60));
    console.model.hushes = vec![("db1", begin, end)];
    while console.now < begin + minutes(10) {
        console.hear("db1");
        console.hear("web1");
        console.pass(console.now + minutes(5));
    }
    while console.now < end - minutes(10) {
        console.hear("web1");
        console.pass(console.now + minutes(5));
    }
    assert_eq!(console.texts(), [""; 0]);
    while console.now < end + minutes(600) {
        console.hear("web1");
        console.pass(console.now + minutes(5));
    }
    let (seen, text) = console.told.remove(0);
    assert!((end..=end + minutes(5)).contains(&seen), "{seen}");
    assert!(text.starts_with("db1: silent since Sun 22:0"), "{text}");
    assert_eq!(console.texts(), [""; 0]);
    // A silence that a hush covers in part teaches nothing: the next one is seen as soon as before.
    console.days(2, 5, &["db1", "web1"]);
    console.texts();
    let last = console.now;
    console.days(1, 5, &["web1"]);
    let (seen, text) = console.told.remove(0);
    assert!(
        text.ends_with("(its longest pause in four weeks was 5 minutes)"),
        "{text}"
    );
    assert!(seen < last + minutes(20), "{seen}");
}

#[test]
fn a_source_that_is_not_read_holds_its_hosts() {
    let mut console = Console::new(at("2026-11-02T09:00:00Z"));
    console.days(20, 5, &["a", "b"]);
    console.model.blind = vec!["file /l"];
    console.pass(console.now + minutes(300));
    assert_eq!(console.texts(), [""; 0]);
    console.model.blind.clear();
    let its = |source: &BStr| source == "file /l";
    console
        .silence
        .source_is_well(&its, console.now, &console.model);
    console.pass(console.now + minutes(12));
    assert_eq!(console.texts(), [""; 0]);
    console.pass(console.now + minutes(12));
    assert_eq!(console.texts().len(), 2);
}

#[test]
fn fixed_times_and_names_that_are_not_watched() {
    let mut console = Console::new(at("2026-11-02T09:00:00Z"));
    console.model.modes = vec![
        ("sw", Mode::Fixed(std::time::Duration::from_secs(6 * 3600))),
        ("ws", Mode::Off),
    ];
    for host in ["sw1", "ws1", "new"] {
        console.hear(host);
    }
    console.pass(console.now + TimeDelta::days(9));
    let told = std::mem::take(&mut console.told);
    assert_eq!(
        told[0].1,
        "sw1: silent since 10:00 (no pause of it is to last 6 h)"
    );
    assert_eq!(told[0].0, at("2026-11-02T15:00:00Z"));
    assert_eq!(
        told[1].1,
        "sw1: forgotten after 7 days of silence; it will be new when it comes"
    );
    assert_eq!(told.len(), 2);
    assert_eq!(console.silence.next(), None);
    console.hear("sw1");
    assert_eq!(console.texts(), [""; 0]);
}

#[test]
fn a_file_is_silent_if_its_host_writes_elsewhere() {
    let mut console = Console::new(at("2026-11-02T09:00:00Z"));
    let end = console.now + TimeDelta::days(20);
    let mail = |console: &mut Console| {
        let (now, model) = (console.now, &console.model);
        let host = console
            .silence
            .host("a".into(), "file /mail".into(), now, model);
        console
            .silence
            .file("/mail".into(), host, "file /mail".into(), now, model);
    };
    while console.now < end {
        console.hear("a");
        mail(&mut console);
        console.pass(console.now + minutes(5));
    }
    console.days(1, 5, &["a"]);
    assert_eq!(
        console.texts(),
        ["/mail: silent since 09:55 (its longest pause in four weeks was 5 minutes)"]
    );
    mail(&mut console);
    console.days(1, 5, &["a"]);
    // Where the host is silent itself, the host is told alone.
    for _ in 0..20 {
        console.hear("a");
        mail(&mut console);
        console.pass(console.now + minutes(5));
    }
    console.texts();
    console.silence.take_often(console.now, &console.model);
    console.pass(console.now + TimeDelta::days(3));
    assert_eq!(console.texts().len(), 1, "{:?}", console.told);
}

#[test]
fn a_restart_goes_on_from_the_changes_of_each_commit() {
    let mut console = Console::new(at("2026-11-02T09:00:00Z"));
    console.model.modes = vec![("a", Mode::Fixed(std::time::Duration::from_secs(3600)))];
    let mut kept = console.silence.saved();
    let mut random = Random::new(7);
    for round in 0..400 {
        let hosts = ["a", "b", "c", "d", "e"];
        let some: Vec<&str> = hosts.into_iter().filter(|_| random.percent(70)).collect();
        for _ in 0..3 {
            some.iter().for_each(|host| console.hear(host));
            console.pass(console.now + minutes(random.below(40) as i64));
        }
        if let Some(change) = console.silence.changes() {
            let bytes = postcard::to_allocvec(&change).expect("bytes");
            kept.make(postcard::from_bytes(&bytes).expect("a change"));
        }
        console.silence.committed();
        if round % 50 == 49 {
            let mut again = named(console.now);
            again.restore(kept.clone(), console.now, &console.model);
            assert!(again.saved() == kept, "round {round}");
            let alarms = console.told.len();
            console.silence = again;
            console.pass(console.now + minutes(14));
            assert_eq!(console.told.len(), alarms, "{:?}", console.told);
        }
    }
    assert!(!console.told.is_empty());
}

#[test]
fn invented_names_have_a_bound() {
    let mut console = Console::new(at("2026-11-02T09:00:00Z"));
    console.days(1, 60, &["real"]);
    for n in 0..60_000 {
        console.hear(&format!("x{n}"));
    }
    assert!(console.silence.refused() > 20_000);
    console.pass(console.now + minutes(20));
    console.hear("real");
    console.hear("another");
    let known: Vec<BString> = vec!["real".into(), "another".into()];
    assert!(
        known
            .iter()
            .all(|name| console.silence.names.contains_key(name))
    );
    assert!(console.silence.names.len() < 20);
}

#[test]
fn a_clock_that_was_ahead_blinds_nobody() {
    let mut console = Console::new(at("2026-11-02T09:00:00Z"));
    console.model.modes = vec![("a", Mode::Fixed(std::time::Duration::from_secs(3600)))];
    console.days(1, 10, &["a", "b"]);
    let right = console.now;
    console.now = right + TimeDelta::days(3652);
    console.silence.turn(console.now, &console.model);
    console.hear("a");
    let kept = console.silence.saved();
    let silent = |console: &mut Console| {
        console.pass(right + TimeDelta::hours(3));
        let told = console.texts();
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].starts_with("a: "), "{told:?}");
    };
    console.now = right;
    console.silence.turn(right, &console.model);
    silent(&mut console);
    // A moment back, and it is not forgotten.
    console.now -= TimeDelta::seconds(2);
    console.silence.turn(console.now, &console.model);
    console.pass(console.now + TimeDelta::days(1));
    assert_eq!(console.texts(), [""; 0]);
    // The run after it, on the state of the moment in which the clock was ahead.
    console.now = right;
    console.silence = named(right);
    console.silence.restore(kept, right, &console.model);
    silent(&mut console);
}

/// What four weeks taught is not lost by one line at a wrong time.
#[test]
fn a_clock_that_was_ahead_teaches_nothing() {
    let mut console = Console::new(at("2026-11-02T09:00:00Z"));
    console.days(20, 30, &["a"]);
    let (right, before) = (console.now, console.silence.watches[0].clone());
    console.now = right + TimeDelta::days(3652);
    console.silence.turn(console.now, &console.model);
    console.hear("a");
    console.now = right;
    console.silence.turn(right, &console.model);
    let after = console.silence.watches[0].clone();
    let learnt = |watch: Option<table::Watch>| watch.map(|watch| watch.learnt);
    let pauses = |watch: Option<table::Watch>| learnt(watch).map(|learnt| learnt.pauses.longest());
    assert_eq!(pauses(after.clone()), pauses(before.clone()));
    let ring = |watch: Option<table::Watch>| learnt(watch).map(|learnt| learnt.ring);
    assert_eq!(ring(after), ring(before));
}

#[test]
fn a_hush_that_has_no_minute_after_it_ends_no_run() {
    let mut console = Console::new(at("2026-11-02T09:00:00Z"));
    console.model.modes = vec![("a", Mode::Fixed(std::time::Duration::from_secs(3600)))];
    console.hear("a");
    console.model.hushes = vec![("a", console.now, Time::MAX_UTC)];
    console.pass(console.now + TimeDelta::hours(3));
    assert_eq!(console.texts(), [""; 0]);
}
