//! Servers that mean harm, and somebody between us and the server: replies without end, text in
//! clear behind the answer to STARTTLS, replies that no parser expects.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use tenshi::config::{MailAuth, MailServer, MailTls};
use tenshi::delivery::Delivery;

use super::{LIMIT, dialogue, hasty, send, settings, taken};
use crate::support::postfix::Postfix;
use crate::support::sink::Sink;

/// Serves each connection with the closure; the port.
fn serve(act: impl Fn(TcpStream) + Send + Sync + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let act = Arc::new(act);
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let act = Arc::clone(&act);
            thread::spawn(move || act(stream));
        }
    });
    port
}

/// Reads a line of the client's.
fn read_line(stream: &mut TcpStream) -> String {
    let (mut line, mut byte) = (Vec::new(), [0]);
    while stream.read(&mut byte).unwrap_or(0) > 0 {
        line.push(byte[0]);
        if byte[0] == b'\n' {
            break;
        }
    }
    String::from_utf8_lossy(&line).into_owned()
}

/// Says what a good server says up to the step with this number: 0 is the greeting, 1 the answer to
/// EHLO, and so on to 5, the answer to the end of the message.
fn up_to(stream: &mut TcpStream, step: usize) -> Option<()> {
    let good = ["220 x", "250 x", "250 x", "250 x", "354 x"];
    for (number, reply) in good.iter().enumerate() {
        if number > 0 {
            read_line(stream);
        }
        if number == step {
            return Some(());
        }
        stream.write_all(format!("{reply}\r\n").as_bytes()).ok()?;
    }
    while !matches!(read_line(stream).as_str(), ".\r\n" | "") {}
    Some(())
}

#[test]
fn replies_without_end_have_one() {
    let floods: [(&str, &'static [u8]); 4] = [
        ("one line", b"xxxxxxxxxxxxxxxx"),
        ("lines", b"250-x\r\n"),
        ("empty lines", b"\r\n"),
        ("many codes", b"250-\r\n"),
    ];
    let mut checked = 0;
    for step in 0..=5 {
        for (name, flood) in floods {
            let sent = Arc::new(AtomicUsize::new(0));
            let count = Arc::clone(&sent);
            let port = serve(move |mut stream| {
                if up_to(&mut stream, step).is_none() {
                    return;
                }
                let block = flood.repeat(4096);
                let first = if step == 0 { b"220-" } else { b"250-" };
                let _ = stream.write_all(first);
                while stream.write_all(&block).is_ok() {
                    count.fetch_add(block.len(), Ordering::SeqCst);
                }
            });
            let end = send(&settings(port), &["root"], b"S: x\r\n\r\nb\r\n");
            assert!(
                matches!(end, Delivery::Deferred(_)),
                "{step} {name}: {end:?}"
            );
            // What the sockets hold, and not more.
            let sent = sent.load(Ordering::SeqCst);
            assert!(sent < 64 << 20, "{step} {name}: {sent} bytes");
            checked += 1;
        }
    }
    assert_eq!(checked, 24);
}

#[test]
fn a_reply_that_drips_ends_with_its_step() {
    let mut checked = 0;
    for step in 0..=5 {
        let sent = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&sent);
        let port = serve(move |mut stream| {
            if up_to(&mut stream, step).is_none() {
                return;
            }
            // Each read of one byte is in time.
            while stream.write_all(b"2").is_ok() {
                count.fetch_add(1, Ordering::SeqCst);
                thread::sleep(LIMIT / 10);
            }
        });
        let end = send(&hasty(port), &["root"], b"S: x\r\n\r\nb\r\n");
        let Delivery::Deferred(why) = &end else {
            panic!("{step}: {end:?}");
        };
        assert!(why.contains("within 0.3 s"), "{step}: {why}");
        assert!(sent.load(Ordering::SeqCst) < 1000, "{step}");
        checked += 1;
    }
    assert_eq!(checked, 6);
}

