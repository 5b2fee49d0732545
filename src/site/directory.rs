//! A board in a directory that all consoles have, as on NFS: a file for each entry, `SITE/NUMBER/TABLE/NAME`. What is set
//! once is a link to a file that is whole already, which the file's server makes for one of all who ask.
//!
//! To wipe such a board, give the directory `SITE` another name: what removes its files one after the other may take
//! a claim away before the share.

use std::collections::BTreeMap;
use std::fs::{self, File, Permissions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime};

use super::board::{Board, Fault, Table};
use super::id::BoardNumber;
use crate::hash::random;
use crate::shown::shown_path;

mod held;

/// The longest name of a file, bytes.
const LONGEST: usize = 250;
/// The most bytes of an entry: no share and no word has so many.
const MOST_ENTRY: u64 = 64 << 20;

/// A board in a directory.
pub struct DirectoryBoard {
    /// The directory that all consoles have.
    shared: PathBuf,
    /// The directory of the site.
    root: PathBuf,
    /// The files that were made, for names that nobody else has.
    made: u64,
    /// What is in the names of our unfinished files.
    mark: String,
    /// When the directories of files that are held were swept last.
    swept: BTreeMap<PathBuf, Instant>,
}

impl DirectoryBoard {
    /// The board of a site in a directory.
    pub fn new(directory: &Path, site: &str) -> Self {
        Self {
            shared: directory.to_owned(),
            root: directory.join(site),
            made: 0,
            mark: format!("{:016x}", random()),
            swept: BTreeMap::new(),
        }
    }

    fn fault(&self, why: &io::Error) -> Fault {
        Fault(format!("directory {}: {why}", shown_path(&self.root)))
    }

    fn table(&self, number: BoardNumber, table: Table) -> PathBuf {
        self.root.join(number.to_string()).join(table.name())
    }

    fn entry(&self, number: BoardNumber, table: Table, name: &str) -> io::Result<PathBuf> {
        let name = file_name(name);
        match name.len() <= LONGEST {
            true => Ok(self.table(number, table).join(name)),
            false => Err(io::Error::new(
                ErrorKind::InvalidInput,
                format!("the name `{name}` is too long"),
            )),
        }
    }

    /// The rights of a directory of the board: what owner and group may do in the directory that all consoles have,
    /// so that who may write there may write everywhere. A directory of which only the owner of a file may remove it would be no board.
    fn rights(&self) -> io::Result<u32> {
        // Nobody else may read what stands on it: lines of logs.
        Ok(fs::metadata(&self.shared)?.mode() & 0o2770)
    }

    /// Makes a directory of the board and all above it, as far as they are not there.
    fn make_directory(&self, path: &Path) -> io::Result<()> {
        let made = fs::DirBuilder::new().mode(0o700).create(path);
        match made {
            Ok(()) => fs::set_permissions(path, Permissions::from_mode(self.rights()?)),
            Err(fault) if fault.kind() == ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
            Err(fault) if fault.kind() == ErrorKind::NotFound => {
                let above = path.parent();
                let Some(above) = above.filter(|above| above.starts_with(&self.shared)) else {
                    return Err(fault);
                };
                match above == self.shared {
                    true => fs::DirBuilder::new()
                        .recursive(true)
                        .mode(0o750)
                        .create(above)?,
                    false => self.make_directory(above)?,
                }
                self.make_directory(path)
            }
            Err(fault) => Err(fault),
        }
    }

