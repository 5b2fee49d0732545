//! Differences from the Perl original that no other test holds, each a row of
//! docs/compatibility.md: what it loses, garbles or dies of, and what we do.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::UdpSocket;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use crate::support::daemon::{Daemon, PROGRAM};
use crate::support::mail::Mail;
use crate::support::ports::free_address;
use crate::support::postbox::Postbox;
use crate::support::{Dir, NEVER, conf, line};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

fn queue(name: &str, to: &str) -> String {
    format!("set queue {name} from@x {to} {NEVER}\n")
}

/// Runs `log` through `config` and gives the mails as `replay` prints them.
fn replay(config: &str, log: &str) -> String {
    let dir = Dir::new();
    let file = dir.write("tenshi.conf", format!("set mailserver m\n{config}"));
    let output = Command::new(PROGRAM)
        .args(["replay", "-c"])
        .arg(file)
        .arg(dir.write("log", log))
        .output()
        .expect("the program runs");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{told}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Starts the program on a configuration that it must refuse, and gives what it says.
fn refused(dir: &Dir, config: &str) -> String {
    let file = dir.write("tenshi.conf", config);
    let Output { status, stderr, .. } = Command::new(PROGRAM)
        .args(["-f", "-c"])
        .arg(file)
        .stdin(Stdio::null())
        .output()
        .expect("the program runs");
    assert!(!status.success(), "it should not run");
    String::from_utf8_lossy(&stderr).into_owned()
}

fn bodies(mails: &[Mail]) -> String {
    mails.iter().map(Mail::body).collect()
}

#[test]
fn a_mail_server_may_be_set_after_an_include() {
    let dir = Dir::new();
    let rules = dir.write("rules", queue("a", "t") + "a x\n");
    let text = format!("include {}\nset mailserver m\n", rules.display());
    let output = Command::new(PROGRAM)
        .args(["-C", "-c"])
        .arg(dir.write("tenshi.conf", text))
        .output()
        .expect("the program runs");
    assert!(output.status.success());
}

#[test]
fn a_zero_is_a_subject() {
    let mails = replay(
        &format!("set queue a from@x t {NEVER} 0\na x\n"),
        &line("h", "x"),
    );
    assert!(mails.contains("Subject: 0 [a]"), "{mails}");
}

#[test]
fn an_empty_recipient_is_passed_over() {
    let (dir, postbox) = (Dir::new(), Postbox::open());
    dir.write("log", "");
    let rules = queue("a", "one@x,,two@x,") + "a .*\n";
    let mut daemon = Daemon::start(&dir, &conf(&dir, postbox.port(), &rules), &["log"]);
    dir.append("log", line("h1", "x"));
    daemon.finish();
    assert_eq!(postbox.mails()[0].to, ["one@x", "two@x"]);
}

#[test]
fn a_group_host_left_open_swallows_nothing() {
    let rules = queue("a", "t") + "group_host ^web\na ^mail\n";
    let log = line("web1", "mail to x") + &line("db1", "mail to y") + &line("db1", "web page");
    let mails = replay(&rules, &log);
    assert!(mails.contains("web1: \n    1: mail to x"), "{mails}");
    assert!(!mails.contains("db1"), "{mails}");
}

#[test]
fn only_a_whole_number_repeats() {
    let rules = queue("a", "t") + "repeat ^repeated (\\S+)\na ^foo\n";
    let mut log = line("h", "foo");
    for word in [
        "three",
        "3x",
        "0x10",
        "1e3",
        "2.5",
        "-5",
        "",
        "99999999999999999999999",
    ] {
        log += &line("h", &format!("repeated {word}"));
    }
    let mails = replay(&rules, &(log.clone() + &line("h", "repeated 4")));
    assert!(mails.contains("    5: foo"), "{mails}");
}

#[test]
fn groups_are_masked_in_the_order_of_the_text() {
    let rules = queue("a", "t") + "a (?=.*(z))(a)\n";
    let mails = replay(&rules, &line("h", "a then z"));
    assert!(mails.contains("    1: ______ then ______\n"), "{mails}");
}

#[test]
fn profile_mode_counts_lines_and_runs_no_program() {
    let dir = Dir::new();
    let made = dir.path("made");
    let config = dir.write(
        "tenshi.conf",
        format!(
            "set mailserver m\nset csv [now] /usr/bin/touch {}\ncsv .*\n",
            made.display()
        ),
    );
    let log = dir.write("log", line("h", "x").repeat(3));
    let output = Command::new(PROGRAM)
        .args(["-p", "-c"])
        .arg(config)
        .stdin(File::open(log).expect("the log"))
        .output()
        .expect("the program runs");
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success() && told.contains("3 lines in "),
        "{told}"
    );
    assert!(told.contains("lines per second"), "{told}");
    assert!(!made.exists());
}

