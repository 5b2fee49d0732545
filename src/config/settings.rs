//! The table of the settings: a row for each word after `set`. docs/ARCHITECTURE.md says what else a new
//! setting needs.

use std::num::NonZeroU64;
use std::time::Duration;

use bstr::BString;

use super::diagnostic::shown;
use super::draft::Draft;
use super::grammar::Fragment;
use super::loaded::Account;
use super::log_sources::olddirs_differ;
use super::model::*;
use super::reporter::SourceLine;
use super::setter::{Read, Setter, wait_of};
use super::site_draft::{board, console};
use super::suggest::did_you_mean;

/// A setting.
struct Setting {
    /// The word after `set`.
    name: &'static str,
    /// The form of the value, for hints and the manual.
    form: &'static str,
    /// When a change of the setting takes effect.
    effect: Effect,
    /// Whether the value is text that reports show or lines are matched with: it may be of another character
    /// set than UTF-8.
    is_text: bool,
    /// The function that reads the value and puts it into the draft.
    apply: for<'t, 'l> fn(&mut Setter<'t, 'l>) -> Read<'l, ()>,
}

/// When a change of a setting takes effect.
#[derive(Clone, Copy)]
enum Effect {
    /// With the reload.
    Reload,
    /// With the reload, where an input is begun from then on.
    NextInput(Differs),
    /// With a restart alone: a reload that changes it is refused.
    Restart(Differs),
}

/// Whether two configurations, the old one and the new one, differ in a setting.
type Differs = fn(&Config, &Config) -> bool;

const fn row(
    name: &'static str,
    form: &'static str,
    effect: Effect,
    apply: for<'t, 'l> fn(&mut Setter<'t, 'l>) -> Read<'l, ()>,
) -> Setting {
    Setting {
        name,
        form,
        effect,
        is_text: false,
        apply,
    }
}

impl Setting {
    /// The setting with a value that is text.
    const fn text(self) -> Self {
        Self {
            is_text: true,
            ..self
        }
    }
}

use Effect::{NextInput, Reload, Restart};

