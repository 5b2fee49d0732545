//! What matching one line may cost, over all rules together.
//!
//! The unit is a step of a backtracking matcher, some five nanoseconds. Whoever reads many bytes in
//! one go pays for them too: a look-ahead that reads the rest of the line at each place in it would
//! else cost nothing and take minutes. What reads each byte once (`regex`, the automata in front of
//! the others) is never refused: it comes to an end by itself. The states that an automaton makes on
//! its way are counted.

use super::Pattern;

/// What a line of any length may cost, steps.
const AT_LEAST: u64 = 1 << 20;
/// What each of its bytes adds.
const A_BYTE: u64 = 24;
/// What no line may cost more than: `set max_line` may be large.
const AT_MOST: u64 = 1 << 24;
/// So many bytes are read for the price of one step.
const BYTES: usize = 16;

/// What is left for a line, and the patterns that it did not do for.
#[derive(Debug)]
pub struct Budget {
    whole: u64,
    left: u64,
    gave_up: Vec<Pattern>,
}

impl Default for Budget {
    /// That of an empty line.
    fn default() -> Self {
        Self::new(0)
    }
}

impl Budget {
    /// The budget of a line of `length` bytes.
    pub fn new(length: usize) -> Self {
        Self {
            whole: Self::of(length),
            left: Self::of(length),
            gave_up: Vec::new(),
        }
    }

    /// What a line of `length` bytes may cost, steps.
    pub fn of(length: usize) -> u64 {
        let length = u64::try_from(length).unwrap_or(AT_MOST);
        let bytes = length.saturating_mul(A_BYTE);
        AT_LEAST.saturating_add(bytes).min(AT_MOST)
    }

    /// Begins anew with a line of `length` bytes; the patterns stay.
    pub fn begin(&mut self, length: usize) {
        self.whole = Self::of(length);
        self.left = self.whole;
    }

    /// Leaves nothing: only what reads each byte once is asked from now on.
    pub fn exhaust(&mut self) {
        (self.whole, self.left) = (0, 0);
    }

    /// Steps that are gone.
    pub fn spent(&self) -> u64 {
        self.whole - self.left
    }

    /// Steps that are left.
    pub fn left(&self) -> u64 {
        self.left
    }

    /// Notes a pattern that was given up.
    pub fn give_up(&mut self, pattern: &Pattern) {
        self.gave_up.push(pattern.clone());
    }

    /// The patterns that were given up, one for each time. They are to be taken out.
    pub fn gave_up(&mut self) -> &mut Vec<Pattern> {
        &mut self.gave_up
    }

    /// Takes steps. Whether there were as many left.
    pub(super) fn pay(&mut self, steps: u64) -> bool {
        let enough = steps <= self.left;
        self.left = self.left.saturating_sub(steps);
        enough
    }
}

/// The price of reading these bytes in one go.
pub(super) fn price(bytes: usize) -> u64 {
    (bytes / BYTES) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_grows_with_the_line_up_to_a_limit() {
        assert_eq!(Budget::of(0), AT_LEAST);
        assert_eq!(Budget::of(64 << 10), AT_LEAST + (64 << 10) * A_BYTE);
        assert_eq!(Budget::of(usize::MAX), AT_MOST);
        let mut budget = Budget::new(0);
        assert!(budget.pay(AT_LEAST - 1));
        assert!(budget.pay(1));
        assert!(!budget.pay(1));
        assert_eq!(budget.left(), 0);
        budget.begin(10);
        assert!(budget.left() > AT_LEAST);
    }
}
