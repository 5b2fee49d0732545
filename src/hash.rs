//! The hash maps of the hot path: one for keys that a stranger can choose, one for our own; and hashes that several
//! rooms need.

use std::hash::{BuildHasher, Hasher, RandomState};

use rustc_hash::FxBuildHasher;
use siphasher::sip::SipHasher13;

use crate::simd::{first_and_last, first_eight};

/// A hash map for keys that come from log lines. It is fast on short byte strings, looks a borrowed
/// key up, and is keyed anew in each process, so that no log line can be made to collide.
pub type Map<K, V> = hashbrown::HashMap<K, V, ahash::RandomState>;

/// A hash map for keys that only the configuration makes: no log line can add one, so they need no
/// protection, and the hash of a short key takes a few instructions.
pub type FxHashMap<K, V> = hashbrown::HashMap<K, V, FxBuildHasher>;

/// Random bits, out of the random numbers of the system.
pub fn random() -> u64 {
    // What this makes has keys of its own.
    RandomState::new().build_hasher().finish()
}

/// A hash of texts in their order, which depends on no machine and no run.
pub fn of_texts<'a>(texts: impl IntoIterator<Item = &'a [u8]>) -> u64 {
    let mut hasher = SipHasher13::new();
    for text in texts {
        hasher.write_u64(text.len() as u64);
        hasher.write(text);
    }
    hasher.finish()
}

/// A hash of the length, the first eight and the last eight bytes of a string. Strings that differ in
/// between share it: it is for caches, where a collision costs only time.
#[inline]
pub fn hash_of_ends(bytes: &[u8]) -> u32 {
    let ends = match first_and_last(bytes) {
        Some([first, last]) => first.rotate_left(23) ^ last,
        None => first_eight(bytes, bytes),
    };
    let mixed = (ends ^ bytes.len() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 32) as u32
}
