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

    /// The count of two consoles together; `add` is the addition that stays at the largest number.
    pub fn of_both<N: Ord>(self, one: N, other: N, add: fn(N, N) -> N) -> N {
        match self {
            Self::Added => add(one, other),
            Self::Mirrored => one.max(other),
        }
    }
}
