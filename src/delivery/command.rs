//! Programs that get a report on their standard input: filters, CSV programs, the local mailer.

use std::ffi::{OsStr, OsString};
use std::io::{self, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use bstr::{BString, ByteSlice};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::config::ShellCommand;
use crate::process::limits;

/// More output than this is a fault, bytes.
const MOST_OUTPUT: u64 = 64 * 1024 * 1024;
/// What is kept of standard error, bytes.
const MOST_ERRORS: u64 = 4096;

/// How a program ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Ended {
    /// With this exit status.
    Exited(i32),
    /// By this signal.
    Killed(i32),
    /// Not in time: it was killed with all its children.
    TimedOut,
    /// It printed more than 64 MiB, and was killed.
    TooMuch,
    /// It could not be run.
    NotRun(String),
}

/// What came of a program.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Run {
    /// How it ended.
    pub ended: Ended,
    /// Its standard output.
    pub output: Vec<u8>,
    /// The beginning of its standard error.
    pub errors: String,
}

impl Run {
    fn failed(fault: &io::Error) -> Self {
        Self {
            ended: Ended::NotRun(fault.to_string()),
            output: Vec::new(),
            errors: String::new(),
        }
    }

    /// Whether it ended with status 0.
    pub fn is_good(&self) -> bool {
        self.ended == Ended::Exited(0)
    }

    /// How it ended, in words, with what it said.
    pub fn words(&self) -> String {
        let mut text = match &self.ended {
            Ended::Exited(status) => format!("exit status {status}"),
            Ended::Killed(signal) => format!("killed by signal {signal}"),
            Ended::TimedOut => "it did not end in time and was killed".into(),
            Ended::TooMuch => "it printed more than 64 MiB and was killed".into(),
            Ended::NotRun(fault) => fault.clone(),
        };
        if let Some(line) = self.errors.lines().find(|line| !line.trim().is_empty()) {
            text.push_str(": ");
            text.push_str(line.trim());
        }
        text
    }
}

/// Runs `/bin/sh -c LINE`; `input` is the standard input of the whole line.
pub fn run(line: &str, input: &[u8], timeout: Duration) -> Run {
    execute(
        OsStr::new("/bin/sh"),
        &["-c".into(), line.into()],
        input,
        timeout,
    )
}

/// Runs a program in a process group of its own, which does not outlive `timeout`.
pub fn execute(program: &OsStr, arguments: &[OsString], input: &[u8], timeout: Duration) -> Run {
    let child = limits::give_back(&mut Command::new(program))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .current_dir("/")
        .env_remove("NOTIFY_SOCKET")
        .process_group(0)
        .spawn();
    match child {
        Ok(child) => attend(child, input.to_vec(), timeout),
        Err(fault) => Run::failed(&fault),
    }
}

fn attend(mut child: Child, input: Vec<u8>, timeout: Duration) -> Run {
    let deadline = Instant::now().checked_add(timeout);
    let (done, outputs) = mpsc::channel();
    if let Some(mut stdin) = child.stdin.take() {
        // A program may end without reading all: that is its business.
        thread::spawn(move || drop(stdin.write_all(&input)));
    }
    for (which, pipe, most) in pipes(&mut child) {
        let done = done.clone();
        thread::spawn(move || {
            let mut bytes = Vec::new();
            let mut pipe = pipe;
            // A pipe that breaks off has still given what came before.
            let _ = pipe.by_ref().take(most).read_to_end(&mut bytes);
            let mut more = [0];
            let cut = pipe.read(&mut more).is_ok_and(|n| n > 0);
            drop(done.send((which, bytes, cut)));
            if let Which::Errors = which {
                // A closed pipe would kill a program for talking much: the rest is read and dropped.
                let _ = io::copy(&mut pipe, &mut io::sink());
            }
        });
    }
    drop(done);
    let mut run = Run {
        ended: Ended::Exited(0),
        output: Vec::new(),
        errors: String::new(),
    };
    let mut fault = None;
    loop {
        let left = deadline.map_or(timeout, |d| d.saturating_duration_since(Instant::now()));
        match outputs.recv_timeout(left) {
            Ok((Which::Output, _, true)) => {
                fault = Some(Ended::TooMuch);
                break;
            }
            Ok((Which::Output, bytes, false)) => run.output = bytes,
            Ok((Which::Errors, bytes, _)) => run.errors = bytes.to_str_lossy().into_owned(),
            Err(mpsc::RecvTimeoutError::Disconnected) => break,
            Err(mpsc::RecvTimeoutError::Timeout) => {
                fault = Some(Ended::TimedOut);
                break;
            }
        }
    }
    let status = match fault {
        Some(_) => kill(&mut child),
        None => wait(&mut child, deadline),
    };
    run.ended = fault.unwrap_or_else(|| match status {
        Ok(Some(status)) => ended(status),
        Ok(None) => Ended::TimedOut,
        Err(e) => Ended::NotRun(e.to_string()),
    });
    run
}

