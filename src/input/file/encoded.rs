//! Cutting the bytes of a file of another character set into lines of UTF-8 (`set charset`).
//!
//! A line is decoded when its end is there: sets with shifts, as ISO-2022-JP, begin each line anew. In UTF-16
//! a line ends at the code unit U+000A, for the byte 0x0A stands in other code units too.

use std::io;

use super::fs::LogFile;
use super::lines::Cutter;
use crate::charset::{Charset, Coding};

/// How a file is read, by its first bytes and the character set that is set for it.
///
/// # Errors
/// What reading the file gives.
pub fn coding<F: LogFile>(file: &F, charset: Option<Charset>) -> io::Result<Coding> {
    let Some(charset) = charset else {
        return Ok(Coding::Bytes);
    };
    let mut first = [0; 2];
    let length = file.read_at(0, &mut first)?;
    Ok(charset.of_file(first.get(..length).unwrap_or_default()))
}

/// An offset, or the next one at which a code unit begins: the line end before an offset is the byte 0x0A.
pub fn whole_units(coding: Coding, offset: u64) -> u64 {
    let unit = coding.unit() as u64;
    offset.checked_next_multiple_of(unit).unwrap_or(offset)
}

impl Cutter<'_> {
    /// The longest line as it is written, bytes. UTF-16 takes two for a character of ASCII, and escapes of
    /// ISO-2022-JP take some too.
    pub fn longest(&self) -> usize {
        match self.charset {
            Some(_) => self.max_line.saturating_mul(2),
            None => self.max_line,
        }
    }

    /// As [`Self::take`], for a file that is not read as bytes. `data` begins at the offset `from` of the file.
    pub(super) fn take_encoded(
        &mut self,
        data: &[u8],
        skipping: &mut bool,
        full: bool,
        last: bool,
    ) -> usize {
        let (coding, unit) = (self.coding, self.coding.unit());
        // A place that was found by the byte 0x0A may be within the line end.
        let half = usize::from(unit == 2 && !self.from.is_multiple_of(2)).min(data.len());
        let mut at = half;
        for end in coding.line_ends(data.get(half..).unwrap_or_default()) {
            let line = data.get(at..half + end - unit).unwrap_or_default();
            at = half + end;
            if !std::mem::take(skipping) {
                self.push_encoded(without_zeros(line, unit));
            }
        }
        let rest = data.get(at..).unwrap_or_default();
        // Half a code unit waits for its other half.
        let all = match last {
            true => data.len(),
            false => data.len() - rest.len() % unit,
        };
        if rest.is_empty() || *skipping {
            return all;
        }
        let line = without_zeros(rest, unit);
        if line.is_empty() || (line.len() < unit && !last) {
            // The hole of a writer without O_APPEND, or room that a writer will fill.
            return if (full && at == half) || last {
                all
            } else {
                at
            };
        }
        if line.len() > self.longest() {
            self.push_encoded(line);
            *skipping = !last;
            return all;
        }
        if last {
            self.push_encoded(line);
            return all;
        }
        at
    }

    /// Adds a line as UTF-8.
    fn push_encoded(&mut self, line: &[u8]) {
        let begun = line
            .get(..self.longest())
            .filter(|begun| begun.len() < line.len());
        let text = self.coding.line(begun.unwrap_or(line), begun.is_some());
        let cut = begun.is_some() || text.len() > self.max_line;
        self.put(&text, cut);
    }
}

