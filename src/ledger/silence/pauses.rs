//! The longest pauses of a host, by the day on which each ended.

/// The days that are kept.
pub(super) const DAYS: i64 = 28;
const DAY: i64 = 24 * 3600;

/// The longest pause of each of four weeks' days, seconds.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Pauses {
    newest: i64,
    longest: [u32; DAYS as usize],
}

impl Pauses {
    /// Notes a pause that ended at this time, both in seconds. Days before it that are too old go.
    pub(super) fn note(&mut self, ended: i64, pause: u32) {
        let day = ended.div_euclid(DAY);
        for passed in 1..=(day - self.newest).min(DAYS) {
            if let Some(place) = self.longest.get_mut(place(self.newest + passed)) {
                *place = 0;
            }
        }
        self.newest = self.newest.max(day);
        if let Some(place) = self.longest.get_mut(place(day)) {
            *place = pause.max(*place);
        }
    }

    /// To be called when the clock may have been set back to this time, seconds: the pauses age from there on.
    pub(super) fn clock_was_set(&mut self, now: i64) {
        let day = now.div_euclid(DAY);
        if self.newest > day {
            self.longest.rotate_left(place(self.newest - day));
            self.newest = day;
        }
    }

    /// The longest of all, seconds; 0 if there was none.
    pub(super) fn longest(&self) -> u32 {
        self.longest.iter().copied().max().unwrap_or_default()
    }

    /// The number of the newest day, and the pauses.
    pub(super) fn saved(&self) -> (i64, Vec<u32>) {
        (self.newest, self.longest.to_vec())
    }

    /// The pauses of what [`Self::saved`] gave; none of anything else.
    pub(super) fn restored(newest: i64, longest: &[u32]) -> Self {
        let longest = <[u32; DAYS as usize]>::try_from(longest);
        longest.map_or_else(|_| Self::default(), |longest| Self { newest, longest })
    }
}

fn place(day: i64) -> usize {
    usize::try_from(day.rem_euclid(DAYS)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_counts_for_four_weeks() {
        let mut pauses = Pauses::default();
        assert_eq!(pauses.longest(), 0);
        for (day, pause) in [(100, 7), (101, 50), (101, 9), (127, 20)] {
            pauses.note(day * DAY + 5, pause);
            assert_eq!(pauses.longest(), if day == 100 { 7 } else { 50 });
        }
        pauses.note(129 * DAY, 1);
        assert_eq!(pauses.longest(), 20);
        let (newest, longest) = pauses.saved();
        assert_eq!(Pauses::restored(newest, &longest), pauses);
        pauses.note(500 * DAY, 1);
        assert_eq!(pauses.longest(), 1);
    }
}
