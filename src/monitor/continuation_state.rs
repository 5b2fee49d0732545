//! Lines that continue others, in snapshots and commits: written, and gone on from after a restart.

use std::collections::BTreeMap;

use bstr::BStr;

use super::monitor::Monitor;
use super::previous::SourceLines;
use super::saved_continuation::{
    ContinuedChange, ContinuingChange, HostContinuing, SavedContinued, SavedContinuing,
    SourceContinuing,
};
use crate::queue::Continued;

impl Monitor {
    /// The continuation lines of the queues, for a snapshot.
    pub fn saved_continued(&self) -> SavedContinued<&str, &Continued> {
        let queues = self.config.queues.iter().zip(&self.queues);
        let lines = queues.map(|(queue, state)| {
            let lines: BTreeMap<u32, &Continued> = state.tally.continued().collect();
            (queue.name.as_str(), lines)
        });
        lines.filter(|(_, lines)| !lines.is_empty()).collect()
    }

    /// What becomes of continuation lines, for a snapshot.
    pub fn saved_continuing(&self) -> SavedContinuing<&BStr> {
        match self.continuing.on {
            true => self.by_name(self.previous.sources()),
            false => BTreeMap::new(),
        }
    }

    /// The continuation lines that changed since the last commit.
    pub(super) fn continued_changes(&self) -> Option<BTreeMap<&str, ContinuedChange<&Continued>>> {
        if !self.held_continued {
            return None;
        }
        let queues = self.config.queues.iter().zip(&self.queues);
        let changes = queues.filter_map(|(queue, state)| {
            let (anew, lines) = state.tally.continued_changes();
            let change = ContinuedChange {
                anew,
                lines: lines.into_iter().collect(),
            };
            (anew || !change.lines.is_empty()).then_some((queue.name.as_str(), change))
        });
        let changes: BTreeMap<_, _> = changes.collect();
        (!changes.is_empty()).then_some(changes)
    }

    /// What changed since the last commit of what becomes of continuation lines.
    pub(super) fn continuing_changes(&self) -> Option<ContinuingChange<&BStr>> {
        if !self.continuing.on {
            return None;
        }
        let anew = self.previous.forgot();
        let sources = self.by_name(self.previous.changed_sources());
        (anew || !sources.is_empty()).then_some(ContinuingChange { anew, sources })
    }

    fn by_name<'a>(
        &'a self,
        sources: impl Iterator<Item = SourceLines<'a>>,
    ) -> SavedContinuing<&'a BStr> {
        let named = sources.map(
            |SourceLines {
                 source,
                 latest,
                 lines,
             }| {
                let hosts = lines.into_iter().filter_map(|(host, line)| {
                    let host = self.hosts.name(host)?;
                    let continues = line.continues;
                    let unprefixed = line.is_unprefixed().then(|| line.text());
                    Some((
                        host,
                        HostContinuing {
                            continues,
                            unprefixed,
                        },
                    ))
                });
                let saved = SourceContinuing {
                    latest: latest.and_then(|host| self.hosts.name(host)),
                    hosts: hosts.collect(),
                };
                (source, saved)
            },
        );
        named.collect()
    }

    /// Goes on with the continuation lines of a snapshot; its queues and previous lines are restored already.
    pub(super) fn restore_continuation(
        &mut self,
        continued: SavedContinued,
        continuing: &SavedContinuing,
    ) {
        self.held_continued |= !continued.is_empty();
        for (queue, lines) in continued {
            let index = self.config.queues.iter().position(|q| q.name == queue);
            let Some(state) = index.and_then(|index| self.queues.get_mut(index)) else {
                continue;
            };
            for (at, lines) in lines {
                state.tally.restore_continued(at, lines);
            }
        }
        if !self.continuing.on {
            return;
        }
        for (name, saved) in continuing {
            let source = self.previous.source(name.as_ref());
            if let Some(host) = &saved.latest {
                let number = self.hosts.host(host).number();
                self.previous.set_latest(source, number);
            }
            for (host, saved) in &saved.hosts {
                let number = self.hosts.host(host).number();
                self.previous.set(source, number, |line| {
                    if let Some(unprefixed) = &saved.unprefixed {
                        line.take_unprefixed(unprefixed);
                    }
                    line.continues = saved.continues;
                });
            }
        }
    }
}
