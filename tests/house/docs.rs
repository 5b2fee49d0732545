//! The documents against the program: what it knows is described, what is described it knows, and
//! every example works.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tenshi::config;

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn read(name: &str) -> String {
    fs::read_to_string(path(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

/// A line of a man page as its reader sees it: the escapes that we use undone.
fn plain(line: &str) -> String {
    line.replace("\\&", "")
        .replace("\\:", "")
        .replace("\\(ha", "^")
        .replace("\\(ga", "`")
        .replace("\\e", "\\")
}

/// One entry of tenshi.conf(5): `set NAME`, its text, and its examples.
struct Entry {
    name: String,
    form: String,
    text: String,
    examples: Vec<String>,
}

fn entries(page: &str) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut open = false;
    for line in page.lines() {
        if let Some(head) = line.strip_prefix(".It Ic set ") {
            let (name, form) = head.split_once(" Ar ").expect("`.It Ic set NAME Ar FORM`");
            entries.push(Entry {
                name: name.into(),
                form: form.into(),
                text: String::new(),
                examples: Vec::new(),
            });
            open = true;
        } else if line.starts_with(".It ") || line.starts_with(".El") {
            open = false;
        } else if let Some(entry) = entries.last_mut().filter(|_| open) {
            match line.strip_prefix(".Dl ") {
                Some(example) => entry.examples.push(plain(example)),
                None => {
                    entry.text.push_str(line);
                    entry.text.push('\n');
                }
            }
        }
    }
    entries
}

#[test]
fn every_setting_is_described_and_every_example_works() {
    let page = read("docs/tenshi.conf.5");
    let entries = entries(&page);
    let described: Vec<(&str, &str)> = entries
        .iter()
        .map(|e| (e.name.as_str(), e.form.as_str()))
        .collect();
    let known: BTreeSet<(&str, &str)> = config::settings().collect();
    assert_eq!(described.iter().copied().collect::<BTreeSet<_>>(), known);
    assert_eq!(described.len(), known.len(), "none is described twice");
    let (mut settings, mut examples) = (0, 0);
    for entry in &entries {
        let name = &entry.name;
        assert!(entry.text.contains("Default: "), "{name} has no default");
        let kinds = ["Static.", "Dynamic.", "at the next start."];
        assert!(
            kinds.iter().any(|kind| entry.text.contains(kind)),
            "{name}: when does a change take effect?"
        );
        assert!(!entry.examples.is_empty(), "{name} has no example");
        for example in &entry.examples {
            assert!(example.starts_with(&format!("set {name} ")), "{example}");
            accepted(&format!(
                "set mailserver localhost\nset queue report f t [0 8 * * *]\nset queue critical f t [now]\n{example}\n"
            ));
            examples += 1;
        }
        settings += 1;
    }
    assert!(settings >= 36 && examples >= 40, "{settings}, {examples}");
}

/// Checks a configuration without looking at this machine.
fn accepted(text: &str) {
    let loaded = config::parse_bytes(text.as_bytes());
    let errors: Vec<String> = loaded
        .diagnostics
        .iter()
        .filter(|d| d.is_error())
        .map(ToString::to_string)
        .collect();
    assert!(
        loaded.config.is_some(),
        "{text}\nis refused: {}",
        errors.join("\n")
    );
}

#[test]
fn static_settings_are_said_to_be() {
    let page = read("docs/tenshi.conf.5");
    let base = "set mailserver localhost\nset queue report f t [0 8 * * *]\nset queue critical f t [now]\n";
    let load = |text: &str| config::parse_bytes(text.as_bytes()).config.expect(text);
    let mut checked = 0;
    for entry in entries(&page) {
        let changed = load(&format!("{base}{}\n", entry.examples[0]));
        let told = config::static_changes(&load(base), &changed);
        let said = entry.text.contains("Static.");
        assert_eq!(
            told,
            if said {
                vec![entry.name.as_str()]
            } else {
                vec![]
            },
            "{}: the page says static: {said}",
            entry.name
        );
        checked += 1;
    }
    assert!(checked >= 36, "{checked}");
}

#[test]
fn the_words_of_rules_and_files_are_described() {
    let page = read("docs/tenshi.conf.5");
    let mut checked = 0;
    let words = config::BUILT_IN
        .into_iter()
        .chain(["include Ar FILE", "includedir Ar DIRECTORY"]);
    for word in words {
        assert!(page.contains(&format!("\n.It Ic {word}\n")), "{word}");
        checked += 1;
    }
    assert_eq!(checked, 6);
    assert!(page.contains("\n.Ic group_end\n") && page.contains("noprefix"));
}

/// The blocks of a man page (`.Bd -literal`) that are configurations or parts of one.
#[test]
fn the_examples_of_the_pages_are_accepted() {
    let mut checked = 0;
    for name in ["docs/tenshi.conf.5", "docs/tenshi.8"] {
        for block in literal(&read(name)) {
            checked += usize::from(configuration(name, &block));
        }
    }
    assert_eq!(checked, 2);
}

/// The literal blocks of a man page.
fn literal(page: &str) -> Vec<String> {
    let blocks = page.split(".Bd -literal -offset indent\n").skip(1);
    let ends = blocks.map(|block| block.split("\n.Ed").next().unwrap_or_default());
    ends.map(plain).collect()
}

/// Whether a block is a configuration or a part of one; if it is, `tenshi -C` finds no error in it.
fn configuration(name: &str, block: &str) -> bool {
    let words = [
        "set",
        "group",
        "group_host",
        "repeat",
        "continue",
        "trash",
        "report",
        "critical",
        "misc",
    ];
    let first = block
        .lines()
        .find(|line| !line.starts_with('#') && !line.is_empty());
    let first = first.and_then(|line| line.split([' ', ',', ':']).next());
    if !first.is_some_and(|word| words.contains(&word)) {
        return false;
    }
    let mut text = String::new();
    for (word, line) in [
        ("set mailserver", "set mailserver localhost\n"),
        ("set queue report", "set queue report f t [now]\n"),
        ("set queue alarm", "set queue alarm f t [now]\n"),
        ("set queue critical", "set queue critical f t [now]\n"),
        ("set queue misc", "set queue misc f t [now]\n"),
    ] {
        if !block.contains(word) {
            text.push_str(line);
        }
    }
    passes_the_check(name, &format!("{text}{block}\n"));
    true
}

/// Holds that `tenshi -C` accepts a configuration of the document of this name.
fn passes_the_check(name: &str, config: &str) {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("example.conf");
    fs::write(&file, config).expect("write the configuration");
    let output = Command::new(env!("CARGO_BIN_EXE_tenshi"))
        .args(["-C", "-c"])
        .arg(&file)
        .output()
        .expect("run tenshi");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name}:\n{config}\n{told}");
}

/// What syslog daemons and devices write instead of repeating a message.
#[test]
fn the_rule_for_repetitions_knows_their_forms() {
    let example = literal(&read("docs/tenshi.conf.5"))
        .into_iter()
        .find(|block| block.starts_with("repeat "))
        .expect("the example");
    let rule = example.lines().next().unwrap_or_default();
    let shipped = read("etc/tenshi.conf");
    assert!(shipped.lines().any(|line| line == rule), "{rule}");
    for (hidepid, said) in [("on", "sshd"), ("off", "sshd[1]")] {
        for form in [
            "last message repeated 5 times",
            "message repeated 5 times: [ sshd[1]: x]",
            "sshd[1]: message repeated 5 times: [ x]",
            "last message repeated 5 time",
        ] {
            let dir = tempfile::tempdir().expect("a directory");
            let (file, log) = (dir.path().join("conf"), dir.path().join("log"));
            let config = format!(
                "set mailserver m\nset hidepid {hidepid}\nset queue a f t [0 0 1 1 *]\n{rule}\na .*\n"
            );
            fs::write(&file, config).expect("write the configuration");
            let stamp = "Nov  3 06:00:00 h";
            fs::write(&log, format!("{stamp} sshd[1]: x\n{stamp} {form}\n")).expect("write a log");
            let output = Command::new(env!("CARGO_BIN_EXE_tenshi"))
                .args([
                    "replay".as_ref(),
                    "-c".as_ref(),
                    file.as_os_str(),
                    log.as_os_str(),
                ])
                .output()
                .expect("run tenshi");
            let mails = String::from_utf8_lossy(&output.stdout);
            assert!(
                mails.contains(&format!("    6: {said}: x\n")),
                "{form}: {mails}"
            );
        }
    }
}

/// The rules and configurations in the pages beside the manual.
#[test]
fn the_examples_of_the_other_documents_pass_the_check() {
    let mut checked = 0;
    for name in [
        "README.md",
        "README.ja.md",
        "RELEASING.md",
        "SECURITY.md",
        "docs/ARCHITECTURE.md",
        "docs/compatibility.md",
        "docs/following.md",
        "docs/rules.md",
        "docs/site.md",
        "docs/state.md",
        "docs/logrotate.md",
        "docs/notify.md",
        "docs/openrc.md",
    ] {
        for block in blocks(&read(name)) {
            checked += usize::from(configuration(name, &block));
        }
    }
    assert!(checked >= 3, "{checked}");
}

#[test]
fn every_option_and_command_is_described_and_no_other() {
    let page = read("docs/tenshi.8");
    let mut command = tenshi::cli::command();
    command.build();
    let mut known = BTreeSet::new();
    let arguments = command.get_arguments().chain(
        command
            .get_subcommands()
            .flat_map(clap::Command::get_arguments),
    );
    for argument in arguments {
        known.extend(argument.get_short().map(|letter| format!("-{letter}")));
        known.extend(argument.get_long().map(|name| format!("--{name}")));
    }
    let mut described = BTreeSet::new();
    for line in page.lines() {
        let Some(head) = line.strip_prefix(".It Fl ") else {
            continue;
        };
        for form in head.split(" , Fl ") {
            let name = form.strip_prefix("Fl ").map(|rest| format!("--{rest}"));
            let name = name.unwrap_or_else(|| format!("-{form}"));
            described.insert(name.split(' ').next().unwrap_or_default().to_owned());
        }
    }
    assert_eq!(described, known);
    assert!(known.len() >= 18, "{known:?}");
    let commands: BTreeSet<&str> = command
        .get_subcommands()
        .map(clap::Command::get_name)
        .collect();
    let described: BTreeSet<&str> = page
        .lines()
        .filter_map(|line| line.strip_prefix(".It Cm "))
        .filter_map(|head| head.split(' ').next())
        .collect();
    assert_eq!(described, commands);
    assert!(commands.len() >= 2, "{commands:?}");
}

/// A block of the README that sets a mail server is a whole configuration.
#[test]
fn the_configurations_of_the_readmes_pass_the_check() {
    let mut checked = 0;
    for name in ["README.md", "README.ja.md"] {
        let text = read(name);
        for block in blocks(&text).filter(|block| block.contains("set mailserver")) {
            passes_the_check(name, &block);
            checked += 1;
        }
    }
    assert_eq!(checked, 2, "one in each README");
}

/// Indented blocks, without their indentation.
fn blocks(text: &str) -> impl Iterator<Item = String> + '_ {
    let mut blocks = vec![String::new()];
    for line in text.lines() {
        match (line.strip_prefix("    "), blocks.last_mut()) {
            (Some(code), Some(block)) => {
                block.push_str(code);
                block.push('\n');
            }
            (None, Some(block)) if line.trim().is_empty() && !block.is_empty() => block.push('\n'),
            (None, Some(block)) if !block.is_empty() => blocks.push(String::new()),
            _ => {}
        }
    }
    blocks.into_iter().filter(|block| !block.trim().is_empty())
}

