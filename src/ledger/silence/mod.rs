//! Silence: which hosts and files write no more, though they should.
//!
//! Each host and each file has a watch that learns its pauses, and so knows from when on a silence is more
//! than usual. A line that comes is only noted (`table`); what was silent for too long is found by looks at the
//! times that the watches ask for (`check`). Lines about it ([`Line`]) go to a queue. Nothing here reads a clock,
//! a file or the configuration: [`Site`] is all that is known of them.

mod check;
mod expected;
mod leap;
mod pauses;
mod returns;
mod ring;
mod saved;
mod set_clock;
mod site;
mod state;
mod table;
#[cfg(test)]
mod tests;
mod watch;
mod words;

pub use expected::{Expectation, Expected, ExpectedChange, Found, SavedExpected};
pub use saved::{SavedSilence, SilenceChange};
pub use site::{Hush, Mode, Site};
pub use table::{About, Line, Silence};
