//! The grammar: one line of a configuration becomes one [`Directive`], its parts still bytes with
//! their place in the line. What they mean is found out elsewhere.
//!
//! The language has no quoting, no escapes, no continuation lines, and no comments after a value.

/// A fragment of a line: its bytes, and where they stand in the line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fragment<'a> {
    /// The bytes of the fragment.
    pub text: &'a [u8],
    /// The offset in the line at which the fragment begins, bytes.
    pub start: usize,
}

impl<'a> Fragment<'a> {
    /// The whole line as one fragment.
    pub fn new(line: &'a [u8]) -> Self {
        Self {
            text: line,
            start: 0,
        }
    }

    /// The offset in the line at which the fragment ends, bytes.
    pub fn end(&self) -> usize {
        self.start + self.text.len()
    }

    /// The start and the end of the fragment in the line.
    pub fn span(&self) -> (usize, usize) {
        (self.start, self.end())
    }

    /// Whether the last byte is a blank, which counts in a pattern.
    pub fn ends_blank(&self) -> bool {
        self.text.last().is_some_and(|b| is_blank(*b))
    }

    /// Whether the fragment has no bytes.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// The bytes `from..to` of the fragment, as far as it has them.
    pub fn slice(&self, from: usize, to: usize) -> Self {
        let to = to.min(self.text.len());
        let from = from.min(to);
        Self {
            text: &self.text[from..to],
            start: self.start + from,
        }
    }

    /// The fragment from its byte `from` on.
    pub fn from(&self, from: usize) -> Self {
        self.slice(from, self.text.len())
    }

    /// The fragment without the blanks at its beginning.
    pub fn trim_start(&self) -> Self {
        let blanks = self.text.iter().take_while(|b| is_blank(**b)).count();
        self.from(blanks)
    }

    /// The fragment without the blanks at its end.
    pub fn trim_end(&self) -> Self {
        let blanks = self.text.iter().rev().take_while(|b| is_blank(**b)).count();
        self.slice(0, self.text.len() - blanks)
    }

    /// The first word of the fragment, and the rest, which begins with the blanks after the word.
    pub fn word(&self) -> (Self, Self) {
        let line = self.trim_start();
        let length = line.text.iter().take_while(|b| !is_blank(**b)).count();
        (line.slice(0, length), line.from(length))
    }

    /// The fragments between the separators, empty ones too.
    pub fn split(&self, separator: u8) -> Vec<Self> {
        let mut parts = Vec::new();
        let mut from = 0;
        for text in self.text.split(|b| *b == separator) {
            parts.push(self.slice(from, from + text.len()));
            from += text.len() + 1;
        }
        parts
    }

    /// The index of the first such byte in the fragment.
    pub fn find(&self, byte: u8) -> Option<usize> {
        memchr::memchr(byte, self.text)
    }

    /// The fragment as text, if it is UTF-8.
    pub fn utf8(&self) -> Option<&'a str> {
        std::str::from_utf8(self.text).ok()
    }
}

/// The original's `\s`: ASCII blanks, the vertical tab among them.
pub fn is_blank(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == 0x0b
}

/// The directive of a line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Directive<'a> {
    /// No directive: a blank line, or a comment.
    Nothing,
    /// `include FILE`
    Include {
        /// The path of the file.
        file: Fragment<'a>,
        /// The rest of the line.
        rest: Fragment<'a>,
    },
    /// `includedir DIRECTORY`
    IncludeDir {
        /// The path of the directory.
        directory: Fragment<'a>,
        /// The rest of the line.
        rest: Fragment<'a>,
    },
    /// `set WORD VALUE`
    Set {
        /// The setting's name.
        name: Fragment<'a>,
        /// The rest of the line, blanks in front and behind included.
        value: Fragment<'a>,
    },
    /// `group_end`
    GroupEnd {
        /// The rest of the line.
        rest: Fragment<'a>,
    },
    /// `QUEUES REGEXP`
    Rule {
        /// The list of queues.
        queues: Fragment<'a>,
        /// The pattern.
        pattern: Fragment<'a>,
    },
    /// A word that stands alone, which means nothing.
    Word {
        /// The word.
        word: Fragment<'a>,
    },
}

