//! This console of its site (`set site`), as the loop keeps it. What the loop does with it is in `rounds`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use chrono::{Datelike, Local, Offset, TimeDelta, TimeZone, Utc};

use super::messages::Message;
use crate::clock::Time;
use crate::config::{Config, ConsoleName};
use crate::hash::of_texts;
use crate::monitor::Monitor;
use crate::schedule::Schedule;
use crate::site::{LOOK, Member, Merged, SavedSite, Worker};

/// This console of its site.
pub(super) struct Site {
    pub(super) member: Member,
    pub(super) worker: Worker,
    /// Since when a round is on its way, if one is.
    pub(super) on_way: Option<Time>,
    /// Whether its answer is not waited for any more.
    pub(super) hangs: bool,
    /// The time after which it is not.
    longest: TimeDelta,
    /// The number of the commit that must be on disk before the next round begins.
    needed: Option<u64>,
    /// The year of which the hash of the schedules has the offsets.
    year: i32,
    /// What is asked of the lines that are mailed at once; nothing where consoles hear other hosts each.
    pub(super) question: Option<Question>,
    /// The other consoles that stand among the faults.
    pub(super) faulty: BTreeSet<String>,
}

impl Site {
    /// The console of a configuration with `set site`, on what its state has of the site. Without one, gives what the
    /// state has of the site that it was in before.
    ///
    /// # Errors
    /// There is no state directory, no queue, or no thread.
    pub(super) fn begin(
        monitor: &mut Monitor,
        (saved, hostname): (SavedSite, &str),
        stores: bool,
        sender: &SyncSender<Message>,
    ) -> Result<(Option<Self>, Vec<Merged>), String> {
        let config = monitor.config().clone();
        let Some(settings) = &config.site else {
            return Ok((None, saved.left()));
        };
        if !stores {
            let why = "what is handed in is kept there until a report has it";
            return Err(format!(
                "`set site` needs a state directory: {why}; add `set statedir DIR`"
            ));
        }
        let console = settings.console.clone();
        let console = console.unwrap_or_else(|| ConsoleName::of_machine(hostname));
        let sender = sender.clone();
        let answer = move |answer| {
            // Nobody listens to it once the loop has ended.
            let _ = sender.send(Message::Site(Box::new(answer)));
        };
        let worker = Worker::start(settings, console.as_str(), answer)
            .map_err(|e| format!("no thread for the board of `set site`: {e}"))?;
        let now = monitor.looked();
        let hash = schedules(&config, now);
        monitor.join_site(console.as_str());
        let site = Self {
            member: Member::new(settings, console.as_str(), hash, saved, now),
            worker,
            on_way: None,
            hangs: false,
            longest: longest_round(settings.wait),
            needed: None,
            year: now.year(),
            question: settings.mirror.then(Question::default),
            faulty: BTreeSet::new(),
        };
        Ok((Some(site), Vec::new()))
    }

    /// To be called when the commit of this number is made of the site as it is.
    pub(super) fn committed(&mut self, number: u64) {
        if self.member.has_changes() {
            self.needed = Some(number);
        }
        self.member.committed();
    }

    /// To be called when the commit of this number is on disk; with no number, when nothing before the commit `next` is.
    pub(super) fn stored(&mut self, number: Option<u64>, next: u64) {
        match number {
            Some(number) => self.needed = self.needed.filter(|needed| *needed > number),
            None => self.needed = Some(next),
        }
    }

    /// Whether everything that the member knows is on disk.
    pub(super) fn is_kept(&self) -> bool {
        self.needed.is_none() && !self.member.has_changes()
    }

    /// When the loop should look again; nothing while it waits for a commit.
    pub(super) fn next(&self, now: Time) -> Option<Time> {
        match (self.on_way, self.hangs) {
            // Shares may be mailed alone meanwhile.
            (Some(_), true) => Some(now + LOOK),
            (Some(since), false) => Some(since + self.longest),
            (None, _) => self.member.next(now).filter(|_| self.is_kept()),
        }
    }

    /// To be called when the clock was set back: nothing is waited for longer than it was to be.
    pub(super) fn clock_was_set_back(&mut self, now: Time) {
        self.on_way = self.on_way.map(|since| since.min(now));
        self.member.clock_was_set_back(now);
        if let Some(question) = &mut self.question
            && let Asked::Until(until) = &mut question.state
        {
            *until = now.min(*until);
        }
    }

    /// Takes the times of a configuration that was read again, and the hash of its schedules.
    pub(super) fn reconfigure(&mut self, config: &Config, now: Time) {
        self.year = now.year();
        if let Some(settings) = &config.site {
            self.member.reconfigure(settings, schedules(config, now));
        }
    }

    /// Takes the hash of the schedules anew in another year: a zone may have another offset then.
    pub(super) fn note_year(&mut self, config: &Config, now: Time) {
        if self.year != now.year() {
            self.reconfigure(config, now);
        }
    }

    /// Whether the round that is on its way is not waited for from now on.
    pub(super) fn gives_up_round(&mut self, now: Time) -> bool {
        let late = self.on_way.is_some_and(|since| now - since >= self.longest);
        late && !std::mem::replace(&mut self.hangs, true)
    }

    /// Notes the end of the round. Gives whether its answer counts.
    pub(super) fn round_is_over(&mut self) -> bool {
        self.on_way = None;
        !std::mem::take(&mut self.hangs)
    }
}

/// The question whether other consoles have mailed lines of `[now]` queues.
#[derive(Debug, Default)]
pub(super) struct Question {
    /// The number of the last one.
    pub(super) number: u64,
    /// The hashes of its lines.
    pub(super) hashes: Vec<u64>,
    /// The answers of this check so far: of each line, the other console that has mailed it, if one has.
    pub(super) answers: BTreeMap<u64, Option<String>>,
    pub(super) state: Asked,
}

