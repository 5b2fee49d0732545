//! Mails that are larger than the server takes.

use tenshi::delivery::Delivery;

use super::{send, settings, taken};
use crate::support::sink::{Fault, Sink, Stage};

fn too_large(end: &Delivery) -> Option<u64> {
    match end {
        Delivery::TooLarge { most, .. } => Some(*most),
        _ => None,
    }
}

#[test]
fn a_mail_over_size_is_not_begun() {
    let message = b"line\r\n".repeat(5_000);
    let sink = Sink::start(&[], &["SIZE 20000", "8BITMIME"]);
    let end = send(&settings(sink.port), &["root"], &message);
    assert_eq!(too_large(&end), Some(20_000), "{end:?}");
    assert!(!sink.dialogue().contains("MAIL"), "{}", sink.dialogue());
    // Without a limit, and with none that can be read: our own, far above.
    for extensions in [&["SIZE 0"][..], &["SIZE"], &["SIZE many"], &[]] {
        let sink = Sink::start(&[], extensions);
        let mut settings = settings(sink.port);
        settings.timeout = Some(std::time::Duration::from_secs(20));
        assert_eq!(send(&settings, &["root"], &message), taken());
        let end = send(&settings, &["root"], &message.repeat(400));
        assert_eq!(too_large(&end), Some(10_000_000), "{extensions:?}: {end:?}");
    }
}

#[test]
fn a_refusal_that_is_about_the_size_says_what_to_try() {
    let message = b"line\r\n".repeat(40_000);
    let cases = [
        ("552 5.3.4 Message size exceeds fixed limit", Some(100_000)),
        ("554 5.2.3 too long", Some(100_000)),
        ("552 Message exceeds size limit", Some(100_000)),
        ("552 over quota", Some(100_000)),
        ("552 5.2.2 mailbox full", None),
        ("554 5.7.1 spam", None),
    ];
    for stage in [Stage::Mail, Stage::Data, Stage::EndOfData] {
        for (reply, most) in cases {
            let sink = Sink::start(&[(stage, Fault::Say(reply))], &[]);
            let mut settings = settings(sink.port);
            settings.timeout = Some(std::time::Duration::from_secs(20));
            let end = send(&settings, &["root"], &message);
            assert_eq!(too_large(&end), most, "{stage:?} {reply}: {end:?}");
            let refused = matches!(
                &end,
                Delivery::ContentRejected(_) | Delivery::EnvelopeRejected(_)
            );
            assert_eq!(refused, most.is_none(), "{stage:?} {reply}: {end:?}");
        }
    }
}
