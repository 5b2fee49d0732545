//! Many lines at once: held, decided kind by kind, and counted in their order.

use std::sync::Arc;

use super::repeat::{Note, Unsettled};
use super::{Known, Monitor, Scratch, trace};
use crate::config::{Action, Config};
use crate::counters::Counter;
use crate::fast::Newlines;
use crate::record::{self, Beginning, Shape};
use crate::rules::{Ahead, Asked, Cut, Held, Verdict};

impl Monitor {
    /// Takes the complete lines of a batch.
    pub fn take(&mut self, text: &[u8]) {
        // Whoever looks on wants to know the very rule, line by line.
        if trace::on() || u32::try_from(text.len()).is_err() {
            let mut from = 0;
            for end in Newlines::new(text) {
                self.line(&text[from..end]);
                from = end + 1;
            }
            if from < text.len() {
                self.line(&text[from..]);
            }
            return;
        }
        self.bound_hosts();
        let config = Arc::clone(&self.config);
        let mut scratch = std::mem::take(&mut self.scratch);
        let mut ahead = std::mem::take(&mut self.ahead);
        let mut unsettled = std::mem::take(&mut self.unsettled);
        let (mut newlines, mut from) = (Newlines::new(text), 0);
        loop {
            ahead.clear(&mut self.index);
            self.hold(text, &mut newlines, &mut from, &config, &mut ahead);
            if ahead.lines().is_empty() {
                break;
            }
            ahead.look(&mut self.index, text, &config.report.mask);
            for line in ahead.lines() {
                if matches!(line.verdict, Verdict::Unread | Verdict::Open(_)) {
                    // It may ask for the line before.
                    self.settle(&mut unsettled, &ahead);
                    self.take_open(text, line, &ahead, &config, &mut scratch);
                } else {
                    self.take_decided(text, line, &ahead, &config, &mut unsettled);
                }
            }
            self.settle(&mut unsettled, &ahead);
        }
        if from < text.len() {
            self.take_line(&text[from..], Known::default(), &config, &mut scratch);
        }
        (self.ahead, self.unsettled) = (ahead, unsettled);
        self.scratch = scratch;
    }

    /// Holds some lines from `from` on, which moves behind them.
    #[inline(never)]
    fn hold(
        &mut self,
        block: &[u8],
        newlines: &mut Newlines<'_>,
        from: &mut usize,
        config: &Config,
        ahead: &mut Ahead,
    ) {
        while let Some(end) = newlines.next() {
            let start = std::mem::replace(from, end + 1);
            let valid = newlines.ascii() || std::str::from_utf8(&block[start..end]).is_ok();
            let begin = record::glance(block, (start, end), &config.lines).filter(|_| valid);
            let begin = begin.and_then(|begin| {
                let Beginning {
                    message, glance, ..
                } = begin;
                let message = &block[message..end];
                let shape = match config.lines.hidepid {
                    true => Shape::hidden(message, glance)?,
                    false => Shape::plain(message, glance),
                };
                Some((begin, (shape, glance)))
            });
            match begin {
                Some((Beginning { host, message, .. }, seen)) => {
                    let cut = Cut::new(host, message, end);
                    ahead.hold(&mut self.index, &config.rules, block, cut, seen);
                }
                None => ahead.hold_unread(Cut::unread(start, end)),
            }
            if ahead.is_full(&self.index) {
                return;
            }
        }
    }

    /// Takes a line that was decided before its turn.
    #[inline(always)]
    fn take_decided(
        &mut self,
        block: &[u8],
        line: &Held,
        ahead: &Ahead,
        config: &Config,
        unsettled: &mut Unsettled,
    ) {
        self.counters.add(Counter::Lines, 1);
        self.counters.add(Counter::Matched, 1);
        let name = line.cut.host(block);
        match line.verdict {
            Verdict::Trash if self.repeats => {
                unsettled.note(self.hosts.host(name).number(), Note::Trash);
            }
            Verdict::Counted(rule, masked) => {
                let action = config.rules.get(rule.index()).map(|rule| &rule.action);
                let Some(Action::Queues(targets)) = action else {
                    return;
                };
                let host = self.hosts.host(name);
                self.count_line(rule, targets, host, ahead.masked(masked), 1);
                if self.repeats {
                    unsettled.note(host.number(), Note::Rule(rule, masked));
                }
            }
            Verdict::Trash | Verdict::Unread | Verdict::Open(_) => {}
        }
    }

