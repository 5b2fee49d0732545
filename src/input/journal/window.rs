//! Windows on a file: what was read of it last. Entries are read in their order, and the data that is new to
//! one stands in front of it, so one large window serves most of them; what older entries had stands anywhere.

use std::ops::Range;

use super::format::{Damage, ReadAt};

/// Number of bytes of the window that follows the entries.
const NEAR: usize = 256 << 10;
/// Number of bytes that are read at once anywhere else.
const FAR: usize = 4 << 10;

/// A part of a file in memory.
#[derive(Debug, Default)]
struct Window {
    start: u64,
    bytes: Vec<u8>,
}

impl Window {
    /// The place of `length` bytes at `offset` in the window, if all of them are in it.
    fn find(&self, offset: u64, length: u64) -> Option<Range<usize>> {
        let from = usize::try_from(offset.checked_sub(self.start)?).ok()?;
        let to = from.checked_add(usize::try_from(length).ok()?)?;
        (to <= self.bytes.len()).then_some(from..to)
    }

    fn read(
        &mut self,
        file: &impl ReadAt,
        offset: u64,
        length: u64,
        least: usize,
    ) -> Result<(), Damage> {
        let length = usize::try_from(length).unwrap_or(usize::MAX).max(least);
        self.start = offset;
        self.bytes.resize(length, 0);
        let filled = file.fill(&mut self.bytes, offset);
        self.bytes.truncate(*filled.as_ref().unwrap_or(&0));
        filled?;
        Ok(())
    }
}

/// The windows on the file that is being read.
#[derive(Debug, Default)]
pub struct Windows {
    near: Window,
    far: Window,
}

/// The longest object that is read whole into a window, bytes.
pub const LONGEST: u64 = 64 << 20;

impl Windows {
    /// Forgets what was read: the file has changed, or another one is read.
    pub fn clear(&mut self) {
        self.near.bytes.clear();
        self.far.bytes.clear();
    }

    /// The bytes at `offset`, which stand where the entries are being read: not before `back`.
    ///
    /// # Errors
    /// They cannot be read, or the file ends before.
    pub fn near(
        &mut self,
        file: &impl ReadAt,
        offset: u64,
        length: u64,
        back: u64,
    ) -> Result<&[u8], Damage> {
        if length > LONGEST {
            return Err(Damage::Format("an object that is too long", offset));
        }
        if self.near.find(offset, length).is_none() {
            // What is new to the entry stands before it.
            let start = match offset.checked_sub(back) {
                Some(before) if before < NEAR as u64 / 2 => back,
                _ => offset,
            };
            let needed = length.saturating_add(offset - start);
            self.near.read(file, start, needed, NEAR)?;
        }
        let found = self.near.find(offset, length);
        let bytes = found.and_then(|range| self.near.bytes.get(range));
        bytes.ok_or(Damage::Format("an object beyond the end", offset))
    }

    /// The bytes at `offset`, which may stand anywhere.
    ///
    /// # Errors
    /// As for [`Self::near`].
    pub fn far(&mut self, file: &impl ReadAt, offset: u64, length: u64) -> Result<&[u8], Damage> {
        if length > LONGEST {
            return Err(Damage::Format("an object that is too long", offset));
        }
        if let Some(range) = self.near.find(offset, length) {
            return Ok(self.near.bytes.get(range).unwrap_or_default());
        }
        if self.far.find(offset, length).is_none() {
            self.far.read(file, offset, length, FAR)?;
        }
        let found = self.far.find(offset, length);
        let bytes = found.and_then(|range| self.far.bytes.get(range));
        bytes.ok_or(Damage::Format("an object beyond the end", offset))
    }

    /// Gives back memory that a long object took.
    pub fn shrink(&mut self) {
        for window in [&mut self.near, &mut self.far] {
            if window.bytes.capacity() > 2 * NEAR {
                window.bytes = Vec::new();
            }
        }
    }
}
