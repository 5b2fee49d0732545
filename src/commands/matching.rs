//! `tenshi match REGEX [FILE…]` shows what a pattern matches in lines, for people who write rules;
//! `tenshi match --pairs FILE` answers pairs of a pattern and a subject.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use bstr::ByteSlice;

use super::saved;
use crate::config::diagnostic::shown;
use crate::pattern::{Engine, Found, Pattern, Spans};
use crate::rules::mask;
use crate::shown::{shown_lines, shown_path};

/// The command that reads a log through a pipe, for a hint.
const COMMAND: &str = "tenshi match REGEX -";
/// Some line matched.
const MATCHED: i32 = 0;
/// No line matched.
const NONE: i32 = 1;
/// Something could not be read, or the pattern was refused.
const FAULT: i32 = 2;

/// Shows what `regex` makes of each line of `files`, or of standard input if there are none; `with`
/// is the mask. The exit status is as grep(1) has it: 0 if a line matched, 1 if none did, 2 on a fault.
pub fn lines(
    regex: &[u8],
    files: &[PathBuf],
    with: &[u8],
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> i32 {
    let Some(pattern) = compiled(regex, err) else {
        return FAULT;
    };
    let mut matcher = LineMatcher::new(&pattern, with);
    let shown = matcher.engine(out);
    let mut fault = false;
    let mut done = shown;
    if files.is_empty() {
        let input = saved::standard_input(COMMAND);
        done = done.and_then(|()| matcher.all(&mut input?, out));
    }
    for path in files {
        done = match (done, saved::open(path, COMMAND)) {
            (Ok(()), Ok(mut reader)) => matcher.all(&mut reader, out),
            (Ok(()), Err(e)) => {
                // Nobody listens to a message that cannot be written.
                let _ = writeln!(err, "tenshi: {}: {e}", shown_path(path));
                fault = true;
                Ok(())
            }
            (end, _) => end,
        };
    }
    match done.and_then(|()| out.flush()) {
        Err(e) if e.kind() != io::ErrorKind::BrokenPipe => {
            let _ = writeln!(err, "tenshi: {e}");
            FAULT
        }
        _ if fault => FAULT,
        _ if matcher.matched => MATCHED,
        _ => NONE,
    }
}

/// The pattern that somebody wrote on a command line; what is wrong with it, or odd, goes to `err`.
pub(super) fn compiled(regex: &[u8], err: &mut dyn Write) -> Option<Pattern> {
    let pattern = match Pattern::compile(regex) {
        Ok(pattern) => pattern,
        Err(e) => {
            point(
                regex,
                e.span,
                &format!("error: {}", shown_lines(&e.message)),
                err,
            );
            hint(e.hint.as_deref(), err);
            return None;
        }
    };
    for note in pattern.notes() {
        point(
            regex,
            note.span,
            &format!("note: {}", shown_lines(&note.message)),
            err,
        );
        hint(note.hint.as_deref(), err);
    }
    Some(pattern)
}

/// Answers each row of `path` (`regex<TAB>subject…`); the status is 0, or 2 if a row has no meaning.
///
/// A regex is ASCII as it is, or `hex:` and hex digits. A subject has the escapes `\\`, `\t`, `\n`
/// and `\xHH`. The answer is `refuse`, `nomatch`, `limit` (given up), or the spans
/// of the groups from 0 on, `-` for one that took no part. Lines that begin with `# ` are left out.
pub fn pairs(path: &Path, out: &mut dyn Write, err: &mut dyn Write) -> i32 {
    let mut status = 0;
    let mut answer = |out: &mut dyn Write| -> io::Result<()> {
        let mut spans = Spans::default();
        for (at, row) in open(path)?.split(b'\n').enumerate() {
            let row = row?;
            if row.is_empty() || row.starts_with(b"# ") {
                continue;
            }
            match Row::read(&row) {
                Some(pair) => {
                    pair.write(out)?;
                    writeln!(out, "{}", pair.answer(&mut spans))?;
                }
                None => {
                    let _ = writeln!(
                        err,
                        "tenshi: {}:{}: not a pair: write a regex, a tab, and a subject with the \
                         escapes \\\\ \\t \\n \\xHH",
                        shown_path(path),
                        at + 1
                    );
                    status = FAULT;
                }
            }
        }
        out.flush()
    };
    match answer(out) {
        Err(e) if e.kind() != io::ErrorKind::BrokenPipe => {
            let _ = writeln!(err, "tenshi: {}: {e}", shown_path(path));
            FAULT
        }
        _ => status,
    }
}

fn open(path: &Path) -> io::Result<BufReader<File>> {
    let file = File::open(path)?;
    if file.metadata()?.is_dir() {
        return Err(io::Error::other("is a directory"));
    }
    Ok(BufReader::new(file))
}

/// Writes a message, and the pattern with carets below the bytes that the message is about.
fn point(regex: &[u8], (start, end): (usize, usize), message: &str, err: &mut dyn Write) {
    let part = |from: usize, to: usize| shown(regex.get(from..to).unwrap_or_default());
    let width = |text: &str| text.chars().count();
    let indent = " ".repeat(width(&part(0, start)));
    let marks = "^".repeat(width(&part(start, end)).max(1));
    let whole = shown(regex);
    let _ = writeln!(err, "tenshi: {message}\n    {whole}\n    {indent}{marks}");
}

fn hint(hint: Option<&str>, err: &mut dyn Write) {
    if let Some(hint) = hint {
        let _ = writeln!(err, "hint: {}", shown_lines(hint));
    }
}

/// A pattern that is matched against lines, and the buffers that this needs.
struct LineMatcher<'a> {
    pattern: &'a Pattern,
    mask: &'a [u8],
    matched: bool,
    spans: Spans,
    masked: Vec<u8>,
}

