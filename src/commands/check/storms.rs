//! What `tenshi -C` says of storms.

use std::time::Duration;

use crate::config::{Config, Queue, QueueId};
use crate::schedule::Schedule;

/// The lines about storms: how the mails of a `[now]` queue are bundled, and how many mails the queues may send that
/// are not bundled. It is no warning: configurations are older than the directive.
pub(super) fn bundles(config: &Config) -> Vec<String> {
    let settings = &config.bundle;
    let queues = config.queues.iter().zip(0..);
    let at_once = |queue: &Queue| queue.schedule == Schedule::Now && queue.output.mail().is_some();
    let (mut lines, mut free) = (Vec::new(), Vec::new());
    for (queue, number) in queues.filter(|(queue, _)| at_once(queue)) {
        let name = queue.name.as_str();
        let Some(first) = settings.length(QueueId(number), 0) else {
            free.push(name);
            continue;
        };
        let longest = settings.length(QueueId(number), u32::MAX).unwrap_or(first);
        lines.push(format!(
            "{name} is bundled: windows of {} to {}, up to {} early mails in each",
            length(first),
            length(longest),
            settings.first
        ));
    }
    lines.extend(unbundled(&free, 3600 / config.sleep.as_secs().max(1)));
    if let Some(pages) = config.report.pager_hour {
        lines.push(format!("pagers get {pages} reports an hour at most"));
    }
    lines
}

/// The line about queues that are not bundled: one line for all of them. `mails` is the number of mails that each of
/// them may send an hour.
fn unbundled(names: &[&str], mails: u64) -> Option<String> {
    let (last, others) = names.split_last()?;
    let Some(first) = others.first() else {
        return Some(format!(
            "{last} may send {mails} mails an hour in a storm: `set bundle {last} 10m` bundles them"
        ));
    };
    Some(format!(
        "{} and {last} may send {mails} mails an hour each in a storm: a line as `set bundle {first} 10m` for each \
         bundles them",
        others.join(", ")
    ))
}

fn length(time: Duration) -> String {
    match time.as_secs() {
        seconds if seconds % 3600 == 0 => format!("{}h", seconds / 3600),
        seconds if seconds % 60 == 0 => format!("{}m", seconds / 60),
        seconds => format!("{seconds}s"),
    }
}
