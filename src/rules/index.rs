//! The index in front of the rules: which of them can match a line at all.
//!
//! Most rules name the program and the words behind it: `^sshd\[\d+\]: Failed password`. So a line's
//! first word and what stands behind its first two blanks give the few rules that are left. The list
//! for such a triple is made when the first line of its kind comes. Of the rules that stand in it
//! whatever the words are, most hold some literal that every match must contain: it is looked for
//! first. The index may only leave out what cannot match: what it decides is what a loop over all
//! rules would decide.

use std::collections::HashMap;
use std::sync::Arc;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind, packed};
use memchr::{memchr, memmem};

use super::id;
use crate::config::{Action, Rule, RuleId};
use crate::fast::OwnMap;
use crate::pattern::fields::{self, Fields, KEY, Key, Keys, Word};
use crate::pattern::{Found, Pattern, Spans};

/// With fewer such rules in a list, each literal is looked for by itself.
const FEW: usize = 8;
/// More lists than these are made anew: a log may be made to have many kinds of lines.
const MOST_LISTS: usize = 20_000;

/// More words or keys than these get no number: what they would say of their rules is not used.
const MOST_NAMES: usize = (1 << 17) - 1;

/// The index of a list of rules.
#[derive(Debug)]
pub struct Index {
    /// The first words that rules name, from 1.
    words: OwnMap<Vec<u8>, u32>,
    /// The keys that rules name, as the numbers of their bytes, from 1.
    keys: OwnMap<u32, u32>,
    /// What is known of each rule.
    facts: Vec<Facts>,
    room: Room,
}

/// A kind of line: the numbers of its first word and of its two keys, 0 for one that no rule names.
#[derive(Clone, Copy, Debug)]
struct Kind {
    word: u32,
    /// The byte that ends the first word; 0 where the message ends with it.
    end: u8,
    /// Whether a kernel's time stamp stands behind the first blank; the keys are behind it then.
    stamped: bool,
    keys: [u32; 2],
}

impl Kind {
    /// The kind as a key of its own.
    fn packed(self) -> u64 {
        let [first, second] = self.keys.map(u64::from);
        let word = u64::from(self.word) << 34 | first << 17 | second;
        u64::from(self.stamped) << 59 | u64::from(self.end) << 51 | word
    }
}

#[derive(Debug)]
struct Facts {
    /// It is a group: no line ends here.
    is_group: bool,
    /// The subject begins with one of these words; nothing is known if there is none.
    words: Option<Arc<[Word]>>,
    /// What stands behind the first two blanks, by their numbers; sorted. In lines without and with a
    /// kernel's time stamp.
    keys: [NumberedKeys; 2],
    /// What stands behind the first two blanks, as far as it is always the same; as for the keys.
    literals: [[Arc<[u8]>; 2]; 2],
    /// It takes just what begins with one of these.
    begins: Option<Vec<Vec<u8>>>,
    /// The subject holds one of these somewhere, if there are any and they are worth a look.
    inside: Vec<memmem::Finder<'static>>,
    /// The group that the rule stands in.
    group: Option<usize>,
    /// No line gets past it.
    takes_all: bool,
}

impl Facts {
    /// Whether a line of this kind may match; `word` is its first word, if a rule names it.
    fn fits(&self, kind: Kind, word: Option<&[u8]>) -> bool {
        let begins = |known: &Word| match word {
            Some(word) if known.whole => word == known.bytes,
            Some(word) => word.starts_with(&known.bytes),
            None => !known.whole,
        };
        let keys = &self.keys[usize::from(kind.stamped)];
        let mut keys = keys.iter().zip(kind.keys);
        self.words
            .as_ref()
            .is_none_or(|known| known.iter().any(begins))
            && keys.all(|(known, is)| {
                let known = known.as_ref();
                known.is_none_or(|known| known.binary_search(&is).is_ok())
            })
    }
}

/// [`Keys`], by their numbers.
type NumberedKeys = [Option<Arc<[u32]>>; 2];

/// The rules that a kind of line may match, in their order.
#[derive(Debug, Default)]
struct List {
    rules: Vec<Candidate>,
    scan: Option<Scan>,
}

#[derive(Clone, Debug)]
struct Candidate {
    rule: usize,
    /// The group that must be entered, where the kind of line does not tell that it is.
    group: Option<usize>,
    /// Behind which of the two blanks these bytes must stand.
    gate: Option<(usize, Arc<[u8]>)>,
    /// Its literal is to be looked for first.
    literal: bool,
}

