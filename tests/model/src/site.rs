//! The whole site: consoles, a board, and what may happen to them.

use stateright::{Model, Property};

use crate::board::{Keys, Write};
use crate::console::Console;
use crate::{CONSOLES, SHARES, Set, has, members, one};

/// The steps of the protocol that may be left out, to see what each is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(clippy::struct_excessive_bools, reason = "each is a step by itself")]
pub struct Steps {
    /// The number of a board to which a share is handed is committed before the share is written.
    pub notes_first: bool,
    /// After a wipe a share waits until all that could have it have said what they took.
    pub waits_for_taken: bool,
    /// A visit looks at its end whether the number is still the one that it began with.
    pub checks_number: bool,
    /// A console claims only shares of those who know it, and so will wait for it.
    pub asks_known: bool,
    /// A visit begins when the answer of the one before is committed.
    pub commits_answers: bool,
    /// Claims stay when the share is let go.
    pub keeps_claims: bool,
    /// A server that was started again has another number, whatever copy it started from.
    pub number_of_run: bool,
    /// How many consoles there are: the shares belong to the first consoles, in turn.
    pub consoles: usize,
}

impl Steps {
    /// The protocol as it is.
    #[must_use]
    pub const fn all(consoles: usize) -> Self {
        Self {
            notes_first: true,
            waits_for_taken: true,
            checks_number: true,
            asks_known: true,
            commits_answers: true,
            keeps_claims: true,
            number_of_run: true,
            consoles,
        }
    }

    /// The console whose share it is.
    #[must_use]
    pub const fn owner(self, share: usize) -> usize {
        share % self.consoles
    }
}

/// How much happens.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// How many shares there are.
    pub shares: usize,
    /// How often the board is wiped.
    pub wipes: u8,
    /// How many writes land late.
    pub late: u8,
    /// How often the board comes back from a copy that was made at any time before.
    pub restores: u8,
    /// Whether the consoles have heard of each other before.
    pub acquainted: bool,
}

/// A site that is to be looked at.
#[derive(Clone, Copy, Debug)]
pub struct Whole {
    /// Its protocol.
    pub steps: Steps,
    /// What happens to it.
    pub bounds: Bounds,
}

/// A state of the site.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Site {
    /// The number of the board; 0 when nobody has given it one since the wipe.
    pub number: u8,
    /// The last number that was given.
    pub last: u8,
    /// What stands under each number.
    pub keys: Vec<Keys>,
    /// A copy of the board, as Redis writes one to its disk.
    pub copy: Option<(u8, Vec<Keys>)>,
    /// Writes that are on their way, each with the number in its key. Who sent them does not wait.
    pub late: Vec<(u8, Write)>,
    /// The consoles.
    pub consoles: Vec<Console>,
    /// In how many letters each share is. No console knows this.
    pub letters: [u8; SHARES],
    /// What may still happen.
    pub wipes: u8,
    /// As before.
    pub delays: u8,
    /// As before.
    pub restores: u8,
}

/// Something that happens.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    /// A visit begins: the number of the board is read, or given.
    Begin(usize),
    /// The next command of a visit.
    Step {
        /// Whose.
        console: usize,
        /// Whether it is going to claim what it found.
        reports: bool,
    },
    /// The next command of a visit is sent, nobody answers, and the visit ends.
    Delay(usize),
    /// A write lands of which nobody thinks any more.
    Land(usize),
    /// What a visit found is committed.
    Commit(usize),
    /// A crash or a time-out.
    Crash(usize),
    /// A console mails its own share alone, since the board was away.
    Alone {
        /// Whose.
        console: usize,
        /// Its share.
        share: usize,
    },
    /// Everything on the board is gone.
    Wipe,
    /// The board writes a copy.
    Copy,
    /// The board is started again from its copy.
    Restore,
}

