//! The terminal of a command that fills the screen: keys from it and lines to it. It is as it was when this is
//! dropped, whatever ended the command.

mod key;
mod text;

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::termios::{SetArg, Termios, cfmakeraw, tcgetattr, tcsetattr};
use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGWINCH};
use signal_hook::{flag, low_level::pipe};

pub(super) use key::Key;
pub(super) use text::{Frame, Line, Size, Style, safe, width};

use key::take;

/// The terminal of this process, wherever its standard input and output lead.
const TTY: &str = "/dev/tty";
/// How long the bytes of a key may be apart, milliseconds: a slow line cuts them.
const APART: u8 = 100;
/// The other screen, without cursor and without going on at the end of a line.
const BEGIN: &[u8] = b"\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[2J";
const END: &[u8] = b"\x1b[0m\x1b[?7h\x1b[?25h\x1b[?1049l";

/// Whether this terminal can have a full screen.
pub(super) fn has_screen() -> bool {
    let term = std::env::var_os("TERM").unwrap_or_default();
    !term.is_empty() && term != "dumb" && open_tty().is_ok()
}

fn open_tty() -> io::Result<File> {
    File::options().read(true).write(true).open(TTY)
}

/// Signals that concern the terminal.
#[derive(Debug)]
pub(super) struct Signals {
    /// It has another size, or was another's for a while.
    changed: UnixStream,
    /// The command is to end.
    ended: UnixStream,
    /// No screen is open: a signal has its usual effect.
    away: Arc<AtomicBool>,
}

impl Signals {
    /// Waits for signals from now on.
    ///
    /// # Errors
    /// When the handlers cannot be made.
    pub(super) fn new() -> io::Result<Self> {
        let away = Arc::new(AtomicBool::new(true));
        let (changed, change) = UnixStream::pair()?;
        let (ended, end) = UnixStream::pair()?;
        changed.set_nonblocking(true)?;
        for signal in [SIGHUP, SIGINT, SIGQUIT, SIGTERM] {
            flag::register_conditional_default(signal, Arc::clone(&away))?;
            pipe::register(signal, end.try_clone()?)?;
        }
        for signal in [SIGWINCH, SIGCONT] {
            pipe::register(signal, change.try_clone()?)?;
        }
        Ok(Self {
            changed,
            ended,
            away,
        })
    }
}

/// What came from the terminal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Event {
    Key(Key),
    /// It has this size; all is to be drawn anew.
    Changed(Size),
    /// Nothing came up to the time that was named.
    Waited,
    /// It is gone, or the command is to end.
    Ended,
}

/// The terminal with a command's screen on it.
#[derive(Debug)]
pub(super) struct Terminal<'a> {
    tty: File,
    before: Termios,
    signals: &'a Signals,
    /// Bytes of keys that were not taken yet.
    bytes: Vec<u8>,
    /// The lines that stand on the screen.
    drawn: Vec<String>,
    colours: bool,
}

