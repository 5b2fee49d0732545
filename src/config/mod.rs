//! The configuration: from the bytes of `tenshi.conf` to a [`Config`].

pub mod diagnostic;
pub mod model;

pub use diagnostic::Place;
pub use model::*;
