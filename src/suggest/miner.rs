//! Lines are read once: each becomes a key, and what is kept grows with the kinds, not with the lines.
//!
//! Nothing depends on the order of the lines: samples are the messages with the smallest hashes, and the size
//! of the samples is halved when all together would be too large.

use std::collections::BTreeMap;
use std::hash::Hasher;

use rustc_hash::FxHasher;

use super::element::encode;
use super::group::{Column, Hosts};
use super::head::{Head, split};
use super::lexicon::{Lexicon, is_user_key};
use super::token::{Kind, Token};
use super::tokens::tokens;
use crate::hash::Map;

/// The greatest sample of a kind, messages.
const SAMPLE: usize = 512;
/// The greatest size of all samples together, bytes.
const SAMPLES: usize = 40 << 20;
/// The greatest number of kinds, before any are joined.
const KINDS: usize = 60_000;
/// The greatest number of hosts and of names that are told apart.
const NAMES: usize = 60_000;
/// What a message of a sample costs besides its text, bytes.
const OVERHEAD: usize = 64;

/// A hash of bytes that does not depend on the run.
pub fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = FxHasher::default();
    hasher.write(bytes);
    // Its low bits depend on few bits of the text.
    let hash = hasher.finish();
    (hash ^ (hash >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9)
}

/// The messages of a kind with the smallest hashes, and how many lines each of them is.
#[derive(Default, Debug)]
pub struct Sample(BTreeMap<(u64, Box<[u8]>), u64>);

impl Sample {
    /// Adds a message, and gives by how many bytes the sample grew.
    fn add(&mut self, hash: u64, text: &[u8], most: usize) -> isize {
        if self.0.len() >= most
            && self
                .0
                .last_key_value()
                .is_some_and(|(last, _)| last.0 < hash)
        {
            return 0;
        }
        let key = (hash, text.into());
        if let Some(count) = self.0.get_mut(&key) {
            *count += 1;
            return 0;
        }
        self.0.insert(key, 1);
        size(text) + self.cut(most)
    }

    /// Drops what is too much, and gives by how many bytes the sample grew.
    fn cut(&mut self, most: usize) -> isize {
        let mut grown = 0;
        while self.0.len() > most {
            if let Some(((_, text), _)) = self.0.pop_last() {
                grown -= size(&text);
            }
        }
        grown
    }

    /// The messages: hash, text, lines.
    pub fn into_rows(self) -> impl Iterator<Item = (u64, Box<[u8]>, u64)> {
        self.0
            .into_iter()
            .map(|((hash, text), count)| (hash, text, count))
    }
}

fn size(text: &[u8]) -> isize {
    isize::try_from(text.len() + OVERHEAD).unwrap_or(isize::MAX)
}

/// A kind before any are joined.
#[derive(Default, Debug)]
pub struct RawKind {
    /// The number of lines.
    pub count: u64,
    /// What the columns hold that are neither words nor single signs.
    pub columns: Vec<Column>,
    /// A sample of the messages.
    pub sample: Sample,
    /// The hosts that wrote them.
    pub hosts: Hosts,
    /// Whether blanks stand at the end of a line.
    pub trailing: bool,
}

impl RawKind {
    /// Takes the lines of the same kind of another program.
    pub fn join(&mut self, other: Self) {
        self.count += other.count;
        match self.columns.is_empty() {
            true => self.columns = other.columns,
            false => {
                let pairs = self.columns.iter_mut().zip(&other.columns);
                pairs.for_each(|(mine, theirs)| mine.join(theirs));
            }
        }
        for (key, count) in other.sample.0 {
            *self.sample.0.entry(key).or_default() += count;
        }
        self.sample.cut(SAMPLE);
        self.hosts.join(&other.hosts);
        self.trailing |= other.trailing;
    }
}

/// The kinds of a program, by their keys.
pub type RawKinds = Map<Vec<u8>, RawKind>;

/// Whether the column of a token is kept: what words and single signs hold, the key says.
pub fn is_kept(kind: Kind, text: &[u8]) -> bool {
    match kind {
        Kind::Text => false,
        Kind::Sign => !matches!(text, [byte] if !super::forms::is_blank(*byte)),
        _ => true,
    }
}

/// Takes lines, one by one.
#[derive(Debug)]
pub struct Miner {
    pub(super) lexicon: Lexicon,
    pub(super) programs: Map<Head, RawKinds>,
    /// Names of hosts and users, in lower case.
    pub(super) names: Map<Box<[u8]>, ()>,
    hosts: Map<Box<[u8]>, usize>,
    key: Vec<u8>,
    kinds: usize,
    sample: usize,
    samples: isize,
    /// Kinds are kept whose hash has this many zeros at its end.
    thin: u32,
    lines: u64,
    /// Lines of kinds that were not kept.
    left_out: u64,
}

impl Miner {
    /// A miner that knows these words.
    pub fn new(lexicon: Lexicon) -> Self {
        Self {
            lexicon,
            programs: Map::default(),
            names: Map::default(),
            hosts: Map::default(),
            key: Vec::new(),
            kinds: 0,
            sample: SAMPLE,
            samples: 0,
            thin: 0,
            lines: 0,
            left_out: 0,
        }
    }

    /// The number of lines that were taken.
    pub fn lines(&self) -> u64 {
        self.lines
    }

