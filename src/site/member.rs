//! The member: a console's part of its site, owned by the loop.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bstr::BString;
use chrono::TimeDelta;

use super::id::{BoardNumber, ConsoleId, ShareId};
use super::pack::pack;
use super::recent::Recent;
use super::record::{HeardHere, Lesson, Record};
use super::round::{Round, end_of_wait, is_ahead};
use super::saved::{Op, OwnShare, SavedSite, SiteChange, Todo};
use super::share::Share;
use super::words::Words;
use crate::clock::Time;
use crate::config::SiteSettings;
use crate::hash::random;

/// The pause between two rounds while nothing is to be done.
const HEARTBEAT: TimeDelta = TimeDelta::seconds(60);
/// The pauses between the rounds around a slot, s.
const PAUSES: [i64; 6] = [1, 2, 4, 8, 16, 30];
/// How long a share may be without a reporter, once it is not waited for any more, before another console than the one
/// that leads takes it.
const STALE: TimeDelta = TimeDelta::seconds(30);
/// The time for which a word that was said is not said again, if nothing of it is urgent.
const SAID: TimeDelta = TimeDelta::seconds(45);

/// What was seen of another console.
#[derive(Debug)]
pub(super) struct Seen {
    /// Its last word, if there was one in this run.
    pub(super) record: Option<Record>,
    /// When that came.
    pub(super) since: Time,
    /// For how long it has said nothing while we looked.
    pub(super) silent: Duration,
}

/// Whose shares an outcome has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Given {
    /// They are ours by a claim.
    Claimed,
    /// They are our own, and mailed alone.
    Alone(Todo),
}

/// A console's part of its site. It reads no clock and waits for nothing: what it wants of the board is a [`Round`].
pub struct Member {
    pub(super) settings: SiteSettings,
    pub(super) schedules: u64,
    pub(super) saved: SavedSite,
    /// What changed since the last commit.
    pub(super) ops: Vec<Op>,
    pub(super) random: Box<dyn FnMut() -> u64 + Send>,
    pub(super) words: Words,
    /// Whether a round is on its way.
    pub(super) in_flight: bool,
    /// The shares whose counts the loop has and no letter.
    pub(super) pending: BTreeMap<ShareId, Given>,
    pub(super) seen: BTreeMap<String, Seen>,
    /// The shares on the board without a reporter, and since when.
    pub(super) unclaimed: BTreeMap<ShareId, Time>,
    /// The own shares that another console reports and does not have, and since when.
    pub(super) claimed: BTreeMap<u64, Time>,
    /// The hosts that were heard of late.
    hosts: Recent<BString>,
    /// The messages that rules expect and that came of late.
    messages: Recent<(u64, BString)>,
    /// When this run began.
    pub(super) begun: Time,
    /// Whether the state cannot be written: no round can begin.
    pub(super) unwritten: bool,
    /// The last round that reached the board.
    pub(super) last_ok: Option<Time>,
    pub(super) last_try: Option<Time>,
    /// The rounds since something was to be done.
    pub(super) tries: usize,
    /// Whether something is to be done at once.
    pub(super) soon: bool,
    /// Whether consoles may be there that are not known yet: the board or this run is new.
    pub(super) meeting: bool,
    /// Why the board is away, and since when.
    pub(super) away: Option<(super::board::Fault, Time)>,
    /// For how long it is away while we looked.
    pub(super) away_for: TimeDelta,
    pub(super) lessons_at: (Option<BoardNumber>, u64),
    pub(super) leads: bool,
    pub(super) told: BTreeSet<String>,
    /// What was said last on which board, and when.
    pub(super) said: Option<((BoardNumber, Record), Time)>,
    /// When the board was seen first, if that was in this run.
    pub(super) board_since: Option<Time>,
    /// Up to this time nothing was to be handed in, s since the epoch. It need not be kept.
    pub(super) idle: i64,
}

impl std::fmt::Debug for Member {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Member")
            .field("saved", &self.saved)
            .finish_non_exhaustive()
    }
}

impl Member {
    /// The part of the console named `console`. `schedules` is a hash of its schedules, equal where they are; `saved`
    /// is what the state has.
    pub fn new(
        settings: &SiteSettings,
        console: &str,
        schedules: u64,
        saved: SavedSite,
        now: Time,
    ) -> Self {
        Self::with_random(settings, console, schedules, saved, now, Box::new(random))
    }

