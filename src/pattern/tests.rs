use super::*;

fn error(pattern: &str) -> PatternError {
    Pattern::compile(pattern.as_bytes()).expect_err(pattern)
}

/// A pattern, where its error is, and how the message begins.
const ERRORS: [(&str, (usize, usize), &str); 25] = [
    (
        "^a (?:b|+c)",
        (8, 9),
        "Perl does not accept this: nothing for `+` to repeat",
    ),
    (
        "a(b",
        (1, 2),
        "Perl does not accept this: `(` without its `)`",
    ),
    (
        "ab)",
        (2, 3),
        "Perl does not accept this: `)` without its `(`",
    ),
    (
        "a[b",
        (1, 2),
        "Perl does not accept this: `[` without its `]`",
    ),
    (
        "a**",
        (2, 3),
        "Perl does not accept this: a quantifier after a quantifier",
    ),
    (
        "[z-a]",
        (1, 4),
        "Perl does not accept this: a range that ends before it begins",
    ),
    (
        "x[[:foo:]]",
        (2, 9),
        "Perl does not accept this: a POSIX class that there is not",
    ),
    (
        "(a)\\2",
        (3, 5),
        "Perl does not accept this: a reference to a group that there is not",
    ),
    (
        "\\d{x}",
        (2, 3),
        "Perl does not accept this: `{` after an escape",
    ),
    (
        "a\\",
        (1, 2),
        "Perl does not accept this: a backslash at the end",
    ),
    (
        "(?<=a+)b",
        (0, 7),
        "Perl does not accept this: a look-behind",
    ),
    (
        "(?{1})",
        (0, 3),
        "Perl does not accept this: code in a pattern",
    ),
    (
        "(\\((?:[^()]++|(?1))*\\))",
        (14, 18),
        "not supported: recursion",
    ),
    ("(?R)", (0, 4), "not supported: recursion"),
    ("a\\b{wb}", (1, 7), "not supported: Unicode boundaries"),
    ("a+(*SKIP)b", (2, 9), "not supported: verbs"),
    ("(?(R)a|b)", (0, 3), "not supported: tests for recursion"),
    ("(?l)a", (0, 3), "not supported: matching by the locale"),
    (
        "\\N{DIGIT ONE}",
        (0, 13),
        "not supported: characters by name",
    ),
    (
        "(?:(a\\1)|b)+",
        (5, 7),
        "not supported: a backreference inside",
    ),
    (
        "(?<n>a)(?<n>b)(?(<n>)c)",
        (14, 23),
        "not supported: a conditional on several",
    ),
    (
        "(a)(\\1b)(?2)",
        (8, 12),
        "not supported: a call of a group that holds",
    ),
    ("(?[ [a] ])", (0, 3), "not supported: extended classes"),
    ("x(?:a\\K)+b", (1, 9), "not supported: `\\K` in a group"),
    (
        "(?:a{1,1000}){1,1000}",
        (0, 21),
        "not supported: a pattern that takes more than 32 MB",
    ),
];

#[test]
fn errors_say_where_and_whose_they_are() {
    let mut checked = 0;
    for (pattern, span, starts) in ERRORS {
        let error = error(pattern);
        assert!(error.message.starts_with(starts), "{pattern}: {error:?}");
        assert_eq!(error.span, span, "{pattern}");
        let ours = error.message.starts_with("not supported: ");
        assert!(
            !ours || error.hint.is_some(),
            "{pattern}: what to write instead?"
        );
        checked += 1;
    }
    assert_eq!(checked, 25);
}

#[test]
fn notes_say_what_their_writer_should_know() {
    use NoteKind::*;
    let mut checked = 0;
    for (pattern, kind, span) in [
        ("^repeated (\\\\d+) time", DoubledBackslash, (11, 14)),
        ("a(b(c))", NestedCaptures, (3, 6)),
        ("(?:(a)|b)+", LoopCapture, (3, 6)),
        ("a(?=b)", SlowEngine, (0, 6)),
        ("\\Qa", UnknownEscape, (0, 2)),
        ("[\\Qa]", UnknownEscape, (1, 3)),
        ("a{,3}", PerlVersion, (1, 5)),
        ("a{ 3 }", PerlVersion, (1, 6)),
    ] {
        let pattern = Pattern::compile(pattern.as_bytes()).unwrap();
        let notes: Vec<_> = pattern.notes().iter().map(|n| (n.kind, n.span)).collect();
        assert_eq!(notes, [(kind, span)], "{pattern:?}");
        checked += 1;
    }
    assert_eq!(checked, 8);
    let quiet = Pattern::compile(br"^sshd\[\d+\]: (?:error|fatal): (.+) \(\<x\>\)$").unwrap();
    assert_eq!(quiet.notes(), []);
}

