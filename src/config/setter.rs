//! The setter: one `set` directive while its value is read and put into the draft.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use super::diagnostic::shown;
use super::draft::Draft;
use super::grammar::Fragment;
use super::reporter::{Located, SourceLine};
use super::suggest::did_you_mean;
use super::values;

/// The longest time that anything waits, seconds: a year. To the time of a clock, not every number can be added.
const LONGEST_WAIT: u64 = 366 * 24 * 3600;

/// A time to wait for something.
pub(super) fn wait_of(seconds: u64) -> Duration {
    Duration::from_secs(seconds.min(LONGEST_WAIT))
}

/// The result of reading a value.
pub(super) type Read<'l, T> = Result<T, Located<'l>>;

/// One `set` directive at work.
pub(super) struct Setter<'t, 'l> {
    pub(super) draft: &'t mut Draft,
    pub(super) line: &'t SourceLine<'l>,
    /// The setting's name, as the table has it.
    pub(super) word: &'static str,
    /// The form of its value, for hints.
    pub(super) form: &'static str,
    /// The name in the line.
    pub(super) name: Fragment<'l>,
    /// The rest of the line.
    pub(super) value: Fragment<'l>,
}

impl<'l> Setter<'_, 'l> {
    /// The error that the value is missing.
    pub(super) fn missing(&self) -> Located<'l> {
        let message = format!("`set {}` needs a value", self.word);
        Located::new(
            self.name,
            message,
            &format!("write `set {} {}`", self.word, self.form),
        )
    }

    /// Warns of a part of the line.
    pub(super) fn warn(&mut self, fragment: Fragment<'_>, message: impl Into<String>, hint: &str) {
        let location = self.line.at(fragment);
        self.draft
            .reporter
            .warn(location, message, Some(hint.to_owned()));
    }

    /// The first word of the value.
    pub(super) fn word(&mut self) -> Read<'l, Fragment<'l>> {
        let (word, rest) = self.value.word();
        if word.is_empty() {
            return Err(self.missing());
        }
        self.draft.warn_words(self.line, self.word, rest);
        Ok(word)
    }

    /// The whole value, the blanks around it left out.
    pub(super) fn rest(&mut self) -> Read<'l, Fragment<'l>> {
        let value = self.value.trim_start();
        let (value, blanks) = (value.trim_end(), value.from(value.trim_end().text.len()));
        if value.is_empty() {
            return Err(self.missing());
        }
        if !blanks.is_empty() {
            let message = format!("the blanks after the value of `{}` are left out", self.word);
            self.warn(
                blanks,
                message,
                "remove them: Perl tenshi takes them for a part of the value",
            );
        }
        Ok(value)
    }

    /// The first word of the value, as text too.
    pub(super) fn word_text(&mut self) -> Read<'l, (Fragment<'l>, &'l str)> {
        let word = self.word()?;
        self.text(word)
    }

    /// The whole value, as text too.
    pub(super) fn rest_text(&mut self) -> Read<'l, (Fragment<'l>, &'l str)> {
        let value = self.rest()?;
        self.text(value)
    }

    fn text(&self, part: Fragment<'l>) -> Read<'l, (Fragment<'l>, &'l str)> {
        match part.utf8().filter(|text| !text.contains('\0')) {
            Some(text) => Ok((part, text)),
            None => {
                let message = format!(
                    "the value of `{}` must be UTF-8 without NUL bytes",
                    self.word
                );
                Err(Located::new(part, message, ""))
            }
        }
    }

    /// The first word of the value, as the path of a file.
    pub(super) fn path(&mut self) -> Read<'l, PathBuf> {
        let word = self.word()?;
        self.without_nul(word)?;
        Ok(self.draft.path(word))
    }

    /// No file can have a NUL byte in its name; every other byte is good.
    pub(super) fn without_nul(&self, part: Fragment<'l>) -> Read<'l, ()> {
        if !part.text.contains(&0) {
            return Ok(());
        }
        let message = format!("the value of `{}` has a NUL byte", self.word);
        Err(Located::new(part, message, ""))
    }

    /// A size within these bounds, bytes: `what` says of what, in the message.
    pub(super) fn size(
        &mut self,
        bounds: RangeInclusive<usize>,
        what: &str,
        hint: &str,
    ) -> Read<'l, usize> {
        let (word, text) = self.word_text()?;
        let size = values::size(text).filter(|size| bounds.contains(size));
        size.ok_or_else(|| {
            let message = format!("`{}` is no {what}", shown(word.text));
            Located::new(word, message, hint)
        })
    }

    /// The number that the value begins with, as the original takes it (`5s` is 5).
    pub(super) fn number(&mut self) -> Read<'l, u64> {
        let word = self.word()?;
        let digits = word.text.iter().take_while(|b| b.is_ascii_digit()).count();
        let number = word
            .slice(0, digits)
            .utf8()
            .and_then(|text| text.parse().ok());
        let Some(number) = number else {
            let message = format!("`{}` is no number", shown(word.text));
            let hint = format!(
                "write `set {} {}`, the number in digits",
                self.word, self.form
            );
            return Err(Located::new(word, message, &hint));
        };
        if digits < word.text.len() {
            let message = format!("`{}` is read as {number}", shown(word.text));
            self.warn(word.from(digits), message, "write the number alone");
        }
        Ok(number)
    }

    /// A number that is not 0.
    pub(super) fn at_least_one(&mut self) -> Read<'l, u64> {
        match self.number()? {
            0 => {
                let message = format!("`set {}` cannot be 0", self.word);
                Err(Located::new(
                    self.value.word().0,
                    message,
                    "write a number from 1 on",
                ))
            }
            number => Ok(number),
        }
    }

    /// `set trends on|off`
    pub(super) fn trends(&mut self) -> Read<'l, ()> {
        let on = self.on_off()?;
        self.draft.trends.on = on;
        self.draft.trends_location = on.then(|| self.line.at(self.name));
        Ok(())
    }

    /// `on` or `off`; as in the original, what follows in the word does not count.
    pub(super) fn on_off(&mut self) -> Read<'l, bool> {
        let word = self.word()?;
        let (on, length) = match word.text {
            text if text.starts_with(b"off") => (false, 3),
            text if text.starts_with(b"on") => (true, 2),
            text => {
                let message = format!("`{}` is neither `on` nor `off`", shown(text));
                return Err(Located::new(
                    word,
                    message,
                    "write `on` or `off`, in small letters",
                ));
            }
        };
        if word.text.len() > length {
            let message = format!(
                "`{}` is read as `{}`",
                shown(word.text),
                if on { "on" } else { "off" }
            );
            self.warn(word, message, "write `on` or `off`");
        }
        Ok(on)
    }

    /// A number of seconds that is not 0.
    pub(super) fn seconds(&mut self) -> Read<'l, Duration> {
        self.at_least_one().map(wait_of)
    }

    /// One of these words.
    pub(super) fn choice<T: Copy>(&mut self, choices: &[(&'static str, T)]) -> Read<'l, T> {
        let word = self.word()?;
        if let Some((_, value)) = choices
            .iter()
            .find(|(name, _)| name.as_bytes() == word.text)
        {
            return Ok(*value);
        }
        let names = choices.iter().map(|(name, _)| *name);
        let hint = did_you_mean(word.text, names.clone())
            .unwrap_or_else(|| format!("write one of: {}", names.collect::<Vec<_>>().join(", ")));
        let message = format!("`{}` is no value of `{}`", shown(word.text), self.word);
        Err(Located::new(word, message, &hint))
    }
}
