use super::*;
use crate::input::file::RealFs;
use crate::random::Random;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

fn name(bytes: &[u8]) -> &OsStr {
    OsStr::from_bytes(bytes)
}

fn matches(pattern: &str, path: &[u8]) -> bool {
    LogPath::new(pattern).matches(Path::new(name(path)))
}

/// What a pattern finds in a directory, without the directory.
fn found(dir: &Path, pattern: &[u8]) -> Vec<PathBuf> {
    let expansion = LogPath::new(dir.join(name(pattern))).expand(&RealFs);
    let below = |path: &PathBuf| path.strip_prefix(dir).unwrap().to_owned();
    expansion.paths.iter().map(below).collect()
}

fn touch(dir: &Path, path: &[u8]) {
    let path = dir.join(name(path));
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, "").unwrap();
}

#[test]
fn wildcards_stand_within_one_name_and_a_leading_dot_for_itself() {
    let yes: [(&str, &[u8]); 18] = [
        ("/l/*.log", b"/l/a.log"),
        ("/l/*.log", b"/l/lat\xe9.log"),
        ("/l/?.log", b"/l/\xe9.log"),
        ("/l/?.log", "/l/é.log".as_bytes()),
        ("/l/[é-ü].log", "/l/ö.log".as_bytes()),
        ("/l/[!a]", b"/l/\xff"),
        ("/l//./*.log", b"/l/a.log"),
        ("/l/.*", b"/l/.hidden"),
        ("/l/[[:digit:]x]", b"/l/x"),
        ("/l/[]a]", b"/l/]"),
        ("/l/[a-]", b"/l/-"),
        ("/l/[a", b"/l/[a"),
        ("/l/*/x", b"/l/a/x"),
        ("/l/**/x", b"/l/x"),
        ("/l/**/x", b"/l/a/b/x"),
        ("/l/**", b"/l/x"),
        ("/l/a\\*", b"/l/a\\b"),
        ("/l/a**b***c", b"/l/abc"),
    ];
    for (pattern, path) in yes {
        assert!(matches(pattern, path), "{pattern} {}", path.escape_ascii());
    }
    let no: [(&str, &[u8]); 12] = [
        ("/l/*.log", b"/l/.log"),
        ("/l/*", b"/l/.hidden"),
        ("/l/?x", b"/l/.x"),
        ("/l/[.]x", b"/l/.x"),
        ("/l/*", b"/l/a/b"),
        ("/l/*", b"/l"),
        ("/l/??", "/l/é".as_bytes()),
        ("/l/[^a]", b"/l/b"),
        ("/l/**/x", b"/l/.git/x"),
        ("/l/**", b"/l/a/b"),
        ("/*", b"/"),
        ("/l/*/x", b"/l/../x"),
    ];
    for (pattern, path) in no {
        assert!(!matches(pattern, path), "{pattern} {}", path.escape_ascii());
    }
    for (text, pattern) in [
        ("/l/a[b", false),
        ("/l/x", false),
        ("/l/[a]", true),
        ("/**/x", true),
    ] {
        assert_eq!(LogPath::new(text).is_pattern(), pattern, "{text}");
    }
}

#[test]
fn names_are_bytes_and_nothing_in_a_directory_does_harm() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    for path in [
        &b"lat\xe9"[..],
        b"lat\xe9.log",
        b"h\xe9st/a.log",
        b"\xff\xfe/b.log",
        b".dot\xe9.log",
    ] {
        touch(dir, path);
    }
    let paths = |names: &[&[u8]]| {
        names
            .iter()
            .map(|n| PathBuf::from(name(n)))
            .collect::<Vec<_>>()
    };
    assert_eq!(found(dir, b"*.log"), paths(&[b"lat\xe9.log"]));
    assert_eq!(
        found(dir, b"lat\xe9*"),
        paths(&[b"lat\xe9", b"lat\xe9.log"])
    );
    assert_eq!(
        found(dir, b"*/*.log"),
        paths(&[b"h\xe9st/a.log", b"\xff\xfe/b.log"])
    );
    assert_eq!(found(dir, b".*"), paths(&[b".dot\xe9.log"]));
    assert_eq!(
        found(dir, b"**/[ab].log"),
        paths(&[b"h\xe9st/a.log", b"\xff\xfe/b.log"])
    );
}

