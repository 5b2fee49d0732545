//! The inputs of a run: begun together, drained together, ended together.

use std::sync::Arc;
use std::time::Duration;

use bstr::BStr;

use crate::clock::Clock;
use crate::config::Config;
use crate::input::file::Begun;
use crate::input::{self, Drain, EventSender, Input, InputThread, Resume, Start};

/// Number of files that the daemon opens besides the files of its inputs.
const OTHER_FILES: usize = 4;

/// The inputs that the configuration names.
#[derive(Debug)]
pub(super) struct Inputs(Vec<Box<dyn Input>>);

impl Inputs {
    /// Opens what only root may open: before its rights are given up, as `dropping` says.
    pub(super) fn open(config: &Config, dropping: bool) -> Result<Self, String> {
        input::configured(config, dropping).map(Self)
    }

    /// Opens what was left, with the rights that we have now.
    pub(super) fn open_rest(&mut self) -> Result<(), String> {
        self.0.iter_mut().try_for_each(|input| input.open())
    }

    /// Starts everything that lines come from; files and numbered sources go on from `resume`.
    pub(super) fn start(
        &mut self,
        config: &Config,
        resume: &Resume,
        clock: &Arc<dyn Clock>,
        events: &EventSender,
    ) -> Result<(), String> {
        let other_files: usize = self.0.iter().map(|input| input.open_files()).sum();
        let start = Start {
            config,
            resume,
            clock,
            events,
            other_files: OTHER_FILES + other_files,
        };
        for input in &mut self.0 {
            let started = input.start(&start);
            started.map_err(|e| format!("{}: it could not be started: {e}", input.describe()))?;
        }
        Ok(())
    }

    /// Where the files were begun that no snapshot holds yet.
    pub(super) fn begun(&mut self) -> Begun {
        let mut all = Begun::default();
        for begun in self.0.iter_mut().map(|input| input.begun()) {
            all.files.extend(begun.files);
            all.patterns.extend(begun.patterns);
            all.journal.then(begun.journal);
        }
        all
    }

    /// How long nobody has looked at the log files.
    pub(super) fn still(&self) -> Option<Duration> {
        self.0.iter().find_map(|input| input.still())
    }

    /// Asks every input for what is there now. Gives the number of answers to come.
    pub(super) fn drain(&self, drain: Drain) -> usize {
        self.0.iter().map(|input| input.drain(drain)).sum()
    }

    /// Goes on under another configuration. Gives whether threads ended for that, and what is not
    /// read any more.
    pub(super) fn reload(&mut self, config: &Config) -> (bool, Vec<String>) {
        let (mut ended, mut faults) = (false, Vec::new());
        for input in &mut self.0 {
            match input.reload(config) {
                Ok(some) => ended |= some,
                Err(fault) => {
                    ended = true;
                    faults.push(fault);
                }
            }
        }
        (ended, faults)
    }

    /// Tells the inputs that a snapshot on disk holds what came of a numbered source before `upto`.
    pub(super) fn acknowledge(&self, source: &BStr, upto: u64) {
        for input in &self.0 {
            input.acknowledge(source, upto);
        }
    }

    /// Ends the inputs, within a second.
    pub(super) fn stop(self) {
        let threads = self.0.into_iter().flat_map(|input| input.stop());
        InputThread::stop_all(threads.collect());
    }
}
