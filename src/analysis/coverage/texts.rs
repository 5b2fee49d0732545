//! The texts that a rule counts: what in them is masked and never varies, and what varies and is not masked.

use bstr::{BStr, BString, ByteSlice};
use rustc_hash::FxHashSet;

use crate::pattern::Spans;

/// Texts of a rule that are kept, at most.
const KEPT: usize = 64;
/// Different texts of a rule that are told apart, at most.
const MOST: usize = 1000;
/// Different texts from which on the words of a rule are looked at.
const FEW: usize = 5;
/// Lines from which on a mask that never varied is told.
const MANY: u64 = 10;
/// Values of a word that are shown.
const VALUES: usize = 3;

/// The texts of a rule so far.
#[derive(Debug, Default)]
pub(super) struct Texts {
    lines: u64,
    /// What each group matched so far, by its number from 0; groups in groups are among them.
    masks: Vec<Mask>,
    hashes: FxHashSet<u64>,
    kept: Vec<BString>,
}

/// What a group matched so far.
#[derive(Clone, Debug, Default)]
struct Mask {
    value: Option<BString>,
    varies: bool,
}

/// A word that varies and is not masked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Varying {
    /// The word before it; empty at the beginning of the text.
    pub before: BString,
    /// Some of its values.
    pub values: Vec<BString>,
    /// Number of its different values in the texts that were kept.
    pub different: usize,
}

impl Texts {
    /// Adds a line: what its groups matched, and the text that is counted.
    pub(super) fn add(&mut self, message: &[u8], spans: &Spans, masked: &[u8], hash: u64) {
        self.lines += 1;
        self.masks
            .resize(spans.0.len().saturating_sub(1), Mask::default());
        for (mask, span) in self.masks.iter_mut().zip(spans.0.iter().skip(1)) {
            let value = span.and_then(|(start, end)| message.get(start..end));
            if let (false, Some(value)) = (mask.varies, value) {
                let known = mask.value.get_or_insert_with(|| value.into());
                mask.varies = *known != value;
            }
        }
        if self.hashes.len() < MOST && self.hashes.insert(hash) && self.kept.len() < KEPT {
            self.kept.push(masked.into());
        }
    }

    /// Number of different texts, up to a bound.
    pub(super) fn different(&self) -> usize {
        self.hashes.len()
    }

    /// The groups, by their number from 1, that matched the same text in all lines, with that text.
    pub(super) fn constant_masks(&self) -> Vec<(usize, &BStr)> {
        let masks = self.masks.iter().enumerate();
        let constant = masks.filter_map(|(at, mask)| {
            let value = mask.value.as_ref().filter(|_| !mask.varies)?;
            Some((at + 1, value.as_bstr()))
        });
        match self.lines >= MANY {
            true => constant.collect(),
            false => Vec::new(),
        }
    }

    /// The words that vary in the texts of the most frequent length, those with most values first.
    pub(super) fn varying(&self) -> Vec<Varying> {
        if self.hashes.len() < FEW {
            return Vec::new();
        }
        let texts: Vec<Vec<&[u8]>> = self
            .kept
            .iter()
            .map(|text| text.split_str(" ").collect())
            .collect();
        let length = |words: usize| texts.iter().filter(|text| text.len() == words).count();
        let Some(words) = texts
            .iter()
            .map(Vec::len)
            .max_by_key(|&words| length(words))
        else {
            return Vec::new();
        };
        let same: Vec<&Vec<&[u8]>> = texts.iter().filter(|text| text.len() == words).collect();
        let column = |at: usize| {
            let mut values: Vec<&[u8]> = same
                .iter()
                .filter_map(|text| text.get(at).copied())
                .collect();
            values.sort_unstable();
            values.dedup();
            let before = at
                .checked_sub(1)
                .and_then(|at| same.first()?.get(at).copied());
            (values.len() >= FEW).then(|| Varying {
                before: before.unwrap_or_default().into(),
                different: values.len(),
                values: values
                    .iter()
                    .take(VALUES)
                    .map(|&value| value.into())
                    .collect(),
            })
        };
        let mut varying: Vec<Varying> = (0..words).filter_map(column).collect();
        varying.sort_by_key(|one| std::cmp::Reverse(one.different));
        varying
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(lines: &[&str], group: std::ops::Range<usize>) -> Texts {
        let mut texts = Texts::default();
        for line in lines {
            let spans = Spans(vec![Some((0, line.len())), Some((group.start, group.end))]);
            let hash = line
                .bytes()
                .fold(7u64, |hash, b| hash.wrapping_mul(31) + u64::from(b));
            texts.add(line.as_bytes(), &spans, line.as_bytes(), hash);
        }
        texts
    }

    #[test]
    fn masks_and_words_are_told_by_whether_they_vary() {
        let lines: Vec<String> = (0..12)
            .map(|n| format!("root from 10.0.0.{n} port 22"))
            .collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let told = texts(&lines, 0..4);
        assert_eq!(told.constant_masks(), [(1, BStr::new("root"))]);
        let [varying] = &told.varying()[..] else {
            panic!("{:?}", told.varying());
        };
        assert_eq!(
            (varying.before.as_bstr(), varying.different),
            (BStr::new("from"), 12)
        );
        assert_eq!(varying.values.len(), VALUES);
        assert_eq!(texts(&lines, 10..19).constant_masks(), []);
        assert_eq!(
            texts(&lines[..9], 0..4).constant_masks(),
            [],
            "too few lines"
        );
        assert_eq!(texts(&lines[..4], 0..4).varying(), [], "too few texts");
        assert_eq!(texts(&[lines[0]; 50], 0..4).varying(), []);
    }
}
