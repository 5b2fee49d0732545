//! The reader of one list: sessions with the server, from connect to fault.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bstr::BString;
use redis::{Cmd, RedisError, RedisResult, cmd};

use super::fault::{Fault, out_of_memory};
use super::ledger::Ledger;
use super::{HEAD, OWN_LIST, Settings, place};
use crate::clock::Clock;
use crate::config::RedisServer;
use crate::input::charsets::SharedCharsets;
use crate::input::control::{Control, Drain};
use crate::input::syslog::{self, Arrival};
use crate::input::text::Text;
use crate::input::{Checkpoint, Event};
use crate::redis_link::{ANSWER, Link};
use crate::threads;

/// How long a connect with its handshake may take.
const CONNECT: Duration = Duration::from_secs(3);
/// How long the server waits for an element where somebody can end that before: only this wakes an
/// idle reader.
const BLOCK: Duration = Duration::from_secs(60);
/// The wait of the server where something is still to be removed, or where nobody can end it: a signal
/// waits for it.
const SHORT_BLOCK: Duration = Duration::from_millis(500);
/// The pause between two attempts to end it.
const UNBLOCK: Duration = Duration::from_millis(5);
/// The pauses between attempts to connect.
const SHORTEST: Duration = Duration::from_millis(250);
const LONGEST: Duration = Duration::from_secs(30);
/// Number of elements moved in one go, at first and at most.
const FEW: usize = 16;
const MANY: usize = 512;
/// After this many elements in smaller parts, the parts are as large as before again.
const LIGHT: u64 = 10_000;
/// Number of elements that may be handed over and not committed.
const OPEN: u64 = 100_000;

/// The reason for the end of a session.
enum SessionEnd {
    /// The loop asked for it.
    Asked,
    /// A fault of the server, or of the way to it.
    Fault(RedisError),
}

impl From<RedisError> for SessionEnd {
    fn from(fault: RedisError) -> Self {
        Self::Fault(fault)
    }
}

pub(super) struct Reader {
    server: RedisServer,
    key: BString,
    /// The key with its server's name.
    place: BString,
    /// Our own list at the server.
    list: BString,
    /// The number of its first element, at the server.
    head: BString,
    /// The number before which elements may be removed.
    acks: Arc<AtomicU64>,
    clock: Arc<dyn Clock>,
    /// The source of the lines, as `repeat` knows it.
    source: Arc<BString>,
    text: Text,
    charsets: SharedCharsets,
    ledger: Ledger,
    /// The server's number for the connection before: it may still hold a command of ours.
    before: Option<u64>,
    drain: Option<Drain>,
    /// The server lets nobody end a client's wait.
    no_unblock: bool,
    /// Whether the server has no memory for a move: it may still give elements away.
    full: bool,
    /// Whether the loop was told that the server is away.
    away: bool,
    pause: Duration,
    /// How many elements are read at once at most: less than [`MANY`] after an answer that was too
    /// long.
    most: usize,
    /// How many came since.
    light: u64,
}

impl Reader {
    pub fn new(
        settings: &Settings,
        key: BString,
        acks: Arc<AtomicU64>,
        clock: Arc<dyn Clock>,
        counted: u64,
    ) -> Self {
        let list = BString::from([key.as_slice(), OWN_LIST.as_bytes()].concat());
        let head = BString::from([list.as_slice(), HEAD.as_bytes()].concat());
        Self {
            server: settings.server.clone(),
            place: place(&settings.server, &key),
            key,
            list,
            head,
            acks,
            clock,
            source: Arc::new("redis".into()),
            text: Text::new(settings.max_line),
            charsets: settings.charsets.clone(),
            ledger: Ledger::resume(counted),
            before: None,
            drain: None,
            no_unblock: false,
            full: false,
            away: false,
            pause: SHORTEST,
            most: MANY,
            light: 0,
        }
    }

    pub fn run(mut self, control: &Control) {
        while !control.ended() {
            let SessionEnd::Fault(fault) = self.session(control) else {
                return;
            };
            let fault = Fault::from(fault);
            self.full = fault.is_full();
            if !self.away {
                self.away = true;
                let (name, words) = (self.name(), fault.words());
                control.fault(format!("{name}: {words}; trying again until it answers"));
                control.health(name, Some(words));
            }
            if !self.rest(control) {
                return;
            }
            self.pause = (self.pause * 2).min(LONGEST);
        }
    }

    /// Waits before the next attempt; false when the thread shall end.
    fn rest(&mut self, control: &Control) -> bool {
        let until = std::time::Instant::now() + self.pause;
        loop {
            if control.ended() {
                return false;
            }
            self.drain = control.asked().or(self.drain);
            // There is nothing to be had from it now.
            if self.drain.take().is_some() && !control.send(Event::Drained) {
                return false;
            }
            let left = until.saturating_duration_since(std::time::Instant::now());
            if left.is_zero() {
                return true;
            }
            control.wait(&[], Some(left));
        }
    }

