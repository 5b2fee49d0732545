//! All inputs of a run: begun together, drained together, ended together.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use bstr::{BStr, BString};

use super::messages::{DEPTH, Message};
use crate::clock::Clock;
use crate::config::{Config, Listen, TailSettings, TailStart};
use crate::input::file::{self, PathCheckpoints};
use crate::input::syslog::Prefixes;
use crate::input::{Event, Handle, command, fifo, listen, redis};
use crate::logpath::LogPath;
use crate::process::limits;
use crate::threads::{self, End};

/// What only root may open: opened before its rights are given up.
#[derive(Debug, Default)]
pub(super) struct Opened {
    sockets: Vec<listen::Socket>,
    fifos: Vec<fifo::Fifo>,
    /// Fifos behind links that root does not follow.
    left: Vec<PathBuf>,
}

impl Opened {
    /// Binds the sockets and opens the fifos of a configuration, with the rights that we have;
    /// `dropping` says whether they are given up then.
    pub(super) fn new(config: &Config, dropping: bool) -> Result<Self, String> {
        let bind = |listen: &Listen| listen::bind(listen).map_err(|e| e.to_string());
        let sockets = config.inputs.listen.iter().map(bind);
        let mut opened = Self {
            sockets: sockets.collect::<Result<_, _>>()?,
            ..Self::default()
        };
        for path in &config.inputs.fifos {
            let fifo = match dropping {
                true => fifo::open_as_root(path),
                false => fifo::open(path).map(Some),
            };
            match fifo.map_err(|e| e.to_string())? {
                Some(fifo) => opened.fifos.push(fifo),
                None => opened.left.push(path.clone()),
            }
        }
        Ok(opened)
    }

    /// Opens what was left, with the rights that we have now.
    pub(super) fn rest(&mut self) -> Result<(), String> {
        for path in std::mem::take(&mut self.left) {
            self.fifos
                .push(fifo::open(&path).map_err(|e| e.to_string())?);
        }
        Ok(())
    }
}

/// Where inputs go on after a restart.
#[derive(Debug, Default)]
pub(super) struct Resume {
    /// The positions in the followed files.
    pub(super) files: Vec<PathCheckpoints>,
    /// The patterns that were followed, and since when.
    pub(super) patterns: HashMap<BString, i64>,
    /// How far the Redis lists are counted.
    pub(super) redis: redis::Counted,
}

/// The running inputs.
#[derive(Debug)]
pub(super) struct Inputs {
    follower: Option<file::Handle>,
    /// The user's tail programs, and the files that they were started with.
    tails: Vec<Handle>,
    tailed: Vec<LogPath>,
    others: Vec<Handle>,
    redis: Option<redis::Handle>,
    /// What the sockets read messages by.
    prefixes: Prefixes,
    /// Where new ones hand over.
    events: SyncSender<Event>,
}

impl Inputs {
    /// Starts everything that lines come from; files and Redis lists go on from `resume`.
    pub(super) fn start(
        config: &Config,
        opened: Opened,
        resume: Resume,
        clock: &Arc<dyn Clock>,
        sender: SyncSender<Message>,
    ) -> Result<Self, String> {
        let inputs = &config.inputs;
        let (events, received) = sync_channel(DEPTH);
        forward(received, sender).map_err(|e| format!("no thread for the inputs: {e}"))?;
        let mut running = Self {
            follower: None,
            tails: Vec::new(),
            tailed: Vec::new(),
            others: Vec::new(),
            redis: None,
            prefixes: Prefixes::new(&config.lines),
            events,
        };
        let events = running.events.clone();
        match &inputs.tail {
            TailSettings::Follow { start } => {
                let follower = follower(config, *start, resume.files, resume.patterns);
                let handle = file::spawn(follower, clock.clone(), events.clone());
                running.follower = Some(handle.map_err(no_thread)?);
            }
            TailSettings::Command { .. } => running.start_tails(config)?,
        }
        for socket in opened.sockets {
            let socket = socket.reading(running.prefixes.clone());
            let handle = listen::spawn(socket, inputs.max_line, clock.clone(), events.clone());
            running.others.push(handle.map_err(no_thread)?);
        }
        for fifo in opened.fifos {
            let handle = fifo::spawn(fifo, inputs.max_line, events.clone());
            running.others.push(handle.map_err(no_thread)?);
        }
        if !inputs.redis_queues.is_empty() {
            let settings = redis::Settings {
                server: inputs.redis_server.clone(),
                keys: inputs.redis_queues.clone(),
                max_line: inputs.max_line,
            };
            let redis = redis::spawn(&settings, clock, &events, &resume.redis);
            running.redis = Some(redis.map_err(no_thread)?);
        }
        Ok(running)
    }