    /// Takes any other line.
    fn take_open(
        &mut self,
        block: &[u8],
        line: &Held,
        ahead: &Ahead,
        config: &Config,
        scratch: &mut Scratch,
    ) {
        let Verdict::Open(tried) = line.verdict else {
            let line = line.cut.line(block);
            return self.take_line(line, Known::default(), config, scratch);
        };
        self.counters.add(Counter::Lines, 1);
        let host = line.cut.host(block);
        let mut text = line.text(block, &mut scratch.message);
        let asked = Asked {
            host,
            text: &mut text,
            newlines: false,
            spans: &mut scratch.spans,
            gave_up: &mut scratch.gave_up,
        };
        let tried = ahead.tried(line, tried);
        let taken = self.index.decide_from(&config.rules, asked, tried);
        let (spans, masked) = (&scratch.spans, &mut scratch.masked);
        self.taken(config, host, &mut text, taken, spans, masked);
        if !scratch.gave_up.is_empty() {
            self.note_limits(scratch, line.cut.line(block).len());
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::{TimeZone, Utc};

    use super::*;
    use crate::config::parse_bytes;
    use crate::random::Random;

    const HEAD: &str = "set mailserver h\nset mask *\nset queue a f@x a@x [0 0 1 1 *]\n\
        set queue b f@x b@x [0 0 1 1 *]\nset queue noprefix f@x n@x [0 0 1 1 *]\n";
    const RULES: &[&str] = &[
        "trash ^sshd: Connection from (\\S+) port \\d+$\n",
        "trash ^cron: (?:x|y)+$\n",
        "trash closed$\n",
        "trash ^sshd(?:\\[\\d+\\])?: Failed\n",
        "a ^sshd: Accepted (\\S+) for (.+) from (.+)\n",
        "a,b ^sshd\\[\\d+\\]: (.+) for\n",
        "a,b:3 ^sshd: Failed password for (\\S+)\n",
        "repeat last message repeated (\\d+) times\n",
        "group ^sshd\nb ^sshd.*: Invalid (.*)\ntrash port 1\ngroup_end\n",
        "group_host ^h1$\ntrash ^cron: \na user\ngroup_end\n",
        "b ^((\\d)(\\w)?)+\n",
        "b (user|)\n",
    ];
    const PREFIXES: &[&str] = &[
        "Nov 23 21:44:00 h1 ",
        "Nov  3 21:44:00 h2 ",
        "2026-11-23T21:44:00.123456+09:00 h1 ",
        "2026-11-23T21:44:00Z h3 ",
        "Nov 23 21:44:00 a-host-with-quite-a-long-name.example.org ",
        "Nov\t23 21:44:00\th1\t",
        "no prefix ",
        "",
    ];
    const PARTS: &[&str] = &[
        "sshd: ",
        "sshd[12]: ",
        "sshd[1234567]: ",
        "sshd[x]: ",
        "cron: ",
        "cron ",
        "kernel: [  12.5] ",
        "a-program-with-a-name-that-is-long[77]: ",
        "Connection from 10.1.2.3 port 22",
        "Accepted key for anna from 10.1.2.3",
        "Failed password for root",
        "Invalid user ",
        "last message repeated 2 times",
        "closed",
        "xyxy",
        "12a ",
        " ",
        "ä",
        "\t",
    ];

    fn line(random: &mut Random) -> Vec<u8> {
        // Most lines have a good prefix and a program.
        let prefixes = if random.percent(25) {
            PREFIXES
        } else {
            &PREFIXES[..3]
        };
        let mut line = random.pick(prefixes).as_bytes().to_vec();
        for _ in 0..random.below(5) {
            let parts = if random.percent(33) {
                &PARTS[..8]
            } else {
                PARTS
            };
            line.extend_from_slice(random.pick(parts).as_bytes());
        }
        if random.below(30) == 0 {
            line.push(0xe4);
        }
        line
    }

    fn monitors(config: &str) -> [Monitor; 2] {
        let now = Utc.with_ymd_and_hms(2026, 11, 23, 12, 0, 30).unwrap();
        let config = Arc::new(
            parse_bytes(config.as_bytes())
                .config
                .expect("a good config"),
        );
        [0; 2].map(|_| Monitor::new(Arc::clone(&config), now))
    }

    fn bodies(monitor: &mut Monitor) -> Vec<(String, String)> {
        let now = Utc.with_ymd_and_hms(2026, 11, 23, 12, 0, 40).unwrap();
        let due = monitor.flush(now, None);
        let reports = due.into_iter().flat_map(|due| due.reports);
        reports
            .map(|report| (report.queue, report.body.to_string()))
            .collect()
    }

    /// Lines that are not read ahead may bring the index to its bound.
    #[test]
    fn an_index_that_begins_anew_within_a_block_forgets_no_line() {
        let rules: String = (0..300).map(|n| format!("b word{n}$\n")).collect();
        let [mut whole, mut single] = monitors(&format!("{HEAD}a ^sshd\\S*: foo\n{rules}"));
        for round in 0..2 {
            let prefix = |n: usize| PREFIXES[if n.is_multiple_of(3) { 3 } else { 0 }];
            let line = |n: usize| format!("{}sshd{n}: x word{}\n", prefix(n), n % 300);
            let lines: Vec<String> = (0..900).map(|n| line(n + 900 * round)).collect();
            whole.take(lines.concat().as_bytes());
            for line in &lines {
                single.line(line.trim_end().as_bytes());
            }
        }
        assert_eq!(whole.counters().get(Counter::Matched), 1_800);
        assert_eq!(bodies(&mut whole), bodies(&mut single));
    }

    #[test]
    fn a_block_is_counted_as_its_lines_one_by_one() {
        let (mut taken, mut matched) = (0, 0);
        for seed in 1..=60_u64 {
            let mut random = Random::new(seed);
            let settings = *random.pick(&["set hidepid on\n", "set max_lines 20\n", ""]);
            let rules = (0..1 + random.below(12)).map(|_| *random.pick(RULES));
            let text = HEAD.to_owned() + settings + &rules.collect::<String>();
            let [mut whole, mut single] = monitors(&text);
            // More than are decided together; the second block begins where the first ended.
            for lines in [2_500, 700] {
                let lines: Vec<_> = (0..lines).map(|_| line(&mut random)).collect();
                let mut block = lines.join(&b'\n');
                if random.percent(50) {
                    block.push(b'\n');
                }
                whole.take(&block);
                lines.iter().for_each(|line| single.line(line));
                taken += lines.len();
            }
            assert_eq!(whole.counters(), single.counters(), "seed {seed}\n{text}");
            matched += whole.counters().get(Counter::Matched);
            assert_eq!(
                bodies(&mut whole),
                bodies(&mut single),
                "seed {seed}\n{text}"
            );
        }
        assert_eq!(taken, 60 * 3_200);
        assert!(matched > 50_000, "only {matched} of {taken} matched");
    }
}
