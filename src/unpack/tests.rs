//! What the real programs packed, whole, cut off, damaged and hostile.

use std::io::{BufReader, Read, Write};
use std::process::{Command, Stdio};
use std::time::Instant;

use super::*;

/// What packs standard input to standard output, and which program that is.
const COMMANDS: [(&str, Packer); 26] = [
    ("gzip -c", Packer::Gzip),
    ("cat in | gzip -1c; cat in | gzip -9c", Packer::Gzip),
    ("xz -c", Packer::Xz),
    ("xz -9e -c", Packer::Xz),
    ("xz -0 -c --check=none", Packer::Xz),
    ("xz -c --check=crc32", Packer::Xz),
    ("xz -c --check=sha256", Packer::Xz),
    ("xz -c -T2 --block-size=100KiB", Packer::Xz),
    ("xz -c --x86 --delta=dist=4 --lzma2=preset=1", Packer::Xz),
    ("cat in | xz -c; cat in | xz -c", Packer::Xz),
    // Padding: between two streams, and behind the last one.
    (
        "cat in | xz -c; head -c 8 /dev/zero; cat in | xz -c; head -c 4 /dev/zero",
        Packer::Xz,
    ),
    ("zstd -qc", Packer::Zstd),
    ("zstd -qc -1", Packer::Zstd),
    ("zstd -qc -19 -T2", Packer::Zstd),
    ("zstd -qc --ultra -22", Packer::Zstd),
    ("zstd -qc --long=27", Packer::Zstd),
    ("zstd -qc --fast=5 --no-check", Packer::Zstd),
    ("cat in | zstd -qc; cat in | zstd -qc", Packer::Zstd),
    ("pzstd -qc -p 2 in", Packer::Zstd),
    ("pzstd -qc -p 4 -1 in; cat in | zstd -qc", Packer::Zstd),
    ("bzip2 -c", Packer::Bzip2),
    ("bzip2 -1c", Packer::Bzip2),
    ("bzip2 -9c", Packer::Bzip2),
    ("cat in | bzip2 -c; cat in | bzip2 -1c", Packer::Bzip2),
    ("pbzip2 -qc -p2 -b1 in", Packer::Bzip2),
    ("pbzip2 -qc -p2 in; cat in | bzip2 -c", Packer::Bzip2),
];

/// One command for each program.
const SIMPLE: [&str; 4] = ["gzip -c", "xz -c", "zstd -qc", "bzip2 -c"];

/// What a command of the shell gives for this input, which is in the file `in` too.
fn packed(command: &str, text: &[u8]) -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("in"), text).unwrap();
    let mut child = Command::new("sh")
        .args(["-ec", &format!("{command}; true")])
        .current_dir(dir.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut input, text) = (child.stdin.take().unwrap(), text.to_vec());
    // A command that reads the file does not read this.
    let feeder = std::thread::spawn(move || input.write_all(&text));
    let output = child.wait_with_output().unwrap();
    let _ = feeder.join().unwrap();
    assert!(output.status.success(), "{command}");
    assert!(!output.stdout.is_empty(), "{command}: is it installed?");
    output.stdout
}

/// Numbered lines that look like the lines of a log, of `bytes` bytes at least.
fn lines(bytes: usize) -> Vec<u8> {
    let mut text = Vec::new();
    let mut n: u64 = 1;
    while text.len() < bytes {
        n = n.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let (user, port) = (n >> 50, n >> 40 & 0xffff);
        let line =
            format!("Nov 24 03:00:00 h{user} sshd[{port}]: Failed password for u{user} {n}\n");
        text.extend_from_slice(line.as_bytes());
    }
    text
}

/// Gives few bytes at a time.
struct Drips<'a>(&'a [u8]);

impl Read for Drips<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = buf.len().min(1009);
        self.0.read(&mut buf[..n])
    }
}

/// What is unpacked of these bytes, and how it ended.
fn unpacked(bytes: &[u8]) -> (Vec<u8>, io::Result<()>) {
    let mut text = Vec::new();
    let packer = Packer::of(bytes).unwrap_or(Packer::Gzip);
    let drips = BufReader::with_capacity(4096, Drips(bytes));
    let mut unpacked = Unpacked::new(packer, drips);
    let end = unpacked.read_to_end(&mut text).map(|_| ());
    // It stays at its end.
    assert_eq!(unpacked.read(&mut [0; 10]).unwrap(), 0);
    (text, end)
}

