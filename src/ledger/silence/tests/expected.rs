//! Messages that are expected: missed, late, and in times that nobody watched.

use std::time::Duration;

use super::*;
use crate::ledger::silence::{Expectation, Expected, SavedExpected};
use crate::schedule::CronSpec;

fn backup() -> Vec<Expectation> {
    vec![Expectation {
        name: "expect report backup".into(),
        pattern: "^backup: finished".into(),
        begins: CronSpec::parse("30 2 * * *").expect("a schedule"),
        grace: Duration::from_secs(90 * 60),
        at_once: false,
    }]
}

struct Nights {
    expected: Expected,
    rules: Vec<Expectation>,
    model: Model,
    now: Time,
    told: Vec<String>,
    unknown: usize,
    /// What the commits hold.
    kept: SavedExpected,
}

impl Nights {
    fn new() -> Self {
        let (model, now) = (Model::default(), at("2026-10-20T12:00:00Z"));
        let rules = backup();
        let mut expected = Expected::default();
        expected.configure(&rules, now, &model);
        Self {
            expected,
            rules,
            model,
            now,
            told: Vec::new(),
            unknown: 0,
            kept: SavedExpected::default(),
        }
    }

    fn pass(&mut self, until: Time) {
        while let Some(next) = self
            .expected
            .next(&self.rules, &self.model)
            .filter(|next| *next <= until)
        {
            self.now = next;
            let found = self.expected.check(&self.rules, next, &self.model);
            let lines = found.lines.into_iter();
            self.told
                .extend(lines.map(|(_, line)| format!("{}: {}", line.host, line.text)));
            self.unknown += found.unknown.len();
        }
        self.now = until;
        if let Some(change) = self.expected.changes() {
            change.make(&mut self.kept);
        }
        self.expected.committed();
        assert_eq!(&self.kept, self.expected.saved());
    }

    fn comes(&mut self, time: &str, host: &str) {
        self.pass(at(time));
        let from = (BStr::new(host), BStr::new("file /l"));
        let line = self
            .expected
            .came(&self.rules[0], from, self.now, &self.model);
        self.told
            .extend(line.map(|line| format!("{}: {}", line.host, line.text)));
    }
}

#[test]
fn a_message_that_does_not_come_is_told_and_so_is_its_late_coming() {
    let mut nights = Nights::new();
    nights.pass(at("2026-10-21T12:00:00Z"));
    assert_eq!((nights.told.len(), nights.unknown), (0, 1));
    // Two hosts. The night of 25 October has the hour from 2 to 3 twice.
    for day in 22..=28 {
        for (host, time) in [("db1", "00:40:00"), ("db2", "00:31:00")] {
            nights.comes(&format!("2026-10-{day}T{time}Z"), host);
        }
    }
    assert_eq!(nights.told, [""; 0]);
    nights.comes("2026-10-29T01:31:00Z", "db2");
    nights.pass(at("2026-10-29T12:00:00Z"));
    let missed = "db1: expected by Thu 04:00 and did not come: ^backup: finished (last Wed 01:40)";
    assert_eq!(nights.told, [missed]);
    nights.comes("2026-10-29T13:00:00Z", "db1");
    assert_eq!(
        nights.told[1..],
        ["db1: came at Thu 14:00, expected by Thu 04:00: ^backup: finished"]
    );
    // That was for the night before.
    nights.told.clear();
    nights.comes("2026-10-30T01:31:00Z", "db2");
    nights.pass(at("2026-10-30T12:00:00Z"));
    assert_eq!(nights.told.len(), 1, "{:?}", nights.told);
    assert_eq!(nights.unknown, 1);
}

#[test]
fn a_night_that_nobody_watched_or_that_is_planned_is_not_told() {
    let mut nights = Nights::new();
    nights.comes("2026-10-29T01:31:00Z", "db1");
    // Down from one o'clock to five.
    nights
        .expected
        .unwatched(at("2026-10-30T00:00:00Z"), at("2026-10-30T04:00:00Z"));
    nights.pass(at("2026-10-30T12:00:00Z"));
    assert_eq!(nights.told, [""; 0]);
    nights.model.hushes = vec![(
        "db1",
        at("2026-10-31T01:00:00Z"),
        at("2026-10-31T02:00:00Z"),
    )];
    nights.pass(at("2026-10-31T12:00:00Z"));
    nights.model.blind = vec!["file /l"];
    nights.pass(at("2026-11-01T12:00:00Z"));
    assert_eq!(nights.told, [""; 0]);
    nights.model.blind = vec![];
    // A restart of a second is no matter.
    nights
        .expected
        .unwatched(at("2026-11-02T01:31:00Z"), at("2026-11-02T01:31:01Z"));
    nights.pass(at("2026-11-02T12:00:00Z"));
    assert_eq!(nights.told.len(), 1);
    // After more than a year nobody expects it any more, and a rule that is gone expects nothing.
    nights.pass(at("2028-11-02T12:00:00Z"));
    assert!(nights.expected.saved().is_empty());
    nights.comes("2028-11-03T01:31:00Z", "db1");
    nights.expected.configure(&[], nights.now, &nights.model);
    assert!(nights.expected.saved().is_empty());
}

