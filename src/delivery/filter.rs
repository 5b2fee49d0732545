//! The filter of a queue (`set filter`): a shell command through which a report goes before an
//! output gets it.

use std::time::Duration;

use super::command;
use crate::config::ShellCommand;
use crate::process::child::Ended;
use crate::report::{Body, BodyWriter};

/// A filter with its time limit (`set filter_timeout`).
#[derive(Clone, Debug)]
pub struct Filter {
    command: ShellCommand,
    timeout: Duration,
}

impl Filter {
    /// The filter that runs this command for at most `timeout`.
    pub fn new(command: ShellCommand, timeout: Duration) -> Self {
        Self { command, timeout }
    }

    /// The filtered text of a report, and the warning to be logged if the filter failed.
    ///
    /// A filter that fails must not cost a report: what it printed is sent, and if it printed
    /// nothing, the report as it was, with a line at its end that says so.
    pub fn run(&self, body: &Body) -> (Body, Option<String>) {
        let program = &self.command.program;
        let run = command::run(&self.command.line, &mut body.reader(), self.timeout);
        let fault = (!run.is_good()).then(|| run.words());
        let warning = |fault: String| format!("filter {program}: {fault}");
        let complete = matches!(run.ended, Ended::Exited(_) | Ended::Killed(_));
        if complete && !run.output.is_empty() {
            return (run.output.into(), fault.map(warning));
        }
        let fault = fault.unwrap_or_else(|| "it printed nothing".to_owned());
        let (mut whole, mut ended) = (BodyWriter::default(), false);
        body.all_lines(|line| {
            whole.put(line);
            ended = line.ends_with(b"\n");
            true
        });
        // A report without a last line end must not swallow the note.
        let end = if ended { "" } else { "\n" };
        let note =
            format!("{end}*** Filter {program}: {fault}, this is the unfiltered report ***\n");
        whole.put(note.as_bytes());
        (whole.finish(), Some(warning(fault)))
    }
}

#[cfg(test)]
mod tests {
    use bstr::BString;

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    fn filter(body: &[u8], line: &str, timeout: Duration) -> (BString, Option<String>) {
        let command = ShellCommand {
            program: "f".into(),
            line: line.into(),
        };
        let (body, warning) = Filter::new(command, timeout).run(&Body::from(body.to_vec()));
        (body.whole().into_owned().into(), warning)
    }

    #[test]
    fn a_pipeline_gets_the_report_at_its_first_program() {
        let (body, warning) = filter(b"a\nb\n", "/bin/cat | sed s/^/P/", LONG);
        assert_eq!((body.to_string().as_str(), warning), ("Pa\nPb\n", None));
    }

    #[test]
    fn a_filter_that_fails_costs_nothing() {
        let (body, warning) = filter(b"a\n", "echo out; echo why >&2; exit 3", LONG);
        assert_eq!(body, "out\n");
        assert_eq!(warning.as_deref(), Some("filter f: exit status 3: why"));
        for line in ["exit 1", "true", "kill -9 $$", "/nonexistent"] {
            let (body, warning) = filter(b"a\n", line, LONG);
            assert!(body.starts_with(b"a\n*** Filter f: "), "{line}: {body}");
            assert!(body.ends_with(b", this is the unfiltered report ***\n"));
            assert!(warning.is_some());
        }
    }

    #[test]
    fn a_filter_that_hangs_after_printing_gives_the_unfiltered_report() {
        let slow = "echo half; sleep 1000";
        let (body, warning) = filter(b"a", slow, Duration::from_millis(200));
        assert!(body.starts_with(b"a\n*** Filter f: it did not end in time"));
        assert!(warning.is_some());
    }
}