#[derive(Clone, Copy)]
enum Which {
    Output,
    Errors,
}

type Pipe = Box<dyn Read + Send>;

fn pipes(child: &mut Child) -> Vec<(Which, Pipe, u64)> {
    let output = child
        .stdout
        .take()
        .map(|p| (Which::Output, Box::new(p) as Pipe, MOST_OUTPUT));
    let errors = child
        .stderr
        .take()
        .map(|p| (Which::Errors, Box::new(p) as Pipe, MOST_ERRORS));
    output.into_iter().chain(errors).collect()
}

/// Waits for a program whose outputs are closed already.
fn wait(child: &mut Child, deadline: Option<Instant>) -> io::Result<Option<ExitStatus>> {
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            kill(child)?;
            return Ok(None);
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// Kills the whole process group.
fn kill(child: &mut Child) -> io::Result<Option<ExitStatus>> {
    if let Ok(pid) = i32::try_from(child.id()) {
        // It may be gone already.
        let _ = killpg(Pid::from_raw(pid), Signal::SIGKILL);
    }
    child.wait().map(Some)
}

fn ended(status: ExitStatus) -> Ended {
    match (status.code(), status.signal()) {
        (Some(code), _) => Ended::Exited(code),
        (None, signal) => Ended::Killed(signal.unwrap_or(0)),
    }
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
    fn a_filter_that_hangs_is_killed_with_its_children() {
        let run = run("sleep 1000 & sleep 1000", b"x", Duration::from_millis(200));
        assert_eq!(run.ended, Ended::TimedOut);
    }

    #[test]
    fn one_that_complains_at_length_is_not_killed_for_it() {
        let line = "head -c 1000000 /dev/zero >&2 && echo done";
        let run = run(line, b"", LONG);
        assert_eq!(
            (&run.ended, run.output.as_slice()),
            (&Ended::Exited(0), &b"done\n"[..])
        );
        assert_eq!(run.errors.len() as u64, MOST_ERRORS);
    }

    #[test]
    fn one_that_never_stops_printing_is_killed() {
        let run = run("exec cat /dev/zero", b"", LONG);
        assert_eq!(run.ended, Ended::TooMuch);
        assert!(run.output.is_empty());
    }

    #[test]
    fn a_filter_that_hangs_after_printing_gives_the_unfiltered_report() {
        let slow = command("echo half; sleep 1000");
        let (body, told) = filter(b"a", &slow, Duration::from_millis(200));
        assert!(body.starts_with(b"a\n*** Filter f: it did not end in time"));
        assert!(told.is_some());
    }

    #[test]
    fn one_that_does_not_read_its_input_is_no_fault() {
        let run = run("echo done", &b"x".repeat(1 << 20), LONG);
        assert_eq!(
            (run.is_good(), run.output.as_slice()),
            (true, &b"done\n"[..])
        );
    }
}
