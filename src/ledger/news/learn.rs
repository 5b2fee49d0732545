//! What old logs teach: the kinds that they have are no news.

use super::kinds::{Kind, NOBODY};
use super::ops::{About, Op};
use super::state::News;
use crate::ledger::Day;

impl News {
    /// News of the same key in which nothing is known: what is learnt in them can be taken in by [`Self::learn`].
    pub fn like(&self) -> Self {
        let mut news = Self::default();
        if self.has_begun() {
            news.perform(Op::About(About {
                key: self.about.key,
                began: Day::LAST,
                ..About::default()
            }));
        }
        news
    }

    /// Takes in what was learnt. To take it in a second time changes nothing.
    ///
    /// # Errors
    /// It was learnt with another key: its kinds cannot be compared with ours.
    pub fn learn(&mut self, learnt: Self) -> Result<(), String> {
        let firsts = learnt.kinds.iter().map(|kind| kind.first);
        let began = firsts.min().unwrap_or(Day::LAST).min(self.about.began);
        if self.about.key != learnt.about.key {
            let nothing = self.kinds.count() == 0 && self.hosts.count() == 0;
            if !nothing {
                let text = "it was learnt for another state directory: remove it, and learn again";
                return Err(text.into());
            }
            // What we know of rules goes by our key.
            *self = learnt;
            self.whole();
        } else {
            self.merge(&learnt);
        }
        self.perform(Op::About(About {
            began,
            learnt: true,
            announced: true,
            ..self.about
        }));
        Ok(())
    }

    fn merge(&mut self, learnt: &Self) {
        // Their numbers of hosts are other ones.
        let mut numbers = vec![NOBODY; usize::from(NOBODY)];
        for (theirs, host) in learnt.hosts.iter() {
            let known = self.hosts.number(host.name.as_ref());
            let number = known.unwrap_or_else(|| self.hosts.free());
            if number == NOBODY {
                continue;
            }
            let mut host = host.clone();
            if let Some(ours) = known.and_then(|number| self.hosts.get(number)) {
                host.first = host.first.min(ours.first);
                host.last = host.last.max(ours.last);
            }
            self.perform(Op::Host(number, host));
            if let Some(place) = numbers.get_mut(usize::from(theirs)) {
                *place = number;
            }
        }
        for theirs in learnt.kinds.iter() {
            let number = numbers.get(usize::from(theirs.host)).copied();
            let host = number.unwrap_or(NOBODY);
            let kind = match self.kinds.kind(theirs.hash) {
                Some(ours) => Kind {
                    host: if theirs.first < ours.first {
                        host
                    } else {
                        ours.host
                    },
                    first: theirs.first.min(ours.first),
                    last: theirs.last.max(ours.last),
                    pause: theirs.pause.max(ours.pause),
                    ..ours
                },
                None => Kind { host, ..theirs },
            };
            self.perform(Op::Kind(kind));
        }
        for pair in learnt.kinds.iter_pairs() {
            if self
                .kinds
                .like(pair)
                .is_none_or(|ours| ours.last() < pair.last())
            {
                self.perform(Op::Pair(pair));
            }
        }
        let rules = learnt.rules.iter();
        for (key, rule) in rules.filter(|(_, rule)| rule.day > Day::default()) {
            if self.rules.get(key).is_none_or(|ours| ours.day < rule.day) {
                self.perform(Op::Rule(*key, Box::new(rule.clone())));
            }
        }
    }
}
