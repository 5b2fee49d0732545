//! Sections: named parts of a snapshot or of a record.

use std::collections::HashMap;

use serde::Serialize;

/// Contents that are written as sections, each with its name and its length in front: a section that
/// is added later, or left out, does not move the others.
///
/// ```text
/// length of the name (u8)  name  length of the body (u64)  body (postcard)
/// ```
///
/// The fields within a section have no names (postcard). A type whose fields change gets a section
/// of another name, and the old one a reader; what an older program must not pass over takes a new
/// version.
pub trait Sections {
    /// Appends the sections to `out`.
    ///
    /// # Errors
    /// A value has no form in postcard.
    fn write(&self, out: Vec<u8>) -> Result<Vec<u8>, String>;
}

/// Appends a section.
pub(super) fn section(
    mut out: Vec<u8>,
    name: &str,
    body: &impl Serialize,
) -> Result<Vec<u8>, String> {
    out.push(u8::try_from(name.len()).map_err(|e| e.to_string())?);
    out.extend_from_slice(name.as_bytes());
    let length = out.len();
    out.extend_from_slice(&[0; 8]);
    let begin = out.len();
    let mut out = postcard::to_extend(body, out).map_err(|e| format!("{name}: {e}"))?;
    let written = (out.len() - begin) as u64;
    if let Some(place) = out.get_mut(length..begin) {
        place.copy_from_slice(&written.to_le_bytes());
    }
    Ok(out)
}

/// The name and the body of the first section, and the bytes after it.
pub(super) fn next_section(bytes: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let (length, rest) = bytes.split_first()?;
    let (name, rest) = rest.split_at_checked(usize::from(*length))?;
    let (length, rest) = rest.split_first_chunk::<8>()?;
    let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
    let (body, rest) = rest.split_at_checked(length)?;
    Some((name, body, rest))
}

/// The sections of few bytes as the last commit wrote them: the next one writes those that differ.
#[derive(Debug, Default)]
pub struct Unchanged(HashMap<&'static str, Vec<u8>>);

impl Unchanged {
    /// The section of this name, if it is not as the last commit wrote it.
    pub fn changed<'a, T: Serialize>(&self, name: &str, section: &'a T) -> Option<&'a T> {
        let same = postcard::to_stdvec(section).is_ok_and(|now| self.0.get(name) == Some(&now));
        (!same).then_some(section)
    }

    /// Notes that a commit holds the section of this name as it is.
    pub fn committed(&mut self, name: &'static str, section: &impl Serialize) {
        match postcard::to_stdvec(section) {
            Ok(now) => self.0.insert(name, now),
            Err(_) => self.0.remove(name),
        };
    }
}