/// Finds the rules of a list whose literals are in a line.
#[derive(Debug)]
struct Scan {
    /// Tells quickly whether any is there; most lines have none.
    any: Option<packed::Searcher>,
    automaton: AhoCorasick,
    /// The places in the list of the rules that each literal stands for.
    owners: Vec<Vec<u32>>,
}

/// What is kept from line to line.
#[derive(Debug, Default)]
struct Room {
    /// The lists that were made, by the kind of line.
    lists: OwnMap<u64, usize>,
    made: Vec<List>,
    /// The rules of the list whose literals are there, a bit each.
    wanted: Vec<u64>,
    /// Whether each group was entered by this line; known if its stamp is this line's.
    groups: Vec<(u64, bool)>,
    stamp: u64,
}

impl Index {
    /// Makes the index of these rules.
    pub fn new(rules: &[Rule]) -> Self {
        let (mut words, mut keys) = (OwnMap::default(), OwnMap::default());
        let facts = facts(rules, &mut words, &mut keys);
        Self {
            words,
            keys,
            facts,
            room: Room::default(),
        }
    }

    /// Which rule takes a line: see [`super::decide`], which this never differs from.
    pub fn decide(
        &mut self,
        rules: &[Rule],
        host: &[u8],
        message: &[u8],
        spans: &mut Spans,
        gave_up: &mut Vec<Pattern>,
    ) -> Option<RuleId> {
        let (kind, rests) = self.kind(message);
        let place = match self.room.lists.get(&kind.packed()) {
            Some(&place) => place,
            None => self.make(kind),
        };
        let Room {
            made,
            wanted,
            groups,
            stamp,
            ..
        } = &mut self.room;
        *stamp += 1;
        groups.resize(rules.len(), (0, false));
        let list = made.get(place)?;
        let mut line = Line {
            facts: &self.facts,
            rules,
            host,
            message,
            newlines: memchr(b'\n', message).is_some(),
            spans,
            gave_up,
            groups,
            stamp: *stamp,
        };
        let mut scanned = false;
        for (at, candidate) in list.rules.iter().enumerate() {
            if let Some((blank, bytes)) = &candidate.gate
                && !rests[*blank].starts_with(bytes)
            {
                continue;
            }
            if candidate.literal {
                let there = match &list.scan {
                    None => line.holds(candidate.rule),
                    Some(scan) => {
                        if !std::mem::replace(&mut scanned, true) {
                            scan.want(message, list.rules.len(), wanted);
                        }
                        wanted
                            .get(at / 64)
                            .is_some_and(|bits| bits >> (at % 64) & 1 == 1)
                    }
                };
                if !there {
                    continue;
                }
            }
            if line.takes(candidate) {
                return id(candidate.rule);
            }
        }
        None
    }

    /// What kind of line this is, and what stands behind its first two blanks.
    fn kind<'a>(&self, message: &'a [u8]) -> (Kind, [&'a [u8]; 2]) {
        let end = message.iter().position(|&b| fields::ends_word(b));
        let word = message
            .get(..end.unwrap_or(message.len()))
            .unwrap_or_default();
        let word = self.words.get(word).copied().unwrap_or(0);
        let behind = |text: &[u8]| memchr(b' ', text).map_or(text.len(), |at| at + 1);
        let mut rest = &message[behind(message)..];
        let stamp = fields::stamp_length(rest);
        if let Some(length) = stamp {
            rest = &rest[length..];
        }
        let key = |text: &[u8]| {
            let key = text.first_chunk::<KEY>().map(number);
            key.and_then(|key| self.keys.get(&key).copied())
                .unwrap_or(0)
        };
        let rests = [rest, &rest[behind(rest)..]];
        let kind = Kind {
            word,
            end: end.and_then(|end| message.get(end).copied()).unwrap_or(0),
            stamped: stamp.is_some(),
            keys: rests.map(key),
        };
        (kind, rests)
    }

    /// Makes the list for a kind of line.
    #[cold]
    fn make(&mut self, kind: Kind) -> usize {
        let word = self.words.iter().find(|&(_, &number)| number == kind.word);
        let word = word.map(|(word, _)| word.as_slice());
        let mut rules = Vec::new();
        for (at, facts) in self.facts.iter().enumerate() {
            if facts.is_group || !facts.fits(kind, word) {
                continue;
            }
            let Some(open) = self.enters(facts.group, kind, word) else {
                continue;
            };
            rules.push(Candidate {
                rule: at,
                group: facts.group.filter(|_| open),
                gate: facts.gate(kind.stamped),
                literal: !facts.inside.is_empty(),
            });
            if facts.takes_all {
                break;
            }
        }
        let many = rules.iter().filter(|c| c.literal).count() > FEW;
        let scan = many.then(|| Scan::new(&rules, &self.facts)).flatten();
        let room = &mut self.room;
        if room.made.len() >= MOST_LISTS {
            room.made.clear();
            room.lists.clear();
        }
        room.made.push(List { rules, scan });
        room.lists.insert(kind.packed(), room.made.len() - 1);
        room.made.len() - 1
    }
}

