//! The limit of open files (`RLIMIT_NOFILE`, getrlimit(2)), raised as far as the hard limit allows, for
//! us alone.
//!
//! The soft limit is 1,024 nearly everywhere, for the sake of programs that use select(2). We do not, and
//! a log is one open file; so it is raised at the start. Programs that we run get the soft limit back that
//! we were started with.

use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::OnceLock;

use nix::sys::resource::{Resource, getrlimit, rlim_t, setrlimit};

/// The soft and the hard limit before [`raise`] changed the soft one.
static BEFORE: OnceLock<(rlim_t, rlim_t)> = OnceLock::new();

/// Raises the soft limit to the hard one. Where that is not allowed, all goes on under the old one.
pub fn raise() {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else {
        return;
    };
    if soft < hard && setrlimit(Resource::RLIMIT_NOFILE, hard, hard).is_ok() {
        let _ = BEFORE.set((soft, hard));
    }
}

/// Number of files that may be open.
pub fn open_files() -> usize {
    let soft = getrlimit(Resource::RLIMIT_NOFILE).map(|(soft, _)| soft);
    soft.map_or(1024, |soft| usize::try_from(soft).unwrap_or(usize::MAX))
}

/// Number of files that are open now.
pub fn open_now() -> usize {
    // With the directory itself, which is listed.
    std::fs::read_dir("/proc/self/fd").map_or(64, Iterator::count)
}

/// Starts a program with the soft limit that we were started with.
pub fn give_back(command: &mut Command) -> &mut Command {
    let Some(&(soft, hard)) = BEFORE.get() else {
        return command;
    };
    let restore = move || setrlimit(Resource::RLIMIT_NOFILE, soft, hard).map_err(Into::into);
    // SAFETY: between fork and exec only what is async-signal-safe may be called. setrlimit(2) is a mere
    // system call, and neither it nor the conversion of its error takes memory or a lock.
    #[allow(unsafe_code)]
    unsafe {
        command.pre_exec(restore)
    }
}
