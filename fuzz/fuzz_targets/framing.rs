//! Any bytes may come over a syslog connection (RFC 6587): how they are cut into packets changes nothing,
//! no message is longer than what is kept, and a message that is not cut stands in what was sent.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tenshi::input::listen::{BadFraming, Framing};

const MAX_LINE: usize = 64;

type Messages = (Vec<(Vec<u8>, bool)>, Option<BadFraming>);

fn messages<'a>(packets: impl Iterator<Item = &'a [u8]>) -> Messages {
    let (mut framing, mut messages) = (Framing::new(MAX_LINE), Vec::new());
    for packet in packets {
        let mut take = |message: &[u8], cut: bool| messages.push((message.to_vec(), cut));
        if let Err(bad) = framing.take(packet, &mut take) {
            return (messages, Some(bad));
        }
    }
    framing.end(&mut |message, cut| messages.push((message.to_vec(), cut)));
    (messages, None)
}

fuzz_target!(|bytes: &[u8]| {
    let whole = messages([bytes].into_iter());
    assert_eq!(messages(bytes.chunks(1)), whole);
    assert_eq!(messages(bytes.chunks(7)), whole);
    for (message, cut) in &whole.0 {
        assert!(message.len() <= MAX_LINE + 1024);
        let there = message.is_empty() || bytes.windows(message.len()).any(|part| part == message);
        assert!(*cut || there, "a message that nobody sent");
    }
});
