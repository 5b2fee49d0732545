//! A board in memory, its calls as values, and a board that plays the answers of another one again.

use std::collections::BTreeMap;

use super::super::board::{Board, Fault, LEASE, Table};
use super::super::id::BoardNumber;
use crate::clock::Time;

/// A call of a board.
#[derive(Clone, Debug)]
pub enum Call {
    Number(BoardNumber),
    Renew(BoardNumber),
    Names(BoardNumber, Table),
    List(BoardNumber, Table),
    Get(BoardNumber, Table, Vec<String>),
    Put(BoardNumber, Table, Vec<(String, Vec<u8>)>),
    PutNew(BoardNumber, Table, String, Vec<u8>),
    Delete(BoardNumber, Table, Vec<String>),
    Lead(String),
}

/// What a board answered.
#[derive(Clone, Debug)]
pub enum Reply {
    Number(BoardNumber),
    Unit,
    Names(Vec<String>),
    List(Vec<(String, Vec<u8>)>),
    Values(Vec<Option<Vec<u8>>>),
    Flag(bool),
}

/// A board in memory.
#[derive(Default)]
pub struct Memory {
    pub number: Option<BoardNumber>,
    tables: BTreeMap<(BoardNumber, Table), BTreeMap<String, Vec<u8>>>,
    lead: Option<(String, Time)>,
    /// The calls so far.
    pub calls: u64,
}

impl Memory {
    pub fn wipe(&mut self) {
        let calls = self.calls;
        *self = Self {
            calls,
            ..Self::default()
        };
    }

    /// Gives the board another number, as a server has it that came back with what it had at some time. The entries
    /// stay under the old number.
    pub fn restart(&mut self, number: BoardNumber) {
        self.number = Some(number);
        self.lead = None;
    }

    /// The entries of a table of the board as it is.
    pub fn entries(&mut self, table: Table) -> &mut BTreeMap<String, Vec<u8>> {
        let number = self.number.unwrap_or(BoardNumber(0));
        self.tables.entry((number, table)).or_default()
    }

    pub fn perform(&mut self, call: Call, now: Time) -> Reply {
        self.calls += 1;
        match call {
            Call::Number(fresh) => Reply::Number(*self.number.get_or_insert(fresh)),
            Call::Renew(old) => {
                if self.number == Some(old) {
                    self.number = None;
                }
                Reply::Unit
            }
            Call::Names(number, table) => {
                let table = self.tables.entry((number, table)).or_default();
                Reply::Names(table.keys().cloned().collect())
            }
            Call::List(number, table) => {
                let table = self.tables.entry((number, table)).or_default();
                Reply::List(table.iter().map(|(n, v)| (n.clone(), v.clone())).collect())
            }
            Call::Get(number, table, names) => {
                let table = self.tables.entry((number, table)).or_default();
                Reply::Values(names.iter().map(|name| table.get(name).cloned()).collect())
            }
            Call::Put(number, table, entries) => {
                self.tables
                    .entry((number, table))
                    .or_default()
                    .extend(entries);
                Reply::Unit
            }
            Call::PutNew(number, table, name, value) => {
                let table = self.tables.entry((number, table)).or_default();
                let new = !table.contains_key(&name);
                table.entry(name).or_insert(value);
                Reply::Flag(new)
            }
            Call::Delete(number, table, names) => {
                let table = self.tables.entry((number, table)).or_default();
                table.retain(|name, _| !names.contains(name));
                Reply::Unit
            }
            Call::Lead(me) => {
                let leads = self
                    .lead
                    .as_ref()
                    .is_none_or(|(who, until)| *who == me || *until <= now);
                if leads {
                    self.lead = Some((me, now + LEASE));
                }
                Reply::Flag(leads)
            }
        }
    }
}

/// A board whose first answers are given, and which notes the first call beyond them: so a round stops at each call
/// and goes on when the simulation has its answer.
pub struct Replay<'a> {
    pub answers: &'a [Result<Reply, Fault>],
    pub at: usize,
    pub wanted: Option<Call>,
}

impl Replay<'_> {
    fn call(&mut self, call: Call) -> Result<Reply, Fault> {
        let answer = self.answers.get(self.at).cloned();
        self.at += 1;
        answer.unwrap_or_else(|| {
            self.wanted.get_or_insert(call);
            Err(Fault("not yet".into()))
        })
    }
}

/// The part of an answer that this call has.
macro_rules! take {
    ($answer:expr, $kind:ident) => {
        match $answer? {
            Reply::$kind(value) => Ok(value),
            other => panic!("another answer: {other:?}"),
        }
    };
}

impl Board for Replay<'_> {
    fn number(&mut self, fresh: BoardNumber) -> Result<BoardNumber, Fault> {
        take!(self.call(Call::Number(fresh)), Number)
    }

    fn renew(&mut self, old: BoardNumber) -> Result<(), Fault> {
        self.call(Call::Renew(old)).map(|_| ())
    }

    fn names(&mut self, number: BoardNumber, table: Table) -> Result<Vec<String>, Fault> {
        take!(self.call(Call::Names(number, table)), Names)
    }

    fn list(&mut self, number: BoardNumber, table: Table) -> Result<Vec<(String, Vec<u8>)>, Fault> {
        take!(self.call(Call::List(number, table)), List)
    }

    fn get(
        &mut self,
        number: BoardNumber,
        table: Table,
        names: &[String],
    ) -> Result<Vec<Option<Vec<u8>>>, Fault> {
        take!(self.call(Call::Get(number, table, names.to_vec())), Values)
    }

    fn put(
        &mut self,
        number: BoardNumber,
        table: Table,
        entries: &[(String, Vec<u8>)],
    ) -> Result<(), Fault> {
        self.call(Call::Put(number, table, entries.to_vec()))
            .map(|_| ())
    }

    fn put_new(
        &mut self,
        number: BoardNumber,
        table: Table,
        name: &str,
        value: &[u8],
    ) -> Result<bool, Fault> {
        let call = Call::PutNew(number, table, name.to_owned(), value.to_vec());
        take!(self.call(call), Flag)
    }

    fn delete(&mut self, number: BoardNumber, table: Table, names: &[String]) -> Result<(), Fault> {
        self.call(Call::Delete(number, table, names.to_vec()))
            .map(|_| ())
    }

    fn lead(&mut self, _: BoardNumber, me: &str) -> Result<bool, Fault> {
        take!(self.call(Call::Lead(me.to_owned())), Flag)
    }

    fn alarm(&mut self, _: u64, _: &str) -> Result<Option<String>, Fault> {
        Ok(None)
    }
}