/// What the READMEs tell the reader to type: each option and command is one that exists.
#[test]
fn the_commands_of_the_readmes_are_understood() {
    let mut checked = 0;
    for name in ["README.md", "README.ja.md", "docs/state.md"] {
        let text = read(name);
        let indented = text.lines().filter_map(|line| line.strip_prefix("    "));
        let commands = indented.map(|line| line.trim_start().trim_start_matches("sudo "));
        for line in commands.filter(|line| line.starts_with("tenshi ")) {
            let line = line.split(['#', '|', '>', '&']).next().unwrap_or_default();
            let words = line.split_whitespace().map(Into::into);
            if let Err(exit) = tenshi::cli::parse(words) {
                panic!("{name}: {line}: {}", exit.text);
            }
            checked += 1;
        }
    }
    assert!(checked >= 30, "{checked}");
}

/// What the snippets for monitoring systems run.
#[test]
fn the_commands_for_monitoring_are_understood() {
    let mut checked = 0;
    for name in ["nagios.cfg", "zabbix.conf"] {
        let text = read(&format!("examples/monitoring/{name}"));
        for line in text.lines() {
            let Some((_, command)) = line.split_once("/usr/sbin/tenshi ") else {
                continue;
            };
            let words = ["tenshi"].into_iter().chain(command.split_whitespace());
            match tenshi::cli::parse(words.map(Into::into)) {
                Ok(tenshi::cli::Command::Status(_)) => checked += 1,
                other => panic!("{name}: {line}: {other:?}"),
            }
        }
    }
    assert_eq!(checked, 4);
}

