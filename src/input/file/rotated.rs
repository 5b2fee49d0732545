//! Which names in a directory are rotated generations of a log: `name.1`, `name-20261123`,
//! `name.1.gz`, `name.xz`, `stem-20261123.log`. Names only limit the search; content decides.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use super::fs::Meta;
use crate::unpack::Packer;

/// The compression of a rotated file.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Compression {
    /// No compression.
    Plain,
    /// Packed by a program whose files are read: which one, the first bytes tell.
    Packed,
    /// A format that is not read here.
    Unreadable,
}

/// A rotated file beside a log.
#[derive(Clone, Debug)]
pub struct RotatedFile {
    /// The path of the file.
    pub path: PathBuf,
    /// What `stat` said.
    pub meta: Meta,
    /// The compression, by its name.
    pub compression: Compression,
    /// Whether the file is followed as a log of its own, or may be of another log of the same name: it is never
    /// taken for new.
    pub foreign: bool,
}

impl RotatedFile {
    /// A key that sorts the oldest file first; of two files of one instant, `.3` is older than `.2`.
    pub fn age(&self) -> (i64, Reverse<u64>, Compression) {
        let name = self.path.file_name().unwrap_or_default().as_bytes();
        let (name, _) = unpack(name);
        let digits = name.iter().rev().take_while(|b| b.is_ascii_digit()).count();
        let number = std::str::from_utf8(&name[name.len() - digits..])
            .ok()
            .and_then(|d| d.parse().ok());
        let number = number.filter(|_| digits < 6);
        (
            self.meta.mtime,
            Reverse(number.unwrap_or(0)),
            self.compression,
        )
    }
}

fn unpack(name: &[u8]) -> (&[u8], Compression) {
    for suffix in Packer::SUFFIXES {
        if let Some(rest) = name.strip_suffix(suffix.as_bytes()) {
            return (rest, Compression::Packed);
        }
    }
    for suffix in [&b".lzma"[..], b".lz4", b".Z"] {
        if let Some(rest) = name.strip_suffix(suffix) {
            return (rest, Compression::Unreadable);
        }
    }
    // logrotate's name for a rotated file that another one takes the name of.
    (
        name.strip_suffix(b".backup").unwrap_or(name),
        Compression::Plain,
    )
}

/// Whether `token` is what a rotator puts behind a name, `separator` before it. A number of less
/// than six digits counts only behind a dot: `web-1` is a host beside `web`, not its rotation.
fn is_rotation_suffix(separator: u8, token: &[u8]) -> bool {
    if matches!(token, b"old" | b"prev" | b"bak" | b"save") {
        return true;
    }
    let digits = token.iter().filter(|b| b.is_ascii_digit()).count();
    let form = token.first().is_some_and(u8::is_ascii_digit)
        && token
            .iter()
            .all(|b| b.is_ascii_digit() || b"-._:TZ+".contains(b));
    form && (digits >= 6 || (separator == b'.' && digits == token.len()))
}

/// The compression of `name` if it is a rotated generation of `base` by its form.
pub fn compression_of(base: &OsStr, name: &OsStr) -> Option<Compression> {
    let (base, name) = (base.as_bytes(), name.as_bytes());
    let (bare, compression) = unpack(name);
    if bare == base && bare.len() < name.len() && compression != Compression::Plain {
        // Compressed in place, as the logs of a day in a tree are.
        return Some(compression);
    }
    if let Some([separator @ (b'.' | b'-' | b'_'), token @ ..]) = bare.strip_prefix(base)
        && is_rotation_suffix(*separator, token)
    {
        return Some(compression);
    }
    // logrotate's `extension .log`: the date stands before it.
    let dot = base.iter().rposition(|&b| b == b'.').filter(|&at| at > 0)?;
    let (stem, extension) = base.split_at_checked(dot)?;
    let middle = bare.strip_prefix(stem)?.strip_suffix(extension)?;
    let [b'.' | b'-' | b'_', token @ ..] = middle else {
        return None;
    };
    is_date(token).then_some(compression)
}

/// Whether `token` is the date that logrotate puts before an extension.
fn is_date(token: &[u8]) -> bool {
    let digits = token.iter().filter(|b| b.is_ascii_digit()).count();
    digits >= 6 && is_rotation_suffix(b'-', token)
}

/// The names of the logs that a file of this name may be a rotated generation of: all those `base` for which
/// `compression_of` has an answer. So an index of a directory finds the rotated files of each log.
pub fn bases_of(name: &OsStr) -> Vec<OsString> {
    let name = name.as_bytes();
    let (bare, compression) = unpack(name);
    let mut bases: Vec<Vec<u8>> = Vec::new();
    if bare.len() < name.len() && compression != Compression::Plain {
        bases.push(bare.to_vec());
    }
    let is_separator = |byte: &u8| b".-_".contains(byte);
    let separators = || (0..bare.len()).filter(|at| bare.get(*at).is_some_and(is_separator));
    for at in separators() {
        if let Some((stem, [separator, token @ ..])) = bare.split_at_checked(at)
            && is_rotation_suffix(*separator, token)
        {
            bases.push(stem.to_vec());
        }
    }
    if let Some(dot) = bare.iter().rposition(|&byte| byte == b'.')
        && let Some((before, extension)) = bare.split_at_checked(dot)
    {
        for at in separators().filter(|at| (1..dot).contains(at)) {
            if let Some((stem, [_, token @ ..])) = before.split_at_checked(at)
                && is_date(token)
            {
                bases.push([stem, extension].concat());
            }
        }
    }
    bases.retain(|base| !base.is_empty());
    bases.into_iter().map(OsString::from_vec).collect()
}

