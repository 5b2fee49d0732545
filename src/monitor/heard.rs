//! What a report without lines tells (`set quiet`): how many lines were read since the report before, and how many
//! hosts wrote them, so that its reader sees that somebody watched.

use std::collections::BTreeMap;

use bstr::{BStr, BString};
use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::shown::thousands;
use crate::site::Watched;

/// Hosts that are known by name, at most: whoever sends lines can invent names.
const MOST_HOSTS: usize = 10_000;

/// What was heard since the last report of each queue with `set quiet`. A snapshot holds it as it is.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Heard {
    /// The queues, each with the number of lines that had been read at its last report.
    queues: Vec<(String, u64)>,
    /// The hosts, each with a bit for every queue that had no report since the host wrote.
    hosts: BTreeMap<BString, u64>,
    /// Whether there were more hosts.
    over: bool,
}

impl Heard {
    /// What was heard for the queues of a configuration: of a queue that was there before it is kept. `read` is the
    /// number of lines read so far.
    pub(super) fn of(before: &Self, config: &Config, read: u64) -> Self {
        let mut heard = Self {
            over: before.over,
            ..Self::default()
        };
        // Where the bit of each queue was.
        let mut places = Vec::new();
        for queue in config.queues.iter().filter(|queue| queue.quiet) {
            let known = before
                .queues
                .iter()
                .position(|(name, _)| *name == queue.name);
            let since = known.and_then(|at| before.queues.get(at));
            let since = since.map_or(read, |(_, since)| (*since).min(read));
            places.push(known);
            heard.queues.push((queue.name.clone(), since));
        }
        for (host, bits) in &before.hosts {
            let moved = places.iter().enumerate().filter_map(|(to, from)| {
                let set = bits & bit((*from)?) != 0;
                set.then(|| bit(to))
            });
            let bits = moved.fold(0, |all, bit| all | bit);
            if bits != 0 {
                heard.hosts.insert(host.clone(), bits);
            }
        }
        heard
    }

    /// Whether any queue wants to know.
    pub(super) fn is_on(&self) -> bool {
        !self.queues.is_empty()
    }

    /// Notes that a host wrote.
    pub(super) fn note(&mut self, host: &BStr) {
        let all = (0..self.queues.len()).fold(0, |all, at| all | bit(at));
        let full = self.hosts.len() >= MOST_HOSTS;
        match self.hosts.get_mut(host) {
            Some(bits) => *bits = all,
            None if !full => {
                self.hosts.insert(host.to_owned(), all);
            }
            None => self.over = true,
        }
    }

    /// Notes that a queue had a report. Gives the lines and hosts since the one before in words.
    pub(super) fn reported(&mut self, queue: &str, read: u64) -> Option<String> {
        self.take(queue, read).map(|watched| words(&watched))
    }

    /// Notes that a queue had a report. Gives the lines and hosts since the one before.
    pub(super) fn take(&mut self, queue: &str, read: u64) -> Option<Watched> {
        let at = self.queues.iter().position(|(name, _)| name == queue)?;
        let (_, since) = self.queues.get_mut(at)?;
        let lines = read.saturating_sub(std::mem::replace(since, read));
        let mut hosts = Vec::new();
        self.hosts.retain(|name, bits| {
            if *bits & bit(at) != 0 {
                hosts.push(name.clone());
            }
            *bits &= !bit(at);
            *bits != 0
        });
        let over = std::mem::take(&mut self.over);
        Some(Watched { lines, hosts, over })
    }
}

/// `12 hosts, 1,234 lines read, nothing for this queue`
pub(super) fn words(watched: &Watched) -> String {
    let more = if watched.over { "more than " } else { "" };
    let number = |n: u64, what: &str| match n {
        1 => format!("1 {what}"),
        n => format!("{} {what}s", thousands(n)),
    };
    let hosts = number(watched.hosts.len() as u64, "host");
    let lines = number(watched.lines, "line");
    format!("{more}{hosts}, {lines} read, nothing for this queue")
}

/// The bit of a queue. There are no more than 64 of them.
fn bit(at: usize) -> u64 {
    u32::try_from(at).map_or(0, |at| 1_u64.checked_shl(at).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse_bytes;

    fn config(queues: &[&str]) -> Config {
        let mut text = "set mailserver h\n".to_owned();
        for queue in queues {
            text += &format!("set queue {queue} f t [0 12 * * *]\nset quiet {queue}\n");
        }
        parse_bytes(text.as_bytes()).config.unwrap()
    }

    #[test]
    fn each_queue_has_the_hosts_and_lines_since_its_own_report() {
        let mut heard = Heard::of(&Heard::default(), &config(&["a", "b"]), 100);
        heard.note("h1".into());
        heard.note("h2".into());
        let told = |heard: &mut Heard, queue, read| heard.reported(queue, read).unwrap();
        let a = told(&mut heard, "a", 1_500);
        assert_eq!(a, "2 hosts, 1,400 lines read, nothing for this queue");
        heard.note("h2".into());
        heard.note("h3".into());
        assert!(told(&mut heard, "a", 1_501).starts_with("2 hosts, 1 line read"));
        // Over a reload in which the queues change places and one comes, and over a restart.
        heard = Heard::of(&heard, &config(&["new", "b", "a"]), 2_000);
        let bytes = postcard::to_stdvec(&heard).unwrap();
        heard = postcard::from_bytes(&bytes).unwrap();
        assert!(told(&mut heard, "b", 2_100).starts_with("3 hosts, 2,000 lines read"));
        assert!(told(&mut heard, "a", 2_100).starts_with("0 hosts, 599 lines read"));
        assert!(told(&mut heard, "new", 2_100).starts_with("0 hosts, 100 lines read"));
        assert!(
            heard.hosts.is_empty(),
            "nobody wants to know of them any more"
        );
        assert_eq!(heard.reported("other", 1), None);
    }

    #[test]
    fn made_up_names_have_a_bound_that_is_told() {
        let mut heard = Heard::of(&Heard::default(), &config(&["a"]), 0);
        for n in 0..MOST_HOSTS + 5 {
            heard.note(format!("h{n}").as_bytes().into());
        }
        assert_eq!(heard.hosts.len(), MOST_HOSTS);
        let told = heard.reported("a", 9).unwrap();
        assert!(
            told.starts_with("more than 10,000 hosts, 9 lines"),
            "{told}"
        );
        assert!(heard.reported("a", 9).unwrap().starts_with("0 hosts"));
    }
}
