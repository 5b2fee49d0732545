//! How the counts of several consoles become the count of one report.

/// What the counts of consoles have in common.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Counts {
    /// Each console has lines of its own: their counts are added.
    Added,
    /// The consoles hear the same hosts (`mirror`): the largest count is the count of all.
    Mirrored,
}

impl Counts {
    /// For a site with `mirror`, or without.
    pub fn of_site(mirror: bool) -> Self {
        match mirror {
            true => Self::Mirrored,
            false => Self::Added,
        }
    }

    /// The count of two consoles together.
    pub fn of_both(self, one: u64, other: u64) -> u64 {
        match self {
            Self::Added => one.saturating_add(other),
            Self::Mirrored => one.max(other),
        }
    }

    /// As [`Counts::of_both`].
    pub fn of_both_u32(self, one: u32, other: u32) -> u32 {
        u32::try_from(self.of_both(one.into(), other.into())).unwrap_or(u32::MAX)
    }
}
