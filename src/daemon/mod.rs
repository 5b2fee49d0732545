//! The daemon: the loop around the monitor, with its threads, channels and signals.
//!
//! The loop alone owns the counts and the outbox (`event_loop`). Readers, the mail workers, the
//! writer of snapshots and the signal thread hand it messages over one bounded channel
//! (`messages`); nothing that can block runs in it. Each other file is one concern of the loop:
//!
//! - `start`: from the command line to the running loop; `reload`: `SIGHUP`;
//! - `inputs`: the threads that lines come from; `batch`: counting what they read;
//! - `learnt`: what `tenshi learn` hands over;
//! - `requests`: signals, and what they ask for;
//! - `reports`: from queues to the outbox; `sending`: from the outbox to the workers and back;
//! - `commits` and `snapshots`: when the state is written, and which mails wait for it; `kept`: what of it
//!   is on disk; `changes`: what is new;
//! - `heartbeat`, `service_status`, `watchdog`: signs of life for `tenshi status` and the service manager;
//! - `set_clock`: a clock that was set back;
//! - `health_ping` and `pings`: the program of `set heartbeat`, while all is well;
//! - `site`: this console of several (`set site`); `rounds`: its visits to the board; `site_words`: what its letters say; `alarms`:
//!   what other consoles have mailed at once;
//! - `ending` and `shutdown`: the end of a run.

mod alarms;
mod batch;
mod changes;
mod commits;
mod ending;
mod event_loop;
mod health_ping;
mod heartbeat;
mod inputs;
mod kept;
mod learnt;
mod messages;
mod pings;
mod reload;
mod reports;
mod requests;
mod rounds;
mod sending;
mod service_status;
mod set_clock;
mod shutdown;
mod site;
mod site_words;
mod snapshots;
mod start;
#[cfg(test)]
mod tests;
mod watchdog;

pub use start::{hostname, run, without_logs};
