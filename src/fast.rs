//! The maps of the hot path.

/// A hash map that is fast on short byte strings, takes a borrowed key where it must own one only
/// if it is new, and is keyed anew in each process, so that no log line can be made to collide.
pub type Map<K, V> = hashbrown::HashMap<K, V, ahash::RandomState>;