    /// Where the files were begun that no snapshot holds yet.
    pub(super) fn begun(&self) -> file::Begun {
        let follower = self.follower.as_ref();
        follower.map(|f| f.begun().clone()).unwrap_or_default()
    }

    /// How long nobody has looked at the log files.
    pub(super) fn still(&self) -> Option<Duration> {
        self.follower.as_ref().map(file::Handle::still)
    }

    /// Starts the user's tail program, or one for each file.
    fn start_tails(&mut self, config: &Config) -> Result<(), String> {
        let inputs = &config.inputs;
        let TailSettings::Command { program, arguments } = &inputs.tail else {
            return Ok(());
        };
        self.tailed.clone_from(&inputs.logfiles);
        let files = inputs.logfiles.iter().map(|path| path.as_path().to_owned());
        let files: Vec<PathBuf> = files.collect();
        for tail in command::tails(program, arguments, &files, inputs.tail_multiple)? {
            let handle = command::spawn(tail, inputs.max_line, self.events.clone());
            self.tails.push(handle.map_err(no_thread)?);
        }
        Ok(())
    }

    /// Asks every input for all that is there now; how many answers there will be.
    pub(super) fn drain(&self) -> usize {
        if let Some(follower) = &self.follower {
            follower.drain();
        }
        self.handles().for_each(Handle::drain);
        self.drain_redis()
    }

    /// The same for the end of the run: unfinished last lines come too.
    pub(super) fn finish(&self) -> usize {
        if let Some(follower) = &self.follower {
            follower.finish();
        }
        self.handles().for_each(Handle::finish);
        self.drain_redis()
    }

    fn drain_redis(&self) -> usize {
        let redis = self.redis.as_ref().map_or(0, |redis| {
            redis.drain();
            redis.readers()
        });
        usize::from(self.follower.is_some()) + self.handles().count() + redis
    }

    fn handles(&self) -> impl Iterator<Item = &Handle> {
        self.tails.iter().chain(&self.others)
    }

    /// Reads the log files of this configuration from now on, and messages by its prefixes. The user's programs are started anew
    /// if those changed; whether they were.
    pub(super) fn set_files(&mut self, config: &Config) -> Result<bool, String> {
        self.prefixes.set(&config.lines);
        if let Some(follower) = &self.follower {
            follower.set_paths(config.inputs.logfiles.clone());
        }
        if self.follower.is_some() || self.tailed == config.inputs.logfiles {
            return Ok(false);
        }
        // Dropped, they end by themselves: the loop does not wait for it.
        self.tails.clear();
        self.start_tails(config).map(|()| true)
    }

    /// A snapshot holds the lines of a Redis list's elements before this number: they may go.
    pub(super) fn ack(&self, list: &BStr, upto: u64) {
        if let Some(redis) = &self.redis {
            redis.ack(list, upto);
        }
    }

    /// Ends the inputs that keep something elsewhere in order: a user's programs, Redis.
    pub(super) fn stop(self) {
        let handles: Vec<Handle> = self.tails.into_iter().chain(self.others).collect();
        Handle::stop_all(handles);
        if let Some(redis) = self.redis {
            redis.stop();
        }
    }
}

fn no_thread(e: std::io::Error) -> String {
    format!("no thread for an input: {e}")
}

fn follower(
    config: &Config,
    start: TailStart,
    resume: Vec<PathCheckpoints>,
    patterns: HashMap<BString, i64>,
) -> file::Follower<file::RealFs> {
    let settings = file::Settings {
        start,
        wait_for_missing: config.inputs.tail_missing,
        max_line: config.inputs.max_line,
        catchup: config.state.catchup,
    };
    let logs = &config.inputs.logfiles;
    let follower = file::Follower::new(file::RealFs, settings, logs, resume);
    let mut follower = follower.within(room(config));
    follower.resume_patterns(patterns);
    follower
}

/// How many log files may be open, beside what is open now and what the other inputs will open.
fn room(config: &Config) -> file::OpenFileBudget {
    let inputs = &config.inputs;
    let tcp = |listen: &&Listen| matches!(listen, Listen::Tcp(_));
    let tcp = inputs.listen.iter().filter(tcp).count();
    // Each has something by which it is woken; of Redis, a connection or two for each list.
    let others = 4 + inputs.listen.len() + inputs.fifos.len() + 4 * inputs.redis_queues.len();
    let taken = limits::open_now() + others + tcp * listen::most_connections();
    file::OpenFileBudget::new(limits::open_files(), taken)
}

/// Hands the events of the inputs on to the loop.
fn forward(events: Receiver<Event>, messages: SyncSender<Message>) -> std::io::Result<()> {
    let pass = move || {
        for event in events {
            if threads::fault_point() || messages.send(Message::Input(event)).is_err() {
                return End::Unasked;
            }
        }
        End::Unasked
    };
    threads::standing("events", pass).map(drop)
}
