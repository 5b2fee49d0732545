//! The state directory: the state in one file, and a lock.

use std::fmt::Display;
use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError, TryLockError};
use std::time::{Duration, Instant};

pub use super::file::Written;
use super::file::{NEW, STATE, StateFile};
use super::journal::Tail;
use super::lock::Lock;
use super::permissions;
use super::{DecodeError, Snapshot, decode, decode_with_tail};
use crate::disk::{Disk, RealDisk};
use crate::shown::shown_path;
use crate::threads::{self, End};

/// The name of the thread that writes commits.
pub const WRITER: &str = "state";

/// The records behind a snapshot may take this much, bytes, or half of what the snapshot takes.
const RECORDS: u64 = 8 << 20;

/// What is to be written.
#[derive(Debug)]
pub enum Commit {
    /// A whole snapshot, in the place of everything before.
    Snapshot(Vec<u8>),
    /// The changes since the last commit, behind it.
    Changes(Vec<u8>),
}

/// The commits that a test is to write.
#[cfg(test)]
type Jobs = std::sync::mpsc::Receiver<(u64, Commit)>;

/// A state directory in use.
#[derive(Debug)]
pub struct Store {
    dir: PathBuf,
    file: Arc<Mutex<StateFile>>,
    writer: Sender<(u64, Commit)>,
    /// The number of the newest commit, which may still be in writing.
    asked: u64,
    /// The number of the last commit that is through: on disk, or failed.
    written: u64,
    /// The length of the last snapshot, and of the records behind it, bytes.
    snapshot: u64,
    records: u64,
    /// The lock on the directory: the kernel releases it when the daemon ends.
    lock: Lock,
}

/// The result of writing a commit.
#[derive(Debug)]
pub struct WriteResult {
    /// The number of the commit.
    pub number: u64,
    /// Whether it is on disk now.
    pub result: Written,
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

/// By what a commit of another process is seen: the file's number, length and time of the last change.
pub type Stamp = (u64, u64, (i64, i64));

/// The stamp of a directory's state: when it is what it was, so is the state.
///
/// # Errors
/// The state is not there, or cannot be seen.
pub fn stamp(dir: &Path) -> io::Result<Stamp> {
    let meta = std::fs::metadata(dir.join(STATE))?;
    Ok((meta.ino(), meta.size(), (meta.mtime(), meta.mtime_nsec())))
}

/// Reads the snapshot of a directory that may be another program's, changing nothing.
///
/// # Errors
/// There is none, it may not be read, or it is damaged.
pub fn read(dir: &Path) -> Result<Snapshot, ReadError> {
    let path = dir.join(STATE);
    let other = |why: &dyn Display| ReadError::Faulty(format!("{}: {why}", shown_path(&path)));
    let bytes = RealDisk.read(&path).map_err(|e| match e.kind() {
        io::ErrorKind::NotFound => ReadError::Absent(path.clone()),
        io::ErrorKind::PermissionDenied => {
            other(&"permission denied; the daemon's user and its group may read it")
        }
        _ => other(&e),
    })?;
    decode(&bytes).map_err(|fault| other(&fault))
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
    /// The directory.
    pub fn directory(&self) -> &Path {
        &self.dir
    }

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
        let disk: Arc<dyn Disk> = Arc::new(RealDisk);
        keep_name(&*disk, dir);
        let file = StateFile::new(Arc::clone(&disk), dir);
        file.remove_new()
            .map_err(|e| describe(&format!("{NEW}: {e}; move it away")))?;
        let loaded = load(&*disk, dir).map_err(|e| describe(&e))?;
        let file = Arc::new(Mutex::new(file));
        let writer = spawn(Arc::clone(&file), stored).map_err(|e| describe(&e))?;
        Ok((Self::new(dir, file, writer, lock), loaded))
    }

    /// A directory that was locked and read.
    fn new(
        dir: &Path,
        file: Arc<Mutex<StateFile>>,
        writer: Sender<(u64, Commit)>,
        lock: Lock,
    ) -> Self {
        Self {
            dir: dir.to_owned(),
            file,
            writer,
            asked: 0,
            written: 0,
            snapshot: 0,
            records: 0,
            lock,
        }
    }

