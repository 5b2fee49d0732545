//! The rules to time: those that Debian ships with the original, ours, logcheck's, and one that
//! takes every line.

use std::fs;
use std::path::{Path, PathBuf};

use super::fetch;

/// The set of one rule that takes all.
pub const ALL: &str = "one rule, `misc .*`";

/// A configuration.
pub struct Set {
    pub name: &'static str,
    /// Rules and groups.
    pub rules: usize,
    pub text: Vec<u8>,
}

/// All sets, the smallest first.
pub fn sets() -> Vec<Set> {
    let shipped = fetch::package("tenshi").join("etc/tenshi/includes-available");
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("etc/includes-available");
    let logcheck = logcheck();
    assert!(
        logcheck.len() > 1_700,
        "only {} rules of logcheck",
        logcheck.len()
    );
    // Spread over all programs, as the whole is.
    let step = logcheck.len() / 100;
    let some: Vec<Vec<u8>> = logcheck.iter().step_by(step).take(100).cloned().collect();
    let misc = vec![b"misc .*".to_vec()];
    let all = |mut rules: Vec<Vec<u8>>| {
        rules.extend(misc.clone());
        rules
    };
    vec![
        set(ALL, true, misc.clone()),
        set(
            "Debian's, as shipped with the original",
            true,
            all(files(&shipped)),
        ),
        set(
            "ours, all files of `etc/includes-available`",
            true,
            all(files(&own)),
        ),
        set("logcheck's, 100 of them as `trash`", false, all(some)),
        set("logcheck's, all as `trash`", false, all(logcheck)),
    ]
}

fn set(name: &'static str, hidepid: bool, rules: Vec<Vec<u8>>) -> Set {
    let mut text =
        b"set uid root\nset gid root\nset logfile /dev/null\nset mailserver localhost\n".to_vec();
    if hidepid {
        text.extend_from_slice(b"set hidepid on\n");
    }
    for queue in [
        "misc", "mail", "nf", "report", "critical", "root", "pager", "mobile",
    ] {
        let line = format!("set queue {queue} tenshi@localhost root@localhost [0 0 1 1 *]\n");
        text.extend_from_slice(line.as_bytes());
    }
    let count = rules
        .iter()
        .filter(|rule| !rule.starts_with(b"group_end"))
        .count();
    for rule in rules {
        text.extend(rule);
        text.push(b'\n');
    }
    Set {
        name,
        rules: count,
        text,
    }
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
