//! A group with its pattern.

use super::element::Key;
use super::group::Group;
use super::head::Head;
use super::kinds::Tables;
use super::pattern::{self, Keep, Written};
use crate::pattern::Pattern;

/// A group with its pattern.
pub(super) struct Proven {
    pub(super) key: Key,
    pub(super) group: Group,
    pub(super) written: Written,
    /// The whole pattern.
    pub(super) source: Vec<u8>,
    pub(super) compiled: Pattern,
}

/// Writes the whole pattern of a group.
pub(super) fn written(
    head: &Head,
    key: Key,
    group: Group,
    tables: &Tables,
    keep: Keep,
    users: &[bool],
) -> Option<Proven> {
    let is_user = |at: usize| users.get(at).copied().unwrap_or(false);
    let written = pattern::write(&key, &group, &is_user, tables, keep);
    let end: &[u8] = if group.trailing { b"\\s*$" } else { b"$" };
    let source = [b"^", &pattern::head(head, true)[..], &written.body, end].concat();
    let compiled = Pattern::compile(&source).ok()?;
    Some(Proven {
        key,
        group,
        written,
        source,
        compiled,
    })
}
