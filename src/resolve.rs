//! `set resolve`: full names of hosts, looked up beside the loop.
//!
//! A host's name or address is looked up, then the address found: the same two questions as in the
//! original. There a slow name server holds everything up; here the first question starts a search
//! in the background, and a name is shown once it is known.

use std::collections::HashMap;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::threads::{self, End};

/// How many searches run at once: one slow name server must not hold up the names of another.
const WORKERS: usize = 4;
/// How many searches may wait.
const WAITING: usize = 1024;
/// How many hosts are remembered. The senders of log lines choose the names.
const MOST: usize = 20_000;
/// When a host without a name is looked up again.
const AGAIN: Duration = Duration::from_secs(600);

/// Looks up one host; may take as long as it likes.
type Lookup = dyn Fn(&str) -> Option<String> + Send + Sync;

enum Entry {
    /// Being looked up.
    Asked,
    Name(String),
    /// There was none at this time.
    None(Instant),
}

#[derive(Default)]
struct Cache {
    hosts: HashMap<String, Entry>,
    /// Grows with each flush: the answer to an older question is not kept.
    age: u64,
}

/// The names of hosts, as far as they are known.
pub struct Resolver {
    cache: Arc<Mutex<Cache>>,
    questions: SyncSender<(String, u64)>,
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

    /// A resolver with a search of its own.
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

    /// The full name of `host`, if it is known by now. Never waits: the first call for a host
    /// begins the search.
    pub fn name(&self, host: &[u8]) -> Option<String> {
        let host = str::from_utf8(host).ok().filter(|host| is_host(host))?;
        let mut cache = lock(&self.cache);
        match cache.hosts.get(host) {
            Some(Entry::Name(name)) => return Some(name.clone()),
            Some(Entry::Asked) => return None,
            Some(Entry::None(since)) if since.elapsed() < AGAIN => return None,
            Some(Entry::None(_)) | None => {}
        }
        if cache.hosts.len() >= MOST {
            cache.hosts.clear();
        }
        // With too many waiting, the next call asks.
        if self
            .questions
            .try_send((host.to_owned(), cache.age))
            .is_ok()
        {
            cache.hosts.insert(host.to_owned(), Entry::Asked);
        }
        None
    }

    /// Forgets all names (`SIGHUP`).
    pub fn flush(&self) {
        let mut cache = lock(&self.cache);
        cache.hosts.clear();
        cache.age += 1;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A cache that a panic left behind still holds whole entries.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn work(cache: &Mutex<Cache>, lookup: &Lookup, questions: &Mutex<Receiver<(String, u64)>>) -> End {
    loop {
        let question = lock(questions).recv();
        let Ok((host, age)) = question else {
            return End::Asked;
        };
        if threads::fault_point() {
            return End::Unasked;
        }
        let name = lookup(&host).filter(|name| is_host(name));
        let mut cache = lock(cache);
        if cache.age == age {
            let entry = name.map_or_else(|| Entry::None(Instant::now()), Entry::Name);
            cache.hosts.insert(host, entry);
        }
    }
}

/// Whether this can be a host's name or address: log lines and name servers may hold anything.
fn is_host(text: &str) -> bool {
    let valid = |b: u8| b.is_ascii_alphanumeric() || b"-._:".contains(&b);
    !text.is_empty() && text.len() <= 255 && text.bytes().all(valid)
}

/// Name to address to name.
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
        resolver.flush();
        assert_eq!(resolver.name(b"quick"), None);
        assert_eq!(wait_for(&resolver, "quick"), "quick.example");
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
        while !matches!(lock(&resolver.cache).hosts.get("h1"), Some(Entry::None(_))) {
            std::thread::yield_now();
        }
        // Its answer is no name, and it is not asked again and again.
        assert_eq!(resolver.name(b"h1"), None);
        assert!(asked.try_recv().is_err());
    }
}
