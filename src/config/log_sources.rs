//! `set olddir` and `set charset`: where rotated logs are, and how lines of a source are read.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use super::diagnostic::shown;
use super::model::*;
use super::reporter::Located;
use super::setter::{Read, Setter};
use super::suggest::did_you_mean;
use super::values;
use crate::charset::Charset;
use crate::logpath::LogPath;

/// Some names that `set charset` takes.
const CHARSETS: [&str; 11] = [
    "euc-jp",
    "shift_jis",
    "iso-2022-jp",
    "iso-8859-1",
    "windows-1252",
    "koi8-r",
    "gb18030",
    "big5",
    "euc-kr",
    "utf-16",
    "utf-8",
];

/// Whether two configurations look for rotated logs elsewhere.
pub(super) fn olddirs_differ(old: &Config, new: &Config) -> bool {
    old.inputs.olddirs != new.inputs.olddirs
}

impl<'l> Setter<'_, 'l> {
    /// `set olddir DIR`: from the directory of each log, so a relative path stays one.
    pub(super) fn olddir(&mut self) -> Read<'l, ()> {
        let word = self.word()?;
        self.without_nul(word)?;
        let directory = PathBuf::from(OsStr::from_bytes(word.text));
        let olddirs = &mut self.draft.inputs.olddirs;
        if !olddirs.contains(&directory) {
            olddirs.push(directory);
        }
        Ok(())
    }

    /// `set charset NAME [SOURCE]`
    pub(super) fn charset(&mut self) -> Read<'l, ()> {
        let (word, rest) = self.value.word();
        let (source, rest) = rest.word();
        if word.is_empty() {
            return Err(self.missing());
        }
        self.draft.warn_words(self.line, self.word, rest);
        let Some(charset) = word.utf8().and_then(Charset::named) else {
            let shown = shown(word.text);
            let message = format!("`{shown}` is no character set that lines are written in");
            let hint = did_you_mean(word.text, CHARSETS).unwrap_or_else(|| {
                format!(
                    "write one of: {}, or another name of the IANA",
                    CHARSETS.join(", ")
                )
            });
            return Err(Located::new(word, message, &hint));
        };
        if source.is_empty() {
            self.draft.charsets.default = Some(charset);
            return Ok(());
        }
        self.without_nul(source)?;
        let listen = source.utf8().and_then(|text| values::listen(text).ok());
        let location = self.line.at(source);
        self.draft.charset_locations.push(location);
        self.draft.charsets.sources.push(SourceCharset {
            name: source.text.into(),
            path: LogPath::new(self.draft.path(source)),
            listen,
            charset,
        });
        Ok(())
    }
}
