//! A site in fair weather, driven by what its members say of when they are to be looked at again: how many letters
//! there are, when they come, and what they cost the board.

use std::collections::BTreeMap;

use chrono::TimeDelta;

use super::super::board::Fault;
use super::super::id::time_of;
use super::console::{Console, Letter, SLOT, lines};
use super::memory::Memory;
use super::settings;
use crate::clock::Time;
use crate::random::Random;

pub struct Fair {
    pub now: Time,
    pub board: Memory,
    pub consoles: Vec<Console>,
    /// Whether the board is away.
    away: bool,
    /// How often a console was looked at.
    looks: usize,
    /// If consoles that come at one time ask the board in turns, as it happens: by what that is chosen.
    in_turns: Option<Random>,
}

impl Fair {
    /// This number of consoles, whose clocks are up to a minute off: two of them differ by up to two minutes.
    pub fn new(number: usize, seed: u64) -> Self {
        let mut random = Random::new(seed);
        let now = time_of(1_800_000_000);
        let names = ["a", "b", "c", "d", "e", "f"];
        let mut consoles: Vec<Console> = (names.iter().take(number))
            .map(|name| {
                let mut settings = settings();
                settings.wait = std::time::Duration::from_secs(600);
                Console::new(name, settings, now, random.bits())
            })
            .collect();
        for console in &mut consoles {
            console.skew = TimeDelta::seconds(random.below(121) as i64 - 60);
            console.start(now);
            console.commit();
        }
        Self {
            now,
            board: Memory::default(),
            consoles,
            away: false,
            looks: 0,
            in_turns: None,
        }
    }

    /// This number of consoles whose clocks are exact: all come to the board at one time.
    fn exact(number: usize, seed: u64) -> Self {
        let mut fair = Self::new(number, seed);
        for console in &mut fair.consoles {
            console.crash();
            console.skew = TimeDelta::zero();
            console.start(fair.now);
            console.commit();
        }
        fair.in_turns = Some(Random::new(seed));
        fair
    }

    /// Goes on up to a time. Each console is looked at when it wants to be, and then does all that it can at once.
    pub fn until(&mut self, end: Time) {
        for _ in 0..1_000_000 {
            let due = self
                .consoles
                .iter()
                .enumerate()
                .filter_map(|(at, console)| {
                    let (member, memory) = console.life.as_ref()?;
                    let slot = time_of(memory.slot);
                    let next = member
                        .next(self.now + console.skew)
                        .map_or(slot, |next| next.min(slot));
                    Some((next - console.skew, at))
                });
            let due: Vec<(Time, usize)> = due.collect();
            let Some((time, at)) = due.iter().min() else {
                return;
            };
            if *time > end {
                self.now = end;
                return;
            }
            self.now = (*time).max(self.now + TimeDelta::milliseconds(1));
            self.looks += 1;
            let together = due.iter().filter(|(time, _)| *time <= self.now);
            match self.in_turns {
                Some(_) => self.work_in_turns(together.map(|(_, at)| *at).collect()),
                None => self.work(*at),
            }
        }
        panic!("the members want to be looked at for ever");
    }

    fn work(&mut self, at: usize) {
        self.begin(at);
        while self.ask(at) {}
        self.consoles[at].commit();
    }

    fn work_in_turns(&mut self, mut consoles: Vec<usize>) {
        consoles.iter().for_each(|at| self.begin(*at));
        while !consoles.is_empty() {
            let chosen = (self.in_turns.as_mut()).map_or(0, |random| random.below(consoles.len()));
            if !self.ask(consoles[chosen]) {
                self.consoles[consoles.swap_remove(chosen)].commit();
            }
        }
    }

    fn begin(&mut self, at: usize) {
        let console = &mut self.consoles[at];
        console.turn(self.now, 0);
        console.commit();
        console.turn(self.now, 0);
    }

    /// Asks the board for a console once; gives whether there was anything to ask.
    fn ask(&mut self, at: usize) -> bool {
        let console = &mut self.consoles[at];
        let Some(call) = console.wanted(self.now) else {
            return false;
        };
        let answer = match self.away {
            true => Err(Fault("away".into())),
            false => Ok(self.board.perform(call, self.now)),
        };
        if let Some(flight) = &mut console.flight {
            flight.answers.push(answer);
        }
        true
    }

