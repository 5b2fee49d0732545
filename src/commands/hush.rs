//! `tenshi hush`: silences of a host are planned for a time from now on.

use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

use bstr::{BStr, BString};
use chrono::Local;

use super::state_directory::StateDirectory;
use crate::cli::{HushArgs, HushTime};
use crate::clock::{Clock, SystemClock};
use crate::ledger::silence::Hush;
use crate::shown::{shown, shown_lines, shown_path};
use crate::state;

/// Writes the hush, or ends it; the exit status.
pub fn run(args: &HushArgs, out: &mut dyn Write, err: &mut dyn Write) -> i32 {
    let directory = StateDirectory::find(&args.config, args.state_dir.as_deref());
    let host = BStr::new(args.host.as_bytes());
    let done = match args.time {
        HushTime::Off => state::remove_hush(&directory.path, host).map(|was| match was {
            true => format!("{}: the hush is over", shown(host)),
            false => format!("{}: there was no hush", shown(host)),
        }),
        HushTime::For(time) => hush(args, &directory, host, time),
    };
    match done {
        Ok(text) => i32::from(writeln!(out, "{text}").is_err()),
        Err(e) => {
            let dir = shown_path(&directory.path);
            let text = format!("{dir}: no hush can be kept there: {e}");
            // Nobody listens to a message that cannot be written.
            let _ = writeln!(err, "tenshi: {}", shown_lines(&text));
            1
        }
    }
}

fn hush(
    args: &HushArgs,
    directory: &StateDirectory,
    host: &BStr,
    time: Duration,
) -> std::io::Result<String> {
    let from = SystemClock.now();
    let words: Vec<&[u8]> = args.why.iter().map(|word| word.as_bytes()).collect();
    let hush = Hush {
        host: host.to_owned(),
        from,
        until: from + time,
        why: BString::from(bstr::join(" ", words)),
    };
    state::write_hush(&directory.path, &hush)?;
    let until = hush.until.with_timezone(&Local).format("%a %Y-%m-%d %H:%M");
    Ok(format!("{}: no silence is told until {until}", shown(host)))
}
