use super::*;

fn language(pattern: &str) -> Language {
    Language::new(&Pattern::compile(pattern.as_bytes()).unwrap()).unwrap()
}

fn included(one: &str, other: &str) -> Inclusion {
    Language::included(&[&language(one)], &[&language(other)])
}

fn witness(text: &str) -> Inclusion {
    Inclusion::Witness(text.into())
}

#[test]
fn a_language_is_in_another_or_a_line_says_why_not() {
    for (one, other, want) in [
        ("^sshd: x", "^sshd:", Inclusion::Proven),
        ("^sshd:", "^sshd: x", witness("sshd:")),
        ("a", "a|b", Inclusion::Proven),
        ("a|b", "a", witness("b")),
        (r"^x: \d+$", r"^x: \w+$", Inclusion::Proven),
        (r"^x: \w+$", r"^x: \d+$", witness("x: a")),
        (r"^x: (\d+)$", r"^x: [[:digit:]]+$", Inclusion::Proven),
        ("", ".*", Inclusion::Proven),
        (".*", "^", Inclusion::Proven),
        ("x.y", "x", Inclusion::Proven),
        ("xy$", "y$", Inclusion::Proven),
        ("y$", "xy$", witness("y")),
        (r"\bfoo\b", "foo", Inclusion::Proven),
        ("foo", r"\bfoo\b", witness("afoo")),
        ("foo$", r"foo\b", Inclusion::Proven),
        // No line has a newline, so both mean each line.
        ("^.*$", r"^[^\n]*$", Inclusion::Proven),
        (r"\n", "x", Inclusion::Proven),
        // What can never match is in everything.
        ("a^", "x", Inclusion::Proven),
        (r"^a{2,3}$", r"^a{1,4}$", Inclusion::Proven),
        (r"^a{1,4}$", r"^a{2,3}$", witness("a")),
        ("(?i)^ABC", "^[aA][bB][cC]", Inclusion::Proven),
        ("(?i)^abc", "^abc", witness("abC")),
        (r"^a\xff", r"^a[\x80-\xff]", Inclusion::Proven),
    ] {
        assert_eq!(included(one, other), want, "{one} in {other}");
    }
}

#[test]
fn several_languages_are_taken_together() {
    let [group, one, other, wide] =
        ["^sshd:", "failed$", "^sshd: .*failed$", "failed"].map(language);
    assert_eq!(
        Language::included(&[&group, &one], &[&wide]),
        Inclusion::Proven
    );
    assert_eq!(
        Language::included(&[&other], &[&group, &one]),
        Inclusion::Proven
    );
    let found = Language::included(&[&group], &[&group, &one]);
    assert_eq!(found, witness("sshd:"));
    assert_eq!(Language::common(&[&group, &one]), witness("sshd:failed"));
    let kernel = language("^kernel:");
    assert_eq!(Language::common(&[&group, &kernel]), Inclusion::Proven);
}

#[test]
fn a_language_has_the_lines_in_which_its_pattern_is_found() {
    let mut checked = 0;
    for (pattern, line, there) in [
        ("^a.c$", "abc", true),
        ("^a.c$", "abcd", false),
        ("b", "abc", true),
        ("c$", "abc", true),
        ("^$", "", true),
        (r"x\b", "x", true),
        (r"x\b", "xy", false),
    ] {
        assert_eq!(
            language(pattern).contains(line.as_bytes()),
            there,
            "{pattern} {line}"
        );
        checked += 1;
    }
    assert_eq!(checked, 7);
}

#[test]
fn what_is_not_regular_has_a_superset() {
    for (pattern, exact) in [
        ("^a(b|c)+$", true),
        ("^a(?=b)", false),
        (r"^(a)\1", false),
        ("^a++b", false),
        (r"(?:a+|a*|b)*b", false),
    ] {
        assert_eq!(language(pattern).is_exact(), exact, "{pattern}");
    }
    assert!(language(r"^(a|b)\1$").contains(b"ab"));
    let large = Pattern::compile(b"[ab]*a[ab]{18}x").unwrap();
    assert!(Language::new(&large).is_none(), "too large");
}

#[test]
fn patterns_of_one_shape_differ_only_in_what_varies() {
    let shape = |pattern: &str| Pattern::compile(pattern.as_bytes()).unwrap().shape();
    for (one, other, same) in [
        (r"^a: (\d+) b$", r"^a: (?:\S+) b", true),
        (r"^a: (\d+) b", r"a: \d+ b", false),
        (r"^a: \d+ b", r"^a: [0-9.]+ b", true),
        (r"^a: .* b", r"^a: (\w+) b", true),
        (r"^a: \d+ b", r"^a: \d+ c", false),
        (r"^a: (?:x|y) b", r"^a: (x|y) b", true),
        (r"^a: (?:x|y) b", r"^a: (?:x|z) b", false),
        (r"^ab?", r"^ab", false),
    ] {
        assert_eq!(shape(one) == shape(other), same, "{one} {other}");
    }
}