/// How far a question is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Asked {
    /// Nothing is asked.
    #[default]
    No,
    /// It is waited for until then.
    Until(Time),
    /// There is an answer.
    Over {
        /// Since when there is.
        at: Time,
        /// Until when the answer to another question of this check would be waited for.
        until: Time,
    },
}

/// The time after which a board hangs: less than that after which a console mails alone.
fn longest_round(wait: Duration) -> TimeDelta {
    let longest = (wait / 2).clamp(Duration::from_secs(30), Duration::from_secs(300));
    TimeDelta::from_std(longest).unwrap_or(LOOK)
}

/// The hash of the schedules of a configuration, and of the local time in which they are.
fn schedules(config: &Config, now: Time) -> u64 {
    schedules_in(&Local, config, now)
}

fn schedules_in<Z: TimeZone>(zone: &Z, config: &Config, now: Time) -> u64 {
    let scheduled = config
        .queues
        .iter()
        .filter_map(|queue| match &queue.schedule {
            Schedule::Cron(spec) => Some((&queue.name, spec.to_string())),
            Schedule::Now => None,
        });
    let all: BTreeMap<&String, String> = scheduled.collect();
    let all = all.iter();
    let texts = all.flat_map(|(queue, schedule)| [queue.as_bytes(), schedule.as_bytes()]);
    // Winter and summer of the year: so the hash is another one in another zone, and stays as it is on the day on
    // which the clocks are changed.
    let offsets = [1, 7].map(|month| {
        let day = Utc.with_ymd_and_hms(now.year(), month, 1, 12, 0, 0);
        let offset = |day: Time| zone.offset_from_utc_datetime(&day.naive_utc()).fix();
        day.single()
            .map_or(0, |day| offset(day).local_minus_utc())
            .to_be_bytes()
    });
    let offsets = offsets.iter().map(<[u8; 4]>::as_slice);
    of_texts(texts.chain(offsets))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::mpsc::sync_channel;

    use super::*;
    use crate::config::parse_bytes;

    fn site(directory: &std::path::Path, stores: bool) -> Result<Site, String> {
        let text = format!(
            "set mailserver h\nset queue q f@x t@x [0 12 * * *]\nset site s file://{}\nset site_wait 4m\n",
            directory.display()
        );
        let config = parse_bytes(text.as_bytes()).config.unwrap();
        let now = chrono::Utc
            .with_ymd_and_hms(2026, 11, 29, 11, 0, 0)
            .unwrap();
        let mut monitor = Monitor::new(Arc::new(config), now);
        let (sender, _messages) = sync_channel(9);
        let begun = Site::begin(&mut monitor, (SavedSite::default(), "a"), stores, &sender);
        begun.map(|(site, _)| site.unwrap())
    }

    #[test]
    fn a_round_begins_when_all_that_the_member_knows_is_on_disk() {
        let directory = tempfile::tempdir().unwrap();
        assert!(site(directory.path(), false).is_err_and(|e| e.contains("set statedir")));
        let mut site = site(directory.path(), true).unwrap();
        let now = chrono::Utc
            .with_ymd_and_hms(2026, 11, 29, 12, 0, 0)
            .unwrap();
        assert!(
            !site.is_kept() && site.next(now).is_none(),
            "it has a name that is in no commit"
        );
        site.committed(1);
        assert!(!site.is_kept(), "the commit is being written");
        site.stored(Some(1), 2);
        assert!(site.is_kept() && site.next(now).is_some());
        site.member.passed(now);
        site.committed(2);
        site.committed(3);
        site.stored(Some(1), 4);
        assert!(!site.is_kept(), "an older one was written");
        site.stored(None, 4);
        site.stored(Some(3), 5);
        assert!(!site.is_kept(), "one has failed: the next one holds all");
        site.stored(Some(4), 5);
        assert!(site.is_kept());
    }

    #[test]
    fn consoles_in_other_time_zones_have_other_schedules() {
        let text = "set mailserver h\nset queue q f@x t@x [0 12 * * *]\n";
        let config = parse_bytes(text.as_bytes()).config.unwrap();
        let at = |month, day| Utc.with_ymd_and_hms(2026, month, day, 11, 0, 0).unwrap();
        let hash = |zone: &chrono::FixedOffset, now| schedules_in(zone, &config, now);
        let zones = [0, 3600].map(|east| chrono::FixedOffset::east_opt(east).unwrap());
        let [first, second] = zones.map(|zone| hash(&zone, at(11, 29)));
        assert_ne!(first, second);
        let [utc, _] = zones;
        assert_eq!(hash(&utc, at(6, 2)), first, "all the year");
    }

    #[test]
    fn a_round_that_hangs_is_given_up_and_its_answer_does_not_count() {
        let directory = tempfile::tempdir().unwrap();
        let mut site = site(directory.path(), true).unwrap();
        let now = chrono::Utc
            .with_ymd_and_hms(2026, 11, 29, 12, 0, 0)
            .unwrap();
        assert!(!site.gives_up_round(now));
        site.on_way = Some(now);
        let late = now + TimeDelta::seconds(120);
        assert_eq!(site.next(now), Some(late), "half of site_wait");
        assert!(!site.gives_up_round(now + TimeDelta::seconds(119)));
        assert!(site.gives_up_round(late));
        assert!(!site.gives_up_round(late), "once");
        assert_eq!(site.next(late), Some(late + LOOK), "it does not spin");
        assert!(!site.round_is_over());
        site.on_way = Some(late);
        assert!(site.round_is_over(), "the next one counts");
    }
}