    /// A directory whose files are on another disk than its lock. Commits go to the receiver, and are written
    /// when the test wants it ([`Self::write_now`]).
    #[cfg(test)]
    pub fn on(disk: Arc<dyn Disk>, dir: &Path) -> Result<(Self, Loaded, Jobs), String> {
        let lock = Lock::open(dir).map_err(|e| e.to_string())?;
        // A child of another test has every descriptor of ours until its program begins.
        while !lock.take().map_err(|e| e.to_string())? {
            std::thread::yield_now();
        }
        let file = StateFile::new(Arc::clone(&disk), dir);
        file.remove_new().map_err(|e| e.to_string())?;
        let loaded = load(&*disk, dir)?;
        let (writer, jobs) = channel();
        let store = Self::new(dir, Arc::new(Mutex::new(file)), writer, lock);
        Ok((store, loaded, jobs))
    }

    /// Writes a commit that was handed over.
    #[cfg(test)]
    pub fn write_now(&self, number: u64, commit: &Commit) -> WriteResult {
        write(&self.file, number, commit)
    }

    /// Hands a commit to the writer beside the loop. Ask [`Self::busy`] before: one at a time.
    pub fn write(&mut self, commit: Commit) {
        self.asked += 1;
        self.count(&commit);
        // The writer lives as long as the store.
        let _ = self.writer.send((self.asked, commit));
    }

    /// Writes a commit now and here. Only while none is being written, or when the [`WRITER`] is dead: if it died
    /// in the middle of a commit, this one fails.
    pub fn write_here(&mut self, commit: Commit) -> WriteResult {
        self.asked += 1;
        self.count(&commit);
        if matches!(self.file.try_lock(), Err(TryLockError::WouldBlock)) {
            return WriteResult {
                number: self.asked,
                result: Written::Failed(io::Error::other("another commit is being written")),
                took: Duration::ZERO,
            };
        }
        write(&self.file, self.asked, &commit)
    }

    fn count(&mut self, commit: &Commit) {
        match commit {
            Commit::Snapshot(bytes) => (self.snapshot, self.records) = (bytes.len() as u64, 0),
            Commit::Changes(bytes) => self.records += bytes.len() as u64,
        }
    }

    /// Whether this number of bytes of `changes` may be appended: else a new snapshot is due.
    pub fn has_room(&self, changes: usize) -> bool {
        self.records + changes as u64 <= RECORDS.max(self.snapshot / 2)
    }

    /// Whether there are records behind the snapshot.
    pub fn has_records(&self) -> bool {
        self.records > 0
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
        keep_name(&RealDisk, &self.dir);
        let aside = match RealDisk.look(&self.dir.join(STATE)) {
            Ok(_) => Some(move_aside(&RealDisk, &self.dir).map_err(describe)?),
            Err(_) => None,
        };
        Ok(DirectoryState::Recreated(aside))
    }

    /// Shows that the daemon works: `tenshi status` looks at the time of the lock file.
    pub fn beat(&self) {
        self.lock.beat();
    }

    /// Whether a commit is being written.
    pub fn busy(&self) -> bool {
        self.asked > self.written
    }

    /// The number of the next commit.
    pub fn next_number(&self) -> u64 {
        self.asked + 1
    }

    /// The number of the last commit that is through, on disk or failed.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Shows whether commits can be written, in the lock: no commit could say it.
    pub fn show_failing(&self, failing: bool) {
        self.lock.show_failing(failing);
    }

    /// Notes that the commit of this number is through.
    pub fn settle(&mut self, number: u64) {
        self.written = self.written.max(number);
    }
}

/// Has a directory that was just made survive a power cut, as far as we may look at the one above.
fn keep_name(disk: &dyn Disk, dir: &Path) {
    if let Some(above) = dir.parent() {
        let _ = disk.sync_directory(above);
    }
}

