//! Silences as lines in queues.

use chrono::{Local, TimeDelta};

use super::*;

const SILENCE: &str = "set mailserver localhost\nset queue crit f@x c@x [now]\n\
    set queue report f@x r@x [0 12 * * *]\nset silence crit\nset silence report ^sw 30m\n\
    set silence off ^ws\nset hush ^db [0 2 * * *] 4h\ntrash .*\n";

struct Site {
    monitor: Monitor,
    now: Time,
    told: Vec<(String, String)>,
}

/// Monday noon at this machine, wherever it is.
fn noon() -> Time {
    let noon = Local.with_ymd_and_hms(2026, 11, 23, 12, 0, 30);
    noon.unwrap().to_utc()
}

impl Site {
    fn new(config: &str) -> Self {
        let loaded = parse_bytes(config.as_bytes());
        let mut monitor = Monitor::new(Arc::new(loaded.config.expect("a good config")), noon());
        monitor.name_console("console");
        Self {
            monitor,
            now: noon(),
            told: Vec::new(),
        }
    }

    /// As the daemon's loop does it, in steps of five minutes at most.
    fn pass(&mut self, until: Time) {
        while self.now < until {
            let next = self.monitor.next_silence().filter(|next| *next > self.now);
            self.now = until
                .min(self.now + TimeDelta::minutes(5))
                .min(next.unwrap_or(until));
            self.monitor.silence_turn(self.now);
            if self
                .monitor
                .next_silence()
                .is_some_and(|next| next <= self.now)
            {
                self.monitor.check_silences(self.now);
            }
            self.monitor.advance_to(self.now);
            let due = self.monitor.due(self.now, None, &|_| false, &no_names);
            let reports = due.into_iter().flat_map(|due| due.reports);
            self.told
                .extend(reports.map(|r| (r.queue, r.body.to_string())));
        }
    }

    fn hear(&mut self, hosts: &[&str]) {
        self.monitor.advance_to(self.now);
        let line = |host: &&str| format!("Nov 23 12:00:00 {host} sshd: x\n");
        let lines: String = hosts.iter().map(line).collect();
        self.monitor
            .take_from(BStr::new("file /log"), lines.as_bytes());
    }

    fn run(&mut self, time: TimeDelta, hosts: &[&str]) {
        let end = self.now + time;
        while self.now < end {
            self.hear(hosts);
            self.pass(self.now + TimeDelta::minutes(5));
        }
    }

    fn told(&mut self) -> Vec<(String, String)> {
        std::mem::take(&mut self.told)
    }
}

fn report(queue: &str, host: &str, line: &str) -> (String, String) {
    (
        queue.to_owned(),
        format!("\n{host}: \n    1: tenshi: {line}\n"),
    )
}

#[test]
fn silences_are_lines_in_the_queue_that_is_named() {
    let mut site = Site::new(SILENCE);
    site.run(TimeDelta::days(20), &["web1", "ws1", "sw1"]);
    assert_eq!(site.told(), []);
    site.run(TimeDelta::hours(2), &["sw1"]);
    let why = "(its longest pause in four weeks was 5 minutes)";
    assert_eq!(
        site.told(),
        [report("crit", "web1", &format!("silent since 11:55 {why}"))]
    );
    site.run(TimeDelta::hours(1), &["web1"]);
    assert_eq!(
        site.told(),
        [report(
            "crit",
            "web1",
            "back since 14:00, silent for 2 h 5 min"
        )]
    );
    // The fixed time, told at the time of its queue.
    site.run(TimeDelta::days(1), &["web1"]);
    assert_eq!(
        site.told(),
        [report(
            "report",
            "sw1",
            "silent since Sun 13:55 (no pause of it is to last 30 min)"
        )]
    );
}