#[test]
fn debug_shows_which_way_each_line_takes_and_at_2_the_dialogue() {
    for level in ["1", "2"] {
        let (dir, postbox) = (Dir::new(), Postbox::open());
        dir.write("log", "");
        let rules = format!(
            "{}group ^foo\na (\\d+)\ngroup_end\ntrash ^bar\n",
            queue("a", "t@x")
        );
        let config = conf(&dir, postbox.port(), &rules);
        let mut daemon = Daemon::start_with(&dir, &config, &["log"], &["-d", level]);
        for text in ["foo 12\x07é", "bar", "other"] {
            dir.append("log", line("h1", text));
        }
        dir.append("log", "junk\n");
        daemon.finish();
        let told = daemon.stdout();
        let place = |at: &str| format!("taken by {}:{at}", dir.path("tenshi.conf").display());
        let at = |text: &str| config[..config.find(text).unwrap()].lines().count() + 1;
        for wanted in [
            "line of h1: foo 12\\x07é\n".to_owned(),
            format!(
                "{} a\n  counted as: foo ______\\x07é\n",
                place(&format!("{}:3", at("a (")))
            ),
            format!(
                "line of h1: bar\n  {} trash\n",
                place(&format!("{}:7", at("trash")))
            ),
            "line of h1: other\n  taken by no rule\n".into(),
            "line without a known prefix: junk\n".into(),
        ] {
            assert!(told.contains(&wanted), "{wanted}: {told}");
        }
        assert_eq!(told.contains("smtp "), level == "2", "{told}");
        assert_eq!(told.contains("RCPT TO:<t@x>"), level == "2", "{told}");
    }
}

#[test]
fn lines_of_two_files_are_never_joined() {
    let (dir, postbox) = (Dir::new(), Postbox::open());
    dir.write("log", "");
    dir.write("log2", "");
    let more = format!(
        "set logfile {}\n{}a .*\n",
        dir.path("log2").display(),
        queue("a", "a@x")
    );
    let mut daemon = Daemon::start(&dir, &conf(&dir, postbox.port(), &more), &["log", "log2"]);
    dir.append("log", "Nov 23 21:44:00 h1 part one,");
    dir.append("log2", line("h2", "from log2"));
    // The second file's line is read before the first one's end is written.
    daemon.signal(Signal::SIGUSR2);
    postbox.wait(1);
    dir.append("log", " rest\n");
    daemon.finish();
    let text = bodies(&postbox.mails());
    assert!(text.contains("    1: from log2\n"), "{text}");
    assert!(text.contains("    1: part one, rest\n"), "{text}");
}

#[test]
fn a_log_file_that_is_not_there_yet_is_waited_for() {
    let (dir, postbox) = (Dir::new(), Postbox::open());
    let rules = format!("{}a .*\n", queue("a", "a@x"));
    dir.write("other", "");
    let other = format!("set logfile {}\n{rules}", dir.path("other").display());
    let config = conf(&dir, postbox.port(), &other);
    let mut daemon = Daemon::start(&dir, &config, &["other"]);
    dir.append("log", line("h1", "the first line"));
    daemon.wait_stderr("followed again");
    daemon.finish();
    assert!(bodies(&postbox.mails()).contains("1: the first line\n"));
    // The old way, for those who want it.
    let dir = Dir::new();
    let off = format!("set tail_missing off\n{}", conf(&dir, 25, &rules));
    let told = refused(&dir, &off);
    assert!(told.contains("no valid log files"), "{told}");
}

