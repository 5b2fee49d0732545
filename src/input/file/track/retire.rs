//! The end of a departed generation: when it is let go of, and what its last bytes count for.

use super::super::fs::FileSystem;
use super::{Context, Done, LINGER, LINGER_ALONE, MAX_DEPARTED, Track};

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
            let silent = departed.is_some() && silence >= LINGER;
            let patience = if cx.pressed { LINGER } else { LINGER_ALONE };
            let alone = departed.is_some() && silence >= patience;
            let gone = silent && generation.size().is_err();
            let due = (silent || (crowded && departed.is_some())) && self.is_dry_before_data(at);
            if generation.finished || gone || due || (alone && self.is_dry(at)) {
                if gone {
                    self.lost(cx, "a rotated file cannot be read any more", 0);
                } else if !generation.finished && !generation.held_back {
                    let _ = self.drain(at, cx, true);
                }
                let generation = self.gens.remove(at);
                self.remember(Done {
                    renamed: generation.renamed,
                    cut: false,
                    last: generation.last_data,
                    checkpoint: generation.checkpoint,
                });
            } else {
                at += 1;
            }
        }
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
                let _ = self.drain(at, cx, true);
            }
        }
    }
}
