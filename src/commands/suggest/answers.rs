//! The file that takes the answers of a review: accepted rules as they stand in a configuration, and in comments
//! the rules that are not to be asked about again. It is whole at each instant: each answer replaces it.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::pattern::{Found, Pattern};

/// The beginning of a line that remembers a rule that was skipped, or taken in another form.
pub(super) const ASKED: &[u8] = b"# asked: ";

/// The file of answers.
#[derive(Debug)]
pub(super) struct Answers {
    path: PathBuf,
    /// What stood in it when the review began.
    base: Vec<u8>,
    /// What stands in it now; nothing if there is no such file.
    now: Option<Vec<u8>>,
    earlier: Earlier,
}

/// The answers of earlier reviews.
#[derive(Debug, Default)]
pub(super) struct Earlier {
    /// The patterns of rules that were asked about and not accepted as they were.
    asked: BTreeSet<Vec<u8>>,
    /// The accepted patterns, by the group that they stand in.
    accepted: BTreeMap<Vec<u8>, Vec<Pattern>>,
}

impl Answers {
    /// Opens the file, which need not exist.
    ///
    /// # Errors
    /// It cannot be read, or could not be written.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        // A link stays one: what it leads to is replaced.
        let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let now = match fs::read(&path) {
            Ok(text) => Some(text),
            Err(e) if e.kind() == io::ErrorKind::NotFound => None,
            Err(e) => return Err(e),
        };
        let base = now.clone().unwrap_or_default();
        let earlier = Earlier::new(&base);
        let answers = Self {
            path,
            base,
            now,
            earlier,
        };
        let trial = answers.beside();
        File::create(&trial)?;
        fs::remove_file(&trial)?;
        Ok(answers)
    }

    /// The path of the file.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// What was answered before.
    pub(super) fn earlier(&self) -> &Earlier {
        &self.earlier
    }

    /// Whether anything was added since the review began.
    pub(super) fn is_changed(&self) -> bool {
        self.now.as_ref().is_some_and(|now| *now != self.base)
    }

    /// Writes the answers of this review behind the answers of earlier reviews. All are on the disk when this returns.
    ///
    /// # Errors
    /// The file cannot be written, or somebody else changed it.
    pub(super) fn write(&mut self, added: &[u8]) -> io::Result<()> {
        let newline: &[u8] = match self.base.last() {
            None | Some(b'\n') => b"",
            Some(_) => b"\n",
        };
        let text = match added {
            [] => self.base.clone(),
            added => [&self.base[..], newline, added].concat(),
        };
        if self.now.as_ref() == Some(&text) || (self.now.is_none() && text.is_empty()) {
            return Ok(());
        }
        let there = match fs::read(&self.path) {
            Ok(text) => Some(text),
            Err(e) if e.kind() == io::ErrorKind::NotFound => None,
            Err(e) => return Err(e),
        };
        if there != self.now {
            return Err(io::Error::other(
                "somebody else changed it meanwhile: leave, and take the review up again",
            ));
        }
        self.replace(&text)?;
        self.now = Some(text);
        Ok(())
    }

    /// Puts a new file in the place of the old one.
    fn replace(&self, text: &[u8]) -> io::Result<()> {
        let new = self.beside();
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .open(&new)?;
        if let Ok(old) = fs::metadata(&self.path) {
            // Of a file that is another's, as far as we may.
            let _ = file.set_permissions(old.permissions());
        }
        file.write_all(text)?;
        file.sync_all()?;
        fs::rename(&new, &self.path)?;
        let parent = self.path.parent().filter(|dir| *dir != Path::new(""));
        File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
    }

    /// The name of a new file until it is whole: `includedir` passes over names that begin with a dot.
    fn beside(&self) -> PathBuf {
        let mut name = OsString::from(".");
        name.push(self.path.file_name().unwrap_or_default());
        name.push(".new");
        self.path.with_file_name(name)
    }
}

impl Earlier {
    /// Reads the answers in a file.
    fn new(text: &[u8]) -> Self {
        let mut earlier = Self::default();
        let mut group = Vec::new();
        for line in text.split(|b| *b == b'\n') {
            let asked = line.strip_prefix(ASKED);
            let rule = asked.unwrap_or(line);
            let mut parts = rule.splitn(2, |b| *b == b' ');
            let word = parts.next().unwrap_or_default();
            let pattern = parts.next().unwrap_or_default().trim_ascii();
            match (asked, word) {
                (Some(_), _) => drop(earlier.asked.insert(pattern.to_vec())),
                (None, b"group") => group = pattern.to_vec(),
                (None, b"group_end") => group.clear(),
                (None, _) if word.is_empty() || word.starts_with(b"#") => {}
                (None, _) => {
                    if let Ok(pattern) = Pattern::compile(pattern) {
                        let accepted = earlier.accepted.entry(group.clone()).or_default();
                        accepted.push(pattern);
                    }
                }
            }
        }
        earlier
    }

    /// Whether a rule was asked about, and not accepted as it is.
    pub(super) fn was_asked(&self, pattern: &[u8]) -> bool {
        self.asked.contains(pattern)
    }

    /// Whether a rule that was accepted in a group takes a message.
    pub(super) fn takes(&self, group: Option<&[u8]>, message: &[u8]) -> bool {
        let accepted = self.accepted.get(group.unwrap_or_default());
        let mut patterns = accepted.into_iter().flatten();
        patterns.any(|pattern| pattern.is_match(message) == Found::Yes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_whole_at_each_instant_and_read_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("answers");
        fs::write(&path, "misc ^a: x$").unwrap();
        let mut answers = Answers::open(&path).unwrap();
        answers
            .write(b"group ^p:\nmisc ^p: y$\ngroup_end\n")
            .unwrap();
        let text = fs::read(&path).unwrap();
        assert_eq!(text, b"misc ^a: x$\ngroup ^p:\nmisc ^p: y$\ngroup_end\n");
        assert!(answers.is_changed());
        answers.write(b"").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"misc ^a: x$");
        assert!(!answers.is_changed());
        answers.write(b"# asked: misc ^q: z\n").unwrap();
        let again = Answers::open(&path).unwrap();
        assert!(again.earlier().was_asked(b"^q: z"));
        assert!(again.earlier().takes(None, b"a: x"));
        assert!(!again.earlier().takes(Some(b"^p:"), b"p: y"));
        // Somebody else wrote into it.
        fs::write(&path, "").unwrap();
        assert!(answers.write(b"misc ^b$\n").is_err());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
