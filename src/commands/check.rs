//! `tenshi -C`: reads the configuration, shows all errors and warnings about it and about what the
//! machine lacks, and a summary of its meaning. Scripts look at the exit status alone: 0 unless there is an error.

mod rotated;
mod site;
mod storms;

use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::time::Duration;

use chrono::{DateTime, Local, TimeZone};

use crate::clock::{Clock, SystemClock, Time};
use crate::config::diagnostic::shown;
use crate::config::{
    self, Action, Charsets, Config, Diagnostic, InputSettings, Journal, Listen, Loaded, MailServer,
    MailTls, NewsQueues, Output, Place, Queue, QueueId, ReportSettings, Rule, Severity,
    StateSettings, TailSettings, TailStart,
};
use crate::daemon::without_logs;
use crate::host_system;
use crate::input::journal::syslog_file;
use crate::pattern::{Note, NoteKind};
use crate::schedule::Schedule;
use crate::shown::{self, shown_os, shown_path};

/// Checks the configuration at `path`. Errors and warnings go to `err`, a summary to `out`; with
/// `debug` above 0 each rule is in it. Gives the exit status: 1 with errors, else 0.
pub fn run(path: &Path, debug: u8, out: &mut dyn Write, err: &mut dyn Write) -> i32 {
    let colour =
        io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
    let mut loaded = config::load(path);
    host_system::check(&mut loaded);
    let refused = loaded.config.as_ref().and_then(without_logs);
    if let Some(why) = refused {
        loaded.diagnostics.push(refusal(path, why));
    }
    // A reader that went away (`| head`) must not change the exit status.
    let _ = tell(&loaded.diagnostics, colour, err);
    let status = i32::from(loaded.config.is_none() || refused.is_some());
    let _ = summary(&loaded, debug, SystemClock.now(), &Local, out);
    status
}

/// The error about a configuration that is right in itself, but that the start refuses.
fn refusal(path: &Path, why: &str) -> Diagnostic {
    Diagnostic {
        severity: Severity::Error,
        place: Place::file(path),
        span: (0, 0),
        line: Vec::new(),
        message: why.to_owned(),
        hint: Some("make one of them, or write `set tail_missing on` to wait for them".into()),
    }
}

/// Writes diagnostics, a blank line after each.
///
/// # Errors
/// When they cannot be written.
pub fn tell(diagnostics: &[Diagnostic], colour: bool, err: &mut dyn Write) -> io::Result<()> {
    for diagnostic in diagnostics {
        if colour {
            writeln!(err, "{}\n", diagnostic.coloured())?;
        } else {
            writeln!(err, "{diagnostic}\n")?;
        }
    }
    err.flush()
}

/// Writes a summary of what a configuration means.
///
/// # Errors
/// When it cannot be written.
pub fn summary<Z: TimeZone>(
    loaded: &Loaded,
    debug: u8,
    now: Time,
    zone: &Z,
    out: &mut dyn Write,
) -> io::Result<()>
where
    Z::Offset: std::fmt::Display,
{
    let errors = loaded.diagnostics.iter().filter(|d| d.is_error()).count();
    let warnings = loaded.diagnostics.len() - errors;
    let files = number(loaded.files.len(), "file");
    writeln!(
        out,
        "{files} read: {}, {}",
        number(errors, "error"),
        number(warnings, "warning")
    )?;
    let Some(config) = &loaded.config else {
        return out.flush();
    };
    let mut sources = inputs(&config.inputs);
    sources.extend(charsets(&config.charsets));
    section(out, "inputs", &sources)?;
    let mut queues: Vec<String> = config
        .queues
        .iter()
        .map(|queue| queue_line(queue, now, zone))
        .collect();
    queues.extend(storms::bundles(config));
    queues.extend(silence(config));
    section(out, "queues", &queues)?;
    section(out, "rules", &rules(config))?;
    let mut sent = mail(config);
    let programs = config.mail.programs.iter();
    let programs = programs.map(|(name, command)| format!("notify:{name} by `{}`", command.line));
    sent.extend(programs);
    sent.extend(config.health_ping.as_ref().map(|ping| {
        let (line, when) = (&ping.command.line, &ping.when);
        format!("a heartbeat [{when}] by `{line}`, while all is well")
    }));
    section(out, "mail", &sent)?;
    let mut kept = state(config);
    kept.extend(memory(config));
    kept.extend(news(config));
    kept.extend(super::trends::summary(config));
    kept.extend(site::summary(config));
    section(out, "state", &kept)?;
    if debug > 0 {
        let lines: Vec<String> = config
            .rules
            .iter()
            .map(|rule| rule_line(rule, config))
            .collect();
        section(out, "each rule", &lines)?;
    }
    out.flush()
}

