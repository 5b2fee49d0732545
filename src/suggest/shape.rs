//! A pattern in pieces: words and masks, each of which a person may make narrower or wider; and what two patterns
//! have in common.

use std::collections::BTreeMap;

use super::pattern::{escape, escape_in_class};
use crate::pattern::{Found, Pattern, Spans};

/// The most values that a mask names one by one.
const NAMED: usize = 8;

/// What a piece of a pattern is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A word that is text.
    Word,
    /// A group that stands for a value, which reports hide.
    Mask,
    /// A group that stands for a value, which reports show.
    Visible,
    /// Signs, blanks, and all that is not made narrower or wider.
    Other,
}

/// A piece of a pattern.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Piece {
    /// Its text in the pattern.
    pub source: Vec<u8>,
    /// What it is.
    pub kind: Kind,
}

/// A pattern in pieces, none of its bytes left out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Shape {
    pieces: Vec<Piece>,
    /// The first piece behind the name of the program.
    body: usize,
}

/// The values of a piece, and the lines of each; those with most lines first.
pub type Values = Vec<(Vec<u8>, u64)>;

/// A text that a rule takes, and its number of lines.
pub type Message = (Box<[u8]>, u64);

impl Shape {
    /// Reads a pattern. `program`: the name of a program stands in front.
    pub fn new(pattern: &[u8], program: bool) -> Self {
        let mut pieces = Vec::new();
        let mut rest = pattern;
        while !rest.is_empty() {
            let (kind, length) = first_piece(rest);
            let length = length.clamp(1, rest.len());
            pieces.push(Piece {
                source: rest.get(..length).unwrap_or_default().to_vec(),
                kind,
            });
            rest = rest.get(length..).unwrap_or_default();
        }
        let colon = pieces.iter().position(|piece| piece.source == b":");
        let body = match colon {
            Some(at) if program => at + 1,
            _ => 0,
        };
        Self { pieces, body }
    }

    /// The pieces.
    pub fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// The pieces behind the name of the program and the blank after it.
    pub fn body(&self) -> &[Piece] {
        let body = self.pieces.get(self.body..).unwrap_or_default();
        match body {
            [blank, rest @ ..] if self.body > 0 && blank.source == b" " => rest,
            body => body,
        }
    }

    /// The places of the pieces that can be made narrower or wider.
    pub fn stops(&self) -> Vec<usize> {
        let may_change = |at: &usize| self.pieces[*at].kind != Kind::Other;
        (self.body..self.pieces.len()).filter(may_change).collect()
    }

    /// The pattern with other text in the place of a piece.
    pub fn with(&self, at: usize, source: &[u8]) -> Vec<u8> {
        let pieces = self.pieces.iter().enumerate();
        let texts = pieces.map(|(n, piece)| if n == at { source } else { &piece.source });
        texts.collect::<Vec<_>>().concat()
    }

    /// What stands in the place of a piece in these messages.
    pub fn values(&self, at: usize, messages: &[Message]) -> Values {
        let Some(piece) = self.pieces.get(at) else {
            return Values::new();
        };
        self.between(at, at + 1, &captured(piece), messages)
    }

    /// What stands in the place of the pieces from `begin` to `end`, which are written as `source` here, a group.
    fn between(&self, begin: usize, end: usize, source: &[u8], messages: &[Message]) -> Values {
        let text = |pieces: &[Piece]| pieces.iter().flat_map(|p| p.source.clone()).collect();
        let before: Vec<u8> = text(self.pieces.get(..begin).unwrap_or_default());
        let behind: Vec<u8> = text(self.pieces.get(end..).unwrap_or_default());
        let Ok(probe) = Pattern::compile(&[&before[..], source, &behind].concat()) else {
            return Values::new();
        };
        let group = groups(&before) + 1;
        let (mut spans, mut values) = (Spans::default(), BTreeMap::<&[u8], u64>::new());
        for (text, lines) in messages {
            if probe.captures(text, &mut spans) != Found::Yes {
                continue;
            }
            let span = spans.0.get(group).copied().flatten();
            let value = span.and_then(|(from, to)| text.get(from..to));
            *values.entry(value.unwrap_or_default()).or_default() += lines;
        }
        let values = values.into_iter().map(|(v, lines)| (v.to_vec(), lines));
        let mut values: Values = values.collect();
        values.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        values
    }