impl Site {
    fn new(whole: &Whole) -> Self {
        let Whole { steps, bounds } = whole;
        let all: Set = (0..steps.consoles).map(one).sum();
        let console = |n: usize| {
            let mut console = Console::default();
            console.disk.known = if bounds.acquainted { all } else { one(n) };
            let own = (0..bounds.shares).filter(|share| steps.owner(*share) == n);
            console.disk.held = own.map(one).sum();
            console
        };
        Self {
            number: 0,
            last: 0,
            keys: Vec::new(),
            copy: None,
            late: Vec::new(),
            consoles: (0..steps.consoles).map(console).collect(),
            letters: [0; SHARES],
            wipes: bounds.wipes,
            delays: bounds.late,
            restores: bounds.restores,
        }
    }

    fn keys(&mut self, number: u8) -> &mut Keys {
        &mut self.keys[usize::from(number) - 1]
    }

    /// `SET board RANDOM NX`, and what it is then.
    fn give_number(&mut self) -> u8 {
        if self.number == 0 {
            self.last += 1;
            self.number = self.last;
            self.keys.push(Keys::default());
        }
        self.number
    }

    fn begin(&mut self, console: usize) {
        let number = self.give_number();
        self.consoles[console].begin(number);
    }

    fn step(&mut self, console: usize, reports: bool, steps: Steps) {
        let now = self.number;
        let Some(mut round) = self.consoles[console].round.take() else {
            return;
        };
        let number = round.number;
        if let Some(write) = round.next_write(console) {
            self.keys(number).apply(write);
            round.written();
        } else if let Some(answer) = round.read(console, reports, self.keys(number), now, steps) {
            self.consoles[console].answer = Some(answer);
            return;
        }
        self.consoles[console].round = Some(round);
    }

    fn delay(&mut self, console: usize) {
        if let Some(round) = self.consoles[console].round.take()
            && let Some(write) = round.next_write(console)
        {
            self.late.push((round.number, write));
            self.late.sort_unstable();
            self.delays -= 1;
        }
    }

    fn land(&mut self, which: usize) {
        let (number, write) = self.late.remove(which);
        self.keys(number).apply(write);
    }

    fn commit(&mut self, console: usize) {
        for share in members(self.consoles[console].commit()) {
            self.letters[share] += 1;
        }
    }

    fn alone(&mut self, console: usize, share: usize) {
        self.consoles[console].disk.held &= !one(share);
        self.letters[share] += 1;
    }

    fn wipe(&mut self) {
        self.number = 0;
        self.keys.fill(Keys::default());
        self.wipes -= 1;
    }

    fn restore(&mut self, steps: Steps) {
        if let Some((number, mut keys)) = self.copy.take() {
            keys.resize(self.keys.len(), Keys::default());
            self.keys = keys;
            self.number = if steps.number_of_run { 0 } else { number };
            self.restores -= 1;
        }
    }

    /// Forgets what stands under numbers with which nobody will ask again: two states that differ in that alone
    /// are one.
    fn forget_unread(&mut self) {
        let rounds = self.consoles.iter().flat_map(|console| &console.round);
        let mut read: Vec<u8> = rounds.map(|round| round.number).collect();
        read.push(self.number);
        read.extend(self.copy.iter().map(|(number, _)| *number));
        for (n, keys) in self.keys.iter_mut().enumerate() {
            if !read.iter().any(|number| usize::from(*number) == n + 1) {
                *keys = Keys::default();
            }
        }
        self.late.retain(|(number, _)| read.contains(number));
    }

    /// What becomes of the site when nothing goes wrong any more: some visits of each console, one after the
    /// other.
    fn calm(&self, steps: Steps) -> Self {
        let mut site = self.clone();
        while !site.late.is_empty() {
            site.land(0);
        }
        for console in 0..steps.consoles {
            site.consoles[console].round = None;
            site.commit(console);
        }
        for _ in 0..6 {
            for console in 0..steps.consoles {
                site.begin(console);
                while site.consoles[console].round.is_some() {
                    site.step(console, true, steps);
                }
                site.commit(console);
            }
        }
        site
    }

