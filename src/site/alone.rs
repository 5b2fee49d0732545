//! Shares that a console mails alone, since the board is away or the console leaves its site.

use std::collections::BTreeMap;

use chrono::TimeDelta;

use super::id::time_of;
use super::member::{Given, Member};
use super::merge::{Doubt, Merged, merge};
use super::outcome::Outcome;
use super::pack::unpack;
use super::saved::{OwnShare, SavedSite, Todo, add_doubts};
use crate::clock::Time;

impl Member {
    /// When the first of the own shares is to be mailed alone.
    pub(super) fn next_overdue(&self) -> Option<Time> {
        let shares = self.saved.shares.values();
        let shares = shares.filter(|share| !self.pending.contains_key(&share.id));
        shares.filter_map(|share| self.overdue_at(share)).min()
    }

    /// When an own share is to be mailed alone; nothing as long as it is not known.
    fn overdue_at(&self, share: &OwnShare) -> Option<Time> {
        if share.id.owner != self.saved.me {
            return Some(share.handed_in);
        }
        self.away.as_ref()?;
        match share.put {
            None => Some(time_of(share.id.slot).max(share.handed_in) + self.wait()),
            // Only a round tells for how long the board is away.
            Some(_) => self.last_try.filter(|_| self.away_for >= self.giveup()),
        }
    }

    fn giveup(&self) -> TimeDelta {
        TimeDelta::from_std(self.settings.giveup).unwrap_or(TimeDelta::days(7))
    }

    /// The own shares that are to be mailed alone now, since the board is away.
    pub fn overdue(&mut self, now: Time) -> Vec<Outcome> {
        self.alone(|member, share| member.overdue_at(share).is_some_and(|time| time <= now))
    }

    /// All own shares, to be mailed alone: the console leaves its site.
    pub fn leave(&mut self) -> Vec<Outcome> {
        self.alone(|_, _| true)
    }

    /// Gives away the own shares that are `wanted`, to be mailed alone: one outcome for each report.
    fn alone(&mut self, wanted: impl Fn(&Self, &OwnShare) -> bool) -> Vec<Outcome> {
        let shares = self.saved.shares.values();
        let shares =
            shares.filter(|share| !self.pending.contains_key(&share.id) && wanted(self, share));
        let shares: Vec<OwnShare> = shares.cloned().collect();
        for share in &shares {
            let todo = match share.put {
                Some(_) if share.id.owner == self.saved.me => Todo::ClaimAndDone,
                _ => Todo::Nothing,
            };
            self.pending.insert(share.id.clone(), Given::Alone(todo));
        }
        let reports = reports(shares).into_iter();
        reports
            .map(|merged| Outcome::Alone(Box::new(merged)))
            .collect()
    }
}

impl SavedSite {
    /// The counts that no reporter is known to have, for a console that is in no site any more. Counts that were on a
    /// board may stand in a report of another console as well, and say so.
    pub fn left(self) -> Vec<Merged> {
        reports(self.shares.into_values().collect())
    }
}

/// The reports of shares that are mailed alone.
fn reports(shares: Vec<OwnShare>) -> Vec<Merged> {
    let mut groups: BTreeMap<(String, i64), Vec<OwnShare>> = BTreeMap::new();
    for share in shares {
        let report = (share.id.queue.clone(), share.id.slot);
        groups.entry(report).or_default().push(share);
    }
    let report = |shares: Vec<OwnShare>| {
        let mut doubts: Vec<Doubt> = Vec::new();
        let mut tables = Vec::new();
        for share in shares {
            add_doubts(&mut doubts, share.doubts);
            if share.put.is_some() {
                let of = share.id.owner.name.clone();
                add_doubts(&mut doubts, vec![Doubt { of, by: None }]);
            }
            // We packed it ourselves.
            tables.extend(unpack(&share.packed).ok().map(|table| (share.id, table)));
        }
        let merged = merge(tables, false)?;
        Some(Merged { doubts, ..merged })
    };
    groups.into_values().filter_map(report).collect()
}
