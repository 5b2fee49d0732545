//! Where a file that is there at the first start is begun (tail's `-n`).

use std::io;

use memchr::{memchr_iter, memrchr_iter};

use super::fs::LogFile;
use crate::config::model::TailStart;

const BLOCK: usize = 64 * 1024;

/// The offset to begin at: always the start of a line, so a line that is half written at the
/// start is reported whole later (GNU tail reports its second half).
pub fn offset<F: LogFile>(file: &F, start: TailStart) -> io::Result<u64> {
    let size = file.meta()?.size;
    match start {
        TailStart::End => before_last(file, size, 0),
        TailStart::LastLines(n) => before_last(file, size, n),
        TailStart::FromLine(n) => nth_line(file, n.saturating_sub(1)),
    }
}

/// The end of the last complete line before `end`.
pub fn last_line_end<F: LogFile>(file: &F, end: u64) -> io::Result<u64> {
    before_last(file, end, 0)
}

/// The start of the line that has `lines` complete lines between itself and the end.
fn before_last<F: LogFile>(file: &F, size: u64, lines: u64) -> io::Result<u64> {
    let (mut end, mut left) = (size, lines);
    let mut block = vec![0; BLOCK];
    while end > 0 {
        let start = end.saturating_sub(BLOCK as u64);
        let length = usize::try_from(end - start).unwrap_or(BLOCK);
        let n = file.read_at(start, &mut block[..length])?;
        for at in memrchr_iter(b'\n', &block[..n]) {
            if left == 0 {
                return Ok(start + at as u64 + 1);
            }
            left -= 1;
        }
        end = start;
    }
    Ok(0)
}

fn nth_line<F: LogFile>(file: &F, mut skip: u64) -> io::Result<u64> {
    let (mut at, mut line) = (0, 0);
    let mut block = vec![0; BLOCK];
    while skip > 0 {
        let n = file.read_at(at, &mut block)?;
        if n == 0 {
            break;
        }
        for newline in memchr_iter(b'\n', &block[..n]) {
            line = at + newline as u64 + 1;
            skip -= 1;
            if skip == 0 {
                break;
            }
        }
        at += n as u64;
    }
    Ok(line)
}
