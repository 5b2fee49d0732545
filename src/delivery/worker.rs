//! Delivery beside the loop: a thread a mail, a few at a time, never two of one queue.

use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bstr::BString;

use super::message::{Identity, compose};
use super::{Delivery, Outcome, QueuedMail, command, parts, print, sendmail, smtp};
use crate::config::{MailServer, MailSettings, ShellCommand};
use crate::report::Body;
use crate::threads;

/// How many mails are on their way at once.
const MOST: usize = 8;

/// How a mail leaves.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Via {
    /// As a mail, through the queue's filter if it has one.
    Mail {
        /// `set filter`.
        filter: Option<ShellCommand>,
    },
    /// As the standard input of a program.
    Csv(ShellCommand),
}

/// One attempt to be made.
#[derive(Clone, Debug)]
pub struct Job {
    /// The mail.
    pub mail: QueuedMail,
    /// Its way.
    pub via: Via,
}

/// Who carries mails.
pub trait Courier: Send + Sync {
    /// Makes one attempt.
    fn carry(&self, mail: &QueuedMail) -> Delivery;

    /// The bodies of the parts of a mail that is larger than `most` bytes; none if it cannot be cut.
    fn split(&self, _mail: &QueuedMail, _most: u64) -> Vec<BString> {
        Vec::new()
    }

    /// Whether that is a program of the machine, which can fail as such.
    fn is_program(&self) -> bool {
        false
    }
}

/// Mails to the mail server.
#[derive(Debug)]
pub struct SmtpCourier {
    settings: MailSettings,
    identity: Identity,
}

impl SmtpCourier {
    /// A courier under these settings.
    pub fn new(settings: MailSettings, identity: Identity) -> Self {
        Self { settings, identity }
    }
}

impl Courier for SmtpCourier {
    fn carry(&self, mail: &QueuedMail) -> Delivery {
        let message = compose(mail, &self.identity);
        let (from, to) = (&mail.report.sender, &mail.report.recipients);
        match &self.settings.server {
            MailServer::Smtp { .. } => {
                let trace = |line: &str| log::trace!(target: "smtp", "{line}");
                smtp::deliver(&self.settings, from, to, &message, Some(&trace))
            }
            MailServer::Sendmail { program, arguments } => {
                let command = (program.as_path(), arguments.as_slice());
                let carry =
                    || sendmail::deliver(command, from, to, &message, self.settings.timeout);
                parts::bounded(message.len(), carry)
            }
        }
    }

    fn split(&self, mail: &QueuedMail, most: u64) -> Vec<BString> {
        parts::split(mail, &self.identity, most)
    }

    fn is_program(&self) -> bool {
        matches!(self.settings.server, MailServer::Sendmail { .. })
    }
}

/// Mails to standard output (`--print`).
#[derive(Debug)]
pub struct PrintCourier {
    identity: Identity,
}

impl PrintCourier {
    /// A courier that prints.
    pub fn new(identity: Identity) -> Self {
        Self { identity }
    }
}

impl Courier for PrintCourier {
    fn carry(&self, mail: &QueuedMail) -> Delivery {
        match print::print(mail, &self.identity, &mut io::stdout().lock()) {
            Ok(()) => Delivery::accepted(),
            Err(e) => {
                if e.kind() == io::ErrorKind::BrokenPipe {
                    // Nobody will ever read one (`| head`): this run has lost its purpose.
                    let _ = nix::sys::signal::raise(nix::sys::signal::Signal::SIGTERM);
                }
                Delivery::Deferred(format!("standard output: {e}"))
            }
        }
    }
}

/// The workers.
#[derive(Clone)]
pub struct Post(Arc<Shared>);

struct Shared {
    courier: Arc<dyn Courier>,
    filter_timeout: Duration,
    results: Box<dyn Fn(Outcome) + Send + Sync>,
    desk: Mutex<Desk>,
}

/// What waits and what is on its way.
#[derive(Default)]
struct Desk {
    waiting: VecDeque<Job>,
    queues: BTreeSet<String>,
}

