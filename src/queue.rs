//! Counts of lines, a queue and host.
