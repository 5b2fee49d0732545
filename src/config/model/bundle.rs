//! The settings of bundles: how the mails of a `[now]` queue come together in a storm of lines.

use std::time::Duration;

use super::QueueId;

/// `set bundle`, `set bundle_first` and `set bundle_max`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BundleSettings {
    /// `set bundle QUEUE WINDOW`: the bundled queues, each with the length of its first window (none).
    pub windows: Vec<(QueueId, Duration)>,
    /// `set bundle_first`: mails of lines that are new in a window, at most (5).
    pub first: u32,
    /// `set bundle_max`: the longest window (1 h). A queue whose first window is longer keeps that length.
    pub longest: Duration,
}

impl BundleSettings {
    /// The length of a queue's window after it was `doubled` this number of times, up to the longest window; nothing if
    /// the queue is not bundled.
    pub fn length(&self, queue: QueueId, doubled: u32) -> Option<Duration> {
        let (_, first) = self.windows.iter().find(|(id, _)| *id == queue)?;
        let factor = 1_u32.checked_shl(doubled).unwrap_or(u32::MAX);
        Some(first.saturating_mul(factor).min(self.longest.max(*first)))
    }
}

impl Default for BundleSettings {
    fn default() -> Self {
        Self {
            windows: Vec::new(),
            first: 5,
            longest: Duration::from_secs(3600),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_double_up_to_the_longest() {
        let minutes = |n: u64| Duration::from_secs(60 * n);
        let settings = BundleSettings {
            windows: vec![(QueueId(1), minutes(10)), (QueueId(2), minutes(90))],
            ..BundleSettings::default()
        };
        let lengths = |queue, doubled| settings.length(QueueId(queue), doubled);
        for (doubled, length) in [(0, 10), (1, 20), (2, 40), (3, 60), (31, 60), (40, 60)] {
            assert_eq!(lengths(1, doubled), Some(minutes(length)), "{doubled}");
        }
        assert_eq!(lengths(2, 3), Some(minutes(90)));
        assert_eq!(lengths(3, 0), None);
    }
}
