//! What comes of an experiment, in a form to be kept and compared.
//!
//! A line each: `exit 0` or `exit not 0` of the first process that was waited for; `order ascending`
//! or `descending` where a host has lines of different counts; `says TEXT` for what the program or a
//! step must have printed; then for each subject and its recipients `mail SUBJECT to RECIPIENTS`, and
//! indented below: `from`, `to`, `sender`, the names of the `X-tenshi-` headers, `count N HOST: LINE`
//! summed over the mails of that subject (a flush may fall between two lines), and `text` for every
//! other line. Bytes that are not UTF-8, control characters and backslashes stand as `\xNN`, `\\`.
//! Not kept: the order of hosts and of equal counts (the original's is random), the transfer
//! encoding, dates.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::mail::unquoted;

/// A mail that was taken.
pub struct Taken {
    pub sender: String,
    pub recipients: Vec<String>,
    /// Headers and body, dots still doubled.
    pub raw: Vec<u8>,
}

/// What came of an experiment, or what is wanted.
#[derive(Debug, Default)]
pub struct Answer {
    /// Each line below a mail has the line of that mail in front.
    lines: BTreeSet<String>,
    /// What was printed, or texts that must be in it.
    printed: Vec<String>,
}

impl Answer {
    /// Reads an answer that was kept.
    pub fn parse(text: &str) -> Self {
        let mut answer = Self::default();
        let mut mail = "";
        for line in text.lines() {
            if let Some(words) = line.strip_prefix("says ") {
                answer.printed.push(words.to_owned());
            } else if let Some(below) = line.strip_prefix("  ") {
                answer.lines.insert(format!("{mail}\n  {below}"));
            } else {
                if line.starts_with("mail ") {
                    mail = line;
                }
                answer.lines.insert(line.to_owned());
            }
        }
        answer
    }

    /// What came: mails, the end of the process, and what was printed.
    pub fn new(mails: &[Taken], exit: Option<&str>, printed: String) -> Self {
        let mut answer = Self {
            printed: vec![printed],
            ..Self::default()
        };
        answer.lines.extend(exit.map(|exit| format!("exit {exit}")));
        let mut counts: BTreeMap<(String, String), u64> = BTreeMap::new();
        for mail in mails {
            answer.mail(mail, &mut counts);
        }
        for ((mail, line), n) in counts {
            answer.lines.insert(format!("{mail}\n  count {n} {line}"));
        }
        answer
    }

    /// Whether nothing is asked for.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.printed.is_empty()
    }

    /// What is otherwise than wanted, a line each.
    pub fn differences(&self, came: &Self) -> Vec<String> {
        // Where a host has but one line, or equal counts, there is no order to be seen.
        let ordered = |answer: &Self| answer.lines.iter().any(|line| line.starts_with("order "));
        let exits = self.lines.iter().any(|line| line.starts_with("exit "));
        let both = ordered(self) && ordered(came);
        let counts = |line: &&String| {
            (both || !line.starts_with("order ")) && (exits || !line.starts_with("exit "))
        };
        let missing = self.lines.difference(&came.lines).filter(counts);
        let unwanted = came.lines.difference(&self.lines).filter(counts);
        let mut told: Vec<String> = missing.map(|line| format!("missing: {line}")).collect();
        told.extend(unwanted.map(|line| format!("not wanted: {line}")));
        let printed = came.printed.concat();
        let unsaid = self.printed.iter().filter(|text| !printed.contains(*text));
        let unsaid: Vec<String> = unsaid.map(|text| format!("not said: {text}")).collect();
        if !told.is_empty() || !unsaid.is_empty() {
            told.extend(unsaid);
            told.push(format!("printed: {printed}"));
        }
        told
    }

    fn mail(&mut self, mail: &Taken, counts: &mut BTreeMap<(String, String), u64>) {
        let (headers, body) = split(&mail.raw);
        let value = |name: &str| {
            let found = headers
                .iter()
                .find(|(key, _)| key.eq_ignore_ascii_case(name));
            found.map_or(String::new(), |(_, value)| decoded_words(value))
        };
        let mut recipients = mail.recipients.clone();
        recipients.sort();
        let head = format!(
            "mail {} to {}",
            value("Subject").trim(),
            recipients.join(" ")
        );
        let mut names: Vec<String> = headers.iter().map(|(key, _)| key.to_lowercase()).collect();
        names.retain(|name| name.starts_with("x-tenshi"));
        names.sort();
        let to: String = value("To").split_whitespace().collect();
        for line in [
            format!("from {}", value("From")),
            format!("to {to}"),
            format!("sender {}", mail.sender),
            format!("headers {}", names.join(" ")),
        ] {
            self.lines.insert(format!("{head}\n  {line}"));
        }
        self.lines.insert(head.clone());
        let body = match value("Content-Transfer-Encoding").as_str() {
            "quoted-printable" => unquoted(&body),
            _ => body,
        };
        self.body(&head, &body, counts);
    }

    fn body(&mut self, head: &str, body: &[u8], counts: &mut BTreeMap<(String, String), u64>) {
        let mut host = String::new();
        let mut row: Vec<u64> = Vec::new();
        for line in body.split(|&byte| byte == b'\n') {
            let line = escaped(line);
            let entry = counted(&line).map(|(n, text)| (n, host.clone(), text));
            if let Some((n, _, _)) = entry {
                row.push(n);
            }
            if let Some((n, host, text)) = entry.or_else(|| pager(&line)) {
                let key = (
                    head.to_owned(),
                    format!("{host}: {}", text.trim_end_matches(' ')),
                );
                *counts.entry(key).or_default() += n;
            } else if let Some(name) = line.strip_suffix(": ").filter(|n| !n.starts_with(' ')) {
                self.order(&std::mem::take(&mut row));
                host = name.to_owned();
            } else if !line.trim().is_empty() {
                let text = format!("{head}\n  text {}", line.trim());
                self.lines.insert(text);
            }
        }
        self.order(&row);
    }

    fn order(&mut self, row: &[u64]) {
        let order = match (row.is_sorted(), row.is_sorted_by(|a, b| a >= b)) {
            (true, true) => return,
            (true, false) => "order ascending",
            (false, true) => "order descending",
            (false, false) => "order mixed",
        };
        self.lines.insert(order.to_owned());
    }
}

