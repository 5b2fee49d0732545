//! `set charset`: lines of other character sets become UTF-8 before anything looks at them, and the text of the
//! configuration is read so too.

use std::net::UdpSocket;
use std::os::unix::ffi::OsStrExt;
use std::process::Command;

use nix::sys::signal::Signal;

use crate::support::daemon::{Daemon, PROGRAM};
use crate::support::ports::free_address;
use crate::support::postbox::Postbox;
use crate::support::{DEADLINE, Dir, NEVER, conf, poll, with_input};

/// One text in several character sets: 認証に失敗 (authentication failed), 表示 (display), whose first letter
/// has a backslash as its second byte in Shift_JIS.
const TEXT: &str = "認証に失敗 表示";
const SETS: [(&str, &[u8]); 3] = [
    (
        "euc-jp",
        b"\xc7\xa7\xbe\xda\xa4\xcb\xbc\xba\xc7\xd4 \xc9\xbd\xbc\xa8",
    ),
    (
        "shift_jis",
        b"\x94\x46\x8f\xd8\x82\xc9\x8e\xb8\x94\x73 \x95\x5c\x8e\xa6",
    ),
    ("iso-2022-jp", b"\x1b$BG'>Z$K<:GT\x1b(B \x1b$BI=<(\x1b(B"),
];

fn line(text: &[u8]) -> Vec<u8> {
    [b"Nov 23 21:44:00 h1 sshd: root: ", text, b"\n"].concat()
}

/// A queue `a` and a rule for the text, both in a character set; `set charset` stands behind them.
fn rules(set: &str, text: &[u8]) -> Vec<u8> {
    let queue = format!("set queue a f@x t@x {NEVER} ");
    let queue = [queue.as_bytes(), text].concat();
    let rule = [b"a ^sshd: (\\w+): ", text, b"$"].concat();
    let set = format!("set charset {set}");
    [&queue, &rule, set.as_bytes(), b""].join(&b'\n')
}

#[test]
fn a_configuration_in_another_character_set_takes_its_lines() {
    for (set, text) in SETS {
        let (dir, postbox) = (Dir::new(), Postbox::open());
        dir.write("log", "");
        let include = dir.write("rules", rules(set, text));
        let config = conf(
            &dir,
            postbox.port(),
            &format!("include {}\n", include.display()),
        );
        let config_file = dir.write("tenshi.conf", &config);
        let mut check = Command::new(PROGRAM);
        let checked = check.args(["-C", "-c"]).arg(&config_file).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&checked.stderr), "", "{set}");
        let mut daemon = Daemon::start(&dir, &config, &["log"]);
        // Lines that are UTF-8 stay as they are.
        for text in [text, TEXT.as_bytes()] {
            dir.append("log", line(text));
        }
        daemon.finish();
        let mails = postbox.mails();
        let body = mails[0].body();
        let want = format!("\nh1: \n    2: sshd: ______: {TEXT}\n");
        assert!(body.ends_with(&want), "{set}: {body}");
        let subject = format!("=?utf-8?B?{}?=", base64(&format!("{TEXT} [a]")));
        assert_eq!(
            folded(&mails[0].header("Subject")),
            folded(&subject),
            "{set}"
        );
    }
}

/// Encoded words without the places where they are cut.
fn folded(header: &str) -> String {
    let text: Vec<String> = header
        .split_whitespace()
        .map(|word| unbase64(word.trim_start_matches("=?utf-8?B?").trim_end_matches("?=")))
        .collect();
    text.concat()
}

fn unbase64(text: &str) -> String {
    let (output, _) = with_input(Command::new("base64").arg("-d"), text.as_bytes());
    String::from_utf8(output.stdout).unwrap()
}

fn base64(text: &str) -> String {
    let (output, _) = with_input(Command::new("base64").arg("-w0"), text.as_bytes());
    String::from_utf8(output.stdout).unwrap()
}