impl<'a> LineMatcher<'a> {
    fn new(pattern: &'a Pattern, mask: &'a [u8]) -> Self {
        Self {
            pattern,
            mask,
            matched: false,
            spans: Spans::default(),
            masked: Vec::new(),
        }
    }

    fn engine(&self, out: &mut dyn Write) -> io::Result<()> {
        let engine = match self.pattern.engine() {
            Engine::Regular => "regex (linear time)",
            Engine::Backtracking => {
                "fancy-regex or our own backtracker (within the budget of a line)"
            }
        };
        writeln!(out, "engine: {engine}")
    }

    fn all(&mut self, reader: &mut dyn BufRead, out: &mut dyn Write) -> io::Result<()> {
        let mut line = Vec::new();
        loop {
            line.clear();
            if reader.read_until(b'\n', &mut line)? == 0 {
                return Ok(());
            }
            if line.last() == Some(&b'\n') {
                line.pop();
            }
            self.line(&line, out)?;
        }
    }

    fn line(&mut self, line: &[u8], out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "line: {}", shown(line))?;
        match self.pattern.captures(line, &mut self.spans) {
            Found::No => return writeln!(out, "  no match"),
            Found::GaveUp => {
                return writeln!(
                    out,
                    "  no match: given up, as the budget of a line is spent"
                );
            }
            Found::Yes => self.matched = true,
        }
        for (group, span) in self.spans.0.iter().enumerate() {
            let name = match group {
                0 => "match".to_owned(),
                _ => format!("group {group}"),
            };
            match span {
                Some((start, end)) => {
                    let text = shown(line.get(*start..*end).unwrap_or_default());
                    writeln!(out, "  {name}: {start}-{end} `{text}`")?;
                }
                None => writeln!(out, "  {name}: took no part")?,
            }
        }
        self.masked.clear();
        mask(
            &mut line.into(),
            self.pattern,
            &self.spans,
            self.mask,
            &mut self.masked,
        );
        writeln!(out, "  masked: {}", shown(&self.masked))
    }
}

/// A pair of a pattern and a subject, with the text of both as it was read.
struct Row<'a> {
    regex_text: &'a [u8],
    subject_text: &'a [u8],
    regex: Vec<u8>,
    subject: Vec<u8>,
}

impl<'a> Row<'a> {
    /// Nothing if there is no tab, or an escape has no meaning.
    fn read(row: &'a [u8]) -> Option<Self> {
        let mut columns = row.split_str("\t");
        let (regex_text, subject_text) = (columns.next()?, columns.next()?);
        let regex = match regex_text.strip_prefix(b"hex:") {
            Some(digits) => hex(digits)?,
            None => regex_text.to_vec(),
        };
        Some(Self {
            regex_text,
            subject_text,
            regex,
            subject: unescape(subject_text)?,
        })
    }

    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(self.regex_text)?;
        out.write_all(b"\t")?;
        out.write_all(self.subject_text)?;
        out.write_all(b"\t")
    }

    fn answer(&self, spans: &mut Spans) -> String {
        let Ok(pattern) = Pattern::compile(&self.regex) else {
            return "refuse".into();
        };
        match pattern.captures(&self.subject, spans) {
            Found::No => "nomatch".into(),
            Found::GaveUp => "limit".into(),
            Found::Yes => {
                let each = spans.0.iter().map(|span| match span {
                    Some((start, end)) => format!("{start}-{end}"),
                    None => "-".into(),
                });
                each.collect::<Vec<_>>().join(",")
            }
        }
    }
}

/// The bytes that hex digits stand for.
fn hex(digits: &[u8]) -> Option<Vec<u8>> {
    digits.chunks(2).map(byte).collect()
}

fn byte(digits: &[u8]) -> Option<u8> {
    match digits {
        [high, low] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
            let digits = [*high, *low];
            u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()
        }
        _ => None,
    }
}

fn unescape(text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, tail @ ..] = rest {
        if *first != b'\\' {
            bytes.push(*first);
            rest = tail;
            continue;
        }
        let (read, length) = match tail {
            [b'\\', ..] => (b'\\', 1),
            [b't', ..] => (b'\t', 1),
            [b'n', ..] => (b'\n', 1),
            [b'x', digits @ ..] => (byte(digits.get(..2)?)?, 3),
            _ => return None,
        };
        bytes.push(read);
        rest = &tail[length..];
    }
    Some(bytes)
}
