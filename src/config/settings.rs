//! The `set` directives.

use std::ffi::OsStr;
use std::num::NonZeroU64;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::time::Duration;

use bstr::BString;

use super::assembly::{Assembly, split_end};
use super::diagnostic::shown;
use super::fingerprint::Fingerprint;
use super::grammar::Part;
use super::keywords::{SETTINGS, Setting};
use super::model::*;
use super::queues::At;
use super::report::Line;
use super::rules::{compile, warn_notes};
use super::suggest::did_you_mean;
use super::values::{self, Wrong};
use crate::charset::Charset;
use crate::input::redis::Server;
use crate::logpath::LogPath;

/// The documented limit of `set sleep`, seconds.
const MAX_SLEEP: u64 = 60;
/// The least of `set max_memory`, bytes.
const LEAST_MEMORY: usize = 1 << 20;
/// Bounds of `set max_line`, bytes.
const LINE_BOUNDS: std::ops::RangeInclusive<usize> = 256..=16 << 20;
/// Bounds of `set max_shown`, bytes.
const SHOWN_BOUNDS: std::ops::RangeInclusive<usize> = 64..=64 << 20;

/// Some names that `set charset` takes.
const CHARSETS: [&str; 9] = [
    "euc-jp",
    "shift_jis",
    "iso-2022-jp",
    "iso-8859-1",
    "windows-1252",
    "koi8-r",
    "gb18030",
    "big5",
    "euc-kr",
];

/// What `set redisserver` takes.
const REDIS: &str = "write HOST:PORT, /path/of/socket, redis://:PASSWORD@HOST:PORT/DB, or \
                     rediss://… for TLS";

/// `set NAME VALUE`
pub(super) fn apply(assembly: &mut Assembly<'_>, line: &Line<'_>, name: Part<'_>, value: Part<'_>) {
    let found = SETTINGS
        .iter()
        .find(|(word, ..)| word.as_bytes() == name.text);
    let (word, setting, form) = match found {
        Some(found) => *found,
        // The original looks no further than the word it knows: `set maskfoo` is an empty mask.
        None if name.text.starts_with(b"mask") => {
            let message = format!("`{}` is read as `mask` without a value", shown(name.text));
            assembly
                .reports
                .warn(line.at(name), message, Some("write `set mask TEXT`".into()));
            assembly.report.mask = BString::default();
            return;
        }
        None => {
            let message = format!("there is no setting `{}`", shown(name.text));
            let hint = did_you_mean(name.text, SETTINGS.iter().map(|(word, ..)| *word));
            assembly.reports.error(line.at(name), message, hint);
            return;
        }
    };
    let mut task = Task {
        assembly,
        line,
        word,
        form,
        name,
        value,
    };
    if let Err(At(part, wrong)) = task.apply(setting) {
        let spot = task.line.at(part);
        task.assembly.reports.error(spot, wrong.message, wrong.hint);
    }
}

/// Whether what follows the word of a setting is text for people or for lines, not the name of a file.
pub(super) fn is_shown(word: &[u8]) -> bool {
    let shown: [&[u8]; 6] = [
        b"subject",
        b"queue",
        b"mask",
        b"threshold",
        b"filter",
        b"logprefix",
    ];
    shown.contains(&word)
}

/// One `set` directive at work.
struct Task<'t, 'm, 'l> {
    assembly: &'t mut Assembly<'m>,
    line: &'t Line<'l>,
    word: &'static str,
    form: &'static str,
    name: Part<'l>,
    value: Part<'l>,
}

type Done<'l> = Result<(), At<'l>>;

