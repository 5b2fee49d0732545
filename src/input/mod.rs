//! Inputs: what lines come from. Each runs in threads of its own and hands the daemon's loop
//! [`Batch`]es over a bounded channel, so a slow loop slows the readers and never the other way
//! round.
//!
//! [`configured`] lists the inputs of a configuration; each is a file or directory beside this one
//! that implements [`Input`].

use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bstr::{BStr, BString};

use crate::clock::Clock;
use crate::config::Config;
use crate::counters::Counters;

pub mod charsets;
pub mod command;
mod control;
pub mod fifo;
pub mod file;
pub mod journal;
pub mod listen;
pub mod redis;
pub mod syslog;
mod text;
mod watch;

pub use control::{Drain, EventSender, InputThread};

/// A source of lines, as the daemon's loop sees it: from its place in the configuration to its end.
pub trait Input: Debug {
    /// The name of the input in messages, as `fifo /run/x`.
    fn describe(&self) -> String;

    /// Opens what was not opened while we were root, with the rights that we have now.
    ///
    /// # Errors
    /// What cannot be opened, and why, as a sentence.
    fn open(&mut self) -> Result<(), String> {
        Ok(())
    }

    /// Number of files that the input will hold open besides those that it has open already.
    fn open_files(&self) -> usize {
        1
    }

    /// Starts the threads of the input. What is written to the source after this is new.
    ///
    /// # Errors
    /// When no thread can be made.
    fn start(&mut self, start: &Start<'_>) -> io::Result<()>;

    /// The running threads, but for the follower's.
    fn threads(&self) -> &[InputThread];

    /// Asks for all that is there now. Gives the number of [`Event::Drained`] that will answer.
    fn drain(&self, drain: Drain) -> usize {
        let threads = self.threads();
        threads.iter().for_each(|thread| thread.drain(drain));
        threads.len()
    }

    /// Takes note that a snapshot on disk holds what came of `source` before the number `upto`: it
    /// may be removed there. Inputs without a [`Checkpoint::Number`] have nothing to do.
    fn acknowledge(&self, _source: &BStr, _upto: u64) {}

    /// Goes on under another configuration (`SIGHUP`). Gives whether threads ended for that: what
    /// was asked of them is not answered any more.
    ///
    /// # Errors
    /// Why nothing is read from now on, as a sentence.
    fn reload(&mut self, _config: &Config) -> Result<bool, String> {
        Ok(false)
    }

    /// Ends the input. Gives the threads whose end is worth waiting for: those that keep something
    /// elsewhere in order.
    fn stop(self: Box<Self>) -> Vec<InputThread>;

    /// Where the input was begun for the first time, for the first snapshot; asked for once.
    fn begun(&mut self) -> file::Begun {
        file::Begun::default()
    }

    /// How long the input did not look at its source, if it is to look every few minutes.
    fn still(&self) -> Option<Duration> {
        None
    }
}

/// All inputs that a configuration names, in the order in which they are started. What only root may
/// open is open then; `dropping` says whether we are root, and give its rights up later.
///
/// # Errors
/// What cannot be opened, and why, as a sentence.
pub fn configured(config: &Config, dropping: bool) -> Result<Vec<Box<dyn Input>>, String> {
    let mut inputs = file::configured(config);
    inputs.extend(command::configured(config));
    inputs.extend(listen::configured(config)?);
    inputs.extend(fifo::configured(config, dropping)?);
    inputs.extend(redis::configured(config));
    inputs.extend(journal::configured(config));
    Ok(inputs)
}

/// What an input is started with.
#[derive(Clone, Copy)]
pub struct Start<'a> {
    /// The configuration in force.
    pub config: &'a Config,
    /// Where the inputs go on.
    pub resume: &'a Resume,
    /// The clock for messages that have no time.
    pub clock: &'a Arc<dyn Clock>,
    /// Where events are handed over.
    pub events: &'a EventSender,
    /// Number of files that the other inputs will open.
    pub other_files: usize,
}

/// Where inputs go on after a restart.
#[derive(Debug, Default)]
pub struct Resume {
    /// The positions in the followed files.
    pub files: Vec<file::PathCheckpoints>,
    /// The patterns of log files that were followed, and since when, ns since the epoch.
    pub patterns: HashMap<BString, i64>,
    /// How far the numbered sources are counted.
    pub counted: Counted,
    /// How far the journal's files are read.
    pub journal: journal::Positions,
}

/// How far each source is counted whose elements have numbers: the first number that is not, by the
/// source's name in [`Checkpoint::Number`].
pub type Counted = BTreeMap<BString, u64>;

/// Complete lines from one source, and how far it is read with them.
#[derive(Debug)]
pub struct Batch {
    /// The name of the source. No other source has it, and the next run gives it again: `repeat` compares lines of one
    /// source.
    pub source: Arc<BString>,
    /// The lines, each ended by one `\n`; no line is longer than `max_line`.
    pub text: Vec<u8>,
    /// What is to be committed in the same snapshot as the counts of these lines.
    pub checkpoint: Checkpoint,
    /// What went wrong or was cut while reading, to be added to the daemon's counters.
    pub counters: Counters,
}

/// How far a source is read with a batch.
#[derive(Debug)]
pub enum Checkpoint {
    /// Nothing to commit: the source cannot be read again.
    None,
    /// The positions in the generations of a log after the batch.
    File(file::PathCheckpoints),
    /// What changed in the positions in the journal's files.
    Journal(Box<journal::PositionsChange>),
    /// All elements before a number are in the hands of the loop. They are to be removed at the
    /// source ([`Input::acknowledge`]) once the snapshot with the batch is on disk.
    Number {
        /// The source's name in the snapshot.
        source: BString,
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
        /// The name of the input: a log file's path, or as in its messages.
        input: String,
        /// What is wrong with the input; nothing if it is well again.
        fault: Option<Fault>,
    },
    /// The patterns of log files that are followed from now on, and since when, ns since the epoch.
    Patterns(HashMap<BString, i64>),
    /// A thread of an input has handed over all that was there: its answer to a drain.
    Drained,
}

/// What is wrong with an input.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fault {
    /// The fault in words, a part of a sentence.
    pub text: String,
    /// Whether lines may come there that are not read. Else there is nothing to read yet.
    pub blind: bool,
}

impl Fault {
    /// A fault by which lines may come that are not read.
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
