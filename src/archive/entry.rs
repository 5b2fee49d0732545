//! Lines of the index: what a list of letters shows, without unpacking any.

use chrono::SecondsFormat;

use super::name::LetterName;
use super::told::Summary;
use crate::clock::Time;
use crate::shown::shown;

/// What the index says of a letter.
///
/// A line of the index has the time (UTC), the name without year and month, the queue, the number of lines, the
/// hosts with commas between them, the number of further hosts, the Message-ID, the subject, and the CRC-32 of
/// all that, with tabs between them: a line that was not written to its end, or is damaged, does not count.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// The name.
    pub name: LetterName,
    /// When the report was made (`Date`).
    pub made: Time,
    /// The queue, as it is shown.
    pub queue: String,
    /// What it tells, in short.
    pub summary: Summary,
    /// The Message-ID without angle brackets.
    pub id: String,
    /// The subject, as it is shown.
    pub subject: String,
}

/// The length of a text of the index, bytes at most.
const MOST_TEXT: usize = 400;

impl Entry {
    /// The line of the index, with its line end.
    pub(super) fn line(&self) -> String {
        let fields = [
            self.made.to_rfc3339_opts(SecondsFormat::Secs, true),
            self.name.stem(),
            text(&self.queue),
            self.summary.lines.to_string(),
            self.summary.hosts.join(","),
            self.summary.more_hosts.to_string(),
            text(&self.id),
            text(&self.subject),
        ];
        let line = fields.join("\t");
        let sum = crc32fast::hash(line.as_bytes());
        format!("{line}\t{sum:08x}\n")
    }

    /// Reads a line of the index of a month, without its line end; nothing if it is none.
    pub(super) fn of_line(year: i32, month: u32, line: &[u8]) -> Option<Self> {
        let (line, sum) = std::str::from_utf8(line).ok()?.rsplit_once('\t')?;
        if format!("{:08x}", crc32fast::hash(line.as_bytes())) != sum {
            return None;
        }
        let fields: Vec<&str> = line.split('\t').collect();
        let [made, name, queue, lines, hosts, more_hosts, id, subject] = *fields else {
            return None;
        };
        let hosts = hosts.split(',').filter(|host| !host.is_empty());
        Some(Self {
            name: LetterName::of_stem(year, month, name)?,
            made: made.parse().ok()?,
            queue: text(queue),
            summary: Summary {
                lines: lines.parse().ok()?,
                hosts: hosts.map(text).collect(),
                more_hosts: more_hosts.parse().ok()?,
            },
            id: text(id),
            subject: text(subject),
        })
    }
}

/// A text on one line, without tabs: what a stranger wrote is shown safely, and not at length.
pub(super) fn text(text: &str) -> String {
    let mut safe = shown(text.as_bytes()).to_string().replace('\t', " ");
    if safe.len() > MOST_TEXT {
        let end = (0..=MOST_TEXT).rev().find(|at| safe.is_char_boundary(*at));
        safe.truncate(end.unwrap_or(0));
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> Entry {
        Entry {
            name: LetterName::of_stem(2026, 11, "27-1230-report").unwrap(),
            made: "2026-11-27T11:30:05Z".parse().unwrap(),
            queue: "report".into(),
            summary: Summary {
                lines: 1275,
                hosts: vec!["db1".into(), "web1".into()],
                more_hosts: 3,
            },
            id: "1.2.3.tenshi@console".into(),
            subject: "tenshi report [report]".into(),
        }
    }

    #[test]
    fn a_line_is_read_again_and_a_damaged_one_is_not() {
        let entry = entry();
        let line = entry.line();
        let bytes = line.strip_suffix('\n').unwrap().as_bytes();
        assert_eq!(Entry::of_line(2026, 11, bytes), Some(entry));
        for at in 0..bytes.len() {
            assert_eq!(Entry::of_line(2026, 11, &bytes[..at]), None, "{at}");
            let mut flipped = bytes.to_vec();
            flipped[at] ^= 1;
            assert_eq!(Entry::of_line(2026, 11, &flipped), None, "{at}");
        }
    }

    #[test]
    fn what_strangers_wrote_is_shown_and_bounded() {
        let mut entry = entry();
        entry.subject = "a\tb\n\u{1b}[2J".repeat(999);
        let line = entry.line();
        assert!(line.len() < 1000 && !line.contains('\u{1b}'), "{line}");
        let read = Entry::of_line(2026, 11, line.trim_end_matches('\n').as_bytes());
        assert!(read.unwrap().subject.starts_with("a b\\x0A\\x1B[2Ja b"));
        // Who can write the index can make a sum that fits.
        let evil = "2026-11-27T11:30:05Z\t27-1230-report\tq\u{202e}\t1\th\u{7}\t0\tid\t\u{1b}x";
        let evil = format!("{evil}\t{:08x}", crc32fast::hash(evil.as_bytes()));
        let read = Entry::of_line(2026, 11, evil.as_bytes()).unwrap();
        assert_eq!(
            (read.queue, read.subject),
            ("q\\u{202E}".into(), "\\x1Bx".into())
        );
        assert_eq!(read.summary.hosts, ["h\\x07"]);
    }
}
