//! Watches on directories (inotify(7)), by which the follower is woken early. Nothing rests on them: a
//! plain scan finds everything again.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::sys::statfs::statfs;
use notify::event::{EventKind, ModifyKind, RemoveKind};
use notify::{ErrorKind, RecommendedWatcher, RecursiveMode, Watcher};

use super::fs::{FileId, FileSystem, RealFs};
use crate::shown::shown_path;
use crate::threads;

/// A hint of the kernel to the follower.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Hint {
    /// Something was written.
    Data,
    /// Names changed, or events were lost.
    Names,
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

/// Watches on directories.
pub struct Watch {
    watcher: Option<Fenced>,
    dirs: HashMap<PathBuf, FileId>,
    /// Whether some directory is not watched.
    blind: bool,
    /// The reason, where the kernel could tell and does not; and the reason that was told.
    fault: Option<String>,
    told: Option<String>,
    /// Whether a directory was removed: what has its name now, perhaps with its inode, is another one.
    removed: Arc<AtomicBool>,
}

impl Watch {
    /// A watch that calls `wake` from a thread of its own.
    pub fn new(wake: impl Fn(Hint) + Send + 'static) -> Self {
        let removed = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&removed);
        let handler = move |event: notify::Result<notify::Event>| {
            // The thread is the library's: of its death the panic hook tells.
            threads::fault_point();
            if let Ok(notify::Event {
                kind: EventKind::Remove(RemoveKind::Folder | RemoveKind::Other | RemoveKind::Any),
                ..
            }) = event
            {
                told.store(true, Ordering::SeqCst);
            }
            if let Some(hint) = meant(&event) {
                wake(hint);
            }
        };
        let (watcher, fault) = match Fenced::new(handler) {
            Ok(watcher) => (Some(watcher), None),
            Err(e) => (None, Some(e)),
        };
        Self {
            watcher,
            removed,
            fault,
            ..Self::none()
        }
    }

    /// No watch at all: everything is found by scans.
    pub fn none() -> Self {
        Self {
            watcher: None,
            dirs: HashMap::new(),
            blind: false,
            fault: None,
            told: None,
            removed: Arc::default(),
        }
    }

    /// Whether something may change without a word: scan each second.
    pub fn polling(&self) -> bool {
        self.blind || !self.watcher.as_ref().is_some_and(Fenced::lives)
    }

    /// What the admin should hear, once: that the kernel does not tell of changes any more and why, or
    /// that it does again.
    pub fn news(&mut self) -> Option<(log::Level, String)> {
        if self
            .watcher
            .as_ref()
            .is_some_and(|watcher| !watcher.lives())
        {
            self.fail("its thread has ended".to_owned());
        }
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

    /// The watcher is of no use any more.
    fn fail(&mut self, why: String) {
        self.watcher = None;
        self.dirs.clear();
        self.fault = Some(why);
    }

    /// Watches exactly `wanted`. Tells whether a watch was added, so that what happened before it is
    /// looked for.
    ///
    /// Every watch is asked for anew: the kernel knows which are there already, and a directory that
    /// came in the place of another, or that had a second name that is not wanted any more, is watched.
    pub fn update(&mut self, wanted: &BTreeSet<impl AsRef<Path>>) -> bool {
        let Some(watcher) = &mut self.watcher else {
            return false;
        };
        let mut added = self.removed.swap(false, Ordering::SeqCst);
        let present: HashMap<PathBuf, FileId> = wanted
            .iter()
            .map(AsRef::as_ref)
            .filter_map(|dir| Some((dir.to_path_buf(), RealFs.meta(dir).ok()?.id)))
            .collect();
        // One that vanished was there a moment ago: another one is wanted now.
        added |= present.len() < wanted.len();
        self.dirs.retain(|dir, id| {
            let stays = present.get(dir) == Some(id);
            if !stays {
                // A second name of the directory has the same watch: for a moment it is gone.
                added = true;
                watcher.unwatch(dir);
            }
            stays
        });
        self.blind = false;
        self.fault = None;
        for (dir, id) in present {
            match watcher.watch(&dir) {
                Some(Ok(())) => {
                    self.blind |= !is_local(&dir);
                    added |= self.dirs.insert(dir, id).is_none();
                }
                Some(Err(e)) if matches!(e.kind, ErrorKind::PathNotFound) => added = true,
                Some(Err(e)) => {
                    self.blind = true;
                    self.fault.get_or_insert_with(|| reason(&e, &dir));
                }
                None => break,
            }
        }
        added
    }
}

/// The reason why a directory cannot be watched, and what helps.
fn reason(e: &notify::Error, dir: &Path) -> String {
    let why = match &e.kind {
        ErrorKind::MaxFilesWatch => "raise fs.inotify.max_user_watches (sysctl)".to_owned(),
        ErrorKind::Io(e) => e.to_string(),
        _ => e.to_string(),
    };
    format!("{}: {why}", shown_path(dir))
}

