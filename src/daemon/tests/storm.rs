//! Storms in a bundled queue: the loop's own state, stepped second by second.

use std::ops::Range;

use super::*;

/// Kinds of lines in a storm.
const KINDS: usize = 40;
/// The time of a storm, seconds.
const LASTS: u64 = 600;

/// A storm, and what happens besides.
struct Storm {
    seed: u64,
    lines: usize,
    /// The first window, seconds.
    window: u64,
    /// How often in a hundred seconds the daemon is killed, and how often somebody sends it `SIGUSR2`.
    kills: usize,
    flushes: usize,
    /// When the mail server does not answer, seconds.
    down: Range<u64>,
}

/// What came of a storm.
#[derive(Debug, Default)]
struct Outcome {
    /// When each mail was taken, in seconds from the first line on, and its subject.
    mails: Vec<(u64, String)>,
    /// The most letters that waited in the outbox.
    letters: usize,
    killed: usize,
}

/// A kind of line, in letters.
fn kind(number: usize) -> String {
    let letter = |n: usize| char::from(b'a' + n as u8);
    format!("kind {}{}", letter(number / 26), letter(number % 26))
}

impl Storm {
    fn new(seed: u64, lines: usize, window: u64) -> Self {
        Self {
            seed,
            lines,
            window,
            kills: 0,
            flushes: 0,
            down: 0..0,
        }
    }

    /// The lines of a second. Each kind begins at a time of its own.
    fn feed(&self, world: &mut World, life: &mut Life, second: u64) {
        let share = |second: u64| self.lines as u64 * second / LASTS;
        let begun = 1 + (second as usize * KINDS / LASTS as usize);
        for _ in share(second)..share(second + 1) {
            let line = format!("h1 {}", kind(world.random.below(begun)));
            world.log.push(line);
        }
        Self::read_on(world, life);
    }

    /// Has the daemon read what it has not read yet.
    fn read_on(world: &World, life: &mut Life) {
        let line = |line: &String| format!("Nov 23 12:00:00 {line}\n");
        let text: String = world.log[life.read..].iter().map(line).collect();
        if text.is_empty() {
            return;
        }
        life.read = world.log.len();
        life.daemon.batch(Batch {
            source: Arc::new("/log".into()),
            text: text.into_bytes(),
            checkpoint: Checkpoint::File(positions(life.read)),
            counters: Counters::default(),
        });
    }

    /// A second in the life of a daemon.
    fn turn(&self, world: &mut World, life: &mut Life, second: u64, outcome: &mut Outcome) {
        let now = world.clock.now();
        life.daemon.check_if_due(now);
        world.commit(life);
        let daemon = &mut life.daemon;
        let letters = daemon.outbox.mails().iter();
        let letters = letters.filter(|mail| mail.report.notification.is_none());
        outcome.letters = outcome.letters.max(letters.count());
        let commits = &daemon.commits;
        let held = |mail| commits.holds(mail);
        for mail in daemon.outbox.start_due(now, &held) {
            let delivery = match self.down.contains(&second) {
                true => Delivery::Deferred("no answer".into()),
                false => Delivery::accepted(),
            };
            if delivery == Delivery::accepted() {
                let subject = mail.report.subject.to_string();
                let body = mail.report.body.to_string();
                let way = usize::from(mail.report.notification.is_some());
                let before = world.mails[way].insert(mail.message_id.clone(), body.clone());
                match before {
                    Some(before) => assert_eq!(before, body, "another text"),
                    None if way == 0 => outcome.mails.push((second, subject)),
                    None => {}
                }
            }
            daemon.settle(&AttemptResult::new(mail.id, delivery));
        }
        world.commit(life);
    }