#[test]
fn what_each_program_packs_is_unpacked_to_the_byte() {
    let text = lines(250_000);
    for (command, packer) in COMMANDS {
        let bytes = packed(command, &text);
        assert_eq!(Packer::of(&bytes), Some(packer), "{command}");
        let (there, end) = unpacked(&bytes);
        let twice = command.contains(';');
        let want = if twice { text.repeat(2) } else { text.clone() };
        assert!(end.is_ok(), "{command}: {end:?}");
        assert!(there == want, "{command}: {} bytes", there.len());
    }
}

#[test]
fn empty_files_are_packed_too() {
    for command in SIMPLE {
        let bytes = packed(command, b"");
        let (there, end) = unpacked(&bytes);
        assert!(there.is_empty() && end.is_ok(), "{command}: {end:?}");
        assert!(Packer::of(&bytes).is_some(), "{command}");
    }
    assert!(unpacked(b"").0.is_empty());
}

#[test]
fn the_first_bytes_tell_the_program() {
    for command in SIMPLE {
        let bytes = packed(command, b"a line\n");
        for length in 0..bytes.len() {
            let head = &bytes[..length];
            // As many bytes as are read before the format is told.
            if !Packer::may_be_of(head) {
                assert!(Packer::of(head).is_some(), "{command} {length}");
                assert!(length <= Packer::LONGEST, "{command} {length}");
                break;
            }
        }
    }
    for text in ["", "BZh9 is a word\n", "P*", "Nov 24 ", "\x1f", "(", "PK"] {
        assert_eq!(Packer::of(text.as_bytes()), None, "{text:?}");
    }
}

/// Of a file that is cut off, what is before the cut is there, but for the block that the cut is in.
#[test]
fn what_is_cut_off_is_read_as_far_as_it_goes() {
    let text = lines(2_500_000);
    // The size of a block, as far as the format has one that is not unpacked in part.
    for (command, block) in [
        ("gzip -c", 64 << 10),
        ("xz -c", 2 << 20),
        ("xz -c --block-size=100KiB", 200 << 10),
        ("zstd -qc", 256 << 10),
        ("zstd -qc --ultra -22", 256 << 10),
        ("bzip2 -c", 1 << 20),
    ] {
        let bytes = packed(command, &text);
        for tenths in [0, 3, 9] {
            let cut = (bytes.len() - 5) * tenths / 10;
            let (there, end) = unpacked(&bytes[..cut]);
            let fault = end.err();
            assert!(cut == 0 || fault.is_some(), "{command} {tenths}");
            assert!(text.starts_with(&there), "{command} {tenths}");
            let held = text.len() * cut / bytes.len();
            let least = held.saturating_sub(block);
            assert!(there.len() >= least, "{command} {tenths}: {}", there.len());
        }
    }
}

/// Whatever is changed in a packed file: an end, and either what was packed or an error. What has no checksum
/// cannot tell.
#[test]
fn damage_is_told() {
    let text = lines(20_000);
    for command in [
        "gzip -c",
        "xz -c",
        "xz -c --check=sha256 -T2 --block-size=4KiB",
        "xz -c --x86 --delta=dist=4 --lzma2=preset=1",
        "zstd -qc --check",
        "zstd -qc -19 --check",
        "pzstd -qc -p 2 --check in",
        "bzip2 -c",
    ] {
        let bytes = packed(command, &text);
        let mut seed: u64 = 7;
        for _ in 0..300 {
            let mut bad = bytes.clone();
            for _ in 0..=seed % 3 {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let at = (seed >> 33) as usize % bad.len();
                // Behind the first bytes: those tell the program.
                bad[at.max(Packer::LONGEST)] ^= 1 << (seed >> 20 & 7);
            }
            let (there, end) = unpacked(&bad);
            assert!(end.is_err() || there == text, "{command}: {bad:x?}");
        }
    }
}

/// Bytes that nobody packed.
#[test]
fn made_up_bytes_have_an_end() {
    let heads: [&[u8]; 5] = [GZIP, XZ, ZSTD, b"BZh91AY&SY", b"\x50\x2a\x4d\x18"];
    let mut seed: u64 = 9;
    for round in 0..3_000 {
        let mut bytes = heads[round % heads.len()].to_vec();
        for _ in 0..round % 97 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            bytes.push((seed >> 56) as u8 & if round % 2 == 0 { 0xff } else { 0x3 });
        }
        let (there, _) = unpacked(&bytes);
        assert!(there.len() < 1 << 20, "{bytes:x?}");
    }
}

