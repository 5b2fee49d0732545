//! Where a file that is there at the first start is begun (tail's `-n`).

use std::io;

use super::fs::LogFile;
use crate::charset::Coding;
use crate::config::model::TailStart;

const BLOCK: usize = 64 * 1024;

/// The offset to begin at: always the start of a line, so a line that is half written at the
/// start is reported whole later (GNU tail reports its second half).
pub fn offset<F: LogFile>(file: &F, start: TailStart, coding: Coding) -> io::Result<u64> {
    let size = file.meta()?.size;
    match start {
        TailStart::End => before_last(file, size, 0, coding),
        TailStart::LastLines(n) => before_last(file, size, n, coding),
        TailStart::FromLine(n) => nth_line(file, n.saturating_sub(1), coding),
    }
}

/// The end of the last complete line before `end`.
pub fn last_line_end<F: LogFile>(file: &F, end: u64, coding: Coding) -> io::Result<u64> {
    before_last(file, end, 0, coding)
}

/// The start of the line that has `lines` complete lines between itself and the end.
fn before_last<F: LogFile>(file: &F, size: u64, lines: u64, coding: Coding) -> io::Result<u64> {
    // Blocks begin at whole code units, and have whole ones.
    let (mut end, mut left) = (size - size % coding.unit() as u64, lines);
    let mut block = vec![0; BLOCK];
    while end > 0 {
        let start = end.saturating_sub(BLOCK as u64);
        let length = usize::try_from(end - start).unwrap_or(BLOCK);
        let n = file.read_at(start, &mut block[..length])?;
        for at in coding.line_ends(&block[..n]).rev() {
            if left == 0 {
                return Ok(start + at as u64);
            }
            left -= 1;
        }
        end = start;
    }
    Ok(0)
}

fn nth_line<F: LogFile>(file: &F, mut skip: u64, coding: Coding) -> io::Result<u64> {
    let (mut at, mut line) = (0, 0);
    let mut block = vec![0; BLOCK];
    while skip > 0 {
        let n = file.read_at(at, &mut block)?;
        if n == 0 {
            break;
        }
        for end in coding.line_ends(&block[..n]) {
            line = at + end as u64;
            skip -= 1;
            if skip == 0 {
                break;
            }
        }
        at += n as u64;
    }
    Ok(line)
}
