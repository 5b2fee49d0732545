//! The configuration and the rule files that we install: each rule file makes its own report of its
//! own sample lines, and each rule in it is used by one of them.
//!
//! `TENSHI_WRITE_REPORTS=1 cargo test --test site rules::` writes the expected reports anew. Read them
//! before you commit them: they are what a reader of the mails gets.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use crate::support::daemon::PROGRAM;
use crate::support::failures;
use crate::support::perl;
use crate::support::{DEADLINE, Dir, poll};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tenshi::config::{self, Action, Config};
use tenshi::pattern::{Budget, Found, Spans};
use tenshi::record::{self, MessageText, Parsed};
use tenshi::rules;

/// What must be there, at least: a loop over nothing proves nothing.
const FILES: usize = 27;
const RULES: usize = 600;
const LINES: usize = 1200;
const LINES_A_FILE: usize = 24;

/// Where the installed configuration looks for rule files.
const ACTIVE: &str = "includedir /etc/tenshi/includes-active\n";

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The names of the rule files, in the order in which `includedir` reads them.
fn names() -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(repository("etc/includes-available"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert!(names.len() >= FILES, "{names:?}");
    names
}

fn sample(name: &str) -> PathBuf {
    repository(&format!("tests/rules/{name}.log"))
}

/// A machine where the installed configuration has the rule files `active` linked.
struct Site {
    /// Removed with this.
    _dir: Dir,
    conf: PathBuf,
}

impl Site {
    fn new(active: &[String]) -> Self {
        let dir = Dir::new();
        let includes = dir.path("includes-active");
        fs::create_dir(&includes).unwrap();
        for name in active {
            let file = repository("etc/includes-available").join(name);
            std::os::unix::fs::symlink(file, includes.join(name)).unwrap();
        }
        let text = fs::read_to_string(repository("etc/tenshi.conf")).unwrap();
        assert_eq!(text.matches(ACTIVE).count(), 1);
        let text = text.replace(ACTIVE, &format!("includedir {}\n", includes.display()));
        let conf = dir.write("tenshi.conf", text);
        Self { _dir: dir, conf }
    }

    fn run(&self, program: &str, arguments: &[&str]) -> Output {
        Command::new(program)
            .args(arguments)
            .arg("-c")
            .arg(&self.conf)
            .stdin(Stdio::null())
            .output()
            .expect("the program starts")
    }

    fn config(&self) -> Config {
        config::load(&self.conf).config.expect("no errors")
    }

    /// The mails that the sample lines lead to, without what differs from run to run.
    fn report(&self, name: &str) -> String {
        let log = sample(name);
        let output = self.run(PROGRAM, &["replay", log.to_str().unwrap()]);
        assert!(output.status.success(), "{name}: {output:?}");
        assert!(output.stderr.is_empty(), "{name}: {output:?}");
        let text = String::from_utf8(output.stdout).expect("reports are UTF-8");
        let varies = ["From: ", "To: ", "Date: ", "X-tenshi-"];
        text.lines()
            .filter(|line| !varies.iter().any(|start| line.starts_with(start)))
            .map(|line| format!("{}\n", line.trim_end()))
            .collect()
    }
}

/// Which rules, and how often, the lines of a log came to: the taking rule's index, and the groups
/// that were entered before it.
#[derive(Default)]
struct Hits {
    rules: BTreeSet<usize>,
    /// Lines that only the last rule of all took.
    unknown: usize,
    lines: usize,
    traditional: usize,
}

fn hits(config: &Config, log: &Path) -> Hits {
    let mut hits = Hits::default();
    for line in fs::read(log).unwrap().split_inclusive(|&b| b == b'\n') {
        let line = line.strip_suffix(b"\n").expect("a whole line");
        let shown = String::from_utf8_lossy(line);
        let (mut spans, mut budget) = (Spans::default(), Budget::new(line.len()));
        let parsed = record::parse(line, &config.lines, &mut spans, &mut budget);
        let Parsed::Record(record) = parsed else {
            panic!("{}: no time and host: {shown}", log.display());
        };
        let mut room = Vec::new();
        let mut text = MessageText::new(&record.message, config.lines.hidepid, &mut room);
        let (host, message) = (record.host, text.message());
        let taken = rules::decide(&config.rules, host, message, &mut spans, &mut budget)
            .expect("the last rule takes every line")
            .index();
        assert!(budget.gave_up().is_empty(), "{shown}");
        hits.lines += 1;
        hits.traditional += usize::from(line[0].is_ascii_uppercase());
        hits.unknown += usize::from(taken + 1 == config.rules.len());
        hits.rules.insert(taken);
        for (at, rule) in config.rules[..taken].iter().enumerate() {
            if matches!(rule.action, Action::Group { end } if taken < end) {
                assert_eq!(rule.pattern.is_match(message), Found::Yes);
                hits.rules.insert(at);
            }
        }
    }
    hits
}

#[test]
fn each_file_gives_its_report() {
    let names = names();
    let site = Site::new(&names);
    let write = std::env::var_os("TENSHI_WRITE_REPORTS").is_some();
    for name in &names {
        let path = repository(&format!("tests/rules/{name}.report"));
        let got = site.report(name);
        if write {
            fs::write(&path, &got).unwrap();
        }
        let want = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            got == want,
            "{name}: got\n{got}\ninstead of {}",
            path.display()
        );
        assert!(got.contains("Subject: "), "{name}: no mail at all");
    }
}

