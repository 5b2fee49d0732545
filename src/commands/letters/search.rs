//! `tenshi letters -g REGEX`: in which letters lines match, how often they came, and on which hosts.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;

use serde::Serialize;

use super::columns::{self, Cell, Columns, cut};
use super::output::{FAULT, FOUND, NONE, View, json, say};
use super::select::Selection;

use crate::archive::{Entry, Reader, ToldLines, host_shown};
use crate::cli::LettersArgs;
use crate::clock::{Clock, SystemClock};
use crate::commands::rule_text;
use crate::pattern::{Found, Pattern};
use crate::shown::{shown, thousands};

/// Hosts that are named of a letter, at most.
const MOST_HOSTS: usize = 1000;
/// The columns for the names of hosts.
const HOSTS: usize = 24;

/// What was found in a letter.
#[derive(Default)]
struct Match {
    /// How often the lines that match came.
    count: u64,
    hosts: BTreeSet<String>,
    /// The first line that matches, as it is shown.
    first: String,
}

impl Match {
    fn add(&mut self, count: u64, host: &[u8], text: &[u8]) {
        if self.first.is_empty() {
            self.first = shown(text).to_string();
        }
        self.count = self.count.saturating_add(count);
        if !host.is_empty() && self.hosts.len() < MOST_HOSTS {
            self.hosts.insert(host_shown(host));
        }
    }
}

/// Searches letters, the first one first.
pub(super) fn run(
    reader: &Reader,
    args: &LettersArgs,
    pattern: &Pattern,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<i32> {
    let selection = Selection::of(reader, args, SystemClock.now(), err);
    let (mut found, mut fault) = (Vec::new(), selection.fault);
    for entry in &selection.letters {
        match search(reader, entry, args, pattern) {
            Ok(matched) if matched.count > 0 => found.push((entry, matched)),
            Ok(_) => {}
            Err(e) => {
                say(err, &format!("{}: {e}", entry.name));
                fault = true;
            }
        }
    }
    match args.json {
        true => json(
            found
                .iter()
                .map(|(entry, matched)| MatchView::of(entry, matched)),
            out,
        )?,
        false => text(&found, selection.letters.len(), out)?,
    }
    Ok(match (fault, found.is_empty()) {
        (true, _) => FAULT,
        (false, true) => NONE,
        (false, false) => FOUND,
    })
}

/// Searches a letter: the lines of logs in it, or of a text that has none of our forms, since a filter made it,
/// all lines.
fn search(
    reader: &Reader,
    entry: &Entry,
    args: &LettersArgs,
    pattern: &Pattern,
) -> io::Result<Match> {
    let mut letter = reader.letter(&entry.name)?;
    let wanted = args.host.as_deref().map(|host| host_shown(host.as_bytes()));
    let (mut told, mut is_told) = (ToldLines::default(), false);
    let (mut matched, mut any) = (Match::default(), Match::default());
    letter.each_line(&mut |line| {
        match told.take(line) {
            Some(line) => {
                is_told = true;
                if pattern.is_match(line.text) == Found::Yes
                    && wanted
                        .as_ref()
                        .is_none_or(|wanted| host_shown(line.host) == *wanted)
                {
                    matched.add(line.count, line.host, line.text);
                }
            }
            None if !is_told && pattern.is_match(line) == Found::Yes => any.add(1, b"", line),
            None => {}
        }
        true
    })?;
    Ok(if is_told { matched } else { any })
}

fn text(found: &[(&Entry, Match)], letters: usize, out: &mut dyn Write) -> io::Result<()> {
    let mut columns = Columns::new(["DATE", "QUEUE", "COUNT", "HOSTS", "FIRST LINE"]);
    let mut count = 0_u64;
    for (entry, matched) in found {
        let hosts: Vec<&str> = matched.hosts.iter().map(String::as_str).collect();
        count = count.saturating_add(matched.count);
        columns.row([
            Cell::Left(columns::minute(entry.made)),
            Cell::Left(entry.name.queue().to_owned()),
            Cell::Right(thousands(matched.count)),
            Cell::Left(cut(&hosts.join(","), Some(HOSTS))),
            Cell::Left(matched.first.replace('\t', " ")),
        ]);
    }
    columns.write(out)?;
    let of = match letters {
        1 => "1 letter".to_owned(),
        letters => format!("{} letters", thousands(letters as u64)),
    };
    match (found.first(), found.last()) {
        (Some((first, _)), Some((last, _))) => writeln!(
            out,
            "{} in {} of {of}: first {}, last {}",
            rule_text::lines(count),
            thousands(found.len() as u64),
            columns::minute(first.made),
            columns::minute(last.made)
        ),
        _ => writeln!(out, "no line of {of} matches"),
    }
}

/// What was found in a letter, for programs.
#[derive(Serialize)]
struct MatchView<'a> {
    #[serde(flatten)]
    letter: View<'a>,
    count: u64,
    matching_hosts: &'a BTreeSet<String>,
    first_line: &'a str,
}

impl<'a> MatchView<'a> {
    fn of(entry: &'a Entry, matched: &'a Match) -> Self {
        Self {
            letter: View::of(entry),
            count: matched.count,
            matching_hosts: &matched.hosts,
            first_line: &matched.first,
        }
    }
}
