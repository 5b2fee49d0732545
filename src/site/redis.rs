//! A board on a Redis or Valkey server: a hash for each table, `tenshi:SITE:NUMBER:TABLE`.
//!
//! The number of the board is made of the number in the key `tenshi:SITE:board` and of the server's own `run_id`, which
//! is another one after each start: so a server that comes back with what it had some minutes ago, or a replica that
//! takes over, is another board. A connection is to one run of the server, and a round has one connection.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use redis::{Cmd, FromRedisValue, Pipeline, RedisError, RedisResult, cmd};

use super::board::{ALARM, Board, Fault, LEASE, Table};
use super::id::BoardNumber;
use crate::config::RedisServer;
use crate::redis_link::{Bounds, Link};

/// An entry of a table: its name and its value.
type Entry = (Vec<u8>, Vec<u8>);

/// How long a connect with its handshake may take.
const CONNECT: Duration = Duration::from_secs(3);
/// How long an answer may take: a share may have some megabytes.
const ANSWER: Duration = Duration::from_secs(15);
/// What an answer may have: the words of all consoles, or one share.
const BOUNDS: Bounds = Bounds {
    bytes: 64 << 20,
    values: 400_000,
};
/// The most bytes of an entry that is listed. No word has so many: it is damaged, or somebody else's.
const MOST_ENTRY: usize = 8 << 20;
/// The bytes of the entries that are asked for at once where the answer for a whole table was more than it may be.
const PART: usize = 16 << 20;
/// How long a key lives after it was last written or seen, s.
const LIFE: i64 = 15 * 24 * 3600;
/// The time after which the lives of all keys begin anew.
const AGAIN: Duration = Duration::from_secs(24 * 3600);
/// The time after which the settings of the server are looked at again.
const LOOK: Duration = Duration::from_secs(3600);
/// Number of characters told of a server's own words.
const MOST_WORDS: usize = 200;

/// A board on a Redis server.
pub struct RedisBoard {
    server: RedisServer,
    /// What all keys begin with.
    prefix: String,
    connection: Option<Connection>,
    /// The keys whose lives began in this day, and since when.
    alive: (Option<Instant>, BTreeSet<(BoardNumber, Table)>),
    /// The tables that are listed in parts: the answer for the whole was more than it may be.
    in_parts: BTreeSet<Table>,
    /// The commands so far.
    commands: u64,
}

/// A connection to one run of the server.
struct Connection {
    link: Link,
    /// The bits of its `run_id`.
    run: u64,
    /// When the server's settings are looked at again.
    look: Instant,
}

impl Connection {
    /// The server's run, looked at now; why it can be no board.
    fn looked(link: Link, info: &str) -> Result<Self, String> {
        let run = run_of(info)?;
        let look = Instant::now() + LOOK;
        Ok(Self { link, run, look })
    }
}

impl RedisBoard {
    /// The board of a site, not connected yet.
    pub fn new(server: RedisServer, site: &str) -> Self {
        Self {
            server,
            prefix: format!("tenshi:{site}:"),
            connection: None,
            alive: (None, BTreeSet::new()),
            in_parts: BTreeSet::new(),
            commands: 0,
        }
    }

    /// The number of commands that the server was sent.
    pub fn commands(&self) -> u64 {
        self.commands
    }

    fn key(&self, number: BoardNumber, table: Table) -> String {
        format!("{}{number}:{}", self.prefix, table.name())
    }

    /// Connects, if that is not done: for the first call of a round alone. Looks at the settings of the server, now
    /// and then too: they may be others.
    fn connect(&mut self) -> Result<(), Fault> {
        let open = self.connection.take_if(|open| open.look <= Instant::now());
        if self.connection.is_some() {
            return Ok(());
        }
        let looked = || -> RedisResult<(Link, String)> {
            let mut link = match open {
                Some(open) => open.link,
                None => Link::connect_within(&self.server, CONNECT, BOUNDS)?,
            };
            link.set_limit(ANSWER);
            let info = cmd("INFO").query(&mut link)?;
            Ok((link, info))
        };
        let (link, info) = looked().map_err(|fault| self.words(fault))?;
        self.commands += 1;
        let connection = Connection::looked(link, &info).map_err(|why| self.named(&why))?;
        self.connection = Some(connection);
        Ok(())
    }

    /// A fault with the server's name.
    fn named(&self, why: &str) -> Fault {
        Fault(format!("redis {}: {why}", self.server.name()))
    }

