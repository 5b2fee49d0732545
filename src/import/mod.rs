//! Rules of other programs, read from the machine's own files and written as rules of ours.

mod convert;
mod ere;
mod logcheck;

pub use logcheck::{HEADER, Import, Imported, Kind, Refused};
