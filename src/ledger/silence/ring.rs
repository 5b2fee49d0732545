//! The quarter hours of four weeks in which a host wrote.

use bstr::{BString, ByteSlice};

/// The length of a quarter of an hour, seconds.
pub(super) const QUARTER: i64 = 900;
/// The quarter hours of an hour.
const HOUR: i64 = 4;
/// The quarter hours of a week.
pub(super) const WEEK: i64 = 7 * 24 * 4;
/// The number of quarter hours that are kept: four weeks.
const KEPT: i64 = 4 * WEEK;
/// The number of bytes that hold a bit for each of them.
const BYTES: usize = KEPT as usize / 8;

/// The quarter hours with lines, by their numbers in local time: people compare a time of the week with the same local
/// time of another week, also over a change of the clock.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Ring {
    newest: i64,
    bits: [u8; BYTES],
}

impl Default for Ring {
    fn default() -> Self {
        Self {
            newest: 0,
            bits: [0; BYTES],
        }
    }
}

impl Ring {
    /// Marks a quarter hour. One that has left the ring already is passed over.
    pub(super) fn mark(&mut self, quarter: i64) {
        let passed = quarter.saturating_sub(self.newest);
        if passed >= KEPT {
            self.bits = [0; BYTES];
        } else {
            for old in self.newest + 1..=quarter {
                self.set(old, false);
            }
        }
        self.newest = self.newest.max(quarter);
        if quarter > self.newest - KEPT {
            self.set(quarter, true);
        }
    }

    /// To be called when the clock may have been set back to this quarter hour: the ring must not end so far ahead that
    /// what comes is passed over. In the night of a clock change, it ends an hour ahead.
    pub(super) fn clock_was_set(&mut self, quarter: i64) {
        if self.newest <= quarter + HOUR {
            return;
        }
        if self.newest - quarter >= KEPT {
            self.bits = [0; BYTES];
        } else {
            for ahead in quarter + 1..=self.newest {
                self.set(ahead, false);
            }
        }
        self.newest = quarter;
    }

    fn set(&mut self, quarter: i64, marked: bool) {
        let (byte, bit) = place(quarter);
        if let Some(byte) = self.bits.get_mut(byte) {
            *byte = match marked {
                true => *byte | bit,
                false => *byte & !bit,
            };
        }
    }

    /// Whether a quarter hour is marked.
    pub(super) fn has(&self, quarter: i64) -> bool {
        let (byte, bit) = place(quarter);
        let kept = quarter <= self.newest && quarter > self.newest - KEPT;
        kept && self.bits.get(byte).is_some_and(|byte| byte & bit != 0)
    }

    /// The number of quarter hours behind `from` up to the `n`th marked one there, if it is within a week.
    pub(super) fn nth_behind(&self, from: i64, n: u32) -> Option<i64> {
        let mut found = 0;
        (1..=WEEK).find(|ahead| {
            found += u32::from(self.has(from + ahead));
            found == n
        })
    }

    /// The number of the newest quarter hour, and the bits.
    pub(super) fn saved(&self) -> (i64, BString) {
        (self.newest, BString::from(self.bits.as_slice()))
    }

    /// The ring of what [`Self::saved`] gave; an empty one of anything else.
    pub(super) fn restored(newest: i64, bits: &BString) -> Self {
        let bits = <[u8; BYTES]>::try_from(bits.as_bytes());
        bits.map_or_else(|_| Self::default(), |bits| Self { newest, bits })
    }
}

/// The byte of a quarter hour, and its bit there.
fn place(quarter: i64) -> (usize, u8) {
    let at = quarter.rem_euclid(KEPT);
    (usize::try_from(at / 8).unwrap_or_default(), 1 << (at % 8))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_older_than_four_weeks_is_forgotten() {
        let mut ring = Ring::default();
        for quarter in [10_000, 10_001, 10_005, 10_001 + KEPT] {
            ring.mark(quarter);
        }
        let marked: Vec<i64> = (9_990..13_000).filter(|q| ring.has(*q)).collect();
        assert_eq!(marked, [10_005, 10_001 + KEPT]);
        // The hour that comes twice.
        ring.mark(10_001 + KEPT - 4);
        assert!(ring.has(10_001 + KEPT - 4) && ring.has(10_001 + KEPT));
        ring.mark(9_000);
        assert!(!ring.has(9_000));
        ring.mark(50_000);
        assert!(!ring.has(10_005) && ring.has(50_000));
        let (newest, bits) = ring.saved();
        assert_eq!(Ring::restored(newest, &bits), ring);
        assert_eq!(Ring::restored(newest, &"short".into()), Ring::default());
    }

    #[test]
    fn the_nth_marked_quarter_is_found_within_a_week() {
        let mut ring = Ring::default();
        for quarter in [100, 103, 104, 110, 110 + WEEK] {
            ring.mark(quarter);
        }
        assert_eq!(ring.nth_behind(100, 1), Some(3));
        assert_eq!(ring.nth_behind(100, 3), Some(10));
        assert_eq!(ring.nth_behind(100, 4), None);
    }
}
