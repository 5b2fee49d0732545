//! The loop around the monitor: threads, channels, signals.
