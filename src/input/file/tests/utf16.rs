//! Logs in UTF-16, as Windows writes them: known by their byte order mark, cut at code units.

use super::*;
use crate::config::parse_bytes;

fn wide(text: &str, big: bool) -> Vec<u8> {
    let bytes = |unit: u16| match big {
        true => unit.to_be_bytes(),
        false => unit.to_le_bytes(),
    };
    text.encode_utf16().flat_map(bytes).collect()
}

fn start_at(w: &mut World, start: TailStart) {
    let config = parse_bytes(b"set mailserver h\nset charset euc-jp\n");
    let settings = Settings {
        start,
        charsets: SharedCharsets::new(&config.config.unwrap()),
        ..settings()
    };
    let resume = w.checkpoints.clone().into_iter().collect();
    w.follower = Some(Follower::new(
        RealFs,
        settings,
        std::slice::from_ref(&w.log),
        resume,
    ));
    w.scan();
}

fn start(w: &mut World) {
    start_at(w, TailStart::End);
}

fn append(w: &World, bytes: &[u8]) {
    let log = OpenOptions::new().append(true).create(true).open(&w.log);
    log.unwrap().write_all(bytes).unwrap();
}

#[test]
fn lines_are_whole_wherever_the_file_ends_and_the_follower_starts_anew() {
    let mut checked = 0;
    for big in [false, true] {
        let text = wide("\u{feff}上 ਊ\r\n失\n", big);
        for cut in 0..text.len() {
            for anew in [false, true] {
                let mut w = World::new();
                start(&mut w);
                append(&w, &text[..cut]);
                w.scan();
                if anew {
                    start(&mut w);
                }
                append(&w, &text[cut..]);
                w.scan();
                append(&w, &wide("上b\n", big));
                w.scan();
                w.expect(&["上 ਊ", "失", "上b"]);
                checked += 1;
            }
        }
    }
    assert_eq!(checked, 4 * wide("\u{feff}上 ਊ\r\n失\n", true).len());
}

#[test]
fn the_last_lines_and_the_nth_line_are_counted_in_code_units() {
    let cases = [
        (TailStart::LastLines(2), vec!["上b", "c上"]),
        (TailStart::FromLine(2), vec!["上b", "c上"]),
        (TailStart::FromLine(1), vec!["a", "上b", "c上"]),
        (TailStart::End, vec![]),
    ];
    for big in [false, true] {
        for (start, want) in &cases {
            let mut w = World::new();
            append(&w, &wide("\u{feff}a\n上b\nc上\n上half", big));
            start_at(&mut w, *start);
            let mut want = want.clone();
            w.expect(&want);
            append(&w, &wide(" line\n", big));
            w.scan();
            want.push("上half line");
            w.expect(&want);
        }
    }
}

#[test]
fn rotated_copied_and_packed_generations_have_their_own_marks() {
    for big in [false, true] {
        let mut w = World::new();
        append(&w, &wide("\u{feff}0\n", big));
        start(&mut w);
        append(&w, &wide("1上\n", big));
        w.scan();
        append(&w, &wide("2上\n", big));
        fs::rename(&w.log, w.rotated(".2")).unwrap();
        // The next one is in the other order.
        append(&w, &wide("\u{feff}3上\n", !big));
        w.scan();
        append(&w, &wide("4上\n", !big));
        fs::copy(&w.log, w.rotated(".1")).unwrap();
        File::create(&w.log).unwrap();
        append(&w, &wide("\u{feff}5上 and longer than all before\n", big));
        w.scan();
        append(&w, &wide("6上\n", big));
        pack(&w.log, &w.rotated(".0.gz"));
        append(&w, &wide("\u{feff}7上\n", big));
        start(&mut w);
        w.expect(&[
            "1上",
            "2上",
            "3上",
            "4上",
            "5上 and longer than all before",
            "6上",
            "7上",
        ]);
    }
}

#[test]
fn no_line_is_lost_or_doubled_by_any_order_of_writes_rotations_and_starts() {
    let mut done = 0;
    for seed in 0..12_u64 {
        let big = seed % 2 == 0;
        let mut random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut below = |n: u64| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random % n
        };
        let mut w = World::new();
        append(&w, &wide("\u{feff}begin\n", big));
        start(&mut w);
        let (mut want, mut pending, mut rotations) = (Vec::new(), Vec::new(), 0);
        for step in 0..40 {
            match below(8) {
                0..4 => {
                    let line = format!("{seed} 上{step}ਊ");
                    pending.extend(wide(&format!("{line}\r\n"), big));
                    want.push(line);
                    let part = below(pending.len() as u64 + 1);
                    let part: Vec<u8> = pending.drain(..usize::try_from(part).unwrap()).collect();
                    append(&w, &part);
                }
                4 | 5 => w.scan(),
                6 => start(&mut w),
                _ => {
                    append(&w, &std::mem::take(&mut pending));
                    rotations += 1;
                    fs::rename(&w.log, w.rotated(&format!(".{}", 99 - rotations))).unwrap();
                    append(&w, &wide(&format!("\u{feff}new {rotations}\n"), big));
                    want.push(format!("new {rotations}"));
                }
            }
            done += 1;
        }
        append(&w, &pending);
        w.scan();
        let want: Vec<&str> = want.iter().map(String::as_str).collect();
        w.expect(&want);
    }
    assert_eq!(done, 480);
}
