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
    /// The times at which own shares are to be mailed alone.
    pub(super) fn overdue_times(&self) -> impl Iterator<Item = Time> {
        let away = self.away.as_ref();
        let giveup = TimeDelta::from_std(self.settings.giveup).unwrap_or(TimeDelta::days(7));
        let given_up = self.last_try.map(|last| last + (giveup - self.away_for));
        let shares = self
            .saved
            .shares
            .values()
            .filter(|share| !self.pending.contains_key(&share.id));
        shares.filter_map(move |share| {
            if share.id.owner != self.saved.me {
                return Some(share.handed_in);
            }
            away?;
            match share.put {
                None => Some(time_of(share.id.slot).max(share.handed_in) + self.wait()),
                Some(_) => given_up,
            }
        })
    }

    /// The own shares that are to be mailed alone now, since the board is away.
    pub fn overdue(&mut self, now: Time) -> Vec<Outcome> {
        if self.overdue_times().all(|time| time > now) {
            return Vec::new();
        }
        let giveup = TimeDelta::from_std(self.settings.giveup).unwrap_or(TimeDelta::days(7));
        let given_up = self.away_for >= giveup;
        self.alone(|member, share| {
            let waited = time_of(share.id.slot).max(share.handed_in) + member.wait() <= now;
            match share.put {
                _ if share.id.owner != member.saved.me => true,
                None => waited && member.away.is_some(),
                Some(_) => given_up,
            }
        })
    }

    /// All own shares, to be mailed alone: the console leaves its site.
    pub fn leave(&mut self) -> Vec<Outcome> {
        self.alone(|_, _| true)
    }

    /// Gives those of the own shares away that are to be mailed alone, one outcome for each report.
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
    /// The counts that no reporter is known to have, for a console that is in no site any more. Those that were on
    /// a board may stand in a report of another console as well, and say so.
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
