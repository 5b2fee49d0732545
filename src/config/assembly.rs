//! The assembly: directives, file by file and line by line, become a [`Config`](super::Config).

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::diagnostic::shown;
use super::draft::Draft;
use super::files::ConfigFiles;
use super::grammar::{self, Directive, Fragment, without_line_end};
use super::loaded::{IncludeDir, Loaded};
use super::reporter::{Location, SourceLine};
use super::rules::RuleList;
use super::suggest::did_you_mean;
use super::{lint, settings};
use crate::charset::{Charset, Coding, is_iso_2022};
use crate::shown::shown_path;

/// The longest line that is read, bytes.
const MAX_LINE: usize = 1 << 20;
/// The most files and bytes that one configuration may have: includes that double at each step
/// would not end within a life.
const MAX_FILES: usize = 10_000;
const MAX_BYTES: usize = 64 << 20;
/// The greatest depth of includes.
const MAX_DEPTH: usize = 200;

/// A configuration in the making, and the files that it is read from.
pub(super) struct Assembly<'f> {
    source: &'f dyn ConfigFiles,
    draft: Draft,
    rules: RuleList,
    /// How lines with text for people, or with patterns, are read.
    coding: Coding,
    /// The first text of each file that is not UTF-8 and that is shown to somebody.
    foreign: Vec<lint::ForeignText>,
    files: Vec<PathBuf>,
    include_dirs: Vec<IncludeDir>,
    /// The length of all files so far, bytes.
    bytes: usize,
    open: Vec<OpenFile>,
}

/// A file that is being read.
struct OpenFile {
    /// The canonical path.
    identity: PathBuf,
    /// The path as the configuration names it.
    path: PathBuf,
}

impl<'f> Assembly<'f> {
    /// The assembly before any file is read. `charset` is the set of text that is not UTF-8.
    pub(super) fn new(draft: Draft, source: &'f dyn ConfigFiles, charset: Option<Charset>) -> Self {
        Self {
            source,
            draft,
            rules: RuleList::new(),
            coding: charset.map_or(Coding::Bytes, Charset::of_text),
            foreign: Vec::new(),
            files: Vec::new(),
            include_dirs: Vec::new(),
            bytes: 0,
            open: Vec::new(),
        }
    }

    /// Reads a file in place; `from` is the directive that names it.
    pub(super) fn read_file(&mut self, path: &Path, from: Option<&Location>) {
        let location = from.cloned().unwrap_or_else(|| Location::file(path));
        let identity = self.source.identity(path);
        if let Some(first) = self.open.iter().position(|file| file.identity == identity) {
            let mut chain: Vec<String> = self.open[first..]
                .iter()
                .map(|file| shown_path(&file.path).to_string())
                .collect();
            chain.push(shown_path(&path).to_string());
            let message = format!("the includes run in a circle: {}", chain.join(" → "));
            self.draft.reporter.error(
                location,
                message,
                Some("remove one of these includes".into()),
            );
            return;
        }
        if self.files.len() >= MAX_FILES || self.open.len() >= MAX_DEPTH {
            let message = format!("more than {MAX_FILES} files, or {MAX_DEPTH} inside each other");
            self.draft.reporter.error(location, message, None);
            return;
        }
        let bytes = match self.source.read(path) {
            Ok(bytes) => bytes,
            Err(e) => {
                self.draft.reporter.error(
                    location,
                    format!("cannot read `{}`: {e}", shown_path(&path)),
                    None,
                );
                return;
            }
        };
        self.bytes += bytes.len();
        if self.bytes > MAX_BYTES {
            let message = format!("the files are more than {} MiB together", MAX_BYTES >> 20);
            self.draft.reporter.error(location, message, None);
            return;
        }
        self.open.push(OpenFile {
            identity,
            path: path.to_owned(),
        });
        self.read_bytes(path, &bytes);
        self.open.pop();
    }

    /// Reads the bytes of a file.
    pub(super) fn read_bytes(&mut self, path: &Path, bytes: &[u8]) {
        self.files.push(path.to_owned());
        let file: Arc<Path> = Arc::from(path);
        let mut returns_told = false;
        let bytes = self.without_mark(&file, bytes);
        for (number, text) in (1..).zip(bytes.split_inclusive(|b| *b == b'\n')) {
            let line = SourceLine {
                file: &file,
                number,
                text: without_line_end(text),
            };
            if line.text.len() > MAX_LINE {
                let message = format!("the line is longer than {} KiB", MAX_LINE >> 10);
                let line = SourceLine {
                    text: &line.text[..200],
                    ..line
                };
                self.draft
                    .reporter
                    .error(line.location((0, 200)), message, None);
                continue;
            }
            if text.ends_with(b"\r\n") && !returns_told {
                returns_told = true;
                let message = "the lines of this file end with a carriage return (CRLF)";
                let hint = "it is left out here; Perl tenshi takes it for a part of the value";
                let end = line.text.len();
                self.draft
                    .reporter
                    .warn(line.location((end, end)), message, Some(hint.into()));
            }
            self.directive(&line);
        }
    }

