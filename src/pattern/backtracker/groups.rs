//! Who notes where the groups of a match begin and end.

use crate::pattern::matches::Span;

/// Notes where groups begin and end.
pub(super) trait Groups {
    /// Index into [`Op::next`](super::program::Op::next): steps that only open or close a group are
    /// skipped where nobody notes them.
    const NEXT: usize;
    /// Notes that a group begins at byte `at`.
    fn open(&mut self, group: usize, at: usize);
    /// Notes that a group ends at byte `at`.
    fn close(&mut self, group: usize, at: usize);
    /// The spans noted, if any are.
    fn spans(&mut self) -> Option<&mut [Span]>;
}

/// Notes no groups: only whether there is a match is asked.
pub(super) struct NoCaptures;

/// Notes the groups, and forgets what they were before.
pub(super) struct Captures<'a>(pub &'a mut [Span]);

impl Groups for NoCaptures {
    const NEXT: usize = 0;

    fn open(&mut self, _: usize, _: usize) {}

    fn close(&mut self, _: usize, _: usize) {}

    fn spans(&mut self) -> Option<&mut [Span]> {
        None
    }
}

impl Groups for Captures<'_> {
    const NEXT: usize = 1;

    #[inline(always)]
    fn open(&mut self, group: usize, at: usize) {
        if let Some(span) = self.0.get_mut(group) {
            span.get_or_insert_default().0 = at;
        }
    }

    #[inline(always)]
    fn close(&mut self, group: usize, at: usize) {
        if let Some(span) = self.0.get_mut(group) {
            span.get_or_insert_default().1 = at;
        }
    }

    fn spans(&mut self) -> Option<&mut [Span]> {
        Some(self.0)
    }
}
