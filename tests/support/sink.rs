//! A small SMTP server on loopback that writes down what it is told, and fails when it is asked to.

// Each test crate uses a part of this.
#![allow(dead_code, clippy::expect_used)]

use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// A step of the dialogue at which the sink can fail.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stage {
    /// Before the first reply.
    Greeting,
    /// EHLO; HELO still works.
    Ehlo,
    /// EHLO and HELO.
    Hello,
    /// AUTH.
    Auth,
    /// MAIL FROM.
    Mail,
    /// RCPT TO with this address, or any if it is empty.
    Rcpt(&'static str),
    /// The command DATA.
    Data,
    /// After the first line of the message.
    InData,
    /// The dot.
    EndOfData,
}

/// What it does there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// Answers with this, CRLF added.
    Say(&'static str),
    /// Says nothing more and keeps the connection.
    Hang,
    /// Closes the connection.
    Drop,
    /// At the end of data: takes the message, and closes the connection without a word.
    TakeAndDrop,
    /// Gives the usual answer after this time.
    Late(Duration),
}

/// What a sink was told.
#[derive(Default, Clone, Debug)]
pub struct Record {
    /// Every byte of every connection, in the order received.
    pub dialogue: Vec<u8>,
    /// Messages accepted, from DATA to the dot, dots still doubled.
    pub messages: Vec<Vec<u8>>,
    /// The sender and the recipients of each message, as MAIL and RCPT gave them.
    pub envelopes: Vec<(String, Vec<String>)>,
    /// How many connections there were.
    pub connections: usize,
}

/// A running sink. Its port is closed on drop: thousands of cases in one process each open one.
pub struct Sink {
    /// Its port, on 127.0.0.1 or on all addresses.
    pub port: u16,
    shared: Arc<Shared>,
    accepting: Mutex<Option<thread::JoinHandle<()>>>,
}

struct Shared {
    record: Mutex<Record>,
    faults: Mutex<Vec<(Stage, Fault)>>,
    extensions: &'static [&'static str],
    /// It takes no more messages than this.
    most: AtomicUsize,
    /// It takes no larger message than this, bytes.
    largest: AtomicUsize,
    clients: Mutex<Vec<TcpStream>>,
    down: AtomicBool,
}

impl Sink {
    /// Starts a sink with these faults. `extensions` are its lines in reply to EHLO.
    pub fn start(faults: &[(Stage, Fault)], extensions: &'static [&'static str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port on loopback");
        Self::start_on(listener, faults, extensions)
    }

    /// Starts a sink without faults that other networks reach as well.
    pub fn start_for_all() -> Self {
        let listener = TcpListener::bind("0.0.0.0:0").expect("a port");
        Self::start_on(listener, &[], &["8BITMIME"])
    }

