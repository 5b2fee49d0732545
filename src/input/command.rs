//! `set tail PROGRAM ARGUMENTS`, where the program is not the usual tail: it is run through the
//! shell with the log files appended, and what it prints are our lines. When it ends it is started
//! again.

use std::ffi::{OsStr, OsString};
use std::io::{self, ErrorKind, Read};
use std::os::fd::AsFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::process::ChildStdout;
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};

use super::control::{self, Control, Drain, Handle};
use super::text::{Splitter, Text};
use super::{Checkpoint, Event, Origin};
use crate::process::child::Program;
use crate::shown::shown_path;

/// How much is read at once: a pipe holds that much.
const CHUNK: usize = 64 * 1024;
/// The pause before the first new start; it doubles up to [`LONGEST`].
const SHORTEST: Duration = Duration::from_secs(1);
/// The longest pause. A program that ran for longer than this begins with the shortest again.
const LONGEST: Duration = Duration::from_secs(60);

/// A program to run for lines.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tail {
    /// Its path, for messages.
    program: PathBuf,
    /// The text for the shell.
    line: OsString,
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
pub fn spawn(tail: Tail, max_line: usize, events: SyncSender<Event>) -> io::Result<Handle> {
    control::spawn("tail", events, move |control| {
        run(&tail, max_line, &control);
    })
}

fn run(tail: &Tail, max_line: usize, control: &Control) {
    let mut pause = SHORTEST;
    while !control.ended() {
        let began = Instant::now();
        let end = match Program::shell(&tail.line).start() {
            Ok(mut group) => {
                let goes_on = read(&mut group.output, max_line, control);
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
        let name = format!("tail program {}", shown_path(&tail.program));
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
fn read(output: &mut ChildStdout, max_line: usize, control: &Control) -> bool {
    let mut buffer = vec![0; CHUNK];
    let mut splitter = Splitter::default();
    let mut text = Text::new(max_line);
    let mut drain = None;
    let mut open = true;
    while open && !control.ended() {
        drain = control.asked().or(drain);
        let quiet = match output.read(&mut buffer) {
            Ok(length) if length > 0 => {
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
        if quiet || text.full() {
            let batch = text.batch(Origin::Command, Checkpoint::None);
            if batch.is_some_and(|batch| !control.send(Event::Batch(batch))) {
                return false;
            }
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
