//! The numbers of lines by their hashes.
//!
//! A hash table with open addressing whose slots stand in the order of the hashes, so that a line costs one
//! look at one place in memory, and a table that grows is read and written from its beginning to its end: no
//! place of it is fetched twice. A large one is in segments, which grow one at a time: no line waits long, and
//! no two tables of all lines are in memory at once.

/// A hash table of numbers. They are found by their hashes; the caller tells equal hashes apart.
#[derive(Clone, Default)]
pub(super) struct Table {
    /// The segments, each with the same share of the hashes; none if the table is empty.
    segments: Vec<Segment>,
}

/// The numbers whose hashes are within one range.
#[derive(Clone, Default)]
struct Segment {
    /// The slots, in order as far as they are not empty: the hash in the upper half, the number and one in the
    /// lower half; 0 if there is none.
    slots: Vec<u64>,
    /// The number of slots at which hashes are looked for first; the slots behind them hold what is moved on.
    homes: usize,
    used: usize,
}

/// A slot that holds nothing.
const EMPTY: u64 = 0;
/// The number of slots of a segment beyond the slots where a hash may belong: room for what is moved on.
const MARGIN: usize = 16;
/// Slots of the first segment.
const FIRST: usize = 32;
/// Numbers up to which there is one segment.
const SMALL: usize = 4_096;
/// Segments of a large table.
const SEGMENTS: usize = 64;

/// The outcome of looking for a hash.
pub(super) enum Probe {
    /// The number that was looked for.
    Known(u32),
    /// It is not there; it belongs here.
    Free(Place),
}

/// Where a number belongs that is not there.
pub(super) struct Place {
    segment: usize,
    slot: usize,
}

fn slot_of(hash: u32, number: u32) -> u64 {
    u64::from(hash) << 32 | u64::from(number.wrapping_add(1))
}

fn hash_of(slot: u64) -> u32 {
    (slot >> 32) as u32
}

impl Segment {
    /// An empty segment with room for this number of hashes.
    fn new(capacity: usize) -> Self {
        Self {
            slots: vec![EMPTY; capacity + MARGIN],
            homes: capacity,
            used: 0,
        }
    }

    /// The slot at which a hash is looked for first; `part` is where in the range of the segment it is, as a
    /// part of 2³².
    #[inline(always)]
    fn home(&self, part: u32) -> usize {
        ((u64::from(part) * self.homes as u64) >> 32) as usize
    }

    /// Whether one more number needs more room.
    fn is_full(&self) -> bool {
        5 * self.used >= 4 * self.homes
    }

    /// Puts a slot behind all others, at its place or beyond it; `end` is the end of the slots before.
    fn append(&mut self, slot: u64, part: u32, end: &mut usize) {
        let at = self.home(part).max(*end);
        if at >= self.slots.len() {
            self.slots.resize(at + 1 + MARGIN, EMPTY);
        }
        if let Some(place) = self.slots.get_mut(at) {
            *place = slot;
        }
        self.used += 1;
        *end = at + 1;
    }

    /// Puts a slot at its place and moves the slots behind it on, up to an empty one.
    #[inline(always)]
    fn put(&mut self, at: usize, new: u64) {
        let rest = self.slots.get(at..).unwrap_or_default();
        let free = match rest.iter().position(|slot| *slot == EMPTY) {
            Some(free) => at + free,
            None => self.extend(at),
        };
        if let Some(moved) = self.slots.get_mut(at..=free) {
            moved.copy_within(..free - at, 1);
            if let Some(first) = moved.first_mut() {
                *first = new;
            }
        }
        self.used += 1;
    }

    /// Makes room behind the last slot, for many hashes that belong near the end. Returns the first new slot.
    #[cold]
    fn extend(&mut self, at: usize) -> usize {
        let end = self.slots.len().max(at);
        self.slots.resize(end + MARGIN, EMPTY);
        end
    }

    /// The slots that are not empty.
    fn filled(&self) -> impl Iterator<Item = u64> {
        self.slots.iter().copied().filter(|slot| *slot != EMPTY)
    }
}

