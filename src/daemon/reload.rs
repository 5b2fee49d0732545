//! The reload (`SIGHUP`): everything is mailed, then the configuration is read again.

use std::sync::Arc;

use super::event_loop::Daemon;
use super::sending::QUEUE;
use super::start;
use crate::clock::Time;
use crate::config;
use crate::delivery::ARCHIVE;
use crate::host_system;
use crate::input::Drain;
use crate::process::service;
use crate::report::Status;
use crate::shown::shown_path;

impl Daemon {
    /// Flushes, and goes on under the new configuration if it is good in every way; else under the
    /// old one, whole.
    pub(super) fn reload(&mut self, now: Time) {
        service::reloading();
        self.flush(now, Status::Reloading);
        match self.new_config() {
            Ok(new) => {
                log::info!("{} read again", shown_path(&self.config_file));
                for name in config::deferred_changes(self.monitor.config(), &new) {
                    log::warn!("the change of `{name}` takes effect at the next start");
                }
                // The addresses may be others now.
                self.faults.retain(|name, _| !name.starts_with(QUEUE));
                self.blind.retain(|name| !name.starts_with(QUEUE));
                self.reload_inputs(&new);
                self.resolver = start::resolver(&new);
                let identity = self.identity.clone();
                self.outputs = start::outputs(&new, identity, self.print, &self.archive);
                if new.state.archive.is_none() && self.faults.contains_key(ARCHIVE) {
                    self.health(ARCHIVE.to_owned(), None);
                }
                self.outbox.settings_changed(now);
                self.take_learnt(&new, now);
                self.monitor.reconfigure(Arc::new(new), now);
                self.site_reloaded();
                self.plan_ping(now);
                self.plan();
            }
            Err(faults) => {
                for fault in faults {
                    log::error!("{fault}");
                }
                log::error!(
                    "{}: going on with the old configuration",
                    shown_path(&self.config_file)
                );
            }
        }
        service::ready();
    }

    fn reload_inputs(&mut self, new: &config::Config) {
        let (ended, faults) = self.inputs.reload(new);
        // A thread that is gone will not answer any more.
        if ended && self.requests.drains_awaited > 0 {
            self.requests.drains_awaited = self.inputs.drain(Drain::All);
        }
        for fault in faults {
            log::error!("the log files are not read: {fault}");
        }
    }

    fn new_config(&self) -> Result<config::Config, Vec<String>> {
        let mut loaded = config::load_from(&self.monitor.config().directory, &self.config_file);
        host_system::check(&mut loaded);
        let Some(new) = loaded.config else {
            let errors = loaded.diagnostics.iter().filter(|d| d.is_error());
            return Err(errors.map(ToString::to_string).collect());
        };
        let changed = config::static_changes(self.monitor.config(), &new);
        if !changed.is_empty() {
            let describe = |name: &&str| {
                format!("the change of `{name}` needs a restart of tenshi to take effect")
            };
            return Err(changed.iter().map(describe).collect());
        }
        let faults = start::faults(&new);
        if faults.is_empty() {
            Ok(new)
        } else {
            Err(faults)
        }
    }
}