    /// From a connect to the loss of the connection.
    fn session(&mut self, control: &Control) -> SessionEnd {
        let ended = Link::connect(&self.server, CONNECT);
        let mut server = match ended {
            Ok(server) => server,
            Err(fault) => return SessionEnd::Fault(fault),
        };
        let end = self.serve(&mut server, control);
        if server.is_over() {
            // What was moved is in our list, and is read from there in smaller parts.
            self.most = (self.most / 8).max(1);
            self.light = 0;
        }
        match end {
            Ok(()) => SessionEnd::Asked,
            Err(end) => end,
        }
    }

    fn serve(&mut self, server: &mut Link, control: &Control) -> Result<(), SessionEnd> {
        self.enter(server, control)?;
        if std::mem::take(&mut self.full) {
            self.relieve(server, control)?;
        }
        let mut depth = FEW.min(self.most);
        while !control.ended() {
            self.drain = control.asked().or(self.drain);
            self.acknowledge(server)?;
            let room = usize::try_from(OPEN.saturating_sub(self.ledger.open())).unwrap_or(MANY);
            let elements = self.take(server, depth.min(room))?;
            self.well(control);
            if elements.len() == depth {
                depth = (depth * 4).min(self.most);
            } else {
                depth = FEW.min(self.most);
            }
            if !elements.is_empty() {
                self.hand_over(elements, control)?;
                continue;
            }
            if self.drain.take().is_some() && !control.send(Event::Drained) {
                break;
            }
            if room == 0 {
                control.wait(&[], Some(Duration::from_millis(50)));
            } else if let Some(element) = self.wait(server, control)? {
                self.hand_over(vec![element], control)?;
            }
        }
        self.acknowledge(server)?;
        Ok(())
    }

    /// Finds out where we stand, and reads what our list holds that the loop has not got.
    fn enter(&mut self, server: &mut Link, control: &Control) -> Result<(), SessionEnd> {
        if let Some(id) = self.before.take() {
            // It may be gone, or we may have no right to: then it has to end by itself.
            let _: RedisResult<()> = cmd("CLIENT").arg("KILL").arg("ID").arg(id).query(server);
        }
        self.before = cmd("CLIENT").arg("ID").query(server).ok();
        let mut look = redis::pipe();
        look.cmd("GET").arg(self.head.as_slice());
        look.cmd("LLEN").arg(self.list.as_slice());
        let (head, length): (Option<u64>, u64) = look.query(server)?;
        let micros = self.clock.now().timestamp_micros();
        let fresh = u64::try_from(micros).unwrap_or_default();
        let entry = self.ledger.enter(head, length, fresh);
        if let Some(number) = entry.renumber {
            let mut set = cmd("SET");
            set.arg(self.head.as_slice()).arg(number);
            let told: RedisResult<()> = set.query(server);
            // A server whose memory is full takes no number: it gets one once it has room.
            told.or_else(|e| if out_of_memory(&e) { Ok(()) } else { Err(e) })?;
            // The next snapshot has to know how the numbers go on.
            self.give(Vec::new(), self.checkpoint(), control)?;
        }
        let mut at = entry.at;
        while at < length {
            let end = at + self.most as u64 - 1;
            let mut range = cmd("LRANGE");
            range.arg(self.list.as_slice()).arg(at).arg(end);
            let elements: Vec<Vec<u8>> = range.query(server)?;
            if elements.is_empty() {
                break;
            }
            at += elements.len() as u64;
            self.hand_over(elements, control)?;
        }
        Ok(())
    }

    /// Takes note that the server does what we ask for.
    fn well(&mut self, control: &Control) {
        self.pause = SHORTEST;
        if std::mem::take(&mut self.away) {
            let name = self.name();
            control.tell(log::Level::Info, format!("{name}: it answers again"));
            control.health(name, None);
        }
    }

    fn name(&self) -> String {
        format!("redis {}, list {}", self.server.name(), self.key)
    }

    /// Removes what is committed from our list, and moves the head's number on with it.
    fn acknowledge(&mut self, server: &mut Link) -> RedisResult<()> {
        let owed = self.ledger.owe(self.acks.load(Ordering::SeqCst));
        if owed == 0 {
            return Ok(());
        }
        let mut remove = redis::pipe();
        remove.atomic().cmd("LTRIM");
        remove.arg(self.list.as_slice()).arg(owed).arg(-1).ignore();
        remove.cmd("SET").arg(self.head.as_slice());
        remove.arg(self.ledger.first() + owed).ignore();
        match remove.query::<()>(server) {
            Err(e) if out_of_memory(&e) => {
                // Removing must work, for that makes room, but no transaction does. Without a
                // number the next session begins with new ones.
                let mut remove = redis::pipe();
                remove.cmd("DEL").arg(self.head.as_slice()).ignore();
                remove.cmd("LTRIM").arg(self.list.as_slice());
                remove.arg(owed).arg(-1).ignore();
                remove.query::<()>(server)?;
                self.ledger.paid(owed);
                Err(e)
            }
            other => {
                other?;
                self.ledger.paid(owed);
                Ok(())
            }
        }
    }

