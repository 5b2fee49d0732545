//! New names while the thread is busy.

use std::fs::OpenOptions;
use std::io::Write;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};

use super::settings;
use crate::clock::SystemClock;
use crate::input::Event;
use crate::input::file::{Follower, RealFs, TailStart, spawn};

/// How long the new file may take to be found while the other one grows.
const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn a_new_file_is_found_while_another_one_grows_without_a_pause() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = OpenOptions::new()
        .append(true)
        .create(true)
        .open(dir.path().join("busy.log"))
        .unwrap();
    // More than is read in one turn, so that the new name comes while more is there.
    log.write_all(&b"a line of the busy file\n".repeat(100_000))
        .unwrap();
    let paths = [dir.path().join("*.log")];
    let mut settings = settings();
    settings.start = TailStart::FromLine(1);
    let follower = Follower::new(RealFs, settings, &paths, Vec::new());
    let (send, events) = sync_channel(0);
    let handle = spawn(follower, Arc::new(SystemClock), send.into()).unwrap();

    let mut batches = 0;
    let began = Instant::now();
    loop {
        // The thread waits for us with each batch, so the file is still being read here.
        if let Ok(Event::Batch(batch)) = events.recv_timeout(Duration::from_millis(50)) {
            batches += 1;
            if batch.text.windows(8).any(|text| text == b"new file") {
                break;
            }
        }
        if batches == 1 {
            std::fs::write(dir.path().join("new.log"), "a line of the new file\n").unwrap();
        }
        log.write_all(b"one more\n").unwrap();
        assert!(began.elapsed() < PATIENCE, "not found ({batches} batches)");
    }
    assert!(batches > 2);
    drop(events);
    handle.stop();
}
