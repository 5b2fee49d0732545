//! The logs that a command reads: those that it is given, or those that the configuration follows.

use std::io::{self, BufRead};
use std::path::PathBuf;

use crate::config::Config;
use crate::input::file::{CUT, RealFs};
use crate::shown::whole_characters;

/// The logs to read: the named ones, or if none is named, those that are followed now, each once.
pub(super) fn named_or_followed(named: &[PathBuf], config: &Config) -> Vec<PathBuf> {
    if !named.is_empty() {
        return named.to_vec();
    }
    let mut logs: Vec<PathBuf> = Vec::new();
    for log in &config.inputs.logfiles {
        for path in log.expand(&RealFs).paths {
            if !logs.contains(&path) {
                logs.push(path);
            }
        }
    }
    logs
}

/// Hands over each line of a log, without its newline. Lines longer than `max` bytes are cut, as the daemon
/// cuts them.
///
/// # Errors
/// When the log cannot be read to its end.
pub(super) fn each_line(
    log: &mut dyn BufRead,
    max: usize,
    take: &mut dyn FnMut(&[u8]),
) -> io::Result<()> {
    // The line so far, never much longer than the limit.
    let mut begun = Vec::new();
    loop {
        let block = match log.fill_buf() {
            Ok(block) => block,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(e),
        };
        if block.is_empty() {
            if !begun.is_empty() {
                whole_line(&begun, max, take);
            }
            return Ok(());
        }
        let end = memchr::memchr(b'\n', block);
        let part = block.get(..end.unwrap_or(block.len())).unwrap_or_default();
        let used = part.len() + usize::from(end.is_some());
        if end.is_some() && begun.is_empty() {
            whole_line(part, max, take);
        } else {
            let room = (max + 1).saturating_sub(begun.len());
            begun.extend_from_slice(part.get(..room).unwrap_or(part));
            if end.is_some() {
                whole_line(&begun, max, take);
                begun.clear();
            }
        }
        log.consume(used);
    }
}

fn whole_line(line: &[u8], max: usize, take: &mut dyn FnMut(&[u8])) {
    if line.len() <= max {
        return take(line);
    }
    let kept = whole_characters(line, max.saturating_sub(CUT.len()));
    take(&[line.get(..kept).unwrap_or_default(), CUT].concat());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &[u8], block: usize, max: usize) -> Vec<Vec<u8>> {
        let mut lines = Vec::new();
        let mut reader = io::BufReader::with_capacity(block, text);
        each_line(&mut reader, max, &mut |line| lines.push(line.to_vec())).unwrap();
        lines
    }

    #[test]
    fn lines_are_whole_whatever_the_blocks() {
        let text = b"one\n\nthree and more\nthe last";
        for block in 1..40 {
            let got = lines(text, block, 100);
            assert_eq!(got, [&b"one"[..], b"", b"three and more", b"the last"]);
        }
    }

    #[test]
    fn a_line_that_is_too_long_is_cut() {
        let text = [&b"x".repeat(5000)[..], b"\nnext\n"].concat();
        for block in [1, 7, 64, 9000] {
            let got = lines(&text, block, 1024);
            assert_eq!(got.len(), 2);
            assert_eq!(got[0].len(), 1024);
            assert!(got[0].ends_with(CUT));
            assert_eq!(got[1], b"next");
        }
    }
}
