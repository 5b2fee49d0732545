//! Shares that a console mails alone, since the board is away or the console leaves its site.

use std::collections::BTreeMap;

use chrono::TimeDelta;

use super::member::{Given, Member};
use super::merge::{Doubt, Merged, merge};
use super::outcome::Outcome;
use super::pack::{Table, unpack};
use super::saved::{OwnShare, SavedSite, Todo, add_doubts};
use crate::clock::Time;

/// The time between two looks while the board hangs.
pub const LOOK: TimeDelta = TimeDelta::seconds(30);

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
        match share.put {
            // Without a round, since the state cannot be written, nothing tells that the board is away.
            None if self.away.is_none() && !self.unwritten => None,
            None => {
                // Not from its slot on: that may be still to come, if the clock was ahead.
                let due = share.handed_in;
                let reached = self.last_ok.unwrap_or(self.begun);
                let from = self.away.as_ref().map_or(due.max(reached), |_| due);
                Some(from + self.wait())
            }
            // Only a round or a look tells for how long the board is away.
            Some(_) => {
                self.away.as_ref()?;
                self.last_try.filter(|_| self.away_for >= self.giveup())
            }
        }
    }

    /// Notes that a round that nobody waits for any more has no answer yet, at most twice a minute: the time for which
    /// the board is away grows. Gives whether it is noted.
    pub fn hangs(&mut self, now: Time) -> bool {
        let soon = |before| (TimeDelta::zero()..LOOK).contains(&(now - before));
        if self.away.is_none() || self.last_try.is_some_and(soon) {
            return false;
        }
        let looked = self.take_looked(now);
        self.away_for += looked;
        true
    }

    /// For how long the board is away while this console looked.
    pub fn away_for(&self) -> TimeDelta {
        self.away_for
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
            let table = unpack(&share.packed);
            let table = table.unwrap_or_else(|why| Table::unreadable(&share.id, &why));
            tables.push((share.id, table));
        }
        let merged = merge(tables, false)?;
        Some(Merged { doubts, ..merged })
    };
    groups.into_values().filter_map(report).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SiteSettings;
    use crate::site::id::time_of;
    use crate::site::{Answer, BoardNumber, Share, simulation};

    const SLOT: i64 = 1_800_000_000;

    fn member(saved: SavedSite, now: Time) -> Member {
        let settings = SiteSettings {
            wait: std::time::Duration::from_secs(600),
            giveup: std::time::Duration::from_secs(7_200),
            ..simulation::settings()
        };
        Member::with_random(&settings, "a", 0, saved, now, Box::new(|| 1))
    }

    /// A member that has just handed a share in.
    fn handed_in() -> Member {
        let slot = time_of(SLOT);
        let mut member = member(SavedSite::default(), slot);
        let host = crate::site::HostCounts {
            host: "h".into(),
            lines: vec![(1, "x".into())],
            ..Default::default()
        };
        let share = Share {
            console: "a".into(),
            queue: "q".into(),
            slot,
            from: slot,
            to: slot,
            hosts: vec![host],
            remarks: Vec::new(),
            news: None,
            trends: None,
            heard: None,
        };
        member.hand_in(&share, slot);
        member
    }

    #[test]
    fn a_share_for_which_no_round_begins_is_mailed_alone() {
        let mut a = handed_in();
        let at = |seconds| time_of(SLOT + seconds);
        assert!(
            a.overdue(at(9_999)).is_empty(),
            "its first round is to come"
        );
        a.note_state(false);
        assert!(a.overdue(at(599)).is_empty());
        assert_eq!(a.next(at(0)), Some(at(600)));
        // A run that begins later has its own rounds to begin first.
        let mut later = member(a.saved().clone(), at(86_400));
        later.note_state(false);
        assert!(later.overdue(at(86_400 + 599)).is_empty());
        assert_eq!(later.overdue(at(86_400 + 600)).len(), 1);
        assert_eq!(a.overdue(at(600)).len(), 1);
    }

    #[test]
    fn a_share_on_a_board_that_hangs_is_mailed_after_the_long_time() {
        let mut a = handed_in();
        let put = vec![(a.saved().last, Vec::new())];
        a.perform(crate::site::saved::Op::Put(put, BoardNumber(1)));
        let mut now = time_of(SLOT);
        assert!(!a.hangs(now), "the board is not away");
        a.answered(Answer::missing(), now);
        let mut seconds = 0;
        while a.overdue(now).is_empty() {
            now += TimeDelta::seconds(10);
            seconds += 10;
            a.hangs(now);
            assert_eq!(a.hears_nobody(), seconds >= 150, "{seconds}");
            assert!(seconds < 86_400, "nobody looks");
        }
        assert_eq!(seconds, 7_200);
        // A clock that is set back takes nothing away, and a leap counts for little.
        let before = a.away_for();
        assert!(a.hangs(now - TimeDelta::days(1)));
        assert_eq!(a.away_for(), before);
        assert!(a.hangs(now));
        assert_eq!(a.away_for(), before + TimeDelta::seconds(120));
    }
}