    /// Whether each share is in one letter, and none waits.
    #[must_use]
    pub fn is_over(&self, shares: usize) -> bool {
        let held = self.consoles.iter().any(|console| console.disk.held != 0);
        !held && self.letters[..shares].iter().all(|letters| *letters == 1)
    }
}

impl Model for Whole {
    type State = Site;
    type Action = Action;

    fn init_states(&self) -> Vec<Site> {
        vec![Site::new(self)]
    }

    fn actions(&self, site: &Site, actions: &mut Vec<Action>) {
        for (n, console) in site.consoles.iter().enumerate() {
            let ready = console.answer.is_none() || !self.steps.commits_answers;
            match &console.round {
                None if ready => actions.push(Action::Begin(n)),
                None => {}
                Some(round) => {
                    actions.push(Action::Step {
                        console: n,
                        reports: false,
                    });
                    if round.is_to_plan() {
                        actions.push(Action::Step {
                            console: n,
                            reports: true,
                        });
                    }
                    if site.delays > 0 && round.next_write(n).is_some() {
                        actions.push(Action::Delay(n));
                    }
                }
            }
            if console.answer.is_some() {
                actions.push(Action::Commit(n));
            }
            if console.round.is_some() || console.answer.is_some() {
                actions.push(Action::Crash(n));
            }
            for share in members(console.disk.held) {
                if console.disk.put[share] == 0 {
                    actions.push(Action::Alone { console: n, share });
                }
            }
        }
        actions.extend((0..site.late.len()).map(Action::Land));
        if site.number != 0 {
            if site.wipes > 0 {
                actions.push(Action::Wipe);
            }
            if site.restores > 0 && site.copy.is_none() {
                actions.push(Action::Copy);
            }
        }
        if site.copy.is_some() {
            actions.push(Action::Restore);
        }
    }

    fn next_state(&self, last: &Site, action: Action) -> Option<Site> {
        let mut site = last.clone();
        match action {
            Action::Begin(console) => site.begin(console),
            Action::Step { console, reports } => site.step(console, reports, self.steps),
            Action::Delay(console) => site.delay(console),
            Action::Land(which) => site.land(which),
            Action::Commit(console) => site.commit(console),
            Action::Crash(console) => {
                site.consoles[console].round = None;
                site.consoles[console].answer = None;
            }
            Action::Alone { console, share } => site.alone(console, share),
            Action::Wipe => site.wipe(),
            Action::Copy => site.copy = Some((site.number, site.keys.clone())),
            Action::Restore => site.restore(self.steps),
        }
        site.forget_unread();
        Some(site)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("no share is in two letters", |whole: &Self, site: &Site| {
                let letters = &site.letters[..whole.bounds.shares];
                letters.iter().all(|letters| *letters <= 1)
            }),
            Property::always("no share is lost", |whole: &Self, site: &Site| {
                (0..whole.bounds.shares).all(|share| {
                    let owner = &site.consoles[whole.steps.owner(share)];
                    has(owner.disk.held, share) || site.letters[share] > 0
                })
            }),
            Property::always("none waits for ever", |whole: &Self, site: &Site| {
                site.calm(whole.steps).is_over(whole.bounds.shares)
            }),
            Property::sometimes(
                "a share is reported by another console",
                |whole: &Self, site: &Site| {
                    (0..whole.bounds.shares).any(|share| {
                        let owner = whole.steps.owner(share);
                        (0..CONSOLES.min(site.consoles.len()))
                            .any(|n| n != owner && has(site.consoles[n].disk.taken, share))
                    })
                },
            ),
            Property::sometimes(
                "all is in letters, and nothing waits",
                |whole: &Self, site: &Site| site.is_over(whole.bounds.shares),
            ),
        ]
    }
}
