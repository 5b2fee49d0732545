//! The snapshot: everything that outlives the process, all or nothing.
