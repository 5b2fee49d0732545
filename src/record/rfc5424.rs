//! Messages of RFC 5424 (§6), without their `<PRI>`.

use chrono::{DateTime, FixedOffset};

/// The fields of a message. A field without a value is `-` (NILVALUE).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rfc5424<'a> {
    time: &'a [u8],
    /// HOSTNAME.
    pub host: &'a [u8],
    app: &'a [u8],
    process: &'a [u8],
    id: &'a [u8],
    /// STRUCTURED-DATA, if there is any: it is left out of the message.
    pub structured: Option<&'a [u8]>,
    text: &'a [u8],
}

/// The TIMESTAMP of a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Written {
    /// No time (`-`).
    Nil,
    /// This time.
    At(DateTime<FixedOffset>),
}

impl<'a> Rfc5424<'a> {
    /// Reads the fields of a message; nothing if it is no message of RFC 5424.
    pub fn parse(rest: &'a [u8]) -> Option<Self> {
        let mut fields = rest.strip_prefix(b"1 ")?.splitn(6, |&b| b == b' ');
        let mut field = || fields.next().filter(|field| !field.is_empty());
        let (time, host, app, process, id) = (field()?, field()?, field()?, field()?, field()?);
        let (structured, text) = after_structured_data(field()?)?;
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        // rsyslog's own template for this form doubles the blank: its `msg` begins with one.
        let text = text.strip_prefix(b" ").unwrap_or(text);
        Some(Self {
            time,
            host,
            app,
            process,
            id,
            structured,
            text,
        })
    }

    /// The TIMESTAMP; nothing if it is no time, so that this is no message of RFC 5424.
    pub fn time(&self) -> Option<Written> {
        match self.time {
            b"-" => Some(Written::Nil),
            time => {
                let time = DateTime::parse_from_rfc3339(str::from_utf8(time).ok()?);
                time.ok().map(Written::At)
            }
        }
    }

    /// The message as it stands in a log file: `APP[PROCESS]: TEXT`. `junos` puts the identifier of a
    /// message of Junos in front of its text, where it stands in the form that is not structured.
    pub fn message(&self, junos: bool) -> Vec<u8> {
        self.message_with(junos, false)
    }

    /// The message, with its structured data in front of the text where that is wanted (`set structured on`):
    /// `APP[PROCESS]: [id name="value"] TEXT`.
    pub fn message_with(&self, junos: bool, structured: bool) -> Vec<u8> {
        let mut message = Vec::new();
        if self.app != b"-" {
            message.extend_from_slice(self.app);
            if self.process != b"-" {
                message.push(b'[');
                message.extend_from_slice(self.process);
                message.push(b']');
            }
            message.extend_from_slice(b": ");
        }
        let data = self.structured.unwrap_or_default();
        if junos && self.id != b"-" && data.starts_with(b"[junos@") {
            message.extend_from_slice(self.id);
            message.extend_from_slice(b": ");
        }
        if structured && !data.is_empty() {
            message.extend_from_slice(data);
            message.push(b' ');
        }
        message.extend_from_slice(self.text);
        message
    }
}

/// Splits `-` or `[id name="value"]…` (RFC 5424 §6.3) from the text behind it and its blank.
fn after_structured_data(text: &[u8]) -> Option<(Option<&[u8]>, &[u8])> {
    let mut rest = text;
    if let Some(after) = rest.strip_prefix(b"-") {
        rest = after;
    } else if rest.first() == Some(&b'[') {
        while let Some(element) = rest.strip_prefix(b"[") {
            rest = after_element(element)?;
        }
    } else {
        return None;
    }
    let data = text.get(..text.len() - rest.len());
    let data = data.filter(|data| data.starts_with(b"["));
    match rest.split_first() {
        None => Some((data, rest)),
        Some((b' ', message)) => Some((data, message)),
        Some(_) => None,
    }
}

/// The text behind the `]` that ends an element; inside quotes a backslash quotes the next byte.
fn after_element(element: &[u8]) -> Option<&[u8]> {
    let (mut quoted, mut escaped) = (false, false);
    let end = element.iter().position(|&byte| {
        if std::mem::take(&mut escaped) {
            return false;
        }
        match byte {
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b']' if !quoted => return true,
            _ => {}
        }
        false
    })?;
    Some(&element[end + 1..])
}