impl<'l> Task<'_, '_, 'l> {
    fn apply(&mut self, setting: Setting) -> Done<'l> {
        match setting {
            Setting::Queue | Setting::Csv | Setting::Filter | Setting::Threshold => {
                self.apply_queue(setting)
            }
            Setting::Mailserver
            | Setting::Mailhelo
            | Setting::Mailtimeout
            | Setting::Mailtls
            | Setting::MailtlsFingerprint
            | Setting::Mailauth
            | Setting::Subject
            | Setting::FilterTimeout => self.apply_mail(setting),
            Setting::Logfile
            | Setting::Fifo
            | Setting::Listen
            | Setting::Redisqueue
            | Setting::Redisserver
            | Setting::Tail
            | Setting::TailMissing
            | Setting::TailMultiple
            | Setting::MaxLine
            | Setting::Logprefix => self.apply_input(setting),
            Setting::Uid | Setting::Gid | Setting::Pidfile => self.apply_process(setting),
            _ => self.apply_other(setting),
        }
    }

    fn apply_queue(&mut self, setting: Setting) -> Done<'l> {
        let (line, name, value) = (self.line, self.name, self.value);
        if value.trim_start().is_empty() {
            return Err(self.missing());
        }
        let Assembly {
            queues, reports, ..
        } = &mut *self.assembly;
        match setting {
            Setting::Queue => queues.define(line, name, value, reports),
            Setting::Csv => queues.define_csv(line, name, value, reports),
            Setting::Filter => {
                let (queue, command) = value.word();
                if command.trim_start().is_empty() {
                    return Err(self.missing());
                }
                queues.filter(line.at(command.word().0), queue, command)
            }
            _ => {
                let (queue, rest) = value.word();
                let (count, rest) = rest.word();
                let pattern = rest.trim_start();
                if pattern.is_empty() {
                    return Err(self.missing());
                }
                let Some(compiled) = compile(line, pattern, reports) else {
                    return Ok(());
                };
                warn_notes(line, pattern, &compiled, false, reports);
                queues.threshold(queue, count, compiled)
            }
        }
    }

    fn apply_mail(&mut self, setting: Setting) -> Done<'l> {
        match setting {
            Setting::Mailserver => {
                self.assembly.mail.named = true;
                let (part, text) = self.rest_text()?;
                self.assembly.mail.server_spot = Some(self.line.at(part));
                let is_program = text.starts_with(values::SENDMAIL);
                let comment = text.split_whitespace().any(|word| word.starts_with('#'));
                if is_program && comment {
                    let message = "what follows `#` is given to the program as its arguments";
                    let hint = "a comment takes a line of its own that begins with `#`";
                    self.warn(part, message.into(), hint);
                } else if !is_program && text.contains(char::is_whitespace) {
                    let message = format!("no mail will ever leave: there is no host `{text}`");
                    let hint = "a comment takes a line of its own that begins with `#`";
                    self.warn(part, message, hint);
                }
                self.assembly.mail.server = Some(self.check(part, values::mail_server(text))?);
            }
            Setting::Mailhelo => {
                let (part, text) = self.rest_text()?;
                if !text.bytes().all(|b| b.is_ascii_graphic() || b == b' ') {
                    return Err(At(part, Wrong::new("a host name is ASCII", "")));
                }
                self.assembly.mail.helo = text.to_owned();
            }
            Setting::Mailtimeout => {
                let seconds = self.number()?;
                self.assembly.mail.timeout = (seconds > 0).then(|| Duration::from_secs(seconds));
            }
            Setting::FilterTimeout => {
                let seconds = self.at_least_one()?;
                self.assembly.mail.filter_timeout = Duration::from_secs(seconds);
            }
            Setting::Mailtls => {
                let tls = self.choice(&[
                    ("off", MailTls::Off),
                    ("may", MailTls::May),
                    ("starttls", MailTls::StartTls),
                    ("tls", MailTls::Tls),
                ])?;
                let spot = self.line.at(self.value.word().0);
                self.assembly.mail.tls = Some((tls, spot));
            }
            Setting::MailtlsFingerprint => {
                let (part, text) = self.word_text()?;
                let Some(fingerprint) = Fingerprint::parse(text) else {
                    let message = format!("`{text}` is no SHA-256 of a certificate");
                    let hint = "write its 64 digits, as `openssl x509 -noout -fingerprint -sha256 \
                                -in FILE` shows them";
                    return Err(At(part, Wrong::new(message, hint)));
                };
                self.assembly.mail.fingerprint = Some(fingerprint);
            }
            Setting::Mailauth => {
                let (user, rest) = self.value.word();
                let (file, rest) = rest.word();
                let Some(name) = user.utf8().filter(|_| !file.is_empty()) else {
                    return Err(self.missing());
                };
                self.assembly.warn_words(self.line, self.word, rest);
                let password_file = self.assembly.path(file);
                self.assembly.mail.auth = Some(MailAuth {
                    user: name.to_owned(),
                    password_file,
                });
            }
            _ => {
                let subject = self.rest()?;
                self.assembly.report.subject = BString::from(subject.text);
            }
        }
        Ok(())
    }

    fn apply_input(&mut self, setting: Setting) -> Done<'l> {
        match setting {
            Setting::Logfile => self.logfile()?,
            Setting::Fifo => {
                let path = self.path()?;
                if !self.assembly.inputs.fifos.contains(&path) {
                    self.assembly.inputs.fifos.push(path);
                }
            }
            Setting::Listen => {
                let (part, text) = self.word_text()?;
                let address = self.check(part, values::listen(text))?;
                if !self.assembly.inputs.listen.contains(&address) {
                    self.assembly.inputs.listen.push(address);
                }
            }
            Setting::Redisqueue => {
                let key = BString::from(self.word()?.text);
                if !self.assembly.inputs.redis_queues.contains(&key) {
                    self.assembly.inputs.redis_queues.push(key);
                }
            }
            Setting::Redisserver => {
                let (part, server) = self.rest_text()?;
                if Server::parse(Some(server)).is_err() {
                    return Err(At(part, Wrong::new("no address of a Redis server", REDIS)));
                }
                self.assembly.inputs.redis_server = Some(server.to_owned());
            }
            Setting::Tail => self.tail()?,
            Setting::TailMissing => self.assembly.inputs.tail_missing = self.on_off()?,
            Setting::TailMultiple => self.assembly.inputs.tail_multiple = self.on_off()?,
            Setting::MaxLine => {
                self.assembly.inputs.max_line =
                    self.size(LINE_BOUNDS, "write bytes from 256 to 16M, as in `64K`")?;
            }
            _ => self.logprefix()?,
        }
        Ok(())
    }

    fn apply_process(&mut self, setting: Setting) -> Done<'l> {
        if setting == Setting::Pidfile {
            self.assembly.process.pidfile = self.path()?;
            return Ok(());
        }
        let (part, text) = self.rest_text()?;
        let (what, known) = match setting {
            Setting::Uid => ("user", self.assembly.machine.has_user(text)),
            _ => ("group", self.assembly.machine.has_group(text)),
        };
        if !known {
            let hint = if text.contains(char::is_whitespace) {
                "a comment takes a line of its own that begins with `#`".to_owned()
            } else if text.bytes().all(|b| b.is_ascii_digit()) {
                format!("write the {what}'s name, not its number")
            } else {
                format!("create it, or name another {what}")
            };
            return Err(At(
                part,
                Wrong::new(format!("there is no {what} `{text}`"), &hint),
            ));
        }
        match setting {
            Setting::Uid => self.assembly.process.uid = Some(text.to_owned()),
            _ => self.assembly.process.gid = Some(text.to_owned()),
        }
        Ok(())
    }

    fn apply_other(&mut self, setting: Setting) -> Done<'l> {
        match setting {
            Setting::Limit => self.assembly.report.limit = NonZeroU64::new(self.number()?),
            Setting::PagerLimit => {
                self.assembly.report.pager_limit = NonZeroU64::new(self.number()?)
            }
            Setting::Sleep => {
                let seconds = self.number()?;
                if seconds > MAX_SLEEP {
                    let part = self.value.word().0;
                    let message = format!("`set sleep` takes at most {MAX_SLEEP} seconds");
                    return Err(At(part, Wrong::new(message, "write a number from 0 to 60")));
                }
                self.assembly.sleep = Duration::from_secs(seconds);
            }
            Setting::MaxShown => {
                self.assembly.report.max_shown =
                    self.size(SHOWN_BOUNDS, "write bytes from 64 to 64M, as in `2K`")?;
            }
            Setting::SortOrder => {
                self.assembly.report.sort_order = self.choice(&[
                    ("descending", SortOrder::Descending),
                    ("ascending", SortOrder::Ascending),
                ])?;
            }
            Setting::Resolve => self.assembly.report.resolve = self.on_off()?,
            Setting::CsvSafe => self.assembly.report.csv_safe = self.on_off()?,
            Setting::Charset => self.charset()?,
            Setting::RepeatLimit => self.assembly.repeat_limit = self.number()?,
            Setting::MaxMemory => self.max_memory()?,
            Setting::Hidepid => self.assembly.lines.hidepid = self.on_off()?,
            Setting::Rfc3339 => self.assembly.lines.rfc3339 = self.on_off()?,
            Setting::Mask => {
                let (mask, rest) = self.value.word();
                self.assembly.warn_words(self.line, self.word, rest);
                self.assembly.report.mask = BString::from(mask.text);
            }
            Setting::Statedir => self.assembly.state.dir = Some(self.path()?),
            Setting::Catchup => {
                let hours = self.number()?;
                self.assembly.state.catchup = Some(Duration::from_secs(hours.saturating_mul(3600)));
            }
            Setting::Commit => {
                self.assembly.state.commit = Duration::from_secs(self.at_least_one()?)
            }
            _ => {
                let lines = self.at_least_one()?;
                self.assembly.state.max_lines = usize::try_from(lines).unwrap_or(usize::MAX);
            }
        }
        Ok(())
    }

    fn max_memory(&mut self) -> Done<'l> {
        let (part, text) = self.word_text()?;
        let Some(size) = values::size(text).filter(|size| *size >= LEAST_MEMORY) else {
            let message = format!("`{}` is no memory of a queue", shown(part.text));
            let hint = "write bytes from 1M on, as in `256M`";
            return Err(At(part, Wrong::new(message, hint)));
        };
        self.assembly.state.max_memory = size;
        Ok(())
    }

    fn charset(&mut self) -> Done<'l> {
        let (part, name) = self.word_text()?;
        let charset = Charset::named(name);
        // That needs no decoding.
        let utf8 = ["utf-8", "utf8"]
            .iter()
            .any(|n| n.eq_ignore_ascii_case(name));
        if charset.is_none() && !utf8 {
            let message = format!(
                "`{}` is no character set that lines are written in",
                shown(part.text)
            );
            let hint = did_you_mean(part.text, CHARSETS).unwrap_or_else(|| {
                format!(
                    "write one of: {}, or another name of the IANA",
                    CHARSETS.join(", ")
                )
            });
            return Err(At(part, Wrong::new(message, &hint)));
        }
        self.assembly.report.charset = charset;
        Ok(())
    }

    fn logfile(&mut self) -> Done<'l> {
        let part = self.word()?;
        self.without_nul(part)?;
        let path = LogPath::new(self.assembly.path(part));
        if self.assembly.inputs.logfiles.contains(&path) {
            self.warn(
                part,
                "this log file is named already; it is followed once".into(),
                "remove this line",
            );
        } else {
            self.assembly.inputs.logfiles.push(path);
            self.assembly.log_spots.push(self.line.at(part));
        }
        Ok(())
    }

    fn tail(&mut self) -> Done<'l> {
        let part = self.rest()?;
        self.without_nul(part)?;
        let (program, rest) = part.word();
        let rest = rest.trim_start().text;
        // As to Perl, `0` is as good as nothing.
        if !matches!(rest, b"" | b"0") {
            self.assembly.tail_arguments = OsStr::from_bytes(rest).to_owned();
        }
        let arguments = self.assembly.tail_arguments.clone();
        let path = PathBuf::from(OsStr::from_bytes(program.text));
        let mut tail = values::tail(&path, &arguments);
        if matches!(tail, TailSettings::Follow { .. })
            && path.is_absolute()
            && !self.is_there(&path)
        {
            // Not the tail that everybody has: whoever starts us must hear that it is missing.
            tail = TailSettings::Command {
                program: path,
                arguments,
            };
        }
        self.assembly.inputs.tail = tail;
        self.assembly.tail_spot = Some(self.line.at(program));
        Ok(())
    }

    /// Whether a program exists, or is the system's tail, which we do not need.
    fn is_there(&self, path: &std::path::Path) -> bool {
        let standard = ["/usr/bin/tail", "/bin/tail"]
            .iter()
            .any(|tail| path == std::path::Path::new(tail));
        standard || self.assembly.machine.is_executable(path)
    }

    fn logprefix(&mut self) -> Done<'l> {
        let part = self.value.trim_start();
        if part.is_empty() {
            return Err(self.missing());
        }
        let named = |(name, _): &&(&str, _)| part.trim_end().text == name.as_bytes();
        if let Some((_, name)) = PrefixName::ALL.iter().find(named) {
            if !self.assembly.lines.names.contains(name) {
                self.assembly.lines.names.push(*name);
            }
            return Ok(());
        }
        let Some(pattern) = compile(self.line, part, &mut self.assembly.reports) else {
            return Ok(());
        };
        warn_notes(self.line, part, &pattern, false, &mut self.assembly.reports);
        if pattern.groups() == 0 {
            let names = PrefixName::ALL.iter().map(|(name, _)| *name);
            let hint = did_you_mean(part.trim_end().text, names.clone()).unwrap_or_else(|| {
                let names: Vec<&str> = names.collect();
                format!(
                    "put the host in a group: `(\\S+)`, or write one of: {}",
                    names.join(", ")
                )
            });
            let wrong = Wrong::new("the prefix has no group for the host", &hint);
            return Err(At(part, wrong));
        }
        self.assembly.lines.prefixes.push(pattern);
        Ok(())
    }

    fn missing(&self) -> At<'l> {
        let message = format!("`set {}` needs a value", self.word);
        At(
            self.name,
            Wrong::new(message, &format!("write `set {} {}`", self.word, self.form)),
        )
    }

    fn warn(&mut self, part: Part<'_>, message: String, hint: &str) {
        self.assembly
            .reports
            .warn(self.line.at(part), message, Some(hint.to_owned()));
    }

    fn check<T>(&self, part: Part<'l>, value: Result<T, Wrong>) -> Result<T, At<'l>> {
        value.map_err(|wrong| At(part, wrong))
    }

    /// The first word of the value.
    fn word(&mut self) -> Result<Part<'l>, At<'l>> {
        let (word, rest) = self.value.word();
        if word.is_empty() {
            return Err(self.missing());
        }
        self.assembly.warn_words(self.line, self.word, rest);
        Ok(word)
    }

    /// The whole value, the blanks around it left out.
    fn rest(&mut self) -> Result<Part<'l>, At<'l>> {
        let (value, blanks) = split_end(self.value.trim_start());
        if value.is_empty() {
            return Err(self.missing());
        }
        if !blanks.is_empty() {
            let message = format!("the blanks after the value of `{}` are left out", self.word);
            self.warn(
                blanks,
                message,
                "remove them: Perl tenshi takes them for a part of the value",
            );
        }
        Ok(value)
    }

    fn word_text(&mut self) -> Result<(Part<'l>, &'l str), At<'l>> {
        let word = self.word()?;
        self.text(word)
    }

    fn rest_text(&mut self) -> Result<(Part<'l>, &'l str), At<'l>> {
        let value = self.rest()?;
        self.text(value)
    }

    fn text(&self, part: Part<'l>) -> Result<(Part<'l>, &'l str), At<'l>> {
        match part.utf8().filter(|text| !text.contains('\0')) {
            Some(text) => Ok((part, text)),
            None => {
                let message = format!(
                    "the value of `{}` must be UTF-8 without NUL bytes",
                    self.word
                );
                Err(At(part, Wrong::new(message, "")))
            }
        }
    }

    fn path(&mut self) -> Result<PathBuf, At<'l>> {
        let word = self.word()?;
        self.without_nul(word)?;
        Ok(self.assembly.path(word))
    }

    /// No file can have a NUL byte in its name; every other byte is good.
    fn without_nul(&self, part: Part<'l>) -> Done<'l> {
        if !part.text.contains(&0) {
            return Ok(());
        }
        let message = format!("the value of `{}` has a NUL byte", self.word);
        Err(At(part, Wrong::new(message, "")))
    }

    /// A length of a line within these bounds.
    fn size(
        &mut self,
        bounds: std::ops::RangeInclusive<usize>,
        hint: &str,
    ) -> Result<usize, At<'l>> {
        let (part, text) = self.word_text()?;
        let size = values::size(text).filter(|size| bounds.contains(size));
        size.ok_or_else(|| {
            let message = format!("`{text}` is no length of a line");
            At(part, Wrong::new(message, hint))
        })
    }

    /// The number that the value begins with, as the original takes it (`5s` is 5).
    fn number(&mut self) -> Result<u64, At<'l>> {
        let word = self.word()?;
        let digits = word.text.iter().take_while(|b| b.is_ascii_digit()).count();
        let number = word
            .slice(0, digits)
            .utf8()
            .and_then(|text| text.parse().ok());
        let Some(number) = number else {
            let message = format!("`{}` is no number", shown(word.text));
            let hint = format!(
                "write `set {} {}`, the number in digits",
                self.word, self.form
            );
            return Err(At(word, Wrong::new(message, &hint)));
        };
        if digits < word.text.len() {
            let message = format!("`{}` is read as {number}", shown(word.text));
            self.warn(word.from(digits), message, "write the number alone");
        }
        Ok(number)
    }

    fn at_least_one(&mut self) -> Result<u64, At<'l>> {
        match self.number()? {
            0 => {
                let message = format!("`set {}` cannot be 0", self.word);
                Err(At(
                    self.value.word().0,
                    Wrong::new(message, "write a number from 1 on"),
                ))
            }
            number => Ok(number),
        }
    }

    /// `on` or `off`; as in the original, what follows in the word does not count.
    fn on_off(&mut self) -> Result<bool, At<'l>> {
        let word = self.word()?;
        let (on, length) = match word.text {
            text if text.starts_with(b"off") => (false, 3),
            text if text.starts_with(b"on") => (true, 2),
            text => {
                let message = format!("`{}` is neither `on` nor `off`", shown(text));
                return Err(At(
                    word,
                    Wrong::new(message, "write `on` or `off`, in small letters"),
                ));
            }
        };
        if word.text.len() > length {
            let message = format!(
                "`{}` is read as `{}`",
                shown(word.text),
                if on { "on" } else { "off" }
            );
            self.warn(word, message, "write `on` or `off`");
        }
        Ok(on)
    }

    fn choice<T: Copy>(&mut self, choices: &[(&'static str, T)]) -> Result<T, At<'l>> {
        let word = self.word()?;
        if let Some((_, value)) = choices
            .iter()
            .find(|(name, _)| name.as_bytes() == word.text)
        {
            return Ok(*value);
        }
        let names = choices.iter().map(|(name, _)| *name);
        let hint = did_you_mean(word.text, names.clone())
            .unwrap_or_else(|| format!("write one of: {}", names.collect::<Vec<_>>().join(", ")));
        let message = format!("`{}` is no value of `{}`", shown(word.text), self.word);
        Err(At(
            word,
            Wrong {
                message,
                hint: Some(hint),
            },
        ))
    }
}
