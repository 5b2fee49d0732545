//! An entry as a line of a log file: what rsyslog would have written, so that every rule file fits.

use std::io::Write;

use chrono::DateTime;

use super::entries::Entry;
use super::fields::{Values, Wanted};
use crate::config::JournalMatch;
use crate::input::syslog::stamp;

/// The fields of a line, in the order of the constants below.
const FIELDS: [&str; 8] = [
    "MESSAGE",
    "_HOSTNAME",
    "SYSLOG_IDENTIFIER",
    "_PID",
    "SYSLOG_PID",
    "_COMM",
    "_TRANSPORT",
    "PRIORITY",
];
const MESSAGE: usize = 0;
const HOSTNAME: usize = 1;
const IDENTIFIER: usize = 2;
const PID: usize = 3;
const SYSLOG_PID: usize = 4;
const COMM: usize = 5;
const TRANSPORT: usize = 6;
const PRIORITY: usize = 7;

/// The names of the priorities (RFC 5424 §6.2.1), as syslog.conf(5) has them.
const PRIORITIES: [&str; 8] = [
    "emerg", "alert", "crit", "err", "warning", "notice", "info", "debug",
];
/// The longest name of a host that is taken (RFC 5424 §6.1), bytes.
const LONGEST_HOST: usize = 255;

/// Makes lines of entries.
#[derive(Debug)]
pub struct Lines {
    matches: Vec<JournalMatch>,
    /// The names of the fields that are looked at; the fields of which a line is made come first.
    names: Vec<Vec<u8>>,
    priority: bool,
    /// The second of the stamp, since the epoch, and the stamp.
    stamp: (u64, String),
    line: Vec<u8>,
}

impl Lines {
    /// Lines of the entries that one of `matches` takes, or of all if there is none; `priority` puts its name in
    /// front of each message.
    pub fn new(matches: &[JournalMatch], priority: bool) -> Self {
        let mut names: Vec<Vec<u8>> = FIELDS.map(|name| name.as_bytes().to_vec()).into();
        for field in matches.iter().flat_map(|of| &of.0).map(|of| &of.field) {
            if !names.iter().any(|name| name == field) {
                names.push(field.to_vec());
            }
        }
        Self {
            matches: matches.to_vec(),
            names,
            priority,
            stamp: (u64::MAX, String::new()),
            line: Vec::new(),
        }
    }

    /// The fields that are looked at.
    pub fn wanted(&self) -> Wanted {
        Wanted::new(self.names.iter().map(Vec::as_slice))
    }

    /// The line of an entry, without newline; nothing if it has no message, or is not asked for.
    pub fn line(&mut self, entry: &Entry, values: &Values) -> Option<&[u8]> {
        let message = values.get(MESSAGE)?;
        if !self.matches.is_empty() && !self.takes(values) {
            return None;
        }
        self.line.clear();
        self.put_stamp(entry.realtime);
        let host = values.get(HOSTNAME).unwrap_or_default();
        put_word(&mut self.line, host, LONGEST_HOST, b"unknown");
        self.line.push(b' ');
        if self.priority
            && let Some([digit @ b'0'..=b'7']) = values.get(PRIORITY)
            && let Some(name) = PRIORITIES.get(usize::from(digit - b'0'))
        {
            // Writing into memory does not fail.
            let _ = write!(self.line, "<{name}> ");
        }
        self.put_tag(values);
        put_text(
            &mut self.line,
            message.strip_suffix(b"\n").unwrap_or(message),
        );
        Some(&self.line)
    }

    /// `IDENTIFIER[PID]: `
    fn put_tag(&mut self, values: &Values) {
        let named = |field| values.get(field).filter(|value| !value.is_empty());
        let tag = named(IDENTIFIER).or_else(|| named(COMM));
        put_text(&mut self.line, tag.unwrap_or(b"unknown"));
        // What came over /dev/log or from the kernel names its process itself, or does not.
        let pid = match values.get(TRANSPORT) {
            Some(b"syslog" | b"kernel") => named(SYSLOG_PID),
            _ => named(PID).or_else(|| named(SYSLOG_PID)),
        };
        if let Some(pid) = pid {
            self.line.push(b'[');
            put_text(&mut self.line, pid);
            self.line.push(b']');
        }
        self.line.extend_from_slice(b": ");
    }

