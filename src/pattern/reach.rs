//! How far into a subject a pattern matches that does not match it: for people who ask why.

use std::ops::Range;

use regex_automata::hybrid::dfa::{Cache, DFA};
use regex_automata::{Anchored, Input};

use super::compiled::{Engine, Pattern};
use super::emit::{Purpose, emit};
use super::lazy_dfa;
use super::matches::Found;

/// Bytes of a subject that are looked at: a longer one is cut.
const MOST: usize = 8 << 10;
/// Steps of the automaton, over all places where a match may begin.
const MOST_STEPS: usize = 1 << 20;
/// Beginnings of a pattern that are tried.
const MOST_CUTS: usize = 400;

/// How far a pattern matches in a subject.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Reach {
    /// The bytes of the subject that the pattern matches, beginning where it gets farthest. The pattern cannot
    /// go on behind them.
    pub subject: Range<usize>,
    /// The length of the beginning of the pattern, as it is written, that is found in the subject: the rest is
    /// not found behind it. Nothing if the pattern has alternatives as a whole.
    pub source: Option<usize>,
}

impl Pattern {
    /// How far the pattern matches in a subject that it does not match.
    pub fn reach(&self, subject: &[u8]) -> Reach {
        let subject = subject.get(..MOST).unwrap_or(subject);
        Reach {
            subject: self.farthest(subject).unwrap_or(0..0),
            source: None,
        }
    }

    /// As [`Pattern::reach`], with the part of the pattern that matches.
    pub fn reach_in_source(&self, subject: &[u8]) -> Reach {
        let subject = subject.get(..MOST).unwrap_or(subject);
        let mut reach = self.reach(subject);
        let source = self.source();
        let cuts = cuts(source).unwrap_or_default();
        let found = |cut: &&usize| {
            let part = source
                .get(..**cut)
                .and_then(|part| Self::compile(part).ok());
            part.is_some_and(|part| part.is_match(subject) == Found::Yes)
        };
        reach.source = cuts.iter().rev().take(MOST_CUTS).find(found).copied();
        reach
    }

    /// The longest stretch of the subject that is the beginning of a match.
    fn farthest(&self, subject: &[u8]) -> Option<Range<usize>> {
        let purpose = match self.engine() {
            Engine::Regular => Purpose::Line,
            Engine::Backtracking => Purpose::Superset,
        };
        let text = emit(&self.tree(), self.groups(), purpose).ok()?.text;
        let dfa = lazy_dfa::anchored(&text)?;
        let mut cache = dfa.create_cache();
        let (mut best, mut steps) = (0..0, 0);
        for start in 0..=subject.len() {
            let end = alive(&dfa, &mut cache, subject, start)?;
            steps += end - start + 1;
            if end - start > best.len() {
                best = start..end;
            }
            if steps > MOST_STEPS {
                break;
            }
        }
        Some(best)
    }
}

/// Where a match that begins at `start` cannot go on.
fn alive(dfa: &DFA, cache: &mut Cache, subject: &[u8], start: usize) -> Option<usize> {
    let input = Input::new(subject)
        .span(start..subject.len())
        .anchored(Anchored::Yes);
    let mut state = dfa.start_state_forward(cache, &input).ok()?;
    for (at, &byte) in subject.iter().enumerate().skip(start) {
        state = dfa.next_state(cache, state, byte).ok()?;
        if state.is_dead() {
            return Some(at);
        }
    }
    Some(subject.len())
}

/// The places between the parts of a pattern that follow each other, its end not counted; nothing if it has
/// alternatives as a whole.
fn cuts(source: &[u8]) -> Option<Vec<usize>> {
    let (mut cuts, mut at) = (Vec::new(), 0);
    while let Some(&byte) = source.get(at) {
        let begin = at;
        at += match byte {
            b'|' => return None,
            b'\\' => escape_length(source.get(at..)?),
            b'[' => class_length(source.get(at..)?),
            b'(' => group_length(source.get(at..)?),
            _ => 1,
        };
        // What repeats the part before belongs to it.
        let repeats = matches!(byte, b'*' | b'+' | b'?') || is_count(source, begin);
        if is_count(source, begin) {
            at = begin + 1 + source.get(begin..)?.iter().position(|&b| b == b'}')?;
        }
        if !repeats && begin > 0 {
            cuts.push(begin);
        }
    }
    Some(cuts)
}

