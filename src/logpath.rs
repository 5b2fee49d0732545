//! The path of a log as the configuration names it: a file's name, or a pattern for many.
//!
//! One type answers which files are meant, for `-C`, the start and the follower. Names are bytes;
//! `*`, `?` and `[…]` mean what they mean to Debian's `/bin/sh`, by which the Perl tenshi had them expanded:
//!
//! | Pattern | Matches, within one name |
//! | --- | --- |
//! | `*` | any characters, or none |
//! | `?` | one character; of what is not UTF-8, one byte |
//! | `[a-f.]`, `[[:digit:]]` | one character of the set |
//! | `[!a-f]` | one character that is not of the set |
//!
//! A dot at the beginning of a name is matched by a dot alone. A `[` without its `]` stands for itself, and
//! so does a backslash. One thing more than the shell knows: a name that is `**` alone, with more behind it,
//! stands for any number of directories.

use std::collections::HashSet;
use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

mod wild;

use wild::Wild;

/// The names of a file system that a pattern is matched with.
pub trait Names {
    /// The names in a directory, without `.` and `..`.
    ///
    /// # Errors
    /// The directory cannot be read.
    fn list(&self, dir: &Path) -> io::Result<Vec<OsString>>;

    /// Whether there is anything of this name, be it a link that leads nowhere.
    fn is_there(&self, path: &Path) -> bool;

    /// The device and inode of a directory (links followed); nothing if the path is no directory.
    fn directory(&self, path: &Path) -> Option<(u64, u64)>;
}

/// A file's name, or a pattern for several. Two paths are equal if their texts are.
#[derive(Clone, Debug)]
pub struct LogPath {
    text: PathBuf,
    parts: Vec<Segment>,
}

/// A segment of a path: the text between two slashes.
#[derive(Clone, Debug)]
enum Segment {
    /// A name without wildcards, the root, or `..`.
    Name(OsString),
    /// A pattern for a name.
    Wild(Wild),
    /// `**`: any number of directories.
    Below,
}

/// The files that a path means at one moment.
#[derive(Debug, Default)]
pub struct Expansion {
    /// The files that exist, in order. Of a pattern, some may be links that lead nowhere.
    pub paths: Vec<PathBuf>,
    /// The directories in which names are looked for, from the first one with a wildcard on: new files come
    /// there. Some may not exist.
    pub directories: Vec<PathBuf>,
    /// The directories that exist and cannot be listed, with the reason: their names are not known.
    pub shut: Vec<(PathBuf, io::Error)>,
}

impl LogPath {
    /// Makes a path of any text.
    pub fn new(text: impl Into<PathBuf>) -> Self {
        let text = text.into();
        let mut parts: Vec<Segment> = text.components().filter_map(Segment::new).collect();
        // A `**` at the end has no name of a file behind it: it means what it means to the shell.
        if let Some(last @ Segment::Below) = parts.last_mut() {
            *last = Segment::Wild(Wild::anything());
        }
        Self { text, parts }
    }

    /// The text as it is written.
    pub fn as_path(&self) -> &Path {
        &self.text
    }

    /// Whether the path has wildcards, and so may mean more than one file.
    pub fn is_pattern(&self) -> bool {
        self.parts
            .iter()
            .any(|part| !matches!(part, Segment::Name(_)))
    }

    /// The directory before the first wildcard; of a path without wildcards, the directory of the file.
    pub fn base(&self) -> PathBuf {
        self.split().0
    }

    /// Whether the path means this file, which need not exist.
    pub fn matches(&self, path: &Path) -> bool {
        if self.text == path || !self.is_pattern() {
            return self.text == path;
        }
        let names: Vec<Segment> = path.components().filter_map(Segment::plain).collect();
        let names: Vec<&[u8]> = names.iter().map(Segment::bytes).collect();
        // After each segment: how many names the segments so far can have matched.
        let mut reached = vec![false; names.len() + 1];
        if let Some(none) = reached.first_mut() {
            *none = true;
        }
        for part in &self.parts {
            let one = |name: &&[u8]| part.is_for(name);
            reached = match part {
                Segment::Below => {
                    let mut open = false;
                    let hidden = std::iter::once(true).chain(names.iter().map(|n| is_hidden(n)));
                    let next = reached.iter().zip(hidden);
                    next.map(|(here, hidden)| {
                        open = *here || (open && !hidden);
                        open
                    })
                    .collect()
                }
                Segment::Name(_) | Segment::Wild(_) => {
                    let next = reached.iter().zip(&names);
                    let next = next.map(|(here, name)| *here && one(name));
                    std::iter::once(false).chain(next).collect()
                }
            };
        }
        reached.last().copied().unwrap_or(false)
    }

    /// The files that the path means now. A pattern that is a file's name too means that file as well: whoever can make
    /// a file of that name must not be able to hide the others.
    pub fn expand(&self, names: &impl Names) -> Expansion {
        self.expand_within(names, None)
    }

    /// As [`Self::expand`], but only the files that are `place` or lie below it, and the directories there: what a
    /// new name adds, at the cost of that name.
    pub fn expand_at(&self, names: &impl Names, place: &Path) -> Expansion {
        let mut found = self.expand_within(names, Some(place));
        found.paths.retain(|path| path.starts_with(place));
        found.directories.retain(|dir| dir.starts_with(place));
        found
    }