const SETTINGS: &[Setting] = &[
    // The process.
    row(
        "uid",
        "USER",
        Restart(|old, new| old.process.uid != new.process.uid),
        |s| s.account(Account::User),
    ),
    row(
        "gid",
        "GROUP",
        Restart(|old, new| old.process.gid != new.process.gid),
        |s| s.account(Account::Group),
    ),
    row(
        "pidfile",
        "PATH",
        Restart(|old, new| old.process.pidfile != new.process.pidfile),
        |s| s.path().map(|path| s.draft.process.pidfile = path),
    ),
    // The inputs.
    row("logfile", "PATH", Reload, |s| s.logfile()),
    row(
        "listen",
        "ADDRESS:PORT",
        Restart(|old, new| old.inputs.listen != new.inputs.listen),
        |s| s.listen(),
    ),
    row(
        "fifo",
        "PATH",
        Restart(|old, new| old.inputs.fifos != new.inputs.fifos),
        |s| s.path().map(|path| add(&mut s.draft.inputs.fifos, path)),
    ),
    row(
        "tail",
        "PROGRAM ARGUMENTS",
        Restart(|old, new| old.inputs.tail != new.inputs.tail),
        |s| s.tail(),
    ),
    row(
        "tail_multiple",
        "on|off",
        Restart(|old, new| old.inputs.tail_multiple != new.inputs.tail_multiple),
        |s| s.on_off().map(|on| s.draft.inputs.tail_multiple = on),
    ),
    row(
        "tail_missing",
        "on|off",
        Restart(|old, new| old.inputs.tail_missing != new.inputs.tail_missing),
        |s| s.on_off().map(|on| s.draft.inputs.tail_missing = on),
    ),
    row("olddir", "DIR", Restart(olddirs_differ), |s| s.olddir()),
    row(
        "redisqueue",
        "KEY",
        Restart(|old, new| old.inputs.redis_queues != new.inputs.redis_queues),
        |s| {
            let key = BString::from(s.word()?.text);
            add(&mut s.draft.inputs.redis_queues, key);
            Ok(())
        },
    ),
    row(
        "redisserver",
        "HOST:PORT",
        Restart(|old, new| old.inputs.redis_server != new.inputs.redis_server),
        |s| s.redis_server(),
    ),
    row(
        "journal",
        "DIRECTORY|auto",
        Restart(|old, new| old.inputs.journals != new.inputs.journals),
        |s| s.journal(),
    ),
    row(
        "journal_match",
        "FIELD=VALUE",
        Restart(|old, new| old.inputs.journal_matches != new.inputs.journal_matches),
        |s| s.journal_match(),
    ),
    row(
        "journal_priority",
        "on|off",
        Restart(|old, new| old.inputs.journal_priority != new.inputs.journal_priority),
        |s| s.on_off().map(|on| s.draft.inputs.journal_priority = on),
    ),
    row(
        "max_line",
        "BYTES",
        NextInput(|old, new| old.inputs.max_line != new.inputs.max_line),
        |s| {
            let hint = "write bytes from 256 to 16M, as in `64K`";
            let size = s.size(256..=16 << 20, "length of a line", hint)?;
            s.draft.inputs.max_line = size;
            Ok(())
        },
    ),
    // The lines.
    row("logprefix", "NAME|REGEXP", Reload, |s| s.logprefix()).text(),
    row("rfc3339", "on|off", Reload, |s| {
        s.on_off().map(|on| s.draft.lines.rfc3339 = on)
    }),
    row("hidepid", "on|off", Reload, |s| {
        s.on_off().map(|on| s.draft.lines.hidepid = on)
    }),
    row(
        "json",
        "on|off",
        NextInput(|old, new| old.lines.json.on != new.lines.json.on),
        |s| s.on_off().map(|on| s.draft.lines.json.on = on),
    ),
    row("json_field", "ROLE=KEY,KEY", Reload, |s| s.json_field()),
    row("structured", "on|off", Reload, |s| {
        s.on_off().map(|on| s.draft.lines.structured = on)
    }),
    row("join", "on|off", Reload, |s| {
        s.on_off().map(|on| s.draft.lines.join = on)
    }),
    row("continue_lines", "LINES", Reload, |s| {
        let lines = s.number()?;
        s.draft.continue_lines = usize::try_from(lines).unwrap_or(usize::MAX);
        Ok(())
    }),
    row("suggest_words", "PATH", Reload, |s| {
        s.path().map(|path| s.draft.suggest_words = Some(path))
    }),
    row("repeat_limit", "NUMBER", Reload, |s| {
        s.number().map(|number| s.draft.repeat_limit = number)
    }),
    // The queues.
    row("queue", "NAME FROM TO [WHEN] SUBJECT", Reload, |s| {
        s.queue()
    })
    .text(),
    row("csv", "[WHEN] PROGRAM ARGUMENTS", Reload, |s| s.csv()),
    row("notify", "NAME PROGRAM ARGUMENTS", Reload, |s| s.notify()),
    row("filter", "QUEUE PROGRAM ARGUMENTS", Reload, |s| s.filter()),
    row("threshold", "QUEUE COUNT REGEXP", Reload, |s| s.threshold()).text(),
    row("quiet", "QUEUE", Reload, |s| s.quiet()),
    row("bundle", "QUEUE WINDOW", Reload, |s| s.bundle()),
    row("bundle_first", "NUMBER", Reload, |s| {
        let mails = s.number()?;
        s.draft.bundle.first = u32::try_from(mails).unwrap_or(u32::MAX);
        Ok(())
    }),
    row("bundle_max", "TIME", Reload, |s| s.bundle_max()),
    row("silence", "QUEUE PATTERN DURATION", Reload, |s| s.silence()),
    row("hush", "PATTERN [WHEN] DURATION", Reload, |s| s.hush()),
    row("sleep", "SECONDS", Reload, |s| s.sleep()),
    row("max_lines", "NUMBER", Reload, |s| {
        let lines = s.at_least_one()?;
        s.draft.state.max_lines = usize::try_from(lines).unwrap_or(usize::MAX);
        Ok(())
    }),
    row("max_memory", "BYTES", Reload, |s| {
        let hint = "write bytes from 1M on, as in `256M`";
        let size = s.size(1 << 20..=usize::MAX, "memory of a queue", hint)?;
        s.draft.state.max_memory = size;
        Ok(())
    }),
    // The reports.
    row("mask", "TEXT", Reload, |s| {
        let (mask, rest) = s.value.word();
        s.draft.warn_words(s.line, s.word, rest);
        s.draft.report.mask = BString::from(mask.text);
        Ok(())
    })
    .text(),
    row("subject", "TEXT", Reload, |s| {
        s.draft.report.subject = BString::from(s.rest()?.text);
        Ok(())
    })
    .text(),
    row("limit", "LINES", Reload, |s| {
        s.draft.report.limit = NonZeroU64::new(s.number()?);
        Ok(())
    }),
    row("pager_limit", "LINES", Reload, |s| {
        s.draft.report.pager_limit = NonZeroU64::new(s.number()?);
        Ok(())
    }),
    row("pager_hour", "NUMBER", Reload, |s| s.pager_hour()),
    row("max_shown", "BYTES", Reload, |s| {
        let hint = "write bytes from 64 to 64M, as in `2K`";
        let size = s.size(64..=64 << 20, "length of a line", hint)?;
        s.draft.report.max_shown = size;
        Ok(())
    }),
    row("sort_order", "descending|ascending", Reload, |s| {
        s.draft.report.sort_order = s.choice(&[
            ("descending", SortOrder::Descending),
            ("ascending", SortOrder::Ascending),
        ])?;
        Ok(())
    }),
    row("resolve", "on|off", Reload, |s| {
        s.on_off().map(|on| s.draft.report.resolve = on)
    }),
    row("charset", "NAME [SOURCE]", Reload, |s| s.charset()),
    row("csv_safe", "on|off", Reload, |s| {
        s.on_off().map(|on| s.draft.report.csv_safe = on)
    }),
    // The news.
    row("news", "on|off|QUEUE,QUEUE", Reload, |s| s.news()),
    row("news_learn", "DAYS", Reload, |s| {
        s.days(0).map(|days| s.draft.news.learn = days)
    }),
    row("news_memory", "DAYS", Reload, |s| {
        s.days(1).map(|days| s.draft.news.memory = days)
    }),
    row("news_max", "KINDS", Reload, |s| {
        let kinds = s.at_least_one()?;
        s.draft.news.most_kinds = usize::try_from(kinds).unwrap_or(usize::MAX);
        Ok(())
    }),
    row("news_limit", "LINES", Reload, |s| {
        let lines = s.at_least_one()?;
        s.draft.news.limit = usize::try_from(lines).unwrap_or(usize::MAX);
        Ok(())
    }),
    // The trends.
    row("trends", "on|off", Reload, |s| s.trends()),
    row("trends_factor", "NUMBER", Reload, |s| {
        s.at_least_one()
            .map(|factor| s.draft.trends.factor = factor)
    }),
    row("trends_floor", "LINES", Reload, |s| {
        s.at_least_one().map(|floor| s.draft.trends.floor = floor)
    }),
    // The mails.
    row("mailserver", "HOST:PORT", Reload, |s| s.mail_server()),
    row("mailhelo", "NAME", Reload, |s| s.mail_helo()),
    row("mailtimeout", "SECONDS", Reload, |s| {
        let seconds = s.number()?;
        s.draft.mail.timeout = (seconds > 0).then(|| wait_of(seconds));
        Ok(())
    }),
    row("mailtls", "off|may|starttls|tls", Reload, |s| s.mail_tls()),
    row("mailtls_fingerprint", "SHA256", Reload, |s| {
        s.mail_fingerprint()
    }),
    row("mailauth", "USER FILE", Reload, |s| s.mail_auth()),
    row("filter_timeout", "SECONDS", Reload, |s| {
        s.seconds().map(|time| s.draft.mail.filter_timeout = time)
    }),
    row("html", "on|off", Reload, |s| {
        s.on_off().map(|on| s.draft.mail.html = on)
    }),
    row("heartbeat", "[WHEN] PROGRAM ARGUMENTS", Reload, |s| {
        s.heartbeat()
    }),
    // The site.
    row("site", "NAME URL [mirror]", Restart(board), |s| s.site()),
    row("site_wait", "DURATION", Reload, |s| s.site_wait()),
    row("site_giveup", "DURATION", Reload, |s| s.site_giveup()),
    row("site_console", "NAME", NextInput(console), |s| {
        s.site_console()
    }),
    // The state.
    row(
        "statedir",
        "DIRECTORY",
        Restart(|old, new| old.state.dir != new.state.dir),
        |s| s.path().map(|path| s.draft.state.dir = Some(path)),
    ),
    row(
        "catchup",
        "HOURS",
        NextInput(|old, new| old.state.catchup != new.state.catchup),
        |s| {
            let seconds = s.number()?.saturating_mul(3600);
            s.draft.state.catchup = Some(Duration::from_secs(seconds));
            Ok(())
        },
    ),
    row("commit", "SECONDS", Reload, |s| {
        s.seconds().map(|time| s.draft.state.commit = time)
    }),
    row("archive", "DAYS|off", Reload, |s| s.archive()),
];

