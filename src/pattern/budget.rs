//! The step budget: what matching may cost.
//!
//! The unit is a step of a backtracking matcher, some five nanoseconds. Whoever reads many bytes in
//! one go pays for them too: a look-ahead that reads the rest of the line at each place in it would
//! else cost nothing and take minutes. What reads each byte once (`regex`, the automata in front of
//! the others) is never refused: it comes to an end by itself. The states that an automaton makes on
//! its way are counted.

/// Steps for a line of any length.
const LINE: u64 = 1 << 20;
/// Further steps for each byte of a line.
const LINE_BYTE: u64 = 24;
/// The most steps for any line: lines may be configured to be long.
const LINE_MOST: u64 = 1 << 24;
/// Steps for an attempt of the backtracker: short subjects are done with at once.
const ATTEMPT: u64 = 512;
/// Further steps for each byte of the attempt's subject.
const ATTEMPT_BYTE: u64 = 4;
/// Bytes that are read for the price of one step.
const BYTES: usize = 16;

/// A number of steps, and how many of them are left.
#[derive(Clone, Debug)]
pub struct StepBudget {
    limit: u64,
    left: u64,
}

impl StepBudget {
    /// A budget of this many steps.
    #[inline(always)]
    pub(super) fn new(limit: u64) -> Self {
        Self { limit, left: limit }
    }

    /// The budget of a line of `length` bytes, for all patterns together that are tried on it.
    pub fn for_line(length: usize) -> Self {
        Self::new(line_limit(length))
    }

    /// The budget of one attempt of the backtracker on `length` bytes: what exceeds it is left to a
    /// linear engine.
    #[inline(always)]
    pub(super) fn for_attempt(length: usize) -> Self {
        Self::new(ATTEMPT_BYTE * length as u64 + ATTEMPT)
    }

    /// Steps that were taken.
    pub fn spent(&self) -> u64 {
        self.limit - self.left
    }

    /// Steps that are left.
    pub fn left(&self) -> u64 {
        self.left
    }

    /// Takes steps. Returns whether there were as many left.
    #[inline]
    pub(super) fn pay(&mut self, steps: u64) -> bool {
        let enough = steps <= self.left;
        self.left = self.left.saturating_sub(steps);
        enough
    }

    /// Takes a step and the price of the bytes that were read for it.
    #[inline]
    pub(super) fn pay_for(&mut self, bytes: usize) {
        self.pay(1 + price(bytes));
    }

    /// `None` if no step is left.
    #[inline]
    pub(super) fn unspent(&self) -> Option<()> {
        (self.left > 0).then_some(())
    }
}

/// The steps that a line of `length` bytes may cost.
pub(super) fn line_limit(length: usize) -> u64 {
    let length = u64::try_from(length).unwrap_or(LINE_MOST);
    let bytes = length.saturating_mul(LINE_BYTE);
    LINE.saturating_add(bytes).min(LINE_MOST)
}

/// The price of reading these bytes in one go, steps.
#[inline]
pub(super) fn price(bytes: usize) -> u64 {
    (bytes / BYTES) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_grows_with_the_line_up_to_a_limit() {
        assert_eq!(line_limit(0), LINE);
        assert_eq!(line_limit(64 << 10), LINE + (64 << 10) * LINE_BYTE);
        assert_eq!(line_limit(usize::MAX), LINE_MOST);
        let mut budget = StepBudget::for_line(0);
        assert!(budget.pay(LINE - 1));
        assert!(budget.pay(1));
        assert!(!budget.pay(1));
        assert_eq!(budget.left(), 0);
        assert!(StepBudget::for_line(10).left() > LINE);
    }
}
