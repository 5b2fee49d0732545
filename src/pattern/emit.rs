//! Writes a tree as a pattern that `regex` and `fancy-regex` read alike: ASCII only, unnamed groups, classes
//! as `\xHH` ranges, no flags. Nothing of an engine's own dialect can come in.

mod references;

use std::fmt::Write;

use super::ast::{Anchor, Mode, Node};
use super::diagnostic::PatternError;
use super::perl_classes::{vertical, word};
use super::set::ByteSet;

/// The subjects that a pattern is written for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Purpose {
    /// For subjects without a newline: `$` is the end.
    Line,
    /// For subjects that may hold newlines.
    Newlines,
    /// A superset: a pattern without look-around and backreferences that matches wherever this one does,
    /// and in more places.
    Superset,
}

/// A pattern as written for an engine.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Emitted {
    /// The pattern.
    pub text: String,
    /// Whether it needs look-around, backreferences or atomic groups.
    pub backtracks: bool,
    /// For each group by its number in Perl the groups of the text that stand for it: several after
    /// a branch reset, none if the group can take no part.
    pub groups: Vec<Vec<usize>>,
    /// The empty groups that mark where `\K` was.
    pub keeps: Vec<usize>,
}

/// Where a part stands, which decides whether it must be wrapped.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd)]
enum Place {
    /// Alone between parentheses.
    Group,
    /// Beside others.
    Sequence,
    /// Before a quantifier.
    Atom,
}

struct Emitter {
    purpose: Purpose,
    out: Emitted,
    /// The groups as the first run numbered them.
    known: Vec<Vec<usize>>,
    next: usize,
    /// Groups by number in Perl that are open, and those that were closed.
    open: Vec<usize>,
    closed: Vec<usize>,
    loops: usize,
}

/// Writes `root`, a pattern of `groups` groups.
///
/// # Errors
/// When a reference to a group cannot be written.
pub(super) fn emit(root: &Node, groups: usize, purpose: Purpose) -> Result<Emitted, PatternError> {
    let first = Emitter::new(groups, purpose, Vec::new()).run(root)?;
    Emitter::new(groups, purpose, first.groups).run(root)
}

impl Emitter {
    fn new(groups: usize, purpose: Purpose, known: Vec<Vec<usize>>) -> Self {
        Self {
            purpose,
            out: Emitted {
                groups: vec![Vec::new(); groups + 1],
                ..Emitted::default()
            },
            known,
            next: 1,
            open: Vec::new(),
            closed: Vec::new(),
            loops: 0,
        }
    }

    fn run(mut self, root: &Node) -> Result<Emitted, PatternError> {
        self.node(root, Place::Group)?;
        Ok(self.out)
    }

    fn push(&mut self, text: &str) {
        self.out.text.push_str(text);
    }

    /// Text that needs the backtracking engine; left out of a superset.
    fn push_backtracking(&mut self, text: &str) {
        if self.purpose != Purpose::Superset {
            self.out.backtracks = true;
            self.push(text);
        }
    }

    fn wrapped(&mut self, open: &str, body: &Node, close: &str) -> Result<(), PatternError> {
        self.push(open);
        self.node(body, Place::Group)?;
        self.push(close);
        Ok(())
    }

    fn node(&mut self, node: &Node, place: Place) -> Result<(), PatternError> {
        match node {
            Node::Empty | Node::Define(_) => {
                if place == Place::Atom {
                    self.push("(?:)");
                }
            }
            Node::Set(set) => self.set(*set),
            Node::Anchor(anchor) => self.anchor(*anchor),
            Node::Keep => self.keep(),
            Node::Newline => self.newline(vertical()),
            Node::Cluster => self.newline(ByteSet::default().negate()),
            Node::Concat(items) => {
                let wrap = place == Place::Atom;
                self.push(if wrap { "(?:" } else { "" });
                for item in items {
                    self.node(item, Place::Sequence)?;
                }
                self.push(if wrap { ")" } else { "" });
            }
            Node::Alternate(branches) => self.alternate(branches, place)?,
            Node::Capture { number, body, .. } => self.capture(*number, body)?,
            Node::Atomic(body) => self.atomic(body, place)?,
            Node::Look {
                behind,
                negated,
                body,
            } => self.look(*behind, *negated, body, place)?,
            Node::Repeat {
                body,
                min,
                max,
                mode,
                ..
            } => self.repeat(body, *min, *max, *mode, place)?,
            Node::Backref { groups, fold, span } => self.backref(groups, *fold, *span)?,
            Node::Switch {
                test,
                yes,
                no,
                span,
            } => self.switch(test, yes, no, *span)?,
            Node::Call { span, .. } => {
                return Err(PatternError::unsupported(
                    *span,
                    "recursion",
                    Some("write out as many levels as the lines can have"),
                ));
            }
        }
        Ok(())
    }

    fn set(&mut self, set: ByteSet) {
        let mut members = (0..=255u8).filter(|&b| set.contains(b));
        match (members.next(), members.next()) {
            (Some(byte), None) if byte.is_ascii_alphanumeric() || b" _".contains(&byte) => {
                self.out.text.push(char::from(byte));
            }
            (Some(byte), None) => {
                let _ = write!(self.out.text, "\\x{byte:02X}");
            }
            _ => self.out.text.push_str(&set.to_class()),
        }
    }

