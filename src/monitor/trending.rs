//! The counts of the last lines for trends, and what the configuration says of rules.

use super::trend_rules::TrendRules;
use crate::config::{Config, RuleId};
use crate::ledger::trends::Cells;

/// The number of the host of lines that have none.
const NOBODY: u32 = u32::MAX;

/// What the monitor keeps of trends: the counts of the last lines, and what the configuration says of rules.
#[derive(Debug, Default)]
pub(super) struct Trending {
    pub(super) rules: TrendRules,
    /// Whether anything is counted.
    pub(super) on: bool,
    pub(super) cells: Cells,
    /// What the numbers of the cells mean: the place of each rule in the ledger, and the index of its queue.
    pub(super) places: Vec<Option<(u32, usize)>>,
    /// The queues whose rules had lines since their last scheduled minutes.
    pub(super) counted: Vec<bool>,
}

impl Trending {
    /// Nothing is counted yet; what the configuration says is known.
    pub(super) fn new(config: &Config) -> Self {
        let rules = match config.trends.on {
            true => TrendRules::new(config),
            false => TrendRules::default(),
        };
        Self {
            rules,
            ..Self::default()
        }
    }

    /// Whether anything is counted.
    #[inline(always)]
    pub(super) fn is_on(&self) -> bool {
        self.on
    }

    /// Counts `n` lines of a host, by its number, that a rule took, or none.
    #[inline(always)]
    pub(super) fn add(&mut self, rule: Option<RuleId>, host: usize, n: u64) {
        // Behind the rules stand the lines that none takes, and those that none sees.
        let rule = rule.map_or(self.places.len().wrapping_sub(2), RuleId::index);
        self.cells.add(rule as u32, host as u32, n);
    }

    /// Counts a line without a known prefix.
    pub(super) fn add_unprefixed(&mut self) {
        let number = self.places.len().wrapping_sub(1);
        self.cells.add(number as u32, NOBODY, 1);
    }

    /// Whether enough counts are held that they are to be settled.
    pub(super) fn is_full(&self) -> bool {
        self.cells.is_full()
    }
}