/// A file that asks for more memory than any of the levels of its program needs is refused before it gets it.
#[test]
fn memory_has_a_bound() {
    let mut xz = packed("xz -c", b"a line\n");
    // The size of the dictionary stands in the header of the block: 4 GiB, with the checksum that fits.
    assert_eq!(xz[12..16], [2, 0, 0x21, 1]);
    xz[16] = 40;
    let sum = crc32fast::hash(&xz[12..20]).to_le_bytes();
    xz[20..24].copy_from_slice(&sum);
    let (there, end) = unpacked(&xz);
    let fault = end.expect_err("four gigabytes");
    assert_eq!(fault.kind(), io::ErrorKind::OutOfMemory, "{fault}");
    assert!(there.is_empty());
    // A window of 2 GiB, then the last block, which is empty.
    let zstd = [ZSTD, &[0, 21 << 3, 1, 0, 0]].concat();
    assert!(unpacked(&zstd).1.is_err());
    // A window of 128 MiB, which `zstd --ultra -22` may need, is unpacked.
    let zstd = [ZSTD, &[0, 17 << 3, 1, 0, 0]].concat();
    assert!(unpacked(&zstd).1.is_ok());
}

/// What is packed well is handed out in pieces.
#[test]
fn a_packed_file_may_hold_any_length() {
    for command in SIMPLE {
        let command = format!("head -c 300000000 /dev/zero | {command}");
        let bytes = packed(&command, b"");
        let packer = Packer::of(&bytes).unwrap();
        let began = Instant::now();
        let mut unpacked = Unpacked::new(packer, &bytes[..]);
        let (mut all, mut buf) = (0, vec![0; 64 << 10]);
        while let Ok(n @ 1..) = unpacked.read(&mut buf) {
            all += n;
        }
        println!("{command}: {} bytes, {:?}", bytes.len(), began.elapsed());
        assert_eq!(all, 300_000_000, "{command}");
    }
}

/// A disk that gives an error.
struct Broken<'a>(&'a [u8]);

impl Read for Broken<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.0.is_empty() {
            return Err(io::Error::from_raw_os_error(5));
        }
        self.0.read(buf)
    }
}

#[test]
fn the_error_of_a_disk_is_no_damage() {
    let text = lines(500_000);
    for command in SIMPLE {
        let bytes = packed(command, &text);
        let half = BufReader::new(Broken(&bytes[..bytes.len() / 2]));
        let mut unpacked = Unpacked::new(Packer::of(&bytes).unwrap(), half);
        let mut there = Vec::new();
        let fault = unpacked.read_to_end(&mut there).expect_err(command);
        assert_eq!(fault.raw_os_error(), Some(5), "{command}: {fault}");
        assert!(text.starts_with(&there), "{command}");
    }
}

/// A file that goes on with zeros for ever, as one with a hole does; how many of them were read.
struct Hole {
    begun: io::Cursor<Vec<u8>>,
    zeros: Arc<AtomicU64>,
}

impl Read for Hole {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.begun.read(buf)?;
        if n > 0 {
            return Ok(n);
        }
        buf.fill(0);
        self.zeros.fetch_add(buf.len() as u64, Ordering::Relaxed);
        assert!(
            self.zeros.load(Ordering::Relaxed) <= 257 << 20,
            "it has no end"
        );
        Ok(buf.len())
    }
}

/// A hole is empty blocks for zstd, and padding for xz; a frame to be skipped may be four gigabytes long.
#[test]
fn a_hole_has_an_end() {
    let xz = packed("xz -c", b"a line\n");
    let zstd = packed("zstd -qc", b"a line\n");
    let skipped: &[u8] = b"\x50\x2a\x4d\x18\xff\xff\xff\xff";
    for (name, begun, text, most) in [
        ("empty blocks", [ZSTD, &[0, 17 << 3]].concat(), "", 1 << 20),
        ("a skipped frame", skipped.to_vec(), "", 257 << 20),
        (
            "a skipped frame behind a frame",
            [&zstd, skipped].concat(),
            "a line\n",
            257 << 20,
        ),
        ("padding", xz, "a line\n", 17 << 20),
        ("gzip", packed("gzip -c", b"a line\n"), "a line\n", 1 << 20),
        (
            "bzip2",
            packed("bzip2 -c", b"a line\n"),
            "a line\n",
            1 << 20,
        ),
    ] {
        let (packer, zeros) = (Packer::of(&begun).unwrap(), Arc::default());
        let hole = Hole {
            begun: io::Cursor::new(begun),
            zeros: Arc::clone(&zeros),
        };
        let mut there = String::new();
        let mut unpacked = Unpacked::new(packer, BufReader::new(hole));
        let end = unpacked.read_to_string(&mut there);
        assert_eq!(there, text, "{name}");
        let fault = end.expect_err(name);
        assert_eq!(fault.raw_os_error(), None, "{name}: {fault}");
        let read = zeros.load(Ordering::Relaxed);
        assert!(read <= most, "{name}: {read} bytes");
    }
}
