//! One visit of a console to the board.

use std::collections::{BTreeMap, BTreeSet};

use super::board::{Board, Fault, Table};
use super::claims;
use super::id::{BoardNumber, ConsoleId, ShareId};
use super::merge::Doubt;
use super::record::{Carried, HeardHere, Record, TakenList, read, write};
use super::round::{Answer, Claims, LATE, Round, Visit};
use super::saved::{LESSONS, OwnShare, Todo};

impl Round {
    /// Visits the board. To be called beside the loop: it waits for the board, and merges what it reports.
    pub fn run(self, board: &mut dyn Board) -> Answer {
        Answer(self.visit(board))
    }

    fn me(&self) -> &ConsoleId {
        &self.saved.me
    }

    fn visit(&self, board: &mut dyn Board) -> Result<Visit, Fault> {
        let number = board.number(self.fresh)?;
        let mut visit = Visit {
            number: Some(number),
            ..Visit::default()
        };
        if self.saved.left.contains(&number) {
            board.renew(number)?;
            return Err(Fault(
                "it is one that was wiped and came back: it gets another number".into(),
            ));
        }
        // That a share may be there is committed before it is written.
        visit.put = self
            .own()
            .filter(|share| share.put.is_none())
            .map(|share| (share.id.number, Vec::new()))
            .collect();
        if !visit.put.is_empty() {
            visit.brief = true;
            return Ok(visit);
        }
        if self.saved.published != Some(number) {
            self.publish(board, number)?;
        }
        visit.published = true;
        self.finish(board, number, &mut visit)?;
        let mut names = self.look(board, number, &mut visit)?;
        let claims = self.claims(board, number, &names)?;
        self.hand_in(board, number, (&mut names, &claims), &mut visit)?;
        self.learn(board, number, &mut visit)?;
        let mut record = self.record.clone();
        record.handed = self.handed(number, self.saved.handed.max(self.idle));
        record.taught = visit.taught;
        let said = (number, self.said_of(number, &record));
        if self.said.as_ref() != Some(&said) {
            self.say(board, number, &record)?;
            visit.said = Some(said);
        }
        visit.leads = claims::report(self, board, number, &record, (names, &claims), &mut visit)?;
        self.sweep(board, number, &mut visit)?;
        // What was written for this board before a wipe and read after it has lost its claims: nothing of it is ours.
        if !visit.merged.is_empty() && board.number(self.fresh)? != number {
            visit.merged.clear();
        }
        Ok(visit)
    }

    /// Reads the words of the other consoles, and after them the names of the shares.
    fn look(
        &self,
        board: &mut dyn Board,
        number: BoardNumber,
        visit: &mut Visit,
    ) -> Result<BTreeSet<ShareId>, Fault> {
        for (name, value) in board.list(number, Table::Member)? {
            match read::<Record>(&value) {
                Some(record) if self.forgotten.get(&name) == Some(&record.word) => {
                    board.delete(number, Table::Member, &[name])?;
                }
                Some(record) if name != self.me().name => {
                    visit.records.insert(name, record);
                }
                Some(record) if record.run != self.me().run => {
                    let text =
                        format!("another console calls itself {name} too, or its state was lost");
                    visit.unreadable.push(text);
                }
                Some(record) => visit.own_word = Some(record.word),
                None => visit.unreadable.push(format!(
                    "the word of console {name} is not understood: it has another version, or its entry on the board \
                     is damaged"
                )),
            }
        }
        let mut names: BTreeSet<ShareId> = BTreeSet::new();
        for name in board.names(number, Table::Share)? {
            match ShareId::parse(&name) {
                Some(id) => {
                    names.insert(id);
                }
                None => visit
                    .unreadable
                    .push("a console of another version has shares that are not understood".into()),
            }
        }
        visit.unreadable.sort();
        visit.unreadable.dedup();
        Ok(names)
    }

    /// The claims of the shares on the board, and of our own that should be there.
    fn claims(
        &self,
        board: &mut dyn Board,
        number: BoardNumber,
        names: &BTreeSet<ShareId>,
    ) -> Result<Claims, Fault> {
        let own = self.own().filter(|share| share.put == Some(number));
        let mut ids = names.clone();
        ids.extend(own.map(|share| share.id.clone()));
        if ids.is_empty() {
            return Ok(Claims::new());
        }
        let texts: Vec<String> = ids.iter().map(ToString::to_string).collect();
        let claims = board.get(number, Table::Claim, &texts)?;
        let claims = ids.into_iter().zip(claims);
        Ok(claims
            .filter_map(|(id, claim)| Some((id, claim?)))
            .collect())
    }

    /// What of a word others need to hear at once: it is not said again for the rest.
    fn said_of(&self, number: BoardNumber, record: &Record) -> Record {
        Record {
            word: 0,
            open_from: 0,
            handed: self.handed(number, self.saved.handed),
            heard: HeardHere::default(),
            ..record.clone()
        }
    }

    /// The shares of this console as it is now.
    fn own(&self) -> impl Iterator<Item = &OwnShare> {
        let shares = self.saved.shares.values();
        shares.filter(|share| share.id.owner == *self.me())
    }

