//! Being woken early. Nothing rests on it: a plain scan finds everything again.

use std::collections::{BTreeSet, HashSet};
use std::io;
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, WatchDescriptor};
use nix::sys::statfs::statfs;

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
    shared: Option<Arc<Shared>>,
    watched: HashSet<WatchDescriptor>,
    /// Some directory is not watched.
    blind: bool,
}

struct Shared {
    inotify: Inotify,
    end: EventFd,
    /// The thread gave up: the kernel answered what it never should.
    broken: AtomicBool,
}

/// What tells of a log: its lines, its names, and the directory's own name. Not who reads it.
fn of_logs() -> AddWatchFlags {
    AddWatchFlags::IN_MODIFY
        | AddWatchFlags::IN_ATTRIB
        | AddWatchFlags::IN_CREATE
        | AddWatchFlags::IN_DELETE
        | AddWatchFlags::IN_MOVE
        | of_the_way()
}

/// What tells that a directory on the way to a log stands elsewhere now: what happens in it wakes
/// nobody. Added to what the directory is watched for already.
fn of_the_way() -> AddWatchFlags {
    AddWatchFlags::IN_MOVE_SELF
        | AddWatchFlags::IN_DELETE_SELF
        | AddWatchFlags::IN_ONLYDIR
        | AddWatchFlags::from_bits_retain(nix::libc::IN_MASK_ADD)
}

impl Watch {
    /// A watch that calls `wake` from a thread of its own.
    pub fn new(wake: impl Fn(Hint) + Send + 'static) -> Self {
        let start = || -> io::Result<Arc<Shared>> {
            let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
            let shared = Arc::new(Shared {
                inotify: Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK)?,
                end: EventFd::from_value_and_flags(0, flags)?,
                broken: AtomicBool::new(false),
            });
            let listening = shared.clone();
            std::thread::Builder::new()
                .name("watch".into())
                .spawn(move || listen(&listening, wake))?;
            Ok(shared)
        };
        let mut watch = Self::none();
        watch.shared = start().ok();
        watch
    }

    /// No watch at all: everything is found by scans.
    pub fn none() -> Self {
        Self {
            shared: None,
            watched: HashSet::new(),
            blind: false,
        }
    }

    /// Whether something may change without a word: scan each second.
    pub fn polling(&self) -> bool {
        let broken = |shared: &Arc<Shared>| shared.broken.load(Ordering::SeqCst);
        self.blind || self.shared.as_ref().is_none_or(broken)
    }

    /// Watches exactly `wanted`, and the way there. Tells whether a watch was added, so that what
    /// happened before it is looked for.
    ///
    /// Every watch is asked for anew: the kernel knows which are there already, and one whose
    /// directory was replaced, by whatever has its name and perhaps its inode, is added.
    pub fn update(&mut self, wanted: &BTreeSet<impl AsRef<Path>>) -> bool {
        let Some(shared) = &self.shared else {
            return false;
        };
        let mut now = HashSet::new();
        let mut vanished = false;
        self.blind = false;
        for dir in wanted.iter().map(AsRef::as_ref) {
            match shared.inotify.add_watch(dir, of_logs()) {
                Ok(watch) => _ = now.insert(watch),
                // It was there a moment ago: another one is wanted now.
                Err(Errno::ENOENT | Errno::ENOTDIR) => vanished = true,
                Err(_) => self.blind = true,
            }
            self.blind |= !vanished && !is_local(dir);
        }
        let above = wanted.iter().flat_map(|dir| dir.as_ref().ancestors());
        let above = above.filter(|dir| !dir.as_os_str().is_empty());
        // One that we may not read is left to the scan: whoever replaces it is rare.
        let above: BTreeSet<&Path> = above.collect();
        let above = above.into_iter();
        now.extend(above.flat_map(|dir| shared.inotify.add_watch(dir, of_the_way())));
        for gone in self.watched.difference(&now) {
            // The kernel has done it already where the directory is gone.
            let _ = shared.inotify.rm_watch(*gone);
        }
        let added = now.iter().any(|watch| !self.watched.contains(watch));
        self.watched = now;
        added || vanished
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(shared) = &self.shared {
            // It fails only when the counter is full: then the thread is awake.
            let _ = shared.end.write(1);
        }
    }
}

