//! Masking: the text that the groups of a rule matched is replaced, so that lines become equal.

use crate::pattern::{Pattern, Spans};
use crate::record::MessageText;

/// Appends the message to `out` with the span of each outermost capture group of `pattern` replaced by
/// `mask`.
///
/// A group inside another one is not masked by itself if the other took part in the match. A group that took
/// no part leaves no mask; a group that matched the empty text leaves one.
pub fn mask(
    text: &mut MessageText<'_>,
    pattern: &Pattern,
    spans: &Spans,
    mask: &[u8],
    out: &mut Vec<u8>,
) {
    let (begin, message) = text.parts();
    let length = out.len();
    out.extend_from_slice(begin);
    // Most groups stand side by side, in their order.
    let mut done = begin.len();
    for (group, span) in spans.0.iter().enumerate().skip(1) {
        if let &Some((start, end)) = span {
            if start < done || end <= start || pattern.parent(group).is_some() {
                out.truncate(length);
                return mask_any(text.message(), pattern, spans, mask, out);
            }
            out.extend_from_slice(&message[done..start]);
            out.extend_from_slice(mask);
            done = end;
        }
    }
    out.extend_from_slice(&message[done..]);
}

/// Masks a message as [`mask`] does, for groups that are empty, nested, or not in their order.
fn mask_any(message: &[u8], pattern: &Pattern, spans: &Spans, mask: &[u8], out: &mut Vec<u8>) {
    let mut groups: Vec<(usize, usize)> = spans
        .0
        .iter()
        .enumerate()
        .skip(1)
        .filter(|(group, _)| !is_inside(pattern, spans, *group))
        .filter_map(|(_, span)| *span)
        .collect();
    // Captures in look-around may stand anywhere; others stand in their order already. An empty group
    // stands before the one that begins where it does.
    groups.sort_by_key(|&(start, end)| (start, end > start, std::cmp::Reverse(end)));
    let mut done = 0;
    for (start, end) in groups {
        if start < done {
            continue;
        }
        out.extend_from_slice(&message[done..start]);
        out.extend_from_slice(mask);
        done = end;
    }
    out.extend_from_slice(&message[done..]);
}

/// Whether a group around this one took part in the match.
fn is_inside(pattern: &Pattern, spans: &Spans, group: usize) -> bool {
    std::iter::successors(pattern.parent(group), |around| pattern.parent(*around))
        .any(|around| spans.0.get(around).is_some_and(Option::is_some))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pattern::Found;

    fn masked(pattern: &str, text: &str, with: &str) -> String {
        let (mut spans, mut out) = (Spans::default(), Vec::new());
        let pattern = Pattern::compile(pattern.as_bytes()).unwrap();
        let found = pattern.captures(text.as_bytes(), &mut spans);
        assert_eq!(found, Found::Yes, "{pattern:?}");
        let mut text = text.as_bytes().into();
        mask(&mut text, &pattern, &spans, with.as_bytes(), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_stands_around_a_process_id_is_masked_too() {
        for (pattern, want) in [
            (r"^sshd: user (\w+) (\S+)", "sshd: user * *"),
            (r"^(\w+): user (\w+)", "*: user * eve"),
            (r"^ss(hd: us)er", "ss*er bob eve"),
        ] {
            let (mut spans, mut out, mut room) = (Spans::default(), Vec::new(), Vec::new());
            let pattern = Pattern::compile(pattern.as_bytes()).unwrap();
            let mut text = MessageText::new(b"sshd[12]: user bob eve", true, &mut room);
            assert_eq!(pattern.captures(text.message(), &mut spans), Found::Yes);
            let mut text = MessageText::new(b"sshd[12]: user bob eve", true, &mut room);
            mask(&mut text, &pattern, &spans, b"*", &mut out);
            assert_eq!(bstr::BStr::new(&out), want, "{pattern:?}");
        }
    }

    #[test]
    fn groups_are_masked_as_their_writer_wants() {
        let cases = [
            ("(a)(b)(c)", "abc", "***"),
            (r"x(\d+)y(\w+)z", "x12345yabcz tail", "x*y*z tail"),
            ("(a)?b", "b", "b"),
            ("(a)?(b)?(c)", "c", "*"),
            ("(?:(a)|(b))", "b", "*"),
            ("(x)+", "xxx", "xx*"),
            (r"(?:(\w)(\d))+", "a1b2c3", "a1b2**"),
            ("()x", "x", "*x"),
            (r"x(\d*)y", "xy", "x*y"),
            ("(a*)(b*)", "zzz", "**zzz"),
            ("(.*)", "", "*"),
            ("foo", "a foo b", "a foo b"),
            ("(a(x?))", "ab", "*b"),
            ("(a)(x?)", "ab", "**b"),
            ("((x?)a)", "ab", "*b"),
            ("(x?)(a)", "ab", "**b"),
            ("(a(b(x?)))(y?)", "abc", "**c"),
            ("(?|(a)x|(b)y)z", "byz", "*yz"),
            ("(?=(\\w+))(a)", "abc", "*"),
            ("(foo)(?=(bar))", "foobar", "**"),
            ("(?=.*(z))(a)", "a then z", "* then *"),
            ("((a)b)", "ab and", "* and"),
            (
                r"((\d+)-(\d+)) x",
                "t2: 12345678-12345678 x y z",
                "t2: * x y z",
            ),
        ];
        for (pattern, text, want) in cases {
            assert_eq!(masked(pattern, text, "*"), want, "{pattern} on {text}");
        }
        assert_eq!(masked("(.+) (.+)", "a b", ""), " ");
    }
}
