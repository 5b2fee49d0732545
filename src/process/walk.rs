//! A path walked by root, name by name and by descriptors, where somebody else may change what it
//! leads to meanwhile.
//!
//! A link is followed where root alone can have put it there, as `/var/run` is one. In a directory
//! that others may write, what has a name now may be a link to `/etc` a moment later: from there on
//! no link is followed. Who is not root can be led to nothing that he may not do anyway, so all
//! links are good then.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fmt::{self, Display};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Component, Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, open, openat, readlinkat};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat};
use nix::unistd::Uid;

use crate::shown::shown_path;

/// Number of links that a path may lead through (path_resolution(7)).
const MOST_LINKS: u8 = 40;

/// A reason why a path cannot be walked to its end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Lost {
    /// A link of this name is not followed: others may write its directory.
    Link(OsString),
    /// A fault of the system.
    Fault(Errno),
}

impl From<Errno> for Lost {
    fn from(fault: Errno) -> Self {
        Self::Fault(fault)
    }
}

impl Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Link(name) => write!(
                f,
                "{} is a link in a directory that others than root may write, which root never \
                 follows; name what it leads to",
                shown_path(&name)
            ),
            Self::Fault(fault) => f.write_str(fault.desc()),
        }
    }
}

/// The next name of a path, as it was found.
#[derive(Debug)]
pub enum Next {
    /// A directory, where the walk is now, or a link, which is being followed.
    Further,
    /// A name that does not exist.
    Missing(OsString),
    /// A file, or anything else that is no directory and no link.
    Leaf(OsString),
    /// No further name: the walk is where the path leads.
    End,
}

/// A walk along a path: a descriptor of the directory reached, and the names that are left.
#[derive(Debug)]
pub struct Walk {
    at: OwnedFd,
    /// Whether a directory on the way can be written by others.
    shared: bool,
    names: VecDeque<OsString>,
    links: u8,
}

impl Walk {
    /// A walk from `/`, or in our own directory for a relative path.
    ///
    /// # Errors
    /// When the beginning cannot be opened.
    pub fn begin(path: &Path) -> nix::Result<Self> {
        let mut walk = Self {
            at: directory(if path.is_absolute() { "/" } else { "." })?,
            shared: false,
            names: VecDeque::new(),
            links: 0,
        };
        walk.enter()?;
        walk.put(path);
        Ok(walk)
    }

    /// Walks to the directory that a path ends with.
    ///
    /// # Errors
    /// When the directory is missing, is none, or is behind a link that is not followed.
    pub fn to_directory(path: &Path) -> Result<Self, Lost> {
        let mut walk = Self::begin(path)?;
        loop {
            match walk.step()? {
                Next::Further => {}
                Next::End => return Ok(walk),
                Next::Missing(_) => return Err(Errno::ENOENT.into()),
                Next::Leaf(_) => return Err(Errno::ENOTDIR.into()),
            }
        }
    }

    /// Walks to the file that a path ends with, over links at its end too: its directory, and its
    /// name there.
    ///
    /// # Errors
    /// When the file is missing, is a directory, or is behind a link that is not followed.
    pub fn to_leaf(path: &Path) -> Result<(Self, OsString), Lost> {
        let mut walk = Self::begin(path)?;
        loop {
            match walk.step()? {
                Next::Further => {}
                Next::End => return Err(Errno::EISDIR.into()),
                Next::Missing(_) => return Err(Errno::ENOENT.into()),
                Next::Leaf(name) if walk.is_over() => return Ok((walk, name)),
                Next::Leaf(_) => return Err(Errno::ENOTDIR.into()),
            }
        }
    }

    /// Looks at the next name, and goes into it if it is a directory.
    ///
    /// # Errors
    /// When the name may not be looked at, or is a link that is not followed.
    pub fn step(&mut self) -> Result<Next, Lost> {
        let Some(name) = self.names.pop_front() else {
            return Ok(Next::End);
        };
        let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let found = match openat(&self.at, name.as_os_str(), flags, Mode::empty()) {
            Ok(found) => found,
            Err(Errno::ENOENT) => return Ok(Next::Missing(name)),
            Err(fault) => return Err(fault.into()),
        };
        let stat = fstat(&found)?;
        match kind(&stat) {
            SFlag::S_IFDIR => {
                self.at = found;
                self.enter()?;
            }
            SFlag::S_IFLNK => self.follow(name, &found, &stat)?,
            _ => return Ok(Next::Leaf(name)),
        }
        Ok(Next::Further)
    }

    fn follow(&mut self, name: OsString, link: &OwnedFd, stat: &FileStat) -> Result<(), Lost> {
        if Uid::effective().is_root() && (self.shared || stat.st_uid != 0) {
            return Err(Lost::Link(name));
        }
        self.links += 1;
        if self.links > MOST_LINKS {
            return Err(Errno::ELOOP.into());
        }
        let target = PathBuf::from(readlinkat(link, "")?);
        if target.is_absolute() {
            self.at = directory("/")?;
        }
        self.put(&target);
        Ok(())
    }