    /// The next wider form of a piece that takes these messages, as the whole pattern.
    pub fn wider(&self, at: usize, messages: &[Message]) -> Option<Vec<u8>> {
        let (forms, now) = self.forms(at, messages)?;
        forms.get(now + 1).map(|form| self.with(at, form))
    }

    /// The next narrower form of a piece that takes these messages, as the whole pattern.
    pub fn narrower(&self, at: usize, messages: &[Message]) -> Option<Vec<u8>> {
        let (forms, now) = self.forms(at, messages)?;
        let form = now.checked_sub(1).and_then(|at| forms.get(at));
        form.map(|form| self.with(at, form))
    }

    /// The forms of a piece, narrow ones first, and the place of the present one among them.
    fn forms(&self, at: usize, messages: &[Message]) -> Option<(Vec<Vec<u8>>, usize)> {
        let piece = self.pieces.get(at).filter(|p| p.kind != Kind::Other)?;
        let values = self.values(at, messages);
        let values: Vec<&[u8]> = values.iter().map(|(value, _)| &value[..]).collect();
        let mut forms = forms(&values, self.sign_behind(at));
        let present = captured(piece);
        if piece.kind == Kind::Word {
            // Its text is the narrowest form there is.
            forms.retain(|(rank, _)| *rank > 0);
            forms.insert(0, (0, present.clone()));
        } else if !forms.iter().any(|(_, form)| *form == present) {
            let rank = rank(&present);
            let place = forms.iter().take_while(|(other, _)| *other <= rank);
            forms.insert(place.count(), (rank, present.clone()));
        }
        let now = forms.iter().position(|(_, form)| *form == present)?;
        let visible = piece.kind == Kind::Visible;
        let form = |(_, form): (u8, Vec<u8>)| if visible { shown(&form) } else { form };
        Some((forms.into_iter().map(form).collect(), now))
    }

    /// The sign that ends a value in this place.
    fn sign_behind(&self, at: usize) -> Option<u8> {
        match self.pieces.get(at + 1)?.source.as_slice() {
            [b'\\', sign] if !sign.is_ascii_alphanumeric() => Some(*sign),
            [sign] if !sign.is_ascii_alphanumeric() && !b" $^".contains(sign) => Some(*sign),
            _ => None,
        }
    }

    /// The pattern with the value of a mask shown in reports, or hidden again.
    pub fn kept(&self, at: usize) -> Option<Vec<u8>> {
        let piece = self.pieces.get(at)?;
        match piece.kind {
            Kind::Mask => Some(self.with(at, &shown(&piece.source))),
            Kind::Visible => Some(self.with(at, &captured(piece))),
            Kind::Word | Kind::Other => None,
        }
    }

    /// The pattern with a value as text in the place of a piece.
    pub fn with_value(&self, at: usize, value: &[u8]) -> Vec<u8> {
        let mut text = Vec::new();
        escape(value, &mut text);
        self.with(at, &text)
    }
}

