//! The view of a snapshot that `status` shows: its fields are the fields of `--json`.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::Path;

use bstr::BString;
use chrono::{DateTime, Local, NaiveDate};
use serde::Serialize;

use super::journal::{JournalView, UnreadView};
use super::site::SiteStatus;
use crate::clock::Time;
use crate::counters::Counters;
use crate::delivery::QueuedMail;
use crate::health::lag::{self, Generation};
use crate::health::{self, Health, WaitingReport};
use crate::input::file::{Listings, PathCheckpoints};
use crate::input::journal::Positions;
use crate::ledger::News;
use crate::ledger::silence::Hush;
use crate::monitor::SavedQueue;
use crate::schedule::CronSpec;
use crate::shown::{shown, shown_path};
use crate::state::{LockStatus, Snapshot, read_hushes};

/// A status.
#[derive(Serialize)]
pub(super) struct View {
    /// The program's version.
    pub version: &'static str,
    /// The directory of the snapshot.
    pub state_dir: String,
    /// When this was asked.
    pub now: Time,
    /// Whether a daemon runs, if that can be seen.
    pub running: Option<bool>,
    /// Whether the daemon cannot write its snapshots, if that can be seen.
    pub snapshots_fail: Option<bool>,
    /// Why these two cannot be seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unseen: Option<String>,
    /// When the daemon moved last, if that can be seen.
    pub moved: Option<Time>,
    /// When the snapshot was made.
    pub made: Time,
    /// When the daemon that made it was started.
    pub started: Time,
    pub files: Vec<FileView>,
    /// How far the journal is read, where it is (`set journal`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub journal: Option<JournalView>,
    pub queues: Vec<QueueView>,
    pub outbox: Vec<MailView>,
    /// The site of several consoles that this one belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub site: Option<SiteStatus>,
    /// The hosts and files whose silence was told and lasts.
    pub silent: Vec<SilentView>,
    /// The hushes by hand that last.
    pub hushes: Vec<HushView>,
    /// What is known of kinds of lines, if `set news` ever wanted it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub news: Option<NewsView>,
    /// The faults of inputs and queues, by their names.
    pub faults: BTreeMap<String, String>,
    /// The names of those faults that keep lines from being read, or reports from arriving.
    pub blind: BTreeSet<String>,
    pub counters: Counters,
}

/// The positions of a snapshot.
#[derive(Clone)]
pub(super) struct Marks {
    pub files: Vec<PathCheckpoints>,
    pub journal: Positions,
}

impl Marks {
    pub(super) fn of(snapshot: &Snapshot) -> Self {
        Self {
            files: snapshot.files.clone(),
            journal: snapshot.journal.clone(),
        }
    }
}

/// A host or file that is silent.
#[derive(Serialize)]
pub(super) struct SilentView {
    pub name: String,
    pub since: Time,
}

/// A time in which no silence of a host is told.
#[derive(Serialize)]
pub(super) struct HushView {
    pub host: String,
    pub until: Time,
    pub why: String,
}

/// What is known of kinds of lines.
#[derive(Serialize)]
pub(super) struct NewsView {
    pub kinds: usize,
    pub hosts: usize,
    /// The day of the first line.
    pub since: NaiveDate,
}

/// A followed log.
#[derive(Serialize)]
pub(super) struct FileView {
    pub path: String,
    /// The offset of the next byte to read of the file that has the path now; nothing while there is none.
    pub position: Option<u64>,
    /// Bytes not taken yet, of all its generations.
    pub lag: u64,
    pub last_line: Option<Time>,
    /// Rotated generations that are still read or watched.
    pub rotated: Vec<RotatedView>,
}

/// A rotated generation.
#[derive(Serialize)]
pub(super) struct RotatedView {
    /// The path that the file has now, if it was found.
    pub path: Option<String>,
    pub position: u64,
    pub lag: u64,
}

/// A queue and its next report.
#[derive(Serialize)]
pub(super) struct QueueView {
    pub name: String,
    /// The schedule as the configuration writes it.
    pub schedule: String,
    pub lines: u64,
    pub distinct: usize,
    /// When the next report is due; nothing for `[now]` while no window is open. It may have passed.
    pub next: Option<Time>,
    /// Whether the report before is still on its way: the next one waits for it.
    pub overdue: bool,
}

/// A report on its way.
#[derive(Serialize)]
pub(super) struct MailView {
    pub queue: String,
    pub message_id: String,
    pub recipients: Vec<String>,
    pub since: Time,
    pub attempts: u32,
    pub fault: Option<String>,
    /// The time of the next attempt; nothing while the mail waits for its queue's next report.
    pub next_try: Option<Time>,
    /// Whether the server refused the mail for good (5xx).
    pub refused: bool,
}

