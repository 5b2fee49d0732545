//! What is no configuration: a clear error in bounded time, never a panic.

use std::time::{Duration, Instant};

use proptest::prelude::*;
use tenshi::config;

use super::{Dir, check, told};
use crate::support::torture;

/// Loads a file that must be refused soon, with `words` in what is told.
fn refused(path: &std::path::Path, words: &str) {
    let start = Instant::now();
    let (status, _, err) = check(path, 0);
    assert_eq!(status, 1, "{err}");
    assert!(err.contains(words), "{err}");
    assert!(err.len() < 1_000_000, "{} bytes told", err.len());
    assert!(
        start.elapsed() < Duration::from_secs(20),
        "{:?}",
        start.elapsed()
    );
}

#[test]
fn a_missing_file_a_directory_and_a_device() {
    let dir = Dir::new();
    refused(&dir.path("nothing"), "cannot read");
    refused(dir.0.path(), "directory");
    refused(std::path::Path::new("/dev/zero"), "no configuration");
}

#[test]
fn an_include_that_is_no_file() {
    let dir = Dir::new();
    let path = dir.write(
        "tenshi.conf",
        "set mailserver x\ninclude /dev/zero\ninclude /\nincludedir /dev/null\n",
    );
    let (status, _, err) = check(&path, 0);
    assert_eq!(
        (status, err.matches(": error: cannot read").count()),
        (1, 3),
        "{err}"
    );
}

#[test]
fn a_hundred_megabytes_without_a_line_end() {
    let dir = Dir::new();
    refused(&dir.write("huge", vec![b'x'; 100 << 20]), "16 MiB");
    refused(
        &dir.write("long", vec![b'x'; 2 << 20]),
        "longer than 1024 KiB",
    );
}

#[test]
fn random_bytes_and_zeros() {
    let dir = Dir::new();
    let mut state = 1u64;
    let random: Vec<u8> = (0..1 << 20)
        .map(|_| {
            state = state
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            (state >> 56) as u8
        })
        .collect();
    refused(&dir.write("random", random), "are not shown");
    refused(&dir.write("zeros", vec![0; 1 << 20]), "alone says nothing");
}

#[test]
fn includes_that_double_at_each_step() {
    let dir = Dir::new();
    for step in 0..40 {
        let next = dir.path(&format!("f{}", step + 1));
        dir.write(
            &format!("f{step}"),
            format!("include {0}\ninclude {0}\n", next.display()),
        );
    }
    dir.write("f40", "# the end\n");
    refused(&dir.path("f0"), "more than 10000 files");
}

#[test]
fn a_long_chain_of_includes() {
    let dir = Dir::new();
    for step in 0..400 {
        dir.write(
            &format!("f{step}"),
            format!(
                "include {}\n",
                dir.path(&format!("f{}", step + 1)).display()
            ),
        );
    }
    refused(&dir.path("f0"), "inside each other");
}

#[test]
fn an_unreadable_include_is_an_error_at_its_place() {
    let dir = Dir::new();
    let loaded = dir.load("set mailserver x\n  include /nonexistent/file\n");
    let told = told(&loaded, &dir);
    assert!(
        told.contains("tenshi.conf:2:11: error: cannot read `/nonexistent/file`"),
        "{told}"
    );
}

/// Lines that come near to being right.
fn line() -> impl Strategy<Value = Vec<u8>> {
    let word = prop::sample::select(vec![
        "set",
        "queue",
        "a",
        "b",
        "trash",
        "repeat",
        "group",
        "group_host",
        "group_end",
        "include",
        "includedir",
        "root@x",
        "pager:r",
        ",",
        ":",
        "3",
        "[now]",
        "[",
        "]",
        "[0 8 * * *]",
        "[*/0 1-2-3 , jan sun]",
        "logprefix",
        "mailserver",
        "[::1]:25",
        "sleep",
        "mask",
        "csv",
        "threshold",
        "filter",
        "tail",
        "-n",
        "+1",
        "listen",
        "tcp:1.2.3.4:5",
        "max_line",
        "64K",
        "(",
        ")",
        "(x(y))",
        "^foo ",
        "\\\\d+",
        "\r",
        "\t",
        " ",
        "#",
        "\u{feff}",
        "on",
        "off",
        "99999999999999999999999",
        "é",
        "sendmail:/x",
        "mailauth",
        "a,b:3,",
        "uid",
        "<>",
    ])
    .prop_map(|word| word.as_bytes().to_vec());
    let junk = prop::collection::vec(any::<u8>(), 0..6);
    let blank = prop::sample::select(vec![&b" "[..], b"", b"  ", b"\t"]);
    prop::collection::vec((prop_oneof![8 => word, 1 => junk], blank), 0..8).prop_map(|parts| {
        parts
            .into_iter()
            .flat_map(|(word, blank)| [word, blank.to_vec()].concat())
            .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if torture() { 100_000 } else { 2_000 }, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_give_a_verdict(lines in prop::collection::vec(line(), 0..12)) {
        let text = lines.join(&b'\n');
        let loaded = config::parse_bytes(&text);
        prop_assert_eq!(loaded.config.is_none(), loaded.diagnostics.iter().any(|d| d.is_error()));
        for diagnostic in &loaded.diagnostics {
            let (start, end) = diagnostic.span;
            prop_assert!(start <= end && end <= diagnostic.line.len(), "{:?}", diagnostic);
            let shown = diagnostic.to_string();
            prop_assert!(shown.chars().all(|c| c == '\n' || !c.is_control()), "{:?}", shown);
        }
    }
}
