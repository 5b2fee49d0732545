//! What reading a configuration asks of the machine: files, directories, users. Behind a trait, so
//! that a configuration can be read without any of it (fuzzing, tests).

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::model::ProcessSettings;
use crate::input::file::RealFs;
use crate::logpath::{Expansion, LogPath};
use crate::plain;
use crate::process::ids::{self, Identity};

/// The greatest configuration file that is read, bytes: beyond it, it is something else.
pub const MAX_FILE: u64 = 16 << 20;

/// What reading a configuration asks of the machine.
pub trait Machine {
    /// The whole of a file.
    ///
    /// # Errors
    /// When it cannot be read, is a directory, or is longer than [`MAX_FILE`].
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;

    /// The names in a directory that belong to regular files, links followed; in any order.
    ///
    /// # Errors
    /// When the directory cannot be read.
    fn list(&self, directory: &Path) -> io::Result<Vec<OsString>>;

    /// The one name of a file, by which an include loop is known.
    fn identity(&self, path: &Path) -> PathBuf;

    /// The path with the working directory in front, if it was relative.
    fn absolute(&self, path: &Path) -> PathBuf;

    /// Whether a user of that name exists.
    fn has_user(&self, name: &str) -> bool;

    /// Whether a group of that name exists.
    fn has_group(&self, name: &str) -> bool;

    /// Does this with the rights of the user that the daemon will have, where that is another one
    /// than we are.
    fn as_daemon(&self, process: &ProcessSettings, act: &mut dyn FnMut());

    /// Whether a log file could be followed now.
    ///
    /// # Errors
    /// Why it could not.
    fn try_log(&self, path: &Path) -> io::Result<()>;

    /// Whether a program could be run.
    fn is_executable(&self, path: &Path) -> bool;

    /// What the path of a log means now.
    fn expand(&self, path: &LogPath) -> Expansion;
}

/// The machine that we run on.
#[derive(Clone, Debug, Default)]
pub struct ThisMachine {
    /// Where relative paths start, if not in the working directory.
    pub start: Option<PathBuf>,
}

impl Machine for ThisMachine {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let bytes = plain::read(path, MAX_FILE + 1)?;
        if bytes.len() as u64 > MAX_FILE {
            let text = format!(
                "longer than {} MiB: this is no configuration",
                MAX_FILE >> 20
            );
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, text));
        }
        Ok(bytes)
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<OsString>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(directory)? {
            let entry = entry?;
            // Not `entry.file_type()`: links are followed.
            if fs::metadata(entry.path()).is_ok_and(|meta| meta.is_file()) {
                names.push(entry.file_name());
            }
        }
        Ok(names)
    }

    fn identity(&self, path: &Path) -> PathBuf {
        fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
    }

    fn absolute(&self, path: &Path) -> PathBuf {
        if let Some(start) = &self.start {
            return start.join(path);
        }
        std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
    }

    fn has_user(&self, name: &str) -> bool {
        nix::unistd::User::from_name(name).is_ok_and(|user| user.is_some())
    }

    fn has_group(&self, name: &str) -> bool {
        nix::unistd::Group::from_name(name).is_ok_and(|group| group.is_some())
    }

    fn as_daemon(&self, process: &ProcessSettings, act: &mut dyn FnMut()) {
        // An account that does not exist is told at the start.
        match Identity::resolve(process.uid.as_deref(), process.gid.as_deref()) {
            Ok(Some(identity)) => ids::with_rights_of(&identity, act),
            Ok(None) | Err(_) => act(),
        }
    }

    fn try_log(&self, path: &Path) -> io::Result<()> {
        if fs::metadata(path)?.is_dir() {
            return Err(io::Error::from(io::ErrorKind::IsADirectory));
        }
        nix::unistd::eaccess(path, nix::unistd::AccessFlags::R_OK).map_err(io::Error::from)
    }

    fn is_executable(&self, path: &Path) -> bool {
        let allowed = nix::unistd::access(path, nix::unistd::AccessFlags::X_OK).is_ok();
        allowed && fs::metadata(path).is_ok_and(|meta| meta.is_file())
    }

    fn expand(&self, path: &LogPath) -> Expansion {
        path.expand(&RealFs)
    }
}

/// A machine without anything: every user exists, no file does.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nowhere;

impl Machine for Nowhere {
    fn read(&self, _: &Path) -> io::Result<Vec<u8>> {
        Err(io::Error::from(io::ErrorKind::NotFound))
    }

    fn list(&self, _: &Path) -> io::Result<Vec<OsString>> {
        Err(io::Error::from(io::ErrorKind::NotFound))
    }

    fn identity(&self, path: &Path) -> PathBuf {
        path.to_owned()
    }

    fn absolute(&self, path: &Path) -> PathBuf {
        Path::new("/").join(path)
    }

    fn has_user(&self, _: &str) -> bool {
        true
    }

    fn has_group(&self, _: &str) -> bool {
        true
    }

    fn as_daemon(&self, _: &ProcessSettings, act: &mut dyn FnMut()) {
        act();
    }

    fn try_log(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn is_executable(&self, _: &Path) -> bool {
        true
    }

    fn expand(&self, path: &LogPath) -> Expansion {
        Expansion {
            paths: vec![path.as_path().to_owned()],
            ..Expansion::default()
        }
    }
}
