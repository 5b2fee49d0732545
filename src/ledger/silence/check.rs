//! The look at the silences whose time has come.

use bstr::{BStr, BString};
use chrono::TimeDelta;

use super::ring::{QUARTER, WEEK};
use super::site::{Mode, Site};
use super::state::{Flaps, Silent, State, Told};
use super::table::{About, Line, OFTEN, Outage, Silence, TURN, Watch, quarter, reader};
use super::watch::Why;
use super::words;
use crate::clock::Time;

/// The hosts that must fall silent for one line to tell of all of them, at least.
const MANY: usize = 3;
/// The time within which they do.
const TOGETHER: TimeDelta = TimeDelta::minutes(5);
/// No silence is a part of that which is shorter.
const BRIEF: TimeDelta = TimeDelta::seconds(450);
/// The time to the next look at a file whose hosts have not written elsewhere since.
const FILE_AGAIN: TimeDelta = TimeDelta::hours(1);

/// The time to the next look at a silence that another console tells: it may be gone by then.
const ELSEWHERE_AGAIN: TimeDelta = TimeDelta::minutes(5);

/// A silence that is to be told.
struct Fired {
    slot: usize,
    begin: Time,
    why: Why,
}

impl Silence {
    /// Looks at the silences whose time has come by `now`, and tells those that are more than usual.
    pub fn check(&mut self, now: Time, site: &dyn Site) {
        let due = |watch: &Watch| watch.due.is_some_and(|due| due <= now);
        let slots = (0..).zip(&self.watches);
        let slots = slots.filter(|(_, watch)| watch.as_ref().is_some_and(due));
        let slots: Vec<usize> = slots.map(|(slot, _)| slot).collect();
        let (mut fired, mut outlasted) = (Vec::new(), 0);
        for slot in slots {
            fired.extend(self.look(slot, now, site, &mut outlasted));
        }
        self.forget_together(outlasted);
        self.fired_together(&mut fired, now, site);
        for silence in fired {
            self.fire(&silence, now, site);
        }
        let watches = self.watches.iter().flatten();
        self.next = watches.filter_map(|watch| watch.due).min();
    }

    /// Looks at one watch. Gives its silence, if that is to be told. Hosts that were silent with many others for so
    /// long that they are forgotten are counted.
    fn look(
        &mut self,
        slot: usize,
        now: Time,
        site: &dyn Site,
        outlasted: &mut u32,
    ) -> Option<Fired> {
        let begin = self.begin_of(slot);
        let watch = self.watches.get(slot)?.as_ref()?;
        if let State::Silent(silent) = watch.state {
            if silent.forgotten() > now || self.leap.is_doubted(now) {
                // The clock was set.
                let again = silent.forgotten().max(now + TURN);
                self.set_due(slot, Some(again), now);
                return None;
            }
            if silent.told == Told::Together {
                *outlasted += 1;
                self.remove(slot);
            } else {
                self.forget(slot);
            }
            return None;
        }
        let begun = (begin, quarter(begin, site));
        let name = watch.name.as_ref();
        let deadline = watch.learnt.deadline(watch.mode, begin, begun.1);
        let again = if deadline.is_none_or(|deadline| deadline > now) {
            deadline
        } else if site.blind(watch.source.as_ref()) {
            // The end of that fault begins the silence anew.
            None
        } else if site.told_elsewhere(name, watch.learnt.last) {
            Some(now + ELSEWHERE_AGAIN)
        } else if let Some(until) = site.hushed(name, now, now) {
            Some(until)
        } else if let Some(again) = self.file_waits(watch, now) {
            again
        } else {
            let ended = (now, quarter(now, site));
            match watch.learnt.verdict(watch.mode, begun, ended) {
                Some(why) => return Some(Fired { slot, begin, why }),
                // The clock was set back an hour this night.
                None => Some(now + TimeDelta::seconds(QUARTER)),
            }
        };
        self.set_due(slot, again, now);
        None
    }

    /// Of a file whose host has not written elsewhere since: when it is looked at again. The silence is the host's.
    fn file_waits(&self, watch: &Watch, now: Time) -> Option<Option<Time>> {
        let host = watch.file??;
        let host = self.watches.get(host)?.as_ref()?;
        let elsewhere = host.learnt.last - watch.learnt.last > TimeDelta::minutes(1);
        if elsewhere && host.state == State::Heard {
            return None;
        }
        Some(match host.due {
            Some(_) if host.state == State::Heard => Some(now + FILE_AGAIN),
            _ => None,
        })
    }

