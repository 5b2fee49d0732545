//! Reading the records behind a snapshot: each changes what the ones before led to.

use super::journal::{Records, Tail};
use super::places::Places;
use super::snapshot::Snapshot;

/// A state that is read, record by record.
pub(super) struct Replay;

impl Replay {
    /// Makes the changes of the records to the snapshot of this checksum. Gives the state of the last commit,
    /// and what stands behind it.
    ///
    /// # Errors
    /// A whole record does not fit what the ones before it led to: where it begins, and why.
    pub(super) fn run(
        mut snapshot: Snapshot,
        checksum: u32,
        bytes: &[u8],
    ) -> Result<(Snapshot, Tail), (usize, String)> {
        let mut places = Places::default();
        let mut records = Records::new(bytes, checksum);
        loop {
            let begin = bytes.len() - records.left();
            let Some(body) = records.next() else {
                break;
            };
            let changed = snapshot.change(body, &mut places);
            changed.map_err(|how| (begin, how))?;
        }
        snapshot.escalations.retain(|counter| counter.count > 0);
        Ok((snapshot, records.tail()))
    }
}
