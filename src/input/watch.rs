//! Watches on directories (inotify(7)), by which the inputs that read files are woken early. Nothing rests on
//! them: a plain scan finds everything again.

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::pipe;

use crate::portable::inotify::{
    self, ADD, AddWatchFlags, InitFlags, Inotify, InotifyEvent, WatchDescriptor, file_system,
};
use crate::shown::shown_path;
use crate::threads::{self, End};

/// The directories that are to be watched.
#[derive(Clone, Debug, Default)]
pub struct Directories {
    /// The directories in which names and files may change.
    pub logs: BTreeSet<PathBuf>,
    /// The directories above them, which may be moved or removed as a whole.
    pub above: BTreeSet<PathBuf>,
}

impl Directories {
    /// These directories, and the directories above them.
    pub fn of(logs: BTreeSet<PathBuf>) -> Self {
        let above = logs.iter().flat_map(|dir| dir.ancestors().skip(1));
        let above = above.filter(|dir| !dir.as_os_str().is_empty() && !logs.contains(*dir));
        let above = above.map(Path::to_path_buf).collect();
        Self { logs, above }
    }
}

/// A hint of the kernel to whoever reads the files.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Hint {
    /// This file was written to.
    Data(PathBuf),
    /// This name came, went, or changed in another way.
    Names(PathBuf),
    /// A directory changed as a whole, or events were lost.
    All,
}

/// File systems whose changes the kernel tells of all: ext, XFS, Btrfs, tmpfs, overlayfs, F2FS,
/// ZFS, ramfs, bcachefs, JFS, ReiserFS, NILFS2. On any other one (NFS, CIFS, FUSE, 9p …) another
/// machine may write without a word here.
const LOCAL: [u64; 12] = [
    0xef53,
    0x5846_5342,
    0x9123_683e,
    0x0102_1994,
    0x794c_7630,
    0xf2f5_2010,
    0x2fc1_2fc1,
    0x8584_58f6,
    0xca45_1a4e,
    0x3153_464a,
    0x5265_4973,
    0x3434,
];

/// What is told of a directory with logs: not when files are opened and closed, which we do ourselves.
const ALL: AddWatchFlags = AddWatchFlags::IN_MODIFY
    .union(AddWatchFlags::IN_ATTRIB)
    .union(AddWatchFlags::IN_CREATE)
    .union(AddWatchFlags::IN_DELETE)
    .union(AddWatchFlags::IN_MOVE)
    .union(SELF);
/// What is told of a directory above: that it is moved or removed as a whole.
const SELF: AddWatchFlags = AddWatchFlags::IN_DELETE_SELF
    .union(AddWatchFlags::IN_MOVE_SELF)
    .union(AddWatchFlags::IN_ONLYDIR);
/// After this pause the thread looks what else the kernel has to tell: while lines come all the time, the threads
/// wake for several of them at once.
const REST: Duration = Duration::from_millis(50);
/// The number of events at once from which on the thread makes no pause: the kernel keeps a bounded number of them.
const MANY: usize = 32;

/// A directory that is watched: its names, and whether its files are of interest.
#[derive(Clone, Default)]
struct Watched {
    names: Vec<PathBuf>,
    files: bool,
}

/// The directories by the numbers of their watches.
type Table = HashMap<WatchDescriptor, Watched>;

/// The kernel's watches, and the thread that reads what they tell.
struct Watcher {
    inotify: Arc<Inotify>,
    table: Arc<Mutex<Table>>,
    lives: Arc<AtomicBool>,
    /// While this end is open, the thread reads on.
    _stop: OwnedFd,
}

/// What is called with each hint.
type Wake = Arc<dyn Fn(Hint) + Send + Sync>;

