//! Lines that wait in a Redis list: `kill -9` in the middle of taking them over, with a real server
//! that is killed too.

use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use ::redis::{Commands, Connection};

use super::site::{Site, counts, mails};
use crate::support::ports::free_port;
use crate::support::random::Random;
use crate::support::{DEADLINE, NEVER, line, poll, seed, torture};

/// Elements of the list, all in all, and how many come at once.
const ELEMENTS: usize = 1_500;
const CHUNK: usize = 150;

/// A redis-server that writes each change to disk. Killed on drop.
struct Server {
    child: Child,
    dir: PathBuf,
    port: u16,
}

impl Server {
    fn start(dir: PathBuf) -> Self {
        std::fs::create_dir_all(&dir).expect("its directory");
        let port = free_port();
        let child = Self::run(&dir, port);
        Self { child, dir, port }
    }

    fn run(dir: &std::path::Path, port: u16) -> Child {
        let socket = dir.join("socket");
        let _ = std::fs::remove_file(&socket);
        let child = Command::new("redis-server")
            .args(["--bind", "127.0.0.1", "--port", &port.to_string()])
            .args([
                "--save",
                "",
                "--appendonly",
                "yes",
                "--appendfsync",
                "always",
            ])
            .arg("--unixsocket")
            .arg(&socket)
            .arg("--dir")
            .arg(dir)
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server runs: install Debian's package `redis-server`");
        let there = poll(DEADLINE, || UnixStream::connect(&socket).ok());
        assert!(there.is_some(), "redis-server does not answer");
        child
    }

    /// `kill -9`, and a new start on what it had on disk.
    fn restart(&mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ends");
        self.child = Self::run(&self.dir, self.port);
    }

    fn client(&self) -> Connection {
        let client = ::redis::Client::open(format!("redis://127.0.0.1:{}/", self.port));
        let client = client.expect("an address");
        let answers = || {
            let mut connection = client.get_connection().ok()?;
            let well = ::redis::cmd("PING").query::<()>(&mut connection).is_ok();
            well.then_some(connection)
        };
        poll(DEADLINE, answers).expect("redis-server answers")
    }

    /// How many elements wait, ours and those that are taken over and not yet settled.
    fn waiting(&self) -> (usize, usize) {
        let mut client = self.client();
        let length = |client: &mut Connection, key: &str| client.llen(key).expect("a length");
        (length(&mut client, "q"), length(&mut client, "q:tenshi"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One world; gives the number of kills.
fn world(seed: u64) -> usize {
    let mut random = Random::new(seed);
    let rest = format!(
        "set queue a f@x.example a@x.example {NEVER}\nset queue n f@x.example n@x.example [now]\n\
         n ^foo \\d*7$\na ^foo\n"
    );
    let mut site = Site::prepare(&[], &rest);
    let mut server = Server::start(site.dir.path("redis"));
    let redis = format!(
        "set redisserver 127.0.0.1:{}\nset redisqueue q\n",
        server.port
    );
    site.config = format!("{redis}{}", site.config);
    site.run();
    let mut kills = 0;
    for chunk in 0..ELEMENTS / CHUNK {
        let elements: Vec<String> = (chunk * CHUNK..(chunk + 1) * CHUNK)
            .map(|n| line("h1", &format!("foo {n}")))
            .collect();
        let _: usize = server.client().rpush("q", &elements).expect("the push");
        // Up to some moment while they are taken over, or settled.
        let (left, open) = (random.below(CHUNK), random.below(CHUNK));
        let moment = poll(DEADLINE, || {
            let (waiting, taken) = server.waiting();
            (waiting <= left && (waiting > 0 || taken <= open)).then_some(())
        });
        assert!(moment.is_some(), "seed {seed}: stuck: {}", site.told());
        match random.below(4) {
            0 => server.restart(),
            1 => {}
            _ => {
                site.kill();
                site.run();
                kills += 1;
            }
        }
    }
    let settled = poll(DEADLINE, || (server.waiting() == (0, 0)).then_some(()));
    assert!(
        settled.is_some(),
        "seed {seed}: {:?} left",
        server.waiting()
    );
    site.finish();
    let mails = mails(&site.sink.record());
    let mut counts_of = counts(&mails, "a");
    counts_of.extend(counts(&mails, "n"));
    assert_eq!(counts_of.len(), ELEMENTS, "seed {seed}: lines");
    let wrong: Vec<_> = counts_of.iter().filter(|(_, count)| **count != 1).collect();
    assert!(wrong.is_empty(), "seed {seed}: {wrong:?}");
    kills
}

#[test]
fn every_element_is_in_one_report_over_kills_of_both_sides() {
    let first = seed(1);
    let (worlds, rounds) = if torture() { (4, 10) } else { (2, 1) };
    let mut kills = 0;
    for round in 0..rounds {
        kills += std::thread::scope(|scope| {
            let seeds = first + round * worlds..first + (round + 1) * worlds;
            let running: Vec<_> = seeds.map(|seed| scope.spawn(move || world(seed))).collect();
            let ended = running.into_iter().map(|world| world.join());
            let kills = ended.map(|kills| kills.expect("nothing is lost"));
            kills.sum::<usize>()
        });
    }
    println!("{kills} kills");
    assert!(kills >= 4 * rounds as usize, "only {kills} kills");
}