impl SilentView {
    fn new((name, since): (&BString, Time)) -> Self {
        let name = shown(name).to_string();
        Self { name, since }
    }
}

impl HushView {
    fn new(hush: Hush) -> Self {
        Self {
            host: shown(&hush.host).to_string(),
            until: hush.until,
            why: shown(&hush.why).to_string(),
        }
    }
}

impl View {
    /// Gathers a status. `holder` may be known to be unseen.
    pub(super) fn new(
        dir: &Path,
        snapshot: Snapshot,
        holder: Result<LockStatus, String>,
        now: Time,
    ) -> Self {
        let marks = Marks::of(&snapshot);
        let mut view = Self::of_snapshot(dir, snapshot, now);
        view.look(dir, &marks, holder, now);
        view
    }

    /// A status with what stands in a snapshot alone.
    fn of_snapshot(dir: &Path, snapshot: Snapshot, now: Time) -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION"),
            state_dir: shown_path(&dir).to_string(),
            now,
            running: None,
            snapshots_fail: None,
            moved: None,
            unseen: None,
            made: snapshot.made,
            started: snapshot.started,
            files: Vec::new(),
            journal: JournalView::new(&snapshot.journal),
            queues: snapshot
                .queues
                .iter()
                .map(|q| QueueView::new(q, now))
                .collect(),
            news: NewsView::new(&snapshot.news),
            outbox: snapshot.outbox.mails().iter().map(MailView::new).collect(),
            site: snapshot.site_view.map(SiteStatus::new),
            silent: snapshot.silence.silent().map(SilentView::new).collect(),
            hushes: Vec::new(),
            faults: snapshot.faults.into_iter().collect(),
            blind: snapshot.blind,
            counters: snapshot.counters,
        }
    }

    /// Looks once more at what changes without a commit: the logs, the journal, the lock, the hushes, the clock.
    /// `marks` are the positions of the snapshot.
    pub(super) fn look(
        &mut self,
        dir: &Path,
        marks: &Marks,
        holder: Result<LockStatus, String>,
        now: Time,
    ) {
        self.now = now;
        self.running = holder.as_ref().ok().map(|h| h.running);
        self.snapshots_fail = holder.as_ref().ok().map(|h| h.failing);
        self.moved = holder.as_ref().ok().and_then(|h| Some(h.moved?.into()));
        self.unseen = holder.err();
        self.files = files_of(&marks.files);
        if let Some(journal) = &mut self.journal {
            journal.look(&marks.journal);
        }
        let hushes = read_hushes(dir).into_iter();
        let hushes = hushes.filter(|hush| hush.until > now);
        self.hushes = hushes.map(HushView::new).collect();
        for queue in &mut self.queues {
            queue.next = queue.next_from(now);
        }
    }

    /// What the lock shows, as far as it can be seen.
    fn lock(&self) -> Result<LockStatus, String> {
        match (self.running, &self.unseen) {
            (Some(running), _) => Ok(LockStatus {
                running,
                failing: self.snapshots_fail == Some(true),
                moved: self.moved.map(Into::into),
            }),
            (None, why) => Err(why.clone().unwrap_or_default()),
        }
    }

    /// For how many seconds a running daemon has not moved, if that is too long.
    pub(super) fn hangs(&self) -> Option<u64> {
        health::hangs(&self.lock().ok()?, self.now)
    }

    /// What is judged of the daemon.
    pub(super) fn health(&self) -> Health {
        let waiting = self.outbox.iter().map(|mail| WaitingReport {
            queue: mail.queue.clone(),
            since: mail.since,
            fault: mail.fault.clone(),
            refused: mail.refused,
        });
        let behind = self.lags().max_by_key(|(_, lag)| *lag);
        Health {
            now: self.now,
            lock: self.lock(),
            made: self.made,
            outbox: waiting.collect(),
            lag: self.lag(),
            behind: behind.map(|(name, _)| name.to_owned()),
            faults: self.faults.clone().into_iter().collect(),
            blind: self.blind.clone(),
        }
    }

    /// Bytes of all logs and of the journal that are not taken yet.
    pub(super) fn lag(&self) -> u64 {
        let lags = self.lags().map(|(_, lag)| lag);
        lags.fold(0, u64::saturating_add)
    }

    /// What is not taken yet of each log and of each directory of the journal, bytes.
    pub(super) fn lags(&self) -> impl Iterator<Item = (&str, u64)> {
        let files = self.files.iter().map(|file| (file.path.as_str(), file.lag));
        let journal = self
            .unread()
            .map(|unread| (unread.directory.as_str(), unread.lag));
        files.chain(journal)
    }

    /// What is not read of the journal.
    pub(super) fn unread(&self) -> impl Iterator<Item = &UnreadView> {
        let journal = self.journal.iter();
        journal.flat_map(|journal| &journal.directories)
    }

    /// The report that has waited longest.
    pub(super) fn oldest(&self) -> Option<&MailView> {
        self.outbox.iter().min_by_key(|mail| mail.since)
    }

    /// The seconds since a time; 0 if the clock was set back.
    pub(super) fn ago(&self, then: Time) -> u64 {
        u64::try_from((self.now - then).num_seconds()).unwrap_or(0)
    }
}

