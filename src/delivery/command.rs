//! Programs that get a report on their standard input: filters, CSV programs and the programs of `set notify`.

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

/// More output than this of a program whose output nobody reads is a fault, bytes.
const MOST_UNREAD: usize = 1024 * 1024;

/// Variables for the environment of a program: their names and values.
pub(super) type Facts = Vec<(&'static str, String)>;

/// As [`run`], with these facts in the environment, and for a program that has nothing to print but why it failed.
pub(super) fn notify(line: &str, input: &mut dyn BufRead, timeout: Duration, facts: &Facts) -> Run {
    let limits = Limits {
        time: Some(timeout),
        output: Some(MOST_UNREAD),
    };
    Program::shell(line)
        .in_directory(Path::new("/"))
        .environment(facts)
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
