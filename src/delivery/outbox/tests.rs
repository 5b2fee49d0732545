use std::time::Duration;

use chrono::{TimeZone, Utc};

use super::settle::{FIRST_PAUSE, LOGGED_EVERY, LONGEST_PAUSE};
use super::*;
use crate::config::Address;
use crate::delivery::message::tests::queued_mail;
use crate::delivery::{AttemptResult, Delivery};

const SLEEP: Duration = Duration::from_secs(5);

fn start() -> Time {
    Utc.with_ymd_and_hms(2026, 11, 23, 12, 0, 0).unwrap()
}

fn queued() -> (Outbox, u64) {
    let mut outbox = Outbox::default();
    let id = outbox.push(queued_mail(b"s", b"b").report, start(), "console");
    (outbox, id)
}

#[test]
fn a_mail_stays_until_it_is_taken_and_keeps_its_message_id() {
    let (mut outbox, id) = queued();
    let first = outbox.start_due(start(), &|_| false);
    assert!(
        outbox.start_due(start(), &|_| false).is_empty(),
        "in flight"
    );
    let mut now = start();
    let mut logged = 0;
    for pause in [5, 10, 20, 40] {
        logged += outbox
            .settle(
                &AttemptResult::new(id, Delivery::Deferred("down".into())),
                now,
                false,
                SLEEP,
            )
            .messages
            .len();
        assert_eq!(
            outbox.next_try(&|_| false),
            Some(now + Duration::from_secs(pause))
        );
        now += Duration::from_secs(pause);
        assert_eq!(
            outbox.start_due(now, &|_| false)[0].message_id,
            first[0].message_id
        );
    }
    assert_eq!(logged, 1, "logged once");
    let settled = outbox.settle(
        &AttemptResult::new(id, Delivery::accepted()),
        now,
        false,
        SLEEP,
    );
    assert!(settled.finished.is_some() && outbox.is_empty());
    assert_eq!(settled.messages.len(), 1, "the end of the fault is logged");
}

#[test]
fn a_now_queue_is_tried_at_each_check() {
    let (mut outbox, id) = queued();
    outbox.start_due(start(), &|_| false);
    outbox.settle(
        &AttemptResult::new(id, Delivery::Deferred("down".into())),
        start(),
        true,
        SLEEP,
    );
    assert_eq!(outbox.next_try(&|_| false), Some(start() + SLEEP));
    assert!(outbox.waiting("a"));
}

/// What is mended by a reload is not to wait for a pause that an attempt of before it asked for.
#[test]
fn an_attempt_under_old_settings_is_no_reason_for_a_pause() {
    let (mut outbox, id) = queued();
    outbox.start_due(start(), &|_| false);
    outbox.settings_changed(start());
    let failed = AttemptResult::new(id, Delivery::Deferred("down".into()));
    outbox.settle(&failed, start(), false, SLEEP);
    assert_eq!(outbox.start_due(start(), &|_| false).len(), 1);
    outbox.settle(&failed, start(), false, SLEEP);
    assert_eq!(outbox.start_due(start(), &|_| false).len(), 0, "a pause");
}

#[test]
fn a_refused_mail_waits_for_its_queue_and_blocks_no_other() {
    let (mut outbox, id) = queued();
    outbox.start_due(start(), &|_| false);
    outbox.settle(
        &AttemptResult::new(id, Delivery::ContentRejected("552".into())),
        start(),
        false,
        SLEEP,
    );
    assert_eq!(
        (outbox.next_try(&|_| false), outbox.waiting("a")),
        (None, false)
    );
    outbox.retry_queue("a", start());
    assert_eq!(outbox.start_due(start(), &|_| false).len(), 1);
}