    fn start_on(
        listener: TcpListener,
        faults: &[(Stage, Fault)],
        extensions: &'static [&'static str],
    ) -> Self {
        let port = listener.local_addr().expect("its address").port();
        let shared = Arc::new(Shared {
            record: Mutex::default(),
            faults: Mutex::new(faults.to_vec()),
            extensions,
            most: AtomicUsize::new(usize::MAX),
            largest: AtomicUsize::new(usize::MAX),
            clients: Mutex::default(),
            down: AtomicBool::new(false),
        });
        let accepting = Mutex::new(Some(accept(listener, Arc::clone(&shared))));
        Self {
            port,
            shared,
            accepting,
        }
    }

    /// From now on it fails so, and no more as before.
    pub fn set(&self, faults: &[(Stage, Fault)]) {
        *lock(&self.shared.faults) = faults.to_vec();
    }

    /// Takes no more messages than this: what comes after them is put off.
    pub fn take_at_most(&self, messages: usize) {
        self.shared.most.store(messages, Ordering::SeqCst);
    }

    /// Takes no larger message than this from now on, and says so when it has come.
    pub fn take_up_to(&self, bytes: usize) {
        self.shared.largest.store(bytes, Ordering::SeqCst);
    }

    /// Ends all connections and takes no more: the port is closed.
    pub fn down(&self) {
        // Once it is down the port may be somebody else's.
        let Some(accepting) = lock(&self.accepting).take() else {
            return;
        };
        self.shared.down.store(true, Ordering::SeqCst);
        // accept(2) has no time limit: a connection wakes it.
        drop(TcpStream::connect(("127.0.0.1", self.port)));
        accepting.join().expect("no panic in the sink");
        for client in lock(&self.shared.clients).drain(..) {
            let _ = client.shutdown(Shutdown::Both);
        }
    }

    /// Opens the same port again.
    pub fn up(&self) {
        let listener = TcpListener::bind(("127.0.0.1", self.port)).expect("the same port");
        self.shared.down.store(false, Ordering::SeqCst);
        *lock(&self.accepting) = Some(accept(listener, Arc::clone(&self.shared)));
    }

    /// Waits until what it was told is as wanted, and gives it.
    pub fn wait(&self, wanted: impl Fn(&Record) -> bool) -> Record {
        let end = Instant::now() + Duration::from_secs(20);
        loop {
            let record = self.record();
            if wanted(&record) {
                return record;
            }
            let told = String::from_utf8_lossy(&record.dialogue);
            assert!(Instant::now() < end, "waited for more than: {told}");
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits for this many messages, and gives all of them as text with plain line ends.
    pub fn messages(&self, count: usize) -> Vec<String> {
        let record = self.wait(|record| record.messages.len() >= count);
        let text = |raw: &Vec<u8>| String::from_utf8_lossy(raw).replace("\r\n", "\n");
        record.messages.iter().map(text).collect()
    }

    /// What it was told so far.
    pub fn record(&self) -> Record {
        self.look(Record::clone)
    }

    /// Looks at what it was told so far.
    pub fn look<T>(&self, look: impl FnOnce(&Record) -> T) -> T {
        look(&lock(&self.shared.record))
    }

    /// The dialogue as text.
    pub fn dialogue(&self) -> String {
        String::from_utf8_lossy(&self.record().dialogue).into_owned()
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.down();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn accept(listener: TcpListener, shared: Arc<Shared>) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            if shared.down.load(Ordering::SeqCst) {
                return;
            }
            lock(&shared.record).connections += 1;
            lock(&shared.clients).extend(stream.try_clone());
            let served = Connection {
                stream: BufReader::new(stream),
                shared: Arc::clone(&shared),
                envelope: Default::default(),
            };
            thread::spawn(move || {
                let (shared, stream) = (Arc::clone(&served.shared), served.serve());
                // The copy kept for `down` would hold the connection open.
                let _ = stream.shutdown(Shutdown::Both);
                let open = |client: &TcpStream| client.peer_addr().is_ok();
                lock(&shared.clients).retain(open);
            });
        }
    })
}

struct Connection {
    stream: BufReader<TcpStream>,
    shared: Arc<Shared>,
    envelope: (String, Vec<String>),
}

/// The address between the angle brackets of a command.
fn address(command: &str) -> String {
    let inner = command.split_once('<').map_or("", |(_, rest)| rest);
    inner.split('>').next().unwrap_or_default().to_owned()
}

impl Connection {
    /// Gives the stream back when the client or a fault has ended the dialogue.
    fn serve(mut self) -> TcpStream {
        self.dialogue();
        self.stream.into_inner()
    }