#[test]
fn numbers_in_octal_wait_for_the_count_of_groups() {
    let mut checked = 0;
    for (pattern, subject, found) in [
        ("(?<=\\101)b", &b"Ab"[..], Found::Yes),
        ("(?<=\\101|x\\060)b(c)", b"x0bc", Found::Yes),
        // More than a byte: Latin-1 rules hold.
        ("\\400|\\w", b"\xe9", Found::Yes),
        ("(?<=\\400|\\w)b", b"\xe9b", Found::Yes),
        ("\\377|\\w", b"\xe9", Found::No),
        ("(a)()()()()()()()()()\\10", b"a", Found::Yes),
        ("(a)()()()()()()()()\\10", b"a\x08", Found::Yes),
    ] {
        let compiled = Pattern::compile(pattern.as_bytes()).expect(pattern);
        assert_eq!(compiled.is_match(subject), found, "{pattern}");
        checked += 1;
    }
    assert_eq!(checked, 7);
    let reference = error("(a)()()()()()()()()()(?<=\\10)");
    assert!(reference.message.contains("a look-behind"), "{reference:?}");
}

#[test]
fn a_backreference_without_case_may_hold_any_bytes() {
    let mut checked = 0;
    for (subject, found) in [
        (&b"caf\xc3\xa9 x CAF\xc3\xa9"[..], Found::Yes),
        (b"\xffxB \xffXb", Found::Yes),
        // Only ASCII letters have two cases.
        (b"\xe9a \xc9a", Found::No),
    ] {
        let pattern = Pattern::compile(br"(?i)^(\S+) .*?\b?\1$").unwrap();
        let mut spans = Spans::default();
        assert_eq!(pattern.captures(subject, &mut spans), found, "{subject:?}");
        assert_eq!(pattern.is_match(subject), found, "{subject:?}");
        checked += 1;
    }
    assert_eq!(checked, 3);
    let slow = Pattern::compile(br"(?i)(\w+)+(\w+)+\1\xff\2!").unwrap();
    let line = [&[b'a'; 60][..], b"\xffb!"].concat();
    assert_eq!(slow.is_match(&line), Found::GaveUp);
}

#[test]
fn a_failed_round_may_leave_its_group_behind() {
    let mut checked = 0;
    for (pattern, subject, groups) in [
        ("^((-){2}port )+", "--port --por", [(0, 7), (0, 7), (8, 9)]),
        (
            "^((-){2}pa){1,3}[^:]",
            "--pa--pqq",
            [(0, 5), (0, 4), (5, 6)],
        ),
        ("^((-){2}p){1,3}[^:]", "--p--q", [(0, 4), (0, 3), (1, 2)]),
        ("^((ab){2}p)+", "ababpababq", [(0, 5), (0, 5), (2, 4)]),
    ] {
        let pattern = Pattern::compile(pattern.as_bytes()).unwrap();
        let mut spans = Spans::default();
        assert_eq!(pattern.captures(subject.as_bytes(), &mut spans), Found::Yes);
        assert_eq!(spans.0, groups.map(Some), "{pattern:?}");
        checked += 1;
    }
    assert_eq!(checked, 4);
}

/// What the engines would answer differs: the match hangs on what a group holds.
#[test]
fn groups_that_hang_on_perls_way_decide_over_the_match() {
    let mut checked = 0;
    for (pattern, subject, found) in [
        (r"^(?:\h+?(\s)*\[){1,3}+\1", "     [   [ [ .", Found::No),
        (
            r"^(failed)|<((-){2,}\d?>(([^:])+?(?(2)\S|error)[+--]?))(from\]sshd){3,}?$",
            "<--0>verrorfrom]sshDfrom]sshdfrom]sshdfrom]sshd",
            Found::Yes,
        ),
        (
            r"@(=\.(?<n>(?<n>[^,]?+)[^,]{1,15}\k<n>))\g{-1}",
            " @=.X/rXX",
            Found::No,
        ),
        (r"^(?:\d?|\w{1,15}){1,}+=", "ab=", Found::No),
        (r"^(?:\d?|\w{1,15})+=", "ab=", Found::Yes),
        (
            r"^b\W(\w*(?:\d*?(\t\w|[\d.])?+})i<)$",
            "b)T8}i<",
            Found::Yes,
        ),
    ] {
        let compiled = Pattern::compile(pattern.as_bytes()).unwrap();
        let mut spans = Spans::default();
        let captured = compiled.captures(subject.as_bytes(), &mut spans);
        assert_eq!(captured, found, "{pattern}");
        assert_eq!(compiled.is_match(subject.as_bytes()), found, "{pattern}");
        checked += 1;
    }
    assert_eq!(checked, 6);
}