    pub fn start(&mut self, at: usize) {
        self.consoles[at].start(self.now);
        self.consoles[at].commit();
    }

    pub fn count(&mut self, lines: u64) {
        let now = self.now;
        for console in &mut self.consoles {
            if let Some((_, memory)) = &mut console.life {
                for _ in 0..lines {
                    memory.read += 1;
                    memory
                        .queue
                        .push(format!("{}-{}", console.name, memory.read));
                }
            }
            console.commit();
        }
        self.now = now;
    }

    /// The letters of each time.
    pub fn letters(&self) -> BTreeMap<i64, Vec<&Letter>> {
        let mut all: BTreeMap<i64, Vec<&Letter>> = BTreeMap::new();
        for letter in self
            .consoles
            .iter()
            .flat_map(|console| &console.disk.letters)
        {
            let slot = letter.merged.slot.timestamp();
            all.entry(slot).or_default().push(letter);
        }
        all
    }
}

#[test]
fn each_time_has_one_letter_of_all_consoles_for_few_commands() {
    for (number, seed) in [(1, 0), (2, 1), (4, 2), (6, 3)] {
        let mut fair = Fair::new(number, seed);
        fair.until(fair.now + TimeDelta::seconds(SLOT / 2));
        for _ in 0..8 {
            fair.count(3);
            let slot = time_of(fair.now.timestamp() / SLOT * SLOT + SLOT);
            fair.until(slot - TimeDelta::seconds(65));
            let before = fair.board.calls;
            // Until the last clock is there, and all shares are let go.
            fair.until(slot + TimeDelta::seconds(80));
            let waiting = |console: &Console| console.disk.saved.waiting() > 0;
            assert!(!fair.consoles.iter().any(waiting), "{number}");
            let calls = (fair.board.calls - before) / number as u64;
            assert!(calls <= 50, "{calls} commands a console");
            fair.until(slot + TimeDelta::seconds(SLOT / 2));
        }
        let letters = fair.letters();
        assert_eq!(letters.len(), 8);
        for (slot, letters) in letters {
            assert_eq!(letters.len(), 1, "{slot}");
            let merged = &letters[0].merged;
            assert_eq!(lines(merged).len(), 3 * number);
            assert_eq!(merged.consoles.len(), number);
            assert!(merged.missing.is_empty() && !merged.late && merged.doubts.is_empty());
        }
    }
}

/// All consoles look at the board at the full minute, and when the wait for one that is dead is over.
#[test]
fn consoles_that_come_at_one_time_make_one_letter() {
    for seed in 0..30 {
        let mut fair = Fair::exact(4, seed);
        fair.until(fair.now + TimeDelta::seconds(SLOT / 2));
        for dead in [false, true] {
            if dead {
                fair.consoles[2].crash();
            }
            fair.count(2);
            let slot = time_of(fair.now.timestamp() / SLOT * SLOT + SLOT);
            fair.until(slot + TimeDelta::seconds(600 + 60));
            let letters = fair.letters();
            let letters = &letters[&slot.timestamp()];
            assert_eq!(letters.len(), 1, "seed {seed}, one is dead: {dead}");
            assert_eq!(letters[0].merged.consoles.len(), 4 - usize::from(dead));
        }
    }
}

#[test]
fn a_console_that_is_dead_is_waited_for_and_its_part_comes_later() {
    let mut fair = Fair::new(3, 7);
    fair.until(fair.now + TimeDelta::seconds(SLOT / 2));
    fair.count(2);
    let slot = time_of(fair.now.timestamp() / SLOT * SLOT + SLOT);
    fair.consoles[1].crash();
    fair.until(slot + TimeDelta::seconds(590 + 60 + 60));
    let letters = fair.letters();
    let letters = &letters[&slot.timestamp()];
    assert_eq!(letters.len(), 1);
    let merged = &letters[0].merged;
    assert_eq!(merged.consoles, ["a", "c"]);
    let missing: Vec<&str> = merged
        .missing
        .iter()
        .map(|missing| missing.console.as_str())
        .collect();
    assert_eq!(missing, ["b"]);
    assert!(merged.missing[0].since.is_some_and(|since| since < slot));
    let after = letters[0].at - slot;
    assert!(after <= TimeDelta::seconds(600 + 60 + 60), "{after}");
    // It comes back, and its part of the last time that it missed is mailed at once.
    fair.start(1);
    let from = fair.now;
    fair.until(from + TimeDelta::seconds(120));
    let all = fair.letters();
    let late: Vec<&&Letter> = all
        .values()
        .flatten()
        .filter(|letter| letter.at > from)
        .collect();
    assert_eq!(
        late.iter()
            .map(|letter| lines(&letter.merged).len())
            .sum::<usize>(),
        2
    );
}

