//! `tenshi status`: shows the daemon's snapshot to people, to programs, and to Nagios.
//!
//! It reads the snapshot, asks the lock beside it whether a daemon runs, and looks how long the
//! logs are now. Whoever may read the snapshot may ask: there is no socket, and nothing is changed.

mod check;
mod journal;
mod prometheus;
mod site;
mod text;
mod view;
mod watch;
mod words;

use std::io::{self, Write};

use super::json_text;
use super::state_directory::StateDirectory;
use crate::cli::{StatusArgs, StatusForm};
use crate::clock::{Clock, SystemClock};
use crate::health;
use crate::shown::shown_lines;
use crate::state;
use crate::state::ReadError;

/// Nagios' exit status for a fault that is to wake somebody.
const CRITICAL: i32 = 2;

/// Nagios' exit status for a state that cannot be seen.
const UNKNOWN: i32 = 3;

/// Shows the status; the exit status. That is 0 or 1, and with `--check` Nagios' 0 to 3.
pub fn run(args: &StatusArgs, out: &mut dyn Write, err: &mut dyn Write) -> i32 {
    let directory = StateDirectory::find(&args.config, args.state_dir.as_deref());
    if args.form == StatusForm::Watch {
        return watch::run(&directory, err);
    }
    let snapshot = match state::read(&directory.path) {
        Ok(snapshot) => snapshot,
        Err(fault) => {
            let absent = matches!(fault, ReadError::Absent(_));
            let holder = state::lock_status(&directory.path).ok().filter(|_| absent);
            let dead = holder.as_ref().and_then(health::without_snapshot);
            let explained = directory.explain(&fault);
            let known = holder.filter(|_| dead.is_some());
            if let (StatusForm::Prometheus, Some(holder)) = (args.form, known) {
                let _ = writeln!(err, "tenshi: {}", shown_lines(&explained));
                let up = prometheus::up(holder.running, out);
                return written(up, 0, out, err);
            }
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
        StatusForm::Text | StatusForm::Watch => (text::write(&view, out), 0),
        StatusForm::Prometheus => (prometheus::write(&view, out), 0),
        StatusForm::Json => (json(&view, out), 0),
        StatusForm::Check { age, lag } => {
            let verdict = view.health().judge(age, lag);
            (
                check::write(&verdict, &view, age, lag, out),
                check::exit_status(&verdict),
            )
        }
    };
    written(shown, status, out, err)
}

/// The exit status once all was written; a reader that went away has what it wanted.
fn written(shown: io::Result<()>, status: i32, out: &mut dyn Write, err: &mut dyn Write) -> i32 {
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
    writeln!(out, "{}", json_text::ascii(&text))
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
