//! Steps taken as long as there is one way to go on.

use super::Start;
use super::attempt::Patience;
use super::program::{Act, Medium, Op, Stretch, Ways};
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

/// Where a way ended.
pub(super) struct Reached {
    /// What ended it.
    pub turn: Turn,
    /// The step where it did, and the place up to which the subject was read, which is not paid for.
    pub start: Start,
    /// The way that is left of an older choice.
    pub other: Option<Start>,
}

/// Takes steps from `start` on. Where nobody asks for the groups, one choice is kept in mind: as a rule it
/// is the only one, and the first way ends soon.
#[inline(always)]
pub(super) fn walk<G: Groups>(
    ops: &[Op],
    subject: &[u8],
    start: Start,
    groups: &mut G,
    patience: &mut Patience,
) -> Reached {
    let (mut text, mut step) = (Text::new(subject, start.at), start.step);
    let mut other = None;
    let turn = loop {
        let Some(op) = ops.get(step) else {
            break Turn::Match;
        };
        let mut next = op.next;
        let taken = match &op.act {
            Act::Short(word, length) if word.may_be(text.word()) => Ok(usize::from(*length)),
            Act::RunOne(run) => run.taken(run.class.run_one(text, run.max as usize)),
            Act::RunFew(run) => run.taken(run.class.run_few(text, run.max as usize)),
            Act::Fork(fork) => match fork.open(text, patience) {
                Ways::BOTH if G::NEXT == Unasked::NEXT && other.is_none() => {
                    let [one, two] = fork.ways.map(|way| usize::from(way[G::NEXT]));
                    other = Some(Start {
                        step: two,
                        at: text.at(),
                    });
                    step = one;
                    continue;
                }
                Ways::BOTH => break Turn::Choice,
                Ways::NEITHER => Err(0),
                open => {
                    next = fork.way(open);
                    Ok(0)
                }
            },
            &Act::Open(group) => {
                groups.open(group, text.at());
                Ok(0)
            }
            &Act::Close(group) => {
                groups.close(group, text.at());
                Ok(0)
            }
            Act::Medium(medium) => medium.taken(text.rest),
            Act::Long(bytes) if begins_with(text.rest, bytes) => Ok(bytes.len()),
            Act::AtEnd if text.rest.is_empty() => Ok(0),
            Act::Rest(min) if text.rest.len() >= *min => Ok(text.rest.len()),
            Act::Chain(chain) => match chain.end(subject, text.at(), groups, patience) {
                Some(end) => {
                    text = Text::new(subject, end);
                    break Turn::Match;
                }
                None => Err(text.rest.len()),
            },
            Act::One(class) if text.rest.first().is_some_and(|&b| class.contains(b)) => Ok(1),
            Act::Repeat(_) => break Turn::Choice,
            Act::Run(run) => run.taken(run.class.run_any(text.rest, run.max as usize)),
            Act::Until(run) => run.until(text),
            Act::AtStart if text.at() == 0 => Ok(0),
            Act::Nothing => Ok(0),
            _ => Err(0),
        };
        match text.pass(taken) {
            Ok(rest) => text.rest = rest,
            Err(read) => {
                text.rest = read;
                if G::NEXT == Unasked::NEXT
                    && let Some(start) = other.take()
                {
                    patience.pay_for(text.at() - start.at);
                    if patience.left().is_some() {
                        (text, step) = (Text::new(subject, start.at), start.step);
                        continue;
                    }
                    // Who goes on finds that there is no patience left.
                    break Turn::Choice;
                }
                break Turn::Fail;
            }
        }
        step = usize::from(next[G::NEXT]);
    };
    let at = text.at();
    let start = Start { step, at };
    Reached { turn, start, other }
}

impl Medium {
    /// How many bytes it takes.
    #[inline(always)]
    fn taken(&self, text: &[u8]) -> Result<usize, usize> {
        let length = usize::from(self.length);
        match text.get(..length) {
            Some(bytes) if self.is(bytes) => Ok(length),
            _ => Err(0),
        }
    }
}

impl Stretch {
    /// How many bytes it takes where it could take so many.
    #[inline(always)]
    fn taken(&self, length: usize) -> Result<usize, usize> {
        if length < usize::from(self.min) {
            return Err(length);
        }
        Ok(length - usize::from(self.back))
    }

    /// How many bytes it takes where its end is known.
    fn until(&self, text: Text<'_>) -> Result<usize, usize> {
        let length = text.rest.len().checked_sub(usize::from(self.back));
        let length = length.filter(|&length| length >= usize::from(self.min));
        let length = length.ok_or(0_usize)?;
        let taken = self.class.run(text.whole, text.at(), length);
        if taken < length {
            Err(taken)
        } else {
            Ok(length)
        }
    }
}
