//! The state directory: one snapshot, replaced as a whole, and a lock.

use std::fmt::Display;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

use super::lock::Lock;
use super::permissions;
use super::{DecodeError, Snapshot, decode};
use crate::plain;
use crate::shown::shown_path;
use crate::threads::{self, End};

/// The file name of the snapshot.
const SNAPSHOT: &str = "tenshi.state";
/// The file name of the next snapshot while it is written.
const NEW: &str = "tenshi.state.new";

/// A state directory in use.
#[derive(Debug)]
pub struct Store {
    dir: PathBuf,
    writer: Sender<(u64, Vec<u8>)>,
    /// The number of the newest snapshot, which may still be in writing.
    asked: u64,
    /// The number of the last snapshot that is through: on disk, or failed.
    written: u64,
    /// The lock on the directory: the kernel releases it when the daemon ends.
    lock: Lock,
}

/// The result of writing a snapshot.
#[derive(Debug)]
pub struct WriteResult {
    /// The number of the snapshot.
    pub number: u64,
    /// Whether it is on disk now.
    pub result: io::Result<()>,
    /// How long the writing took.
    pub took: Duration,
}

/// What a daemon finds in the place of its state directory.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum DirectoryState {
    /// The directory that it locked.
    Unchanged,
    /// The directory was gone: it was made and locked again. The path is where a snapshot that
    /// somebody left in it was moved to.
    Recreated(Option<PathBuf>),
    /// The directory was gone, and another daemon has locked its successor.
    Taken,
}

/// The contents of a state directory at the start.
#[derive(Debug)]
pub struct Loaded {
    /// The snapshot, if there was one that could be read.
    pub snapshot: Option<Snapshot>,
    /// The warning about a snapshot that could not be read, and was moved aside.
    pub warning: Option<String>,
}

/// Chooses the state directory: the command line's, the configuration's, or the first of
/// systemd's `$STATE_DIRECTORY`.
pub fn resolve(option: Option<&Path>, configured: Option<&Path>) -> Option<PathBuf> {
    let chosen = option.or(configured).map(Path::to_owned);
    chosen.or_else(|| {
        let given = std::env::var_os("STATE_DIRECTORY")?;
        let first = std::env::split_paths(&given).next()?;
        (!first.as_os_str().is_empty()).then_some(first)
    })
}

/// Reads the snapshot of a directory that may be another program's, changing nothing.
///
/// # Errors
/// There is none, it may not be read, or it is damaged.
pub fn read(dir: &Path) -> Result<Snapshot, ReadError> {
    let path = dir.join(SNAPSHOT);
    let other = |why: &dyn Display| ReadError::Faulty(format!("{}: {why}", shown_path(&path)));
    let bytes = read_plain(&path).map_err(|e| match e.kind() {
        io::ErrorKind::NotFound => ReadError::Absent(path.clone()),
        io::ErrorKind::PermissionDenied => {
            other(&"permission denied; the daemon's user and its group may read it")
        }
        _ => other(&e),
    })?;
    decode(&bytes).map_err(|fault| other(&fault))
}

/// Reads a plain file: what else may have its name could hold us for ever.
fn read_plain(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    plain::open(path)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Why a snapshot cannot be read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ReadError {
    /// There is no snapshot of this name.
    Absent(PathBuf),
    /// There is a snapshot that cannot be read: the text says why.
    Faulty(String),
}

impl Display for ReadError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Absent(path) => write!(f, "there is no snapshot {}", shown_path(&path)),
            Self::Faulty(text) => f.write_str(text),
        }
    }
}