    /// The number of lines that were left out, because there were too many kinds.
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    /// The number of hosts.
    pub fn hosts(&self) -> usize {
        self.hosts.len()
    }

    /// Takes a message, as the rules see it, of a host. A message of blanks alone has no kind.
    pub fn take(&mut self, host: &[u8], message: &[u8]) {
        let (head, begin) = split(message);
        let whole = message.get(begin..).unwrap_or_default();
        let body = whole.trim_ascii_end();
        if body.is_empty() {
            return;
        }
        self.lines += 1;
        let host = self.host(host);
        let tokens = tokens(body, &mut self.lexicon);
        self.names(body, &tokens);
        let mut key = std::mem::take(&mut self.key);
        key.clear();
        for token in &tokens {
            encode(token.kind, text(body, token), &mut key);
        }
        if self.is_left_out(&key) {
            self.left_out += 1;
        } else {
            let most = self.sample;
            let kind = self.kind(head, &key);
            kind.count += 1;
            kind.hosts.add(host);
            kind.trailing |= body.len() < whole.len();
            columns(&mut kind.columns, body, &tokens);
            let grown = kind.sample.add(hash(body), body, most);
            self.samples += grown;
        }
        self.key = key;
        self.bound();
    }

    /// The kind of a key; a new one if there is none.
    fn kind(&mut self, head: Head, key: &[u8]) -> &mut RawKind {
        let kinds = self.programs.entry(head).or_default();
        if !kinds.contains_key(key) {
            self.kinds += 1;
        }
        kinds.entry_ref(key).or_default()
    }

    fn is_left_out(&self, key: &[u8]) -> bool {
        self.thin > 0 && hash(key).trailing_zeros() < self.thin
    }

    /// Keeps kinds and samples within their bounds.
    fn bound(&mut self) {
        while self.samples > SAMPLES as isize && self.sample > 1 {
            self.sample /= 2;
            let most = self.sample;
            let kinds = self
                .programs
                .values_mut()
                .flat_map(|kinds| kinds.values_mut());
            self.samples += kinds.map(|kind| kind.sample.cut(most)).sum::<isize>();
        }
        while self.kinds > KINDS {
            self.thin += 1;
            let (thin, mut left_out, mut samples) = (self.thin, 0, 0);
            for kinds in self.programs.values_mut() {
                kinds.retain(|key, kind| {
                    let kept = hash(key).trailing_zeros() >= thin;
                    if !kept {
                        left_out += kind.count;
                        samples += kind.sample.cut(0);
                    }
                    kept
                });
            }
            self.programs.retain(|_, kinds| !kinds.is_empty());
            self.kinds = self.programs.values().map(|kinds| kinds.len()).sum();
            self.left_out += left_out;
            self.samples += samples;
        }
    }

    /// The number of a host.
    fn host(&mut self, name: &[u8]) -> usize {
        if let Some(&number) = self.hosts.get(name) {
            return number;
        }
        let number = self.hosts.len();
        if number < NAMES {
            self.hosts.insert(name.into(), number);
            self.name(name);
        }
        number
    }

    fn name(&mut self, name: &[u8]) {
        let name = name.to_ascii_lowercase();
        if !name.is_empty() && self.names.len() < 2 * NAMES {
            self.names.insert(name.into(), ());
        }
    }

    /// Notes the names of users in a message.
    fn names(&mut self, body: &[u8], tokens: &[Token]) {
        for at in user_columns(body, tokens) {
            if let Some(token) = tokens.get(at) {
                let name = text(body, token);
                if !self.names.contains_key(name) {
                    self.name(name);
                }
            }
        }
    }
}

/// The tokens that are names of users: by their place, or as the value of such a key (`user=X`, `user=<X>`,
/// `user="X"`, `user: 'X'`).
pub fn user_columns(body: &[u8], tokens: &[Token]) -> Vec<usize> {
    let back = |at: usize, by: usize| {
        let token = at.checked_sub(by).and_then(|at| tokens.get(at));
        token.map_or(&b""[..], |token| text(body, token))
    };
    let key = |at: usize, by: usize| is_user_key(&back(at, by).to_ascii_lowercase());
    let is_user = |(at, token): (usize, &Token)| match (token.kind, back(at, 1)) {
        (Kind::User, _) => true,
        (Kind::Paired, _) => key(at, 2),
        (Kind::Value, b"<") => back(at, 2) == b"=" && key(at, 3),
        (Kind::Quoted, _) if back(at, 2) == b" " => back(at, 3) == b":" && key(at, 4),
        (Kind::Quoted, _) => key(at, 3),
        _ => false,
    };
    let all = tokens.iter().enumerate();
    all.filter(|token| is_user(*token))
        .map(|(at, _)| at)
        .collect()
}

/// The text of a token.
pub fn text<'a>(body: &'a [u8], token: &Token) -> &'a [u8] {
    body.get(token.range.clone()).unwrap_or_default()
}

/// Takes the texts of a message into the columns that are kept.
fn columns(columns: &mut Vec<Column>, body: &[u8], tokens: &[Token]) {
    let kept = tokens
        .iter()
        .filter(|token| is_kept(token.kind, text(body, token)));
    for (at, token) in kept.enumerate() {
        let text = text(body, token);
        match columns.get_mut(at) {
            Some(column) => column.add(text),
            None => columns.push(Column::of(text)),
        }
    }
}
