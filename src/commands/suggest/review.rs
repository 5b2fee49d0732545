//! The review of proposed rules, one question a line, as `git add -p` has it: for serial consoles, for screen
//! readers, for scripts. What is accepted is in the file at once; what was asked is not asked again.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, Read, Write};
use std::path::Path;

use crate::pattern::{Found, Pattern};
use crate::shown::{shown, shown_path};
use crate::suggest::print::{Printing, number, percent, sample_line};
use crate::suggest::{Block, Loudness, Rule};

/// The beginning of a line that remembers a rule that was skipped, or taken in another form.
const ASKED: &[u8] = b"# asked: ";

/// The file that takes the accepted rules, and remembers the skipped ones.
pub(super) struct Accepted {
    file: File,
    /// The length of the file, bytes.
    length: u64,
    /// The patterns that are in it.
    known: BTreeSet<Vec<u8>>,
}

impl Accepted {
    /// Opens the file, which need not exist.
    ///
    /// # Errors
    /// It cannot be read or written.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        let mut file = options.read(true).append(true).create(true).open(path)?;
        let mut text = Vec::new();
        file.read_to_end(&mut text)?;
        let pattern = |line: &[u8]| {
            let rule = line.strip_prefix(ASKED).unwrap_or(line);
            let blank = rule.iter().position(|b| *b == b' ')?;
            rule.get(blank + 1..).map(<[u8]>::to_vec)
        };
        Ok(Self {
            file,
            length: text.len() as u64,
            known: text.split(|b| *b == b'\n').filter_map(pattern).collect(),
        })
    }

    /// Whether a rule was asked about before.
    fn knows(&self, rule: &Rule) -> bool {
        self.known.contains(&rule.pattern)
    }

    /// Adds a text; it is on the disk when this returns.
    fn add(&mut self, text: &[u8]) -> io::Result<()> {
        self.file.write_all(text)?;
        self.file.sync_data()?;
        self.length += text.len() as u64;
        Ok(())
    }

    /// Takes back what was added since the file had this length.
    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.file.set_len(length)?;
        self.length = length;
        Ok(())
    }
}

/// What comes after an answer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    On,
    Back,
    Quit,
}

/// A review on its way.
pub(super) struct Review<'a> {
    pub(super) printing: &'a Printing<'a>,
    pub(super) accepted: Accepted,
    pub(super) input: &'a mut dyn BufRead,
    pub(super) out: &'a mut dyn Write,
}

