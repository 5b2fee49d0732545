//! The ends of silences: when a host is back.

use super::site::{Mode, Site};
use super::state::{Past, Return, Silent, State, Told};
use super::table::{About, Line, Silence, quarter, reader};
use super::words;
use crate::clock::Time;

/// The quarter hours with lines after which a host is back that never pauses for as long as they last.
const RETURNED: u8 = 3;

impl Silence {
    /// What a line does to a silence that was told.
    pub(super) fn returned(&mut self, slot: usize, now: Time, new_quarter: bool, site: &dyn Site) {
        let Some(watch) = self.watches.get_mut(slot).and_then(Option::as_mut) else {
            return;
        };
        let (silent, mut back) = match watch.state {
            State::Heard => return,
            State::Silent(silent) => (
                silent,
                Return {
                    at: now,
                    quarters: 1,
                },
            ),
            State::Returning(silent, mut back) => {
                back.quarters = back.quarters.saturating_add(new_quarter.into());
                (silent, back)
            }
        };
        if silent.told == Told::Together {
            watch.state = State::Heard;
            watch.due = None;
            return self.outage_ends(now, site);
        }
        // Whoever pauses for longer than three quarter hours is back with its first line.
        let seldom = match watch.mode {
            Mode::Fixed(_) | Mode::Off => true,
            Mode::Learnt => {
                let (ring, quarter) = (&watch.learnt.ring, quarter(silent.since, site));
                !(1..=i64::from(RETURNED)).all(|n| ring.has(quarter - n))
            }
        };
        if seldom {
            back.quarters = RETURNED;
        }
        if back.quarters < RETURNED {
            if matches!(watch.state, State::Silent(_)) {
                watch.due = None;
            }
            watch.state = State::Returning(silent, back);
            return;
        }
        let past = Past {
            since: silent.since,
            back: back.at,
        };
        (watch.state, watch.past, watch.due) = (State::Heard, Some(past), None);
        if silent.told == Told::Often {
            if let Some(flaps) = &mut watch.flaps {
                flaps.end(past);
            }
            return;
        }
        let line = Line {
            about: About::One,
            host: watch.name.clone(),
            text: words::back(past, reader(Some(watch.name.as_ref()), now, site)),
        };
        self.tell(line);
    }

    /// Takes note that a host of the outage writes again. With half of them it is over.
    fn outage_ends(&mut self, now: Time, site: &dyn Site) {
        let Some(outage) = &mut self.outage else {
            return;
        };
        outage.back += 1;
        if outage.back * 2 < outage.hosts {
            return;
        }
        let past = Past {
            since: outage.since,
            back: now,
        };
        let text = words::together_again(outage.hosts, past, reader(None, now, site));
        self.outage = None;
        let line = Line {
            about: About::Many,
            host: self.console.clone(),
            text,
        };
        self.tell(line);
        // The others have to show now that they are well.
        for slot in 0..self.watches.len() {
            let Some(watch) = self.watches.get_mut(slot).and_then(Option::as_mut) else {
                continue;
            };
            let together = matches!(
                watch.state,
                State::Silent(Silent {
                    told: Told::Together,
                    ..
                })
            );
            if together {
                (watch.state, watch.held) = (State::Heard, now);
                self.changed.insert(slot);
                self.plan(slot, now, site);
            }
        }
    }
}
