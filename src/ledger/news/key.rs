//! The hashes by which rules, hosts and kinds are known over years.

use siphasher::sip::SipHasher13;

use crate::hash::random;

/// The keyed hash of a ledger. The key is made with the ledger and kept with it.
#[derive(Clone, Copy, Debug)]
pub struct Keyed(SipHasher13);

impl Keyed {
    /// The hash of this key.
    pub fn new([first, second]: [u64; 2]) -> Self {
        Self(SipHasher13::new_with_keys(first, second))
    }

    /// A key that nobody knows.
    pub fn random_key() -> [u64; 2] {
        [random() | 1, random()]
    }

    /// The hash of a text.
    pub fn of(&self, text: &[u8]) -> u64 {
        self.0.hash(text)
    }
}

/// The hash of a pair that has these hashes.
pub fn joined(one: u64, other: u64) -> u64 {
    let wide = u128::from(one ^ other.rotate_left(32)) * 0x9e37_79b9_7f4a_7c15;
    (wide >> 64) as u64 ^ wide as u64
}
