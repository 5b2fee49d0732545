//! The settings of news.

use super::QueueId;

/// The settings of news: what a report says of kinds of lines that were not seen before.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewsSettings {
    /// `set news`: the queues whose reports tell news (none).
    pub queues: NewsQueues,
    /// `set news_learn`: the days after the first line in which all is learnt and nothing told (7).
    pub learn: u16,
    /// `set news_memory`: the days after which what did not come again is forgotten (400).
    pub memory: u16,
    /// `set news_max`: kinds that are known, at most (200,000).
    pub most_kinds: usize,
    /// `set news_limit`: news that a report shows, at most (20).
    pub limit: usize,
}

/// The queues whose reports tell news.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum NewsQueues {
    /// None: nothing is noted.
    None,
    /// All that are mailed.
    All,
    /// These.
    Some(Vec<QueueId>),
}

impl NewsSettings {
    /// Whether any queue tells news.
    pub fn is_on(&self) -> bool {
        self.queues != NewsQueues::None
    }

    /// Whether this queue tells news.
    pub fn is_on_for(&self, queue: QueueId) -> bool {
        match &self.queues {
            NewsQueues::None => false,
            NewsQueues::All => true,
            NewsQueues::Some(queues) => queues.contains(&queue),
        }
    }
}

impl Default for NewsSettings {
    fn default() -> Self {
        Self {
            queues: NewsQueues::None,
            learn: 7,
            memory: 400,
            most_kinds: 200_000,
            limit: 20,
        }
    }
}
