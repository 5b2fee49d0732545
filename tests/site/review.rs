//! The review of `tenshi suggest` in a real terminal: a whole session, what a kill loses (nothing), and how it is
//! taken up again.

use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::Command;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::suggest::{accepted, lines, messages};
use crate::support::daemon::{Daemon, PROGRAM};
use crate::support::tmux::Tmux;
use crate::support::{DEADLINE, Dir, poll};

/// The installed configuration, with the log and the directory of the rule files in `dir`.
fn conf(dir: &Dir) -> String {
    let text = include_str!("../../etc/tenshi.conf");
    let active = dir.path("active").display().to_string();
    let text = text.replace("/etc/tenshi/includes-active", &active);
    let log = dir.path("log").display().to_string();
    let text = text.replace("/var/log/syslog", &log);
    text.replace("set logfile /var/log/auth.log\n", "")
}

fn site(log: &[u8]) -> Dir {
    let dir = Dir::new();
    fs::create_dir(dir.path("active")).unwrap();
    dir.write("log", log);
    dir.write("tenshi.conf", conf(&dir));
    dir
}

/// A log with all kinds of programs, wide characters, and bytes that would steer a terminal.
fn log() -> Vec<u8> {
    let mut messages = messages();
    messages.extend((0..4).map(|n| format!("sshd: Accepted publickey for u{n}z").into_bytes()));
    for n in 0..40 {
        messages.push(format!("webapp: request {n} served").into_bytes());
        messages.push(format!("webapp: \u{1b}]0;title\u{7} \u{202e} lost {n}").into_bytes());
    }
    lines(&messages)
}

fn suggest(dir: &Dir, options: &str) -> String {
    let files = Path::new(env!("CARGO_MANIFEST_DIR")).join("etc/includes-available");
    let conf = dir.path("tenshi.conf");
    let (conf, files) = (conf.display(), files.display());
    format!("{PROGRAM} suggest -c {conf} --from {files} {options}")
}

/// The answers in the directory that the configuration includes.
fn answers(dir: &Dir) -> String {
    let files = fs::read_dir(dir.path("active")).unwrap();
    let mut files = files.map(|file| file.unwrap().path());
    let file = files.find(|path| path.to_string_lossy().contains("/suggested-2"));
    file.map_or(String::new(), |path| fs::read_to_string(path).unwrap())
}

/// The process of the review.
fn reviewer(dir: &Dir) -> Pid {
    let conf = dir.path("tenshi.conf").display().to_string();
    let output = Command::new("pgrep")
        .args(["-f", &format!("suggest -c {conf}")])
        .output();
    let output = output.expect("pgrep: Debian package procps").stdout;
    let pids = String::from_utf8_lossy(&output).into_owned();
    let pid = pids.lines().next().expect("a review that runs");
    Pid::from_raw(pid.parse().unwrap())
}

/// Links the rule files, and waits until the logs are read again.
fn link(tmux: &Tmux) -> String {
    tmux.keys(&["l"]);
    tmux.wait_for("linked files", |screen| {
        screen.contains("linked into") && screen.contains("a accept")
    })
}

/// The number of open rules in the first line; a great one while nothing is drawn.
fn open_rules(screen: &str) -> usize {
    let head = screen.lines().next().unwrap_or_default();
    let number = head.split(" reached, ").nth(1).unwrap_or_default();
    let number = number.split(' ').next().unwrap_or_default().parse();
    number.unwrap_or(usize::MAX)
}

