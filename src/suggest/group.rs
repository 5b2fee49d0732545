//! A group of messages that are one kind: its key, what its columns hold, and a sample of its messages.

use std::collections::BTreeSet;
use std::rc::Rc;

use super::element::{Element, Key};
use super::forms::is_blank;

/// A set of bytes.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Bytes([u64; 4]);

impl Bytes {
    fn add(&mut self, byte: u8) {
        self.0[usize::from(byte >> 6)] |= 1 << (byte & 63);
    }

    fn join(&mut self, other: Self) {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            *mine |= theirs;
        }
    }

    /// Whether a byte is in it.
    pub fn has(self, byte: u8) -> bool {
        self.0[usize::from(byte >> 6)] & (1 << (byte & 63)) != 0
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.0 == [0; 4]
    }

    /// Whether all of them pass the test.
    pub fn all(self, test: impl Fn(u8) -> bool) -> bool {
        (0..=u8::MAX).all(|byte| !self.has(byte) || test(byte))
    }
}

/// What all texts in one column of a group have in common. It is of all messages, not of the sample alone: a
/// pattern that is made from it takes them all.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Column {
    /// The bytes that occur.
    pub bytes: Bytes,
    /// Whether the text may be empty.
    pub empty: bool,
    /// Whether there are two texts.
    pub varied: bool,
    /// The text, if there is only one.
    value: Option<Box<[u8]>>,
    /// The numbers of blanks inside, a bit for each; the last one stands for more.
    spaces: u8,
    /// Whether a text begins with a blank.
    pub begins_blank: bool,
    /// Whether a text ends with a blank.
    pub ends_blank: bool,
    /// Whether blanks stand beside each other, or are other ones than spaces.
    pub uneven: bool,
}

impl Column {
    /// The column that holds one text only.
    pub fn of(text: &[u8]) -> Self {
        let mut column = Self::default();
        column.add(text);
        column
    }

    /// Takes a text into account.
    pub fn add(&mut self, text: &[u8]) {
        match &self.value {
            None if !self.varied => self.value = Some(text.into()),
            Some(value) if **value == *text => return,
            _ => {
                self.varied = true;
                self.value = None;
            }
        }
        if text.is_empty() {
            self.empty = true;
            return;
        }
        let (mut spaces, mut before) = (0u32, false);
        for &byte in text {
            self.bytes.add(byte);
            let blank = is_blank(byte);
            spaces += u32::from(blank);
            self.uneven |= blank && (before || byte != b' ');
            before = blank;
        }
        self.begins_blank |= text.first().is_some_and(|b| is_blank(*b));
        self.ends_blank |= before;
        self.spaces |= 1 << spaces.min(7);
    }

    /// Takes another column's texts into account.
    pub fn join(&mut self, other: &Self) {
        if other.value.is_none() && !other.varied {
            return;
        }
        if self.value.is_none() && !self.varied {
            self.clone_from(other);
            return;
        }
        if self.value != other.value || other.varied {
            self.varied = true;
            self.value = None;
        }
        self.bytes.join(other.bytes);
        self.empty |= other.empty;
        self.spaces |= other.spaces;
        self.begins_blank |= other.begins_blank;
        self.ends_blank |= other.ends_blank;
        self.uneven |= other.uneven;
    }

    /// The only text of the column.
    pub fn value(&self) -> Option<&[u8]> {
        self.value.as_deref()
    }

    /// The number of blanks in a text, if all texts of the column have the same number, and fewer than seven.
    pub fn spaces(&self) -> Option<u32> {
        let one = self.spaces.count_ones() == 1 && self.spaces < 1 << 7;
        one.then_some(self.spaces.trailing_zeros())
    }

    /// Whether single blanks stand between words, and nowhere else.
    pub fn is_even(&self) -> bool {
        !self.begins_blank && !self.ends_blank && !self.uneven
    }

    /// Whether a blank occurs.
    pub fn has_blank(&self) -> bool {
        self.spaces > 1
    }

    /// Puts the texts of the next column behind the texts of this one.
    fn append(&mut self, next: &Self) {
        match (self.value.take(), next.value()) {
            (Some(mine), Some(theirs)) => self.value = Some([&mine, theirs].concat().into()),
            _ => self.varied = true,
        }
        self.begins_blank |= self.empty && next.begins_blank;
        self.ends_blank = next.ends_blank || (next.empty && self.ends_blank);
        self.empty &= next.empty;
        self.uneven |= next.uneven;
        // Any number between.
        let blank = self.spaces > 1 || next.spaces > 1;
        self.spaces = if blank { 0xfe } else { 1 };
        self.bytes.join(next.bytes);
    }