impl Nights {
    fn comes_elsewhere(&mut self, time: &str, host: &str, console: &str) {
        self.pass(at(time));
        let from = (BStr::new(host), console);
        let line = self
            .expected
            .came_elsewhere(&self.rules[0], from, self.now, &self.model);
        self.told
            .extend(line.map(|line| format!("{}: {}", line.host, line.text)));
    }
}

#[test]
fn the_console_of_a_site_that_had_a_message_last_tells_that_it_did_not_come() {
    let mut nights = Nights::new();
    nights.model.consoles = true;
    nights.comes("2026-10-21T00:40:00Z", "db1");
    nights.comes_elsewhere("2026-10-21T00:41:00Z", "db1", "b");
    nights.comes_elsewhere("2026-10-21T00:41:00Z", "db2", "b");
    // Mirrored consoles both have the message, and both tell; the host that only b hears is b's.
    nights.pass(at("2026-10-22T02:02:59Z"));
    assert_eq!(nights.told, [""; 0], "the word of b may be on its way");
    nights.pass(at("2026-10-22T02:03:00Z"));
    let missed = "db1: expected by Thu 04:00 and did not come: ^backup: finished (last Wed 02:40)";
    assert_eq!(nights.told, [missed]);
    nights.comes_elsewhere("2026-10-22T09:00:00Z", "db1", "b");
    let came = "db1: came at Thu 11:00, expected by Thu 04:00: ^backup: finished";
    assert_eq!(nights.told[1..], [came]);
    nights.comes_elsewhere("2026-10-22T09:01:00Z", "db1", "b");
    assert_eq!(
        nights.expected.changes(),
        None,
        "b says so for some minutes"
    );
    nights.pass(at("2026-10-24T12:00:00Z"));
    assert_eq!((nights.told.len(), nights.unknown), (2, 0), "b tells");
}

#[test]
fn what_went_to_a_console_that_lost_its_state_is_told_by_the_others() {
    let mut nights = Nights::new();
    nights.model.consoles = true;
    nights.comes_elsewhere("2026-10-22T00:41:00Z", "db1", "b");
    nights.comes_elsewhere("2026-10-22T00:41:00Z", "db2", "c");
    nights.expected.consoles(|console| console == "c");
    nights.pass(at("2026-10-23T12:00:00Z"));
    let missed = "db1: expected by Fri 04:00 and did not come: ^backup: finished (last Thu 02:41)";
    assert_eq!(nights.told, [missed]);
    nights.model.consoles = false;
    let (expected, rules) = (&mut nights.expected, &nights.rules);
    expected.configure(rules, nights.now, &nights.model);
    assert_eq!(
        nights.expected.saved().len(),
        1,
        "without a site, c is nobody"
    );
}

#[test]
fn a_message_of_a_clock_that_was_ahead_does_not_stand_for_the_next_ones() {
    let mut nights = Nights::new();
    nights.comes("2026-10-21T00:40:00Z", "db1");
    nights.comes("2026-10-22T00:40:00Z", "db2");
    let (right, ahead) = (nights.now, at("2036-10-22T12:00:00Z"));
    nights.expected.unwatched(right, ahead);
    nights.now = ahead;
    let from = (BStr::new("db1"), BStr::new("file /l"));
    nights
        .expected
        .came(&nights.rules[0], from, ahead, &nights.model);
    nights.expected.check(&nights.rules, ahead, &nights.model);
    assert_eq!(nights.expected.saved().len(), 2, "db2 is not forgotten");
    let kept = nights.expected.saved().clone();
    nights.now = right;
    nights
        .expected
        .clock_was_set_back(&nights.rules, right, &nights.model);
    nights.pass(at("2026-10-24T12:00:00Z"));
    let told = |nights: &Nights, host: &str| {
        let begin = format!("{host}: expected by Sat 04:00 and did not come");
        nights.told.iter().any(|line| line.starts_with(&begin))
    };
    assert!(told(&nights, "db1"), "{:?}", nights.told);
    // The run after it, on the state of that moment.
    let mut next = Nights::new();
    next.now = right;
    next.expected.restore(kept);
    next.expected.configure(&next.rules, right, &next.model);
    next.pass(at("2026-10-24T12:00:00Z"));
    assert!(told(&next, "db1"), "{:?}", next.told);
}