/// Whether a count of rounds (`{2,3}`) begins here.
fn is_count(source: &[u8], at: usize) -> bool {
    let rest = source.get(at..).and_then(|rest| rest.strip_prefix(b"{"));
    let Some(rest) = rest else {
        return false;
    };
    let digits = rest
        .iter()
        .take_while(|b| b.is_ascii_digit() || **b == b',');
    let length = digits.count();
    length > 0 && rest.get(length) == Some(&b'}')
}

/// The length of what begins with a backslash.
fn escape_length(rest: &[u8]) -> usize {
    let braces = |from: usize| {
        let inside = rest.get(from..).and_then(|rest| rest.strip_prefix(b"{"))?;
        Some(from + 2 + inside.iter().position(|&b| b == b'}')?)
    };
    match rest.get(1) {
        Some(b'x') => braces(2).unwrap_or_else(|| {
            let digits = rest.iter().skip(2).take(2);
            2 + digits.take_while(|b| b.is_ascii_hexdigit()).count()
        }),
        Some(b'p' | b'P' | b'k' | b'g' | b'o' | b'N') => braces(2).unwrap_or(3),
        Some(b'c') => 3,
        _ => 2,
    }
}

/// The length of a class in brackets.
fn class_length(rest: &[u8]) -> usize {
    let mut at = 1;
    at += usize::from(rest.get(at) == Some(&b'^'));
    at += usize::from(rest.get(at) == Some(&b']'));
    while let Some(&byte) = rest.get(at) {
        at += match byte {
            b'\\' => 2,
            b']' => return at + 1,
            b'[' if rest.get(at + 1) == Some(&b':') => {
                let inside = rest.get(at..).unwrap_or_default();
                let end = inside.windows(2).position(|two| two == b":]");
                end.map_or(1, |end| end + 2)
            }
            _ => 1,
        };
    }
    rest.len()
}

/// The length of a group.
fn group_length(rest: &[u8]) -> usize {
    let (mut at, mut depth) = (0, 0);
    while let Some(&byte) = rest.get(at) {
        let inside = rest.get(at..).unwrap_or_default();
        at += match byte {
            b'\\' => escape_length(inside),
            b'[' => class_length(inside),
            b'(' => {
                depth += 1;
                1
            }
            b')' => {
                depth -= 1;
                1
            }
            _ => 1,
        };
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_says_how_far_it_gets() {
        let mut checked = 0;
        for (pattern, subject, there, rest) in [
            ("^sshd: foo", "sshd: fob", "sshd: fo", "o"),
            ("^sshd: foo", "cron: foo", "", "sshd: foo"),
            ("^a: (\\d+) b$", "a: 12 c", "a: 12 ", "b$"),
            ("^a: (\\d+) b$", "a: x b", "a: ", "(\\d+) b$"),
            ("^a: (?:x|y)+? b", "a: x c", "a: x ", "b"),
            ("^a b{2,3}c", "a bbx", "a bb", "c"),
            ("^a$", "ab", "a", "$"),
            ("^a b", "a ", "a ", "b"),
            ("^a .* b$", "a x c", "a x c", "b$"),
            ("user root", "for user rob", "user ro", "ot"),
            ("^a[]:x[:digit:]]+ \\x41B", "a]7: AC", "a]7: A", "B"),
            ("^a(?=b)cd", "acx", "ac", "(?=b)cd"),
        ] {
            let compiled = Pattern::compile(pattern.as_bytes()).unwrap();
            let reach = compiled.reach_in_source(subject.as_bytes());
            assert_eq!(&subject[reach.subject], there, "{pattern} on {subject}");
            let source = reach.source.unwrap_or_default();
            let missing = &pattern[source..];
            assert!(
                missing == rest || (source == 0 && missing.ends_with(rest)),
                "{pattern}: {missing}"
            );
            checked += 1;
        }
        assert_eq!(checked, 12);
        let whole = Pattern::compile(b"^a b|^c d").unwrap();
        assert_eq!(whole.reach_in_source(b"c x").source, None);
        assert_eq!(whole.reach_in_source(b"c x").subject, 0..2);
    }

    #[test]
    fn a_long_subject_takes_bounded_time() {
        let compiled = Pattern::compile(b"(?:a|b)*x{3}y").unwrap();
        let subject = b"ab".repeat(100_000);
        assert!(compiled.reach(&subject).subject.end <= MOST);
    }
}