/// Links from the documents to files of ours.
#[test]
fn links_lead_somewhere() {
    let mut checked = 0;
    let mut documents = vec!["fuzz/README.md".to_owned(), "tests/README.md".to_owned()];
    for directory in ["", "docs/"] {
        let entries = fs::read_dir(path(directory)).expect("a directory");
        let names = entries.map(|entry| entry.expect("an entry").file_name());
        let names = names.filter_map(|name| name.into_string().ok());
        let names = names.filter(|name| name.ends_with(".md"));
        documents.extend(names.map(|name| format!("{directory}{name}")));
    }
    assert!(documents.len() > 20, "{documents:?}");
    for name in &documents {
        let text = read(name);
        let base = path(name);
        for target in text.split("](").skip(1) {
            let target = target.split([')', '#']).next().unwrap_or_default();
            if target.is_empty() || target.contains("://") {
                continue;
            }
            let file = base.parent().expect("a directory").join(target);
            assert!(file.exists(), "{name} links to {target}");
            checked += 1;
        }
    }
    assert!(checked >= 6, "{checked}");
}

/// Each test has its row in tests/README.md, and each row a test.
#[test]
fn the_page_on_the_tests_lists_them_all() {
    let page = read("tests/README.md");
    let mut listed: Vec<String> = page
        .lines()
        .filter_map(|line| line.strip_prefix("| [")?.split_once(']'))
        .map(|(name, _)| name.to_owned())
        .collect();
    // The parts of each test program; the recorded cases and the torture are programs with one row.
    let mut there = vec!["oracle".to_owned(), "torture".to_owned()];
    for program in ["house", "perl", "site"] {
        let parts = fs::read_dir(path("tests").join(program)).expect("a test program");
        for part in parts.flatten().map(|entry| entry.path()) {
            let name = part.file_stem().and_then(|name| name.to_str());
            let is_file = part.extension().is_some_and(|end| end == "rs") && name != Some("main");
            if is_file || part.join("mod.rs").exists() {
                there.push(name.expect("a name").to_owned());
            }
        }
    }
    listed.sort();
    there.sort();
    assert_eq!(listed, there);
    assert!(listed.len() > 20, "{listed:?}");
}