impl Index {
    /// Whether a line of this kind is in this group and those around it: `None` if not, `Some(true)`
    /// if that is still open.
    fn enters(&self, group: Option<usize>, kind: Kind, word: Option<&[u8]>) -> Option<bool> {
        let Some(facts) = group.and_then(|group| self.facts.get(group)) else {
            return Some(false);
        };
        let around = self.enters(facts.group, kind, word)?;
        let own = match &facts.begins {
            None => true,
            Some(begins) => {
                let mut all = begins.iter().map(|begin| self.begins(begin, kind, word));
                let mut open = false;
                let sure = all.any(|known| {
                    open |= known.is_none();
                    known == Some(true)
                });
                if !sure && !open {
                    return None;
                }
                !sure
            }
        };
        Some(around || own)
    }

    /// Whether a line of this kind begins so, if its kind tells.
    fn begins(&self, begin: &[u8], kind: Kind, word: Option<&[u8]>) -> Option<bool> {
        let end = begin.iter().position(|&b| fields::ends_word(b));
        match (end, word) {
            (None, Some(word)) => Some(word.starts_with(begin)),
            (None, None) => None,
            // A word of its own: a line whose word no rule names has another.
            (Some(end), None) => self.words.contains_key(&begin[..end]).then_some(false),
            (Some(end), Some(word)) => {
                let same = word == &begin[..end] && kind.end == begin[end];
                match same && begin.len() > end + 1 {
                    true => None,
                    false => Some(same),
                }
            }
        }
    }
}

impl Facts {
    /// What is worth a look before the pattern is tried.
    fn gate(&self, stamped: bool) -> Option<(usize, Arc<[u8]>)> {
        let literals = &self.literals[usize::from(stamped)];
        let longest = literals
            .iter()
            .enumerate()
            .max_by_key(|(_, bytes)| bytes.len());
        let (blank, bytes) = longest.filter(|(_, bytes)| bytes.len() > KEY)?;
        Some((blank, Arc::clone(bytes)))
    }
}

/// A line on its way through the rules.
struct Line<'a> {
    facts: &'a [Facts],
    rules: &'a [Rule],
    host: &'a [u8],
    message: &'a [u8],
    /// Whether the message holds a newline, as an element of a Redis list may.
    newlines: bool,
    spans: &'a mut Spans,
    gave_up: &'a mut Vec<Pattern>,
    groups: &'a mut [(u64, bool)],
    stamp: u64,
}

impl Line<'_> {
    /// Whether one of the rule's literals is there.
    fn holds(&self, rule: usize) -> bool {
        self.facts.get(rule).is_some_and(|facts| {
            let mut literals = facts.inside.iter();
            literals.any(|literal| literal.find(self.message).is_some())
        })
    }

    /// Whether this rule takes the line.
    fn takes(&mut self, candidate: &Candidate) -> bool {
        let Some(rule) = self.rules.get(candidate.rule) else {
            return false;
        };
        if !candidate.group.is_none_or(|group| self.enters(group)) {
            return false;
        }
        let found = match rule.action {
            Action::Trash => rule.pattern.is_match_in(self.message, self.newlines),
            Action::Repeat | Action::Queues(_) => {
                rule.pattern
                    .captures_in(self.message, self.newlines, self.spans)
            }
            Action::Group { .. } | Action::GroupHost { .. } => Found::No,
        };
        self.judge(found, rule)
    }

    fn judge(&mut self, found: Found, rule: &Rule) -> bool {
        if found == Found::GaveUp {
            self.gave_up.push(rule.pattern.clone());
        }
        found == Found::Yes
    }

    /// Whether the line gets into this group, and so into those around it.
    fn enters(&mut self, group: usize) -> bool {
        if let Some(&(stamp, entered)) = self.groups.get(group)
            && stamp == self.stamp
        {
            return entered;
        }
        let (Some(rule), Some(facts)) = (self.rules.get(group), self.facts.get(group)) else {
            return false;
        };
        let outer = facts.group;
        let entered = outer.is_none_or(|outer| self.enters(outer)) && {
            let found = match rule.action {
                Action::GroupHost { .. } => rule.pattern.is_match(self.host),
                _ => rule.pattern.is_match_in(self.message, self.newlines),
            };
            self.judge(found, rule)
        };
        if let Some(known) = self.groups.get_mut(group) {
            *known = (self.stamp, entered);
        }
        entered
    }
}

