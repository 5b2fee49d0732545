//! Threads: the one way to start one, and what follows when one dies.
//!
//! No part dies alone. A thread that panics, or ends without having been asked to, takes the
//! process with it: what it shared with the others may be broken, and a daemon that only seems to
//! work is worse than none. The process says why, keeps what the loop has counted, ends with
//! [`DIED`], and the service manager starts it again from a whole state.

use std::io;
use std::panic::{self, PanicHookInfo};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread::{self, JoinHandle, Scope, ScopedJoinHandle, ThreadId};
use std::time::{Duration, Instant};

use crate::logging;

/// The exit status after a thread died (`EX_SOFTWARE` of sysexits.h).
pub const DIED: i32 = 70;

/// Time that the loop has to keep what it has counted, once a thread died.
pub const LAST: Duration = Duration::from_secs(30);

/// Pause between two attempts to tell the loop while its channel is full.
const AGAIN: Duration = Duration::from_millis(20);

/// Why a thread that is to run as long as the daemon has ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// It was told to, or nobody is left for whom it could work.
    Asked,
    /// It ended of itself.
    Unasked,
}

/// A function that tells the loop of the death of a thread; false while it cannot be told.
type Tell = Box<dyn Fn() -> bool + Send>;

/// The guard over all threads of the process.
struct Guard {
    /// The thread of the loop.
    owner: ThreadId,
    tell: Mutex<Option<Tell>>,
    /// The names of the threads that died: if there is one, the process is ending for it.
    dead: Mutex<Vec<String>>,
    /// The process ends as it should.
    over: AtomicBool,
}

static GUARD: OnceLock<Guard> = OnceLock::new();

/// Makes the death of any thread the end of the process from now on. The calling thread is taken for
/// the loop's: its own panic ends the process at once.
pub fn guard() {
    let guard = Guard {
        owner: thread::current().id(),
        tell: Mutex::new(None),
        dead: Mutex::new(Vec::new()),
        over: AtomicBool::new(false),
    };
    if GUARD.set(guard).is_ok() {
        panic::set_hook(Box::new(panicked));
    }
}

/// Sets how the loop is told of the death of a thread, once it runs: by `tell`, which must not block.
/// The loop has [`LAST`] then.
pub fn on_death(tell: impl Fn() -> bool + Send + 'static) {
    if let Some(guard) = GUARD.get() {
        let mut told = guard.tell.lock().unwrap_or_else(PoisonError::into_inner);
        *told = Some(Box::new(tell));
    }
}

/// Whether a thread of this name died: it does nothing more, and holds for ever what it held.
pub fn is_dead(name: &str) -> bool {
    let dead = GUARD.get().map(|guard| &guard.dead);
    dead.is_some_and(|dead| {
        let dead = dead.lock().unwrap_or_else(PoisonError::into_inner);
        dead.iter().any(|thread| thread == name)
    })
}

/// Says that the process ends as it should: how its threads end does not count any more.
pub fn over() {
    if let Some(guard) = GUARD.get() {
        guard.over.store(true, Ordering::SeqCst);
    }
}

/// Starts a thread that ends when its work is done.
///
/// # Errors
/// When no thread can be made.
#[allow(clippy::disallowed_methods, reason = "the one place for it")]
pub fn task<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<JoinHandle<T>> {
    let work = move || {
        fault_point();
        work()
    };
    thread::Builder::new().name(name.into()).spawn(work)
}

/// Starts a thread that ends when its work is done, before `scope` does.
///
/// # Errors
/// When no thread can be made.
#[allow(clippy::disallowed_methods, reason = "the one place for it")]
pub fn scoped<'scope, T: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    name: &str,
    work: impl FnOnce() -> T + Send + 'scope,
) -> io::Result<ScopedJoinHandle<'scope, T>> {
    thread::Builder::new()
        .name(name.into())
        .spawn_scoped(scope, work)
}