/// Passes on what the kernel tells, until the watch is dropped.
fn listen(shared: &Shared, wake: impl Fn(Hint)) {
    loop {
        let mut fds = [
            PollFd::new(shared.inotify.as_fd(), PollFlags::POLLIN),
            PollFd::new(shared.end.as_fd(), PollFlags::POLLIN),
        ];
        let ready = poll(&mut fds, PollTimeout::NONE);
        if fds[1].any() == Some(true) {
            return;
        }
        let told = ready.and_then(|_| shared.inotify.read_events());
        let hints = match &told {
            Ok(events) => events.iter().filter_map(|event| meant(event.mask)).max(),
            Err(Errno::EINTR | Errno::EAGAIN) => None,
            Err(_) => {
                shared.broken.store(true, Ordering::SeqCst);
                Some(Hint::Names)
            }
        };
        if let Some(hint) = hints {
            wake(hint);
        }
        if shared.broken.load(Ordering::SeqCst) {
            return;
        }
    }
}

/// What an event means to the follower. Lost ones (`IN_Q_OVERFLOW`) may have been anything.
fn meant(event: AddWatchFlags) -> Option<Hint> {
    let aside = AddWatchFlags::IN_MODIFY | AddWatchFlags::IN_ISDIR;
    if event.contains(AddWatchFlags::IN_IGNORED) {
        // The end of a watch: why it ended was told before, or we ended it.
        None
    } else if aside.contains(event) {
        Some(Hint::Data)
    } else {
        Some(Hint::Names)
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
    fn what_happens_beside_the_way_to_a_log_wakes_nobody() {
        let mut w = World::new();
        let dir = w.dir("srv/app/logs");
        assert!(w.update(&[&dir]));
        File::create(w.root.path().join("srv/app/other")).unwrap();
        w.dir("srv/beside");
        fs::remove_dir(w.root.path().join("srv/beside")).unwrap();
        assert_eq!(w.told(&dir), []);
    }

    #[test]
    fn a_directory_that_comes_to_stand_elsewhere_is_told_and_watched_anew() {
        let mut w = World::new();
        let (app, dir) = (w.dir("srv/app"), w.dir("srv/app/logs"));
        assert!(w.update(&[&dir]));
        // Neither the directory of the logs nor a file in it changes.
        fs::rename(&app, w.root.path().join("srv/old")).unwrap();
        assert!(
            w.told(&w.root.path().join("srv/old/logs"))
                .contains(&Hint::Names)
        );
        assert_eq!(w.dir("srv/app/logs"), dir);
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
        assert!(!w.update(&[&dir]));
        w.told(&dir);
        assert!(!w.update(&[&link]));
        w.told(&dir);
        assert!(!w.watch.update(&BTreeSet::<PathBuf>::new()));
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
        assert_eq!(meant(AddWatchFlags::IN_Q_OVERFLOW), Some(Hint::Names));
        assert_eq!(meant(AddWatchFlags::IN_UNMOUNT), Some(Hint::Names));
        assert_eq!(meant(AddWatchFlags::IN_MODIFY), Some(Hint::Data));
        assert_eq!(meant(AddWatchFlags::IN_IGNORED), None);
    }

    #[test]
    fn the_thread_ends_with_the_watch() {
        let (send, hints) = channel::<Hint>();
        drop(Watch::new(move |hint| _ = send.send(hint)));
        let ended = hints.recv_timeout(DEADLINE);
        assert_eq!(ended, Err(std::sync::mpsc::RecvTimeoutError::Disconnected));
    }
}
