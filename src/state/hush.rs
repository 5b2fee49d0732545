//! Hushes that people make by `tenshi hush`: a file for each host in a directory beside the state.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read};
use std::ops::RangeInclusive;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use bstr::{BStr, BString, ByteSlice};
use chrono::Datelike;

use crate::clock::Time;
use crate::ledger::silence::Hush;
use crate::plain;
use crate::process::ids::{Identity, with_rights_of};
use crate::shown::shown_path;

/// The directory, in the state directory.
const DIRECTORY: &str = "hush.d";
/// Files that are looked at, and bytes of each, at most.
const MOST_FILES: usize = 10_000;
const MOST_BYTES: u64 = 4096;
/// The years in which a hush may begin and end.
const YEARS: RangeInclusive<i32> = 1970..=9999;

/// The hushes of a state directory, read again when they change.
#[derive(Debug, Default)]
pub struct Hushes {
    /// When the directory was changed last, as it was read.
    changed: Option<SystemTime>,
    /// The files that are no hushes, which were told.
    told: BTreeSet<PathBuf>,
}

impl Hushes {
    /// The hushes, if they are others than at the last call.
    pub fn changes(&mut self, state: &Path) -> Option<Vec<Hush>> {
        let changed = fs::metadata(state.join(DIRECTORY)).and_then(|dir| dir.modified());
        let changed = changed.ok();
        if std::mem::replace(&mut self.changed, changed) == changed {
            return None;
        }
        let (hushes, odd) = read_all(state);
        for path in odd {
            if self.told.len() < MOST_FILES && self.told.insert(path.clone()) {
                log::warn!(
                    "{}: this is no hush, and is passed over: `tenshi hush` writes them",
                    shown_path(&path)
                );
            }
        }
        Some(hushes)
    }
}

/// Runs `act` with the rights of the owner of the state directory: he may put a link to anywhere in it,
/// which root must not follow, and what is made there must be his.
fn as_owner_of<T: Send>(state: &Path, act: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
    with_rights_of(&Identity::of_owner(state)?, act)?
}

/// Makes the directory, for whoever may write in the state directory's group.
///
/// # Errors
/// It cannot be made.
pub fn make_hush_directory(state: &Path) -> io::Result<()> {
    as_owner_of(state, || made(state))
}

fn made(state: &Path) -> io::Result<()> {
    let dir = state.join(DIRECTORY);
    match fs::DirBuilder::new().mode(0o770).create(&dir) {
        // The umask may have taken the group's rights away.
        Ok(()) => fs::set_permissions(&dir, fs::Permissions::from_mode(0o770)),
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(e) => Err(e),
    }
}

/// The hushes of a state directory. A file that is no hush is passed over.
pub fn read_hushes(state: &Path) -> Vec<Hush> {
    read_all(state).0
}

/// The hushes of a state directory, and the files that are no hushes.
fn read_all(state: &Path) -> (Vec<Hush>, Vec<PathBuf>) {
    let (mut hushes, mut odd) = (Vec::new(), Vec::new());
    let Ok(entries) = fs::read_dir(state.join(DIRECTORY)) else {
        return (hushes, odd);
    };
    let paths = entries.flatten().map(|entry| entry.path());
    for path in paths.take(MOST_FILES) {
        // A file that is hidden or gone is none of ours.
        let Some(text) = text_of(&path) else { continue };
        match parse(&text) {
            Some(hush) => hushes.push(hush),
            None => odd.push(path),
        }
    }
    hushes.sort_by(|a, b| a.host.cmp(&b.host));
    (hushes, odd)
}

/// The beginning of a file that is not hidden.
fn text_of(path: &Path) -> Option<Vec<u8>> {
    let hidden = path.file_name()?.as_bytes().starts_with(b".");
    let file = plain::open(path).ok().filter(|_| !hidden)?;
    let mut text = Vec::new();
    file.take(MOST_BYTES).read_to_end(&mut text).ok()?;
    Some(text)
}