/// notify's watcher, and whether its thread lives. It panics in our thread where its own is gone, as it is
/// where none could be made; so it is not asked then, and what it does in the moment between is caught.
struct Fenced {
    watcher: Option<RecommendedWatcher>,
    lives: Arc<AtomicBool>,
}

/// A sign of life: dropped with the thread that holds it.
struct Life(Arc<AtomicBool>);

impl Drop for Life {
    fn drop(&mut self) {
        self.0.store(false, Ordering::SeqCst);
    }
}

impl Fenced {
    fn new(
        handler: impl Fn(notify::Result<notify::Event>) + Send + 'static,
    ) -> Result<Self, String> {
        let lives = Arc::new(AtomicBool::new(true));
        let life = Life(lives.clone());
        let handler = move |event| {
            // The whole of it goes to the thread, and with the thread.
            let _life = &life;
            handler(event);
        };
        let watcher = notify::recommended_watcher(handler).map_err(|e| match e.kind {
            ErrorKind::Io(e) if e.raw_os_error() == Some(nix::libc::EMFILE) => {
                format!(
                    "{e}: raise fs.inotify.max_user_instances (sysctl) or the limit of open files"
                )
            }
            _ => e.to_string(),
        })?;
        let watcher = Some(watcher);
        Ok(Self { watcher, lives })
    }

    fn lives(&self) -> bool {
        self.watcher.is_some() && self.lives.load(Ordering::SeqCst)
    }

    /// Asks the watcher, if it lives. One that panicked is never asked again.
    fn ask<T>(&mut self, question: impl FnOnce(&mut RecommendedWatcher) -> T) -> Option<T> {
        let watcher = self
            .watcher
            .as_mut()
            .filter(|_| self.lives.load(Ordering::SeqCst))?;
        let answer = threads::fenced(|| question(watcher));
        if answer.is_none() {
            // To drop it would panic again.
            std::mem::forget(self.watcher.take());
        }
        answer
    }

    fn watch(&mut self, dir: &Path) -> Option<notify::Result<()>> {
        self.ask(|watcher| watcher.watch(dir, RecursiveMode::NonRecursive))
    }

    fn unwatch(&mut self, dir: &Path) {
        // One that is not watched any more is what was wanted.
        self.ask(|watcher| watcher.unwatch(dir).is_ok());
    }
}

impl Drop for Fenced {
    fn drop(&mut self) {
        let watcher = self.watcher.take();
        if self.lives.load(Ordering::SeqCst) {
            threads::fenced(|| drop(watcher));
        } else {
            std::mem::forget(watcher);
        }
    }
}

/// The hint that an event is to the follower. Lost ones may have been of any kind.
fn meant(event: &notify::Result<notify::Event>) -> Option<Hint> {
    let Ok(event) = event else {
        return Some(Hint::Names);
    };
    match event.kind {
        // Our own open() would wake us.
        EventKind::Access(_) => None,
        EventKind::Modify(ModifyKind::Data(_) | ModifyKind::Any) if !event.need_rescan() => {
            Some(Hint::Data)
        }
        _ => Some(Hint::Names),
    }
}

