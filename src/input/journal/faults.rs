//! What is wrong with journal files and directories, told when it begins and when it ends; and lost entries.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use bstr::{BString, ByteSlice};

use super::directory::{Directory, Role};
use crate::counters::{Counter, Counters};
use crate::input::{Event, Fault, Notice};
use crate::shown::{shown, shown_path};

/// What takes the events of a look. It gives false when nobody takes them any more.
pub type Emit<'a> = dyn FnMut(Event) -> bool + 'a;

/// The most files with faults that are told of by name.
const MOST: usize = 100;

/// The faults of the files and directories.
#[derive(Debug, Default)]
pub struct Faults {
    /// The faults of now, by their paths.
    now: BTreeMap<PathBuf, Fault>,
    /// The faults that were told, by their paths.
    told: BTreeMap<PathBuf, Fault>,
    /// Notices that are to be given once.
    notices: Vec<Notice>,
    /// Copies that were told of.
    copies: BTreeMap<PathBuf, ()>,
}

fn notice(text: String, report: bool, counters: Counters) -> Notice {
    Notice {
        level: log::Level::Warn,
        text,
        report,
        counters,
    }
}

impl Faults {
    /// All is looked at anew.
    pub fn begin(&mut self) {
        self.now.clear();
    }

    /// A directory cannot be listed.
    pub fn directory(&mut self, directory: &Directory, e: &io::Error) {
        let fault = match (e.kind(), directory.role) {
            // One of the two is enough: which one is journald's own affair.
            (ErrorKind::NotFound, Role::Persistent | Role::Volatile) => return,
            (ErrorKind::NotFound, Role::Any) => Fault {
                text: "the directory is not there yet".into(),
                blind: false,
            },
            _ => Fault::blind(format!("it cannot be listed: {}", words(e))),
        };
        self.now.insert(directory.path.clone(), fault);
    }

    /// The machine has no journal.
    pub fn no_journal(&mut self) {
        let text = "this machine has none (Storage= in journald.conf says where it is kept)";
        let fault = Fault {
            text: text.into(),
            blind: false,
        };
        self.now.insert(PathBuf::from("auto"), fault);
    }

    /// A file, or a directory below the one that is named, is not read.
    pub fn file(&mut self, path: &Path, text: String) {
        if self.now.len() < MOST {
            self.now.insert(path.to_path_buf(), Fault::blind(text));
        }
    }

    /// A file cannot be opened or read.
    pub fn io(&mut self, path: &Path, e: &io::Error) {
        self.file(path, words(e));
    }

    /// Whether something in a directory, or below it, is not read.
    pub fn is_within(&self, directory: &Path) -> bool {
        self.now.keys().any(|path| path.starts_with(directory))
    }

    /// Something is told of once.
    pub fn tell_once(&mut self, text: String) {
        self.notices.push(notice(text, false, Counters::default()));
    }

    /// A file is a copy of one that is read.
    pub fn copy(&mut self, path: &Path, of: &Path) {
        if self.copies.len() >= MOST || self.copies.insert(path.to_path_buf(), ()).is_some() {
            return;
        }
        self.tell_once(format!(
            "journal {}: it is a copy of {} (both have one file_id), and is not read",
            shown_path(&path),
            shown_path(&of)
        ));
    }

    /// Entries of a numbering are lost; the first one had the number `from` or a larger one.
    pub fn lost(&mut self, name: &BString, count: u64, from: u64) {
        let (entries, were) = entries(count);
        self.lose(
            count,
            format!(
                "journal {}: {entries} from number {from} on {were} removed before tenshi read them: they are lost",
                shown(name.as_bytes())
            ),
        );
    }

    /// Entries of a file cannot be read.
    pub fn damaged(&mut self, path: &Path, count: u64, why: &str) {
        let (entries, were) = entries(count);
        let path = shown_path(&path);
        let text = format!("journal {path}: {entries} {were} damaged and not read: {why}");
        self.lose(count, text);
    }

    fn lose(&mut self, count: u64, text: String) {
        let mut counters = Counters::default();
        counters.add(Counter::InputFaults, 1);
        counters.add(Counter::JournalLost, count);
        self.notices.push(notice(text, true, counters));
    }

    /// Tells what has changed. Gives false when nobody takes it any more.
    pub fn tell(&mut self, emit: &mut Emit<'_>) -> bool {
        for notice in self.notices.drain(..) {
            if !emit(Event::Notice(notice)) {
                return false;
            }
        }
        if self.now == self.told {
            return true;
        }
        let input = |path: &Path| format!("journal {}", shown_path(&path));
        for path in self
            .told
            .keys()
            .filter(|path| !self.now.contains_key(*path))
        {
            let (input, fault) = (input(path), None);
            if !emit(Event::Health { input, fault }) {
                return false;
            }
        }
        for (path, fault) in &self.now {
            if self.told.get(path) == Some(fault) {
                continue;
            }
            let mut counters = Counters::default();
            counters.add(Counter::InputFaults, 1);
            let text = format!("{}: {}", input(path), fault.text);
            let told = emit(Event::Notice(notice(text, false, counters)));
            let (input, fault) = (input(path), Some(fault.clone()));
            if !told || !emit(Event::Health { input, fault }) {
                return false;
            }
        }
        self.told = self.now.clone();
        true
    }
}

/// `3 entries`, `were`
fn entries(count: u64) -> (String, &'static str) {
    match count {
        1 => ("1 entry".into(), "was"),
        _ => (format!("{count} entries"), "were"),
    }
}

/// The words for an error of the system, with what to do about it.
fn words(e: &io::Error) -> String {
    match e.kind() {
        ErrorKind::PermissionDenied => {
            format!("{e}; our user must be in the group systemd-journal or adm")
        }
        _ => e.to_string(),
    }
}
