//! Being woken early. Nothing rests on it: a plain scan finds everything again.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::sys::statfs::statfs;
use notify::event::{EventKind, ModifyKind, RemoveKind};
use notify::{ErrorKind, RecommendedWatcher, RecursiveMode, Watcher};

use super::fs::{FileId, FileSystem, RealFs};

/// What woke the follower.
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
    watcher: Option<RecommendedWatcher>,
    dirs: HashMap<PathBuf, FileId>,
    /// Some directory is not watched.
    blind: bool,
    /// A directory was removed: what has its name now, perhaps with its inode, is another one.
    removed: Arc<AtomicBool>,
}

impl Watch {
    /// A watch that calls `wake` from a thread of its own.
    pub fn new(wake: impl Fn(Hint) + Send + 'static) -> Self {
        let removed = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&removed);
        let handler = move |event: notify::Result<notify::Event>| {
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
        Self {
            watcher: notify::recommended_watcher(handler).ok(),
            removed,
            ..Self::none()
        }
    }

    /// No watch at all: everything is found by scans.
    pub fn none() -> Self {
        Self {
            watcher: None,
            dirs: HashMap::new(),
            blind: false,
            removed: Arc::default(),
        }
    }

    /// Whether something may change without a word: scan each second.
    pub fn polling(&self) -> bool {
        self.blind || self.watcher.is_none()
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
                let _ = watcher.unwatch(dir);
            }
            stays
        });
        self.blind = false;
        for (dir, id) in present {
            match watcher.watch(&dir, RecursiveMode::NonRecursive) {
                Ok(()) => {
                    self.blind |= !is_local(&dir);
                    added |= self.dirs.insert(dir, id).is_none();
                }
                Err(e) if matches!(e.kind, ErrorKind::PathNotFound) => added = true,
                Err(_) => self.blind = true,
            }
        }
        added
    }
}

/// What an event means to the follower. Lost ones may have been of any kind.
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
    fn the_thread_ends_with_the_watch() {
        let (send, hints) = channel::<Hint>();
        drop(Watch::new(move |hint| _ = send.send(hint)));
        let ended = hints.recv_timeout(DEADLINE);
        assert_eq!(ended, Err(std::sync::mpsc::RecvTimeoutError::Disconnected));
    }
}
