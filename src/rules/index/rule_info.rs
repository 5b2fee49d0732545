//! What is known of each rule before any line comes.

use std::cell::OnceCell;
use std::sync::Arc;

use super::grams::RuleGrams;
use crate::config::{Action, Rule};
use crate::hash::FxHashMap;
use crate::pattern::Pattern;
use crate::pattern::tag_analysis::{Fit, KEY, Key, Keys, Tag, TagAnalysis};
use crate::simd::first_eight;

/// Keys of rules that get a number, at most: the keys of further rules are not used.
const MOST_KEYS: usize = (1 << 20) - 1;

/// What is known of a rule: properties of the lines that it can match.
#[derive(Debug)]
pub(super) struct RuleInfo {
    /// Whether it is a group: a group takes no line.
    pub is_group: bool,
    /// The words one of which every matching message begins with; nothing if not known.
    pub words: Option<Arc<[Tag]>>,
    /// The pattern, if it is matched on messages, not on hosts.
    pattern: Option<Pattern>,
    /// The keys one of which stands behind the first blank, and behind the second; in messages without and
    /// with a kernel's time stamp.
    keys: [NumberedKeys; 2],
    /// The bytes that must stand behind a blank; in messages without and with a kernel's time stamp.
    prefilters: [Prefilter; 2],
    /// Whether trying the pattern takes longer than looking up its grams.
    pub slow: bool,
    /// The grams that matching messages hold; made when the rule is first a candidate.
    grams: OnceCell<RuleGrams>,
    /// The group that the rule stands in.
    pub group: Option<usize>,
}

/// [`Keys`] as the numbers of the keys, sorted; nothing where any key may stand.
type NumberedKeys = [Option<Arc<[u32]>>; 2];

/// A test before the pattern is tried: up to eight bytes that must stand behind a blank.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Prefilter {
    /// 0 for the first blank, 1 for the second.
    blank: usize,
    bytes: u64,
    /// The bits of `bytes` that count.
    mask: u64,
}

/// The first eight bytes of a word behind a blank; zeros behind the end of the text.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct WordStart(u64);

impl WordStart {
    /// The bytes at `at` of a text.
    #[inline]
    pub(super) fn at(text: &[u8], at: usize) -> Self {
        Self(first_eight(text, text.get(at..).unwrap_or_default()))
    }

    /// The key that the word begins with.
    pub(super) fn key(self) -> u32 {
        self.0 as u32 & ((1 << (8 * KEY)) - 1)
    }
}

impl Prefilter {
    /// The test for the longest bytes that must stand behind one of the blanks; it passes every line if the
    /// keys say as much.
    fn new(behind: &Keys) -> Self {
        let longest = behind.iter().map(|behind| &behind.literal).enumerate();
        let longest = longest.max_by_key(|(_, bytes)| bytes.len());
        let Some((blank, bytes)) = longest.filter(|(_, bytes)| bytes.len() > KEY) else {
            return Self::default();
        };
        let bytes = &bytes[..bytes.len().min(8)];
        let WordStart(word) = WordStart::at(bytes, 0);
        Self {
            blank,
            bytes: word,
            mask: u64::MAX >> (64 - 8 * bytes.len()),
        }
    }

    /// Whether a line with these words behind its first two blanks passes.
    pub(super) fn passes(self, words: [WordStart; 2]) -> bool {
        let [first, second] = words.map(|WordStart(word)| word);
        let word = if self.blank == 0 { first } else { second };
        (word ^ self.bytes) & self.mask == 0
    }
}

impl RuleInfo {
    /// Whether messages with this tag match, as far as the tag tells.
    pub(super) fn fit(&self, tag: &[u8]) -> Fit {
        let pattern = self.pattern.as_ref();
        pattern.map_or(Fit::Maybe, |p| p.properties().tags.beginning.fit(tag))
    }

    /// Whether a message with these keys may match; `stamped` with a kernel's time stamp.
    pub(super) fn may_match(&self, stamped: bool, keys: [u32; 2]) -> bool {
        let mut known = self.keys[usize::from(stamped)].iter().zip(keys);
        known.all(|(known, is)| {
            let known = known.as_ref();
            known.is_none_or(|known| known.binary_search(&is).is_ok())
        })
    }

    /// The grams that matching messages hold.
    pub(super) fn grams(&self) -> &RuleGrams {
        let literals = || self.pattern.as_ref().map(Pattern::literals);
        self.grams
            .get_or_init(|| RuleGrams::new(&literals().unwrap_or_default()))
    }

    /// The test before the pattern is tried; `stamped` for messages with a kernel's time stamp.
    pub(super) fn prefilter(&self, stamped: bool) -> Prefilter {
        self.prefilters[usize::from(stamped)]
    }
}

/// What is known of each of these rules. `keys` receives the numbers of the keys that they name.
pub(super) fn rule_infos(rules: &[Rule], keys: &mut FxHashMap<u32, u32>) -> Vec<RuleInfo> {
    let mut open: Vec<(usize, usize)> = Vec::new();
    let mut infos: Vec<RuleInfo> = Vec::with_capacity(rules.len());
    for (at, rule) in rules.iter().enumerate() {
        open.retain(|&(_, end)| at < end);
        let group = open.last().map(|&(group, _)| group);
        let one = rule_info(rule, group.and_then(|group| infos.get(group)), keys);
        infos.push(RuleInfo { group, ..one });
        if let Action::Group { end } | Action::GroupHost { end } = rule.action {
            open.push((at, end));
        }
    }
    infos
}

/// What is known of a rule in the group `around`.
fn rule_info(rule: &Rule, around: Option<&RuleInfo>, keys: &mut FxHashMap<u32, u32>) -> RuleInfo {
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
    // Where a rule names no keys, the keys of the group around it count: a line of the rule is in the group.
    let inherit = |own: Option<Arc<[u32]>>, stamped: usize, at: usize| {
        own.or_else(|| around?.keys[stamped][at].clone())
    };
    let [[a, b], [c, d]] = own_keys;
    let own_keys = [
        [inherit(a, 0, 0), inherit(b, 0, 1)],
        [inherit(c, 1, 0), inherit(d, 1, 1)],
    ];
    let words = known.names.clone();
    // Where words or keys single the rule out, few messages come to it.
    let slow = !named && !is_group && !properties.quick;
    RuleInfo {
        is_group,
        words: words.or_else(|| around?.words.clone()),
        pattern: (!on_host).then(|| rule.pattern.clone()),
        keys: own_keys,
        prefilters: behind.map(Prefilter::new),
        slow,
        grams: OnceCell::new(),
        group: None,
    }
}

/// The numbers of these keys, sorted; new keys are added to `known`.
fn numbered(known: &mut FxHashMap<u32, u32>, keys: Option<&[Key]>) -> Option<Arc<[u32]>> {
    let keys = keys.filter(|keys| known.len() + keys.len() <= MOST_KEYS)?;
    let mut add = |key: &Key| {
        let next = u32::try_from(known.len() + 1).unwrap_or(u32::MAX);
        *known.entry(WordStart::at(key, 0).key()).or_insert(next)
    };
    let mut numbers: Vec<u32> = keys.iter().map(&mut add).collect();
    numbers.sort_unstable();
    Some(match numbers.is_empty() {
        // One empty list for all: most rules match no line with a kernel's time stamp.
        true => Arc::default(),
        false => numbers.into(),
    })
}
