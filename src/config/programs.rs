//! `set notify` and `set heartbeat`.

use super::model::HealthPing;
use super::queue_values::{program_name, schedule, shell_command};
use super::reporter::Located;
use super::setter::{Read, Setter};
use crate::schedule::Schedule;

impl<'l> Setter<'_, 'l> {
    /// `set notify NAME PROGRAM ARGUMENTS`
    pub(super) fn notify(&mut self) -> Read<'l, ()> {
        let (name, command) = self.value.word();
        if command.trim_start().is_empty() {
            return Err(self.missing());
        }
        let text = program_name(name, name)?;
        let location = self.line.at(command.word().0);
        let command = shell_command(command)?;
        let programs = &mut self.draft.mail.programs;
        if let Some((_, old)) = programs.insert(text.to_owned(), (command, location)) {
            let message = format!(
                "the program `{text}` is defined again; this definition replaces {}",
                old.place
            );
            self.warn(name, message, "keep one of the two");
        }
        Ok(())
    }

    /// `set heartbeat [WHEN] PROGRAM ARGUMENTS`
    pub(super) fn heartbeat(&mut self) -> Read<'l, ()> {
        const FORM: &str =
            "write `set heartbeat [MINUTE HOUR DAY MONTH WEEKDAY] PROGRAM ARGUMENTS`";
        let when = self.value.trim_start();
        if when.is_empty() {
            return Err(self.missing());
        }
        if !when.text.starts_with(b"[") {
            let message = "a schedule in brackets must come first";
            return Err(Located::new(when.word().0, message, FORM));
        }
        let (times, command) = schedule(when, self.name)?;
        let Schedule::Cron(times) = times else {
            let message = "the heartbeat has times, as in `[*/5 * * * *]`";
            return Err(Located::new(when.word().0, message, FORM));
        };
        let program = command.word().0;
        if program.is_empty() {
            return Err(Located::new(self.name, "the program is missing", FORM));
        }
        let ping = HealthPing {
            when: times,
            command: shell_command(command)?,
        };
        let location = self.line.at(program);
        if let Some((_, old)) = self.draft.health_ping.replace((ping, location)) {
            let message = format!("this heartbeat replaces that of {}", old.place);
            self.warn(self.name, message, "keep one of the two");
        }
        Ok(())
    }

    /// `set quiet QUEUE`
    pub(super) fn quiet(&mut self) -> Read<'l, ()> {
        let queue = self.word()?;
        self.draft.queues.quiet(queue)
    }
}