    /// The bytes without the mark that some editors put in front of UTF-8.
    fn without_mark<'b>(&mut self, file: &Arc<Path>, bytes: &'b [u8]) -> &'b [u8] {
        let Some(rest) = bytes.strip_prefix(b"\xef\xbb\xbf") else {
            return bytes;
        };
        let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        let line = SourceLine {
            file,
            number: 1,
            text: without_line_end(&rest[..end]),
        };
        let message = "this file begins with a byte order mark";
        let hint = "it is left out here; Perl tenshi takes it for a part of the first word";
        self.draft
            .reporter
            .warn(line.location((0, 0)), message, Some(hint.into()));
        rest
    }

    /// Notes the first text of each file that is not UTF-8: its other texts are of the same character set.
    fn note_foreign(&mut self, line: &SourceLine<'_>, part: Fragment<'_>) {
        let foreign = std::str::from_utf8(part.text).is_err() || is_iso_2022(part.text);
        let file = |found: &lint::ForeignText| found.location.place.file == *line.file;
        if foreign && !self.foreign.last().is_some_and(file) {
            self.foreign.push(lint::ForeignText {
                location: line.at(part),
                text: part.text.to_vec(),
            });
        }
    }

    /// The character set that the files name, if any text in them may be of it. The text is right when they are
    /// read again with it.
    pub(super) fn charset_of_text(&self) -> Option<Charset> {
        self.draft.charsets.default.filter(|charset| {
            let decoded = charset.of_text() != Coding::Bytes;
            decoded && !self.foreign.is_empty()
        })
    }

    /// Reads a line. Patterns and text for people are decoded; names of files and programs are bytes.
    fn directive(&mut self, line: &SourceLine<'_>) {
        let directive = grammar::parse(line.text);
        let text = match directive {
            Directive::Set { name, value } if settings::is_text(name.text) => {
                Some(value.trim_start())
            }
            Directive::Rule { pattern, .. } => Some(pattern),
            _ => None,
        };
        let Some(text) = text else {
            return self.take(line, directive);
        };
        self.note_foreign(line, text);
        let decoded = SourceLine {
            text: &self.coding.line(line.text, false),
            ..*line
        };
        self.take(&decoded, grammar::parse(decoded.text));
    }

    fn take(&mut self, line: &SourceLine<'_>, directive: Directive<'_>) {
        match directive {
            Directive::Nothing => {}
            Directive::Include { file, rest } => {
                self.draft.warn_words(line, "include", rest);
                let path = self.draft.path(file);
                self.read_file(&path, Some(&line.at(file)));
            }
            Directive::IncludeDir { directory, rest } => {
                self.draft.warn_words(line, "includedir", rest);
                self.include_directory(line, directory);
            }
            Directive::Set { name, value } => settings::apply(&mut self.draft, line, name, value),
            Directive::GroupEnd { rest } => {
                self.draft.warn_words(line, "group_end", rest);
                self.rules.close(line, &mut self.draft.reporter);
            }
            Directive::Rule { queues, pattern } => {
                self.rules.add(
                    line,
                    queues,
                    pattern,
                    &mut self.draft.queues,
                    &mut self.draft.reporter,
                );
            }
            Directive::Word { word } => self.lone_word(line, word),
        }
    }

    /// Reads the files of a directory in bytewise order, those that begin with a dot left out.
    fn include_directory(&mut self, line: &SourceLine<'_>, directory: Fragment<'_>) {
        let path = self.draft.path(directory);
        let mut names = match self.source.list(&path) {
            Ok(names) => names,
            Err(e) => {
                let message = format!("cannot read the directory `{}`: {e}", shown_path(&path));
                self.draft.reporter.error(line.at(directory), message, None);
                return;
            }
        };
        self.include_dirs.push(IncludeDir {
            path: path.clone(),
            behind: self.rules.everything().cloned(),
        });
        names.retain(|name| !name.as_bytes().starts_with(b"."));
        names.sort_unstable_by(|a, b| a.as_bytes().cmp(b.as_bytes()));
        let location = line.at(directory);
        for name in names {
            self.read_file(&path.join(name), Some(&location));
        }
    }

    fn lone_word(&mut self, line: &SourceLine<'_>, word: Fragment<'_>) {
        let (message, hint) = match word.text {
            b"set" => ("`set` needs a name and a value".into(), None),
            b"include" => ("`include` needs a file".into(), None),
            b"includedir" => ("`includedir` needs a directory".into(), None),
            text => {
                let words = ["group_end", "include", "includedir", "set"];
                let hint = did_you_mean(text, words).unwrap_or_else(|| {
                    "a rule is QUEUE REGEXP, a setting is `set NAME VALUE`".into()
                });
                (format!("`{}` alone says nothing", shown(text)), Some(hint))
            }
        };
        self.draft.reporter.error(line.at(word), message, hint);
    }

    /// Closes what is open, looks at the whole, and gives what came of it.
    pub(super) fn finish(self) -> Loaded {
        let Self {
            mut draft,
            mut rules,
            foreign,
            files,
            include_dirs,
            ..
        } = self;
        rules.finish(&mut draft.reporter);
        draft.queues.attach_filters(&mut draft.reporter);
        let programs = &draft.mail.programs;
        draft.queues.check_notified(programs, &mut draft.reporter);
        lint::check(&mut draft, &foreign);
        // An unreadable main file is one error, not two.
        if !draft.mail.named && !files.is_empty() {
            let hint = Some("write `set mailserver localhost`".into());
            let location = Location::file(&draft.file);
            draft
                .reporter
                .error(location, "no mail server is set", hint);
        }
        let file = draft.file.clone();
        let (config, needs, reporter) = draft.finish(rules.into_rules());
        let (mut diagnostics, left_out) = reporter.finish(&file, &files);
        let cut = left_out.is_some();
        diagnostics.extend(left_out);
        Loaded {
            config,
            diagnostics,
            files,
            include_dirs,
            needs,
            cut,
        }
    }
}
