//! The state directory of the daemon that a command asks about.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::shown::{shown_lines, shown_path};
use crate::state::{ReadError, Snapshot};
use crate::{config, state};

/// The state directory of the package: what an admin means who names no directory.
const PACKAGED: &str = "/var/lib/tenshi";

/// The state directory that is looked at.
pub(super) struct StateDirectory {
    /// Its path.
    pub(super) path: PathBuf,
    /// Whether nobody named the directory: then it is the package's.
    guessed: bool,
    /// Why the directory may be another than the daemon's.
    pub(super) doubt: Option<String>,
}

impl StateDirectory {
    /// Finds the directory as the daemon does; where that finds none, it is the package's.
    pub(super) fn find(config: &Path, given: Option<&Path>) -> Self {
        let (configured, doubt) = match given {
            Some(_) => (None, None),
            None => configured(config),
        };
        let named = state::resolve(given, configured.as_deref());
        let doubt = doubt.map(|doubt| format!("{doubt}: a `set statedir` in it is not known"));
        Self {
            guessed: named.is_none(),
            path: named.unwrap_or_else(|| PACKAGED.into()),
            doubt,
        }
    }

    /// Reads the state, and tells `err` if the directory may be another than the daemon's. Nothing if there is no
    /// state that can be read, which is told too.
    pub(super) fn snapshot(&self, err: &mut dyn Write) -> Option<Snapshot> {
        let (snapshot, told) = match state::read(&self.path) {
            Ok(snapshot) => {
                let doubt = self.doubt.as_ref();
                (
                    Some(snapshot),
                    doubt.map(|doubt| format!("warning: {doubt}")),
                )
            }
            Err(fault) => (None, Some(self.explain(&fault))),
        };
        if let Some(told) = told {
            // Nobody listens to a message that cannot be written.
            let _ = writeln!(err, "tenshi: {}", shown_lines(&told));
        }
        snapshot
    }

    /// Why there is no state.
    pub(super) fn explain(&self, fault: &ReadError) -> String {
        let mut text = fault.to_string();
        if self.guessed && matches!(fault, ReadError::Absent(_)) {
            text.push_str(
                "; neither --state-dir, `set statedir` nor $STATE_DIRECTORY names another \
                 directory, and a daemon without one keeps nothing that could be shown",
            );
        }
        if let Some(doubt) = &self.doubt {
            text.push_str(&format!(" ({doubt})"));
        }
        text
    }
}

/// The `statedir` of a configuration, and why it is not known, if so. The standard configuration
/// need not be there.
fn configured(path: &Path) -> (Option<PathBuf>, Option<String>) {
    // Not opened: a FIFO would hold us.
    let readable = nix::unistd::eaccess(path, nix::unistd::AccessFlags::R_OK);
    if let Err(e) = readable.map_err(io::Error::from) {
        let standard = path == Path::new(crate::cli::CONFIGURATION);
        let doubt = format!("{}: {e}", shown_path(&path));
        let absent = e.kind() == io::ErrorKind::NotFound && standard;
        return (None, (!absent).then_some(doubt));
    }
    match config::load(path).config {
        Some(config) => (config.state.dir, None),
        None => {
            let path = shown_path(&path);
            (
                None,
                Some(format!("{path} has errors, which tenshi -C shows")),
            )
        }
    }
}
