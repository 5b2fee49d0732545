//! The rules of logcheck, from its directory on this machine.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use bstr::{BString, ByteSlice};

use super::convert::Converter;
use crate::plain;
use crate::shown::{shown, shown_path};

/// Bytes of a file of rules that are read, at most.
const MOST_BYTES: u64 = 16 << 20;

/// What logcheck does with the lines of a directory of rules.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// It reports them, in front of all else.
    Alert,
    /// It leaves them out.
    Ignore,
}

/// The directories, in the order in which logcheck looks at them. What is left out of the alerts comes before
/// them.
const DIRECTORIES: [(&str, Kind); 7] = [
    ("cracking.ignore.d", Kind::Ignore),
    ("cracking.d", Kind::Alert),
    ("violations.ignore.d", Kind::Ignore),
    ("violations.d", Kind::Alert),
    ("ignore.d.paranoid", Kind::Ignore),
    ("ignore.d.server", Kind::Ignore),
    ("ignore.d.workstation", Kind::Ignore),
];

/// The rules of a directory of logcheck.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Import {
    dir: PathBuf,
    hidepid: bool,
    /// The rules that could be converted, in the order of [`Import::write`]: blocks of one program stand
    /// together.
    pub rules: Vec<Imported>,
    /// The rules that could not.
    pub refused: Vec<Refused>,
    /// Number of rules that were left out by [`Import::keep`].
    left_out: usize,
}

/// A rule of logcheck as a rule of ours.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Imported {
    /// The file, below the directory of logcheck, and the line in it, counted from 1.
    pub file: PathBuf,
    /// The line in the file, counted from 1.
    pub line: usize,
    /// What logcheck does with the lines that it matches.
    pub kind: Kind,
    /// The rule as logcheck has it.
    pub original: BString,
    /// The pattern for messages.
    pub pattern: BString,
    /// The program of all its messages, if that is fixed.
    pub program: Option<BString>,
    /// The place of the rule's directory among the directories.
    section: usize,
}

/// A rule of logcheck that could not be converted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refused {
    /// The file, below the directory of logcheck.
    pub file: PathBuf,
    /// The line in the file, counted from 1.
    pub line: usize,
    /// The rule as logcheck has it.
    pub original: BString,
    /// Why.
    pub why: String,
}

impl Import {
    /// Reads all rules of a directory (`/etc/logcheck`). With `hidepid` their process ids are taken out, as `set
    /// hidepid on` takes them out of the lines.
    ///
    /// # Errors
    /// When the directory, or a file of rules in it, cannot be read, or holds no rules.
    pub fn read(dir: &Path, hidepid: bool) -> io::Result<Self> {
        let mut import = Self {
            dir: dir.to_path_buf(),
            hidepid,
            rules: Vec::new(),
            refused: Vec::new(),
            left_out: 0,
        };
        fs::read_dir(dir)?;
        let mut converter = Converter::new(hidepid);
        for (section, (name, kind)) in DIRECTORIES.into_iter().enumerate() {
            for file in rule_files(&dir.join(name))? {
                let text = read_file(&dir.join(name).join(&file))?;
                let file = Path::new(name).join(file);
                import.add(&file, &text, (section, kind), &mut converter);
            }
        }
        if import.rules.is_empty() && import.refused.is_empty() {
            let text =
                "has no rules of logcheck: it should have directories such as ignore.d.server";
            return Err(io::Error::other(text));
        }
        import.arrange();
        Ok(import)
    }

    fn add(
        &mut self,
        file: &Path,
        text: &[u8],
        (section, kind): (usize, Kind),
        converter: &mut Converter,
    ) {
        for (at, rule) in text.lines().enumerate() {
            if rule.starts_with(b"#") || rule.trim().is_empty() {
                continue;
            }
            let (file, line, original) = (file.to_path_buf(), at + 1, BString::from(rule));
            match converter.convert(rule) {
                Ok(converted) => self.rules.push(Imported {
                    file,
                    line,
                    kind,
                    original,
                    pattern: converted.pattern,
                    program: converted.program,
                    section,
                }),
                Err(why) => self.refused.push(Refused {
                    file,
                    line,
                    original,
                    why,
                }),
            }
        }
    }

    /// Puts the rules of one program together, in each section: the order within a section does not matter, as all its
    /// rules do one thing with a line. Rules without a program come last.
    fn arrange(&mut self) {
        let mut order: BTreeMap<(usize, BString), usize> = BTreeMap::new();
        for rule in &self.rules {
            if let Some(program) = &rule.program {
                let next = order.len();
                order.entry((rule.section, program.clone())).or_insert(next);
            }
        }
        self.rules.sort_by_key(|rule| {
            let program = rule
                .program
                .as_ref()
                .map(|name| (rule.section, name.clone()));
            let block = program.and_then(|key| order.get(&key).copied());
            (rule.section, block.unwrap_or(usize::MAX))
        });
    }