/// A site with logs of three sets, whose lines are equal in the mail; its rules are in a fourth one, UTF-8.
#[test]
fn each_log_has_its_own_character_set_over_rotation_and_restart() {
    let (dir, postbox) = (Dir::new(), Postbox::open());
    let mut rest = format!("set queue a f@x t@x {NEVER}\na ^sshd: root: {TEXT}$\n");
    let utf16: Vec<u8> = TEXT.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let wide = |text: &str| -> Vec<u8> { text.encode_utf16().flat_map(u16::to_le_bytes).collect() };
    let mut logs = vec!["log".to_owned(), "windows.log".to_owned()];
    rest += "set charset utf-8\n";
    for (set, _) in SETS {
        let name = format!("{set}.log");
        rest += &format!(
            "set logfile {0}\nset charset {set} {0}\n",
            dir.path(&name).display()
        );
        logs.push(name);
    }
    rest += &format!("set logfile {}\n", dir.path("windows.log").display());
    for log in &logs {
        dir.write(log, "");
    }
    let config = conf(&dir, postbox.port(), &rest);
    let state = dir.path("state");
    let config = format!("set statedir {}\n{config}", state.display());
    let logs: Vec<&str> = logs.iter().map(String::as_str).collect();
    let write = |begin: &[u8]| {
        dir.append("log", line(TEXT.as_bytes()));
        for (set, text) in SETS {
            dir.append(&format!("{set}.log"), line(text));
        }
        let text = [
            begin,
            &wide("Nov 23 21:44:00 h1 sshd: root: "),
            &utf16,
            &wide("\r\n"),
        ]
        .concat();
        // Half of a line, and of a code unit, is there when the daemon ends.
        dir.append("windows.log", &text[..text.len() - 3]);
        text[text.len() - 3..].to_vec()
    };
    let rotate = || {
        for log in &logs {
            std::fs::rename(dir.path(log), dir.path(&format!("{log}.1"))).unwrap();
            dir.write(log, "");
        }
    };
    let mut daemon = Daemon::start(&dir, &config, &logs);
    let rest = write(b"\xff\xfe");
    daemon.finish();
    dir.append("windows.log", rest);
    let mut daemon = Daemon::start(&dir, &config, &logs);
    let rest = write(b"");
    dir.append("windows.log", rest);
    rotate();
    let rest = write(b"\xff\xfe");
    dir.append("windows.log", rest);
    daemon.finish();
    let mut daemon = Daemon::start(&dir, &config, &logs);
    daemon.finish();
    let mails = postbox.mails();
    let lines = mails.iter().flat_map(|mail| mail.counts().remove("h1"));
    let lines: Vec<(u64, String)> = lines.flatten().map(|e| (e.count, e.text)).collect();
    let text = format!("sshd: root: {TEXT}");
    assert!(lines.iter().all(|(_, line)| *line == text), "{lines:?}");
    // None is lost, none is doubled.
    assert_eq!(lines.iter().map(|(count, _)| count).sum::<u64>(), 15);
}

#[test]
fn a_fifo_a_program_and_messages_have_character_sets() {
    let (dir, postbox) = (Dir::new(), Postbox::open());
    let (euc, sjis) = (SETS[0].1, SETS[1].1);
    let fifo = dir.path("fifo");
    assert!(
        Command::new("mkfifo")
            .arg(&fifo)
            .status()
            .unwrap()
            .success()
    );
    let listen = free_address();
    dir.write("log", "");
    let program = dir.write(
        "tail",
        "#!/bin/sh\nshift\nexec /usr/bin/tail -q -n +1 -F \"$@\"\n",
    );
    std::fs::set_permissions(
        &program,
        std::os::unix::fs::PermissionsExt::from_mode(0o755),
    )
    .unwrap();
    let rest = format!(
        "set tail {1} -x\nset queue a f@x t@x {NEVER}\na ^sshd: root: {TEXT}$\n\
         set fifo {0}\nset charset euc-jp {0}\nset listen {listen}\nset charset sjis {listen}\n\
         set charset iso-2022-jp\n",
        fifo.display(),
        program.display()
    );
    let config = conf(&dir, postbox.port(), &rest);
    let mut daemon = Daemon::start(&dir, &config, &[]);
    std::fs::write(&fifo, line(euc)).unwrap();
    UdpSocket::bind("127.0.0.1:0")
        .unwrap()
        .send_to(&[&b"<13>"[..], &line(sjis)].concat(), listen)
        .unwrap();
    dir.append("log", line(SETS[2].1));
    let want = format!("3: sshd: root: {TEXT}\n");
    let mut told = String::new();
    let done = poll(DEADLINE, || {
        daemon.signal(Signal::SIGUSR2);
        told = postbox.mails().iter().map(|mail| mail.body()).collect();
        let one = format!("1: sshd: root: {TEXT}\n");
        let two = format!("2: sshd: root: {TEXT}\n");
        let lines = told.matches(&one).count() + 2 * told.matches(&two).count();
        (told.contains(&want) || lines == 3).then_some(())
    });
    assert!(done.is_some(), "{told}\n{}", daemon.stderr());
    daemon.finish();
}

