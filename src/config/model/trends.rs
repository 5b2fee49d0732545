//! The settings of trends.

/// The settings of trends: what a report says of rules that took another share of the lines than usual.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TrendsSettings {
    /// `set trends on`: reports tell trends (off).
    pub on: bool,
    /// `set trends_factor`: the multiple of the most of four weeks that is more than usual (2).
    pub factor: u64,
    /// `set trends_floor`: fewer lines of a rule are never more than usual (20).
    pub floor: u64,
}

impl Default for TrendsSettings {
    fn default() -> Self {
        Self {
            on: false,
            factor: 2,
            floor: 20,
        }
    }
}