    fn words(&self, fault: RedisError) -> Fault {
        let text = match fault.clone().into_server_errors().as_deref() {
            Some([(_, first), ..]) => {
                format!("{} {}", first.code(), first.details().unwrap_or_default())
            }
            _ => fault.to_string(),
        };
        // It is the server's text: it may be long, and steer a terminal.
        let text: String = text.chars().take(MOST_WORDS).collect();
        let text = text.replace(|c: char| c.is_control(), " ");
        let code = fault.code().unwrap_or_default();
        let why = match code {
            "NOAUTH" => format!("it wants a password: redis://:PASSWORD@HOST:PORT ({text})"),
            "NOPERM" => format!(
                "its user may not do what a board needs: +info +@hash +@string +expire +del +select ({text})"
            ),
            "READONLY" => format!("it is a replica: name its master ({text})"),
            _ if text.contains("OOM") => format!("its memory is full ({text})"),
            _ => text,
        };
        self.named(&why)
    }

    /// Takes the answer to a command. After a fault the connection is over.
    fn query<T: FromRedisValue>(&mut self, command: &Cmd) -> Result<T, Fault> {
        self.commands += 1;
        self.ask(|link| command.query(link))
    }

    fn query_all<T: FromRedisValue>(&mut self, commands: &Pipeline) -> Result<T, Fault> {
        self.commands += commands.cmd_iter().count() as u64;
        self.ask(|link| commands.query(link))
    }

    fn ask<T>(&mut self, ask: impl FnOnce(&mut Link) -> RedisResult<T>) -> Result<T, Fault> {
        self.ask_bounded(ask).map_err(|(fault, _)| fault)
    }

    /// As [`RedisBoard::ask`]; a fault comes with whether the answer was more than it may be.
    fn ask_bounded<T>(
        &mut self,
        ask: impl FnOnce(&mut Link) -> RedisResult<T>,
    ) -> Result<T, (Fault, bool)> {
        let Some(connection) = &mut self.connection else {
            return Err((self.named("the connection is over"), false));
        };
        let answer = ask(&mut connection.link);
        let over = connection.link.is_over();
        answer.map_err(|fault| {
            self.connection = None;
            (self.words(fault), over)
        })
    }

    /// The entries of a table, some at a time; an entry that is too large has no value.
    fn list_in_parts(&mut self, key: &str) -> Result<Vec<Entry>, Fault> {
        let names: Vec<Vec<u8>> = self.query(cmd("HKEYS").arg(key))?;
        let mut pipe = redis::pipe();
        for name in &names {
            pipe.cmd("HSTRLEN").arg(key).arg(name);
        }
        let lengths: Vec<usize> = match names.is_empty() {
            true => Vec::new(),
            false => self.query_all(&pipe)?,
        };
        let (mut all, mut part, mut bytes) = (Vec::new(), Vec::new(), 0);
        let mut parts = Vec::new();
        for (name, length) in names.into_iter().zip(lengths) {
            if length > MOST_ENTRY {
                all.push((name, Vec::new()));
                continue;
            }
            bytes += length;
            part.push(name);
            if bytes >= PART {
                parts.push(std::mem::take(&mut part));
                bytes = 0;
            }
        }
        parts.push(part);
        for names in parts.into_iter().filter(|names| !names.is_empty()) {
            let values: Vec<Option<Vec<u8>>> = self.query(cmd("HMGET").arg(key).arg(&names))?;
            let values = names.into_iter().zip(values);
            all.extend(values.filter_map(|(name, value)| Some((name, value?))));
        }
        Ok(all)
    }

    /// A pipeline that writes by a command, and begins the life of the key anew once a day.
    fn writing(&mut self, number: BoardNumber, table: Table, command: Cmd) -> Pipeline {
        let mut pipe = redis::pipe();
        pipe.add_command(command);
        if self.alive.1.insert((number, table)) {
            pipe.cmd("EXPIRE")
                .arg(self.key(number, table))
                .arg(LIFE)
                .ignore();
        }
        pipe
    }

    /// Begins the lives of all keys anew, once a day: they end when no console comes any more.
    fn keep_alive(&mut self, number: BoardNumber) -> Result<(), Fault> {
        if self.alive.0.is_some_and(|at| at.elapsed() < AGAIN) {
            return Ok(());
        }
        let mut pipe = redis::pipe();
        pipe.cmd("EXPIRE")
            .arg(format!("{}board", self.prefix))
            .arg(LIFE)
            .ignore();
        for table in Table::ALL {
            pipe.cmd("EXPIRE")
                .arg(self.key(number, table))
                .arg(LIFE)
                .ignore();
        }
        self.query_all::<()>(&pipe)?;
        self.alive = (Some(Instant::now()), BTreeSet::new());
        Ok(())
    }
}