impl<'a> Terminal<'a> {
    /// Opens the other screen.
    ///
    /// # Errors
    /// When there is no terminal.
    pub(super) fn open(signals: &'a Signals) -> io::Result<Self> {
        let tty = open_tty()?;
        let before = tcgetattr(&tty)?;
        let mut terminal = Self {
            tty,
            before,
            signals,
            bytes: Vec::new(),
            drawn: Vec::new(),
            colours: std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty()),
        };
        signals.away.store(false, Ordering::SeqCst);
        terminal.begin()?;
        Ok(terminal)
    }

    fn begin(&mut self) -> io::Result<()> {
        let mut raw = self.before.clone();
        cfmakeraw(&mut raw);
        tcsetattr(&self.tty, SetArg::TCSADRAIN, &raw)?;
        self.drawn.clear();
        self.tty.write_all(BEGIN)
    }

    /// The size of the screen.
    pub(super) fn size(&self) -> Size {
        let size = terminal_size::terminal_size_of(&self.tty);
        let (columns, rows) = size.map_or((80, 24), |(width, height)| (width.0, height.0));
        match (columns, rows) {
            // Nobody told a serial line its size.
            (0, _) | (_, 0) => Size {
                columns: 80,
                rows: 24,
            },
            (columns, rows) => Size {
                columns: columns.into(),
                rows: rows.into(),
            },
        }
    }

    /// Waits for the next event, at most `until` this instant.
    ///
    /// # Errors
    /// When the terminal cannot be read.
    pub(super) fn event(&mut self, until: Option<Instant>) -> io::Result<Event> {
        loop {
            if let Some(key) = take(&mut self.bytes, false) {
                return Ok(Event::Key(key));
            }
            let timeout = match (self.bytes.is_empty(), until) {
                (false, _) => PollTimeout::from(APART),
                (true, None) => PollTimeout::NONE,
                (true, Some(until)) => timeout(until),
            };
            let sources = [
                self.tty.as_fd(),
                self.signals.changed.as_fd(),
                self.signals.ended.as_fd(),
            ];
            let mut sources = sources.map(|source| PollFd::new(source, PollFlags::POLLIN));
            let ready = match poll(&mut sources, timeout) {
                Ok(ready) => ready,
                Err(Errno::EINTR) => continue,
                Err(e) => return Err(e.into()),
            };
            let [tty, changed, ended] = sources.map(|source| source.any().unwrap_or(false));
            if ended {
                return Ok(Event::Ended);
            }
            if changed {
                let mut room = [0; 64];
                while (&self.signals.changed)
                    .read(&mut room)
                    .is_ok_and(|read| read > 0)
                {}
                self.begin()?;
                return Ok(Event::Changed(self.size()));
            }
            if ready == 0 {
                match take(&mut self.bytes, true) {
                    Some(key) => return Ok(Event::Key(key)),
                    None if until.is_some_and(|until| Instant::now() >= until) => {
                        return Ok(Event::Waited);
                    }
                    None => {}
                }
            }
            if tty && !self.read()? {
                return Ok(Event::Ended);
            }
        }
    }

    /// Reads bytes of keys. Whether the terminal is still there.
    fn read(&mut self) -> io::Result<bool> {
        let mut room = [0; 256];
        match self.tty.read(&mut room) {
            Ok(0) => return Ok(false),
            Ok(read) => self
                .bytes
                .extend_from_slice(room.get(..read).unwrap_or_default()),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) if e.raw_os_error() == Some(Errno::EIO as i32) => return Ok(false),
            Err(e) => return Err(e),
        }
        Ok(true)
    }

    /// Draws the lines that differ from the lines on the screen.
    ///
    /// # Errors
    /// When the terminal cannot be written.
    pub(super) fn draw(&mut self, frame: &Frame) -> io::Result<()> {
        let lines: Vec<String> = frame.lines.iter().map(|line| self.coded(line)).collect();
        let mut out = String::from("\x1b[?25l");
        for (row, line) in lines.iter().enumerate() {
            if self.drawn.get(row) != Some(line) {
                out += &format!("\x1b[{};1H\x1b[0m\x1b[2K{line}", row + 1);
            }
        }
        if self.drawn.len() > lines.len() {
            out += &format!("\x1b[{};1H\x1b[0m\x1b[J", lines.len() + 1);
        }
        if let Some((row, column)) = frame.cursor {
            out += &format!("\x1b[{};{}H\x1b[?25h", row + 1, column + 1);
        }
        self.drawn = lines;
        self.tty.write_all(out.as_bytes())
    }

    /// A line with the codes of its styles.
    fn coded(&self, line: &Line) -> String {
        let mut out = String::new();
        for (style, text) in line.0.iter().filter(|(_, text)| !text.is_empty()) {
            let code = match (style, self.colours) {
                (Style::Plain, _) => "0",
                (Style::Bold, _) | (Style::Report, false) => "0;1",
                (Style::Dim, _) => "0;2",
                (Style::Chosen, _) => "0;7",
                (Style::Critical, true) => "0;1;31",
                (Style::Critical, false) => "0;1;4",
                (Style::Report, true) => "0;33",
            };
            out += &format!("\x1b[{code}m{text}");
        }
        out + "\x1b[0m"
    }
}

/// The time up to an instant, no shorter than it is: to wait for less would end before it.
fn timeout(until: Instant) -> PollTimeout {
    let left = until.saturating_duration_since(Instant::now());
    let milliseconds = left.as_micros().div_ceil(1_000);
    PollTimeout::try_from(milliseconds).unwrap_or(PollTimeout::MAX)
}

impl Drop for Terminal<'_> {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing.
        let _ = self.tty.write_all(END);
        let _ = tcsetattr(&self.tty, SetArg::TCSADRAIN, &self.before);
        self.signals.away.store(true, Ordering::SeqCst);
    }
}