impl Scan {
    fn new(rules: &[Candidate], facts: &[Facts]) -> Option<Self> {
        let mut owners: HashMap<&[u8], Vec<u32>> = HashMap::new();
        for (place, candidate) in rules.iter().enumerate() {
            for literal in &facts.get(candidate.rule)?.inside {
                let owners = owners.entry(literal.needle()).or_default();
                owners.push(u32::try_from(place).ok()?);
            }
        }
        let (literals, owners): (Vec<&[u8]>, Vec<Vec<u32>>) = owners.into_iter().unzip();
        // A dense automaton takes a step a byte; where it would be too large, the library's choice.
        let build = |kind| {
            AhoCorasick::builder()
                .match_kind(MatchKind::Standard)
                .kind(kind)
                .build(&literals)
        };
        let total: usize = literals.iter().map(|bytes| bytes.len()).sum();
        let kind = (total < 5_000).then_some(AhoCorasickKind::DFA);
        let automaton = build(kind).or_else(|_| build(None)).ok()?;
        Some(Self {
            any: packed::Searcher::new(&literals),
            automaton,
            owners,
        })
    }

    /// Sets the bits of the rules whose literals are in this line.
    fn want(&self, message: &[u8], rules: usize, wanted: &mut Vec<u64>) {
        wanted.clear();
        wanted.resize(rules.div_ceil(64), 0);
        if self
            .any
            .as_ref()
            .is_some_and(|any| any.find(message).is_none())
        {
            return;
        }
        for found in self.automaton.find_overlapping_iter(message) {
            for &place in &self.owners[found.pattern().as_usize()] {
                wanted[place as usize / 64] |= 1 << (place % 64);
            }
        }
    }
}

/// A key as a number.
fn number(key: &[u8; KEY]) -> u32 {
    key.iter()
        .fold(0, |number, &byte| number << 8 | u32::from(byte))
}

/// The numbers of these keys; new ones are added.
fn numbered(known: &mut OwnMap<u32, u32>, keys: Option<Vec<Key>>) -> Option<Arc<[u32]>> {
    let keys = keys.filter(|keys| known.len() + keys.len() <= MOST_NAMES)?;
    let mut add = |key: Key| {
        let next = u32::try_from(known.len() + 1).unwrap_or(u32::MAX);
        *known.entry(number(&key)).or_insert(next)
    };
    let mut numbers: Vec<u32> = keys.into_iter().map(&mut add).collect();
    numbers.sort_unstable();
    Some(numbers.into())
}

fn facts(
    rules: &[Rule],
    words: &mut OwnMap<Vec<u8>, u32>,
    keys: &mut OwnMap<u32, u32>,
) -> Vec<Facts> {
    let mut open: Vec<(usize, usize)> = Vec::new();
    let mut facts: Vec<Facts> = Vec::with_capacity(rules.len());
    for (at, rule) in rules.iter().enumerate() {
        open.retain(|&(_, end)| at < end);
        let group = open.last().map(|&(group, _)| group);
        let on_host = matches!(rule.action, Action::GroupHost { .. });
        let is_group = on_host || matches!(rule.action, Action::Group { .. });
        let known = match on_host {
            true => Fields::default(),
            false => rule.pattern.fields(),
        };
        let known_words = known
            .words
            .filter(|all| words.len() + all.len() <= MOST_NAMES);
        for word in known_words.iter().flatten().filter(|word| word.whole) {
            let next = u32::try_from(words.len() + 1).unwrap_or(u32::MAX);
            words.entry_ref(&word.bytes[..]).or_insert(next);
        }
        let own_words: Option<Arc<[Word]>> = known_words.map(Arc::from);
        let behind: [Keys; 2] = [known.keys, known.stamped];
        let literals = behind
            .each_ref()
            .map(|two| two.each_ref().map(|b| b.literal[..].into()));
        let own_keys = behind.map(|two| two.map(|behind| numbered(keys, behind.keys)));
        let named = own_words.is_some() || own_keys[0].iter().any(Option::is_some);
        // What a rule does not say, the group around it may: a line in it is in both.
        let around = group.and_then(|group| facts.get(group));
        let inherit = |own: Option<Arc<[u32]>>, with_stamp: usize, at: usize| {
            own.or_else(|| around?.keys[with_stamp][at].clone())
        };
        let [[a, b], [c, d]] = own_keys;
        let keys = [
            [inherit(a, 0, 0), inherit(b, 0, 1)],
            [inherit(c, 1, 0), inherit(d, 1, 1)],
        ];
        let words = own_words.or_else(|| around?.words.clone());
        // Where the words name the rule already, its pattern is the quicker look.
        let inside = match named || is_group || rule.pattern.is_quick() {
            true => Vec::new(),
            false => rule.pattern.needs().inside,
        };
        let finder = |bytes: &Vec<u8>| memmem::Finder::new(bytes).into_owned();
        facts.push(Facts {
            is_group,
            words,
            keys,
            literals,
            begins: known.begins,
            inside: inside.iter().map(finder).collect(),
            group,
            takes_all: !is_group && group.is_none() && rule.pattern.matches_everything(),
        });
        if let Action::Group { end } | Action::GroupHost { end } = rule.action {
            open.push((at, end));
        }
    }
    facts
}

