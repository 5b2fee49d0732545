//! The loop around the monitor: threads, channels, signals.
//!
//! The loop alone owns the counts and the outbox. Readers, the mail workers and the signal thread
//! hand it messages over one bounded channel; nothing that can block runs here.

mod batch;
mod commit;
mod ending;
mod inputs;
mod pulse;
mod reload;
mod start;
mod telling;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use bstr::BString;

use crate::clock::{Clock, Time};
use crate::counters::Counter;
use crate::delivery::message::Identity;
use crate::delivery::outbox::Outbox;
use crate::delivery::outputs::Outputs;
use crate::delivery::worker_pool::WorkerPool;
use crate::delivery::{AttemptResult, Delivery, MAIL_SERVER, QueuedMail};
use crate::input::{Event, Fault, Notice, file, redis};
use crate::monitor::{DueReports, EscalationSettlement, Monitor};
use crate::process::signals::Signal;
use crate::report::Status;
use crate::resolve::Resolver;
use crate::schedule::Schedule;
use crate::state::Stored;
use crate::threads;

pub use start::{hostname, run, without_logs};

/// The loop wakes at least this often, so that a clock that was set is noticed.
const LONGEST_SLEEP: Duration = Duration::from_secs(300);
/// How long a drain may take before a signal is obeyed without it.
const DRAIN: Duration = Duration::from_secs(10);
/// The same while lines of before the start are read.
const CATCH_UP: Duration = Duration::from_secs(60);
/// The same if the signal asks for the end: what is not read by then is read at the next start.
const CATCH_UP_TO_END: Duration = Duration::from_secs(20);

/// How the name of a queue among the faults begins.
const QUEUE: &str = "queue ";

/// What the loop is told.
#[derive(Debug)]
enum Message {
    Input(Event),
    /// A signal is there to be heard.
    Signal,
    Attempted(AttemptResult),
    Stored(Stored),
    /// A thread died, as the log tells.
    Died,
}

/// What a signal asks for, once all that was written before it is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Wish {
    Check,
    Flush,
    Reload,
    End,
}

struct Daemon {
    clock: Arc<dyn Clock>,
    config_file: PathBuf,
    /// What our mails say of us.
    identity: Identity,
    /// Whether mails go to standard output (`--print`).
    print: bool,
    monitor: Monitor,
    /// Looks up the full names of hosts (`set resolve on`).
    resolver: Option<Resolver>,
    outbox: Outbox,
    /// The escalation counters that are settled once each mail is delivered, by the mail's number.
    settlements: HashMap<u64, EscalationSettlement>,
    outputs: Outputs,
    workers: WorkerPool,
    inputs: inputs::Inputs,
    /// How many inputs have not answered the last call to drain.
    awaited: usize,
    /// A signal came meanwhile: they are called again, since what was asked twice is answered once.
    again: bool,
    messages: Receiver<Message>,
    /// They do not wait behind the lines that are to be counted.
    signals: Receiver<Signal>,
    /// Signals that came in the middle of a batch, and when the rest of it has to be quick for them.
    heard: VecDeque<Signal>,
    hurry_at: Option<Time>,
    wishes: Vec<Wish>,
    wishes_until: Option<Time>,
    /// How long that was from the signal on.
    patience: Duration,
    /// The next look at the `[now]` queues.
    next_check: Time,
    /// The next scheduled minute, and the minute it was worked out in.
    next_due: Option<Time>,
    watchdog: Option<Duration>,
    next_alive: Time,
    telling: telling::Telling,
    ending: Option<ending::Ending>,
    /// The exit status, whatever becomes of the rest.
    status: i32,
    /// When the end that was asked for is to be over.
    stop_by: Option<Time>,
    /// When it is told what the end waits for.
    next_word: Option<Time>,
    /// The next sign of life in the state directory.
    next_beat: Time,
    /// Mails that had their last attempt of this run: each has one after the end was asked for.
    tried: BTreeSet<u64>,
    commits: commit::Commits,
    /// The positions in the followed files that belong to the counts.
    files: BTreeMap<PathBuf, file::PathCheckpoints>,
    /// The patterns of log files, and since when each is followed, ns since the epoch.
    patterns: HashMap<BString, i64>,
    /// How far the Redis lists are counted.
    redis: redis::Counted,
    /// What is wrong with inputs just now.
    faults: HashMap<String, String>,
    /// Those of them that may have lines which are not read.
    blind: BTreeSet<String>,
    started: Time,
    /// Lines of before the start are still being read: reports wait for them.
    catching_up: bool,
}

