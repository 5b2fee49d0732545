//! The words of the language that are no settings.

/// The words that a rule may begin with without any definition.
pub const BUILT_IN: [&str; 4] = ["trash", "repeat", "group", "group_host"];

/// The words that a line may begin with where no queue is meant.
pub(super) const FIRST_WORDS: [&str; 10] = [
    "continue",
    "expect",
    "trash",
    "repeat",
    "group",
    "group_host",
    "group_end",
    "include",
    "includedir",
    "set",
];
