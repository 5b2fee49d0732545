//! The end of a departed generation: when it is let go of, and what its last bytes count for.

use super::super::fs::FileSystem;
use super::{BRIEF, Context, Done, LINGER, LINGER_ALONE, MARGIN, MAX_DEPARTED, MAX_DONE, Track};

impl<F: FileSystem> Track<F> {
    /// Lets go of departed generations that will not grow any more (I6). One that nothing followed
    /// is held much longer, but not for ever: a deleted file's space is free only then.
    pub(super) fn retire(&mut self, cx: &mut Context<F>) {
        let mut at = 0;
        while at < self.gens.len() {
            let crowded = self.gens.len() > MAX_DEPARTED;
            let generation = &self.gens[at];
            let departed = generation.departed;
            let silence = cx.now - generation.last_data.max(departed.unwrap_or(cx.now));
            // Somebody waits for its room, or may soon.
            let brief = if cx.index.left_out > 0 { 0 } else { BRIEF };
            let early = cx.is_pressed() && silence >= brief && self.is_beside(at, cx);
            // Half a line may still be ended by its writer.
            let half = early && silence < LINGER;
            let silent = departed.is_some() && (silence >= LINGER || early);
            let patience = if cx.is_pressed() {
                LINGER
            } else {
                LINGER_ALONE
            };
            let alone = departed.is_some() && (silence >= patience || early);
            let gone = silent && generation.size().is_err();
            let due = (silent || (crowded && departed.is_some())) && self.is_dry_before_data(at);
            if generation.finished || gone || due || (alone && self.is_dry(at)) {
                if gone {
                    self.lost(cx, "a rotated file cannot be read any more", 0);
                } else if !(generation.finished || generation.held_back || half) {
                    let end = self.gens[at].checkpoint.end;
                    let _ = self.drain(at, cx, end, true);
                }
                let generation = self.gens.remove(at);
                if generation.replaced {
                    continue;
                }
                if early {
                    self.late_until = self.late_until.max(generation.last_data + LINGER + MARGIN);
                }
                self.remember(Done {
                    cut: false,
                    last: generation.last_data,
                    checkpoint: generation.checkpoint,
                });
            } else {
                at += 1;
            }
        }
    }

    /// Keeps a generation in mind, so that it is never taken for a new one. One that is forgotten
    /// must be older than any that [`Self::insert_unknown`] looks at.
    pub(super) fn remember(&mut self, done: Done) {
        if !done.checkpoint.is_blank() {
            self.done.push(done);
        }
        let mut extra = self.done.len().saturating_sub(MAX_DONE);
        let old = self.seen - 2 * MARGIN;
        self.done.retain(|done| {
            let forget = extra > 0 && done.last < old;
            extra -= usize::from(forget);
            !forget
        });
    }

    /// Whether a departed generation is read to its end and lies beside the log, where what is added to it is
    /// found though it is closed.
    fn is_beside(&self, at: usize, cx: &Context<F>) -> bool {
        let generation = &self.gens[at];
        let read = generation
            .size()
            .is_ok_and(|size| size == generation.checkpoint.offset);
        let blank = generation.checkpoint.is_blank() || generation.held_back;
        if generation.departed.is_none() || generation.is_compressed() || !read || blank {
            return false;
        }
        let rotated_files = self.list(cx).unwrap_or_default();
        let mut ids = rotated_files.iter().map(|rotated| rotated.meta.id);
        ids.any(|id| id == generation.checkpoint.id)
    }

    fn is_dry(&self, at: usize) -> bool {
        let generation = &self.gens[at];
        // What may be a copy waits for what it is a copy of, not for its own sake.
        let dry = |size| size <= generation.checkpoint.end || generation.held_back;
        generation.size().is_ok_and(dry)
    }

    fn is_dry_before_data(&self, at: usize) -> bool {
        let mut later = self.gens[at + 1..].iter();
        self.is_dry(at) && later.any(|g| g.checkpoint.offset > 0 || g.checkpoint.end > 0)
    }

    /// At the end of a run: unterminated last bytes of files that were rotated away count as lines.
    pub fn flush(&mut self, cx: &mut Context<F>) {
        for at in 0..self.gens.len() {
            let generation = &self.gens[at];
            let waits = generation.departed.is_none() || generation.held_back;
            if !waits && self.is_dry_before_data(at) {
                let end = generation.checkpoint.end;
                let _ = self.drain(at, cx, end, true);
            }
        }
    }
}