/// The bits of a server's `run_id`; why it can be no board.
fn run_of(info: &str) -> Result<u64, String> {
    let field = |name: &str| {
        let of = |line: &str| {
            Some(
                line.strip_prefix(name)?
                    .strip_prefix(':')?
                    .trim()
                    .to_owned(),
            )
        };
        info.lines().find_map(of)
    };
    let limited = field("maxmemory").is_some_and(|most| most != "0");
    let policy = field("maxmemory_policy").unwrap_or_default();
    if limited && policy != "noeviction" {
        return Err(format!(
            "it throws keys away when its memory is full (maxmemory-policy {policy}): a board must not, set \
             maxmemory-policy noeviction"
        ));
    }
    let id = field("run_id").unwrap_or_default();
    let bits = id.get(..16).and_then(|id| u64::from_str_radix(id, 16).ok());
    bits.filter(|bits| *bits != 0)
        .ok_or_else(|| "it does not tell its run_id (INFO server)".into())
}

impl Board for RedisBoard {
    fn number(&mut self, fresh: BoardNumber) -> Result<BoardNumber, Fault> {
        self.connect()?;
        let key = format!("{}board", self.prefix);
        let mut number: Option<String> = self.query(cmd("GET").arg(&key))?;
        if number.is_none() {
            let mut pipe = redis::pipe();
            let set = pipe
                .cmd("SET")
                .arg(&key)
                .arg(fresh.to_string())
                .arg("NX")
                .arg("EX");
            set.arg(LIFE).ignore().cmd("GET").arg(&key);
            (number,) = self.query_all(&pipe)?;
        }
        let text = number.unwrap_or_default();
        let number = u64::from_str_radix(&text, 16);
        let number =
            number.map_err(|_| self.named(&format!("the key {key} holds no number of a board")))?;
        let run = self
            .connection
            .as_ref()
            .map_or(0, |connection| connection.run);
        let number = BoardNumber(number ^ run);
        self.keep_alive(number)?;
        Ok(number)
    }

    fn renew(&mut self, old: BoardNumber) -> Result<(), Fault> {
        let key = format!("{}board", self.prefix);
        let now: Option<String> = self.query(cmd("GET").arg(&key))?;
        let now = now.and_then(|text| u64::from_str_radix(&text, 16).ok());
        let run = self
            .connection
            .as_ref()
            .map_or(0, |connection| connection.run);
        match now.map(|now| BoardNumber(now ^ run)) {
            Some(now) if now == old => self.query::<()>(cmd("DEL").arg(&key)),
            _ => Ok(()),
        }
    }

    fn names(&mut self, number: BoardNumber, table: Table) -> Result<Vec<String>, Fault> {
        let names: Vec<Vec<u8>> = self.query(cmd("HKEYS").arg(self.key(number, table)))?;
        Ok(names
            .iter()
            .map(|name| String::from_utf8_lossy(name).into_owned())
            .collect())
    }

    fn list(&mut self, number: BoardNumber, table: Table) -> Result<Vec<(String, Vec<u8>)>, Fault> {
        let key = self.key(number, table);
        let all: Vec<Entry> = if self.in_parts.contains(&table) {
            let all = self.list_in_parts(&key)?;
            let bytes = all.iter().map(|(_, value)| value.len()).sum::<usize>();
            let damaged = all.iter().any(|(_, value)| value.is_empty());
            if bytes < PART && !damaged {
                self.in_parts.remove(&table);
            }
            all
        } else {
            self.commands += 1;
            let all = self.ask_bounded(|link| cmd("HGETALL").arg(&key).query(link));
            all.map_err(|(fault, over)| {
                // The next round asks for less at once.
                if over {
                    self.in_parts.insert(table);
                }
                fault
            })?
        };
        let entry = |(name, value): (Vec<u8>, Vec<u8>)| {
            (String::from_utf8_lossy(&name).into_owned(), value)
        };
        Ok(all.into_iter().map(entry).collect())
    }

    fn get(
        &mut self,
        number: BoardNumber,
        table: Table,
        names: &[String],
    ) -> Result<Vec<Option<Vec<u8>>>, Fault> {
        match names {
            [] => Ok(Vec::new()),
            names => self.query(cmd("HMGET").arg(self.key(number, table)).arg(names)),
        }
    }

