//! Whether lines may belong to lines before: looked up once, not for each line.

use crate::config::{Action, Config};

/// The kinds of continuation lines that a configuration knows.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Continuing {
    /// Whether there are any.
    pub on: bool,
    /// Whether any rule is a `continue`.
    pub rules: bool,
}

impl Continuing {
    pub(super) fn new(config: &Config) -> Self {
        let mut rules = config.rules.iter();
        Self {
            on: config.continues(),
            rules: rules.any(|rule| rule.action == Action::Continue),
        }
    }
}
