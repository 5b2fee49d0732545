//! What a restart finds: reports that could not be delivered, and a damaged snapshot.

use std::fs;

use crate::site::{Site, mails};

const QUEUE: &str = "set queue n from@x n@x [now]\nn ^foo\n";

#[test]
fn a_report_that_was_undeliverable_at_the_end_is_sent_by_the_next_start() {
    let mut site = Site::start(&[], QUEUE);
    site.sink.down();
    site.log("foo one");
    site.wait_told("could not contact");
    site.finish();
    assert!(site.told().contains("is kept for the next start"));
    site.sink.up();
    site.run();
    site.sink.messages(1);
    site.finish();
    let mails = mails(&site.sink.record());
    let bodies: Vec<&str> = mails.values().map(|mail| mail.body()).collect();
    assert_eq!(bodies, ["\nh1: \n    1: foo one\n"]);
}

#[test]
fn a_damaged_snapshot_is_moved_aside_and_told() {
    let mut site = Site::start(&[], QUEUE);
    site.finish();
    fs::write(site.snapshot(), "rubbish").expect("the damage");
    site.run();
    assert!(site.told().contains("damaged"), "{}", site.told());
    assert!(site.dir.path("state/tenshi.state.bad-0").exists());
    site.finish();
}
