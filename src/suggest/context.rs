//! What the neighbours of a token say of it: names of users, values that touch, lists of values.

use super::lexicon::{is_no_user, is_user_key, stands_behind_user};
use super::token::{Kind, Token, is_letters};

/// Looks at the tokens of a message together.
pub(super) fn refine(body: &[u8], tokens: Vec<Token>) -> Vec<Token> {
    let mut tokens = cron_command(body, tokens);
    users(body, &mut tokens);
    lists(body, touching(tokens))
}

fn text<'a>(body: &'a [u8], token: &Token) -> &'a [u8] {
    body.get(token.range.clone()).unwrap_or_default()
}

fn is(body: &[u8], token: Option<&Token>, kind: Kind, word: &[u8]) -> bool {
    token.is_some_and(|token| token.kind == kind && text(body, token) == word)
}

/// `CMD (…)`: the command is one value.
fn cron_command(body: &[u8], mut tokens: Vec<Token>) -> Vec<Token> {
    let is_open = |at: usize| {
        is(body, tokens.get(at), Kind::Text, b"CMD")
            && is(body, tokens.get(at + 1), Kind::Sign, b" ")
            && is(body, tokens.get(at + 2), Kind::Sign, b"(")
    };
    let open = (0..tokens.len().saturating_sub(3)).find(|at| is_open(*at));
    let close = tokens
        .last()
        .filter(|last| text(body, last) == b")")
        .cloned();
    if let (Some(open), Some(close)) = (open, close) {
        let begin = tokens.get(open + 2).map_or(0, |token| token.range.end);
        tokens.truncate(open + 3);
        tokens.push(Token {
            kind: Kind::Phrase,
            range: begin..close.range.start,
        });
        tokens.push(close);
    }
    tokens
}

/// Words that the words before them make a name: `user X`, `for X from`.
fn users(body: &[u8], tokens: &mut [Token]) {
    for at in 2..tokens.len() {
        let [before, blank, token, ..] = &tokens[at - 2..] else {
            continue;
        };
        if text(body, blank) != b" " || before.kind != Kind::Text {
            continue;
        }
        let before = text(body, before).to_ascii_lowercase();
        let key = is_user_key(&before);
        if !key && before != b"for" {
            continue;
        }
        let name = match token.kind {
            Kind::Word => true,
            Kind::Text => is_name(body, key, token, tokens.get(at + 1), tokens.get(at + 2)),
            _ => false,
        };
        if name {
            tokens[at].kind = Kind::User;
        }
    }
}

/// Whether a word of text is a name, by what stands behind it.
fn is_name(
    body: &[u8],
    key: bool,
    token: &Token,
    next: Option<&Token>,
    second: Option<&Token>,
) -> bool {
    if is_no_user(&text(body, token).to_ascii_lowercase()) {
        return false;
    }
    let next = next.map_or(&b""[..], |next| text(body, next));
    let second = match second {
        Some(second) if next == b" " => text(body, second).to_ascii_lowercase(),
        _ => Vec::new(),
    };
    match key {
        true => {
            matches!(next, b"" | b"(" | b"[" | b"," | b";" | b"'" | b")" | b":")
                || stands_behind_user(&second)
        }
        false => matches!(&*second, b"from" | b"by"),
    }
}

/// Slots that touch become one.
fn touching(tokens: Vec<Token>) -> Vec<Token> {
    let joins = |kind: Kind| kind.is_slot() && !matches!(kind, Kind::Clock | Kind::Phrase);
    let mut joined: Vec<Token> = Vec::with_capacity(tokens.len());
    for token in tokens {
        match joined.last_mut() {
            Some(last) if joins(last.kind) && joins(token.kind) => {
                last.range.end = token.range.end;
                last.kind = Kind::Word;
            }
            _ => joined.push(token),
        }
    }
    joined
}

/// The signs between values of a list, and how many values make one.
fn least_of_list(separator: &[u8]) -> Option<usize> {
    match separator {
        b"," | b"/" | b"-" | b"." | b"+" | b"*" | b"_" | b"\\" => Some(2),
        b", " | b" " | b":" | b"; " | b"|" => Some(3),
        b"#" => Some(9),
        _ => None,
    }
}

/// Whether a token may be in a list with blanks between, or with other signs.
fn is_listed(body: &[u8], token: &Token, blank: bool) -> bool {
    token.kind.is_slot()
        && !matches!(token.kind, Kind::Clock | Kind::User | Kind::Phrase)
        && !(blank && is_letters(text(body, token)))
}

/// Runs of values with the same sign between become one value.
fn lists(body: &[u8], tokens: Vec<Token>) -> Vec<Token> {
    let mut out = Vec::with_capacity(tokens.len());
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        let end = match is_listed(body, token, false) {
            true => end_of_list(body, &tokens, at),
            false => None,
        };
        let last = end.and_then(|end| tokens.get(end - 1));
        match (end, last) {
            (Some(end), Some(last)) => {
                out.push(Token {
                    kind: Kind::Value,
                    range: token.range.start..last.range.end,
                });
                at = end;
            }
            _ => {
                out.push(token.clone());
                at += 1;
            }
        }
    }
    out
}

/// The index behind the longest list that begins at a token.
fn end_of_list(body: &[u8], tokens: &[Token], at: usize) -> Option<usize> {
    let mut best = None;
    for width in [1, 2] {
        let separator = |from: usize| {
            let signs = tokens.get(from..from + width)?;
            let all = signs.iter().all(|token| token.kind == Kind::Sign);
            let range = signs.first()?.range.start..signs.last()?.range.end;
            all.then_some(())?;
            body.get(range)
        };
        let Some(sign) = separator(at + 1) else {
            continue;
        };
        let Some(least) = least_of_list(sign) else {
            continue;
        };
        let listed = |at: usize| {
            let token = tokens.get(at);
            token.is_some_and(|token| is_listed(body, token, sign == b" "))
        };
        if !listed(at) {
            continue;
        }
        let (mut end, mut count) = (at + 1, 1);
        while separator(end) == Some(sign) && listed(end + width) {
            end += width + 1;
            count += 1;
        }
        if count >= least && best.is_none_or(|best| end > best) {
            best = Some(end);
        }
    }
    best
}