    /// Forgets a host that was silent for long.
    fn forget(&mut self, slot: usize) {
        if let Some(watch) = self.watches.get(slot).and_then(Option::as_ref) {
            let line = Line {
                about: About::One,
                host: watch.name.clone(),
                text: words::forgotten().to_owned(),
            };
            self.tell(line);
        }
        self.remove(slot);
    }

    /// Ends an outage with the hosts that were silent all the time.
    fn forget_together(&mut self, hosts: u32) {
        if hosts > 0 {
            self.outage = None;
            let (about, host) = (About::Many, self.console.clone());
            let text = words::forgotten_together(hosts);
            self.tell(Line { about, host, text });
        }
    }

    /// Tells a silence by a line of its own, or with others of its host.
    fn fire(&mut self, silence: &Fired, now: Time, site: &dyn Site) {
        let by = (silence.why == Why::Weekly).then(|| self.written_by(silence, now, site));
        let Some(watch) = self.watches.get_mut(silence.slot).and_then(Option::as_mut) else {
            return;
        };
        self.changed.insert(silence.slot);
        if let State::Returning(before, _) = watch.state {
            // It was told already.
            watch.state = State::Silent(Silent { at: now, ..before });
            return self.plan(silence.slot, now, site);
        }
        let often = watch
            .past
            .filter(|past| now - past.back < OFTEN && site.digest());
        let told = match often {
            Some(past) => {
                let flaps = watch.flaps.get_or_insert_with(|| Flaps::new(past));
                flaps.times = flaps.times.saturating_add(1);
                self.often = true;
                Told::Often
            }
            None => Told::Alone,
        };
        let since = silence.begin;
        watch.state = State::Silent(Silent {
            since,
            at: now,
            told,
        });
        if told == Told::Alone {
            let reader = reader(Some(watch.name.as_ref()), now, site);
            let text = words::silent(silence.why, since, reader, by.flatten());
            let line = Line {
                about: About::One,
                host: watch.name.clone(),
                text,
            };
            self.tell(line);
        }
        self.plan(silence.slot, now, site);
    }

    /// The time of the day by which the host had written on this day of each of the last four weeks.
    fn written_by(&self, silence: &Fired, now: Time, site: &dyn Site) -> Option<String> {
        let watch = self.watches.get(silence.slot)?.as_ref()?;
        let [begin, now] = [silence.begin, now].map(|time| quarter(time, site));
        let by = watch.learnt.written_by(begin, now)?;
        let minutes = by * (QUARTER / 60);
        Some(format!("{:02}:{:02}", minutes / 60, minutes % 60))
    }

    /// Takes the silences out that are of many hosts at once, and tells them by one line.
    fn fired_together(&mut self, fired: &mut Vec<Fired>, now: Time, site: &dyn Site) {
        let heard = self.heard.max(self.base);
        if self.outage.is_some_and(|outage| self.heard <= outage.since) {
            return self.join_outage(fired, now);
        }
        let host = |fired: &&Fired| {
            let watch = self.watches.get(fired.slot).and_then(Option::as_ref);
            watch.is_some_and(|watch| watch.file.is_none() && watch.state == State::Heard)
        };
        let Some(first) = fired.iter().find(host).map(|fired| fired.begin) else {
            return;
        };
        let armed = self.armed(now, site);
        let usual = TimeDelta::seconds(2 * i64::from(self.whole.longest()));
        let nothing = now - heard >= usual.max(TimeDelta::minutes(15));
        let late = |(_, begin, overdue): &&(usize, Time, bool)| {
            *overdue && (nothing || (*begin - first).abs() <= TOGETHER)
        };
        let silent: Vec<_> = armed.iter().filter(late).collect();
        let many = nothing || silent.len() * 2 >= armed.len();
        if self.outage.is_some() || silent.len() < MANY || !many {
            return;
        }
        let begins = silent.iter().map(|(_, begin, _)| *begin);
        let since = begins.max().unwrap_or(heard);
        for (slot, begin, _) in &silent {
            self.silence_together(*slot, *begin, now);
        }
        fired.retain(|fired| !silent.iter().any(|(slot, ..)| *slot == fired.slot));
        let shown = if nothing { armed.len() } else { silent.len() };
        self.outage = Some(Outage {
            since,
            hosts: u32::try_from(silent.len()).unwrap_or(u32::MAX),
            back: 0,
        });
        let reader = reader(None, now, site);
        let text = words::together((shown, armed.len()), since, reader);
        let host = self.console.clone();
        let about = About::Many;
        self.tell(Line { about, host, text });
    }