/// One datagram with the host name `*` must not hide the files of all other hosts.
#[test]
fn a_file_with_the_name_of_the_pattern_hides_no_other() {
    let dir = tempfile::tempdir().unwrap();
    for path in [&b"*.log"[..], b"a.log", b"x[1].log", b"x1.log"] {
        touch(dir.path(), path);
    }
    let texts = |pattern| {
        found(dir.path(), pattern)
            .iter()
            .map(|p| p.display().to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(texts(b"*.log"), ["*.log", "a.log", "x1.log", "x[1].log"]);
    assert_eq!(texts(b"x[1].log"), ["x1.log", "x[1].log"]);
}

#[test]
fn directories_are_told_where_new_names_may_come_and_those_that_are_shut() {
    let dir = tempfile::tempdir().unwrap();
    for path in [&b"a/app/x.log"[..], b"b/file", b"c"] {
        touch(dir.path(), path);
    }
    symlink("nowhere", dir.path().join("b/app")).unwrap();
    symlink(".", dir.path().join("a/circle")).unwrap();
    let expand = |pattern: &str| LogPath::new(dir.path().join(pattern)).expand(&RealFs);
    let found = expand("*/app/*.log");
    assert_eq!(found.paths, [dir.path().join("a/app/x.log")]);
    for watched in ["", "a", "a/app", "b"] {
        let watched = match watched {
            "" => dir.path().to_owned(),
            name => dir.path().join(name),
        };
        assert!(found.directories.contains(&watched), "{found:?}");
    }
    assert_eq!(
        expand("*/app").paths,
        [dir.path().join("a/app"), dir.path().join("b/app")]
    );
    assert_eq!(expand("**/x.log").paths, [dir.path().join("a/app/x.log")]);
    assert_eq!(expand("none/*.log").directories, [dir.path().join("none")]);
    assert_eq!(LogPath::new("/v/l/*/x?").base(), Path::new("/v/l"));
    assert_eq!(LogPath::new("/v/l/x").base(), Path::new("/v/l"));

    struct Shut;
    impl Names for Shut {
        fn list(&self, dir: &Path) -> io::Result<Vec<OsString>> {
            match dir.ends_with("b") {
                true => Err(io::ErrorKind::PermissionDenied.into()),
                false => Names::list(&RealFs, dir),
            }
        }
        fn is_there(&self, path: &Path) -> bool {
            Names::is_there(&RealFs, path)
        }
        fn directory(&self, path: &Path) -> Option<(u64, u64)> {
            Names::directory(&RealFs, path)
        }
    }
    let found = LogPath::new(dir.path().join("*/*")).expand(&Shut);
    assert_eq!(found.shut.len(), 1, "{found:?}");
    assert!(found.shut.iter().all(|(shut, _)| shut.ends_with("b")));
}

#[test]
fn a_pattern_takes_no_more_time_than_its_lengths_allow() {
    let pattern = LogPath::new(format!("/{}b", "*a".repeat(120)));
    let path = PathBuf::from(format!("/{}", "a".repeat(250)));
    assert!(!pattern.matches(&path));
    let deep = LogPath::new(format!("/{}x", "**/a/".repeat(60)));
    assert!(!deep.matches(&PathBuf::from("/a".repeat(500))));
    LogPath::new("[".repeat(1 << 20));
}

/// What Debian's shell finds, by which the original has its patterns expanded.
fn by_shell(dir: &Path, pattern: &[u8]) -> BTreeSet<Vec<u8>> {
    let run = Command::new("/bin/sh")
        .args([
            "-c",
            "IFS=; for name in $1; do printf '%s\\0' \"$name\"; done",
            "sh",
        ])
        .arg(name(pattern))
        .current_dir(dir)
        .output()
        .unwrap();
    let names = run
        .stdout
        .split(|b| *b == 0)
        .filter(|name| !name.is_empty());
    // What matches nothing stays as it is.
    names
        .filter(|name| dir.join(self::name(name)).symlink_metadata().is_ok())
        .map(<[u8]>::to_vec)
        .collect()
}

#[test]
fn random_patterns_find_what_the_shell_finds() {
    let seed = 7;
    let mut random = Random::new(seed);
    let mut compared = 0;
    for _ in 0..8 {
        let dir = tempfile::tempdir().unwrap();
        let letters = b"abc.-]!\xe9";
        for _ in 0..40 {
            let text: Vec<u8> = (0..=random.below(3))
                .map(|_| *random.pick(letters))
                .collect();
            if text != b"." && text != b".." && text != b"..." {
                fs::create_dir_all(dir.path().join(name(&text))).unwrap();
                fs::write(dir.path().join(name(&text)).join("ab"), "").unwrap();
            }
        }
        for _ in 0..60 {
            let pieces: [&[u8]; 17] = [
                b"*",
                b"?",
                b"[ab]",
                b"[!a]",
                b"[]a]",
                b"[a-c]",
                b"[",
                b"]",
                b"a",
                b"b",
                b".",
                b"-",
                b"!",
                b"[[:alpha:]]",
                b"/",
                b"[!]]",
                b"[^a]",
            ];
            let pattern: Vec<u8> = (0..=random.below(4))
                .flat_map(|_| random.pick(&pieces).to_vec())
                .collect();
            // Two slashes and a last one are kept as they are by the shell, a lone dot is no name to us.
            let odd = [&b"//"[..], b"/."]
                .iter()
                .any(|odd| memchr::memmem::find(&pattern, odd).is_some());
            if odd
                || pattern.starts_with(b"/")
                || pattern.ends_with(b"/")
                || pattern.starts_with(b".")
            {
                continue;
            }
            let ours: BTreeSet<Vec<u8>> = found(dir.path(), &pattern)
                .into_iter()
                .map(|path| path.as_os_str().as_bytes().to_vec())
                .collect();
            let theirs = by_shell(dir.path(), &pattern);
            assert_eq!(ours, theirs, "seed {seed}: {}", pattern.escape_ascii());
            compared += ours.len();
        }
    }
    assert!(compared > 500, "{compared} names");
}

/// Patterns, and places at which they are expanded.
const PATTERNS: [&str; 8] = [
    "*.log",
    "*/x.log",
    "**/x.log",
    "a/*",
    "*/*/*.log",
    "?/b/**/*.log",
    ".h/*",
    "*",
];
const PLACES: [&str; 13] = [
    "a",
    "a/x.log",
    "a/y",
    "a/b",
    "a/b/c/x.log",
    "link",
    "link/b",
    ".h",
    "x.log",
    "*.log",
    "none",
    "none/x.log",
    "",
];

#[test]
fn a_place_has_what_the_whole_pattern_finds_there() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    let paths = "a/x.log a/y a/b/x.log a/b/c/x.log .h/x.log b/x.log x.log *.log";
    paths
        .split(' ')
        .for_each(|path| touch(root, path.as_bytes()));
    symlink("a", root.join("link")).unwrap();
    let mut compared = 0;
    for text in PATTERNS {
        let pattern = LogPath::new(root.join(text));
        let all = pattern.expand(&RealFs);
        for name in PLACES {
            // Of several ways to one directory, `**` takes the first that it comes to.
            if name.starts_with("link") && text.contains("**") {
                continue;
            }
            let place = root.join(name);
            let at = pattern.expand_at(&RealFs, &place);
            let below = |paths: &[PathBuf]| -> Vec<PathBuf> {
                let below = paths.iter().filter(|path| path.starts_with(&place));
                below.cloned().collect()
            };
            assert_eq!(at.paths, below(&all.paths), "{pattern:?} {place:?}");
            if place.is_dir() {
                assert_eq!(
                    at.directories,
                    below(&all.directories),
                    "{pattern:?} {place:?}"
                );
            }
            compared += at.paths.len();
        }
    }
    assert!(compared > 30, "{compared}");
}
