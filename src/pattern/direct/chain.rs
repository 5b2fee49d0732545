//! `(.+) from (.+) port (.+)`: repeats of any byte with literals between them, to the end of the
//! pattern.
//!
//! Each repeat takes as much as it can, the first before all. As each may hold anything, that is to say
//! that each literal stands as far behind as the literals after it allow. So they are looked for from
//! the end, each in what is left of the subject, and nothing is tried twice.

use super::attempt::Patience;
use super::program::Word;
use super::steps::{Step, begins_with};
use super::straight::Groups;
use super::text::Text;
use crate::simd::last_position;

/// The end of such a pattern.
#[derive(Debug)]
pub(super) struct Chain {
    parts: Box<[Part]>,
    end: End,
    /// Groups that begin or end where the match does.
    last: Box<[Edge]>,
}

/// A repeat of any byte and the literal behind it.
#[derive(Debug)]
struct Part {
    /// So many bytes the repeat takes at least.
    min: usize,
    literal: Needle,
    /// So many bytes must stand between the start of the chain and the literal.
    before: usize,
    /// Groups that begin or end where the literal begins, or behind it: so far from where it begins.
    edges: Box<[(Edge, usize)]>,
}

/// What stands behind the last literal.
#[derive(Clone, Copy, Debug)]
enum End {
    /// Nothing is asked.
    Anything,
    /// The subject ends there.
    Here,
    /// A last repeat of at least so many bytes.
    Repeat(usize),
}

/// An edge of a group.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Edge {
    Open(usize),
    Close(usize),
}

impl Edge {
    /// It is here.
    #[inline(always)]
    fn note(self, at: usize, groups: &mut impl Groups) {
        match self {
            Self::Open(group) => groups.open(group, at),
            Self::Close(group) => groups.close(group, at),
        }
    }
}

/// Bytes to look for.
#[derive(Clone, Debug)]
pub(super) struct Needle {
    bytes: Box<[u8]>,
    /// The first of them.
    word: Word,
    /// The place of the rarest of them.
    rarest: usize,
    byte: u8,
}

impl Needle {
    pub(super) fn new(bytes: &[u8]) -> Self {
        let rarest = (0..bytes.len()).min_by_key(|&place| commonness(bytes[place]));
        Self {
            bytes: bytes.into(),
            word: Word::new(bytes),
            rarest: rarest.unwrap_or(0),
            byte: rarest.map_or(0, |place| bytes[place]),
        }
    }

    /// How many bytes of it stand before the first one like this.
    pub(super) fn before(&self, like: impl Fn(u8) -> bool) -> Option<u32> {
        let place = self.bytes.iter().position(|&byte| like(byte))?;
        u32::try_from(place).ok()
    }

    /// The last place from `low` to `high` where it begins. Places that are looked at in vain are paid
    /// for, but not what is read on the way.
    pub(super) fn find_last(
        &self,
        subject: &[u8],
        (low, high): (usize, usize),
        patience: &mut Patience,
    ) -> Option<usize> {
        let mut end = (high + self.rarest + 1).min(subject.len());
        loop {
            end = last_position(subject, (low + self.rarest, end), self.byte)?;
            let place = end - self.rarest;
            if self.is_at(subject, place) {
                return Some(place);
            }
            patience.pay_for(0);
        }
    }

    /// The first such place.
    pub(super) fn find_first(
        &self,
        subject: &[u8],
        (mut low, high): (usize, usize),
        patience: &mut Patience,
    ) -> Option<usize> {
        loop {
            let end = (high + self.rarest + 1).min(subject.len());
            let window = subject.get(low + self.rarest..end)?;
            low += memchr::memchr(self.byte, window)?;
            if self.is_at(subject, low) {
                return Some(low);
            }
            patience.pay_for(0);
            low += 1;
        }
    }

    #[inline(always)]
    fn is_at(&self, subject: &[u8], at: usize) -> bool {
        let text = Text::new(subject, at);
        let length = self.bytes.len();
        text.rest.len() >= length
            && self.word.may_be(text.word())
            && (length <= 8 || begins_with(text.rest, &self.bytes))
    }
}

/// How often a byte is met in logs, roughly.
fn commonness(byte: u8) -> u8 {
    const COMMON: &[u8] = b" eotainrs10cldm2pu-.:35h=46f789,g/wyb[]vk()_<>x\"'jqz;@";
    let place = COMMON.iter().position(|&common| common == byte);
    place.map_or(0, |place| u8::MAX - place as u8)
}

impl Chain {
    /// The end of a match that is at the start of the chain at `at`. Places that are looked at in vain
    /// are paid for, but not what is read on the way.
    #[inline]
    pub(super) fn end<G: Groups>(
        &self,
        subject: &[u8],
        at: usize,
        groups: &mut G,
        patience: &mut Patience,
    ) -> Option<usize> {
        let mut limit = match self.end {
            End::Anything | End::Here => subject.len(),
            End::Repeat(min) => subject.len().checked_sub(min)?,
        };
        let mut end = None;
        for part in self.parts.iter().rev() {
            let length = part.literal.bytes.len();
            let high = limit.checked_sub(length)?;
            let mut low = at + part.before;
            if matches!(self.end, End::Here) && limit == subject.len() {
                low = low.max(high);
            }
            let start = part.literal.find_last(subject, (low, high), patience)?;
            if G::NEXT == 1 {
                for &(edge, behind) in &part.edges {
                    edge.note(start + behind, groups);
                }
            }
            end = end.or(Some(start + length));
            limit = start.checked_sub(part.min)?;
        }
        let end = match self.end {
            End::Anything => end?,
            End::Here | End::Repeat(_) => subject.len(),
        };
        if G::NEXT == 1 {
            for &edge in &self.last {
                edge.note(end, groups);
            }
        }
        Some(end)
    }

