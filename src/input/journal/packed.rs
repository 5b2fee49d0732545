//! Payloads that are packed, by LZ4 or zstd.

use std::io::Read;

use ruzstd::decoding::{FrameDecoder, StreamingDecoder};

use super::format::{Damage, PACKED_LZ4, PACKED_XZ, PACKED_ZSTD, le64};

/// Number of bytes by which the field of a payload is known: no name of a field is longer.
pub const NAME: usize = 72;
/// The longest payload that is unpacked; what is longer is cut there. No line is longer by far.
pub const MOST: usize = 20 << 20;
/// The largest window of zstd that is given memory: beyond what its usual levels take.
const WINDOW: u64 = 16 << 20;

/// Unpacks payloads.
#[derive(Default)]
pub struct Unpacker {
    zstd: Option<Box<FrameDecoder>>,
    unpacked: Vec<u8>,
}

impl Unpacker {
    /// The beginning of the payload `packed` at `offset`, at most `most` bytes of it. It is shorter only if
    /// the payload is.
    ///
    /// # Errors
    /// It cannot be unpacked.
    pub fn unpack(
        &mut self,
        packed: &[u8],
        flags: u8,
        most: usize,
        offset: u64,
    ) -> Result<&[u8], Damage> {
        self.unpacked.clear();
        match flags & (PACKED_XZ | PACKED_LZ4 | PACKED_ZSTD) {
            PACKED_LZ4 => self.lz4(packed, most, offset)?,
            PACKED_ZSTD => self.zstd(packed, most, offset)?,
            PACKED_XZ => return Err(Damage::Format("a value that is packed by xz", offset)),
            _ => {
                return Err(Damage::Format(
                    "a value that is packed in no known way",
                    offset,
                ));
            }
        }
        Ok(&self.unpacked)
    }

    /// The beginning of a payload, [`NAME`] bytes of it or more unless it is shorter, from `packed`, which may
    /// lack its end.
    ///
    /// # Errors
    /// It cannot be unpacked: nobody can tell which field it is.
    pub fn beginning<'a>(
        &'a mut self,
        packed: &'a [u8],
        flags: u8,
        offset: u64,
    ) -> Result<&'a [u8], Damage> {
        let damage = || Damage::Format("a value that LZ4 cannot unpack", offset);
        match flags & (PACKED_XZ | PACKED_LZ4 | PACKED_ZSTD) {
            0 => Ok(packed.get(..packed.len().min(NAME)).unwrap_or_default()),
            PACKED_LZ4 => {
                let length = usize::try_from(le64(packed, 0)).unwrap_or(usize::MAX);
                let literals = packed.get(8..).and_then(first_literals);
                let literals = literals.ok_or_else(damage)?;
                let enough = literals.len() >= NAME.min(length) || literals.contains(&b'=');
                if enough {
                    self.unpacked.clear();
                    let most = literals.len().min(NAME);
                    self.unpacked.extend_from_slice(&literals[..most]);
                    return Ok(&self.unpacked);
                }
                self.unpack(packed, flags, MOST, offset)
            }
            _ => self.unpack(packed, flags, NAME, offset),
        }
    }

    /// A block of LZ4 behind the length of what it holds.
    fn lz4(&mut self, packed: &[u8], most: usize, offset: u64) -> Result<(), Damage> {
        let damage = || Damage::Format("a value that LZ4 cannot unpack", offset);
        let length = usize::try_from(le64(packed, 0)).unwrap_or(usize::MAX);
        let block = packed.get(8..).ok_or_else(damage)?;
        self.unpacked.resize(length.min(most), 0);
        match lz4_flex::block::decompress_into(block, &mut self.unpacked) {
            Ok(count) => self.unpacked.truncate(count),
            // It is unpacked from its beginning on, up to where the room is too small.
            Err(lz4_flex::block::DecompressError::OutputTooSmall { .. }) if length > most => {}
            Err(_) => return Err(damage()),
        }
        Ok(())
    }

    fn zstd(&mut self, packed: &[u8], most: usize, offset: u64) -> Result<(), Damage> {
        let damage = || Damage::Format("a value that zstd cannot unpack", offset);
        let decoder = self.zstd.get_or_insert_with(|| {
            let mut decoder = FrameDecoder::new();
            decoder.set_max_window_size(WINDOW);
            Box::new(decoder)
        });
        let stream = StreamingDecoder::new_with_decoder(packed, decoder.as_mut());
        let stream = stream.map_err(|_| damage())?;
        let most = u64::try_from(most).unwrap_or(u64::MAX);
        let read = stream.take(most).read_to_end(&mut self.unpacked);
        read.map(|_| ()).map_err(|_| damage())
    }

    /// Gives back memory that a long payload took.
    pub fn shrink(&mut self) {
        if self.unpacked.capacity() > 1 << 20 {
            self.unpacked = Vec::new();
            self.zstd = None;
        }
    }
}

/// The bytes that a block of LZ4 begins with as they are, before the first repetition.
fn first_literals(block: &[u8]) -> Option<&[u8]> {
    let (token, mut rest) = block.split_first()?;
    let mut length = usize::from(token >> 4);
    if length == 15 {
        loop {
            let (more, behind) = rest.split_first()?;
            rest = behind;
            length = length.checked_add(usize::from(*more))?;
            if *more < 255 {
                break;
            }
        }
    }
    rest.get(..length.min(rest.len()))
}

impl std::fmt::Debug for Unpacker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Unpacker")
    }
}
