//! Words that the status for people is made of.

use chrono::Local;

use crate::clock::Time;
use crate::shown::shown;

/// Names and servers' words in a form that is safe on a terminal.
pub(super) fn safe(text: &str) -> String {
    shown(text.as_bytes()).to_string()
}

/// A time of this machine.
pub(super) fn local(time: Time) -> String {
    let time = time.with_timezone(&Local);
    time.format("%Y-%m-%d %H:%M:%S").to_string()
}

/// A time of this machine, with its zone.
pub(super) fn zoned(time: Time) -> String {
    let time = time.with_timezone(&Local);
    time.format("%Y-%m-%d %H:%M:%S %z").to_string()
}
