//! The end of a command line that asks for nothing to be done.

/// Why there is nothing to do: help, the version, or a command line without meaning.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Exit {
    /// The exit status.
    pub status: u8,
    /// What to say.
    pub text: String,
    /// Whether it is an error, for standard error.
    pub error: bool,
}

/// A command line without meaning.
pub(super) fn wrong(text: &str) -> Exit {
    Exit {
        status: 2,
        text: format!("tenshi: {text}\n"),
        error: true,
    }
}
