//! A message becomes tokens, one after the other, each the longest form that begins at its place.

use std::ops::Range;
use std::sync::LazyLock;

use regex::bytes::Regex;

use super::forms::{self, is_blank, is_word};
use super::lexicon::{Lexicon, is_prose, is_state, is_telling};
use super::token::{Kind, Token, is_letters};

/// The greatest number of tokens of a message: what is behind them is one slot.
const MOST_TOKENS: usize = 240;

/// The tokens of a message without its program.
pub fn tokens(body: &[u8], lexicon: &mut Lexicon) -> Vec<Token> {
    let mut lexer = Lexer {
        body,
        at: 0,
        out: Vec::with_capacity(32),
        lexicon,
        key: None,
        has_mail: memchr::memchr(b'@', body).is_some(),
        has_url: memchr::memmem::find(body, b"://").is_some(),
    };
    lexer.run();
    super::context::refine(body, lexer.out)
}

/// A message on its way to tokens.
pub(super) struct Lexer<'a> {
    pub(super) body: &'a [u8],
    pub(super) at: usize,
    pub(super) out: Vec<Token>,
    pub(super) lexicon: &'a mut Lexicon,
    /// The key of JSON that was read last, in lower case.
    key: Option<Vec<u8>>,
    has_mail: bool,
    has_url: bool,
}