/// Each row of the table of differences ends in the tests that hold it: `file::test`.
#[test]
fn each_difference_names_tests_that_exist() {
    let text = read("docs/compatibility.md");
    let (mut rows, mut tests) = (0, 0);
    // Other tables have no tests in them.
    let mut differences = false;
    for line in text.lines().filter(|l| l.starts_with("| ")) {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        if cells.first() == Some(&"The Perl program") {
            differences = true;
        } else if matches!(cells.first(), Some(&("Refused" | "Package"))) {
            differences = false;
        }
        if !differences {
            continue;
        }
        let &[_, _, named, _] = cells.as_slice() else {
            panic!("four cells: {line}")
        };
        if named == "Test" || named.starts_with("---") {
            continue;
        }
        for test in named.split(", ") {
            let test = test.trim_matches('`');
            let (file, function) = test
                .split_once("::")
                .unwrap_or_else(|| panic!("{test}: {line}"));
            let code = read(file);
            assert!(
                code.contains(&format!("fn {function}(")),
                "no {function} in {file}: {line}"
            );
            tests += 1;
        }
        rows += 1;
    }
    assert!(rows >= 90 && tests >= rows, "{rows} rows, {tests} tests");
}

/// The messages that tenshi(8) explains are the program's: each has its words, between the names
/// in capitals and the values, in one of the sources.
#[test]
fn the_messages_of_the_page_are_the_programs() {
    let mut sources = String::new();
    let mut rooms = vec![path("src")];
    while let Some(room) = rooms.pop() {
        for entry in fs::read_dir(&room).expect("the sources") {
            let entry = entry.expect("an entry").path();
            if entry.is_dir() {
                rooms.push(entry);
            } else {
                // A text may go on in the next line of the source.
                let text = fs::read_to_string(&entry).expect("a source");
                let lines: Vec<&str> = text.lines().map(str::trim).collect();
                sources.push_str(&lines.join("\n").replace("\\\n", ""));
            }
        }
    }
    let page = read("docs/tenshi.8");
    let mut checked = 0;
    let messages = page.lines().filter_map(|l| l.strip_prefix(".It Li \""));
    for message in messages {
        let message = plain(message.trim_end_matches('"'));
        let is_name = |word: &&str| {
            let letters = word.trim_matches(|c: char| !c.is_alphanumeric());
            !letters.is_empty() && letters.bytes().all(|b| b.is_ascii_uppercase())
        };
        let words: Vec<&str> = message.split(' ').collect();
        for part in words.split(|word| is_name(word) || word.starts_with('`')) {
            let part = part.join(" ");
            if part.is_empty() {
                continue;
            }
            assert!(sources.contains(&part), "{message}: nothing says `{part}`");
            checked += 1;
        }
    }
    assert!(checked >= 14, "{checked}");
}

/// The pages are clean for both programs that show them.
#[test]
fn the_pages_are_clean() {
    let viewers: [(&str, &[&str]); 2] = [
        ("mandoc", &["-Tlint", "-Wwarning"]),
        ("man", &["--warnings", "-E", "UTF-8", "-Tutf8", "-Z", "-l"]),
    ];
    let mut checked = 0;
    for (viewer, arguments) in viewers {
        for page in ["docs/tenshi.8", "docs/tenshi.conf.5"] {
            let output = Command::new(viewer)
                .args(arguments)
                .arg(path(page))
                .output()
                .unwrap_or_else(|e| panic!("{viewer}: {e}: install the packages mandoc, man-db"));
            let [told, wrong] =
                [&output.stdout, &output.stderr].map(|b| String::from_utf8_lossy(b));
            assert!(output.status.success(), "{viewer} {page}: {told}{wrong}");
            assert!(!wrong.contains("warning"), "{viewer} {page}: {wrong}");
            checked += 1;
        }
    }
    assert_eq!(checked, 4);
}
