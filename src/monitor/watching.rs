//! What the monitor keeps of silences: the hosts of the batch that is being taken, and what the configuration and
//! the inputs say of silences.

use std::collections::BTreeSet;

use bstr::{BStr, BString, ByteSlice};
use chrono::{FixedOffset, Local, Offset, TimeDelta, TimeZone};

use super::elsewhere::Elsewhere;
use crate::clock::Time;
use crate::config::Config;
use crate::ledger::silence::{Hush, Mode, Silence, Site};
use crate::schedule::{CronSpec, Schedule};

/// What stands in front of the path in the name of a source that is a followed file.
pub(super) const FILE: &[u8] = b"file ";
/// The word of another console is not on its way for longer: each console is at the board once a minute.
const WAY: TimeDelta = TimeDelta::minutes(3);

/// The silences of a site, and what they are judged by.
#[derive(Debug)]
pub(super) struct Watching {
    pub silence: Silence,
    /// Inputs that are not read.
    pub faults: BTreeSet<String>,
    /// Hushes that people made by hand; those that are over for a while too, since a silence may have begun in them.
    pub hushes: Vec<Hush>,
    /// The hosts that other consoles of the site hear.
    pub elsewhere: Elsewhere,
    /// Whether anything is watched.
    pub on: bool,
    /// The source of the lines that are being taken.
    pub source: BString,
    /// The number of the batch, and of each host the last one in which it wrote.
    pub batch: u64,
    pub batches: Vec<u64>,
    /// The hosts of the batch, by their numbers.
    pub hosts: Vec<usize>,
    /// The host of the last line.
    pub last: Option<usize>,
}

impl Watching {
    pub(super) fn new(config: &Config, now: Time) -> Self {
        Self {
            silence: Silence::new(now),
            faults: BTreeSet::new(),
            hushes: Vec::new(),
            elsewhere: Elsewhere::default(),
            on: config.silence.is_on(),
            source: BString::default(),
            batch: 1,
            batches: Vec::new(),
            hosts: Vec::new(),
            last: None,
        }
    }

    /// What the configuration and the inputs say.
    pub(super) fn known<'a>(&'a self, config: &'a Config) -> Known<'a> {
        Known {
            config,
            faults: &self.faults,
            hushes: &self.hushes,
            elsewhere: &self.elsewhere,
        }
    }

    /// The silences, and what they are judged by.
    pub(super) fn judge<'a>(&'a mut self, config: &'a Config) -> (&'a mut Silence, Known<'a>) {
        let known = Known {
            config,
            faults: &self.faults,
            hushes: &self.hushes,
            elsewhere: &self.elsewhere,
        };
        (&mut self.silence, known)
    }

    /// Whether anything is watched.
    #[inline(always)]
    pub(super) fn is_on(&self) -> bool {
        self.on
    }

    /// Prepares for the lines of a source.
    pub(super) fn begin(&mut self, source: &BStr) {
        if self.source != source {
            source.clone_into(&mut self.source);
        }
    }

    /// Notes that a line of the host with this number came.
    #[inline]
    pub(super) fn note(&mut self, number: usize) {
        if self.last == Some(number) {
            return;
        }
        self.last = Some(number);
        if self.batches.len() <= number {
            self.batches.resize(number + 1, 0);
        }
        if let Some(batch) = self.batches.get_mut(number)
            && std::mem::replace(batch, self.batch) != self.batch
        {
            self.hosts.push(number);
        }
    }

    /// Forgets the numbers of hosts: from now on they are others.
    pub(super) fn forget_numbers(&mut self) {
        self.batches = Vec::new();
    }
}

/// What the configuration and the inputs say of silences.
pub(super) struct Known<'a> {
    pub config: &'a Config,
    pub faults: &'a BTreeSet<String>,
    pub hushes: &'a [Hush],
    pub elsewhere: &'a Elsewhere,
}

impl Site for Known<'_> {
    fn mode(&self, name: &BStr) -> Mode {
        let settings = &self.config.silence;
        match settings.rule(name) {
            Some(rule) => rule.watch.map_or(Mode::Off, |(_, time)| Mode::Fixed(time)),
            None if settings.learnt.is_some() => Mode::Learnt,
            None => Mode::Off,
        }
    }

    fn hushed(&self, name: &BStr, from: Time, to: Time) -> Option<Time> {
        let planned = self.config.silence.hushes.iter();
        let planned = planned.filter_map(|hush| hush.covers(name, from, to, &Local));
        let by_hand = self.hushes.iter();
        let by_hand = by_hand.filter_map(|hush| hush.covers(name, from, to));
        planned.chain(by_hand).max()
    }

    fn blind(&self, source: &BStr) -> bool {
        let mut faults = self.faults.iter();
        faults.any(|input| is_source(source, input))
    }

    fn told_elsewhere(&self, name: &BStr, last: Time) -> bool {
        self.elsewhere.tells(name, last)
    }

    fn has_consoles(&self) -> bool {
        self.config.site.is_some()
    }

    fn way(&self) -> TimeDelta {
        match self.has_consoles() {
            true => WAY,
            false => TimeDelta::zero(),
        }
    }

    fn at_once(&self, name: Option<&BStr>) -> bool {
        let settings = &self.config.silence;
        let queue = name.map_or_else(|| settings.console(), |name| settings.queue(name));
        let queue = queue.and_then(|queue| self.config.queues.get(queue.index()));
        queue.is_some_and(|queue| queue.schedule == Schedule::Now)
    }

    fn digest(&self) -> bool {
        digest(self.config).is_some()
    }

    fn next(&self, schedule: &CronSpec, after: Time) -> Option<Time> {
        schedule.next(after, &Local)
    }

    fn offset(&self, at: Time) -> FixedOffset {
        Local.offset_from_utc_datetime(&at.naive_utc()).fix()
    }
}

/// Whether a source of lines is this input: an input is named by its path where it is a file, and what follows the
/// name of a source tells more of it.
pub(super) fn is_source(source: &BStr, input: &str) -> bool {
    let path = source.strip_prefix(FILE).unwrap_or(source);
    let more = input.as_bytes().strip_prefix(source.as_bytes());
    path == input.as_bytes() || more.is_some_and(|more| more.starts_with(b" "))
}

/// The index of the queue whose reports tell of hosts that fall silent again and again: the first that is mailed at
/// a time of the day.
pub(super) fn digest(config: &Config) -> Option<usize> {
    config.queues.iter().position(|queue| {
        matches!(queue.schedule, Schedule::Cron(_)) && queue.output.mail().is_some()
    })
}
