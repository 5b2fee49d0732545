//! Lines of a block, decided kind by kind before their turn comes.
//!
//! Lines of one kind come with others between them, and each goes another way through its rules: the
//! processor cannot guess where the next one goes. So what the first rules of a kind say is found for all
//! its lines in a block, one behind the other. Nothing is counted meanwhile: that comes in the order of
//! the lines.

use super::index::{Generation, Index, Place, Tried};
use super::mask;
use crate::config::{Rule, RuleId};
use crate::fast::Glance;
use crate::pattern::Spans;
use crate::record::{Shape, Text};

/// So many lines are decided together: more of a kind come one behind the other, but what is known of them
/// must stay near.
const LINES: usize = 1024;

/// Where the masked lines take more bytes than this, the others are masked when their turn comes.
const MOST_MASKED: usize = 16 << 20;

/// Lines of a block whose turn has not come yet.
#[derive(Debug, Default)]
pub struct Ahead {
    lines: Vec<Held>,
    /// The last line for each list of rules.
    last: Vec<Link>,
    /// The lists with lines.
    lists: Vec<usize>,
    /// The lines that a rule counts, masked, one behind the other.
    masked: Vec<u8>,
    spans: Spans,
    message: Vec<u8>,
    /// That of the index, when the first line came.
    generation: Generation,
}

/// A line whose turn has not come yet.
#[derive(Clone, Copy, Debug)]
pub struct Held {
    /// Where it stands.
    pub cut: Cut,
    /// What is known of it.
    pub verdict: Verdict,
    shape: Shape,
    place: Place,
    /// The line before with the same list of rules.
    before: Link,
}

/// What is known of a line before its turn.
#[derive(Clone, Copy, Debug)]
pub enum Verdict {
    /// Nothing: its prefix or its first word is another than most have.
    Unread,
    /// A rule throws it away.
    Trash,
    /// This rule counts it.
    Counted(RuleId, Masked),
    /// So many rules of its list do not take it.
    Open(u16),
}

/// Where a masked line stands.
#[derive(Clone, Copy, Debug)]
pub struct Masked {
    start: u32,
    end: u32,
}

/// Where a line stands in a block.
#[derive(Clone, Copy, Debug)]
pub struct Cut {
    /// Where its host begins, or itself, if it was not read.
    host: u32,
    message: u32,
    end: u32,
}

impl Cut {
    /// That of a line with a host and a message, between which there is one byte.
    #[inline(always)]
    pub fn new(host: usize, message: usize, end: usize) -> Self {
        Self {
            host: short(host),
            message: short(message),
            end: short(end),
        }
    }

    /// That of a line that was not read.
    pub fn unread(start: usize, end: usize) -> Self {
        Self::new(start, start, end)
    }

    /// The line.
    pub fn line<'a>(&self, block: &'a [u8]) -> &'a [u8] {
        let before = slice(block, 0, self.host);
        let start = memchr::memrchr(b'\n', before).map_or(0, |newline| newline + 1);
        slice(block, short(start), self.end)
    }

    /// Its host.
    #[inline(always)]
    pub fn host<'a>(&self, block: &'a [u8]) -> &'a [u8] {
        slice(block, self.host, self.message.saturating_sub(1))
    }

    /// Its message, as it is written.
    #[inline(always)]
    fn message<'a>(&self, block: &'a [u8]) -> &'a [u8] {
        slice(block, self.message, self.end)
    }
}

/// A place in a block, none of which is so long that this would not do.
#[inline(always)]
fn short(place: usize) -> u32 {
    debug_assert!(u32::try_from(place).is_ok());
    place as u32
}

#[inline(always)]
fn slice(text: &[u8], start: u32, end: u32) -> &[u8] {
    text.get(start as usize..end as usize).unwrap_or_default()
}

/// The number of a line, or none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Link(u16);

impl Link {
    const NONE: Self = Self(u16::MAX);
}

const _: () = assert!(LINES < u16::MAX as usize);
// Each in a line of the cache.
const _: () = assert!(size_of::<Held>() <= 64);

impl Held {
    /// The message.
    #[inline(always)]
    pub fn text<'a>(&self, block: &'a [u8], room: &'a mut Vec<u8>) -> Text<'a> {
        Text::shaped(self.cut.message(block), self.shape, room)
    }
}

impl Ahead {
    /// Lets go of all lines.
    pub fn clear(&mut self, index: &mut Index) {
        index.bound();
        self.generation = index.generation();
        self.lines.clear();
        self.masked.clear();
    }

    /// Whether what is held should be worked on now.
    #[inline(always)]
    pub fn is_full(&self, index: &Index) -> bool {
        self.lines.len() >= LINES || index.is_full()
    }

    /// The lines, in their order.
    pub fn lines(&self) -> &[Held] {
        &self.lines
    }

    /// The rules of a line, so many of which are tried.
    pub fn tried(&self, line: &Held, rules: u16) -> Tried {
        Tried {
            place: line.place,
            rules: usize::from(rules),
            generation: self.generation,
        }
    }

    /// A masked line.
    #[inline(always)]
    pub fn masked(&self, masked: Masked) -> &[u8] {
        slice(&self.masked, masked.start, masked.end)
    }

    /// Holds a line that is to be read as any other.
    pub fn hold_unread(&mut self, cut: Cut) {
        self.lines.push(Held {
            cut,
            verdict: Verdict::Unread,
            shape: Shape::default(),
            place: Place::default(),
            before: Link::NONE,
        });
    }

    /// Holds a line without newlines.
    #[inline(always)]
    pub fn hold(
        &mut self,
        index: &mut Index,
        rules: &[Rule],
        block: &[u8],
        cut: Cut,
        (shape, glance): (Shape, Glance),
    ) {
        let place = index.place(rules, cut.message(block), shape, glance);
        let list = place.list();
        let mut before = Link::NONE;
        if index.looks_ahead(list) {
            let number = u16::try_from(self.lines.len()).map_or(Link::NONE, Link);
            before = match self.last.get_mut(list) {
                Some(last) => std::mem::replace(last, number),
                None => self.first(list, number),
            };
            if before == Link::NONE {
                self.lists.push(list);
            }
        }
        self.lines.push(Held {
            cut,
            verdict: Verdict::Open(0),
            shape,
            place,
            before,
        });
    }

    #[cold]
    fn first(&mut self, list: usize, number: Link) -> Link {
        self.last.resize(list + 1, Link::NONE);
        self.last[list] = number;
        Link::NONE
    }

    /// Finds out of the lines what can be told before their turn; `with` is what masks.
    pub fn look(&mut self, index: &mut Index, block: &[u8], with: &[u8]) {
        let Self {
            lines,
            last,
            lists,
            masked,
            spans,
            message,
            ..
        } = self;
        for list in lists.drain(..) {
            let (Some(mut rules), Some(last)) = (index.first_rules(list), last.get_mut(list))
            else {
                continue;
            };
            let mut link = std::mem::replace(last, Link::NONE);
            while let Some(line) = lines.get_mut(usize::from(link.0)) {
                link = line.before;
                if masked.len() > MOST_MASKED {
                    continue;
                }
                let mut text = line.text(block, message);
                line.verdict = match rules.taker(line.place, &mut text, spans) {
                    Err(tried) => Verdict::Open(tried),
                    Ok(taker) if taker.is_trash() => Verdict::Trash,
                    Ok(taker) => {
                        let start = short(masked.len());
                        mask(&mut text, &taker.pattern, spans, with, masked);
                        let end = short(masked.len());
                        Verdict::Counted(taker.rule, Masked { start, end })
                    }
                };
            }
        }
    }
}
