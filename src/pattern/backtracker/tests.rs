use super::*;
use crate::pattern::matches::Spans;
use crate::pattern::parse;

/// Lines on which a step may read far, again and again: they are left to the engine, which is
/// linear. Timing is not asserted; what each of these took before it was bounded is told.
#[test]
fn what_would_take_long_is_left_to_the_engine() {
    let abab = b"ab".repeat(32 * 1024);
    let half = [b"a ".repeat(16 * 1024), b"x".repeat(32 * 1024)].concat();
    let abc = b" a b c".repeat(11_000);
    let others = b"a..b".repeat(16 * 1024);
    let a = b"a".repeat(64 * 1024);
    let cases: [(&str, &[u8]); 12] = [
        // 26 s
        ("^(.+?)(.+?)a(.+)baaaa(.+)", &abab),
        ("^(?:.+?){4}a(.+)baaaa(.+)baaaa(.+)", &abab),
        ("a.*?a(.+)baaaaaaaaaaaaaaaaaaaaaa(.+)", &abab),
        // 3 s
        ("^(.+?)a(.+)baaaa(.+)", &abab),
        // 1 s
        (r"a[^\x41\x43\x45\x47\x49\x4b\x4d\x4f\xe0]*?\xe0", &others),
        ("^(?:a.*)+z", &half),
        ("^(?:a.*?)+z", &half),
        ("^(.+?) (.+)a a a a a b(.+)", &abc),
        // 80 ms
        ("a(?:(b)|(a)|(c))*z", &a),
        ("a(?:(b)|(a)|(c))*z", &abab),
        (r"a(?:\w|\s|\d)*z", &half),
        ("a(?:[ab] ?)*z", &a),
    ];
    for (pattern, line) in cases {
        let parsed = parse::parse(pattern.as_bytes()).unwrap();
        let direct = Backtracker::new(&parsed.root, parsed.groups).unwrap();
        let found = direct.is_match(line);
        assert_eq!(found, None, "{pattern}");
        let mut spans = Spans::default();
        assert_eq!(direct.captures(line, &mut spans), None);
    }
}

/// Short lines, and short lines with many bytes in front, between or behind.
fn lines() -> Vec<Vec<u8>> {
    let mut lines = Vec::new();
    for length in 0..=4_u32 {
        for number in 0..4_usize.pow(length) {
            let letter = |at: u32| b"ab x"[number / 4_usize.pow(at) % 4];
            let short: Vec<u8> = (0..length).map(letter).collect();
            let (one, other) = short.split_at(short.len() / 2);
            let many = |byte: u8| vec![byte; number % 23];
            lines.push(match number % 5 {
                0 | 1 => short,
                2 => [&many(b'a'), &short[..]].concat(),
                3 => [one, &many(b'b'), other].concat(),
                _ => [&short, &many(b'a')[..]].concat(),
            });
        }
    }
    lines.push(b"\0 a\x80\xffb".to_vec());
    lines
}

/// Patterns of three parts, against the `regex` crate: alternatives that begin alike, repeats that
/// can end in one place and in many, lazy ones, and literals of every size.
#[test]
fn patterns_match_as_an_engine_does() {
    let parts = [
        "a",
        " ",
        "(a|ab|b)",
        "(?:ab)?",
        "(?:a| a|(x))",
        "([ab]*)",
        "[^ ]+",
        "([^b]+?)",
        "[ab]{1,3}",
        r"([\x00-\x1f])",
        "aaaaaaaaaa",
        "b aaaaaaaaaaaaaaaaaab",
        "(?:a|b)*",
        "$",
    ];
    let lines = lines();
    let (mut compared, mut matched, mut left) = (0, 0, 0);
    for number in 0..parts.len().pow(3) {
        let part = |at: u32| parts[number / parts.len().pow(at) % parts.len()];
        for start in ["^", "^x?", "a"] {
            let text = format!("{start}{}{}{}", part(0), part(1), part(2));
            let parsed = parse::parse(text.as_bytes()).unwrap();
            let Some(direct) = Backtracker::new(&parsed.root, parsed.groups) else {
                left += 1;
                continue;
            };
            let mut regex = regex::bytes::RegexBuilder::new(&text);
            let regex = regex.unicode(false).build().unwrap();
            for line in lines.iter().skip(number % 7).step_by(7) {
                let mut spans = Spans::default();
                let found = direct.captures(line, &mut spans);
                let is_match = direct.is_match(line);
                compared += 1;
                left += usize::from(is_match.is_none());
                let wanted = regex.captures(line);
                for known in [found, is_match].into_iter().flatten() {
                    assert_eq!(known, wanted.is_some(), "{text} {line:?}");
                }
                if found.is_none() {
                    continue;
                }
                let groups = wanted.iter().flat_map(|wanted| wanted.iter());
                let groups = groups.map(|group| group.map(|group| (group.start(), group.end())));
                assert!(
                    spans.0.iter().copied().eq(groups),
                    "{text} {line:?}: {spans:?}"
                );
                matched += usize::from(is_match == Some(true));
            }
        }
    }
    assert!(left < 1_500, "{left} are left to the engine");
    assert!(compared > 300_000, "only {compared} pairs");
    assert!(matched > 50_000, "only {matched} matches");
}

/// A match that goes on behind a head is the one from the start.
#[test]
fn what_is_behind_a_head_decides_as_the_whole_does() {
    let patterns = [
        r"^x\[\d+\]: a(b|c)",
        "^x[^ ]+b y",
        "^x[^ ]{3,}]: y",
        "^x[1b]+1]: y",
        r"^(?:x|xb)\S*: y",
        "^xb+ y$",
        r"^[xb ]*: \x00",
    ];
    let heads = ["x[1]: ", "x ", "xb ", "xbbb]: ", "x", "xb1]: ", "xb: "];
    let rests = ["", "y", "ab", "ac", "b", "xb y", "\0y"];
    let (mut asked, mut known) = (0, 0);
    for pattern in patterns {
        let parsed = parse::parse(pattern.as_bytes()).unwrap();
        let direct = Backtracker::new(&parsed.root, parsed.groups).unwrap();
        for (head, spans) in heads.iter().flat_map(|head| [(head, false), (head, true)]) {
            let numbers = head.find('1').into_iter().map(Some).chain([None]);
            for number in numbers {
                asked += 1;
                let Some(entry) = direct.continuation(head.as_bytes(), number, spans) else {
                    continue;
                };
                known += 1;
                for (rest, digits) in rests.iter().flat_map(|rest| [(rest, "1"), (rest, "23")]) {
                    let before = match number {
                        Some(_) => head.replace('1', digits),
                        None => (*head).to_string(),
                    };
                    let line = format!("{before}{rest}");
                    let whole = direct.is_match(line.as_bytes());
                    let got = entry.matches(line.as_bytes(), before.len(), None);
                    assert_eq!(got, whole, "{pattern} {line:?} {entry:?}");
                }
            }
        }
    }
    assert_eq!(asked, patterns.len() * 2 * (heads.len() + 2));
    assert!(known > 15, "only {known} of {asked} are known");
}