    /// Runs the storm, and on until all is quiet. Every line is in one mail then.
    fn run(&self) -> Outcome {
        let config = format!(
            "set mailserver h\nset logfile /log\nset notify chat /bin/true\n\
             set queue n f@x n@x,notify:chat [now]\n\
             set bundle n {}s\nn .*\n",
            self.window
        );
        let mut world = World::with(self.seed, &config);
        let mut outcome = Outcome::default();
        let mut life = world.begin().expect("a good disk");
        let mut second = 0;
        loop {
            world.pass(1);
            if second < LASTS {
                self.feed(&mut world, &mut life, second);
            }
            if world.random.below(100) < self.flushes {
                let now = world.clock.now();
                life.daemon.flush_queues(now, Status::Flushing);
            }
            self.turn(&mut world, &mut life, second, &mut outcome);
            if second < LASTS + 300 && world.random.below(100) < self.kills {
                outcome.killed += 1;
                drop(life);
                world.disk.restart();
                life = world.begin().expect("a good disk");
                Self::read_on(&world, &mut life);
            }
            let daemon = &life.daemon;
            let waits = daemon.monitor.next_due(&|_| false).is_some();
            let quiet = !waits && !daemon.monitor.now_waiting() && daemon.outbox.is_empty();
            if second > LASTS && quiet {
                break;
            }
            second += 1;
            assert!(second < 5 * 3600, "it does not come to an end");
        }
        let state = state::encode(&life.daemon.snapshot(world.clock.now())).unwrap();
        let state = state::decode(&state).unwrap();
        assert_eq!(lines_read(&state), self.lines);
        assert!(state.outbox.is_empty() && life.daemon.monitor.is_empty());
        world.check(&state);
        outcome
    }

    /// The most mails of a storm: the first one, and of each window some early ones and the bundle.
    fn bound(&self) -> usize {
        let (mut windows, mut length, mut end) = (0, self.window, 0);
        while end < LASTS {
            end += length;
            length = (2 * length).min(3600.max(self.window));
            windows += 1;
        }
        // The last lines may come when the last window is just over.
        1 + 6 * (windows + 1)
    }
}

#[test]
fn a_storm_of_forty_kinds_is_seven_mails() {
    let outcome = Storm::new(1, 1_000_000, 600).run();
    println!("{:?}", outcome.mails);
    assert!(outcome.mails.len() <= 7, "{:?}", outcome.mails);
    assert!(outcome.mails[0].0 <= 6, "{:?}", outcome.mails);
    let (_, last) = outcome.mails.last().unwrap();
    assert!(last.contains(" more in 10 minutes, "), "{last}");
}

#[test]
fn storms_in_windows_of_any_length_are_counted_exactly() {
    let torture = std::env::var_os("TENSHI_TORTURE").is_some();
    let mut random = Random::new(7);
    let (mut killed, mut mails) = (0, 0);
    for seed in 0..if torture { 300 } else { 12 } {
        let window = 1 + random.below(900) as u64;
        let quiet = Storm::new(seed, 3_000, window);
        let outcome = quiet.run();
        let (most, first) = (quiet.bound(), outcome.mails[0].0);
        assert!(outcome.mails.len() <= most, "{window}: {:?}", outcome.mails);
        assert!(first <= 6 && outcome.letters == 1, "{window}: {outcome:?}");
        mails += outcome.mails.len();
        let storm = Storm {
            kills: 2,
            flushes: random.below(3),
            ..quiet
        };
        killed += storm.run().killed;
    }
    println!("{mails} mails without kills; {killed} kills");
    assert!(killed > 100, "{killed}");
}

#[test]
fn a_mail_server_that_is_down_through_a_storm_gets_one_bundle() {
    for window in [30, 240, 600] {
        let storm = Storm {
            down: 0..LASTS + 30,
            ..Storm::new(3, 20_000, window)
        };
        let outcome = storm.run();
        assert_eq!(outcome.letters, 1, "{window}: {outcome:?}");
        assert_eq!(outcome.mails.len(), 2, "{window}: {:?}", outcome.mails);
        let (_, bundle) = &outcome.mails[1];
        assert!(bundle.contains(", 40 lines"), "{bundle}");
    }
}
