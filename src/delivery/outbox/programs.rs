//! Reports for programs of `set notify`: in what order a program gets them, and what becomes of them while it fails.
//!
//! A program that fails must not keep a queue from mailing, as a mail server does that is away: so its reports are no
//! reason for a queue to wait. In their place, the reports that nobody has tried yet are put together to one.

use std::collections::BTreeMap;

use super::Outbox;
use crate::clock::Time;
use crate::delivery::QueuedMail;
use crate::report::{Notification, Report};

/// The number of attempts after which a report no longer holds back the later ones: the program may refuse it for
/// what stands in it.
const PATIENCE: u32 = 8;
/// The most reports of a queue for a program that are tried beside each other.
const MOST_TRIED: usize = 16;
/// The longest text that several reports are put together to, bytes.
const LONGEST: usize = 1 << 20;
/// The most text that waits for a program, bytes, as it is in the state.
const MOST_TEXT: usize = 16 << 20;

/// Whether two reports have the way from one queue to one recipient in common.
fn same_way(one: &Report, other: &Report) -> bool {
    let program = |report: &Report| {
        let notification = report.notification.as_ref();
        notification.map(|notification| notification.program.clone())
    };
    one.queue == other.queue && one.recipients == other.recipients && program(one) == program(other)
}

impl Outbox {
    /// Takes in a report for a program of `set notify`. Gives the number of its mail, or the report if so much waits
    /// for the program that there is no room.
    ///
    /// # Errors
    /// 16 MiB of reports wait for the program.
    pub fn push_notification(
        &mut self,
        report: Report,
        now: Time,
        hostname: &str,
    ) -> Result<u64, Box<Report>> {
        let name = report.notification.as_ref().map(|n| &n.program);
        let waits = self.mails.iter().filter(|mail| {
            let program = mail.report.notification.as_ref().map(|n| &n.program);
            program.is_some() && program == name
        });
        let waiting: usize = waits.map(|mail| mail.report.body.size()).sum();
        if waiting.saturating_add(report.body.size()) > MOST_TEXT && waiting > 0 {
            return Err(Box::new(report));
        }
        let unseen = &self.unseen;
        let last = self.mails.iter_mut().rev();
        let last = { last }.find(|mail| same_way(&mail.report, &report));
        if let Some(mail) = last
            && unseen.contains(&mail.id)
            && mail.report.body.size() + report.body.size() <= LONGEST
        {
            // Nobody has got it yet, so under its Message-ID it may still become longer.
            mail.report.body = mail.report.body.with(&report.body);
            if let (Some(facts), Some(later)) = (&mut mail.report.notification, report.notification)
            {
                facts.append(later);
            }
            return Ok(mail.id);
        }
        let id = self.push(report, now, hostname);
        self.unseen.insert(id);
        Ok(id)
    }

    /// Notes that a report was left out for a program. Says whether it is the first since the program took one.
    pub fn first_left_out(&mut self, program: &str) -> bool {
        self.left_out.insert(program.to_owned())
    }

    /// Whether a report for a program has to wait for earlier ones of its queue.
    pub(super) fn is_behind(&self, mail: &QueuedMail) -> bool {
        if mail.report.notification.is_none() {
            return false;
        }
        let earlier = self.mails.iter().take_while(|other| other.id != mail.id);
        let mut earlier = earlier.filter(|other| same_way(&other.report, &mail.report));
        let mut tried = 0;
        earlier.any(|other| {
            tried += 1;
            other.attempts < PATIENCE || tried >= MOST_TRIED
        })
    }

    /// The facts of the reports for programs, by the numbers of their mails: they have a section of their own in the
    /// state.
    pub fn notifications(&self) -> BTreeMap<u64, &Notification> {
        let mails = self.mails.iter();
        mails
            .filter_map(|mail| Some((mail.id, mail.report.notification.as_ref()?)))
            .collect()
    }