    /// Puts the names of a path before those that are left.
    fn put(&mut self, path: &Path) {
        for component in path.components().rev() {
            match component {
                Component::Normal(name) => self.names.push_front(name.to_owned()),
                Component::ParentDir => self.names.push_front("..".into()),
                Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
            }
        }
    }

    fn enter(&mut self) -> nix::Result<()> {
        self.shared |= is_shared(&fstat(&self.at)?);
        Ok(())
    }

    /// Whether names are left.
    pub fn is_over(&self) -> bool {
        self.names.is_empty()
    }

    /// Whether others than root may have changed what the path led to.
    pub fn is_shared(&self) -> bool {
        self.shared
    }

    /// The owner of the directory that the walk has reached.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn owner(&self) -> nix::Result<Uid> {
        fstat(&self.at).map(|stat| Uid::from_raw(stat.st_uid))
    }

    /// Takes a name to be walked next.
    pub fn again(&mut self, name: OsString) {
        self.names.push_front(name);
    }

    /// The directory that the walk has reached, for what is done in it.
    pub fn into_directory(self) -> OwnedFd {
        self.at
    }
}

impl AsFd for Walk {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.at.as_fd()
    }
}

fn directory(path: &str) -> nix::Result<OwnedFd> {
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    open(path, flags, Mode::empty())
}

/// The kind of a file (inode(7)).
pub fn kind(stat: &FileStat) -> SFlag {
    SFlag::from_bits_truncate(stat.st_mode & SFlag::S_IFMT.bits())
}

/// Whether others than root can change what a name in this directory stands for. In a sticky directory
/// a name is changed by its owner alone, and links are looked at by themselves.
fn is_shared(stat: &FileStat) -> bool {
    let mode = Mode::from_bits_truncate(stat.st_mode);
    let group = mode.contains(Mode::S_IWGRP) && stat.st_gid != 0;
    let writable = group || mode.contains(Mode::S_IWOTH);
    stat.st_uid != 0 || (writable && !mode.contains(Mode::S_ISVTX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

    fn leads_to(path: &Path) -> Result<u64, Lost> {
        let walk = Walk::to_directory(path)?;
        Ok(fstat(&walk)?.st_ino)
    }

    #[test]
    fn a_path_leads_where_the_system_says() {
        let dir = tempfile::tempdir().unwrap();
        let real = dir.path().join("real/deep");
        fs::create_dir_all(&real).unwrap();
        symlink("real", dir.path().join("near")).unwrap();
        symlink(&real, dir.path().join("far")).unwrap();
        symlink("circle", dir.path().join("circle")).unwrap();
        let inode = fs::metadata(&real).unwrap().ino();
        for path in [
            "real/deep",
            "near/deep",
            "far",
            "near/../far/.",
            "real/deep/../deep",
        ] {
            assert_eq!(leads_to(&dir.path().join(path)), Ok(inode), "{path}");
        }
        let lost = |path: &str| leads_to(&dir.path().join(path)).unwrap_err();
        assert_eq!(lost("none"), Lost::Fault(Errno::ENOENT));
        assert_eq!(lost("circle"), Lost::Fault(Errno::ELOOP));
        fs::write(dir.path().join("file"), "").unwrap();
        assert_eq!(lost("file/x"), Lost::Fault(Errno::ENOTDIR));
    }

    #[test]
    fn root_follows_no_link_that_others_could_have_put_there() {
        assert!(Uid::effective().is_root(), "this test needs root");
        let dir = tempfile::tempdir().unwrap();
        let inner = dir.path().join("inner");
        fs::create_dir(&inner).unwrap();
        symlink("/etc", inner.join("link")).unwrap();
        let link = inner.join("link");
        assert!(leads_to(&link).is_ok());
        let shared = [
            (0o777, None, None),
            (0o755, Some(65534), None),
            (0o775, None, Some(4)),
        ];
        for (mode, uid, gid) in shared {
            std::os::unix::fs::chown(&inner, Some(uid.unwrap_or(0)), Some(gid.unwrap_or(0)))
                .unwrap();
            fs::set_permissions(&inner, fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(leads_to(&link), Err(Lost::Link("link".into())), "{mode:o}");
        }
        std::os::unix::fs::chown(&inner, Some(0), Some(0)).unwrap();
        fs::set_permissions(&inner, fs::Permissions::from_mode(0o1777)).unwrap();
        assert!(
            leads_to(&link).is_ok(),
            "in a sticky directory a link of root's stays"
        );
        std::os::unix::fs::lchown(&link, Some(65534), None).unwrap();
        assert_eq!(leads_to(&link), Err(Lost::Link("link".into())));
    }
}
