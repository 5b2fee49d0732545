//! Where lines come from. Each input runs in a thread of its own and hands the loop [`Batch`]es
//! over a bounded channel, so a slow consumer slows the readers and never the other way round.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::Arc;

use bstr::BString;

use crate::counters::Counters;

pub mod command;
mod control;
pub mod fifo;
pub mod file;
pub mod listen;
pub mod redis;
pub mod syslog;
mod text;

pub use control::Handle;

/// Complete lines from one source, and what makes them ours for good.
#[derive(Debug)]
pub struct Batch {
    /// Where they come from.
    pub origin: Origin,
    /// The lines, each ended by one `\n`; no line is longer than `max_line`.
    pub text: Vec<u8>,
    /// What is to be committed in the same snapshot as the counts of these lines.
    pub checkpoint: Checkpoint,
    /// What went wrong or was cut while reading (to be added to the daemon's counters).
    pub counters: Counters,
}

/// The source of a batch.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Origin {
    /// A followed file: the path that the configuration (or its glob) names.
    File(Arc<PathBuf>),
    /// A fifo.
    Fifo(Arc<PathBuf>),
    /// A user's tail command.
    Command,
    /// Syslog messages received on this address, already in the form of a log file.
    Syslog(SocketAddr),
    /// A Redis list, its syslog messages already in the form of a log file.
    Redis,
    /// Standard input (`-p`), or a saved log that is replayed.
    Replay,
}

impl Origin {
    /// A name that is another one for each source, the same in the next run.
    pub fn name(&self) -> BString {
        match self {
            Self::File(path) => [b"file ", path.as_os_str().as_bytes()].concat().into(),
            Self::Fifo(path) => [b"fifo ", path.as_os_str().as_bytes()].concat().into(),
            Self::Command => "tail".into(),
            Self::Syslog(address) => format!("listen {address}").into(),
            Self::Redis => "redis".into(),
            Self::Replay => "replay".into(),
        }
    }
}

/// What is to be committed together with a batch's counts.
#[derive(Debug)]
pub enum Checkpoint {
    /// Nothing: the source cannot be read again.
    None,
    /// The positions in this file's generations after the batch.
    File(file::PathCheckpoints),
    /// All elements of this Redis list before this number are in the hands of the loop. They are
    /// to be removed once the snapshot with the batch is on disk.
    Redis {
        /// The list with its server (see [`redis::place`]).
        list: bstr::BString,
        /// The number of the first element that the loop does not have.
        upto: u64,
    },
}

/// What an input tells the loop.
#[derive(Debug)]
pub enum Event {
    /// Lines.
    Batch(Batch),
    /// A change worth a line in the log: a file appeared, became unreadable, was rotated away
    /// unread. `counters` are to be added.
    Notice(Notice),
    /// What is wrong with an input from now on, for `tenshi status`.
    Health {
        /// Its name: a log file's path, or as in its messages.
        input: String,
        /// What is wrong with it; nothing if it is well again.
        fault: Option<Fault>,
    },
    /// The patterns of log files that are followed from now on, and since when, ns since the epoch.
    Patterns(HashMap<BString, i64>),
    /// An input has handed over all that was there (its answer to a drain).
    Drained,
}

/// What is wrong with an input.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fault {
    /// What it is, a part of a sentence.
    pub text: String,
    /// Lines may come there that are not read. Else there is nothing to read yet.
    pub blind: bool,
}

impl Fault {
    /// Lines may come that are not read.
    pub fn blind(text: String) -> Self {
        Self { text, blind: true }
    }
}

/// A change in an input that its admin should see.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Notice {
    /// How bad it is.
    pub level: log::Level,
    /// One sentence with the name of the input in it.
    pub text: String,
    /// Whether the next report must carry it too (loss of lines: invariant I12).
    pub report: bool,
    /// What to add to the daemon's counters.
    pub counters: Counters,
}