fn section(out: &mut dyn Write, title: &str, lines: &[String]) -> io::Result<()> {
    writeln!(out, "\n{title}:")?;
    if lines.is_empty() {
        writeln!(out, "  none")?;
    }
    let mut lines = lines.iter().map(|line| shown::shown(line.as_bytes()));
    lines.try_for_each(|line| writeln!(out, "  {line}"))
}

fn number(count: usize, what: &str) -> String {
    match count {
        0 => format!("no {what}s"),
        1 => format!("1 {what}"),
        _ => format!("{count} {what}s"),
    }
}

fn inputs(inputs: &InputSettings) -> Vec<String> {
    let logs = inputs.logfiles.iter();
    let logs = logs.map(|path| format!("log file {}", shown_path(path.as_path())));
    let mut lines: Vec<String> = logs.collect();
    lines.extend(
        inputs
            .fifos
            .iter()
            .map(|path| format!("fifo {}", shown_path(&path))),
    );
    lines.extend(inputs.listen.iter().map(|listen| match listen {
        Listen::Udp(address) => format!("syslog on UDP {address}"),
        Listen::Tcp(address) => format!("syslog on TCP {address}"),
    }));
    // A URL may hold a password.
    let server = inputs.redis_server.name();
    lines.extend(
        inputs
            .redis_queues
            .iter()
            .map(|key| format!("Redis list {} on {server}", shown(key))),
    );
    lines.extend(inputs.journals.iter().map(journal));
    if !inputs.journal_matches.is_empty() {
        let count = number(inputs.journal_matches.len(), "line");
        lines.push(format!(
            "of the journal, only entries that fit `set journal_match` ({count})"
        ));
    }
    if !inputs.logfiles.is_empty() {
        lines.extend(rotated::olddirs(inputs));
        lines.push(match &inputs.tail {
            TailSettings::Follow {
                start: TailStart::End,
            } => "log files are followed from their end".into(),
            TailSettings::Follow {
                start: TailStart::LastLines(count),
            } => {
                format!(
                    "log files are followed from {} before their end",
                    number_of_lines(*count)
                )
            }
            TailSettings::Follow {
                start: TailStart::FromLine(line),
            } => {
                format!("log files are followed from line {line} on")
            }
            TailSettings::Command { program, arguments } => {
                format!(
                    "log files are read by the program {} {}",
                    shown_path(program),
                    shown_os(arguments)
                )
            }
        });
    }
    lines
}

fn journal(journal: &Journal) -> String {
    match journal {
        Journal::Directory(path) => format!("journal {}", shown_path(path)),
        Journal::Auto => match syslog_file() {
            Some(file) => format!("the journal of this machine is not read, for there is {file}"),
            None => "the journal of this machine".into(),
        },
    }
}

fn number_of_lines(count: u64) -> String {
    number(usize::try_from(count).unwrap_or(usize::MAX), "line")
}