    /// Keeps the rules of which `is_kept` says so, asked with the place of each in [`Import::rules`].
    pub fn keep(&mut self, is_kept: impl Fn(usize) -> bool) {
        let all = self.rules.len();
        let mut at = 0;
        self.rules.retain(|_| {
            at += 1;
            is_kept(at - 1)
        });
        self.left_out += all - self.rules.len();
    }

    /// Number of rules that were read.
    pub fn all(&self) -> usize {
        self.rules.len() + self.left_out + self.refused.len()
    }

    /// Writes the rules as a file for `include`: what logcheck leaves out goes to the queue `ignored`, what it
    /// reports to the queue `alerts`. The rules stand in the order of [`Import::rules`].
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, ignored: &str, alerts: &str, out: &mut dyn Write) -> io::Result<()> {
        writeln!(
            out,
            "{HEADER}: {} of {} rules of {}.",
            self.rules.len(),
            self.all(),
            shown_path(&self.dir)
        )?;
        writeln!(
            out,
            "# The lines need `set hidepid {}`.",
            if self.hidepid { "on" } else { "off" }
        )?;
        let (mut section, mut program, mut file) = (None, None, None);
        for rule in &self.rules {
            let new_section = section != Some(rule.section);
            if program.is_some() && (new_section || program != rule.program.as_ref()) {
                writeln!(out, "group_end")?;
                program = None;
            }
            if new_section {
                let (name, kind) = DIRECTORIES
                    .get(rule.section)
                    .copied()
                    .unwrap_or(("", Kind::Ignore));
                let does = match kind {
                    Kind::Alert => "logcheck reports",
                    Kind::Ignore => "logcheck leaves out",
                };
                writeln!(out, "\n# {name}: what {does}.")?;
                section = Some(rule.section);
                file = None;
            }
            if rule.program.is_some() && program.is_none() {
                program = rule.program.as_ref();
                let name = program
                    .map(|name| group(name, self.hidepid))
                    .unwrap_or_default();
                write_bytes(out, "group ", &name)?;
            }
            if file != Some(&rule.file) {
                writeln!(out, "# {}", shown_path(&rule.file))?;
                file = Some(&rule.file);
            }
            let queue = match rule.kind {
                Kind::Alert => alerts,
                Kind::Ignore => ignored,
            };
            write_bytes(out, &format!("{queue} "), &rule.pattern)?;
        }
        if program.is_some() {
            writeln!(out, "group_end")?;
        }
        Ok(())
    }

    /// The refused rules, one a line: the place, the reason and the rule.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn write_refused(&self, out: &mut dyn Write) -> io::Result<()> {
        for one in &self.refused {
            let place = self.dir.join(&one.file);
            writeln!(
                out,
                "{}:{}: not imported: {}",
                shown_path(&place),
                one.line,
                one.why
            )?;
            writeln!(out, "    {}", shown(&one.original))?;
        }
        Ok(())
    }
}

/// The beginning of the files that are written.
pub const HEADER: &str = "# Rules of logcheck, by `tenshi import logcheck`";

/// The pattern of the group for a program.
fn group(program: &[u8], hidepid: bool) -> Vec<u8> {
    let name = regex_syntax::escape(&program.to_str_lossy());
    // The name has letters, digits and -_./ alone.
    let name = name.replace("\\-", "-");
    let end = if hidepid { ":" } else { "[:[]" };
    format!("^{name}{end}").into_bytes()
}

fn write_bytes(out: &mut dyn Write, before: &str, text: &[u8]) -> io::Result<()> {
    out.write_all(before.as_bytes())?;
    out.write_all(text)?;
    out.write_all(b"\n")
}

/// The names of the files of rules in a directory, in order: those that `run-parts` takes. A directory that is
/// not there has none.
fn rule_files(dir: &Path) -> io::Result<Vec<OsString>> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(within(dir, &e)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|e| within(dir, &e))?;
        let name = entry.file_name();
        let usual = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_".contains(byte);
        let is_file = fs::metadata(entry.path()).is_ok_and(|meta| meta.is_file());
        if is_file && name.as_bytes().iter().all(usual) {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    plain::read(path, MOST_BYTES).map_err(|e| within(path, &e))
}

/// An error about a file within the directory.
fn within(path: &Path, e: &io::Error) -> io::Error {
    io::Error::new(e.kind(), format!("{}: {e}", shown_path(path)))
}