    /// On a board that is new to us: says what we have of older boards, and that we are there.
    fn publish(&self, board: &mut dyn Board, number: BoardNumber) -> Result<(), Fault> {
        let list = TakenList {
            ids: self.saved.taken.keys().cloned().collect(),
        };
        board.put(
            number,
            Table::Taken,
            &[(self.me().to_string(), write(&list))],
        )?;
        // Others may take our shares as soon as they are there, and must know whether we know them.
        let mut record = self.record.clone();
        record.handed = self
            .handed(number, self.saved.handed)
            .min(self.before_open());
        self.say(board, number, &record)
    }

    fn say(
        &self,
        board: &mut dyn Board,
        number: BoardNumber,
        record: &Record,
    ) -> Result<(), Fault> {
        board.put(
            number,
            Table::Member,
            &[(self.me().name.clone(), write(record))],
        )
    }

    /// The time before the first share that is not let go.
    fn before_open(&self) -> i64 {
        let first = self.own().map(|share| share.id.slot).min();
        first.map_or(self.saved.handed, |slot| slot - 1)
    }

    /// The time up to which all our shares were written on this board; `handed` is that up to which they are made.
    fn handed(&self, number: BoardNumber, handed: i64) -> i64 {
        let elsewhere = self.own().filter(|share| share.put != Some(number));
        let first = elsewhere.map(|share| share.id.slot).min();
        first.map_or(handed, |slot| handed.min(slot - 1))
    }

    /// Says of the shares that stand in our letters that we have them.
    fn finish(
        &self,
        board: &mut dyn Board,
        number: BoardNumber,
        visit: &mut Visit,
    ) -> Result<(), Fault> {
        let todo = self
            .saved
            .taken
            .iter()
            .filter(|(_, todo)| **todo != Todo::Nothing);
        let todo: Vec<(&ShareId, Todo)> = todo.map(|(id, todo)| (id, *todo)).collect();
        if todo.is_empty() {
            return Ok(());
        }
        let me = self.me().to_string();
        for (id, todo) in &todo {
            if *todo == Todo::ClaimAndDone {
                board.put_new(number, Table::Claim, &id.to_string(), me.as_bytes())?;
            }
        }
        let ids: Vec<ShareId> = todo.into_iter().map(|(id, _)| id.clone()).collect();
        self.done(board, number, &ids)?;
        visit.done = ids;
        Ok(())
    }

    /// Writes that we have these shares, and takes them off the board.
    pub(super) fn done(
        &self,
        board: &mut dyn Board,
        number: BoardNumber,
        ids: &[ShareId],
    ) -> Result<(), Fault> {
        let names: Vec<String> = ids.iter().map(ToString::to_string).collect();
        let me = self.me().to_string();
        let entries: Vec<(String, Vec<u8>)> = names
            .iter()
            .map(|name| (name.clone(), me.clone().into_bytes()))
            .collect();
        board.put(number, Table::Done, &entries)?;
        board.delete(number, Table::Share, &names)
    }

    /// Looks what came of our shares, and writes the shares that are not there. `names` are the shares on the board,
    /// read after the words of the other consoles; the shares that we write are added.
    fn hand_in(
        &self,
        board: &mut dyn Board,
        number: BoardNumber,
        (names, claims): (&mut BTreeSet<ShareId>, &Claims),
        visit: &mut Visit,
    ) -> Result<(), Fault> {
        // A share that is there and has no claim has no reporter.
        let (here, older): (Vec<&OwnShare>, Vec<&OwnShare>) =
            self.own().partition(|share| share.put == Some(number));
        let asked = here.iter().map(|share| &share.id);
        let asked = asked.filter(|id| !names.contains(*id) || claims.contains_key(*id));
        let asked: Vec<String> = asked.map(ToString::to_string).collect();
        let done = match asked.is_empty() {
            true => Vec::new(),
            false => board.get(number, Table::Done, &asked)?,
        };
        let done = asked
            .into_iter()
            .zip(done)
            .filter(|(_, done)| done.is_some());
        let done: BTreeSet<String> = done.map(|(id, _)| id).collect();
        for share in here {
            let claim = claims.get(&share.id);
            if done.contains(&share.id.to_string()) {
                visit.let_go.push(share.id.number);
                names.remove(&share.id);
            } else if let Some(by) = claim.and_then(|claim| self.gone(share, claim, visit)) {
                // The share may not be taken any more once it is handed in under another name.
                board.delete(number, Table::Share, &[share.id.to_string()])?;
                names.remove(&share.id);
                visit.rehand.push((share.id.number, by));
            } else if !names.contains(&share.id) {
                let carried = Carried {
                    doubts: share.doubts.clone(),
                    packed: (*share.packed).clone(),
                };
                board.put(
                    number,
                    Table::Share,
                    &[(share.id.to_string(), write(&carried))],
                )?;
                names.insert(share.id.clone());
            }
        }
        match older.is_empty() {
            true => Ok(()),
            false => self.resolve(board, number, &older, visit),
        }
    }

