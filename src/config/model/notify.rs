//! Programs beside mail: recipients (`set notify`), and the ping of a watcher (`set heartbeat`).

use super::ShellCommand;
use crate::schedule::CronSpec;

/// A recipient of a queue that is a program of `set notify`: `notify:NAME`, or `notify-short:NAME`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NotifyRecipient {
    /// The name that `set notify` gives the program.
    pub name: String,
    /// Whether the program gets the short form of the report, as a pager does (`notify-short:`).
    pub short: bool,
}

impl NotifyRecipient {
    /// The word in front of the name of a program that gets the full form.
    pub const FULL: &str = "notify:";
    /// The word in front of the name of a program that gets the short form.
    pub const SHORT: &str = "notify-short:";

    /// The recipient as the configuration writes it.
    pub fn text(&self) -> String {
        let word = if self.short { Self::SHORT } else { Self::FULL };
        format!("{word}{}", self.name)
    }
}

/// The ping by which somebody else sees that all is well (`set heartbeat [WHEN] PROGRAM ARGUMENTS`): a watcher that
/// alerts when pings stop.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HealthPing {
    /// When the program is run.
    pub when: CronSpec,
    /// The program.
    pub command: ShellCommand,
}