#[test]
fn a_reload_takes_another_character_set() {
    let (dir, postbox) = (Dir::new(), Postbox::open());
    dir.write("log", "");
    let rest = |set: &str| format!("set queue a f@x t@x {NEVER}\na .*\nset charset {set}\n");
    let config = conf(&dir, postbox.port(), &rest("euc-jp"));
    let mut daemon = Daemon::start(&dir, &config, &["log"]);
    dir.append("log", line(SETS[0].1));
    dir.write("tenshi.conf", conf(&dir, postbox.port(), &rest("sjis")));
    daemon.signal(Signal::SIGHUP);
    daemon.wait_stderr("read again");
    dir.append("log", line(SETS[1].1));
    daemon.finish();
    let lines: String = postbox.mails().iter().map(|mail| mail.body()).collect();
    assert_eq!(lines.matches(TEXT).count(), 2, "{lines}");
}

/// All commands that read logs see the lines that the daemon sees.
#[test]
fn saved_logs_are_read_as_the_daemon_reads_them() {
    let mut checked = 0;
    for (set, text) in SETS {
        let dir = Dir::new();
        let rules = [&b"set mailserver m\n"[..], &rules(set, text)].concat();
        let config = dir.write("tenshi.conf", rules);
        let log = dir.write("log.1", line(text));
        let run = |words: &[&str], input: &[u8]| {
            let mut command = Command::new(PROGRAM);
            command.args(words).arg("-c").arg(&config);
            let (output, _) = with_input(&mut command, input);
            String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
        };
        let log = log.to_str().unwrap();
        for (words, want) in [
            (&["replay", log][..], format!("1: sshd: ______: {TEXT}")),
            (&["coverage", log], "1 line".to_owned()),
            (&["explain"], format!("sshd: root: {TEXT}")),
        ] {
            let told = run(words, &line(text));
            assert!(told.contains(&want), "{set} {words:?}: {told}");
            checked += 1;
        }
        let told = run(&["replay", "-"], &line(text));
        assert!(told.contains(&format!("1: sshd: ______: {TEXT}")), "{told}");
        let mut explain = Command::new(PROGRAM);
        let one = line(text);
        let word = std::ffi::OsStr::from_bytes(one.trim_ascii_end());
        let told = explain
            .args(["explain", "-c"])
            .arg(&config)
            .arg(word)
            .output();
        let told = String::from_utf8(told.unwrap().stdout).unwrap();
        assert!(
            told.contains(&format!("sshd: ______: {TEXT}")),
            "{set}: {told}"
        );
    }
    assert_eq!(checked, 9);
}

/// Without `set charset` a byte order mark means nothing, and no byte is another one.
#[test]
fn without_a_character_set_lines_are_bytes() {
    let dir = Dir::new();
    let config =
        format!("set mailserver m\nset queue a f@x t@x {NEVER}\na .*\nset csv {NEVER} /bin/cat\n");
    let config = dir.write("tenshi.conf", config);
    let mut log = b"\xff\xfeN\0o\0v\0\n\0\n".to_vec();
    for (_, text) in SETS {
        log.extend(line(text));
    }
    let log = dir.write("log", log);
    let mut replay = Command::new(PROGRAM);
    let replay = replay.args(["replay", "-c"]).arg(&config).arg(&log);
    let told = String::from_utf8(replay.output().unwrap().stdout).unwrap();
    assert!(!told.contains(TEXT), "{told}");
    assert!(told.contains(r"sshd: root: \xC7\xA7\xBE\xDA"), "{told}");
    assert!(told.contains(r"sshd: root: \x1B$BG'>Z"), "{told}");
}
