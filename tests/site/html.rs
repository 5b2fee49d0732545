//! `set html on`: mails with an HTML part from the running daemon. The text is the text of a mail without it, byte for
//! byte; filters, pagers, programs and servers with a small limit get what they got.

use std::fs;

use nix::sys::signal::Signal;

use crate::support::daemon::Daemon;
use crate::support::mail::unquoted;
use crate::support::sink::Sink;
use crate::support::{Dir, NEVER, conf, line};

/// The head and the bodies of the two parts of a mail, decoded, with plain line ends.
struct Parts {
    head: String,
    text: Vec<u8>,
    html: String,
}

/// Takes a mail apart as RFC 2046 has it; nothing if it has no parts.
fn parts(mail: &[u8]) -> Option<Parts> {
    let mail = std::str::from_utf8(mail).expect("ASCII");
    assert!(mail.is_ascii());
    let (head, body) = mail.split_once("\r\n\r\n").expect("a head");
    let (_, kind) = head.split_once("Content-Type: multipart/alternative; boundary=\"")?;
    let boundary = format!("\r\n--{}", kind.split('"').next().unwrap());
    let body = format!("\r\n{body}");
    let mut parts = body.split(&boundary);
    let [before, text, html, end] = [0; 4].map(|_| parts.next().expect("a part"));
    assert_eq!((before, end, parts.next()), ("", "--\r\n", None));
    let decoded = |part: &str, kind: &str| {
        let (head, body) = part.split_once("\r\n\r\n").expect("a head");
        assert!(head.starts_with(&format!("\r\nContent-Type: text/{kind}; charset=utf-8\r\n")));
        match head
            .split_once("Content-Transfer-Encoding: ")
            .expect("one")
            .1
        {
            "7bit" => body.replace("\r\n", "\n").into_bytes(),
            "quoted-printable" => unquoted(body.replace("\r\n", "\n").as_bytes()),
            other => panic!("{other}"),
        }
    };
    assert!(html.len() <= 100_300, "{}", html.len());
    Some(Parts {
        head: head.to_owned(),
        text: decoded(text, "plain"),
        html: String::from_utf8(decoded(html, "html")).expect("UTF-8"),
    })
}

/// The mails that a daemon with these settings makes of a log, in the order of its queues.
fn mails(settings: &str, log: &[u8], count: usize) -> Vec<Vec<u8>> {
    let (dir, sink) = (Dir::new(), Sink::start(&[], &[]));
    dir.write("log", "");
    let config = conf(&dir, sink.port, settings);
    let mut daemon = Daemon::start(&dir, &config, &["log"]);
    dir.append("log", log);
    daemon.finish();
    sink.wait(|record| record.messages.len() >= count).messages
}

/// The body of a mail that has one part.
fn body(mail: &[u8]) -> Vec<u8> {
    assert!(parts(mail).is_none());
    let text = String::from_utf8(mail.to_vec())
        .unwrap()
        .replace("\r\n", "\n");
    let (head, body) = text.split_once("\n\n").unwrap();
    match head.contains("Content-Transfer-Encoding: quoted-printable") {
        true => unquoted(body.as_bytes()),
        false => body.as_bytes().to_vec(),
    }
}

/// The names of the fields of a head.
fn names(head: &str) -> Vec<&str> {
    let fields = head.lines().filter(|line| !line.starts_with(' '));
    fields
        .filter_map(|line| Some(line.split_once(':')?.0))
        .collect()
}

#[test]
fn the_text_part_is_the_mail_of_before_and_the_html_shows_all_of_it() {
    let evil = "<script>alert(1)</script> </td><img src=http://x/y.png> &amp; \u{202e}";
    let texts = [
        vec![
            "plain one".to_owned(),
            "plain one".into(),
            "plain two".into(),
        ],
        vec![format!("caf\u{e9} = {evil}"), "dots\u{1b}[2J".into()],
        vec!["long ".to_owned() + &"word ".repeat(300)],
        (0..3_000)
            .map(|n| format!("a line of many, number {n}"))
            .collect(),
    ];
    let queues = format!("set queue q f@x t@x {NEVER}\nset limit 2000\nq .*\n");
    let mut checked = 0;
    for texts in texts {
        let lines: String = texts.iter().map(|text| line("h<1>", text)).collect();
        let log = lines.into_bytes();
        let off = mails(&queues, &log, 1);
        let on = mails(&format!("set html on\n{queues}"), &log, 1);
        let parts = parts(&on[0]).expect("an HTML part");
        assert_eq!(parts.text, body(&off[0]));
        let off = String::from_utf8_lossy(&off[0]).into_owned();
        let mut before = names(off.split("\r\n\r\n").next().unwrap());
        before.retain(|name| !name.starts_with("MIME") && !name.starts_with("Content-"));
        assert_eq!(
            names(&parts.head),
            [&before[..], &["MIME-Version", "Content-Type"]].concat()
        );
        let html = &parts.html;
        for never in [
            "<script", "<img", "<style", "<link", "<a ", "href", " on", "\u{202e}",
        ] {
            assert!(
                !html.to_lowercase().contains(never) || never == " on",
                "{never}: {html}"
            );
        }
        assert!(html.contains("<b>h&lt;1&gt;</b>") && html.contains("bgcolor=\"steelblue\""));
        let is_cut = html.contains("the text part of this mail has all 2,000 lines of 1 host.");
        assert_eq!(is_cut, texts.len() > 1_000, "{}", &html[html.len() - 400..]);
        if texts[0].contains("script") {
            assert!(
                html.contains("&lt;script&gt;alert(1)&lt;/script&gt;"),
                "{html}"
            );
            assert!(
                html.contains("src=http://x/y.png&gt; &amp;amp; \\u{202E}"),
                "{html}"
            );
            assert!(html.contains("dots\\x1B[2J"), "{html}");
        }
        checked += 1;
    }
    assert_eq!(checked, 4);
}

