//! The configuration: from the bytes of `tenshi.conf` to a [`Config`].
//!
//! Reading goes in two steps. [`grammar`] turns a line into a directive without knowing what it
//! means; the assembly knows what it means and never looks at text that is already read. All errors
//! of a configuration are gathered, with their places, before it is refused.
//!
//! Nothing but the text is looked at: whether the machine has the accounts, the log files and the
//! programs of a configuration is found out by [`crate::host_system`].

use std::path::{Path, PathBuf};

mod assembly;
mod assign;
mod bundle;
pub mod diagnostic;
mod draft;
mod files;
mod fingerprint;
pub mod grammar;
mod keywords;
mod lint;
mod loaded;
mod log_sources;
pub mod model;
mod patterns;
mod programs;
mod queue_values;
mod queues;
mod redis_server;
mod reporter;
mod rule_head;
mod rules;
mod setter;
mod settings;
mod silence;
mod site;
mod site_draft;
mod suggest;
mod values;

pub use diagnostic::{Diagnostic, Place, Severity};
pub use fingerprint::Fingerprint;
pub use keywords::BUILT_IN;
pub(crate) use loaded::{Account, Needs};
pub use loaded::{IncludeDir, Loaded};
pub use model::*;
pub use redis_server::RedisServer;
pub(crate) use reporter::Location;
pub use settings::{deferred_changes, settings, static_changes};
pub use values::is_loopback;

/// Reads `tenshi.conf` and all that it includes. Relative paths, in it too, start from the working
/// directory.
pub fn load(path: &Path) -> Loaded {
    load_from(&working_directory(), path)
}

/// Reads `tenshi.conf` and all that it includes, with relative paths from `directory` on.
pub fn load_from(directory: &Path, path: &Path) -> Loaded {
    assemble(directory, path, &files::FileSystem, |assembly, path| {
        assembly.read_file(path, None);
    })
}

/// Reads other text in the place of the file at `path`, and all that it includes.
pub fn load_text(path: &Path, text: &[u8]) -> Loaded {
    let files = files::FileSystem;
    assemble(&working_directory(), path, &files, |assembly, path| {
        assembly.read_bytes(path, text);
    })
}

/// Reads a file of rules by itself. `queues` are the names of the queues that its rules may name.
pub fn load_rules<'q>(path: &Path, queues: impl IntoIterator<Item = &'q str>) -> Loaded {
    let mut head = String::from("set mailserver localhost\n");
    for queue in queues {
        head += &format!("set queue {queue} tenshi@localhost root [now]\n");
    }
    let files = files::FileSystem;
    assemble(&working_directory(), path, &files, |assembly, path| {
        assembly.read_bytes(path, head.as_bytes());
        assembly.read_file(path, None);
    })
}

/// Reads the bytes of a configuration, touching no file: includes are errors.
pub fn parse_bytes(bytes: &[u8]) -> Loaded {
    let (root, path) = (Path::new("/"), Path::new("/tenshi.conf"));
    assemble(root, path, &files::NoFiles, |assembly, path| {
        assembly.read_bytes(path, bytes);
    })
}

fn working_directory() -> PathBuf {
    std::env::current_dir().unwrap_or_else(|_| PathBuf::from("."))
}

/// Assembles the configuration that `read` reads; once more where `set charset` says how its text is to be read:
/// that may stand behind the text.
fn assemble(
    directory: &Path,
    path: &Path,
    files: &dyn files::ConfigFiles,
    read: impl Fn(&mut assembly::Assembly<'_>, &Path),
) -> Loaded {
    let path = draft::absolute(directory, path);
    let files = files::Kept::new(files);
    let assembled = |charset| {
        let draft = draft::Draft::new(&path, directory);
        let mut assembly = assembly::Assembly::new(draft, &files, charset);
        read(&mut assembly, &path);
        assembly
    };
    let first = assembled(None);
    match first.charset_of_text() {
        Some(charset) => assembled(Some(charset)).finish(),
        None => first.finish(),
    }
}
