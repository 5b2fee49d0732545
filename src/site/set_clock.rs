//! A clock that was set back: no time that is still to come is waited for.

use super::member::Member;
use super::saved::Op;
use crate::clock::{EXACT, Time};

impl Member {
    /// To be called when the clock was set back.
    pub fn clock_was_set_back(&mut self, now: Time) {
        self.begun = self.begun.min(now);
        self.last_ok = self.last_ok.map(|last| last.min(now));
        self.note_clock(now);
    }

    /// Takes note that the clock was set back, if it was. What was handed in by the clock that was ahead is told of no
    /// more: the others would not wait for what is handed in from now on.
    pub(super) fn note_clock(&mut self, now: Time) {
        let at = now.timestamp();
        self.idle = self.idle.min(at);
        self.last_try = self.last_try.map(|last| last.min(now));
        self.board_since = self.board_since.map(|since| since.min(now));
        let waiting = self.unclaimed.values_mut();
        for since in waiting.chain(self.claimed.values_mut()) {
            *since = now.min(*since);
        }
        // A minute that was handed in stays the last one if the clock is only set more exactly.
        if self.saved.handed > (now + EXACT).timestamp() {
            self.perform(Op::SetBack(at));
            self.hurry();
        }
    }
}