#[cfg(test)]
mod tests {
    use super::super::decide;
    use super::*;
    use crate::config::parse_bytes;

    /// A small generator: the same seed gives the same rules and lines.
    struct Random(u64);

    impl Random {
        fn below(&mut self, n: usize) -> usize {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            (self.0 % n as u64) as usize
        }

        fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
            from[self.below(from.len())]
        }
    }

    const PARTS: &[&str] = &[
        "^sshd: ",
        "^su",
        "^cron: (\\S+) ",
        "^",
        "fail",
        "(\\d+)",
        "(.+) ",
        "err(?:or)?",
        "a|b",
        "[xy]z",
        "(?i)Root",
        "login$",
        "\\bx\\b",
        "(?=fail)",
        "(?!y)",
        "for (\\S+) from",
        "^(?:sshd|su): ",
        ".*",
        "x{2}",
        "(a+)?b",
        "^sshd: fail",
        "^kernel:(?: \\[ *\\d+\\.\\d+\\])? (?:usb|fail) ",
        "^kernel: \\[[ 0-9.]+\\] usb x",
        "^\\S+ (?:fail|login) x",
        "^sshd(?:-x)?: ",
        "^(?:su|k\\S+): \\[",
        "usb (\\S*) ",
        "(?: x)*",
    ];
    const WORDS: &[&str] = &[
        "sshd: ", "su: ", "cron: ", "fail ", "error ", "login", "root ", "12 ", "x ", "y", "xx",
        "for ", "from ", "a", "b", "sshd", "kernel: ", "[ 12.3] ", "[1.2] ", "[] ", "usb ",
        "sshd-x: ", "-", " ",
    ];

    fn rules(random: &mut Random, count: usize) -> Vec<Rule> {
        let mut text = String::from("set mailserver h\nset queue q f@x t@x [now]\n");
        let mut open = 0;
        for _ in 0..count {
            let pattern: String = (0..1 + random.below(3))
                .map(|_| random.pick(PARTS))
                .collect();
            let word = match random.below(12) {
                0 => "group",
                1 => "group_host",
                2..5 => "trash",
                _ => "q",
            };
            let pattern = if word == "group_host" {
                "h[12]".to_owned()
            } else {
                pattern
            };
            text += &format!("{word} {pattern}\n");
            open += usize::from(word.starts_with("group"));
            if open > 0 && random.below(4) == 0 {
                text += "group_end\n";
                open -= 1;
            }
        }
        let config = parse_bytes(text.as_bytes()).config;
        config.map(|c| c.rules).unwrap_or_default()
    }

    #[test]
    fn it_decides_as_a_loop_over_all_rules_does() {
        let (mut compared, mut taken) = (0, 0);
        for seed in 1..=300_u64 {
            let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
            let rules = match random.below(2) {
                0 => rules(&mut random, 8),
                _ => rules(&mut random, 60),
            };
            let mut index = Index::new(&rules);
            for _ in 0..60 {
                let line: String = (0..random.below(7)).map(|_| random.pick(WORDS)).collect();
                let host = random.pick(&["h1", "h2", "h3"]);
                let (mut one, mut other) = (Spans::default(), Spans::default());
                let mut gave_up = Vec::new();
                let (host, line) = (host.as_bytes(), line.as_bytes());
                let want = decide(&rules, host, line, &mut one, &mut gave_up);
                let got = index.decide(&rules, host, line, &mut other, &mut gave_up);
                assert_eq!(got, want, "seed {seed}: {:?}", bstr::BStr::new(line));
                let kept = want.and_then(|id| rules.get(id.index()));
                if kept.is_some_and(|rule| rule.action != Action::Trash) {
                    assert_eq!(one, other, "seed {seed}");
                }
                compared += 1;
                taken += usize::from(want.is_some());
            }
        }
        assert_eq!(compared, 18_000);
        assert!(taken > 3_000, "only {taken} lines were taken by a rule");
    }
}
