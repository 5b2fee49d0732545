//! Lines in, due reports out: everything between input and delivery, without either.
//!
//! A [`Monitor`] belongs to the daemon's loop alone. It reads no clock, touches no file and asks no name
//! server: the time comes with each call, and so do the names of hosts. So a test drives years of
//! schedules in a moment.
//!
//! Its methods stand in files by their purpose: `lines` (a line is parsed, decided, masked and counted),
//! `repeat` ("last message repeated 3 times"), `continuation` (lines that belong to the line before), `schedules`
//! (which queues are due), `due` (the reports of a queue), `bundles` (what of a queue is mailed in
//! a storm), `news` (what the ledger makes of new lines), `trends` (how
//! many lines each rule takes), `restore` (its part of a snapshot). The parts that they work on import nothing of it.

mod alarms;
mod bundles;
mod bundling;
mod changes;
mod continuation;
mod continuation_state;
mod continuing;
mod due;
mod elsewhere;
mod escalation;
mod expectations;
mod expecting;
mod heard;
mod lines;
mod loss_warnings;
#[expect(
    clippy::module_inception,
    reason = "the struct that the directory is named for"
)]
mod monitor;
mod news;
mod news_rules;
mod previous;
mod queue_state;
mod quiet;
mod repeat;
mod report_builder;
mod restore;
mod rule_names;
mod saved;
mod saved_continuation;
mod schedules;
mod silence;
mod site;
mod site_reports;
mod trace;
mod trend_rules;
mod trending;
mod trends;
mod watching;
mod window;

pub use alarms::MOST_ALARMS;
pub use changes::MonitorChanges;
pub use due::{DueReports, EscalationSettlement};
pub use escalation::Escalations;
pub use heard::Heard;
pub use monitor::Monitor;
pub use previous::Continues;
pub use saved::{SavedCounter, SavedLast, SavedMonitor, SavedQueue, SavedSource, SourcesChange};
pub use saved_continuation::{
    ContinuedChange, ContinuingChange, HostContinuing, SavedContinued, SavedContinuing,
    SourceContinuing,
};
pub use site_reports::SiteReport;
pub use trend_rules::{Counted, TrendRule, TrendRules};
pub use window::SavedBundles;

#[cfg(test)]
mod tests;
