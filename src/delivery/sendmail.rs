//! `set mailserver sendmail:/usr/sbin/sendmail`: the local mailer takes the mail.

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use super::Delivery;
use super::command::{self, Ended};
use crate::config::Address;

/// EX_TEMPFAIL of sysexits.h: try again.
const TEMPFAIL: i32 = 75;
/// The statuses of sysexits.h.
const SYSEXITS: std::ops::RangeInclusive<i32> = 64..=78;

/// Runs `PATH -i -f FROM -- TO…` with the message on its standard input.
pub fn deliver(
    path: &Path,
    from: &Address,
    to: &[Address],
    message: &[u8],
    timeout: Duration,
) -> Delivery {
    let mut arguments: Vec<OsString> =
        vec!["-i".into(), "-f".into(), from.as_str().into(), "--".into()];
    arguments.extend(to.iter().map(|address| address.as_str().into()));
    let message: Vec<u8> = message.iter().copied().filter(|&b| b != b'\r').collect();
    let run = command::execute(path.as_os_str(), &arguments, &message, timeout);
    let told = format!("{}: {}", path.display(), run.words());
    match run.ended {
        Ended::Exited(0) => Delivery::Taken {
            refused: Vec::new(),
            later: Vec::new(),
        },
        Ended::Exited(status) if SYSEXITS.contains(&status) && status != TEMPFAIL => {
            Delivery::Refused(told)
        }
        _ => Delivery::Later(told),
    }
}
