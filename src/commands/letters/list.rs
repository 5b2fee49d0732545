//! `tenshi letters`: the list.

use std::io::{self, Write};

use super::columns::{self, Cell, Columns};
use super::output::{View, json};
use super::select::Selection;
use crate::archive::{Entry, Reader};
use crate::cli::LettersArgs;
use crate::clock::{Clock, SystemClock};
use crate::shown::thousands;

/// Lists letters, the last one first.
pub(super) fn run(
    reader: &Reader,
    args: &LettersArgs,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<i32> {
    let selection = Selection::of(reader, args, SystemClock.now(), err);
    let letters: Vec<&Entry> = selection.letters.iter().rev().collect();
    if args.json {
        let views = letters.iter().map(|entry| View::of(entry));
        json(views, out)?;
        return Ok(selection.status());
    }
    let mut columns = Columns::new(["DATE", "QUEUE", "LINES", "HOSTS", "SUBJECT"]);
    for entry in letters {
        columns.row([
            Cell::Left(columns::minute(entry.made)),
            Cell::Left(entry.name.queue().to_owned()),
            Cell::Right(thousands(entry.summary.lines)),
            Cell::Right(thousands(entry.summary.host_count())),
            Cell::Left(entry.subject.clone()),
        ]);
    }
    columns.write(out)?;
    Ok(selection.status())
}