fn queue_line<Z: TimeZone>(queue: &Queue, now: Time, zone: &Z) -> String
where
    Z::Offset: std::fmt::Display,
{
    let when = match &queue.schedule {
        Schedule::Now => String::new(),
        Schedule::Cron(spec) => match spec.next(now, zone) {
            Some(next) => format!(
                ", next {}",
                local(next, zone).format("%a %Y-%m-%d %H:%M %z")
            ),
            None => ", which never comes".into(),
        },
    };
    let to = match &queue.output {
        Output::Csv(command) => format!("CSV to `{}`", command.line),
        Output::Mail(mail) => {
            let recipients = mail.written();
            let filter = mail
                .filter
                .as_ref()
                .map(|f| format!(" through `{}`", f.line));
            format!("to {}{}", recipients.join(", "), filter.unwrap_or_default())
        }
    };
    let quiet = if queue.quiet { ", when quiet too" } else { "" };
    format!("{} {to} {}{when}{quiet}", queue.name, queue.schedule)
}

/// The lines about silences, where any are told.
fn silence(config: &Config) -> Vec<String> {
    let settings = &config.silence;
    let name = |queue: QueueId| match config.queues.get(queue.index()) {
        Some(queue) => queue.name.clone(),
        None => "?".into(),
    };
    let mut lines = Vec::new();
    for rule in &settings.rules {
        let hosts = shown(rule.pattern.source());
        lines.push(match rule.watch {
            Some((queue, time)) => {
                let length = match time.as_secs() {
                    seconds if seconds % 60 == 0 => format!("{} min", seconds / 60),
                    seconds => format!("{seconds} s"),
                };
                format!("silences of {hosts} after {length} to {}", name(queue))
            }
            None => format!("silences of {hosts} to nobody"),
        });
    }
    if let Some(queue) = settings.learnt {
        let queue = name(queue);
        lines.push(format!("silences that are longer than usual to {queue}"));
    }
    lines
}

fn local<Z: TimeZone>(time: Time, zone: &Z) -> DateTime<Z> {
    time.with_timezone(zone)
}

fn rules(config: &Config) -> Vec<String> {
    let count =
        |is: fn(&Action) -> bool| config.rules.iter().filter(|rule| is(&rule.action)).count();
    let slow: Vec<String> = config.rules.iter().filter_map(slow_rule).collect();
    let mut lines = vec![format!(
        "{}: {} to queues, {} trash, {} repeat, {}",
        number(config.rules.len(), "rule"),
        count(|action| matches!(action, Action::Queues(_))),
        count(|action| matches!(action, Action::Trash)),
        count(|action| matches!(action, Action::Repeat)),
        number(
            count(|action| matches!(action, Action::Group { .. } | Action::GroupHost { .. })),
            "group"
        ),
    )];
    match count(|action| matches!(action, Action::Expect(_))) {
        0 => {}
        1 => lines.push("1 message is expected".into()),
        count => lines.push(format!("{count} messages are expected")),
    }
    match count(|action| matches!(action, Action::Continue)) {
        0 => {}
        1 => lines.push("1 continue rule".into()),
        count => lines.push(format!("{count} continue rules")),
    }
    if !slow.is_empty() {
        let needs = if slow.len() == 1 { "needs" } else { "need" };
        let count = number(slow.len(), "rule");
        lines.push(format!("{count} {needs} the slower engine:"));
        lines.extend(slow);
    }
    if config.lines.json.on {
        lines.push("messages in JSON become text".into());
    }
    if config.lines.join {
        lines.push("lines without a prefix belong to the line before".into());
    }
    match config.lines.prefixes.len() {
        0 => {}
        1 => lines.push("1 log prefix of your own".into()),
        count => lines.push(format!("{count} log prefixes of your own")),
    }
    lines
}

/// The line about a rule that needs the slower engine: its place, and the reason.
fn slow_rule(rule: &Rule) -> Option<String> {
    let is_slow = |note: &&Note| note.kind == NoteKind::SlowEngine;
    let note = rule.pattern.notes().iter().find(is_slow)?;
    Some(format!("  {}: {}", rule.place, note.message))
}

