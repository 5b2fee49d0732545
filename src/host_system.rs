//! The host system: whether this machine has what a configuration needs: the accounts, the log files
//! and the programs. `-C` and the start look; reading a configuration does not.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;

use nix::fcntl::{AT_FDCWD, AtFlags};
use nix::unistd::{AccessFlags, Group, User, access, faccessat};

use crate::config::{Account, Diagnostic, Journal, Loaded, Location, Needs, Severity, is_own_log};
use crate::input::file::RealFs;
use crate::input::journal;
use crate::logpath::LogPath;
use crate::process::ids::{self, Identity, WHERE_LOOKED};
use crate::shown::shown_path;

/// The hint for a log file that the daemon may not read.
const RIGHTS: &str = "it is tried again and again; is the user of `set uid` (else `tenshi`) in the group \
                      that may read it?";

/// Adds to the diagnostics what this machine lacks. An account that it lacks is an error: then there is
/// no configuration.
pub fn check(loaded: &mut Loaded) {
    let needs = &loaded.needs;
    let accounts = needs.accounts.iter();
    let mut findings: Vec<Diagnostic> = accounts
        .filter_map(|(kind, name, location)| account(*kind, name, location))
        .collect();
    findings.extend(logs(needs));
    findings.extend(programs(needs));
    loaded.add(findings);
}

/// The error about an account that does not exist.
fn account(kind: Account, name: &str, location: &Location) -> Option<Diagnostic> {
    let (what, exists) = match kind {
        Account::User => (
            "user",
            User::from_name(name).is_ok_and(|user| user.is_some()),
        ),
        Account::Group => (
            "group",
            Group::from_name(name).is_ok_and(|group| group.is_some()),
        ),
    };
    if exists {
        return None;
    }
    let hint = if name.contains(char::is_whitespace) {
        "a comment takes a line of its own that begins with `#`".to_owned()
    } else if name.bytes().all(|b| b.is_ascii_digit()) {
        format!("write the {what}'s name, not its number")
    } else {
        format!("create it, or name another {what}{WHERE_LOOKED}")
    };
    let message = format!("there is no {what} `{name}`");
    Some(
        location
            .clone()
            .diagnostic(Severity::Error, message, Some(hint)),
    )
}

/// The warnings about log files that are not there, or cannot be read by the user that the daemon will
/// be.
fn logs(needs: &Needs) -> Vec<Diagnostic> {
    let stands_for = needs
        .journals
        .iter()
        .any(|(named, _)| *named == Journal::Auto)
        && journal::syslog_file().is_none();
    let look = || {
        let logs = needs.logs.iter();
        // The journal has their lines.
        let logs = logs.filter(|(path, _)| {
            let missing = !path.is_pattern() && !path.as_path().exists();
            !(stands_for && missing && is_own_log(path.as_path()))
        });
        let logs = logs.filter_map(|(path, location)| log(path, location, needs.waits_for_logs));
        let journals = needs.journals.iter();
        let journals = journals.filter_map(|(named, location)| {
            let (message, hint) = journal_fault(named, needs)?;
            let location = location.clone();
            Some(location.diagnostic(Severity::Warning, message, Some(hint.into())))
        });
        logs.chain(journals).collect()
    };
    let name = |kind| {
        let mut accounts = needs.accounts.iter().rev();
        accounts
            .find(|(of, ..)| *of == kind)
            .map(|(_, name, _)| name.as_str())
    };
    match Identity::resolve(name(Account::User), name(Account::Group)) {
        Ok(Some(identity)) => ids::with_rights_of(&identity, look).unwrap_or_default(),
        // The start tells why we cannot become another user.
        Ok(None) | Err(_) => look(),
    }
}

fn log(path: &LogPath, location: &Location, waits: bool) -> Option<Diagnostic> {
    let (message, hint) = if path.is_pattern() {
        pattern(path)?
    } else {
        let path = path.as_path();
        let e = readable(path).err()?;
        let hint = match e.kind() {
            ErrorKind::NotFound if waits => {
                "it is waited for, and read from its beginning once it is there"
            }
            ErrorKind::NotFound => "with `set tail_missing off` it is left out for good",
            ErrorKind::IsADirectory => "name the files in it, as in `/var/log/remote/*.log`",
            _ => RIGHTS,
        };
        let message = format!("cannot read the log file `{}`: {e}", shown_path(&path));
        (message, hint)
    };
    let warning = location.clone();
    Some(warning.diagnostic(Severity::Warning, message, Some(hint.into())))
}

