//! The part of an NFA that is reachable within the head of a subject: one state of many. It is all that
//! is kept of each pattern.

use super::nfa::{ACCEPT, Nfa, State, UNKNOWN};
use crate::pattern::set::ByteSet;
use crate::pattern::tag::ends_tag;

/// The parts of a head, in their order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Part {
    Word,
    End,
    Blank,
    Behind,
}

impl Nfa {
    /// The NFA of the states reachable within the head of a subject; about 1 % of all.
    pub(super) fn of_heads(&self) -> Self {
        let part = self.head_part();
        let mut small = Self {
            loose: self.loose,
            ..Self::default()
        };
        let mut place = vec![UNKNOWN as u16; self.states.len()];
        let kept = (0..self.states.len()).filter(|&at| at <= ACCEPT || part[at] != Part::Behind);
        let kept: Vec<usize> = kept.collect();
        for (to, &at) in kept.iter().enumerate() {
            place[at] = to as u16;
        }
        let mut numbers: Vec<Option<u16>> = vec![None; self.sets.len()];
        for &at in &kept {
            small.states.push(match self.states[at] {
                State::One(byte, next) => State::One(byte, place[next as usize]),
                State::Both(one, other) => State::Both(place[one as usize], place[other as usize]),
                State::Anything => State::Anything,
                State::Byte(set, next) => {
                    let sets = &mut small.sets;
                    let number = *numbers[set as usize].get_or_insert_with(|| {
                        sets.push(self.sets[set as usize]);
                        sets.len() as u16 - 1
                    });
                    State::Byte(number, place[next as usize])
                }
            });
        }
        small.start = place[self.start] as usize;
        small.states.shrink_to_fit();
        small.sets.shrink_to_fit();
        small
    }

    /// For each state the first part of a head in which it can be reached.
    fn head_part(&self) -> Vec<Part> {
        let blank = ByteSet::range(b' ', b' ');
        let mut ends = ByteSet::default();
        (0..=255)
            .filter(|&b| ends_tag(b))
            .for_each(|b| ends.insert(b));
        let mut part = vec![Part::Behind; self.states.len()];
        let mut open = vec![(self.start, Part::Word)];
        while let Some((at, now)) = open.pop() {
            let ways = match (self.states[at], now) {
                (State::Anything, _) => continue,
                // What ends with a blank need not be known, but that something ends there.
                (State::One(..) | State::Byte(..), Part::Blank | Part::Behind) => continue,
                (_, now) if part[at] <= now => continue,
                (State::Both(one, other), now) => [(one as usize, now), (other as usize, now)],
                (_, now) => self
                    .takes(at)
                    .map_or([(at, Part::Behind); 2], |(set, next)| {
                        let way = |open: bool, part| (next, if open { part } else { Part::Behind });
                        match now {
                            Part::Word => [
                                way(set.intersects(ends.negate()), Part::Word),
                                way(set.intersects(ends), Part::End),
                            ],
                            _ => [way(set.intersects(blank), Part::Blank); 2],
                        }
                    }),
            };
            part[at] = now;
            open.extend(ways.into_iter().filter(|&(_, part)| part != Part::Behind));
        }
        part
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Beginning, Fit, Nfa, anchored};
    use crate::pattern::Pattern;
    use crate::pattern::tag::ends_tag;

    /// The patterns of our own rules, and the first words of the lines that they were written for.
    fn examples() -> (Vec<Pattern>, Vec<Vec<u8>>) {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let all = |dir: &str| {
            let files = std::fs::read_dir(root.join(dir)).unwrap();
            let text = files.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap());
            text.collect::<Vec<_>>().join("\n")
        };
        let rules = all("etc/includes-available");
        let patterns = rules.lines().filter_map(|line| {
            let (_, pattern) = line.trim().split_once([' ', '\t'])?;
            Pattern::compile(pattern.trim().as_bytes()).ok()
        });
        let logs = all("tests/rules");
        let mut words: Vec<Vec<u8>> = logs
            .lines()
            .filter_map(|line| line.split_whitespace().nth(4))
            .map(|word| word.bytes().take_while(|&b| !ends_tag(b)).collect())
            .collect();
        words.sort_unstable();
        words.dedup();
        (patterns.collect(), words)
    }

    #[test]
    fn what_is_kept_says_of_heads_what_all_of_it_does() {
        let (patterns, words) = examples();
        let (mut heads, mut states, mut kept) = (0, 0, 0);
        let anchored = patterns.iter().filter(|p| anchored(&p.tree()));
        for (number, pattern) in anchored.enumerate() {
            let all = Nfa::new(&pattern.tree());
            let small = all.of_heads();
            (states, kept) = (states + all.states.len(), kept + small.states.len());
            let [all, small] = [all, small].map(|nfa| Beginning(Some(nfa)));
            // All pairs are many: each word meets a quarter of the patterns.
            for word in words.iter().skip(number % 4).step_by(4) {
                for behind in [&b""[..], b"[", b":", b": ", b" ", b"  ", b"(", b"\xff "] {
                    let head = [word, behind].concat();
                    let said = [all.fit(&head), small.fit(&head)];
                    assert_eq!(said[0], said[1], "{pattern:?} {}", bstr::BStr::new(&head));
                    heads += 1;
                }
            }
        }
        assert!(heads > 100_000, "{heads} heads");
        assert!(kept * 5 < states, "{kept} of {states} states");
    }

    #[test]
    fn a_pattern_with_more_parts_than_there_are_numbers_is_not_misjudged() {
        let pattern = format!("^(?:{}su)+: ", "sshd|".repeat(70_000));
        let beginning = Pattern::compile(pattern.as_bytes())
            .unwrap()
            .properties()
            .tags
            .beginning
            .clone();
        for begin in ["sshd: ", "su: ", "sshdsu: "] {
            assert_ne!(beginning.fit(begin.as_bytes()), Fit::No, "{begin}");
        }
    }
}
