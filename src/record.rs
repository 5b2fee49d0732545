//! Prefixes: from a raw line to its host and message.
//!
//! The traditional prefix is tried first, then each `logprefix` in its order, and the RFC 3339 prefix last,
//! so that no line that the original understood is read in another way. Where the configuration names devices
//! (`set logprefix cisco`), the heads that they write in front of their messages are taken off, too.

mod built_in;
mod describe;
pub mod forms;
mod json;
mod logprefix;
mod named;
mod parse;
mod parsed;
pub mod rfc5424;
mod text;

pub use built_in::{built_in, is_traditional};
pub use describe::{PrefixKind, prefix_kind};
pub use named::drops_structured;
pub use parse::parse;
pub use parsed::{JsonForm, Parsed, Record, UNPREFIXED};
pub use text::{MessageShape, MessageText};

#[cfg(test)]
mod tests;