/// Watches on directories.
pub struct Watch {
    /// What wakes the reader, if hints are wanted and this kernel has any.
    wake: Option<Wake>,
    /// None until the kernel has given one.
    watcher: Option<Watcher>,
    /// The number of the watch of each directory with logs.
    dirs: HashMap<PathBuf, WatchDescriptor>,
    /// All watches that are wanted.
    wanted: Table,
    /// The directories of those that another machine may write to without a word.
    remote: BTreeSet<PathBuf>,
    /// Whether some directory is not watched.
    blind: bool,
    /// The reason, where the kernel could tell and does not; and the reason that was told.
    fault: Option<String>,
    told: Option<String>,
}

fn locked(table: &Mutex<Table>) -> MutexGuard<'_, Table> {
    table.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Watch {
    /// A watch that calls `wake` from a thread of its own.
    pub fn new(wake: impl Fn(Hint) + Send + Sync + 'static) -> Self {
        let mut watch = Self::none();
        if inotify::IS_THERE {
            watch.wake = Some(Arc::new(wake));
            watch.begin();
        }
        watch
    }

    /// Asks the kernel for what it did not give until now: whoever had the last one may have ended since.
    fn begin(&mut self) {
        let Some(wake) = self.wake.as_ref().filter(|_| self.watcher.is_none()) else {
            return;
        };
        match Watcher::new(Arc::clone(wake)) {
            Ok(watcher) => self.watcher = Some(watcher),
            Err(e) => self.fault = Some(e),
        }
    }

    /// No watch at all: everything is found by scans.
    pub fn none() -> Self {
        Self {
            wake: None,
            watcher: None,
            dirs: HashMap::new(),
            wanted: Table::new(),
            remote: BTreeSet::new(),
            blind: false,
            fault: None,
            told: None,
        }
    }

    /// Whether something may change without a word: scan each second.
    pub fn polling(&self) -> bool {
        let lives = |watcher: &Watcher| watcher.lives.load(Ordering::SeqCst);
        self.blind || !self.remote.is_empty() || !self.watcher.as_ref().is_some_and(lives)
    }

    /// What the admin should hear, once: that the kernel does not tell of changes any more and why, or
    /// that it does again.
    pub fn news(&mut self) -> Option<(log::Level, String)> {
        if self.fault.is_some() == self.told.is_some() {
            return None;
        }
        self.told.clone_from(&self.fault);
        Some(match &self.fault {
            Some(why) => (
                log::Level::Warn,
                format!(
                    "the kernel does not tell of all changes: the logs are looked at each second ({why})"
                ),
            ),
            None => (
                log::Level::Info,
                "the kernel tells of all changes again".to_owned(),
            ),
        })
    }

    /// Watches exactly `wanted`. Gives the directories with logs that were not watched before, so that what
    /// happened before it is looked for.
    ///
    /// Every watch is asked for anew: the kernel knows which are there already, and a directory that
    /// came in the place of another, or that had a second name that is not wanted any more, is watched.
    pub fn update(&mut self, wanted: &Directories) -> BTreeSet<PathBuf> {
        self.begin();
        if self.watcher.is_none() {
            return BTreeSet::new();
        }
        let before = std::mem::take(&mut self.dirs);
        self.wanted.clear();
        self.remote.clear();
        self.blind = false;
        self.fault = None;
        let mut added = self.add(wanted);
        added.retain(|dir| !self.dirs.contains_key(dir) || before.get(dir) != self.dirs.get(dir));
        let Some(watcher) = &self.watcher else {
            return added;
        };
        let mut table = locked(&watcher.table);
        // Until here, what was watched before was told too.
        for (number, watched) in std::mem::replace(&mut *table, self.wanted.clone()) {
            match table.get(&number) {
                Some(now) if now.files || !watched.files => {}
                Some(now) => {
                    // From now on it is only on the way.
                    if let Some(name) = now.names.first() {
                        let _ = watcher.inotify.add_watch(name.as_path(), SELF);
                    }
                }
                // One that is not watched any more is what was wanted.
                None => _ = watcher.inotify.rm_watch(number),
            }
        }
        drop(table);
        added
    }

    /// Watches these directories too. Gives those with logs that were not watched before, or that are not
    /// there any more.
    pub fn add(&mut self, wanted: &Directories) -> BTreeSet<PathBuf> {
        let mut added = BTreeSet::new();
        for dir in &wanted.logs {
            match self.watch(dir, ALL) {
                Some(Ok(number)) => {
                    if !is_local(dir) {
                        self.remote.insert(dir.clone());
                    }
                    if self.dirs.insert(dir.clone(), number) != Some(number) {
                        added.insert(dir.clone());
                    }
                }
                // One that vanished was there a moment ago: another one is wanted now.
                Some(Err(Errno::ENOENT | Errno::ENOTDIR)) => _ = added.insert(dir.clone()),
                Some(Err(e)) => self.cannot(dir, e),
                None => break,
            }
        }
        for dir in &wanted.above {
            if let Some(Err(e)) = self.watch(dir, SELF)
                && !matches!(e, Errno::ENOENT | Errno::ENOTDIR | Errno::EACCES)
            {
                self.cannot(dir, e);
            }
        }
        added
    }

    /// Watches a directory, which may be watched for something else or under another name already.
    fn watch(&mut self, dir: &Path, what: AddWatchFlags) -> Option<nix::Result<WatchDescriptor>> {
        let watcher = self.watcher.as_ref()?;
        // What is told from now on has its place in the table.
        let mut table = locked(&watcher.table);
        let number = match watcher.inotify.add_watch(dir, what.union(ADD)) {
            Ok(number) => number,
            Err(e) => return Some(Err(e)),
        };
        for table in [&mut self.wanted, &mut *table] {
            let watched = table.entry(number).or_default();
            watched.files |= what == ALL;
            if !watched.names.iter().any(|name| name == dir) {
                watched.names.push(dir.to_path_buf());
            }
        }
        Some(Ok(number))
    }

    fn cannot(&mut self, dir: &Path, e: Errno) {
        self.blind = true;
        let why = match e {
            Errno::ENOSPC => "raise fs.inotify.max_user_watches (sysctl)".to_owned(),
            e => io::Error::from(e).to_string(),
        };
        let why = format!("{}: {why}", shown_path(dir));
        self.fault.get_or_insert(why);
    }
}

