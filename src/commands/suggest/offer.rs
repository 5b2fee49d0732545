//! The rule files that come with tenshi and fit the logs of a review.

use std::path::{Path, PathBuf};

use super::screen::Offer;
use crate::cli::SuggestArgs;
use crate::commands::packs::{self, Site};
use crate::config::Config;
use crate::packs::Packs;
use crate::shown::shown_path;
use crate::suggest::print::number;

/// The rule files that may be offered, before any line is counted.
pub(super) fn packs(args: &SuggestArgs, site: &Site<'_>, config: &Config) -> Option<Packs> {
    let directory = args.from.clone().unwrap_or_else(packs::installed);
    let (mut packs, _) = Packs::read(&directory, config).ok()?;
    packs.retain(|pack| !site.uses(pack));
    Some(packs)
}

/// The rule files as they are offered.
pub(super) fn offer(packs: &Packs, site: &Site<'_>, files: &[PathBuf]) -> Offer {
    let fits = packs.fitting();
    let fits = fits.iter().filter(|fit| fit.added > 0);
    let hindrance = match site.directory() {
        Err(why) => Some(why),
        Ok(_) if files.iter().any(|file| file == Path::new("-")) => Some(
            "the standard input cannot be read again: leave, and run tenshi packs --link".into(),
        ),
        Ok(_) => None,
    };
    Offer {
        files: fits.map(|fit| (packs::name(fit.pack), fit.added)).collect(),
        lines: packs.together(),
        hindrance,
    }
}

/// Links the rule files that fit, and tells what came of it.
pub(super) fn link(packs: &Packs, site: &Site<'_>) -> String {
    let directory = match site.directory() {
        Ok(directory) => directory,
        Err(why) => return why,
    };
    let (mut linked, mut faults) = (0, String::new());
    for pack in packs::fitting(packs).0 {
        match site.link_one(pack, directory) {
            Ok(_) => linked += 1,
            Err(why) => faults += &format!("; not {}: {why}", packs::name(pack)),
        }
    }
    let linked = number(linked, "rule file");
    format!("{linked} linked into {}{faults}", shown_path(directory))
}
