//! What `tenshi -C` says of storms.

use std::time::Duration;

use crate::config::{Config, Queue, QueueId};
use crate::schedule::Schedule;

/// The lines about storms: how the mails of a `[now]` queue are bundled, or how many it may send. It is no warning:
/// configurations are older than the directive.
pub(super) fn bundles(config: &Config) -> Vec<String> {
    let settings = &config.bundle;
    let mails = 3600 / config.sleep.as_secs().max(1);
    let queues = config.queues.iter().zip(0..);
    let line = |(queue, number): (&Queue, u16)| {
        let name = &queue.name;
        if queue.schedule != Schedule::Now || queue.output.mail().is_none() {
            return None;
        }
        let length = |time: Duration| match time.as_secs() {
            seconds if seconds % 3600 == 0 => format!("{}h", seconds / 3600),
            seconds if seconds % 60 == 0 => format!("{}m", seconds / 60),
            seconds => format!("{seconds}s"),
        };
        Some(match settings.length(QueueId(number), 0) {
            Some(first) => {
                let longest = settings.length(QueueId(number), u32::MAX).unwrap_or(first);
                format!(
                    "{name} is bundled: windows of {} to {}, up to {} early mails in each",
                    length(first),
                    length(longest),
                    settings.first
                )
            }
            None => format!(
                "{name} may send {mails} mails an hour in a storm: `set bundle {name} 10m` bundles them"
            ),
        })
    };
    let mut lines: Vec<String> = queues.filter_map(line).collect();
    if let Some(pages) = config.report.pager_hour {
        lines.push(format!("pagers get {pages} reports an hour at most"));
    }
    lines
}