/// `    3: text` of the full form.
fn counted(line: &str) -> Option<(u64, String)> {
    let (count, text) = line.strip_prefix("    ")?.split_once(": ")?;
    Some((count.parse().ok()?, text.to_owned()))
}

/// `host,3,text` of the pager form.
fn pager(line: &str) -> Option<(u64, String, String)> {
    let mut parts = line.splitn(3, ',');
    let (host, count, text) = (parts.next()?, parts.next()?, parts.next()?);
    Some((count.parse().ok()?, host.to_owned(), text.to_owned()))
}

/// Headers, unfolded, and body, with plain line ends and single dots.
fn split(raw: &[u8]) -> (Vec<(String, Vec<u8>)>, Vec<u8>) {
    let mut headers: Vec<(String, Vec<u8>)> = Vec::new();
    let mut lines = raw.split(|&byte| byte == b'\n').map(|line| {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        line.strip_prefix(b".").unwrap_or(line)
    });
    for line in lines.by_ref().take_while(|line| !line.is_empty()) {
        match (headers.last_mut(), line.first()) {
            (Some((_, value)), Some(b' ' | b'\t')) => value.extend_from_slice(line),
            _ => {
                let colon = line
                    .iter()
                    .position(|&byte| byte == b':')
                    .unwrap_or(line.len());
                let (name, value) = line.split_at(colon);
                let value = value.get(1..).unwrap_or_default().trim_ascii();
                let name = String::from_utf8_lossy(name).into_owned();
                headers.push((name, value.to_vec()));
            }
        }
    }
    let body: Vec<&[u8]> = lines.collect();
    (headers, body.join(&b'\n'))
}

/// Undoes encoded words (RFC 2047), and escapes what is left.
fn decoded_words(value: &[u8]) -> String {
    let text = String::from_utf8_lossy(value);
    if !text.contains("=?") {
        return escaped(value);
    }
    let mut bytes = Vec::new();
    for (at, part) in text.split_whitespace().enumerate() {
        let word = part
            .strip_prefix("=?")
            .and_then(|part| part.strip_suffix("?="));
        let encoded = word.and_then(|word| word.split_once('?')?.1.split_once('?'));
        match encoded {
            Some(("B" | "b", encoded)) => bytes.extend(STANDARD.decode(encoded).expect("base64")),
            Some((_, encoded)) => bytes.extend(unquoted(encoded.replace('_', " ").as_bytes())),
            None => {
                bytes.extend_from_slice(if at > 0 { b" " } else { b"" });
                bytes.extend_from_slice(part.as_bytes());
            }
        }
    }
    escaped(&bytes)
}

/// Text with everything that is not plain as `\xNN`.
fn escaped(text: &[u8]) -> String {
    let mut out = String::new();
    for chunk in text.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\\' => out.push_str("\\\\"),
                c if c.is_control() => {
                    let mut room = [0; 4];
                    for byte in c.encode_utf8(&mut room).bytes() {
                        out.push_str(&format!("\\x{byte:02X}"));
                    }
                }
                c => out.push(c),
            }
        }
        for byte in chunk.invalid() {
            out.push_str(&format!("\\x{byte:02X}"));
        }
    }
    out
}
