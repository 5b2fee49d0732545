//! Steps taken as long as there is one way to go on.

use super::Start;
use super::attempt::Patience;
use super::program::{Act, Op, Ways};
use super::steps::begins_with;
use super::text::Text;

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
pub(super) fn walk<G: Groups>(
    ops: &[Op],
    subject: &[u8],
    start: Start,
    groups: &mut G,
    patience: &mut Patience,
) -> (Turn, Start) {
    let mut text = Text::new(subject, start.at);
    let mut step = start.step;
    let turn = loop {
        let Some(op) = ops.get(step) else {
            break Turn::Match;
        };
        let mut next = op.next;
        let length = match &op.act {
            Act::Short(word, length) if word.may_be(text.word()) => usize::from(*length),
            Act::RunOne(run) => {
                let length = run.class.run_one(text, run.max as usize);
                if length < usize::from(run.min) {
                    // It was read all the same.
                    text.rest = text.rest.get(length..).unwrap_or_default();
                    break Turn::Fail;
                }
                length - usize::from(run.back)
            }
            Act::RunFew(run) => {
                let length = run.class.run_few(text, run.max as usize);
                if length < usize::from(run.min) {
                    // It was read all the same.
                    text.rest = text.rest.get(length..).unwrap_or_default();
                    break Turn::Fail;
                }
                length - usize::from(run.back)
            }
            Act::Fork(fork) => {
                let open = fork.open(text);
                if open == Ways::BOTH {
                    break Turn::Choice;
                }
                if open == Ways::NEITHER {
                    break Turn::Fail;
                }
                next = fork.way(open);
                0
            }
            &Act::Open(group) => {
                groups.open(group, text.at());
                0
            }
            &Act::Close(group) => {
                groups.close(group, text.at());
                0
            }
            Act::Medium(medium) => {
                let length = usize::from(medium.length);
                let Some(bytes) = text.rest.get(..length) else {
                    break Turn::Fail;
                };
                if !medium.is(bytes) {
                    break Turn::Fail;
                }
                length
            }
            Act::Long(bytes) if begins_with(text.rest, bytes) => bytes.len(),
            Act::AtEnd if text.rest.is_empty() => 0,
            &Act::Rest(min) => {
                let length = text.rest.len();
                if length < min {
                    text.rest = &[];
                    break Turn::Fail;
                }
                length
            }
            Act::Chain(chain) => match chain.end(subject, text.at(), groups, patience) {
                Some(end) => {
                    text = Text::new(subject, end);
                    break Turn::Match;
                }
                None => {
                    text.rest = &[];
                    break Turn::Fail;
                }
            },
            Act::One(class) if text.rest.first().is_some_and(|&byte| class.contains(byte)) => 1,
            Act::Repeat(_) => break Turn::Choice,
            Act::Run(run) => {
                let length = run.class.run_any(text.rest, run.max as usize);
                if length < usize::from(run.min) {
                    // It was read all the same.
                    text.rest = text.rest.get(length..).unwrap_or_default();
                    break Turn::Fail;
                }
                length - usize::from(run.back)
            }
            Act::Until(run) => {
                let length = text.rest.len().checked_sub(usize::from(run.back));
                let Some(length) = length.filter(|&length| length >= usize::from(run.min)) else {
                    break Turn::Fail;
                };
                let taken = run.class.run(subject, text.at(), length);
                if taken < length {
                    text.rest = text.rest.get(taken..).unwrap_or_default();
                    break Turn::Fail;
                }
                length
            }
            Act::AtStart if text.at() == 0 => 0,
            Act::Nothing => 0,
            _ => break Turn::Fail,
        };
        let Some(rest) = text.rest.get(length..) else {
            break Turn::Fail;
        };
        text.rest = rest;
        step = usize::from(next[G::NEXT]);
    };
    (
        turn,
        Start {
            step,
            at: text.at(),
        },
    )
}
