//! How long the follower sleeps, with stepped time.

use std::fs;
use std::time::Duration;

use super::World;
use crate::clock::{Clock, SystemClock, Time};
use crate::input::Event;
use crate::input::file::{Follower, Turn};

/// A follower that is told all or nothing, as its thread does it.
struct Stepped {
    world: World,
    now: Time,
    woken: bool,
}

impl Stepped {
    fn new(woken: bool) -> Self {
        let mut world = World::new();
        world.append(&world.log, "0\n");
        world.start();
        let now = SystemClock.now();
        let mut stepped = Self { world, now, woken };
        stepped.follower().set_woken(woken);
        stepped
    }

    fn follower(&mut self) -> &mut Follower<super::RealFs> {
        self.world.follower.as_mut().unwrap()
    }

    /// Turns until nothing is left; the lines, and the seconds to the next look.
    fn look(&mut self, told: bool) -> (usize, u64) {
        let (woken, mut lines) = (self.woken, 0);
        self.follower().set_woken(woken);
        self.follower().set_told(told);
        loop {
            let now = self.now;
            let turn = self.follower().turn(now, &mut |event| {
                if let Event::Batch(batch) = event {
                    lines += batch.text.iter().filter(|byte| **byte == b'\n').count();
                }
            });
            match turn {
                Turn { waiting: true, .. } => self.now += Duration::from_millis(100),
                Turn { more: true, .. } => {}
                Turn { next, .. } => return (lines, next.as_secs()),
            }
        }
    }

    /// The next look by the clock, after that many seconds.
    fn after(&mut self, seconds: u64) -> (usize, u64) {
        self.now += Duration::from_secs(seconds);
        self.follower().rescan_names();
        self.look(false)
    }

    /// A line that the kernel tells of, or not.
    fn line(&mut self) {
        self.world.append(&self.world.log, "line\n");
    }
}

#[test]
fn where_the_kernel_tells_all_it_looks_once_in_five_minutes() {
    let mut s = Stepped::new(true);
    assert_eq!(s.look(true), (0, 300));
    for _ in 0..3 {
        assert_eq!(s.after(300), (0, 300));
    }
    s.line();
    assert_eq!(s.look(true), (1, 300), "a line is no reason to look sooner");
    s.world.append(&s.world.log, "half a li");
    assert_eq!(s.look(true), (0, 300));
}

#[test]
fn where_the_kernel_tells_nothing_it_looks_again_soon() {
    let mut s = Stepped::new(false);
    assert_eq!(s.look(true), (0, 1));
    assert_eq!(
        (s.after(1), s.after(2), s.after(4)),
        ((0, 2), (0, 4), (0, 8))
    );
    s.line();
    assert_eq!(s.after(8), (1, 1));
    // A directory that was not watched is watched now, and the other way round.
    s.woken = true;
    assert_eq!(s.look(true), (0, 300));
    s.woken = false;
    assert_eq!(s.look(true), (0, 1));
}

#[test]
fn lines_that_nobody_told_of_make_it_look_sooner() {
    let mut s = Stepped::new(true);
    assert_eq!(s.look(true), (0, 300));
    s.line();
    assert_eq!(s.after(300), (1, 1));
    let pauses: Vec<u64> = (0..10).map(|n| s.after(1 << n).1).collect();
    assert_eq!(pauses, [2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
    s.line();
    assert_eq!(s.after(300), (1, 1));
    // It trusts the kernel again when that tells of lines, not of anything else.
    assert_eq!(s.look(true), (0, 2));
    s.line();
    assert_eq!(s.look(true), (1, 300));
    assert_eq!(s.after(300), (0, 300));
}

#[test]
fn a_rotated_file_is_looked_at_until_it_is_let_go() {
    let mut s = Stepped::new(true);
    let rotated = s.world.rotated(".1");
    fs::rename(&s.world.log, &rotated).unwrap();
    s.line();
    s.follower().rescan();
    assert_eq!(s.look(true), (1, 30));
    // Its writer still has it open, and it may stand where nobody watches.
    assert_eq!(s.after(30), (0, 30));
    // Silent for a minute: it is let go, and that is no sign of a writer.
    assert_eq!(s.after(31), (0, 300));
    assert_eq!(s.after(300), (0, 300));
}
