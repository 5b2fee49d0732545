//! A packed file, as it is unpacked.

use std::io::{self, Read};

use super::fs::LogFile;
use crate::unpack::{Packer, Unpacked};

/// A file as a stream of bytes.
struct FileReader<F> {
    file: F,
    at: u64,
}

impl<F: LogFile> Read for FileReader<F> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.file.read_at(self.at, buf)?;
        self.at += n as u64;
        Ok(n)
    }
}

/// A compressed file: it cannot grow, and it is read once, forward.
pub(super) struct Compressed {
    decoder: Unpacked<'static>,
    /// The bytes that are unpacked and not used yet.
    pub rest: Vec<u8>,
    /// Whether all is unpacked that can be.
    pub ended: bool,
    /// What keeps the rest of the file from being unpacked.
    pub fault: Option<io::Error>,
}

impl Compressed {
    /// Unpacks until `want` bytes are there, or the end is reached.
    pub fn fill(&mut self, want: usize) {
        if self.ended || self.rest.len() >= want {
            return;
        }
        let missing = (want - self.rest.len()) as u64;
        // What was unpacked before a fault is good, and kept.
        match self
            .decoder
            .by_ref()
            .take(missing)
            .read_to_end(&mut self.rest)
        {
            Ok(n) => self.ended = (n as u64) < missing,
            Err(fault) => {
                self.ended = true;
                self.fault = Some(fault);
            }
        }
    }

    /// Whether the file can be read: a fault of its content is none of the disk.
    pub fn readable(&mut self) -> io::Result<()> {
        let of_disk = |fault: &mut io::Error| fault.raw_os_error().is_some();
        self.fault.take_if(of_disk).map_or(Ok(()), Err)
    }

    /// Begins with the first byte. What no known program packed is damaged.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn open<F: LogFile>(file: F) -> io::Result<Self> {
        let mut head = [0; Packer::LONGEST];
        let length = file.read_at(0, &mut head)?;
        let packer = Packer::of(head.get(..length).unwrap_or_default());
        let reader = io::BufReader::new(FileReader { file, at: 0 });
        Ok(Self {
            decoder: Unpacked::new(packer.unwrap_or(Packer::Gzip), reader),
            rest: Vec::new(),
            ended: false,
            fault: None,
        })
    }
}