    /// The hosts whose silences are watched now: the number of each, when its silence began, and whether it is
    /// longer than any pause.
    fn armed(&self, now: Time, site: &dyn Site) -> Vec<(usize, Time, bool)> {
        let slots = (0..self.watches.len()).filter_map(|slot| {
            let watch = self.watches.get(slot)?.as_ref()?;
            let begin = self.begin_of(slot);
            watch.due?;
            let watched = watch.file.is_none()
                && watch.state == State::Heard
                && !site.blind(watch.source.as_ref())
                && !site.told_elsewhere(watch.name.as_ref(), watch.learnt.last)
                && site.hushed(watch.name.as_ref(), now, now).is_none();
            let bound = match watch.mode {
                Mode::Fixed(time) => TimeDelta::from_std(time).ok()? / 2,
                _ => TimeDelta::seconds(watch.learnt.pauses.longest().into()),
            };
            watched.then_some((slot, begin, now - begin >= bound.max(BRIEF)))
        });
        slots.collect()
    }

    /// Takes hosts whose silences fall due while nothing comes at all for a part of the outage.
    fn join_outage(&mut self, fired: &mut Vec<Fired>, now: Time) {
        let all = std::mem::take(fired);
        for silence in all {
            let watch = self.watches.get(silence.slot).and_then(Option::as_ref);
            match watch.map(|watch| (watch.state, watch.file)) {
                Some((State::Heard, None)) => {
                    self.silence_together(silence.slot, silence.begin, now);
                    if let Some(outage) = &mut self.outage {
                        outage.hosts += 1;
                    }
                }
                _ => fired.push(silence),
            }
        }
    }

    fn silence_together(&mut self, slot: usize, since: Time, now: Time) {
        let (at, told) = (now, Told::Together);
        let silent = Silent { since, at, told };
        if let Some(watch) = self.watches.get_mut(slot).and_then(Option::as_mut) {
            watch.state = State::Silent(silent);
            self.changed.insert(slot);
        }
        self.set_due(slot, Some(silent.forgotten()), now);
    }

    /// Whether a scheduled report has silences to tell of hosts that fall silent again and again.
    pub fn has_often(&self) -> bool {
        self.often
    }

    /// The lines about hosts that fell silent again and again since the last call.
    pub fn take_often(&mut self, now: Time, site: &dyn Site) -> Vec<Line> {
        let mut lines = Vec::new();
        let reader = reader(None, now, site).at(false);
        self.often = false;
        for (slot, watch) in (0..).zip(&mut self.watches) {
            let Some(watch) = watch else { continue };
            let Some(flaps) = watch.flaps.take() else {
                continue;
            };
            self.changed.insert(slot);
            let silent = match watch.state {
                State::Silent(silent) => Some(silent.since),
                State::Heard | State::Returning(..) => None,
            };
            lines.push(Line {
                about: About::One,
                host: watch.name.clone(),
                text: words::often(&flaps, silent, reader),
            });
        }
        lines
    }

    /// Once a week, for a report: the hosts that are known for long and keep to no rule. Their silences are not told.
    pub fn weekly(&mut self, now: Time, site: &dyn Site) -> Option<String> {
        let week = quarter(now, site).div_euclid(WEEK);
        if std::mem::replace(&mut self.week, week) == week {
            return None;
        }
        let watches = self.watches.iter().flatten();
        let irregular =
            watches.filter(|watch| watch.mode == Mode::Learnt && watch.learnt.is_irregular());
        let mut names: Vec<&BString> = irregular.map(|watch| &watch.name).collect();
        names.sort_unstable();
        words::irregular(&names)
    }

    /// Takes note that a source is read again, whose name `its` knows: the silences of its hosts begin anew.
    pub fn source_is_well(&mut self, its: &dyn Fn(&BStr) -> bool, now: Time, site: &dyn Site) {
        for slot in 0..self.watches.len() {
            let Some(watch) = self.watches.get_mut(slot).and_then(Option::as_mut) else {
                continue;
            };
            if its(watch.source.as_ref()) && watch.state == State::Heard {
                watch.held = now;
                self.plan(slot, now, site);
            }
        }
    }

    /// Goes on under another configuration. Who is not watched any more is forgotten.
    pub fn reconfigure(&mut self, now: Time, site: &dyn Site) {
        for slot in 0..self.watches.len() {
            let Some(watch) = self.watches.get_mut(slot).and_then(Option::as_mut) else {
                continue;
            };
            watch.mode = site.mode(watch.name.as_ref());
            match watch.mode {
                Mode::Off => self.remove(slot),
                Mode::Learnt | Mode::Fixed(_) => self.plan(slot, now, site),
            }
        }
    }
}
