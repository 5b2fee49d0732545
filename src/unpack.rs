//! Files packed by gzip, xz, zstd or bzip2, as streams of what they hold: rotated logs, and saved ones.
//!
//! A file may consist of several packed ones, one behind the other, as `cat`, pzstd and pbzip2 make them; all of
//! them are read. What a packed file holds may be as long as it likes: it is handed out in pieces, and what
//! unpacking takes in memory has a bound for each format. So has what is read of the file for the next piece: a small
//! file may have a hole of terabytes, which a decoder would take for padding or for empty blocks.

use std::io::{self, BufRead, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bzip2::bufread::MultiBzDecoder;
use flate2::bufread::MultiGzDecoder;
use lzma_rust2::XzReader;

mod zstd;

/// The first bytes of a gzip file (RFC 1952 §2.3.1).
const GZIP: &[u8] = &[0x1f, 0x8b];
/// The first bytes of an xz file.
const XZ: &[u8] = b"\xfd7zXZ\0";
/// The first bytes of a frame of zstd (RFC 8878 §3.1.1).
const ZSTD: &[u8] = b"\x28\xb5\x2f\xfd";
/// The first bytes of a bzip2 file; a digit and the mark of a block or of the end follow.
const BZIP2: &[u8] = b"BZh";
/// What follows the first byte of a frame of zstd that is to be skipped (RFC 8878 §3.1.2): pzstd begins with one.
const SKIPPED: &[u8] = b"\x2a\x4d\x18";

/// The memory that unpacking xz may take, KiB: `xz -9` needs 64 MiB and a little.
const XZ_MEMORY: u32 = (64 << 10) + 4096;
/// The most bytes of a packed file that are read without one unpacked: padding, and the index of an xz file, which is
/// some megabytes if what is packed has a terabyte.
const FRUITLESS: u64 = 16 << 20;
/// The most that is unpacked by a call of [`Pieces`], bytes.
const PIECE: usize = 1024;

/// A program that packs files.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Packer {
    /// gzip: `.gz`.
    Gzip,
    /// xz: `.xz`.
    Xz,
    /// zstd: `.zst`.
    Zstd,
    /// bzip2: `.bz2`.
    Bzip2,
}

impl Packer {
    /// The ends of the names of files that are read here.
    pub const SUFFIXES: [&'static str; 4] = [".gz", ".xz", ".zst", ".bz2"];
    /// The number of first bytes of a file that tell which of these programs packed it.
    pub const LONGEST: usize = 10;

    /// The program that packed a file, by its first bytes. The name does not count: files are renamed, and
    /// logrotate calls them what `compressext` says.
    pub fn of(head: &[u8]) -> Option<Self> {
        if head.starts_with(GZIP) {
            Some(Self::Gzip)
        } else if head.starts_with(XZ) {
            Some(Self::Xz)
        } else if head.starts_with(ZSTD) || (head.len() > SKIPPED.len() && may_be_skipped(head)) {
            Some(Self::Zstd)
        } else {
            is_bzip2(head).then_some(Self::Bzip2)
        }
    }

    /// Whether more bytes are needed to tell.
    pub fn may_be_of(head: &[u8]) -> bool {
        let magics = [GZIP, XZ, ZSTD];
        let mut begun = magics
            .iter()
            .filter(|magic| head.len() < magic.len() && magic.starts_with(head));
        let letters = head.len() < BZIP2.len() && BZIP2.starts_with(head);
        begun.next().is_some()
            || letters
            || (head.starts_with(BZIP2) && head.len() < Self::LONGEST)
            || (head.len() <= SKIPPED.len() && may_be_skipped(head))
    }
}

/// Whether a frame of zstd that is to be skipped begins so.
fn may_be_skipped(head: &[u8]) -> bool {
    match head.split_first() {
        Some((0x50..=0x5f, rest)) => rest.starts_with(SKIPPED) || SKIPPED.starts_with(rest),
        _ => false,
    }
}

/// Whether a file of bzip2 begins so. A log may begin with its three letters too: bzip2 has a digit behind them, and
/// the mark of a block or, in an empty file, the mark of its end.
fn is_bzip2(head: &[u8]) -> bool {
    let Some([level, mark @ ..]) = head.strip_prefix(BZIP2) else {
        return false;
    };
    matches!(level, b'1'..=b'9')
        && (mark.starts_with(b"1AY&SY") || mark.starts_with(b"\x17\x72\x45\x38"))
}

/// The content of a packed file, as a stream. An error ends it; an error of a call to the disk is given as it is.
pub struct Unpacked<'a> {
    decoder: Box<dyn Read + Send + 'a>,
    /// The number of bytes read since the last unpacked one.
    fruitless: Arc<AtomicU64>,
    failed: bool,
}

impl<'a> Unpacked<'a> {
    /// Unpacks what `packer` packed.
    pub fn new(packer: Packer, reader: impl BufRead + Send + 'a) -> Self {
        let fruitless = Arc::new(AtomicU64::new(0));
        let packed = Bounded {
            reader,
            fruitless: fruitless.clone(),
            most: match packer {
                Packer::Zstd => zstd::FRUITLESS,
                Packer::Gzip | Packer::Xz | Packer::Bzip2 => FRUITLESS,
            },
        };
        let decoder: Box<dyn Read + Send + 'a> = match packer {
            Packer::Gzip => Box::new(MultiGzDecoder::new(packed)),
            Packer::Xz => {
                let reader = XzReader::new_mem_limit(packed, true, XZ_MEMORY);
                Box::new(Pieces(reader))
            }
            Packer::Zstd => Box::new(zstd::Frames::new(packed)),
            Packer::Bzip2 => Box::new(Pieces(MultiBzDecoder::new(packed))),
        };
        Self {
            decoder,
            fruitless,
            failed: false,
        }
    }
}

impl Read for Unpacked<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.failed {
            return Ok(0);
        }
        let read = self.decoder.read(buf);
        self.failed = read
            .as_ref()
            .is_err_and(|e| e.kind() != io::ErrorKind::Interrupted);
        if matches!(read, Ok(1..)) {
            self.fruitless.store(0, Ordering::Relaxed);
        }
        read
    }
}

/// A packed file of which no more than a number of bytes is read without one unpacked.
struct Bounded<R> {
    reader: R,
    fruitless: Arc<AtomicU64>,
    most: u64,
}

impl<R> Bounded<R> {
    fn check(&self) -> io::Result<()> {
        if self.fruitless.load(Ordering::Relaxed) < self.most {
            return Ok(());
        }
        let mib = self.most >> 20;
        let what = format!("nothing can be unpacked from {mib} MiB of it");
        Err(io::Error::new(io::ErrorKind::InvalidData, what))
    }
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.check()?;
        let n = self.reader.read(buf)?;
        self.fruitless.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }
}

impl<R: BufRead> BufRead for Bounded<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.check()?;
        self.reader.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.reader.consume(amount);
        self.fruitless.fetch_add(amount as u64, Ordering::Relaxed);
    }
}

/// A decoder of which a call that fails gives nothing of what it had unpacked: so each has little to unpack.
struct Pieces<R>(R);

impl<R: Read> Read for Pieces<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let piece = buf.len().min(PIECE);
        self.0.read(buf.get_mut(..piece).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests;