/// Patterns that may take the messages of two rules, narrow ones first.
pub fn joined(a: (&Shape, &[Message]), b: (&Shape, &[Message])) -> Vec<Vec<u8>> {
    let (shape, other) = (a.0, b.0);
    let equal = |(a, b): &(&Piece, &Piece)| a.source == b.source;
    let pairs = shape.pieces.iter().zip(&other.pieces);
    let begin = pairs.take_while(equal).count();
    let most = shape.pieces.len().min(other.pieces.len()) - begin;
    let pairs = shape.pieces.iter().rev().zip(other.pieces.iter().rev());
    let end = pairs.take(most).take_while(equal).count();
    let middle = |shape: &Shape, messages: &[Message]| {
        let to = shape.pieces.len() - end;
        let pieces = shape.pieces.get(begin..to).unwrap_or_default();
        let text: Vec<u8> = pieces.iter().flat_map(|p| p.source.clone()).collect();
        let group = [b"(", &text[..], b")"].concat();
        let values = shape.between(begin, to, &group, messages);
        (text, values)
    };
    let ((text, mut values), (others_text, others)) = (middle(shape, a.1), middle(other, b.1));
    let whole = |source: &[u8]| {
        let text = |pieces: Option<&[Piece]>| -> Vec<u8> {
            let pieces = pieces.unwrap_or_default().iter();
            pieces.flat_map(|p| p.source.clone()).collect()
        };
        let (before, behind) = (shape.pieces.get(..begin), shape.pieces.len() - end);
        [
            text(before),
            source.to_vec(),
            text(shape.pieces.get(behind..)),
        ]
        .concat()
    };
    if text.is_empty() && others_text.is_empty() {
        return Vec::new();
    }
    if text.is_empty() || others_text.is_empty() {
        // One shape has a piece more than the other.
        let piece = [b"(?:", &text[..], &others_text, b")?"].concat();
        return vec![whole(&piece)];
    }
    values.extend(others);
    values.sort();
    values.dedup_by(|a, b| a.0 == b.0);
    let values: Vec<&[u8]> = values.iter().map(|(value, _)| &value[..]).collect();
    let sign = shape.sign_behind(shape.pieces.len() - end - 1);
    let forms = forms(&values, sign).into_iter();
    forms.map(|(_, form)| whole(&form)).collect()
}

/// The forms of a mask that take these values, narrow ones first, with how wide they are.
fn forms(values: &[&[u8]], sign: Option<u8>) -> Vec<(u8, Vec<u8>)> {
    let mut forms: Vec<(u8, Vec<u8>)> = Vec::new();
    let mut texts = values.to_vec();
    texts.sort_unstable();
    texts.dedup();
    if texts.len() <= NAMED && texts.iter().all(|text| !text.is_empty()) {
        let mut named = b"(".to_vec();
        for (n, text) in texts.iter().enumerate() {
            if n > 0 {
                named.push(b'|');
            }
            escape(text, &mut named);
        }
        named.push(b')');
        forms.push((0, named));
    }
    let many = if texts.iter().any(|text| text.is_empty()) {
        "*"
    } else {
        "+"
    };
    for class in ["\\d", "[\\d.]", "[\\d.,:+-]", "[0-9a-f]", "[\\w.-]"] {
        forms.push((1, format!("({class}{many})").into_bytes()));
    }
    if let Some(sign) = sign {
        let mut class = b"([^\\s".to_vec();
        escape_in_class(sign, &mut class);
        class.extend_from_slice(format!("]{many})").as_bytes());
        forms.push((2, class));
    }
    forms.push((3, format!("(\\S{many})").into_bytes()));
    forms.push((4, format!("(\\S{many}(?:\\s+\\S+)*)").into_bytes()));
    forms.retain(|(_, form)| {
        let whole = Pattern::compile(&[b"^", &form[..], b"$"].concat());
        whole.is_ok_and(|whole| texts.iter().all(|text| whole.is_match(text) == Found::Yes))
    });
    forms
}

/// How wide a mask is that somebody else wrote.
fn rank(mask: &[u8]) -> u8 {
    let inside = mask.strip_prefix(b"(").unwrap_or(mask);
    match inside {
        _ if memchr::memmem::find(inside, b"(?:").is_some() => 4,
        [b'\\', b'S', ..] => 3,
        [b'[', b'^', ..] => 2,
        [b'.', ..] => 4,
        [b'\\' | b'[', ..] => 1,
        _ => 0,
    }
}

/// A piece as a group whose value is told.
fn captured(piece: &Piece) -> Vec<u8> {
    match piece.kind {
        Kind::Visible => {
            let inside = piece.source.strip_prefix(b"(?:");
            [b"(", inside.unwrap_or(&piece.source)].concat()
        }
        Kind::Mask => piece.source.clone(),
        Kind::Word | Kind::Other => [b"(", &piece.source[..], b")"].concat(),
    }
}