#[test]
fn tail_missing_off_takes_a_pattern_that_files_match_and_the_check_agrees_with_the_start() {
    let (dir, postbox) = (Dir::new(), Postbox::open());
    let rules = format!("{}a .*\n", queue("a", "a@x"));
    let pattern = dir.path("*.lg");
    let config = format!(
        "set tail_missing off\nset logfile {}\nset mailserver 127.0.0.1:{}\n{rules}",
        pattern.display(),
        postbox.port()
    );
    let check = || {
        let file = dir.write("tenshi.conf", &config);
        let output = Command::new(PROGRAM).arg("-C").arg("-c").arg(file).output();
        let output = output.expect("the program runs");
        (
            output.status.code(),
            String::from_utf8_lossy(&output.stderr).into_owned(),
        )
    };
    dir.write(".hidden.lg", "");
    let (status, told) = check();
    assert_eq!(status, Some(1), "{told}");
    assert!(told.contains("error: no valid log files"), "{told}");
    assert!(refused(&dir, &config).contains("no valid log files"));
    dir.write("x.lg", "");
    assert_eq!(check(), (Some(0), String::new()));
    let mut daemon = Daemon::start(&dir, &config, &["x.lg"]);
    dir.append("x.lg", line("h1", "one"));
    dir.append("y.lg", line("h1", "two"));
    daemon.finish();
    let bodies = bodies(&postbox.mails());
    assert!(
        bodies.contains("1: one\n") && bodies.contains("1: two\n"),
        "{bodies}"
    );
}

#[test]
fn a_tail_program_without_arguments_is_given_those_that_the_original_gives() {
    crate::support::perl::required();
    let dir = Dir::new();
    dir.write("log", "");
    let (program, given) = (dir.path("program"), dir.path("given"));
    let script = format!(
        "#!/bin/sh\necho \"$@\" >> '{}'\nexec sleep 1000\n",
        given.display()
    );
    fs::write(&program, script).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let config = conf(
        &dir,
        25,
        &format!(
            "set tail {}\n{}a .*\n",
            program.display(),
            queue("a", "a@x")
        ),
    );
    let file = dir.write("tenshi.conf", config);
    let mut told = ["/usr/sbin/tenshi", PROGRAM].map(|tenshi| {
        let _ = fs::remove_file(&given);
        let mut run = Command::new(tenshi);
        run.args(["-f", "-c"])
            .arg(&file)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let mut child = run.spawn().expect("the program runs");
        let arguments = || {
            fs::read_to_string(&given)
                .ok()
                .filter(|text| text.ends_with('\n'))
        };
        let arguments = crate::support::poll(crate::support::DEADLINE, arguments);
        kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGTERM).unwrap();
        child.wait().unwrap();
        arguments.unwrap_or_else(|| panic!("{tenshi} did not run its program"))
    });
    let theirs = std::mem::take(&mut told[0]);
    assert!(theirs.starts_with("-q "), "{theirs}");
    assert_eq!(told[1], theirs);
}

#[test]
fn a_tail_program_that_does_not_exist_is_refused() {
    let dir = Dir::new();
    dir.write("log", "");
    let rules = queue("a", "t") + "set tail /nonexistent/tail -x\na .*\n";
    let told = refused(&dir, &conf(&dir, 25, &rules));
    assert!(
        told.contains("/nonexistent/tail: no such program"),
        "{told}"
    );
}

#[test]
fn a_reload_with_a_missing_log_disturbs_no_other() {
    let (dir, postbox) = (Dir::new(), Postbox::open());
    dir.write("log", "");
    let missing = dir.path("missing");
    let rules = format!(
        "set logfile {}\n{}a (.*)\n",
        missing.display(),
        queue("a", "a@x")
    );
    let config = conf(&dir, postbox.port(), &rules);
    let mut daemon = Daemon::start(&dir, &config, &["log"]);
    dir.append("log", line("h1", "x"));
    daemon.signal(Signal::SIGHUP);
    daemon.wait_stderr("read again");
    dir.append("log", line("h1", "x"));
    daemon.finish();
    let lines = bodies(&postbox.mails()).matches("    1: ______\n").count();
    assert_eq!(lines, 2, "each line once, before and after");
}