    /// Gives the reports for programs their facts, which were read from the state.
    pub fn set_notifications(&mut self, mut notifications: BTreeMap<u64, Notification>) {
        for mail in &mut self.mails {
            mail.report.notification = notifications.remove(&mail.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use chrono::TimeDelta;

    use super::*;
    use crate::delivery::message::tests::queued_mail;
    use crate::delivery::{AttemptResult, Delivery};

    const SLEEP: Duration = Duration::from_secs(5);

    fn report(queue: &str, body: &str) -> Report {
        let mut report = queued_mail(b"s", body.as_bytes()).report;
        report.queue = queue.into();
        report.recipients = vec![crate::config::Address::new("notify:chat").unwrap()];
        report.notification = Some(Notification::new("chat", &[]));
        report
    }

    fn push(outbox: &mut Outbox, queue: &str, body: &str) -> Option<u64> {
        let pushed = outbox.push_notification(report(queue, body), Time::default(), "h");
        pushed.ok()
    }

    fn due(outbox: &mut Outbox, now: Time) -> Vec<u64> {
        let started = outbox.start_due(now, &|_| false);
        started.iter().map(|mail| mail.id).collect()
    }

    fn fail(outbox: &mut Outbox, id: u64, now: Time) {
        let failed = AttemptResult::new(id, Delivery::Deferred("down".into()));
        outbox.settle(&failed, now, true, SLEEP);
    }

    #[test]
    fn reports_become_one_while_an_earlier_one_is_not_taken_and_no_queue_waits() {
        let mut outbox = Outbox::default();
        let mut now = Time::default();
        let first = push(&mut outbox, "q", "1\n").unwrap();
        assert_eq!(due(&mut outbox, now), [first]);
        let second = push(&mut outbox, "q", "2\n").unwrap();
        let other = push(&mut outbox, "other", "3\n").unwrap();
        assert_eq!(push(&mut outbox, "q", "4\n"), Some(second));
        assert!(!outbox.waiting("q") && !outbox.has_rejected("q"));
        assert_eq!(
            due(&mut outbox, now),
            [other],
            "one queue does not wait for another"
        );
        fail(&mut outbox, first, now);
        assert_eq!(
            due(&mut outbox, now),
            Vec::<u64>::new(),
            "a pause, and the second behind the first"
        );
        now += TimeDelta::seconds(5);
        assert_eq!(due(&mut outbox, now), [first]);
        let taken = AttemptResult::new(first, Delivery::accepted());
        outbox.settle(&taken, now, true, SLEEP);
        assert_eq!(due(&mut outbox, now), [second]);
        assert_eq!(outbox.get(second).unwrap().body().whole(), &b"2\n4\n"[..]);
        let third = push(&mut outbox, "q", "5\n").unwrap();
        assert!(third > second, "the second is seen");
        assert!(!outbox.get(third).unwrap().is_for_server());
        assert_eq!(outbox.get(third).unwrap().thread, None);
    }

    #[test]
    fn one_that_is_refused_again_and_again_lets_the_others_pass() {
        let mut outbox = Outbox::default();
        let mut now = Time::default();
        let bad = push(&mut outbox, "q", "too long\n").unwrap();
        assert_eq!(due(&mut outbox, now), [bad]);
        let good = push(&mut outbox, "q", "good\n").unwrap();
        let begun = now;
        loop {
            fail(&mut outbox, bad, now);
            now = outbox.next_try(&|_| false).unwrap();
            let started = due(&mut outbox, now);
            if started.contains(&good) {
                break;
            }
            assert_eq!(started, [bad]);
        }
        assert!(now - begun < TimeDelta::minutes(15), "{}", now - begun);
    }

    #[test]
    fn what_waits_for_a_program_has_a_bound() {
        let mut outbox = Outbox::default();
        let now = Time::default();
        let mut taken = 0;
        let text = "x".repeat(300_000);
        while push(&mut outbox, "q", &text).is_some() {
            taken += 1;
        }
        assert_eq!(taken, MOST_TEXT / text.len());
        assert!(outbox.mails().len() <= taken / 2, "three in one");
        assert!(outbox.first_left_out("chat") && !outbox.first_left_out("chat"));
        let mut tried = Vec::new();
        for _ in 0..1000 {
            let started = due(&mut outbox, now);
            for id in started {
                fail(&mut outbox, id, now);
                if !tried.contains(&id) {
                    tried.push(id);
                }
            }
            outbox.retry_all(now);
        }
        assert_eq!(tried.len(), MOST_TRIED);
        let settled = AttemptResult::new(tried[0], Delivery::accepted());
        outbox.settle(&settled, now, true, SLEEP);
        assert!(outbox.first_left_out("chat"), "told anew");
    }

    /// A run that was killed may have handed it to the program, and kept no note of that.
    #[test]
    fn a_report_of_a_run_before_stays_as_it_is() {
        let mut outbox = Outbox::default();
        let first = push(&mut outbox, "q", "1\n").unwrap();
        let bytes = postcard::to_stdvec(&outbox).unwrap();
        let facts = outbox.notifications().into_iter();
        let facts = facts.map(|(id, facts)| (id, facts.clone())).collect();
        let mut outbox: Outbox = postcard::from_bytes(&bytes).unwrap();
        outbox.set_notifications(facts);
        let second = push(&mut outbox, "q", "2\n").unwrap();
        assert_ne!(first, second);
        assert_eq!(push(&mut outbox, "q", "3\n"), Some(second));
    }
}
