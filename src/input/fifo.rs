//! `set fifo`: lines from a named pipe (fifo(7)).
//!
//! The fifo is opened for reading and writing, so that it never ends: writers come and go. What one
//! writer leaves without newline is completed by the next, as in the original.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bstr::BString;
use nix::fcntl::{OFlag, openat};
use nix::libc::{O_CLOEXEC, O_NONBLOCK};
use nix::sys::stat::Mode;

use super::charsets::{SharedCharsets, StreamCharset};
use super::control::{self, Control, Drain, EventSender, InputThread, RateLimit};
use super::text::{Splitter, Text};
use super::{Checkpoint, Event, Input, Start};
use crate::config::Config;
use crate::process::walk::{Lost, Walk};
use crate::shown::shown_path;

/// Number of bytes read at once: a pipe holds that many.
const CHUNK: usize = 64 * 1024;

/// An open fifo.
#[derive(Debug)]
pub struct Fifo {
    file: File,
    path: PathBuf,
    charset: StreamCharset,
}

/// A fifo of the configuration as an input of the daemon.
#[derive(Debug)]
struct FifoInput {
    path: PathBuf,
    charsets: SharedCharsets,
    /// The fifo, once it is open and until its thread has it.
    fifo: Option<Fifo>,
    threads: Vec<InputThread>,
}

/// The fifos of a configuration (`set fifo`), opened. One behind a link that others than root may
/// change is left for [`Input::open`] while we are `dropping` root's rights.
///
/// # Errors
/// What cannot be opened, and why.
pub(super) fn configured(config: &Config, dropping: bool) -> Result<Vec<Box<dyn Input>>, String> {
    let mut inputs: Vec<Box<dyn Input>> = Vec::new();
    for path in &config.inputs.fifos {
        let fifo = match dropping {
            true => open_as_root(path),
            false => open(path).map(Some),
        };
        inputs.push(Box::new(FifoInput {
            path: path.clone(),
            charsets: SharedCharsets::new(config),
            fifo: fifo.map_err(|e| e.to_string())?,
            threads: Vec::new(),
        }));
    }
    Ok(inputs)
}

impl Input for FifoInput {
    fn describe(&self) -> String {
        name(&self.path)
    }

    fn open(&mut self) -> Result<(), String> {
        if self.fifo.is_none() {
            self.fifo = Some(open(&self.path).map_err(|e| e.to_string())?);
        }
        Ok(())
    }

    fn start(&mut self, start: &Start<'_>) -> io::Result<()> {
        let max_line = start.config.inputs.max_line;
        if let Some(fifo) = self.fifo.take() {
            let charset = StreamCharset::new(self.charsets.clone(), vec![self.path.clone()]);
            let fifo = Fifo { charset, ..fifo };
            let thread = spawn(fifo, max_line, start.events.clone())?;
            self.threads.push(thread);
        }
        Ok(())
    }

    fn threads(&self) -> &[InputThread] {
        &self.threads
    }

    fn reload(&mut self, config: &Config) -> Result<bool, String> {
        self.charsets.set(config);
        Ok(false)
    }

    fn stop(self: Box<Self>) -> Vec<InputThread> {
        self.threads
    }
}

/// The name of a fifo in messages.
fn name(path: &Path) -> String {
    format!("fifo {}", shown_path(path))
}

/// Opens the fifo `path` with the rights that we have.
///
/// # Errors
/// When the fifo is missing, may not be read and written, or is none; the text names it and says what
/// to do.
pub fn open(path: &Path) -> io::Result<Fifo> {
    let opened = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(O_NONBLOCK | O_CLOEXEC)
        .open(path);
    checked(opened, path)
}

/// Opens the fifo `path` with root's rights, which are about to be given up. Nothing is opened where a
/// link leads to the fifo that others than root may change: that is left for the lesser rights.
///
/// # Errors
/// As for [`open`].
pub fn open_as_root(path: &Path) -> io::Result<Option<Fifo>> {
    let opened = match Walk::to_leaf(path) {
        Err(Lost::Link(_)) => return Ok(None),
        Err(Lost::Fault(fault)) => Err(fault),
        Ok((walk, name)) => {
            let flags = OFlag::O_RDWR | OFlag::O_NONBLOCK | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
            openat(walk, name.as_os_str(), flags, Mode::empty())
        }
    };
    checked(opened.map(File::from).map_err(io::Error::from), path).map(Some)
}

fn checked(opened: io::Result<File>, path: &Path) -> io::Result<Fifo> {
    let told = |kind, words: &str| {
        io::Error::new(
            kind,
            format!("could not open fifo {}: {words}", shown_path(&path)),
        )
    };
    let file = opened.map_err(|e| match e.kind() {
        ErrorKind::NotFound => told(e.kind(), "there is none; make it with mkfifo"),
        ErrorKind::PermissionDenied => told(
            e.kind(),
            "permission denied; our user must be able to read and write it",
        ),
        kind => told(kind, &e.to_string()),
    })?;
    if !file.metadata()?.file_type().is_fifo() {
        let words = "it is no fifo; a file belongs in `set logfile`";
        return Err(told(ErrorKind::InvalidInput, words));
    }
    Ok(Fifo {
        file,
        path: path.to_owned(),
        charset: StreamCharset::default(),
    })
}

/// Reads the fifo in a thread of its own; lines longer than `max_line` bytes are cut.
///
/// # Errors
/// When no thread can be made.
pub fn spawn(fifo: Fifo, max_line: usize, events: EventSender) -> io::Result<InputThread> {
    control::spawn("fifo", events, move |control| {
        run(fifo, max_line, &control);
    })
}

/// Whether an error is more than having nothing to read just now.
fn lasts(fault: &io::Error) -> bool {
    !matches!(fault.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

fn run(mut fifo: Fifo, max_line: usize, control: &Control) {
    let source = [b"fifo ", fifo.path.as_os_str().as_bytes()].concat();
    let source = Arc::new(BString::from(source));
    let name = name(&fifo.path);
    let mut buffer = vec![0; CHUNK];
    let mut splitter = Splitter::default();
    let mut text = Text::new(max_line);
    let mut faults = RateLimit::default();
    let mut faulty = false;
    let mut drain = None;
    while !control.ended() {
        drain = control.asked().or(drain);
        let read = fifo.file.read(&mut buffer);
        if faulty != read.as_ref().is_err_and(lasts) {
            faulty = !faulty;
            let fault = read.as_ref().err().filter(|_| faulty);
            control.health(name.clone(), fault.map(ToString::to_string));
        }
        let (quiet, pause) = match read {
            Ok(0) => (true, None),
            Ok(length) => {
                text.read_as(fifo.charset.coding());
                splitter.take(&buffer[..length], &mut text);
                (false, None)
            }
            Err(e) if e.kind() == ErrorKind::WouldBlock => (true, None),
            Err(e) if e.kind() == ErrorKind::Interrupted => (false, None),
            Err(e) => {
                if let Some(more) = faults.due() {
                    control.fault(format!("{name}: {e}{more}"));
                }
                (true, Some(Duration::from_secs(1)))
            }
        };
        if quiet && drain == Some(Drain::Last) {
            splitter.end(&mut text);
        }
        if (quiet || text.full()) && !control.send_batch(text.batch(&source, Checkpoint::None)) {
            return;
        }
        if quiet {
            if drain.take().is_some() && !control.send(Event::Drained) {
                return;
            }
            match pause {
                None => control.wait(&[fifo.file.as_fd()], None),
                pause => control.wait(&[], pause),
            };
        }
    }
}
