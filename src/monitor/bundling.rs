//! What is kept for bundles besides the window of each queue, and how a line is known again.

use std::hash::Hasher;

use bstr::BStr;
use siphasher::sip::SipHasher13;

use super::window::Pages;
use crate::queue::HostLines;

/// What of the lines of a queue is mailed.
#[derive(Debug)]
pub(super) enum Share {
    /// All that it holds.
    Whole,
    /// The lines of these numbers, which are new in the queue's window.
    First(Vec<u32>),
}

/// What is kept for bundles besides the window of each queue.
#[derive(Debug, Default)]
pub(super) struct Bundling {
    /// The key of the hashes of lines: nobody can make up a line that is taken for a mailed one.
    pub key: [u64; 2],
    pub pages: Pages,
    /// Whether a window or the pages changed since the last commit.
    pub changed: bool,
}

impl Bundling {
    /// The hash of a line and its host, which a restart does not change.
    pub(super) fn hash(&self, host: &BStr, line: &BStr) -> u64 {
        let [first, second] = self.key;
        let mut hasher = SipHasher13::new_with_keys(first, second);
        hasher.write_u64(host.len() as u64);
        hasher.write(host);
        hasher.write(line);
        hasher.finish()
    }

    /// The hashes of the lines of a report.
    pub(super) fn hashes<'a>(
        &'a self,
        hosts: &'a [HostLines<'_>],
    ) -> impl Iterator<Item = u64> + 'a {
        hosts.iter().flat_map(move |host| {
            let lines = host.lines.iter();
            lines.map(move |(_, line)| self.hash(host.host, line))
        })
    }
}