impl Watcher {
    fn new(wake: Wake) -> Result<Self, String> {
        let flags = InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK;
        let inotify = Inotify::init(flags).map_err(|e| match e {
            Errno::EMFILE => format!(
                "{}: raise fs.inotify.max_user_instances (sysctl) or the limit of open files",
                io::Error::from(e)
            ),
            e => io::Error::from(e).to_string(),
        })?;
        let words = |e: io::Error| e.to_string();
        let (ended, stop) = pipe().map_err(io::Error::from).map_err(words)?;
        let inotify = Arc::new(inotify);
        let table = Arc::new(Mutex::new(Table::new()));
        let lives = Arc::new(AtomicBool::new(true));
        let reader = Reader {
            inotify: inotify.clone(),
            table: table.clone(),
            life: Life(lives.clone()),
            ended,
        };
        threads::standing("watch", move || reader.run(&*wake)).map_err(words)?;
        Ok(Self {
            inotify,
            table,
            lives,
            _stop: stop,
        })
    }
}

/// A sign of life: dropped with the thread that holds it.
struct Life(Arc<AtomicBool>);

impl Drop for Life {
    fn drop(&mut self) {
        self.0.store(false, Ordering::SeqCst);
    }
}

/// The thread that reads what the kernel tells.
struct Reader {
    inotify: Arc<Inotify>,
    table: Arc<Mutex<Table>>,
    life: Life,
    /// Closed by the other side at the end.
    ended: OwnedFd,
}

