//! Verbs, assertions by name, and conditionals.

use super::parser::{Parser, Result};
use crate::pattern::ast::{Node, Test};
use crate::pattern::diagnostic::PatternError;

impl Parser<'_> {
    /// Reads a verb or an assertion that begins with `(*`, just read.
    pub(super) fn verb(&mut self, start: usize) -> Result<Node> {
        let name_end = self
            .rest()
            .iter()
            .take_while(|b| b.is_ascii_alphabetic() || **b == b'_')
            .count();
        let name = &self.rest()[..name_end];
        let body = self.rest().get(name_end) == Some(&b':');
        if body && name.first().is_some_and(u8::is_ascii_lowercase) {
            self.pos += name_end + 1;
            return self.assertion(start, name);
        }
        if self.until(b')').is_none() {
            return self.invalid(start, "a verb without its `)`", None);
        }
        match name {
            b"F" | b"FAIL" => Ok(Node::never()),
            b"ACCEPT" | b"COMMIT" | b"PRUNE" | b"SKIP" | b"THEN" | b"MARK" => self.steering(start),
            b"" if body => self.steering(start),
            _ => self.invalid(
                start,
                "a verb that there is not",
                Some("write `\\(` for a parenthesis"),
            ),
        }
    }

    fn steering<T>(&self, start: usize) -> Result<T> {
        let hint = "write `(?>...)` or `(?!...)` for what must not be tried again";
        self.unsupported(start, "verbs that steer backtracking", Some(hint))
    }

    fn assertion(&mut self, start: usize, name: &[u8]) -> Result<Node> {
        match name {
            b"pla" | b"positive_lookahead" => self.look(start, false, false),
            b"nla" | b"negative_lookahead" => self.look(start, false, true),
            b"plb" | b"positive_lookbehind" => self.look(start, true, false),
            b"nlb" | b"negative_lookbehind" => self.look(start, true, true),
            b"atomic" => self.atomic(start),
            // A byte is of one script always.
            b"sr" | b"script_run" => self.body(start),
            b"asr" | b"atomic_script_run" => self.atomic(start),
            _ => self.invalid(start, "an assertion that there is not", None),
        }
    }

    /// Reads a conditional, its `(?(` just read.
    pub(super) fn conditional(&mut self, start: usize) -> Result<Node> {
        if self.eat_text(b"DEFINE)") {
            let mut branches = self.body_branches(start, false)?;
            if branches.len() > 1 {
                return self.invalid(start, "`|` in a `(?(DEFINE)...)`", None);
            }
            return Ok(Node::Define(Box::new(branches.remove(0))));
        }
        let test = self.test(start)?;
        let mut branches = self.body_branches(start, false)?;
        let span = self.span(start);
        if branches.len() > 2 {
            return Err(PatternError::invalid(
                span,
                "more than two branches in a conditional",
                Some("put branches in `(?:...)`"),
            ));
        }
        let no = if branches.len() == 2 {
            branches.pop().unwrap_or(Node::Empty)
        } else {
            Node::Empty
        };
        Ok(Node::Switch {
            test,
            yes: Box::new(branches.remove(0)),
            no: Box::new(no),
            span,
        })
    }

    fn test(&mut self, start: usize) -> Result<Test> {
        let open = self.pos - 1;
        for (text, behind, negated) in [
            (&b"?="[..], false, false),
            (b"?!", false, true),
            (b"?<=", true, false),
            (b"?<!", true, true),
        ] {
            if self.eat_text(text) {
                return Ok(Test::Look(Box::new(self.look(open, behind, negated)?)));
            }
        }
        if self.eat(b'*') {
            return Ok(Test::Look(Box::new(self.verb(open)?)));
        }
        if self.eat(b'<') {
            let name = self.call_name(start, b'>')?;
            self.close(open)?;
            return Ok(Test::Set(self.named_groups(start, &name)?));
        }
        if self.eat(b'\'') {
            let name = self.call_name(start, b'\'')?;
            self.close(open)?;
            return Ok(Test::Set(self.named_groups(start, &name)?));
        }
        if self.peek() == Some(b'R') {
            return self.unsupported(
                start,
                "tests for recursion",
                Some("recursion is not supported: leave the conditional out"),
            );
        }
        let text = self.until(b')').unwrap_or_default();
        let number = std::str::from_utf8(text).ok().and_then(|t| t.parse().ok());
        match number {
            Some(group) if text[0] != b'0' && text[0] != b'+' => Ok(Test::Set(vec![group])),
            _ => self.invalid(
                start,
                "a conditional without a test",
                Some("a test is a group's number, `<name>`, or a look-around"),
            ),
        }
    }
}
