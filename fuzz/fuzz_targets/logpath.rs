//! Paths of logs, and what a directory may hold: whatever the bytes, what a pattern finds it also means.
#![no_main]

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use libfuzzer_sys::fuzz_target;
use tenshi::logpath::{LogPath, Names};

/// Directories two deep, each with these names.
struct Tree(Vec<OsString>);

fn depth(path: &Path) -> usize {
    path.components().count()
}

impl Names for Tree {
    fn list(&self, dir: &Path) -> io::Result<Vec<OsString>> {
        match self.directory(dir) {
            Some(_) => Ok(self.0.clone()),
            None => Err(io::ErrorKind::NotADirectory.into()),
        }
    }

    fn is_there(&self, path: &Path) -> bool {
        depth(path) <= 4
    }

    fn directory(&self, path: &Path) -> Option<(u64, u64)> {
        let id = path.as_os_str().as_bytes().iter();
        let id = id.fold(7_u64, |id, byte| id.wrapping_mul(31).wrapping_add(u64::from(*byte)));
        (depth(path) <= 3).then_some((depth(path) as u64, id))
    }
}

fuzz_target!(|data: &[u8]| {
    // The pattern, and behind each line end a name or a path.
    let mut parts = data.split(|byte| *byte == b'\n');
    let text = Path::new(OsStr::from_bytes(parts.next().unwrap_or_default()));
    let log = LogPath::new(text);
    assert!(log.matches(text), "it means itself");
    let mut names = Vec::new();
    for part in parts.take(16) {
        let path = Path::new(OsStr::from_bytes(part));
        let meant = log.matches(path);
        assert!(log.is_pattern() || meant == (path == text), "a name is itself alone");
        if !part.is_empty() && !part.contains(&b'/') && part != b"." && part != b".." {
            names.push(path.as_os_str().to_owned());
        }
    }
    let found = log.expand(&Tree(names));
    for path in &found.paths {
        assert!(log.matches(path), "{path:?}");
    }
    let mut sorted: Vec<PathBuf> = found.paths.clone();
    sorted.sort();
    sorted.dedup();
    assert_eq!(sorted, found.paths);
});
