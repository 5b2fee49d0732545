//! `tenshi replay FILE…` and `tenshi -p`: lines that are there already, through the configuration
//! as if they had just arrived. Nothing is sent, no program is run, no state is touched.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use flate2::read::MultiGzDecoder;

use super::profile::Costs;
use crate::clock::{Clock, SystemClock};
use crate::config::{self, Config, Output};
use crate::counters::Counter;
use crate::daemon::hostname;
use crate::delivery::message::Identity;
use crate::delivery::outbox::Outbox;
use crate::delivery::print;
use crate::monitor::{Due, Monitor};

/// How much is read at once.
const BLOCK: usize = 256 * 1024;
/// Put at the end of a line that was cut at `max_line`.
const CUT: &[u8] = b" [... cut]";
/// The first bytes of a gzip file (RFC 1952 §2.3.1).
const GZIP: &[u8] = &[0x1f, 0x8b];

/// Runs saved logs through the configuration and prints the mails; with `debug` what each rule took
/// goes to `err`. The exit status.
pub fn replay(
    config: &Path,
    files: &[PathBuf],
    debug: u8,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> i32 {
    let Some(mut monitor) = monitor(config, err) else {
        return 1;
    };
    let mut costs = (debug > 0).then(|| Costs::new(Arc::clone(monitor.config())));
    let mut status = 0;
    for file in files {
        if let Err(e) =
            open(file).and_then(|mut reader| feed(&mut *reader, &mut monitor, costs.as_mut()))
        {
            // Nobody listens to a message that cannot be written.
            let _ = writeln!(err, "tenshi: {}: {e}", file.display());
            status = 1;
        }
    }
    warn(&mut monitor, err);
    if let Some(costs) = costs {
        // The mails alone are for the standard output.
        let _ = costs.tell(err);
    }
    match print_mails(&mut monitor, out) {
        Err(e) if e.kind() != io::ErrorKind::BrokenPipe => {
            let _ = writeln!(err, "tenshi: {e}");
            1
        }
        _ => status,
    }
}

/// Profile mode: standard input through the rules, and how long that took, with `debug` for each
/// rule; the exit status.
pub fn profile(config: &Path, debug: u8, out: &mut dyn Write, err: &mut dyn Write) -> i32 {
    let Some(mut monitor) = monitor(config, err) else {
        return 1;
    };
    let mut costs = (debug > 0).then(|| Costs::new(Arc::clone(monitor.config())));
    let begun = Instant::now();
    if let Err(e) = feed(&mut io::stdin().lock(), &mut monitor, costs.as_mut()) {
        let _ = writeln!(err, "tenshi: standard input: {e}");
        return 1;
    }
    let measuring = costs.as_ref().map_or(Duration::ZERO, Costs::spent);
    let seconds = begun.elapsed().saturating_sub(measuring).as_secs_f64();
    warn(&mut monitor, err);
    let lines = monitor.counters().get(Counter::Lines);
    let rate = lines as f64 / seconds.max(1e-9);
    let told = writeln!(
        out,
        "[PROFILE] reached end of file: {lines} lines in {seconds:.3} s, {rate:.0} lines per second"
    );
    let told = told.and_then(|()| costs.map_or(Ok(()), |costs| costs.tell(out)));
    i32::from(told.is_err())
}

fn warn(monitor: &mut Monitor, err: &mut dyn Write) {
    for warning in monitor.take_warnings(SystemClock.now()) {
        let _ = writeln!(err, "tenshi: warning: {warning}");
    }
}

fn monitor(path: &Path, err: &mut dyn Write) -> Option<Monitor> {
    let loaded = config::load(path);
    for error in loaded.diagnostics.iter().filter(|d| d.is_error()) {
        let _ = writeln!(err, "{error}");
    }
    let config = loaded.config?;
    Some(Monitor::new(Arc::new(config), SystemClock.now()))
}

/// A saved log, unpacked where its first bytes say gzip.
fn open(path: &Path) -> io::Result<Box<dyn BufRead>> {
    let file = File::open(path)?;
    if file.metadata()?.is_dir() {
        return Err(io::Error::other("is a directory, not a log"));
    }
    let mut reader = BufReader::with_capacity(BLOCK, file);
    if reader.fill_buf()?.starts_with(GZIP) {
        let unpacked = MultiGzDecoder::new(reader);
        return Ok(Box::new(BufReader::with_capacity(BLOCK, unpacked)));
    }
    Ok(Box::new(reader))
}

/// Hands every line to the monitor; the last one needs no newline.
fn feed(
    reader: &mut dyn BufRead,
    monitor: &mut Monitor,
    mut costs: Option<&mut Costs>,
) -> io::Result<()> {
    let max = monitor.config().inputs.max_line;
    let mut line = Vec::new();
    loop {
        line.clear();
        let limit = u64::try_from(max).unwrap_or(u64::MAX).saturating_add(1);
        if (&mut *reader).take(limit).read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        if line.last() == Some(&b'\n') {
            line.pop();
        } else if line.len() > max {
            line.truncate(max);
            line.extend_from_slice(CUT);
            monitor.tell(Counter::TooLong);
            skip_line(reader)?;
        }
        monitor.line(&line);
        if let Some(costs) = &mut costs {
            costs.line(&line);
        }
    }
}

/// Passes over the rest of a line, however long it is.
fn skip_line(reader: &mut dyn BufRead) -> io::Result<()> {
    loop {
        let block = reader.fill_buf()?;
        if block.is_empty() {
            return Ok(());
        }
        let end = memchr::memchr(b'\n', block);
        let used = end.map_or(block.len(), |end| end + 1);
        reader.consume(used);
        if end.is_some() {
            return Ok(());
        }
    }
}

fn print_mails(monitor: &mut Monitor, out: &mut dyn Write) -> io::Result<()> {
    let now = SystemClock.now();
    let hostname = hostname();
    let mut outbox = Outbox::default();
    let config = Arc::clone(monitor.config());
    for due in monitor.flush(now, None) {
        for report in mails(&config, due) {
            outbox.push(report, now, &hostname);
        }
    }
    let identity = Identity {
        version: env!("CARGO_PKG_VERSION").into(),
        hostname,
    };
    for letter in outbox.letters() {
        print::print(letter, &identity, out)?;
    }
    out.flush()
}

/// The mails among the reports of a queue: what would go to a CSV program is none.
fn mails(config: &Config, due: Due) -> Vec<crate::report::Report> {
    match config
        .queues
        .get(due.queue.index())
        .map(|queue| &queue.output)
    {
        Some(Output::Mail(_)) => due.reports,
        Some(Output::Csv(_)) | None => Vec::new(),
    }
}
