//! The end of a run: reading, mailing, the last snapshot, the exit status.

use std::time::Duration;

use super::ending::{Ending, KEEP, LAST_SNAPSHOT, MESSAGE_PAUSE, STOP};
use super::event_loop::Daemon;
use super::messages::PendingRequest;
use crate::clock::Time;
use crate::process::service;
use crate::report::Status;
use crate::state;
use crate::threads;

impl Daemon {
    /// Notes that the end was asked for, and when it is to be over.
    pub(super) fn asked_to_end(&mut self, now: Time, limit: Duration) {
        let by = now + limit;
        let before = self.shutdown.deadline;
        self.shutdown.deadline = Some(before.map_or(by, |before| before.min(by)));
        if before.is_none() {
            self.shutdown.asked = Some(now);
            self.shutdown.next_message = Some(now + MESSAGE_PAUSE);
            service::stopping();
            service::status("stopping: reading what is written so far");
        }
    }

    /// Begins the end, now that the inputs are read: everything is mailed and kept.
    pub(super) fn begin_end(&mut self, now: Time) {
        let timeout = self.monitor.config().mail.timeout;
        let asked = self.shutdown.asked.unwrap_or(now);
        let until = self.shutdown.deadline.unwrap_or(now + STOP);
        let kept = self.commits.stores();
        self.shutdown.ending = Some(Ending::begin(now, (asked, until), timeout, kept));
        // Even if nothing is new: the next start sees until when somebody watched.
        self.commits.last();
        self.flush(now, Status::Terminating);
        service::status("stopping: sending the last reports");
    }

    /// Ends the run after the death of a thread. What the loop has counted is whole: it is kept where there is a state
    /// directory, or else mailed. The process is ended from outside if this takes too long.
    pub(super) fn thread_died(&mut self, now: Time) {
        self.shutdown.exit_status = threads::DIED;
        if !self.commits.stores() {
            return self.end_with_reports(now, threads::LAST - KEEP);
        }
        (self.requests.pending, self.requests.until) = (Vec::new(), None);
        let until = now + LAST_SNAPSHOT;
        let until = self.shutdown.deadline.map_or(until, |by| by.min(until));
        (self.shutdown.deadline, self.shutdown.next_message) =
            (Some(until), Some(now + MESSAGE_PAUSE));
        self.shutdown.ending = Some(Ending {
            mails: now,
            until,
            sends: false,
        });
        self.commits.last();
        if threads::is_dead(state::WRITER) && self.verify_directory(now) {
            self.commit_here(now);
        }
    }

    /// Ends as after `SIGTERM`, within this time.
    fn end_with_reports(&mut self, now: Time, limit: Duration) {
        self.asked_to_end(now, limit);
        match &mut self.shutdown.ending {
            Some(ending) => {
                ending.until = ending.until.min(now + limit);
                ending.mails = ending.mails.min(ending.until - KEEP);
            }
            None => self.request(PendingRequest::End, now),
        }
    }

    /// Ends the run because another daemon has the state directory now.
    pub(super) fn directory_taken(&mut self, now: Time) {
        log::error!(
            "the state directory was removed and made anew, and another tenshi uses it: this one \
             mails what it has counted, and ends"
        );
        self.commits.forsake();
        self.leave_site(now);
        self.shutdown.exit_status = self.shutdown.exit_status.max(1);
        self.end_with_reports(now, STOP);
    }

    /// Whether the end was asked for, and every mail was tried and everything is on disk.
    pub(super) fn ended(&self) -> bool {
        self.shutdown.ending.is_some_and(|ending| {
            let now = self.clock.now();
            let tried = self.outbox.in_flight() == 0 && self.next_try().is_none_or(|t| t > now);
            let sent = !ending.sends || tried || now >= ending.mails;
            (sent && self.commits.clean()) || now >= ending.until
        })
    }

    /// Logs what the end waits for, while it takes long.
    pub(super) fn log_progress(&mut self, now: Time) {
        let (Some(until), Some(_)) = (
            self.shutdown.deadline,
            self.shutdown.next_message.filter(|at| *at <= now),
        ) else {
            return;
        };
        self.shutdown.next_message = Some(now + MESSAGE_PAUSE);
        let left = |until: Time| (until - now).num_seconds().max(0);
        match (&self.shutdown.ending, self.requests.until) {
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
                self.requests.drains_awaited,
                left(read_until)
            ),
            (None, None) => {}
        }
    }

    /// Ends the inputs and logs what is not delivered. The exit status says whether everything was
    /// delivered or is kept.
    pub(super) fn shut_down(mut self) -> i32 {
        threads::over();
        let stores = self.commits.stores();
        let kept = self.commits.clean() && self.commits.on_disk();
        if kept {
            self.commit_whole(self.clock.now());
        }
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
        self.shutdown.exit_status.max(i32::from(lost))
    }
}
