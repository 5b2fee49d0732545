//! The hashes by which rules are known.

use siphasher::sip::SipHasher13;

/// The key of a rule: of its text, its queue and the length of its periods in days. Nobody but the configuration's
/// author chooses these, so the hash has no secret key: each run and `tenshi trends` make the same hash.
pub fn rule_key(text: &str, queue: &str, unit: u16) -> u64 {
    let whole = format!("{queue}\0{unit}\0{text}");
    SipHasher13::new().hash(whole.as_bytes())
}