#[test]
fn what_could_not_be_sent_at_the_end_is_sent_after_the_restart() {
    let (dir, postbox) = (Dir::new(), Postbox::open());
    dir.write("log", "");
    let rules = format!(
        "set statedir {}\n{}a .*\n",
        dir.path("state").display(),
        queue("a", "a@x")
    );
    // Nobody listens on this port.
    let mut daemon = Daemon::start(&dir, &conf(&dir, 1, &rules), &["log"]);
    dir.append("log", line("h1", "before the end"));
    daemon.finish();
    let told = daemon.stderr();
    assert!(told.contains("is kept for the next start"), "{told}");
    dir.append("log", line("h1", "while it was away"));
    let mut daemon = Daemon::start(&dir, &conf(&dir, postbox.port(), &rules), &["log"]);
    postbox.wait(1);
    daemon.finish();
    let text = bodies(&postbox.mails());
    for words in ["    1: before the end\n", "    1: while it was away\n"] {
        assert_eq!(text.matches(words).count(), 1, "{text}");
    }
}

#[test]
fn a_missing_filter_is_refused_whichever_rule_uses_its_queue() {
    let dir = Dir::new();
    dir.write("log", "");
    let rules = queue("a", "t") + &queue("b", "t") + "set filter b /nonexistent/x\na,b .*\n";
    let told = refused(&dir, &conf(&dir, 25, &rules));
    assert!(
        told.contains("/nonexistent/x: not executable (queue b)"),
        "{told}"
    );
}

#[test]
fn a_missing_program_for_mails_is_refused() {
    let dir = Dir::new();
    dir.write("log", "");
    let config = conf(&dir, 25, &(queue("a", "t") + "a .*\n"));
    let config = config.replace("127.0.0.1:25", "sendmail:/nonexistent/msmtp -a x");
    let told = refused(&dir, &config);
    assert!(
        told.contains("/nonexistent/msmtp: not executable (set mailserver)"),
        "{told}"
    );
}

#[test]
fn what_was_written_before_the_end_is_read() {
    const LINES: usize = 50_000;
    let (dir, postbox) = (Dir::new(), Postbox::open());
    dir.write("log", "");
    let rules = queue("a", "a@x") + "a .*\n";
    let mut daemon = Daemon::start(&dir, &conf(&dir, postbox.port(), &rules), &["log"]);
    dir.append("log", line("h1", "x").repeat(LINES));
    daemon.finish();
    let text = bodies(&postbox.mails());
    assert!(text.contains(&format!("    {LINES}: x\n")), "{text}");
}

#[test]
fn a_reload_finds_a_configuration_named_relatively() {
    let (dir, postbox) = (Dir::new(), Postbox::open());
    dir.write("log", "");
    let rules = |name: &str| queue(name, "a@x") + &format!("{name} .*\n");
    let config = |name: &str| conf(&dir, postbox.port(), &rules(name));
    let mut daemon = Daemon::start_with(&dir, &config("a"), &["log"], &["-c", "tenshi.conf"]);
    dir.write("tenshi.conf", config("b"));
    daemon.signal(Signal::SIGHUP);
    daemon.wait_stderr("read again");
    dir.append("log", line("h1", "x"));
    daemon.finish();
    assert_eq!(postbox.mails()[0].queue(), "b");
}

#[test]
fn what_a_reload_no_longer_sets_has_its_default() {
    let (dir, postbox) = (Dir::new(), Postbox::open());
    dir.write("log", "");
    let rules = queue("a", "a@x") + "a (.*)\n";
    let before = conf(&dir, postbox.port(), &format!("set mask X\n{rules}"));
    let mut daemon = Daemon::start(&dir, &before, &["log"]);
    dir.write("tenshi.conf", conf(&dir, postbox.port(), &rules));
    daemon.signal(Signal::SIGHUP);
    daemon.wait_stderr("read again");
    dir.append("log", line("h1", "x"));
    daemon.finish();
    let text = bodies(&postbox.mails());
    assert!(text.contains("    1: ______\n"), "{text}");
}

#[test]
fn a_queue_check_is_said_in_its_own_mail_only() {
    let (dir, postbox) = (Dir::new(), Postbox::open());
    dir.write("log", "");
    let rules = "set queue n from@x n@x [now]\nn .*\n";
    let mut daemon = Daemon::start(&dir, &conf(&dir, postbox.port(), rules), &["log"]);
    daemon.signal(Signal::SIGUSR1);
    for round in 1..=2 {
        dir.append("log", line("h1", "x"));
        postbox.wait(round);
    }
    daemon.finish();
    let mails = postbox.mails();
    assert_eq!(mails[1].status(), None, "{}", mails[1].body());
}