/// Reads the state. What is damaged of it is kept under another name, so that it is never overwritten.
pub(super) fn load(disk: &dyn Disk, dir: &Path) -> Result<Loaded, String> {
    let path = dir.join(STATE);
    let bytes = match disk.read(&path) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            return Ok(Loaded {
                snapshot: None,
                warning: None,
            });
        }
        Err(e) => return Err(format!("{STATE}: {e}")),
    };
    let faulty = |e: io::Error| format!("{STATE}: {e}");
    let (snapshot, warning) = match decode_with_tail(&bytes) {
        Ok((snapshot, Tail::Clean)) => (Some(snapshot), None),
        Ok((snapshot, Tail::Torn(length))) => {
            log::info!(
                "{}: a commit was not written to its end, {length} bytes of it: it does not count",
                shown_path(&path)
            );
            (Some(snapshot), None)
        }
        Ok((snapshot, Tail::Damaged(how))) => {
            let aside = keep_aside(disk, dir).map_err(faulty)?;
            let warning = format!(
                "{}: {how}; it is kept as {}, and we go on from the commits before",
                shown_path(&path),
                shown_path(&aside)
            );
            (Some(snapshot), Some(warning))
        }
        Err(fault @ DecodeError::Newer(_)) => return Err(format!("{STATE}: {fault}")),
        Err(fault) => {
            let aside = move_aside(disk, dir).map_err(faulty)?;
            let warning = format!(
                "{}: {fault}; it was moved to {}, and we begin anew",
                shown_path(&path),
                shown_path(&aside)
            );
            (None, Some(warning))
        }
    };
    Ok(Loaded { snapshot, warning })
}

/// A name for a damaged state that no file has yet.
fn free_name(disk: &dyn Disk, dir: &Path) -> PathBuf {
    let names = (0..).map(|n| dir.join(format!("{STATE}.bad-{n}")));
    let mut free = names.filter(|path| disk.look(path).is_err());
    free.next().unwrap_or_else(|| dir.join("tenshi.state.bad"))
}

/// Gives a state another name, so that it is never overwritten. Gives the new path.
fn move_aside(disk: &dyn Disk, dir: &Path) -> io::Result<PathBuf> {
    let aside = free_name(disk, dir);
    disk.rename(&dir.join(STATE), &aside)?;
    disk.sync_directory(dir)?;
    Ok(aside)
}

/// Gives a state one more name: what is good of it counts until the next one is written. Gives the new path.
fn keep_aside(disk: &dyn Disk, dir: &Path) -> io::Result<PathBuf> {
    let aside = free_name(disk, dir);
    disk.link(&dir.join(STATE), &aside)?;
    disk.sync_directory(dir)?;
    Ok(aside)
}

/// Starts the thread that writes commits; `stored` gets each result.
fn spawn(
    file: Arc<Mutex<StateFile>>,
    stored: impl Fn(WriteResult) + Send + 'static,
) -> io::Result<Sender<(u64, Commit)>> {
    let (sender, jobs) = channel::<(u64, Commit)>();
    let work = move || {
        for (number, commit) in jobs {
            if threads::fault_point() {
                return End::Unasked;
            }
            stored(write(&file, number, &commit));
        }
        // The store was closed.
        End::Asked
    };
    threads::standing(WRITER, work)?;
    Ok(sender)
}

fn write(file: &Mutex<StateFile>, number: u64, commit: &Commit) -> WriteResult {
    let begun = Instant::now();
    // A thread that died while it wrote left no file that could be appended to.
    let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
    let result = match commit {
        Commit::Snapshot(bytes) => file.replace(bytes),
        Commit::Changes(bytes) => file.append(bytes),
    };
    WriteResult {
        number,
        result,
        took: begun.elapsed(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::encode;
    use super::super::tests::of_version;
    use super::*;
    use std::fs;
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
        store.write(Commit::Snapshot(encode(&snapshot).unwrap()));
        assert!(store.busy());
        let stored = results.recv().unwrap();
        assert!(matches!(stored.result, Written::Done));
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
            fs::write(dir.path().join(STATE), b"tenshi state\nrubbish").unwrap();
            let loaded = open(dir.path()).1;
            assert!(loaded.snapshot.is_none());
            assert!(loaded.warning.unwrap().contains("damaged"));
            assert!(dir.path().join(format!("{STATE}.bad-{n}")).exists());
        }
        let newer = of_version(encode(&Snapshot::default()).unwrap(), 7);
        fs::write(dir.path().join(STATE), &newer).unwrap();
        let refused = Store::open(dir.path(), |_| {}).unwrap_err();
        assert!(refused.contains("version 7"), "{refused}");
        assert_eq!(fs::read(dir.path().join(STATE)).unwrap(), newer);
    }
}
