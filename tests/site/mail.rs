//! Delivery: each way a server can fail, byte for byte what we say, and a real Postfix.

mod hostile;
mod size;

use std::cell::RefCell;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::support::ports::free_port;
use crate::support::postfix::Postfix;
use crate::support::sink::{Fault, Sink, Stage};
use tenshi::config::{Address, MailAuth, MailServer, MailSettings, MailTls};
use tenshi::delivery::{Delivery, sendmail, smtp};

/// How long a server is waited for that answers at once, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long one is waited for that never answers.
const LIMIT: Duration = Duration::from_millis(300);

/// The settings for a server that does not answer.
fn hasty(port: u16) -> MailSettings {
    MailSettings {
        timeout: Some(LIMIT),
        ..settings(port)
    }
}

fn settings(port: u16) -> MailSettings {
    MailSettings {
        server: MailServer::Smtp {
            host: "127.0.0.1".to_owned(),
            port,
        },
        helo: "localhost.localdomain".to_owned(),
        timeout: Some(PATIENCE),
        tls: MailTls::May,
        fingerprint: None,
        auth: None,
        filter_timeout: Duration::from_secs(60),
        programs: Default::default(),
        html: false,
    }
}

fn address(text: &str) -> Address {
    Address::new(text).expect("a good address")
}

fn addresses(texts: &[&str]) -> Vec<Address> {
    texts.iter().map(|text| address(text)).collect()
}

fn send(settings: &MailSettings, to: &[&str], message: &[u8]) -> Delivery {
    smtp::deliver(settings, &address("tenshi"), &addresses(to), &message, None)
}

fn taken() -> Delivery {
    Delivery::accepted()
}

