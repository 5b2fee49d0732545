//! Masking: what the groups of a rule matched is replaced, so that lines become equal.

use crate::pattern::Spans;

/// Writes `message` to `out` with the span of each capture group replaced by `mask`.
///
/// Of groups inside one another the outermost is masked, once. A group that took no part stays
/// away; one that matched nothing puts the mask where it stands.
pub fn mask(message: &[u8], spans: &Spans, mask: &[u8], out: &mut Vec<u8>) {
    out.clear();
    let mut groups: Vec<(usize, usize)> = spans.0.iter().skip(1).flatten().copied().collect();
    groups.sort_by_key(|&(start, end)| (start, std::cmp::Reverse(end)));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pattern::{Found, Pattern};

    fn masked(pattern: &str, text: &str, with: &str) -> String {
        let (mut spans, mut out) = (Spans::default(), Vec::new());
        let found = Pattern::compile(pattern.as_bytes())
            .unwrap()
            .captures(text.as_bytes(), &mut spans);
        assert_eq!(found, Found::Yes, "{pattern}");
        mask(text.as_bytes(), &spans, with.as_bytes(), &mut out);
        String::from_utf8(out).unwrap()
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
