//! `set tail PROGRAM ARGUMENTS`, where the program is not the usual tail: it is run through the
//! shell with the log files appended, and what it prints are our lines. When it ends it is started
//! again.

use std::ffi::{OsStr, OsString};
use std::io::{self, ErrorKind, Read};
use std::os::fd::AsFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::process::ChildStdout;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::charsets::{SharedCharsets, StreamCharset};
use super::control::{self, Control, Drain, EventSender, InputThread};
use super::text::{Splitter, Text};
use super::{Checkpoint, Event, Input, Start};
use crate::config::model::InputSettings;
use crate::config::{Config, TailSettings};
use crate::logpath::LogPath;
use crate::process::child::Program;
use crate::shown::shown_path;

/// Number of bytes read at once: a pipe holds that many.
const CHUNK: usize = 64 * 1024;
/// The pause before the first new start; it doubles up to [`LONGEST`].
const SHORTEST: Duration = Duration::from_secs(1);
/// The longest pause. A program that ran for longer than this begins with the shortest again.
const LONGEST: Duration = Duration::from_secs(60);

/// A program to run for lines.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tail {
    /// The program's path, for messages.
    program: PathBuf,
    /// The command line for the shell.
    line: OsString,
    /// The log files that the program reads.
    files: Vec<PathBuf>,
}

/// The user's tail programs as an input of the daemon.
#[derive(Debug)]
struct TailPrograms {
    program: PathBuf,
    arguments: OsString,
    charsets: SharedCharsets,
    /// The log files that the programs were started with.
    files: Vec<LogPath>,
    /// Where lines are handed over, once the input is started.
    events: Option<EventSender>,
    threads: Vec<InputThread>,
}

/// The tail programs of a configuration, if `set tail` names another program than the usual tail.
pub(super) fn configured(config: &Config) -> Option<Box<dyn Input>> {
    let TailSettings::Command { program, arguments } = &config.inputs.tail else {
        return None;
    };
    Some(Box::new(TailPrograms {
        program: program.clone(),
        arguments: arguments.into(),
        charsets: SharedCharsets::new(config),
        files: Vec::new(),
        events: None,
        threads: Vec::new(),
    }))
}

impl TailPrograms {
    /// Starts the program, or one for each log file.
    fn run(&mut self, inputs: &InputSettings) -> Result<(), String> {
        let Some(events) = &self.events else {
            return Ok(());
        };
        self.files.clone_from(&inputs.logfiles);
        let files = self.files.iter().map(|path| path.as_path().to_owned());
        let files: Vec<PathBuf> = files.collect();
        for tail in tails(&self.program, &self.arguments, &files, inputs.tail_multiple)? {
            let charset = StreamCharset::new(self.charsets.clone(), tail.files.clone());
            let thread = spawn_reading(tail, charset, inputs.max_line, events.clone());
            self.threads.push(thread.map_err(|e| e.to_string())?);
        }
        Ok(())
    }
}

impl Input for TailPrograms {
    fn describe(&self) -> String {
        name(&self.program)
    }

    fn start(&mut self, start: &Start<'_>) -> io::Result<()> {
        self.events = Some(start.events.clone());
        self.run(&start.config.inputs).map_err(io::Error::other)
    }

    fn threads(&self) -> &[InputThread] {
        &self.threads
    }

    fn reload(&mut self, config: &Config) -> Result<bool, String> {
        self.charsets.set(config);
        if self.files == config.inputs.logfiles {
            return Ok(false);
        }
        // Dropped, the threads end by themselves: the loop does not wait for it.
        self.threads.clear();
        self.run(&config.inputs).map(|()| true)
    }

    fn stop(self: Box<Self>) -> Vec<InputThread> {
        self.threads
    }
}

/// The name of a tail program in messages.
fn name(program: &Path) -> String {
    format!("tail program {}", shown_path(program))
}

/// The programs that `set tail` asks for: one, or one for each file (`set tail_multiple on`).
///
/// # Errors
/// The program does not exist.
pub fn tails(
    program: &Path,
    arguments: impl AsRef<OsStr>,
    files: &[PathBuf],
    multiple: bool,
) -> Result<Vec<Tail>, String> {
    if let Err(e) = std::fs::metadata(program) {
        return Err(format!("set tail: {}: {e}", shown_path(&program)));
    }
    let arguments = arguments.as_ref();
    let size = if multiple { 1 } else { files.len().max(1) };
    let tail = |files: &[PathBuf]| {
        let mut line = program.as_os_str().to_owned();
        if !arguments.is_empty() {
            line.push(" ");
            line.push(arguments);
        }
        for file in files {
            line.push(" ");
            line.push(quoted(file.as_os_str()));
        }
        Tail {
            program: program.to_owned(),
            line,
            files: files.to_vec(),
        }
    };
    Ok(files.chunks(size).map(tail).collect())
}