fn is_local(dir: &Path) -> bool {
    // The type's width and sign differ between platforms; the kernel's value has 32 bits.
    statfs(dir).is_ok_and(|fs| LOCAL.contains(&((fs.filesystem_type().0 as u64) & 0xffff_ffff)))
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::io::Write;
    use std::path::PathBuf;
    use std::sync::mpsc::{Receiver, channel};
    use std::time::Duration;

    use super::*;

    /// By then the kernel has told, on any machine.
    const DEADLINE: Duration = Duration::from_secs(20);

    struct World {
        root: tempfile::TempDir,
        watch: Watch,
        hints: Receiver<Hint>,
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
            let added = self.watch.update(&dirs.iter().collect());
            assert!(!self.watch.polling(), "all is watched");
            added
        }

        /// What the kernel told up to the sign that a file appeared in `dir`, which ends it.
        fn told(&self, dir: &Path) -> Vec<Hint> {
            let mut told = Vec::new();
            // One at a time, or a mere hint of data would be joined with this one.
            while let Ok(hint) = self.hints.recv_timeout(Duration::from_millis(100)) {
                told.push(hint);
            }
            File::create(dir.join("sign")).unwrap();
            assert_eq!(self.hints.recv_timeout(DEADLINE), Ok(Hint::Names));
            fs::remove_file(dir.join("sign")).unwrap();
            assert_eq!(self.hints.recv_timeout(DEADLINE), Ok(Hint::Names));
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
        assert!(watch.update(&BTreeSet::from([home])));
        assert!(!watch.polling());
        watch.update(&BTreeSet::from([home, proc]));
        assert!(watch.polling(), "the scan is left");
        watch.update(&BTreeSet::from([home]));
        assert!(!watch.polling());
        assert!(Watch::none().polling());
    }

    #[test]
    fn lines_and_names_are_told_and_readers_are_not() {
        let mut w = World::new();
        let dir = w.dir("logs");
        let mut log = File::create(dir.join("log")).unwrap();
        assert!(w.update(&[&dir]));
        assert!(!w.update(&[&dir]), "nothing new is watched");
        fs::read(dir.join("log")).unwrap();
        fs::read_dir(&dir).unwrap().for_each(drop);
        assert_eq!(w.told(&dir), []);
        log.write_all(b"line\n").unwrap();
        assert_eq!(w.told(&dir), [Hint::Data]);
        fs::rename(dir.join("log"), dir.join("log.1")).unwrap();
        assert!(w.told(&dir).contains(&Hint::Names));
    }

    #[test]
    fn a_directory_that_comes_to_stand_elsewhere_is_told_and_watched_anew() {
        let mut w = World::new();
        let dir = w.dir("srv/logs");
        assert!(w.update(&[&dir]));
        let old = w.root.path().join("srv/old");
        fs::rename(&dir, &old).unwrap();
        assert!(w.told(&old).contains(&Hint::Names));
        assert_eq!(w.dir("srv/logs"), dir);
        assert!(w.update(&[&dir]), "another directory has the name now");
        w.told(&dir);
        // A directory of the same name made at once may get the inode of the one that is gone.
        for _ in 0..20 {
            fs::remove_dir(&dir).unwrap();
            fs::create_dir(&dir).unwrap();
            assert!(w.update(&[&dir]));
            w.told(&dir);
        }
    }

    #[test]
    fn a_directory_with_two_names_is_watched_while_one_of_them_is_wanted() {
        let mut w = World::new();
        let dir = w.dir("logs");
        let link = w.root.path().join("link");
        std::os::unix::fs::symlink(&dir, &link).unwrap();
        assert!(w.update(&[&dir, &link]));
        assert!(w.update(&[&dir]), "the watch ended with the other name");
        assert!(!w.update(&[&dir]));
        w.told(&dir);
        assert!(w.update(&[&link]));
        w.told(&dir);
        assert!(w.watch.update(&BTreeSet::<PathBuf>::new()));
        File::create(dir.join("unseen")).unwrap();
        assert!(w.hints.recv_timeout(Duration::from_millis(100)).is_err());
    }

    #[test]
    fn a_directory_that_vanished_before_it_was_watched_is_not_taken_for_watched() {
        let mut w = World::new();
        let dir = w.dir("logs");
        fs::remove_dir(&dir).unwrap();
        assert!(w.update(&[&dir]), "another one is to be looked for");
    }

    #[test]
    fn lost_events_may_have_been_of_any_kind() {
        let event = |kind: EventKind| Ok(notify::Event::new(kind));
        let lost = notify::Event::new(EventKind::Other).set_flag(notify::event::Flag::Rescan);
        assert_eq!(meant(&Ok(lost)), Some(Hint::Names));
        assert_eq!(meant(&Err(notify::Error::generic("x"))), Some(Hint::Names));
        let data = EventKind::Modify(ModifyKind::Any);
        assert_eq!(meant(&event(data)), Some(Hint::Data));
        let open = EventKind::Access(notify::event::AccessKind::Any);
        assert_eq!(meant(&event(open)), None);
    }

    #[test]
    fn a_watcher_that_dies_is_told_once_and_never_asked_again() {
        let root = tempfile::tempdir().unwrap();
        let dirs = BTreeSet::from([root.path()]);
        let mut watch = Watch {
            watcher: Some(Fenced::new(|_| panic!("a panic that the test makes")).unwrap()),
            ..Watch::none()
        };
        assert!(watch.update(&dirs) && watch.news().is_none() && !watch.polling());
        File::create(root.path().join("sign")).unwrap();
        let end = std::time::Instant::now() + DEADLINE;
        while !watch.polling() && std::time::Instant::now() < end {
            std::thread::sleep(Duration::from_millis(5));
        }
        assert!(watch.polling());
        watch.update(&dirs);
        let (level, text) = watch.news().unwrap();
        assert!(
            level == log::Level::Warn && text.contains("its thread has ended"),
            "{text}"
        );
        watch.update(&dirs);
        assert_eq!(watch.news(), None);
    }

    /// As it is where its thread could not be made: asking it panics.
    #[test]
    fn a_panic_of_the_watcher_is_caught() {
        let root = tempfile::tempdir().unwrap();
        let mut fenced = Fenced::new(|_| panic!("a panic that the test makes")).unwrap();
        assert!(fenced.watch(root.path()).is_some());
        File::create(root.path().join("sign")).unwrap();
        let end = std::time::Instant::now() + DEADLINE;
        while fenced.lives() && std::time::Instant::now() < end {
            std::thread::sleep(Duration::from_millis(5));
        }
        // It died in the moment before it is asked.
        fenced.lives.store(true, Ordering::SeqCst);
        assert!(fenced.watch(root.path()).is_none());
        assert!(!fenced.lives() && fenced.watch(root.path()).is_none());
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
