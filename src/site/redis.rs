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

/// How long a connect with its handshake may take.
const CONNECT: Duration = Duration::from_secs(3);
/// How long an answer may take: a share may have some megabytes.
const ANSWER: Duration = Duration::from_secs(15);
/// What an answer may have: the words of all consoles, or one share.
const BOUNDS: Bounds = Bounds {
    bytes: 64 << 20,
    values: 400_000,
};
/// How long a key lives after it was last written or seen, s.
const LIFE: i64 = 15 * 24 * 3600;
/// The time after which the lives of all keys begin anew.
const AGAIN: Duration = Duration::from_secs(24 * 3600);
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
    /// The commands so far.
    commands: u64,
}

/// A connection to one run of the server.
struct Connection {
    link: Link,
    /// The bits of its `run_id`.
    run: u64,
}

impl RedisBoard {
    /// The board of a site, not connected yet.
    pub fn new(server: RedisServer, site: &str) -> Self {
        Self {
            server,
            prefix: format!("tenshi:{site}:"),
            connection: None,
            alive: (None, BTreeSet::new()),
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

    /// Connects, if that is not done: for the first call of a round alone.
    fn connect(&mut self) -> Result<(), Fault> {
        if self
            .connection
            .as_ref()
            .is_some_and(|connection| connection.run != 0)
        {
            return Ok(());
        }
        let connected = || -> RedisResult<(Link, String)> {
            let mut link = Link::connect_within(&self.server, CONNECT, BOUNDS)?;
            link.set_limit(ANSWER);
            let info = cmd("INFO").query(&mut link)?;
            Ok((link, info))
        };
        let (link, info) = connected().map_err(|fault| self.words(fault))?;
        self.commands += 1;
        let run = run_of(&info).map_err(|why| self.named(&why))?;
        self.connection = Some(Connection { link, run });
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
                "its user may not do what a board needs: +info +@hash +@string +expire ({text})"
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
        let Some(connection) = &mut self.connection else {
            return Err(self.named("the connection is over"));
        };
        ask(&mut connection.link).map_err(|fault| {
            self.connection = None;
            self.words(fault)
        })
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
        let all: Vec<(Vec<u8>, Vec<u8>)> =
            self.query(cmd("HGETALL").arg(self.key(number, table)))?;
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
        match who.as_deref() == Some(me) {
            true => self
                .query::<()>(cmd("PEXPIRE").arg(&key).arg(time))
                .map(|()| true),
            false => Ok(false),
        }
    }

    fn alarm(&mut self, hash: u64, me: &str) -> Result<Option<String>, Fault> {
        self.connect()?;
        let key = format!("{}alert:{hash:016x}", self.prefix);
        let mut pipe = redis::pipe();
        let set = pipe.cmd("SET").arg(&key).arg(me).arg("NX").arg("PX");
        set.arg(ALARM.as_millis() as u64)
            .ignore()
            .cmd("GET")
            .arg(&key);
        let (who,): (Option<String>,) = self.query_all(&pipe)?;
        Ok(who.filter(|who| who != me))
    }
}
