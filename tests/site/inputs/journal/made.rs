//! Journal files of every layout, made by systemd-journal-remote from the export format.

use std::fmt::Write as _;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::support::random::Random;

/// The writer of Debian's package systemd-journal-remote.
pub const REMOTE: &str = "/lib/systemd/systemd-journal-remote";

/// The fields of the entries that are made.
pub const FIELDS: [&str; 9] = [
    "MESSAGE",
    "_HOSTNAME",
    "SYSLOG_IDENTIFIER",
    "_PID",
    "PRIORITY",
    "_TRANSPORT",
    "_SYSTEMD_UNIT",
    "_BOOT_ID",
    "COREDUMP",
];

/// How a file is laid out.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    /// How long values are packed.
    pub packed: &'static str,
    /// Whether offsets have 32 bits.
    pub compact: bool,
}

/// Each way to pack values, in each layout.
pub const LAYOUTS: [Layout; 6] = {
    const fn layout(packed: &'static str, compact: bool) -> Layout {
        Layout { packed, compact }
    }
    [
        layout("zstd", true),
        layout("zstd", false),
        layout("lz4", true),
        layout("lz4", false),
        layout("no", true),
        layout("no", false),
    ]
};

/// The writer of a journal file.
pub fn writer(output: &Path, layout: Layout) -> Command {
    let mut command = Command::new(REMOTE);
    let split = match output.is_dir() {
        true => "--split-mode=host",
        false => "--split-mode=none",
    };
    command
        .arg(split)
        .arg("-o")
        .arg(output)
        .arg("-")
        .env(
            "SYSTEMD_JOURNAL_COMPACT",
            if layout.compact { "1" } else { "0" },
        )
        .env(
            "SYSTEMD_JOURNAL_KEYED_HASH",
            if layout.compact { "1" } else { "0" },
        )
        .arg(format!(
            "--compress={}",
            if layout.packed == "zstd" { "yes" } else { "no" }
        ))
        .stdin(Stdio::piped())
        .stderr(Stdio::null());
    command
}

/// Entries in the export format.
pub struct Export {
    random: Random,
    /// Number of entries so far.
    count: u64,
    /// The boot of the next entry.
    pub boot: u8,
    /// Three entries of this number are long.
    pub long: usize,
}

impl Export {
    pub fn new(seed: u64) -> Self {
        Self {
            random: Random::new(seed),
            count: 0,
            boot: 1,
            long: 20,
        }
    }

    /// The next entry, with a message of its own: `entry N` and more.
    pub fn next(&mut self) -> Vec<u8> {
        self.count += 1;
        let n = self.count;
        let mut text = String::new();
        let boot = format!("{:02x}", self.boot).repeat(16);
        let _ = writeln!(
            text,
            "__REALTIME_TIMESTAMP={}",
            1_760_000_000_000_000 + n * 1000
        );
        let _ = writeln!(text, "__MONOTONIC_TIMESTAMP={}\n_BOOT_ID={boot}", n * 1000);
        let host = self.random.below(3);
        let _ = writeln!(
            text,
            "_HOSTNAME=host{host}\nPRIORITY={}",
            self.random.below(8)
        );
        let unit = self.random.below(40);
        let _ = writeln!(
            text,
            "SYSLOG_IDENTIFIER=prog{unit}\n_SYSTEMD_UNIT=prog{unit}.service"
        );
        let _ = writeln!(
            text,
            "_PID={}\n_TRANSPORT=journal",
            1 + self.random.below(5000)
        );
        let mut bytes = text.into_bytes();
        match self.random.below(self.long) {
            // As long as what journald packs, and longer than a window of the reader.
            0 => {
                let length = [600, 5000, 70_000][self.random.below(3)];
                let words = format!("entry {n} {}", "long words ".repeat(length / 11));
                let _ = writeln!(bytes, "MESSAGE={words}");
            }
            // Bytes that do not repeat, and lines.
            1 => {
                let noise =
                    (0..600 + self.random.below(3000)).map(|_| self.random.below(256) as u8);
                let message = [format!("entry {n}\n").into_bytes(), noise.collect()].concat();
                binary(&mut bytes, "MESSAGE", &message);
            }
            2 => {
                let dump: Vec<u8> = (0..20_000u32).map(|i| (i / 7) as u8).collect();
                binary(&mut bytes, "COREDUMP", &dump);
                let _ = writeln!(bytes, "MESSAGE=entry {n}");
            }
            _ => _ = writeln!(bytes, "MESSAGE=entry {n} of {}", self.random.below(1000)),
        }
        bytes.push(b'\n');
        bytes
    }