#[test]
fn hosts_that_flap_are_told_with_the_digest() {
    let mut site = Site::new(SILENCE);
    for pause in [40, 60, 33] {
        site.run(TimeDelta::minutes(60), &["sw1", "web1"]);
        site.run(TimeDelta::minutes(pause), &["web1"]);
    }
    site.run(TimeDelta::hours(21), &["sw1", "web1"]);
    let told = site.told();
    let want = "\nsw1: \n    1: tenshi: back since Mon 13:40, silent for 45 min\n    1: tenshi: silent 3 times since \
                Mon 12:55, 40-65 minutes\n    1: tenshi: silent since Mon 12:55 (no pause of it is to last 30 min)\n";
    assert_eq!(told, [("report".to_owned(), want.to_owned())]);
    // A digest that holds nothing else comes too.
    site.run(TimeDelta::minutes(33), &["web1"]);
    site.run(TimeDelta::minutes(50), &["sw1"]);
    site.run(TimeDelta::minutes(33), &["web1"]);
    site.run(TimeDelta::days(1), &["sw1", "web1"]);
    assert_eq!(site.told().len(), 1);
}

#[test]
fn a_planned_hush_is_kept() {
    let mut site = Site::new(SILENCE);
    site.run(TimeDelta::days(20), &["db1", "web1"]);
    site.run(
        TimeDelta::hours(14) + TimeDelta::minutes(5),
        &["db1", "web1"],
    );
    // From 02:05 on.
    site.run(TimeDelta::minutes(230), &["web1"]);
    assert_eq!(site.told(), []);
    site.run(TimeDelta::hours(2), &["web1"]);
    let told = site.told();
    assert!(told[0].1.contains("tenshi: silent since 02:00"), "{told:?}");
    assert_eq!(told.len(), 1);
}

#[test]
fn expected_messages_are_told_when_they_do_not_come() {
    let mut site = Site::new(
        "set mailserver localhost\nset queue crit f@x c@x [now]\nset queue d f@x d@x [0 12 * * *]\n\
         group_host ^db\nexpect crit [30 2 * * *] 90m ^backup: (\\w+)\ngroup_end\n\
         expect d [0 * * * *] 10m ^never\nd ^backup\n",
    );
    let backup = |site: &mut Site, host: &str| {
        let line = format!("Nov 23 12:00:00 {host} backup: finished\n");
        site.monitor.advance_to(site.now);
        site.monitor
            .take_from(BStr::new("file /log"), line.as_bytes());
    };
    site.pass(site.now + TimeDelta::hours(15));
    for host in ["db1", "db2"] {
        backup(&mut site, host);
    }
    // The group is for some hosts only.
    backup(&mut site, "web1");
    site.pass(site.now + TimeDelta::hours(23));
    backup(&mut site, "db2");
    let told = site.told();
    assert_eq!(told[0].0, "d");
    let unknown = "*** /tenshi.conf:7:26: no host has sent this yet: ^never ***\n\nweb1: \n    1: backup: finished\n";
    assert_eq!(told[0].1, unknown);
    assert_eq!(told.len(), 1);
    // A restart in between.
    let saved = SavedMonitor {
        made: site.now,
        expected: site.monitor.saved_expected().clone(),
        ..SavedMonitor::default()
    };
    let config = site.monitor.config().clone();
    site.monitor = Monitor::new(config, site.now);
    site.monitor.restore(saved, site.now);
    site.pass(site.now + TimeDelta::hours(4));
    backup(&mut site, "db1");
    site.pass(site.now + TimeDelta::minutes(5));
    let mut told = site.told();
    // After a restart that is told once more.
    let again = "*** /tenshi.conf:7:26: no host has sent this yet: ^never ***\n";
    told[0].1 = told[0].1.strip_prefix(again).unwrap().to_owned();
    assert_eq!(
        told,
        [
            report(
                "crit",
                "db1",
                "expected by 04:00 and did not come: ^backup: (\\w+) (last Tue 03:00)"
            ),
            report(
                "crit",
                "db1",
                "came at 06:00, expected by 04:00: ^backup: (\\w+)"
            ),
        ]
    );
}

#[test]
fn without_the_directive_nothing_is_watched() {
    let mut site = Site::new("set mailserver localhost\nset queue n f@x n@x [now]\nn ^never\n");
    site.run(TimeDelta::days(1), &["web1"]);
    site.run(TimeDelta::days(1), &[]);
    assert_eq!(site.monitor.next_silence(), None);
    assert_eq!(site.monitor.saved_silence(), Default::default());
}