#[test]
fn no_reply_brings_us_down() {
    // The second is a line of blanks, at which lettre's reader of EHLO panics.
    let replies = [
        "250-x\r\n250-STARTTLS\r\n250-   \r\n250 SIZE\r\n",
        "250-x\r\n250-   \r\n250 \r\n",
        "250\r\n",
        "250-x\r\n250-\u{fffd}\u{0}\r\n250 AUTH\r\n",
        "250-x\n250 y\n",
    ];
    for reply in replies {
        let port = serve(move |mut stream| {
            up_to(&mut stream, 1);
            let _ = stream.write_all(reply.as_bytes());
            let mut left = Vec::new();
            let _ = stream.read_to_end(&mut left);
        });
        let mut settings = hasty(port);
        settings.tls = MailTls::Off;
        let end = send(&settings, &["root"], b"x");
        assert!(
            matches!(&end, Delivery::Deferred(why) if why.contains("MAIL FROM")),
            "{reply:?}: {end:?}"
        );
    }
    for reply in [
        "25",
        "2",
        "abc\r\n",
        "250?x\r\n",
        "999 x\r\n",
        "250-a\r\n220 b\r\n",
        "\r\n",
    ] {
        let port = serve(move |mut stream| {
            up_to(&mut stream, 1);
            let _ = stream.write_all(reply.as_bytes());
            let _ = stream.shutdown(Shutdown::Write);
            let mut left = Vec::new();
            let _ = stream.read_to_end(&mut left);
        });
        let end = send(&settings(port), &["root"], b"x");
        assert!(matches!(end, Delivery::Deferred(_)), "{reply:?}: {end:?}");
    }
}