impl Store {
    /// Takes a directory into use: makes it if need be, locks it, and reads what it holds.
    ///
    /// # Errors
    /// It cannot be made or written, another daemon holds it, or a newer program wrote it.
    pub fn open(
        dir: &Path,
        stored: impl Fn(WriteResult) + Send + 'static,
    ) -> Result<(Self, Loaded), String> {
        let describe =
            |e: &dyn std::fmt::Display| format!("state directory {}: {e}", shown_path(&dir));
        if !dir.is_dir() {
            let made = DirBuilder::new().recursive(true).mode(0o750).create(dir);
            made.map_err(|e| {
                describe(&format!(
                    "{e}; make it, and let the user of `set uid` own it"
                ))
            })?;
        }
        permissions::check(dir).map_err(|e| describe(&e))?;
        let lock = Lock::open(dir)
            .map_err(|e| describe(&format!("{e}; the user of `set uid` must own it")))?;
        if !lock.take().map_err(|e| describe(&e))? {
            return Err(describe(&"another tenshi is using it"));
        }
        // What was not renamed was not meant to count.
        match fs::remove_file(dir.join(NEW)) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => {
                return Err(describe(&format!("{NEW}: {e}; move it away")));
            }
            _ => {}
        }
        let loaded = load(dir).map_err(|e| describe(&e))?;
        let writer = spawn(dir.to_owned(), stored).map_err(|e| describe(&e))?;
        let store = Self {
            dir: dir.to_owned(),
            writer,
            asked: 0,
            written: 0,
            lock,
        };
        Ok((store, loaded))
    }

    /// Hands a snapshot to the writer beside the loop. Ask [`Self::busy`] before: one at a time.
    pub fn write(&mut self, bytes: Vec<u8>) {
        self.asked += 1;
        // The writer lives as long as the store.
        let _ = self.writer.send((self.asked, bytes));
    }

    /// Writes a snapshot now and here. Only while none is being written.
    pub fn write_here(&mut self, bytes: &[u8]) -> WriteResult {
        self.asked += 1;
        let begun = Instant::now();
        let result = replace(&self.dir, bytes);
        WriteResult {
            number: self.asked,
            result,
            took: begun.elapsed(),
        }
    }

    /// Makes sure that the directory is the one that we have locked. One that was removed is made
    /// and locked anew; a snapshot that somebody else left in it is moved aside.
    ///
    /// # Errors
    /// The directory cannot be looked at, made or locked.
    pub fn verify_directory(&mut self) -> Result<DirectoryState, String> {
        let describe = |e: io::Error| format!("state directory {}: {e}", shown_path(&self.dir));
        if self.lock.is_in(&self.dir).map_err(describe)? {
            return Ok(DirectoryState::Unchanged);
        }
        let made = DirBuilder::new()
            .recursive(true)
            .mode(0o750)
            .create(&self.dir);
        made.map_err(describe)?;
        let lock = Lock::open(&self.dir).map_err(describe)?;
        if !lock.take().map_err(describe)? {
            return Ok(DirectoryState::Taken);
        }
        self.lock = lock;
        let other = self.dir.join(SNAPSHOT);
        let aside = match fs::symlink_metadata(&other) {
            Ok(_) => Some(move_aside(&other).map_err(describe)?),
            Err(_) => None,
        };
        Ok(DirectoryState::Recreated(aside))
    }

    /// Shows that the daemon works: `tenshi status` looks at the time of the lock file.
    pub fn beat(&self) {
        self.lock.beat();
    }

    /// Whether a snapshot is being written.
    pub fn busy(&self) -> bool {
        self.asked > self.written
    }

    /// The number of the next snapshot.
    pub fn next_number(&self) -> u64 {
        self.asked + 1
    }

    /// The number of the last snapshot that is through, on disk or failed.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Shows whether snapshots can be written, in the lock: no snapshot could say it.
    pub fn show_failing(&self, failing: bool) {
        self.lock.show_failing(failing);
    }

    /// Notes that the snapshot of this number is through.
    pub fn settle(&mut self, number: u64) {
        self.written = self.written.max(number);
    }
}

/// Reads the snapshot; a damaged one is moved aside, so that it is never overwritten.
fn load(dir: &Path) -> Result<Loaded, String> {
    let path = dir.join(SNAPSHOT);
    let bytes = match read_plain(&path) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            return Ok(Loaded {
                snapshot: None,
                warning: None,
            });
        }
        Err(e) => return Err(format!("{SNAPSHOT}: {e}")),
    };
    match decode(&bytes) {
        Ok(snapshot) => Ok(Loaded {
            snapshot: Some(snapshot),
            warning: None,
        }),
        Err(fault @ DecodeError::Newer(_)) => Err(format!("{SNAPSHOT}: {fault}")),
        Err(fault) => {
            let aside = move_aside(&path).map_err(|e| format!("{SNAPSHOT}: {e}"))?;
            let aside = shown_path(&aside);
            let warning = format!(
                "{}: {fault}; it was moved to {aside}, and we begin anew",
                shown_path(&path)
            );
            Ok(Loaded {
                snapshot: None,
                warning: Some(warning),
            })
        }
    }
}

