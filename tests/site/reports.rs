//! The text of the reports, byte for byte, in each of its forms. Every expectation is held against
//! the Perl original too, so that it cannot drift from what users get today.

use crate::support::daemon::Daemon;
use crate::support::mail::Mail;
use crate::support::postbox::Postbox;
use crate::support::{Dir, NEVER, conf, line, perl};

/// Runs both programs on the configuration and the log, ends them with TERM, and checks that each
/// sends exactly these bodies, queue by queue.
fn both(config: &str, log: &str, expected: &[(&str, &str)]) -> Vec<Mail> {
    perl::required();
    let (dir, postbox) = (Dir::new(), Postbox::open());
    dir.write("log", log);
    let theirs = perl::reports(&dir, &conf(&dir, postbox.port(), config), &postbox);
    check("the original", &theirs, expected);

    let (dir, postbox) = (Dir::new(), Postbox::open());
    dir.write("log", "");
    let mut daemon = Daemon::start(&dir, &conf(&dir, postbox.port(), config), &["log"]);
    dir.append("log", log);
    daemon.finish();
    let ours = postbox.mails();
    check("ours", &ours, expected);
    ours
}

fn check(who: &str, mails: &[Mail], expected: &[(&str, &str)]) {
    let mut got: Vec<(String, String)> = mails.iter().map(|m| (m.queue(), m.body())).collect();
    got.sort();
    let want: Vec<(String, String)> = expected
        .iter()
        .map(|(queue, body)| ((*queue).to_owned(), (*body).to_owned()))
        .collect();
    assert_eq!(got, want, "{who}");
}

fn queue(name: &str, to: &str) -> String {
    format!("set queue {name} from@x.example {to} {NEVER}\n")
}

#[test]
fn full_form_masks_counts_and_sorts() {
    let config = queue("a", "a@x.example") + "a ^foo (\\d+)\na .*\n";
    let log = ["foo 1", "foo 22", "foo 333", "other", "other"]
        .map(|text| line("h1", text))
        .concat();
    let body = "*** Status: terminating ***\n\nh1: \n    3: foo ______\n    2: other\n";
    let mails = both(&config, &log, &[("a", body)]);
    assert_eq!(mails[0].from, "from@x.example");
    assert_eq!(mails[0].to, ["a@x.example"]);
}

#[test]
fn headers_keep_their_order_and_form() {
    let config = queue("a", "root,b@x.example").replace('\n', " a subject\n") + "a .*\n";
    let body = "*** Status: terminating ***\n\nh1: \n    1: x\n";
    let mail = both(&config, &line("h1", "x"), &[("a", body)]).remove(0);
    let text = mail.text();
    let head = text.split("\n\n").next().unwrap();
    let wanted = [
        "From",
        "To",
        "Date",
        "X-tenshi-version",
        "X-tenshi-hostname",
        "X-tenshi-report-start",
        "Subject",
    ];
    let names: Vec<&str> = head
        .lines()
        .filter_map(|l| l.split_once(':'))
        .map(|(name, _)| name)
        .collect();
    let kept: Vec<&str> = names
        .into_iter()
        .filter(|name| wanted.contains(name))
        .collect();
    assert_eq!(kept, wanted);
    assert_eq!(mail.header("To"), "root,b@x.example");
    assert_eq!(mail.to, ["root", "b@x.example"]);
    assert_eq!(mail.header("Subject"), "a subject [a]");
}

#[test]
fn ascending_order_is_on_request() {
    let config = format!(
        "set sort_order ascending\n{}a .*\n",
        queue("a", "a@x.example")
    );
    let log = line("h1", "often").repeat(3) + &line("h1", "once") + &line("h1", "twice").repeat(2);
    let body = "*** Status: terminating ***\n\nh1: \n    1: once\n    2: twice\n    3: often\n";
    both(&config, &log, &[("a", body)]);
}

#[test]
fn limit_cuts_and_says_so() {
    let config = format!("set limit 2\n{}a .*\n", queue("a", "a@x.example"));
    let log = line("h1", "l1").repeat(3) + &line("h1", "l2").repeat(2) + &line("h1", "l3");
    let body = "*** Status: terminating ***\n\nh1: \n    3: l1\n    2: l2\n\n  *** Too many alerts (limit: 2)  ***\n";
    both(&config, &log, &[("a", body)]);
}

#[test]
fn pager_form_is_one_line_each() {
    let config = format!(
        "set pager_limit 2\n{}a .*\n",
        queue("a", "pager:a@x.example")
    );
    let log = line("h1", "l1").repeat(3) + &line("h1", "l2").repeat(2) + &line("h1", "l3");
    let mails = both(&config, &log, &[("a", "h1,3,l1\nh1,2,l2\n")]);
    assert_eq!(mails[0].to, ["a@x.example"]);
    assert_eq!(mails[0].header("To"), "a@x.example");
}

