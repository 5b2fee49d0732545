//! One turn through the generations of a path.

use super::super::fs::FileSystem;
use super::super::generation::Step;
use super::{Context, Progress, Track};

/// The next step after a look at one generation.
enum Flow {
    /// The next one.
    Next,
    /// The one that is at its place now, once more.
    Again,
    /// The turn is over.
    Stop,
}

impl<F: FileSystem> Track<F> {
    /// Drains the generations, the older ones first (I5), until one gave a chunk.
    pub(super) fn read(&mut self, cx: &mut Context<F>, progress: &mut Progress) {
        let mut at = 0;
        while at < self.gens.len() {
            match self.read_one(at, cx, progress) {
                Flow::Next => at += 1,
                Flow::Again => {}
                Flow::Stop => return,
            }
        }
        if self.recheck && !self.live {
            self.recheck = false;
            match self.survey(cx) {
                None => self.recheck = true,
                Some(rotated_files) => {
                    progress.more |= self.insert_unknown(self.gens.len(), &rotated_files, cx).1 > 0
                }
            }
        }
        progress.waiting |= self.recheck;
        // Only a file that is known again by its content proves that no other one had its place.
        let known = self.live && self.gens.last().is_some_and(|g| !g.checkpoint.is_blank());
        if known && !self.recheck && self.shut.is_none() && !progress.more {
            self.seen = cx.now;
        }
    }

    fn read_one(&mut self, at: usize, cx: &mut Context<F>, progress: &mut Progress) -> Flow {
        if let Some(flow) = self.judge(at, cx, progress) {
            return flow;
        }
        match self.pass_copies(at) {
            Ok(false) => {}
            Ok(true) => {
                self.gens[at].turns.1 = self.turns;
                return Flow::Next;
            }
            // The drain tells.
            Err(_) => self.gens[at].held_back = false,
        }
        match self.drain(at, cx, false) {
            Ok(Step::Moved) => self.moved(at, cx, progress),
            Ok(Step::Dry) => {
                let generation = &mut self.gens[at];
                generation.turns.1 = self.turns;
                // Half a line that was looked at proves nothing either (I8).
                generation.judged &=
                    generation.checkpoint.offset > 0 || generation.departed.is_some();
                Flow::Next
            }
            Ok(Step::Truncated) => {
                let rotated_files = self.survey(cx);
                if rotated_files.is_none_or(|rotated_files| !self.truncated(at, &rotated_files, cx))
                {
                    progress.waiting = true;
                    return Flow::Stop;
                }
                progress.changed = true;
                Flow::Again
            }
            Err(e) => {
                self.gens[at].turns.1 = self.turns;
                self.set_fault(cx, Some(format!("cannot be read: {e}")));
                if self.gens[at].is_compressed() {
                    self.gens[at].finished = true;
                    self.lost(cx, "its compressed generation is damaged", 0);
                }
                Flow::Next
            }
        }
    }

    fn moved(&mut self, at: usize, cx: &Context<F>, progress: &mut Progress) -> Flow {
        progress.more = true;
        progress.changed = true;
        let last = at + 1 == self.gens.len() && self.live;
        if last && !self.recheck && self.shut.is_none() {
            self.seen = cx.now;
        }
        if self.gens[at].at_end {
            self.gens[at].turns.1 = self.turns;
        }
        Flow::Stop
    }

    /// Looks for what was missed before the generation at `at` may be drained.
    fn judge(&mut self, at: usize, cx: &mut Context<F>, progress: &mut Progress) -> Option<Flow> {
        if self.recheck && self.live && at + 1 == self.gens.len() {
            self.recheck = false;
            match self.survey(cx) {
                None => self.recheck = true,
                Some(rotated_files) if self.insert_missed(at, &rotated_files, cx) => {
                    return Some(Flow::Again);
                }
                Some(_) => {}
            }
        }
        let begun = self.gens[at].size().is_ok_and(|size| size > 0);
        if self.gens[at].judged || !begun {
            return None;
        }
        // What cannot be read now is told by the drain.
        let _ = self.gens[at].preview();
        let rotated_files = self.survey(cx);
        let Some(rotated_files) = rotated_files.filter(|_| !self.reunite(at, cx).unwrap_or(false))
        else {
            progress.waiting = true;
            return Some(Flow::Stop);
        };
        let unread = std::mem::take(&mut self.rewritten);
        if self.gens[at].checkpoint.offset == 0 {
            self.truncated_unread(unread, cx);
        }
        self.gens[at].judged = true;
        self.recheck = false;
        self.insert_missed(at, &rotated_files, cx);
        Some(Flow::Again)
    }
}