/// Gives a snapshot another name, so that it is never overwritten. Gives the new path.
fn move_aside(path: &Path) -> io::Result<PathBuf> {
    let aside = (0..)
        .map(|n| path.with_file_name(format!("{SNAPSHOT}.bad-{n}")))
        .find(|path| !path.exists())
        .unwrap_or_else(|| path.with_file_name("tenshi.state.bad"));
    fs::rename(path, &aside)?;
    Ok(aside)
}

/// Starts the thread that writes snapshots; `stored` gets each result.
fn spawn(
    dir: PathBuf,
    stored: impl Fn(WriteResult) + Send + 'static,
) -> io::Result<Sender<(u64, Vec<u8>)>> {
    let (sender, jobs) = channel::<(u64, Vec<u8>)>();
    let work = move || {
        for (number, bytes) in jobs {
            if threads::fault_point() {
                return End::Unasked;
            }
            let begun = Instant::now();
            let result = replace(&dir, &bytes);
            stored(WriteResult {
                number,
                result,
                took: begun.elapsed(),
            });
        }
        // The store was closed.
        End::Asked
    };
    threads::standing("state", work)?;
    Ok(sender)
}

/// Writes the new snapshot beside the old one and puts it in its place, on the disk and not only in
/// its cache.
fn replace(dir: &Path, bytes: &[u8]) -> io::Result<()> {
    let new = dir.join(NEW);
    // Made anew each time: nothing that somebody put there is opened.
    let _ = fs::remove_file(&new);
    let mut file = OpenOptions::new()
        .create_new(true)
        .write(true)
        .mode(0o640)
        .open(&new)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    if let Err(e) = written {
        // On a full disk it is only in the way.
        let _ = fs::remove_file(&new);
        return Err(e);
    }
    fs::rename(&new, dir.join(SNAPSHOT))?;
    File::open(dir)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::super::encode;
    use super::super::tests::of_version;
    use super::*;
    use std::sync::mpsc;

    fn open(dir: &Path) -> (Store, Loaded, mpsc::Receiver<WriteResult>) {
        let (sender, results) = channel();
        let open = Store::open(dir, move |stored| sender.send(stored).unwrap());
        let (store, loaded) = open.unwrap();
        (store, loaded, results)
    }

    #[test]
    fn a_snapshot_comes_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("made/here");
        let (mut store, loaded, results) = open(&path);
        assert!(loaded.snapshot.is_none() && loaded.warning.is_none());
        let snapshot = Snapshot {
            remarks: vec!["one".into()],
            ..Snapshot::default()
        };
        store.write(encode(&snapshot).unwrap());
        assert!(store.busy());
        let stored = results.recv().unwrap();
        assert!(stored.result.is_ok());
        store.settle(stored.number);
        assert!(!store.busy());
        assert!(
            Store::open(&path, |_| {})
                .unwrap_err()
                .contains("another tenshi")
        );
        drop(store);
        assert_eq!(open(&path).1.snapshot, Some(snapshot.clone()));
        assert_eq!(read(&path).unwrap(), snapshot);
    }

    #[test]
    fn a_damaged_snapshot_is_moved_aside_and_told() {
        let dir = tempfile::tempdir().unwrap();
        for n in 0..2 {
            fs::write(dir.path().join(SNAPSHOT), b"tenshi state\nrubbish").unwrap();
            let loaded = open(dir.path()).1;
            assert!(loaded.snapshot.is_none());
            assert!(loaded.warning.unwrap().contains("damaged"));
            assert!(dir.path().join(format!("{SNAPSHOT}.bad-{n}")).exists());
        }
        let newer = of_version(encode(&Snapshot::default()).unwrap(), 7);
        fs::write(dir.path().join(SNAPSHOT), &newer).unwrap();
        let refused = Store::open(dir.path(), |_| {}).unwrap_err();
        assert!(refused.contains("version 7"), "{refused}");
        assert_eq!(fs::read(dir.path().join(SNAPSHOT)).unwrap(), newer);
    }
}