/// From the first view to the daemon that reads the answers: rule files linked, programs accepted as blocks, a
/// program looked at, a rule changed; the terminal is as it was.
#[test]
fn a_whole_session_in_a_terminal() {
    let dir = site(&log());
    let daemon = Daemon::start_with(&dir, &conf(&dir), &["log"], &["--print"]);
    let tmux = Tmux::start(&dir);
    let record = format!("cat >{}", dir.path("record").display());
    tmux.run(&["pipe-pane", "-t", "t", &record]);
    tmux.shell("stty -g >before");
    tmux.shell(&suggest(&dir, ""));
    let first = tmux.wait("a accept");
    assert!(first.contains(" % of 149 lines reached, "), "{first}");
    assert!(
        first.contains("rule files fit and take") && first.contains("l  links them"),
        "{first}"
    );
    let row = first
        .lines()
        .find(|line| line.starts_with('>'))
        .unwrap_or_default();
    assert!(row.contains("80") && row.ends_with("webapp"), "{first}");
    let linked = link(&tmux);
    assert!(open_rules(&linked) < open_rules(&first), "{linked}");
    assert!(dir.path("active/haproxy").is_symlink());
    // A program is accepted as a block; its loud rule is among those below the list.
    assert!(
        linked.contains("report?") && linked.contains("lost"),
        "{linked}"
    );
    let open = open_rules(&linked);
    tmux.keys(&["a"]);
    tmux.wait_for("fewer open rules", |screen| open_rules(screen) < open);
    assert!(
        answers(&dir).starts_with("group ^webapp:\nreport "),
        "{}",
        answers(&dir)
    );
    // Another one is looked at: its rule is looked into, made wider, and goes to another queue.
    tmux.press(&["/"], "find program:");
    tmux.run(&["send-keys", "-t", "t", "-l", "sssd"]);
    tmux.keys(&["Enter"]);
    tmux.press(&["Enter"], "report, it says `Fail`");
    tmux.press(&["y"], "trash is never proposed");
    tmux.press(&["Escape"], "report, it says");
    let pattern = tmux.press(&["BTab", ">"], "takes 5 of 5 samples");
    assert!(pattern.contains(r"^sssd: Failed login for"), "{pattern}");
    tmux.press(&["t"], "drop them all the same?");
    tmux.press(&["n"], "report, it says");
    tmux.keys(&["c"]);
    tmux.wait("a accept  Enter look");
    let text = answers(&dir);
    assert!(
        text.contains("\ncritical ^sssd: Failed login for "),
        "{text}"
    );
    assert!(
        text.contains("\n# asked: report ^sssd: Failed login"),
        "{text}"
    );
    // Nothing is reloaded before the word; then the daemon reads it.
    let compared = tmux.press(&["w"], "tenshi diff");
    assert!(
        compared.contains("lines of") && compared.contains("change"),
        "{compared}"
    );
    assert!(
        compared.contains(&format!("process {}", daemon.pid())),
        "{compared}"
    );
    assert!(
        !daemon.stderr().contains("read again"),
        "{}",
        daemon.stderr()
    );
    tmux.press(&["End"], "rules:");
    tmux.press(&["y"], "reads its configuration again");
    let reloaded = poll(DEADLINE, || {
        daemon.stderr().contains("read again").then_some(())
    });
    assert!(reloaded.is_some(), "{}", daemon.stderr());
    let end = tmux.press(&["q"], "Written to ");
    assert!(end.contains("% of the lines reached."), "{end}");
    // The word as it is typed must not be taken for the one that is printed.
    tmux.shell("stty -g >after; echo tty re''stored");
    tmux.wait("tty restored");
    let stty = |name| fs::read_to_string(dir.path(name)).unwrap();
    assert_eq!(stty("before"), stty("after"));
    // No byte of the log steered the terminal.
    let record = fs::read(dir.path("record")).unwrap();
    let text = String::from_utf8_lossy(&record);
    assert!(text.contains("webapp") && !text.contains("title\u{7}") && !text.contains('\u{202e}'));
    accepted_is_whole(&dir);
}

/// What stands in the file is a configuration without a fault.
fn accepted_is_whole(dir: &Dir) {
    accepted(&answers(dir));
    let files = fs::read_dir(dir.path("active")).unwrap();
    let hidden = files.filter(|file| {
        let name = file.as_ref().unwrap().file_name();
        name.to_string_lossy().starts_with('.')
    });
    assert_eq!(hidden.count(), 0);
}