impl NewsView {
    fn new(news: &News) -> Option<Self> {
        news.has_begun().then(|| Self {
            kinds: news.kinds().count(),
            hosts: news.hosts().count(),
            since: news.began().date(),
        })
    }
}

fn files_of(files: &[PathCheckpoints]) -> Vec<FileView> {
    let followed: HashSet<&Path> = files.iter().map(|marks| marks.path.as_path()).collect();
    let listings = Listings::default();
    let view = |marks| FileView::new(marks, &followed, &listings);
    files.iter().map(view).collect()
}

impl FileView {
    fn new(marks: &PathCheckpoints, followed: &HashSet<&Path>, listings: &Listings) -> Self {
        let generations = lag::generations(marks, followed, listings);
        let live = generations.iter().find(|generation| generation.live);
        let rotated = generations.iter().filter(|generation| !generation.live);
        Self {
            path: shown_path(&marks.path).to_string(),
            position: live.map(|generation| generation.position),
            lag: generations
                .iter()
                .fold(0, |sum, generation| sum.saturating_add(generation.lag)),
            last_line: DateTime::from_timestamp(marks.last_line, 0).filter(|_| marks.last_line > 0),
            rotated: rotated.map(RotatedView::new).collect(),
        }
    }
}

impl RotatedView {
    fn new(generation: &Generation) -> Self {
        let path = generation.path.as_ref();
        Self {
            path: path.map(|path| shown_path(&path).to_string()),
            position: generation.position,
            lag: generation.lag,
        }
    }
}

impl QueueView {
    fn new(saved: &SavedQueue, now: Time) -> Self {
        let mut view = Self {
            name: saved.name.clone(),
            schedule: saved.schedule.clone(),
            lines: saved.tally.total(),
            distinct: saved.tally.unreported(),
            next: saved.next,
            overdue: saved.overdue,
        };
        view.next = view.next_from(now);
        view
    }

    /// When the next report is due, as seen at this time. While a queue is empty nothing writes down that its time
    /// has passed.
    fn next_from(&self, now: Time) -> Option<Time> {
        match self.lines == 0 && self.next.is_some_and(|next| next <= now) {
            true => next_time(&self.schedule, now),
            false => self.next,
        }
    }
}

fn next_time(schedule: &str, now: Time) -> Option<Time> {
    let spec = schedule.strip_prefix('[')?.strip_suffix(']')?;
    CronSpec::parse(spec).ok()?.next(now, &Local)
}

impl MailView {
    fn new(mail: &QueuedMail) -> Self {
        let report = &mail.report;
        let recipients = report.recipients.iter();
        Self {
            queue: report.queue.clone(),
            message_id: mail.message_id.clone(),
            recipients: recipients.map(|to| to.as_str().to_owned()).collect(),
            since: report.made,
            attempts: mail.attempts,
            fault: mail.fault.clone(),
            next_try: mail.next_try,
            refused: mail.next_try.is_none(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeZone;

    /// No snapshot is written while nothing happens, so its times grow old.
    #[test]
    fn an_empty_queues_next_time_is_never_one_that_has_passed() {
        let at = |hour| Local.with_ymd_and_hms(2026, 11, 24, hour, 30, 0);
        let [then, next, now] = [9, 10, 13].map(|h| at(h).unwrap().to_utc());
        let mut saved = SavedQueue {
            schedule: "[30 * * * *]".into(),
            start: then,
            next: Some(next),
            ..SavedQueue::default()
        };
        let shown = |saved: &SavedQueue| QueueView::new(saved, now).next;
        assert_eq!(shown(&saved), Some(at(14).unwrap().to_utc()));
        let mut table = crate::hosts::HostTable::default();
        saved.tally.add(table.host(b"h"), b"line", 1, 9);
        assert_eq!(shown(&saved), Some(next), "lines that nobody has mailed");
        saved.next = None;
        assert_eq!(shown(&saved), None);
    }
}
