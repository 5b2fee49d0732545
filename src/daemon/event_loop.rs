//! The loop: it waits for the next message or the next time, and does what is due.

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::{Duration, Instant};

use bstr::BString;

use super::commits::Commits;
use super::ending::Shutdown;
use super::inputs::Inputs;
use super::kept::JournalPositions;
use super::kept::Positions;
use super::messages::{Message, Requests};
use super::pings::Pings;
use super::service_status::ServiceStatus;
use super::site::Site;
use super::watchdog::Watchdog;
use crate::archive::Archive;
use crate::clock::{Clock, Time};
use crate::delivery::message::Identity;
use crate::delivery::outbox::Outbox;
use crate::delivery::outputs::Outputs;
use crate::delivery::worker_pool::WorkerPool;
use crate::input::{Counted, Event, Fault, Notice};
use crate::monitor::{EscalationSettlement, Monitor};
use crate::process::signals::Signal;
use crate::resolve::Resolver;
use crate::threads;

/// The loop wakes at least this often, so that a clock that was set is noticed.
const LONGEST_SLEEP: Duration = Duration::from_secs(300);
const SHORTEST_SLEEP: Duration = Duration::from_millis(1);

/// The state of a run. The other files of this directory are its methods, each for one concern.
pub(super) struct Daemon {
    pub(super) clock: Arc<dyn Clock>,
    pub(super) config_file: PathBuf,
    /// The version and the machine that our mails name.
    pub(super) identity: Identity,
    /// Whether mails go to standard output (`--print`).
    pub(super) print: bool,
    pub(super) monitor: Monitor,
    /// Looks up the full names of hosts (`set resolve on`).
    pub(super) resolver: Option<Resolver>,
    pub(super) outbox: Outbox,
    /// The escalation counters that are settled once each mail is delivered, by the mail's number.
    pub(super) settlements: HashMap<u64, EscalationSettlement>,
    pub(super) outputs: Outputs,
    /// The archive of the state directory, whether letters are kept in it or not.
    pub(super) archive: Option<Arc<Archive>>,
    pub(super) workers: WorkerPool,
    pub(super) inputs: Inputs,
    pub(super) messages: Receiver<Message>,
    /// For what the loop's own threads have to say.
    pub(super) sender: SyncSender<Message>,
    /// This console of its site (`set site`).
    pub(super) site: Option<Site>,
    /// The pings of `set heartbeat`.
    pub(super) pings: Pings,
    /// Signals have a channel of their own: they do not wait behind lines that are to be counted.
    pub(super) signals: Receiver<Signal>,
    pub(super) requests: Requests,
    /// The next look at the `[now]` queues.
    pub(super) next_check: Time,
    /// The next scheduled minute of a queue.
    pub(super) next_due: Option<Time>,
    /// The time of the last turn of the loop, by which a clock that was set back is noticed.
    pub(super) turned: Time,
    /// The signs of life that the service manager wants.
    pub(super) watchdog: Watchdog,
    /// The next sign of life in the state directory.
    pub(super) next_heartbeat: Time,
    pub(super) service_status: ServiceStatus,
    pub(super) shutdown: Shutdown,
    pub(super) commits: Commits,
    /// The positions in the followed files that belong to the counts.
    pub(super) files: Positions,
    /// The positions in the journal's files that belong to the counts.
    pub(super) journal: JournalPositions,
    /// The patterns of log files, each with the time since which it is followed, ns since the epoch.
    pub(super) patterns: HashMap<BString, i64>,
    /// How far the numbered sources (the Redis lists) are counted.
    pub(super) counted: Counted,
    /// The faults that last, by the name of the input, queue or server: for `tenshi status`.
    pub(super) faults: HashMap<String, String>,
    /// The names of those faults by which lines are not read or reports do not arrive.
    pub(super) blind: BTreeSet<String>,
    /// When this run began.
    pub(super) started: Time,
    /// Whether lines of before the start are still being read: reports wait for them.
    pub(super) catching_up: bool,
}

impl Daemon {
    /// Runs until the end was asked for and is over. Gives the exit status.
    pub(super) fn run(mut self) -> i32 {
        self.show_service_status(self.clock.now());
        // What the state holds is due in its time, though no line may come until then.
        self.plan();
        loop {
            if self.ended() {
                return self.shut_down();
            }
            match self.messages.recv_timeout(self.pause()) {
                Ok(message) => self.take(message),
                Err(RecvTimeoutError::Timeout) => {}
                // Every sender is gone: nothing can come any more.
                Err(RecvTimeoutError::Disconnected) => return 1,
            }
            self.handle_signals();
            self.work();
        }
    }

