//! Steps taken as long as there is one way to go on.

use super::Start;
use super::attempt::Patience;
use super::program::{Act, Op, Stretch, Ways};
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
        let rest = match &op.act {
            Act::Short(word, length) => word.pass(text, *length),
            Act::RunOne(run) => {
                let length = run.class.run_one(text, run.max as usize);
                run.pass(&mut text, length)
            }
            Act::RunFew(run) => {
                let length = run.class.run_few(text, run.max as usize);
                run.pass(&mut text, length)
            }
            Act::Fork(fork) => {
                let open = fork.open(text);
                if open == Ways::BOTH {
                    break Turn::Choice;
                }
                next = fork.way(open);
                (open != Ways::NEITHER).then_some(text.rest)
            }
            &Act::Open(group) => {
                groups.open(group, text.at());
                Some(text.rest)
            }
            &Act::Close(group) => {
                groups.close(group, text.at());
                Some(text.rest)
            }
            Act::Medium(medium) => medium.pass(text),
            Act::Long(bytes) => after(text.rest, bytes),
            Act::AtEnd => text.rest.is_empty().then_some(text.rest),
            &Act::Rest(min) => {
                let long = text.rest.len() >= min;
                text.rest = &[];
                long.then_some(text.rest)
            }
            Act::Chain(chain) => match chain.end(subject, text.at(), groups, patience) {
                Some(end) => {
                    text = Text::new(subject, end);
                    break Turn::Match;
                }
                None => {
                    text.rest = &[];
                    None
                }
            },
            Act::One(class) => {
                let next = text.rest.split_first();
                next.and_then(|(&byte, rest)| class.contains(byte).then_some(rest))
            }
            Act::Repeat(_) => break Turn::Choice,
            Act::Run(run) => {
                let length = run.class.run_any(text.rest, run.max as usize);
                run.pass(&mut text, length)
            }
            Act::AtStart => (text.at() == 0).then_some(text.rest),
            Act::Nothing => Some(text.rest),
        };
        let Some(rest) = rest else {
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

/// What is left behind these bytes.
#[inline(always)]
fn after<'a>(text: &'a [u8], bytes: &[u8]) -> Option<&'a [u8]> {
    let (text, rest) = text.split_at_checked(bytes.len())?;
    begins_with(text, bytes).then_some(rest)
}

impl Stretch {
    /// What is left behind a run of this length, if it is long enough.
    #[inline(always)]
    fn pass<'a>(&self, text: &mut Text<'a>, length: usize) -> Option<&'a [u8]> {
        if length < usize::from(self.min) {
            // It was read all the same.
            text.rest = text.rest.get(length..)?;
            return None;
        }
        text.rest.get(length - usize::from(self.back)..)
    }
}