/// A kill in the middle loses no answer; the review is taken up again, and asks the rest alone.
#[test]
fn a_kill_loses_no_answer() {
    let dir = site(&log());
    let tmux = Tmux::start(&dir);
    tmux.shell(&suggest(&dir, ""));
    let all = open_rules(&tmux.wait("a accept"));
    assert!(all < 100);
    tmux.keys(&["a"]);
    tmux.wait_for("an answer", |screen| open_rules(screen) == all - 2);
    tmux.press(&["Enter"], "s skip  u undo  e edit");
    tmux.keys(&["s"]);
    tmux.wait_for("an answer", |screen| open_rules(screen) == all - 3);
    let begun = answers(&dir);
    assert!(
        begun.contains("group ^webapp:\n") && begun.contains("# asked: "),
        "{begun}"
    );
    kill(reviewer(&dir), Signal::SIGKILL).unwrap();
    // As with any program of the screen, what nobody can catch leaves the terminal raw.
    tmux.run(&["send-keys", "-t", "t", "-l", "stty sane; tput rmcup; clear"]);
    tmux.press(&["C-j"], "$");
    accepted_is_whole(&dir);
    assert_eq!(answers(&dir), begun);
    // The next run reads the accepted rules as the daemon would.
    tmux.shell(&suggest(&dir, ""));
    let again = tmux.wait("a accept");
    assert_eq!(open_rules(&again), all - 3, "{again}");
    assert!(!again.contains("webapp"), "{again}");
    // Left by ^C, taken up again with another size, ended by a terminal that is gone.
    tmux.press(&["a"], "accepted");
    tmux.press(&["C-c"], "Written to ");
    let more = answers(&dir);
    assert!(more.starts_with(&begun) && more.len() > begun.len());
    tmux.shell(&format!("clear; {}", suggest(&dir, "")));
    let left = open_rules(&tmux.wait("a accept"));
    assert!(left < all - 3);
    tmux.run(&["resize-window", "-t", "t", "-x", "50", "-y", "12"]);
    let small = tmux.wait_for("a small screen", |screen| {
        screen.lines().count() <= 12 && screen.contains("a accept") && open_rules(screen) == left
    });
    assert!(
        small.lines().all(|line| line.chars().count() <= 50),
        "{small}"
    );
    tmux.keys(&["a"]);
    tmux.wait_for("an answer", |screen| open_rules(screen) < left);
    let pid = reviewer(&dir);
    tmux.run(&["kill-session", "-t", "t"]);
    let gone = poll(DEADLINE, || kill(pid, None).is_err().then_some(()));
    assert!(gone.is_some(), "it outlives its terminal");
    assert!(answers(&dir).starts_with(&more) && answers(&dir).len() > more.len());
    accepted_is_whole(&dir);
}

