//! A token of a message: text of the program, a sign, or a slot, which holds a value.

use std::ops::Range;

/// A kind of token.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A word of the program's text.
    Text,
    /// A sign, a run of three or more of one sign, or blanks.
    Sign,
    /// The clock of the kernel in front of a message.
    Clock,
    /// Several words that are one value.
    Phrase,
    /// A value between quotes.
    Quoted,
    /// The value behind `key=`.
    Paired,
    /// A word that is a value: its letters alone say nothing.
    Word,
    /// The name of a user.
    User,
    /// An address of the network, or of mail.
    Address,
    /// A value of another form.
    Value,
}

impl Kind {
    /// Whether the token holds a value.
    pub fn is_slot(self) -> bool {
        !matches!(self, Self::Text | Self::Sign)
    }
}

/// A token: the kind, and where its text stands. The texts of all tokens, one behind the other, are the message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Token {
    /// What it is.
    pub kind: Kind,
    /// Where its text stands in the message; may be empty.
    pub range: Range<usize>,
}

/// Whether all bytes are letters, and there is one.
pub fn is_letters(word: &[u8]) -> bool {
    !word.is_empty() && word.iter().all(|b| b.is_ascii_alphabetic() || *b >= 0x80)
}