    /// The time until something is due, if no message comes.
    fn pause(&self) -> Duration {
        let now = self.clock.now();
        if now < self.turned {
            // The times below are of a clock that was set back since: the next turn bounds them.
            return SHORTEST_SLEEP;
        }
        let check = self.monitor.now_waiting().then_some(self.next_check);
        let times = match self.shutdown.ending {
            Some(ending) => {
                let [mails, until] = ending.next().map(|time| Some(time).filter(|t| *t > now));
                vec![
                    mails,
                    until,
                    self.commits.next(),
                    self.shutdown.next_message,
                ]
            }
            None => vec![
                check,
                self.next_due,
                self.next_silence(),
                self.next_ping(),
                self.next_site(now),
                self.next_alarm(),
                self.next_try(),
                self.requests.until,
                self.commits.next(),
                self.service_status.next(),
                self.shutdown.next_message,
            ],
        };
        let next = times.into_iter().flatten().min();
        let wait = next.map_or(LONGEST_SLEEP, |t| {
            (t - now).to_std().unwrap_or(Duration::ZERO)
        });
        let alive = self.watchdog.wait(Instant::now());
        let wait = alive.map_or(wait, |alive| wait.min(alive));
        // A time that has come but led to nothing must not become a spin.
        wait.clamp(SHORTEST_SLEEP, LONGEST_SLEEP)
    }

    /// Handles a message.
    fn take(&mut self, message: Message) {
        match message {
            Message::Input(event) => self.take_event(*event),
            Message::Written(stored) => self.stored(&stored),
            Message::Signal => {}
            Message::Attempted(attempt) => self.settle(&attempt),
            Message::Pinged(end) => self.pinged(&end),
            Message::Site(told) => self.board_says(*told),
            Message::ThreadDied => self.thread_died(self.clock.now()),
        }
    }

    /// Handles what an input tells.
    fn take_event(&mut self, event: Event) {
        match event {
            Event::Batch(batch) => self.batch(batch),
            Event::Notice(notice) => self.notice(&notice),
            Event::Health { input, fault } => self.health(input, fault),
            Event::Patterns(patterns) => {
                self.patterns = patterns;
                self.commits.urgent();
            }
            Event::Drained => {
                self.requests.drains_awaited = self.requests.drains_awaited.saturating_sub(1);
                if self.requests.drains_awaited == 0 {
                    if std::mem::take(&mut self.catching_up) {
                        // What was read was old.
                        let now = self.clock.now();
                        self.monitor.begin_silences(self.started, now);
                    }
                    self.drain_or_handle();
                }
            }
        }
    }

    /// Works out when the next queue is due.
    pub(super) fn plan(&mut self) {
        let outbox = &self.outbox;
        self.next_due = self.monitor.next_due(&|queue| outbox.has_rejected(queue));
    }

    /// Logs what an input has to say; the next report says it too, if it is to.
    fn notice(&mut self, notice: &Notice) {
        log::log!(notice.level, "{}", notice.text);
        self.monitor.add_counters(&notice.counters);
        if notice.report {
            self.monitor.remark(notice.text.clone());
        }
    }

    /// Keeps the fault of an input, queue or server, for `tenshi status`; no fault is its end.
    pub(super) fn health(&mut self, input: String, fault: Option<Fault>) {
        let now = self.clock.now();
        self.monitor.input_fault(&input, fault.is_some(), now);
        self.blind.remove(&input);
        if fault.as_ref().is_some_and(|fault| fault.blind) {
            self.blind.insert(input.clone());
        }
        match fault {
            Some(fault) => self.faults.insert(input, fault.text),
            None => self.faults.remove(&input),
        };
        let state = &self.monitor.config().state;
        self.commits.changed(now, false, state);
    }

    /// When the next silence is to be looked at: not while lines of before the start are read.
    fn next_silence(&self) -> Option<Time> {
        self.monitor.next_silence().filter(|_| !self.catching_up)
    }

    /// Reads the hushes that people made, if there are others.
    fn read_hushes(&mut self, now: Time) {
        if self.monitor.config().silence.is_on()
            && let Some(hushes) = self.commits.new_hushes()
        {
            self.monitor.set_hushes(hushes, now);
        }
    }

    /// Looks at the silences of hosts and files, if that is due.
    fn look_for_silence(&mut self, now: Time) {
        self.monitor.silence_turn(now);
        self.read_hushes(now);
        if self.next_silence().is_some_and(|next| next <= now) {
            self.monitor.check_silences(now);
            let state = &self.monitor.config().state;
            self.commits.changed(now, false, state);
            self.plan();
        }
    }

    /// Does what is due by now.
    fn work(&mut self) {
        let now = self.clock.now();
        self.look_at_clock(now);
        threads::fault_point();
        if self.requests.until.is_some_and(|until| now >= until) {
            self.stop_draining();
        }
        if self.shutdown.ending.is_none() {
            self.look_for_silence(now);
            self.ping(now);
            self.check_if_due(now);
            self.look_at_site(now);
        }
        self.commit(now);
        self.dispatch(now);
        self.show_service_status(now);
        self.log_progress(now);
        self.heartbeat(now);
        self.ping_watchdog();
    }

    /// Shows the service manager the counters, until the end shows its own words.
    fn show_service_status(&mut self, now: Time) {
        if self.shutdown.deadline.is_none() {
            let counters = self.monitor.counters();
            let waiting = self.outbox.mails().len();
            self.service_status.show(now, counters, waiting);
        }
    }
}
