//! A real Postfix with its own directories on a high port: mail to anybody ends in a file.

// Each test crate uses a part of this.
#![allow(dead_code, clippy::expect_used)]

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use super::ports::free_port;

/// The user and the password that Postfix lets in.
pub const LOGIN: (&str, &str) = ("mailer", "open sesame");

/// A running Postfix, stopped on drop.
pub struct Postfix {
    dir: tempfile::TempDir,
    /// Its port on 127.0.0.1.
    pub port: u16,
    /// Its port for TLS from the first byte.
    pub tls_port: u16,
}

impl Postfix {
    /// Starts one that takes mail for `mail.test`, which it adds to bare names. It offers AUTH,
    /// and STARTTLS with a certificate for `localhost` by an authority of its own
    /// ([`Postfix::authority`]). Who has logged in may send anywhere; there it is discarded. Only
    /// root can start a Postfix.
    pub fn start() -> Self {
        Self::start_with(false)
    }

    /// Starts a Postfix with a certificate that is its own authority, as `openssl req -x509` makes it.
    pub fn start_self_signed() -> Self {
        Self::start_with(true)
    }

    fn start_with(self_signed: bool) -> Self {
        for (program, package) in [("postfix", "postfix"), ("openssl", "openssl")] {
            let found = Command::new("sh")
                .args(["-c", &format!("PATH=$PATH:/usr/sbin command -v {program}")])
                .output();
            let found = found.is_ok_and(|out| out.status.success());
            assert!(found, "this test needs the Debian package {package}");
        }
        let dir = tempfile::tempdir().expect("a directory");
        let [port, tls_port] = [(); 2].map(|()| free_port());
        let postfix = Self {
            dir,
            port,
            tls_port,
        };
        postfix.write_files(self_signed);
        serve_logins(&postfix.path("queue/auth"));
        postfix.control("start");
        let end = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(
                Instant::now() < end,
                "Postfix does not listen: {}",
                postfix.log()
            );
            thread::sleep(Duration::from_millis(50));
        }
        postfix
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn write_files(&self, self_signed: bool) {
        let root = self.dir.path();
        // Postfix's own users must get through.
        fs::set_permissions(root, fs::Permissions::from_mode(0o755)).expect("chmod");
        for name in ["etc", "queue", "data", "mail"] {
            fs::create_dir(self.path(name)).expect("a directory");
        }
        run(Command::new("chown").arg("postfix").arg(self.path("data")));
        // virtual(8) delivers as this user.
        run(Command::new("chown").arg("nobody").arg(self.path("mail")));
        self.write_certificates(self_signed);
        fs::write(self.path("etc/main.cf"), main_cf(root)).expect("main.cf");
        fs::write(
            self.path("etc/master.cf"),
            master_cf(self.port, self.tls_port),
        )
        .expect("master.cf");
    }

    /// An authority, and a certificate by it: rustls takes no authority's own as a server's.
    fn write_certificates(&self, self_signed: bool) {
        let openssl = |arguments: &str| {
            run(Command::new("openssl")
                .args(arguments.split(' '))
                .current_dir(self.path("etc")));
        };
        if self_signed {
            openssl(
                "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=mail.test \
                 -addext subjectAltName=DNS:localhost -keyout key.pem -out cert.pem",
            );
            return;
        }
        openssl(
            "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=authority -keyout ca.key -out ca.pem",
        );
        openssl("req -newkey rsa:2048 -nodes -subj /CN=mail.test -keyout key.pem -out request");
        fs::write(self.path("etc/names"), "subjectAltName=DNS:localhost\n").expect("a file");
        openssl(
            "x509 -req -in request -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 \
             -extfile names -out cert.pem",
        );
    }

    /// The certificate of the authority, for `$SSL_CERT_FILE`.
    pub fn authority(&self) -> PathBuf {
        self.path("etc/ca.pem")
    }

    /// Its own certificate.
    pub fn certificate(&self) -> PathBuf {
        self.path("etc/cert.pem")
    }

    fn control(&self, action: &str) {
        run(Command::new("/usr/sbin/postfix")
            .arg("-c")
            .arg(self.path("etc"))
            .arg(action));
    }

