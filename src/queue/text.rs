//! The texts of lines, one behind the other.

/// Text in chunks that never move: nothing is copied when the text grows.
#[derive(Clone, Default)]
pub(super) struct Text(Vec<Vec<u8>>);

/// The greatest length of a chunk of several lines, bytes. A longer line is a chunk of its own.
pub(super) const CHUNK: usize = 1 << OFFSET_BITS;
/// The bits of a position that tell where in its chunk it is; the others number the chunk.
const OFFSET_BITS: u32 = 20;

/// The number of the chunk of a position, and where in it that is.
#[inline(always)]
fn parts(start: u32) -> (usize, usize) {
    let offset = start & (CHUNK as u32 - 1);
    ((start >> OFFSET_BITS) as usize, offset as usize)
}

impl Text {
    /// Appends two texts as one. Returns where it begins; nothing if there is no room: all texts take 4 GiB at
    /// most.
    pub fn add(&mut self, head: &[u8], tail: &[u8]) -> Option<u32> {
        let length = head.len() + tail.len();
        let last = self.0.last();
        let fits =
            last.is_some_and(|last| last.len() < CHUNK && length <= last.capacity() - last.len());
        if !fits {
            if self.0.len() >= 1 << (u32::BITS - OFFSET_BITS) {
                return None;
            }
            // Most queues have little text.
            let twice = last.map_or(0, |last| 2 * last.capacity());
            let size = twice.min(CHUNK).max(length);
            self.0.push(Vec::with_capacity(size));
        }
        let chunk = u32::try_from(self.0.len() - 1).ok()?;
        let last = self.0.last_mut()?;
        let start = u32::try_from(last.len()).ok()?;
        last.extend_from_slice(head);
        last.extend_from_slice(tail);
        Some(chunk << OFFSET_BITS | start)
    }

    /// The text of this length that begins at `start`.
    #[inline(always)]
    pub fn get(&self, start: u32, length: u32) -> Option<&[u8]> {
        let (chunk, from) = parts(start);
        self.0.get(chunk)?.get(from..from + length as usize)
    }

    /// The text that begins at `start`; `next` is where the one after it begins.
    #[inline(always)]
    pub fn between(&self, start: u32, next: Option<u32>) -> Option<&[u8]> {
        let (chunk, from) = parts(start);
        let text = self.0.get(chunk)?;
        let end = match next.map(parts) {
            Some((same, end)) if same == chunk => end,
            _ => text.len(),
        };
        text.get(from..end)
    }
}
