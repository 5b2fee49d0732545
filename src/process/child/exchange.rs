//! A program that is given something on its standard input and run to its end.

use std::io::{self, BufRead, ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, ExitStatus};
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;

use super::group::kill;

/// Number of bytes written and read at once: a pipe holds that many.
const CHUNK: usize = 64 * 1024;
/// Number of bytes kept of standard error.
const MOST_ERRORS: usize = 4096;
/// Time for which the pipes of a program that has ended are looked at: what it started and left behind
/// may hold them for ever.
const SOON: Duration = Duration::from_millis(500);
/// The pauses between two looks whether a program has ended, which double from the first to the
/// last.
const FIRST_LOOK: Duration = Duration::from_millis(1);
const LAST_LOOK: Duration = Duration::from_millis(20);

/// Limits of a program: its time and its output.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// The time from its start to its end; nothing is no limit.
    pub time: Option<Duration>,
    /// The most that it may print, bytes; nothing where its output goes to `/dev/null`. A program
    /// whose output is wanted has not ended before all who hold that pipe have.
    pub output: Option<usize>,
}

/// The end of a program.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Ended {
    /// An exit status.
    Exited(i32),
    /// A signal killed it.
    Killed(i32),
    /// Its time was over: it was killed with all its children.
    TimedOut,
    /// It printed more than this many bytes, and was killed.
    TooMuch(usize),
    /// It could not be run.
    NotRun(String),
}

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exited(status) => write!(f, "exit status {status}"),
            Self::Killed(signal) => write!(f, "killed by signal {signal}"),
            Self::TimedOut => f.write_str("it did not end in time and was killed"),
            Self::TooMuch(most) => {
                write!(f, "it printed more than {} MiB and was killed", most >> 20)
            }
            Self::NotRun(fault) => f.write_str(fault),
        }
    }
}

/// The result of a program that was run to its end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Run {
    /// The end of the program.
    pub ended: Ended,
    /// Its standard output; nothing of one that was killed for time or length.
    pub output: Vec<u8>,
    /// The beginning of its standard error.
    pub errors: Vec<u8>,
    /// Whether the program took all of its input.
    pub fed: bool,
}

impl Run {
    pub(super) fn failed(fault: &io::Error) -> Self {
        Self {
            ended: Ended::NotRun(fault.to_string()),
            output: Vec::new(),
            errors: Vec::new(),
            fed: false,
        }
    }

    /// Whether the program ended with status 0.
    pub fn is_good(&self) -> bool {
        self.ended == Ended::Exited(0)
    }

    /// The end in words, with the first line of what the program said.
    pub fn words(&self) -> String {
        let errors = String::from_utf8_lossy(&self.errors);
        match errors.lines().find(|line| !line.trim().is_empty()) {
            Some(line) => format!("{}: {}", self.ended, line.trim()),
            None => self.ended.to_string(),
        }
    }
}

/// Feeds and watches a program to its end.
pub(super) fn attend(mut child: Child, input: &mut dyn BufRead, limits: &Limits) -> Run {
    let mut pipes = match Pipes::of(&mut child, input, limits.output) {
        Ok(pipes) => pipes,
        Err(fault) => {
            stop(&mut child);
            return Run::failed(&fault);
        }
    };
    let ended = watch(&mut child, &mut pipes, limits).unwrap_or_else(|fault| {
        stop(&mut child);
        Ended::NotRun(fault.to_string())
    });
    let whole = matches!(ended, Ended::Exited(_) | Ended::Killed(_));
    Run {
        ended,
        fed: pipes.is_fed(),
        output: if whole { pipes.printed } else { Vec::new() },
        errors: pipes.said,
    }
}

fn watch(child: &mut Child, pipes: &mut Pipes<'_>, limits: &Limits) -> io::Result<Ended> {
    let deadline = limits
        .time
        .and_then(|time| Instant::now().checked_add(time));
    let mut look = FIRST_LOOK;
    let mut given_up = None;
    loop {
        if let Some(most) = limits.output.filter(|&most| pipes.printed.len() > most) {
            stop(child);
            return Ok(Ended::TooMuch(most));
        }
        // Before it is waited for, the group's number is still its own.
        let awaited = pipes.output.is_none();
        let status = if awaited { child.try_wait()? } else { None };
        let now = Instant::now();
        let mut limit = deadline;
        if let Some(status) = status {
            let until = *given_up.get_or_insert(now + SOON);
            if !pipes.open() || now >= until {
                return Ok(ended(status));
            }
            limit = Some(until);
        } else if deadline.is_some_and(|deadline| now >= deadline) {
            stop(child);
            return Ok(Ended::TimedOut);
        }
        let mut pause = limit.map(|limit| limit.saturating_duration_since(now));
        if awaited && status.is_none() {
            pause = Some(pause.map_or(look, |pause| pause.min(look)));
            look = (look * 2).min(LAST_LOOK);
        }
        pipes.serve(pause)?;
    }
}

