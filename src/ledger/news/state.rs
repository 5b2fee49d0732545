//! The news of a site as they are kept: in memory, and over the commits.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use super::hosts::Hosts;
use super::kinds::Kinds;
use super::ops::{About, Log, MOST, Op, Wait};
use super::rules::RuleRecord;
use super::waiting::{Told, Waiting};
use crate::clock::Time;
use crate::ledger::Day;

/// The kinds of lines of a site, and the hosts that had them.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct News {
    pub(super) about: About,
    pub(super) kinds: Kinds,
    pub(super) hosts: Hosts,
    /// What is known of each rule, by the hash of its text.
    pub(super) rules: BTreeMap<u64, RuleRecord>,
    /// What the next report of each queue has to tell, by the queue's name.
    pub(super) waiting: BTreeMap<String, Waiting>,
    /// What the last reports told.
    told: VecDeque<Told>,
    #[serde(skip)]
    log: Log,
}

/// Things that reports told which are kept, at most.
const MOST_TOLD: usize = 500;

/// The changes of a commit.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum NewsChange<N = News, O = Vec<Op>> {
    /// What was before is gone: this stands in its place.
    Whole(N),
    /// What was done since.
    Ops(O),
}

impl News {
    /// The kinds that are known.
    pub fn kinds(&self) -> &Kinds {
        &self.kinds
    }

    /// The number of things that wait to be told.
    pub fn waiting_items(&self) -> usize {
        self.waiting
            .values()
            .map(|waiting| waiting.items.len())
            .sum()
    }

    /// What the last reports told, as it came.
    pub fn told(&self) -> impl Iterator<Item = &Told> {
        self.told.iter()
    }

    /// Whether a queue has told the item of this key at this time or later, as far back as what was told is kept.
    pub(super) fn has_told(&self, queue: &str, key: u64, since: Time) -> bool {
        let told = |told: &Told| told.key == key && told.queue == queue && told.when >= since;
        self.told.iter().any(told)
    }

    /// The hosts that are known.
    pub fn hosts(&self) -> &Hosts {
        &self.hosts
    }

    /// What changed since the last commit.
    pub(in crate::ledger) fn changes(&self) -> Option<NewsChange<&Self, &[Op]>> {
        match self.log.whole {
            true if *self == Self::default() => None,
            true => Some(NewsChange::Whole(self)),
            false if self.log.ops.is_empty() => None,
            false => Some(NewsChange::Ops(&self.log.ops)),
        }
    }

    /// To be called when a commit was made of the news as they are.
    pub(in crate::ledger) fn committed(&mut self) {
        self.log.whole = false;
        // What one burst needed is not kept for ever.
        self.log.ops.clear();
        self.log.ops.shrink_to(MOST >> 7);
    }

    /// Makes the changes of a commit.
    pub fn take_changes(&mut self, change: NewsChange) {
        match change {
            NewsChange::Whole(news) => *self = news,
            NewsChange::Ops(ops) => ops.into_iter().for_each(|op| self.make(op)),
        }
    }

    /// Has the next commit write all.
    pub(super) fn whole(&mut self) {
        self.log = Log::default();
    }

    /// Changes the news by an operation, which the next commit holds.
    pub fn perform(&mut self, op: Op) {
        if !self.log.whole {
            self.log.ops.push(op.clone());
            if self.log.ops.len() > MOST {
                self.log = Log::default();
            }
        }
        self.make(op);
    }

    /// Makes an operation: the one place where news change.
    fn make(&mut self, op: Op) {
        match op {
            Op::About(about) => self.about = about,
            Op::Kind(kind) => self.kinds.put(kind),
            Op::Pair(pair) => self.kinds.put_pair(pair),
            Op::Host(number, host) => self.hosts.put(number, host),
            Op::ForgetBefore(day) => {
                self.kinds.forget_before(day);
                let old = self.hosts.iter().filter(|(_, host)| host.last < day);
                let old: Vec<u16> = old.map(|(number, _)| number).collect();
                self.forget_hosts(&old);
            }
            Op::KeepKinds(most) => self.kinds.keep(most),
            Op::KeepPairs(most) => self.kinds.keep_pairs(most),
            Op::KeepHosts(most) => {
                let mut ages: Vec<(Day, u16)> =
                    self.hosts.iter().map(|(n, host)| (host.last, n)).collect();
                ages.sort_unstable();
                let gone = ages.len().saturating_sub(most);
                let gone: Vec<u16> = ages.into_iter().take(gone).map(|(_, n)| n).collect();
                self.forget_hosts(&gone);
            }
            Op::Rule(hash, rule) => {
                self.rules.insert(hash, *rule);
            }
            Op::ForgetRules(gone) => self.rules.retain(|hash, _| !gone.contains(hash)),
            Op::Wait(queue, more) => {
                let waiting = self.waiting.entry(queue).or_default();
                match more {
                    Wait::Item(item) => waiting.add(*item),
                    Wait::Line(line, item) => waiting.line(line, item),
                    Wait::HostKind(item) => waiting.kind(item),
                    Wait::More => waiting.more += 1,
                    Wait::TakenOver => waiting.taken_over += 1,
                }
            }
            Op::Report(queue, told) => {
                self.waiting.remove(&queue);
                self.told.extend(told);
                let over = self.told.len().saturating_sub(MOST_TOLD);
                self.told.drain(..over);
            }
        }
    }

    fn forget_hosts(&mut self, gone: &[u16]) {
        if gone.is_empty() {
            return;
        }
        for number in gone {
            self.hosts.forget(*number);
        }
        let known = |number| self.hosts.get(number).is_some();
        self.kinds.forget_hosts(|number| !known(number));
    }
}