    /// Makes a whole file that is on the disk, under a name of its own in a directory.
    fn whole(&mut self, directory: &Path, value: &[u8]) -> io::Result<PathBuf> {
        self.made += 1;
        let path = directory.join(format!(".{}-{}", self.mark, self.made));
        let mut file = File::options()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)?;
        let rights = self.rights()? & 0o666;
        let written = file
            .set_permissions(Permissions::from_mode(rights))
            .and_then(|()| file.write_all(value))
            .and_then(|()| file.sync_all());
        if written.is_err() {
            let _ = fs::remove_file(&path);
        }
        written.map(|()| path)
    }

    /// Makes a file of this content if there is none of this name. Gives whether there was none.
    fn link(&mut self, path: &Path, value: &[u8]) -> io::Result<bool> {
        let directory = path.parent().unwrap_or(&self.root).to_owned();
        let whole = self.whole(&directory, value)?;
        let linked = match fs::hard_link(&whole, path) {
            Ok(()) => Ok(true),
            // The answer of a file's server may be lost: the file knows how many names it has.
            Err(fault) => match fs::metadata(&whole) {
                Ok(meta) if meta.nlink() > 1 => Ok(true),
                _ if fault.kind() == ErrorKind::AlreadyExists => Ok(false),
                _ => Err(fault),
            },
        };
        let _ = fs::remove_file(&whole);
        if let Ok(true) = linked {
            File::open(&directory)?.sync_all()?;
        }
        linked
    }

    fn replace(&mut self, path: &Path, value: &[u8]) -> io::Result<()> {
        let directory = path.parent().unwrap_or(&self.root).to_owned();
        let whole = self.whole(&directory, value)?;
        fs::rename(&whole, path)?;
        File::open(&directory)?.sync_all()
    }

    /// The time of the file's server.
    fn server_time(&mut self) -> io::Result<SystemTime> {
        let root = self.root.clone();
        let whole = self.whole(&root, b"")?;
        let time = fs::metadata(&whole).and_then(|meta| meta.modified());
        let _ = fs::remove_file(&whole);
        time
    }

    fn read_number(&self) -> io::Result<Option<BoardNumber>> {
        let Some(text) = read(&self.root.join("board"))? else {
            return Ok(None);
        };
        let number = std::str::from_utf8(&text)
            .ok()
            .and_then(|text| u64::from_str_radix(text.trim(), 16).ok());
        let number = number.ok_or_else(|| {
            io::Error::new(ErrorKind::InvalidData, "its file `board` holds no number")
        })?;
        Ok(Some(BoardNumber(number)))
    }

    /// Makes the board of this number, if there is none.
    fn make(&mut self, number: BoardNumber) -> io::Result<()> {
        for table in Table::ALL {
            self.make_directory(&self.table(number, table))?;
        }
        let own = self.root.join(number.to_string());
        let path = self.root.join("board");
        if !self.link(&path, number.to_string().as_bytes())? {
            return fs::remove_dir_all(own);
        }
        // What is under other numbers nobody reads any more.
        for entry in fs::read_dir(&self.root)?.flatten() {
            let name = entry.file_name();
            let old = name.len() == 16 && entry.path() != own;
            if old && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                let _ = fs::remove_dir_all(entry.path());
            }
        }
        Ok(())
    }

    fn current(&mut self, fresh: BoardNumber) -> io::Result<BoardNumber> {
        for _ in 0..2 {
            if let Some(number) = self.read_number()? {
                // A part of it may be removed: then the rest is no board any more.
                if Table::ALL
                    .iter()
                    .all(|table| self.table(number, *table).is_dir())
                {
                    return Ok(number);
                }
                remove(&self.root.join("board"))?;
            }
            self.make(fresh)?;
        }
        Err(io::Error::other("it is removed while it is used"))
    }

    fn values(
        &self,
        number: BoardNumber,
        table: Table,
        names: &[String],
    ) -> io::Result<Vec<Option<Vec<u8>>>> {
        names
            .iter()
            .map(|name| read(&self.entry(number, table, name)?))
            .collect()
    }

    fn list_names(&self, number: BoardNumber, table: Table) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(self.table(number, table))? {
            let name = entry?.file_name();
            let name = name.to_str().filter(|name| !name.starts_with('.'));
            // A file with another name is not ours: it could not be asked for by its entry's name.
            let entry =
                name.and_then(|name| name_of(name).filter(|entry| file_name(entry) == name));
            names.extend(entry.filter(|entry| file_name(entry).len() <= LONGEST));
        }
        names.sort_unstable();
        Ok(names)
    }
}

/// A name as the name of a file: what is neither letter, digit, `-`, `_` nor a dot within is `%XX`.
fn file_name(name: &str) -> String {
    let mut text = String::new();
    for (at, byte) in name.bytes().enumerate() {
        match byte {
            b'.' if at == 0 => text += "%2e",
            b'-' | b'_' | b'.' => text.push(char::from(byte)),
            byte if byte.is_ascii_alphanumeric() => text.push(char::from(byte)),
            byte => text += &format!("%{byte:02x}"),
        }
    }
    text
}

