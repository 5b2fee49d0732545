//! Warnings that need the whole configuration, or a look at the machine.

use std::io::ErrorKind;
use std::path::PathBuf;

use super::assembly::{Assembly, Foreign};
use super::machine::Machine;
use super::model::{MailServer, MailTls, TailSettings};
use super::report::{Reports, Spot};
use crate::logpath::LogPath;
use crate::shown::shown_path;

/// Looks at all that was read.
pub(super) fn whole(assembly: &mut Assembly<'_>) {
    unused_queues(assembly);
    foreign_text(assembly);
    logs(assembly);
    programs(assembly);
    mail(assembly);
    inputs(assembly);
}

fn unused_queues(assembly: &mut Assembly<'_>) {
    let Assembly {
        queues, reports, ..
    } = assembly;
    for (queue, spot) in queues.unused() {
        let message = format!("no rule sends anything to the queue `{}`", queue.name);
        reports.warn(spot.clone(), message, None);
    }
}

/// Text that is not UTF-8, where no character set says what it is, or a wrong one.
fn foreign_text(assembly: &mut Assembly<'_>) {
    let Assembly {
        foreign,
        report,
        reports,
        ..
    } = assembly;
    for Foreign { spot, text } in foreign {
        let Some(charset) = report.charset else {
            let message = "this is not UTF-8, and no `set charset` says what it is: it will be shown as \
                           `\\xNN`";
            let hint = "write `set charset euc-jp`, or `shift_jis`, `iso-2022-jp`, `iso-8859-1` and so on; \
                        rules match the same bytes as before";
            reports.warn(spot.clone(), message, Some(hint.into()));
            continue;
        };
        if !charset.knows(text) {
            let message = format!("this is neither UTF-8 nor {}", charset.name());
            let hint = "what cannot be read will be shown as `\\xNN`";
            reports.warn(spot.clone(), message, Some(hint.into()));
        }
    }
}

/// What to do where the daemon may not read.
const RIGHTS: &str = "it is tried again and again; is the user of `set uid` (else `tenshi`) in the group \
                      that may read it?";

/// Log files that are not there, or cannot be read by the daemon.
fn logs(assembly: &mut Assembly<'_>) {
    let Assembly {
        process,
        inputs,
        log_spots,
        reports,
        machine,
        ..
    } = assembly;
    machine.as_daemon(process, &mut || {
        for (path, spot) in inputs.logfiles.iter().zip(&*log_spots) {
            log(path, spot, inputs.tail_missing, *machine, reports);
        }
    });
}

fn log(
    path: &LogPath,
    spot: &Spot,
    tail_missing: bool,
    machine: &dyn Machine,
    reports: &mut Reports,
) {
    if path.is_pattern() {
        return pattern(path, spot, machine, reports);
    }
    let path = path.as_path();
    let Err(e) = machine.try_log(path) else {
        return;
    };
    let hint = match e.kind() {
        ErrorKind::NotFound if tail_missing => {
            "it is waited for, and read from its beginning once it is there"
        }
        ErrorKind::NotFound => "with `set tail_missing off` it is left out for good",
        ErrorKind::IsADirectory => "name the files in it, as in `/var/log/remote/*.log`",
        _ => RIGHTS,
    };
    let message = format!("cannot read the log file `{}`: {e}", shown_path(&path));
    reports.warn(spot.clone(), message, Some(hint.into()));
}

fn pattern(path: &LogPath, spot: &Spot, machine: &dyn Machine, reports: &mut Reports) {
    let found = machine.expand(path);
    if let Some((dir, e)) = found.shut.first() {
        let message = format!("cannot list `{}` for this pattern: {e}", shown_path(dir));
        reports.warn(spot.clone(), message, Some(RIGHTS.into()));
    } else if found.paths.is_empty() {
        let hint = "files that match later are taken up".into();
        reports.warn(spot.clone(), "no file matches this pattern now", Some(hint));
    }
}

/// Programs that cannot be run: the start will be refused.
fn programs(assembly: &mut Assembly<'_>) {
    let Assembly {
        queues,
        inputs,
        tail_spot,
        mail,
        reports,
        machine,
        ..
    } = assembly;
    let mut named: Vec<(PathBuf, _)> = queues
        .programs()
        .into_iter()
        .map(|(command, spot)| (PathBuf::from(&command.program), spot))
        .collect();
    if let (TailSettings::Command { program, .. }, Some(spot)) = (&inputs.tail, &*tail_spot) {
        named.push((program.clone(), spot));
    }
    if let (Some(MailServer::Sendmail { program, .. }), Some(spot)) =
        (&mail.server, &mail.server_spot)
    {
        named.push((program.clone(), spot));
    }
    named.sort_by_key(|(_, spot)| spot.place.line);
    for (program, spot) in named {
        if !machine.is_executable(&program) {
            let message = format!("`{}` is no program that can be run", shown_path(&program));
            let hint = "tenshi does not start without it; write the whole path".into();
            reports.warn(spot.clone(), message, Some(hint));
        }
    }
}

/// Settings of TLS that protect nothing, or keep every mail back.
fn mail(assembly: &mut Assembly<'_>) {
    let Assembly { mail, reports, .. } = assembly;
    let Some((tls @ (MailTls::Off | MailTls::May), spot)) = &mail.tls else {
        return;
    };
    if mail.fingerprint.is_some() {
        let message = "no certificate is looked at, so `mailtls_fingerprint` is not either";
        let hint = "write `set mailtls starttls` or `set mailtls tls`";
        reports.warn(spot.clone(), message, Some(hint.into()));
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
        reports.warn(spot.clone(), message, Some(hint.into()));
    }
}

/// A configuration without any input is probably half written.
fn inputs(assembly: &mut Assembly<'_>) {
    let Assembly {
        inputs, reports, ..
    } = assembly;
    let none = inputs.logfiles.is_empty()
        && inputs.fifos.is_empty()
        && inputs.listen.is_empty()
        && inputs.redis_queues.is_empty();
    if none && reports.errors() == 0 {
        let spot = Spot::file(&assembly.file);
        let hint = "write `set logfile /var/log/syslog`".into();
        reports.warn(
            spot,
            "there is nothing to read: no log file, fifo, address or Redis list",
            Some(hint),
        );
    }
}
