//! The rules to time: those that Debian ships with the original, ours, logcheck's, and one that
//! takes every line. None of the others' is kept here: they come out of their packages.

use std::collections::{BTreeSet, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use nix::unistd::{Group, User, getgid, getuid};
use tenshi::config::{self, Action, Rule};
use tenshi::pattern::{Budget, Spans};
use tenshi::record::{self, MessageText, Parsed};
use tenshi::rules::{Index, Query, mask};

use super::fetch;

/// The end of each set but the smallest.
const LAST: &[u8] = b"misc .*";

/// The names of the sets that are measured on the logs that nobody tuned for.
pub const DEBIAN: &str = "Debian's, as shipped with the original";
pub const INSTALLED: &str = "ours, as installed with all rule files";

/// A configuration.
pub struct Set {
    /// A word for file names.
    pub id: &'static str,
    pub name: &'static str,
    pub text: Vec<u8>,
}

/// All of them.
pub struct Sets {
    pub debian: Set,
    /// The same rules, without the groups around them.
    pub flat: Set,
    pub ours: Set,
    /// Our etc/tenshi.conf with all its rule files: as it is installed, with all of them linked.
    pub installed: Set,
    pub logcheck100: Set,
    pub logcheck: Set,
    /// logcheck's first thousand.
    pub thousand: Set,
    pub trash: Set,
    pub misc: Set,
}

/// What a set does with a log.
#[derive(Clone, Copy, Debug, Default)]
pub struct Effect {
    /// Rules and groups.
    pub rules: usize,
    /// The share of the lines that fall to the last rule.
    pub last: f64,
    /// The share of the lines whose text was not yet counted for their host.
    pub new: f64,
}

/// Makes them; `sample` is a log, to see which of logcheck's rules its lines come to.
pub fn sets(sample: &[u8]) -> Sets {
    let shipped = fetch::package("tenshi").join("etc/tenshi");
    let etc = Path::new(env!("CARGO_MANIFEST_DIR")).join("etc");
    let own = etc.join("includes-available");
    let all = logcheck();
    assert!(all.len() > 1_700, "only {} rules of logcheck", all.len());
    let whole = set("logcheck", "logcheck's, all as `trash`", false, all.clone());
    let some = spread(&all, &taking(&whole, sample), 100);
    let first = all[..1000].to_vec();
    let debian = as_shipped("debian", DEBIAN, &shipped);
    Sets {
        installed: as_shipped("installed", INSTALLED, &etc),
        flat: flat(&debian),
        debian,
        ours: set(
            "ours",
            "ours, all of `etc/includes-available`",
            true,
            files(&own),
        ),
        logcheck100: set("logcheck100", "logcheck's, 100 as `trash`", false, some),
        logcheck: whole,
        thousand: set("thousand", "logcheck's first 1,000", false, first),
        trash: only(
            "trash",
            "one rule, `trash .*`",
            true,
            vec![b"trash .*".to_vec()],
        ),
        misc: set("misc", "one rule, `misc .*`", true, Vec::new()),
    }
}

/// The account that runs this, as settings: both programs become the user `tenshi` otherwise.
pub fn ourselves() -> String {
    let user = User::from_uid(getuid()).ok().flatten();
    let group = Group::from_gid(getgid()).ok().flatten();
    let (user, group) = (user.expect("this account"), group.expect("its group"));
    format!("set uid {}\nset gid {}\n", user.name, group.name)
}

/// A tenshi.conf with all the rule files beside it, as it is but for the files and accounts of this machine.
fn as_shipped(id: &'static str, name: &'static str, etc: &Path) -> Set {
    const HERE: [&[u8]; 4] = [b"set uid ", b"set gid ", b"set pidfile ", b"set logfile "];
    let mut text = format!("{}set logfile /dev/null\n", ourselves()).into_bytes();
    for line in lines(&etc.join("tenshi.conf")) {
        if line.starts_with(b"includedir ") {
            text.extend(files(&etc.join("includes-available")).join(&b'\n'));
        } else if HERE.iter().any(|setting| line.starts_with(setting)) {
            continue;
        } else {
            text.extend(line);
        }
        text.push(b'\n');
    }
    Set { id, name, text }
}

/// The same rules without groups: a group only spares the tries of what is in it.
fn flat(set: &Set) -> Set {
    let lines = set.text.split_inclusive(|&byte| byte == b'\n');
    Set {
        id: "flat",
        name: "the same without its groups",
        text: lines
            .filter(|line| !line.starts_with(b"group"))
            .flatten()
            .copied()
            .collect(),
    }
}

/// Rules, and behind them the last one.
fn set(id: &'static str, name: &'static str, hidepid: bool, mut rules: Vec<Vec<u8>>) -> Set {
    rules.push(LAST.to_vec());
    only(id, name, hidepid, rules)
}

fn only(id: &'static str, name: &'static str, hidepid: bool, rules: Vec<Vec<u8>>) -> Set {
    let head = "set logfile /dev/null\nset mailserver localhost\n";
    let mut text = format!("{}{head}", ourselves()).into_bytes();
    if hidepid {
        text.extend_from_slice(b"set hidepid on\n");
    }
    for queue in ["misc", "report", "critical"] {
        let line = format!("set queue {queue} tenshi@localhost root@localhost [0 0 1 1 *]\n");
        text.extend_from_slice(line.as_bytes());
    }
    for rule in rules {
        text.extend(rule);
        text.push(b'\n');
    }
    Set { id, name, text }
}

/// The rules of all files of a directory.
fn files(directory: &Path) -> Vec<Vec<u8>> {
    let mut paths: Vec<PathBuf> = fs::read_dir(directory)
        .expect("rule files")
        .map(|entry| entry.expect("a rule file").path())
        .collect();
    paths.sort();
    paths.iter().flat_map(|path| lines(path)).collect()
}

fn lines(path: &Path) -> Vec<Vec<u8>> {
    let text = fs::read(path).expect("a rule file");
    let kept = |line: &&[u8]| {
        let line = line.trim_ascii();
        !line.is_empty() && !line.starts_with(b"#")
    };
    text.split(|&b| b == b'\n')
        .filter(kept)
        .map(<[u8]>::to_vec)
        .collect()
}

/// logcheck's patterns for whole lines, as `trash` rules for what stands behind the host.
fn logcheck() -> Vec<Vec<u8>> {
    const HOST: &[u8] = b" [._[:alnum:]-]+ ";
    let root = fetch::package("logcheck-database").join("etc/logcheck");
    let mut rules = Vec::new();
    for directory in [
        "ignore.d.paranoid",
        "ignore.d.server",
        "ignore.d.workstation",
    ] {
        for line in files(&root.join(directory)) {
            let at = line.windows(HOST.len()).position(|window| window == HOST);
            if let Some(at) = at {
                rules.push([b"trash ^", &line[at + HOST.len()..]].concat());
            }
        }
    }
    rules
}

/// The numbers of the rules that take a line of the sample, the last rule left out.
fn taking(set: &Set, sample: &[u8]) -> BTreeSet<usize> {
    let mut taking = BTreeSet::new();
    let count = decide(set, sample, |at, _, _, _| {
        taking.insert(at);
    });
    taking.remove(&(count - 1));
    taking
}

/// `count` of the rules: all rules that take lines, so that the same lines are trash as with all of
/// the rules, and others spread over the rest.
fn spread(rules: &[Vec<u8>], taking: &BTreeSet<usize>, count: usize) -> Vec<Vec<u8>> {
    assert!(taking.len() < count, "{} rules take lines", taking.len());
    let rest: Vec<usize> = (0..rules.len()).filter(|at| !taking.contains(at)).collect();
    let wanted = count - taking.len();
    let mut chosen = taking.clone();
    chosen.extend((0..wanted).map(|n| rest[n * rest.len() / wanted]));
    chosen.iter().map(|&at| rules[at].clone()).collect()
}

/// What a set does with a sample.
pub fn effect(set: &Set, sample: &[u8]) -> Effect {
    let mut effect = Effect::default();
    let (mut all, mut last, mut texts) = (0.0, Vec::new(), HashSet::new());
    let mut masked = Vec::new();
    effect.rules = decide(set, sample, |at, rule, (host, message), spans| {
        all += 1.0;
        last.push(at);
        if let Action::Queues(_) = rule.action {
            let mut text = message.into();
            masked.clear();
            mask(&mut text, &rule.pattern, spans, b"___", &mut masked);
            texts.insert((host.to_vec(), masked.clone()));
        }
    });
    last.retain(|&at| at == effect.rules - 1);
    effect.last = last.len() as f64 / all;
    effect.new = texts.len() as f64 / all;
    effect
}

/// Tells of each line of the sample which rule takes it. Gives the number of rules.
fn decide(
    set: &Set,
    sample: &[u8],
    mut take: impl FnMut(usize, &Rule, (&[u8], &[u8]), &Spans),
) -> usize {
    let loaded = config::parse_bytes(&set.text);
    let Some(config) = loaded.config else {
        let errors = loaded.diagnostics.iter().filter(|d| d.is_error());
        let errors: Vec<String> = errors.map(ToString::to_string).collect();
        panic!("{}: {}", set.name, errors.join("\n"));
    };
    let mut index = Index::new(&config.rules);
    let (mut spans, mut budget) = (Spans::default(), Budget::default());
    for line in sample
        .split(|&b| b == b'\n')
        .filter(|line| !line.is_empty())
    {
        budget.begin(line.len());
        let parsed = record::parse(line, &config.lines, &mut spans, &mut budget);
        let Parsed::Record(record) = parsed else {
            panic!("a line without prefix: {}", String::from_utf8_lossy(line));
        };
        let mut room = Vec::new();
        let mut text = MessageText::new(&record.message, config.lines.hidepid, &mut room);
        let message = text.message().to_vec();
        let (host, message) = (record.host, &message[..]);
        let query = Query {
            host,
            text: &mut message.into(),
            newlines: false,
            spans: &mut spans,
            budget: &mut budget,
        };
        let id = index.decide(&config.rules, query);
        let at = id.expect("the last rule takes all").index();
        take(at, &config.rules[at], (host, message), &spans);
    }
    assert!(
        budget.gave_up().is_empty(),
        "{}: patterns were given up",
        set.name
    );
    config.rules.len()
}