    /// As [`Member::new`], with random numbers of another source.
    pub fn with_random(
        settings: &SiteSettings,
        console: &str,
        schedules: u64,
        saved: SavedSite,
        now: Time,
        mut random: Box<dyn FnMut() -> u64 + Send>,
    ) -> Self {
        let site = settings.name.as_str().to_owned();
        let seen = saved.members.iter().map(|(name, known)| {
            let seen = Seen {
                record: None,
                since: known.since,
                silent: Duration::from_secs(known.silent),
            };
            (name.clone(), seen)
        });
        let new = (saved.site != site || saved.me.name != console).then(|| Op::Begin {
            site,
            me: ConsoleId {
                name: console.to_owned(),
                run: random(),
            },
        });
        let mut member = Self {
            settings: settings.clone(),
            schedules,
            seen: seen.collect(),
            saved,
            ops: Vec::new(),
            random,
            words: Words::default(),
            in_flight: false,
            pending: BTreeMap::new(),
            unclaimed: BTreeMap::new(),
            claimed: BTreeMap::new(),
            hosts: Recent::default(),
            messages: Recent::default(),
            begun: now,
            unwritten: false,
            last_ok: None,
            last_try: None,
            tries: 0,
            soon: true,
            meeting: true,
            away: None,
            away_for: TimeDelta::zero(),
            lessons_at: (None, 0),
            leads: false,
            told: BTreeSet::new(),
            said: None,
            board_since: None,
            idle: i64::MIN,
        };
        if let Some(new) = new {
            member.perform(new);
            member.seen.clear();
            // What was before the first start belongs to nobody.
            member.perform(Op::Passed(now.timestamp() - 60));
        }
        member
    }

    pub(super) fn perform(&mut self, op: Op) {
        self.saved.perform(op.clone());
        self.ops.push(op);
    }

    /// This console.
    pub fn console(&self) -> &str {
        &self.saved.me.name
    }

    /// Takes the times and the hash of the schedules of a configuration that was read again.
    pub fn reconfigure(&mut self, settings: &SiteSettings, schedules: u64) {
        self.settings.wait = settings.wait;
        self.settings.giveup = settings.giveup;
        self.schedules = schedules;
    }

    /// Takes what a queue counted. To be committed together with the queue that is empty then.
    pub fn hand_in(&mut self, share: &Share, now: Time) {
        for packed in pack(share) {
            let id = ShareId {
                queue: share.queue.clone(),
                slot: share.slot.timestamp(),
                owner: self.saved.me.clone(),
                number: self.saved.last + 1,
            };
            self.perform(Op::HandIn(Box::new(OwnShare {
                id,
                packed: Arc::new(packed),
                handed_in: now,
                put: None,
                doubts: Vec::new(),
            })));
        }
        self.hurry();
    }

    /// All slots up to this one are handed in, or were empty.
    pub fn passed(&mut self, slot: Time) {
        if slot.timestamp() > self.saved.handed {
            self.perform(Op::Passed(slot.timestamp()));
            self.hurry();
        }
    }

    /// Notes that nothing is to be handed in up to now: other consoles may have times that this one does not have.
    pub fn nothing_due(&mut self, now: Time) {
        self.idle = now.timestamp();
    }

    /// Notes a lesson for the other consoles: what a report told of news.
    pub fn teach(&mut self, lesson: Lesson) {
        if !lesson.is_empty() {
            self.perform(Op::Teach(lesson));
            self.hurry();
        }
    }

    /// Something is to be done: the next rounds follow each other quickly.
    pub(super) fn hurry(&mut self) {
        self.tries = 0;
        self.soon = true;
    }

    /// When the loop should look again; nothing while it has to do something first: to commit, to make a letter, or to
    /// wait for the answer of a round.
    pub fn next(&self, now: Time) -> Option<Time> {
        let overdue = self.next_overdue();
        let round = self.is_free().then(|| self.next_round(now));
        [overdue, round].into_iter().flatten().min()
    }

    fn is_free(&self) -> bool {
        !self.in_flight && self.ops.is_empty() && self.pending.is_empty()
    }

    fn next_round(&self, now: Time) -> Time {
        // If the clock was set back, the time of the last round says nothing.
        let Some(last) = self.last_try.filter(|last| *last <= now) else {
            return now;
        };
        if self.soon && self.away.is_none() {
            return now;
        }
        let busy = self.away.is_some()
            || self.meeting
            || !self.saved.shares.is_empty()
            || self.saved.taken.values().any(|todo| *todo != Todo::Nothing);
        let pause = match PAUSES.get(self.tries.saturating_sub(1)) {
            Some(pause) if busy => TimeDelta::seconds(*pause),
            _ if self.away.is_some() => TimeDelta::seconds(30),
            _ => HEARTBEAT,
        };
        let claims = self.unclaimed.iter().filter_map(|(id, since)| {
            let waited = end_of_wait(id.slot, self.settings.wait, self.board_since);
            [waited, self.stale_from(id, *since, now)]
                .into_iter()
                .find(|time| *time > last)
        });
        // A clock that was set back must not end the rounds.
        claims
            .chain([last + pause])
            .min()
            .unwrap_or(now)
            .min(now + HEARTBEAT)
    }

    /// From when on any console may take a share that is without a reporter `since` then. All come to the board when the
    /// wait is over: at that time the one that leads takes all shares of a report, and nobody else some of them.
    fn stale_from(&self, id: &ShareId, since: Time, now: Time) -> Time {
        let wait = self.settings.wait;
        match is_ahead(id.slot, now, wait) {
            true => since + STALE,
            false => end_of_wait(id.slot, wait, self.board_since).max(since) + STALE,
        }
    }

