//! Any bytes may be a journal file: they are entries, or it is told what is wrong, and the reading has an end.

#![no_main]

use std::cell::RefCell;

use libfuzzer_sys::fuzz_target;
use tenshi::input::journal::{Entries, Fields, Scratch, Wanted};

const FIELDS: [&str; 4] = ["MESSAGE", "_HOSTNAME", "SYSLOG_IDENTIFIER", "_PID"];

thread_local! {
    /// One for all files, as the daemon has it.
    static SCRATCH: RefCell<Scratch> = RefCell::new({
        let wanted = Wanted::new(FIELDS.iter().map(|name| name.as_bytes()));
        Scratch::new(Fields::new(wanted, 65_537))
    });
}

fuzz_target!(|bytes: &[u8]| {
    let Ok(Some(mut entries)) = Entries::open(bytes, 0) else {
        return;
    };
    SCRATCH.with_borrow_mut(|scratch| {
        let (mut bad, mut read) = (0, 0u64);
        while bad < 100
            && read < 10_000
            && let Some(entry) = entries.read(scratch)
        {
            read += 1;
            match entry {
                Ok(_) => {
                    let length: usize = scratch.values().all().map(|(_, value)| value.len()).sum();
                    assert!(length <= 20 * 65_537 * 100, "values are cut");
                }
                Err(_) if entries.is_broken() => return,
                Err(_) => bad += 1,
            }
        }
    });
});
