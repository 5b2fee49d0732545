//! What the loop takes from the answer of a round.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::TimeDelta;

use super::id::{ConsoleId, ShareId};
use super::member::{Given, Member, Seen};
use super::merge::Doubt;
use super::outcome::Outcome;
use super::record::Lesson;
use super::round::{Answer, LATE, Visit};
use super::saved::{Known, Op, OwnShare, Todo, add_doubts};
use super::words::Words;
use crate::clock::Time;

/// A time between two rounds counts as no more than this: a console that slept has not looked.
const MOST_LOOKED: TimeDelta = TimeDelta::seconds(120);
/// The silence of another console is kept from here on, and each time it has grown by as much, s.
const KEPT_SILENCE: u64 = 600;
/// Another console is forgotten after this silence, s.
const FORGOTTEN: u64 = 14 * 24 * 3600;

/// What is wrong on the board is told once, and no more of it than this.
const MOST_TOLD: usize = 100;

impl Member {
    /// Takes what came of the round.
    pub fn answered(&mut self, answer: Answer, now: Time) -> Vec<Outcome> {
        self.in_flight = false;
        let looked = self.take_looked(now);
        match answer.0 {
            Ok(visit) => self.visited(visit, looked, now),
            Err(fault) => {
                (self.leads, self.said) = (false, None);
                self.away_for += looked;
                let since = self.away.as_ref().map(|(_, since)| *since);
                let first = since.is_none();
                self.away = Some((fault.clone(), since.unwrap_or(now)));
                match first {
                    true => vec![Outcome::Board(Some(fault))],
                    false => Vec::new(),
                }
            }
        }
    }

    /// The time since the last round or look, as far as it counts.
    pub(super) fn take_looked(&mut self, now: Time) -> TimeDelta {
        let before = self.last_try.replace(now);
        let looked = before.map_or(TimeDelta::zero(), |before| now - before);
        looked.clamp(TimeDelta::zero(), MOST_LOOKED)
    }

