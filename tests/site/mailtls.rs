//! `mailtls` and `mailauth` of the running daemon, against a real Postfix whose certificate a test
//! authority has signed: `$SSL_CERT_FILE` makes it one of the system's.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::support::daemon::Daemon;
use crate::support::postfix::{LOGIN, Postfix};
use crate::support::{Dir, line};

/// Starts a daemon that mails lines with `foo` at once, and gives it such a line.
fn start(dir: &Dir, settings: &str, text: &str, authority: &Path) -> Daemon {
    dir.write("log", "");
    let config = format!(
        "set logfile {}\nset sleep 1\n{settings}\n\
         set queue n tenshi root,far@elsewhere.test [now]\nn ^foo\n",
        dir.path("log").display()
    );
    let environment = [("SSL_CERT_FILE", authority)];
    let daemon = Daemon::start_in(dir, &config, &["log"], &[], &environment);
    dir.append("log", line("h1", &format!("foo {text}")));
    daemon
}

/// The directive for a login, with the password in a file of its own.
fn login(dir: &Dir, password: &str, mode: u32) -> String {
    let path = dir.write(&format!("password-{mode:o}-{}", password.len()), password);
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    // The daemon is `tenshi` when root starts it, and reads the file as such.
    if let Ok(Some(user)) = nix::unistd::User::from_name("tenshi") {
        nix::unistd::chown(&path, Some(user.uid), None).unwrap();
    }
    format!("set mailauth {} {}\n", LOGIN.0, path.display())
}

/// The mail with the text, as Postfix put it down.
fn mail<'a>(mailbox: &'a str, text: &str) -> &'a str {
    let mine = |mail: &&str| mail.contains(text);
    mailbox.split("\nFrom tenshi").find(mine).expect("the mail")
}

#[test]
fn verified_tls_and_a_login_open_a_smarthost() {
    let postfix = Postfix::start();
    let dir = Dir::new();
    let login = login(&dir, LOGIN.1, 0o600);
    let (port, tls_port) = (postfix.port, postfix.tls_port);
    let ways = [
        ("starttls", port, true),
        ("tls", tls_port, true),
        ("may", port, true),
        ("may", port, false),
        ("off", port, false),
    ];
    let mut checked = 0;
    for (tls, port, authenticated) in ways {
        let text = format!("way-{checked}-end");
        let auth = if authenticated { &login } else { "" };
        let settings = format!("set mailserver localhost:{port}\nset mailtls {tls}\n{auth}");
        let mut daemon = start(&dir, &settings, &text, &postfix.authority());
        let mailbox = postfix.mailbox_with(&text);
        let mine = mail(&mailbox, &text);
        assert_eq!(mine.contains("using TLSv1"), tls != "off", "{tls}: {mine}");
        assert_eq!(mine.contains("ESMTPSA"), authenticated, "{tls}: {mine}");
        // Without a login, nothing goes elsewhere: told, and the others have the mail.
        if !authenticated {
            daemon.wait_stderr("recipient far@elsewhere.test rejected: 554 5.7.1");
        }
        daemon.finish();
        assert_eq!(daemon.stderr().contains("rejected"), !authenticated);
        checked += 1;
    }
    assert_eq!(checked, 5);
}

#[test]
fn what_must_be_verified_and_is_not_is_no_way() {
    let postfix = Postfix::start();
    let dir = Dir::new();
    let nobody = dir.write("nobody.pem", "");
    let authority = postfix.authority();
    let (open, wrong) = (login(&dir, LOGIN.1, 0o644), login(&dir, "wrong", 0o600));
    let (port, tls_port) = (postfix.port, postfix.tls_port);
    let ways = [
        // Its authority is unknown.
        (
            format!("set mailserver localhost:{port}\nset mailtls starttls"),
            &nobody,
            "certificate",
        ),
        (
            format!("set mailserver localhost:{tls_port}\nset mailtls tls"),
            &nobody,
            "certificate",
        ),
        // It is not the one that was asked for.
        (
            format!("set mailserver 127.0.0.1:{port}\nset mailtls starttls"),
            &authority,
            "certificate",
        ),
        // Others may read the password.
        (
            format!("set mailserver localhost:{port}\n{open}"),
            &authority,
            "chmod 600",
        ),
        (
            format!("set mailserver localhost:{port}\n{wrong}"),
            &authority,
            "AUTH with 535",
        ),
    ];
    let mut checked = 0;
    for (settings, authority, words) in ways {
        let mut daemon = start(&dir, &settings, "unseen", authority);
        daemon.wait_stderr(words);
        daemon.signal(nix::sys::signal::Signal::SIGTERM);
        assert!(
            !daemon.wait().success(),
            "{settings}: a lost report is no success"
        );
        checked += 1;
    }
    assert_eq!(checked, 5);
    // Postfix has none of them when it has the next one.
    let settings = format!("set mailserver localhost:{port}");
    let mut daemon = start(&dir, &settings, "the-last", &authority);
    assert!(!postfix.mailbox_with("the-last").contains("unseen"));
    daemon.finish();
}

