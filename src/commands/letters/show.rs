//! `tenshi letters NAME`: a letter as a mail program would show it.

use std::io::{self, Write};

use bstr::ByteSlice;
use serde::Serialize;

use super::output::{FAULT, FOUND, NONE, say};
use crate::archive::{Entry, Letter, Reader};
use crate::cli::LettersArgs;
use crate::commands::json_text;
use crate::shown::{shown, shown_os};

/// The fields of a head that are shown.
const FIELDS: [&str; 6] = [
    "From",
    "To",
    "Date",
    "X-tenshi-report-start",
    "Subject",
    "Message-ID",
];
/// Names that are told where several letters are meant.
const MOST_NAMES: usize = 20;

/// Shows the letter that the words of the command line name.
pub(super) fn run(
    reader: &Reader,
    args: &LettersArgs,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<i32> {
    let words: Vec<String> = args
        .name
        .iter()
        .map(|word| shown_os(word).to_string())
        .collect();
    // As the list has it, `2026-11-27 12:30 report`, or as the file is called.
    let words = words.join("-").replace(':', "");
    let asked = words
        .trim_end_matches(".gz")
        .trim_end_matches(".txt")
        .replace(' ', "-");
    let named = match named(reader, &asked) {
        Ok(named) => named,
        Err(e) => {
            say(err, &format!("the archive: {e}"));
            return Ok(FAULT);
        }
    };
    let exact = named.iter().find(|entry| entry.name.to_string() == asked);
    let entry = match (exact, named.as_slice()) {
        (Some(entry), _) | (None, [entry]) => entry,
        (None, []) => {
            say(
                err,
                &format!("there is no letter {asked}: `tenshi letters` lists them"),
            );
            return Ok(NONE);
        }
        (None, several) => {
            say(err, &format!("{} letters are called so:", several.len()));
            for entry in several.iter().take(MOST_NAMES) {
                // Nobody listens to a message that cannot be written.
                let _ = writeln!(err, "    {}", entry.name);
            }
            return Ok(NONE);
        }
    };
    let shown = reader
        .letter(&entry.name)
        .and_then(|letter| match args.json {
            true => json(entry, letter, out),
            false => text(letter, out),
        });
    match shown {
        Ok(()) => Ok(FOUND),
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Err(e),
        Err(e) => {
            say(err, &format!("{}: {e}", entry.name));
            Ok(FAULT)
        }
    }
}

/// The letters whose names begin so; the year and the month must be there.
fn named(reader: &Reader, asked: &str) -> io::Result<Vec<Entry>> {
    let mut found = Vec::new();
    for month in reader.months()? {
        if asked.starts_with(&month.to_string()) {
            let letters = reader.letters(month)?.into_iter();
            found.extend(letters.filter(|entry| entry.name.to_string().starts_with(asked)));
        }
    }
    Ok(found)
}

fn text(mut letter: Letter, out: &mut dyn Write) -> io::Result<()> {
    for name in FIELDS {
        if let Some(value) = letter.head.field(name) {
            writeln!(out, "{name}: {}", shown(value))?;
        }
    }
    writeln!(out)?;
    let mut written = Ok(());
    let read = letter.each_line(&mut |line| {
        written = writeln!(out, "{}", shown(line));
        written.is_ok()
    });
    written.and(read)
}

/// A letter for programs.
#[derive(Serialize)]
struct LetterView {
    name: String,
    from: String,
    to: String,
    date: String,
    subject: String,
    id: String,
    body: String,
}

fn json(entry: &Entry, mut letter: Letter, out: &mut dyn Write) -> io::Result<()> {
    let mut body = String::new();
    letter.each_line(&mut |line| {
        body += &line.to_str_lossy();
        body.push('\n');
        true
    })?;
    let field = |name| {
        let value = letter.head.field(name).unwrap_or_default();
        value.to_str_lossy().into_owned()
    };
    let view = LetterView {
        name: entry.name.to_string(),
        from: field("From"),
        to: field("To"),
        date: field("Date"),
        subject: field("Subject"),
        id: entry.id.clone(),
        body,
    };
    let text = serde_json::to_string_pretty(&view)?;
    writeln!(out, "{}", json_text::ascii(&text))
}
