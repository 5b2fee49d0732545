//! The real Redis, without anything on its disk: a kill of it is a wipe too.

use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::support::ports::free_port;
use crate::support::{DEADLINE, Dir, poll};

/// A redis-server, which may be down.
pub struct Board {
    child: Option<Child>,
    dir: Dir,
    pub port: u16,
}

impl Board {
    pub fn start() -> Self {
        let port = free_port();
        let mut board = Self {
            child: None,
            dir: Dir::new(),
            port,
        };
        board.up();
        board
    }

    /// Starts it, if it is down.
    pub fn up(&mut self) {
        if self.child.is_some() {
            return;
        }
        let mut command = Command::new("redis-server");
        command
            .args(["--bind", "0.0.0.0", "--protected-mode", "no"])
            .args(["--port", &self.port.to_string()])
            .args(["--save", "", "--appendonly", "no", "--dir"])
            .arg(self.dir.root())
            .stdout(Stdio::null());
        let child = command.spawn();
        self.child =
            Some(child.expect("redis-server runs: install Debian's package `redis-server`"));
        let answers = || self.client();
        assert!(
            poll(DEADLINE, answers).is_some(),
            "redis-server does not answer"
        );
    }

    /// `kill -9`.
    pub fn down(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    pub fn is_up(&self) -> bool {
        self.child.is_some()
    }

    /// `FLUSHALL`.
    pub fn wipe(&self) {
        if let Some(mut client) = self.client() {
            let _ = redis::cmd("FLUSHALL").query::<()>(&mut client);
        }
    }

    fn client(&self) -> Option<redis::Connection> {
        TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        let client = redis::Client::open(format!("redis://127.0.0.1:{}/", self.port)).ok()?;
        let mut client = client
            .get_connection_with_timeout(Duration::from_secs(5))
            .ok()?;
        redis::cmd("PING").query::<()>(&mut client).ok()?;
        Some(client)
    }
}

impl Drop for Board {
    fn drop(&mut self) {
        self.down();
    }
}
