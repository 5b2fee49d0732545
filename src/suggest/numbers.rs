//! Numbers with their units, and hashes.

use super::forms::{Reader, is_hex};

/// The units that stand right behind a number.
const UNITS: &str =
    "ms us ns s m h d min k K M G T B byte bytes kHz MHz GHz Hz x th st nd rd px pt V C F bit bits";

/// Whether a whole word is a number, with a unit or without.
pub fn is_number(word: &[u8]) -> bool {
    let mut r = Reader::new(word, 0);
    r.may(b"-+");
    if r.run(1, usize::MAX, |b| b.is_ascii_digit()).is_none() {
        return false;
    }
    loop {
        let end = r.at;
        r.optional(|r| {
            r.one(b".,:")?;
            r.run(1, usize::MAX, |b| b.is_ascii_digit()).map(|_| ())
        });
        if r.at == end {
            break;
        }
    }
    let unit = word.get(r.at..).unwrap_or_default();
    let listed = UNITS.split(' ').any(|one| one.as_bytes() == unit);
    unit.is_empty() || listed || is_size(unit)
}

/// `kB`, `MiB`, `Gb/s` and their like.
fn is_size(unit: &[u8]) -> bool {
    let mut r = Reader::new(unit, 0);
    r.one(b"kKMGT").is_some()
        && {
            r.may(b"i");
            r.one(b"bB").is_some()
        }
        && matches!(unit.get(r.at..), Some(b"" | b"/s"))
}

/// Whether a whole word is a hash: four or more hex digits of one case, letters and digits among them.
pub fn is_hash(word: &[u8]) -> bool {
    let lower = word.iter().all(|b| is_hex(*b) && !b.is_ascii_uppercase());
    let upper = word.iter().all(|b| is_hex(*b) && !b.is_ascii_lowercase());
    word.len() >= 4
        && (lower || upper)
        && word.iter().any(u8::is_ascii_digit)
        && word.iter().any(u8::is_ascii_alphabetic)
}
