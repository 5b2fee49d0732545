//! Warnings that need the whole configuration.

use super::bundle;
use super::draft::Draft;
use super::model::{MailTls, TailSettings};
use super::reporter::Location;

/// Text of another character set than UTF-8, which is shown to somebody.
pub(super) struct ForeignText {
    pub(super) location: Location,
    pub(super) text: Vec<u8>,
}

/// Looks at all that was read.
pub(super) fn check(draft: &mut Draft, foreign: &[ForeignText]) {
    unused_queues(draft);
    named_as_words(draft);
    bundle::check(draft);
    foreign_text(draft, foreign);
    utf16_streams(draft);
    trends(draft);
    site(draft);
    mail(draft);
    inputs(draft);
}

/// Sources in UTF-16 that are no files: their lines would be taken as they come. A stream has no beginning that is
/// known, and half a code unit that its writer leaves would shift all that comes behind.
fn utf16_streams(draft: &mut Draft) {
    let inputs = &draft.inputs;
    for (source, location) in draft.charsets.sources.iter().zip(&draft.charset_locations) {
        let path = source.path.as_path();
        let program = matches!(inputs.tail, TailSettings::Command { .. });
        let what = if inputs.fifos.iter().any(|fifo| fifo == path) {
            "a fifo"
        } else if source
            .listen
            .is_some_and(|own| inputs.listen.contains(&own))
        {
            "an address of `set listen`"
        } else if inputs.redis_queues.contains(&source.name) {
            "a Redis list"
        } else if program && inputs.logfiles.iter().any(|log| log.as_path() == path) {
            "a log that the program of `set tail` reads"
        } else {
            continue;
        };
        if source.charset.is_utf16() {
            let message = format!("this is {what}, and UTF-16 is read from files alone");
            let hint = "have its writer write UTF-8, or a file that `set logfile` names";
            draft
                .reporter
                .error(location.clone(), message, Some(hint.into()));
        }
    }
}

fn unused_queues(draft: &mut Draft) {
    let Draft {
        queues, reporter, ..
    } = draft;
    for (queue, location) in queues.unused() {
        let message = format!("no rule sends anything to the queue `{}`", queue.name);
        reporter.warn(location.clone(), message, None);
    }
}

/// Queues of the names of rules' words, as an old configuration may have them.
fn named_as_words(draft: &mut Draft) {
    let Draft {
        queues, reporter, ..
    } = draft;
    let words = [
        ("expect", "expect QUEUE [WHEN] GRACE REGEXP"),
        ("continue", "continue REGEXP"),
    ];
    for (word, form) in words {
        let Some(location) = queues.location(word) else {
            continue;
        };
        let message = format!(
            "a queue has the name `{word}`: the rules that begin with it count lines there"
        );
        let hint = format!("give the queue another name if you want to write `{form}`");
        reporter.warn(location.clone(), message, Some(hint));
    }
}

/// Text that is not UTF-8, where no character set says what it is, or a wrong one.
fn foreign_text(draft: &mut Draft, foreign: &[ForeignText]) {
    let Draft {
        charsets, reporter, ..
    } = draft;
    for ForeignText { location, text } in foreign {
        let Some(charset) = charsets.default else {
            let message = "this is not UTF-8, and no `set charset` says what it is: it will be shown as \
                           `\\xNN`";
            let hint = "write `set charset euc-jp`, or `shift_jis`, `iso-2022-jp`, `iso-8859-1` and so on; \
                        lines are read by it too";
            reporter.warn(location.clone(), message, Some(hint.into()));
            continue;
        };
        if !charset.knows(text) {
            let message = format!("this is neither UTF-8 nor {}", charset.name());
            let hint = "what cannot be read will be shown as `\\xNN`";
            reporter.warn(location.clone(), message, Some(hint.into()));
        }
    }
}

/// Settings of TLS that protect nothing, or keep every mail back.
fn mail(draft: &mut Draft) {
    let Draft { mail, reporter, .. } = draft;
    let Some((tls @ (MailTls::Off | MailTls::May), location)) = &mail.tls else {
        return;
    };
    if mail.fingerprint.is_some() {
        let message = "no certificate is looked at, so `mailtls_fingerprint` is not either";
        let hint = "write `set mailtls starttls` or `set mailtls tls`";
        reporter.warn(location.clone(), message, Some(hint.into()));
    } else if mail.auth.is_some() && mail.is_remote() {
        let (message, hint) = match tls {
            MailTls::Off => (
                "no mail will ever leave: the password of `mailauth` is not sent in clear",
                "write `set mailtls starttls` or `set mailtls tls`",
            ),
            _ => (
                "the password of `mailauth` is given to whoever answers: no certificate is looked at",
                "write `set mailtls starttls`, or remove this line, which means it",
            ),
        };
        reporter.warn(location.clone(), message, Some(hint.into()));
    }
}

/// Trends that no report could tell.
fn trends(draft: &mut Draft) {
    let Draft {
        trends_location,
        queues,
        reporter,
        ..
    } = draft;
    if let Some(location) = trends_location.as_ref().filter(|_| !queues.have_digest()) {
        let message =
            "no queue can tell trends: none is mailed at a time of the day to others than pagers";
        let hint = "write a queue with a schedule, as `set queue report tenshi@localhost root [0 12 * * *]`";
        reporter.warn(location.clone(), message, Some(hint.into()));
    }
}

/// A site without a place for what is handed in, or without anything to hand in.
fn site(draft: &mut Draft) {
    let Draft {
        site,
        state,
        queues,
        reporter,
        ..
    } = draft;
    let Some((_, _, _, location)) = &site.site else {
        return;
    };
    if state.dir.is_none() {
        let message =
            "a site needs a state directory: it keeps what is handed in until a report has it";
        let hint = "write `set statedir DIRECTORY`, unless systemd or --state-dir names it";
        reporter.warn(location.clone(), message, Some(hint.into()));
    }
    if !queues.have_schedule() {
        let message = "no queue is mailed at a time of the day: nothing is handed in to the site";
        let hint = "write a queue with a schedule, as `set queue report tenshi@localhost root [0 12 * * *]`";
        reporter.warn(location.clone(), message, Some(hint.into()));
    }
}

/// A configuration without any input is probably half written.
fn inputs(draft: &mut Draft) {
    let Draft {
        inputs, reporter, ..
    } = draft;
    let none = inputs.logfiles.is_empty() && !inputs.beside_logs();
    if none && reporter.errors() == 0 {
        let location = Location::file(&draft.file);
        let hint = "write `set logfile /var/log/syslog`".into();
        reporter.warn(
            location,
            "there is nothing to read: no log file, fifo, address, journal or Redis list",
            Some(hint),
        );
    }
}
