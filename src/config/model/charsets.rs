//! The character sets of lines and of the configuration's own text (`set charset`).

use std::path::Path;

use bstr::{BStr, BString};

use super::Listen;
use crate::charset::Charset;
use crate::logpath::LogPath;

/// The character sets that `set charset` names.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Charsets {
    /// `set charset NAME`: for the text of the configuration, and for lines of all other sources than these.
    pub default: Option<Charset>,
    /// `set charset NAME SOURCE`, in order: the last one that is for a source counts.
    pub sources: Vec<SourceCharset>,
}

/// `set charset NAME SOURCE`: the character set of some sources of lines.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SourceCharset {
    /// The name of the source as it is written: the key of a Redis list.
    pub name: BString,
    /// The source as a path: a log, a pattern for logs, or a fifo.
    pub path: LogPath,
    /// The source as an address of `set listen`, if it is one.
    pub listen: Option<Listen>,
    /// The character set.
    pub charset: Charset,
}

impl Charsets {
    /// The set of a log, also a rotated one: `path` is the log's own path; or of a fifo.
    pub fn of_path(&self, path: &Path) -> Option<Charset> {
        self.of(|source| source.path.matches(path))
    }

    /// The set of messages that come to an address.
    pub fn of_listen(&self, listen: Listen) -> Option<Charset> {
        self.of(|source| source.listen == Some(listen))
    }

    /// The set of a Redis list with this key.
    pub fn of_list(&self, key: &BStr) -> Option<Charset> {
        self.of(|source| source.name == key)
    }

    /// The set that is named for a path itself, if any is.
    pub fn own(&self, path: &Path) -> Option<Charset> {
        self.named(|source| source.path.matches(path))
    }

    fn of(&self, is_for: impl Fn(&SourceCharset) -> bool) -> Option<Charset> {
        self.named(is_for).or(self.default)
    }

    fn named(&self, is_for: impl Fn(&SourceCharset) -> bool) -> Option<Charset> {
        let mut sources = self.sources.iter().rev();
        sources
            .find(|source| is_for(source))
            .map(|source| source.charset)
    }
}