/// A line without the zeros in front of it, as a writer without O_APPEND leaves them after a truncation.
fn without_zeros(line: &[u8], unit: usize) -> &[u8] {
    let zeros = line.iter().take_while(|byte| **byte == 0).count();
    line.get(zeros - zeros % unit..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::counters::Counters;
    use crate::input::file::CUT;

    /// Reads a file as the follower does, of which `there` bytes are there at each look: the lines, and where each
    /// look left off.
    fn read(file: &[u8], name: &str, looks: &[usize], max_line: usize) -> (Vec<u8>, Vec<u64>) {
        let charset = Charset::named(name);
        let (mut text, mut counters, mut offsets) = (Vec::new(), Counters::default(), Vec::new());
        let (mut at, mut skipping) = (0, false);
        for there in looks.iter().copied().chain([file.len(), file.len()]) {
            let there = there.clamp(at, file.len());
            let mut cutter = Cutter {
                max_line,
                charset,
                coding: charset.map_or(Coding::Bytes, |set| set.of_file(&file[..there.min(2)])),
                from: at as u64,
                text: &mut text,
                counters: &mut counters,
            };
            let last = offsets.len() > looks.len();
            at += cutter.take(&file[at..there], &mut skipping, false, last);
            offsets.push(at as u64);
        }
        (text, offsets)
    }

    fn utf16(text: &str, big: bool) -> Vec<u8> {
        let bytes = |unit: u16| match big {
            true => unit.to_be_bytes(),
            false => unit.to_le_bytes(),
        };
        text.encode_utf16().flat_map(bytes).collect()
    }

    #[test]
    fn half_a_code_unit_and_half_a_line_end_wait() {
        for big in [false, true] {
            let file = utf16("\u{feff}上\r\nਊb\n", big);
            let looks: Vec<usize> = (0..file.len()).collect();
            let (text, offsets) = read(&file, "euc-jp", &looks, 100);
            assert_eq!(String::from_utf8(text).unwrap(), "上\nਊb\n");
            assert!(
                offsets.iter().all(|at| [0, 8, 14].contains(at)),
                "{offsets:?}"
            );
        }
    }

    #[test]
    fn an_over_long_line_is_cut_once_and_what_follows_is_read() {
        let text = format!("\u{feff}{}\nnext\n", "失".repeat(60));
        for (name, file) in [
            ("utf-16", utf16(&text, false)),
            ("utf-16", utf16(&text, true)),
            (
                "euc-jp",
                [&b"\xbc\xba".repeat(60)[..], b"\nnext\n"].concat(),
            ),
        ] {
            for step in 1..9 {
                let looks: Vec<usize> = (0..file.len()).step_by(step).collect();
                let (text, _) = read(&file, name, &looks, 40);
                let want = format!("{}{}\nnext\n", "失".repeat(10), CUT.escape_ascii());
                assert_eq!(String::from_utf8(text).unwrap(), want, "{name} {step}");
            }
        }
    }

    #[test]
    fn zeros_of_a_writer_without_append_are_no_line() {
        let text = "one\ntwo\n";
        for (big, name) in [(false, "utf-16le"), (true, "utf-16be")] {
            let file = [vec![0; 10], utf16(text, big)].concat();
            for at in 0..file.len() {
                let (lines, _) = read(&file, name, &[at], 100);
                assert_eq!(lines, text.as_bytes(), "{name} {at}");
            }
        }
    }

    #[test]
    fn a_place_within_a_line_end_is_mended() {
        let file = utf16("a\nb\n", false);
        let (mut text, mut counters, mut skipping) = (Vec::new(), Counters::default(), false);
        let mut cutter = Cutter {
            max_line: 100,
            charset: None,
            coding: Coding::Utf16Le,
            from: 3,
            text: &mut text,
            counters: &mut counters,
        };
        assert_eq!(cutter.take(&file[3..], &mut skipping, false, false), 5);
        assert_eq!(text, b"b\n");
        assert_eq!(whole_units(Coding::Utf16Le, 3), 4);
        assert_eq!(whole_units(Coding::Utf16Le, u64::MAX), u64::MAX);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]

        /// However a file is written and read, its lines are what they are when it is read in one go.
        #[test]
        fn lines_do_not_depend_on_the_looks(
            parts in vec(prop_oneof![
                Just("\n".to_owned()), Just("\r\n".to_owned()), Just("上ਊ".to_owned()),
                Just("\u{1f600}".to_owned()), Just("失敗 ｱ".to_owned()), Just("plain ".to_owned()),
            ], 0..40),
            bytes in vec(any::<u8>(), 0..12),
            at in any::<usize>(),
            kind in 0..5usize,
            mut looks in vec(0..400usize, 0..12),
            max_line in 24..60usize,
        ) {
            let text: String = parts.concat();
            let encode = |set: &'static encoding_rs::Encoding| set.encode(&text).0.into_owned();
            let (name, mut file) = match kind {
                0 => ("euc-jp", encode(encoding_rs::EUC_JP)),
                1 => ("shift_jis", encode(encoding_rs::SHIFT_JIS)),
                2 => ("iso-2022-jp", encode(encoding_rs::ISO_2022_JP)),
                3 => ("utf-8", utf16(&format!("\u{feff}{text}"), false)),
                _ => ("utf-8", utf16(&format!("\u{feff}{text}"), true)),
            };
            // Any bytes may stand in a log.
            let at = 2 + at % (file.len() + 1);
            file.splice(at.min(file.len())..at.min(file.len()), bytes);
            looks.sort_unstable();
            let (whole, _) = read(&file, name, &[], max_line);
            let (pieces, offsets) = read(&file, name, &looks, max_line);
            prop_assert_eq!(whole, pieces);
            prop_assert_eq!(offsets.last().copied(), Some(file.len() as u64));
        }
    }
}