#[test]
fn a_recipient_that_must_wait_is_tried_alone() {
    let (mut outbox, id) = queued();
    let address = |text| Address::new(text).unwrap();
    outbox.mails[0].report.recipients = vec![address("one"), address("two"), address("three")];
    outbox.start_due(start(), &|_| false);
    let result = Delivery::Accepted {
        rejected: vec![(address("one"), "550 no".into())],
        deferred: vec![(address("three"), "450 full".into())],
    };
    let settled = outbox.settle(&AttemptResult::new(id, result), start(), false, SLEEP);
    assert!(settled.finished.is_none());
    assert_eq!(settled.messages.len(), 2);
    let again = outbox.start_due(start() + FIRST_PAUSE, &|_| false);
    assert_eq!(again[0].report.recipients, [address("three")]);
    assert_eq!(again[0].done, [address("two")]);
}

#[test]
fn pauses_end_at_ten_minutes_and_a_lasting_fault_is_told_daily() {
    let (mut outbox, id) = queued();
    let (mut now, mut logged, mut attempts) = (start(), 0, 0);
    while now < start() + LOGGED_EVERY * 3 {
        assert_eq!(outbox.start_due(now, &|_| false).len(), 1);
        let down = AttemptResult::new(id, Delivery::Deferred("down".into()));
        logged += outbox.settle(&down, now, false, SLEEP).messages.len();
        let next = outbox.next_try(&|_| false).unwrap();
        assert!(next - now <= chrono::TimeDelta::from_std(LONGEST_PAUSE).unwrap());
        (now, attempts) = (next, attempts + 1);
    }
    assert_eq!(logged, 3, "at its beginning and each day");
    assert!(attempts > 400, "{attempts}");
}

#[test]
fn after_a_restart_what_was_in_flight_is_sent_again_as_the_same_mail() {
    let (mut outbox, _) = queued();
    let before = outbox.start_due(start(), &|_| false);
    let bytes = postcard::to_stdvec(&outbox).unwrap();
    let mut outbox: Outbox = postcard::from_bytes(&bytes).unwrap();
    assert_eq!(outbox.start_due(start(), &|_| false), before);
    let next = outbox.push(queued_mail(b"s", b"b").report, start(), "console");
    let next = outbox.mails().iter().find(|l| l.id == next).unwrap();
    assert_ne!(next.message_id, before[0].message_id);
    assert_eq!(next.thread.as_ref(), Some(&before[0].message_id));
}

/// Four mails of four queues, in an outbox.
fn four() -> Outbox {
    let mut outbox = Outbox::default();
    for queue in ["a", "b", "c", "d"] {
        let mut report = queued_mail(b"s", b"b").report;
        report.queue = queue.into();
        outbox.push(report, start(), "console");
    }
    outbox
}

fn denied(id: u64) -> AttemptResult {
    AttemptResult::new(id, Delivery::AccessDenied("535 no".into()))
}

#[test]
fn one_mail_tries_whether_the_server_lets_us_in() {
    let mut outbox = four();
    let mut csv = queued_mail(b"s", b"b").report;
    csv.recipients.clear();
    csv.queue = "csv".into();
    let all = outbox.start_due(start(), &|_| false);
    assert_eq!(all.len(), 4, "nothing is known yet");
    let mut logged = Vec::new();
    for mail in &all {
        logged.extend(
            outbox
                .settle(&denied(mail.id), start(), true, SLEEP)
                .messages,
        );
    }
    assert_eq!(logged.len(), 1, "{logged:?}");
    // 535 counts four times already: the pauses have doubled.
    let (mut now, mut tries) = (start(), 0);
    while now < start() + LOGGED_EVERY {
        let next = outbox.next_try(&|_| false).unwrap();
        assert!(next > now && next - now <= chrono::TimeDelta::hours(1));
        now = next;
        // A program that takes CSV has nothing to do with it.
        let id = outbox.push(csv.clone(), now, "console");
        let due = outbox.start_due(now, &|_| false);
        let ids: Vec<&str> = due.iter().map(|l| l.report.queue.as_str()).collect();
        assert_eq!(ids.len(), 2, "{ids:?}");
        assert!(ids.contains(&"csv"));
        outbox.settle(
            &AttemptResult::new(id, Delivery::accepted()),
            now,
            true,
            SLEEP,
        );
        assert_eq!(outbox.next_try(&|_| false), None, "the others wait for it");
        let tried = due.iter().find(|l| l.is_for_server()).unwrap();
        outbox.settle(&denied(tried.id), now, true, SLEEP);
        tries += 1;
    }
    assert!((20..40).contains(&tries), "{tries} logins a day");
    // An admin asks for it: one at once, and with the first that gets in all.
    outbox.retry_all(now);
    let one = outbox.start_due(now, &|_| false);
    assert_eq!(one.len(), 1);
    let settled = outbox.settle(
        &AttemptResult::new(one[0].id, Delivery::accepted()),
        now,
        true,
        SLEEP,
    );
    let last = &settled.messages.last().unwrap().1;
    assert!(last.contains("lets us in again"), "{last}");
    assert_eq!(outbox.start_due(now, &|_| false).len(), 3);
    // New settings of mail: nothing of before counts.
    let mut outbox = four();
    let first = outbox.start_due(start(), &|_| false);
    outbox.settle(&denied(first[0].id), start(), true, SLEEP);
    outbox.settings_changed(start());
    assert_eq!(outbox.next_try(&|_| false), Some(start()));
}