/// A line without its line end: one `\n`, and one `\r` before it.
pub fn without_line_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// Reads a line (without its line end). The forms are tried in the order in which the original
/// tries them.
pub fn parse(line: &[u8]) -> Directive<'_> {
    let line = Fragment::new(line).trim_start();
    if line.is_empty() || line.text[0] == b'#' {
        return Directive::Nothing;
    }
    let (word, after) = line.word();
    let (first, rest) = after.word();
    match word.text {
        b"include" if !first.is_empty() => Directive::Include { file: first, rest },
        b"includedir" if !first.is_empty() => Directive::IncludeDir {
            directory: first,
            rest,
        },
        b"set" if !after.is_empty() => Directive::Set {
            name: first,
            value: rest,
        },
        b"group_end" => Directive::GroupEnd { rest: after },
        text if text.starts_with(b"group_end") && after.is_empty() => Directive::GroupEnd {
            rest: word.from("group_end".len()),
        },
        _ => rule(word, after),
    }
}

/// `QUEUES REGEXP`, where one blank stands between them at least.
fn rule<'a>(word: Fragment<'a>, after: Fragment<'a>) -> Directive<'a> {
    let pattern = after.trim_start();
    if !pattern.is_empty() {
        return Directive::Rule {
            queues: word,
            pattern,
        };
    }
    // Of two blanks at the end of a line, the second is the pattern.
    match after.text.len() {
        0 | 1 => Directive::Word { word },
        length => Directive::Rule {
            queues: word,
            pattern: after.from(length - 1),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_become_directives() {
        let text = |part: Fragment| String::from_utf8_lossy(part.text).into_owned();
        let shown = |line: &str| match parse(line.as_bytes()) {
            Directive::Nothing => "nothing".into(),
            Directive::Include { file, rest } => format!("include {}|{}", text(file), text(rest)),
            Directive::IncludeDir { directory, .. } => format!("includedir {}", text(directory)),
            Directive::Set { name, value } => format!("set {}|{}", text(name), text(value)),
            Directive::GroupEnd { rest } => format!("end|{}", text(rest)),
            Directive::Rule { queues, pattern } => {
                format!("rule {}|{}", text(queues), text(pattern))
            }
            Directive::Word { word } => format!("word {}", text(word)),
        };
        let cases = [
            ("", "nothing"),
            (" \t\r", "nothing"),
            ("  # set x", "nothing"),
            (" include /a b", "include /a| b"),
            ("include", "word include"),
            ("includedir  /d/", "includedir /d/"),
            ("set", "word set"),
            ("set  ", "set |"),
            ("set mask", "set mask|"),
            ("set subject  a b ", "set subject|  a b "),
            ("group_end", "end|"),
            ("group_end # x", "end| # x"),
            ("group_endfoo", "end|foo"),
            ("group_endfoo x", "rule group_endfoo|x"),
            ("\tc\t \t^three ", "rule c|^three "),
            ("a ", "word a"),
            ("a  ", "rule a| "),
        ];
        for (line, expected) in cases {
            assert_eq!(shown(line), expected, "{line:?}");
        }
    }

    #[test]
    fn parts_know_their_place() {
        let line = b"  a,,b:3 x";
        let Directive::Rule { queues, pattern } = parse(line) else {
            panic!()
        };
        assert_eq!((queues.span(), pattern.span()), ((2, 8), (9, 10)));
        let spans: Vec<_> = queues.split(b',').iter().map(Fragment::span).collect();
        assert_eq!(spans, [(2, 3), (4, 4), (5, 8)]);
    }

    #[test]
    fn one_carriage_return_goes_with_the_line_end() {
        assert_eq!(without_line_end(b"a\r\n"), b"a");
        assert_eq!(without_line_end(b"a\r"), b"a");
        assert_eq!(without_line_end(b"a\r\r\n"), b"a\r");
        assert_eq!(without_line_end(b"a \n"), b"a ");
    }
}
