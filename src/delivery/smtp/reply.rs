//! A server's replies (RFC 5321 §4.2): read line by line, within bounds. Whoever answers may be
//! anybody, so nothing that it says can take more memory than is allowed here.

use std::fmt;

use bstr::ByteSlice;

/// The longest line of a reply, bytes. RFC 5321 §4.5.3.1.5 has 512, RFC 4954 §4 12,288.
pub const LONGEST_LINE: usize = 16 * 1024;
/// The longest reply, bytes.
const LONGEST_REPLY: usize = 64 * 1024;
/// The most lines of one reply. The longest answers to EHLO have about thirty.
const MOST_LINES: usize = 256;
/// The longest text of a reply that is shown, characters.
const SHOWN: usize = 400;

/// A whole reply.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reply {
    /// The three digits.
    pub code: u16,
    /// The text of each line, without the code.
    pub lines: Vec<String>,
}

/// Why the bytes of a server are no reply, or one that is not read to its end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Malformed {
    /// It does not begin with three digits, of which the first is 2 to 5.
    NoCode,
    /// Its lines have different codes.
    Codes,
    /// A line, or all lines together, are longer than the bound.
    TooLong,
    /// It has too many lines.
    TooManyLines,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoCode => "that is not an SMTP reply",
            Self::Codes => "the lines of the reply have different codes",
            Self::TooLong => "the reply is too long",
            Self::TooManyLines => "the reply has too many lines",
        })
    }
}

impl std::error::Error for Malformed {}

impl Reply {
    /// The first digit: what the reply means.
    pub fn class(&self) -> u16 {
        self.code / 100
    }

    /// The text of all lines with single blanks between its words, cut to what is worth showing.
    pub fn text(&self) -> String {
        let words = self
            .lines
            .iter()
            .flat_map(|line| line.split(|c: char| c.is_control() || c == ' '))
            .filter(|word| !word.is_empty());
        let mut text = String::new();
        for word in words {
            if text.len() > SHOWN * 4 {
                break;
            }
            if !text.is_empty() {
                text.push(' ');
            }
            text.push_str(word);
        }
        if let Some((end, _)) = text.char_indices().nth(SHOWN) {
            text.truncate(end);
            text.push('…');
        }
        text
    }

    /// The enhanced status code that the text begins with (RFC 2034 §4): `5.3.4`.
    pub fn enhanced(&self) -> Option<&str> {
        let word = self.lines.first()?.split_whitespace().next()?;
        let mut parts = word.split('.');
        let class = parts.next()?.parse::<u16>().ok()?;
        let digits = |part: Option<&str>| part.is_some_and(|part| part.parse::<u16>().is_ok());
        let whole = digits(parts.next()) && digits(parts.next()) && parts.next().is_none();
        (whole && class == self.class()).then_some(word)
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code, self.text())
    }
}

/// Takes the lines of a reply one by one.
#[derive(Debug, Default)]
pub struct ReplyParser {
    reply: Option<Reply>,
    bytes: usize,
}

impl ReplyParser {
    /// Takes the next line, with or without its line end. Gives the reply with its last line.
    ///
    /// # Errors
    /// The line is not one of a reply, or the reply breaks a bound.
    pub fn line(&mut self, line: &[u8]) -> Result<Option<Reply>, Malformed> {
        self.bytes += line.len();
        if line.len() > LONGEST_LINE || self.bytes > LONGEST_REPLY {
            return Err(Malformed::TooLong);
        }
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let (digits, rest) = line.split_at_checked(3).ok_or(Malformed::NoCode)?;
        let code = code(digits).ok_or(Malformed::NoCode)?;
        let (last, text) = match rest.split_first() {
            // RFC 5321 §4.2: a code without a text is to be taken, too.
            None => (true, &b""[..]),
            Some((b' ', text)) => (true, text),
            Some((b'-', text)) => (false, text),
            Some(_) => return Err(Malformed::NoCode),
        };
        let reply = self.reply.get_or_insert_with(|| Reply {
            code,
            lines: Vec::new(),
        });
        if reply.code != code {
            return Err(Malformed::Codes);
        }
        if reply.lines.len() >= MOST_LINES {
            return Err(Malformed::TooManyLines);
        }
        reply.lines.push(text.to_str_lossy().into_owned());
        if !last {
            return Ok(None);
        }
        self.bytes = 0;
        Ok(self.reply.take())
    }
}

fn code(digits: &[u8]) -> Option<u16> {
    let good = digits.iter().all(u8::is_ascii_digit) && matches!(digits.first(), Some(b'2'..=b'5'));
    let value = |sum: u16, digit: &u8| sum * 10 + u16::from(digit - b'0');
    good.then(|| digits.iter().fold(0, value))
}

