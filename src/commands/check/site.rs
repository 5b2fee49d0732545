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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse_bytes;

    #[test]
    fn a_site_is_told_with_its_board_and_no_password() {
        let of = |text: &str| {
            let text = format!("set mailserver h\n{text}");
            summary(&parse_bytes(text.as_bytes()).config.unwrap())
        };
        assert!(of("").is_empty());
        let told = of("set site naoj redis://me:secret@board:1/2\nset site_console east\n");
        assert_eq!(told, ["console east of site naoj, over board:1"]);
        let told = of("set site s file:///srv/board mirror\nset site_wait 5m\n");
        let want = [
            "a console named as the machine is of site s, whose consoles hear the same hosts, over /srv/board",
            "other consoles are waited for 5 min, and given up after 1 d 0 h",
        ];
        assert_eq!(told, want);
    }
}