    /// Whether the console that means to report a share cannot do so any more, or does not for too long.
    fn gone(&self, share: &OwnShare, claim: &[u8], visit: &mut Visit) -> Option<Doubt> {
        let claim = ConsoleId::parse(std::str::from_utf8(claim).ok()?)?;
        if claim == *self.me() {
            return None;
        }
        visit.claimed.push(share.id.number);
        let other_run = visit
            .records
            .get(&claim.name)
            .is_some_and(|record| record.run != claim.run);
        let is_known = self.saved.members.contains_key(&claim.name);
        let old = self.claimed_long.contains(&share.id.number);
        let gone = other_run || !is_known || old || self.given_up.contains(&claim.name);
        gone.then(|| Doubt {
            of: self.me().name.clone(),
            by: Some(claim.name),
        })
    }

    /// Of shares that were put on an older board: those that somebody took are let go, and the others are noted for
    /// this board, once all consoles that could take them have said what they took.
    fn resolve(
        &self,
        board: &mut dyn Board,
        number: BoardNumber,
        older: &[&OwnShare],
        visit: &mut Visit,
    ) -> Result<(), Fault> {
        let mut taken: BTreeMap<ConsoleId, TakenList> = BTreeMap::new();
        for (name, value) in board.list(number, Table::Taken)? {
            if let Some((console, list)) = ConsoleId::parse(&name).zip(read(&value)) {
                taken.insert(console, list);
            }
        }
        let said = |name: &String, run: u64| {
            let name = name.clone();
            taken.contains_key(&ConsoleId { name, run })
        };
        let members = self.saved.members.iter();
        let silent: Vec<(&String, bool)> = members
            .filter(|(name, known)| !said(name, known.run))
            .map(|(name, _)| (name, self.given_up.contains(name)))
            .collect();
        for share in older {
            if taken.values().any(|list| list.ids.contains(&share.id)) {
                visit.let_go.push(share.id.number);
            } else if silent.iter().all(|(_, given_up)| *given_up) {
                let lost = self
                    .saved
                    .members
                    .iter()
                    .filter(|(_, known)| known.lost.is_some_and(|at| at >= share.handed_in));
                let names = silent
                    .iter()
                    .map(|(name, _)| *name)
                    .chain(lost.map(|(name, _)| name));
                let doubts = names.map(|by| Doubt {
                    of: self.me().name.clone(),
                    by: Some(by.clone()),
                });
                visit.put.push((share.id.number, doubts.collect()));
            }
        }
        Ok(())
    }

    /// Writes our lessons, and reads the lessons of other consoles that are new to us.
    fn learn(
        &self,
        board: &mut dyn Board,
        number: BoardNumber,
        visit: &mut Visit,
    ) -> Result<(), Fault> {
        let saved = &self.saved;
        let name = |console: &ConsoleId, lesson: u64| format!("{console}/{lesson}");
        let from = match self.lessons_at {
            (Some(at), lesson) if at == number => lesson + 1,
            _ => 0,
        };
        let new: Vec<(String, Vec<u8>)> = (saved.lessons.range(from..))
            .map(|(lesson, told)| (name(self.me(), *lesson), write(told)))
            .collect();
        if !new.is_empty() {
            board.put(number, Table::Known, &new)?;
            let old = (1..=LESSONS).filter_map(|n| saved.taught.checked_sub(LESSONS - 1 + n));
            let old: Vec<String> = old
                .filter(|n| *n > 0)
                .map(|lesson| name(self.me(), lesson))
                .collect();
            if !old.is_empty() {
                board.delete(number, Table::Known, &old)?;
            }
        }
        visit.taught = saved.taught;
        let mut wanted = Vec::new();
        for (console, record) in &visit.records {
            let console = ConsoleId {
                name: console.clone(),
                run: record.run,
            };
            let read = saved.learnt.get(&console).copied().unwrap_or(0);
            if record.taught > read {
                let first = (read + 1).max(record.taught.saturating_sub(LESSONS - 1));
                wanted.extend((first..=record.taught).map(|lesson| name(&console, lesson)));
                visit.learnt.push((console, record.taught));
            }
        }
        if !wanted.is_empty() {
            let lessons = board.get(number, Table::Known, &wanted)?;
            visit.lessons = lessons
                .into_iter()
                .flatten()
                .filter_map(|lesson| read(&lesson))
                .collect();
        }
        Ok(())
    }

    /// Takes the claims of shares off the board that were let go a day ago: nothing that was written late can bring
    /// them back now.
    fn sweep(
        &self,
        board: &mut dyn Board,
        number: BoardNumber,
        visit: &mut Visit,
    ) -> Result<(), Fault> {
        let before = (self.now - LATE).timestamp();
        let gone = self.saved.gone.iter().filter(|(_, at)| *at < before);
        let ids: Vec<ShareId> = gone.map(|(id, _)| id.clone()).collect();
        if !ids.is_empty() {
            let names: Vec<String> = ids.iter().map(ToString::to_string).collect();
            board.delete(number, Table::Share, &names)?;
            board.delete(number, Table::Claim, &names)?;
            board.delete(number, Table::Done, &names)?;
            visit.swept = ids;
        }
        Ok(())
    }
}
