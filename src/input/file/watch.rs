//! Being woken early. Nothing rests on it: a plain scan finds everything again.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use nix::sys::statfs::statfs;
use notify::event::{EventKind, ModifyKind};
use notify::{RecommendedWatcher, RecursiveMode, Watcher};

use super::fs::{FileId, FileSystem, RealFs};

/// What woke the follower.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
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
    /// Some directory is not watched: scan each second.
    pub polling: bool,
}

impl Watch {
    /// A watch that calls `wake` from a thread of its own.
    pub fn new(wake: impl Fn(Hint) + Send + 'static) -> Self {
        let handler = move |event: notify::Result<notify::Event>| match event {
            Ok(event) => match event.kind {
                // Our own open() would wake us.
                EventKind::Access(_) => {}
                EventKind::Modify(ModifyKind::Data(_) | ModifyKind::Any)
                    if !event.need_rescan() =>
                {
                    wake(Hint::Data)
                }
                _ => wake(Hint::Names),
            },
            Err(_) => wake(Hint::Names),
        };
        Self {
            polling: false,
            watcher: notify::recommended_watcher(handler).ok(),
            dirs: HashMap::new(),
        }
        .or_polling()
    }

    /// No watch at all: everything is found by scans.
    pub fn none() -> Self {
        Self {
            polling: true,
            watcher: None,
            dirs: HashMap::new(),
        }
    }

    fn or_polling(self) -> Self {
        match self.watcher {
            Some(_) => self,
            None => Self::none(),
        }
    }

    /// Watches exactly `wanted`. A directory that was replaced by another of its name is watched
    /// anew. Tells whether a watch was added, so that what happened before it is looked for.
    pub fn update(&mut self, wanted: &BTreeSet<PathBuf>) -> bool {
        let Some(watcher) = &mut self.watcher else {
            return false;
        };
        let present: HashMap<PathBuf, FileId> = wanted
            .iter()
            .filter_map(|dir| Some((dir.clone(), RealFs.meta(dir).ok()?.id)))
            .collect();
        self.dirs.retain(|dir, id| {
            let stays = present.get(dir) == Some(id);
            if !stays {
                let _ = watcher.unwatch(dir);
            }
            stays
        });
        let mut added = false;
        self.polling = false;
        for (dir, id) in present {
            if !is_local(&dir) {
                self.polling = true;
                continue;
            }
            if self.dirs.contains_key(&dir) {
                continue;
            }
            match watcher.watch(&dir, RecursiveMode::NonRecursive) {
                Ok(()) => {
                    self.dirs.insert(dir, id);
                    added = true;
                }
                Err(_) => self.polling = true,
            }
        }
        added
    }
}

fn is_local(dir: &Path) -> bool {
    // The type's width and sign differ between platforms; the kernel's value has 32 bits.
    statfs(dir).is_ok_and(|fs| LOCAL.contains(&((fs.filesystem_type().0 as u64) & 0xffff_ffff)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_file_systems_that_tell_of_every_change_are_watched() {
        // A kernel's own file system tells of nothing, as one over the network does not.
        let (proc, home) = (Path::new("/proc"), tempfile::tempdir().unwrap());
        assert!(!is_local(proc));
        assert!(!is_local(Path::new("/no/such/directory")));
        let home = home.path().to_path_buf();
        assert!(is_local(&home), "tests run on a local file system");
        let mut watch = Watch::new(|_| {});
        assert!(watch.update(&BTreeSet::from([home.clone()])));
        assert!(!watch.polling);
        watch.update(&BTreeSet::from([home.clone(), proc.to_path_buf()]));
        assert!(watch.polling, "the scan is left");
        watch.update(&BTreeSet::from([home]));
        assert!(!watch.polling);
        assert!(Watch::none().polling);
    }
}
