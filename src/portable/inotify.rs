//! What the kernel tells of changed directories (inotify(7)). Where it is not Linux nothing is told, and nothing
//! can be watched: whoever needs it looks by itself.

#[cfg(target_os = "linux")]
pub use linux::*;
#[cfg(not(target_os = "linux"))]
pub use other::*;

#[cfg(target_os = "linux")]
mod linux {
    use std::path::Path;

    pub use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, InotifyEvent, WatchDescriptor};

    /// Whether the kernel can tell of changes.
    pub const IS_THERE: bool = true;

    /// Adds to what is told of a directory that is watched already.
    pub const ADD: AddWatchFlags = AddWatchFlags::from_bits_retain(nix::libc::IN_MASK_ADD);

    /// The kind of the file system of a path, as statfs(2) gives it.
    pub fn file_system(path: &Path) -> Option<u64> {
        let fs = nix::sys::statfs::statfs(path).ok()?;
        // The type's width and sign differ between platforms; the kernel's value has 32 bits.
        Some((fs.filesystem_type().0 as u64) & 0xffff_ffff)
    }
}

#[cfg(not(target_os = "linux"))]
mod other {
    use std::ffi::OsString;
    use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
    use std::path::Path;

    use nix::errno::Errno;

    /// Whether the kernel can tell of changes.
    pub const IS_THERE: bool = false;

    /// Adds to what is told of a directory that is watched already.
    pub const ADD: AddWatchFlags = AddWatchFlags(0);

    /// What is told of a directory.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct AddWatchFlags(u32);

    /// What a descriptor of these is to be.
    pub struct InitFlags;

    impl InitFlags {
        /// It is closed in programs that are run.
        pub const IN_CLOEXEC: Self = Self;
        /// Reading from it does not wait.
        pub const IN_NONBLOCK: Self = Self;
    }

    impl std::ops::BitOr for InitFlags {
        type Output = Self;

        fn bitor(self, _: Self) -> Self {
            self
        }
    }

    macro_rules! flags {
        ($($name:ident)*) => {
            #[allow(missing_docs)]
            impl AddWatchFlags {
                $(pub const $name: Self = Self(0);)*
            }
        };
    }

    flags! {
        IN_MODIFY IN_ATTRIB IN_CREATE IN_DELETE IN_MOVE IN_DELETE_SELF IN_MOVE_SELF IN_ONLYDIR
        IN_Q_OVERFLOW IN_IGNORED IN_CLOSE_WRITE IN_MOVED_TO IN_MOVED_FROM
    }

    impl AddWatchFlags {
        /// Both.
        pub const fn union(self, other: Self) -> Self {
            Self(self.0 | other.0)
        }

        /// Whether all of the other are in it.
        pub const fn contains(&self, other: Self) -> bool {
            self.0 & other.0 == other.0
        }
    }

    /// The number of a watch.
    #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
    pub struct WatchDescriptor(i32);

    /// A change.
    #[derive(Debug)]
    pub struct InotifyEvent {
        /// The watch.
        pub wd: WatchDescriptor,
        /// What happened.
        pub mask: AddWatchFlags,
        /// The name in the directory.
        pub name: Option<OsString>,
    }

    /// The kernel's watches, of which there are none.
    #[derive(Debug)]
    pub struct Inotify(OwnedFd);

    impl Inotify {
        /// Refuses: the kernel has none.
        ///
        /// # Errors
        /// Always.
        pub fn init(_: InitFlags) -> nix::Result<Self> {
            Err(Errno::ENOSYS)
        }

        /// Refuses.
        ///
        /// # Errors
        /// Always.
        pub fn add_watch(&self, _: &Path, _: AddWatchFlags) -> nix::Result<WatchDescriptor> {
            Err(Errno::ENOSYS)
        }

        /// Refuses.
        ///
        /// # Errors
        /// Always.
        pub fn rm_watch(&self, _: WatchDescriptor) -> nix::Result<()> {
            Err(Errno::ENOSYS)
        }

        /// Refuses.
        ///
        /// # Errors
        /// Always.
        pub fn read_events(&self) -> nix::Result<Vec<InotifyEvent>> {
            Err(Errno::ENOSYS)
        }
    }

    impl AsFd for Inotify {
        fn as_fd(&self) -> BorrowedFd<'_> {
            self.0.as_fd()
        }
    }

    /// The kind of a file system has no number here.
    pub fn file_system(_: &Path) -> Option<u64> {
        None
    }
}
