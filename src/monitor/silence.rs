//! Silences: the hosts that wrote in a batch are noted once each, and the lines about those that should have written
//! are counted in the queues of `set silence`.

use std::collections::BTreeMap;

use bstr::BStr;

use super::monitor::Monitor;
use super::watching::{FILE, Known, Watching, digest, is_source};
use crate::clock::Time;
use crate::ledger::silence::{About, Hush, Line, SavedSilence, Silence, SilenceChange};
use crate::queue::OWN_LINE;
use crate::site::HeardHere;

impl Monitor {
    /// Names this machine: what is not of one host stands under its name.
    pub fn name_console(&mut self, name: &str) {
        self.watching.silence.name_console(name.as_bytes());
    }

    /// Whether it is noted which hosts write: for `set silence`, or for `set quiet`.
    #[inline(always)]
    pub(super) fn notes_hosts(&self) -> bool {
        self.watching.is_on() || self.heard.is_on()
    }

    /// Takes note of the hosts that wrote in the batch whose last line was taken.
    pub(super) fn note_heard(&mut self) {
        if self.heard.is_on() {
            let names = self.watching.hosts.iter();
            let names = names.filter_map(|number| self.hosts.name(*number));
            names
                .filter(|name| !name.is_empty())
                .for_each(|name| self.heard.note(name));
        }
        if !self.watching.is_on() {
            self.watching.hosts.clear();
            self.watching.last = None;
            self.watching.batch += 1;
            return;
        }
        let watching = &mut self.watching;
        let told = watching.elsewhere.is_on().then_some(&watching.hosts);
        for number in told.into_iter().flatten() {
            if let Some(name) = self.hosts.name(*number).filter(|name| !name.is_empty()) {
                watching.elsewhere.heard_here(name);
            }
        }
        let Watching {
            silence,
            faults,
            hushes,
            elsewhere,
            source,
            batch,
            hosts,
            last,
            ..
        } = &mut self.watching;
        let config = &self.config;
        let known = Known {
            config,
            faults,
            hushes,
            elsewhere,
        };
        let (source, now) = (BStr::new(source), self.looked);
        let last = last.take();
        let mut of_last = None;
        for number in hosts.drain(..) {
            let name = self.hosts.name(number).filter(|name| !name.is_empty());
            let watch = name.and_then(|name| silence.host(name, source, now, &known));
            if last == Some(number) {
                of_last = watch;
            }
        }
        *batch += 1;
        if let Some(path) = source.strip_prefix(FILE) {
            silence.file(path.into(), of_last, source, now, &known);
        }
        self.count_silences();
    }

    /// Takes note of what another console of the site heard.
    pub fn heard_elsewhere(&mut self, console: &str, heard: &HeardHere, now: Time) {
        self.came_elsewhere(console, &heard.messages, now);
        if !self.watching.is_on() {
            return;
        }
        for host in &heard.hosts {
            self.watching.elsewhere.heard(host.as_ref(), console, now);
        }
        let (silence, known) = self.watching.judge(&self.config);
        for host in &heard.hosts {
            silence.heard_elsewhere(host.as_ref(), now, &known);
        }
        self.count_silences();
    }

    /// What was heard since the last call, for the other consoles of the site.
    pub fn take_heard(&mut self) -> HeardHere {
        self.watching.elsewhere.take_fresh()
    }

    /// Takes note of the other consoles of the site: the run of the state of each as far as that is known, and whether
    /// it is alive.
    pub fn set_consoles(&mut self, consoles: BTreeMap<String, (Option<u64>, bool)>) {
        let alive = consoles.iter().filter(|(_, (_, alive))| *alive);
        let alive = alive.map(|(console, (run, _))| (console.clone(), run.unwrap_or(0)));
        let elsewhere = &mut self.watching.elsewhere;
        elsewhere.set_alive(alive.collect());
        let consoles = consoles.into_iter().map(|(name, (run, _))| (name, run));
        if let Some(know) = elsewhere.set_consoles(consoles.collect()) {
            let know = |console: &BStr| know.contains(console);
            self.expecting.expected.consoles(know);
        }
    }

    /// To be called at each turn of the loop, at least every five minutes: after a longer time, silences begin anew.
    pub fn silence_turn(&mut self, now: Time) {
        let (silence, known) = self.watching.judge(&self.config);
        if let Some(before) = silence.turn(now, &known) {
            self.unwatched(before, now);
        }
    }

    /// Begins all silences anew: what was read since `started` was old.
    pub fn begin_silences(&mut self, started: Time, now: Time) {
        self.watching.silence.begin(now);
        self.unwatched(started, now);
    }