impl Post {
    /// Workers that report each attempt to `results`.
    pub fn spawn(
        courier: Arc<dyn Courier>,
        filter_timeout: Duration,
        results: impl Fn(Outcome) + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(Shared {
            courier,
            filter_timeout,
            results: Box::new(results),
            desk: Mutex::new(Desk::default()),
        }))
    }

    /// Makes an attempt as soon as its queue and a worker are free.
    pub fn send(&self, job: Job) {
        self.desk().waiting.push_back(job);
        self.next();
    }

    /// The desk is only ever changed whole; after a panic the process ends anyway.
    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.0
            .desk
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Takes a job whose queue is free, and marks the queue as busy.
    fn pick(&self) -> Option<Job> {
        let mut desk = self.desk();
        if desk.queues.len() >= MOST {
            return None;
        }
        let busy = &desk.queues;
        let free = |job: &Job| !busy.contains(&job.mail.report.queue);
        let index = desk.waiting.iter().position(free)?;
        let job = desk.waiting.remove(index)?;
        desk.queues.insert(job.mail.report.queue.clone());
        Some(job)
    }

    fn next(&self) {
        while let Some(job) = self.pick() {
            let (queue, id) = (job.mail.report.queue.clone(), job.mail.id);
            let post = self.clone();
            let work = move || {
                let outcome = post.attempt(&job);
                post.desk().queues.remove(&job.mail.report.queue);
                (post.0.results)(outcome);
                post.next();
            };
            if let Err(e) = threads::task("post", work) {
                // The desk is free here: whoever takes the result may send the next job.
                self.desk().queues.remove(&queue);
                (self.0.results)(later(id, format!("no thread for it: {e}")));
            }
        }
    }

    fn attempt(&self, job: &Job) -> Outcome {
        let filter = match &job.via {
            Via::Csv(program) => {
                let result = self.csv(&job.mail.report.body, program);
                return Outcome {
                    command_failed: !matches!(result, Delivery::Accepted { .. }),
                    ..outcome(job.mail.id, result)
                };
            }
            Via::Mail { filter } => filter.as_ref().filter(|_| job.mail.filtered.is_none()),
        };
        let Some(program) = filter else {
            return self.send_mail(&job.mail);
        };
        let body = &job.mail.report.body;
        let (body, told) = command::filter(body, program, self.0.filter_timeout);
        let mut mail = job.mail.clone();
        let body = Body::from(body);
        mail.filtered = Some(Arc::clone(&body));
        let mailed = self.send_mail(&mail);
        Outcome {
            filtered: Some(body),
            command_failed: told.is_some() || mailed.command_failed,
            notes: told.into_iter().collect(),
            ..mailed
        }
    }

    /// One attempt with a mail; one that is too large is cut here, beside the loop.
    fn send_mail(&self, mail: &QueuedMail) -> Outcome {
        let result = self.0.courier.carry(mail);
        let parts = match &result {
            Delivery::TooLarge { most, .. } => {
                let parts = self.0.courier.split(mail, *most);
                parts.into_iter().map(Body::from).collect()
            }
            _ => Vec::new(),
        };
        let taken = matches!(result, Delivery::Accepted { .. });
        Outcome {
            parts,
            command_failed: self.0.courier.is_program() && !taken,
            ..outcome(mail.id, result)
        }
    }

    /// A CSV program that fails keeps its lines for another try.
    fn csv(&self, body: &BString, program: &ShellCommand) -> Delivery {
        let run = command::run(&program.line, body, self.0.filter_timeout);
        match run.is_good() {
            true => Delivery::accepted(),
            false => {
                Delivery::Deferred(format!("csv program {}: {}", program.program, run.words()))
            }
        }
    }
}

/// An attempt that came to nothing.
fn later(id: u64, fault: String) -> Outcome {
    outcome(id, Delivery::Deferred(fault))
}

