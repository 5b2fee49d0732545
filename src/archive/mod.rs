//! The archive (`set archive DAYS`): each letter that was delivered, packed, as it was mailed.
//!
//! ```text
//! STATEDIR/archive/2026/11/27-1230-report.txt.gz   a letter: headers and body with CRLF, as a server gets them
//! STATEDIR/archive/2026/11/index                   a line for each letter of the month (see [`Entry`])
//! ```
//!
//! [`Archive`] writes, on the threads that deliver: a letter is in the archive before it leaves the outbox, so
//! a crash in between makes nothing but one more look at a letter that is there. [`Reader`] reads, for the
//! command `tenshi letters`: without the daemon, with the rights of whoever asks, and it trusts nothing that it
//! finds. The directory is the truth, the index saves the unpacking: a letter that is not in the index is
//! listed by its own text.

mod entry;
mod expiry;
mod letter;
mod name;
mod reader;
mod told;
mod writer;

use std::path::{Path, PathBuf};

pub use entry::Entry;
pub use letter::{Head, Letter};
pub use name::LetterName;
pub use reader::{Month, Reader};
pub use told::{Summary, Told, ToldLines, host_shown};
pub use writer::{Archive, ArchiveFault, ToKeep};

/// The directory of the letters, in the state directory.
const DIRECTORY: &str = "archive";
/// The name of the index in the directory of a month.
const INDEX: &str = "index";

/// The directory of the letters of a state directory.
fn directory(state: &Path) -> PathBuf {
    state.join(DIRECTORY)
}
