//! Trends: each line is counted for its rule and host, and a scheduled minute judges the rules of its queue.

use chrono::TimeDelta;

use super::monitor::Monitor;
use super::trend_rules::{Counted, TrendRules};
use super::trending::Trending;
use crate::clock::Time;
use crate::config::Config;
use crate::counters::Counter;
use crate::ledger::Day;
use crate::ledger::trends::{Block, Cells, Home, Period};

impl Monitor {
    /// Goes on with the queues and rules of the configuration.
    pub(super) fn begin_trends(&mut self, now: Time) {
        let rules = std::mem::take(&mut self.trending.rules);
        let homes: Vec<Home> = rules.homes().values().cloned().collect();
        let on = !homes.is_empty();
        if on {
            self.ledger.trends.begin(&homes, now);
        }
        let config = &self.config;
        self.trending = Trending {
            on,
            places: self.trend_places(&rules),
            counted: vec![false; config.queues.len()],
            cells: Cells::default(),
            rules,
        };
        for (queue, state) in config.queues.iter().zip(&mut self.queues) {
            state.trends = on && self.ledger.trends.has_notes(&queue.name);
        }
    }

    /// What the numbers of the cells mean.
    fn trend_places(&self, rules: &TrendRules) -> Vec<Option<(u32, usize)>> {
        let count = self.config.rules.len();
        let mut places = vec![None; count + 2];
        for rule in rules.rules() {
            let number = match rule.counted {
                Counted::Rule(id) => id.index(),
                Counted::Unmatched => count,
                Counted::NoPrefix => count + 1,
            };
            if let Some(place) = places.get_mut(number) {
                *place = self
                    .ledger
                    .trends
                    .place(rule.key)
                    .map(|at| (at, rule.queue));
            }
        }
        places
    }

    /// From now on nothing is counted for trends.
    pub fn without_trends(&mut self) {
        self.trending = Trending::default();
    }

    /// Hands the counts of the last lines over to the ledger. To be called before a commit is made: it holds the
    /// counts of the lines that it has.
    pub fn settle_trends(&mut self) {
        let mut over = 0;
        let Trending {
            cells,
            places,
            counted,
            ..
        } = &mut self.trending;
        for (rule, host, n) in cells.drain() {
            let Some((place, queue)) = places.get(rule as usize).copied().flatten() else {
                continue;
            };
            let name = self.hosts.name(host as usize);
            over += self.ledger.trends.count(place, name, n);
            if let Some(counted) = counted.get_mut(queue) {
                *counted = true;
            }
        }
        if over > 0 {
            self.counters.add(Counter::TrendHostsOver, over);
        }
    }

    /// To be called when scheduled minutes of queues have come by `now`, before any line is counted that came after
    /// them: judges the rules of these queues.
    pub(super) fn pass_trends(&mut self, now: Time) {
        let due = |next: Option<Time>| next.is_some_and(|next| next <= now);
        if !self.trending.on || !self.queues.iter().any(|state| due(state.next)) {
            return;
        }
        self.settle_trends();
        let config = &self.config;
        for (index, home) in self.trending.rules.homes() {
            let Some(state) = self.queues.get_mut(*index) else {
                continue;
            };
            if let Some(next) = state.next.filter(|next| *next <= now) {
                let period = period(home, next, now);
                state.trends = self.ledger.trends.pass(period, &config.trends);
                if let Some(counted) = self.trending.counted.get_mut(*index) {
                    *counted = false;
                }
            }
        }
    }

    /// Goes on after a time in which the program was not running.
    pub(super) fn resume_trends(&mut self, down: TimeDelta, now: Time) {
        if !self.trending.on {
            return;
        }
        let settings = &self.config.trends;
        for (index, home) in self.trending.rules.homes() {
            if let Some(state) = self.queues.get_mut(*index) {
                let next = state.next.filter(|next| *next <= now);
                let passed = next.map(|next| period(home, next, now));
                let trends = &mut self.ledger.trends;
                state.trends = trends.interrupted(down, passed, (&home.queue, settings));
            }
        }
    }

    /// Whether the next scheduled minute of a queue is to be looked at for its trends, whatever lines it holds.
    pub(super) fn trends_due(&self, index: usize) -> bool {
        let Some(home) = self.trending.rules.homes().get(&index) else {
            return false;
        };
        let next = self.queues.get(index).and_then(|state| state.next);
        let ends = |next| self.ledger.trends.ends_on(&home.queue, Day::of(next));
        let counted = self.trending.counted.get(index) == Some(&true);
        counted || !self.trending.cells.is_empty() || next.is_some_and(ends)
    }

    /// The trends of the report of a queue; nothing if there are none.
    pub(super) fn take_trends(&mut self, index: usize, now: Time) -> Option<Block> {
        let home = self.trending.rules.homes().get(&index)?;
        let taken = self.ledger.trends.take(&home.queue, now)?;
        let config: &Config = &self.config;
        let name = |key| self.trending.rules.label(config, key);
        let block = Block::new(taken, name, now);
        if let Some(state) = self.queues.get_mut(index) {
            state.trends = false;
        }
        Some(block).filter(|block| !block.is_empty())
    }
}

/// The scheduled minute of a queue. One that passed long ago, while the machine was asleep, counts for today.
fn period(home: &Home, next: Time, now: Time) -> Period<'_> {
    let asleep = now - next > TimeDelta::days(1);
    Period {
        queue: &home.queue,
        keys: &home.keys,
        day: Day::of(if asleep { now } else { next }),
        now,
    }
}