#[test]
fn what_is_refused_whatever_it_says_holds_its_now_queue_and_is_tried_with_care() {
    let (mut outbox, id) = queued();
    let no = AttemptResult::new(id, Delivery::EnvelopeRejected("550 sender".into()));
    let (mut now, mut tries, mut logged) = (start(), 0, 0);
    outbox.start_due(now, &|_| false);
    logged += outbox.settle(&no, now, true, SLEEP).messages.len();
    while now < start() + LOGGED_EVERY {
        assert!(outbox.waiting("a"), "no second one beside it");
        assert!(outbox.has_rejected("a"), "and `status --check` is critical");
        now += SLEEP;
        outbox.retry_blocking("a", now);
        for _ in outbox.start_due(now, &|_| false) {
            logged += outbox.settle(&no, now, true, SLEEP).messages.len();
            tries += 1;
        }
    }
    assert!((100..200).contains(&tries), "{tries} a day");
    assert!(logged <= 2, "{logged}");
    // Of a scheduled queue, its own time says when; what it says itself holds up nobody.
    let (mut outbox, id) = queued();
    outbox.start_due(start(), &|_| false);
    outbox.settle(
        &AttemptResult::new(id, Delivery::EnvelopeRejected("no".into())),
        start(),
        false,
        SLEEP,
    );
    assert!(!outbox.waiting("a"));
    let (mut outbox, id) = queued();
    outbox.start_due(start(), &|_| false);
    outbox.settle(
        &AttemptResult::new(id, Delivery::ContentRejected("spam".into())),
        start(),
        true,
        SLEEP,
    );
    assert!(!outbox.waiting("a"));
}

