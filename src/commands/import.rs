//! `tenshi import logcheck [DIR]`: the rules of logcheck on this machine as a file to include.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::logs::each_line;
use super::rule_text::{ended, load};
use super::saved;
use crate::analysis::{Classifier, Outcome};
use crate::cli::ImportArgs;
use crate::config::{self, Action, Config, Rule};
use crate::import::{HEADER, Import};
use crate::shown::shown_path;

/// The command that reads a log through a pipe, for a hint.
const COMMAND: &str = "tenshi import logcheck --seen-in -";
/// What a configuration needs so that rules can be read by themselves.
const ALONE: &str = "set mailserver localhost\nset hidepid on\n";

/// Imports the rules. The rules that cannot be imported are told on `err` with the reason. The exit status: 0, or 2
/// on a fault.
pub fn run(args: &ImportArgs, out: &mut dyn Write, err: &mut dyn Write) -> i32 {
    let Some(config) = configuration(&args.config, err) else {
        return 2;
    };
    let mut import = match Import::read(&args.dir, config.lines.hidepid) {
        Ok(import) => import,
        Err(e) => {
            let _ = writeln!(err, "tenshi: {}: {e}", shown_path(&args.dir));
            return 2;
        }
    };
    let all = import.rules.len();
    let mut fault = false;
    if !args.seen_in.is_empty() {
        fault = keep_seen(&mut import, &config, args, err).is_none();
    }
    if import.write_refused(err).is_err() {
        // Nobody listens to a message that cannot be written.
        fault = true;
    }
    let kept = match args.seen_in.is_empty() {
        true => String::new(),
        false => format!(", {} of them take a line of the logs", import.rules.len()),
    };
    let (taken, read) = (all, import.all());
    let _ = writeln!(err, "tenshi: {taken} of {read} rules can be imported{kept}");
    let written = match &args.write {
        None => import
            .write(&args.queue, &args.alerts, out)
            .and_then(|()| out.flush()),
        Some(path) => write_file(&import, args, path),
    };
    if let (Err(e), Some(path)) = (&written, &args.write) {
        let _ = writeln!(err, "tenshi: {}: {e}", shown_path(path));
        return 2;
    }
    ended(written, if fault { 2 } else { 0 }, err)
}

/// The configuration for which the rules are: it says whether process ids are hidden, and how lines are read.
fn configuration(path: &Path, err: &mut dyn Write) -> Option<Arc<Config>> {
    if path.exists() {
        return load(path, err);
    }
    let _ = writeln!(
        err,
        "tenshi: there is no {}: the rules are for `set hidepid on`",
        shown_path(path)
    );
    config::parse_bytes(ALONE.as_bytes()).config.map(Arc::new)
}

/// Keeps the rules that take a line of the logs; nothing if something could not be read.
fn keep_seen(
    import: &mut Import,
    config: &Config,
    args: &ImportArgs,
    err: &mut dyn Write,
) -> Option<()> {
    let mut text = ALONE.as_bytes().to_vec();
    for queue in ["misc", "report"] {
        text.extend_from_slice(format!("set queue {queue} f@x t@x [now] x\n").as_bytes());
    }
    // Writing to memory cannot fail.
    import.write("misc", "report", &mut text).ok()?;
    let loaded = config::parse_bytes(&text);
    for error in loaded.diagnostics.iter().filter(|d| d.is_error()) {
        let _ = writeln!(err, "{error}");
    }
    let rules = loaded.config?.rules;
    // The groups are rules too: the number of each other one among the imported.
    let mut next = 0;
    let number = |rule: &Rule| {
        let group = matches!(rule.action, Action::Group { .. });
        let number = (!group).then_some(next);
        next += usize::from(!group);
        number
    };
    let numbers: Vec<Option<usize>> = rules.iter().map(number).collect();
    let mut seen = vec![false; import.rules.len()];
    let max = config.inputs.max_line;
    let mut classifier = Classifier::new(Arc::new(Config {
        rules,
        ..config.clone()
    }));
    let mut whole = Some(());
    for file in &args.seen_in {
        let read = saved::open_decoded(file, COMMAND, config).and_then(|mut reader| {
            each_line(&mut *reader, max, &mut |line| {
                if let Outcome::Rule(id) = classifier.take(line).outcome
                    && let Some(Some(number)) = numbers.get(id.index())
                    && let Some(seen) = seen.get_mut(*number)
                {
                    *seen = true;
                }
            })
        });
        if let Err(e) = read {
            let _ = writeln!(err, "tenshi: {}: {e}", shown_path(file));
            whole = None;
        }
    }
    import.keep(|at| seen.get(at).copied().unwrap_or(false));
    whole
}

/// Writes a file that is not there yet, or one that was written so before.
fn write_file(import: &Import, args: &ImportArgs, path: &Path) -> io::Result<()> {
    let path = match path.is_dir() {
        true => path.join("logcheck"),
        false => path.to_path_buf(),
    };
    let new = OpenOptions::new().write(true).create_new(true).open(&path);
    let (file, beside) = match new {
        Ok(file) => (file, None),
        Err(e) if e.kind() == ErrorKind::AlreadyExists && is_ours(&path)? => {
            let beside = beside(&path);
            (File::create(&beside)?, Some(beside))
        }
        Err(e) if e.kind() == ErrorKind::AlreadyExists => {
            let text = "is there, and not by `tenshi import logcheck`: name another file";
            return Err(io::Error::new(e.kind(), text));
        }
        Err(e) => return Err(e),
    };
    let mut out = BufWriter::new(file);
    import.write(&args.queue, &args.alerts, &mut out)?;
    out.flush()?;
    // The old file is there until the new one is whole.
    beside.map_or(Ok(()), |beside| fs::rename(beside, &path))
}

/// The name under which a file is written before it takes the place of another. `includedir` reads no file
/// whose name begins with a dot.
fn beside(path: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".new");
    path.with_file_name(name)
}

/// Whether a file was written by this command.
fn is_ours(path: &Path) -> io::Result<bool> {
    let mut head = Vec::new();
    let most = u64::try_from(HEADER.len()).unwrap_or_default();
    File::open(path)?.take(most).read_to_end(&mut head)?;
    Ok(head == HEADER.as_bytes())
}
