//! A mail server that takes everything: a sink without faults, whose mails have a form to compare.

use super::mail::Mail;
use super::sink::Sink;

/// The server.
pub struct Postbox(Sink);

impl Postbox {
    /// Opens a free port of the loopback interface and begins to serve.
    pub fn open() -> Self {
        Self(Sink::start(&[], &["8BITMIME"]))
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.0.port
    }

    /// All mails so far, in the order of their arrival.
    pub fn mails(&self) -> Vec<Mail> {
        self.0.look(|record| {
            let mails = record.messages.iter().zip(&record.envelopes);
            let mail = |(raw, (from, to)): (&Vec<u8>, &(String, Vec<String>))| Mail {
                from: from.clone(),
                to: to.clone(),
                raw: without_stuffing(raw),
            };
            mails.map(mail).collect()
        })
    }

    /// Waits until there are at least `n` mails, and gives all of them.
    pub fn wait(&self, n: usize) -> Vec<Mail> {
        let come = || self.0.look(|record| record.messages.len() >= n);
        super::poll(super::DEADLINE, || come().then(|| self.mails()))
            .unwrap_or_else(|| panic!("waited for {n} mails, there are {:#?}", self.mails()))
    }
}

/// The message without the dots that the dialogue doubles (RFC 5321, 4.5.2).
fn without_stuffing(raw: &[u8]) -> Vec<u8> {
    let lines = raw.split_inclusive(|byte| *byte == b'\n');
    lines
        .flat_map(|line| line.strip_prefix(b".").unwrap_or(line))
        .copied()
        .collect()
}