/// Adds an element to a list without it.
fn add<T: PartialEq>(list: &mut Vec<T>, element: T) {
    if !list.contains(&element) {
        list.push(element);
    }
}

fn find(word: &[u8]) -> Option<&'static Setting> {
    SETTINGS
        .iter()
        .find(|setting| setting.name.as_bytes() == word)
}

/// Whether a word is the name of a setting.
pub(super) fn is_setting(word: &[u8]) -> bool {
    find(word).is_some()
}

/// Whether the value of a setting is text that reports show or lines are matched with.
pub(super) fn is_text(word: &[u8]) -> bool {
    find(word).is_some_and(|setting| setting.is_text)
}

/// The name of each setting (the words after `set`), and the form of its value.
pub fn settings() -> impl Iterator<Item = (&'static str, &'static str)> {
    SETTINGS.iter().map(|setting| (setting.name, setting.form))
}

/// The static settings that differ: a reload cannot change them.
pub fn static_changes(old: &Config, new: &Config) -> Vec<&'static str> {
    changes(old, new, |effect| match effect {
        Restart(differs) => Some(differs),
        Reload | NextInput(_) => None,
    })
}

/// The settings that differ, are taken over by a reload, and are looked at only where an input begins.
pub fn deferred_changes(old: &Config, new: &Config) -> Vec<&'static str> {
    changes(old, new, |effect| match effect {
        NextInput(differs) => Some(differs),
        Reload | Restart(_) => None,
    })
}