    fn put_stamp(&mut self, realtime: u64) {
        let second = realtime / 1_000_000;
        if self.stamp.0 != second {
            let time = i64::try_from(second).ok();
            let time = time.and_then(|second| DateTime::from_timestamp(second, 0));
            self.stamp = (second, stamp(time.unwrap_or_default()));
        }
        self.line.extend_from_slice(self.stamp.1.as_bytes());
    }

    /// Whether one of the matches takes an entry.
    fn takes(&self, values: &Values) -> bool {
        let place = |field: &[u8]| self.names.iter().position(|name| name == field);
        self.matches.iter().any(|all| {
            all.0.iter().all(|one| {
                let Some(place) = place(&one.field) else {
                    return false;
                };
                let mut values = values.all().filter(|(field, _)| *field == place);
                values.any(|(_, value)| one.values.iter().any(|wanted| wanted.takes(value)))
            })
        })
    }
}

/// Adds a text as rsyslog writes it: control characters as `#` and three octal digits.
fn put_text(line: &mut Vec<u8>, mut text: &[u8]) {
    while let Some(at) = text.iter().position(u8::is_ascii_control) {
        line.extend_from_slice(&text[..at]);
        let byte = text[at];
        let digit = |shift: u8| b'0' + ((byte >> shift) & 7);
        line.extend_from_slice(&[b'#', digit(6), digit(3), digit(0)]);
        text = &text[at + 1..];
    }
    line.extend_from_slice(text);
}

/// Adds a word of at most `most` bytes, or `instead` if there is none. Bytes that would end it are replaced.
fn put_word(line: &mut Vec<u8>, word: &[u8], most: usize, instead: &[u8]) {
    let word = word.get(..word.len().min(most)).unwrap_or_default();
    let word = if word.is_empty() { instead } else { word };
    let clean = word.iter().map(|byte| match byte {
        b' ' | b'\0'..=b'\x1f' | b'\x7f' => b'_',
        byte => *byte,
    });
    line.extend(clean);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::journal::fields::Fields;

    const ENTRY: Entry = Entry {
        seqnum: 1,
        realtime: 1_760_000_000_000_000,
        monotonic: 1,
        boot: [1; 16],
    };

    fn line(fields: &[(&str, &str)], priority: bool) -> Option<String> {
        let mut lines = Lines::new(&[], priority);
        let mut read = Fields::new(lines.wanted(), 1000);
        let line = lines.line(&ENTRY, read.set(fields))?;
        // The stamp depends on the zone.
        Some(String::from_utf8_lossy(&line[16..]).into_owned())
    }

    #[test]
    fn the_process_is_the_one_that_rsyslog_would_have_named() {
        let with = |more: &[(&str, &str)]| {
            let usual = [
                ("MESSAGE", "m"),
                ("_HOSTNAME", "h"),
                ("SYSLOG_IDENTIFIER", "p"),
            ];
            line(&[&usual, more].concat(), false).unwrap()
        };
        assert_eq!(with(&[("_PID", "7")]), "h p[7]: m");
        let syslog = ("_TRANSPORT", "syslog");
        assert_eq!(with(&[syslog, ("_PID", "7")]), "h p: m");
        assert_eq!(
            with(&[syslog, ("_PID", "7"), ("SYSLOG_PID", "5")]),
            "h p[5]: m"
        );
        assert_eq!(with(&[("_TRANSPORT", "kernel")]), "h p: m");
        assert_eq!(
            line(&[("MESSAGE", "m")], false).unwrap(),
            "unknown unknown: m"
        );
        assert_eq!(line(&[("_HOSTNAME", "h")], false), None);
    }

    #[test]
    fn nothing_ends_a_line_or_a_word_too_early() {
        let fields = [
            ("MESSAGE", "a\n\tb\0\x7f\n"),
            ("_HOSTNAME", "h 1\n"),
            ("_COMM", "my prog"),
            ("PRIORITY", "2"),
        ];
        let want = "h_1_ my prog: a#012#011b#000#177";
        assert_eq!(line(&fields, false).unwrap(), want);
        assert_eq!(
            line(&fields, true).unwrap(),
            want.replace("my", "<crit> my")
        );
    }
}