impl Reader {
    fn run(self, wake: &dyn Fn(Hint)) -> End {
        let _life = &self.life;
        loop {
            if threads::fault_point() {
                return End::Unasked;
            }
            let mut fds = [
                PollFd::new(self.inotify.as_fd(), PollFlags::POLLIN),
                PollFd::new(self.ended.as_fd(), PollFlags::POLLIN),
            ];
            match poll(&mut fds, PollTimeout::NONE) {
                Err(Errno::EINTR) => continue,
                Err(_) => return End::Unasked,
                Ok(_) => {}
            }
            if fds[1].any().unwrap_or(true) {
                return End::Asked;
            }
            match self.inotify.read_events() {
                Ok(events) => {
                    let few = events.len() < MANY;
                    events.into_iter().for_each(|event| self.tell(event, wake));
                    if few {
                        std::thread::sleep(REST);
                    }
                }
                Err(Errno::EINTR | Errno::EAGAIN) => {}
                Err(_) => return End::Unasked,
            }
        }
    }

    fn tell(&self, event: InotifyEvent, wake: &dyn Fn(Hint)) {
        let mut table = locked(&self.table);
        let number = event.wd;
        if event.mask.contains(AddWatchFlags::IN_Q_OVERFLOW) {
            return wake(Hint::All);
        }
        if event.mask.contains(AddWatchFlags::IN_IGNORED) {
            // We ended it ourselves if it is not in the table.
            if table.remove(&number).is_some() {
                wake(Hint::All);
            }
            return;
        }
        let Some(watched) = table.get(&number) else {
            return;
        };
        let own = event.name.is_none();
        if own && !event.mask.contains(AddWatchFlags::IN_ATTRIB) {
            // The directory itself was moved or removed.
            return wake(Hint::All);
        }
        for dir in watched.names.iter().filter(|_| watched.files) {
            let path = match &event.name {
                Some(name) => dir.join(name),
                None => dir.clone(),
            };
            wake(match event.mask.contains(AddWatchFlags::IN_MODIFY) {
                true => Hint::Data(path),
                false => Hint::Names(path),
            });
        }
    }
}

