//! How the commands that look at rules name them.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use crate::config::diagnostic::shown;
use crate::config::{self, Config, RuleId};
use crate::shown::thousands;

/// Reads a configuration whose rules are to be looked at; its errors go to `err`.
pub(super) fn load(path: &Path, err: &mut dyn Write) -> Option<Arc<Config>> {
    let loaded = config::load(path);
    for error in loaded.diagnostics.iter().filter(|d| d.is_error()) {
        // Nobody listens to a message that cannot be written.
        let _ = writeln!(err, "{error}");
    }
    loaded.config.map(Arc::new)
}

/// A rule as it stands in the configuration, behind its place.
pub(super) fn rule_text(config: &Config, id: RuleId) -> String {
    let Some(rule) = config.rules.get(id.index()) else {
        return "?".into();
    };
    let target = config.target(&rule.action);
    format!("{} {target} {}", rule.place, shown(rule.pattern.source()))
}

/// The exit status of a command that has written all it has to say: `status`, or 2 if that could not be written
/// for another reason than a reader that went away.
pub(super) fn ended(written: io::Result<()>, status: i32, err: &mut dyn Write) -> i32 {
    match written {
        Err(e) if e.kind() != io::ErrorKind::BrokenPipe => {
            let _ = writeln!(err, "tenshi: {e}");
            2
        }
        _ => status,
    }
}

/// A number of lines.
pub(super) fn lines(n: u64) -> String {
    match n {
        1 => "1 line".into(),
        n => format!("{} lines", thousands(n)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_in_words() {
        assert_eq!(
            (lines(1), lines(2000)),
            ("1 line".into(), "2,000 lines".into())
        );
    }
}
