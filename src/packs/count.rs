//! What a rule file would take, by queue and by program.

use std::collections::BTreeMap;

use bstr::{BString, ByteSlice};

/// The most programs that are counted by name, a file: whoever sends lines can invent names.
const MOST_PROGRAMS: usize = 1000;
/// The longest name of a program, bytes: what is longer is cut.
const LONGEST: usize = 64;

/// What a rule file would take.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Number of lines of its programs.
    pub lines: u64,
    /// Number of these that it would take.
    pub taken: u64,
    /// Number of lines that would come to each queue first, `trash` among them.
    pub queues: BTreeMap<String, u64>,
    /// The programs, by the names in front of their messages.
    pub programs: BTreeMap<BString, Share>,
}

/// What a rule file would take of a program's lines.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Share {
    /// Number of lines.
    pub lines: u64,
    /// Number of these that it would take.
    pub taken: u64,
}

impl Counts {
    /// Counts a line of one of the file's programs, and the queue that it would come to.
    pub(super) fn add(&mut self, program: &[u8], queue: Option<&str>) {
        let taken = u64::from(queue.is_some());
        self.lines += 1;
        self.taken += taken;
        if let Some(queue) = queue {
            match self.queues.get_mut(queue) {
                Some(count) => *count += 1,
                None => drop(self.queues.insert(queue.to_owned(), 1)),
            }
        }
        if self.programs.len() >= MOST_PROGRAMS && !self.programs.contains_key(program.as_bstr()) {
            return;
        }
        let share = self.programs.entry(program.into()).or_default();
        share.lines += 1;
        share.taken += taken;
    }

    /// The programs, the one with most lines first.
    pub fn by_lines(&self) -> Vec<(&BString, Share)> {
        let programs = self.programs.iter().map(|(name, share)| (name, *share));
        let mut programs: Vec<_> = programs.collect();
        programs.sort_by_key(|(_, share)| std::cmp::Reverse(share.lines));
        programs
    }
}

/// The name of the program that wrote a message: what stands before the first colon or blank. A process id
/// in brackets, where it is not hidden, is no part of it.
pub fn program(message: &[u8]) -> &[u8] {
    let end = message.find_byteset(b": \t");
    let name = message.get(..end.unwrap_or(message.len()).min(LONGEST));
    let name = name.unwrap_or_default();
    match name.rsplit_once_str("[") {
        Some((name, id)) if id.strip_suffix(b"]").is_some_and(is_number) => name,
        _ => name,
    }
}

fn is_number(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(u8::is_ascii_digit)
}