/// A terminal without a screen is asked line by line, one without colours gets none; without a terminal the rules
/// are printed.
#[test]
fn every_terminal_has_its_review() {
    let dir = site(&log());
    let tmux = Tmux::start(&dir);
    tmux.shell(&format!("TERM=dumb {}", suggest(&dir, "")));
    tmux.wait("accept all [a], look at each [l]");
    tmux.press(&["q", "Enter"], "Nothing was added");
    tmux.shell("clear");
    tmux.shell(&suggest(&dir, "--print"));
    tmux.wait("group_end");
    tmux.shell(&format!("clear; {}", suggest(&dir, "")));
    tmux.wait("a accept");
    tmux.press(&["Enter"], "lost");
    assert!(
        tmux.coloured().contains("\u{1b}[33m"),
        "{}",
        tmux.coloured()
    );
    tmux.press(&["q"], "Nothing was added");
    tmux.shell(&format!("clear; NO_COLOR=1 {}", suggest(&dir, "")));
    tmux.wait("a accept");
    tmux.press(&["Enter"], "lost");
    let plain = tmux.coloured();
    assert!(
        (30..38).all(|colour| !plain.contains(&format!("[{colour}m"))),
        "{plain}"
    );
    tmux.press(&["q"], "Nothing was added");
    // The log comes by a pipe, the keys from the terminal.
    let piped = suggest(&dir, "-");
    tmux.shell(&format!(
        "clear; cat {} | {piped}",
        dir.path("log").display()
    ));
    tmux.wait("see l");
    tmux.press(&["l"], "cannot be read again");
    tmux.press(&["a"], "accepted");
    tmux.press(&["q"], "Written to ");
    // A file that the configuration does not include is compared as if it did, and nobody is told to reload.
    let other = dir.path("other");
    let named = format!("--write {}", other.display());
    tmux.shell(&format!("clear; {}", suggest(&dir, &named)));
    tmux.wait("a accept");
    tmux.press(&["a"], "accepted");
    let compared = tmux.press(&["w"], "tenshi diff");
    assert!(compared.contains("counted as another text"), "{compared}");
    assert!(compared.contains("other:"), "{compared}");
    tmux.press(&["End"], "does not include");
    tmux.press(&["Escape", "q"], "Written to ");
    accepted(&fs::read_to_string(&other).unwrap());
    // A signal that ends it leaves the terminal as it was.
    tmux.shell(&format!("clear; stty -g >before; {}", suggest(&dir, "")));
    tmux.wait("a accept");
    kill(reviewer(&dir), Signal::SIGTERM).unwrap();
    tmux.wait("Nothing was added");
    // The word as it is typed must not be taken for the one that is printed.
    tmux.shell("stty -g >after; echo tty re''stored");
    tmux.wait("tty restored");
    let stty = |name| fs::read_to_string(dir.path(name)).unwrap();
    assert_eq!(stty("before"), stty("after"));
    let mut command = Command::new(PROGRAM);
    command.args(["suggest", "-c"]).arg(dir.path("tenshi.conf"));
    let output = command.output().unwrap();
    assert!(output.stdout.starts_with(b"# "), "{output:?}");
    let output = command.args(["--write", "x"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        told.contains("--write is for a review, which needs a terminal, or --plain"),
        "{told}"
    );
}

/// A console's week, from the installed rules to 99 % of its lines, in no more than 90 keys.
#[test]
fn a_console_takes_few_keys() {
    let mut log = Vec::new();
    let packed = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/console/log.gz"));
    let packed = packed.unwrap();
    let mut packed = flate2::read::GzDecoder::new(&packed[..]);
    packed.read_to_end(&mut log).unwrap();
    let dir = site(&log);
    let tmux = Tmux::start(&dir);
    tmux.shell(&suggest(&dir, ""));
    let first = tmux.wait("a accept");
    let reached = |screen: &str| -> f64 {
        let share = screen.trim_start().split(' ').next().unwrap_or_default();
        share.parse().expect("a share")
    };
    assert!(reached(&first) < 1.0, "{first}");
    let mut screen = link(&tmux);
    let mut keys = 1;
    while reached(&screen) < 99.0 {
        let open = open_rules(&screen);
        tmux.keys(&["a"]);
        screen = tmux.wait_for("fewer open rules", |screen| open_rules(screen) < open);
        keys += 1;
    }
    println!("{keys} keys");
    assert!(keys <= 90, "{keys} keys");
    tmux.press(&["q"], "Written to ");
    let mut command = Command::new(PROGRAM);
    command
        .arg("suggest")
        .arg("-c")
        .arg(dir.path("tenshi.conf"));
    let output = command.output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    let taken = told
        .split("read, ")
        .nth(1)
        .and_then(|rest| rest.split(' ').next());
    assert!(taken.unwrap().parse::<f64>().unwrap() >= 99.0, "{told}");
}