/// A group whose value reports show.
fn shown(group: &[u8]) -> Vec<u8> {
    match group.strip_prefix(b"(") {
        Some(inside) => [b"(?:", inside].concat(),
        None => group.to_vec(),
    }
}

/// The number of groups in the text of a pattern whose values are told.
fn groups(source: &[u8]) -> usize {
    let (mut at, mut class, mut count) = (0, false, 0);
    while let Some(byte) = source.get(at) {
        match byte {
            b'\\' => at += 1,
            b'[' => class = true,
            b']' => class = false,
            b'(' if !class && source.get(at + 1) != Some(&b'?') => count += 1,
            _ => {}
        }
        at += 1;
    }
    count
}

/// The first piece of a pattern: what it is, and its length.
fn first_piece(rest: &[u8]) -> (Kind, usize) {
    let length = match rest {
        [b'(', ..] => group_length(rest),
        [b'[', ..] => class_length(rest),
        [b'\\', b'x', ..] => 4,
        [b'\\', ..] => 2,
        [byte, ..] if is_word(*byte) => {
            let word = rest.iter().take_while(|b| is_word(**b)).count();
            return match quantifier(rest.get(word..).unwrap_or_default()) {
                0 => (Kind::Word, word),
                // The last letter alone is repeated.
                _ if word > 1 => (Kind::Word, word - 1),
                repeated => (Kind::Other, word + repeated),
            };
        }
        _ => 1,
    };
    let repeated = match rest {
        [b'(' | b'[' | b'\\', ..] => quantifier(rest.get(length..).unwrap_or_default()),
        _ => 0,
    };
    let kind = match rest {
        _ if repeated > 0 => Kind::Other,
        [b'(', b'?', b':', ..] => Kind::Visible,
        [b'(', b'?', ..] => Kind::Other,
        [b'(', ..] => Kind::Mask,
        _ => Kind::Other,
    };
    (kind, length + repeated)
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

/// The length of a group, its brackets included.
fn group_length(rest: &[u8]) -> usize {
    let (mut at, mut depth) = (0, 0usize);
    while let Some(byte) = rest.get(at) {
        match byte {
            b'\\' => at += 1,
            b'[' => at += class_length(rest.get(at..).unwrap_or_default()) - 1,
            b'(' => depth += 1,
            b')' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return at + 1;
                }
            }
            _ => {}
        }
        at += 1;
    }
    rest.len()
}

/// The length of a class of characters, its brackets included.
fn class_length(rest: &[u8]) -> usize {
    let mut at = 1 + usize::from(rest.get(1) == Some(&b'^'));
    // A bracket that stands first is one of the characters.
    at += usize::from(rest.get(at) == Some(&b']'));
    while let Some(byte) = rest.get(at) {
        match byte {
            b'\\' => at += 1,
            b']' => return at + 1,
            _ => {}
        }
        at += 1;
    }
    rest.len().max(1)
}