/// What the sink wrote down, once it ends so: its threads may be a moment behind `deliver`.
fn dialogue(sink: &Sink, end: &str) -> String {
    let limit = Instant::now() + Duration::from_secs(5);
    loop {
        let text = sink.dialogue();
        if text.ends_with(end) || Instant::now() > limit {
            return text;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn the_dialogue_is_the_originals_byte_for_byte() {
    let sink = Sink::start(&[], &["PIPELINING", "8BITMIME", "SIZE 1000"]);
    let message = b"Subject: s\r\n\r\n.dot\r\n..\r\nlast \xff\r\n";
    assert_eq!(
        send(&settings(sink.port), &["root", "a@b.example"], message),
        taken()
    );
    let wanted = "EHLO localhost.localdomain\r\nMAIL FROM:<tenshi>\r\nRCPT TO:<root>\r\n\
        RCPT TO:<a@b.example>\r\nDATA\r\nSubject: s\r\n\r\n..dot\r\n...\r\nlast \u{fffd}\r\n.\r\nQUIT\r\n";
    assert_eq!(dialogue(&sink, "QUIT\r\n"), wanted);
    assert_eq!(sink.record().connections, 1);
}

#[test]
fn nothing_in_a_log_line_ends_the_message() {
    for ends in [
        "\n.\n",
        "\r.\r",
        "\n.\r\n",
        "\r\n.\n",
        "\r\n.\r\n",
        "\n.\r",
        "\r\0\n.\0\r\n",
    ] {
        for faults in [&[][..], &[(Stage::Ehlo, Fault::Say("502 no"))]] {
            let sink = Sink::start(faults, &[]);
            let evil =
                format!("S: x\r\n\r\nbefore{ends}MAIL FROM:<evil>\r\nRCPT TO:<you>\r\nend\r\n");
            assert_eq!(
                send(&settings(sink.port), &["root"], evil.as_bytes()),
                taken()
            );
            let wanted =
                b"S: x\r\n\r\nbefore\r\n..\r\nMAIL FROM:<evil>\r\nRCPT TO:<you>\r\nend\r\n";
            let messages = sink.record().messages;
            assert_eq!(messages.len(), 1, "{ends:?}");
            assert_eq!(messages[0], wanted, "{ends:?}");
        }
    }
}

#[test]
fn a_server_without_ehlo_is_told_helo() {
    let sink = Sink::start(&[(Stage::Ehlo, Fault::Say("502 unknown"))], &[]);
    assert_eq!(
        send(&settings(sink.port), &["root"], b"S: x\r\n\r\n.b\r\n"),
        taken()
    );
    let wanted = "HELO localhost.localdomain\r\nMAIL FROM:<tenshi>\r\nRCPT TO:<root>\r\nDATA\r\n\
        S: x\r\n\r\n..b\r\n.\r\nQUIT\r\n";
    assert_eq!(
        dialogue(&sink, "b\r\n.\r\nQUIT\r\n"),
        format!("EHLO localhost.localdomain\r\nQUIT\r\n{wanted}")
    );
}

/// How a mail must end, for the table below.
#[derive(Clone, Copy, PartialEq, Debug)]
enum End {
    Deferred,
    AccessDenied,
    EnvelopeRejected,
    ContentRejected,
}

#[test]
fn each_failure_at_each_stage_has_its_end() {
    let stages = [
        (Stage::Greeting, End::AccessDenied),
        (Stage::Hello, End::AccessDenied),
        (Stage::Mail, End::EnvelopeRejected),
        (Stage::Rcpt(""), End::EnvelopeRejected),
        (Stage::Data, End::ContentRejected),
        (Stage::EndOfData, End::ContentRejected),
    ];
    let mut checked = 0;
    for (stage, after_5xx) in stages {
        let faults = [
            (
                Fault::Say("550-first\r\n550 second"),
                after_5xx,
                "550 first second",
            ),
            (Fault::Say("451 not now"), End::Deferred, "451 not now"),
            (Fault::Say("421 closing"), End::Deferred, "421 closing"),
            (Fault::Hang, End::Deferred, "within 0.3 s"),
            (Fault::Drop, End::Deferred, "could not contact 127.0.0.1:"),
        ];
        for (fault, wanted, words) in faults {
            let sink = Sink::start(&[(stage, fault)], &[]);
            let start = Instant::now();
            let settings = match fault {
                Fault::Hang => hasty(sink.port),
                _ => settings(sink.port),
            };
            let end = send(&settings, &["root"], b"S: x\r\n\r\nb\r\n");
            let (kind, why) = match &end {
                Delivery::Deferred(why) => (End::Deferred, why),
                Delivery::AccessDenied(why) => (End::AccessDenied, why),
                Delivery::EnvelopeRejected(why) => (End::EnvelopeRejected, why),
                Delivery::ContentRejected(why) => (End::ContentRejected, why),
                Delivery::Accepted { .. } | Delivery::TooLarge { .. } => {
                    panic!("{stage:?} {fault:?}: {end:?}")
                }
            };
            assert_eq!(kind, wanted, "{stage:?} {fault:?}: {why}");
            assert!(why.contains(words), "{stage:?} {fault:?}: {why}");
            assert!(
                start.elapsed() < PATIENCE,
                "{stage:?} {fault:?} took too long"
            );
            assert!(sink.record().messages.is_empty(), "{stage:?} {fault:?}");
            checked += 1;
        }
    }
    assert_eq!(checked, 30);
}

#[test]
fn a_connection_lost_within_the_message_leaves_it_for_later() {
    for fault in [Fault::Drop, Fault::Hang] {
        let sink = Sink::start(&[(Stage::InData, fault)], &[]);
        let end = send(&hasty(sink.port), &["root"], &b"line\r\n".repeat(100_000));
        assert!(matches!(end, Delivery::Deferred(_)), "{fault:?}: {end:?}");
    }
    let closed = free_port();
    let Delivery::Deferred(why) = send(&settings(closed), &["root"], b"x") else {
        panic!("nobody listens there");
    };
    assert!(
        why.starts_with(&format!("could not contact 127.0.0.1:{closed}: ")),
        "{why}"
    );
}

#[test]
fn a_refused_recipient_does_not_keep_the_mail_from_the_others() {
    let faults = [
        (Stage::Rcpt("gone"), Fault::Say("550 no such user")),
        (Stage::Rcpt("full"), Fault::Say("452 mailbox full")),
    ];
    let rejected = vec![(address("gone@x"), "550 no such user".to_owned())];
    let deferred = vec![(address("full@x"), "452 mailbox full".to_owned())];
    let both = Delivery::Accepted { rejected, deferred };
    let sink = Sink::start(&faults, &[]);
    let to = ["gone@x", "root", "full@x"];
    assert_eq!(send(&settings(sink.port), &to, b"x"), both);
    assert_eq!(sink.record().messages.len(), 1);
    // Nobody is left: no DATA, but each keeps its own fate.
    let sink = Sink::start(&faults, &[]);
    assert_eq!(
        send(&settings(sink.port), &["gone@x", "full@x"], b"x"),
        both
    );
    assert!(!dialogue(&sink, "QUIT\r\n").contains("DATA"));
}

#[test]
fn tls_that_fails_is_done_without_only_under_may() {
    // The sink says 220 to STARTTLS and then speaks no TLS.
    for (tls, good) in [
        (MailTls::May, true),
        (MailTls::StartTls, false),
        (MailTls::Tls, false),
    ] {
        let sink = Sink::start(&[], &["STARTTLS"]);
        let mut settings = settings(sink.port);
        settings.tls = tls;
        let end = send(&settings, &["root"], b"S: x\r\n\r\nsecret");
        assert_eq!(end == taken(), good, "{tls:?}: {end:?}");
        assert_eq!(sink.record().messages.len(), usize::from(good), "{tls:?}");
    }
    // Never offered.
    let sink = Sink::start(&[], &[]);
    let mut settings = settings(sink.port);
    settings.tls = MailTls::StartTls;
    let end = send(&settings, &["root"], b"x");
    assert!(
        matches!(&end, Delivery::AccessDenied(why) if why.contains("STARTTLS")),
        "{end:?}"
    );
}

#[test]
fn the_password_is_sent_but_never_shown() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("password");
    fs::write(&file, "secret\n").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let sink = Sink::start(&[], &["AUTH LOGIN PLAIN"]);
    let mut settings = settings(sink.port);
    settings.auth = Some(MailAuth {
        user: "me".to_owned(),
        password_file: file.clone(),
    });
    let lines = RefCell::new(Vec::new());
    let trace = |line: &str| lines.borrow_mut().push(line.to_owned());
    let (from, to) = (address("tenshi"), addresses(&["root"]));
    let end = smtp::deliver(&settings, &from, &to, &&b"x"[..], Some(&trace));
    assert_eq!(end, taken());
    // base64 of NUL me NUL secret
    assert!(dialogue(&sink, "QUIT\r\n").contains("AUTH PLAIN AG1lAHNlY3JldA==\r\nMAIL"));
    let trace = lines.borrow().join("\n");
    assert!(
        trace.contains("> MAIL FROM:<tenshi>\n< 250 sender ok"),
        "{trace}"
    );
    assert!(
        !trace.contains("AG1l") && !trace.contains("secret"),
        "{trace}"
    );

    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let end = send(&settings, &["root"], b"x");
    assert!(
        matches!(&end, Delivery::AccessDenied(why) if why.contains("chmod 600")),
        "{end:?}"
    );
}

#[test]
fn postfix_takes_it_over_tls_and_no_log_line_is_a_command() {
    let postfix = Postfix::start();
    let mut settings = settings(postfix.port);
    settings.timeout = Some(Duration::from_secs(10));
    let message =
        b"Subject: one\r\n\r\nhost\n.\nMAIL FROM:<evil@mail.test>\nRCPT TO:<evil>\nDATA\nforged\n\
        .\r.\r\n.hidden\nTHE-END-1\n";
    assert_eq!(send(&settings, &["root"], message), taken());
    let mailbox = postfix.mailbox_with("THE-END-1");
    assert!(
        mailbox.contains("\nDelivered-To: root@mail.test\n"),
        "{mailbox}"
    );
    assert!(
        mailbox.contains("using TLSv1"),
        "signed by a stranger, and yet encrypted: {mailbox}"
    );
    // RFC 5321 §4.1.1.4 knows one end of a message; servers were found that know others.
    let ends = [
        "\n.\n",
        "\r.\r",
        "\n.\r\n",
        "\r\n.\n",
        "\r\n.\r",
        "\r.\r\n",
        "\n.\r",
        "\r.\n",
        "\r\n.\r\n",
        "\r\n\0.\r\n",
        "\r\n.\0\r\n",
        "\r\0\n.\r\n",
        "\r\r\n.\r\r\n",
        "\n\n.\n\n",
        "\r\n..\r\n",
    ];
    for (number, end) in ends.iter().enumerate() {
        let message = format!(
            "Subject: s\r\n\r\nfirst{end}MAIL FROM:<evil@mail.test>\r\nRCPT TO:<evil>\r\nDATA\r\n\
             forged{end}SMUGGLED-{number}-\r\n"
        );
        assert_eq!(send(&settings, &["root"], message.as_bytes()), taken());
        postfix.mailbox_with(&format!("SMUGGLED-{number}-"));
    }
    let smuggled = postfix.mailbox_with("SMUGGLED-14-");
    assert_eq!(smuggled.matches("Return-Path:").count(), 1 + ends.len());
    assert!(!postfix.log().contains("from=<evil"), "{}", postfix.log());
    let body = "\n\nhost\n.\nMAIL FROM:<evil@mail.test>\nRCPT TO:<evil>\nDATA\nforged\n.\n.\n.hidden\nTHE-END-1\n";
    assert!(mailbox.contains(body), "{mailbox}");
    assert_eq!(mailbox.matches("Return-Path:").count(), 1, "{mailbox}");
    assert!(!postfix.log().contains("from=<evil"), "{}", postfix.log());

    // Verified means verified.
    settings.tls = MailTls::StartTls;
    let end = send(&settings, &["root"], b"Subject: two\r\n\r\nunseen\r\n");
    assert!(
        matches!(&end, Delivery::AccessDenied(why) if why.contains("certificate")),
        "{end:?}"
    );

    settings.tls = MailTls::Off;
    let to = ["root", "stranger@elsewhere.test"];
    let end = send(&settings, &to, b"Subject: three\r\n\r\nTHE-END-3\r\n");
    let Delivery::Accepted { rejected, deferred } = end else {
        panic!("not taken for root: {end:?}");
    };
    assert_eq!(
        (rejected.len(), deferred.len()),
        (1, 0),
        "{rejected:?} {deferred:?}"
    );
    assert_eq!(rejected[0].0, address(to[1]));
    assert!(rejected[0].1.starts_with("554 5.7.1 "), "{rejected:?}");
    let mailbox = postfix.mailbox_with("THE-END-3");
    assert!(!mailbox.contains("unseen"), "{mailbox}");
}

fn program(dir: &Path, script: &str) -> std::path::PathBuf {
    let path = dir.join("sendmail");
    fs::write(
        &path,
        format!("#!/bin/sh\ncd {}\n{script}\n", dir.display()),
    )
    .unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

#[test]
fn a_sendmail_program_gets_the_mail_and_says_its_end() {
    let dir = tempfile::tempdir().unwrap();
    let run = |script: &str, message: &[u8], limit: Duration| {
        let path = program(dir.path(), script);
        let to = addresses(&["root", "-oops", "a@b"]);
        let words = ["-a".to_owned(), "an account".to_owned()];
        let command = (path.as_path(), words.as_slice());
        sendmail::deliver(command, &address("tenshi"), &to, message, Some(limit))
    };
    let long = Duration::from_secs(10);
    let keep = "printf '%s\\n' \"$@\" >args; cat >mail";
    assert_eq!(run(keep, b"S: x\r\n\r\n.\r\nb\r\n", long), taken());
    assert_eq!(
        fs::read(dir.path().join("mail")).unwrap(),
        b"S: x\n\n.\nb\n"
    );
    let args = fs::read_to_string(dir.path().join("args")).unwrap();
    assert_eq!(
        args,
        "-a\nan account\n-i\n-f\ntenshi\n--\nroot\n-oops\na@b\n"
    );

    let cases = [
        (67, false),
        (64, false),
        (65, false),
        (74, false),
        (76, false),
        (78, false),
        (75, true),
        (1, true),
        (63, true),
        (79, true),
        (127, true),
    ];
    for (code, later) in cases {
        let end = run(
            &format!("cat >/dev/null; echo why >&2; exit {code}"),
            b"x",
            long,
        );
        let (is_later, why) = match &end {
            Delivery::Deferred(why) => (true, why),
            Delivery::ContentRejected(why) if code == 65 => (false, why),
            Delivery::EnvelopeRejected(why) if code != 65 => (false, why),
            other => panic!("exit {code}: {other:?}"),
        };
        assert_eq!(is_later, later, "exit {code}");
        assert!(why.ends_with(&format!("(exit {code}): why")), "{why}");
    }
    let start = Instant::now();
    let end = run("sleep 60", &b"x".repeat(1 << 20), LIMIT);
    assert!(
        matches!(&end, Delivery::Deferred(why) if why.contains("longer than 0.3 s")),
        "{end:?}"
    );
    assert!(start.elapsed() < Duration::from_secs(5));
    // It said 0 and did not read: half a mail is no mail.
    let end = run("exit 0", &b"x".repeat(1 << 20), long);
    assert!(matches!(end, Delivery::Deferred(_)), "{end:?}");
    let missing = sendmail::deliver(
        (Path::new("/nowhere"), &[]),
        &address(""),
        &addresses(&["a"]),
        b"",
        None,
    );
    assert!(matches!(missing, Delivery::Deferred(_)));
}