#[test]
fn a_file_alone_gives_the_same_report() {
    for name in names() {
        let got = Site::new(std::slice::from_ref(&name)).report(&name);
        let want = fs::read_to_string(repository(&format!("tests/rules/{name}.report")));
        assert_eq!(got, want.unwrap(), "{name}");
    }
}

#[test]
fn every_rule_is_used_by_a_sample_line_of_its_file() {
    let names = names();
    let config = Site::new(&names).config();
    let (mut checked, mut lines, mut unused) = (0, 0, Vec::new());
    for name in &names {
        let hits = hits(&config, &sample(name));
        assert!(hits.lines >= LINES_A_FILE, "{name}: {} lines", hits.lines);
        assert!(hits.unknown > 0, "{name}: no line is left to `misc .*`");
        assert!(hits.traditional > 0, "{name}: no traditional time");
        assert!(hits.traditional < hits.lines, "{name}: no RFC 3339 time");
        lines += hits.lines;
        for (at, rule) in config.rules.iter().enumerate() {
            let file = rule.place.file.file_name().unwrap();
            if file.to_str() == Some(name) {
                checked += 1;
                if !hits.rules.contains(&at) {
                    unused.push(format!("{name}: {rule:?}"));
                }
            } else if file != "tenshi.conf" {
                assert!(
                    !hits.rules.contains(&at),
                    "{name}: {rule:?} took one of its lines"
                );
            }
        }
    }
    assert!(unused.is_empty(), "unused:\n{}", unused.join("\n"));
    assert!(checked >= RULES, "{checked} rules");
    assert!(lines >= LINES, "{lines} lines");
    println!("{} files, {checked} rules, {lines} lines", names.len());
}

#[test]
fn all_is_inside_groups_and_no_group_catches_all() {
    let names = names();
    let mut checked = 0;
    for name in &names {
        let text = fs::read_to_string(repository("etc/includes-available").join(name)).unwrap();
        assert!(text.starts_with("# "), "{name}: says nothing about itself");
        let mut depth = 0_usize;
        for line in text.lines().filter(|line| !line.is_empty()) {
            let (word, rest) = line.split_once([' ', '\t']).unwrap_or((line, ""));
            match word {
                _ if word.starts_with('#') => continue,
                "group" => {
                    assert!(rest.starts_with('^'), "{name}: {line}");
                    depth += 1;
                }
                "group_end" => depth -= 1,
                _ => {
                    assert!(depth > 0, "{name}: outside of a group: {line}");
                    assert!(rest.trim_start().starts_with('^'), "{name}: {line}");
                    let queues = ["critical", "report", "trash", "report,critical"];
                    let plain = word.split(':').next().unwrap();
                    assert!(queues.contains(&plain), "{name}: {line}");
                }
            }
            checked += 1;
        }
        assert_eq!(depth, 0, "{name}: a group is open");
    }
    assert!(checked >= RULES, "{checked} lines");
}

/// The rule that takes a message as it stands in a log; none is a rule of `tenshi.conf` alone.
fn taken(config: &Config, message: &str) -> usize {
    let line = format!("Nov  3 06:00:00 alpha {message}");
    let (mut spans, mut budget) = (Spans::default(), Budget::new(line.len()));
    let parsed = record::parse(line.as_bytes(), &config.lines, &mut spans, &mut budget);
    let Parsed::Record(record) = parsed else {
        panic!("{line}");
    };
    let mut room = Vec::new();
    let mut text = record::MessageText::new(&record.message, config.lines.hidepid, &mut room);
    rules::decide(
        &config.rules,
        record.host,
        text.message(),
        &mut spans,
        &mut budget,
    )
    .expect("the last rule takes every line")
    .index()
}