/// The hush of a file: the times of its beginning and end, the host, and the reason, a line each. A time that no
/// calendar of people has is none: at the end of the machine's own calendar there is no minute after it.
fn parse(text: &[u8]) -> Option<Hush> {
    let mut lines = text.lines();
    let time = |line: Option<&[u8]>| {
        let time = line?.to_str().ok()?.parse::<Time>().ok()?;
        YEARS.contains(&time.year()).then_some(time)
    };
    Some(Hush {
        from: time(lines.next())?,
        until: time(lines.next())?,
        host: lines.next()?.into(),
        why: lines.next().unwrap_or_default().into(),
    })
}

/// Writes a hush, in the place of a hush of the same host if there is one.
///
/// # Errors
/// It cannot be written.
pub fn write_hush(state: &Path, hush: &Hush) -> io::Result<()> {
    as_owner_of(state, || write(state, hush))
}

fn write(state: &Path, hush: &Hush) -> io::Result<()> {
    made(state)?;
    let dir = state.join(DIRECTORY);
    let name = file_name(hush.host.as_ref());
    let new = dir.join(format!(".new.{}", std::process::id()));
    let mut options = fs::OpenOptions::new();
    let options = options.write(true).create_new(true).mode(0o644);
    let line = |text: &BString| text.replace("\n", " ");
    let times = format!("{}\n{}\n", hush.from.to_rfc3339(), hush.until.to_rfc3339());
    let text = [
        times.as_bytes(),
        &line(&hush.host),
        b"\n",
        &line(&hush.why),
        b"\n",
    ]
    .concat();
    let _ = fs::remove_file(&new);
    let mut file = options.open(&new)?;
    io::Write::write_all(&mut file, &text)?;
    fs::rename(&new, dir.join(name))
}

/// Ends the hush of a host. Whether there was one.
///
/// # Errors
/// It cannot be removed.
pub fn remove_hush(state: &Path, host: &BStr) -> io::Result<bool> {
    as_owner_of(state, || {
        match fs::remove_file(state.join(DIRECTORY).join(file_name(host))) {
            Ok(()) => Ok(true),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(e) => Err(e),
        }
    })
}

/// The name of the file of a host: what is no letter, digit, dot or dash is `%XX`.
fn file_name(host: &BStr) -> PathBuf {
    let mut name = Vec::new();
    for (at, byte) in host.iter().copied().enumerate() {
        match byte {
            b'.' if at == 0 => name.extend_from_slice(b"%2E"),
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'_' => name.push(byte),
            _ => name.extend_from_slice(format!("%{byte:02X}").as_bytes()),
        }
    }
    PathBuf::from(std::ffi::OsString::from_vec(name))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    #[test]
    fn what_is_written_is_read_and_else_passed_over() {
        let dir = tempfile::tempdir().unwrap();
        let mut hushes = Hushes::default();
        assert_eq!(hushes.changes(dir.path()), None);
        let hush = |host: &str| Hush {
            host: host.into(),
            from: "2026-11-27T10:00:00Z".parse().unwrap(),
            until: "2026-11-27T12:00:00Z".parse().unwrap(),
            why: "new disk".into(),
        };
        for host in ["web1", "../db/1", ".x"] {
            write_hush(dir.path(), &hush(host)).unwrap();
        }
        let at = dir.path().join(DIRECTORY);
        assert_eq!(fs::metadata(&at).unwrap().mode() & 0o7777, 0o770);
        fs::write(at.join("odd"), "no time\n").unwrap();
        let late = "2026-11-27T10:00:00Z\n+262142-12-31T23:59:30Z\nweb2\n";
        fs::write(at.join("late"), late).unwrap();
        fs::write(at.join(".hidden"), fs::read(at.join("web1")).unwrap()).unwrap();
        let want = vec![hush("../db/1"), hush(".x"), hush("web1")];
        assert_eq!(hushes.changes(dir.path()), Some(want));
        let told: Vec<_> = hushes
            .told
            .iter()
            .flat_map(|path| path.file_name())
            .collect();
        assert_eq!(told, ["late", "odd"]);
        assert_eq!(hushes.changes(dir.path()), None);
        assert!(remove_hush(dir.path(), "web1".into()).unwrap());
        assert!(!remove_hush(dir.path(), "web1".into()).unwrap());
        assert_eq!(read_hushes(dir.path()).len(), 2);
    }
}