    fn put(
        &mut self,
        number: BoardNumber,
        table: Table,
        entries: &[(String, Vec<u8>)],
    ) -> Result<(), Fault> {
        if entries.is_empty() {
            return Ok(());
        }
        let mut set = cmd("HSET");
        set.arg(self.key(number, table));
        for (name, value) in entries {
            set.arg(name).arg(value.as_slice());
        }
        let mut pipe = self.writing(number, table, set);
        pipe.ignore();
        self.query_all(&pipe)
    }

    fn put_new(
        &mut self,
        number: BoardNumber,
        table: Table,
        name: &str,
        value: &[u8],
    ) -> Result<bool, Fault> {
        let mut set = cmd("HSETNX");
        set.arg(self.key(number, table)).arg(name).arg(value);
        let pipe = self.writing(number, table, set);
        let (new,): (bool,) = self.query_all(&pipe)?;
        Ok(new)
    }

    fn delete(&mut self, number: BoardNumber, table: Table, names: &[String]) -> Result<(), Fault> {
        match names {
            [] => Ok(()),
            names => self.query(cmd("HDEL").arg(self.key(number, table)).arg(names)),
        }
    }

    fn lead(&mut self, number: BoardNumber, me: &str) -> Result<bool, Fault> {
        let key = format!("{}{number}:lead", self.prefix);
        let time = LEASE.as_millis() as u64;
        let taken: Option<String> =
            self.query(cmd("SET").arg(&key).arg(me).arg("NX").arg("PX").arg(time))?;
        if taken.is_some() {
            return Ok(true);
        }
        let who: Option<String> = self.query(cmd("GET").arg(&key))?;
        if who.as_deref() != Some(me) {
            return Ok(false);
        }
        // If the lease ends just now, another console may have it: a longer one would be that console's.
        let mut pipe = redis::pipe();
        pipe.cmd("EXPIRE").arg(&key).arg(LEASE.as_secs()).ignore();
        let (who,): (Option<String>,) = self.query_all(pipe.cmd("GET").arg(&key))?;
        Ok(who.as_deref() == Some(me))
    }

    fn alarm(&mut self, hash: u64, me: &str) -> Result<Option<String>, Fault> {
        self.connect()?;
        let key = format!("{}alert:{hash:016x}", self.prefix);
        let mut pipe = redis::pipe();
        let set = pipe.cmd("SET").arg(&key).arg(me).arg("NX").arg("PX");
        set.arg(ALARM.as_millis() as u64).cmd("GET").arg(&key);
        let (new, who): (Option<String>, Option<String>) = self.query_all(&pipe)?;
        let mine = who.as_deref() == Some(me);
        if new.is_none() && mine {
            // From its last mail on, others leave the line out.
            self.query::<i64>(cmd("EXPIRE").arg(&key).arg(ALARM.as_secs()))?;
        }
        Ok(who.filter(|_| !mine))
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Write};
    use std::net::TcpListener;

    use super::*;

    /// A server that answers `INFO` with one policy after the other, and anything else with the number of a board.
    fn server(policies: &'static [&'static str]) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            let mut policies = policies.iter();
            let mut writer = stream.try_clone().unwrap();
            for line in BufReader::new(stream).lines() {
                let answer = match line.unwrap().as_str() {
                    "INFO" => {
                        let policy = policies.next().unwrap();
                        let id = "0123456789abcdef";
                        let info =
                            format!("run_id:{id}\r\nmaxmemory:9\r\nmaxmemory_policy:{policy}\r\n");
                        format!("${}\r\n{info}\r\n", info.len())
                    }
                    "GET" => "$1\r\n7\r\n".to_owned(),
                    "EXPIRE" => ":1\r\n".to_owned(),
                    _ => continue,
                };
                writer.write_all(answer.as_bytes()).unwrap();
            }
        });
        port
    }

    #[test]
    fn the_settings_of_a_server_are_looked_at_again() {
        let port = server(&["noeviction", "noeviction", "allkeys-lru"]);
        let server = RedisServer::parse(&format!("redis://127.0.0.1:{port}")).unwrap();
        let mut board = RedisBoard::new(server, "naoj");
        let number = board.number(BoardNumber(1)).unwrap();
        for refused in [false, false, true] {
            let answer = board.number(BoardNumber(1));
            assert_eq!(answer.is_err(), refused, "{answer:?}");
            if let Some(open) = &mut board.connection {
                assert_eq!(answer, Ok(number));
                open.look = Instant::now();
            }
        }
        assert!(board.connection.is_none());
    }
}