    /// Moves up to `count` elements to our list.
    fn take(&mut self, server: &mut Link, count: usize) -> RedisResult<Vec<Vec<u8>>> {
        if count == 0 {
            return Ok(Vec::new());
        }
        let mut pipe = redis::pipe();
        for _ in 0..count {
            pipe.add_command(self.moving("LMOVE"));
        }
        let elements: Vec<Option<Vec<u8>>> = pipe.query(server)?;
        Ok(elements.into_iter().flatten().collect())
    }

    /// Takes elements out of a server whose memory is full, so that it can work again. Until their
    /// snapshot they are with us alone, but left there they would block the list for ever.
    fn relieve(&mut self, server: &mut Link, control: &Control) -> Result<(), SessionEnd> {
        // One by one: an answer that is given up loses what is in it.
        for _ in 0..MANY {
            let mut pop = cmd("LPOP");
            let element: Option<Vec<u8>> = pop.arg(self.key.as_slice()).query(server)?;
            let Some(element) = element else { break };
            self.give(vec![element], Checkpoint::None, control)?;
        }
        self.pause = SHORTEST;
        Ok(())
    }

    /// Waits for one element, for the loop's word, or for the end of a long pause.
    fn wait(&mut self, server: &mut Link, control: &Control) -> RedisResult<Option<Vec<u8>>> {
        let alone = self.ledger.open() > 0 || self.no_unblock;
        let Some(id) = self.before.filter(|_| !alone) else {
            return self.block(server, SHORT_BLOCK);
        };
        let back = AtomicBool::new(false);
        let at = &self.server;
        let (element, refused) = std::thread::scope(|scope| {
            let wake = || unblock(at, id, control, &back);
            let Ok(waker) = threads::scoped(scope, "redis/wake", wake) else {
                // Without a thread that could end it, a wait must be short.
                return (self.block(server, SHORT_BLOCK), false);
            };
            let element = self.block(server, BLOCK);
            back.store(true, Ordering::SeqCst);
            control.rouse();
            (element, waker.join().unwrap_or(true))
        });
        control.heard();
        self.no_unblock |= refused;
        element
    }

    fn block(&self, server: &mut Link, time: Duration) -> RedisResult<Option<Vec<u8>>> {
        // Longer than the wait: a command given up would still take an element at the server.
        server.set_limit(time + ANSWER);
        let mut wait = self.moving("BLMOVE");
        let element = wait.arg(time.as_secs_f64()).query(server);
        server.set_limit(ANSWER);
        element
    }

    fn moving(&self, command: &str) -> Cmd {
        let mut command = cmd(command);
        command.arg(self.key.as_slice()).arg(self.list.as_slice());
        command.arg("LEFT").arg("RIGHT");
        command
    }

    fn hand_over(&mut self, elements: Vec<Vec<u8>>, control: &Control) -> Result<(), SessionEnd> {
        let count = elements.len() as u64;
        self.light += count;
        if self.light > LIGHT {
            self.most = MANY;
        }
        self.ledger.hand(count);
        self.give(elements, self.checkpoint(), control)
    }

    /// The checkpoint behind all that the loop has been given.
    fn checkpoint(&self) -> Checkpoint {
        Checkpoint::Number {
            source: self.place.clone(),
            upto: self.ledger.next(),
        }
    }

    fn give(
        &mut self,
        elements: Vec<Vec<u8>>,
        checkpoint: Checkpoint,
        control: &Control,
    ) -> Result<(), SessionEnd> {
        let arrival = Arrival {
            sender: None,
            time: self.clock.now(),
        };
        // Whose line has no host of its own, the loop looks for one.
        let charset = self.charsets.now().of_list(self.key.as_ref());
        let prefixes = syslog::Prefixes::of_charset(charset);
        for element in elements {
            syslog::take(&element, false, arrival, &prefixes, &mut self.text);
        }
        match control.send_batch(self.text.batch(&self.source, checkpoint)) {
            true => Ok(()),
            false => Err(SessionEnd::Asked),
        }
    }
}

/// Waits for the loop's word and ends the wait of our client `id` at the server, unless it is `back`
/// by itself. Tells whether the server lets nobody do that.
fn unblock(at: &RedisServer, id: u64, control: &Control, back: &AtomicBool) -> bool {
    control.wait(&[], None);
    let mut connection = None;
    while !back.load(Ordering::SeqCst) {
        if connection.is_none() {
            connection = Link::connect(at, CONNECT).ok();
        }
        if let Some(server) = &mut connection {
            let done: RedisResult<u64> = cmd("CLIENT").arg("UNBLOCK").arg(id).query(server);
            match done {
                Err(fault) if fault.is_io_error() => connection = None,
                Err(_) => return true,
                // It may not be there yet.
                Ok(_) => {}
            }
        }
        std::thread::sleep(UNBLOCK);
    }
    false
}
