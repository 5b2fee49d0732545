//! The thread that visits the board: one round at a time, each step with an end.

use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};

use super::board::Board;
use super::directory::DirectoryBoard;
use super::redis::RedisBoard;
use super::round::{Answer, Round};
use crate::config::{BoardAddress, SiteSettings};
use crate::threads::{self, End};

/// What the thread is asked for.
enum Work {
    Round(Box<Round>),
    Alarms(u64, Vec<u64>),
}

/// What the thread has done.
#[derive(Debug)]
pub enum Worked {
    /// A round is over.
    Round(Box<Answer>),
    /// Lines of a `[now]` report are looked up.
    Alarms {
        /// The number that was given with them.
        id: u64,
        /// The console that mailed each line before, if another one did; nothing if the board is away.
        mailed: Option<Vec<Option<String>>>,
    },
}

/// The thread that visits the board. It ends when this is dropped.
#[derive(Debug)]
pub struct Worker(Sender<Work>);

/// The board of a site, not looked at yet.
pub fn open(settings: &SiteSettings) -> Box<dyn Board> {
    let site = settings.name.as_str();
    match &settings.board {
        BoardAddress::Redis(server) => Box::new(RedisBoard::new(server.clone(), site)),
        BoardAddress::Directory(path) => Box::new(DirectoryBoard::new(path, site)),
    }
}

impl Worker {
    /// Starts the thread for the console named `console`. It hands to `results` what it has done.
    ///
    /// # Errors
    /// When no thread can be made.
    pub fn start(
        settings: &SiteSettings,
        console: &str,
        results: impl Fn(Worked) + Send + 'static,
    ) -> io::Result<Self> {
        let (sender, work) = channel();
        let (board, console) = (open(settings), console.to_owned());
        threads::standing("site", move || run(board, &console, &work, &results))?;
        Ok(Self(sender))
    }

    /// Begins a round. The member gives one at a time.
    pub fn round(&self, round: Round) {
        // A thread that is gone has ended the process.
        let _ = self.0.send(Work::Round(Box::new(round)));
    }

    /// Looks up which of these lines, by their hashes, another console mailed a short time ago.
    pub fn alarms(&self, id: u64, hashes: Vec<u64>) {
        let _ = self.0.send(Work::Alarms(id, hashes));
    }
}

fn run(
    mut board: Box<dyn Board>,
    console: &str,
    work: &Receiver<Work>,
    results: &dyn Fn(Worked),
) -> End {
    while let Ok(work) = work.recv() {
        if threads::fault_point() {
            return End::Unasked;
        }
        results(match work {
            Work::Round(round) => Worked::Round(Box::new(round.run(board.as_mut()))),
            Work::Alarms(id, hashes) => {
                let mailed = hashes.iter().map(|hash| board.alarm(*hash, console).ok());
                Worked::Alarms {
                    id,
                    mailed: mailed.collect(),
                }
            }
        });
    }
    End::Asked
}
