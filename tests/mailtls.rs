//! `mailtls` and `mailauth` of the running daemon, against a real Postfix whose certificate a test
//! authority has signed: `$SSL_CERT_FILE` makes it one of the system's.

#![allow(clippy::expect_used, clippy::unwrap_used)]

mod support;

#[path = "support/postfix.rs"]
mod postfix;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use postfix::{LOGIN, Postfix};
use support::daemon::Daemon;
use support::{Dir, line};

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
