//! The maps of the hot path.

use std::hash::{BuildHasherDefault, Hasher};

/// A hash map that is fast on short byte strings, takes a borrowed key where it must own one only
/// if it is new, and is keyed anew in each process, so that no log line can be made to collide.
pub type Map<K, V> = hashbrown::HashMap<K, V, ahash::RandomState>;

/// The same for keys that only the configuration makes: no log line can add one, so they need no
/// protection, and short keys are found in a few steps.
pub type OwnMap<K, V> = hashbrown::HashMap<K, V, BuildHasherDefault<OwnHasher>>;

/// A multiplication and a rotation for each eight bytes (the hash of Firefox and rustc).
#[derive(Clone, Copy, Debug, Default)]
pub struct OwnHasher(u64);

impl OwnHasher {
    fn add(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95);
    }
}

impl Hasher for OwnHasher {
    fn write(&mut self, bytes: &[u8]) {
        let mut chunks = bytes.chunks_exact(8);
        for chunk in &mut chunks {
            self.add(chunk.try_into().map_or(0, u64::from_le_bytes));
        }
        let rest = chunks.remainder();
        if !rest.is_empty() {
            let mut last = [0; 8];
            last[..rest.len()].copy_from_slice(rest);
            self.add(u64::from_le_bytes(last));
        }
    }

    fn write_u32(&mut self, number: u32) {
        self.add(u64::from(number));
    }

    fn write_u64(&mut self, number: u64) {
        self.add(number);
    }

    fn write_usize(&mut self, number: usize) {
        self.add(number as u64);
    }

    fn finish(&self) -> u64 {
        // The table looks at the highest bits and the lowest.
        self.0.rotate_left(26)
    }
}
