//! A mail as it came over the wire, and its report in a form that can be compared.

use std::collections::BTreeMap;

/// One accepted mail.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mail {
    /// The envelope's sender.
    pub from: String,
    /// The envelope's recipients, in their order.
    pub to: Vec<String>,
    /// Headers and body, with CRLF line ends.
    pub raw: Vec<u8>,
}

/// One line of a report.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// How often the line came.
    pub count: u64,
    /// Its masked text.
    pub text: String,
}

/// What a report says, hosts by name, each host's lines in the order of the report.
pub type Counts = BTreeMap<String, Vec<Entry>>;

impl Mail {
    /// The whole mail as text with plain line ends.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.raw).replace("\r\n", "\n")
    }

    /// The value of a header, folding kept; empty when there is none.
    pub fn header(&self, name: &str) -> String {
        let text = self.text();
        let head = text.split("\n\n").next().unwrap_or_default();
        let found = head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name)
                .then(|| value.trim().to_owned())
        });
        found.unwrap_or_default()
    }

    /// The body with plain line ends, its transfer encoding undone.
    pub fn body(&self) -> String {
        let text = self.text();
        let body = text.split_once("\n\n").map_or("", |(_, body)| body);
        if self
            .header("Content-Transfer-Encoding")
            .eq_ignore_ascii_case("quoted-printable")
        {
            return String::from_utf8_lossy(&unquoted(body.as_bytes())).into_owned();
        }
        body.to_owned()
    }

    /// The queue's name: the last word of the subject, in brackets.
    pub fn queue(&self) -> String {
        let subject = self.header("Subject");
        let name = subject.rsplit_once('[').map_or("", |(_, name)| name);
        name.trim_end_matches(']').to_owned()
    }

    /// The status that a signal gave the report, if any.
    pub fn status(&self) -> Option<String> {
        let body = self.body();
        let status = body.lines().next()?.strip_prefix("*** Status: ")?;
        Some(status.trim_end_matches(" ***").to_owned())
    }

    /// The report's lines, in the full or the pager form.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::new();
        let mut host = String::new();
        for line in self.body().lines() {
            if let Some((count, text)) = full_form(line) {
                counts
                    .entry(host.clone())
                    .or_default()
                    .push(Entry { count, text });
            } else if let Some((host, entry)) = pager_form(line) {
                counts.entry(host).or_default().push(entry);
            } else if let Some(name) = line.strip_suffix(": ") {
                host = name.to_owned();
            }
        }
        counts
    }
}

fn full_form(line: &str) -> Option<(u64, String)> {
    let (count, text) = line.strip_prefix("    ")?.split_once(": ")?;
    Some((count.parse().ok()?, text.to_owned()))
}

fn pager_form(line: &str) -> Option<(String, Entry)> {
    let mut parts = line.splitn(3, ',');
    let (host, count, text) = (parts.next()?, parts.next()?, parts.next()?);
    let entry = Entry {
        count: count.parse().ok()?,
        text: text.to_owned(),
    };
    Some((host.to_owned(), entry))
}

/// Undoes quoted-printable (RFC 2045, 6.7).
pub fn unquoted(body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = body;
    while let Some((&first, tail)) = rest.split_first() {
        let hex = tail.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        let code = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok());
        rest = match (first, code) {
            (b'=', Some(byte)) => {
                bytes.push(byte);
                &tail[2..]
            }
            (b'=', None) if tail.first() == Some(&b'\n') => &tail[1..],
            _ => {
                bytes.push(first);
                tail
            }
        };
    }
    bytes
}
