//! The assembly: directives, file by file and line by line, become a [`Config`].

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::Loaded;
use super::diagnostic::shown;
use super::fingerprint::Fingerprint;
use super::grammar::{self, Directive, Part, is_blank, without_line_end};
use super::machine::Machine;
use super::model::*;
use super::queues::QueueTable;
use super::report::{Line, Reports, Spot};
use super::rules::RuleList;
use super::suggest::did_you_mean;
use super::values::is_loopback;
use super::{lint, settings};
use crate::charset::is_iso_2022;
use crate::shown::shown_path;

/// The longest line that is read, bytes.
const MAX_LINE: usize = 1 << 20;
/// The most files and bytes that one configuration may have: includes that double at each step
/// would not end within a life.
const MAX_FILES: usize = 10_000;
const MAX_BYTES: usize = 64 << 20;
/// How deep files may include each other.
const MAX_DEPTH: usize = 200;

/// The arguments of a tail program where no `set tail` has any (those of Perl tenshi 0.18).
const DEFAULT_TAIL: &str = "-q --follow=name --retry -n 0";

/// A configuration in the making.
pub(super) struct Assembly<'m> {
    pub(super) machine: &'m dyn Machine,
    pub(super) reports: Reports,
    pub(super) process: ProcessSettings,
    pub(super) inputs: InputSettings,
    pub(super) lines: LineSettings,
    pub(super) report: ReportSettings,
    pub(super) mail: MailDraft,
    pub(super) state: StateSettings,
    pub(super) sleep: Duration,
    pub(super) repeat_limit: u64,
    pub(super) queues: QueueTable,
    pub(super) rules: RuleList,
    /// Where each of `inputs.logfiles` was named.
    pub(super) log_spots: Vec<Spot>,
    /// The arguments of the last `set tail` that had some.
    pub(super) tail_arguments: OsString,
    /// Where `set tail` stands.
    pub(super) tail_spot: Option<Spot>,
    /// The first text of each file that is not UTF-8 and that is shown to somebody.
    pub(super) foreign: Vec<Foreign>,
    pub(super) file: PathBuf,
    files: Vec<PathBuf>,
    bytes: usize,
    open: Vec<OpenFile>,
}

/// Text of another character set than UTF-8.
pub(super) struct Foreign {
    pub(super) spot: Spot,
    pub(super) text: Vec<u8>,
}

/// A file that is being read.
struct OpenFile {
    identity: PathBuf,
    path: PathBuf,
}

/// [`MailSettings`] while the server is not known.
pub(super) struct MailDraft {
    pub(super) server: Option<MailServer>,
    /// Whether there was a `set mailserver`, be it right or wrong.
    pub(super) named: bool,
    /// Where it stands.
    pub(super) server_spot: Option<Spot>,
    pub(super) helo: String,
    pub(super) timeout: Option<Duration>,
    /// `set mailtls`, if there is one, and where it stands.
    pub(super) tls: Option<(MailTls, Spot)>,
    pub(super) fingerprint: Option<Fingerprint>,
    pub(super) auth: Option<MailAuth>,
    pub(super) filter_timeout: Duration,
}

impl MailDraft {
    /// Whether the server is another machine.
    pub(super) fn is_remote(&self) -> bool {
        matches!(&self.server, Some(MailServer::Smtp { host, .. }) if !is_loopback(host))
    }

    /// What is meant by `set mailtls`, or by its absence: a password is for the server that is
    /// named, and not for whoever answers in its place.
    fn tls(&self) -> MailTls {
        match &self.tls {
            Some((tls, _)) => *tls,
            None if self.fingerprint.is_some() => MailTls::StartTls,
            None if self.auth.is_some() && self.is_remote() => MailTls::StartTls,
            None => MailTls::default(),
        }
    }
}

