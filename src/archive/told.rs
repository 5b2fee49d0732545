//! The lines that the text of a letter tells: each with its host and its count, read from the forms that
//! reports have.

use std::collections::BTreeSet;

use bstr::ByteSlice;

use crate::shown::shown;

/// What the names of hosts that a summary holds may take, bytes.
const MOST_HOSTS: usize = 2000;
/// Hosts that a summary tells apart at most.
const MOST_COUNTED: usize = 100_000;

/// A line of a report.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Told<'a> {
    /// The host that it stands under.
    pub host: &'a [u8],
    /// How often the line came.
    pub count: u64,
    /// The line, masked as the report has it.
    pub text: &'a [u8],
}

/// Takes the lines of a text in their order, and tells which of them are a host's.
#[derive(Clone, Default, Debug)]
pub struct ToldLines {
    host: Vec<u8>,
    /// Whether there was a host's block: then the text has the full form, else the form for pagers.
    blocks: bool,
    /// Whether the line before was empty: a host's block begins with an empty line.
    blank: bool,
}

impl ToldLines {
    /// Takes the next line, without its line end.
    pub fn take<'a>(&'a mut self, line: &'a [u8]) -> Option<Told<'a>> {
        if std::mem::replace(&mut self.blank, line.is_empty())
            && let Some(host) = host(line)
        {
            self.host = host.to_vec();
            self.blocks = true;
            return None;
        }
        match self.blocks {
            true => counted(line).map(|(count, text)| Told {
                host: &self.host,
                count,
                text,
            }),
            false => of_pager(line),
        }
    }

    /// Whether the text so far has blocks of hosts.
    pub fn has_blocks(&self) -> bool {
        self.blocks
    }
}

/// The host of a line that begins a block: `web1: `, or `web1 (web1.example.com): `.
fn host(line: &[u8]) -> Option<&[u8]> {
    let name = line.strip_suffix(b": ")?;
    if name.is_empty() || name.starts_with(b" ") || name.starts_with(b"*** ") {
        return None;
    }
    let short = name.strip_suffix(b")").and_then(|name| {
        let at = name.rfind(b" (")?;
        name.get(..at)
    });
    Some(short.filter(|short| !short.is_empty()).unwrap_or(name))
}

/// The count and the text of a line of a block, `    3: TEXT`; of one about lines that are not shown, its
/// count.
fn counted(line: &[u8]) -> Option<(u64, &[u8])> {
    if let Some(others) = line.strip_prefix(b"  *** and ") {
        let count = others.strip_suffix(b" other lines ***")?;
        return Some((number(count)?, b""));
    }
    let (count, text) = line.strip_prefix(b"    ")?.split_once_str(b": ")?;
    Some((number(count)?, text))
}

/// A line for pagers: `HOST,3,TEXT`.
fn of_pager(line: &[u8]) -> Option<Told<'_>> {
    let (host, rest) = line.split_once_str(b",")?;
    let (count, text) = rest.split_once_str(b",")?;
    let count = number(count).filter(|_| !host.is_empty())?;
    Some(Told { host, count, text })
}

fn number(digits: &[u8]) -> Option<u64> {
    let good = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    digits.to_str().ok().filter(|_| good)?.parse().ok()
}

/// What a letter tells, in short.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Summary {
    /// How many lines of logs it tells of.
    pub lines: u64,
    /// The hosts whose names the index holds, in the order of the alphabet, as they are shown.
    pub hosts: Vec<String>,
    /// The number of hosts beside them.
    pub more_hosts: u64,
}

impl Summary {
    /// The summary of a text, whose lines `each` hands to the function that it gets.
    pub fn of(each: impl FnOnce(&mut dyn FnMut(&[u8]))) -> Self {
        let (mut told, mut lines) = (ToldLines::default(), 0_u64);
        let mut hosts = BTreeSet::new();
        let mut last = Vec::new();
        each(&mut |line| {
            let Some(line) = told.take(line) else {
                return;
            };
            lines = lines.saturating_add(line.count);
            if line.host != last && hosts.len() < MOST_COUNTED {
                last = line.host.to_vec();
                hosts.insert(host_shown(line.host));
            }
        });
        Self::with(lines, hosts)
    }

    fn with(lines: u64, all: BTreeSet<String>) -> Self {
        let (mut room, mut hosts, mut more_hosts) = (MOST_HOSTS, Vec::new(), 0);
        for host in all {
            match room.checked_sub(host.len() + 1) {
                Some(left) if more_hosts == 0 => {
                    room = left;
                    hosts.push(host);
                }
                _ => more_hosts += 1,
            }
        }
        Self {
            lines,
            hosts,
            more_hosts,
        }
    }

    /// The number of hosts.
    pub fn host_count(&self) -> u64 {
        self.more_hosts + self.hosts.len() as u64
    }
}

/// A host as the index has it: without commas and blanks of its own.
pub fn host_shown(host: &[u8]) -> String {
    let host = shown(host).to_string();
    host.replace([',', '\t'], "\\x2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Vec<(String, u64, String)> {
        let mut told = ToldLines::default();
        let line = |line: &str| {
            let line = told.take(line.as_bytes())?;
            let text = |bytes: &[u8]| bytes.to_str_lossy().into_owned();
            Some((text(line.host), line.count, text(line.text)))
        };
        text.lines().filter_map(line).collect()
    }

    const FULL: &str = "*** Status: flushing ***\n*** New since Thu ***\n    db1: 3: kernel: new  first 03:12\n\
        \ndb1 (db1.example.com): \n    3: kernel: new\n    1: a: b\n\n  *** Too many alerts (limit: 2)  ***\n\
        \n  *** and 7 other lines ***\n\nweb1: \n    5: 9: x, y\n";

    #[test]
    fn the_lines_of_each_form_are_told() {
        let row = |host: &str, count, text: &str| (host.to_owned(), count, text.to_owned());
        let want = vec![
            row("db1", 3, "kernel: new"),
            row("db1", 1, "a: b"),
            row("db1", 7, ""),
            row("web1", 5, "9: x, y"),
        ];
        assert_eq!(all(FULL), want);
        let pager = "web1,2,a: b, c\nweb1,4,and other lines\nno line\n,1,x\nx,y,z\n";
        let want = vec![row("web1", 2, "a: b, c"), row("web1", 4, "and other lines")];
        assert_eq!(all(pager), want);
        assert_eq!(all("\n: \n    1: x\n\n***: \n"), vec![]);
    }

    #[test]
    fn a_summary_counts_lines_and_hosts_and_is_bounded() {
        let summary = Summary::of(|take| FULL.lines().for_each(|line| take(line.as_bytes())));
        assert_eq!((summary.lines, summary.host_count()), (16, 2));
        assert_eq!(summary.hosts, ["db1", "web1"]);
        let many = Summary::of(|take| {
            for n in 0..5000 {
                take(format!("host{n},1,x").as_bytes());
            }
        });
        assert_eq!((many.lines, many.host_count()), (5000, 5000));
        assert!(many.hosts.concat().len() < MOST_HOSTS && many.hosts.len() > 100);
        let odd = Summary::of(|take| {
            take(b"");
            take(b"a\x1b,\tb: ");
            take(b"    1: x");
        });
        assert_eq!(odd.hosts, ["a\\x1B\\x2C\\x2Cb"]);
    }
}
