//! `tenshi replay FILE…` and `tenshi -p`: saved lines run through the configuration as if they had just
//! arrived. Nothing is sent, no program is run, no state is touched.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::profile::Costs;
use super::rule_text::load;
use super::saved;
use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::counters::Counter;
use crate::daemon::hostname;
use crate::delivery::message::Identity;
use crate::delivery::outbox::Outbox;
use crate::delivery::print;
use crate::input::file::CUT;
use crate::monitor::{DueReports, Monitor};
use crate::shown::{shown_lines, shown_path, whole_characters};

/// The length of a read, bytes.
const BLOCK: usize = 256 * 1024;

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
    // All that a saved log has would be news to whom it is shown.
    monitor.without_news();
    monitor.without_trends();
    let mut costs = (debug > 0).then(|| Costs::new(Arc::clone(monitor.config())));
    let mut status = 0;
    for file in files {
        let fed = saved::open_decoded(file, "tenshi replay -", monitor.config())
            .and_then(|mut reader| feed(&mut reader, &mut monitor, costs.as_mut()));
        if let Err(e) = fed {
            // Nobody listens to a message that cannot be written.
            let _ = writeln!(err, "tenshi: {}: {e}", shown_path(file));
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
    let input = saved::decoded_input("tenshi -p", monitor.config());
    if let Err(e) = input.and_then(|mut reader| feed(&mut reader, &mut monitor, costs.as_mut())) {
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
        let _ = writeln!(err, "tenshi: warning: {}", shown_lines(&warning));
    }
}

fn monitor(path: &Path, err: &mut dyn Write) -> Option<Monitor> {
    let config = load(path, err)?;
    Some(Monitor::new(config, SystemClock.now()))
}

/// Hands every line to the monitor, block by block; the last one needs no newline.
fn feed(
    reader: &mut dyn Read,
    monitor: &mut Monitor,
    mut costs: Option<&mut Costs>,
) -> io::Result<()> {
    let max = monitor.config().inputs.max_line;
    let mut block = vec![0; BLOCK];
    // The length of the bytes not handed over yet: as a rule, the beginning of a line.
    let mut begun = 0;
    loop {
        if begun == block.len() {
            block.resize(2 * begun, 0);
        }
        let read = match reader.read(&mut block[begun..]) {
            Ok(read) => read,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(e),
        };
        let filled = begun + read;
        // Behind a line that was too long, there may be newlines in what was there already.
        let whole = match memchr::memrchr(b'\n', &block[..filled]) {
            _ if read == 0 => filled,
            Some(end) => end + 1,
            None => 0,
        };
        take(&block[..whole], max, monitor);
        if let Some(costs) = &mut costs {
            costs.take(&block[..whole], max);
        }
        if read == 0 {
            return Ok(());
        }
        block.copy_within(whole..filled, 0);
        begun = filled - whole;
        if begun > max {
            cut(&block[..begun], max, monitor);
            if let Some(costs) = &mut costs {
                costs.take(&block[..begun], max);
            }
            begun = skip_line(reader, &mut block)?;
        }
    }
}

/// Hands over whole lines, those over the limit cut.
fn take(text: &[u8], max: usize, monitor: &mut Monitor) {
    // Where each stretch of half the limit has a newline, no line is over the limit.
    let mut stretches = text.chunks((max / 2).max(1));
    if text.len() <= max || stretches.all(|part| memchr::memchr(b'\n', part).is_some()) {
        return monitor.take(text);
    }
    for line in text.split_inclusive(|&b| b == b'\n') {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        match line.len() <= max {
            true => monitor.line(line),
            false => cut(line, max, monitor),
        }
    }
}

/// Hands over the beginning of a line that is too long.
fn cut(line: &[u8], max: usize, monitor: &mut Monitor) {
    monitor.count_event(Counter::TooLong);
    let kept = whole_characters(line, max.saturating_sub(CUT.len()));
    monitor.line(&[&line[..kept], CUT].concat());
}

/// Passes over the rest of a line, however long it is. Leaves the bytes read after the line at the
/// beginning of `block`, and gives their number.
fn skip_line(reader: &mut dyn Read, block: &mut [u8]) -> io::Result<usize> {
    loop {
        let read = match reader.read(block) {
            Ok(0) => return Ok(0),
            Ok(read) => read,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(e),
        };
        if let Some(end) = memchr::memchr(b'\n', &block[..read]) {
            block.copy_within(end + 1..read, 0);
            return Ok(read - end - 1);
        }
    }
}

fn print_mails(monitor: &mut Monitor, out: &mut dyn Write) -> io::Result<()> {
    let now = SystemClock.now();
    let hostname = hostname();
    let mut outbox = Outbox::default();
    let config = Arc::clone(monitor.config());
    for due in monitor.flush(now, None, &|_| None) {
        for report in mails(&config, due) {
            outbox.push(report, now, &hostname);
        }
    }
    let identity = Identity {
        version: env!("CARGO_PKG_VERSION").into(),
        hostname,
        html: false,
    };
    for mail in outbox.mails() {
        print::print(mail, &identity, out)?;
    }
    out.flush()
}

/// The reports of a queue that become mails: reports for a CSV program do not.
fn mails(config: &Config, due: DueReports) -> Vec<crate::report::Report> {
    let queue = config.queues.get(due.queue.index());
    match queue.and_then(|queue| queue.output.mail()) {
        Some(_) => due.reports,
        None => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse_bytes;

    /// Gives what it holds piece by piece, as a pipe does.
    struct Pieces(Vec<Vec<u8>>);

    impl Read for Pieces {
        fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
            let Some(piece) = self.0.first_mut() else {
                return Ok(0);
            };
            let n = piece.len().min(buf.len());
            buf[..n].copy_from_slice(&piece[..n]);
            piece.drain(..n);
            if piece.is_empty() {
                self.0.remove(0);
            }
            Ok(n)
        }
    }

    #[test]
    fn lines_behind_one_that_is_too_long_are_each_counted() {
        let text = b"set mailserver h\nset max_line 1024\nset queue a f@x t@x [now]\na .*\n";
        let config = parse_bytes(text).config.unwrap();
        let mut monitor = Monitor::new(Arc::new(config), SystemClock.now());
        let short = b"Nov 23 21:44:00 h1 a line\n".repeat(100);
        // The end of the long line comes with many whole lines, and then half a line by itself.
        let pieces = vec![
            vec![b'x'; 2000],
            [&[b'x'; 10], &b"\n"[..], &short].concat(),
            b"Nov 23 21:44:00 h1 ".to_vec(),
            b"the last\n".to_vec(),
        ];
        feed(&mut Pieces(pieces), &mut monitor, None).unwrap();
        let counted = |counter| monitor.counters().get(counter);
        assert_eq!(counted(Counter::Lines), 102);
        assert_eq!(counted(Counter::TooLong), 1);
        assert_eq!(counted(Counter::Matched), 101);
    }
}
