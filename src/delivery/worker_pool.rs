//! The workers that deliver beside the loop: a thread a mail, a few at a time, never two of one
//! queue, and never two for one program of `set notify`.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use super::archiving::Archiving;
use super::filter::Filter;
use super::transport::Transport;
use super::{AttemptResult, Delivery, QueuedMail};
use crate::threads;

/// The most mails that are on their way at once.
const MOST_AT_ONCE: usize = 8;

/// The most mails among them that are with programs of `set notify`: others must not wait for programs that hang.
const MOST_NOTIFYING: usize = 4;

/// What serves one mail at a time.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Channel {
    /// The queue of this name.
    Queue(String),
    /// The program that `set notify` gives this name.
    Program(String),
}

/// One attempt to be made.
pub struct Job {
    /// The mail.
    pub mail: QueuedMail,
    /// The filter of its queue.
    pub filter: Option<Filter>,
    /// The output that takes it.
    pub transport: Arc<dyn Transport>,
    /// Where the letter is kept once it is delivered.
    pub archiving: Option<Archiving>,
}

impl Job {
    fn channel(&self) -> Channel {
        match &self.mail.report.notification {
            Some(notification) => Channel::Program(notification.program.clone()),
            None => Channel::Queue(self.mail.report.queue.clone()),
        }
    }
}

/// The workers of a run. A clone is another handle to the same workers.
#[derive(Clone)]
pub struct WorkerPool(Arc<Shared>);

struct Shared {
    results: Box<dyn Fn(AttemptResult) + Send + Sync>,
    jobs: Mutex<JobQueue>,
}

/// The jobs that wait, and the channels that have one on its way.
#[derive(Default)]
struct JobQueue {
    waiting: VecDeque<Job>,
    busy: BTreeSet<Channel>,
}

impl JobQueue {
    /// Takes the first job whose channel is free, and marks that channel as busy.
    fn next(&mut self) -> Option<Job> {
        if self.busy.len() >= MOST_AT_ONCE {
            return None;
        }
        let programs = |channel: &&Channel| matches!(channel, Channel::Program(_));
        let shut = self.busy.iter().filter(programs).count() >= MOST_NOTIFYING;
        let free = |job: &Job| {
            let channel = job.channel();
            !self.busy.contains(&channel) && (!shut || !programs(&&channel))
        };
        let index = self.waiting.iter().position(free)?;
        let job = self.waiting.remove(index)?;
        self.busy.insert(job.channel());
        Some(job)
    }
}

impl WorkerPool {
    /// Workers that hand the result of each attempt to `results`, on the worker's thread.
    pub fn new(results: impl Fn(AttemptResult) + Send + Sync + 'static) -> Self {
        Self(Arc::new(Shared {
            results: Box::new(results),
            jobs: Mutex::default(),
        }))
    }

    /// Makes an attempt as soon as its queue and a worker are free.
    pub fn send(&self, job: Job) {
        self.jobs().waiting.push_back(job);
        self.start_jobs();
    }

    /// The job queue is only ever changed whole; after a panic the process ends anyway.
    fn jobs(&self) -> MutexGuard<'_, JobQueue> {
        self.0
            .jobs
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// The next job that may start. The lock is free again when this returns.
    fn next_job(&self) -> Option<Job> {
        self.jobs().next()
    }

    fn start_jobs(&self) {
        while let Some(job) = self.next_job() {
            let (channel, id) = (job.channel(), job.mail.id);
            let pool = self.clone();
            let work = move || {
                let result = attempt(&job);
                pool.jobs().busy.remove(&job.channel());
                (pool.0.results)(result);
                pool.start_jobs();
            };
            if let Err(e) = threads::task("post", work) {
                // The channel is free here: whoever takes the result may send the next job.
                self.jobs().busy.remove(&channel);
                let fault = Delivery::Deferred(format!("no thread for it: {e}"));
                (self.0.results)(AttemptResult::new(id, fault));
            }
        }
    }
}

/// Filters the mail, if its filter has not run yet, and hands it to its output. A mail that is too
/// large is cut here, beside the loop.
fn attempt(job: &Job) -> AttemptResult {
    let filter = job.filter.as_ref().filter(|_| job.mail.filtered.is_none());
    let Some(filter) = filter else {
        return hand_over(&job.mail, job);
    };
    let (body, warning) = filter.run(&job.mail.report.body);
    let mut mail = job.mail.clone();
    mail.filtered = Some(body.clone());
    let handed = hand_over(&mail, job);
    AttemptResult {
        filtered: Some(body),
        program_failed: warning.is_some() || handed.program_failed,
        warnings: warning.into_iter().collect(),
        ..handed
    }
}