#[test]
fn messages_have_colours_on_a_terminal_only() {
    let dir = Dir::new();
    let told = refused(&dir, "set foo\n");
    assert!(!told.contains('\x1b') && told.contains("error"), "{told}");
}

#[test]
fn a_report_begins_where_the_one_before_ended() {
    let (dir, postbox) = (Dir::new(), Postbox::open());
    dir.write("log", "");
    let rules = queue("a", "a@x") + "a .*\n";
    let mut daemon = Daemon::start(&dir, &conf(&dir, postbox.port(), &rules), &["log"]);
    // The times have whole seconds: the first report is to be later than the start.
    std::thread::sleep(Duration::from_millis(1100));
    dir.append("log", line("h1", "x"));
    daemon.signal(Signal::SIGHUP);
    postbox.wait(1);
    dir.append("log", line("h1", "y"));
    daemon.finish();
    let mails = postbox.mails();
    let clock = |header: String| {
        let time = header
            .split(' ')
            .find(|word| word.matches(':').count() == 2);
        time.map(str::to_owned).unwrap_or(header)
    };
    let starts = |mail: &Mail| clock(mail.header("X-tenshi-report-start"));
    assert_eq!(starts(&mails[1]), clock(mails[0].header("Date")));
    assert_ne!(starts(&mails[1]), starts(&mails[0]));
}

#[test]
fn a_fifo_or_an_address_is_input_enough() {
    let (dir, postbox) = (Dir::new(), Postbox::open());
    // Only its owner may open it: root, if root starts the daemon.
    let fifo = dir.path("fifo");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::from_bits_truncate(0o600)).unwrap();
    let address = free_address();
    let rules = queue("a", "a@x") + "a .*\n";
    for (input, number) in [
        (format!("set fifo {}", fifo.display()), 1),
        (format!("set listen {address}"), 2),
    ] {
        let mail = format!("set mailserver 127.0.0.1:{}", postbox.port());
        let config = dir.write("tenshi.conf", format!("{input}\n{mail}\n{rules}"));
        let mut daemon = Command::new(PROGRAM)
            .args(["-f", "-c"])
            .arg(config)
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program runs");
        // It says this when it runs.
        let mut told = String::new();
        BufReader::new(daemon.stderr.take().unwrap())
            .read_line(&mut told)
            .unwrap();
        assert!(told.contains("no state directory"), "{told}");
        let text = line("h1", &input[..8]);
        match number {
            1 => std::fs::write(&fifo, text).unwrap(),
            _ => {
                let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
                sender.send_to(text.as_bytes(), address).unwrap();
            }
        }
        let pid = Pid::from_raw(i32::try_from(daemon.id()).unwrap());
        kill(pid, Signal::SIGTERM).unwrap();
        assert!(daemon.wait().unwrap().success());
        let found = bodies(&postbox.wait(number));
        assert!(
            found.contains(&format!("    1: {}\n", &input[..8])),
            "{found}"
        );
    }
}

/// The original merges the files.
#[test]
fn a_repetition_belongs_to_its_file() {
    let dir = Dir::new();
    let (auth, syslog) = (dir.path("auth.log"), dir.path("syslog"));
    let postbox = Postbox::open();
    let config = format!(
        "set logfile {}\nset logfile {}\nset mailserver 127.0.0.1:{}\nset sleep 0\n{}\
         set queue n n@x n@x [now]\nn ^mark\nrepeat ^last message repeated (\\d+) times\na .*\n",
        auth.display(),
        syslog.display(),
        postbox.port(),
        queue("a", "a@x"),
    );
    std::fs::write(&auth, "").unwrap();
    std::fs::write(&syslog, "").unwrap();
    let mut daemon = Daemon::start(&dir, &config, &[]);
    // Each line is read before the next one is written, so the steps come in the order of the lines.
    let steps = [
        (&auth, "sshd: Failed password"),
        (&syslog, "CRON: x"),
        (&auth, "last message repeated 5 times"),
        (&auth, "last message repeated 18446744073709551615 times"),
    ];
    for (number, (file, text)) in steps.into_iter().enumerate() {
        let mut log = File::options().append(true).open(file).unwrap();
        let text = line("h", text) + &line("m", "mark");
        std::io::Write::write_all(&mut log, text.as_bytes()).unwrap();
        postbox.wait(number + 1);
    }
    daemon.signal(Signal::SIGTERM);
    assert!(daemon.wait().success());
    let found = bodies(&postbox.wait(steps.len() + 1));
    assert!(found.contains("    6: sshd: Failed password\n"), "{found}");
    assert!(found.contains("    1: CRON: x\n"), "{found}");
}

