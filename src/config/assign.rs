//! The settings whose values are read in more than one step.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::diagnostic::shown;
use super::draft::Draft;
use super::fingerprint::Fingerprint;
use super::grammar::Fragment;
use super::loaded::Account;
use super::model::*;
use super::patterns::{compile, warn_notes};
use super::redis_server::RedisServer;
use super::reporter::Located;
use super::setter::{Read, Setter};
use super::suggest::did_you_mean;
use super::values;
use crate::logpath::LogPath;

/// The documented limit of `set sleep`, seconds.
const MAX_SLEEP: u64 = 60;

impl<'l> Setter<'_, 'l> {
    /// `set json_field ROLE=KEY,KEY …`: the keys of JSON objects that have a meaning.
    pub(super) fn json_field(&mut self) -> Read<'l, ()> {
        let mut rest = self.value.trim_start();
        if rest.is_empty() {
            return Err(self.missing());
        }
        while !rest.is_empty() {
            let (word, after) = rest.word();
            rest = after.trim_start();
            self.json_keys(word)?;
        }
        Ok(())
    }

    /// `ROLE=KEY,KEY`
    fn json_keys(&mut self, word: Fragment<'l>) -> Read<'l, ()> {
        const HINT: &str = "write `set json_field host=KEY,KEY`, with `host`, `program`, `level`, `message` or \
                            `drop` in front";
        let named = |message: String| Located::new(word, message, HINT);
        let Some(at) = word.find(b'=') else {
            return Err(named(format!("`{}` names no keys", shown(word.text))));
        };
        let (role, list) = (word.slice(0, at), word.from(at + 1));
        let mut keys = Vec::new();
        for key in list.split(b',') {
            match key.utf8().filter(|key| !key.is_empty()) {
                Some(key) => keys.push(key.to_owned()),
                None => return Err(named(format!("`{}` has an empty key", shown(word.text)))),
            }
        }
        let fields = &mut self.draft.lines.json.fields;
        let place = match role.text {
            b"host" => &mut fields.host,
            b"program" => &mut fields.program,
            b"level" => &mut fields.level,
            b"message" => &mut fields.message,
            b"drop" => &mut fields.drop,
            role => {
                return Err(named(format!(
                    "`{}` is nothing that a key can be",
                    shown(role)
                )));
            }
        };
        *place = keys;
        Ok(())
    }

    /// `set uid USER`, `set gid GROUP`
    pub(super) fn account(&mut self, kind: Account) -> Read<'l, ()> {
        let (value, text) = self.rest_text()?;
        let account = (kind, text.to_owned(), self.line.at(value));
        self.draft.needs.accounts.push(account);
        let process = &mut self.draft.process;
        match kind {
            Account::User => process.uid = Some(text.to_owned()),
            Account::Group => process.gid = Some(text.to_owned()),
        }
        Ok(())
    }

    /// `set logfile PATH`
    pub(super) fn logfile(&mut self) -> Read<'l, ()> {
        let word = self.word()?;
        self.without_nul(word)?;
        let path = LogPath::new(self.draft.path(word));
        if self.draft.inputs.logfiles.contains(&path) {
            let message = "this log file is named already; it is followed once";
            self.warn(word, message, "remove this line");
        } else {
            let location = self.line.at(word);
            self.draft.needs.logs.push((path.clone(), location));
            self.draft.inputs.logfiles.push(path);
        }
        Ok(())
    }

    /// `set listen ADDRESS:PORT`
    pub(super) fn listen(&mut self) -> Read<'l, ()> {
        let (word, text) = self.word_text()?;
        let address = values::listen(text).map_err(|problem| problem.at(word))?;
        if !self.draft.inputs.listen.contains(&address) {
            self.draft.inputs.listen.push(address);
        }
        Ok(())
    }

    /// `set journal DIRECTORY|auto`
    pub(super) fn journal(&mut self) -> Read<'l, ()> {
        let word = self.word()?;
        self.without_nul(word)?;
        let journal = match word.text {
            b"auto" => Journal::Auto,
            _ => Journal::Directory(self.draft.path(word)),
        };
        if self.draft.inputs.journals.contains(&journal) {
            let message = "this journal is named already; it is read once";
            self.warn(word, message, "remove this line");
            return Ok(());
        }
        let location = self.line.at(word);
        self.draft.needs.journals.push((journal.clone(), location));
        self.draft.inputs.journals.push(journal);
        Ok(())
    }

    /// `set journal_match FIELD=VALUE FIELD=VALUE`
    pub(super) fn journal_match(&mut self) -> Read<'l, ()> {
        let mut rest = self.rest()?;
        let mut all = JournalMatch::default();
        while !rest.is_empty() {
            let (word, behind) = rest.word();
            rest = behind.trim_start();
            all.add(word.text).map_err(|why| {
                let message = format!("`{}` matches no field: {why}", shown(word.text));
                let hint = "write FIELD=VALUE, as `_SYSTEMD_UNIT=ssh.service` or `PRIORITY=0..4`";
                Located::new(word, message, hint)
            })?;
        }
        self.draft.inputs.journal_matches.push(all);
        Ok(())
    }

    /// `set redisserver HOST:PORT`
    pub(super) fn redis_server(&mut self) -> Read<'l, ()> {
        let (value, text) = self.rest_text()?;
        let Some(server) = RedisServer::parse(text) else {
            // The text may hold a password.
            let message = "this is no address of a Redis server";
            let hint = "write HOST:PORT, /path/of/socket, redis://:PASSWORD@HOST:PORT/DB, or \
                        rediss://… for TLS";
            return Err(Located::new(value, message, hint));
        };
        self.draft.inputs.redis_server = server;
        Ok(())
    }

    /// `set news on|off|QUEUE,QUEUE`
    pub(super) fn news(&mut self) -> Read<'l, ()> {
        let word = self.word()?;
        self.draft.news.queues = match word.text {
            b"on" => NewsQueues::All,
            b"off" => NewsQueues::None,
            _ => {
                let mut queues = Vec::new();
                for name in word.split(b',') {
                    let queue = self.draft.queues.known(name, &["on", "off"])?;
                    if name.text == b"csv" {
                        let message = "the reports of `csv` are for a program: they tell no news";
                        return Err(Located::new(name, message, "leave it out"));
                    }
                    queues.push(queue);
                }
                NewsQueues::Some(queues)
            }
        };
        Ok(())
    }

    /// A number of days from `least` on.
    pub(super) fn days(&mut self, least: u16) -> Read<'l, u16> {
        let days = self.number()?;
        let good = u16::try_from(days).ok().filter(|days| *days >= least);
        good.ok_or_else(|| {
            let message = format!("{days} is no number of days for `{}`", self.word);
            let hint = format!("write a number from {least} to {}", u16::MAX);
            Located::new(self.value.word().0, message, &hint)
        })
    }

    /// `set archive DAYS|off`
    pub(super) fn archive(&mut self) -> Read<'l, ()> {
        self.draft.state.archive = match self.word()?.text {
            b"off" => None,
            _ => Some(self.days(1)?),
        };
        Ok(())
    }

    /// `set tail PROGRAM ARGUMENTS`
    pub(super) fn tail(&mut self) -> Read<'l, ()> {
        let value = self.rest()?;
        self.without_nul(value)?;
        let (program, rest) = value.word();
        let rest = rest.trim_start().text;
        // As to Perl, `0` is as good as nothing.
        if !matches!(rest, b"" | b"0") {
            self.draft.tail_arguments = OsStr::from_bytes(rest).to_owned();
        }
        let path = PathBuf::from(OsStr::from_bytes(program.text));
        let tail = values::tail(&path, &self.draft.tail_arguments);
        // Not the tail that everybody has: whoever starts us must hear that it is missing.
        let needed = match tail {
            TailSettings::Command { .. } => true,
            TailSettings::Follow { .. } => path.is_absolute() && !is_standard_tail(&path),
        };
        self.draft.inputs.tail = tail;
        self.draft.inputs.tail_program = needed.then_some(path);
        self.draft.tail_location = Some(self.line.at(program));
        Ok(())
    }

    /// `set logprefix NAME|REGEXP`
    pub(super) fn logprefix(&mut self) -> Read<'l, ()> {
        let value = self.value.trim_start();
        if value.is_empty() {
            return Err(self.missing());
        }
        let named = |(name, _): &&(&str, _)| value.trim_end().text == name.as_bytes();
        if let Some((_, name)) = PrefixName::ALL.iter().find(named) {
            if !self.draft.lines.names.contains(name) {
                self.draft.lines.names.push(*name);
            }
            return Ok(());
        }
        let Some(pattern) = compile(self.line, value, &mut self.draft.reporter) else {
            return Ok(());
        };
        warn_notes(self.line, value, &pattern, false, &mut self.draft.reporter);
        if pattern.groups() == 0 {
            let names = PrefixName::ALL.iter().map(|(name, _)| *name);
            let hint = did_you_mean(value.trim_end().text, names.clone()).unwrap_or_else(|| {
                let names: Vec<&str> = names.collect();
                format!(
                    "put the host in a group: `(\\S+)`, or write one of: {}",
                    names.join(", ")
                )
            });
            let message = "the prefix has no group for the host";
            return Err(Located::new(value, message, &hint));
        }
        self.draft.lines.prefixes.push(pattern);
        Ok(())
    }

    /// `set queue NAME FROM TO [WHEN] SUBJECT`
    pub(super) fn queue(&mut self) -> Read<'l, ()> {
        self.must_have_value()?;
        let Draft {
            queues, reporter, ..
        } = &mut *self.draft;
        queues.define(self.line, self.name, self.value, reporter)
    }

    /// `set csv [WHEN] PROGRAM ARGUMENTS`
    pub(super) fn csv(&mut self) -> Read<'l, ()> {
        self.must_have_value()?;
        let Draft {
            queues, reporter, ..
        } = &mut *self.draft;
        queues.define_csv(self.line, self.name, self.value, reporter)
    }

    /// `set filter QUEUE PROGRAM ARGUMENTS`
    pub(super) fn filter(&mut self) -> Read<'l, ()> {
        let (queue, command) = self.value.word();
        if command.trim_start().is_empty() {
            return Err(self.missing());
        }
        let location = self.line.at(command.word().0);
        self.draft.queues.filter(location, queue, command)
    }

    /// `set threshold QUEUE COUNT REGEXP`
    pub(super) fn threshold(&mut self) -> Read<'l, ()> {
        let (queue, rest) = self.value.word();
        let (count, rest) = rest.word();
        let pattern = rest.trim_start();
        if pattern.is_empty() {
            return Err(self.missing());
        }
        let reporter = &mut self.draft.reporter;
        let Some(compiled) = compile(self.line, pattern, reporter) else {
            return Ok(());
        };
        warn_notes(self.line, pattern, &compiled, false, reporter);
        self.draft.queues.threshold(queue, count, compiled)
    }

    fn must_have_value(&self) -> Read<'l, ()> {
        match self.value.trim_start().is_empty() {
            true => Err(self.missing()),
            false => Ok(()),
        }
    }

    /// `set sleep SECONDS`
    pub(super) fn sleep(&mut self) -> Read<'l, ()> {
        let seconds = self.number()?;
        if seconds > MAX_SLEEP {
            let message = format!("`set sleep` takes at most {MAX_SLEEP} seconds");
            let word = self.value.word().0;
            return Err(Located::new(word, message, "write a number from 0 to 60"));
        }
        self.draft.sleep = Duration::from_secs(seconds);
        Ok(())
    }

    /// `set mailserver HOST:PORT`
    pub(super) fn mail_server(&mut self) -> Read<'l, ()> {
        const COMMENT: &str = "a comment takes a line of its own that begins with `#`";
        self.draft.mail.named = true;
        let (value, text) = self.rest_text()?;
        self.draft.mail.server_location = Some(self.line.at(value));
        let is_program = text.starts_with(values::SENDMAIL);
        if is_program && text.split_whitespace().any(|word| word.starts_with('#')) {
            let message = "what follows `#` is given to the program as its arguments";
            self.warn(value, message, COMMENT);
        } else if !is_program && text.contains(char::is_whitespace) {
            let message = format!("no mail will ever leave: there is no host `{text}`");
            self.warn(value, message, COMMENT);
        }
        let server = values::mail_server(text).map_err(|problem| problem.at(value))?;
        self.draft.mail.server = Some(server);
        Ok(())
    }

    /// `set mailhelo NAME`
    pub(super) fn mail_helo(&mut self) -> Read<'l, ()> {
        let (value, text) = self.rest_text()?;
        if !text.bytes().all(|b| b.is_ascii_graphic() || b == b' ') {
            return Err(Located::new(value, "a host name is ASCII", ""));
        }
        self.draft.mail.helo = text.to_owned();
        Ok(())
    }

    /// `set mailtls off|may|starttls|tls`
    pub(super) fn mail_tls(&mut self) -> Read<'l, ()> {
        let tls = self.choice(&[
            ("off", MailTls::Off),
            ("may", MailTls::May),
            ("starttls", MailTls::StartTls),
            ("tls", MailTls::Tls),
        ])?;
        self.draft.mail.tls = Some((tls, self.line.at(self.value.word().0)));
        Ok(())
    }

    /// `set mailtls_fingerprint SHA256`
    pub(super) fn mail_fingerprint(&mut self) -> Read<'l, ()> {
        let (word, text) = self.word_text()?;
        let Some(fingerprint) = Fingerprint::parse(text) else {
            let message = format!("`{text}` is no SHA-256 of a certificate");
            let hint = "write its 64 digits, as `openssl x509 -noout -fingerprint -sha256 -in FILE` \
                        shows them";
            return Err(Located::new(word, message, hint));
        };
        self.draft.mail.fingerprint = Some(fingerprint);
        Ok(())
    }

    /// `set mailauth USER FILE`
    pub(super) fn mail_auth(&mut self) -> Read<'l, ()> {
        let (user, rest) = self.value.word();
        let (file, rest) = rest.word();
        let Some(name) = user.utf8().filter(|_| !file.is_empty()) else {
            return Err(self.missing());
        };
        self.draft.warn_words(self.line, self.word, rest);
        self.draft.mail.auth = Some(MailAuth {
            user: name.to_owned(),
            password_file: self.draft.path(file),
        });
        Ok(())
    }
}

/// Whether this is the system's tail, which our follower stands in for.
fn is_standard_tail(path: &Path) -> bool {
    ["/usr/bin/tail", "/bin/tail"]
        .iter()
        .any(|tail| path == Path::new(tail))
}