/// The message and the hint about a pattern of log files, if it has no files or cannot be looked at.
fn pattern(path: &LogPath) -> Option<(String, &'static str)> {
    let found = path.expand(&RealFs);
    if let Some((dir, e)) = found.shut.first() {
        let message = format!("cannot list `{}` for this pattern: {e}", shown_path(dir));
        return Some((message, RIGHTS));
    }
    let none = found.paths.is_empty();
    none.then(|| {
        let message = "no file matches this pattern now".to_owned();
        (message, "files that match later are taken up")
    })
}

/// The message and the hint about a journal that is not there, cannot be read, or has lines that come from a log
/// file as well.
fn journal_fault(named: &Journal, needs: &Needs) -> Option<(String, &'static str)> {
    const WHOSE: &str =
        "is the user of `set uid` (else `tenshi`) in the group systemd-journal or adm?";
    let path = match named {
        Journal::Auto => return own_journal_fault(WHOSE),
        Journal::Directory(path) => path,
    };
    if let Err(e) = fs::read_dir(path) {
        let message = format!("cannot list the journal `{}`: {e}", shown_path(&path));
        let hint = match e.kind() {
            ErrorKind::NotFound => {
                "it is waited for; the machine's own is in /var/log/journal or /run/log/journal"
            }
            _ => WHOSE,
        };
        return Some((message, hint));
    }
    if let Some(fault) = unreadable(path, WHOSE) {
        return Some(fault);
    }
    let is_own = |own: &journal::Directory| own.path.starts_with(path);
    let own = journal::own()
        .iter()
        .any(|own| is_own(own) && own.path.is_dir());
    let logs = needs.logs.iter().map(|(log, _)| log.as_path());
    let log = logs.filter(|log| is_own_log(log)).find(|log| log.exists());
    let log = log.filter(|_| own)?;
    let message = format!(
        "the lines of this machine come twice: from its journal and from `{}`",
        shown_path(&log)
    );
    Some((
        message,
        "name one of them, or write `set journal auto`: it reads the journal only where no syslog daemon writes files",
    ))
}

/// The message and the hint for `set journal auto`, where this machine has no journal that can be read.
fn own_journal_fault(whose: &'static str) -> Option<(String, &'static str)> {
    if journal::syslog_file().is_some() {
        return None;
    }
    let own = journal::own();
    let there: Vec<_> = own.iter().filter(|own| own.path.is_dir()).collect();
    if there.is_empty() {
        let message =
            "this machine has no journal in /var/log/journal or /run/log/journal".to_owned();
        return Some((
            message,
            "`Storage=` in journald.conf(5) says where it is kept",
        ));
    }
    if there.iter().all(|own| own.role == journal::Role::Volatile) {
        let message =
            "the journal of this machine is in memory only: a reboot takes what was not read"
                .to_owned();
        let hint = "mkdir /var/log/journal; systemctl restart systemd-journal-flush";
        return Some((message, hint));
    }
    there.iter().find_map(|own| unreadable(&own.path, whose))
}

/// The fault of a journal whose files may not be read.
fn unreadable(path: &Path, whose: &'static str) -> Option<(String, &'static str)> {
    let file = journal::first_file(path)?;
    let e = readable(&file).err()?;
    let message = format!("cannot read the journal file `{}`: {e}", shown_path(&file));
    Some((message, whose))
}

/// Whether a log file could be followed now, with the effective ids of this thread.
fn readable(path: &Path) -> io::Result<()> {
    if fs::metadata(path)?.is_dir() {
        return Err(io::Error::from(ErrorKind::IsADirectory));
    }
    Ok(faccessat(
        AT_FDCWD,
        path,
        AccessFlags::R_OK,
        AtFlags::AT_EACCESS,
    )?)
}

/// The warnings about programs that cannot be run.
fn programs(needs: &Needs) -> Vec<Diagnostic> {
    let programs = needs.programs.iter();
    programs
        .filter(|(program, _)| !is_executable(program))
        .map(|(program, location)| {
            let message = format!("`{}` is no program that can be run", shown_path(program));
            let hint = "tenshi does not start without it; write the whole path";
            let warning = location.clone();
            warning.diagnostic(Severity::Warning, message, Some(hint.into()))
        })
        .collect()
}

/// Whether this is a file that we may execute.
pub fn is_executable(program: &Path) -> bool {
    let allowed = access(program, AccessFlags::X_OK).is_ok();
    allowed && fs::metadata(program).is_ok_and(|meta| meta.is_file())
}
