//! The original: Debian's Perl tenshi 0.13, run on the same configuration and log.

use super::Dir;
use super::mail::Mail;
use super::postbox::Postbox;
use std::path::Path;
use std::process::{Command, Stdio};

const PROGRAM: &str = "/usr/sbin/tenshi";

/// Fails, with the package's name, where the original is not installed.
pub fn required() {
    let head = std::fs::read(PROGRAM).unwrap_or_default();
    assert!(
        head.starts_with(b"#!/usr/bin/perl"),
        "{PROGRAM} is not the Perl original: install Debian's package `tenshi` 0.13"
    );
}

/// Runs the original on `config` and the content of file `log` in `dir` until it has read
/// everything, ends it with TERM, and gives its mails. A line `@signal NAME` in the log is a signal.
///
/// The configuration must name `log`.
pub fn reports(dir: &Dir, config: &str, postbox: &Postbox) -> Vec<Mail> {
    let feeder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/feeder.pl");
    let config = format!("{config}set tail /usr/bin/perl {}\n", feeder.display());
    let path = dir.write("perl.conf", config);
    let done = Command::new("timeout")
        .args(["--signal=KILL", "60", PROGRAM, "-f", "-c"])
        .arg(&path)
        .current_dir(dir.root())
        .stdin(Stdio::null())
        .output()
        .expect("the original starts");
    assert!(
        done.status.success(),
        "the original ended with {}: {}{}",
        done.status,
        String::from_utf8_lossy(&done.stdout),
        String::from_utf8_lossy(&done.stderr)
    );
    postbox.mails()
}
