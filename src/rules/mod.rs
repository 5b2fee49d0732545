//! The ordered rules.