impl Review<'_> {
    /// Asks about all programs.
    ///
    /// # Errors
    /// When the file or the terminal cannot be written.
    pub(super) fn run(&mut self, blocks: &[Block], path: &Path) -> io::Result<()> {
        let mut open: Vec<Block> = blocks.to_vec();
        for block in &mut open {
            block
                .rules
                .retain(|rule| rule.lines >= self.printing.least && !self.accepted.knows(rule));
        }
        open.retain(|block| !block.rules.is_empty());
        let begun = self.accepted.length;
        let mut before: Vec<(u64, u64)> = Vec::new();
        let mut reached = self.printing.taken;
        while let Some(block) = open.get(before.len()) {
            let place = format!("{}/{}", before.len() + 1, open.len());
            let (length, lines) = (self.accepted.length, block.lines());
            match self.program(block, &place, reached)? {
                Next::Quit => break,
                Next::On => {
                    before.push((length, reached));
                    reached += lines;
                }
                Next::Back => {
                    if let Some((length, lines)) = before.pop() {
                        self.accepted.cut(length)?;
                        reached = lines;
                    }
                }
            }
        }
        let path = shown_path(path);
        match self.accepted.length == begun {
            true if open.is_empty() => writeln!(self.out, "No rule is left to ask about."),
            true => writeln!(self.out, "Nothing was added to {path}."),
            false => writeln!(
                self.out,
                "Written to {path}. Look at it, run `tenshi -C`, then `kill -HUP` the daemon."
            ),
        }
    }

    /// Asks a question and gives the answer's first letter; the end of the input is `q`.
    fn ask(&mut self, question: &str) -> io::Result<u8> {
        write!(self.out, "{question} ")?;
        self.out.flush()?;
        let mut line = Vec::new();
        if self.input.read_until(b'\n', &mut line)? == 0 {
            writeln!(self.out)?;
            return Ok(b'q');
        }
        Ok(line.trim_ascii().first().copied().unwrap_or(b'?'))
    }

    /// Asks about a program: all of its rules together, or one by one.
    fn program(&mut self, block: &Block, place: &str, reached: u64) -> io::Result<Next> {
        let name = match block.program.is_empty() {
            true => "messages without a program".to_owned(),
            false => shown(&block.program).to_string(),
        };
        let share = percent(reached + block.lines(), self.printing.lines);
        let (lines, rules) = (
            number(block.lines(), "line"),
            number(block.rules.len() as u64, "rule"),
        );
        writeln!(
            self.out,
            "\n[{place}] {name}: {lines}, {rules}; {share} % reached with it"
        )?;
        let mut loud: Vec<&Rule> = block.rules.iter().collect();
        loud.sort_by_key(|rule| (rule.loudness, std::cmp::Reverse(rule.lines)));
        for rule in loud {
            let queue = (self.printing.queue)(rule.loudness);
            writeln!(
                self.out,
                "{:>9}  {queue} {}",
                rule.lines,
                shown(&rule.pattern)
            )?;
        }
        loop {
            let question = "accept all [a], look at each [l], skip [s], undo [u], quit [q]?";
            match self.ask(question)? {
                b'a' => {
                    let rules: Vec<(String, &[u8])> = block
                        .rules
                        .iter()
                        .map(|rule| ((self.printing.queue)(rule.loudness), &*rule.pattern))
                        .collect();
                    self.accepted.add(&text(block, &rules))?;
                    return Ok(Next::On);
                }
                b'l' => return self.rules(block),
                b's' => {
                    for rule in &block.rules {
                        self.skip(rule)?;
                    }
                    return Ok(Next::On);
                }
                b'u' => return Ok(Next::Back),
                b'q' => return Ok(Next::Quit),
                _ => writeln!(
                    self.out,
                    "a writes these rules to the file, l asks about each of them, s leaves them out and does not ask \
                     again,\nu takes the last answer back, q ends: what was accepted is kept"
                )?,
            }
        }
    }

    /// Remembers that a rule was asked about.
    fn skip(&mut self, rule: &Rule) -> io::Result<()> {
        let queue = (self.printing.queue)(rule.loudness);
        let line = [ASKED, queue.as_bytes(), b" ", &rule.pattern, b"\n"].concat();
        self.accepted.add(&line)
    }

    /// Asks about the rules of a program, one by one.
    fn rules(&mut self, block: &Block) -> io::Result<Next> {
        let begun = self.accepted.length;
        for rule in &block.rules {
            match self.rule(block, rule)? {
                Next::On => {}
                Next::Back => {
                    self.accepted.cut(begun)?;
                    return Ok(Next::Back);
                }
                Next::Quit => return Ok(Next::Quit),
            }
        }
        Ok(Next::On)
    }

    fn rule(&mut self, block: &Block, rule: &Rule) -> io::Result<Next> {
        let sample = if self.printing.samples {
            &rule.sample
        } else {
            &rule.anonymous
        };
        let (lines, hosts) = (
            number(rule.lines, "line"),
            number(rule.hosts as u64, "host"),
        );
        writeln!(
            self.out,
            "\n{lines}, {hosts}: {}",
            sample_line(&block.program, sample)
        )?;
        let mut queue = (self.printing.queue)(rule.loudness);
        let mut pattern = rule.pattern.clone();
        loop {
            writeln!(self.out, "{queue} {}", shown(&pattern))?;
            let question = "accept [a], critical [c], report [r], misc [m], trash [t], edit [e], skip [s], undo [u], quit [q]?";
            let answer = self.ask(question)?;
            match answer {
                b'c' => queue = (self.printing.queue)(Loudness::Critical),
                b'r' => queue = (self.printing.queue)(Loudness::Report),
                b'm' => queue = (self.printing.queue)(Loudness::Misc),
                b't' if self.may_be_dropped(rule)? => "trash".clone_into(&mut queue),
                _ => {}
            }
            match answer {
                b'a' | b'c' | b'r' | b'm' => {}
                b't' if queue == "trash" => {}
                b'e' => {
                    pattern = self.edited(rule, pattern)?;
                    continue;
                }
                b's' => {
                    self.skip(rule)?;
                    return Ok(Next::On);
                }
                b'u' => return Ok(Next::Back),
                b'q' => return Ok(Next::Quit),
                _ => continue,
            }
            if pattern != rule.pattern {
                self.skip(rule)?;
            }
            self.accepted.add(&text(block, &[(queue, &pattern)]))?;
            return Ok(Next::On);
        }
    }

    /// Whether lines that speak of a failure are to be dropped all the same.
    fn may_be_dropped(&mut self, rule: &Rule) -> io::Result<bool> {
        let Some(word) = &rule.why else {
            return Ok(true);
        };
        let question = format!(
            "these lines say `{}`: drop them all the same [y/n]?",
            shown(word.as_bytes())
        );
        Ok(self.ask(&question)? == b'y')
    }

    /// Reads another pattern, and takes it if it takes the rule's samples.
    fn edited(&mut self, rule: &Rule, old: Vec<u8>) -> io::Result<Vec<u8>> {
        write!(self.out, "pattern: ")?;
        self.out.flush()?;
        let mut line = Vec::new();
        self.input.read_until(b'\n', &mut line)?;
        let new = line.trim_ascii();
        let compiled = match Pattern::compile(new) {
            Ok(compiled) if !new.is_empty() => compiled,
            _ => {
                writeln!(self.out, "this is no pattern; the old one stays")?;
                return Ok(old);
            }
        };
        let takes = |text: &&Vec<u8>| compiled.is_match(text) == Found::Yes;
        let taken = rule.examples.iter().filter(takes).count();
        writeln!(self.out, "takes {taken} of {} samples", rule.examples.len())?;
        match taken {
            0 => {
                writeln!(self.out, "the old pattern stays")?;
                Ok(old)
            }
            _ => Ok(new.to_vec()),
        }
    }
}

/// Rules of a program as they stand in a configuration.
fn text(block: &Block, rules: &[(String, &[u8])]) -> Vec<u8> {
    let mut text = Vec::new();
    if let Some(group) = &block.group {
        text.extend_from_slice(&[b"group ", &group[..], b"\n"].concat());
    }
    for (queue, pattern) in rules {
        text.extend_from_slice(&[queue.as_bytes(), b" ", pattern, b"\n"].concat());
    }
    if block.group.is_some() {
        text.extend_from_slice(b"group_end\n");
    }
    text
}
