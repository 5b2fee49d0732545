//! The boards of a site: a real Redis server and a directory keep what the protocol asks of a board.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tenshi::config::RedisServer;
use tenshi::site::{Board, BoardNumber, DirectoryBoard, RedisBoard, Table};

use crate::support::ports::free_port;
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
    // The owner and the group may write on the board if they may write in the directory; nobody else may read it.
    for mode in [0o2770, 0o777, 0o1777, 0o750] {
        use std::os::unix::fs::{MetadataExt, PermissionsExt};
        let shared = dir.root().join(format!("shared{mode:o}"));
        std::fs::create_dir(&shared).expect("made");
        std::fs::set_permissions(&shared, PermissionsExt::from_mode(mode)).expect("set");
        let mut board = DirectoryBoard::new(&shared, "naoj");
        let number = board.number(BoardNumber(1)).expect("a number");
        board
            .put(number, Table::Share, &[entry("x", "1")])
            .expect("put");
        assert!(board.lead(number, "a").expect("leads"));
        assert_eq!(board.alarm(1, "a").expect("looked up"), None);
        let mode_of = |path: &str| {
            let path = shared.join("naoj").join(path);
            path.metadata().expect("it is there").mode() & 0o7777
        };
        for directory in ["", "alert", "0000000000000001", "0000000000000001/share"] {
            assert_eq!(mode_of(directory), mode & 0o2770, "{directory}");
        }
        for file in ["board", "0000000000000001/share/x", "0000000000000001/lead"] {
            assert_eq!(mode_of(file), mode & 0o660, "{file}");
        }
    }
    // Whatever somebody else put there keeps nobody from the entries.
    let number = a.number(BoardNumber(2)).expect("a number");
    a.put(number, Table::Member, &[entry("a", "1")])
        .expect("put");
    let table = dir.root().join("naoj").join(number.to_string());
    let table = table.join("member");
    std::fs::create_dir(table.join("dir")).expect("made");
    std::fs::write(table.join("x".repeat(255)), "").expect("written");
    std::fs::write(table.join("%41"), "").expect("written");
    let large = std::fs::File::create(table.join("large")).expect("made");
    large.set_len(65 << 20).expect("a length");
    let want = [entry("a", "1"), entry("dir", ""), entry("large", "")];
    assert_eq!(a.list(number, Table::Member).expect("entries"), want);
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

/// The rights that docs/site.md names are all that a board needs, and no board needs less of the others' keys.
#[test]
fn a_redis_user_with_the_documented_rights_has_a_board() {
    let dir = Dir::new();
    let redis = Redis::start(dir.root(), free_port(), &["--save", ""]);
    let text = include_str!("../../../docs/site.md");
    let line = text
        .lines()
        .find_map(|line| line.trim().strip_prefix("ACL SETUSER "));
    let words: Vec<&str> = line.expect("a user").split_whitespace().collect();
    let set: Vec<&str> = ["ACL", "SETUSER"]
        .into_iter()
        .chain(words.clone())
        .collect();
    redis.say(&set);
    let password = words.iter().find_map(|word| word.strip_prefix('>'));
    let (user, password, port) = (words[0], password.expect("a password"), redis.port);
    let board = || {
        let server = RedisServer::parse(&format!("redis://{user}:{password}@127.0.0.1:{port}/3"));
        RedisBoard::new(server.expect("an address"), "naoj")
    };
    is_a_board(&mut board(), &mut board());
    // The rights are named where one is missing.
    redis.say(&["ACL", "SETUSER", user, "-del"]);
    let mut a = board();
    let number = a.number(BoardNumber(1)).expect("a number");
    let fault = a.renew(number).expect_err("no right");
    let rights = words.iter().filter(|word| word.starts_with('+'));
    for right in rights {
        assert!(fault.0.contains(right), "{right}: {fault}");
    }
}

/// An entry that is larger than any answer may be keeps nobody from the other entries.
#[test]
fn a_redis_server_with_an_entry_that_is_too_large_is_still_a_board() {
    let dir = Dir::new();
    let redis = Redis::start(dir.root(), free_port(), &["--save", ""]);
    let mut a = redis.board();
    let number = a.number(BoardNumber(1)).expect("a number");
    a.put(number, Table::Member, &[entry("a", "1"), entry("b", "2")])
        .expect("put");
    a.put(
        number,
        Table::Member,
        &[("c".to_owned(), vec![b'x'; 65 << 20])],
    )
    .expect("put");
    assert!(a.list(number, Table::Member).is_err(), "it is too much");
    assert_eq!(a.number(BoardNumber(2)).expect("a number"), number);
    let mut all = a.list(number, Table::Member).expect("entries");
    all.sort();
    assert_eq!(all, [entry("a", "1"), entry("b", "2"), entry("c", "")]);
    a.put(number, Table::Member, &[entry("c", "3")])
        .expect("put");
    for _ in 0..2 {
        let all = a.list(number, Table::Member).expect("entries");
        assert!(all.contains(&entry("c", "3")), "it is whole again");
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
