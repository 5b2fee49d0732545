//! A real Postfix with its own directories on a high port: mail to anybody ends in a file.

// Each test crate uses a part of this.
#![allow(dead_code, clippy::expect_used)]

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

/// A running Postfix, stopped on drop.
pub struct Postfix {
    dir: tempfile::TempDir,
    /// Its port on 127.0.0.1.
    pub port: u16,
}

impl Postfix {
    /// Starts one that takes mail for `mail.test`, which it adds to bare names, and offers
    /// STARTTLS with a self-signed certificate. Only root can start a Postfix.
    pub fn start() -> Self {
        for (program, package) in [("postfix", "postfix"), ("openssl", "openssl")] {
            let found = Command::new("sh")
                .args(["-c", &format!("PATH=$PATH:/usr/sbin command -v {program}")])
                .output();
            let found = found.is_ok_and(|out| out.status.success());
            assert!(found, "this test needs the Debian package {package}");
        }
        let dir = tempfile::tempdir().expect("a directory");
        let port = TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .expect("a free port")
            .port();
        let postfix = Self { dir, port };
        postfix.write_files();
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

    fn write_files(&self) {
        let root = self.dir.path();
        // Postfix's own users must get through.
        fs::set_permissions(root, fs::Permissions::from_mode(0o755)).expect("chmod");
        for name in ["etc", "queue", "data", "mail"] {
            fs::create_dir(self.path(name)).expect("a directory");
        }
        run(Command::new("chown").arg("postfix").arg(self.path("data")));
        // virtual(8) delivers as this user.
        run(Command::new("chown").arg("nobody").arg(self.path("mail")));
        run(Command::new("openssl")
            .args([
                "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
            ])
            .args(["-subj", "/CN=mail.test", "-keyout"])
            .arg(self.path("etc/key.pem"))
            .arg("-out")
            .arg(self.path("etc/cert.pem")));
        fs::write(self.path("etc/main.cf"), main_cf(root)).expect("main.cf");
        fs::write(self.path("etc/master.cf"), master_cf(self.port)).expect("master.cf");
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
        let end = Instant::now() + Duration::from_secs(10);
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
smtpd_relay_restrictions = reject_unauth_destination
alias_maps =
local_recipient_maps =
default_transport = error:no relay from a test
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

fn master_cf(port: u16) -> String {
    format!(
        "127.0.0.1:{port} inet n - n - - smtpd
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
