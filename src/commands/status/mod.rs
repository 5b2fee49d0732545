//! `tenshi status`: shows the daemon's snapshot to people, to programs, and to Nagios.
//!
//! It reads the snapshot, asks the lock beside it whether a daemon runs, and looks how long the
//! logs are now. Whoever may read the snapshot may ask: there is no socket, and nothing is changed.

mod check;
mod lag;
mod text;
mod view;

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::cli::{StatusArgs, StatusForm};
use crate::clock::{Clock, SystemClock};
use crate::shown::shown_lines;
use crate::shown::shown_path;
use crate::state::ReadError;
use crate::{config, state};

/// The state directory of the package: what an admin means who names no directory.
const PACKAGED: &str = "/var/lib/tenshi";

/// Nagios' exit status for a fault that is to wake somebody.
const CRITICAL: i32 = 2;

/// Nagios' exit status for a state that cannot be seen.
const UNKNOWN: i32 = 3;

/// Shows the status; the exit status. That is 0 or 1, and with `--check` Nagios' 0 to 3.
pub fn run(args: &StatusArgs, out: &mut dyn Write, err: &mut dyn Write) -> i32 {
    let directory = StateDirectory::find(args);
    let snapshot = match state::read(&directory.path) {
        Ok(snapshot) => snapshot,
        Err(fault) => {
            let absent = matches!(fault, ReadError::Absent(_));
            let holder = state::lock_status(&directory.path).ok().filter(|_| absent);
            let dead = holder.as_ref().and_then(check::without_snapshot);
            let explained = directory.explain(&fault);
            if let (StatusForm::Check { .. }, Some(dead)) = (args.form, dead) {
                let explained = check::one_line(&explained);
                // Nobody listens to a message that cannot be written.
                let _ = writeln!(out, "TENSHI CRITICAL - {dead}; {explained}");
                return CRITICAL;
            }
            return fail(args.form, &explained, out, err);
        }
    };
    let holder = state::lock_status(&directory.path).map_err(|e| e.to_string());
    let view = view::View::new(&directory.path, snapshot, holder, SystemClock.now());
    if let Some(doubt) = &directory.doubt {
        // Nobody listens to a message that cannot be written.
        let _ = writeln!(err, "tenshi: warning: {}", shown_lines(doubt));
    }
    let (shown, status) = match args.form {
        StatusForm::Text => (text::write(&view, out), 0),
        StatusForm::Json => (json(&view, out), 0),
        StatusForm::Check { age, lag } => {
            let verdict = check::judge(&view, age, lag);
            (
                check::write(&verdict, &view, age, lag, out),
                verdict.status(),
            )
        }
    };
    match shown.and_then(|()| out.flush()) {
        Err(e) if e.kind() != io::ErrorKind::BrokenPipe => {
            let _ = writeln!(err, "tenshi: {e}");
            1
        }
        _ => status,
    }
}

fn json(view: &view::View, out: &mut dyn Write) -> io::Result<()> {
    let text = serde_json::to_string_pretty(view)?;
    writeln!(out, "{}", ascii(&text))
}

/// JSON in which each character beyond ASCII is an escape: a name may hold what steers a terminal or turns
/// a line around.
fn ascii(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if c.is_ascii() && c != '\x7f' {
            out.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            out.push_str(&format!("\\u{unit:04x}"));
        }
    }
    out
}

/// Reports why there is nothing to show.
fn fail(form: StatusForm, fault: &str, out: &mut dyn Write, err: &mut dyn Write) -> i32 {
    if matches!(form, StatusForm::Check { .. }) {
        // A monitoring system reads standard output alone.
        let _ = writeln!(out, "TENSHI UNKNOWN - {}", check::one_line(fault));
        return UNKNOWN;
    }
    let _ = writeln!(err, "tenshi: {}", shown_lines(fault));
    1
}

/// The state directory that is looked at.
struct StateDirectory {
    path: PathBuf,
    /// Whether nobody named the directory: then it is the package's.
    guessed: bool,
    /// Why the directory may be another than the daemon's.
    doubt: Option<String>,
}

impl StateDirectory {
    /// Finds the directory as the daemon does; where that finds none, it is the package's.
    fn find(args: &StatusArgs) -> Self {
        let (configured, doubt) = match &args.state_dir {
            Some(_) => (None, None),
            None => configured(&args.config),
        };
        let named = state::resolve(args.state_dir.as_deref(), configured.as_deref());
        let doubt = doubt.map(|doubt| format!("{doubt}: a `set statedir` in it is not known"));
        Self {
            guessed: named.is_none(),
            path: named.unwrap_or_else(|| PACKAGED.into()),
            doubt,
        }
    }

    fn explain(&self, fault: &ReadError) -> String {
        let mut text = fault.to_string();
        if self.guessed && matches!(fault, ReadError::Absent(_)) {
            text.push_str(
                "; neither --state-dir, `set statedir` nor $STATE_DIRECTORY names another \
                 directory, and a daemon without one keeps nothing that could be shown",
            );
        }
        if let Some(doubt) = &self.doubt {
            text.push_str(&format!(" ({doubt})"));
        }
        text
    }
}

/// The `statedir` of a configuration, and why it is not known, if so. The standard configuration
/// need not be there.
fn configured(path: &Path) -> (Option<PathBuf>, Option<String>) {
    // Not opened: a FIFO would hold us.
    let readable = nix::unistd::eaccess(path, nix::unistd::AccessFlags::R_OK);
    if let Err(e) = readable.map_err(io::Error::from) {
        let standard = path == Path::new(crate::cli::CONFIGURATION);
        let doubt = format!("{}: {e}", shown_path(&path));
        let absent = e.kind() == io::ErrorKind::NotFound && standard;
        return (None, (!absent).then_some(doubt));
    }
    match config::load(path).config {
        Some(config) => (config.state.dir, None),
        None => {
            let path = shown_path(&path);
            (
                None,
                Some(format!("{path} has errors, which tenshi -C shows")),
            )
        }
    }
}
