//! `make demo`: what a newcomer sees first.

use std::path::Path;
use std::process::Command;

use crate::support::daemon::PROGRAM;

#[test]
fn it_shows_mails_news_and_a_silence_and_ends_well() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let built = Path::new(PROGRAM)
        .ancestors()
        .nth(2)
        .expect("the directory of the builds");
    let mut demo = Command::new(top.join("examples/demo/run"));
    // The program is built already.
    let output = demo
        .env("CARGO", "true")
        .env("CARGO_TARGET_DIR", built)
        .output();
    let output = output.expect("it runs");
    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{shown}\n{output:?}");
    for part in [
        "CRITICAL [critical]",
        "*** New since ",
        "tenshi: silent since ",
        "misc .*",
        "ended well",
    ] {
        assert!(shown.contains(part), "no {part:?} in {shown}");
    }
}