impl<'m> Assembly<'m> {
    /// Nothing read yet: everything at its default.
    pub(super) fn new(file: &Path, machine: &'m dyn Machine) -> Self {
        Self {
            machine,
            reports: Reports::default(),
            process: ProcessSettings {
                uid: None,
                gid: None,
                pidfile: "/var/run/tenshi.pid".into(),
            },
            inputs: default_inputs(),
            lines: LineSettings {
                prefixes: Vec::new(),
                names: Vec::new(),
                rfc3339: true,
                hidepid: false,
            },
            report: ReportSettings {
                mask: "______".into(),
                subject: "tenshi report".into(),
                limit: None,
                pager_limit: None,
                max_shown: 2 << 10,
                sort_order: SortOrder::default(),
                resolve: false,
                charset: None,
                csv_safe: false,
            },
            mail: MailDraft {
                server: None,
                named: false,
                helo: "localhost.localdomain".into(),
                timeout: Some(Duration::from_secs(10)),
                server_spot: None,
                tls: None,
                fingerprint: None,
                auth: None,
                filter_timeout: Duration::from_secs(60),
            },
            state: StateSettings {
                dir: None,
                catchup: None,
                commit: Duration::from_secs(1),
                max_lines: 1_000_000,
                max_memory: 256 << 20,
            },
            sleep: Duration::from_secs(5),
            repeat_limit: 1_000_000,
            queues: QueueTable::default(),
            rules: RuleList::new(),
            log_spots: Vec::new(),
            tail_arguments: DEFAULT_TAIL.into(),
            tail_spot: None,
            foreign: Vec::new(),
            file: file.to_owned(),
            files: Vec::new(),
            bytes: 0,
            open: Vec::new(),
        }
    }

