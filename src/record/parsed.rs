//! What parsing makes of a line.

use std::borrow::Cow;

/// The host under which lines without a known prefix are counted.
pub const UNPREFIXED: &[u8] = b"[unprefixed logs]";

/// A line without its prefix.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record<'a> {
    /// The host, as the prefix names it; may be empty.
    pub host: &'a [u8],
    /// The rest of the line, with its process id.
    pub message: Cow<'a, [u8]>,
    /// Whether it was an object of JSON.
    pub json: JsonForm,
}

/// Whether a message was an object of JSON (`set json on`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum JsonForm {
    /// It was not, or none is looked for.
    #[default]
    No,
    /// It was, and became text.
    Text,
    /// It looked like one, and stayed the line that it was.
    Invalid,
}

/// What parsing made of a line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Parsed<'a> {
    /// A line with a known prefix.
    Record(Record<'a>),
    /// A line without a known prefix: it belongs to the queue `noprefix`.
    NoPrefix,
    /// A line whose `logprefix` matched without its group: it has no host, and is dropped.
    NoHost,
}

/// The record of a line, given its host and where its message begins.
#[inline(always)]
pub(super) fn record<'a>(line: &'a [u8], (host, start): (&'a [u8], usize)) -> Parsed<'a> {
    let message = Cow::Borrowed(line.get(start..).unwrap_or_default());
    let json = JsonForm::No;
    Parsed::Record(Record {
        host,
        message,
        json,
    })
}
