//! What `tenshi learn` hands over: taken in at the start, and at a `SIGHUP`.

use super::event_loop::Daemon;
use crate::clock::Time;
use crate::config::Config;
use crate::shown::shown_path;
use crate::state::Learnt;

impl Daemon {
    /// Takes in what was learnt of old logs, if there is something and the configuration wants news.
    pub(super) fn take_learnt(&mut self, config: &Config, now: Time) {
        let Some(store) = self.commits.store.as_ref().filter(|_| config.news.is_on()) else {
            return;
        };
        let (learnt, next) = (Learnt::of(store.directory()), store.next_number());
        let taken = match learnt.read() {
            Ok(None) => return,
            Ok(Some(news)) => {
                let path = shown_path(&learnt.path()).to_string();
                let taken = self.monitor.learn(news, now);
                taken.map_err(|fault| format!("{path}: {fault}"))
            }
            Err(fault) => Err(fault),
        };
        match taken {
            Ok(()) => {
                let news = &self.monitor.ledger().news;
                log::info!(
                    "old logs are learnt: {} kinds of lines, {} hosts",
                    news.kinds().count(),
                    news.hosts().count()
                );
                self.commits.learnt = Some((next, learnt));
                self.commits.urgent();
            }
            Err(fault) => log::error!("{fault}; nothing of it is learnt"),
        }
    }
}
