//! Grams: the sequences of three bytes in a line. A rule whose literals have a gram that the line has not
//! cannot match.
//!
//! The grams of a line are noted once, when a rule asks for the first time; then each rule costs a few bytes
//! looked up, however many rules there are. Letters count without their case.

use std::sync::Arc;

/// Length of a gram, bytes.
const LENGTH: usize = 3;
/// Grams of one literal that are looked up, at most.
const MOST: usize = 4;
/// Alternatives that are looked up, at most.
const FEW: usize = 16;
/// Number of slots that grams are hashed to; a power of two.
const SLOTS: usize = 1 << 11;

/// The slot of a gram. Several grams share one, so a line may seem to have a gram that it has not.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Gram(u16);

impl Gram {
    /// The slot that every line has: for places without a gram.
    const ANY: Self = Self(SLOTS as u16);

    /// The slot of the first three bytes of a little-endian number.
    #[inline(always)]
    fn of(word: u32) -> Self {
        // Small and capital letters differ in this bit alone. Other bytes may be confused by it.
        const CASE: u32 = 0x2020_2000;
        let hash = (word << 8 | CASE).wrapping_mul(0x9e37_79b1);
        Self((hash >> (u32::BITS - SLOTS.ilog2())) as u16)
    }

    /// The slot of three bytes.
    fn new(&[a, b, c]: &[u8; LENGTH]) -> Self {
        Self::of(u32::from_le_bytes([a, b, c, 0]))
    }
}

/// Grams that a line must have all.
type Grams = [Gram; MOST];

/// The grams of a rule.
#[derive(Clone, Debug)]
pub(super) struct RuleGrams {
    /// Every message that the rule matches has all of these.
    all: Grams,
    /// Every message that the rule matches has all grams of one of these; nothing if none are known.
    any: Option<Arc<[Grams]>>,
}

impl RuleGrams {
    /// The grams of a rule whose matches hold a literal of each of these sets.
    pub(super) fn new(sets: &[Vec<Vec<u8>>]) -> Self {
        // A line came to the rule by its first words: the last ones say more.
        let singles = sets.iter().rev().filter_map(|set| match &set[..] {
            [literal] => Some(&literal[..]),
            _ => None,
        });
        let all = grams(singles.flat_map(pieces));
        let useful = |set: &&Vec<Vec<u8>>| {
            (2..=FEW).contains(&set.len()) && set.iter().all(|literal| literal.len() >= LENGTH)
        };
        let any = sets.iter().rev().find(useful);
        Self {
            all,
            any: any.map(|set| set.iter().map(|literal| grams(pieces(literal))).collect()),
        }
    }

    /// Whether nothing is known of the messages.
    pub(super) fn is_empty(&self) -> bool {
        self.all == [Gram::ANY; MOST] && self.any.is_none()
    }
}

/// The grams of a literal that stand side by side, from its end on.
fn pieces(literal: &[u8]) -> impl Iterator<Item = Gram> {
    let (_, pieces) = literal.as_rchunks::<LENGTH>();
    pieces.iter().rev().map(Gram::new)
}

/// The first of these grams.
fn grams(mut from: impl Iterator<Item = Gram>) -> Grams {
    std::array::from_fn(|_| from.next().unwrap_or(Gram::ANY))
}

/// The grams of a line.
#[derive(Debug)]
pub(super) struct LineGrams {
    /// For each slot the stamp of the last line that had such a gram.
    slots: Box<[u8; SLOTS + 1]>,
    /// The stamp of this line.
    stamp: u8,
}

impl Default for LineGrams {
    fn default() -> Self {
        Self {
            slots: Box::new([0; SLOTS + 1]),
            stamp: 0,
        }
    }
}

impl LineGrams {
    /// Notes the grams of another line.
    #[inline(never)]
    pub(super) fn note(&mut self, message: &[u8]) {
        self.stamp = self.stamp.wrapping_add(1);
        if self.stamp == 0 {
            self.slots.fill(0);
            self.stamp = 1;
        }
        let mut set = |gram: Gram| self.slots[usize::from(gram.0)] = self.stamp;
        set(Gram::ANY);
        for four in message.windows(LENGTH + 1) {
            if let Some(four) = four.first_chunk() {
                set(Gram::of(u32::from_le_bytes(*four)));
            }
        }
        if let Some(last) = message.last_chunk() {
            set(Gram::new(last));
        }
    }

    /// Whether the line may hold the literals of a rule.
    #[inline]
    pub(super) fn may_hold(&self, rule: &RuleGrams) -> bool {
        self.has(&rule.all)
            && rule
                .any
                .as_ref()
                .is_none_or(|any| any.iter().any(|one| self.has(one)))
    }

    /// Whether the line has all of these.
    #[inline(always)]
    fn has(&self, grams: &Grams) -> bool {
        let has = |gram: &Gram| self.slots[usize::from(gram.0)] == self.stamp;
        grams.iter().all(has)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn may_hold(sets: &[&[&str]], line: &str) -> bool {
        let sets: Vec<Vec<Vec<u8>>> = sets
            .iter()
            .map(|set| {
                set.iter()
                    .map(|literal| literal.as_bytes().to_vec())
                    .collect()
            })
            .collect();
        let mut grams = LineGrams::default();
        // The stamps come round, and nothing of the lines before is left.
        for _ in 0..300 {
            grams.note(b"no space left; the quick brown fox jumps over the lazy dog");
        }
        grams.note(line.as_bytes());
        grams.may_hold(&RuleGrams::new(&sets))
    }

    #[test]
    fn a_line_may_hold_what_it_holds() {
        for (sets, line, may) in [
            (
                &[&["no space left"][..]][..],
                "disk: No SPACE left on device",
                true,
            ),
            (&[&["no space left"]], "disk: No SPACE to left", false),
            (
                &[&["xyzzy"], &["left"]],
                "a line with left, and XYZZY",
                true,
            ),
            (&[&["xyzzy"], &["left"]], "a line with left", false),
            (&[&["panic", "segfault"]], "app: SEGFAULT at 0", true),
            (&[&["panic", "segfault"]], "app: all is well at 0", false),
            (
                &[&["tag"], &["panic", "segfault"]],
                "tag: all is well",
                false,
            ),
            (
                &[&["tag", "log"], &["panic", "oops"]],
                "log: all is well",
                false,
            ),
            (&[&["ab"]], "nothing of the kind", true),
            (&[&["ab", "panic"]], "nothing of the kind", true),
            (&[], "", true),
            (&[&["end"]], "end", true),
            (&[&["end"]], "en", false),
        ] {
            assert_eq!(may_hold(sets, line), may, "{sets:?} {line}");
        }
    }
}
