//! A mail server that takes everything and keeps it, on a free port of the loopback interface.

use super::mail::Mail;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The server. Its port is closed on drop: thousands of cases in one process each open one.
pub struct Postbox {
    port: u16,
    mails: Arc<Mutex<Vec<Mail>>>,
    closed: Arc<AtomicBool>,
}

impl Drop for Postbox {
    fn drop(&mut self) {
        self.closed.store(true, Ordering::SeqCst);
        // accept(2) has no time limit: a connection wakes it.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

impl Postbox {
    /// Opens the port and begins to serve.
    pub fn open() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let port = listener.local_addr().expect("its number").port();
        let mails = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&mails);
        let closed = Arc::new(AtomicBool::new(false));
        let closing = Arc::clone(&closed);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if closing.load(Ordering::SeqCst) {
                    return;
                }
                let kept = Arc::clone(&kept);
                // A client that hangs up is its own affair: what it finished is kept.
                std::thread::spawn(move || serve(client, &kept));
            }
        });
        Self {
            port,
            mails,
            closed,
        }
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// All mails so far, in the order of their arrival.
    pub fn mails(&self) -> Vec<Mail> {
        self.mails.lock().expect("no panic in the server").clone()
    }

    /// Waits until there are at least `n` mails, and gives all of them.
    pub fn wait(&self, n: usize) -> Vec<Mail> {
        super::poll(super::DEADLINE, || {
            Some(self.mails()).filter(|m| m.len() >= n)
        })
        .unwrap_or_else(|| panic!("waited for {n} mails, there are {:#?}", self.mails()))
    }
}

fn serve(client: TcpStream, kept: &Mutex<Vec<Mail>>) -> io::Result<()> {
    client.set_read_timeout(Some(Duration::from_secs(60)))?;
    let mut out = client.try_clone()?;
    let mut lines = BufReader::new(client);
    let mut mail = Mail::default();
    out.write_all(b"220 postbox.example ESMTP\r\n")?;
    loop {
        let mut line = Vec::new();
        if lines.read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        let text = String::from_utf8_lossy(&line).trim_end().to_owned();
        let verb = text.get(..4).unwrap_or_default().to_ascii_uppercase();
        let answer: &[u8] = match verb.as_str() {
            "EHLO" => b"250-postbox.example\r\n250 8BITMIME\r\n",
            "MAIL" => {
                mail = Mail {
                    from: address(&text),
                    ..Mail::default()
                };
                b"250 ok\r\n"
            }
            "RCPT" => {
                mail.to.push(address(&text));
                b"250 ok\r\n"
            }
            "DATA" => {
                out.write_all(b"354 go on\r\n")?;
                mail.raw = data(&mut lines)?;
                kept.lock()
                    .expect("no panic in the server")
                    .push(std::mem::take(&mut mail));
                b"250 kept\r\n"
            }
            "QUIT" => {
                out.write_all(b"221 bye\r\n")?;
                return Ok(());
            }
            _ => b"250 ok\r\n",
        };
        out.write_all(answer)?;
    }
}

/// The address between the angle brackets of a MAIL or RCPT command.
fn address(command: &str) -> String {
    let inner = command.split_once('<').map_or("", |(_, rest)| rest);
    inner.split('>').next().unwrap_or_default().to_owned()
}

/// The bytes up to the lone dot, dot-stuffing taken off (RFC 5321, 4.5.2).
fn data(lines: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut all = Vec::new();
    loop {
        let mut line = Vec::new();
        if lines.read_until(b'\n', &mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if line == b".\r\n" {
            return Ok(all);
        }
        all.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
    }
}