fn mail(config: &Config) -> Vec<String> {
    let mail = &config.mail;
    let mut lines = vec![server(&mail.server)];
    let smtp = matches!(mail.server, MailServer::Smtp { .. });
    let tls = match mail.tls {
        MailTls::Off => Some("never by TLS"),
        MailTls::May => None,
        MailTls::StartTls => Some("by STARTTLS"),
        MailTls::Tls => Some("by TLS"),
    };
    if let Some(tls) = tls.filter(|_| smtp) {
        let whose = match (mail.tls, mail.fingerprint) {
            (MailTls::Off, _) => String::new(),
            (_, Some(fingerprint)) => format!(", to the certificate {fingerprint}"),
            (_, None) => ", its certificate verified".to_owned(),
        };
        lines.push(format!("{tls}{whose}"));
    }
    if config.report.max_shown != ReportSettings::MAX_SHOWN {
        let most = config.report.max_shown;
        lines.push(format!("of a line, at most {most} bytes are shown"));
    }
    if mail.html {
        lines.push("mails have an HTML part beside the text".into());
    }
    if config.report.csv_safe {
        lines.push("no cell of the CSV form begins as a formula".into());
    }
    lines
}

/// The character sets of lines and of the configuration's text.
fn charsets(charsets: &Charsets) -> impl Iterator<Item = String> {
    let default = charsets.default.iter();
    let default = default.map(|set| match set.name() {
        "UTF-8" => "log files in UTF-16 are known by their byte order mark".to_owned(),
        name => format!("lines and text that are not UTF-8 are read as {name}"),
    });
    let sources = charsets.sources.iter().map(|source| {
        let set = source.charset.name();
        format!("lines of {} are read as {set}", shown(&source.name))
    });
    default.chain(sources)
}

fn server(server: &MailServer) -> String {
    match server {
        MailServer::Smtp { host, port } if host.contains(':') => {
            format!("by SMTP to [{host}]:{port}")
        }
        MailServer::Smtp { host, port } => format!("by SMTP to {host}:{port}"),
        MailServer::Sendmail { program, arguments } => {
            let words = [shown_path(program).to_string()].into_iter();
            let words: Vec<String> = words.chain(arguments.iter().cloned()).collect();
            format!("by {}", words.join(" "))
        }
    }
}

fn state(config: &Config) -> Vec<String> {
    let mut lines = vec![match &config.state.dir {
        Some(dir) => format!("kept in {}", shown_path(&dir)),
        None => {
            let text = "kept only if --state-dir or $STATE_DIRECTORY names a directory";
            format!("{text} (no `set statedir`)")
        }
    }];
    let named = config.state.dir.is_some();
    if let Some(catchup) = config.state.catchup.filter(|_| named) {
        let hours = catchup.as_secs() / Duration::from_secs(3600).as_secs();
        lines.push(format!("a restart catches up with {hours} hours at most"));
    }
    if let Some(days) = config.state.archive {
        lines.push(format!("delivered letters are archived for {days} days"));
    }
    lines
}

/// The line about the memory of a queue, where that is not the default.
fn memory(config: &Config) -> Option<String> {
    let most = config.state.max_memory;
    (most != StateSettings::MAX_MEMORY).then(|| format!("a queue holds at most {most} bytes"))
}

/// The line about the queues that tell news, if any does.
fn news(config: &Config) -> Option<String> {
    let name = |id: &QueueId| Some(config.queues.get(id.index())?.name.as_str());
    let queues = match &config.news.queues {
        NewsQueues::None => return None,
        NewsQueues::All => "all queues that are mailed".to_owned(),
        NewsQueues::Some(queues) => {
            let names: Vec<&str> = queues.iter().filter_map(name).collect();
            names.join(", ")
        }
    };
    let most = config.news.most_kinds;
    Some(format!(
        "news are told by {queues}; {most} kinds at most are known"
    ))
}

fn rule_line(rule: &Rule, config: &Config) -> String {
    let mut action = config.target(&rule.action);
    if let Action::Group { end } | Action::GroupHost { end } = rule.action {
        action.push_str(&format!(" (else on to rule {})", end + 1));
    }
    format!("{} {action} {}", rule.place, shown(rule.pattern.source()))
}