#[test]
fn engines_get_plain_patterns() {
    let mut checked = 0;
    for (pattern, canonical, engine) in [
        ("\\<a", "\\x3Ca", Engine::Regular),
        ("^a b$", "\\Aa b\\z", Engine::Regular),
        (
            "(?<n>a)|(?i)b",
            "(a)|[\\x42-\\x42\\x62-\\x62]",
            Engine::Regular,
        ),
        ("(a){0}(b)", "(b)", Engine::Regular),
        ("a{2}+b", "(?>a{2})b", Engine::Backtracking),
        ("(a)\\g1", "(a)(?:\\1)", Engine::Backtracking),
        ("a(?=b)*", "a(?:(?=b)|)", Engine::Backtracking),
    ] {
        let pattern = Pattern::compile(pattern.as_bytes()).unwrap();
        assert_eq!(pattern.canonical(), canonical);
        assert_eq!(pattern.engine(), engine, "{pattern:?}");
        checked += 1;
    }
    assert_eq!(checked, 7);
}

#[test]
fn a_dollar_sign_sees_a_final_newline() {
    let mut checked = 0;
    for (pattern, subject, found) in [
        ("a$", &b"a\n"[..], Found::Yes),
        ("a\\z", b"a\n", Found::No),
        ("a$", b"a\nb", Found::No),
        ("(?m)a$", b"a\nb", Found::Yes),
        ("(?m)^b", b"a\nb", Found::Yes),
        ("^b", b"a\nb", Found::No),
        ("(?m)x^", b"x\n", Found::No),
        ("^\\R$", b"\r\n", Found::Yes),
    ] {
        let compiled = Pattern::compile(pattern.as_bytes()).unwrap();
        assert_eq!(compiled.is_match(subject), found, "{pattern}");
        checked += 1;
    }
    assert_eq!(checked, 8);
}

#[test]
fn backtracking_has_a_limit() {
    let slow = Pattern::compile(b"^(?:(a+)+(?!b)x\\1?)+$").unwrap();
    let line = [vec![b'a'; 40], b"x!".to_vec()].concat();
    assert_eq!(slow.is_match(&line), Found::GaveUp);
    let mut spans = Spans::default();
    assert_eq!(slow.captures(&line, &mut spans), Found::GaveUp);
}

#[test]
fn deep_patterns_do_no_harm() {
    for depth in [100, 120, 1000, 100_000] {
        for (open, close) in [("(", ")"), ("(?:a|", ")"), ("(?=", ")"), ("(?:", ")*")] {
            let text = format!("{}a{}", open.repeat(depth), close.repeat(depth));
            let compiled = Pattern::compile(text.as_bytes());
            if depth == 100 && open == "(" {
                assert_eq!(compiled.unwrap().is_match(b"a"), Found::Yes);
            }
        }
    }
}

#[test]
fn calls_grow_no_pattern_without_bound() {
    let mut wide = String::from("(aaaa)");
    let mut deep = String::from("(a)");
    for group in 1..200 {
        wide.push_str(&format!("((?{group})(?{group})(?{group}))"));
        deep.push_str(&format!("((?:b|(?{group})))"));
    }
    assert!(error(&wide).message.starts_with("not supported: calls"));
    let _ = Pattern::compile(deep.as_bytes());
    let fine = Pattern::compile(b"(?<ip>\\d+(?:\\.\\d+){3}) to (?&ip)").unwrap();
    assert_eq!(fine.is_match(b"1.2.3.4 to 5.6.7.8"), Found::Yes);
}

/// Lines of 64 KiB as somebody writes them who wants a pattern with look-around to take long.
fn long_lines() -> Vec<Vec<u8>> {
    let units: [&str; 12] = [
        "a", "a ", "ab", "x", ";", "aa;", "a;", "from a ", "failed ", "a x", "xa", "aab ",
    ];
    let mut lines = Vec::new();
    for unit in units {
        for end in ["", ";", "x;", " x", "b", "[preauth]", "ignored", " x;"] {
            let mut line = unit.repeat((64 << 10) / unit.len());
            line.truncate((64 << 10) - end.len());
            line.push_str(end);
            lines.push(line.into_bytes());
        }
    }
    lines
}

#[test]
fn look_around_and_references_decide_on_long_lines() {
    let mut most = (0, String::new());
    for pattern in [
        "^(?=.*;)a",
        r"\S+ (?!.*;)x",
        "(?<!x)a(?=.*;)",
        r"(\w)\1(?=.*;)",
        "(?:(?=.*x)a)*b",
        r"\w+(?=.*;)",
        r"from \S+(?!.*\[preauth\])",
        "failed(?!.*ignored)",
        "(?=.*;)(?=.*x)(?!.*y)a",
        "(?!.*ignored)failed .*for (\\S+)",
    ] {
        let compiled = Pattern::compile(pattern.as_bytes()).unwrap();
        for line in long_lines() {
            let mut budget = Budget::new(line.len());
            let found = compiled.is_match_within(&line, false, &mut budget);
            let told = || format!("{pattern} on {}", line[..20].escape_ascii());
            assert_ne!(found, Found::GaveUp, "{}", told());
            let mut spans = Spans::default();
            let same = compiled.captures_within(&line, false, &mut spans, &mut budget);
            assert_eq!(same, found, "{}", told());
            let spent = budget.spent();
            if spent > most.0 {
                most = (spent, told());
            }
        }
    }
    assert!(most.0 < Budget::new(64 << 10).left() / 2, "{most:?}");
}