#[test]
fn no_failed_login_and_no_refusal_is_thrown_away() {
    let names = names();
    let whole = Site::new(&names).config();
    let (mut checked, mut lost) = (0, Vec::new());
    for (name, messages) in failures::FAILURES {
        assert!(names.iter().any(|n| n == name), "{name}");
        let alone = Site::new(&[(*name).to_owned()]).config();
        for message in *messages {
            for config in [&whole, &alone] {
                let rule = &config.rules[taken(config, message)];
                if rule.action == Action::Trash {
                    lost.push(format!("{message}\n    {}", rule.place));
                }
            }
            checked += 1;
        }
    }
    assert!(lost.is_empty(), "thrown away:\n{}", lost.join("\n"));
    assert!(checked > 300, "{checked}");
}

/// A rule that throws away what sounds like a failure says why it may.
#[test]
fn what_trash_rules_name_is_no_failed_login() {
    let words = regex::Regex::new(
        "(?i)fail|den(?:y|ied)|refus|reject|unauthori|forbid|invalid user|illegal|authenticate|\
         authentication|authorization|passw|not allowed|not permitted|expired|mismatch|\
         user unknown|unknown user|credential|logins",
    )
    .unwrap();
    let mut used = BTreeSet::new();
    let mut trash = 0;
    for name in names() {
        let text = fs::read_to_string(repository("etc/includes-available").join(&name)).unwrap();
        for rule in text.lines().filter_map(|line| line.strip_prefix("trash")) {
            trash += 1;
            let mut said = rule
                .replace("fail2ban", "")
                .replace("Cool-down expired", "");
            said = said.replace("Authentication Agent", "");
            for (at, (file, part, _)) in failures::HARMLESS.iter().enumerate() {
                if *file == name && said.contains(part) {
                    used.insert(at);
                    said = said.replace(part, "");
                }
            }
            assert!(!words.is_match(&said), "{name}: {rule}\nin {said}");
        }
    }
    assert_eq!(used.len(), failures::HARMLESS.len(), "{used:?}");
    assert!(trash > 80, "{trash}");
}

/// CONFIG_PRINTK_CALLER puts the task or the processor behind the time.
#[test]
fn a_kernel_line_with_a_caller_goes_where_it_goes_without() {
    let config = Site::new(&names()).config();
    let (mut checked, mut critical) = (0, 0);
    for name in ["kernel", "vpn", "disks"] {
        for line in fs::read_to_string(sample(name)).unwrap().lines() {
            let Some((_, message)) = line.split_once(" kernel: ") else {
                continue;
            };
            let mut bare = message;
            while let Some((stamp, rest)) = bare.strip_prefix('[').and_then(|m| m.split_once(']'))
                && stamp
                    .trim()
                    .bytes()
                    .skip(1)
                    .all(|b| b.is_ascii_digit() || b == b'.')
            {
                bare = rest.trim_start();
            }
            let want = taken(&config, &format!("kernel: {bare}"));
            for head in [
                "[  123.456789] ",
                "[12345.678901][ T1234] ",
                "[  123.456][ T1234] ",
                "[  123.456789][    C0] ",
                "[  123.456789] [ C0] ",
                "[  123.456789] [T1234567] ",
                "[ T1234] ",
                "[   C11] ",
            ] {
                let text = format!("kernel: {head}{bare}");
                assert_eq!(taken(&config, &text), want, "{text}");
                checked += 1;
            }
            let rule = &config.rules[want];
            critical += usize::from(rule.place.file.ends_with("kernel"));
        }
    }
    assert!(checked > 400 && critical > 40, "{checked}, {critical}");
    let bug = taken(
        &config,
        "kernel: [  123.456][ T1234] BUG: unable to handle page fault",
    );
    let Action::Queues(targets) = &config.rules[bug].action else {
        panic!("it is thrown away");
    };
    assert_eq!(config.queues[targets[0].queue.index()].name, "critical");
}