    /// What it logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.path("postfix.log")).unwrap_or_default()
    }

    /// Waits until the mailbox holds the text, then gives all of it.
    pub fn mailbox_with(&self, text: &str) -> String {
        let end = Instant::now() + super::DEADLINE;
        loop {
            let bytes = fs::read(self.path("mail/all")).unwrap_or_default();
            let mailbox = String::from_utf8_lossy(&bytes).into_owned();
            if mailbox.contains(text) {
                return mailbox;
            }
            assert!(
                Instant::now() < end,
                "no {text:?} in {mailbox}\n{}",
                self.log()
            );
            thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Postfix {
    fn drop(&mut self) {
        let _ = Command::new("/usr/sbin/postfix")
            .arg("-c")
            .arg(self.path("etc"))
            .arg("stop")
            .output();
    }
}

fn run(command: &mut Command) {
    let out = command.output().expect("a program to start");
    let words = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "{command:?}: {words}");
}

/// Answers Postfix's questions about logins on a socket, as Dovecot does (its authentication
/// protocol, version 1): enough of it for AUTH PLAIN.
fn serve_logins(socket: &Path) {
    let listener = UnixListener::bind(socket).expect("a socket");
    fs::set_permissions(socket, fs::Permissions::from_mode(0o666)).expect("chmod");
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || answer_logins(stream));
        }
    });
}

fn answer_logins(mut stream: UnixStream) -> std::io::Result<()> {
    stream.write_all(
        b"VERSION\t1\t1\nMECH\tPLAIN\tplaintext\nSPID\t1\nCUID\t1\nCOOKIE\t00\nDONE\n",
    )?;
    for line in BufReader::new(stream.try_clone()?).lines() {
        let line = line?;
        let words: Vec<&str> = line.split('\t').collect();
        let ["AUTH", id, "PLAIN", ..] = words.as_slice() else {
            continue;
        };
        let (user, password) = LOGIN;
        let response = line.split("\tresp=").nth(1).unwrap_or_default();
        let good = unbase64(response) == format!("\0{user}\0{password}").as_bytes();
        let verdict = if good { "OK" } else { "FAIL" };
        writeln!(stream, "{verdict}\t{id}\tuser={user}")?;
    }
    Ok(())
}

/// Base64 (RFC 4648 §4) undone.
fn unbase64(text: &str) -> Vec<u8> {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut bits, mut have, mut out) = (0_u32, 0, Vec::new());
    let value = |letter: u8| LETTERS.iter().position(|&l| l == letter);
    for letter in text.bytes().map_while(value) {
        bits = bits << 6 | letter as u32;
        have += 6;
        if have >= 8 {
            have -= 8;
            out.push((bits >> have & 255) as u8);
        }
    }
    out
}

fn main_cf(root: &Path) -> String {
    let root = root.display();
    format!(
        "compatibility_level = 3.6
queue_directory = {root}/queue
data_directory = {root}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
myhostname = mail.test
myorigin = mail.test
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
smtpd_relay_restrictions = permit_sasl_authenticated, reject_unauth_destination
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = auth
smtpd_tls_auth_only = yes
alias_maps =
local_recipient_maps =
default_transport = discard:nothing leaves a test
virtual_mailbox_domains = mail.test
virtual_mailbox_base = {root}/mail
virtual_mailbox_maps = static:all
virtual_uid_maps = static:65534
virtual_gid_maps = static:65534
smtpd_tls_security_level = may
smtpd_tls_cert_file = {root}/etc/cert.pem
smtpd_tls_key_file = {root}/etc/key.pem
smtpd_tls_received_header = yes
maillog_file = {root}/postfix.log
maillog_file_prefixes = {root}
"
    )
}

fn master_cf(port: u16, tls_port: u16) -> String {
    format!(
        "127.0.0.1:{port} inet n - n - - smtpd
127.0.0.1:{tls_port} inet n - n - - smtpd -o smtpd_tls_wrappermode=yes
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
local unix - n n - - local
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
proxymap unix - - n - - proxymap
postlog unix-dgram n - n - 1 postlogd
"
    )
}
