//! `(.+) from (.+) port (.+)`: repeats of any byte with literals between them, to the end of the
//! pattern.
//!
//! Each repeat takes as much as it can, the first before all. As each may hold anything, that is to say
//! that each literal stands as far behind as the literals after it allow. So they are looked for from
//! the end, each in what is left of the subject, and nothing is tried twice.

use super::groups::Groups;
use super::literal::Needle;
use crate::pattern::budget::StepBudget;

/// A compiled chain: the last step of a pattern.
#[derive(Debug)]
pub(super) struct Chain {
    pub parts: Box<[Part]>,
    pub end: End,
    /// Groups that begin or end where the match does.
    pub last: Box<[Edge]>,
}

/// A repeat of any byte and the literal behind it.
#[derive(Debug)]
pub(super) struct Part {
    /// The least number of bytes that the repeat takes.
    pub min: usize,
    pub literal: Needle,
    /// The least number of bytes between the start of the chain and the literal.
    pub before: usize,
    /// Groups that begin or end at the literal, each with its distance from where the literal begins.
    pub edges: Box<[(Edge, usize)]>,
}

/// What stands behind the last literal.
#[derive(Clone, Copy, Debug)]
pub(super) enum End {
    /// Anything: the match ends behind the literal.
    Anything,
    /// The end of the subject.
    Here,
    /// A last repeat of at least this many bytes.
    Repeat(usize),
}

/// An edge of a group.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Edge {
    Open(usize),
    Close(usize),
}

impl Edge {
    /// Notes the edge at byte `at`.
    #[inline(always)]
    fn note(self, at: usize, groups: &mut impl Groups) {
        match self {
            Self::Open(group) => groups.open(group, at),
            Self::Close(group) => groups.close(group, at),
        }
    }
}

impl Chain {
    /// The end of a match whose chain begins at `at`. Positions that are tried in vain are charged to the
    /// budget, the bytes read on the way are not.
    #[inline]
    pub(super) fn end<G: Groups>(
        &self,
        subject: &[u8],
        at: usize,
        groups: &mut G,
        budget: &mut StepBudget,
    ) -> Option<usize> {
        let mut limit = match self.end {
            End::Anything | End::Here => subject.len(),
            End::Repeat(min) => subject.len().checked_sub(min)?,
        };
        let mut end = None;
        for part in self.parts.iter().rev() {
            let length = part.literal.len();
            let high = limit.checked_sub(length)?;
            let mut low = at + part.before;
            if matches!(self.end, End::Here) && limit == subject.len() {
                low = low.max(high);
            }
            let start = part.literal.find_last(subject, (low, high), budget)?;
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
