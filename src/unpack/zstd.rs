//! zstd (RFC 8878): frame after frame, each checked by its checksum.

use std::io::{self, BufRead, Read};

use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

/// The largest window that is given memory, bytes: what `zstd -d` takes without being asked to.
const WINDOW: u64 = 128 << 20;
/// The most bytes that are read without one unpacked: more than a window, which is held back until the next block is
/// there, can be packed in.
pub(super) const FRUITLESS: u64 = 2 * WINDOW;
/// The length of a block that holds nothing, bytes: its header. A hole in a file is full of such blocks.
const EMPTY: u64 = 3;
/// The most empty blocks, one behind the other. zstd makes one at the end of a frame.
const EMPTY_BLOCKS: u32 = 1 << 16;
/// A last block that is empty, and a checksum behind it: the end of a frame that was cut off.
const END: &[u8] = &[1, 0, 0, 0, 0, 0, 0];

/// The frames of a file.
pub(super) struct Frames<R> {
    packed: Noted<R>,
    decoder: FrameDecoder,
    within: bool,
    /// The number of empty blocks since the last one that was not.
    empty: u32,
    /// What keeps the rest from being unpacked, once all before it was handed out.
    fault: Option<io::Error>,
}

impl<R: BufRead> Frames<R> {
    pub(super) fn new(packed: R) -> Self {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(WINDOW);
        Self {
            packed: Noted {
                reader: packed,
                fault: None,
            },
            decoder,
            within: false,
            empty: 0,
            fault: None,
        }
    }

    /// Begins the next frame that has something to be unpacked; whether there is one.
    fn begin(&mut self) -> io::Result<bool> {
        loop {
            if self.packed.fill_buf()?.is_empty() {
                return Ok(false);
            }
            match self.decoder.reset(&mut self.packed) {
                Ok(()) => return Ok(true),
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    let length = u64::from(length);
                    let frame = &mut (&mut self.packed).take(length);
                    if io::copy(frame, &mut io::sink())? < length {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
                Err(e) => return Err(self.packed.fault_of(e)),
            }
        }
    }

    /// Unpacks until something can be handed out. Of a frame that is cut off or damaged all before that is: the
    /// window, which is held back until the frame ends, as well.
    fn unpack(&mut self) {
        while self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
            if let Err(fault) = self.block() {
                self.fault = Some(fault);
                let block = BlockDecodingStrategy::UptoBlocks(1);
                let _ = self.decoder.decode_blocks(END, block);
                return;
            }
        }
    }

    /// Unpacks a block.
    fn block(&mut self) -> io::Result<()> {
        let before = self.decoder.bytes_read_from_source();
        let block = BlockDecodingStrategy::UptoBlocks(1);
        let done = self.decoder.decode_blocks(&mut self.packed, block);
        done.map_err(|e| self.packed.fault_of(e))?;
        self.empty = match self.decoder.bytes_read_from_source() - before {
            EMPTY => self.empty + 1,
            _ => 0,
        };
        if self.empty > EMPTY_BLOCKS {
            let what = "zstd would not have packed nothing in so many blocks";
            return Err(io::Error::new(io::ErrorKind::InvalidData, what));
        }
        Ok(())
    }

    /// The end of a frame.
    fn end(&mut self) -> io::Result<()> {
        self.within = false;
        if let Some(fault) = self.fault.take() {
            return Err(fault);
        }
        match self.decoder.get_checksum_from_data() {
            Some(sum) if self.decoder.get_calculated_checksum() != Some(sum) => {
                let what = "what zstd packed does not have its checksum";
                Err(io::Error::new(io::ErrorKind::InvalidData, what))
            }
            _ => Ok(()),
        }
    }
}

impl<R: BufRead> Read for Frames<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        loop {
            if self.within {
                if self.fault.is_none() {
                    self.unpack();
                }
                let read = self.decoder.read(buf)?;
                if read > 0 {
                    return Ok(read);
                }
                self.end()?;
            }
            if !self.begin()? {
                return Ok(0);
            }
            self.within = true;
        }
    }
}

/// A reader that keeps the error of a call: the decoder wraps it so that nobody can tell it from damage.
struct Noted<R> {
    reader: R,
    fault: Option<io::Error>,
}

impl<R> Noted<R> {
    fn note<T>(&mut self, result: io::Result<T>) -> io::Result<T> {
        result.map_err(|e| {
            let kind = e.kind();
            if kind != io::ErrorKind::Interrupted {
                self.fault = Some(e);
            }
            kind.into()
        })
    }

    /// What kept the decoder from going on.
    fn fault_of(&mut self, e: FrameDecoderError) -> io::Error {
        let damage = || io::Error::new(io::ErrorKind::InvalidData, e.to_string());
        self.fault.take().unwrap_or_else(damage)
    }
}

impl<R: BufRead> Read for Noted<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let result = self.reader.read(buf);
        self.note(result)
    }
}

impl<R: BufRead> Noted<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.reader.fill_buf()
    }
}
