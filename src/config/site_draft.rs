//! The settings of a site while they are read, and how the settings of two configurations differ.

use std::time::Duration;

use super::model::{BoardAddress, Config, ConsoleName, SiteName, SiteSettings};
use super::reporter::Location;

/// [`SiteSettings`] while the site is not known.
#[derive(Debug)]
pub(super) struct SiteDraft {
    /// `set site`: the name, the board, whether `mirror` is there, and where that is written.
    pub(super) site: Option<(SiteName, BoardAddress, bool, Location)>,
    /// `set site_wait`.
    pub(super) wait: Duration,
    /// `set site_giveup`.
    pub(super) giveup: Duration,
    /// `set site_console`.
    pub(super) console: Option<ConsoleName>,
}

impl Default for SiteDraft {
    fn default() -> Self {
        Self {
            site: None,
            wait: SiteSettings::WAIT,
            giveup: SiteSettings::GIVEUP,
            console: None,
        }
    }
}

impl SiteDraft {
    /// The settings, if there is a site.
    pub(super) fn finish(self) -> Option<SiteSettings> {
        let (name, board, mirror, _) = self.site?;
        Some(SiteSettings {
            name,
            board,
            mirror,
            wait: self.wait,
            giveup: self.giveup,
            console: self.console,
        })
    }
}

/// Whether two configurations differ in `set site`.
pub(super) fn board(old: &Config, new: &Config) -> bool {
    let of = |site: &SiteSettings| (site.name.clone(), site.board.clone(), site.mirror);
    old.site.as_ref().map(of) != new.site.as_ref().map(of)
}

/// Whether two configurations of a site differ in `set site_console`.
pub(super) fn console(old: &Config, new: &Config) -> bool {
    let both = old.site.as_ref().zip(new.site.as_ref());
    both.is_some_and(|(old, new)| old.console != new.console)
}
