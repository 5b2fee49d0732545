//! What a member shows of its site.

use std::time::Duration;

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use super::id::time_of;
use super::member::Member;
use crate::clock::Time;

/// A console speaks each minute: with a shorter `set site_wait` it is away after this time without a word.
const AWAY: Duration = Duration::from_secs(150);
/// After this time without the board nothing is known of the other consoles.
const UNHEARD: TimeDelta = TimeDelta::seconds(150);

/// A site as it is shown by `tenshi status`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SiteView {
    /// The name of the site.
    pub site: String,
    /// The name of this console.
    pub console: String,
    /// Where the board is.
    pub board: String,
    /// Why the board is away, and since when; nothing while it answers.
    pub away: Option<(String, Time)>,
    /// The last round that reached the board in this run.
    pub last: Option<Time>,
    /// Whether this console made the last report, or would make the next one.
    pub leads: bool,
    /// The other consoles, by name.
    pub members: Vec<MemberView>,
    /// The lines of `[now]` queues that were left out in this run, since another console had mailed them.
    pub left_out: u64,
    /// The own shares that no reporter is known to have.
    pub waiting: usize,
    /// The time of the report that the oldest of them belongs to.
    pub oldest: Option<Time>,
}

/// Another console as it is shown.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct MemberView {
    /// Its name.
    pub console: String,
    /// The run of its state, if that is known: another one than before has lost what it knew.
    pub run: Option<u64>,
    /// When it was last heard of, by the clock of this console.
    pub since: Time,
    /// How long it has said nothing while this console looked, s.
    pub silent: u64,
    /// Whether it has said nothing for `set site_wait`, and for 150 s at least.
    pub away: bool,
    /// Whether it is not waited for any more.
    pub given_up: bool,
    /// Whether its schedules differ from the schedules of this console; nothing if that is not known.
    pub drifted: Option<bool>,
}

impl Member {
    /// Whether the board is away.
    pub fn is_away(&self) -> bool {
        self.away.is_some()
    }

    /// Whether the board is away for so long that nothing is known of the other consoles: any of them may be dead.
    pub fn hears_nobody(&self) -> bool {
        self.is_away() && self.away_for() >= UNHEARD
    }

    /// The site as it is shown.
    pub fn view(&self) -> SiteView {
        let given_up = self.given_up();
        let members = self.seen.iter().map(|(name, seen)| MemberView {
            console: name.clone(),
            run: self.saved.members.get(name).map(|known| known.run),
            away: seen.silent >= self.settings.wait.max(AWAY),
            since: seen.since,
            silent: seen.silent.as_secs(),
            given_up: given_up.contains(name),
            drifted: (seen.record.as_ref()).map(|record| record.schedules != self.schedules),
        });
        let oldest = self.saved.shares.values().map(|share| share.id.slot).min();
        SiteView {
            site: self.settings.name.as_str().to_owned(),
            console: self.console().to_owned(),
            board: self.settings.board.to_string(),
            away: self
                .away
                .as_ref()
                .map(|(fault, since)| (fault.0.clone(), *since)),
            last: self.last_ok,
            leads: self.leads,
            members: members.collect(),
            left_out: 0,
            waiting: self.saved.waiting(),
            oldest: oldest.map(time_of),
        }
    }
}
