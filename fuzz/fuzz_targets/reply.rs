//! Any bytes may come from a mail server: they are replies within bounds, or it is told why not.
//! What is shown of one is short and holds no control character.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tenshi::delivery::parts;
use tenshi::delivery::smtp::reply::{Offer, ReplyParser};

fuzz_target!(|bytes: &[u8]| {
    let mut parser = ReplyParser::default();
    let mut pending = 0;
    for line in bytes.split_inclusive(|&byte| byte == b'\n') {
        pending += line.len();
        match parser.line(line) {
            Ok(None) => assert!(pending <= 64 * 1024, "without a bound"),
            Ok(Some(reply)) => {
                assert!((200..600).contains(&reply.code));
                assert!(!reply.lines.is_empty() && reply.lines.len() <= 256);
                let text = reply.text();
                assert!(text.chars().count() <= 401 && !text.contains(char::is_control));
                let _ = (Offer::of(&reply), reply.enhanced());
                if let Some(most) = parts::smaller(pending, &reply) {
                    assert!(most < pending as u64, "no smaller");
                }
                pending = 0;
            }
            Err(_) => return,
        }
    }
});
