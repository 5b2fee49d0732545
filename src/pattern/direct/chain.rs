//! `(.+) from (.+) port (.+)`: repeats of any byte with literals between them, to the end of the
//! pattern.
//!
//! Each repeat takes as much as it can, the first before all. As each may hold anything, that is to say
//! that each literal stands as far behind as the literals after it allow. So they are looked for from
//! the end, each in what is left of the subject, and nothing is tried twice.

use super::attempt::Patience;
use super::steps::{Step, begins_with};

/// The end of such a pattern.
#[derive(Debug)]
pub(super) struct Chain {
    parts: Box<[Part]>,
    end: End,
    /// Groups that begin or end here: the slot, and which place it gets.
    slots: Box<[(usize, Place)]>,
}

/// A repeat of any byte and the literal behind it.
#[derive(Debug)]
struct Part {
    /// So many bytes the repeat takes at least.
    min: usize,
    literal: Needle,
    /// So many bytes must stand between the start of the chain and the literal.
    before: usize,
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

/// Where a part stands.
#[derive(Clone, Copy, Debug)]
enum Place {
    /// The end of this repeat, where its literal begins.
    Repeat(usize),
    /// The end of the literal of this part.
    Literal(usize),
    /// The end of the match.
    Last,
}

/// Bytes to look for.
#[derive(Clone, Debug)]
pub(super) struct Needle {
    bytes: Box<[u8]>,
    /// The place of the rarest of them.
    rarest: usize,
}

impl Needle {
    pub(super) fn new(bytes: &[u8]) -> Self {
        let rarest = (0..bytes.len()).min_by_key(|&place| commonness(bytes[place]));
        Self {
            bytes: bytes.into(),
            rarest: rarest.unwrap_or(0),
        }
    }

    pub(super) fn first(&self) -> Option<u8> {
        self.bytes.first().copied()
    }

    /// The last place from `low` to `high` where it begins, or the first.
    #[inline]
    pub(super) fn find(
        &self,
        subject: &[u8],
        (low, high): (usize, usize),
        last: bool,
        patience: &mut Patience,
    ) -> Option<usize> {
        let byte = *self.bytes.get(self.rarest)?;
        let mut from = low + self.rarest;
        let mut to = (high + self.rarest + 1).min(subject.len());
        loop {
            let window = subject.get(from..to)?;
            let found = match last {
                true => memchr::memrchr(byte, window),
                false => memchr::memchr(byte, window),
            };
            patience.pay_for(match found {
                Some(found) if last => window.len() - found,
                Some(found) => found,
                None => window.len(),
            });
            let found = from + found?;
            if self.is_at(subject, found - self.rarest) {
                return Some(found - self.rarest);
            }
            match last {
                true => to = found,
                false => from = found + 1,
            }
        }
    }

    fn is_at(&self, subject: &[u8], at: usize) -> bool {
        begins_with(subject.get(at..).unwrap_or_default(), &self.bytes)
    }
}

/// How often a byte is met in logs, roughly.
fn commonness(byte: u8) -> u8 {
    const COMMON: &[u8] = b" eotainrs10cldm2pu-.:35h=46f789,g/wyb[]vk()_<>x\"'jqz;@";
    let place = COMMON.iter().position(|&common| common == byte);
    place.map_or(0, |place| u8::MAX - place as u8)
}

impl Chain {
    /// The end of a match that is at the start of the chain at `at`. `starts` is memory for the places
    /// of the literals; `slots` are those of the groups, if anybody asks for them.
    pub(super) fn end(
        &self,
        subject: &[u8],
        at: usize,
        (starts, slots): (&mut Vec<usize>, &mut [usize]),
        patience: &mut Patience,
    ) -> Option<usize> {
        starts.clear();
        starts.resize(self.parts.len(), 0);
        let last = self.parts.last()?.literal.bytes.len();
        let mut limit = match self.end {
            End::Anything | End::Here => subject.len(),
            End::Repeat(min) => subject.len().checked_sub(min)?,
        };
        for (part, start) in self.parts.iter().zip(starts.iter_mut()).rev() {
            let high = limit.checked_sub(part.literal.bytes.len())?;
            let mut low = at + part.before;
            if matches!(self.end, End::Here) && limit == subject.len() {
                low = low.max(high);
            }
            *start = part.literal.find(subject, (low, high), true, patience)?;
            limit = start.checked_sub(part.min)?;
        }
        let end = match self.end {
            End::Anything => starts.last()? + last,
            End::Here | End::Repeat(_) => subject.len(),
        };
        if !slots.is_empty() {
            for &(slot, place) in &self.slots {
                let place = match place {
                    Place::Repeat(part) => starts.get(part).copied(),
                    Place::Literal(part) => {
                        let length = self.parts.get(part).map(|part| part.literal.bytes.len());
                        starts
                            .get(part)
                            .zip(length)
                            .map(|(start, length)| start + length)
                    }
                    Place::Last => Some(end),
                };
                if let (Some(slot), Some(place)) = (slots.get_mut(slot), place) {
                    *slot = place;
                }
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
        let (mut parts, mut slots) = (Vec::new(), Vec::new());
        let mut end = End::Anything;
        let mut before = 0;
        let mut steps = steps.iter().peekable();
        while let Some(step) = steps.next() {
            match step {
                Step::Repeat(repeat) if !repeat.lazy && repeat.run.takes_all() => {
                    let min = repeat.run.min as usize;
                    let part = parts.len();
                    slots_here(&mut steps, Place::Repeat(part), &mut slots);
                    let Some(Step::Literal(bytes)) = steps.next() else {
                        return None;
                    };
                    before += min;
                    let literal = Needle::new(bytes);
                    parts.push(Part {
                        min,
                        literal,
                        before,
                    });
                    before += bytes.len();
                    slots_here(&mut steps, Place::Literal(part), &mut slots);
                }
                Step::Run(run) if run.takes_all() && !parts.is_empty() => {
                    end = End::Repeat(run.min as usize);
                    slots_here(&mut steps, Place::Last, &mut slots);
                    steps.next_if(|step| matches!(step, Step::AtEnd));
                    slots_here(&mut steps, Place::Last, &mut slots);
                    break;
                }
                Step::AtEnd if !parts.is_empty() => {
                    end = End::Here;
                    slots_here(&mut steps, Place::Last, &mut slots);
                    break;
                }
                _ => return None,
            }
        }
        (!parts.is_empty() && steps.next().is_none()).then(|| Self {
            parts: parts.into(),
            end,
            slots: slots.into(),
        })
    }
}

/// Takes the groups that begin or end at a place.
fn slots_here<'a>(
    steps: &mut std::iter::Peekable<impl Iterator<Item = &'a Step>>,
    place: Place,
    slots: &mut Vec<(usize, Place)>,
) {
    while let Some(step) = steps.next_if(|step| matches!(step, Step::Open(_) | Step::Close(_))) {
        match *step {
            Step::Open(group) => slots.push((2 * group, place)),
            Step::Close(group) => slots.push((2 * group + 1, place)),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::pattern::{Found, Pattern, Spans};

    /// All patterns of a few parts on all lines of a few letters, against the `regex` crate.
    #[test]
    fn chains_match_as_an_engine_does() {
        let parts = ["(.+)", "(.*)", "(.{2,})", "x", "xy", "(x)", "(?:.+)", "$"];
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