    /// The column of all texts of these, one behind the other.
    pub fn concat(columns: &[Self]) -> Self {
        let Some((first, rest)) = columns.split_first() else {
            return Self::of(b"");
        };
        let mut all = first.clone();
        for next in rest {
            all.append(next);
        }
        all
    }
}

/// A message of the sample, cut into the columns of its group.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Row {
    /// The order of the sample: a hash of the text.
    pub hash: u64,
    /// The message without its program.
    pub text: Rc<[u8]>,
    /// The end of each column.
    pub ends: Vec<u32>,
    /// The number of lines that are this message.
    pub count: u64,
}

impl Row {
    /// The text of some columns.
    pub fn part(&self, from: usize, to: usize) -> &[u8] {
        let end = |at: usize| match at.checked_sub(1) {
            Some(before) => self
                .ends
                .get(before)
                .map_or(self.text.len(), |end| *end as usize),
            None => 0,
        };
        self.text.get(end(from)..end(to)).unwrap_or_default()
    }

    /// The text of one column.
    pub fn cell(&self, at: usize) -> &[u8] {
        self.part(at, at + 1)
    }
}

/// The hosts that wrote messages of a kind, by their numbers.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Hosts(Vec<u64>);

impl Hosts {
    /// Adds a host.
    pub fn add(&mut self, number: usize) {
        let word = number / 64;
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        self.0[word] |= 1 << (number % 64);
    }

    /// Adds another set.
    pub fn join(&mut self, other: &Self) {
        if self.0.len() < other.0.len() {
            self.0.resize(other.0.len(), 0);
        }
        for (mine, theirs) in self.0.iter_mut().zip(&other.0) {
            *mine |= theirs;
        }
    }

    /// The number of hosts.
    pub fn count(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }
}

/// A kind of message.
#[derive(Clone, Debug)]
pub struct Group {
    /// The number of lines.
    pub count: u64,
    /// A column for each element of the key.
    pub columns: Vec<Column>,
    /// A sample of the messages, by their hashes: all of them, if they are few.
    pub rows: Vec<Row>,
    /// The columns that hold names of users.
    pub users: BTreeSet<usize>,
    /// The columns that hold addresses.
    pub addresses: BTreeSet<usize>,
    /// The hosts that wrote them.
    pub hosts: Hosts,
    /// Whether blanks stand at the end of a line.
    pub trailing: bool,
}

impl Group {
    /// A group without messages.
    pub fn new(columns: usize) -> Self {
        Self {
            count: 0,
            columns: vec![Column::default(); columns],
            rows: Vec::new(),
            users: BTreeSet::new(),
            addresses: BTreeSet::new(),
            hosts: Hosts::default(),
            trailing: false,
        }
    }

    /// The different texts of a column in the sample, at most `most`.
    pub fn values(&self, column: usize, most: usize) -> BTreeSet<&[u8]> {
        let mut values = BTreeSet::new();
        for row in &self.rows {
            if values.len() >= most {
                break;
            }
            values.insert(row.cell(column));
        }
        values
    }

    /// Takes the messages of another group with as many columns.
    pub fn join(&mut self, other: Self) {
        self.count += other.count;
        for (mine, theirs) in self.columns.iter_mut().zip(&other.columns) {
            mine.join(theirs);
        }
        self.rows.extend(other.rows);
        self.users.extend(other.users);
        self.addresses.extend(other.addresses);
        self.hosts.join(&other.hosts);
        self.trailing |= other.trailing;
    }

    /// The group with the columns from `from` to `to` made one.
    pub fn collapsed(mut self, from: usize, to: usize) -> Self {
        let joined = Column::concat(self.columns.get(from..to).unwrap_or_default());
        self.columns.splice(from..to, [joined]);
        for row in &mut self.rows {
            if from == to {
                let end = from.checked_sub(1).and_then(|at| row.ends.get(at)).copied();
                row.ends.insert(from, end.unwrap_or_default());
            } else {
                row.ends.drain(from..to - 1);
            }
        }
        let moved = |at: usize| match at {
            at if at < from => Some(at),
            at if at < to => None,
            at => Some(at + 1 + from - to),
        };
        self.users = self.users.iter().filter_map(|at| moved(*at)).collect();
        self.addresses = self.addresses.iter().filter_map(|at| moved(*at)).collect();
        self
    }
}

/// The key with a part of it made one element.
pub fn replaced(key: &[Element], from: usize, to: usize, element: Element) -> Key {
    let mut new = Key::with_capacity(key.len());
    new.extend_from_slice(&key[..from]);
    new.push(element);
    new.extend_from_slice(&key[to..]);
    new
}
