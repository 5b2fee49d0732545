//! Steps taken as long as there is one way to go on.

use super::Start;
use super::attempt::Patience;
use super::program::{Act, Op, Stretch, Ways};
use super::steps::begins_with;

/// Where a group stands, if it took part.
pub(super) type Span = Option<(usize, usize)>;

/// Notes where the groups stand.
pub(super) trait Groups {
    /// The place in [`Op::next`].
    const NEXT: usize;
    /// A group begins here.
    fn open(&mut self, group: usize, at: usize);
    /// A group ends here.
    fn close(&mut self, group: usize, at: usize);
    /// Where they stand.
    fn spans(&mut self) -> Option<&mut [Span]>;
}

/// Nobody asks for them.
pub(super) struct Unasked;

/// They are noted, and what they were before is not wanted again.
pub(super) struct Noted<'a>(pub &'a mut [Span]);

impl Groups for Unasked {
    const NEXT: usize = 0;

    fn open(&mut self, _: usize, _: usize) {}

    fn close(&mut self, _: usize, _: usize) {}

    fn spans(&mut self) -> Option<&mut [Span]> {
        None
    }
}

impl Groups for Noted<'_> {
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

/// What ended the way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Turn {
    /// The end of the pattern.
    Match,
    /// A step that cannot be taken.
    Fail,
    /// A step that can be taken in several ways.
    Choice,
}

/// Takes steps from `start` on. With what ended the way comes the step where it did, and the place up
/// to which the subject was read, which is not paid for.
#[inline(always)]
pub(super) fn walk(
    ops: &[Op],
    subject: &[u8],
    start: Start,
    groups: &mut impl Groups,
    patience: &mut Patience,
) -> (Turn, Start) {
    let Start { mut step, mut at } = start;
    let turn = loop {
        let Some(op) = ops.get(step) else {
            break Turn::Match;
        };
        let goes_on = match &op.act {
            Act::Short(short) => {
                let found = short.is_at(subject, at);
                at += usize::from(short.length);
                found
            }
            Act::RunOne(run) => {
                let length = run.class.run_one(subject, at, run.max as usize);
                pass(run, length, &mut at)
            }
            Act::RunFew(run) => {
                let length = run.class.run_few(subject, at, run.max as usize);
                pass(run, length, &mut at)
            }
            Act::Fork(fork) => match fork.open(subject.get(at)) {
                Ways::Neither => false,
                Ways::First => {
                    step = next(fork.ways[0], groups);
                    continue;
                }
                Ways::Second => {
                    step = next(fork.ways[1], groups);
                    continue;
                }
                Ways::Both => break Turn::Choice,
            },
            &Act::Open(group) => {
                groups.open(group, at);
                true
            }
            &Act::Close(group) => {
                groups.close(group, at);
                true
            }
            Act::Medium(medium) => {
                let found = medium.is_at(subject, at);
                at += usize::from(medium.length);
                found
            }
            Act::Long(bytes) => {
                let found = begins_with(subject.get(at..).unwrap_or_default(), bytes);
                at += bytes.len();
                found
            }
            Act::AtEnd => at == subject.len(),
            &Act::Rest(min) => {
                let rest = subject.len().saturating_sub(at);
                at = subject.len();
                rest >= min
            }
            Act::Chain(chain) => match chain.end(subject, at, groups, patience) {
                Some(end) => {
                    at = end;
                    break Turn::Match;
                }
                None => {
                    at = subject.len();
                    false
                }
            },
            Act::One(class) => {
                let byte = subject.get(at);
                at += 1;
                byte.is_some_and(|&byte| class.contains(byte))
            }
            Act::Repeat(_) => break Turn::Choice,
            Act::Run(run) => {
                let length = run.class.run(subject, at, run.max as usize);
                pass(run, length, &mut at)
            }
            Act::AtStart => at == 0,
            Act::Nothing => true,
        };
        if !goes_on {
            break Turn::Fail;
        }
        step = next(op.next, groups);
    };
    (turn, Start { step, at })
}

/// The step that comes next.
#[inline(always)]
fn next<G: Groups>(next: [u16; 2], _: &G) -> usize {
    usize::from(next[G::NEXT])
}

/// Goes past a run of this length, if it is long enough.
#[inline(always)]
fn pass(run: &Stretch, length: usize, at: &mut usize) -> bool {
    let back = usize::from(run.back);
    *at = (*at + length).saturating_sub(back);
    length >= usize::from(run.min)
}