#[test]
fn lines_without_prefix_have_their_own_queue() {
    let config = queue("a", "a@x.example") + &queue("noprefix", "n@x.example") + "a .*\n";
    let log = line("h1", "x") + "no time, no host\n";
    both(
        &config,
        &log,
        &[
            ("a", "*** Status: terminating ***\n\nh1: \n    1: x\n"),
            (
                "noprefix",
                "*** Status: terminating ***\n\n[unprefixed logs]: \n    1: no time, no host\n",
            ),
        ],
    );
}

#[test]
fn escalation_stores_the_running_total() {
    let config = queue("a", "a@x.example") + &queue("b", "b@x.example") + "a,b:3 ^foo\n";
    let log = line("h1", "foo").repeat(7);
    both(
        &config,
        &log,
        &[
            ("a", "*** Status: terminating ***\n\nh1: \n    7: foo\n"),
            ("b", "*** Status: terminating ***\n\nh1: \n    6: foo\n"),
        ],
    );
}

#[test]
fn repeat_adds_to_the_line_before() {
    let config = queue("a", "a@x.example") + "repeat ^last message repeated (\\d+) times\na .*\n";
    let log = line("h1", "foo") + &line("h1", "last message repeated 4 times");
    both(
        &config,
        &log,
        &[("a", "*** Status: terminating ***\n\nh1: \n    5: foo\n")],
    );
}

#[test]
fn hosts_come_by_name() {
    let config = queue("a", "a@x.example") + "a .*\n";
    let (dir, postbox) = (Dir::new(), Postbox::open());
    dir.write("log", "");
    let mut daemon = Daemon::start(&dir, &conf(&dir, postbox.port(), &config), &["log"]);
    dir.append(
        "log",
        line("web", "b") + &line("db", "x") + &line("web", "a"),
    );
    daemon.finish();
    let body = "*** Status: terminating ***\n\ndb: \n    1: x\n\nweb: \n    1: a\n    1: b\n";
    check("ours", &postbox.mails(), &[("a", body)]);
}

#[test]
fn rfc3339_lines_need_no_logprefix() {
    let config = queue("a", "a@x.example") + "a .*\n";
    let (dir, postbox) = (Dir::new(), Postbox::open());
    dir.write("log", "");
    let mut daemon = Daemon::start(&dir, &conf(&dir, postbox.port(), &config), &["log"]);
    dir.append(
        "log",
        "2026-11-23T21:44:00.123456+09:00 h1 x\n2026-11-23T12:44:00Z h1 x\n",
    );
    daemon.finish();
    check(
        "ours",
        &postbox.mails(),
        &[("a", "*** Status: terminating ***\n\nh1: \n    2: x\n")],
    );
}

/// One text in several character sets: 認証に失敗 (authentication failed).
const FAILED: [(&str, &[u8]); 3] = [
    ("euc-jp", b"\xc7\xa7\xbe\xda\xa4\xcb\xbc\xba\xc7\xd4"),
    ("shift_jis", b"\x94\x46\x8f\xd8\x82\xc9\x8e\xb8\x94\x73"),
    ("iso-2022-jp", b"\x1b$BG'>Z$K<:GT\x1b(B"),
];

/// `what` of a pattern with each byte as it is written there.
fn pattern(what: &[u8]) -> Vec<u8> {
    what.iter()
        .flat_map(|&b| match b.is_ascii_alphanumeric() || b >= 0x80 {
            true => vec![b],
            false => format!("\\x{b:02x}").into_bytes(),
        })
        .collect()
}

/// Without `set charset`, whoever gets the report can decode it, and `-C` says what to do.
#[test]
fn text_of_an_unknown_character_set_is_shown_byte_by_byte() {
    let (mut warned, mut shown) = (0, 0);
    for (charset, failed) in FAILED {
        let dir = Dir::new();
        let rule = [b"a ^sshd: ", &*pattern(failed), b"\na .*\n"].concat();
        let head = format!("set mailserver m\nset queue a f@x t@x {NEVER}\n");
        let config = dir.write(
            "tenshi.conf",
            [head.as_bytes(), b"#", failed, b"\n", &rule].concat(),
        );
        let log = dir.write(
            "log",
            [b"Nov 23 21:44:00 h1 sshd: ", failed, b"\n"].concat(),
        );
        let run = |words: &[&str]| {
            let output = std::process::Command::new(crate::support::daemon::PROGRAM)
                .args(words)
                .arg("-c")
                .arg(&config)
                .args(words.first().filter(|w| **w == "replay").map(|_| &log))
                .output()
                .unwrap();
            String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
        };
        let bytes: String = failed
            .iter()
            .map(|&b| match b {
                b' '..=b'~' => char::from(b).to_string(),
                _ => format!("\\x{b:02X}"),
            })
            .collect();
        let report = run(&["replay"]);
        assert!(
            report.contains(&format!("    1: sshd: {bytes}\n")),
            "{charset}: {report}"
        );
        shown += 1;
        let told = run(&["-C"]);
        let warnings = told.matches("no `set charset` says what it is").count();
        // The escapes of a pattern are no text of ISO-2022-JP, and no comment is shown to anybody.
        assert_eq!(
            warnings,
            usize::from(charset != "iso-2022-jp"),
            "{charset}: {told}"
        );
        warned += warnings;
    }
    assert_eq!((warned, shown), (2, 3));
}
