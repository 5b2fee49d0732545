//! Sending: mails go to the workers when their time has come, and what each attempt changed is kept.

use super::event_loop::Daemon;
use crate::clock::Time;
use crate::counters::Counter;
use crate::delivery::{ARCHIVE, AttemptResult, Delivery, MAIL_SERVER, QueuedMail};
use crate::input::Fault;
use crate::schedule::Schedule;

/// The beginning of the name of a queue among the faults.
pub(super) const QUEUE: &str = "queue ";

impl Daemon {
    /// When the next mail is to be tried; those that no snapshot holds yet wait for it.
    pub(super) fn next_try(&self) -> Option<Time> {
        let (commits, tried) = (&self.commits, &self.shutdown.attempted);
        let held = |mail| commits.holds(mail) || tried.contains(&mail);
        self.outbox.next_try(&held)
    }

    /// Hands the mails whose time has come to the workers.
    pub(super) fn dispatch(&mut self, now: Time) {
        if self.shutdown.ending.is_some_and(|ending| !ending.sends) {
            return;
        }
        let (commits, tried) = (&self.commits, &self.shutdown.attempted);
        let held = |mail| commits.holds(mail) || tried.contains(&mail);
        let due = self.outbox.start_due(now, &held);
        if self.shutdown.ending.is_some() {
            self.shutdown
                .attempted
                .extend(due.iter().map(|mail| mail.id));
        }
        for mail in due {
            let config = self.monitor.config();
            let queue = config.queues.iter().find(|q| q.name == mail.report.queue);
            let job = self.outputs.job(mail, queue.map(|q| &q.output));
            self.workers.send(job);
        }
    }

    /// Handles the result of an attempt.
    pub(super) fn settle(&mut self, attempt: &AttemptResult) {
        let now = self.clock.now();
        let config = self.monitor.config().clone();
        let mail = self.outbox.get(attempt.id);
        let for_server = mail.is_some_and(QueuedMail::is_for_server);
        let name = mail.map(|mail| mail.report.queue.clone());
        let name = name.unwrap_or_default();
        let queue = config.queues.iter().find(|q| q.name == name);
        let at_once = queue.is_some_and(|q| q.schedule == Schedule::Now);
        self.count_attempt(attempt);
        self.note_archive(attempt);
        for warning in &attempt.warnings {
            log::warn!("queue {name}: {warning}");
        }
        if for_server {
            self.note_server(attempt);
        }
        let settled = self.outbox.settle(attempt, now, at_once, config.sleep);
        for (level, text) in settled.messages {
            log::log!(level, "{text}");
        }
        if let Some(ending) = self
            .shutdown
            .ending
            .as_mut()
            .filter(|_| !settled.parts.is_empty())
        {
            ending.wait_for_parts(now, config.mail.timeout);
        }
        for part in settled.parts {
            self.commits.mail(part);
            // It is another mail now, and has its own last attempt.
            self.shutdown.attempted.remove(&part);
        }
        if let Some(mail) = settled.finished {
            log::debug!("queue {name}: delivered");
            if for_server {
                self.note_rejections(&mail);
            }
            if at_once && mail.attempts > 1 {
                // The server is back: what the queue collected meanwhile waits no longer.
                self.next_check = now;
            }
            let settlement = self.settlements.remove(&attempt.id);
            if let Some(settlement) = settlement.filter(|_| mail.attempts > 1) {
                self.monitor.delivered_at_last(&settlement);
            }
        } else if let Some(settlement) = self.settlements.get(&attempt.id)
            && self.outbox.attempts(attempt.id) == Some(1)
        {
            self.monitor.undelivered(settlement);
        }
        self.commits.soon(now);
        self.plan();
    }

    /// Keeps that a recipient does not get the reports of a queue, until one is accepted for all of
    /// its recipients.
    fn note_rejections(&mut self, mail: &QueuedMail) {
        let name = format!("{QUEUE}{}", mail.report.queue);
        let refused = mail.rejected.iter().next().map(|(who, reply)| {
            let who = who.as_str();
            Fault::blind(format!(
                "the recipient {who} was refused for good, others took the report: {reply}"
            ))
        });
        if refused.is_some() || self.faults.contains_key(&name) {
            self.health(name, refused);
        }
    }

    /// Counts the end of an attempt.
    fn count_attempt(&mut self, attempt: &AttemptResult) {
        if attempt.program_failed {
            self.monitor.count_event(Counter::CommandFailed);
        }
        match &attempt.delivery {
            Delivery::Accepted { rejected, .. } => {
                self.monitor.count_event(Counter::Delivered);
                for _ in rejected {
                    self.monitor.count_event(Counter::RecipientRejected);
                }
            }
            Delivery::Deferred(_) | Delivery::AccessDenied(_) => {
                self.monitor.count_event(Counter::DeliveryFailed)
            }
            Delivery::ContentRejected(_) | Delivery::EnvelopeRejected(_) => {
                self.monitor.count_event(Counter::Refused)
            }
            Delivery::TooLarge { .. } if attempt.parts.is_empty() => {
                self.monitor.count_event(Counter::Refused)
            }
            Delivery::TooLarge { .. } => {}
        }
    }

    /// Keeps whether delivered letters can be archived, for `tenshi status`. Mails go on in any case: a fault that
    /// lasts is told once, and so is its end.
    fn note_archive(&mut self, attempt: &AttemptResult) {
        let known = self.faults.contains_key(ARCHIVE);
        match &attempt.archived {
            None => {}
            Some(Ok(())) if known => {
                log::warn!("delivered letters are archived again");
                self.health(ARCHIVE.to_owned(), None);
            }
            Some(Ok(())) => {}
            Some(Err(fault)) => {
                let what = match fault.lost {
                    true => "delivered letters cannot be archived",
                    false => "the archive is not in order",
                };
                let text = format!("{what}: {}", fault.text);
                if fault.lost {
                    self.monitor.count_event(Counter::NotArchived);
                }
                if !known {
                    log::error!("{text}; mails go on, and each further letter is tried");
                }
                self.health(ARCHIVE.to_owned(), Some(Fault { text, blind: false }));
            }
        }
    }

    /// Keeps whether the mail server lets us in, for `tenshi status`.
    fn note_server(&mut self, attempt: &AttemptResult) {
        let fault = match &attempt.delivery {
            Delivery::AccessDenied(fault) => Some(Fault {
                text: fault.clone(),
                blind: false,
            }),
            Delivery::Deferred(_) => return,
            _ => None,
        };
        if fault.is_some() || self.faults.contains_key(MAIL_SERVER) {
            self.health(MAIL_SERVER.to_owned(), fault);
        }
    }
}