#[test]
fn a_board_that_is_away_makes_letters_alone() {
    let mut fair = Fair::new(3, 11);
    fair.until(fair.now + TimeDelta::seconds(SLOT / 2));
    fair.count(2);
    fair.away = true;
    let slot = time_of(fair.now.timestamp() / SLOT * SLOT + SLOT);
    fair.until(slot + TimeDelta::seconds(600 + 60 + 5));
    let all = fair.letters();
    let letters = &all[&slot.timestamp()];
    assert_eq!(letters.len(), 3);
    for letter in letters {
        assert!(letter.alone && letter.merged.doubts.is_empty());
        assert!(
            letter.at - slot <= TimeDelta::seconds(600 + 5),
            "{}",
            letter.at
        );
    }
    fair.away = false;
    fair.until(fair.now + TimeDelta::seconds(3600));
    assert_eq!(fair.letters().len(), 1);
}

/// What was put before the board went away is mailed alone after the long time, and says that it may stand elsewhere.
#[test]
fn what_was_put_waits_long_for_the_board() {
    let mut fair = Fair::new(2, 13);
    fair.until(fair.now + TimeDelta::seconds(SLOT / 2));
    // The other one is dead: the share is on the board and waits.
    fair.consoles[1].crash();
    fair.count(2);
    let slot = time_of(fair.now.timestamp() / SLOT * SLOT + SLOT);
    fair.until(slot + TimeDelta::seconds(120));
    assert_eq!(fair.consoles[0].disk.saved.waiting(), 1);
    fair.away = true;
    fair.looks = 0;
    fair.until(slot + TimeDelta::seconds(7_000));
    assert!(fair.letters().is_empty());
    fair.until(slot + TimeDelta::seconds(7_500));
    // Twice a minute, and some for the slots.
    assert!(fair.looks < 400, "{} looks in two hours", fair.looks);
    let all = fair.letters();
    let letter = all[&slot.timestamp()][0];
    assert!(letter.alone && !letter.merged.doubts.is_empty());
    assert_eq!(fair.consoles[0].disk.saved.waiting(), 0);
    // The board is back with the share on it: nobody else mails it.
    fair.away = false;
    fair.until(fair.now + TimeDelta::seconds(60));
    fair.start(1);
    fair.until(fair.now + TimeDelta::seconds(3600));
    let found = fair
        .letters()
        .values()
        .flatten()
        .map(|letter| lines(&letter.merged).len())
        .sum::<usize>();
    assert_eq!(found, 2);
}

/// A claim that was just made has not waited for long, however old its share is.
#[test]
fn a_site_that_was_off_for_long_mails_each_share_once() {
    for seed in 0..20 {
        let mut fair = Fair::new(3, seed);
        fair.until(fair.now + TimeDelta::seconds(SLOT / 2));
        fair.count(2);
        let slot = time_of(fair.now.timestamp() / SLOT * SLOT + SLOT);
        // The last one is dead, so the shares of the others are on the board and wait.
        fair.consoles[2].crash();
        fair.until(slot + TimeDelta::seconds(120));
        fair.consoles[0].crash();
        fair.consoles[1].crash();
        fair.now += TimeDelta::hours(5);
        for at in 0..3 {
            fair.start(at);
        }
        fair.until(fair.now + TimeDelta::seconds(3600));
        let all = fair.letters();
        let letters = all.values().flatten();
        let told = letters
            .clone()
            .any(|letter| !letter.merged.doubts.is_empty());
        let number: usize = letters.map(|letter| lines(&letter.merged).len()).sum();
        assert_eq!((number, told), (6, false), "{seed}");
    }
}