    pub(super) fn wait(&self) -> TimeDelta {
        TimeDelta::from_std(self.settings.wait).unwrap_or(TimeDelta::days(1))
    }

    /// Takes note whether the state can be written.
    pub fn note_state(&mut self, writable: bool) {
        self.unwritten = !writable;
    }

    /// The round that is due; nothing while one is on its way, or while anything is not committed.
    pub fn round(&mut self, now: Time, heard: HeardHere) -> Option<Round> {
        self.note_clock(now);
        self.hosts.note(heard.hosts, now);
        self.messages.note(heard.messages, now);
        if !self.is_free() || self.next_round(now) > now {
            return None;
        }
        (self.in_flight, self.soon) = (true, false);
        self.tries += 1;
        self.meeting &= self.tries <= PAUSES.len();
        let given_up = self.given_up();
        let record = Record {
            run: self.saved.me.run,
            word: (self.random)(),
            schedules: self.schedules,
            handed: self.saved.handed,
            open_from: self.saved.open_from(),
            known: self.known(&given_up),
            reported: self.saved.reported.clone(),
            taught: self.saved.taught,
            heard: HeardHere {
                hosts: self.hosts.names(now),
                messages: self.messages.names(now),
            },
        };
        self.words.say(record.word);
        let said = self.said.as_ref();
        let said = said.filter(|(_, at)| (TimeDelta::zero()..SAID).contains(&(now - *at)));
        let stale = self.unclaimed.iter();
        let stale = stale.filter(|(id, since)| now >= self.stale_from(id, **since, now));
        let stale: BTreeSet<ShareId> = stale.map(|(id, _)| id.clone()).collect();
        Some(Round {
            now,
            wait: self.settings.wait,
            mirror: self.settings.mirror,
            fresh: BoardNumber((self.random)()),
            stale,
            since: self
                .seen
                .iter()
                .map(|(name, seen)| (name.clone(), seen.since))
                .collect(),
            given_up,
            forgotten: self.forgotten(),
            claimed_long: self.claimed_long(now),
            record,
            saved: self.saved.clone(),
            idle: self.idle,
            said: said.map(|(said, _)| said.clone()),
            board_since: self.board_since,
            lessons_at: self.lessons_at,
        })
    }

    /// The other consoles, but for those that are not waited for any more.
    fn known(&self, given_up: &BTreeSet<String>) -> BTreeSet<ConsoleId> {
        let known = self.saved.members.iter();
        known
            .filter(|(name, _)| !given_up.contains(*name))
            .map(|(name, known)| ConsoleId {
                name: name.clone(),
                run: known.run,
            })
            .collect()
    }

    /// The consoles that are not waited for any more.
    pub(super) fn given_up(&self) -> BTreeSet<String> {
        let silent = self
            .seen
            .iter()
            .filter(|(_, seen)| seen.silent >= self.settings.giveup);
        silent.map(|(name, _)| name.clone()).collect()
    }

    /// The own shares whose reporter does not have them for too long.
    fn claimed_long(&self, now: Time) -> BTreeSet<u64> {
        let giveup = TimeDelta::from_std(self.settings.giveup).unwrap_or(TimeDelta::days(7));
        let claimed = self.claimed.iter();
        let long = claimed.filter(|(_, since)| now - **since >= giveup);
        long.map(|(number, _)| *number).collect()
    }

    /// These shares stand in a letter. To be committed together with it.
    pub fn reported(&mut self, ids: &[ShareId], now: Time) {
        let mut taken = Vec::new();
        for id in ids {
            match self.pending.remove(id) {
                Some(Given::Claimed) => {
                    taken.push((id.clone(), Todo::Done));
                    let told = Op::Told(id.queue.clone(), id.slot);
                    let last = self.saved.reported.get(&id.queue);
                    let ahead = is_ahead(id.slot, now, self.settings.wait);
                    if !ahead && last.is_none_or(|last| *last < id.slot) {
                        self.perform(told);
                    }
                }
                Some(Given::Alone(todo)) => taken.push((id.clone(), todo)),
                None => {}
            }
        }
        if !taken.is_empty() {
            self.perform(Op::Reported(taken, now.timestamp()));
        }
        self.hurry();
    }

    /// The part of the state that belongs to the site.
    pub fn saved(&self) -> &SavedSite {
        &self.saved
    }

    /// Whether anything changed since the last commit.
    pub fn has_changes(&self) -> bool {
        !self.ops.is_empty()
    }

    /// What changed since the last commit.
    pub fn changes(&self) -> Option<SiteChange> {
        (!self.ops.is_empty()).then(|| SiteChange(self.ops.clone()))
    }

    /// To be called when a commit was made of everything as it is.
    pub fn committed(&mut self) {
        self.ops.clear();
    }
}
