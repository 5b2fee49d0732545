//! Child processes: filters, CSV programs, the local mailer, the program of `set tail`.
//!
//! Each program is given a process group of its own, the three standard descriptors and no other, our
//! umask (see [`shield`]), and our environment without the
//! variables that are not its business: the service manager's and passwords (see `is_private`).
#![allow(unsafe_code)]

mod exchange;
mod group;

pub use exchange::{Ended, Limits, Run};
pub use group::Group;

use std::ffi::OsStr;
use std::io::{self, BufRead};
use std::os::fd::BorrowedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl};
use nix::sys::stat::{Mode, umask};

use super::limits;

/// Bits that are always in the umask of a program: its files are never writable by group and others,
/// whatever umask we were started with.
const SHUT: Mode = Mode::S_IWGRP.union(Mode::S_IWOTH);

/// Variables by which a service manager (systemd.exec(5), sd_notify(3), sd_listen_fds(3)) speaks to
/// its service alone: their names, or the beginnings of them.
const MANAGERS: [&str; 14] = [
    "NOTIFY_SOCKET",
    "WATCHDOG_",
    "LISTEN_",
    "FDSTORE",
    "MAINPID",
    "MANAGERPID",
    "SYSTEMD_EXEC_PID",
    "INVOCATION_ID",
    "JOURNAL_STREAM",
    "CREDENTIALS_DIRECTORY",
    "ENCRYPTED_CREDENTIALS_DIRECTORY",
    "STATE_DIRECTORY",
    "RUNTIME_DIRECTORY",
    "MEMORY_PRESSURE_",
];

/// Words, in capitals, by which the name of a variable shows that its value is a secret.
const SECRETS: [&str; 12] = [
    "PASSWORD",
    "PASSWD",
    "PASSPHRASE",
    "PASSWRD",
    "SECRET",
    "TOKEN",
    "CREDENTIAL",
    "APIKEY",
    "API_KEY",
    "ACCESS_KEY",
    "PRIVATE_KEY",
    "SSH_AUTH_SOCK",
];

/// Ends, in capitals, by which the name of a variable shows that its value is a secret.
const SECRET_ENDS: [&str; 4] = ["_PASS", "_PWD", "_AUTH", "_PIN"];

/// Whether a variable of our environment is kept from the programs that we run.
fn is_private(name: &OsStr) -> bool {
    let name = name.as_bytes().to_ascii_uppercase();
    MANAGERS
        .iter()
        .any(|word| name.starts_with(word.as_bytes()))
        || SECRETS
            .iter()
            .any(|word| memchr::memmem::find(&name, word.as_bytes()).is_some())
        || SECRET_ENDS.iter().any(|end| name.ends_with(end.as_bytes()))
}

/// Makes the process fit to run programs, once, before it has threads.
///
/// Descriptors that whoever started us left open are closed in each program that we run, and what
/// it writes can be changed by its owner alone: our umask, with at least 022.
pub fn shield() {
    let own = umask(SHUT);
    umask(own | SHUT);
    let Ok(open) = std::fs::read_dir("/proc/self/fd") else {
        return;
    };
    for entry in open.flatten() {
        let number = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok());
        let Some(number) = number.filter(|&number: &i32| number > 2) else {
            continue;
        };
        // SAFETY: the number was listed just now, and there is one thread, which closes nothing
        // meanwhile. A descriptor that is closed nevertheless is refused by the call.
        let descriptor = unsafe { BorrowedFd::borrow_raw(number) };
        // One that has no flags cannot be inherited either.
        let _ = fcntl(descriptor, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC));
    }
}

/// A program to be run: its path, arguments and directory.
#[derive(Debug)]
pub struct Program(Command);

impl Program {
    /// A program without arguments, by its path.
    pub fn new(path: impl AsRef<OsStr>) -> Self {
        let mut command = Command::new(path);
        limits::give_back(&mut command).process_group(0);
        for (name, _) in std::env::vars_os().filter(|(name, _)| is_private(name)) {
            command.env_remove(name);
        }
        Self(command)
    }

    /// The shell with a command line: `/bin/sh -c LINE`.
    pub fn shell(line: impl AsRef<OsStr>) -> Self {
        Self::new("/bin/sh").arguments([OsStr::new("-c"), line.as_ref()])
    }

    /// Adds arguments.
    #[must_use]
    pub fn arguments<A: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.0.args(arguments);
        self
    }

    /// The program with these variables in its environment, in the place of ours of these names.
    #[must_use]
    pub fn environment(mut self, variables: &[(&str, String)]) -> Self {
        let variables = variables.iter().map(|(name, value)| (name, value));
        self.0.envs(variables);
        self
    }

    /// The program, to be run in this directory instead of our own.
    #[must_use]
    pub fn in_directory(mut self, directory: &Path) -> Self {
        self.0.current_dir(directory);
        self
    }

    /// Runs the program to its end with `input` as its standard input.
    pub fn run(mut self, input: &mut dyn BufRead, limits: &Limits) -> Run {
        self.0.stdin(Stdio::piped()).stderr(Stdio::piped());
        self.0.stdout(match limits.output {
            Some(_) => Stdio::piped(),
            None => Stdio::null(),
        });
        match self.0.spawn() {
            Ok(child) => exchange::attend(child, input, limits),
            Err(fault) => Run::failed(&fault),
        }
    }

    /// Starts the program without input, to be read for as long as it runs; reads of its output do not
    /// block.
    ///
    /// # Errors
    /// When the program cannot be run.
    pub fn start(mut self) -> io::Result<Group> {
        self.0.stdin(Stdio::null()).stderr(Stdio::null());
        let mut child = self.0.stdout(Stdio::piped()).spawn()?;
        let output = child.stdout.take();
        let output = output.ok_or_else(|| io::Error::other("no pipe from the program"))?;
        let group = Group::new(child, output);
        fcntl(&group.output, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        Ok(group)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_between_the_manager_and_us_and_what_is_secret_is_private() {
        let hidden = [
            "NOTIFY_SOCKET",
            "WATCHDOG_USEC",
            "WATCHDOG_PID",
            "LISTEN_FDS",
            "LISTEN_FDNAMES",
            "CREDENTIALS_DIRECTORY",
            "SMTP_PASSWORD",
            "db_passwd",
            "REDISCLI_AUTH",
            "MAIL_PASS",
            "GITHUB_TOKEN",
            "AWS_SECRET_ACCESS_KEY",
        ];
        for name in hidden {
            assert!(is_private(OsStr::new(name)), "{name}");
        }
        let given = [
            "PATH",
            "HOME",
            "LANG",
            "LC_ALL",
            "TZ",
            "USER",
            "TMPDIR",
            "PWD",
            "OLDPWD",
            "GNUPGHOME",
            "http_proxy",
            "TENSHI_SITE",
            "XDG_RUNTIME_DIR",
            "PASSAGE",
        ];
        for name in given {
            assert!(!is_private(OsStr::new(name)), "{name}");
        }
    }
}