/// One of fail2ban's (its filter for MongoDB): two runs up to the end of the line stand side by side,
/// before a reference.
const TWO_RUNS: &str = r"^\s+\[conn(?P<__connid>\d+)\] Failed to authenticate [^\n]+.*\s+\[conn(?P=__connid)\] end connection (?:(?P<ip4>\d{1,3}(?:\.\d{1,3}){3})|\[?(?P<ip6>[0-9a-fA-F:]{3,39})\]?|(?P<dns>[\w.-]*\w))";

/// A pattern, and a line that takes it long: the piece `again` stands in the middle as often as there
/// is room for it.
const READS_MUCH: [(&str, [&str; 3]); 10] = [
    (
        TWO_RUNS,
        [
            "  [conn7] Failed to authenticate ",
            "x; ",
            " [conn8] end connection a.b",
        ],
    ),
    (r"(\w)=.*.*.*\1;", ["a=", "b ", "c;"]),
    (r"(\w)=.*?.*?.*?\1;", ["a=", "b ", "c;"]),
    (r"(\w).{500,900}\1(?=;)x", ["", "ab", "a;x"]),
    (r"(\w).{500,900}?\1(?=;)x", ["", "ab", "a;x"]),
    (r"(\w)=(?:\w+ ?)*+\1;", ["a=", "b ", "c;"]),
    (r"(?:\w{500,900} )+(?=;)x", ["", "ab", " ;x"]),
    (r"(\w)=.*(?:x.*)*\1;", ["a=", "x", "c;"]),
    (r"(\w)(b)?.{500,}(?:(a)|b)+\1;", ["", "ab", "c;"]),
    (r"(?:(a{300,600})|b)+(?=;)c", ["", "a", ";bc"]),
];

#[test]
fn what_is_read_is_paid_for() {
    let (mut measured, mut most) = (0, (0, String::new()));
    for (pattern, [head, again, tail]) in READS_MUCH {
        let compiled = Pattern::compile(pattern.as_bytes()).unwrap();
        let length = (4 << 10) - head.len() - tail.len();
        let line = [head, &again.repeat(length / again.len()), tail].concat();
        // What is made for the first line counts not.
        compiled.is_match_within(line.as_bytes(), false, &mut Budget::new(line.len()));
        for spans in [false, true] {
            let mut budget = Budget::new(line.len());
            let before = set::asked::times();
            if spans {
                let mut spans = Spans::default();
                compiled.captures_within(line.as_bytes(), false, &mut spans, &mut budget);
            } else {
                compiled.is_match_within(line.as_bytes(), false, &mut budget);
            }
            let read = set::asked::times() - before;
            // A step reads a byte, and then up to twice what is charged as one.
            let a_step = read / (budget.spent() + 1);
            if a_step > most.0 {
                most = (a_step, format!("{pattern}: {read} bytes"));
            }
            measured += 1;
        }
    }
    assert_eq!(measured, 2 * READS_MUCH.len());
    assert!(most.0 <= 32, "{most:?}");
}

#[test]
fn a_pattern_of_two_runs_decides_on_long_lines() {
    let (head, tail) = (
        "  [conn7] Failed to authenticate ",
        " [conn7] end connection a.b",
    );
    let compiled = Pattern::compile(TWO_RUNS.as_bytes()).unwrap();
    for (again, tail, want) in [
        ("x; ", tail, Found::Yes),
        ("a", tail, Found::Yes),
        (" ", tail, Found::Yes),
        (" [conn8] end connection a.b", tail, Found::Yes),
        ("x; ", " [conn8] end connection a.b", Found::No),
        (
            " [conn8] end connection a.b",
            " [conn77] end connection a.b",
            Found::No,
        ),
    ] {
        let length = (64 << 10) - head.len() - tail.len();
        let line = [head, &again.repeat(length / again.len()), tail].concat();
        let mut budget = Budget::new(line.len());
        let mut spans = Spans::default();
        let found = compiled.captures_within(line.as_bytes(), false, &mut spans, &mut budget);
        assert_eq!(found, want, "{again:?} {tail:?}");
        let most = Budget::new(line.len()).left() / 4;
        assert!(budget.spent() < most, "{again:?} {}", budget.spent());
    }
}
