//! The boards of a site: a real Redis server and a directory keep what the protocol asks of a board.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tenshi::config::RedisServer;
use tenshi::site::{Board, BoardNumber, DirectoryBoard, RedisBoard, Table};

use crate::support::{Dir, poll};

/// How long a server may take to answer.
const DEADLINE: Duration = Duration::from_secs(30);

/// A redis-server that is killed on drop.
struct Redis {
    child: Child,
    port: u16,
}

impl Redis {
    fn start(dir: &Path, port: u16, more: &[&str]) -> Self {
        let at = dir.display().to_string();
        let port_text = port.to_string();
        let base = ["--port", &port_text, "--bind", "127.0.0.1", "--dir", &at];
        let child = Command::new("redis-server")
            .args(base)
            .args(more)
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server runs: install Debian's package `redis-server`");
        let redis = Self { child, port };
        let ping = || {
            redis::cmd("PING")
                .query::<String>(&mut redis.client()?)
                .ok()
        };
        poll(DEADLINE, ping).expect("redis-server answers");
        redis
    }

    fn client(&self) -> Option<redis::Connection> {
        let client = redis::Client::open(format!("redis://127.0.0.1:{}", self.port)).ok()?;
        client.get_connection().ok()
    }

    fn say(&self, command: &[&str]) {
        let mut said = redis::cmd(command[0]);
        said.arg(&command[1..]);
        let mut client = self.client().expect("redis-server is there");
        said.query::<redis::Value>(&mut client).expect("an answer");
    }

