//! A disk in memory whose power can be cut at any operation, for tests.
//!
//! It keeps what was synced. Of what was not, it keeps what chance wants: of data any sectors, and in the
//! place of the others what was there before, nothing, or rubbish; of new names, renames and removals any of
//! them. Operations may fail too, with a part of their work done.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Disk, DiskFile, Seen};

/// The bytes that a disk writes whole or not at all.
const SECTOR: usize = 512;

/// A disk in memory. A clone is another handle to the same disk.
#[derive(Clone, Debug)]
pub struct SimulatedDisk(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    files: BTreeMap<u64, Inode>,
    /// The names as they are, and as they are for sure on the disk.
    names: BTreeMap<PathBuf, u64>,
    kept_names: BTreeMap<PathBuf, u64>,
    /// The changes of names since the last sync of their directory.
    changes: Vec<NameChange>,
    random: u64,
    /// Operations until the power is cut; `None` for never.
    cut_in: Option<u32>,
    /// Whether there is no power: nothing can be done.
    off: bool,
    /// The number of operations of a thousand that fail, on average.
    failing: u64,
    next: u64,
}

#[derive(Clone, Debug)]
enum NameChange {
    Set(PathBuf, u64),
    Gone(PathBuf),
    Moved(PathBuf, PathBuf, u64),
}

#[derive(Clone, Debug, Default)]
struct Inode {
    now: Vec<u8>,
    /// What is for sure on the disk.
    kept: Vec<u8>,
}

fn no_power() -> io::Error {
    io::Error::other("the power is cut")
}

fn no_file() -> io::Error {
    io::ErrorKind::NotFound.into()
}

impl State {
    fn below(&mut self, n: u64) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }

    /// Whether the operation that comes now is done whole (`Ok(true)`), or in part before it fails.
    fn operation(&mut self) -> io::Result<bool> {
        if self.off {
            return Err(no_power());
        }
        if let Some(left) = &mut self.cut_in {
            if *left == 0 {
                self.off = true;
                return Ok(false);
            }
            *left -= 1;
        }
        Ok(self.failing == 0 || self.below(1000) >= self.failing)
    }

    fn fault(&self) -> io::Error {
        match self.off {
            true => no_power(),
            false => io::Error::from_raw_os_error(nix::libc::EIO),
        }
    }

    /// Makes what chance keeps of all that was not synced the content of the disk.
    fn forget(&mut self) {
        for change in std::mem::take(&mut self.changes) {
            if self.below(2) == 0 {
                continue;
            }
            match change {
                NameChange::Set(path, inode) => {
                    self.kept_names.insert(path, inode);
                }
                NameChange::Gone(path) => {
                    self.kept_names.remove(&path);
                }
                NameChange::Moved(from, to, inode) => {
                    self.kept_names.remove(&from);
                    self.kept_names.insert(to, inode);
                }
            }
        }
        self.names = self.kept_names.clone();
        let used: Vec<u64> = self.names.values().copied().collect();
        self.files.retain(|inode, _| used.contains(inode));
        let mut files = std::mem::take(&mut self.files);
        for file in files.values_mut() {
            self.tear(file);
        }
        self.files = files;
    }

    /// Keeps any sectors of what was appended since the last sync.
    fn tear(&mut self, file: &mut Inode) {
        if file.now.len() > file.kept.len() {
            let most = (file.now.len() - file.kept.len()) as u64;
            let length = match self.below(3) {
                0 => file.now.len(),
                1 => file.kept.len(),
                _ => file.kept.len() + usize::try_from(self.below(most + 1)).unwrap_or(0),
            };
            let mut at = file.kept.len();
            while at < length {
                let end = length.min((at / SECTOR + 1) * SECTOR);
                match self.below(4) {
                    0 => file.kept.resize(end, 0),
                    1 => {
                        let rubbish = self.below(256) as u8;
                        file.kept.resize(end, rubbish);
                    }
                    _ => file.kept.extend_from_slice(&file.now[at..end]),
                }
                at = end;
            }
        }
        file.now.clone_from(&file.kept);
    }
}

