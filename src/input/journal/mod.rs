//! `set journal`: the entries of systemd's journal, local and remote, read from its files by ourselves.
//!
//! Each file is read by itself, from its first entry to its last: what is known of it is its `file_id` and the
//! number of entries that were read, and both stay when the file gets another name. So rotation, several
//! boots, and remote files that are written late need no care of their own. [journal.md](../../../docs/journal.md)
//! tells more.
//!
//! [`Reader`] is the machine without a thread; the daemon runs it in one that the kernel wakes.

use std::io;

use super::charsets::{SharedCharsets, StreamCharset};
use super::control::InputThread;
use super::file::Begun;
use super::{Input, Start};
use crate::config::{Config, Journal};

mod directory;
mod entries;
mod faults;
mod fields;
mod format;
mod line;
mod numbering;
mod packed;
mod place;
mod positions;
mod reader;
mod thread;
mod unread;
mod window;

pub use directory::{Directory, Role, first_file, own, syslog_file};
pub use entries::{Entries, Entry, Scratch};
pub use fields::{Fields, Values, Wanted};
pub use format::{Damage, Header, Id, ReadAt};
pub use positions::{FilePosition, Numbering, Positions, PositionsChange};
pub use reader::{Reader, Settings};
pub use unread::{Unread, unread};

/// The journal as an input of the daemon.
#[derive(Debug)]
struct JournalInput {
    charsets: SharedCharsets,
    begun: Option<PositionsChange>,
    threads: Vec<InputThread>,
}

/// The journal of a configuration, if it names one (`set journal`).
pub(super) fn configured(config: &Config) -> Option<Box<dyn Input>> {
    if config.inputs.journals.is_empty() {
        return None;
    }
    if config.inputs.journals == [Journal::Auto]
        && let Some(file) = syslog_file()
    {
        log::info!("the journal is not read: there is {file} (set journal auto)");
    }
    Some(Box::new(JournalInput {
        charsets: SharedCharsets::new(config),
        begun: None,
        threads: Vec::new(),
    }))
}

impl Input for JournalInput {
    fn describe(&self) -> String {
        "journal".into()
    }

    fn open_files(&self) -> usize {
        reader::HELD + 8
    }

    fn start(&mut self, start: &Start<'_>) -> io::Result<()> {
        let charset = StreamCharset::new(self.charsets.clone(), Vec::new());
        let (thread, begun) = thread::spawn(start, charset)?;
        self.begun = Some(begun);
        self.threads.push(thread);
        Ok(())
    }

    fn threads(&self) -> &[InputThread] {
        &self.threads
    }

    fn reload(&mut self, config: &Config) -> Result<bool, String> {
        self.charsets.set(config);
        Ok(false)
    }

    fn stop(self: Box<Self>) -> Vec<InputThread> {
        self.threads
    }

    fn begun(&mut self) -> Begun {
        Begun {
            journal: self.begun.take().unwrap_or_default(),
            ..Begun::default()
        }
    }
}
