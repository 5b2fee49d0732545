//! One console: what is on its disk, and the visit to the board that it is on.

use crate::board::{Keys, Write};
use crate::site::Steps;
use crate::{CONSOLES, SHARES, Set, has, members, one};

/// What a console has committed.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, Debug)]
pub struct Disk {
    /// Its own shares that it has not let go.
    pub held: Set,
    /// For each of them the number of the board that it was handed to; 0 before that.
    pub put: [u8; SHARES],
    /// Shares that are in letters of its own.
    pub taken: Set,
    /// The consoles that it waits for after a wipe: all that it has heard of.
    pub known: Set,
}

/// A console.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Console {
    /// Survives a crash.
    pub disk: Disk,
    /// The visit to the board that is on its way.
    pub round: Option<Round>,
    /// What a visit has found, and what is not committed yet.
    pub answer: Option<Answer>,
}

/// A visit to the board: commands one after the other.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Round {
    /// The number that the board had when it began. All its keys have it.
    pub number: u8,
    /// What comes next.
    pub stage: Stage,
    /// What it has learnt so far.
    pub answer: Answer,
    /// What was on the disk when it began: the board's thread knows no more.
    pub disk: Disk,
}

/// How far a visit is.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Stage {
    /// `member` and `taken` are to be written.
    Publish,
    /// `member`, `taken`, `done` and `claim` are to be read.
    Facts,
    /// `share` is to be read; the others were.
    Shares(Keys),
    /// These commands are left, the last one first.
    Commands(Vec<Command>),
}

/// A command of the second half of a visit.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Command {
    /// It changes the board.
    Write(Write),
    /// Whose is the claim? If it is ours, the share is read.
    Read(usize),
    /// Whether the board still has the number with which the visit began.
    Check,
}

/// What a visit has found.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, Debug)]
pub struct Answer {
    /// The number of the board.
    pub number: u8,
    /// Shares that are ours to report.
    pub got: Set,
    /// Own shares that somebody has on his disk.
    pub let_go: Set,
    /// Own shares that are to be handed to this board.
    pub note: Set,
    /// Consoles that were heard.
    pub heard: Set,
}

impl Console {
    /// The visit that begins now.
    pub fn begin(&mut self, number: u8) {
        self.round = Some(Round {
            number,
            stage: Stage::Publish,
            answer: Answer {
                number,
                ..Answer::default()
            },
            disk: self.disk,
        });
    }

    /// Commits what the last visit found. Gives the shares that are in a letter by it.
    pub fn commit(&mut self) -> Set {
        let Some(answer) = self.answer.take() else {
            return 0;
        };
        let disk = &mut self.disk;
        disk.known |= answer.heard;
        disk.held &= !answer.let_go;
        for share in members(answer.note & disk.held) {
            disk.put[share] = answer.number;
        }
        for share in members(answer.let_go) {
            disk.put[share] = 0;
        }
        disk.taken |= answer.got;
        answer.got
    }
}

impl Round {
    /// The command that would change the board, if the next one is of that kind.
    #[must_use]
    pub fn next_write(&self, me: usize) -> Option<Write> {
        match &self.stage {
            Stage::Publish => Some(Write::Publish {
                console: me,
                known: self.disk.known,
                taken: self.disk.taken,
            }),
            Stage::Commands(left) => match left.last() {
                Some(Command::Write(write)) => Some(*write),
                _ => None,
            },
            _ => None,
        }
    }

    /// What follows a command that changed the board.
    pub fn written(&mut self) {
        match &mut self.stage {
            Stage::Publish => self.stage = Stage::Facts,
            Stage::Commands(left) => drop(left.pop()),
            _ => {}
        }
    }

    /// Whether the next step is to say what it does with what it found.
    #[must_use]
    pub fn is_to_plan(&self) -> bool {
        matches!(self.stage, Stage::Shares(_))
    }

    /// A command that reads. Gives the answer when it was the last one. `reports`: whether what is found is to be
    /// claimed.
    pub fn read(
        &mut self,
        me: usize,
        reports: bool,
        keys: &Keys,
        now: u8,
        steps: Steps,
    ) -> Option<Answer> {
        match &mut self.stage {
            Stage::Publish => None,
            Stage::Facts => {
                let mut facts = *keys;
                facts.shares = 0;
                self.stage = Stage::Shares(facts);
                None
            }
            Stage::Shares(facts) => {
                let facts = Keys {
                    shares: keys.shares,
                    ..*facts
                };
                self.stage = Stage::Commands(self.plan(me, reports, &facts, steps));
                None
            }
            Stage::Commands(left) => match left.pop() {
                Some(Command::Read(share)) => {
                    let ours = keys.claimed_by(share) == Some(me);
                    if ours && has(keys.shares, share) {
                        self.answer.got |= one(share);
                    }
                    None
                }
                _ => {
                    // What was read of a wiped board may have been claimed by another one before.
                    if steps.checks_number && now != self.number {
                        self.answer.got = 0;
                    }
                    Some(self.answer)
                }
            },
        }
    }

    /// What is to be done, once everything is listed.
    fn plan(&mut self, me: usize, reports: bool, found: &Keys, steps: Steps) -> Vec<Command> {
        let mut plan = Vec::new();
        for console in 0..CONSOLES {
            if found.published[console].is_some() {
                self.answer.heard |= one(console);
            }
        }
        self.let_go_and_hand_in(found, steps, &mut plan);
        for share in members(self.disk.taken) {
            let ended = has(found.done, share) && !has(found.shares, share);
            if found.claimed_by(share) == Some(me) && !ended {
                plan.push(Command::Write(Write::Done(share)));
                plan.push(Command::Write(if steps.keeps_claims {
                    Write::Delete(share)
                } else {
                    Write::Forget(share)
                }));
            }
        }
        for share in members(found.shares & !self.disk.taken) {
            let mine = found.claimed_by(share) == Some(me);
            let free = found.claimed_by(share).is_none();
            let knows_us =
                found.published[steps.owner(share)].is_some_and(|(known, _)| has(known, me));
            // Claims of before a crash are finished, whoever reports now.
            if mine || (free && reports && (knows_us || !steps.asks_known)) {
                plan.push(Command::Write(Write::Claim { share, console: me }));
                plan.push(Command::Read(share));
            }
        }
        plan.push(Command::Check);
        plan.reverse();
        plan
    }

    /// What becomes of the shares that this console holds.
    fn let_go_and_hand_in(&mut self, found: &Keys, steps: Steps, plan: &mut Vec<Command>) {
        for share in members(self.disk.held) {
            let put = self.disk.put[share];
            let missing = !has(found.shares, share) && found.claimed_by(share).is_none();
            if has(found.done, share) {
                self.answer.let_go |= one(share);
            } else if put == self.number {
                if missing {
                    plan.push(Command::Write(Write::Share(share)));
                }
            } else if put == 0 {
                self.answer.note |= one(share);
                if !steps.notes_first {
                    plan.push(Command::Write(Write::Share(share)));
                }
            } else if !steps.waits_for_taken {
                self.answer.note |= one(share);
            } else if found.was_taken(share) {
                self.answer.let_go |= one(share);
            } else if found.all_published(self.disk.known) {
                self.answer.note |= one(share);
            }
        }
    }
}