/// Hands the mail to its output, and archives it if that accepted it.
fn hand_over(mail: &QueuedMail, job: &Job) -> AttemptResult {
    let transport = &*job.transport;
    let delivery = transport.send(mail);
    let parts = match &delivery {
        Delivery::TooLarge { most, .. } => transport.split(mail, *most),
        _ => Vec::new(),
    };
    let accepted = matches!(delivery, Delivery::Accepted { .. });
    let archiving = job.archiving.as_ref().filter(|_| accepted);
    let letter = archiving.and_then(|_| transport.letter(mail));
    AttemptResult {
        parts,
        archived: archiving
            .zip(letter)
            .map(|(archiving, letter)| archiving.keep(mail, &letter)),
        program_failed: transport.is_program() && !accepted,
        ..AttemptResult::new(mail.id, delivery)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ShellCommand;
    use crate::delivery::csv::CsvTransport;
    use crate::delivery::message::tests::queued_mail;
    use crate::report::Notification;
    use std::sync::mpsc::{Receiver, channel};
    use std::time::Duration;

    const LONG: Duration = Duration::from_secs(60);

    /// Takes what it is given, unless its queue is called `hangs`.
    struct Slow(Mutex<Receiver<()>>);

    impl Transport for Slow {
        fn send(&self, mail: &QueuedMail) -> Delivery {
            if mail.report.queue == "hangs" {
                let _ = self.0.lock().unwrap().recv();
            }
            Delivery::accepted()
        }
    }

    #[test]
    fn a_server_that_hangs_holds_up_its_own_queue_only() {
        let (release, held) = channel();
        let (pool, results) = pool();
        let transport: Arc<dyn Transport> = Arc::new(Slow(Mutex::new(held)));
        for (id, queue) in [(1, "hangs"), (2, "hangs"), (3, "runs"), (4, "runs")] {
            let mut mail = queued_mail(b"s", b"b");
            mail.id = id;
            mail.report.queue = queue.into();
            pool.send(Job {
                mail,
                filter: None,
                transport: Arc::clone(&transport),
                archiving: None,
            });
        }
        let next = || results.recv().unwrap().id;
        assert_eq!([next(), next()], [3, 4]);
        release.send(()).unwrap();
        assert_eq!(next(), 1);
        release.send(()).unwrap();
        assert_eq!(next(), 2);
    }

    #[test]
    fn programs_that_hang_hold_up_neither_the_mail_of_their_queue_nor_other_mails() {
        let (release, held) = channel();
        let (pool, results) = pool();
        let transport: Arc<dyn Transport> = Arc::new(Slow(Mutex::new(held)));
        let send = |id, queue: &str, program: Option<&str>| {
            let mut mail = queued_mail(b"s", b"b");
            mail.id = id;
            mail.report.queue = queue.into();
            mail.report.notification = program.map(|name| Notification::new(name, &[]));
            pool.send(Job {
                mail,
                filter: None,
                transport: Arc::clone(&transport),
                archiving: None,
            });
        };
        for id in 0..20 {
            let name = format!("p{id}");
            send(id, "hangs", Some(&name));
        }
        send(20, "runs", None);
        assert_eq!(results.recv().unwrap().id, 20);
        // One at a time for a program, whatever its queues.
        send(21, "runs", Some("p0"));
        let mut ended = Vec::new();
        while ended.len() < 21 {
            let _ = release.send(());
            ended.push(results.recv().unwrap().id);
        }
        let at = |id| ended.iter().position(|e| *e == id);
        assert!(at(21) > at(0), "{ended:?}");
    }

    /// Refuses all mails, and says what the filter made of them.
    struct Faulty;

    impl Transport for Faulty {
        fn send(&self, mail: &QueuedMail) -> Delivery {
            Delivery::ContentRejected(mail.filtered.clone().unwrap_or_default().to_string())
        }
    }

    fn pool() -> (WorkerPool, Receiver<AttemptResult>) {
        let (sender, results) = channel();
        let sender = Mutex::new(sender);
        let pool = WorkerPool::new(move |result| {
            sender.lock().unwrap().send(result).unwrap();
        });
        (pool, results)
    }

    fn shell(line: &str) -> ShellCommand {
        ShellCommand {
            program: "p".into(),
            line: line.into(),
        }
    }

    fn filtered(line: &str) -> Job {
        Job {
            mail: queued_mail(b"s", b"b\n"),
            filter: Some(Filter::new(shell(line), LONG)),
            transport: Arc::new(Faulty),
            archiving: None,
        }
    }

    #[test]
    fn a_filter_runs_once() {
        let (pool, results) = pool();
        let line = "tr -d '\\n'; echo x";
        let mut job = filtered(line);
        job.mail.id = 7;
        pool.send(job);
        let first = results.recv().unwrap();
        assert_eq!((first.id, first.program_failed), (7, false));
        assert_eq!(first.delivery, Delivery::ContentRejected("bx\n".into()));
        let mut job = filtered(line);
        job.mail.filtered = first.filtered;
        pool.send(job);
        let second = results.recv().unwrap();
        assert_eq!(second.filtered, None, "not run again");
        assert_eq!(second.delivery, Delivery::ContentRejected("bx\n".into()));
    }

    #[test]
    fn a_filter_that_fails_is_told() {
        let (pool, results) = pool();
        pool.send(filtered("/bin/false"));
        assert!(results.recv().unwrap().program_failed);
    }

    #[test]
    fn a_csv_program_that_fails_keeps_its_lines() {
        let (pool, results) = pool();
        for (line, good) in [("grep -q b", true), ("grep -q z", false)] {
            pool.send(Job {
                mail: queued_mail(b"s", b"b\n"),
                filter: None,
                transport: Arc::new(CsvTransport::new(shell(line), LONG)),
                archiving: None,
            });
            let result = results.recv().unwrap();
            assert_eq!(result.program_failed, !good, "{result:?}");
            let end = result.delivery;
            assert_eq!(matches!(end, Delivery::Accepted { .. }), good, "{end:?}");
            assert_eq!(matches!(end, Delivery::Deferred(_)), !good, "{end:?}");
        }
    }
}