/// The length of a quantifier.
fn quantifier(rest: &[u8]) -> usize {
    let length = match rest {
        [b'*' | b'+' | b'?', ..] => 1,
        [b'{', digit, ..] if digit.is_ascii_digit() => rest
            .iter()
            .position(|b| *b == b'}')
            .map_or(0, |end| end + 1),
        _ => return 0,
    };
    let lazy = matches!(rest.get(length), Some(b'?' | b'+'));
    length + usize::from(lazy && length > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(texts: &[&str]) -> Vec<Message> {
        texts
            .iter()
            .map(|text| (text.as_bytes().into(), 1))
            .collect()
    }

    fn text(pattern: Option<Vec<u8>>) -> String {
        String::from_utf8(pattern.unwrap_or_default()).unwrap()
    }

    #[test]
    fn no_byte_of_a_pattern_is_left_out() {
        for pattern in [
            r"^sshd: Failed password for (?:invalid user )?(\S+) from ([\d.]+) port (\d+) ssh2$",
            r"^a\.b: x(?:y{2}z)? [\]a] []b] [^]c]+ (d(e\)f)) \x41+ \d{3}",
            "^\u{65e5}\u{672c}: (unclosed [a",
            "ab+c* \\",
            "",
        ] {
            let shape = Shape::new(pattern.as_bytes(), true);
            assert_eq!(text(Some(shape.with(usize::MAX, b""))), pattern);
        }
        let shape = Shape::new(br"^sshd: Failed (?:\S+) x(\d+)+ (a|b)$", true);
        let stops = shape.stops().into_iter().map(|at| &shape.pieces[at]);
        let stops: Vec<_> = stops
            .map(|p| (text(Some(p.source.clone())), p.kind))
            .collect();
        let want = [
            ("Failed", Kind::Word),
            (r"(?:\S+)", Kind::Visible),
            ("x", Kind::Word),
            ("(a|b)", Kind::Mask),
        ];
        assert_eq!(stops, want.map(|(text, kind)| (text.to_owned(), kind)));
    }

    #[test]
    fn masks_become_narrower_and_wider_and_take_their_messages() {
        let messages = messages(&["p: job 12 of db1, done", "p: job 7 of web, done"]);
        let pattern = br"^p: job (\d+) of ([^\s,]+), done$";
        let shape = Shape::new(pattern, true);
        let stops = shape.stops();
        let values = shape.values(stops[1], &messages);
        assert_eq!(values, [(b"12".to_vec(), 1), (b"7".to_vec(), 1)]);
        let mut seen = Vec::new();
        let mut now = text(shape.narrower(stops[1], &messages));
        while !now.is_empty() {
            seen.push(now.clone());
            let shape = Shape::new(now.as_bytes(), true);
            let compiled = Pattern::compile(now.as_bytes()).unwrap();
            assert!(
                messages
                    .iter()
                    .all(|m| compiled.is_match(&m.0) == Found::Yes)
            );
            now = text(shape.wider(stops[1], &messages));
        }
        assert_eq!(seen[0], r"^p: job (12|7) of ([^\s,]+), done$");
        assert_eq!(seen[1], r"^p: job (\d+) of ([^\s,]+), done$");
        let last = seen.last().unwrap();
        assert_eq!(last, r"^p: job (\S+(?:\s+\S+)*) of ([^\s,]+), done$");
        let word = text(shape.wider(stops[0], &messages));
        assert_eq!(word, r"^p: ([\w.-]+) (\d+) of ([^\s,]+), done$");
        assert_eq!(shape.narrower(stops[0], &messages), None);
        let kept = text(shape.kept(stops[3]));
        assert_eq!(kept, r"^p: job (\d+) of (?:[^\s,]+), done$");
        let again = Shape::new(kept.as_bytes(), true);
        assert_eq!(text(again.kept(stops[3])).as_bytes(), pattern);
        let wide = text(again.wider(stops[3], &messages));
        assert_eq!(wide, r"^p: job (\d+) of (?:\S+), done$");
        assert_eq!(shape.kept(stops[0]), None);
    }

    #[test]
    fn two_patterns_become_one() {
        let join = |a: &str, b: &str, texts: [&str; 2]| {
            let (one, other) = (messages(&texts[..1]), messages(&texts[1..]));
            let shape = Shape::new(a.as_bytes(), true);
            let behind = Shape::new(b.as_bytes(), true);
            let all = joined((&shape, &one), (&behind, &other));
            let all: Vec<_> = all.into_iter().map(|p| text(Some(p))).collect();
            for pattern in &all {
                let compiled = Pattern::compile(pattern.as_bytes()).unwrap();
                for text in texts {
                    assert_eq!(compiled.is_match(text.as_bytes()), Found::Yes, "{pattern}");
                }
            }
            all.first().cloned().unwrap_or_default()
        };
        let one = join(
            "^p: job started$",
            "^p: job ended$",
            ["p: job started", "p: job ended"],
        );
        assert_eq!(one, "^p: job (ended|started)$");
        let one = join("^p: ok$", r"^p: ok in (\d+) s$", ["p: ok", "p: ok in 5 s"]);
        assert_eq!(one, r"^p: ok(?: in (\d+) s)?$");
        let one = join(r"^p: a (\d+)$", r"^p: a (\d+)$", ["p: a 1", "p: a 1"]);
        assert_eq!(one, "");
    }
}