    /// Puts a chain in the place of the steps that are one, at the end of the pattern.
    pub(super) fn replace(steps: &mut Vec<Step>) {
        let target = |step: &Step| match step {
            Step::Split(split) => split.ways.iter().copied().max(),
            &Step::Jump(to) => Some(to),
            _ => None,
        };
        // Nobody may come into it from elsewhere.
        let from = steps.iter().filter_map(target).max().unwrap_or(0);
        for start in from..steps.len() {
            if let Some(chain) = Self::of(&steps[start..]) {
                steps.truncate(start);
                steps.push(Step::Chain(Box::new(chain)));
                return;
            }
        }
    }

    fn of(steps: &[Step]) -> Option<Self> {
        let (mut parts, mut last) = (Vec::new(), Vec::new());
        let mut end = End::Anything;
        let mut before = 0;
        let mut steps = steps.iter().peekable();
        while let Some(step) = steps.next() {
            match step {
                Step::Repeat(repeat) if !repeat.lazy && repeat.run.takes_all() => {
                    let min = repeat.run.min as usize;
                    let in_front = edges(&mut steps);
                    let Some(Step::Literal(bytes)) = steps.next() else {
                        return None;
                    };
                    let behind = edges(&mut steps);
                    before += min;
                    let in_front = in_front.into_iter().map(|edge| (edge, 0));
                    let behind = behind.into_iter().map(|edge| (edge, bytes.len()));
                    parts.push(Part {
                        min,
                        literal: Needle::new(bytes),
                        before,
                        edges: in_front.chain(behind).collect(),
                    });
                    before += bytes.len();
                }
                Step::Run(run) if run.takes_all() && !parts.is_empty() => {
                    end = End::Repeat(run.min as usize);
                    last = edges(&mut steps);
                    steps.next_if(|step| matches!(step, Step::AtEnd));
                    last.extend(edges(&mut steps));
                    break;
                }
                Step::AtEnd if !parts.is_empty() => {
                    end = End::Here;
                    last = edges(&mut steps);
                    break;
                }
                _ => return None,
            }
        }
        if parts.is_empty() || steps.next().is_some() {
            return None;
        }
        let mut chain = Self {
            parts: parts.into(),
            end,
            last: last.into(),
        };
        chain.keep_last();
        Some(chain)
    }

    /// Forgets where a group stood before, if it is there several times: the last place counts, but
    /// the parts are looked for from the end.
    fn keep_last(&mut self) {
        let mut seen = Vec::new();
        let mut is_last = |edge: Edge| {
            let new = !seen.contains(&edge);
            seen.push(edge);
            new
        };
        let mut last: Vec<_> = self.last.to_vec();
        last.reverse();
        last.retain(|&edge| is_last(edge));
        self.last = last.into();
        for part in self.parts.iter_mut().rev() {
            let mut edges = part.edges.to_vec();
            edges.reverse();
            edges.retain(|&(edge, _)| is_last(edge));
            part.edges = edges.into();
        }
    }
}

/// Takes the groups that begin or end at a place.
fn edges<'a>(steps: &mut std::iter::Peekable<impl Iterator<Item = &'a Step>>) -> Vec<Edge> {
    let mut edges = Vec::new();
    while let Some(step) = steps.peek() {
        edges.push(match **step {
            Step::Open(group) => Edge::Open(group),
            Step::Close(group) => Edge::Close(group),
            _ => break,
        });
        steps.next();
    }
    edges
}

#[cfg(test)]
mod tests {
    use crate::pattern::{Found, Pattern, Spans};

    /// All patterns of a few parts on all lines of a few letters, against the `regex` crate.
    #[test]
    fn chains_match_as_an_engine_does() {
        let parts = [
            "(.+)", "(.*)", "(.{2,})", "x", "xy", "(x)", "(?:.+)", "$", "(.+y){2}", "(.*x){2}",
        ];
        let mut lines = vec![Vec::new()];
        for length in 1..=6 {
            for number in 0..3_usize.pow(length) {
                let letter = |at: u32| b"xyz"[number / 3_usize.pow(at) % 3];
                lines.push((0..length).map(letter).collect::<Vec<u8>>());
            }
        }
        let (mut compared, mut matched) = (0, 0);
        for number in 0..parts.len().pow(4) {
            let part = |at: u32| parts[number / parts.len().pow(at) % parts.len()];
            let text = format!("^{}{}{}{}", part(0), part(1), part(2), part(3));
            let pattern = Pattern::compile(text.as_bytes()).unwrap();
            let regex = regex::bytes::Regex::new(&text).unwrap();
            let mut spans = Spans::default();
            for line in lines.iter().skip(number % 7).step_by(7) {
                let found = pattern.captures(line, &mut spans) == Found::Yes;
                let wanted = regex.captures(line);
                assert_eq!(found, wanted.is_some(), "{text} {line:?}");
                if let Some(wanted) = wanted {
                    let groups = wanted
                        .iter()
                        .map(|group| Some(group?.start()..group?.end()));
                    let got = spans
                        .0
                        .iter()
                        .map(|span| span.map(|(start, end)| start..end));
                    assert!(got.eq(groups), "{text} {line:?}: {spans:?}");
                    matched += 1;
                }
                compared += 1;
            }
        }
        assert!(compared > 600_000, "only {compared} pairs");
        assert!(matched > 100_000, "only {matched} matches");
    }
}