    /// Ends with nothing when the client or a fault has ended the connection.
    fn dialogue(&mut self) -> Option<()> {
        self.answer(Stage::Greeting, "220 sink ESMTP")?;
        loop {
            let line = self.read()?;
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            let upper = text.to_ascii_uppercase();
            if upper.starts_with("EHLO") {
                self.ehlo()?;
            } else if upper.starts_with("HELO") {
                self.answer(Stage::Hello, "250 sink")?;
            } else if upper.starts_with("MAIL FROM:") {
                self.envelope = (address(&text), Vec::new());
                self.answer(Stage::Mail, "250 sender ok")?;
            } else if upper.starts_with("RCPT TO:") {
                self.rcpt(&text)?;
            } else if upper == "DATA" {
                if self.answer(Stage::Data, "354 go on")? {
                    self.data()?;
                }
            } else if upper == "QUIT" {
                self.say("221 bye")?;
                return None;
            } else if upper.starts_with("AUTH ") {
                self.answer(Stage::Auth, "235 welcome")?;
            } else {
                self.say("220 ready")?;
            }
        }
    }

    fn ehlo(&mut self) -> Option<()> {
        if self.fault(Stage::Ehlo).is_some() {
            return self.answer(Stage::Ehlo, "").map(|_| ());
        }
        let mut lines = vec!["250-sink".to_owned()];
        lines.extend(
            self.shared
                .extensions
                .iter()
                .map(|name| format!("250-{name}")),
        );
        let last = lines.pop()?.replacen('-', " ", 1);
        lines.push(last);
        self.answer(Stage::Hello, &lines.join("\r\n")).map(|_| ())
    }

    fn rcpt(&mut self, text: &str) -> Option<()> {
        let asked = |stage: &Stage| matches!(stage, Stage::Rcpt(address) if text.contains(address));
        let stage = lock(&self.shared.faults)
            .iter()
            .map(|(stage, _)| *stage)
            .find(asked);
        match stage {
            Some(stage) => self.answer(stage, "").map(|_| ()),
            None => {
                self.envelope.1.push(address(text));
                self.say("250 recipient ok")
            }
        }
    }

    fn data(&mut self) -> Option<()> {
        let mut message = Vec::new();
        loop {
            let line = self.read()?;
            if line == b".\r\n" {
                break;
            }
            message.extend_from_slice(&line);
            if self.fault(Stage::InData).is_some() {
                self.answer(Stage::InData, "")?;
            }
        }
        if message.len() > self.shared.largest.load(Ordering::SeqCst) {
            return self.say("552 5.3.4 Message size exceeds fixed limit");
        }
        let taken = lock(&self.shared.record).messages.len();
        if taken >= self.shared.most.load(Ordering::SeqCst) {
            return self.say("452 4.3.1 no room just now");
        }
        let fault = self.fault(Stage::EndOfData);
        if fault.is_none_or(|fault| fault == Fault::TakeAndDrop) {
            let mut record = lock(&self.shared.record);
            record.messages.push(message);
            record.envelopes.push(std::mem::take(&mut self.envelope));
        }
        self.answer(Stage::EndOfData, "250 taken").map(|_| ())
    }

    fn fault(&self, stage: Stage) -> Option<Fault> {
        let faults = lock(&self.shared.faults);
        let found = faults.iter().find(|(at, _)| *at == stage);
        found.map(|(_, fault)| *fault)
    }

    /// Does what is asked for at the stage, else says `usual`. True for the usual.
    fn answer(&mut self, stage: Stage, usual: &str) -> Option<bool> {
        match self.fault(stage) {
            None => self.say(usual).map(|()| true),
            Some(Fault::Say(text)) => self.say(text).map(|()| false),
            Some(Fault::Drop | Fault::TakeAndDrop) => None,
            Some(Fault::Late(time)) => {
                thread::sleep(time);
                self.say(usual).map(|()| true)
            }
            Some(Fault::Hang) => {
                while self.read().is_some() {}
                None
            }
        }
    }

    fn say(&mut self, text: &str) -> Option<()> {
        let line = format!("{text}\r\n");
        self.stream.get_mut().write_all(line.as_bytes()).ok()
    }

    fn read(&mut self) -> Option<Vec<u8>> {
        let mut line = Vec::new();
        let count = self.stream.read_until(b'\n', &mut line).ok()?;
        lock(&self.shared.record).dialogue.extend_from_slice(&line);
        (count > 0).then_some(line)
    }
}
