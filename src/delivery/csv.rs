//! The output of `set csv`: a report as the standard input of a shell command.

use std::time::Duration;

use super::command;
use super::transport::Transport;
use super::{Delivery, QueuedMail};
use crate::config::ShellCommand;

/// Reports to a CSV program.
#[derive(Debug)]
pub struct CsvTransport {
    command: ShellCommand,
    timeout: Duration,
}

impl CsvTransport {
    /// The output to this command, which may run as long as `timeout`.
    pub fn new(command: ShellCommand, timeout: Duration) -> Self {
        Self { command, timeout }
    }
}

impl Transport for CsvTransport {
    /// A program that fails gets the report again: nothing else has its lines.
    fn send(&self, mail: &QueuedMail) -> Delivery {
        let run = command::run(
            &self.command.line,
            &mut mail.report.body.reader(),
            self.timeout,
        );
        match run.is_good() {
            true => Delivery::accepted(),
            false => {
                let program = &self.command.program;
                Delivery::Deferred(format!("csv program {program}: {}", run.words()))
            }
        }
    }

    fn is_program(&self) -> bool {
        true
    }
}
