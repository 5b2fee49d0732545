//! A file packed by gzip, as it is unpacked.

use std::io::{self, Read};

use flate2::read::MultiGzDecoder;

use super::fs::LogFile;

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
pub(super) struct Compressed<F> {
    decoder: MultiGzDecoder<io::BufReader<FileReader<F>>>,
    /// Unpacked and not used up.
    pub rest: Vec<u8>,
    /// Whether all is unpacked that can be.
    pub ended: bool,
    /// What keeps the rest of the file from being unpacked.
    pub fault: Option<io::Error>,
}

impl<F: LogFile> Compressed<F> {
    /// Unpacks until so many bytes are there, or the end is reached.
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

    /// Begins with the first byte.
    pub fn open(file: F) -> Self {
        let reader = io::BufReader::new(FileReader { file, at: 0 });
        Self {
            decoder: MultiGzDecoder::new(reader),
            rest: Vec::new(),
            ended: false,
            fault: None,
        }
    }
}
