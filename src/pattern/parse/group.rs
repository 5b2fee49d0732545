//! Groups of all kinds.

use super::flags::{Charset, Flags};
use super::parser::{MAX_DEPTH, Parser, Result};
use crate::pattern::ast::Node;

/// The most bytes that Perl looks back.
const MAX_BEHIND: u64 = 255;

impl Parser<'_> {
    /// Reads a group, its `(` just read; `None` for flags that hold from here on.
    pub(super) fn group(&mut self, start: usize) -> Result<Option<Node>> {
        if self.depth >= MAX_DEPTH {
            return self.unsupported(
                start,
                &format!("more than {MAX_DEPTH} groups in one another"),
                Some("write the pattern with fewer levels, or split the rule"),
            );
        }
        self.depth += 1;
        let group = if self.eat(b'?') {
            self.extended(start)
        } else if self.eat(b'*') {
            self.verb(start).map(Some)
        } else if self.flags.n {
            self.body(start).map(Some)
        } else {
            self.capture(start, None).map(Some)
        };
        self.depth -= 1;
        group
    }

    /// Reads what a group holds, and its `)`. Flags set inside end with it.
    pub(super) fn body(&mut self, start: usize) -> Result<Node> {
        Ok(Node::alternate(self.body_branches(start, false)?))
    }

    pub(super) fn body_branches(&mut self, start: usize, reset: bool) -> Result<Vec<Node>> {
        let flags = self.flags;
        let branches = self.branches(reset)?;
        self.close(start)?;
        self.flags = flags;
        Ok(branches)
    }

    pub(super) fn close(&mut self, start: usize) -> Result<()> {
        if self.eat(b')') {
            return Ok(());
        }
        self.pos = start + 1;
        self.invalid(
            start,
            "`(` without its `)`",
            Some("write `\\(` for a parenthesis"),
        )
    }

    fn capture(&mut self, start: usize, name: Option<&[u8]>) -> Result<Node> {
        self.seen.groups += 1;
        let number = self.seen.groups;
        if let Some(name) = name {
            self.seen.names.push((name.to_vec(), number));
        }
        let body = Box::new(self.body(start)?);
        Ok(Node::Capture {
            number,
            span: self.span(start),
            body,
        })
    }

    /// Reads an atomic group, its opening just read.
    pub(super) fn atomic(&mut self, start: usize) -> Result<Node> {
        let body = self.body(start)?;
        if body.any(&|n| *n == Node::Keep) {
            return self.unsupported(
                start,
                "`\\K` in an atomic group",
                Some("put the `\\K` behind the group"),
            );
        }
        Ok(Node::Atomic(Box::new(body)))
    }

    /// Reads a look-around, its opening just read.
    pub(super) fn look(&mut self, start: usize, behind: bool, negated: bool) -> Result<Node> {
        self.looks += 1;
        let body = Box::new(self.body(start)?);
        self.looks -= 1;
        let calls = body.any(&|n| matches!(n, Node::Call { .. }));
        // The first reading takes `\101` for a reference.
        let known = self.whole.is_some() && !calls;
        if behind && known && body.max_width().is_none_or(|w| w > MAX_BEHIND) {
            return self.invalid(
                start,
                &format!("a look-behind that may take more than {MAX_BEHIND} bytes"),
                Some("limit its repeats, as in `{0,100}`"),
            );
        }
        Ok(match *body {
            Node::Empty if negated => Node::never(),
            _ => Node::Look {
                behind,
                negated,
                body,
            },
        })
    }

    /// Reads a group that begins with `(?`, just read.
    fn extended(&mut self, start: usize) -> Result<Option<Node>> {
        let Some(kind) = self.peek() else {
            return self.invalid(start, "a group without its `)`", None);
        };
        self.pos += 1;
        let node = match kind {
            b':' => self.body(start)?,
            b'|' => Node::alternate(self.body_branches(start, true)?),
            b'>' => self.atomic(start)?,
            b'=' => self.look(start, false, false)?,
            b'!' => self.look(start, false, true)?,
            b'<' if self.eat(b'=') => self.look(start, true, false)?,
            b'<' if self.eat(b'!') => self.look(start, true, true)?,
            b'<' => self.named_capture(start, b'>')?,
            b'\'' => self.named_capture(start, b'\'')?,
            b'P' => self.python(start)?,
            b'(' => self.conditional(start)?,
            b'&' => {
                let name = self.call_name(start, b')')?;
                self.call_named(start, name)?
            }
            b'R' | b'0'..=b'9' => self.call_numbered(start)?,
            b'+' => self.call_numbered(start)?,
            b'-' if self.peek().is_some_and(|b| b.is_ascii_digit()) => self.call_numbered(start)?,
            b'{' | b'?' | b'*' => {
                return self.invalid(start, "code in a pattern that is read from a file", None);
            }
            b'[' => {
                return self.unsupported(
                    start,
                    "extended classes",
                    Some("write a class in `[...]`"),
                );
            }
            _ => {
                self.pos -= 1;
                return self.flag_group(start);
            }
        };
        Ok(Some(node))
    }

    /// Reads `(?i)` or `(?i:...)`.
    fn flag_group(&mut self, start: usize) -> Result<Option<Node>> {
        let flags = self.flags;
        self.read_flags(start)?;
        if self.eat(b')') {
            return Ok(None);
        }
        self.pos += 1;
        let body = self.body(start)?;
        self.flags = flags;
        Ok(Some(body))
    }

    /// Reads flags up to the `:` or `)`, which is left to the caller, and puts them in force.
    fn read_flags(&mut self, start: usize) -> Result<()> {
        let mut on = true;
        let caret = self.eat(b'^');
        if caret {
            self.flags = Flags::default();
        }
        let mut charset: Option<(u8, usize)> = None;
        loop {
            let Some(flag) = self.peek() else {
                return self.invalid(start, "a group without its `)`", None);
            };
            if matches!(flag, b':' | b')') {
                return Ok(());
            }
            self.pos += 1;
            match flag {
                b'-' if on && !caret => on = false,
                b'a' | b'd' | b'u' | b'l' if on => {
                    self.charset_flag(start, flag, &mut charset)?;
                }
                b'x' if on => {
                    let twice = self.eat(b'x');
                    while self.eat(b'x') {}
                    self.flags.x = true;
                    self.flags.xx = twice;
                }
                _ if self.flags.set(flag, on) => {}
                _ => {
                    return self.invalid(
                        start,
                        "no kind of group and no flag that there is",
                        Some("write `\\(` for a parenthesis, `(?:...)` for a group"),
                    );
                }
            }
        }
    }

    fn charset_flag(
        &mut self,
        start: usize,
        flag: u8,
        seen: &mut Option<(u8, usize)>,
    ) -> Result<()> {
        let times = match *seen {
            None => 1,
            Some((b'a', 1)) if flag == b'a' => 2,
            Some(_) => {
                return self.invalid(start, "flags that exclude one another", None);
            }
        };
        *seen = Some((flag, times));
        self.flags.charset = match flag {
            b'a' => Charset::Ascii,
            b'u' => Charset::Unicode,
            b'd' => Charset::Depends,
            _ => {
                return self.unsupported(
                    start,
                    "matching by the locale",
                    Some("leave out the flag `l`"),
                );
            }
        };
        Ok(())
    }

    /// Reads a name, whose first character must not be a digit.
    fn identifier(&mut self, start: usize) -> Result<&[u8]> {
        let length = self
            .rest()
            .iter()
            .take_while(|b| b.is_ascii_alphanumeric() || **b == b'_')
            .count();
        let name = &self.rest()[..length];
        if name.first().is_none_or(u8::is_ascii_digit) {
            return self.invalid(start, "a name that does not begin with a letter", None);
        }
        self.pos += length;
        Ok(name)
    }

    fn named_capture(&mut self, start: usize, close: u8) -> Result<Node> {
        let name = self.identifier(start)?.to_vec();
        if !self.eat(close) {
            return self.invalid(
                start,
                "a group without the end of its name",
                Some("a name has letters, digits and `_`"),
            );
        }
        self.capture(start, Some(&name))
    }

    pub(super) fn call_name(&mut self, start: usize, close: u8) -> Result<Vec<u8>> {
        let name = self.identifier(start)?.to_vec();
        if !self.eat(close) {
            return self.invalid(start, "a reference without the end of its name", None);
        }
        Ok(name)
    }

    /// Reads `(?P<name>...)`, `(?P=name)`, `(?P>name)`.
    fn python(&mut self, start: usize) -> Result<Node> {
        if self.eat(b'<') {
            self.named_capture(start, b'>')
        } else if self.eat(b'=') {
            let name = self.call_name(start, b')')?;
            let groups = self.named_groups(start, &name)?;
            self.backref(start, groups)
        } else if self.eat(b'>') {
            let name = self.call_name(start, b')')?;
            self.call_named(start, name)
        } else {
            self.invalid(start, "a kind of group that there is not", None)
        }
    }

    fn call_named(&mut self, start: usize, name: Vec<u8>) -> Result<Node> {
        let group = self.named_groups(start, &name)?.first().copied();
        Ok(Node::Call {
            group: group.unwrap_or(0),
            span: self.span(start),
        })
    }

    /// Reads `(?R)`, `(?0)`, `(?1)`, `(?-1)`, `(?+1)`, its first character read.
    fn call_numbered(&mut self, start: usize) -> Result<Node> {
        let sign = self.src[self.pos - 1];
        let from = self.pos - usize::from(sign.is_ascii_digit());
        if self.until(b')').is_none() {
            return self.invalid(start, "a group without its `)`", None);
        }
        let text = &self.src[from..self.pos - 1];
        let number = std::str::from_utf8(text).ok().and_then(|t| t.parse().ok());
        let group = match (sign, number) {
            (b'R', _) if text.is_empty() => 0,
            (b'+', Some(n @ 1usize..)) => self.seen.groups.saturating_add(n),
            (b'-', Some(n)) if n >= 1 && n <= self.seen.groups => self.seen.groups + 1 - n,
            (b'0'..=b'9', Some(n)) => n,
            _ => return self.invalid(start, "a reference to a group that there is not", None),
        };
        let exist = self.whole.as_ref().map_or(usize::MAX, |w| w.groups);
        if group > exist {
            return self.invalid(start, "a reference to a group that there is not", None);
        }
        Ok(Node::Call {
            group,
            span: self.span(start),
        })
    }
}