/// The mails of a daemon that has received these datagrams.
fn received(config: &str, datagrams: &[&str]) -> String {
    let (dir, postbox) = (Dir::new(), Postbox::open());
    let address = free_address();
    let mail = format!("set mailserver 127.0.0.1:{}", postbox.port());
    let rules = queue("a", "a@x") + "repeat ^last message repeated (\\d+) time\na .*\n";
    let text = format!("set listen {address}\n{mail}\n{config}{rules}");
    let mut daemon = Command::new(PROGRAM)
        .args(["-f", "-c"])
        .arg(dir.write("tenshi.conf", text))
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program runs");
    let mut told = String::new();
    let mut stderr = BufReader::new(daemon.stderr.take().unwrap());
    stderr.read_line(&mut told).unwrap();
    assert!(told.contains("no state directory"), "{told}");
    let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
    for datagram in datagrams {
        sender.send_to(datagram.as_bytes(), address).unwrap();
    }
    let pid = Pid::from_raw(i32::try_from(daemon.id()).unwrap());
    kill(pid, Signal::SIGTERM).unwrap();
    assert!(daemon.wait().unwrap().success());
    bodies(&postbox.wait(1))
}

#[test]
fn messages_of_devices_add_up_under_the_device() {
    let found = received(
        "",
        &[
            "<28>Jul  8 23:04:13  vmx01 alarmd[2449]: Alarm set",
            "<28>Jul  8 23:05:14  vmx01 alarmd[2449]: Alarm set",
            "<189>1432: sw1: Jun  1 12:50:26.172: %LINK-3-UPDOWN: down\n  since today",
            "<189>1433: sw1: Jun  1 12:51:27.002: %LINK-3-UPDOWN: down\n  since today",
            "<187>: nx1: 2026 May  2 12:55:19 UTC: %ETHPORT-5-X: y",
            "<187>nx1: 2026 May  2 12:55:20 UTC: last message repeated 3 times",
            "<13>prog: x",
        ],
    );
    for part in [
        "vmx01: \n    2: alarmd[2449]: Alarm set\n",
        "    2: %LINK-3-UPDOWN: down\n",
        "    2:   since today\n",
        "nx1: \n    4: %ETHPORT-5-X: y\n",
        "127.0.0.1: \n    1: prog: x\n",
    ] {
        assert!(found.contains(part), "{part} is not in\n{found}");
    }
    assert_eq!(found.matches("127.0.0.1:").count(), 1, "{found}");
}

#[test]
fn a_logprefix_holds_for_what_is_received() {
    let own = "set logprefix ^box=(\\S+) seq=\\d+ \nset logprefix nxos\n";
    let found = received(
        own,
        &[
            "<13>box=alpha seq=1 down",
            "<13>box=alpha seq=2 down",
            "<187>May  3 13:55:35 nx7 2026 May  3 13:55:35.928 AEST: %X-3-Y: z",
            "<187>May  3 13:55:36 nx7 2026 May  3 13:55:36.129 AEST: %X-3-Y: z",
            "<165>1 2026-11-23T21:44:00Z h5 app - - [x y=\"z\"] five",
        ],
    );
    for part in [
        "alpha: \n    2: down\n",
        "nx7: \n    2: %X-3-Y: z\n",
        "h5: \n    1: app: five\n",
    ] {
        assert!(found.contains(part), "{part} is not in\n{found}");
    }
}