impl SimulatedDisk {
    /// An empty disk; the same `seed` gives the same chances.
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(State {
            files: BTreeMap::new(),
            names: BTreeMap::new(),
            kept_names: BTreeMap::new(),
            changes: Vec::new(),
            random: seed,
            cut_in: None,
            off: false,
            failing: 0,
            next: 1,
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Cuts the power in the middle of the operation that comes after this number of `operations`.
    pub fn cut_in(&self, operations: u32) {
        self.state().cut_in = Some(operations);
    }

    /// Lets `per_mille` of a thousand operations fail, on average.
    pub fn fail(&self, per_mille: u64) {
        self.state().failing = per_mille;
    }

    /// Whether the power was cut.
    pub fn is_off(&self) -> bool {
        self.state().off
    }

    /// Cuts the power, if that is not done yet, and switches it on again.
    pub fn restart(&self) {
        let mut state = self.state();
        state.forget();
        state.off = false;
        state.cut_in = None;
    }

    /// Replaces the content of a file, on the disk.
    pub fn overwrite(&self, path: &Path, bytes: &[u8]) {
        let mut state = self.state();
        if let Some(inode) = state.names.get(path).copied() {
            let content = Inode {
                now: bytes.to_vec(),
                kept: bytes.to_vec(),
            };
            state.files.insert(inode, content);
        }
    }

    /// The names of all files.
    pub fn names(&self) -> Vec<PathBuf> {
        self.state().names.keys().cloned().collect()
    }
}

/// An open file of a [`SimulatedDisk`].
#[derive(Debug)]
struct SimulatedFile {
    disk: SimulatedDisk,
    inode: u64,
}

impl Disk for SimulatedDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.state();
        let whole = state.operation()?;
        if state.names.contains_key(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let inode = state.next;
        if whole || state.below(2) == 0 {
            state.next += 1;
            state.files.insert(inode, Inode::default());
            state.names.insert(path.to_owned(), inode);
            state.changes.push(NameChange::Set(path.to_owned(), inode));
        }
        if !whole {
            return Err(state.fault());
        }
        Ok(Box::new(SimulatedFile {
            disk: self.clone(),
            inode,
        }))
    }

    fn append_to(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let state = self.state();
        if state.off {
            return Err(no_power());
        }
        let inode = *state.names.get(path).ok_or_else(no_file)?;
        Ok(Box::new(SimulatedFile {
            disk: self.clone(),
            inode,
        }))
    }

    /// All directories are there.
    fn make_directory(&self, _path: &Path) -> io::Result<()> {
        match self.state().off {
            true => Err(no_power()),
            false => Err(io::ErrorKind::AlreadyExists.into()),
        }
    }

    fn read_head(&self, path: &Path, most: u64) -> io::Result<Vec<u8>> {
        let state = self.state();
        if state.off {
            return Err(no_power());
        }
        let inode = state.names.get(path).ok_or_else(no_file)?;
        let file = state.files.get(inode).ok_or_else(no_file)?;
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        Ok(file.now.iter().take(most).copied().collect())
    }

    fn look(&self, path: &Path) -> io::Result<Seen> {
        let state = self.state();
        if state.off {
            return Err(no_power());
        }
        let inode = *state.names.get(path).ok_or_else(no_file)?;
        let file = state.files.get(&inode).ok_or_else(no_file)?;
        Ok(Seen {
            id: (1, inode),
            length: file.now.len() as u64,
        })
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state();
        let whole = state.operation()?;
        let inode = *state.names.get(from).ok_or_else(no_file)?;
        if whole || state.below(2) == 0 {
            state.names.remove(from);
            state.names.insert(to.to_owned(), inode);
            let moved = NameChange::Moved(from.to_owned(), to.to_owned(), inode);
            state.changes.push(moved);
        }
        if whole { Ok(()) } else { Err(state.fault()) }
    }

    fn link(&self, file: &Path, name: &Path) -> io::Result<()> {
        let mut state = self.state();
        let whole = state.operation()?;
        let inode = *state.names.get(file).ok_or_else(no_file)?;
        if state.names.contains_key(name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        if whole || state.below(2) == 0 {
            state.names.insert(name.to_owned(), inode);
            state.changes.push(NameChange::Set(name.to_owned(), inode));
        }
        if whole { Ok(()) } else { Err(state.fault()) }
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        let whole = state.operation()?;
        state.names.get(path).ok_or_else(no_file)?;
        if whole || state.below(2) == 0 {
            state.names.remove(path);
            state.changes.push(NameChange::Gone(path.to_owned()));
        }
        if whole { Ok(()) } else { Err(state.fault()) }
    }

    fn sync_directory(&self, _dir: &Path) -> io::Result<()> {
        let mut state = self.state();
        if !state.operation()? {
            return Err(state.fault());
        }
        state.kept_names = state.names.clone();
        state.changes.clear();
        Ok(())
    }
}

impl DiskFile for SimulatedFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.disk.state();
        let whole = state.operation()?;
        let part = match whole {
            true => bytes.len(),
            false => usize::try_from(state.below(bytes.len() as u64 + 1)).unwrap_or(0),
        };
        if let Some(file) = state.files.get_mut(&self.inode) {
            file.now.extend_from_slice(&bytes[..part]);
        }
        if whole { Ok(()) } else { Err(state.fault()) }
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut state = self.disk.state();
        let whole = state.operation()?;
        let mut file = state.files.remove(&self.inode).unwrap_or_default();
        match whole {
            true => file.kept.clone_from(&file.now),
            // After a failed sync, what is in the cache may differ from the disk for ever.
            false => state.tear(&mut file),
        }
        state.files.insert(self.inode, file);
        if whole { Ok(()) } else { Err(state.fault()) }
    }

    fn look(&self) -> io::Result<Seen> {
        let state = self.disk.state();
        if state.off {
            return Err(no_power());
        }
        let length = state.files.get(&self.inode).map_or(0, |f| f.now.len());
        Ok(Seen {
            id: (1, self.inode),
            length: length as u64,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_synced_is_there_and_of_the_rest_anything() {
        let (a, b, dir) = (Path::new("/d/a"), Path::new("/d/b"), Path::new("/d"));
        let mut seen: BTreeMap<(Option<usize>, Option<usize>), u32> = BTreeMap::new();
        for seed in 0..400 {
            let disk = SimulatedDisk::new(seed);
            let mut file = disk.create(a).unwrap();
            file.append(&[7; 100]).unwrap();
            file.sync().unwrap();
            disk.sync_directory(dir).unwrap();
            file.append(&[8; 2000]).unwrap();
            disk.rename(a, b).unwrap();
            disk.restart();
            let found = [a, b].map(|path| disk.read(path).ok());
            for bytes in found.iter().flatten() {
                assert_eq!(bytes[..100], [7; 100]);
            }
            let [a, b] = found.map(|bytes| bytes.map(|bytes| bytes.len() / 1000));
            *seen.entry((a, b)).or_default() += 1;
        }
        // It has its old name or its new one, and any length.
        assert_eq!(seen.len(), 6, "{seen:?}");
        assert!(seen.values().all(|&n| n > 10), "{seen:?}");
    }
}