impl Daemon {
    /// Runs until it is told to end; the exit status.
    fn run(mut self) -> i32 {
        self.tell_manager(self.clock.now());
        loop {
            if self.ended() {
                return self.farewell();
            }
            match self.messages.recv_timeout(self.pause()) {
                Ok(message) => self.take(message),
                Err(RecvTimeoutError::Timeout) => {}
                // Every sender is gone: nothing can come any more.
                Err(RecvTimeoutError::Disconnected) => return 1,
            }
            self.hear();
            self.work();
        }
    }

    /// How long nothing needs to be done if no message comes.
    fn pause(&self) -> Duration {
        let now = self.clock.now();
        let check = self.monitor.now_waiting().then_some(self.next_check);
        let alive = self.watchdog.map(|_| self.next_alive);
        let times = match self.ending {
            Some(ending) => {
                let [mails, until] = ending.next().map(|time| Some(time).filter(|t| *t > now));
                vec![mails, until, alive, self.commits.next(), self.next_word]
            }
            None => vec![
                check,
                self.next_due,
                self.next_try(),
                alive,
                self.wishes_until,
                self.commits.next(),
                self.telling.next(),
                self.next_word,
            ],
        };
        let next = times.into_iter().flatten().min();
        let wait = next.map_or(LONGEST_SLEEP, |t| {
            (t - now).to_std().unwrap_or(Duration::ZERO)
        });
        // A time that has come but led to nothing must not become a spin.
        wait.clamp(Duration::from_millis(1), LONGEST_SLEEP)
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Input(Event::Batch(batch)) => self.batch(batch),
            Message::Input(Event::Notice(notice)) => self.notice(&notice),
            Message::Input(Event::Health { input, fault }) => self.health(input, fault),
            Message::Input(Event::Patterns(patterns)) => {
                self.patterns = patterns;
                self.commits.urgent();
            }
            Message::Input(Event::Drained) => {
                self.awaited = self.awaited.saturating_sub(1);
                if self.awaited == 0 {
                    self.catching_up = false;
                    self.drain_or_obey();
                }
            }
            Message::Stored(stored) => self.stored(&stored),
            Message::Signal => {}
            Message::Attempted(attempt) => self.settle(&attempt),
            Message::Died => self.died(self.clock.now()),
        }
    }

    /// When schedules are to be looked at next.
    fn plan(&mut self) {
        let outbox = &self.outbox;
        self.next_due = self.monitor.next_due(&|queue| outbox.has_rejected(queue));
    }

    /// When a mail is to be tried next; those that no snapshot holds yet wait for it.
    fn next_try(&self) -> Option<Time> {
        let (commits, tried) = (&self.commits, &self.tried);
        let held = |mail| commits.holds(mail) || tried.contains(&mail);
        self.outbox.next_try(&held)
    }

    fn notice(&mut self, notice: &Notice) {
        log::log!(notice.level, "{}", notice.text);
        self.monitor.add_counters(&notice.counters);
        if notice.report {
            self.monitor.remark(notice.text.clone());
        }
    }

    /// Keeps what is wrong with an input, for `tenshi status`.
    fn health(&mut self, input: String, fault: Option<Fault>) {
        self.blind.remove(&input);
        if fault.as_ref().is_some_and(|fault| fault.blind) {
            self.blind.insert(input.clone());
        }
        match fault {
            Some(fault) => self.faults.insert(input, fault.text),
            None => self.faults.remove(&input),
        };
        let now = self.clock.now();
        let state = &self.monitor.config().state;
        self.commits.changed(now, false, state);
    }

    fn signal(&mut self, signal: Signal) {
        log::debug!("trapped {signal:?}");
        let wish = match signal {
            Signal::Usr1 => Wish::Check,
            Signal::Usr2 => Wish::Flush,
            Signal::Hup => Wish::Reload,
            Signal::Term | Signal::Int => Wish::End,
        };
        if self.ending.is_some() {
            return;
        }
        self.wish(wish, self.clock.now());
    }

    /// Has the inputs read what there is, and then does this.
    fn wish(&mut self, wish: Wish, now: Time) {
        // Further signals do not put off an end that was asked for.
        if !self.wishes.contains(&Wish::End) {
            // Lines of before the start may take their time; all else does not.
            self.patience = match (self.catching_up, wish) {
                (true, Wish::End) => CATCH_UP_TO_END,
                (true, _) => CATCH_UP,
                (false, _) => DRAIN,
            };
            self.wishes_until = Some(now + self.patience);
        }
        if wish == Wish::End {
            self.asked_to_end(now, ending::STOP);
        }
        self.wishes.push(wish);
        self.again = true;
        if self.awaited == 0 {
            self.drain_or_obey();
        }
    }

    /// Calls the inputs to drain if a signal came since they were called last, else does what the
    /// signals asked for.
    fn drain_or_obey(&mut self) {
        if std::mem::take(&mut self.again) {
            self.awaited = match self.wishes.contains(&Wish::End) {
                true => self.inputs.finish(),
                false => self.inputs.drain(),
            };
        }
        if self.awaited == 0 {
            self.obey();
        }
    }

    /// Does what the signals asked for.
    fn obey(&mut self) {
        self.wishes_until = None;
        for wish in std::mem::take(&mut self.wishes) {
            let now = self.clock.now();
            match wish {
                Wish::Check => self.check(now, Some(Status::QueueCheck)),
                Wish::Flush => self.flush(now, Status::Flushing),
                Wish::Reload => self.reload(now),
                Wish::End => self.begin_end(now),
            }
        }
    }

    /// Does what time asks for.
    fn work(&mut self) {
        let now = self.clock.now();
        threads::fault_point();
        if self.wishes_until.is_some_and(|until| now >= until) {
            self.read_enough();
        }
        if self.ending.is_none() {
            let scheduled = self.next_due.is_some_and(|due| now >= due) || self.monitor.overdue();
            let checked = now >= self.next_check && self.monitor.now_waiting();
            if (scheduled && self.ready()) || checked {
                self.check(now, None);
            }
        }
        self.commit(now);
        self.dispatch(now);
        self.tell_manager(now);
        self.tell_wait(now);
        self.beat(now);
        self.keep_alive(now);
    }

    fn check(&mut self, now: Time, status: Option<Status>) {
        log::debug!("checking queues");
        for queue in self.monitor.passing(now) {
            self.outbox.retry_queue(&queue, now);
        }
        for queue in self.monitor.now_with_lines() {
            self.outbox.retry_blocking(&queue, now);
        }
        let (outbox, resolver) = (&self.outbox, &self.resolver);
        let names = |host: &[u8]| resolver.as_ref()?.name(host);
        self.monitor.announce(outbox.unsent(now));
        let due = self
            .monitor
            .due(now, status, &|queue| outbox.waiting(queue), &names);
        let config = self.monitor.config().clone();
        // A `[now]` queue has no time but that of its next report.
        for queue in due
            .iter()
            .filter_map(|d| config.queues.get(d.queue.index()))
        {
            self.outbox.retry_queue(&queue.name, now);
        }
        self.post_all(due, now);
        let sleep = config.sleep.max(Duration::from_secs(1));
        while self.next_check <= now {
            self.next_check = (self.next_check + sleep).max(now + sleep / 2);
        }
        self.plan();
    }

    /// Whether a scheduled report may be made: not while lines of its time are still to be read,
    /// nor while all that is overdue waits for the delivery of a report before.
    fn ready(&self) -> bool {
        let due = self.next_due.is_some_and(|due| self.clock.now() >= due);
        let outbox = &self.outbox;
        !self.catching_up && (due || self.monitor.overdue_but(&|queue| outbox.waiting(queue)))
    }

    fn flush(&mut self, now: Time, status: Status) {
        log::debug!("flushing all queues");
        self.monitor.announce(self.outbox.unsent(now));
        let resolver = &self.resolver;
        let names = |host: &[u8]| resolver.as_ref()?.name(host);
        let due = self.monitor.flush(now, Some(status), &names);
        self.post_all(due, now);
        self.outbox.retry_all(now);
        self.dispatch(now);
    }

    /// Moves reports from their queues into the outbox.
    fn post_all(&mut self, due: Vec<DueReports>, now: Time) {
        for due in due {
            let mut settlement = Some(due.settlement);
            for report in due.reports {
                log::debug!("queue {}: mailing", report.queue);
                let pager = report.pager;
                let id = self.outbox.push(report, now, &self.identity.hostname);
                self.commits.mail(id);
                if !pager {
                    self.outbox.carried(&due.announced, id);
                }
                if let Some(settlement) = settlement.take() {
                    self.settlements.insert(id, settlement);
                }
            }
        }
    }

    /// Hands the mails whose time has come to the workers.
    fn dispatch(&mut self, now: Time) {
        if self.ending.is_some_and(|ending| !ending.sends()) {
            return;
        }
        let (commits, tried) = (&self.commits, &self.tried);
        let held = |mail| commits.holds(mail) || tried.contains(&mail);
        let due = self.outbox.start_due(now, &held);
        if self.ending.is_some() {
            self.tried.extend(due.iter().map(|mail| mail.id));
        }
        for mail in due {
            let config = self.monitor.config();
            let queue = config.queues.iter().find(|q| q.name == mail.report.queue);
            let job = self.outputs.job(mail, queue.map(|q| &q.output));
            self.workers.send(job);
        }
    }

    fn settle(&mut self, attempt: &AttemptResult) {
        let now = self.clock.now();
        let config = self.monitor.config().clone();
        let mail = self.outbox.get(attempt.id);
        let for_server = mail.is_some_and(QueuedMail::is_for_server);
        let name = mail.map(|mail| mail.report.queue.clone());
        let name = name.unwrap_or_default();
        let queue = config.queues.iter().find(|q| q.name == name);
        let at_once = queue.is_some_and(|q| q.schedule == Schedule::Now);
        self.tally(attempt);
        for warning in &attempt.warnings {
            log::warn!("queue {name}: {warning}");
        }
        if for_server {
            self.server_health(attempt);
        }
        let settled = self.outbox.settle(attempt, now, at_once, config.sleep);
        for (level, text) in settled.messages {
            log::log!(level, "{text}");
        }
        if let Some(ending) = self.ending.as_mut().filter(|_| !settled.parts.is_empty()) {
            ending.wait_for_parts(now, config.mail.timeout);
        }
        for part in settled.parts {
            self.commits.mail(part);
            // It is another mail now, and has its own last attempt.
            self.tried.remove(&part);
        }
        if let Some(mail) = settled.finished {
            log::debug!("queue {name}: delivered");
            self.rejections(&mail);
            if at_once && mail.attempts > 1 {
                // The server is back: what the queue collected meanwhile waits no longer.
                self.next_check = now;
            }
            let settlement = self.settlements.remove(&attempt.id);
            if let Some(settlement) = settlement.filter(|_| mail.attempts > 1) {
                self.monitor.delivered_at_last(&settlement);
            }
        } else if let Some(settlement) = self.settlements.get(&attempt.id)
            && self.outbox.attempts(attempt.id) == Some(1)
        {
            self.monitor.undelivered(settlement);
        }
        self.commits.soon(now);
        self.plan();
    }

    /// Keeps who will not get the reports of a queue, until one is taken for all its recipients.
    fn rejections(&mut self, mail: &QueuedMail) {
        let name = format!("{QUEUE}{}", mail.report.queue);
        let refused = mail.rejected.iter().next().map(|(who, reply)| {
            let who = who.as_str();
            Fault::blind(format!(
                "the recipient {who} was refused for good, others took the report: {reply}"
            ))
        });
        if refused.is_some() || self.faults.contains_key(&name) {
            self.health(name, refused);
        }
    }

    fn tally(&mut self, attempt: &AttemptResult) {
        if attempt.program_failed {
            self.monitor.count_event(Counter::CommandFailed);
        }
        match &attempt.delivery {
            Delivery::Accepted { rejected, .. } => {
                self.monitor.count_event(Counter::Delivered);
                for _ in rejected {
                    self.monitor.count_event(Counter::RecipientRejected);
                }
            }
            Delivery::Deferred(_) | Delivery::AccessDenied(_) => {
                self.monitor.count_event(Counter::DeliveryFailed)
            }
            Delivery::ContentRejected(_) | Delivery::EnvelopeRejected(_) => {
                self.monitor.count_event(Counter::Refused)
            }
            Delivery::TooLarge { .. } if attempt.parts.is_empty() => {
                self.monitor.count_event(Counter::Refused)
            }
            Delivery::TooLarge { .. } => {}
        }
    }

    /// Keeps whether the mail server lets us in, for `tenshi status`.
    fn server_health(&mut self, attempt: &AttemptResult) {
        let fault = match &attempt.delivery {
            Delivery::AccessDenied(fault) => Some(Fault {
                text: fault.clone(),
                blind: false,
            }),
            Delivery::Deferred(_) => return,
            _ => None,
        };
        if fault.is_some() || self.faults.contains_key(MAIL_SERVER) {
            self.health(MAIL_SERVER.to_owned(), fault);
        }
    }
}
