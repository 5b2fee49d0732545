//! Reads logs: counts what rules take, and hands the other lines to the miner, and to the rule files that may be
//! linked.

use std::sync::Arc;

use super::checks::catch_all;
use crate::analysis::{Classifier, Outcome};
use crate::config::Config;
use crate::packs::Packs;
use crate::record::MessageText;
use crate::suggest::{Lexicon, Miner};

/// What was read of the logs.
pub(super) struct Reading {
    pub(super) classifier: Classifier,
    /// The index of the first rule that takes every line; the number of rules if none does.
    pub(super) place: usize,
    pub(super) miner: Miner,
    /// The rule files that may be linked.
    pub(super) packs: Option<Packs>,
    pub(super) lines: u64,
    pub(super) taken: u64,
    pub(super) unprefixed: u64,
}

impl Reading {
    pub(super) fn new(config: Arc<Config>, words: &[u8], packs: Option<Packs>) -> Self {
        Self {
            place: catch_all(&config.rules),
            classifier: Classifier::new(config),
            miner: Miner::new(Lexicon::new(words.split(u8::is_ascii_whitespace))),
            packs,
            lines: 0,
            taken: 0,
            unprefixed: 0,
        }
    }

    pub(super) fn line(&mut self, line: &[u8]) {
        let taken = self.classifier.take(line);
        match taken.outcome {
            Outcome::NoPrefix | Outcome::NoHost => {
                self.unprefixed += 1;
                return;
            }
            Outcome::Rule(id) if id.index() < self.place => self.taken += 1,
            Outcome::Rule(_) | Outcome::Unmatched => {
                self.miner.take(taken.host, taken.message);
                if let Some(packs) = &mut self.packs {
                    let mut room = Vec::new();
                    // What the rules see has its process id hidden already.
                    let mut text = MessageText::new(taken.message, false, &mut room);
                    packs.count(taken.host, &mut text);
                }
            }
        }
        self.lines += 1;
    }
}