/// The path of the log that was packed into this file under its name.
pub fn packed_log(path: &Path) -> Option<PathBuf> {
    let (name, compression) = unpack(path.file_name()?.as_bytes());
    let packed = compression == Compression::Packed && !name.is_empty();
    packed.then(|| path.with_file_name(OsStr::from_bytes(name)))
}

/// The directories in which the rotated files of a log in `dir` may be: that one, and each of `olddirs` from there.
pub fn directories_of<'a>(
    dir: &'a Path,
    olddirs: &'a [PathBuf],
) -> impl Iterator<Item = Cow<'a, Path>> {
    let others = olddirs.iter().map(move |old| dir.join(old));
    let others = others.filter(move |other| other != dir).map(Cow::Owned);
    std::iter::once(Cow::Borrowed(dir)).chain(others)
}

/// Whether a file is compressed, by its name.
pub fn is_compressed(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default();
    unpack(name.as_bytes()).1 != Compression::Plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_rotators() {
        let cases = [
            ("syslog", "syslog.1", Some(Compression::Plain)),
            ("syslog", "syslog.12.gz", Some(Compression::Packed)),
            ("syslog", "syslog-20261123", Some(Compression::Plain)),
            (
                "syslog",
                "syslog-20261123-1795400000.gz",
                Some(Compression::Packed),
            ),
            (
                "syslog",
                "syslog-20261124-1795492455-2026112403.backup",
                Some(Compression::Plain),
            ),
            ("syslog", "syslog.1.xz", Some(Compression::Packed)),
            ("syslog", "syslog-20261123.zst", Some(Compression::Packed)),
            ("syslog", "syslog.1.bz2", Some(Compression::Packed)),
            ("syslog", "syslog.1.lz4", Some(Compression::Unreadable)),
            ("app.log", "app-20261123.log", Some(Compression::Plain)),
            ("app.log", "app-20261123.log.gz", Some(Compression::Packed)),
            ("app.log", "app.log.old", Some(Compression::Plain)),
            ("app.log", "app.log", None),
            ("mail", "mail.log", None),
            ("mail", "mail.err", None),
            ("web.log", "web-1.log", None),
            ("web", "web-1", None),
            ("syslog", "syslog-ng.log", None),
            ("syslog", "syslog", None),
            ("syslog", "syslog.gz", Some(Compression::Packed)),
            ("26.log", "26.log.gz", Some(Compression::Packed)),
            ("26.log", "26.log.xz", Some(Compression::Packed)),
            ("26.log", "26.log.Z", Some(Compression::Unreadable)),
            ("26.log", "26.gz", None),
            ("26.log", "126.log.gz", None),
        ];
        for (base, name, want) in cases {
            assert_eq!(
                compression_of(OsStr::new(base), OsStr::new(name)),
                want,
                "{base} {name}"
            );
        }
    }

    #[test]
    fn the_bases_of_a_name_are_those_that_it_is_a_rotation_of() {
        let pieces = [
            "a",
            "log",
            ".log",
            ".",
            "-",
            "_",
            ".1",
            "-1",
            "20261123",
            "-20261123",
            ".gz",
            ".xz",
            ".old",
            "_bak",
            ".backup",
            "-2026.11",
            "T",
            ".2026-11-23",
            "",
        ];
        let mut names: Vec<String> = vec![String::new()];
        for _ in 0..3 {
            let longer = names
                .iter()
                .flat_map(|name| pieces.map(|piece| format!("{name}{piece}")));
            names = longer.collect();
            names.sort();
            names.dedup();
        }
        let mut found = 0;
        for name in names.iter().filter(|name| !name.is_empty()) {
            let bases = bases_of(OsStr::new(name));
            for base in &bases {
                assert!(
                    compression_of(base, OsStr::new(name)).is_some(),
                    "{name} {base:?}"
                );
            }
            // Every base is a part of the name, or its beginning and its extension.
            let cuts = (1..=name.len()).flat_map(|a| (a..=name.len()).map(move |b| (a, b)));
            for (a, b) in cuts {
                let base = format!("{}{}", &name[..a], &name[b..]);
                let base = OsString::from(base);
                if compression_of(&base, OsStr::new(name)).is_some() {
                    found += 1;
                    assert!(bases.contains(&base), "{name} {base:?}");
                }
            }
        }
        assert!(found > 1_000, "{found}");
    }
}
