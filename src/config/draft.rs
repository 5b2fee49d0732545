//! The draft: a configuration while its settings are read, each at its default at first.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::fingerprint::Fingerprint;
use super::grammar::Fragment;
use super::loaded::Needs;
use super::model::*;
use super::queues::QueueTable;
use super::redis_server::RedisServer;
use super::reporter::{Location, Reporter, SourceLine};
use super::site_draft::SiteDraft;
use super::values::is_loopback;

/// The arguments of a tail program where no `set tail` has any (the arguments of Perl tenshi 0.18).
const DEFAULT_TAIL: &str = "-q --follow=name --retry -n 0";

/// A configuration in the making.
pub(super) struct Draft {
    /// The main configuration file.
    pub(super) file: PathBuf,
    /// The directory where relative paths start.
    directory: PathBuf,
    pub(super) reporter: Reporter,
    pub(super) process: ProcessSettings,
    pub(super) inputs: InputSettings,
    pub(super) lines: LineSettings,
    pub(super) charsets: Charsets,
    /// Where each source of `charsets` is named.
    pub(super) charset_locations: Vec<Location>,
    pub(super) report: ReportSettings,
    pub(super) mail: MailDraft,
    pub(super) news: NewsSettings,
    /// `set heartbeat`, with the location of its program.
    pub(super) health_ping: Option<(HealthPing, Location)>,
    pub(super) trends: TrendsSettings,
    pub(super) trends_location: Option<Location>,
    pub(super) site: SiteDraft,
    pub(super) state: StateSettings,
    pub(super) sleep: Duration,
    pub(super) repeat_limit: u64,
    pub(super) continue_lines: usize,
    pub(super) suggest_words: Option<PathBuf>,
    pub(super) queues: QueueTable,
    pub(super) bundle: BundleSettings,
    /// The queue of each `set bundle`, and where it is named.
    pub(super) bundled: Vec<(QueueId, Location)>,
    pub(super) silence: SilenceSettings,
    /// The accounts and log files that the settings so far need. The programs are added at the end.
    pub(super) needs: Needs,
    /// The arguments of the last `set tail` that had some.
    pub(super) tail_arguments: OsString,
    /// The program's name in the last `set tail`.
    pub(super) tail_location: Option<Location>,
}

/// [`MailSettings`] while the server is not known.
pub(super) struct MailDraft {
    pub(super) server: Option<MailServer>,
    /// Whether there was a `set mailserver`, be it right or wrong.
    pub(super) named: bool,
    /// The value of the last `set mailserver`.
    pub(super) server_location: Option<Location>,
    pub(super) helo: String,
    pub(super) timeout: Option<Duration>,
    /// `set mailtls`, if there is one, and the location of its value.
    pub(super) tls: Option<(MailTls, Location)>,
    pub(super) fingerprint: Option<Fingerprint>,
    pub(super) auth: Option<MailAuth>,
    pub(super) filter_timeout: Duration,
    /// The programs of `set notify`, by their names, each with the location of its path.
    pub(super) programs: BTreeMap<String, (ShellCommand, Location)>,
    pub(super) html: bool,
}

impl MailDraft {
    /// Whether the server is another machine.
    pub(super) fn is_remote(&self) -> bool {
        matches!(&self.server, Some(MailServer::Smtp { host, .. }) if !is_loopback(host))
    }

    /// The value of `set mailtls`, or what its absence means: a password is for the server that is
    /// named, and not for whoever answers in its place.
    fn tls(&self) -> MailTls {
        match &self.tls {
            Some((tls, _)) => *tls,
            None if self.fingerprint.is_some() => MailTls::StartTls,
            None if self.auth.is_some() && self.is_remote() => MailTls::StartTls,
            None => MailTls::default(),
        }
    }

    fn finish(self) -> Option<MailSettings> {
        let tls = self.tls();
        Some(MailSettings {
            server: self.server?,
            helo: self.helo,
            timeout: self.timeout,
            tls,
            fingerprint: self.fingerprint,
            auth: self.auth,
            filter_timeout: self.filter_timeout,
            programs: (self.programs.into_iter())
                .map(|(name, (command, _))| (name, command))
                .collect(),
            html: self.html,
        })
    }
}