impl Lexer<'_> {
    fn run(&mut self) {
        self.kernel_clock();
        while self.at < self.body.len() {
            if self.out.len() > MOST_TOKENS {
                return self.push_rest();
            }
            let _ = self.quote() || self.method() || self.statement() || self.form() || {
                self.word();
                true
            };
        }
    }

    pub(super) fn byte(&self, at: usize) -> Option<u8> {
        self.body.get(at).copied()
    }

    pub(super) fn slice(&self, range: Range<usize>) -> &[u8] {
        self.body.get(range).unwrap_or_default()
    }

    /// Adds a token of the next bytes.
    pub(super) fn push(&mut self, kind: Kind, length: usize) {
        let range = self.at..self.at + length;
        self.at += length;
        self.out.push(Token { kind, range });
    }

    pub(super) fn push_rest(&mut self) {
        self.push(Kind::Phrase, self.body.len() - self.at);
    }

    /// `[   12.345678] `
    fn kernel_clock(&mut self) {
        let rest = self.body;
        if rest.first() != Some(&b'[') {
            return;
        }
        let Some(close) = memchr::memchr(b']', rest) else {
            return;
        };
        let inner = self.slice(1..close).trim_ascii_start();
        let mut parts = inner.splitn(2, |b| *b == b'.');
        let mut number = || matches!(parts.next(), Some(part) if !part.is_empty() && part.iter().all(u8::is_ascii_digit));
        if number() && number() && self.byte(close + 1).is_some_and(is_blank) {
            self.push(Kind::Clock, close + 2);
        }
    }

    /// The place of the quote that closes the one at the lexer's place; a backslash hides one.
    fn closing(&self, quote: u8) -> Option<usize> {
        let close = if quote == b'`' { b'\'' } else { quote };
        let escaped = self.at > 0 && self.byte(self.at - 1) == Some(b'\\');
        let mut from = self.at + 1;
        loop {
            let end = from + memchr::memchr(close, self.body.get(from..)?)?;
            if quote != b'"' || escaped || self.byte(end - 1) != Some(b'\\') {
                return Some(end);
            }
            from = end + 1;
        }
    }

    /// A quote: the token of the sign, and of the whole quoted text where that is one value.
    fn quote(&mut self) -> bool {
        let Some(quote @ (b'"' | b'\'' | b'`')) = self.byte(self.at) else {
            return false;
        };
        let is_alnum = |at: Option<u8>| at.is_some_and(|b| b.is_ascii_alphanumeric() || b >= 0x80);
        let before = self.at.checked_sub(1).and_then(|at| self.byte(at));
        if quote == b'\'' && is_alnum(before) {
            return false;
        }
        let end = self.closing(quote);
        let end = end.filter(|end| quote != b'\'' || !is_alnum(self.byte(end + 1)));
        let taken = end.is_some_and(|end| self.quoted(quote, end));
        if !taken {
            self.push(Kind::Sign, 1);
        }
        true
    }

    /// Takes a quoted text as one token, if it is one.
    fn quoted(&mut self, quote: u8, end: usize) -> bool {
        let body = self.body;
        let inner = body.get(self.at + 1..end).unwrap_or_default();
        let before = body.get(..self.at).unwrap_or_default();
        let before = before.trim_end_with(b' ').last().copied();
        let is_key = |b: &u8| is_word(*b) || matches!(b, b'.' | b'@' | b' ' | b'-');
        if quote == b'"'
            && self.byte(end + 1) == Some(b':')
            && !inner.is_empty()
            && inner.iter().all(is_key)
        {
            self.key = Some(inner.to_ascii_lowercase());
            return self.take_quoted(Kind::Text, inner.len());
        }
        let json = self.key.take();
        let key = match (before, self.out.as_slice()) {
            (Some(b':'), _) if json.is_some() => json,
            (Some(b'='), [.., word, _]) if word.kind == Kind::Text => {
                Some(self.slice(word.range.clone()).to_ascii_lowercase())
            }
            _ => None,
        };
        if let Some(key) = key {
            if is_prose(&key) || inner.len() >= 2000 {
                return false;
            }
            let is_name = |b: &u8| b.is_ascii_alphabetic() || matches!(b, b'_' | b'-');
            let name = (2..=40).contains(&inner.len()) && inner.iter().all(is_name);
            let kind = match is_telling(&key) && name {
                true => Kind::Text,
                false => Kind::Quoted,
            };
            return self.take_quoted(kind, inner.len());
        }
        if is_letters(inner) && is_state(inner) {
            return self.take_quoted(Kind::Text, inner.len());
        }
        let is_name = |b: &u8| is_word(*b) || b".:/@*+-".contains(b);
        inner.iter().all(is_name) && self.take_quoted(Kind::Quoted, inner.len())
    }

    fn take_quoted(&mut self, kind: Kind, length: usize) -> bool {
        self.push(Kind::Sign, 1);
        self.push(kind, length);
        self.push(Kind::Sign, 1);
        true
    }

    /// The method of a request of HTTP, if a path stands behind it.
    fn method(&mut self) -> bool {
        const METHODS: [&[u8]; 11] = [
            b"GET",
            b"POST",
            b"HEAD",
            b"PUT",
            b"DELETE",
            b"OPTIONS",
            b"PATCH",
            b"CONNECT",
            b"PROPFIND",
            b"REPORT",
            b"MKCOL",
        ];
        if !self.byte(self.at).is_some_and(|b| b.is_ascii_uppercase())
            || (self.at > 0
                && self
                    .byte(self.at - 1)
                    .is_some_and(|b| b.is_ascii_alphanumeric()))
        {
            return false;
        }
        let rest = self.body.get(self.at..).unwrap_or_default();
        let found = METHODS.iter().find(|method| {
            let behind = rest
                .strip_prefix(**method)
                .and_then(|r| r.strip_prefix(b" "));
            behind.is_some_and(|r| {
                r.starts_with(b"/") || r.starts_with(b"*") || r.starts_with(b"http")
            })
        });
        found.is_some_and(|method| {
            self.push(Kind::Value, method.len());
            true
        })
    }

    /// A statement of SQL behind `statement:`, `query=` and their like.
    fn statement(&mut self) -> bool {
        static BEFORE: LazyLock<Option<Regex>> = LazyLock::new(|| {
            let pattern =
                r#"(?i-u)(?:statement|query|sql|execute[^:]*|command|stmt)["']?\s*[:=]\s*["']?$"#;
            Regex::new(pattern).ok()
        });
        static VERB: LazyLock<Option<Regex>> = LazyLock::new(|| {
            let pattern = "(?i-u)^(?:SELECT|INSERT INTO|UPDATE|DELETE FROM|BEGIN|COMMIT|ROLLBACK|CREATE|ALTER|DROP|SET|SHOW|\
                           TRUNCATE|COPY|WITH|START TRANSACTION)(?:\\W|$)";
            Regex::new(pattern).ok()
        });
        if !self.byte(self.at).is_some_and(|b| b.is_ascii_uppercase()) || self.at < 4 {
            return false;
        }
        let rest = self.body.get(self.at..).unwrap_or_default();
        let head = rest.get(..rest.len().min(24)).unwrap_or_default();
        let before = self.slice(self.at.saturating_sub(200)..self.at);
        let sign = before.last().copied().unwrap_or_default();
        if !(is_blank(sign) || b":=\"'".contains(&sign))
            || !VERB.as_ref().is_some_and(|verb| verb.is_match(head))
            || !BEFORE.as_ref().is_some_and(|key| key.is_match(before))
        {
            return false;
        }
        let quoted = sign == b'"' || sign == b'\'';
        let end = memchr::memchr(sign, rest).filter(|end| quoted && *end > 0);
        self.push(Kind::Phrase, end.unwrap_or(rest.len()));
        true
    }

    /// A value of a typed form, blanks, or signs.
    fn form(&mut self) -> bool {
        let (body, at) = (self.body, self.at);
        let Some(first) = self.byte(at) else {
            return true;
        };
        if first.is_ascii_digit()
            && let Some(length) = forms::duration(body, at)
        {
            self.push(Kind::Value, length);
            return true;
        }
        let found = forms::time(body, at).map(|n| (Kind::Value, n));
        let found = found.or_else(|| {
            let url = || forms::url(body, at);
            let url = (self.has_url && first.is_ascii_alphabetic()).then(url);
            url.flatten().map(|n| (Kind::Value, n))
        });
        if let Some((kind, length)) = found {
            self.push(kind, length);
            return true;
        }
        if let Some(length) = forms::angles(body, at) {
            self.push(Kind::Sign, 1);
            self.push(Kind::Value, length - 2);
            self.push(Kind::Sign, 1);
            return true;
        }
        if self.has_mail
            && let Some(length) = forms::mail(body, at)
        {
            self.push(Kind::Address, length);
            return true;
        }
        self.number(first) || self.path(first) || self.sign(first)
    }

    /// Identifiers, addresses and other values that begin with a hex digit or a colon.
    fn number(&mut self, first: u8) -> bool {
        let (body, at) = (self.body, self.at);
        if !first.is_ascii_alphanumeric() && first != b':' {
            return false;
        }
        if let Some(length) = forms::uuid(body, at) {
            self.push(Kind::Value, length);
            return true;
        }
        if let Some(length) = forms::hardware(body, at) {
            self.push(Kind::Address, length);
            return true;
        }
        match forms::ipv6(body, at) {
            Some((length, true)) => {
                self.push(Kind::Address, length);
                return true;
            }
            Some((_, false)) => {
                match forms::word(body, at, false) {
                    Some(length) => self.classify(length),
                    None => self.push(Kind::Sign, 1),
                }
                return true;
            }
            None => {}
        }
        if let Some(length) = forms::ipv4(body, at) {
            self.push(Kind::Address, length);
            return true;
        }
        let other = forms::hex(body, at).or_else(|| forms::base64(body, at));
        if let Some(length) = other {
            self.push(Kind::Value, length);
        }
        other.is_some()
    }

    fn path(&mut self, first: u8) -> bool {
        if !matches!(first, b'/' | b'~' | b'.') {
            if !matches!(first, b'+') {
                return false;
            }
            let base64 = forms::base64(self.body, self.at);
            return base64.is_some_and(|length| {
                self.push(Kind::Value, length);
                true
            });
        }
        let found = forms::base64(self.body, self.at).or_else(|| forms::path(self.body, self.at));
        found.is_some_and(|length| {
            self.push(Kind::Value, length);
            true
        })
    }

    /// Blanks, three or more of one sign, or a single sign, unless a word begins here.
    fn sign(&mut self, first: u8) -> bool {
        if forms::word(self.body, self.at, true).is_some() {
            return false;
        }
        let rest = self.body.get(self.at..).unwrap_or_default();
        if is_blank(first) {
            let length = rest.iter().take_while(|b| is_blank(**b)).count();
            self.push(Kind::Sign, length);
            return true;
        }
        let run = rest.iter().take_while(|b| **b == first).count();
        self.push(Kind::Sign, if run >= 3 { run } else { 1 });
        if run >= 3 {
            return true;
        }
        let close = match first {
            b'(' => b')',
            b'[' => b']',
            _ => return true,
        };
        let before = self.out.iter().rev().nth(1);
        let blank = before.is_none_or(|token| self.slice(token.range.clone()) == b" ");
        if self.byte(self.at) == Some(close) && blank {
            self.push(Kind::Value, 0);
        }
        true
    }

    fn word(&mut self) {
        match forms::word(self.body, self.at, true) {
            Some(length) => self.classify(length),
            None => self.push(Kind::Sign, 1),
        }
    }
}

/// Ends of byte strings.
trait TrimEnd {
    /// The text without these bytes at its end.
    fn trim_end_with(&self, byte: u8) -> &[u8];
}

impl TrimEnd for [u8] {
    fn trim_end_with(&self, byte: u8) -> &[u8] {
        let kept = self.iter().rposition(|b| *b != byte).map_or(0, |at| at + 1);
        self.get(..kept).unwrap_or_default()
    }
}
