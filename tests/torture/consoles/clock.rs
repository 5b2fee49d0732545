//! A clock that runs faster than the machine's clock, for all programs of a world: schedules know minutes only.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The clock of a world.
#[derive(Clone, Copy)]
pub struct Clock {
    begun: SystemTime,
    /// How many seconds pass in one of the machine's.
    pub speed: u32,
}

impl Clock {
    pub fn new(speed: u32) -> Self {
        Self {
            begun: SystemTime::now(),
            speed,
        }
    }

    /// What the clock shows, as the time since the epoch.
    pub fn now(&self) -> Duration {
        let begun = self.begun.duration_since(UNIX_EPOCH).expect("after 1970");
        begun + self.begun.elapsed().unwrap_or_default() * self.speed
    }

    /// Gives a program this clock, which is wrong there by `wrong` seconds.
    pub fn set(&self, command: &mut Command, wrong: i64) {
        let passed = self.begun.elapsed().unwrap_or_default();
        let ahead = passed.as_secs_f64() * f64::from(self.speed - 1);
        // Whole numbers below 2^53.
        #[allow(clippy::cast_precision_loss, reason = "a minute or two")]
        let offset = ahead + wrong as f64;
        command
            .env("LD_PRELOAD", library())
            .env("FAKETIME", format!("{offset:+.3}s x{}", self.speed))
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .env("NO_FAKE_STAT", "1");
    }
}

/// The library that gives a program another time (Debian's `libfaketime`), in its form for programs with threads.
fn library() -> PathBuf {
    let library = format!(
        "/usr/lib/{}-linux-gnu/faketime/libfaketimeMT.so.1",
        std::env::consts::ARCH
    );
    assert!(
        Path::new(&library).exists(),
        "the package `faketime` is missing"
    );
    library.into()
}