    fn visited(&mut self, visit: Visit, looked: TimeDelta, now: Time) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        if self.away.take().is_some() {
            outcomes.push(Outcome::Board(None));
            self.tries = 0;
        }
        self.away_for = TimeDelta::zero();
        self.last_ok = Some(now);
        let Some(number) = visit.number else {
            return outcomes;
        };
        if self.saved.board != Some(number) {
            self.perform(Op::Board(number));
            self.board_since = Some(now);
            self.meeting = true;
            self.hurry();
        }
        self.soon |= !visit.put.is_empty();
        let known = |put: &(u64, Vec<Doubt>)| self.saved.shares.contains_key(&put.0);
        let put: Vec<_> = visit.put.iter().filter(|put| known(put)).cloned().collect();
        if !put.is_empty() {
            self.perform(Op::Put(put, number));
        }
        if visit.brief {
            return outcomes;
        }
        self.leads = visit.leads;
        if visit.published && self.saved.published != Some(number) {
            self.perform(Op::Published(number));
        }
        self.lessons_at = (Some(number), visit.taught);
        self.said = visit
            .said
            .clone()
            .map(|said| (said, now))
            .or(self.said.take());
        outcomes.extend(self.heard_of(&visit, looked, now));
        self.settle(&visit, now);
        self.unclaimed = (visit.waiting.iter())
            .map(|id| (id.clone(), self.unclaimed.get(id).copied().unwrap_or(now)))
            .collect();
        self.claimed = (visit.claimed.iter())
            .map(|number| (*number, self.claimed.get(number).copied().unwrap_or(now)))
            .collect();
        // What other reports told is no news for this one.
        let lessons: Lesson = visit.lessons.into_iter().flatten().collect();
        if !lessons.is_empty() {
            outcomes.push(Outcome::Known(lessons));
        }
        for merged in visit.merged {
            self.pending
                .extend(merged.ids.iter().map(|id| (id.clone(), Given::Claimed)));
            self.soon = true;
            outcomes.push(Outcome::Report(Box::new(merged)));
        }
        outcomes.extend(self.tell(visit.unreadable));
        outcomes.extend(self.own_word(visit.own_word));
        outcomes
    }

    /// Tells what is wrong on the board, each sentence once.
    fn tell(&mut self, texts: Vec<String>) -> Vec<Outcome> {
        let new = |text: &String| self.told.len() < MOST_TOLD && self.told.insert(text.clone());
        let new = texts.into_iter().filter(new);
        new.map(Outcome::Remark).collect()
    }

    /// Looks whether the word that stood on the board as ours is ours. If another console has a copy of our state, both
    /// give their shares equal names: one of two such shares is lost. So this console begins anew, under another run.
    fn own_word(&mut self, word: Option<u64>) -> Option<Outcome> {
        let strange = self.words.see(word?);
        if !strange {
            return None;
        }
        let told = "another console has the name of this one and a copy of its state: counts of both may be lost; give one \
                    of them a `set site_console`, and another state directory";
        // Shares that are on the board under the old run might be reported twice.
        let busy = !self.pending.is_empty()
            || (self.saved.shares.values()).any(|share| share.put.is_some())
            || (self.saved.taken.values()).any(|todo| *todo != Todo::Nothing);
        if busy {
            return self.tell(vec![told.to_owned()]).pop();
        }
        let me = ConsoleId {
            name: self.saved.me.name.clone(),
            run: (self.random)(),
        };
        let site = self.saved.site.clone();
        self.perform(Op::Begin { site, me });
        self.seen.clear();
        self.words = Words::default();
        self.unclaimed.clear();
        self.claimed.clear();
        (self.said, self.board_since, self.lessons_at) = (None, None, (None, 0));
        self.meeting = true;
        self.hurry();
        Some(Outcome::Remark(told.to_owned()))
    }

    /// Takes note of what came of shares.
    fn settle(&mut self, visit: &Visit, now: Time) {
        let at = now.timestamp();
        let mut ops = Vec::new();
        if !visit.done.is_empty() {
            ops.push(Op::Done(visit.done.clone()));
        }
        if !visit.let_go.is_empty() {
            ops.push(Op::LetGo(visit.let_go.clone(), at));
        }
        if !visit.swept.is_empty() {
            ops.push(Op::Swept(visit.swept.clone()));
        }
        for (console, number) in &visit.learnt {
            ops.push(Op::Learnt(console.clone(), *number));
        }
        let pruned = self.saved.taken.iter().filter(|(id, todo)| {
            let owner = visit.records.get(&id.owner.name);
            let let_go = owner.is_some_and(|record| match record.run == id.owner.run {
                true => id.number < record.open_from,
                false => self.is_run_over(&id.owner.name, now),
            });
            let forgotten = !self.saved.members.contains_key(&id.owner.name)
                && id.owner.name != self.saved.me.name;
            **todo == Todo::Nothing && (let_go || forgotten)
        });
        let pruned: Vec<ShareId> = pruned.map(|(id, _)| id.clone()).collect();
        if !pruned.is_empty() {
            ops.push(Op::Pruned(pruned));
        }
        for op in ops {
            self.perform(op);
        }
        for (number, doubt) in &visit.rehand {
            let Some(share) = self.saved.shares.get(number).cloned() else {
                continue;
            };
            let mut new = OwnShare { put: None, ..share };
            new.id.number = self.saved.last + 1;
            add_doubts(&mut new.doubts, vec![doubt.clone()]);
            self.perform(Op::Rehand(*number, Box::new(new), at));
            self.hurry();
        }
    }

    /// Whether no other run of a console goes on than the one of its last word. Where that is another one than before, it
    /// may be a word of an earlier run that came late.
    fn is_run_over(&self, console: &str, now: Time) -> bool {
        let known = self.saved.members.get(console);
        let lost = known.and_then(|known| known.lost);
        lost.is_none_or(|at| now - at >= LATE)
    }

    /// Takes note of the words of the other consoles.
    fn heard_of(&mut self, visit: &Visit, looked: TimeDelta, now: Time) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        for (name, record) in &visit.records {
            let known = self.saved.members.get(name);
            if known.is_none_or(|known| known.run != record.run) {
                let known = Known {
                    run: record.run,
                    since: now,
                    silent: 0,
                    lost: known.map(|_| now),
                };
                self.perform(Op::Member(name.clone(), Some(known)));
                self.soon = true;
            }
        }
        let looked = looked.to_std().unwrap_or_default();
        let names: Vec<String> = self.saved.members.keys().cloned().collect();
        for name in names {
            let seen = self.seen.entry(name.clone()).or_insert_with(|| Seen {
                record: None,
                since: now,
                silent: Duration::ZERO,
            });
            match visit.records.get(&name) {
                Some(record) if seen.record.as_ref().map(|seen| seen.word) != Some(record.word) => {
                    // After a start, the first word may be an old one.
                    if seen.record.is_some() || seen.silent.is_zero() {
                        (seen.since, seen.silent) = (now, Duration::ZERO);
                    } else {
                        seen.silent += looked;
                    }
                    seen.record = Some(record.clone());
                    if !record.heard.is_empty() {
                        outcomes.push(Outcome::Heard {
                            console: name.clone(),
                            heard: record.heard.clone(),
                        });
                    }
                }
                _ => seen.silent += looked,
            }
            let (since, silent) = (seen.since, seen.silent.as_secs());
            let here = visit.records.contains_key(&name);
            self.keep_silence(name, (since, silent, here), &mut outcomes);
        }
        outcomes
    }

    /// The consoles that are to be forgotten, each with the number of its last word, which is to be taken off the board.
    pub(super) fn forgotten(&self) -> BTreeMap<String, u64> {
        let long = self.seen.iter();
        let long = long.filter(|(_, seen)| seen.silent.as_secs() >= FORGOTTEN);
        long.filter_map(|(name, seen)| Some((name.clone(), seen.record.as_ref()?.word)))
            .collect()
    }

    /// Keeps how long another console has been silent, now and then; forgets it after long, once its last word is not
    /// on the board any more (`here`): by that word it would be met anew.
    fn keep_silence(
        &mut self,
        name: String,
        (since, silent, here): (Time, u64, bool),
        outcomes: &mut Vec<Outcome>,
    ) {
        let Some(known) = self.saved.members.get(&name) else {
            return;
        };
        if silent >= FORGOTTEN && !here {
            self.perform(Op::Member(name.clone(), None));
            self.seen.remove(&name);
            let text = format!("console {name} is forgotten: nothing came from it for 14 days");
            outcomes.push(Outcome::Remark(text));
        } else if silent / KEPT_SILENCE != known.silent / KEPT_SILENCE
            || (silent == 0 && known.silent > 0)
        {
            let known = Known {
                since,
                silent,
                ..known.clone()
            };
            self.perform(Op::Member(name, Some(known)));
        }
    }
}