    /// When the next silence is to be looked at.
    pub fn next_silence(&self) -> Option<Time> {
        let silence = self.watching.silence.next().filter(|_| self.watching.on);
        silence.into_iter().chain(self.next_expected()).min()
    }

    /// Looks at the silences whose time has come, and counts lines about those that are to be told.
    pub fn check_silences(&mut self, now: Time) {
        let (silence, known) = self.watching.judge(&self.config);
        silence.check(now, &known);
        self.count_silences();
        self.check_expected(now);
    }

    /// Notes that an input is not read, or is again.
    pub fn input_fault(&mut self, input: &str, faulty: bool, now: Time) {
        let faults = &mut self.watching.faults;
        if faulty {
            faults.insert(input.to_owned());
        } else if faults.remove(input) {
            let its = |source: &BStr| is_source(source, input);
            let (silence, known) = self.watching.judge(&self.config);
            silence.source_is_well(&its, now, &known);
        }
    }

    /// Takes note of the hushes that there are by hand. A hush that is there no more is kept for a day: it was ended,
    /// or is over.
    pub fn set_hushes(&mut self, hushes: Vec<Hush>, now: Time) {
        let before = std::mem::replace(&mut self.watching.hushes, hushes);
        let day = chrono::TimeDelta::days(1);
        for mut hush in before {
            let known = &mut self.watching.hushes;
            if known.iter().all(|k| k.host != hush.host) && now - hush.until < day {
                hush.until = hush.until.min(now);
                known.push(hush);
            }
        }
        // A hush that was ended holds nobody back any more.
        let (silence, known) = self.watching.judge(&self.config);
        silence.reconfigure(now, &known);
    }

    /// Counts the lines about silences in their queues.
    fn count_silences(&mut self) {
        for line in self.watching.silence.take_lines() {
            let settings = &self.config.silence;
            let queue = match line.about {
                About::One => settings.queue(line.host.as_ref()),
                About::Many => settings.console(),
            };
            if let Some(queue) = queue {
                self.count_silence(queue.index(), &line);
            }
        }
        let often = self.watching.silence.has_often();
        let digest = digest(&self.config).filter(|_| often);
        if let Some(state) = digest.and_then(|queue| self.queues.get_mut(queue)) {
            state.pending = true;
        }
    }

    pub(super) fn count_silence(&mut self, queue: usize, line: &Line) {
        // The lines that wait may fill the queue: they are counted first.
        self.count_batch();
        let text = format!("{OWN_LINE}{}", line.text);
        let host = self.hosts.host(&line.host);
        let bound = self.config.state.bound();
        if let Some(state) = self.queues.get_mut(queue) {
            state.tally.add(host, text.as_bytes(), 1, bound);
        }
    }

    /// Counts the hosts that fell silent again and again in a queue whose report is due, if that is to tell of them.
    pub(super) fn count_often(&mut self, queue: usize, now: Time) {
        let pending = self.queues.get_mut(queue);
        if !pending.is_some_and(|state| std::mem::take(&mut state.pending)) {
            return;
        }
        let (silence, known) = self.watching.judge(&self.config);
        for line in silence.take_often(now, &known) {
            self.count_silence(queue, &line);
        }
    }

    /// Once a week: the hosts that keep to no rule.
    pub(super) fn irregular_hosts(&mut self, now: Time) -> Option<String> {
        let (silence, known) = self.watching.judge(&self.config);
        silence.weekly(now, &known)
    }

    /// Goes on from what a commit holds of silences.
    pub(super) fn restore_silences(&mut self, saved: SavedSilence, now: Time) {
        if !self.watching.on {
            return;
        }
        let (silence, known) = self.watching.judge(&self.config);
        silence.restore(saved, now, &known);
        self.count_silences();
    }

    /// Goes on with the silences under another configuration.
    pub(super) fn reconfigure_silences(&mut self, now: Time) {
        self.watching.on = self.config.silence.is_on();
        let (silence, known) = self.watching.judge(&self.config);
        silence.reconfigure(now, &known);
        self.count_silences();
    }

    /// The silences, for a snapshot.
    pub fn saved_silence(&self) -> SavedSilence {
        match self.watching.on {
            true => self.watching.silence.saved(),
            false => SavedSilence::default(),
        }
    }

    /// What changed of the silences since the last commit.
    pub fn silence_changes(&self) -> Option<SilenceChange> {
        let silence = Some(&self.watching.silence).filter(|_| self.watching.on);
        silence.and_then(Silence::changes)
    }

    /// To be called when a commit was made of the silences as they are.
    pub(super) fn silences_committed(&mut self) {
        self.watching.silence.committed();
    }
}
