//! The time limits of the end of a run.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::clock::Time;

/// The whole end takes at most this long, counted from the signal: systemd kills after 90 s where
/// its unit says nothing else.
pub(super) const STOP: Duration = Duration::from_secs(70);
/// Of that, the last snapshot has this much for itself.
pub(super) const KEEP: Duration = Duration::from_secs(5);
/// After the death of a thread, the snapshot of what the loop has counted may take this long.
pub(super) const LAST_SNAPSHOT: Duration = Duration::from_secs(10);
/// The time for the last mails beyond one `mailtimeout`.
pub(super) const MAIL_TIME: Duration = Duration::from_secs(20);
/// Where what is not mailed is kept, mails are waited for no longer than this, counted from the signal, but for
/// one `mailtimeout` in any case.
const AIM: Duration = Duration::from_secs(25);
/// The time between two messages about what the end waits for.
pub(super) const MESSAGE_PAUSE: Duration = Duration::from_secs(5);

/// The end that was asked for, if one was.
#[derive(Debug, Default)]
pub(super) struct Shutdown {
    /// The end that has begun: the inputs are read as far as they will be.
    pub(super) ending: Option<Ending>,
    /// The exit status at least.
    pub(super) exit_status: i32,
    /// When the end was asked for first.
    pub(super) asked: Option<Time>,
    /// When the end is to be over; `None` if it was not asked for.
    pub(super) deadline: Option<Time>,
    /// When the next message about what the end waits for is due.
    pub(super) next_message: Option<Time>,
    /// The numbers of the mails that had their last attempt: each has one after the end has begun.
    pub(super) attempted: BTreeSet<u64>,
}

impl Shutdown {
    /// To be called when the clock was set back: nothing is waited for longer than it was to be.
    pub(super) fn clock_was_set_back(&mut self, now: Time) {
        let by = now + STOP;
        self.asked = self.asked.map(|asked| asked.min(now));
        self.deadline = self.deadline.map(|deadline| deadline.min(by));
        let next = now + MESSAGE_PAUSE;
        self.next_message = self.next_message.map(|message| message.min(next));
        if let Some(ending) = &mut self.ending {
            ending.until = ending.until.min(by);
            ending.mails = ending.mails.min(ending.until - KEEP);
        }
    }
}

/// The time limits of an end that has begun.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ending {
    /// Mails are not waited for after this.
    pub(super) mails: Time,
    /// Nothing is waited for after this.
    pub(super) until: Time,
    /// Whether reports are sent; else they stay in the snapshot as they are.
    pub(super) sends: bool,
}

impl Ending {
    /// The end that begins now, asked for at an instant and to be over at another one; `kept` says that what is
    /// not mailed is kept.
    pub(super) fn begin(
        now: Time,
        (asked, until): (Time, Time),
        timeout: Option<Duration>,
        kept: bool,
    ) -> Self {
        let timeout = timeout.unwrap_or(MAIL_TIME);
        let mails = now + timeout + MAIL_TIME;
        let mails = match kept {
            true => mails.min((asked + AIM).max(now + timeout)),
            false => mails,
        };
        Self {
            mails: mails.min(until - KEEP),
            until,
            sends: true,
        }
    }

    /// When something about the end changes by itself.
    pub(super) fn next(&self) -> [Time; 2] {
        [self.mails, self.until]
    }

    /// Gives the parts of a report that was too large the time of a mail again: the time in which
    /// they were made was not the mail server's.
    pub(super) fn wait_for_parts(&mut self, now: Time, timeout: Option<Duration>) {
        let wanted = now + timeout.unwrap_or(MAIL_TIME) + MAIL_TIME;
        self.mails = self.mails.max(wanted.min(self.until - KEEP));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mails_that_are_kept_are_not_waited_for_as_long_as_others() {
        let second = Duration::from_secs(1);
        let asked = Time::default();
        let wait = |read: u32, timeout: Option<u32>, kept| {
            let timeout = timeout.map(|n| n * second);
            let now = asked + read * second;
            let ending = Ending::begin(now, (asked, asked + STOP), timeout, kept);
            (ending.mails - asked).num_seconds()
        };
        assert_eq!(wait(0, Some(2), true), 22);
        assert_eq!(wait(10, Some(2), true), 25, "and 5 s for the snapshot");
        assert_eq!(wait(10, None, true), 30);
        assert_eq!(wait(10, Some(60), true), 65);
        assert_eq!(wait(10, Some(2), false), 32);
        assert_eq!(wait(10, None, false), 50);
    }

    #[test]
    fn parts_are_waited_for_anew_within_the_time_of_the_end() {
        let second = Duration::from_secs(1);
        let begun = Time::default();
        let timeout = Some(10 * second);
        let mut ending = Ending {
            mails: begun + 30 * second,
            until: begun + STOP,
            sends: true,
        };
        // A report of 14 MB was made, and cut, in 29 s.
        ending.wait_for_parts(begun + 29 * second, timeout);
        assert_eq!(ending.mails, begun + 59 * second);
        ending.wait_for_parts(begun + 58 * second, timeout);
        assert_eq!(
            ending.mails,
            begun + STOP - KEEP,
            "the snapshot has its time"
        );
        ending.wait_for_parts(begun, timeout);
        assert_eq!(ending.mails, begun + STOP - KEEP, "never less");
        // Where no report is sent, none is waited for.
        let mut kept = Ending {
            mails: begun,
            until: begun + 2 * second,
            sends: false,
        };
        kept.wait_for_parts(begun, timeout);
        assert_eq!(kept.mails, begun);
    }
}
