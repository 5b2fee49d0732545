//! The lines that `set threshold` holds back.

use crate::config::Threshold;
use crate::pattern::{Budget, Found, Pattern};

/// Times that a threshold's pattern may be given up in one report, before it is no longer tried.
const MOST_LIMITS: usize = 20;
/// Steps that the thresholds of one report may take: some seconds. After that they are matched without the
/// matchers that may take long.
const MOST_STEPS: u64 = 1 << 28;

/// The thresholds of a queue while a report is made.
#[derive(Debug)]
pub struct HeldBack<'a> {
    thresholds: &'a [Threshold],
    /// The patterns that were given up, each with the length of the line.
    gave_up: &'a mut Vec<(Pattern, usize)>,
    /// Steps that the thresholds may still take.
    steps: u64,
}

impl<'a> HeldBack<'a> {
    /// The thresholds at the begin of a report. Patterns that are given up hold back nothing; they go to `gave_up`
    /// with the length of the line.
    pub fn new(thresholds: &'a [Threshold], gave_up: &'a mut Vec<(Pattern, usize)>) -> Self {
        Self {
            thresholds,
            gave_up,
            steps: MOST_STEPS,
        }
    }

    /// Whether a threshold holds this line back: its pattern matches, its count is not reached.
    pub fn is(&mut self, line: &[u8], count: u64) -> bool {
        if self.thresholds.is_empty() {
            return false;
        }
        let mut budget = Budget::new(line.len());
        if self.steps == 0 {
            budget.exhaust();
        }
        let held = self.thresholds.iter().any(|threshold| {
            let pattern = &threshold.pattern;
            if count >= threshold.count.get() || given_up(pattern, self.gave_up) >= MOST_LIMITS {
                return false;
            }
            let newlines = memchr::memchr(b'\n', line).is_some();
            let found = pattern.is_match_within(line, newlines, &mut budget);
            if found == Found::GaveUp {
                self.gave_up.push((pattern.clone(), line.len()));
            }
            found == Found::Yes
        });
        self.steps = self.steps.saturating_sub(budget.spent());
        held
    }
}

/// How often a pattern was given up.
fn given_up(pattern: &Pattern, gave_up: &[(Pattern, usize)]) -> usize {
    gave_up
        .iter()
        .filter(|(known, _)| known.is(pattern))
        .count()
}