    fn expand_within(&self, names: &impl Names, place: Option<&Path>) -> Expansion {
        let mut found = Expansion::default();
        if !self.is_pattern() {
            found
                .paths
                .extend(names.is_there(&self.text).then(|| self.text.clone()));
            return found;
        }
        let (base, first) = self.split();
        let mut walk = Walk {
            parts: &self.parts,
            names,
            place,
            todo: vec![(base, first)],
            been: HashSet::new(),
            found,
        };
        while let Some((path, at)) = walk.todo.pop() {
            walk.step(path, at);
        }
        let mut found = walk.found;
        found
            .paths
            .extend(names.is_there(&self.text).then(|| self.text.clone()));
        found.paths.sort_unstable();
        found.paths.dedup();
        found.directories.sort_unstable();
        found.directories.dedup();
        found
    }

    /// The directory of [`Self::base`], and the index of the segment after it.
    fn split(&self) -> (PathBuf, usize) {
        let plain = self
            .parts
            .iter()
            .take_while(|part| matches!(part, Segment::Name(_)));
        let first = plain.count().min(self.parts.len().saturating_sub(1));
        let names = self.parts.iter().take(first);
        (names.map(|part| part.as_name()).collect(), first)
    }
}

impl PartialEq for LogPath {
    fn eq(&self, other: &Self) -> bool {
        self.text.as_os_str() == other.text.as_os_str()
    }
}

impl Eq for LogPath {}

impl From<PathBuf> for LogPath {
    fn from(text: PathBuf) -> Self {
        Self::new(text)
    }
}

impl Segment {
    fn new(component: Component<'_>) -> Option<Self> {
        let Component::Normal(name) = component else {
            return Self::plain(component);
        };
        if name == "**" {
            return Some(Self::Below);
        }
        let wild = Wild::parse(name.as_bytes()).map(Self::Wild);
        wild.or_else(|| Self::plain(component))
    }

    /// A name without wildcards; nothing for `.`, which changes nothing.
    fn plain(component: Component<'_>) -> Option<Self> {
        let here = component == Component::CurDir;
        (!here).then(|| Self::Name(component.as_os_str().to_owned()))
    }

    fn as_name(&self) -> &Path {
        match self {
            Self::Name(name) => Path::new(name),
            Self::Wild(_) | Self::Below => Path::new(""),
        }
    }

    fn bytes(&self) -> &[u8] {
        self.as_name().as_os_str().as_bytes()
    }

    /// Whether the segment matches this name.
    fn is_for(&self, name: &[u8]) -> bool {
        match self {
            Self::Name(own) => own.as_bytes() == name,
            Self::Wild(wild) => !matches!(name, b"/" | b"..") && wild.matches(name),
            Self::Below => false,
        }
    }
}

fn is_hidden(name: &[u8]) -> bool {
    matches!(name, [b'.', ..] | b"/")
}

/// The expansion of a pattern while it goes through the directories.
struct Walk<'a, N> {
    parts: &'a [Segment],
    names: &'a N,
    /// Only what is there or below it is looked for.
    place: Option<&'a Path>,
    /// The paths to go on from, each with the index of its next segment.
    todo: Vec<(PathBuf, usize)>,
    /// The directories that each `**` has visited, by its index: links may lead in a circle.
    been: HashSet<(usize, (u64, u64))>,
    found: Expansion,
}

impl<N: Names> Walk<'_, N> {
    fn step(&mut self, path: PathBuf, at: usize) {
        let last = at + 1 == self.parts.len();
        match self.parts.get(at) {
            None => self.found.paths.push(path),
            Some(Segment::Name(name)) => {
                let next = path.join(name);
                self.found.directories.push(path);
                if !last || self.names.is_there(&next) {
                    self.todo.push((next, at + 1));
                }
            }
            Some(Segment::Wild(wild)) => {
                for name in self.list(path.clone()) {
                    let next = path.join(&name);
                    // A name that nobody listed may not be there.
                    let listed = self.place != Some(&next) || self.names.is_there(&next);
                    if listed && wild.matches(name.as_bytes()) {
                        self.todo.push((next, at + 1));
                    }
                }
            }
            Some(Segment::Below) => {
                let Some(id) = self.names.directory(here(&path)) else {
                    return;
                };
                self.todo.push((path.clone(), at + 1));
                if !self.been.insert((at, id)) {
                    return;
                }
                for name in self.list(path.clone()) {
                    let next = path.join(&name);
                    if !is_hidden(name.as_bytes()) && self.names.directory(&next).is_some() {
                        self.todo.push((next, at));
                    }
                }
            }
        }
    }

    fn list(&mut self, dir: PathBuf) -> Vec<OsString> {
        use io::ErrorKind::{NotADirectory, NotFound};
        if let Some(below) = self.place.and_then(|place| place.strip_prefix(&dir).ok())
            && let Some(name) = below.components().next()
        {
            // On the way to the place, no other name counts.
            return vec![name.as_os_str().to_owned()];
        }
        if self.place.is_some_and(|place| !dir.starts_with(place)) {
            return Vec::new();
        }
        let listed = self.names.list(here(&dir));
        match listed {
            Err(e) if matches!(e.kind(), NotFound | NotADirectory) => {
                // Only the first one has to be waited for: the others come as names in it.
                self.found
                    .directories
                    .extend(self.found.directories.is_empty().then_some(dir));
                Vec::new()
            }
            Err(e) => {
                self.found.directories.push(dir.clone());
                self.found.shut.push((dir, e));
                Vec::new()
            }
            Ok(names) => {
                self.found.directories.push(dir);
                names
            }
        }
    }
}

/// The directory of a relative path without one.
fn here(dir: &Path) -> &Path {
    match dir.as_os_str().is_empty() {
        true => Path::new("."),
        false => dir,
    }
}

#[cfg(test)]
mod tests;