/// Kills the program with all that it started. It may be gone already.
fn stop(child: &mut Child) {
    let _ = kill(child, Signal::SIGKILL);
    let _ = child.wait();
}

fn ended(status: ExitStatus) -> Ended {
    match (status.code(), status.signal()) {
        (Some(code), _) => Ended::Exited(code),
        (None, signal) => Ended::Killed(signal.unwrap_or(0)),
    }
}

/// The pipes to and from a program. Each is closed once it has served.
struct Pipes<'a> {
    input: Option<ChildStdin>,
    output: Option<ChildStdout>,
    errors: Option<ChildStderr>,
    /// The input that is still to be written.
    left: &'a mut dyn BufRead,
    printed: Vec<u8>,
    /// The most that is read of the output, bytes: one more than may be printed.
    most: usize,
    said: Vec<u8>,
}

impl<'a> Pipes<'a> {
    fn of(child: &mut Child, input: &'a mut dyn BufRead, most: Option<usize>) -> io::Result<Self> {
        let pipes = Self {
            input: child.stdin.take(),
            output: child.stdout.take(),
            errors: child.stderr.take(),
            left: input,
            printed: Vec::new(),
            most: most.unwrap_or(0).saturating_add(1),
            said: Vec::new(),
        };
        let all = [
            pipes.input.as_ref().map(AsFd::as_fd),
            pipes.output.as_ref().map(AsFd::as_fd),
            pipes.errors.as_ref().map(AsFd::as_fd),
        ];
        for pipe in all.into_iter().flatten() {
            fcntl(pipe, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        }
        Ok(pipes)
    }

    /// Whether all of the input is written. One that cannot be read has no more.
    fn is_fed(&mut self) -> bool {
        self.left.fill_buf().map_or(true, <[u8]>::is_empty)
    }

    /// Whether anything may still be given or got.
    fn open(&self) -> bool {
        self.input.is_some() || self.output.is_some() || self.errors.is_some()
    }

    /// Waits for a pipe that is ready, for no longer than `limit`, and serves all that are.
    fn serve(&mut self, limit: Option<Duration>) -> io::Result<()> {
        if self.is_fed() {
            // Its end is what most programs wait for.
            self.input = None;
        }
        self.wait(limit)?;
        if let Some(input) = &mut self.input {
            let left = self.left.fill_buf().unwrap_or_default();
            let some = left.len().min(CHUNK);
            match input.write(left.get(..some).unwrap_or_default()) {
                Ok(written) => self.left.consume(written),
                Err(e) if passes(&e) => {}
                // A program may end without reading all: that is its business.
                Err(_) => self.input = None,
            }
        }
        if let Some(output) = &mut self.output {
            let room = self.most.saturating_sub(self.printed.len());
            if !fill(output, &mut self.printed, room) {
                self.output = None;
            }
        }
        if let Some(errors) = &mut self.errors {
            // A pipe that is full or closed would stop or kill a program for talking much: the rest
            // is read and dropped.
            let mut said = Vec::new();
            let open = fill(errors, &mut said, CHUNK);
            let room = MOST_ERRORS.saturating_sub(self.said.len());
            self.said.extend(said.into_iter().take(room));
            if !open {
                self.errors = None;
            }
        }
        Ok(())
    }

    fn wait(&self, limit: Option<Duration>) -> io::Result<()> {
        let input = self
            .input
            .as_ref()
            .map(|pipe| (pipe.as_fd(), PollFlags::POLLOUT));
        let output = self
            .output
            .as_ref()
            .map(|pipe| (pipe.as_fd(), PollFlags::POLLIN));
        let errors = self
            .errors
            .as_ref()
            .map(|pipe| (pipe.as_fd(), PollFlags::POLLIN));
        let all = [input, output, errors].into_iter().flatten();
        let mut all: Vec<_> = all.map(|(fd, flags)| PollFd::new(fd, flags)).collect();
        let timeout = limit.map_or(PollTimeout::NONE, |limit| {
            // Rounded up: a zero would be a spin.
            PollTimeout::try_from(limit + Duration::from_millis(1)).unwrap_or(PollTimeout::MAX)
        });
        match poll(&mut all, timeout) {
            Ok(_) | Err(nix::errno::Errno::EINTR) => Ok(()),
            Err(e) => Err(e.into()),
        }
    }
}

/// Reads what is there, up to `room` bytes; false at the end of the pipe.
fn fill(pipe: &mut impl Read, into: &mut Vec<u8>, room: usize) -> bool {
    let mut buffer = [0; CHUNK];
    let room = room.min(CHUNK);
    match pipe.read(buffer.get_mut(..room).unwrap_or_default()) {
        Ok(0) => room == 0,
        Ok(length) => {
            into.extend_from_slice(buffer.get(..length).unwrap_or_default());
            true
        }
        Err(e) => passes(&e),
    }
}

/// Whether an error only means that the pipe is empty or full just now.
fn passes(fault: &io::Error) -> bool {
    matches!(fault.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

#[cfg(test)]
mod tests {
    use super::super::Program;
    use super::*;

    const LONG: Limits = Limits {
        time: Some(Duration::from_secs(60)),
        output: Some(1 << 20),
    };
    /// As a mailer is run: nobody reads what it prints.
    const MUTE: Limits = Limits {
        output: None,
        ..LONG
    };

    fn short(limits: Limits) -> Limits {
        Limits {
            time: Some(Duration::from_millis(200)),
            ..limits
        }
    }

    fn run(line: &str, input: &[u8], limits: Limits) -> Run {
        Program::shell(line).run(&mut &input[..], &limits)
    }

    #[test]
    fn much_goes_in_and_comes_out() {
        let input = b"x".repeat(900_000);
        let run = run("cat", &input, LONG);
        assert!(run.is_good() && run.fed);
        assert_eq!(run.output, input);
    }

    #[test]
    fn one_that_hangs_is_killed_with_its_children() {
        for limits in [LONG, MUTE] {
            let run = run("sleep 1000 & sleep 1000", b"x", short(limits));
            assert_eq!(run.ended, Ended::TimedOut);
        }
    }

    #[test]
    fn one_that_complains_at_length_is_not_killed_for_it() {
        let line = "head -c 1000000 /dev/zero >&2 && echo done";
        let run = run(line, b"", LONG);
        assert_eq!((run.is_good(), &*run.output), (true, &b"done\n"[..]));
        assert_eq!(run.errors.len(), MOST_ERRORS);
    }

    #[test]
    fn one_that_never_stops_printing_is_killed() {
        let run = run("exec cat /dev/zero", b"", LONG);
        assert_eq!(run.ended, Ended::TooMuch(1 << 20));
        assert!(run.words().contains("more than 1 MiB"));
        assert!(run.output.is_empty());
    }

    #[test]
    fn one_that_does_not_read_its_input_is_no_fault_but_seen() {
        for (limits, output) in [(LONG, "done\n"), (MUTE, "")] {
            let run = run("echo done", &b"x".repeat(1 << 20), limits);
            assert_eq!((run.is_good(), run.fed), (true, false));
            assert_eq!(run.output, output.as_bytes());
        }
    }

    /// A mailer may leave a process behind that holds all its pipes.
    #[test]
    fn what_a_mailer_leaves_behind_is_not_waited_for() {
        let run = run("echo words >&2; sleep 1000 & exit 3", b"", MUTE);
        assert_eq!(
            (run.ended, &*run.errors),
            (Ended::Exited(3), &b"words\n"[..])
        );
    }

    #[test]
    fn how_it_ended_is_told_in_words() {
        let cases = [
            ("exit 3", "exit status 3"),
            (
                "echo; echo ' why ' >&2; echo more >&2; exit 3",
                "exit status 3: why",
            ),
            ("kill -9 $$", "killed by signal 9"),
        ];
        for (line, words) in cases {
            assert_eq!(run(line, b"", LONG).words(), words);
        }
        let missing = Program::new("/no/such").run(&mut &b""[..], &LONG);
        assert_eq!(missing.words(), "No such file or directory (os error 2)");
    }
}