#[test]
fn a_certificate_that_is_trusted_itself_is_taken() {
    let postfix = Postfix::start_self_signed();
    let dir = Dir::new();
    let own = postfix.certificate();
    let login = login(&dir, LOGIN.1, 0o600);
    let nobody = dir.write("nobody.pem", "");
    let shown = std::process::Command::new("openssl")
        .args(["x509", "-noout", "-fingerprint", "-sha256", "-in"])
        .arg(&own)
        .output()
        .unwrap();
    let shown = String::from_utf8(shown.stdout).unwrap();
    let digits = shown.trim().rsplit_once('=').unwrap().1;
    let named = format!("set mailtls_fingerprint {digits}\n");
    let (port, tls_port) = (postfix.port, postfix.tls_port);
    let ways = [
        (format!("localhost:{port}\nset mailtls starttls"), &own),
        (
            format!("localhost:{tls_port}\nset mailtls tls\n{login}"),
            &own,
        ),
        // By its fingerprint, under any name, and without any authority.
        (format!("127.0.0.1:{port}\n{named}{login}"), &nobody),
        (
            format!("127.0.0.1:{tls_port}\nset mailtls tls\n{named}"),
            &nobody,
        ),
    ];
    let mut checked = 0;
    for (settings, trusted) in ways {
        let text = format!("own-{checked}-end");
        let settings = format!("set mailserver {settings}\n");
        let mut daemon = start(&dir, &settings, &text, trusted);
        let mailbox = postfix.mailbox_with(&text);
        assert!(mail(&mailbox, &text).contains("using TLSv1"), "{settings}");
        daemon.finish();
        checked += 1;
    }
    assert_eq!(checked, 4);
    // Another fingerprint, another name, another certificate: words that help.
    let other = digits.replace(':', "").replace('A', "B").replace('0', "1");
    let ways = [
        (
            format!("localhost:{port}\nset mailtls_fingerprint {other}"),
            &own,
            digits,
        ),
        (
            format!("127.0.0.1:{port}\nset mailtls starttls"),
            &own,
            "name the server in `set mailserver` as its certificate does",
        ),
        (
            format!("localhost:{port}\nset mailtls starttls"),
            &Postfix::start().authority(),
            "name it by `set mailtls_fingerprint`",
        ),
    ];
    for (settings, trusted, words) in ways {
        let settings = format!("set mailserver {settings}\n");
        let mut daemon = start(&dir, &settings, "unseen", trusted);
        daemon.wait_stderr(words);
        daemon.signal(nix::sys::signal::Signal::SIGTERM);
        assert!(!daemon.wait().success(), "{settings}");
    }
}

/// 45 lines of 64,000 control bytes, each shown as four: 11.5 MB, over what Postfix takes.
#[test]
fn a_flood_of_control_bytes_does_not_hide_a_login() {
    let postfix = Postfix::start();
    for (shown, name) in [("", "short"), ("set max_shown 256K\n", "whole")] {
        let dir = Dir::new();
        dir.write("log", "");
        let config = format!(
            "set logfile {}\nset mailserver localhost:{}\n{shown}\
             set queue n tenshi root [0 0 1 1 *]\nn .*\n",
            dir.path("log").display(),
            postfix.port
        );
        let mut daemon = Daemon::start(&dir, &config, &["log"]);
        let flood = |number: u32| line("h1", &format!("{number} {}", "\u{1}".repeat(64_000)));
        for number in 0..22 {
            dir.append("log", flood(number));
        }
        dir.append("log", line("h2", &format!("sshd: root logged in {name}")));
        for number in 22..45 {
            dir.append("log", flood(number));
        }
        daemon.signal(nix::sys::signal::Signal::SIGUSR2);
        let login = format!("1: sshd: root logged in {name}");
        let mailbox = postfix.mailbox_with(&login);
        if name == "short" {
            assert_eq!(mailbox.matches("\nReturn-Path:").count(), 1);
            assert_eq!(mailbox.matches("[... 63").count(), 45, "{mailbox:.3000}");
            assert!(mailbox.len() < 300_000, "{}", mailbox.len());
        } else {
            for part in ["[1/2]", "[2/2]"] {
                let subject = format!("\nSubject: {part} tenshi report [n]\n");
                assert_eq!(postfix.mailbox_with(&subject).matches(&subject).count(), 1);
            }
            let mailbox = postfix.mailbox_with(&login).replace("=\n", "");
            let flood = "\\x01".repeat(64_000);
            assert_eq!(mailbox.matches(&flood).count(), 45);
        }
        daemon.finish();
    }
}
