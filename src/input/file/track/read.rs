//! One turn through the generations of a path.

use std::io;

use super::super::checkpoint::Standing;
use super::super::fs::FileSystem;
use super::super::generation::Step;
use super::added::Passed;
use super::{Context, Done, Progress, Track};

/// The next step after a look at one generation.
enum Flow {
    /// The next one.
    Next,
    /// The one that is at its place now, once more.
    Again,
    /// All of them, from the oldest on.
    Older,
    /// The next one: this one cannot be read now.
    Failed,
    /// The turn is over.
    Stop,
}

/// How the fault of a file begins that cannot be read.
pub(super) const UNREADABLE: &str = "cannot be read";

impl<F: FileSystem> Track<F> {
    /// Drains the generations, the older ones first (I5), until one gave a chunk.
    pub(super) fn read(&mut self, cx: &mut Context<F>, progress: &mut Progress) {
        let (mut at, mut failed) = (0, false);
        while at < self.gens.len() {
            match self.read_one(at, cx, progress) {
                Flow::Next => at += 1,
                Flow::Failed => (at, failed) = (at + 1, true),
                Flow::Again => {}
                Flow::Older => at = 0,
                Flow::Stop => return,
            }
        }
        let told = self.fault.as_deref();
        if !failed && self.live && told.is_some_and(|fault| fault.starts_with(UNREADABLE)) {
            self.set_fault(cx, None);
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
        if self.gens[at].finished {
            return Flow::Next;
        }
        if let Some(flow) = self.judge(at, cx, progress) {
            return flow;
        }
        let to = match self.pass_copies(at, cx) {
            Ok(Passed::Lines(to)) => to,
            Ok(Passed::Held) => {
                self.gens[at].turns.1 = self.turns;
                return Flow::Next;
            }
            Ok(Passed::Settling) => {
                progress.waiting = true;
                return Flow::Next;
            }
            Err(e) => return self.failed(at, e, cx),
        };
        match self.drain(at, cx, to, false) {
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
            Err(e) => self.failed(at, e, cx),
        }
    }

    /// The generation at `at` could not be read, or what it may be a copy of: it is tried again at the next
    /// look.
    fn failed(&mut self, at: usize, e: io::Error, cx: &mut Context<F>) -> Flow {
        let generation = &mut self.gens[at];
        generation.turns.1 = self.turns;
        if generation.is_compressed() && e.raw_os_error().is_some() {
            // What unpacks it cannot go on: it is found again when the rotated files are looked through.
            let mut checkpoint = self.gens.remove(at).checkpoint;
            checkpoint.end = checkpoint.offset;
            self.remember(Done::seen(checkpoint, cx.now));
            cx.unreadable(&self.path, &e);
            self.tell_shut(cx);
            return Flow::Again;
        }
        if generation.is_compressed() {
            generation.finished = true;
            self.lost(cx, "its compressed generation is damaged", 0);
        }
        self.set_fault(cx, Some(format!("{UNREADABLE}: {e}")));
        Flow::Failed
    }

    fn moved(&mut self, at: usize, cx: &Context<F>, progress: &mut Progress) -> Flow {
        progress.more = true;
        progress.changed = true;
        let last = at + 1 == self.gens.len() && self.live;
        let standing = self.gens[at].checkpoint.standing;
        if matches!(standing, Standing::Copied | Standing::Rotated) {
            self.found_in_copy();
        }
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
                    return Some(Flow::Older);
                }
                Some(_) => {}
            }
        }
        let size = self.gens[at].size();
        if self.gens[at].judged || size.as_ref().is_ok_and(|size| *size == 0) {
            return None;
        }
        if let Err(e) = size.and_then(|_| self.gens[at].preview()) {
            return Some(self.failed(at, e, cx));
        }
        let surveyed = self.survey(cx);
        let waits = surveyed.as_ref().map(|_| self.reunite(at, cx));
        let rotated_files = match (surveyed, waits) {
            (_, Some(Err(e))) => return Some(self.failed(at, e, cx)),
            (Some(rotated_files), Some(Ok(false))) => rotated_files,
            _ => {
                progress.waiting = true;
                return Some(Flow::Stop);
            }
        };
        let unread = std::mem::take(&mut self.rewritten);
        if self.gens[at].checkpoint.offset == 0 {
            self.truncated_unread(unread, cx);
        }
        self.gens[at].judged = true;
        self.recheck = false;
        self.insert_missed(at, &rotated_files, cx);
        Some(Flow::Older)
    }
}
