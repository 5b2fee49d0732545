//! What a snapshot keeps of lines that continue others: the continuation lines in the queues, and what becomes of
//! the next ones of each source and host.

use std::collections::BTreeMap;

use bstr::BString;
use serde::{Deserialize, Serialize};

use super::previous::Continues;
use crate::queue::Continued;

/// The continuation lines of the queues, by the names of the queues and the numbers of the lines.
pub type SavedContinued<S = String, C = Continued> = BTreeMap<S, BTreeMap<u32, C>>;

/// The continuation lines of a queue that changed since the last commit.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct ContinuedChange<C = Continued> {
    /// Whether the continuation lines of before are gone.
    pub anew: bool,
    /// The continuation lines that are new or have changed, by the numbers of the lines that they continue.
    pub lines: BTreeMap<u32, C>,
}

/// What becomes of continuation lines, by the names of the sources.
pub type SavedContinuing<B = BString> = BTreeMap<B, SourceContinuing<B>>;

/// What becomes of the continuation lines of a source.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SourceContinuing<B: Ord = BString> {
    /// The host of its last line.
    pub latest: Option<B>,
    /// The previous line of each host.
    pub hosts: BTreeMap<B, HostContinuing<B>>,
}

impl<B: Ord> Default for SourceContinuing<B> {
    fn default() -> Self {
        Self {
            latest: None,
            hosts: BTreeMap::new(),
        }
    }
}

/// What becomes of the lines that continue a previous line.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct HostContinuing<B = BString> {
    /// What becomes of the lines that continue the previous line.
    pub continues: Continues,
    /// The previous line, if it has no known prefix; another one stands in the section `sources`.
    pub unprefixed: Option<B>,
}

/// What changed of [`SavedContinuing`] since the last commit.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ContinuingChange<B: Ord = BString> {
    /// Whether all of before is forgotten.
    pub anew: bool,
    /// What is new or another one.
    pub sources: SavedContinuing<B>,
}
