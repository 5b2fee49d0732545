//! Messages that are one JSON object (`set json on`), as lines of text: rules stay patterns, and lines are masked and
//! counted as all others.
//!
//! ```text
//! Nov 23 21:44:00 h1 web[7]: {"level":"error","msg":"no route","peer":{"port":22},"why":"timed out"}
//! Nov 23 21:44:00 h1 web[7]: error: no route peer.port=22 why="timed out"
//! ```

use std::borrow::Cow;
use std::fmt;

use memchr::memchr;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::named::this_host;
use super::parsed::{JsonForm, Parsed, Record};
use crate::config::{JsonFields, LineSettings};

/// Objects inside of each other, at most.
const MOST_DEPTH: usize = 16;
/// Keys that a line shows, at most; the others are counted behind them.
const MOST_KEYS: usize = 32;
/// Bytes of a key with those around it, at most, that a line shows.
const MOST_KEY: usize = 128;
/// Bytes of a host or of a program's tag, at most.
const MOST_WORD: usize = 255;

/// Makes text of the message of a line that ends as an object does, if that is one object.
#[cold]
pub(super) fn convert<'a>(
    parsed: Parsed<'a>,
    line: &'a [u8],
    settings: &LineSettings,
) -> Parsed<'a> {
    let fields = &settings.json.fields;
    match parsed {
        Parsed::Record(record) => Parsed::Record(match &record.message {
            Cow::Borrowed(message) => with_host(record.host, message, fields),
            Cow::Owned(message) => copied(record.host, message, fields),
        }),
        Parsed::NoPrefix if line.starts_with(b"{") => {
            let record = with_host(this_host(), line, fields);
            match record.json {
                JsonForm::Text => Parsed::Record(record),
                JsonForm::No | JsonForm::Invalid => Parsed::NoPrefix,
            }
        }
        Parsed::NoPrefix | Parsed::NoHost => parsed,
    }
}

/// The record of a message that is no part of the line as it is written. The host of the object would have to be
/// copied too; the prefix named one.
fn copied<'a>(host: &'a [u8], message: &[u8], fields: &JsonFields) -> Record<'a> {
    let (message, json) = match read(message, fields) {
        Read::Text(_, text) => (text, JsonForm::Text),
        Read::Invalid => (message.to_vec(), JsonForm::Invalid),
        Read::Other => (message.to_vec(), JsonForm::No),
    };
    Record {
        host,
        message: Cow::Owned(message),
        json,
    }
}

/// Whether a line without a known prefix is an object that becomes text.
pub(super) fn is_object(line: &[u8], settings: &LineSettings) -> bool {
    let looks = settings.json.on && line.starts_with(b"{");
    looks && matches!(read(line, &settings.json.fields), Read::Text(..))
}

/// The record of a message of this host, if the object names no other one.
fn with_host<'a>(host: &'a [u8], message: &'a [u8], fields: &JsonFields) -> Record<'a> {
    let of = |host, message, json| Record {
        host,
        message,
        json,
    };
    match read(message, fields) {
        Read::Text(named, text) => of(named.unwrap_or(host), Cow::Owned(text), JsonForm::Text),
        Read::Invalid => of(host, Cow::Borrowed(message), JsonForm::Invalid),
        Read::Other => of(host, Cow::Borrowed(message), JsonForm::No),
    }
}

/// What a message turned out to be.
enum Read<'a> {
    /// No object, and nothing that looks like one.
    Other,
    /// It looks like an object, and is none, or one too deep.
    Invalid,
    /// The host that the object names, and the text.
    Text(Option<&'a [u8]>, Vec<u8>),
}

/// Reads a message: `{…}`, `TAG: {…}` or `TAG: @cee: {…}` (as rsyslog marks them).
fn read<'a>(message: &'a [u8], fields: &JsonFields) -> Read<'a> {
    let Some((tag, object)) = object(message) else {
        return Read::Other;
    };
    let mut found = Found::default();
    let whole = str::from_utf8(object).ok();
    let Some(()) = whole.and_then(|object| found.add_all(object, 1)) else {
        return Read::Invalid;
    };
    match found.text(tag, fields) {
        Some((host, text)) => Read::Text(host, text),
        None => Read::Invalid,
    }
}

/// The tag in front of what looks like an object, and that.
fn object(message: &[u8]) -> Option<(&[u8], &[u8])> {
    if !message.ends_with(b"}") {
        return None;
    }
    let (head, object) = message.split_at_checked(memchr(b'{', message)?)?;
    let head = head.trim_ascii_end();
    let head = head.strip_suffix(b"@cee:").unwrap_or(head).trim_ascii_end();
    if head.is_empty() {
        return Some((head, object));
    }
    let tag = head.strip_suffix(b":")?;
    let word = tag.len() <= MOST_WORD && !tag.iter().any(u8::is_ascii_whitespace);
    (word && !tag.is_empty()).then_some((tag, object))
}

/// The values of an object that are no objects, each with its key and those around it (`peer.port`).
#[derive(Default)]
struct Found<'a> {
    values: Vec<(String, &'a str)>,
    /// The keys of the objects that are being read.
    path: String,
}

impl<'a> Found<'a> {
    /// Adds all values of an object; nothing if it is none.
    fn add_all(&mut self, object: &'a str, depth: usize) -> Option<()> {
        if depth > MOST_DEPTH {
            return None;
        }
        let Entries(entries) = serde_json::from_str(object).ok()?;
        let outside = self.path.len();
        for (key, value) in entries {
            if outside > 0 {
                self.path.push('.');
            }
            self.path.push_str(&key);
            match value.starts_with('{') {
                true => self.add_all(value, depth + 1)?,
                false if depth + nesting(value) > MOST_DEPTH => return None,
                // Keys that are too long differ in what is not shown.
                false if self.path.len() > MOST_KEY => self.values.push((String::new(), value)),
                false => self.values.push((self.path.clone(), value)),
            }
            self.path.truncate(outside);
        }
        Some(())
    }