    fn board(&self) -> RedisBoard {
        let server = RedisServer::parse(&format!("redis://127.0.0.1:{}", self.port));
        RedisBoard::new(server.expect("an address"), "naoj")
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> u16 {
    let socket = TcpListener::bind("127.0.0.1:0").expect("a port");
    socket.local_addr().expect("a port").port()
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn entry(name: &str, value: &str) -> (String, Vec<u8>) {
    (name.to_owned(), value.as_bytes().to_vec())
}

/// What every board does, for two consoles.
fn is_a_board(a: &mut dyn Board, b: &mut dyn Board) {
    let number = a.number(BoardNumber(7)).expect("a number");
    assert_eq!(
        b.number(BoardNumber(8)).expect("a number"),
        number,
        "one for all"
    );
    // What is set once is set by one.
    let name = "1/b.example/ff/3/-60/a queue/\u{fc}";
    assert!(a.put_new(number, Table::Claim, name, b"a").expect("set"));
    assert!(
        !b.put_new(number, Table::Claim, name, b"b")
            .expect("not set")
    );
    let asked = names(&[name, "none"]);
    let claims = b.get(number, Table::Claim, &asked).expect("values");
    assert_eq!(claims, [Some(b"a".to_vec()), None]);
    // Other entries are set anew, listed and taken away; any bytes are values.
    a.put(number, Table::Share, &[entry(name, "1"), entry(".x", "")])
        .expect("put");
    a.put(number, Table::Share, &[(name.to_owned(), vec![0, 255, 10])])
        .expect("put");
    let mut listed = b.names(number, Table::Share).expect("names");
    listed.sort();
    assert_eq!(listed, names(&[".x", name]));
    let mut all = b.list(number, Table::Share).expect("entries");
    all.sort();
    assert_eq!(all, [entry(".x", ""), (name.to_owned(), vec![0, 255, 10])]);
    b.delete(number, Table::Share, &names(&[name, "none"]))
        .expect("deleted");
    assert_eq!(
        a.names(number, Table::Share).expect("names"),
        names(&[".x"])
    );
    // The tables of another number are others.
    assert!(a.names(number, Table::Done).expect("names").is_empty());
    // One leads.
    assert!(a.lead(number, "a/1").expect("leads"));
    assert!(!b.lead(number, "b/1").expect("does not lead"));
    assert!(a.lead(number, "a/1").expect("still leads"));
    // One mails a line.
    assert_eq!(a.alarm(5, "a").expect("looked up"), None);
    assert_eq!(a.alarm(5, "a").expect("looked up"), None);
    assert_eq!(b.alarm(5, "b").expect("looked up").as_deref(), Some("a"));
    assert_eq!(b.alarm(6, "b").expect("looked up"), None);
    // Another number is another board.
    a.renew(BoardNumber(number.0 ^ 1)).expect("nothing to do");
    assert_eq!(a.number(BoardNumber(9)).expect("a number"), number);
    a.renew(number).expect("renewed");
    let new = b.number(BoardNumber(10)).expect("a number");
    assert_ne!(new, number);
    assert!(b.names(new, Table::Claim).expect("names").is_empty());
}

#[test]
fn a_directory_is_a_board() {
    let dir = Dir::new();
    let board = || DirectoryBoard::new(dir.root(), "naoj");
    is_a_board(&mut board(), &mut board());
    // What is left of one that is being removed is none.
    let mut a = board();
    let before = a.number(BoardNumber(1)).expect("a number");
    let path = dir
        .root()
        .join("naoj")
        .join(before.to_string())
        .join("claim");
    std::fs::remove_dir_all(path).expect("removed");
    assert!(a.put_new(before, Table::Claim, "x", b"").is_err());
    assert_ne!(a.number(BoardNumber(2)).expect("a number"), before);
    std::fs::rename(dir.root().join("naoj"), dir.root().join("old")).expect("renamed");
    assert_eq!(a.number(BoardNumber(3)), Ok(BoardNumber(3)));
}

#[test]
fn a_redis_server_is_a_board() {
    let dir = Dir::new();
    let redis = Redis::start(dir.root(), free_port(), &["--save", ""]);
    is_a_board(&mut redis.board(), &mut redis.board());
    // What was wiped is another board.
    let mut a = redis.board();
    let before = a.number(BoardNumber(1)).expect("a number");
    redis.say(&["FLUSHALL"]);
    assert_ne!(a.number(BoardNumber(2)).expect("a number"), before);
    let number = a.number(BoardNumber(2)).expect("a number");
    // Whatever is on the board dies when no console comes any more.
    a.put(number, Table::Member, &[entry("a", "1")])
        .expect("put");
    let mut client = redis.client().expect("redis-server is there");
    let keys: Vec<String> = redis::cmd("KEYS")
        .arg("*")
        .query(&mut client)
        .expect("keys");
    assert!(keys.len() > 1, "{keys:?}");
    for key in keys {
        let left: i64 = redis::cmd("TTL")
            .arg(&key)
            .query(&mut client)
            .expect("a time");
        assert!(left > 14 * 24 * 3600, "{key}: {left}");
    }
}

/// A server that comes back with what it had some time ago is another board, and a connection that is lost ends the
/// round.
#[test]
fn a_redis_server_that_comes_back_is_another_board() {
    let (dir, port) = (Dir::new(), free_port());
    let mut redis = Redis::start(dir.root(), port, &["--save", "", "--appendonly", "yes"]);
    let mut a = redis.board();
    let before = a.number(BoardNumber(1)).expect("a number");
    a.put(before, Table::Share, &[entry("x", "1")])
        .expect("put");
    redis.say(&["SAVE"]);
    drop(redis);
    assert!(a.names(before, Table::Share).is_err());
    assert!(a.number(BoardNumber(2)).is_err());
    redis = Redis::start(dir.root(), port, &["--save", "", "--appendonly", "yes"]);
    assert!(
        a.names(before, Table::Share).is_err(),
        "only a round's first call connects"
    );
    assert_ne!(a.number(BoardNumber(3)).expect("a number"), before);
    drop(redis);
}

#[test]
fn a_redis_server_that_throws_keys_away_is_none() {
    let dir = Dir::new();
    let more = [
        "--save",
        "",
        "--maxmemory",
        "100mb",
        "--maxmemory-policy",
        "allkeys-lru",
    ];
    let redis = Redis::start(dir.root(), free_port(), &more);
    let fault = redis.board().number(BoardNumber(1)).expect_err("no board");
    assert!(
        fault.0.contains("set maxmemory-policy noeviction"),
        "{fault}"
    );
    redis.say(&["CONFIG", "SET", "maxmemory-policy", "noeviction"]);
    redis.board().number(BoardNumber(1)).expect("a board");
    redis.say(&["CONFIG", "SET", "requirepass", "secret"]);
    let fault = redis
        .board()
        .number(BoardNumber(1))
        .expect_err("a password is wanted");
    assert!(fault.0.contains("it wants a password"), "{fault}");
}
