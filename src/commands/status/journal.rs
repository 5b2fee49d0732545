//! How far the journal is read, as `status` shows it.

use serde::Serialize;

use crate::input::journal::{self, FilePosition, Positions, Unread};
use crate::shown::shown_path;

/// How far the files of the journal are read.
#[derive(Serialize)]
pub(super) struct JournalView {
    /// Number of files with a position.
    pub files: usize,
    /// Number of entries before the positions.
    pub entries: u64,
    /// What is behind them, of each directory.
    pub directories: Vec<UnreadView>,
}

/// What is not read of the journal of a directory.
#[derive(Serialize)]
pub(super) struct UnreadView {
    pub directory: String,
    /// Number of entries.
    pub unread: u64,
    /// About how many bytes these take.
    pub lag: u64,
    /// Why there may be more: something cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unseen: Option<String>,
}

impl JournalView {
    pub(super) fn new(positions: &Positions) -> Option<Self> {
        let files = positions.files.values();
        let next = |sum: u64, file: &FilePosition| sum.saturating_add(file.next);
        let view = Self {
            files: files.len(),
            entries: files.fold(0, next),
            directories: Vec::new(),
        };
        (view.files > 0 || !positions.directories.is_empty()).then_some(view)
    }

    /// Looks how much there is behind the positions now.
    pub(super) fn look(&mut self, positions: &Positions) {
        let unread = journal::unread(positions).into_iter();
        self.directories = unread.map(UnreadView::new).collect();
    }
}

impl UnreadView {
    fn new(unread: Unread) -> Self {
        Self {
            directory: shown_path(&unread.directory).to_string(),
            unread: unread.entries,
            lag: unread.bytes,
            unseen: unread.unseen,
        }
    }
}