#[test]
fn prefixes_by_name_read_files() {
    let rules = queue("a", "t") + "a .*\n";
    let cases = [
        (
            "cisco",
            "1432: sw1: Jun  1 12:50:26.172: %A-1-B: c",
            "sw1",
            "%A-1-B: c",
        ),
        (
            "cisco",
            "<189>1432: sw1: Jun  1 12:50:26.172: %A-1-B: c",
            "sw1",
            "%A-1-B: c",
        ),
        (
            "cisco",
            "2026-06-01T12:50:26Z 10.0.0.1 1432: sw1: Jun  1 12:50:26.172: %A-1-B: c",
            "sw1",
            "%A-1-B: c",
        ),
        (
            "cisco",
            "Jun  1 12:50:26 fw1 : %ASA-6-302013: Built",
            "fw1",
            "%ASA-6-302013: Built",
        ),
        (
            "nxos",
            "2026 Apr 20 13:15:07 nx1 %A-1-B: c",
            "nx1",
            "%A-1-B: c",
        ),
        (
            "junos",
            "Jul  8 23:04:13  vmx01 alarmd[1]: x",
            "vmx01",
            "alarmd[1]: x",
        ),
        (
            "junos",
            "Jan 18 02:59:24 2026  r1 alarmd[1]: x",
            "r1",
            "alarmd[1]: x",
        ),
        (
            "junos",
            "<28>1 2026-07-08T23:04:13.123Z r1 mgd 3046 UI_X [junos@2636.1 a=\"]\"] x",
            "r1",
            "mgd[3046]: UI_X: x",
        ),
        (
            "rfc5424",
            "<28>1 2026-07-08T23:04:13.123Z r1 mgd 3046 UI_X [a b=\"]\"] x",
            "r1",
            "mgd[3046]: x",
        ),
        (
            "rfc5424",
            "1 2026-07-08T23:04:13.123Z r1 mgd - - - x",
            "r1",
            "mgd: x",
        ),
        ("pri", "<13>Nov 23 21:44:00 h1 prog: x", "h1", "prog: x"),
        (
            "pri",
            "<13>2026-11-23T21:44:00Z h1 prog: x",
            "h1",
            "prog: x",
        ),
        ("iso", "2026-11-23 21:44:00,123 h1 prog: x", "h1", "prog: x"),
        ("docker", "web-1  | GET /", "web-1", "GET /"),
        (
            "panos",
            "Jun  1 12:50:26 pa1 1,2026/06/01 12:50:26,1,SYSTEM,general,0,2026/06/01 12:50:26,x",
            "pa1",
            "SYSTEM,general,x",
        ),
        (
            "aruba",
            "Jun  1 12:50:26 2026 [10.1.1.1] stm[1]: <501100> x",
            "10.1.1.1",
            "stm[1]: <501100> x",
        ),
        // All that was read before is read as before.
        ("cisco", "Nov 23 21:44:00 h1 prog: x", "h1", "prog: x"),
        ("junos", "2026-11-23T21:44:00Z h1 prog: x", "h1", "prog: x"),
    ];
    for (name, line, host, message) in cases {
        let config = format!("set logprefix {name}\n{rules}");
        let found = replay(&config, &format!("{line}\n"));
        let part = format!("{host}: \n    1: {message}\n");
        assert!(found.contains(&part), "{name}: {line}: {found}");
    }
    // Without a host, it is this machine's.
    let here = nix::unistd::gethostname().unwrap().into_string().unwrap();
    let found = replay(
        &format!("set logprefix docker\n{rules}"),
        "2026-11-23T21:44:00.123456789Z stdout F GET /\n",
    );
    assert!(
        found.contains(&format!("{here}: \n    1: GET /\n")),
        "{found}"
    );
    // Without the name they are not known.
    let found = replay(&rules, "1432: sw1: Jun  1 12:50:26.172: %A-1-B: c\n");
    assert!(!found.contains("%A-1-B"), "{found}");
}

#[test]
fn a_word_that_is_no_name_is_a_pattern() {
    let dir = Dir::new();
    let told = refused(&dir, "set mailserver m\nset logprefix junoss\n");
    assert!(
        told.contains("no group for the host") && told.contains("junos"),
        "{told}"
    );
    let rules = queue("a", "t") + "a .*\n";
    let found = replay(
        &format!("set logprefix ^cisco (\\S+) \n{rules}"),
        "cisco h1 x\n",
    );
    assert!(found.contains("h1: \n    1: x\n"), "{found}");
}
