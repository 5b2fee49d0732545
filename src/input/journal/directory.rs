//! The directories with journal files, and the files in them.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::DirEntryExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bstr::BString;

use crate::config::{Journal, SYSLOG_FILES};

/// How deep below the named directory files are looked for: `DIR/MACHINE/system.journal`, and one more.
const DEPTH: u32 = 2;
/// The most files of a directory that are looked at.
pub const MOST_FILES: usize = 65_536;

/// What a directory is to the machine's own journald.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// Nothing in particular.
    Any,
    /// Its entries are kept over a boot: what is in memory is copied there.
    Persistent,
    /// Its entries are in memory.
    Volatile,
}

/// A directory whose journal files are read.
#[derive(Clone, Debug)]
pub struct Directory {
    /// Its path.
    pub path: PathBuf,
    /// What it is to the machine's own journald.
    pub role: Role,
    /// The name of the source of its lines.
    pub source: Arc<BString>,
}

impl Directory {
    fn new(path: PathBuf, role: Role) -> Self {
        let source = [b"journal ", path.as_os_str().as_bytes()].concat();
        Self {
            path,
            role,
            source: Arc::new(source.into()),
        }
    }

    /// The name of the directory in the state.
    pub fn key(&self) -> BString {
        self.path.as_os_str().as_bytes().into()
    }
}

/// The directories that `set journal` names. `auto` names the machine's own, unless a syslog daemon writes files.
pub fn directories(journals: &[Journal]) -> Vec<Directory> {
    let mut all: Vec<Directory> = Vec::new();
    for journal in journals {
        let new = match journal {
            Journal::Directory(path) => vec![Directory::new(path.clone(), Role::Any)],
            Journal::Auto if syslog_file().is_some() => Vec::new(),
            Journal::Auto => own(),
        };
        for directory in new {
            if !all.iter().any(|known| known.path == directory.path) {
                all.push(directory);
            }
        }
    }
    all
}

/// The directories of this machine's own journal. What is kept over a boot is read first.
pub fn own() -> Vec<Directory> {
    let machine = fs::read_to_string("/etc/machine-id").unwrap_or_default();
    let machine = machine.trim();
    let good = machine.len() == 32 && machine.bytes().all(|byte| byte.is_ascii_hexdigit());
    let machine = if good { machine } else { "" };
    let of = |above: &str, role| Directory::new(Path::new(above).join(machine), role);
    vec![
        of("/var/log/journal", Role::Persistent),
        of("/run/log/journal", Role::Volatile),
    ]
}

/// A file that shows that a syslog daemon writes the machine's messages.
pub fn syslog_file() -> Option<&'static str> {
    SYSLOG_FILES
        .into_iter()
        .find(|path| Path::new(path).exists())
}

/// A journal file in a directory.
#[derive(Clone, Debug)]
pub struct Name {
    /// Its path.
    pub path: PathBuf,
    /// Its inode.
    pub inode: u64,
}

/// What stands in a directory.
#[derive(Debug, Default)]
pub struct Listing {
    /// The journal files.
    pub files: Vec<Name>,
    /// The directories in which files may come.
    pub directories: BTreeSet<PathBuf>,
    /// Directories below that cannot be listed, with the reason.
    pub shut: Vec<(PathBuf, io::Error)>,
    /// Whether there are more files than [`MOST_FILES`].
    pub over: bool,
}

/// Lists the journal files of a directory.
///
/// # Errors
/// The directory itself cannot be listed.
pub fn list(directory: &Path) -> io::Result<Listing> {
    let mut listing = Listing::default();
    below(directory, DEPTH, &mut listing)?;
    listing.files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(listing)
}

/// The first journal file of a directory, by its name.
pub fn first_file(directory: &Path) -> Option<PathBuf> {
    let listing = list(directory).ok()?;
    Some(listing.files.into_iter().next()?.path)
}

fn below(directory: &Path, depth: u32, listing: &mut Listing) -> io::Result<()> {
    // Before it is read: what comes meanwhile is seen by the watch, or by the reading.
    listing.directories.insert(directory.to_path_buf());
    for entry in fs::read_dir(directory)? {
        let Ok(entry) = entry else { continue };
        let Ok(kind) = entry.file_type() else {
            continue;
        };
        let path = entry.path();
        if kind.is_dir() && depth > 0 {
            match below(&path, depth - 1, listing) {
                Err(e) if e.kind() != ErrorKind::NotFound => listing.shut.push((path, e)),
                _ => {}
            }
        } else if kind.is_file() && is_journal(&path) {
            if listing.files.len() == MOST_FILES {
                listing.over = true;
                break;
            }
            let inode = entry.ino();
            listing.files.push(Name { path, inode });
        }
    }
    Ok(())
}

fn is_journal(path: &Path) -> bool {
    let name = path.file_name().map(OsStr::as_bytes).unwrap_or_default();
    name.ends_with(b".journal") || name.ends_with(b".journal~")
}

/// Whether a file of this name was put aside: journald writes to it no more.
pub fn is_archived(path: &Path) -> bool {
    let name = path.file_name().map(OsStr::as_bytes).unwrap_or_default();
    name.ends_with(b"~") || name.contains(&b'@')
}

/// The nearest directory on the way to `path` that exists.
pub fn existing(path: &Path) -> Option<PathBuf> {
    path.ancestors().find(|dir| dir.is_dir()).map(PathBuf::from)
}