/// Starts a thread that ends only when it is asked to.
///
/// # Errors
/// When no thread can be made.
pub fn standing(
    name: &str,
    work: impl FnOnce() -> End + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    task(name, move || {
        if work() == End::Unasked {
            let name = thread::current().name().unwrap_or_default().to_owned();
            die(&format!("thread `{name}` ended, which nobody asked for"));
        }
    })
}

fn panicked(info: &PanicHookInfo<'_>) {
    let payload = info.payload();
    let message = payload.downcast_ref::<&str>().copied();
    let message = message.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    let place = info.location().map(ToString::to_string);
    let thread = thread::current();
    die(&format!(
        "thread `{}` panicked at {}: {}",
        thread.name().unwrap_or("without a name"),
        place.as_deref().unwrap_or("an unknown place"),
        message.unwrap_or("no message"),
    ));
}

/// Ends the process after the death of a thread, with a last message that says why.
fn die(why: &str) {
    let Some(guard) = GUARD.get().filter(|g| !g.over.load(Ordering::SeqCst)) else {
        return;
    };
    logging::last_word(&format!(
        "{why}; the daemon ends with status {DIED}, to be started again from a whole state"
    ));
    if thread::current().id() == guard.owner {
        std::process::exit(DIED);
    }
    let first = {
        let mut dead = guard.dead.lock().unwrap_or_else(PoisonError::into_inner);
        dead.push(thread::current().name().unwrap_or_default().to_owned());
        dead.len() == 1
    };
    // This thread may hold what the loop waits for, so it is another one that watches over the end.
    if first && task("end", || end(guard)).is_err() {
        std::process::exit(DIED);
    }
    // It goes no further: its destructors would meet what is broken, and a panic in one of them
    // would be an abort, before the loop has kept anything.
    loop {
        thread::park();
    }
}

/// Tells the loop of the death, and ends the process if the loop takes too long over its end.
fn end(guard: &Guard) {
    let deadline = Instant::now() + LAST;
    let mut told = false;
    while Instant::now() < deadline {
        if !told {
            let tell = guard.tell.lock().unwrap_or_else(PoisonError::into_inner);
            match &*tell {
                Some(tell) => told = tell(),
                // There is no loop yet, and nothing that it could keep.
                None => break,
            }
        }
        thread::sleep(AGAIN);
    }
    std::process::exit(DIED);
}

/// A point where a test can make the calling thread die. `$TENSHI_FAULT` names a file with the name of
/// a thread and `panic`, `hang` or `end` in it: the thread panics, hangs as long as the file says so,
/// or shall return as if of itself where this gives true. A release build has none of this.
#[cfg(debug_assertions)]
pub fn fault_point() -> bool {
    static FILE: OnceLock<Option<std::ffi::OsString>> = OnceLock::new();
    let file = FILE.get_or_init(|| std::env::var_os("TENSHI_FAULT"));
    loop {
        let Some(text) = file.as_ref().and_then(|f| std::fs::read_to_string(f).ok()) else {
            return false;
        };
        let (thread, mut words) = (thread::current(), text.trim().rsplitn(2, ' '));
        let (how, name) = (words.next(), words.next());
        if name.is_none() || name != thread.name() {
            return false;
        }
        #[allow(clippy::panic, reason = "this is what it is for")]
        match how {
            Some("panic") => panic!("a test wanted this"),
            Some("hang") => thread::sleep(AGAIN),
            _ => return how == Some("end"),
        }
    }
}

/// A point of no effect: this is a release build.
#[cfg(not(debug_assertions))]
pub fn fault_point() -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Only a daemon has a guard: a panic in a program's test or in `tenshi match` is its own affair.
    #[test]
    fn without_a_guard_a_thread_is_a_thread() {
        let sum = task("sum", || 1 + 1).unwrap();
        assert_eq!(sum.thread().name(), Some("sum"));
        assert_eq!(sum.join().unwrap(), 2);
        for end in [End::Asked, End::Unasked] {
            standing("stand", move || end).unwrap().join().unwrap();
        }
        assert!(task("panic", || panic!("wanted")).unwrap().join().is_err());
        over();
    }
}
