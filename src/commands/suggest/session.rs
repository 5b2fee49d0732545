//! The review on a full screen: keys go to the screen, and what comes of them is done.

use std::io::{self, Write};

use super::answers::Answers;
use super::plain::farewell;
use super::reload::{Comparison, reload};
use super::screen::{Effect, Screen};
use crate::commands::terminal::{Event, Signals, Terminal};
use crate::shown::shown_path;
use crate::suggest::print::percent;

/// How a review ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum End {
    /// It was left.
    Left,
    /// Rule files are to be linked, and the logs read again.
    Link,
}

/// A review on a full screen.
pub(super) struct Session<'a> {
    pub(super) screen: Screen,
    pub(super) answers: Answers,
    pub(super) comparison: Comparison<'a>,
    pub(super) signals: &'a Signals,
}

impl Session<'_> {
    /// Asks until the review is left.
    ///
    /// # Errors
    /// When the terminal cannot be used.
    pub(super) fn run(&mut self, err: &mut dyn Write) -> io::Result<End> {
        let mut terminal = Terminal::open(self.signals)?;
        self.screen.resize(terminal.size());
        let mut daemon = None;
        loop {
            terminal.draw(&self.screen.frame())?;
            let key = match terminal.event(None)? {
                Event::Key(key) => key,
                Event::Changed(size) => {
                    self.screen.resize(size);
                    continue;
                }
                Event::Waited => continue,
                Event::Ended => return Ok(End::Left),
            };
            match self.screen.key(key) {
                Effect::None => {}
                Effect::Save => self.tell_saved(),
                Effect::Link => return Ok(End::Link),
                Effect::Leave => return Ok(End::Left),
                Effect::Compare => {
                    self.tell_saved();
                    // It may take a while, in which ^C is to end it.
                    drop(terminal);
                    let _ = writeln!(err, "reading the logs with both configurations ...");
                    let (page, pid) = self.comparison.page();
                    terminal = Terminal::open(self.signals)?;
                    self.screen.resize(terminal.size());
                    self.screen.show(page);
                    daemon = pid;
                }
                Effect::Reload => {
                    if let Some(pid) = daemon.take() {
                        self.screen.tell(reload(pid));
                    }
                }
            }
        }
    }

    /// Writes the answers so far.
    ///
    /// # Errors
    /// They cannot be written.
    pub(super) fn save(&mut self) -> io::Result<()> {
        let written = self.answers.write(&self.screen.decisions.text());
        let path = shown_path(self.answers.path());
        written.map_err(|e| io::Error::new(e.kind(), format!("{path}: {e}")))
    }

    /// Writes the answers so far; that they could not be written is told on the screen.
    fn tell_saved(&mut self) {
        if let Err(e) = self.save() {
            self.screen.tell(format!("NOT WRITTEN: {e}"));
        }
    }

    /// What is said at the end.
    pub(super) fn farewell(&self) -> String {
        let decisions = &self.screen.decisions;
        let share = percent(decisions.reached(), decisions.lines);
        let said = farewell(decisions, &self.answers);
        format!("{share} % of the lines reached. {said}")
    }
}
