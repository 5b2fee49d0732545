//! What is known of each rule before a line comes.

use std::sync::Arc;

use memchr::memmem;

use super::MOST_NAMES;
use crate::config::{Action, Rule};
use crate::hash::FxHashMap;
use crate::pattern::Pattern;
use crate::pattern::tag_analysis::{Fit, KEY, Key, Keys, Tag, TagAnalysis};
use crate::simd::first_eight;

#[derive(Debug)]
pub(super) struct Facts {
    /// It is a group: no line ends here.
    pub is_group: bool,
    /// The subject begins with one of these words; nothing is known if there is none.
    pub words: Option<Arc<[Tag]>>,
    /// The pattern, if it is for messages.
    pattern: Option<Pattern>,
    /// What stands behind the first two blanks, by their numbers; sorted. In lines without and with a
    /// kernel's time stamp.
    keys: [NumberedKeys; 2],
    /// The same, as far as it is always the same.
    gates: [Gate; 2],
    /// The subject holds one of these somewhere, if there are any and they are worth a look.
    pub inside: Vec<memmem::Finder<'static>>,
    /// The group that the rule stands in.
    pub group: Option<usize>,
}

/// [`Keys`], by their numbers.
type NumberedKeys = [Option<Arc<[u32]>>; 2];

/// What is worth a look before a pattern is tried: up to eight bytes that must stand behind a blank.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Gate {
    /// Which of the two blanks.
    blank: usize,
    bytes: u64,
    mask: u64,
}

/// The bytes right behind a blank; zeros where there are no more.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Begin(u64);

impl Begin {
    /// Those at `at`.
    #[inline]
    pub(super) fn at(text: &[u8], at: usize) -> Self {
        Self(first_eight(text, text.get(at..).unwrap_or_default()))
    }

    /// The key that they begin with.
    pub(super) fn key(self) -> u32 {
        self.0 as u32 & ((1 << (8 * KEY)) - 1)
    }
}

impl Gate {
    /// The longest bytes that must stand behind one of two blanks, if they say more than the keys.
    fn of(behind: &Keys) -> Self {
        let longest = behind.iter().map(|behind| &behind.literal).enumerate();
        let longest = longest.max_by_key(|(_, bytes)| bytes.len());
        let Some((blank, bytes)) = longest.filter(|(_, bytes)| bytes.len() > KEY) else {
            return Self::default();
        };
        let bytes = &bytes[..bytes.len().min(8)];
        let Begin(word) = Begin::at(bytes, 0);
        Self {
            blank,
            bytes: word,
            mask: u64::MAX >> (64 - 8 * bytes.len()),
        }
    }

    pub(super) fn lets(self, begins: [Begin; 2]) -> bool {
        let [first, second] = begins.map(|Begin(word)| word);
        let word = if self.blank == 0 { first } else { second };
        (word ^ self.bytes) & self.mask == 0
    }
}

impl Facts {
    /// What the head of a message tells.
    pub(super) fn fit(&self, head: &[u8]) -> Fit {
        let pattern = self.pattern.as_ref();
        pattern.map_or(Fit::Maybe, |p| p.properties().tags.beginning.fit(head))
    }

    /// Whether a line with these keys may match.
    pub(super) fn fits(&self, stamped: bool, keys: [u32; 2]) -> bool {
        let mut known = self.keys[usize::from(stamped)].iter().zip(keys);
        known.all(|(known, is)| {
            let known = known.as_ref();
            known.is_none_or(|known| known.binary_search(&is).is_ok())
        })
    }

    /// What is worth a look before the pattern is tried.
    pub(super) fn gate(&self, stamped: bool) -> Gate {
        self.gates[usize::from(stamped)]
    }
}

/// The facts of all rules; `keys` gets the numbers of their keys.
pub(super) fn facts(rules: &[Rule], keys: &mut FxHashMap<u32, u32>) -> Vec<Facts> {
    let mut open: Vec<(usize, usize)> = Vec::new();
    let mut facts: Vec<Facts> = Vec::with_capacity(rules.len());
    for (at, rule) in rules.iter().enumerate() {
        open.retain(|&(_, end)| at < end);
        let group = open.last().map(|&(group, _)| group);
        let one = fact(rule, group.and_then(|group| facts.get(group)), keys);
        facts.push(Facts { group, ..one });
        if let Action::Group { end } | Action::GroupHost { end } = rule.action {
            open.push((at, end));
        }
    }
    facts
}

/// What is known of a rule in the group `around`.
fn fact(rule: &Rule, around: Option<&Facts>, keys: &mut FxHashMap<u32, u32>) -> Facts {
    let on_host = matches!(rule.action, Action::GroupHost { .. });
    let is_group = on_host || matches!(rule.action, Action::Group { .. });
    let properties = rule.pattern.properties();
    let nothing = TagAnalysis::default();
    let known = match on_host {
        true => &nothing,
        false => &properties.tags,
    };
    let behind: [&Keys; 2] = [&known.keys, &known.stamped];
    let own_keys = behind.map(|two| two.each_ref().map(|b| numbered(keys, b.keys.as_deref())));
    let named = known.names.is_some() || own_keys[0].iter().any(Option::is_some);
    // What a rule does not say, the group around it may: a line in it is in both.
    let inherit = |own: Option<Arc<[u32]>>, stamped: usize, at: usize| {
        own.or_else(|| around?.keys[stamped][at].clone())
    };
    let [[a, b], [c, d]] = own_keys;
    let own_keys = [
        [inherit(a, 0, 0), inherit(b, 0, 1)],
        [inherit(c, 1, 0), inherit(d, 1, 1)],
    ];
    let words = known.names.clone();
    // Where the words name the rule already, its pattern is the quicker look.
    let inside: &[Vec<u8>] = match named || is_group {
        true => &[],
        false => &properties.literals,
    };
    let finder = |bytes: &Vec<u8>| memmem::Finder::new(bytes).into_owned();
    Facts {
        is_group,
        words: words.or_else(|| around?.words.clone()),
        pattern: (!on_host).then(|| rule.pattern.clone()),
        keys: own_keys,
        gates: behind.map(Gate::of),
        inside: inside.iter().map(finder).collect(),
        group: None,
    }
}

/// The numbers of these keys; new ones are added.
fn numbered(known: &mut FxHashMap<u32, u32>, keys: Option<&[Key]>) -> Option<Arc<[u32]>> {
    let keys = keys.filter(|keys| known.len() + keys.len() <= MOST_NAMES)?;
    let mut add = |key: &Key| {
        let next = u32::try_from(known.len() + 1).unwrap_or(u32::MAX);
        *known.entry(Begin::at(key, 0).key()).or_insert(next)
    };
    let mut numbers: Vec<u32> = keys.iter().map(&mut add).collect();
    numbers.sort_unstable();
    Some(match numbers.is_empty() {
        // Shared: most rules match no line with a kernel's time stamp.
        true => Arc::default(),
        false => numbers.into(),
    })
}