/// An attempt without anything else to tell.
fn outcome(id: u64, result: Delivery) -> Outcome {
    Outcome {
        id,
        filtered: None,
        notes: Vec::new(),
        command_failed: false,
        result,
        parts: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::message::tests::queued_mail;
    use std::sync::mpsc::channel;

    /// Takes what it is given, unless its queue is called `hangs`.
    struct Slow(Mutex<std::sync::mpsc::Receiver<()>>);

    impl Courier for Slow {
        fn carry(&self, mail: &QueuedMail) -> Delivery {
            if mail.report.queue == "hangs" {
                let _ = self.0.lock().unwrap().recv();
            }
            Delivery::accepted()
        }
    }

    #[test]
    fn a_server_that_hangs_holds_up_its_own_queue_only() {
        let (release, held) = channel();
        let (sender, results) = channel();
        let sender = Mutex::new(sender);
        let post = Post::spawn(
            Arc::new(Slow(Mutex::new(held))),
            Duration::from_secs(60),
            move |o| {
                sender.lock().unwrap().send(o.id).unwrap();
            },
        );
        for (id, queue) in [(1, "hangs"), (2, "hangs"), (3, "runs"), (4, "runs")] {
            let mut mail = queued_mail(b"s", b"b");
            mail.id = id;
            mail.report.queue = queue.into();
            post.send(Job {
                mail,
                via: Via::Mail { filter: None },
            });
        }
        assert_eq!([results.recv().unwrap(), results.recv().unwrap()], [3, 4]);
        release.send(()).unwrap();
        assert_eq!(results.recv().unwrap(), 1);
        release.send(()).unwrap();
        assert_eq!(results.recv().unwrap(), 2);
    }

    /// Refuses all mails, and says what the filter made of them.
    struct Faulty;

    impl Courier for Faulty {
        fn carry(&self, mail: &QueuedMail) -> Delivery {
            Delivery::ContentRejected(mail.filtered.clone().unwrap_or_default().to_string())
        }
    }

    fn post(courier: impl Courier + 'static) -> (Post, std::sync::mpsc::Receiver<Outcome>) {
        let (sender, results) = channel();
        let sender = Mutex::new(sender);
        let post = Post::spawn(Arc::new(courier), Duration::from_secs(60), move |o| {
            sender.lock().unwrap().send(o).unwrap();
        });
        (post, results)
    }

    fn shell(line: &str) -> ShellCommand {
        ShellCommand {
            program: "p".into(),
            line: line.into(),
        }
    }

    #[test]
    fn a_filter_runs_once() {
        let (post, results) = post(Faulty);
        let mut mail = queued_mail(b"s", b"b\n");
        mail.id = 7;
        let via = Via::Mail {
            filter: Some(shell("tr -d '\\n'; echo x")),
        };
        post.send(Job {
            mail: mail.clone(),
            via: via.clone(),
        });
        let first = results.recv().unwrap();
        assert_eq!((first.id, first.command_failed), (7, false));
        assert_eq!(first.result, Delivery::ContentRejected("bx\n".into()));
        mail.filtered = first.filtered;
        post.send(Job { mail, via });
        let second = results.recv().unwrap();
        assert_eq!(second.filtered, None, "not run again");
        assert_eq!(second.result, Delivery::ContentRejected("bx\n".into()));
    }

    #[test]
    fn a_filter_that_fails_is_told() {
        let (post, results) = post(Faulty);
        post.send(Job {
            mail: queued_mail(b"s", b"b\n"),
            via: Via::Mail {
                filter: Some(shell("/bin/false")),
            },
        });
        assert!(results.recv().unwrap().command_failed);
    }

    #[test]
    fn a_csv_program_that_fails_keeps_its_lines() {
        let (post, results) = post(Faulty);
        for (line, good) in [("grep -q b", true), ("grep -q z", false)] {
            post.send(Job {
                mail: queued_mail(b"s", b"b\n"),
                via: Via::Csv(shell(line)),
            });
            let outcome = results.recv().unwrap();
            assert_eq!(outcome.command_failed, !good, "{outcome:?}");
            let result = outcome.result;
            assert_eq!(
                matches!(result, Delivery::Accepted { .. }),
                good,
                "{result:?}"
            );
            assert_eq!(matches!(result, Delivery::Deferred(_)), !good, "{result:?}");
        }
    }
}