    fn anchor(&mut self, anchor: Anchor) {
        let (line, newlines) = match anchor {
            Anchor::Start => ("\\A", "\\A"),
            Anchor::End => ("\\z", "\\z"),
            // Never after a newline that ends the subject.
            Anchor::LineStart => ("\\A", "(?:\\A|(?<=\\x0A)(?!\\z))"),
            Anchor::EndOrNewline => ("\\z", "(?=\\x0A?\\z)"),
            Anchor::LineEnd => ("\\z", "(?=\\x0A|\\z)"),
            Anchor::Word { negated, latin1 } => return self.boundary(negated, latin1),
        };
        match self.purpose {
            Purpose::Line => self.push(line),
            Purpose::Newlines if line == newlines => self.push(line),
            Purpose::Newlines => self.push_backtracking(newlines),
            Purpose::Superset if line == newlines => self.push(line),
            Purpose::Superset => self.push("(?:)"),
        }
    }

    fn boundary(&mut self, negated: bool, latin1: bool) {
        if !latin1 {
            return self.push(if negated { "\\B" } else { "\\b" });
        }
        if self.purpose == Purpose::Superset {
            return self.push("(?:)");
        }
        let word = word(true).to_class();
        let (same, other) = if negated { ("=", "!") } else { ("!", "=") };
        self.push_backtracking(&format!(
            "(?:(?<={word})(?{same}{word})|(?<!{word})(?{other}{word}))"
        ));
    }

    fn keep(&mut self) {
        self.out.keeps.push(self.next);
        self.next += 1;
        self.push("()");
    }

    /// CR LF as one, or a byte of `set`.
    fn newline(&mut self, set: ByteSet) {
        let class = set.to_class();
        match self.purpose {
            Purpose::Line => self.push(&class),
            Purpose::Newlines => {
                self.push_backtracking(&format!("(?>\\x0D\\x0A|{class})"));
            }
            Purpose::Superset => self.push(&format!("(?:\\x0D\\x0A|{class})")),
        }
    }

    fn alternate(&mut self, branches: &[Node], place: Place) -> Result<(), PatternError> {
        let wrap = place > Place::Group;
        self.push(if wrap { "(?:" } else { "" });
        for (i, branch) in branches.iter().enumerate() {
            self.push(if i > 0 { "|" } else { "" });
            self.node(branch, Place::Sequence)?;
        }
        self.push(if wrap { ")" } else { "" });
        Ok(())
    }

    fn capture(&mut self, number: usize, body: &Node) -> Result<(), PatternError> {
        let group = self.next;
        self.next += 1;
        self.out.groups[number].push(group);
        self.open.push(number);
        self.wrapped("(", body, ")")?;
        self.open.pop();
        self.closed.push(number);
        Ok(())
    }

    fn atomic(&mut self, body: &Node, place: Place) -> Result<(), PatternError> {
        // There is only one way through a single byte.
        if matches!(body, Node::Set(_) | Node::Empty) {
            return self.node(body, place);
        }
        let open = match self.purpose {
            Purpose::Superset => "(?:",
            _ => "(?>",
        };
        self.out.backtracks |= open == "(?>";
        self.wrapped(open, body, ")")
    }

    fn look(
        &mut self,
        behind: bool,
        negated: bool,
        body: &Node,
        place: Place,
    ) -> Result<(), PatternError> {
        if self.purpose == Purpose::Superset {
            return self.node(&Node::Empty, place);
        }
        // The engine gets this wrong inside of what looks like a UTF-8 character to it.
        if behind && !body.captures() && body.matches_empty_anywhere() {
            let same = if negated { Node::never() } else { Node::Empty };
            return self.node(&same, place);
        }
        self.out.backtracks = true;
        let open = match (behind, negated) {
            (false, false) => "(?=",
            (false, true) => "(?!",
            (true, false) => "(?<=",
            (true, true) => "(?<!",
        };
        self.wrapped(open, body, ")")
    }

    fn repeat(
        &mut self,
        body: &Node,
        min: u32,
        max: Option<u32>,
        mode: Mode,
        place: Place,
    ) -> Result<(), PatternError> {
        if max == Some(0) {
            return self.node(&Node::Empty, place);
        }
        let possessive = mode == Mode::Possessive && self.purpose != Purpose::Superset;
        if possessive {
            self.out.backtracks = true;
            self.push("(?>");
        } else if place == Place::Atom {
            self.push("(?:");
        }
        let many = max.is_none_or(|m| m > 1);
        self.loops += usize::from(many);
        self.rounds(body, min, max, mode)?;
        self.loops -= usize::from(many);
        if possessive || place == Place::Atom {
            self.push(")");
        }
        Ok(())
    }

    fn rounds(
        &mut self,
        body: &Node,
        min: u32,
        max: Option<u32>,
        mode: Mode,
    ) -> Result<(), PatternError> {
        // What takes no bytes is tried once at most; the engines refuse to repeat it.
        if body.max_width() == Some(0) {
            return match (min, mode) {
                (1.., _) => self.node(body, Place::Sequence),
                (0, Mode::Lazy) => self.wrapped("(?:|", body, ")"),
                (0, _) => {
                    self.push("(?:");
                    self.node(body, Place::Sequence)?;
                    self.push("|)");
                    Ok(())
                }
            };
        }
        self.node(body, Place::Atom)?;
        match (min, max) {
            (0, None) => self.push("*"),
            (1, None) => self.push("+"),
            (0, Some(1)) => self.push("?"),
            (1, Some(1)) => return Ok(()),
            (min, None) => self.push(&format!("{{{min},}}")),
            (min, Some(max)) if min == max => self.push(&format!("{{{min}}}")),
            (min, Some(max)) => self.push(&format!("{{{min},{max}}}")),
        }
        if mode == Mode::Lazy {
            self.push("?");
        }
        Ok(())
    }
}
