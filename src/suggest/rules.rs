//! From groups to rules: each is written, proven, put in its order, and given a queue.

use super::element::Element;
use super::group::Row;
use super::head::Head;
use super::kinds::{Groups, Tables};
use super::pattern::{self, Keep};
use super::prove;
use super::proven::Proven;
use super::queue_hint::{Loudness, loudness};
use super::shape::Message;

/// A rule that is proposed.
#[derive(Clone, Debug)]
pub struct Rule {
    /// The pattern, as it stands in a rule.
    pub pattern: Vec<u8>,
    /// The number of lines that it takes.
    pub lines: u64,
    /// The number of hosts that wrote them.
    pub hosts: usize,
    /// How loud they are.
    pub loudness: Loudness,
    /// The word that says so.
    pub why: Option<String>,
    /// A message that it takes, without its program.
    pub sample: Vec<u8>,
    /// A message that it takes, without its program and without names of users.
    pub anonymous: Vec<u8>,
    /// The messages that are kept of those that it takes, with the program, and the lines of each.
    pub messages: Vec<Message>,
}

/// The rules of a program.
#[derive(Clone, Debug)]
pub struct Block {
    /// The name of the program as people read it; empty for messages without one.
    pub program: Vec<u8>,
    /// The pattern of the `group` around the rules.
    pub group: Option<Vec<u8>>,
    /// The rules, in the order in which they are tried.
    pub rules: Vec<Rule>,
}

impl Block {
    /// The number of lines of all rules.
    pub fn lines(&self) -> u64 {
        self.rules.iter().map(|rule| rule.lines).sum()
    }
}

/// The text that stands for a mask in a sample.
const MASK: &[u8] = b"______";

/// The rules of a program's groups.
pub(super) fn block(head: &Head, groups: Groups, tables: &mut Tables, keep: Keep) -> Block {
    let proven = prove::prove(head, groups, tables, keep);
    let ordered = prove::order(head, proven);
    let rules = ordered
        .into_iter()
        .map(|proven| rule(head, proven, tables))
        .collect();
    Block {
        program: head.shown(),
        group: (!head.0.is_empty()).then(|| [b"^", &pattern::head(head, false)[..]].concat()),
        rules,
    }
}

fn rule(head: &Head, proven: Proven, tables: &Tables) -> Rule {
    let (loudness, why) = loudness(&proven.written.body);
    let mut rows: Vec<_> = proven.group.rows.iter().collect();
    rows.sort_by_key(|row| (row.text.len(), row.text.clone()));
    let row = rows.get(rows.len() / 2).copied();
    let sample = row.map(|row| row.text.to_vec()).unwrap_or_default();
    let anonymous = row
        .map(|row| anonymous(&proven, row, tables))
        .unwrap_or_default();
    let begin = head.example();
    let messages = rows.iter().map(|row| {
        let text = [&begin[..], &row.text].concat();
        (text.into(), row.count)
    });
    let messages = messages.collect();
    Rule {
        lines: proven.group.count,
        hosts: proven.group.hosts.count(),
        loudness,
        why,
        sample,
        anonymous,
        messages,
        pattern: proven.source,
    }
}

/// A message with its names of users masked.
fn anonymous(proven: &Proven, row: &Row, tables: &Tables) -> Vec<u8> {
    let mut out = Vec::new();
    for (at, element) in proven.key.iter().enumerate() {
        let text = row.cell(at);
        let several = matches!(
            element,
            Element::Optional(_) | Element::Pairs | Element::Phrase
        );
        let user = several
            || proven.group.users.contains(&at)
            || (!element.is_word() && has_name(text, tables));
        out.extend_from_slice(if user && !text.is_empty() { MASK } else { text });
    }
    out
}

/// Whether a text, or a word in it, is a name.
fn has_name(text: &[u8], tables: &Tables) -> bool {
    let is_name = |word: &[u8]| {
        let lower = word.to_ascii_lowercase();
        word.iter().any(u8::is_ascii_alphabetic) && tables.is_name(&lower)
    };
    is_name(text) || text.split(|b| !super::forms::is_word(*b)).any(is_name)
}
