//! Where consoles of a site hear the same hosts (`mirror`): before lines are mailed at once, the board is asked whether
//! another console has mailed them. Where it does not answer within moments, they are mailed.

use std::collections::BTreeMap;

use chrono::TimeDelta;

use super::event_loop::Daemon;
use super::site::Asked;
use crate::clock::Time;
use crate::config::Queue;
use crate::delivery::QueuedMail;
use crate::monitor::MOST_ALARMS;

/// An answer is waited for no longer than this.
const PATIENCE: TimeDelta = TimeDelta::seconds(2);

impl Daemon {
    /// When an answer is not waited for any more.
    pub(super) fn next_alarm(&self) -> Option<Time> {
        match self.site.as_ref()?.question.as_ref()?.state {
            Asked::Until(time) => Some(time),
            Asked::No | Asked::Over { .. } => None,
        }
    }

    /// Whether `[now]` queues wait for an answer; the question is asked first.
    pub(super) fn asks_for_alarms(&mut self, now: Time) -> bool {
        let Some(site) = &mut self.site else {
            return false;
        };
        let unheard = site.hangs || site.member.is_away();
        let Some(question) = &mut site.question else {
            return false;
        };
        let until = match std::mem::take(&mut question.state) {
            Asked::Until(until) if now < until => {
                question.state = Asked::Until(until);
                return true;
            }
            Asked::Until(_) => return false,
            Asked::Over { at, until } if (TimeDelta::zero()..PATIENCE).contains(&(now - at)) => {
                if now >= until || question.answers.len() >= MOST_ALARMS {
                    return false;
                }
                until
            }
            // After a flush took the lines, an answer is not about those that came since.
            Asked::Over { .. } | Asked::No => {
                question.answers.clear();
                self.monitor.set_mailed_elsewhere(BTreeMap::new());
                now + PATIENCE
            }
        };
        let outbox = &self.outbox;
        // Of a queue that goes on collecting, and while a mail waits since the server did not take it, nothing is
        // mailed now.
        let refused = |mail: &QueuedMail| {
            // A mail that it took for some recipients does not say that it takes no other one.
            mail.attempts > 0 && mail.next_try.is_some() && mail.done.is_empty()
        };
        let stuck = (outbox.mails().iter()).any(|mail| mail.is_for_server() && refused(mail));
        let waiting =
            |queue: &Queue| outbox.waiting(&queue.name) || (stuck && queue.output.mail().is_some());
        // Of lines that came while the board was asked about others, it is asked too.
        let mut hashes = self.monitor.alarms(now, &waiting);
        hashes.retain(|hash| !question.answers.contains_key(hash));
        if unheard || hashes.is_empty() {
            return false;
        }
        question.number += 1;
        question.state = Asked::Until(until);
        question.hashes.clone_from(&hashes);
        site.worker.alarms(question.number, hashes);
        true
    }

    /// Takes the answer: the consoles that have mailed the lines, if others than this one did.
    pub(super) fn alarms_answered(&mut self, number: u64, by: Vec<Option<String>>) {
        let question = self.site.as_mut().and_then(|site| site.question.as_mut());
        if let Some(question) = question
            && question.number == number
            && let Asked::Until(until) = question.state
        {
            let now = self.clock.now();
            question.state = Asked::Over { at: now, until };
            let hashes = std::mem::take(&mut question.hashes);
            question.answers.extend(hashes.into_iter().zip(by));
            let by = question.answers.iter();
            let by = by.filter_map(|(hash, by)| Some((*hash, by.clone()?)));
            self.monitor.set_mailed_elsewhere(by.collect());
            self.next_check = now;
        }
    }
}
