//! The pager of whoever looks at letters on a terminal.

use std::io::{self, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::{SIGINT, SIGQUIT};

/// A pager that runs; what is written goes to it.
#[derive(Debug)]
pub(super) struct Pager {
    child: Child,
    input: ChildStdin,
}

impl Pager {
    /// Starts `$PAGER`, or `less`; nothing where none is wanted (`PAGER=cat`, or no terminal) or there is none.
    pub(super) fn open(on_terminal: bool) -> Option<Self> {
        if !on_terminal {
            return None;
        }
        let mut command = match std::env::var_os("PAGER") {
            Some(line) if line.is_empty() || line == "cat" => return None,
            Some(line) => {
                let mut shell = Command::new("/bin/sh");
                shell.arg("-c").arg(line);
                shell
            }
            None => Command::new("less"),
        };
        if std::env::var_os("LESS").is_none() {
            // What fits on the screen is just shown, and stays there.
            command.env("LESS", "FX");
        }
        let mut child = command.stdin(Stdio::piped()).spawn().ok()?;
        let input = child.stdin.take()?;
        // The keys that end a program are the pager's now: to end before it would leave it with the terminal.
        for signal in [SIGINT, SIGQUIT] {
            let _ = signal_hook::flag::register(signal, Arc::new(AtomicBool::new(false)));
        }
        Some(Self { child, input })
    }

    /// Waits until the reader has ended the pager.
    pub(super) fn wait(mut self) {
        drop(self.input);
        let _ = self.child.wait();
    }
}

impl Write for Pager {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.input.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.input.flush()
    }
}
