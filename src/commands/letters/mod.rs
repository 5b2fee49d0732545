//! `tenshi letters`: the letters that were delivered (`set archive`): listed, searched, shown.
//!
//! It reads the archive alone, without the daemon and with the rights of whoever asks.

mod columns;
mod list;
mod output;
mod pager;
mod search;
mod select;
mod show;

use std::io::{self, IsTerminal, Write};

use self::output::{FAULT, FOUND, say};
use self::pager::Pager;
use super::matching;
use super::rule_text::ended;
use super::state_directory::StateDirectory;
use crate::archive::Reader;
use crate::cli::LettersArgs;
use crate::shown::shown_path;

/// Lists, searches or shows letters. The exit status is as grep(1) has it: 0 if there is a letter, 1 if there is none,
/// 2 on a fault.
pub fn run(args: &LettersArgs, out: &mut dyn Write, err: &mut dyn Write) -> i32 {
    let pattern = match &args.pattern {
        Some(regex) => match matching::compiled(regex.as_encoded_bytes(), err) {
            Some(pattern) => Some(pattern),
            None => return FAULT,
        },
        None => None,
    };
    let directory = StateDirectory::find(&args.config, args.state_dir.as_deref());
    let reader = match Reader::open(&directory.path) {
        Ok(reader) => reader,
        Err(e) => {
            say(err, &absent(&directory, &e));
            return FAULT;
        }
    };
    if let Some(doubt) = &directory.doubt {
        say(err, &format!("warning: {doubt}"));
    }
    let mut pager = Pager::open(io::stdout().is_terminal() && !args.json);
    let shown = {
        let mut paged: &mut dyn Write = match &mut pager {
            Some(pager) => pager,
            None => out,
        };
        let written = match (&pattern, args.name.is_empty()) {
            (_, false) => show::run(&reader, args, &mut paged, err),
            (Some(pattern), _) => search::run(&reader, args, pattern, &mut paged, err),
            (None, _) => list::run(&reader, args, &mut paged, err),
        };
        written.and_then(|status| paged.flush().map(|()| status))
    };
    if let Some(pager) = pager {
        pager.wait();
    }
    match shown {
        Ok(status) => status,
        Err(e) => ended(Err(e), FOUND, err),
    }
}

/// Why the archive of a directory cannot be read.
fn absent(directory: &StateDirectory, fault: &io::Error) -> String {
    let path = directory.path.join("archive");
    let path = shown_path(&path);
    let mut text = match fault.kind() {
        io::ErrorKind::NotFound => {
            format!("there is no archive {path}: `set archive DAYS` keeps each letter from then on")
        }
        io::ErrorKind::PermissionDenied => {
            format!("{path}: permission denied; the daemon's user and its group may read it")
        }
        _ => format!("{path}: {fault}"),
    };
    if let Some(doubt) = &directory.doubt {
        text += &format!(" ({doubt})");
    }
    text
}
