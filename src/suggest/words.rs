//! The kinds of words in a message, by what stands behind them.

use super::forms::{is_blank, is_word};
use super::lexicon::{is_code, is_telling};
use super::numbers::{is_hash, is_number};
use super::token::{Kind, is_letters};
use super::tokens::Lexer;

impl Lexer<'_> {
    /// Adds the word of this length.
    pub(super) fn classify(&mut self, length: usize) {
        let (start, end) = (self.at, self.at + length);
        let body = self.body;
        let word = body.get(start..end).unwrap_or_default();
        if let Some(tail) = self.base64_tail(word, end) {
            return self.push(Kind::Value, length + tail);
        }
        if let Some(list) = comma_list(body, start, end) {
            return self.push(Kind::Value, length + list);
        }
        let (next, behind) = (self.byte(end), self.byte(end + 1));
        if next == Some(b'/') && behind.is_some_and(is_word) {
            return self.compound(start, end);
        }
        let begins = word
            .first()
            .is_some_and(|b| b.is_ascii_alphabetic() || *b == b'_' || *b >= 0x80);
        if next == Some(b'=') && behind != Some(b'=') && begins && length <= 40 {
            return self.pair(word, length);
        }
        let kind = self.kind_of(word, next, behind);
        self.push(kind, length);
    }

    fn kind_of(&mut self, word: &[u8], next: Option<u8>, behind: Option<u8>) -> Kind {
        let digit = word.iter().any(u8::is_ascii_digit);
        if digit && (is_number(word) || is_hash(word)) {
            return Kind::Value;
        }
        if self.lexicon.is_text(word) {
            return Kind::Text;
        }
        if !word.is_ascii() {
            return Kind::Word;
        }
        let listed = next == Some(b':') && behind == Some(b' ') && is_letters(word) && {
            let mut before = self.out.iter().rev().map(|t| self.slice(t.range.clone()));
            before.next() == Some(b" ") && before.next() == Some(b",")
        };
        let called = next == Some(b'(')
            && word.contains(&b'_')
            && word.iter().all(|b| is_word(*b))
            && !word.last().is_some_and(u8::is_ascii_digit);
        match () {
            () if listed || called => Kind::Text,
            () if digit || word.contains(&b'.') => Kind::Value,
            () => Kind::Word,
        }
    }

    /// The length of the end of a text in base64 behind a word.
    fn base64_tail(&mut self, word: &[u8], end: usize) -> Option<usize> {
        let body = self.body;
        let rest = body.get(end..).unwrap_or_default();
        if !matches!(rest.first(), Some(b'+' | b'/' | b'=')) {
            return None;
        }
        let signs = rest.iter().take_while(|b| matches!(b, b'+' | b'/')).count();
        let padding = rest.iter().skip(signs).take_while(|b| **b == b'=').count();
        if signs == 0 && padding > 2 {
            return None;
        }
        let ends = rest
            .get(signs + padding)
            .is_none_or(|b| is_blank(*b) || b",;)>]\"'".contains(b));
        let lower = !word.iter().any(u8::is_ascii_uppercase);
        let plain = !word.iter().any(u8::is_ascii_digit) && (lower || self.lexicon.is_text(word));
        (ends && !plain).then_some(signs + padding)
    }

    /// `a/b/c`: one value, unless all parts are text.
    fn compound(&mut self, start: usize, end: usize) {
        let body = self.body;
        let mut to = end;
        while body.get(to) == Some(&b'/') {
            let rest = body.get(to + 1..).unwrap_or_default();
            let run = rest
                .iter()
                .take_while(|b| is_word(**b) || b".+~%-".contains(b))
                .count();
            let Some(last) = rest.iter().take(run).rposition(|b| is_word(*b)) else {
                break;
            };
            to += last + 2;
        }
        let parts: Vec<&[u8]> = self
            .body
            .get(start..to)
            .unwrap_or_default()
            .split(|b| *b == b'/')
            .collect();
        let text = |part: &&[u8]| {
            matches!(part, [one] if one.is_ascii_uppercase()) || self.lexicon.is_text(part)
        };
        if !parts.iter().all(text) {
            return self.push(Kind::Value, to - start);
        }
        for (number, part) in parts.iter().enumerate() {
            if number > 0 {
                self.push(Kind::Sign, 1);
            }
            self.push(Kind::Text, part.len());
        }
    }

    /// `key=value`
    fn pair(&mut self, key: &[u8], length: usize) {
        self.push(Kind::Text, length);
        self.push(Kind::Sign, 1);
        let key = key.to_ascii_lowercase();
        let rest = self.body.get(self.at..).unwrap_or_default();
        let first = rest.first().copied().unwrap_or_default();
        let command = matches!(&*key, b"command" | b"cmd" | b"cmdline" | b"args");
        if command && !matches!(first, b'"' | b'\'') && !rest.contains(&b'=') {
            return self.push_rest();
        }
        if b"\"'<([{".contains(&first) {
            return;
        }
        let run = |ends: &[u8]| {
            rest.iter()
                .take_while(|b| !is_blank(**b) && !ends.contains(b))
                .count()
        };
        let mut length = run(b",;)]}>\"'|");
        let value = rest.get(..length).unwrap_or_default();
        let open = value.contains(&b'[') || value.contains(&b'(');
        if open && matches!(rest.get(length), None | Some(b')' | b']')) {
            length = run(b",;}>\"'|");
        }
        let value = rest.get(..length).unwrap_or_default();
        let kind = match is_telling(&key) && self.is_state_of_key(value) {
            true => Kind::Text,
            false => Kind::Paired,
        };
        self.push(kind, length);
    }

    /// Whether the value of a key that tells kinds apart is such a word.
    fn is_state_of_key(&mut self, value: &[u8]) -> bool {
        let capitals = value.len() >= 2
            && value.first().is_some_and(u8::is_ascii_uppercase)
            && value.iter().all(|b| b.is_ascii_uppercase() || *b == b'_');
        (is_letters(value) && self.lexicon.is_text(value)) || capitals || is_code(value)
    }
}

/// The length of `,b,c` behind the word at `start..end`.
fn comma_list(body: &[u8], start: usize, end: usize) -> Option<usize> {
    let is_listed = |b: &u8| is_word(*b) || b".+@/-".contains(b);
    let mut to = end;
    while body.get(to) == Some(&b',') {
        let rest = body.get(to + 1..).unwrap_or_default();
        let run = rest.iter().take_while(|b| is_listed(b)).count();
        if matches!(rest.get(run), Some(b'=' | b'(')) {
            break;
        }
        let Some(last) = rest.iter().take(run).rposition(|b| is_word(*b)) else {
            break;
        };
        to += last + 2;
    }
    if to == end {
        return None;
    }
    // `1,234` is a number, or two.
    let mut parts = body
        .get(start..to)
        .unwrap_or_default()
        .split(|b| *b == b',');
    let digits = |part: &[u8]| !part.is_empty() && part.iter().all(u8::is_ascii_digit);
    let pair = parts.clone().count() == 2 && parts.all(digits);
    (!pair).then_some(to - end)
}
