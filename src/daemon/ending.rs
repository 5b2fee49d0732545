//! The end of a run: what is waited for, for how long, and the exit status.

use std::time::Duration;

use super::{Daemon, Wish};
use crate::clock::Time;
use crate::process::service;
use crate::report::Status;
use crate::threads;

/// The whole end takes at most this long, counted from the signal: systemd kills after 90 s where
/// its unit says nothing else.
pub(super) const STOP: Duration = Duration::from_secs(70);
/// Of that, the last snapshot has this much for itself.
const KEEP: Duration = Duration::from_secs(5);
/// After the death of a thread, the snapshot of what the loop has counted may take this long.
const LAST_SNAPSHOT: Duration = Duration::from_secs(10);
/// How long the end waits for mails beyond one `mailtimeout`.
const PATIENCE: Duration = Duration::from_secs(20);
/// What is waited for is told after this time, and each time that it is over again.
const WORD: Duration = Duration::from_secs(5);

/// An end that has begun.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ending {
    /// Mails are not waited for after this.
    mails: Time,
    /// Nothing is waited for after this.
    until: Time,
    /// Reports are sent; else they stay in the snapshot as they are.
    sends: bool,
}

impl Ending {
    /// When something about the end changes by itself.
    pub(super) fn next(&self) -> [Time; 2] {
        [self.mails, self.until]
    }

    pub(super) fn sends(&self) -> bool {
        self.sends
    }

    /// A report that was too large is in parts now: they are waited for as it was, since the time
    /// of their making is not the mail server's.
    pub(super) fn wait_for_parts(&mut self, now: Time, timeout: Option<Duration>) {
        let wanted = now + timeout.unwrap_or(PATIENCE) + PATIENCE;
        self.mails = self.mails.max(wanted.min(self.until - KEEP));
    }
}

impl Daemon {
    /// A signal asks for the end.
    pub(super) fn asked_to_end(&mut self, now: Time, limit: Duration) {
        let by = now + limit;
        let before = self.stop_by;
        self.stop_by = Some(before.map_or(by, |before| before.min(by)));
        if before.is_none() {
            self.next_word = Some(now + WORD);
            service::stopping();
            service::status("stopping: reading what is written so far");
        }
    }

    /// The inputs are read as far as they will be: everything is mailed and kept.
    pub(super) fn begin_end(&mut self, now: Time) {
        let timeout = self.monitor.config().mail.timeout.unwrap_or(PATIENCE);
        let until = self.stop_by.unwrap_or(now + STOP);
        self.ending = Some(Ending {
            mails: (now + timeout + PATIENCE).min(until - KEEP),
            until,
            sends: true,
        });
        // Even if nothing is new: the next start sees until when somebody watched.
        self.commits.last();
        self.flush(now, Status::Terminating);
        service::status("stopping: sending the last reports");
    }

    /// A thread died. What the loop has counted is whole: it is kept where there is a state
    /// directory, or else mailed. The process is ended from outside if this takes too long.
    pub(super) fn died(&mut self, now: Time) {
        self.status = threads::DIED;
        if !self.commits.stores() {
            return self.end_with_reports(now, threads::LAST - KEEP);
        }
        (self.wishes, self.wishes_until) = (Vec::new(), None);
        let until = now + LAST_SNAPSHOT;
        let until = self.stop_by.map_or(until, |by| by.min(until));
        (self.stop_by, self.next_word) = (Some(until), Some(now + WORD));
        self.ending = Some(Ending {
            mails: now,
            until,
            sends: false,
        });
        self.commits.last();
    }

    /// Ends as after a TERM, within this time.
    fn end_with_reports(&mut self, now: Time, limit: Duration) {
        self.asked_to_end(now, limit);
        match &mut self.ending {
            Some(ending) => {
                ending.until = ending.until.min(now + limit);
                ending.mails = ending.mails.min(ending.until - KEEP);
            }
            None => self.wish(Wish::End, now),
        }
    }

    /// The state directory is another daemon's now.
    pub(super) fn displaced(&mut self, now: Time) {
        log::error!(
            "the state directory was removed and made anew, and another tenshi uses it: this one \
             mails what it has counted, and ends"
        );
        self.commits.forsake();
        self.status = self.status.max(1);
        self.end_with_reports(now, STOP);
    }

    /// Whether the end was asked for, and every mail was tried and everything is on disk.
    pub(super) fn ended(&self) -> bool {
        self.ending.is_some_and(|ending| {
            let now = self.clock.now();
            let tried = self.outbox.in_flight() == 0 && self.next_try().is_none_or(|t| t > now);
            let sent = !ending.sends || tried || now >= ending.mails;
            (sent && self.commits.clean()) || now >= ending.until
        })
    }

    /// Tells what the end waits for, if it takes its time.
    pub(super) fn tell_wait(&mut self, now: Time) {
        let (Some(until), Some(_)) = (self.stop_by, self.next_word.filter(|at| *at <= now)) else {
            return;
        };
        self.next_word = Some(now + WORD);
        let left = |until: Time| (until - now).num_seconds().max(0);
        match (&self.ending, self.wishes_until) {
            (Some(ending), _) if self.outbox.in_flight() > 0 && now < ending.mails => log::info!(
                "stopping: {} reports are on their way, for {} s at most",
                self.outbox.in_flight(),
                left(ending.mails)
            ),
            (Some(_), _) => {
                log::info!(
                    "stopping: the last snapshot is written, for {} s at most",
                    left(until)
                );
            }
            (None, Some(read_until)) => log::info!(
                "stopping: what is written so far is read ({} inputs), for {} s at most",
                self.awaited,
                left(read_until)
            ),
            (None, None) => {}
        }
    }

    /// The time for reading before a signal is obeyed is over.
    pub(super) fn read_enough(&mut self) {
        let waited = self.patience.as_secs();
        let rest = match (self.wishes.contains(&Wish::End), self.commits.stores()) {
            (true, true) => "; what is not read yet is read at the next start",
            (true, false) => "; what is not read yet is in no report",
            (false, _) => "",
        };
        log::warn!("the inputs did not come to an end in {waited} s: going on without{rest}");
        self.obey();
    }

    /// The last words; the exit status says whether everything was delivered or is kept.
    pub(super) fn farewell(self) -> i32 {
        threads::over();
        let stores = self.commits.stores();
        let kept = self.commits.clean() && self.commits.on_disk();
        if stores && !kept {
            log::error!(
                "the last snapshot could not be written: the next start goes on from the one \
                 before, reads the log files again from there, and may mail again what was mailed \
                 since"
            );
        }
        for mail in self.outbox.mails() {
            let (queue, fault) = (&mail.report.queue, mail.fault.as_deref());
            let fault = fault.unwrap_or("no answer yet");
            if kept {
                log::warn!("the report of queue {queue} is kept for the next start: {fault}");
            } else {
                log::error!(
                    "the report of queue {queue} could not be delivered and is lost with this \
                     process: {fault}"
                );
            }
        }
        let lost = !kept && (stores || !self.outbox.is_empty());
        self.inputs.stop();
        self.status.max(i32::from(lost))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