/// The extensions that a server offers in its reply to EHLO (RFC 5321 §4.1.1.1).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Offer {
    /// STARTTLS (RFC 3207).
    pub starttls: bool,
    /// The mechanisms of AUTH, in capitals (RFC 4954).
    pub auth: Vec<String>,
    /// The largest mail that it takes, bytes (RFC 1870). `SIZE 0` is no limit.
    pub size: Option<u64>,
}

impl Offer {
    /// Reads the reply. Keywords may be written in small letters; unknown ones are passed over.
    pub fn of(reply: &Reply) -> Self {
        let mut offer = Self::default();
        // The first line is the server's name.
        for line in reply.lines.iter().skip(1) {
            let line = line.to_ascii_uppercase();
            let mut words = line.split_whitespace();
            match words.next() {
                Some("STARTTLS") => offer.starttls = true,
                Some("SIZE") => {
                    let size = words.next().and_then(|word| word.parse().ok());
                    offer.size = size.filter(|size| *size > 0);
                }
                Some("AUTH") => offer.auth.extend(words.map(str::to_owned)),
                Some(word) => {
                    // As servers of before RFC 2554 wrote it.
                    if let Some(first) = word.strip_prefix("AUTH=") {
                        let first = std::iter::once(first).filter(|first| !first.is_empty());
                        offer.auth.extend(first.chain(words).map(str::to_owned));
                    }
                }
                None => {}
            }
        }
        offer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(text: &str) -> Result<Option<Reply>, Malformed> {
        let mut parser = ReplyParser::default();
        for line in text.split_inclusive('\n') {
            if let Some(reply) = parser.line(line.as_bytes())? {
                return Ok(Some(reply));
            }
        }
        Ok(None)
    }

    #[test]
    fn a_reply_has_one_code_and_a_text_of_lines() {
        let whole = reply("552-5.3.4 Too  much\r\n552 5.3.4\tfor us\r\n")
            .unwrap()
            .unwrap();
        assert_eq!(whole.to_string(), "552 5.3.4 Too much 5.3.4 for us");
        assert_eq!((whole.class(), whole.enhanced()), (5, Some("5.3.4")));
        assert_eq!(reply("250\n").unwrap().unwrap().code, 250);
        assert_eq!(reply("250-a\r\n"), Ok(None));
        for bad in ["", "25", "abc\r\n", "150 x\r\n", "650 x\r\n", "250x\r\n"] {
            assert!(
                matches!(reply(bad), Err(Malformed::NoCode) | Ok(None)),
                "{bad}"
            );
        }
        assert_eq!(reply("250-a\r\n550 b\r\n"), Err(Malformed::Codes));
        for none in ["552 4.3.4 x\n", "552 5.3 x\n", "552 5.3.x y\n", "552\n"] {
            assert_eq!(reply(none).unwrap().unwrap().enhanced(), None, "{none}");
        }
    }

    #[test]
    fn a_reply_without_end_has_one() {
        let lines = "250-x\r\n".repeat(MOST_LINES + 1);
        assert_eq!(reply(&lines), Err(Malformed::TooManyLines));
        let long = format!("250 {}\r\n", "x".repeat(LONGEST_LINE));
        assert_eq!(reply(&long), Err(Malformed::TooLong));
        let lines = format!("250-{}\r\n", "x".repeat(LONGEST_LINE / 2)).repeat(9);
        assert_eq!(reply(&lines), Err(Malformed::TooLong));
        let text = reply(&format!("550 {}\r\n", "é ".repeat(5000))).unwrap();
        assert_eq!(text.unwrap().text().chars().count(), SHOWN + 1);
    }

    #[test]
    fn what_a_server_offers() {
        let of = |text: &str| Offer::of(&reply(text).unwrap().unwrap());
        let offer = of(
            "250-mx SIZE 5\r\n250-size 10240000\r\n250-starttls\r\n250-   \r\n250-\r\n\
                        250-Auth Plain login\r\n250 AUTH=LOGIN\r\n",
        );
        assert_eq!(offer.size, Some(10_240_000));
        assert!(offer.starttls);
        assert_eq!(offer.auth, ["PLAIN", "LOGIN", "LOGIN"]);
        for none in [
            "SIZE",
            "SIZE 0",
            "SIZE x",
            "SIZE -1",
            "SIZE 99999999999999999999",
        ] {
            assert_eq!(
                of(&format!("250-mx\r\n250 {none}\r\n")).size,
                None,
                "{none}"
            );
        }
    }
}
