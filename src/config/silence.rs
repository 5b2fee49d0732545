//! `set silence` and `set hush`.

use std::time::Duration;

use super::diagnostic::shown;
use super::grammar::Fragment;
use super::model::{PlannedHush, SilenceRule};
use super::patterns::{compile, warn_notes};
use super::queue_values::schedule;
use super::reporter::Located;
use super::setter::{Read, Setter};
use crate::clock;
use crate::pattern::Pattern;
use crate::schedule::Schedule;

/// The longest that can be meant: a year.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 3600);

impl<'l> Setter<'_, 'l> {
    /// `set silence QUEUE`, `set silence QUEUE PATTERN DURATION`, `set silence off PATTERN`
    pub(super) fn silence(&mut self) -> Read<'l, ()> {
        let (queue, rest) = self.value.word();
        let (pattern, rest) = rest.word();
        if queue.is_empty() {
            return Err(self.missing());
        }
        if queue.text == b"off" {
            if pattern.is_empty() {
                let message = "whose silence is not to be told?";
                let hint = "write `set silence off PATTERN`, or remove the line: without `set silence` nothing \
                            is watched";
                return Err(Located::new(queue, message, hint));
            }
            self.draft.warn_words(self.line, self.word, rest);
            let Some(pattern) = self.host_pattern(pattern) else {
                return Ok(());
            };
            let watch = None;
            self.draft
                .silence
                .rules
                .push(SilenceRule { pattern, watch });
            return Ok(());
        }
        let id = self.draft.queues.known(queue, &["off"])?;
        self.draft.queues.mark_used(id);
        if pattern.is_empty() {
            self.draft.silence.learnt = Some(id);
            return Ok(());
        }
        let (duration, rest) = rest.word();
        if duration.is_empty() {
            let message = "after what time is their silence told?";
            let hint =
                "write `set silence QUEUE PATTERN DURATION`, as in `set silence critical ^sw 6h`";
            return Err(Located::new(pattern, message, hint));
        }
        self.draft.warn_words(self.line, self.word, rest);
        let time = duration_of(duration)?;
        if let Some(pattern) = self.host_pattern(pattern) {
            let watch = Some((id, time));
            self.draft
                .silence
                .rules
                .push(SilenceRule { pattern, watch });
        }
        Ok(())
    }

    /// `set hush PATTERN [WHEN] DURATION`
    pub(super) fn hush(&mut self) -> Read<'l, ()> {
        const FORM: &str = "write `set hush PATTERN [MINUTE HOUR DAY MONTH WEEKDAY] DURATION`, as in `set hush \
                            ^db [0 2 * * 6] 4h`";
        let (pattern, rest) = self.value.word();
        let when = rest.trim_start();
        if pattern.is_empty() {
            return Err(self.missing());
        }
        if !when.text.starts_with(b"[") {
            let message = "the time at which the hush begins must follow the pattern, in brackets";
            return Err(Located::new(pattern, message, FORM));
        }
        let (begins, rest) = schedule(when, self.name)?;
        let Schedule::Cron(begins) = begins else {
            return Err(Located::new(
                when.word().0,
                "a hush has a time of the day",
                FORM,
            ));
        };
        let (duration, rest) = rest.word();
        if duration.is_empty() {
            return Err(Located::new(when, "how long does the hush last?", FORM));
        }
        self.draft.warn_words(self.line, self.word, rest);
        let lasts = duration_of(duration)?;
        if let Some(pattern) = self.host_pattern(pattern) {
            let hush = PlannedHush {
                pattern,
                begins,
                lasts,
            };
            self.draft.silence.hushes.push(hush);
        }
        Ok(())
    }

    /// The pattern of hosts' names; an error in it is reported.
    fn host_pattern(&mut self, part: Fragment<'l>) -> Option<Pattern> {
        let reporter = &mut self.draft.reporter;
        let pattern = compile(self.line, part, reporter)?;
        warn_notes(self.line, part, &pattern, false, reporter);
        Some(pattern)
    }
}

/// A length of time, from a second to a year.
pub(super) fn duration_of(word: Fragment<'_>) -> Result<Duration, Located<'_>> {
    let time = word.utf8().and_then(clock::duration);
    let bounds = Duration::from_secs(1)..=LONGEST;
    time.filter(|time| bounds.contains(time)).ok_or_else(|| {
        let message = format!("`{}` is no length of time", shown(word.text));
        Located::new(
            word,
            message,
            "write minutes, hours or days, as in `90m`, `6h`, `2d`",
        )
    })
}
