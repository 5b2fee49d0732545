//! `set bundle`, `set bundle_max` and `set pager_hour`.

use std::num::NonZeroU32;
use std::time::Duration;

use super::diagnostic::shown;
use super::draft::Draft;
use super::reporter::Located;
use super::setter::{Read, Setter};
use super::silence::duration_of;
use crate::schedule::Schedule;

/// The longest window: what a storm brings is to be read on the day after, at the latest.
const LONGEST: Duration = Duration::from_secs(24 * 3600);
/// Pages an hour, at most: each is remembered for an hour.
const MOST_PAGES: u64 = 10_000;

impl<'l> Setter<'_, 'l> {
    /// `set bundle QUEUE WINDOW`
    pub(super) fn bundle(&mut self) -> Read<'l, ()> {
        let (queue, rest) = self.value.word();
        if queue.is_empty() {
            return Err(self.missing());
        }
        let id = self.draft.queues.known(queue, &[])?;
        if queue.text == b"csv" {
            let message = "the reports of `csv` are for a program: they are not bundled";
            return Err(Located::new(queue, message, "remove this line"));
        }
        let (window, rest) = rest.word();
        if window.is_empty() {
            let message = "for how long are the lines of the queue collected?";
            let hint = "write `set bundle QUEUE WINDOW`, as in `set bundle critical 10m`";
            return Err(Located::new(queue, message, hint));
        }
        self.draft.warn_words(self.line, self.word, rest);
        let length = self.window(window)?;
        let bundle = &mut self.draft.bundle;
        bundle.windows.retain(|(known, _)| *known != id);
        bundle.windows.push((id, length));
        let location = self.line.at(queue);
        self.draft.bundled.push((id, location));
        Ok(())
    }

    /// `set bundle_max TIME`
    pub(super) fn bundle_max(&mut self) -> Read<'l, ()> {
        let word = self.word()?;
        self.draft.bundle.longest = self.window(word)?;
        Ok(())
    }

    /// `set pager_hour NUMBER`
    pub(super) fn pager_hour(&mut self) -> Read<'l, ()> {
        let number = self.at_least_one()?.min(MOST_PAGES);
        let number = u32::try_from(number).unwrap_or(u32::MAX);
        self.draft.report.pager_hour = NonZeroU32::new(number);
        Ok(())
    }

    /// The length of a window.
    fn window(&self, word: super::grammar::Fragment<'l>) -> Read<'l, Duration> {
        let length = duration_of(word)?;
        if length > LONGEST {
            let message = format!("`{}` is too long for a window", shown(word.text));
            let hint = "write a time of up to a day, as in `10m`, `1h`";
            return Err(Located::new(word, message, hint));
        }
        Ok(length)
    }
}

/// Looks whether the bundled queues are mailed at once: any other queue bundles its lines by its schedule.
pub(super) fn check(draft: &mut Draft) {
    for (id, location) in std::mem::take(&mut draft.bundled) {
        if let Some((name, schedule)) = draft.queues.schedule(id)
            && *schedule != Schedule::Now
        {
            let message = format!("the queue `{name}` is mailed at {schedule}, not at once");
            let hint = "remove this line: `set bundle` is for `[now]` queues";
            draft.reporter.error(location, message, Some(hint.into()));
        }
    }
}