fn is_local(dir: &Path) -> bool {
    file_system(dir).is_some_and(|kind| LOCAL.contains(&kind))
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::io::Write;
    use std::path::PathBuf;
    use std::sync::mpsc::{Receiver, channel};

    use super::*;

    /// By then the kernel has told, on any machine.
    const DEADLINE: Duration = Duration::from_secs(20);

    struct World {
        root: tempfile::TempDir,
        watch: Watch,
        hints: Receiver<Hint>,
    }

    /// These directories, and all above them.
    fn wanted(dirs: &[&Path]) -> Directories {
        let above = dirs.iter().flat_map(|dir| dir.ancestors().skip(1));
        Directories {
            logs: dirs.iter().map(|dir| dir.to_path_buf()).collect(),
            above: above.map(Path::to_path_buf).collect(),
        }
    }

    impl World {
        fn new() -> Self {
            let (send, hints) = channel();
            Self {
                root: tempfile::tempdir().unwrap(),
                watch: Watch::new(move |hint| _ = send.send(hint)),
                hints,
            }
        }

        /// Makes a directory.
        fn dir(&self, name: &str) -> PathBuf {
            let path = self.root.path().join(name);
            fs::create_dir_all(&path).unwrap();
            path
        }

        fn update(&mut self, dirs: &[&Path]) -> bool {
            let added = self.watch.update(&wanted(dirs));
            assert!(!self.watch.polling(), "all is watched");
            !added.is_empty()
        }

        /// What the kernel told up to the sign that a file appeared in `dir`, which ends it.
        fn told(&self, dir: &Path) -> Vec<Hint> {
            let sign = dir.join("sign");
            File::create(&sign).unwrap();
            fs::remove_file(&sign).unwrap();
            let mut told = Vec::new();
            loop {
                match self.hints.recv_timeout(DEADLINE).unwrap() {
                    Hint::Names(path) if path == sign => break,
                    hint => told.push(hint),
                }
            }
            // It is told of twice: that it came, and that it went; by each name of the directory.
            while self.hints.recv_timeout(DEADLINE).unwrap() != Hint::Names(sign.clone()) {}
            told
        }
    }

    #[test]
    fn only_file_systems_that_tell_of_every_change_are_watched() {
        // A kernel's own file system tells of nothing, as one over the network does not.
        let (proc, home) = (Path::new("/proc"), tempfile::tempdir().unwrap());
        assert!(!is_local(proc));
        assert!(!is_local(Path::new("/no/such/directory")));
        let home = home.path();
        assert!(is_local(home), "tests run on a local file system");
        let mut watch = Watch::new(|_| {});
        assert!(!watch.update(&wanted(&[home])).is_empty());
        assert!(!watch.polling());
        watch.update(&wanted(&[home, proc]));
        assert!(watch.polling(), "the scan is left");
        watch.update(&wanted(&[home]));
        assert!(!watch.polling());
        assert!(Watch::none().polling());
    }

    #[test]
    fn lines_and_names_are_told_with_their_file_and_readers_are_not() {
        let mut w = World::new();
        let dir = w.dir("logs");
        let mut log = File::create(dir.join("log")).unwrap();
        assert!(w.update(&[&dir]));
        assert!(!w.update(&[&dir]), "nothing new is watched");
        fs::read(dir.join("log")).unwrap();
        fs::read_dir(&dir).unwrap().for_each(drop);
        assert_eq!(w.told(&dir), []);
        log.write_all(b"line\n").unwrap();
        assert_eq!(w.told(&dir), [Hint::Data(dir.join("log"))]);
        fs::rename(dir.join("log"), dir.join("log.1")).unwrap();
        let names = ["log", "log.1"].map(|name| Hint::Names(dir.join(name)));
        assert_eq!(w.told(&dir), names);
        // Under its own name it is told of after it was deleted, too.
        fs::remove_file(dir.join("log.1")).unwrap();
        log.write_all(b"late\n").unwrap();
        assert_eq!(w.told(&dir).last(), Some(&Hint::Data(dir.join("log.1"))));
    }

    #[test]
    fn lines_that_come_all_the_time_are_told_of_together() {
        let mut w = World::new();
        let dir = w.dir("logs");
        let mut log = File::create(dir.join("log")).unwrap();
        w.update(&[&dir]);
        w.told(&dir);
        let began = std::time::Instant::now();
        for _ in 0..100 {
            log.write_all(b"line\n").unwrap();
            std::thread::sleep(Duration::from_millis(3));
        }
        let rests = began.elapsed().as_millis() / REST.as_millis();
        let told = w.told(&dir).len() as u128;
        assert!((1..=rests + 2).contains(&told), "{told} times, {rests}");
    }

    #[test]
    fn a_directory_that_comes_to_stand_elsewhere_is_told_and_watched_anew() {
        let mut w = World::new();
        let dir = w.dir("srv/logs");
        assert!(w.update(&[&dir]));
        let old = w.root.path().join("srv/old");
        fs::rename(&dir, &old).unwrap();
        assert_eq!(w.hints.recv_timeout(DEADLINE), Ok(Hint::All));
        assert_eq!(w.dir("srv/logs"), dir);
        assert!(w.update(&[&dir]), "another directory has the name now");
        w.told(&dir);
        // A directory of the same name made at once may get the inode of the directory that is gone.
        for _ in 0..20 {
            fs::remove_dir(&dir).unwrap();
            fs::create_dir(&dir).unwrap();
            assert!(w.update(&[&dir]));
            w.told(&dir);
        }
    }

    #[test]
    fn a_directory_above_that_is_moved_is_told_and_what_else_happens_there_is_not() {
        let mut w = World::new();
        let dir = w.dir("srv/app/logs");
        assert!(w.update(&[&dir]));
        fs::write(w.root.path().join("srv/app/file"), "text").unwrap();
        fs::create_dir(w.root.path().join("srv/other")).unwrap();
        assert_eq!(w.told(&dir), []);
        fs::rename(w.root.path().join("srv"), w.root.path().join("old")).unwrap();
        assert_eq!(w.hints.recv_timeout(DEADLINE), Ok(Hint::All));
        // It is only on the way from now on, and then it is not.
        let dir = w.root.path().join("old/app/logs");
        assert!(w.update(&[dir.parent().unwrap()]));
        w.update(&[&dir]);
        fs::write(w.root.path().join("old/app/file"), "more").unwrap();
        assert_eq!(w.told(&dir), []);
    }

    #[test]
    fn a_directory_with_two_names_is_told_by_both_while_they_are_wanted() {
        let mut w = World::new();
        let dir = w.dir("logs");
        let link = w.root.path().join("link");
        std::os::unix::fs::symlink(&dir, &link).unwrap();
        assert!(w.update(&[&dir, &link]));
        let names = |dirs: &[&Path]| -> Vec<Hint> {
            dirs.iter()
                .map(|dir| Hint::Names(dir.join("new")))
                .collect()
        };
        File::create(dir.join("new")).unwrap();
        let told: Vec<Hint> = w.told_of_two(&dir, &link);
        assert_eq!(told, names(&[&dir, &link]));
        assert!(!w.update(&[&dir]), "its watch stays");
        fs::remove_file(dir.join("new")).unwrap();
        assert_eq!(w.told(&dir), names(&[&dir]));
        assert!(w.update(&[&link]));
        w.told(&link);
        assert!(w.watch.update(&Directories::default()).is_empty());
        File::create(dir.join("unseen")).unwrap();
        assert!(w.hints.recv_timeout(Duration::from_millis(100)).is_err());
    }

    impl World {
        /// As `told`, where the directory has another name.
        fn told_of_two(&self, dir: &Path, other: &Path) -> Vec<Hint> {
            let mut told = self.told(dir);
            told.retain(|hint| *hint != Hint::Names(other.join("sign")));
            told.sort_by_key(|hint| *hint != Hint::Names(dir.join("new")));
            while self.hints.recv_timeout(Duration::from_millis(100)).is_ok() {}
            told
        }
    }

    #[test]
    fn a_directory_that_vanished_before_it_was_watched_is_not_taken_for_watched() {
        let mut w = World::new();
        let dir = w.dir("logs");
        fs::remove_dir(&dir).unwrap();
        assert!(w.update(&[&dir]), "another one is to be looked for");
    }

    #[test]
    fn more_names_than_the_kernel_keeps_are_told_as_lost() {
        let mut w = World::new();
        let dir = w.dir("logs");
        assert!(w.update(&[&dir]));
        let most = fs::read_to_string("/proc/sys/fs/inotify/max_queued_events").unwrap();
        let most: usize = most.trim().parse().unwrap();
        // While the table is locked, nothing is read.
        let table = w.watch.watcher.as_ref().unwrap().table.clone();
        let lock = locked(&table);
        for _ in 0..most {
            File::create(dir.join("name")).unwrap();
            fs::remove_file(dir.join("name")).unwrap();
        }
        drop(lock);
        let mut hints = std::iter::from_fn(|| w.hints.recv_timeout(DEADLINE).ok());
        assert!(hints.any(|hint| hint == Hint::All));
    }

    #[test]
    fn a_directory_with_a_name_of_any_bytes_is_watched() {
        use std::os::unix::ffi::OsStrExt;
        let mut w = World::new();
        let dir = w
            .root
            .path()
            .join(std::ffi::OsStr::from_bytes(b"h\xe9st\n"));
        fs::create_dir(&dir).unwrap();
        assert!(w.update(&[&dir]));
        w.told(&dir);
    }

    #[test]
    fn the_thread_ends_with_the_watch() {
        let (send, hints) = channel::<Hint>();
        drop(Watch::new(move |hint| _ = send.send(hint)));
        let ended = hints.recv_timeout(DEADLINE);
        assert_eq!(ended, Err(std::sync::mpsc::RecvTimeoutError::Disconnected));
    }
}
