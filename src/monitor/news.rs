//! What the ledger makes of the lines that are new to their queues.
//!
//! A queue notes the rule of each line that it did not have yet, and no more: the kinds of such lines are looked up
//! before a commit is made or a report, many of them in one go.

use std::collections::HashSet;

use super::monitor::Monitor;
use super::news_rules::NewsRules;
use crate::clock::Time;
use crate::config::QueueId;
use crate::counters::Counter;
use crate::ledger::News;
use crate::ledger::news::{Block, NewLine, Observer, Reported};
use crate::queue::{HostLines, Tally};

/// Lines whose kinds are not looked up yet, at most.
const MOST_FRESH: usize = 1 << 16;

impl Monitor {
    /// Goes on with the configuration's queues and rules.
    pub(super) fn begin_news(&mut self, now: Time) {
        let config = &self.config;
        for ((queue, state), number) in config.queues.iter().zip(&mut self.queues).zip(0..) {
            let mailed = queue.output.mail().is_some();
            state.fresh.wanted = mailed && config.news.is_on_for(QueueId(number));
            state.fresh.lines = Vec::new();
        }
        self.news_rules = NewsRules::default();
        let news = &mut self.ledger.news;
        // What waits names lines by their numbers in the queue.
        let queues = || config.queues.iter().zip(&self.queues);
        let wanted = |name: &str| queues().any(|(q, state)| q.name == name && state.fresh.wanted);
        news.keep_queues(wanted);
        if !config.news.is_on() {
            return;
        }
        let rules = config.rules.iter();
        news.begin(rules.map(|rule| rule.pattern.source()), now);
        self.news_rules = NewsRules::new(config, news);
    }

    /// From now on no kinds are looked up.
    pub fn without_news(&mut self) {
        for state in &mut self.queues {
            state.fresh = Default::default();
        }
    }

    /// Takes in what was learnt of old logs.
    ///
    /// # Errors
    /// It was learnt for another ledger; the text says what is to be done.
    pub fn learn(&mut self, learnt: News, now: Time) -> Result<(), String> {
        self.note_news(now);
        self.ledger.news.learn(learnt)?;
        self.begin_news(now);
        Ok(())
    }

    /// For `tenshi learn`: notes the kinds of the lines that were taken, which came at `now`, and forgets the lines.
    pub fn note_and_forget(&mut self, now: Time) {
        self.note_news(now);
        for state in &mut self.queues {
            state.tally = Tally::default();
        }
    }

    /// For `tenshi learn`: goes on with these news, and gives the news that were there before.
    pub fn swap_news(&mut self, news: News, now: Time) -> News {
        let before = std::mem::replace(&mut self.ledger.news, news);
        self.begin_news(now);
        before
    }

    /// Looks up the kinds of the lines that queues got since the last call. To be called before a commit is made:
    /// it holds what is known of the lines that it has counted.
    pub fn note_news(&mut self, now: Time) {
        let config = &self.config;
        let mut over = 0;
        for (queue, state) in config.queues.iter().zip(&mut self.queues) {
            if state.fresh.lines.is_empty() {
                continue;
            }
            let lines = std::mem::take(&mut state.fresh.lines);
            let tally = &state.tally;
            let news = &mut self.ledger.news;
            let mut observer = Observer::new(news, &config.news, &queue.name, now);
            for (at, rule) in lines {
                // Lines without a prefix have no host that could be new, and no rule.
                if let Some((host, line, _)) = tally.numbered(at).filter(|_| rule.is_some()) {
                    observer.see(NewLine {
                        at,
                        rule: self.news_rules.key(rule),
                        host,
                        line,
                    });
                }
            }
            over += observer.over();
        }
        if over > 0 {
            self.counters.add(Counter::KindsOver, over);
        }
    }

    /// Looks kinds up where many lines wait for it: no commit may be made for long.
    pub(super) fn bound_fresh(&mut self) {
        let full = |state: &super::queue_state::QueueState| state.fresh.lines.len() >= MOST_FRESH;
        if self.queues.iter().any(full) {
            self.note_news(self.looked);
        }
    }

    /// The news of a report with these lines of the tally; nothing if there is none.
    pub(super) fn take_news(
        &mut self,
        index: usize,
        tally: &Tally,
        lines: &[HostLines<'_>],
        now: Time,
    ) -> Option<Block> {
        let config = &self.config;
        let queue = config.queues.get(index)?;
        let id = QueueId(u16::try_from(index).ok()?);
        if !self.queues.get(index)?.fresh.wanted {
            return None;
        }
        if lines.is_empty() {
            // There will be no report of these lines.
            self.ledger.news.keep_queues(|name| name != queue.name);
            return None;
        }
        // A line stands at one place, so that tells it from all others.
        let place = |line: &bstr::BStr| line.as_ptr() as usize;
        let some = !queue.thresholds.is_empty() || self.queues.get(index)?.window.is_some();
        let shown: Option<HashSet<usize>> = some.then(|| {
            let all = lines.iter().flat_map(|host| &host.lines);
            all.map(|(_, line)| place(line)).collect()
        });
        let line = |at| {
            let (host, line, count) = tally.numbered(at)?;
            let kept = shown.as_ref().is_none_or(|all| all.contains(&place(line)));
            kept.then_some((host, count))
        };
        let mail = queue.output.mail()?;
        let report = Reported {
            queue: &queue.name,
            is_read: mail.wants(false),
            line: &line,
            rule: &|key| self.news_rules.of_queue(config, key, id),
        };
        self.ledger.news.take(&report, &config.news, now)
    }
}
