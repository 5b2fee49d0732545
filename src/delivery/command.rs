//! Programs that get a report on their standard input: filters and CSV programs.

use std::path::Path;
use std::time::Duration;

use bstr::BString;

use crate::config::ShellCommand;
use crate::process::child::{Ended, Limits, Program, Run};

/// More output than this is a fault, bytes.
const MOST_OUTPUT: usize = 64 * 1024 * 1024;

/// Runs `/bin/sh -c LINE`, which does not outlive `timeout`; `input` is the standard input of the
/// whole line.
pub fn run(line: &str, input: &[u8], timeout: Duration) -> Run {
    let limits = Limits {
        time: Some(timeout),
        output: Some(MOST_OUTPUT),
    };
    Program::shell(line)
        .in_directory(Path::new("/"))
        .run(input, &limits)
}

/// What a filter makes of a report, and what is to be told of it.
///
/// A filter that fails must not cost a report: what it printed is sent, and if it printed nothing,
/// the report as it was, with a line at its end that says so.
pub fn filter(body: &[u8], command: &ShellCommand, timeout: Duration) -> (BString, Option<String>) {
    let run = run(&command.line, body, timeout);
    let told = (!run.is_good()).then(|| format!("filter {}: {}", command.program, run.words()));
    let complete = matches!(run.ended, Ended::Exited(_) | Ended::Killed(_));
    if complete && !run.output.is_empty() {
        return (run.output.into(), told);
    }
    let told = told.unwrap_or_else(|| format!("filter {}: it printed nothing", command.program));
    // A report without a last line end must not swallow the note.
    let end = if body.ends_with(b"\n") { "" } else { "\n" };
    let what = told.strip_prefix("filter ").unwrap_or(&told);
    let note = format!("{end}*** Filter {what}, this is the unfiltered report ***\n");
    ([body, note.as_bytes()].concat().into(), Some(told))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    fn command(line: &str) -> ShellCommand {
        ShellCommand {
            program: "f".into(),
            line: line.into(),
        }
    }

    #[test]
    fn a_pipeline_gets_the_report_at_its_first_program() {
        let (body, told) = filter(b"a\nb\n", &command("/bin/cat | sed s/^/P/"), LONG);
        assert_eq!((body.to_string().as_str(), told), ("Pa\nPb\n", None));
    }

    #[test]
    fn a_filter_that_fails_costs_nothing() {
        let (body, told) = filter(b"a\n", &command("echo out; echo why >&2; exit 3"), LONG);
        assert_eq!(body, "out\n");
        assert_eq!(told.as_deref(), Some("filter f: exit status 3: why"));
        for line in ["exit 1", "true", "kill -9 $$", "/nonexistent"] {
            let (body, told) = filter(b"a\n", &command(line), LONG);
            assert!(body.starts_with(b"a\n*** Filter f: "), "{line}: {body}");
            assert!(body.ends_with(b", this is the unfiltered report ***\n"));
            assert!(told.is_some());
        }
    }

    #[test]
    fn one_that_never_stops_printing_is_killed() {
        let run = run("exec cat /dev/zero", b"", LONG);
        assert_eq!(run.ended, Ended::TooMuch(MOST_OUTPUT));
        assert!(run.words().contains("64 MiB"));
        assert!(run.output.is_empty());
    }

    #[test]
    fn a_filter_that_hangs_after_printing_gives_the_unfiltered_report() {
        let slow = command("echo half; sleep 1000");
        let (body, told) = filter(b"a", &slow, Duration::from_millis(200));
        assert!(body.starts_with(b"a\n*** Filter f: it did not end in time"));
        assert!(told.is_some());
    }
}
