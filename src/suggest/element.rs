//! The elements of a kind of message: words of text, signs, and slots. Words are numbered in their order, so
//! that equal logs give equal numbers.

use crate::hash::Map;

use super::forms::is_blank;
use super::lexicon::{
    has_ending, is_detected, is_enumerated, is_level, is_prose, is_shout, is_small, is_state,
    is_tcp_flag, is_telling,
};
use super::token::Kind;

/// The number of a word, or of an optional piece.
pub type Number = u32;

/// An element of a kind's key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Element {
    /// A word of text.
    Word(Number),
    /// One sign.
    Sign(u8),
    /// Three or more of one sign.
    Signs(u8),
    /// One blank or more.
    Blank,
    /// A value.
    Slot,
    /// The clock of the kernel.
    Clock,
    /// Whatever stands before this closing sign of brackets or quotes.
    Block(u8),
    /// Pairs of key and value.
    Pairs,
    /// Several words that are a value.
    Phrase,
    /// A piece that may be there.
    Optional(Number),
}

/// What all messages of a kind have in common.
pub type Key = Vec<Element>;

impl Element {
    /// The closing sign, if this is a sign that opens brackets or quotes.
    pub fn closing(self) -> Option<u8> {
        match self {
            Self::Sign(b'(') => Some(b')'),
            Self::Sign(b'[') => Some(b']'),
            Self::Sign(b'{') => Some(b'}'),
            Self::Sign(b'<') => Some(b'>'),
            Self::Sign(b'"') => Some(b'"'),
            Self::Sign(b'\'' | b'`') => Some(b'\''),
            _ => None,
        }
    }

    /// Whether this holds a value.
    pub fn is_value(self) -> bool {
        matches!(self, Self::Slot | Self::Block(_) | Self::Pairs)
    }

    /// Whether this is a sign or blanks.
    pub fn is_sign(self) -> bool {
        matches!(self, Self::Sign(_) | Self::Signs(_) | Self::Blank)
    }

    /// Whether this is a word.
    pub fn is_word(self) -> bool {
        matches!(self, Self::Word(_))
    }
}

/// Appends the element of a token to a key that is kept as bytes while lines are read.
pub fn encode(kind: Kind, text: &[u8], key: &mut Vec<u8>) {
    match (kind, text) {
        (Kind::Text, _) => {
            key.push(b'w');
            key.extend_from_slice(text);
            key.push(0);
        }
        (Kind::Sign, [first, ..]) if is_blank(*first) => key.push(b' '),
        (Kind::Sign, [one]) => key.extend_from_slice(&[b'd', *one]),
        (Kind::Sign, [first, ..]) => key.extend_from_slice(&[b'r', *first]),
        (Kind::Clock, _) => key.push(b'K'),
        (Kind::Phrase, _) => key.push(b'p'),
        (Kind::Quoted, _) => key.push(b'q'),
        _ => key.push(b's'),
    }
}

/// The elements of a key of bytes; words are numbered by `words`.
pub fn decode(mut key: &[u8], words: &mut Words) -> Key {
    let mut elements = Key::new();
    while let Some((tag, rest)) = key.split_first() {
        key = rest;
        let mut next = || match key.split_first() {
            Some((byte, rest)) => {
                key = rest;
                *byte
            }
            None => 0,
        };
        elements.push(match tag {
            b'w' => {
                let end = memchr::memchr(0, key).unwrap_or(key.len());
                let (word, rest) = (&key[..end], key.get(end + 1..).unwrap_or_default());
                let number = words.number(word);
                key = rest;
                Element::Word(number)
            }
            b' ' => Element::Blank,
            b'd' => Element::Sign(next()),
            b'r' => Element::Signs(next()),
            b'K' => Element::Clock,
            b'p' => Element::Phrase,
            b'q' => Element::Block(b'"'),
            _ => Element::Slot,
        });
    }
    elements
}

/// The words of a key of bytes.
pub fn words_of(key: &[u8]) -> impl Iterator<Item = Vec<u8>> + '_ {
    let mut words = Words::default();
    let key = decode(key, &mut words);
    drop(key);
    words.texts.into_iter().map(|word| word.text)
}

/// What is known of a word.
#[derive(Debug)]
pub struct Word {
    /// The word as it is written.
    pub text: Vec<u8>,
    /// The word in lower case.
    pub lower: Vec<u8>,
    /// It says what happened.
    pub state: bool,
    /// It ends as English words do.
    pub ending: bool,
    /// It is the level of a message.
    pub level: bool,
    /// It is a state in capitals.
    pub shout: bool,
    /// It is one of an enumeration.
    pub enumerated: bool,
    /// It is a key whose value tells kinds apart.
    pub telling: bool,
    /// It is a key whose value is text.
    pub prose: bool,
    /// It is a key whose value names what was detected.
    pub detected: bool,
    /// It says nothing by itself.
    pub small: bool,
    /// It is a flag of TCP.
    pub flag: bool,
}

impl Word {
    fn new(text: &[u8]) -> Self {
        let lower = text.to_ascii_lowercase();
        Self {
            state: is_state(text),
            ending: has_ending(&lower),
            level: is_level(text),
            shout: is_shout(text),
            enumerated: is_enumerated(&lower),
            telling: is_telling(&lower),
            prose: is_prose(&lower),
            detected: is_detected(&lower),
            small: is_small(&lower),
            flag: is_tcp_flag(text),
            text: text.into(),
            lower,
        }
    }

    /// Whether the word is in capitals.
    pub fn is_capitals(&self) -> bool {
        self.text.iter().any(u8::is_ascii_uppercase)
            && !self.text.iter().any(u8::is_ascii_lowercase)
    }
}

/// The words of all kinds, by their numbers.
#[derive(Debug, Default)]
pub struct Words {
    texts: Vec<Word>,
    numbers: Map<Vec<u8>, Number>,
}

impl Words {
    /// The number of a word; a new word gets the next one.
    pub fn number(&mut self, word: &[u8]) -> Number {
        if let Some(&number) = self.numbers.get(word) {
            return number;
        }
        let number = Number::try_from(self.texts.len()).unwrap_or(Number::MAX);
        self.texts.push(Word::new(word));
        self.numbers.insert(word.into(), number);
        number
    }

    /// The word of a number that this table gave.
    pub fn get(&self, number: Number) -> &Word {
        &self.texts[number as usize]
    }

    /// The word that an element is.
    pub fn word(&self, element: Element) -> Option<&Word> {
        match element {
            Element::Word(number) => Some(self.get(number)),
            _ => None,
        }
    }

    /// The number of words of a piece of a key that say something: no levels.
    pub fn telling(&self, key: &[Element]) -> usize {
        let words = key.iter().filter_map(|e| self.word(*e));
        words.filter(|word| !word.level).count()
    }

    /// The number of words of a piece of a key that say something, without the keys of pairs.
    pub fn told(&self, key: &[Element]) -> usize {
        let said = |(at, element): (usize, &Element)| {
            let word = self.word(*element).is_some_and(|word| !word.level);
            word && key.get(at + 1) != Some(&Element::Sign(b'='))
        };
        key.iter().enumerate().filter(|e| said(*e)).count()
    }
}