fn changes(
    old: &Config,
    new: &Config,
    differs: fn(Effect) -> Option<Differs>,
) -> Vec<&'static str> {
    let changed = |setting: &&Setting| differs(setting.effect).is_some_and(|d| d(old, new));
    let changed = SETTINGS.iter().filter(changed);
    changed.map(|setting| setting.name).collect()
}

/// `set NAME VALUE`
pub(super) fn apply(
    draft: &mut Draft,
    line: &SourceLine<'_>,
    name: Fragment<'_>,
    value: Fragment<'_>,
) {
    let Some(setting) = find(name.text) else {
        return unknown(draft, line, name);
    };
    let mut setter = Setter {
        draft,
        line,
        word: setting.name,
        form: setting.form,
        name,
        value,
    };
    if let Err(error) = (setting.apply)(&mut setter) {
        draft.reporter.error_at(line, error);
    }
}

fn unknown(draft: &mut Draft, line: &SourceLine<'_>, name: Fragment<'_>) {
    // The original looks no further than the word it knows: `set maskfoo` is an empty mask.
    if name.text.starts_with(b"mask") {
        let message = format!("`{}` is read as `mask` without a value", shown(name.text));
        let hint = Some("write `set mask TEXT`".into());
        draft.reporter.warn(line.at(name), message, hint);
        draft.report.mask = BString::default();
        return;
    }
    let message = format!("there is no setting `{}`", shown(name.text));
    let hint = did_you_mean(name.text, SETTINGS.iter().map(|setting| setting.name));
    draft.reporter.error(line.at(name), message, hint);
}
