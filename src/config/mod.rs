//! The configuration: from the bytes of `tenshi.conf` to a [`Config`].
//!
//! Reading goes in two steps. [`grammar`] turns a line into a directive without knowing what it
//! means; the assembly knows what it means and never looks at text that is already read. All errors
//! of a configuration are gathered, with their places, before it is refused.

use std::path::{Path, PathBuf};

mod assembly;
pub mod diagnostic;
mod fingerprint;
pub mod grammar;
mod keywords;
mod lint;
pub mod machine;
pub mod model;
mod queues;
mod report;
mod rules;
mod settings;
mod suggest;
mod values;

pub use diagnostic::{Diagnostic, Place, Severity};
pub use fingerprint::Fingerprint;
pub use machine::{Machine, ThisMachine};
pub use model::*;
pub use values::is_loopback;

/// What reading a configuration gave.
#[derive(Debug)]
pub struct Loaded {
    /// The configuration; nothing if there was an error.
    pub config: Option<Config>,
    /// All errors and warnings, in the order of the lines.
    pub diagnostics: Vec<Diagnostic>,
    /// The files that were read, the main one first.
    pub files: Vec<PathBuf>,
}

/// The name of each setting (the words after `set`), and the form of its value.
pub fn settings() -> impl Iterator<Item = (&'static str, &'static str)> {
    keywords::SETTINGS
        .iter()
        .map(|(name, _, form)| (*name, *form))
}

/// The words that a rule may begin with without any definition.
pub const BUILT_IN: [&str; 4] = rules::BUILT_IN;

/// Reads `tenshi.conf` and all that it includes. Relative paths, in it too, start from the working
/// directory.
pub fn load(path: &Path) -> Loaded {
    load_on(path, &ThisMachine::default())
}

/// The same, with relative paths from another directory.
pub fn load_from(directory: &Path, path: &Path) -> Loaded {
    let start = Some(directory.to_owned());
    load_on(path, &ThisMachine { start })
}

/// The same on any machine.
pub fn load_on(path: &Path, machine: &dyn Machine) -> Loaded {
    let path = machine.absolute(path);
    let mut assembly = assembly::Assembly::new(&path, machine);
    assembly.read_file(&path, None);
    assembly.finish()
}

/// Reads the bytes of a configuration, touching no file: includes are errors, every user exists.
pub fn parse_bytes(bytes: &[u8]) -> Loaded {
    let path = Path::new("/tenshi.conf");
    let mut assembly = assembly::Assembly::new(path, &machine::Nowhere);
    assembly.read_bytes(path, bytes);
    assembly.finish()
}

/// The static settings that differ: they take a restart.
pub fn static_changes(old: &Config, new: &Config) -> Vec<&'static str> {
    let (process, new_process) = (&old.process, &new.process);
    let (inputs, new_inputs) = (&old.inputs, &new.inputs);
    let settings = [
        ("uid", process.uid != new_process.uid),
        ("gid", process.gid != new_process.gid),
        ("pidfile", process.pidfile != new_process.pidfile),
        ("listen", inputs.listen != new_inputs.listen),
        ("fifo", inputs.fifos != new_inputs.fifos),
        ("tail", inputs.tail != new_inputs.tail),
        (
            "tail_multiple",
            inputs.tail_multiple != new_inputs.tail_multiple,
        ),
        (
            "tail_missing",
            inputs.tail_missing != new_inputs.tail_missing,
        ),
        ("statedir", old.state.dir != new.state.dir),
        ("redisqueue", inputs.redis_queues != new_inputs.redis_queues),
        (
            "redisserver",
            inputs.redis_server != new_inputs.redis_server,
        ),
    ];
    settings
        .into_iter()
        .filter(|(_, changed)| *changed)
        .map(|(name, _)| name)
        .collect()
}