    /// Writes `count` entries into `output`, by a writer of its own.
    pub fn write(&mut self, output: &Path, layout: Layout, count: u64) -> PathBuf {
        let mut child = writer(output, layout)
            .spawn()
            .expect("systemd-journal-remote, of Debian's package systemd-journal-remote");
        let mut input = std::io::BufWriter::new(child.stdin.take().expect("its input"));
        for _ in 0..count {
            input.write_all(&self.next()).expect("it reads");
        }
        drop(input);
        assert!(child.wait().expect("it ends").success());
        if layout.packed == "lz4" {
            let directory = output.parent().expect("a directory");
            for file in std::fs::read_dir(directory).expect("the directory") {
                let path = file.expect("a file").path();
                // A file of before is packed already.
                if std::fs::read(&path).expect("the file")[12] & 2 == 0 {
                    pack_by_lz4(&path);
                }
            }
        }
        output.to_path_buf()
    }
}

/// Packs the long values of a file by LZ4, as a journald that is built so does; Debian's packs by zstd. Each keeps
/// its place: what it does not take any more is a gap.
fn pack_by_lz4(path: &Path) {
    let mut file = std::fs::read(path).expect("the file");
    let number = |file: &[u8], at: usize| {
        u64::from_le_bytes(file[at..at + 8].try_into().expect("eight bytes")) as usize
    };
    file[12] |= 2;
    let head = if file[12] & 16 > 0 { 72 } else { 64 };
    let (mut at, last) = (number(&file, 88), number(&file, 136));
    let mut packed = 0;
    while at <= last {
        let size = number(&file, at + 8);
        if file[at] == 1 && size - head >= 512 {
            let payload = &file[at + head..at + size];
            let block = lz4_flex::block::compress(payload);
            let length = (payload.len() as u64).to_le_bytes();
            let new = [&length[..], &block].concat();
            if new.len() < payload.len() {
                file[at + head..at + size].fill(0);
                file[at + head..at + head + new.len()].copy_from_slice(&new);
                file[at + 8..at + 16].copy_from_slice(&((head + new.len()) as u64).to_le_bytes());
                file[at + 1] |= 2;
                packed += 1;
            }
        }
        at += size.next_multiple_of(8);
    }
    assert!(packed > 0, "no value is packed");
    std::fs::write(path, file).expect("the file is written");
}

/// A file without its table of hashes, which is nearly all of a small file, and which nobody reads here.
pub fn without_table(file: &[u8]) -> Vec<u8> {
    let number = |file: &[u8], at: usize| {
        u64::from_le_bytes(file[at..at + 8].try_into().expect("eight bytes")) as usize
    };
    let compact = file[12] & 16 > 0;
    let (from, size) = (number(file, 104) - 16, number(file, 112) + 16);
    let end = number(file, 136) + number(file, number(file, 136) + 8).next_multiple_of(8);
    let mut new = [&file[..from], &file[from + size..end]].concat();
    let shift = |new: &mut [u8], at: usize, wide: bool| match wide {
        true => {
            let old = number(new, at);
            let moved = if old > from { old - size } else { old };
            new[at..at + 8].copy_from_slice(&(moved as u64).to_le_bytes());
        }
        false => {
            let old = u32::from_le_bytes(new[at..at + 4].try_into().expect("four bytes"));
            let moved = if old as usize > from {
                old - size as u32
            } else {
                old
            };
            new[at..at + 4].copy_from_slice(&moved.to_le_bytes());
        }
    };
    for at in [136, 176] {
        shift(&mut new, at, true);
    }
    let mut at = number(&new, 88);
    while at < new.len() {
        let size = number(&new, at + 8);
        if size == 0 {
            // A gap behind a value that was packed.
            at += 8;
            continue;
        }
        let (head, item) = match (new[at], compact) {
            (3, true) => (64, 4),
            (3, false) => (64, 16),
            (6, true) => (24, 4),
            (6, false) => (24, 8),
            _ => (size, 1),
        };
        if new[at] == 6 {
            shift(&mut new, at + 16, true);
        }
        for item in (at + head..at + size).step_by(item) {
            shift(&mut new, item, !compact);
        }
        at += size.next_multiple_of(8);
    }
    new
}

fn binary(bytes: &mut Vec<u8>, name: &str, value: &[u8]) {
    bytes.extend_from_slice(name.as_bytes());
    bytes.push(b'\n');
    bytes.extend_from_slice(&(value.len() as u64).to_le_bytes());
    bytes.extend_from_slice(value);
    bytes.push(b'\n');
}
