//! Rules for the lines that no rule takes: their kinds are found, and for each a rule is written and proven.
//!
//! A message is read as words of the program's text, signs, and values (`tokens`); which words are text, a
//! list of words of log English says, and the logs themselves correct it (`lexicon`, `kinds`). Messages
//! with the same text are one kind. Then kinds become one that differ in values alone (`merge`). What is kept
//! grows with the kinds, not with the lines (`miner`), and nothing depends on the order of the lines.

mod context;
mod element;
mod forms;
mod group;
mod head;
mod kinds;
mod lexicon;
mod merge;
mod miner;
mod numbers;
mod pattern;
pub mod print;
mod prove;
mod proven;
mod queue_hint;
mod rules;
pub mod shape;
mod token;
mod tokens;
mod words;

pub use lexicon::Lexicon;
pub use miner::Miner;
pub use pattern::Keep;
pub use queue_hint::{Loudness, loudness};
pub use rules::{Block, Rule};

/// The rules for all lines that the miner took: programs with most lines first.
pub fn rules(miner: Miner, keep: Keep) -> Vec<Block> {
    let (programs, mut tables) = kinds::groups(miner);
    let mut blocks: Vec<Block> = programs
        .into_iter()
        .map(|(head, mut groups)| {
            merge::merge(&mut groups, &mut tables);
            rules::block(&head, groups, &mut tables, keep)
        })
        .filter(|block| !block.rules.is_empty())
        .collect();
    blocks.sort_by(|a, b| {
        b.lines()
            .cmp(&a.lines())
            .then_with(|| a.program.cmp(&b.program))
    });
    blocks
}