/// What `tenshi -C` has to say, without what it says of logs and of a journal that this machine does not have.
fn complaints(site: &Site) -> Vec<String> {
    let output = site.run(PROGRAM, &["-C"]);
    assert!(output.status.success(), "{output:?}");
    let told = String::from_utf8(output.stderr).unwrap();
    let told = told.split("\n\n").map(str::trim);
    let missing = [
        "cannot read the log file `/var/log/",
        "this machine has no journal",
    ];
    told.filter(|text| !text.is_empty() && !missing.iter().any(|words| text.contains(words)))
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_check_finds_nothing_wrong() {
    let names = names();
    for active in [&names[..], &[]] {
        assert_eq!(complaints(&Site::new(active)), [""; 0], "{active:?}");
    }
    for name in &names {
        let site = Site::new(std::slice::from_ref(name));
        assert_eq!(complaints(&site), [""; 0], "{name}");
    }
}

#[test]
fn no_rule_needs_the_slow_engine() {
    let output = Site::new(&names()).run(PROGRAM, &["-C"]);
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(
        told.contains("rules: ") && !told.contains("slow engine"),
        "{told}"
    );
}

/// A way back: the original understands all of it, once the lines are commented out whose words it does not know.
/// The file says so of them.
#[test]
fn the_original_takes_all_of_it() {
    perl::required();
    let site = Site::new(&names());
    let text = fs::read_to_string(&site.conf).unwrap();
    assert!(text.contains("(Perl tenshi knows none of "));
    let ours = ["silence", "bundle", "news", "trends", "journal", "archive"];
    let old = |line: &&str| {
        !ours
            .iter()
            .any(|word| line.starts_with(&format!("set {word} ")))
    };
    let known: Vec<&str> = text.lines().filter(old).collect();
    assert_eq!(known.len() + ours.len(), text.lines().count());
    fs::write(&site.conf, known.join("\n") + "\n").unwrap();
    let output = site.run("/usr/sbin/tenshi", &["-C"]);
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn every_sample_and_report_belongs_to_a_file() {
    let mut wanted: BTreeMap<String, usize> = BTreeMap::new();
    for name in names() {
        wanted.insert(format!("{name}.log"), 0);
        wanted.insert(format!("{name}.report"), 0);
    }
    for entry in fs::read_dir(repository("tests/rules")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        *wanted.entry(name).or_insert(2) += 1;
    }
    let wrong: Vec<_> = wanted.iter().filter(|(_, seen)| **seen != 1).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn the_page_has_each_file() {
    let page = fs::read_to_string(repository("docs/rules.md")).unwrap();
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `"));
    let rows: Vec<&str> = rows
        .filter_map(|row| Some(row.split_once('`')?.0))
        .collect();
    assert_eq!(rows, names());
}

/// rsyslogd under the configuration of Debian's package, only its files elsewhere. Ended on drop.
struct Rsyslogd(Child);

impl Rsyslogd {
    fn start(dir: &Dir) -> Self {
        let root = dir.root().display();
        let stock = fs::read_to_string("/etc/rsyslog.conf").expect("needs the package rsyslog");
        let lines: String = stock
            .lines()
            // The kernel's log is the machine's; the owners of files are for root to set.
            .filter(|line| !line.contains("imklog") && !line.starts_with("$File"))
            .filter(|line| !line.starts_with("$IncludeConfig"))
            .map(|line| format!("{line}\n"))
            .collect();
        let socket = "module(load=\"imuxsock\")";
        assert!(lines.contains(socket), "{lines}");
        let own = format!(
            "module(load=\"imuxsock\" SysSock.Use=\"off\")\n\
             input(type=\"imuxsock\" Socket=\"{root}/socket\")\n"
        );
        let lines = lines
            .replace(socket, &own)
            .replace("/var/spool/rsyslog", &root.to_string())
            .replace("/var/log/", &format!("{root}/"));
        let child = Command::new("/usr/sbin/rsyslogd")
            .args(["-n", "-i"])
            .arg(dir.path("pid"))
            .arg("-f")
            .arg(dir.write("rsyslog.conf", lines))
            .stdin(Stdio::null())
            .spawn()
            .expect("needs the package rsyslog");
        let daemon = Self(child);
        assert!(
            poll(DEADLINE, || dir.path("socket").exists().then_some(())).is_some(),
            "rsyslogd makes no socket"
        );
        daemon
    }

    /// Ends it, when it wrote what it has.
    fn finish(mut self) {
        let pid = i32::try_from(self.0.id()).unwrap();
        kill(Pid::from_raw(pid), Signal::SIGTERM).unwrap();
        let end = poll(DEADLINE, || self.0.try_wait().unwrap());
        assert!(end.is_some(), "rsyslogd does not end");
    }
}

impl Drop for Rsyslogd {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Out of the box: the log files that `tenshi.conf` names have each line of a Debian 12 once.
#[test]
fn what_the_stock_rsyslogd_writes_is_counted_once() {
    let dir = Dir::new();
    let daemon = Rsyslogd::start(&dir);
    let socket = UnixDatagram::unbound().unwrap();
    socket.connect(dir.path("socket")).unwrap();
    // All facilities but those reserved; a notice of each.
    let facilities: Vec<u8> = (0..12).chain(16..24).collect();
    for facility in &facilities {
        let line = format!(
            "<{}>Nov  3 06:00:00 stock[7]: facility {facility}",
            facility * 8 + 5
        );
        socket.send(line.as_bytes()).unwrap();
    }
    // At its end it leaves unread what is in the socket.
    let log = || fs::read_to_string(dir.path("syslog")).ok();
    let last = || log()?.ends_with("facility 23\n").then_some(());
    assert!(poll(DEADLINE, last).is_some(), "{:?}", log());
    daemon.finish();

    let text = fs::read_to_string(repository("etc/tenshi.conf")).unwrap();
    let files = text
        .lines()
        .filter_map(|line| line.strip_prefix("set logfile /var/log/"));
    let files: Vec<String> = files
        .map(|name| dir.path(name).to_str().unwrap().to_owned())
        .collect();
    assert_eq!(files.len(), 2, "{files:?}");
    let mut arguments = vec!["replay"];
    arguments.extend(files.iter().map(String::as_str));
    let output = Site::new(&names()).run(PROGRAM, &arguments);
    assert!(output.status.success(), "{output:?}");
    let mails = String::from_utf8(output.stdout).unwrap();
    for facility in &facilities {
        let line = format!("    1: stock: facility {facility}");
        let seen = mails.lines().filter(|&l| l == line).count();
        assert_eq!(seen, 1, "facility {facility}:\n{mails}");
    }
    assert_eq!(mails.matches("stock").count(), facilities.len(), "{mails}");
    assert!(!mails.contains("[noprefix]"), "{mails}");
}

/// What somebody who knows the programs does with each line of a console's week, beside what the rule
/// files do with it. `tests/console` has the lines, the kind of each, and the queue of each kind.
#[test]
fn no_line_of_a_console_that_is_worth_reading_is_thrown_away() {
    let unpacked = |name: &str| {
        let file = fs::File::open(repository("tests/console").join(name)).unwrap();
        let mut text = String::new();
        std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(file), &mut text).unwrap();
        text
    };
    let mut events: BTreeMap<String, String> = BTreeMap::new();
    let mut rows = csv::Reader::from_path(repository("tests/console/events.csv")).unwrap();
    for row in rows.records() {
        let row = row.unwrap();
        events.insert(row[0].to_owned(), row[2].to_owned());
    }
    let config = Site::new(&names()).config();
    let mut index = rules::Index::new(&config.rules);
    let (log, truth) = (unpacked("log.gz"), unpacked("truth.gz"));
    let mut seen: BTreeMap<(String, String), u64> = BTreeMap::new();
    let mut lost = BTreeMap::new();
    for (line, event) in log.lines().zip(truth.lines()) {
        let (mut spans, mut budget) = (Spans::default(), Budget::new(line.len()));
        let parsed = record::parse(line.as_bytes(), &config.lines, &mut spans, &mut budget);
        let Parsed::Record(record) = parsed else {
            panic!("{line}");
        };
        let mut room = Vec::new();
        let mut text = MessageText::new(&record.message, config.lines.hidepid, &mut room);
        let query = rules::Query {
            host: record.host,
            text: &mut text,
            newlines: false,
            spans: &mut spans,
            budget: &mut budget,
        };
        let rule = &config.rules[index.decide(&config.rules, query).unwrap().index()];
        let queue = match &rule.action {
            Action::Queues(targets) => config.queues[targets[0].queue.index()].name.clone(),
            _ => "trash".to_owned(),
        };
        let wanted = events[event].clone();
        if queue == "trash" && matches!(wanted.as_str(), "report" | "critical") {
            lost.entry(event)
                .or_insert_with(|| format!("{line}\n    {}", rule.place));
        }
        *seen.entry((wanted, queue)).or_default() += 1;
    }
    let lines: u64 = seen.values().sum();
    let count = |wanted: &str, queue: &str| {
        let key = (wanted.to_owned(), queue.to_owned());
        seen.get(&key).copied().unwrap_or(0)
    };
    let lost: Vec<String> = lost.into_values().collect();
    assert!(lost.is_empty(), "thrown away:\n{}", lost.join("\n"));
    assert_eq!(lines, 23_971, "{seen:?}");
    // The other way round: of the routine, a report has logins that were not finished and requests that no
    // server could answer, each masked to one line.
    assert_eq!(count("trash", "critical"), 0, "{seen:?}");
    assert!(count("trash", "report") < 1100, "{seen:?}");
    assert!(count("critical", "misc") < 5, "{seen:?}");
}