/// The name of which [`file_name`] made this one.
fn name_of(text: &str) -> Option<String> {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        if *byte == b'%' {
            let (hex, after) = rest.split_at_checked(2)?;
            rest = after;
            bytes.push(u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok()?);
        } else {
            bytes.push(*byte);
        }
    }
    String::from_utf8(bytes).ok()
}

/// Reads a file, if there is one. What is too large to be an entry has no byte.
fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let whole = || -> io::Result<Vec<u8>> {
        let file = File::open(path)?;
        let mut bytes = Vec::new();
        file.take(MOST_ENTRY + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > MOST_ENTRY {
            bytes.clear();
        }
        Ok(bytes)
    };
    match whole() {
        Ok(bytes) => Ok(Some(bytes)),
        Err(fault) if fault.kind() == ErrorKind::NotFound => Ok(None),
        Err(fault) => Err(fault),
    }
}

/// Reads the file of an entry that is listed: what is no file, or may not be read, has no byte.
fn read_listed(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match read(path) {
        Err(fault)
            if matches!(
                fault.kind(),
                ErrorKind::IsADirectory | ErrorKind::PermissionDenied
            ) =>
        {
            Ok(Some(Vec::new()))
        }
        other => other,
    }
}

/// Removes a file, if there is one.
fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(fault) if fault.kind() != ErrorKind::NotFound => Err(fault),
        _ => Ok(()),
    }
}

impl Board for DirectoryBoard {
    fn number(&mut self, fresh: BoardNumber) -> Result<BoardNumber, Fault> {
        self.current(fresh).map_err(|fault| self.fault(&fault))
    }

    fn renew(&mut self, old: BoardNumber) -> Result<(), Fault> {
        let renewed = self.read_number().and_then(|now| match now == Some(old) {
            true => remove(&self.root.join("board")),
            false => Ok(()),
        });
        renewed.map_err(|fault| self.fault(&fault))
    }

    fn names(&mut self, number: BoardNumber, table: Table) -> Result<Vec<String>, Fault> {
        self.list_names(number, table)
            .map_err(|fault| self.fault(&fault))
    }

    fn list(&mut self, number: BoardNumber, table: Table) -> Result<Vec<(String, Vec<u8>)>, Fault> {
        let mut entries = Vec::new();
        for name in self.names(number, table)? {
            let value = self
                .entry(number, table, &name)
                .and_then(|path| read_listed(&path));
            let value = value.map_err(|fault| self.fault(&fault))?;
            entries.extend(value.map(|value| (name, value)));
        }
        Ok(entries)
    }

    fn get(
        &mut self,
        number: BoardNumber,
        table: Table,
        names: &[String],
    ) -> Result<Vec<Option<Vec<u8>>>, Fault> {
        self.values(number, table, names)
            .map_err(|fault| self.fault(&fault))
    }

    fn put(
        &mut self,
        number: BoardNumber,
        table: Table,
        entries: &[(String, Vec<u8>)],
    ) -> Result<(), Fault> {
        for (name, value) in entries {
            let put = self
                .entry(number, table, name)
                .and_then(|path| self.replace(&path, value));
            put.map_err(|fault| self.fault(&fault))?;
        }
        Ok(())
    }

    fn put_new(
        &mut self,
        number: BoardNumber,
        table: Table,
        name: &str,
        value: &[u8],
    ) -> Result<bool, Fault> {
        let put = self
            .entry(number, table, name)
            .and_then(|path| self.link(&path, value));
        put.map_err(|fault| self.fault(&fault))
    }

    fn delete(&mut self, number: BoardNumber, table: Table, names: &[String]) -> Result<(), Fault> {
        for name in names {
            let removed = self
                .entry(number, table, name)
                .and_then(|path| remove(&path));
            removed.map_err(|fault| self.fault(&fault))?;
        }
        Ok(())
    }

    fn lead(&mut self, number: BoardNumber, me: &str) -> Result<bool, Fault> {
        let path = self.root.join(number.to_string()).join("lead");
        self.holds_lead(&path, me)
            .map_err(|fault| self.fault(&fault))
    }

    fn alarm(&mut self, hash: u64, me: &str) -> Result<Option<String>, Fault> {
        let directory = self.root.join("alert");
        let mut hold = || {
            self.make_directory(&directory)?;
            self.holds_alarm(&directory.join(format!("{hash:016x}")), me)
        };
        hold().map_err(|fault| self.fault(&fault))
    }
}