#[test]
fn pagers_filters_and_programs_get_what_they_got() {
    let dir = Dir::new();
    let csv = dir.path("csv").display().to_string();
    let settings = format!(
        "set html on\n\
         set queue pages f@x pager:p@x {NEVER}\n\
         set queue masked f@x t@x {NEVER}\nset filter masked /bin/sed s/secret/XXX/\n\
         set queue packed f@x t@x {NEVER}\nset filter packed /usr/bin/base64\n\
         set queue failed f@x t@x {NEVER}\nset filter failed /bin/false\n\
         set csv {NEVER} /bin/cat >{csv}\n\
         pages,masked,packed,failed,csv .*\n"
    );
    let log = line("h1", "a secret word").into_bytes();
    let sent = mails(&settings, &log, 4);
    let of = |queue: &str| {
        let is_of = |mail: &&Vec<u8>| String::from_utf8_lossy(mail).contains(&format!("[{queue}]"));
        sent.iter().find(is_of).unwrap_or_else(|| panic!("{queue}"))
    };
    assert_eq!(body(of("pages")), b"h1,1,a secret word\n");
    let text = b"*** Status: terminating ***\n\nh1: \n    1: a XXX word\n";
    let masked = parts(of("masked")).expect("an HTML part");
    assert_eq!(masked.text, text);
    assert!(masked.html.contains(">a XXX word<") && !masked.html.contains("secret"));
    // What is no report any more.
    assert!(!body(of("packed")).contains(&b' '));
    let failed = parts(of("failed")).expect("an HTML part");
    assert!(
        failed
            .text
            .ends_with(b"this is the unfiltered report ***\n")
    );
    assert!(
        failed.html.contains("<b>Filter /bin/false: "),
        "{}",
        failed.html
    );
    assert_eq!(fs::read_to_string(csv).unwrap(), "h1,a secret word,1\n");
}

/// A server whose limit is known, and one that tells it by refusing: HTML is left out before a line is.
#[test]
fn a_server_that_takes_less_gets_the_text_alone() {
    let texts: Vec<String> = (0..400)
        .map(|n| format!("a line of some length, number {n}."))
        .collect();
    let log: String = texts.iter().map(|text| line("h1", text)).collect();
    let announced: &[(&'static [&'static str], usize)] = &[
        (&["SIZE 30000"], usize::MAX),
        (&["SIZE 9000"], usize::MAX),
        (&[], 22_000),
    ];
    let mut checked = 0;
    for (extensions, largest) in announced {
        let (dir, sink) = (Dir::new(), Sink::start(&[], extensions));
        sink.take_up_to(*largest);
        dir.write("log", "");
        let state = dir.path("state").display().to_string();
        let settings =
            format!("set html on\nset statedir {state}\nset queue q f@x t@x {NEVER}\nq .*\n");
        let mut daemon = Daemon::start(&dir, &conf(&dir, sink.port, &settings), &["log"]);
        dir.append("log", &log);
        daemon.signal(Signal::SIGUSR2);
        let first = sink.messages(1).remove(0);
        let subject = first
            .lines()
            .find_map(|line| line.strip_prefix("Subject: ["));
        let subject = subject.expect("a number").to_owned();
        let count: usize = subject["1/".len()..]
            .split(']')
            .next()
            .unwrap()
            .parse()
            .unwrap();
        let whole = sink.messages(count);
        daemon.finish();
        assert_eq!(whole.len(), count);
        assert!(
            whole.iter().all(|mail| !mail.contains("multipart")),
            "{whole:?}"
        );
        let all = whole.concat();
        assert!(
            texts
                .iter()
                .all(|text| all.matches(text.as_str()).count() == 1)
        );
        assert_eq!(count == 1, extensions != &["SIZE 9000"], "{count}");
        if count == 1 {
            assert!(
                daemon
                    .stderr()
                    .contains("queue q: the report goes as text, without HTML: ")
            );
        }
        checked += 1;
    }
    assert_eq!(checked, 3);
}

#[test]
fn a_reload_begins_and_ends_it() {
    let (dir, sink) = (Dir::new(), Sink::start(&[], &[]));
    dir.write("log", "");
    let with = |html: &str| {
        let queue = "set queue n f@x t@x [now]\nn .*\n";
        conf(&dir, sink.port, &format!("{html}{queue}"))
    };
    let mut daemon = Daemon::start(&dir, &with(""), &["log"]);
    for (number, html) in ["", "set html on\n", "set html off\n"]
        .into_iter()
        .enumerate()
    {
        if number > 0 {
            dir.write("tenshi.conf", with(html));
            daemon.signal(Signal::SIGHUP);
            crate::support::poll(crate::support::DEADLINE, || {
                (daemon.stderr().matches("read again").count() == number).then_some(())
            })
            .expect("a reload");
        }
        dir.append("log", line("h1", &format!("number {number}")));
        let messages = sink.wait(|record| record.messages.len() > number).messages;
        assert_eq!(
            parts(&messages[number]).is_some(),
            html.contains("on"),
            "{html}"
        );
    }
    daemon.finish();
}