impl Table {
    /// Whether there is no number.
    pub fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }

    /// The segment of a hash, and where in its range the hash is.
    #[inline(always)]
    fn range(&self, hash: u32) -> (usize, u32) {
        let product = u64::from(hash) * self.segments.len() as u64;
        ((product >> 32) as usize, product as u32)
    }

    /// What stands where this hash is looked for first. To be asked for several hashes before they are looked
    /// for: the memory of all of them is then fetched at the same time.
    #[inline(always)]
    pub fn peek(&self, hash: u32) -> u64 {
        let (segment, part) = self.range(hash);
        let segment = self.segments.get(segment);
        let slot = segment.and_then(|segment| segment.slots.get(segment.home(part)));
        slot.copied().unwrap_or(EMPTY)
    }

    /// Looks for a hash whose number is the `same`.
    #[inline(always)]
    pub fn probe(&self, hash: u32, same: impl Fn(u32) -> bool) -> Probe {
        let (segment, part) = self.range(hash);
        let Some(slots) = self.segments.get(segment) else {
            return Probe::Free(Place { segment, slot: 0 });
        };
        let mut slot = slots.home(part);
        while let Some(&found) = slots.slots.get(slot) {
            if found == EMPTY || hash_of(found) > hash {
                break;
            }
            let number = (found as u32).wrapping_sub(1);
            if hash_of(found) == hash && same(number) {
                return Probe::Known(number);
            }
            slot += 1;
        }
        Probe::Free(Place { segment, slot })
    }

    /// Adds a number at the place that was found for its hash. A number is larger than the numbers before.
    pub fn insert(&mut self, place: Place, hash: u32, number: u32) {
        let segment = self.segments.get_mut(place.segment);
        if let Some(segment) = segment.filter(|segment| !segment.is_full()) {
            return segment.put(place.slot, slot_of(hash, number));
        }
        self.grow(place.segment);
        if let Probe::Free(place) = self.probe(hash, |_| false)
            && let Some(segment) = self.segments.get_mut(place.segment)
        {
            segment.put(place.slot, slot_of(hash, number));
        }
    }

    /// Gives a segment half as much room again; a table that is no longer small, more segments.
    #[cold]
    fn grow(&mut self, segment: usize) {
        if self.segments.is_empty() {
            self.segments.reserve_exact(1);
            self.segments.push(Segment::new(FIRST));
            return;
        }
        if self.segments.len() == 1 && self.segments[0].used >= SMALL {
            return self.divide();
        }
        let segments = self.segments.len() as u64;
        let Some(old) = self.segments.get_mut(segment) else {
            return;
        };
        let mut new = Segment::new(old.homes * 3 / 2);
        let mut end = 0;
        for slot in old.filled() {
            let part = (u64::from(hash_of(slot)) * segments) as u32;
            new.append(slot, part, &mut end);
        }
        *old = new;
    }

    /// Divides the one segment into many.
    fn divide(&mut self) {
        let old = std::mem::take(&mut self.segments);
        let capacity = old.iter().map(|segment| segment.used).sum::<usize>() * 2 / SEGMENTS;
        self.segments = vec![Segment::new(capacity); SEGMENTS];
        let mut ends = [0; SEGMENTS];
        for slot in old.iter().flat_map(Segment::filled) {
            let (segment, part) = self.range(hash_of(slot));
            if let Some(place) = self.segments.get_mut(segment) {
                place.append(slot, part, &mut ends[segment]);
            }
        }
    }
}

#[cfg(test)]
impl Table {
    /// The number of slots, filled or not.
    pub fn slots(&self) -> usize {
        self.segments
            .iter()
            .map(|segment| segment.slots.len())
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    /// Adds numbers with these hashes; each is found again at every size of the table, and nothing else is.
    fn check(hashes: &[u32]) {
        let (mut table, mut numbers) = (Table::default(), HashMap::<u32, Vec<u32>>::new());
        for (&hash, number) in hashes.iter().zip(0..) {
            let Probe::Free(place) = table.probe(hash, |found| found == number) else {
                panic!("{number} is not there yet");
            };
            table.insert(place, hash, number);
            numbers.entry(hash).or_default().push(number);
        }
        let mut all = 0;
        for (&hash, numbers) in &numbers {
            for &number in numbers {
                let probe = table.probe(hash, |found| found == number);
                assert!(matches!(probe, Probe::Known(found) if found == number));
                all += 1;
            }
            let seen = std::cell::RefCell::new(Vec::new());
            let probe = table.probe(hash, |found| {
                seen.borrow_mut().push(found);
                false
            });
            assert!(matches!(probe, Probe::Free(_)));
            assert_eq!(*seen.borrow(), *numbers);
        }
        assert_eq!(all, hashes.len());
        let held: usize = table.segments.iter().map(|segment| segment.used).sum();
        assert_eq!(held, hashes.len());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn what_is_added_is_found(
            seed in any::<u32>(), count in 0_u32..9_000, mask in prop_oneof![
                3 => Just(u32::MAX), 1 => Just(0xffff_0000), 1 => Just(0xff), 1 => Just(0xf000_0000)
            ]
        ) {
            let count = if mask.count_ones() < 16 { count / 16 } else { count };
            let hash = |n: u32| n.wrapping_add(seed).wrapping_mul(0x9e37_79b9).rotate_left(11) & mask;
            check(&(0..count).map(hash).collect::<Vec<_>>());
        }
    }

    /// All at the end of the table, where there is nothing to move on to.
    #[test]
    fn equal_hashes_are_told_apart() {
        for hash in [0, 1, u32::MAX / 2, u32::MAX] {
            check(&[hash; 2_000]);
        }
    }

    #[test]
    fn a_large_table_is_not_much_larger_than_what_it_holds() {
        let mut table = Table::default();
        for number in 0..200_000_u32 {
            let hash = number.wrapping_mul(0x9e37_79b9);
            if let Probe::Free(place) = table.probe(hash, |_| false) {
                table.insert(place, hash, number);
            }
            let most = 2 * number as usize + SEGMENTS * MARGIN + FIRST;
            assert!(table.slots() <= most, "{number}: {}", table.slots());
        }
        assert_eq!(table.segments.len(), SEGMENTS);
    }
}