    /// Takes out the first of these keys that is there with a text or a number.
    fn take(&mut self, keys: &[String]) -> Option<&'a str> {
        for key in keys {
            let one = |(known, value): &(String, &str)| {
                known == key && *value != "null" && !value.starts_with('[')
            };
            if let Some(at) = self.values.iter().position(one) {
                return Some(self.values.swap_remove(at).1);
            }
        }
        None
    }

    /// The host that the object names, and `PROGRAM: LEVEL: MESSAGE key=value …`; nothing if a text is none.
    fn text(mut self, tag: &[u8], fields: &JsonFields) -> Option<(Option<&'a [u8]>, Vec<u8>)> {
        self.values.retain(|(key, _)| !fields.drop.contains(key));
        let host = self.take(&fields.host);
        let program = self.take(&fields.program);
        let level = self.take(&fields.level);
        let message = self.take(&fields.message);
        let mut out = Vec::with_capacity(256);
        match program {
            Some(program) => put(&mut out, &written(program)?),
            None => out.extend_from_slice(tag),
        }
        if !out.is_empty() {
            out.extend_from_slice(b": ");
        }
        if let Some(level) = level {
            put(&mut out, &written(level)?);
            out.extend_from_slice(b": ");
        }
        if let Some(message) = message {
            put(&mut out, written(message)?.trim_end());
        }
        self.values.sort_by(|(a, _), (b, _)| a.cmp(b));
        let all = self.values.len();
        let shown = self.values.iter().filter(|(key, _)| !key.is_empty());
        let mut count = 0;
        for (key, value) in shown.take(MOST_KEYS) {
            count += 1;
            put_pair(&mut out, key, &written(value)?);
        }
        if count < all {
            put_blank(&mut out);
            out.extend_from_slice(format!("[... {} keys more]", all - count).as_bytes());
        }
        Some((host.and_then(host_of), out))
    }
}

/// The number of arrays and objects inside of each other in a value that is no object.
fn nesting(value: &str) -> usize {
    if !value.starts_with('[') {
        return 0;
    }
    let (mut open, mut most, mut quoted, mut escaped) = (0_usize, 0, false, false);
    for byte in value.bytes() {
        match byte {
            _ if std::mem::take(&mut escaped) => {}
            b'\\' => escaped = true,
            b'"' => quoted = !quoted,
            b'[' | b'{' if !quoted => open += 1,
            b']' | b'}' if !quoted => open = open.saturating_sub(1),
            _ => {}
        }
        most = most.max(open);
    }
    most
}

/// The name of a host as a value has it: one word without quoting.
fn host_of(value: &str) -> Option<&[u8]> {
    let name = value.strip_prefix('"')?.strip_suffix('"')?.as_bytes();
    let good = |byte: &u8| byte.is_ascii_graphic() && *byte != b'\\' || *byte >= 0x80;
    (!name.is_empty() && name.len() <= MOST_WORD && name.iter().all(good)).then_some(name)
}

/// A value as text: a string without its quotes, all else as it is written; nothing if the string is none.
fn written(value: &str) -> Option<Cow<'_, str>> {
    let Some(text) = value
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'))
    else {
        return Some(Cow::Borrowed(value));
    };
    match memchr(b'\\', text.as_bytes()) {
        None => Some(Cow::Borrowed(text)),
        Some(_) => serde_json::from_str::<String>(value).ok().map(Cow::Owned),
    }
}

/// Appends a text; a control character as rsyslog writes it: a newline is `#012`.
fn put(out: &mut Vec<u8>, text: &str) {
    for byte in text.bytes() {
        match byte {
            0..0x20 | 0x7f => out.extend_from_slice(format!("#{byte:03o}").as_bytes()),
            _ => out.push(byte),
        }
    }
}

/// Appends a blank between two parts.
fn put_blank(out: &mut Vec<u8>) {
    if !out.is_empty() && !out.ends_with(b" ") {
        out.push(b' ');
    }
}

/// Appends ` key=value`, the value in quotes where it is no plain word.
fn put_pair(out: &mut Vec<u8>, key: &str, value: &str) {
    put_blank(out);
    for byte in key.bytes() {
        let plain = byte > b' ' && !matches!(byte, b'=' | b'"' | 0x7f);
        out.push(if plain { byte } else { b'_' });
    }
    out.push(b'=');
    let quoted = value.is_empty() || value.contains([' ', '"', '=']);
    if !quoted {
        return put(out, value);
    }
    out.push(b'"');
    let value = value.replace('\\', "\\\\").replace('"', "\\\"");
    put(out, &value);
    out.push(b'"');
}

/// The keys and values of an object, the values as they are written.
struct Entries<'a>(Vec<(Cow<'a, str>, &'a str)>);

impl<'de> Deserialize<'de> for Entries<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Entries<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(Key(key)) = map.next_key()? {
                    entries.push((key, map.next_value::<&RawValue>()?.get()));
                }
                Ok(Entries(entries))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

/// A key, copied only where it has escapes.
struct Key<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl<'de> Visitor<'de> for Text {
            type Value = Key<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }

            fn visit_borrowed_str<E>(self, key: &'de str) -> Result<Self::Value, E> {
                Ok(Key(Cow::Borrowed(key)))
            }

            fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
                Ok(Key(Cow::Owned(key.to_owned())))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

#[cfg(test)]
mod tests;
