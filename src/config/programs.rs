//! `set notify`.

use super::queue_values::{program_name, shell_command};
use super::setter::{Read, Setter};

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
}
