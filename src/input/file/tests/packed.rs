//! Rotated files that xz, zstd, bzip2 and gzip packed, as the real programs write them.

use std::process::Command;

use super::*;

/// As gzip, xz, zstd and bzip2 do it: the packed file takes the place of the plain one.
pub(super) fn pack(from: &Path, to: &Path) {
    let packed = File::create(to).unwrap();
    let program = match to.extension().and_then(|e| e.to_str()) {
        Some("xz") => "xz",
        Some("zst") => "zstd",
        Some("bz2") => "bzip2",
        _ => "gzip",
    };
    let status = Command::new(program)
        .args(if program == "zstd" { ["-qc"] } else { ["-c"] })
        .stdin(File::open(from).unwrap())
        .stdout(packed)
        .status();
    assert!(status.expect(program).success());
    fs::remove_file(from).unwrap();
}

#[test]
fn a_damaged_packed_file_gives_what_can_be_read_and_is_told() {
    for (suffix, least) in [
        (".gz", 60_000),
        (".xz", 10_000),
        (".zst", 60_000),
        (".bz2", 10_000),
    ] {
        let mut w = World::ended();
        let lines: String = (2..150_000u64)
            .map(|n| format!("{n} {}\n", n * 7919))
            .collect();
        w.append(&w.log, &lines);
        let to = w.rotated(&format!(".1{suffix}"));
        pack(&w.log, &to);
        let length = fs::metadata(&to).unwrap().len();
        let packed = OpenOptions::new().write(true).open(&to).unwrap();
        packed.set_len(length * 3 / 4).unwrap();
        w.append(&w.log, "new\n");
        w.start();
        let told: Vec<_> = w.notices.iter().filter(|n| n.contains("lost")).collect();
        assert_eq!(told.len(), 1, "{suffix} {:?}", w.notices);
        assert_eq!(w.lines.last().map(String::as_str), Some("new"));
        let whole = w.lines.len() - 2;
        assert!(whole > least, "{suffix}: {whole} lines before the damage");
        for (line, n) in w.lines[1..=whole].iter().zip(2u64..) {
            assert_eq!(*line, format!("{n} {}", n * 7919), "garbled");
        }
        w.start();
        assert_eq!(w.lines.len(), whole + 2, "{suffix}: not read again");
    }
}

/// logrotate's `compresscmd` with another `compressext`: the name says gzip, the bytes another program.
#[test]
fn the_first_bytes_tell_which_program_packed_it() {
    for suffix in Packer::SUFFIXES {
        let mut w = World::new();
        w.append(&w.log, "0\n");
        w.start();
        w.follower = None;
        w.append(&w.log, "1\n");
        let packed = w.rotated(&format!(".1{suffix}"));
        pack(&w.log, &packed);
        fs::rename(packed, w.rotated(".1.gz")).unwrap();
        w.append(&w.log, "2\n");
        w.start();
        w.expect(&["1", "2"]);
        assert!(w.notices.is_empty(), "{suffix} {:?}", w.notices);
    }
}

/// The packer has not come to its end: the plain file is there until it has.
#[test]
fn a_file_that_is_being_packed_is_read_once() {
    for suffix in Packer::SUFFIXES {
        for restart in [false, true] {
            for part in [0, 1, 5, 9] {
                let mut w = World::new();
                w.append(&w.log, "0\n");
                w.start();
                w.append(&w.log, "1\n");
                w.scan();
                if restart {
                    w.follower = None;
                }
                let lines: String = (2..5_000).map(|n| format!("{n} of {n}\n")).collect();
                w.append(&w.log, &lines);
                let plain = w.rotated(".1");
                fs::rename(&w.log, &plain).unwrap();
                w.append(&w.log, "new\n");
                let (packed, kept) = (w.rotated(&format!(".1{suffix}")), w.rotated(".keep"));
                fs::copy(&plain, &kept).unwrap();
                pack(&kept, &packed);
                let whole = fs::read(&packed).unwrap();
                fs::write(&packed, &whole[..whole.len() * part / 10]).unwrap();
                let look = |w: &mut World| {
                    if restart {
                        w.start();
                    } else {
                        w.scan();
                    }
                };
                look(&mut w);
                fs::write(&packed, &whole).unwrap();
                look(&mut w);
                fs::remove_file(&plain).unwrap();
                look(&mut w);
                w.append(&w.log, "newer\n");
                look(&mut w);
                let case = format!("{suffix} {restart} {part}");
                assert_eq!(w.lines.len(), 5_001, "{case} {:?}", w.notices);
                assert_eq!(w.lines.last().map(String::as_str), Some("newer"), "{case}");
                assert!(w.notices.is_empty(), "{case} {:?}", w.notices);
            }
        }
    }
}

/// Packed files of which nothing can be unpacked, as a program with unusual options or a power cut leaves them.
fn spoiled() -> [(&'static str, Vec<u8>); 3] {
    [
        // A window of 2 GiB.
        (".zst", b"\x28\xb5\x2f\xfd\x00\xa8\x01\x00\x00".to_vec()),
        (".gz", vec![0; 4096]),
        (".bz2", b"BZh91AY&SY\x01\x02\x03".to_vec()),
    ]
}

fn written_ago(path: &Path, seconds: u64) {
    let file = OpenOptions::new().write(true).open(path).unwrap();
    let then = std::time::SystemTime::now() - Duration::from_secs(seconds);
    file.set_modified(then).unwrap();
}

#[test]
fn a_packed_file_of_which_nothing_can_be_unpacked_is_told_once_when_it_is_not_being_written() {
    for (suffix, bytes) in spoiled() {
        let mut w = World::ended();
        w.checkpoints.as_mut().unwrap().seen -= 8_000_000_000_000;
        let packed = w.rotated(&format!(".1{suffix}"));
        fs::write(&packed, bytes).unwrap();
        w.append(&w.log, "2\n");
        w.start();
        // Its program may not have come to its first block yet.
        w.expect(&["1", "2"]);
        assert!(w.notices.is_empty(), "{suffix} {:?}", w.notices);
        written_ago(&packed, 3_500);
        w.scan();
        assert!(w.notices.is_empty(), "{suffix} {:?}", w.notices);
        written_ago(&packed, 3_700);
        w.scan();
        let told = format!("nothing can be unpacked of log.1{suffix}: ");
        assert_eq!(w.notices.len(), 1, "{suffix} {:?}", w.notices);
        assert!(w.notices[0].contains(&told), "{:?}", w.notices);
        assert!(w.notices[0].contains("lost"), "{:?}", w.notices);
        w.append(&w.log, "3\n");
        w.scan();
        w.start();
        w.expect(&["1", "2", "3"]);
        assert_eq!(w.notices.len(), 1, "{suffix} {:?}", w.notices);
    }
}
