//! Prefixes: from a raw line to host and message.
