//! The end of a command line that asks for nothing to be done.

/// The end of the program before any command: help, the version, or a command line without meaning.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Exit {
    /// The exit status.
    pub status: u8,
    /// The text for the user.
    pub text: String,
    /// Whether the text is an error, and so for standard error.
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