/// What somebody in the middle does with the server's answer to STARTTLS.
#[derive(Clone, Copy, Debug)]
enum Meddle {
    /// Appends these replies, within one packet.
    Append(&'static [u8]),
    /// Sends them by themselves, a moment later.
    Follow(&'static [u8]),
    /// Lets what comes after it through byte by byte.
    Drip,
}

/// Somebody between us and the server; the port.
fn between(server: u16, meddle: Meddle) -> u16 {
    serve(move |client| {
        let server = TcpStream::connect(("127.0.0.1", server)).unwrap();
        let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
        thread::spawn(move || {
            let _ = std::io::copy(&mut from, &mut to);
            let _ = to.shutdown(Shutdown::Both);
        });
        let _ = relay(server, &client, meddle);
        let _ = client.shutdown(Shutdown::Both);
    })
}

fn relay(mut server: TcpStream, mut client: &TcpStream, meddle: Meddle) -> std::io::Result<()> {
    let (mut block, mut tls) = ([0; 8192], false);
    loop {
        let count = server.read(&mut block)?;
        if count == 0 {
            return Ok(());
        }
        let mut bytes = block[..count].to_vec();
        if tls && matches!(meddle, Meddle::Drip) {
            for byte in bytes {
                client.write_all(&[byte])?;
                thread::sleep(LIMIT / 20);
            }
            continue;
        }
        let ready = bytes.starts_with(b"220 2.0.0 Ready to start TLS");
        tls |= ready;
        if let (true, Meddle::Append(text)) = (ready, meddle) {
            bytes.extend_from_slice(text);
        }
        client.write_all(&bytes)?;
        if let (true, Meddle::Follow(text)) = (ready, meddle) {
            thread::sleep(Duration::from_millis(20));
            client.write_all(text)?;
        }
    }
}

#[test]
fn what_was_sent_in_clear_counts_for_nothing_under_tls() {
    let postfix = Postfix::start();
    // All that a delivery waits for, or offers that the server has not made.
    let whole = b"250-x\r\n250 AUTH PLAIN LOGIN\r\n250 ok\r\n250 ok\r\n354 go\r\n250 taken\r\n";
    let ways = [
        Meddle::Append(whole),
        Meddle::Append(b"250 x\r\n"),
        Meddle::Append(b"2"),
        Meddle::Append(b"\r\n"),
        Meddle::Append(b"\x16\x03\x03"),
        Meddle::Follow(whole),
        Meddle::Drip,
    ];
    let mut checked = 0;
    for way in ways {
        let port = between(postfix.port, way);
        let mut settings = settings(port);
        settings.tls = MailTls::StartTls;
        if matches!(way, Meddle::Drip) {
            settings.timeout = Some(LIMIT);
        }
        let message = format!("Subject: x\r\n\r\nHIDDEN-{checked}-\r\n");
        let end = send(&settings, &["root"], message.as_bytes());
        let Delivery::Deferred(why) = &end else {
            panic!("{way:?}: {end:?}");
        };
        let words = match way {
            Meddle::Append(_) => "in clear behind its answer to STARTTLS",
            Meddle::Follow(_) => "TLS",
            Meddle::Drip => "no answer to TLS within 0.3 s",
        };
        assert!(why.contains(words), "{way:?}: {why}");
        // `may` looks at no certificate, and goes on in clear: the mail is worth more than that.
        settings.tls = MailTls::May;
        if !matches!(way, Meddle::Drip) {
            let message = format!("Subject: x\r\n\r\nOPEN-{checked}-\r\n");
            assert_eq!(send(&settings, &["root"], message.as_bytes()), taken());
            let mailbox = postfix.mailbox_with(&format!("OPEN-{checked}-"));
            assert!(!mailbox.contains("HIDDEN"), "{way:?}: {mailbox}");
            assert!(!mailbox.contains("using TLSv1"), "{way:?}: {mailbox}");
        }
        checked += 1;
    }
    assert_eq!(checked, 7);
}

#[test]
fn no_password_leaves_in_clear() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("password");
    std::fs::write(&file, "secret\n").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let mut checked = 0;
    // TLS that fails, TLS that is not offered, and a server that knows no EHLO.
    for extensions in [
        &["AUTH PLAIN LOGIN", "STARTTLS"][..],
        &["AUTH PLAIN LOGIN"][..],
    ] {
        for tls in [MailTls::Off, MailTls::May, MailTls::StartTls] {
            let sink = Sink::start(&[], extensions);
            let mut settings = settings(sink.port);
            // This machine by a name that is not known to be it.
            settings.server = MailServer::Smtp {
                host: "0.0.0.0".into(),
                port: sink.port,
            };
            settings.tls = tls;
            settings.auth = Some(MailAuth {
                user: "me".into(),
                password_file: file.clone(),
            });
            let end = send(&settings, &["root"], b"x");
            assert!(
                matches!(end, Delivery::AccessDenied(_) | Delivery::Deferred(_)),
                "{tls:?}: {end:?}"
            );
            let told = dialogue(&sink, "QUIT\r\n");
            assert!(!told.contains("AUTH"), "{tls:?}: {told}");
            checked += 1;
        }
    }
    assert_eq!(checked, 6);
}

#[test]
fn a_login_is_asked_for_as_the_server_offers_it() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("password");
    std::fs::write(&file, "secret\n").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let answers = [
        (
            "AUTH LOGIN",
            ["334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6", "235 ok"],
            true,
        ),
        (
            "AUTH LOGIN",
            ["334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6", "535 no"],
            false,
        ),
        (
            "auth login",
            ["334 VXNlcm5hbWU6", "334 VXNlcm5hbWU6", "334 VXNlcm5hbWU6"],
            false,
        ),
        (
            "AUTH LOGIN",
            ["334 AAAA", "334 UGFzc3dvcmQ6", "235 ok"],
            false,
        ),
        ("AUTH PLAIN", ["235 ok", "250 x", "250 x"], true),
        ("AUTH PLAIN", ["535 5.7.8 no", "250 x", "250 x"], false),
        ("AUTH PLAIN", ["454 4.7.0 not now", "250 x", "250 x"], false),
        ("AUTH GSSAPI", ["235 ok", "250 x", "250 x"], false),
    ];
    for (offer, replies, good) in answers {
        let port = serve(move |mut stream| {
            up_to(&mut stream, 1);
            let _ = stream.write_all(format!("250-x\r\n250 {offer}\r\n").as_bytes());
            let mut rest = replies.iter();
            loop {
                let line = read_line(&mut stream);
                let reply = match (line.get(..4), rest.next()) {
                    (None | Some("QUIT"), _) => return,
                    (Some("MAIL"), _) => "550 as far as this",
                    (_, Some(reply)) => reply,
                    (_, None) => "334 VXNlcm5hbWU6",
                };
                let _ = stream.write_all(format!("{reply}\r\n").as_bytes());
            }
        });
        let mut settings = settings(port);
        settings.auth = Some(MailAuth {
            user: "me".into(),
            password_file: file.clone(),
        });
        let end = send(&settings, &["root"], b"x");
        match good {
            true => assert!(
                matches!(&end, Delivery::EnvelopeRejected(_)),
                "{offer} {end:?}"
            ),
            false => assert!(matches!(&end, Delivery::AccessDenied(_)), "{offer} {end:?}"),
        }
    }
}