    /// Reads a file in place; `from` is the directive that names it.
    pub(super) fn read_file(&mut self, path: &Path, from: Option<&Spot>) {
        let spot = from.cloned().unwrap_or_else(|| Spot::file(path));
        let identity = self.machine.identity(path);
        if let Some(first) = self.open.iter().position(|file| file.identity == identity) {
            let mut chain: Vec<String> = self.open[first..]
                .iter()
                .map(|file| shown_path(&file.path).to_string())
                .collect();
            chain.push(shown_path(&path).to_string());
            let message = format!("the includes run in a circle: {}", chain.join(" → "));
            self.reports
                .error(spot, message, Some("remove one of these includes".into()));
            return;
        }
        if self.files.len() >= MAX_FILES || self.open.len() >= MAX_DEPTH {
            let message = format!("more than {MAX_FILES} files, or {MAX_DEPTH} inside each other");
            self.reports.error(spot, message, None);
            return;
        }
        let bytes = match self.machine.read(path) {
            Ok(bytes) => bytes,
            Err(e) => {
                self.reports.error(
                    spot,
                    format!("cannot read `{}`: {e}", shown_path(&path)),
                    None,
                );
                return;
            }
        };
        self.bytes += bytes.len();
        if self.bytes > MAX_BYTES {
            let message = format!("the files are more than {} MiB together", MAX_BYTES >> 20);
            self.reports.error(spot, message, None);
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
            let line = Line {
                file: &file,
                number,
                text: without_line_end(text),
            };
            if line.text.len() > MAX_LINE {
                let message = format!("the line is longer than {} KiB", MAX_LINE >> 10);
                let line = Line {
                    text: &line.text[..200],
                    ..line
                };
                self.reports.error(line.spot((0, 200)), message, None);
                continue;
            }
            if text.ends_with(b"\r\n") && !returns_told {
                returns_told = true;
                let message = "the lines of this file end with a carriage return (CRLF)";
                let hint = "it is left out here; Perl tenshi takes it for a part of the value";
                let end = line.text.len();
                self.reports
                    .warn(line.spot((end, end)), message, Some(hint.into()));
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
        let line = Line {
            file,
            number: 1,
            text: without_line_end(&rest[..end]),
        };
        let message = "this file begins with a byte order mark";
        let hint = "it is left out here; Perl tenshi takes it for a part of the first word";
        self.reports
            .warn(line.spot((0, 0)), message, Some(hint.into()));
        rest
    }

    /// Notes a text that is not UTF-8, of a file the first one alone: the others are of the same set.
    fn note_foreign(&mut self, line: &Line<'_>, part: Part<'_>) {
        let foreign = std::str::from_utf8(part.text).is_err() || is_iso_2022(part.text);
        let file = |found: &Foreign| found.spot.place.file == *line.file;
        if foreign && !self.foreign.last().is_some_and(file) {
            self.foreign.push(Foreign {
                spot: line.at(part),
                text: part.text.to_vec(),
            });
        }
    }

    fn directive(&mut self, line: &Line<'_>) {
        let directive = grammar::parse(line.text);
        match directive {
            Directive::Set { name, value } if settings::is_shown(name.text) => {
                self.note_foreign(line, value.trim_start());
            }
            Directive::Rule { pattern, .. } => self.note_foreign(line, pattern),
            _ => {}
        }
        match directive {
            Directive::Nothing => {}
            Directive::Include { file, rest } => {
                self.warn_words(line, "include", rest);
                let path = self.path(file);
                self.read_file(&path, Some(&line.at(file)));
            }
            Directive::IncludeDir { directory, rest } => {
                self.warn_words(line, "includedir", rest);
                self.include_directory(line, directory);
            }
            Directive::Set { name, value } => settings::apply(self, line, name, value),
            Directive::GroupEnd { rest } => {
                self.warn_words(line, "group_end", rest);
                self.rules.close(line, &mut self.reports);
            }
            Directive::Rule { queues, pattern } => {
                self.rules
                    .add(line, queues, pattern, &mut self.queues, &mut self.reports);
            }
            Directive::Word { word } => self.lone_word(line, word),
        }
    }

    /// Reads the files of a directory in bytewise order, those that begin with a dot left out.
    fn include_directory(&mut self, line: &Line<'_>, directory: Part<'_>) {
        let path = self.path(directory);
        let mut names = match self.machine.list(&path) {
            Ok(names) => names,
            Err(e) => {
                let message = format!("cannot read the directory `{}`: {e}", shown_path(&path));
                self.reports.error(line.at(directory), message, None);
                return;
            }
        };
        names.retain(|name| !name.as_bytes().starts_with(b"."));
        names.sort_unstable_by(|a, b| a.as_bytes().cmp(b.as_bytes()));
        let spot = line.at(directory);
        for name in names {
            self.read_file(&path.join(name), Some(&spot));
        }
    }

    fn lone_word(&mut self, line: &Line<'_>, word: Part<'_>) {
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
        self.reports.error(line.at(word), message, hint);
    }

    /// Warns of words after a value that takes one word.
    pub(super) fn warn_words(&mut self, line: &Line<'_>, name: &str, rest: Part<'_>) {
        let rest = rest.trim_start().trim_end();
        if !rest.is_empty() {
            let message = format!("what follows the value of `{name}` is not read");
            let hint = "a comment takes a line of its own that begins with `#`";
            self.reports.warn(line.at(rest), message, Some(hint.into()));
        }
    }

    /// A path of the configuration: from the working directory on, if it is relative.
    pub(super) fn path(&self, part: Part<'_>) -> PathBuf {
        self.machine
            .absolute(Path::new(OsStr::from_bytes(part.text)))
    }

    /// Closes what is open, looks at the whole, and gives what came of it.
    pub(super) fn finish(mut self) -> Loaded {
        self.rules.finish(&mut self.reports);
        let Self {
            queues, reports, ..
        } = &mut self;
        queues.attach_filters(reports);
        lint::whole(&mut self);
        // An unreadable main file is one error, not two.
        if !self.mail.named && !self.files.is_empty() {
            let hint = Some("write `set mailserver localhost`".into());
            self.reports
                .error(Spot::file(&self.file), "no mail server is set", hint);
        }
        let tls = self.mail.tls();
        let config = match (self.reports.errors(), self.mail.server) {
            (0, Some(server)) => Some(Config {
                file: self.file.clone(),
                directory: self.machine.absolute(Path::new(".")),
                process: self.process,
                inputs: self.inputs,
                lines: self.lines,
                noprefix: self.queues.id("noprefix"),
                queues: self.queues.into_queues(),
                rules: self.rules.into_rules(),
                report: self.report,
                mail: MailSettings {
                    server,
                    helo: self.mail.helo,
                    timeout: self.mail.timeout,
                    tls,
                    fingerprint: self.mail.fingerprint,
                    auth: self.mail.auth,
                    filter_timeout: self.mail.filter_timeout,
                },
                state: self.state,
                sleep: self.sleep,
                repeat_limit: self.repeat_limit,
            }),
            _ => None,
        };
        Loaded {
            config,
            diagnostics: self.reports.finish(&self.file, &self.files),
            files: self.files,
        }
    }
}

/// No input, and how one would be read.
fn default_inputs() -> InputSettings {
    InputSettings {
        logfiles: Vec::new(),
        fifos: Vec::new(),
        listen: Vec::new(),
        redis_server: None,
        redis_queues: Vec::new(),
        tail: TailSettings::Follow {
            start: TailStart::End,
        },
        tail_multiple: false,
        tail_missing: true,
        max_line: 64 << 10,
    }
}

/// The end of a value without the blanks that follow it, and those blanks.
pub(super) fn split_end<'a>(value: Part<'a>) -> (Part<'a>, Part<'a>) {
    let trimmed = value.trim_end();
    (trimmed, value.from(trimmed.text.len()))
}

/// Whether a pattern ends in a blank, which counts.
pub(super) fn ends_blank(pattern: Part<'_>) -> bool {
    pattern.text.last().is_some_and(|b| is_blank(*b))
}