/// A file's name for the shell, which may expand `*`, `?` and `[…]` in it as it always did, and
/// nothing else. A line end cannot be taken for itself by a backslash: the shell removes both.
fn quoted(name: &OsStr) -> OsString {
    let mut text = Vec::new();
    for &byte in name.as_bytes() {
        if byte == b'\n' {
            text.extend_from_slice(b"'\n'");
            continue;
        }
        let plain = byte.is_ascii_alphanumeric() || b"/._-+,:@%=*?[]!^".contains(&byte);
        if !plain && byte.is_ascii() {
            text.push(b'\\');
        }
        text.push(byte);
    }
    OsString::from_vec(text)
}

/// Runs the program and reads its lines in a thread of its own; lines longer than `max_line` bytes
/// are cut.
///
/// # Errors
/// When no thread can be made. A program that cannot be started is told of, and tried again.
pub fn spawn(tail: Tail, max_line: usize, events: EventSender) -> io::Result<InputThread> {
    spawn_reading(tail, StreamCharset::default(), max_line, events)
}

fn spawn_reading(
    tail: Tail,
    charset: StreamCharset,
    max_line: usize,
    events: EventSender,
) -> io::Result<InputThread> {
    control::spawn("tail", events, move |control| {
        run(&tail, &charset, max_line, &control);
    })
}

fn run(tail: &Tail, charset: &StreamCharset, max_line: usize, control: &Control) {
    let mut pause = SHORTEST;
    while !control.ended() {
        let began = Instant::now();
        let end = match Program::shell(&tail.line).start() {
            Ok(mut group) => {
                let goes_on = read(&mut group.output, charset, max_line, control);
                let end = group.end();
                if !goes_on {
                    return;
                }
                end
            }
            Err(e) => e.to_string(),
        };
        if began.elapsed() > LONGEST {
            pause = SHORTEST;
        }
        let name = name(&tail.program);
        control.fault(format!(
            "{name} ended ({end}): it is started again in {} s",
            pause.as_secs()
        ));
        control.health(name.clone(), Some(format!("ended ({end})")));
        if !rest(pause, control) {
            return;
        }
        control.health(name, None);
        pause = (pause * 2).min(LONGEST);
    }
}

/// Waits before the next start; false when the thread shall end.
fn rest(pause: Duration, control: &Control) -> bool {
    let until = Instant::now() + pause;
    loop {
        if control.ended() {
            return false;
        }
        if control.asked().is_some() && !control.send(Event::Drained) {
            return false;
        }
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return true;
        }
        control.wait(&[], Some(left));
    }
}

/// Reads to the end of the output; false when the thread shall end.
fn read(
    output: &mut ChildStdout,
    charset: &StreamCharset,
    max_line: usize,
    control: &Control,
) -> bool {
    let mut buffer = vec![0; CHUNK];
    let mut splitter = Splitter::default();
    let mut text = Text::new(max_line);
    let source = Arc::new("tail".into());
    let mut drain = None;
    let mut open = true;
    while open && !control.ended() {
        drain = control.asked().or(drain);
        let quiet = match output.read(&mut buffer) {
            Ok(length) if length > 0 => {
                text.read_as(charset.coding());
                splitter.take(&buffer[..length], &mut text);
                false
            }
            Err(e) if e.kind() == ErrorKind::WouldBlock => true,
            Err(e) if e.kind() == ErrorKind::Interrupted => false,
            Ok(_) | Err(_) => {
                open = false;
                true
            }
        };
        if !open || (quiet && drain == Some(Drain::Last)) {
            splitter.end(&mut text);
        }
        if (quiet || text.full()) && !control.send_batch(text.batch(&source, Checkpoint::None)) {
            return false;
        }
        if quiet {
            if drain.take().is_some() && !control.send(Event::Drained) {
                return false;
            }
            if open {
                control.wait(&[output.as_fd()], None);
            }
        }
    }
    !control.ended()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(program: &str, arguments: &str, files: &[&str], multiple: bool) -> Vec<String> {
        let files: Vec<PathBuf> = files.iter().map(PathBuf::from).collect();
        let tails = tails(Path::new(program), arguments, &files, multiple).unwrap();
        let texts = tails.into_iter().map(|tail| tail.line.into_string());
        texts.map(Result::unwrap).collect()
    }

    #[test]
    fn the_files_are_appended() {
        let files = ["/a/x", "/a/y"];
        assert_eq!(
            texts("/bin/cat", "-u -v", &files, false),
            ["/bin/cat -u -v /a/x /a/y"]
        );
        assert_eq!(
            texts("/bin/cat", "", &files, true),
            ["/bin/cat /a/x", "/bin/cat /a/y"]
        );
        assert_eq!(
            texts("/bin/cat", "", &["/a/*.lg"], false),
            ["/bin/cat /a/*.lg"]
        );
        assert_eq!(
            texts("/bin/cat", "", &["/a;b'$é"], false),
            ["/bin/cat /a\\;b\\'\\$é"]
        );
        let missing = tails(Path::new("/no/such"), "", &[], false).unwrap_err();
        assert!(missing.contains("/no/such: No such file"), "{missing}");
    }
}