impl Draft {
    /// The draft without any directive.
    pub(super) fn new(file: &Path, directory: &Path) -> Self {
        Self {
            file: file.to_owned(),
            directory: directory.to_owned(),
            reporter: Reporter::default(),
            process: ProcessSettings {
                uid: None,
                gid: None,
                pidfile: "/var/run/tenshi.pid".into(),
            },
            inputs: default_inputs(),
            lines: LineSettings::default(),
            charsets: Charsets::default(),
            charset_locations: Vec::new(),
            report: ReportSettings {
                mask: "______".into(),
                subject: "tenshi report".into(),
                limit: None,
                pager_limit: None,
                pager_hour: None,
                max_shown: ReportSettings::MAX_SHOWN,
                sort_order: SortOrder::default(),
                resolve: false,
                csv_safe: false,
            },
            mail: MailDraft {
                server: None,
                named: false,
                helo: "localhost.localdomain".into(),
                timeout: Some(Duration::from_secs(10)),
                server_location: None,
                tls: None,
                fingerprint: None,
                auth: None,
                filter_timeout: Duration::from_secs(60),
                programs: BTreeMap::new(),
                html: false,
            },
            news: NewsSettings::default(),
            health_ping: None,
            trends: TrendsSettings::default(),
            trends_location: None,
            site: SiteDraft::default(),
            state: StateSettings::default(),
            sleep: Duration::from_secs(5),
            repeat_limit: 1_000_000,
            continue_lines: 3,
            suggest_words: None,
            queues: QueueTable::default(),
            bundle: BundleSettings::default(),
            bundled: Vec::new(),
            silence: SilenceSettings::default(),
            needs: Needs::default(),
            tail_arguments: DEFAULT_TAIL.into(),
            tail_location: None,
        }
    }

    /// A path of the configuration: from the directory where relative paths start, if it is relative.
    pub(super) fn path(&self, fragment: Fragment<'_>) -> PathBuf {
        absolute(&self.directory, Path::new(OsStr::from_bytes(fragment.text)))
    }

    /// Warns of words after a value that takes one word.
    pub(super) fn warn_words(&mut self, line: &SourceLine<'_>, name: &str, rest: Fragment<'_>) {
        let rest = rest.trim_start().trim_end();
        if !rest.is_empty() {
            let message = format!("what follows the value of `{name}` is not read");
            let hint = "a comment takes a line of its own that begins with `#`";
            self.reporter
                .warn(line.at(rest), message, Some(hint.into()));
        }
    }

    /// The programs of the configuration, in the order of their lines.
    fn programs(&self) -> Vec<(PathBuf, Location)> {
        let of_queues = self.queues.programs().into_iter();
        let notified = self.mail.programs.values();
        let notified = notified.map(|(command, location)| (command, location));
        let mut programs: Vec<(PathBuf, Location)> = (of_queues.chain(notified))
            .map(|(command, location)| (PathBuf::from(&command.program), location.clone()))
            .collect();
        if let Some((ping, location)) = &self.health_ping {
            programs.push((PathBuf::from(&ping.command.program), location.clone()));
        }
        let tail = self.inputs.tail_program.as_ref();
        programs.extend(tail.cloned().zip(self.tail_location.clone()));
        if let Some(MailServer::Sendmail { program, .. }) = &self.mail.server {
            let location = self.mail.server_location.clone();
            programs.extend(location.map(|location| (program.clone(), location)));
        }
        programs.sort_by_key(|(_, location)| location.place.line);
        programs
    }

    /// The configuration, unless there was an error; what it needs; and the diagnostics.
    pub(super) fn finish(mut self, rules: Vec<Rule>) -> (Option<Config>, Needs, Reporter) {
        self.needs.programs = self.programs();
        self.needs.waits_for_logs = self.inputs.tail_missing;
        let config = match (self.reporter.errors(), self.mail.finish()) {
            (0, Some(mail)) => Some(Config {
                file: self.file,
                directory: self.directory,
                process: self.process,
                inputs: self.inputs,
                lines: self.lines,
                charsets: self.charsets,
                noprefix: self.queues.id("noprefix"),
                queues: self.queues.into_queues(),
                bundle: self.bundle,
                silence: self.silence,
                rules,
                report: self.report,
                mail,
                news: self.news,
                health_ping: self.health_ping.map(|(ping, _)| ping),
                trends: self.trends,
                site: self.site.finish(),
                state: self.state,
                sleep: self.sleep,
                repeat_limit: self.repeat_limit,
                continue_lines: self.continue_lines,
                suggest_words: self.suggest_words,
            }),
            _ => None,
        };
        (config, self.needs, self.reporter)
    }
}

/// A path from `directory` on, if it is relative; without `.` and double slashes.
pub(super) fn absolute(directory: &Path, path: &Path) -> PathBuf {
    let path = directory.join(path);
    std::path::absolute(&path).unwrap_or(path)
}

/// The settings of the inputs while no directive was read: there is no input.
fn default_inputs() -> InputSettings {
    InputSettings {
        logfiles: Vec::new(),
        fifos: Vec::new(),
        listen: Vec::new(),
        redis_server: RedisServer::default(),
        redis_queues: Vec::new(),
        journals: Vec::new(),
        journal_matches: Vec::new(),
        journal_priority: false,
        tail: TailSettings::Follow {
            start: TailStart::End,
        },
        tail_program: None,
        tail_multiple: false,
        tail_missing: true,
        olddirs: Vec::new(),
        max_line: 64 << 10,
    }
}
