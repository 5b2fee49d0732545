//! The trends as `tenshi trends` shows them.

use bstr::BString;

use super::calendar::Slot;
use super::state::Trends;

/// What is known of a rule.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RuleTrend<'a> {
    /// The lines of the running period.
    pub now: u32,
    /// The periods before, the newest first, each with its lines.
    pub before: Vec<(Slot, u32)>,
    /// The hosts of the running period with their lines, the most first.
    pub hosts: Vec<(&'a BString, u32)>,
}

impl Trends {
    /// What is known of the rule of this key, in the periods of its queue.
    pub fn rule(&self, queue: &str, key: u64) -> Option<RuleTrend<'_>> {
        let rule = self.rules.get(self.place(key)? as usize)?;
        let slots = self.calendars.get(queue)?.slots.iter().zip(0..);
        let before = slots.map_while(|(slot, ago)| Some((*slot, rule.ago(ago)?)));
        Some(RuleTrend {
            now: rule.now(),
            before: before.collect(),
            hosts: self.running.hosts_of(key),
        })
    }
}
