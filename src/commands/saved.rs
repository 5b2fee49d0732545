//! Saved logs, as `replay`, `match` and `-p` read them: text, packed or not, from a file or from
//! standard input.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::Path;

use super::decoded::{self, Decoded};
use crate::config::Config;
use crate::shown::shown_path;
use crate::unpack::{Packer, Unpacked};

/// The length of a read, bytes.
const BLOCK: usize = 256 * 1024;
/// The name that means standard input.
const STANDARD_INPUT: &str = "-";
/// Compressed files that are refused: their first bytes, the format's name, and the command that unpacks
/// them.
const PACKED: [(&[u8], &str, &str); 7] = [
    (b"\x04\x22\x4d\x18", "lz4", "lz4 -dc"),
    (b"LZIP\x01", "lzip", "lzip -dc"),
    (b"\x89LZO\0\r\n\x1a\n", "lzop", "lzop -dc"),
    (b"\x1f\x9d", "compress", "uncompress -c"),
    (b"PK\x03\x04", "zip", "unzip -p"),
    (b"7z\xbc\xaf\x27\x1c", "7-Zip", "7z x -so"),
    (b"\x5d\0\0\x80\0", "lzma", "xz -dc"),
];

/// Opens a log, or standard input for `-`. `command` reads its standard input: a message says
/// how to give it a log that only another program can unpack.
///
/// # Errors
/// When it cannot be read, or is not text.
pub(super) fn open(path: &Path, command: &str) -> io::Result<Box<dyn BufRead>> {
    if path == Path::new(STANDARD_INPUT) {
        return standard_input(command);
    }
    let file = File::open(path)?;
    if file.metadata()?.is_dir() {
        return Err(io::Error::other("is a directory, not a log"));
    }
    unpacked(file, &shown_path(path).to_string(), command)
}

/// Opens a log as [`open`] does, its lines decoded as the configuration says.
///
/// # Errors
/// When it cannot be read, or is not text.
pub(super) fn open_decoded(
    path: &Path,
    command: &str,
    config: &Config,
) -> io::Result<Box<dyn BufRead>> {
    let log = open(path, command)?;
    let max = config.inputs.max_line;
    Ok(match decoded::charset_of(path, config) {
        Some(charset) => Box::new(Decoded::new(log, charset, max)),
        None => log,
    })
}

/// Opens standard input as a log, its lines decoded as the configuration says.
///
/// # Errors
/// When it cannot be read, or is not text.
pub(super) fn decoded_input(command: &str, config: &Config) -> io::Result<Box<dyn BufRead>> {
    open_decoded(Path::new(STANDARD_INPUT), command, config)
}

/// Opens standard input as a log, which may be packed.
///
/// # Errors
/// When it cannot be read, or is not text.
pub(super) fn standard_input(command: &str) -> io::Result<Box<dyn BufRead>> {
    unpacked(io::stdin(), "FILE", command)
}

/// A reader of the text, unpacked where the first bytes tell which program packed it. The name does not count:
/// logs are renamed.
fn unpacked(
    mut reader: impl Read + Send + 'static,
    name: &str,
    command: &str,
) -> io::Result<Box<dyn BufRead>> {
    let head = head(&mut reader)?;
    let packed = PACKED.iter().find(|(magic, ..)| head.starts_with(magic));
    let packer = Packer::of(&head);
    let whole = Cursor::new(head).chain(reader);
    match (packed, packer) {
        (Some((_, packer, unpack)), _) => Err(io::Error::other(format!(
            "is packed by {packer}, which is not read here: run `{unpack} {name} | {command}`"
        ))),
        (None, Some(packer)) => {
            let unpacked = Unpacked::new(packer, BufReader::with_capacity(BLOCK, whole));
            Ok(Box::new(BufReader::with_capacity(BLOCK, unpacked)))
        }
        (None, None) => Ok(Box::new(BufReader::with_capacity(BLOCK, whole))),
    }
}

/// The first bytes of a file, no more than tell its format: somebody may be typing them.
fn head(reader: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    while may_be_packed(&head) {
        let mut room = [0; Packer::LONGEST];
        match reader.read(&mut room) {
            Ok(0) => break,
            Ok(read) => head.extend_from_slice(room.get(..read).unwrap_or_default()),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(head)
}

/// Whether more bytes are needed to tell the format.
fn may_be_packed(head: &[u8]) -> bool {
    let mut magics = PACKED.iter().map(|(magic, ..)| *magic);
    let begun = magics.any(|magic| head.len() < magic.len() && magic.starts_with(head));
    begun || Packer::may_be_of(head)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    /// Gives one byte at a time, as a slow pipe does.
    struct Drips(Cursor<Vec<u8>>);

    impl Read for Drips {
        fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
            let one = buf.len().min(1);
            self.0.read(&mut buf[..one])
        }
    }

    fn read(bytes: &[u8]) -> Result<Vec<u8>, String> {
        let mut text = Vec::new();
        let drips = Drips(Cursor::new(bytes.to_vec()));
        let mut reader = unpacked(drips, "F", "tenshi replay -").map_err(|e| e.to_string())?;
        reader.read_to_end(&mut text).map_err(|e| e.to_string())?;
        Ok(text)
    }

    #[test]
    fn text_is_read_to_the_byte_and_what_is_packed_is_unpacked() {
        for text in [
            "",
            "B",
            "BZ",
            "BZh9 is a word\n",
            "BZhello",
            "P",
            "PK",
            "LZIP",
            "7z",
            "(",
            "a\nb",
        ] {
            assert_eq!(read(text.as_bytes()), Ok(text.into()));
        }
        for command in ["gzip", "xz", "zstd -q", "bzip2", "pzstd -q", "pbzip2"] {
            let command = format!("echo a line | {command} -c");
            let packed = Command::new("sh").args(["-c", &command]).output().unwrap();
            let twice = packed.stdout.repeat(2);
            assert_eq!(read(&twice), Ok(b"a line\na line\n".to_vec()), "{command}");
        }
    }

    #[test]
    fn what_another_program_packed_is_refused_with_its_name() {
        let files: [(&[u8], &str); 4] = [
            (b"\x04\x22\x4d\x18d", "lz4 -dc F | tenshi replay -"),
            (b"\x1f\x9d\x90", "uncompress -c F | tenshi replay -"),
            (b"PK\x03\x04\x14", "unzip -p F | tenshi replay -"),
            (b"\x5d\0\0\x80\0\xff", "xz -dc F | tenshi replay -"),
        ];
        for (bytes, says) in files {
            let fault = read(bytes).expect_err(says);
            assert!(fault.contains(says), "{fault}");
        }
    }
}