#[test]
#[allow(
    clippy::too_many_lines,
    reason = "a test tells one story from its beginning to its end"
)]
fn parts_are_mails_in_one_thread_and_each_is_settled_by_itself() {
    let (mut outbox, id) = queued();
    let whole = outbox.start_due(start(), &|_| false).remove(0);
    let too_large = |id, parts: &[&str]| AttemptResult {
        parts: parts
            .iter()
            .map(|&part| part.as_bytes().to_vec().into())
            .collect(),
        ..AttemptResult::new(
            id,
            Delivery::TooLarge {
                most: 9,
                why: "at most 9".into(),
            },
        )
    };
    let settled = outbox.settle(&too_large(id, &["1", "2", "3"]), start(), false, SLEEP);
    assert_eq!(settled.parts.len(), 3);
    assert!(settled.finished.is_none() && settled.messages[0].1.contains("in 3 parts"));
    // They wait for the snapshot that has them.
    let held = settled.parts.clone();
    assert!(
        outbox
            .start_due(start(), &|id| held.contains(&id))
            .is_empty()
    );
    let bytes = postcard::to_stdvec(&outbox).unwrap();
    let mut outbox: Outbox = postcard::from_bytes(&bytes).unwrap();
    let parts = outbox.start_due(start(), &|_| false);
    let subjects: Vec<String> = parts.iter().map(|p| p.report.subject.to_string()).collect();
    assert_eq!(subjects, ["[1/3] s", "[2/3] s", "[3/3] s"]);
    assert_eq!((parts[0].id, &parts[0].message_id), (id, &whole.message_id));
    for part in &parts[1..] {
        assert_ne!(part.message_id, whole.message_id);
        assert!(part.message_id.ends_with("@console"), "{}", part.message_id);
        assert_eq!(part.thread.as_ref(), Some(&whole.message_id));
    }
    // The second is taken, the first waits, the third is cut once more.
    outbox.settle(
        &AttemptResult::new(parts[1].id, Delivery::accepted()),
        start(),
        false,
        SLEEP,
    );
    outbox.settle(
        &AttemptResult::new(id, Delivery::Deferred("451".into())),
        start(),
        false,
        SLEEP,
    );
    let again = outbox.settle(
        &too_large(parts[2].id, &["31", "32"]),
        start(),
        false,
        SLEEP,
    );
    let left: Vec<(String, String)> = outbox
        .mails()
        .iter()
        .map(|l| (l.report.subject.to_string(), l.report.body.to_string()))
        .collect();
    let want = [
        ("[1/3] s", "1"),
        ("[3/3, 1/2] s", "31"),
        ("[3/3, 2/2] s", "32"),
    ];
    assert_eq!(left, want.map(|(s, b)| (s.into(), b.into())));
    let last = outbox.mails().last().unwrap();
    let thread = format!("{} {}", whole.message_id, parts[2].message_id);
    assert_eq!(last.thread, Some(thread));
    assert_eq!(again.parts[0], parts[2].id);
    // One that cannot be cut is refused.
    outbox.start_due(start(), &|_| false);
    outbox.settle(&too_large(again.parts[0], &[]), start(), false, SLEEP);
    assert!(outbox.has_rejected("a"));
}

#[test]
fn what_waits_is_told_of_until_a_report_that_tells_it_is_taken() {
    let mut outbox = four();
    let ids: Vec<u64> = outbox.mails().iter().map(|l| l.id).collect();
    assert!(outbox.unsent(start()).is_empty(), "not tried yet");
    outbox.start_due(start(), &|_| false);
    outbox.settle(
        &AttemptResult::new(ids[0], Delivery::Deferred("451".into())),
        start(),
        false,
        SLEEP,
    );
    outbox.settle(
        &AttemptResult::new(ids[1], Delivery::ContentRejected("554".into())),
        start(),
        false,
        SLEEP,
    );
    let unsent = outbox.unsent(start());
    assert_eq!(unsent.len(), 2);
    assert!(
        unsent[0].text.contains(" of queue a of 2026-11-2")
            && unsent[0].text.ends_with(" waits: 451")
    );
    assert!(unsent[1].text.ends_with(" was refused and is kept: 554"));
    // The third tells it, and waits itself: it is logged again.
    outbox.carried(&ids[..2], ids[2]);
    outbox.settle(
        &AttemptResult::new(ids[2], Delivery::Deferred("451".into())),
        start(),
        false,
        SLEEP,
    );
    assert_eq!(outbox.unsent(start()).len(), 3);
    outbox.carried(&ids[..3], ids[3]);
    outbox.settle(
        &AttemptResult::new(ids[3], Delivery::accepted()),
        start(),
        false,
        SLEEP,
    );
    assert!(outbox.unsent(start()).is_empty(), "once is enough");
    assert_eq!(outbox.unsent(start() + LOGGED_EVERY).len(), 3, "for a day");
    let mut many = four();
    for _ in 0..3 {
        many.push(queued_mail(b"s", b"b").report, start(), "console");
    }
    let all: Vec<u64> = many.mails().iter().map(|l| l.id).collect();
    for id in &all {
        many.settle(
            &AttemptResult::new(*id, Delivery::Deferred("451".into())),
            start(),
            false,
            SLEEP,
        );
    }
    let unsent = many.unsent(start());
    assert_eq!(unsent.len(), 6);
    assert_eq!(unsent[5].text, "2 more reports wait or were refused");
    assert_eq!(unsent[5].mails, all[5..]);
}
