//! Every layout of a file beside `journalctl -o export`, byte for byte.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::Command;

use tenshi::input::journal::{Entries, Fields, Scratch, Wanted};

use super::made::{Export, FIELDS, LAYOUTS, Layout};
use crate::support::torture;

/// The entries of a file as `journalctl -o export` writes them, but for what it makes up itself: the cursor. In
/// its place stands the number of the entry.
fn export(path: &Path) -> Vec<u8> {
    let file = File::open(path).expect("the file");
    let mut entries = Entries::open(file, 0)
        .expect("a journal")
        .expect("with a header");
    let wanted = Wanted::new(FIELDS.iter().map(|name| name.as_bytes()));
    let mut scratch = Scratch::new(Fields::new(wanted, usize::MAX >> 1));
    let mut text = Vec::new();
    while let Some(entry) = entries.read(&mut scratch) {
        let entry = entry.expect("an entry");
        let boot: String = entry
            .boot
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let _ = write!(
            text,
            "i={:x}\n__REALTIME_TIMESTAMP={}\n__MONOTONIC_TIMESTAMP={}\n_BOOT_ID={boot}\n",
            entry.seqnum, entry.realtime, entry.monotonic
        );
        for (field, value) in scratch.values().all() {
            let name = FIELDS[field];
            if name == "_BOOT_ID" {
                continue;
            }
            let printed = std::str::from_utf8(value);
            let plain = |c: char| !c.is_control() || c == '\t';
            if printed.is_ok_and(|value| value.chars().all(plain)) {
                let _ = write!(text, "{name}=");
                text.extend_from_slice(value);
            } else {
                let _ = writeln!(text, "{name}");
                text.extend_from_slice(&(value.len() as u64).to_le_bytes());
                text.extend_from_slice(value);
            }
            text.push(b'\n');
        }
        text.push(b'\n');
    }
    text
}

/// What journalctl makes of it.
fn journalctl(path: &Path) -> Vec<u8> {
    let output = Command::new("journalctl")
        .args(["-o", "export", "--file"])
        .arg(path)
        .output()
        .expect("journalctl");
    assert!(output.status.success());
    let cursor = regex::bytes::Regex::new(r"(?m)^__CURSOR=s=[0-9a-f]+;(i=[0-9a-f]+);\S+$")
        .expect("a pattern");
    cursor.replace_all(&output.stdout, &b"$1"[..]).into_owned()
}

fn flags(path: &Path) -> u32 {
    let bytes = std::fs::read(path).expect("the file");
    u32::from_le_bytes(bytes[12..16].try_into().expect("four bytes"))
}

fn one(layout: Layout, count: u64) {
    let dir = tempfile::tempdir().expect("a directory");
    let mut made = Export::new(7);
    made.long = if torture() { 200 } else { 20 };
    made.write(&dir.path().join("made.journal"), layout, count);
    let want = match layout.packed {
        "zstd" => 8,
        "lz4" => 2,
        _ => 0,
    };
    let mut entries = 0;
    // The writer begins another file when one is full.
    for file in std::fs::read_dir(dir.path()).expect("the directory") {
        let path = file.expect("a file").path();
        let packed = flags(&path) & 11;
        let compact = flags(&path) & 16 > 0;
        assert_eq!((packed, compact), (want, layout.compact), "{layout:?}");
        let (ours, theirs) = (export(&path), journalctl(&path));
        let differ = ours.iter().zip(&theirs).position(|(a, b)| a != b);
        assert_eq!(differ, None, "{layout:?}");
        assert_eq!(ours.len(), theirs.len(), "{layout:?}");
        entries += memchr::memmem::find_iter(&ours, b"\n__REALTIME_TIMESTAMP=").count();
    }
    assert_eq!(entries as u64, count);
    println!("{count} entries, {layout:?}");
}

#[test]
fn each_layout_is_read_as_journalctl_reads_it() {
    let count = if torture() { 1_000_000 } else { 3_000 };
    for layout in LAYOUTS {
        one(layout, count);
    }
}
