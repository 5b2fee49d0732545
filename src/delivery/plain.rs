//! SMTP with a server that knows no EHLO (RFC 5321 §4.1.1.1): HELO, and no extension.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};

use super::smtp::{Dialogue, Reply, step_timeout};
use crate::config::MailSettings;

/// No answer of a server is longer, bytes.
const LONGEST_LINE: u64 = 64 * 1024;
/// No answer of a server has more lines.
const MOST_LINES: usize = 1000;

/// A plain connection after its HELO.
pub(super) struct Plain {
    stream: BufReader<TcpStream>,
}

impl Plain {
    pub(super) fn connect(host: &str, port: u16, settings: &MailSettings) -> Result<Self, String> {
        let timeout = step_timeout(settings);
        let addresses = (host, port).to_socket_addrs().map_err(|e| e.to_string())?;
        let mut fault = "it has no address".to_owned();
        for address in addresses {
            let stream = match timeout {
                Some(timeout) => TcpStream::connect_timeout(&address, timeout),
                None => TcpStream::connect(address),
            };
            match stream {
                Ok(stream) => {
                    let set = stream.set_read_timeout(timeout);
                    set.and_then(|()| stream.set_write_timeout(timeout))
                        .map_err(|e| e.to_string())?;
                    return Self {
                        stream: BufReader::new(stream),
                    }
                    .greet(&settings.helo);
                }
                Err(e) => fault = e.to_string(),
            }
        }
        Err(fault)
    }

    fn greet(mut self, name: &str) -> Result<Self, String> {
        let greeting = self.reply()?;
        if greeting.code != 220 {
            return Err(greeting.to_string());
        }
        let reply = self.command(&format!("HELO {name}"))?;
        if reply.code == 250 {
            Ok(self)
        } else {
            Err(reply.to_string())
        }
    }

    fn send(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.stream
            .get_mut()
            .write_all(bytes)
            .map_err(|e| e.to_string())
    }

    fn reply(&mut self) -> Result<Reply, String> {
        let mut words = Vec::new();
        for _ in 0..MOST_LINES {
            let mut line = Vec::new();
            let mut limited = (&mut self.stream).take(LONGEST_LINE);
            limited
                .read_until(b'\n', &mut line)
                .map_err(|e| e.to_string())?;
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            let code: u16 = text
                .get(..3)
                .and_then(|digits| digits.parse().ok())
                .ok_or_else(|| format!("it gave no answer that is one: {text:?}"))?;
            words.push(text.get(4..).unwrap_or_default().to_owned());
            if text.as_bytes().get(3) != Some(&b'-') {
                return Ok(Reply {
                    code,
                    text: words.join(" "),
                });
            }
        }
        Err("its answer does not end".into())
    }
}

impl Dialogue for Plain {
    fn command(&mut self, line: &str) -> Result<Reply, String> {
        self.send(format!("{line}\r\n").as_bytes())?;
        self.reply()
    }

    fn message(&mut self, text: &[u8]) -> Result<Reply, String> {
        let mut out = Vec::with_capacity(text.len() + 64);
        for line in text.split(|&b| b == b'\n') {
            if line.starts_with(b".") {
                out.push(b'.');
            }
            out.extend_from_slice(line);
            out.push(b'\n');
        }
        out.pop();
        out.extend_from_slice(b"\r\n.\r\n");
        self.send(&out)?;
        self.reply()
    }

    fn quit(&mut self) {
        // As with any other server: the mail is taken.
        drop(self.command("QUIT"));
    }
}
