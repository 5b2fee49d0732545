//! The lines about a site of several consoles (`set site`).

use crate::config::{Config, SiteSettings};
use crate::shown::span;

/// The lines about the site, if the configuration has one.
pub(super) fn summary(config: &Config) -> Vec<String> {
    let Some(site) = &config.site else {
        return Vec::new();
    };
    let console = match &site.console {
        Some(console) => format!("console {}", console.as_str()),
        None => "a console named as the machine is".to_owned(),
    };
    let mirror = match site.mirror {
        true => ", whose consoles hear the same hosts",
        false => "",
    };
    let mut lines = vec![format!(
        "{console} of site {}{mirror}, over {}",
        site.name.as_str(),
        site.board
    )];
    if site.wait != SiteSettings::WAIT || site.giveup != SiteSettings::GIVEUP {
        lines.push(format!(
            "other consoles are waited for {}, and given up after {}",
            span(site.wait.as_secs()),
            span(site.giveup.as_secs())
        ));
    }
    lines
}
