//! Programs that get a report on their standard input: filters and CSV programs.

use std::io::BufRead;
use std::path::Path;
use std::time::Duration;

use crate::process::child::{Limits, Program, Run};

/// More output than this is a fault, bytes.
pub(super) const MOST_OUTPUT: usize = 64 * 1024 * 1024;

/// Runs `/bin/sh -c LINE`, which does not outlive `timeout`; `input` is the standard input of the
/// whole line.
pub(super) fn run(line: &str, input: &mut dyn BufRead, timeout: Duration) -> Run {
    let limits = Limits {
        time: Some(timeout),
        output: Some(MOST_OUTPUT),
    };
    Program::shell(line)
        .in_directory(Path::new("/"))
        .run(input, &limits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::child::Ended;

    #[test]
    fn one_that_never_stops_printing_is_killed() {
        let run = run("exec cat /dev/zero", &mut &b""[..], Duration::from_secs(60));
        assert_eq!(run.ended, Ended::TooMuch(MOST_OUTPUT));
        assert!(run.words().contains("64 MiB"));
        assert!(run.output.is_empty());
    }
}
