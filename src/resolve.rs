//! `set resolve`: full names of hosts, looked up in threads of their own.
//!
//! The name of a host is resolved to an address, and the address to a name: the two questions that the
//! original asks. There a slow name server holds everything up; here the first question for a host starts a
//! search in the background, and the name is shown once it is known.

use std::collections::HashMap;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::threads::{self, End};

/// Number of searches that run at once: one slow name server must not hold up the names of another.
const WORKERS: usize = 4;
/// Number of searches that may wait for a free worker.
const WAITING: usize = 1024;
/// Number of hosts that are cached, at most: whoever sends lines can invent names.
const MOST: usize = 20_000;
/// How long after a search without a result a host is looked up again.
const AGAIN: Duration = Duration::from_secs(600);

/// Looks up the full name of one host; it may take long.
type Lookup = dyn Fn(&str) -> Option<String> + Send + Sync;

/// What is known of a host's full name.
enum CachedName {
    /// The host is being looked up.
    Pending,
    /// The full name.
    Name(String),
    /// A search that ended at this time found no name.
    None(Instant),
}

/// What is known of each host that was asked for.
type Cache = HashMap<String, CachedName>;

/// Looks up the full names of hosts, and caches them.
pub struct Resolver {
    cache: Arc<Mutex<Cache>>,
    questions: SyncSender<String>,
}

impl std::fmt::Debug for Resolver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Resolver")
    }
}

impl Resolver {
    /// A resolver that asks the system (nsswitch.conf, resolv.conf).
    ///
    /// # Errors
    /// When no thread can be made.
    pub fn new() -> std::io::Result<Self> {
        Self::with(look_up)
    }

    /// A resolver that asks `lookup`.
    ///
    /// # Errors
    /// When no thread can be made.
    pub fn with(
        lookup: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
    ) -> std::io::Result<Self> {
        let cache = Arc::<Mutex<Cache>>::default();
        let lookup: Arc<Lookup> = Arc::new(lookup);
        let (questions, received) = sync_channel(WAITING);
        let received = Arc::new(Mutex::new(received));
        for _ in 0..WORKERS {
            let (cache, lookup, received) = (cache.clone(), lookup.clone(), received.clone());
            threads::standing("resolve", move || work(&cache, &*lookup, &received))?;
        }
        Ok(Self { cache, questions })
    }

    /// The full name of `host`, if it is known by now. Never waits: the first call for a host starts the
    /// search.
    pub fn name(&self, host: &[u8]) -> Option<String> {
        let host = str::from_utf8(host).ok().filter(|host| is_host(host))?;
        let mut cache = lock(&self.cache);
        match cache.get(host) {
            Some(CachedName::Name(name)) => return Some(name.clone()),
            Some(CachedName::Pending) => return None,
            Some(CachedName::None(since)) if since.elapsed() < AGAIN => return None,
            Some(CachedName::None(_)) | None => {}
        }
        if cache.len() >= MOST {
            cache.clear();
        }
        // If too many searches wait, the next call asks again.
        if self.questions.try_send(host.to_owned()).is_ok() {
            cache.insert(host.to_owned(), CachedName::Pending);
        }
        None
    }
}

/// Locks a mutex, even after a panic of another thread.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A cache that a panic left behind still holds whole entries.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Answers questions until the resolver is gone.
fn work(cache: &Mutex<Cache>, lookup: &Lookup, questions: &Mutex<Receiver<String>>) -> End {
    loop {
        let question = lock(questions).recv();
        let Ok(host) = question else {
            return End::Asked;
        };
        if threads::fault_point() {
            return End::Unasked;
        }
        let name = lookup(&host).filter(|name| is_host(name));
        let entry = name.map_or_else(|| CachedName::None(Instant::now()), CachedName::Name);
        lock(cache).insert(host, entry);
    }
}

/// Whether this can be the name or the address of a host: lines and name servers may hold anything.
fn is_host(text: &str) -> bool {
    let valid = |b: u8| b.is_ascii_alphanumeric() || b"-._:".contains(&b);
    !text.is_empty() && text.len() <= 255 && text.bytes().all(valid)
}

/// Asks the system for the address of a name, and for the name of the address.
fn look_up(host: &str) -> Option<String> {
    let address = dns_lookup::lookup_host(host).ok()?.next()?;
    dns_lookup::lookup_addr(&address).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    fn wait_for(resolver: &Resolver, host: &str) -> String {
        let deadline = Instant::now() + Duration::from_secs(10);
        while Instant::now() < deadline {
            if let Some(name) = resolver.name(host.as_bytes()) {
                return name;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        panic!("no name for {host}");
    }

    #[test]
    fn a_known_address_gets_its_name() {
        let resolver = Resolver::new().unwrap();
        assert_eq!(wait_for(&resolver, "127.0.0.1"), "localhost");
        assert_eq!(resolver.name(b"127.0.0.1").as_deref(), Some("localhost"));
    }

    #[test]
    fn a_slow_name_server_delays_nothing() {
        let (go, wait) = channel::<()>();
        let wait = Mutex::new(wait);
        let resolver = Resolver::with(move |host| {
            if host == "slow" {
                let _ = lock(&wait).recv();
            }
            Some(format!("{host}.example"))
        })
        .unwrap();
        assert_eq!(resolver.name(b"slow"), None);
        assert_eq!(wait_for(&resolver, "quick"), "quick.example");
        assert_eq!(resolver.name(b"slow"), None);
        go.send(()).unwrap();
        assert_eq!(wait_for(&resolver, "slow"), "slow.example");
    }

    #[test]
    fn what_can_be_no_host_is_never_asked_for() {
        let (told, asked) = channel();
        let told = Mutex::new(told);
        let resolver = Resolver::with(move |host| {
            lock(&told).send(host.to_owned()).unwrap();
            Some("evil\r\nRCPT TO:<x>".into())
        })
        .unwrap();
        for host in [&b""[..], b"a b", b"\xff", b"a\0", &[b'x'; 256]] {
            assert_eq!(resolver.name(host), None);
        }
        assert_eq!(resolver.name(b"h1"), None);
        assert_eq!(asked.recv().unwrap(), "h1");
        while !matches!(lock(&resolver.cache).get("h1"), Some(CachedName::None(_))) {
            std::thread::yield_now();
        }
        // Its answer is no name, and it is not asked again and again.
        assert_eq!(resolver.name(b"h1"), None);
        assert!(asked.try_recv().is_err());
    }
}
