//! `tenshi suggest [FILE…]`: rules for the lines that no rule takes, or only one that takes every line.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::Local;

use super::{logs, saved};
use crate::analysis::{Classifier, Outcome};
use crate::cli::SuggestArgs;
use crate::clock::{Clock, SystemClock};
use crate::config::{self, Action, Config, IncludeDir, Rule};
use crate::pattern::Found;
use crate::shown::shown_path;
use crate::suggest::print::{Printing, number, percent, print};
use crate::suggest::{self, Block, Keep, Lexicon, Loudness, Miner};

mod review;

use review::{Accepted, Review};

/// Finds rules and prints them, or asks about them; the exit status.
pub fn run(args: &SuggestArgs, out: &mut dyn Write, err: &mut dyn Write) -> i32 {
    let loaded = config::load(&args.config);
    for error in loaded.diagnostics.iter().filter(|d| d.is_error()) {
        let _ = writeln!(err, "{error}");
    }
    let Some(config) = loaded.config.map(Arc::new) else {
        return 1;
    };
    let words = match own_words(&config) {
        Ok(words) => words,
        Err(e) => {
            let _ = writeln!(err, "tenshi: {e}");
            return 1;
        }
    };
    let file = match file_of_answers(args, &loaded.include_dirs) {
        Ok(file) => file,
        Err(why) => {
            let _ = writeln!(err, "tenshi: {why}");
            return 1;
        }
    };
    let files = logs::named_or_followed(&args.files, &config);
    if files.is_empty() {
        let _ = writeln!(
            err,
            "tenshi: no log to read: name a FILE, or `-` for standard input"
        );
        return 1;
    }
    let mut reading = Reading::new(Arc::clone(&config), &words);
    let mut status = 0;
    for file in &files {
        let opened = saved::open(file, "tenshi suggest -");
        let read = opened.and_then(|mut log| {
            logs::each_line(&mut log, config.inputs.max_line, &mut |line| {
                reading.line(line);
            })
        });
        if let Err(e) = read {
            let _ = writeln!(err, "tenshi: {}: {e}", shown_path(file));
            status = 1;
        }
    }
    match tell(reading, args, file.as_deref(), out) {
        Err(e) if e.kind() != io::ErrorKind::BrokenPipe => {
            let _ = writeln!(err, "tenshi: {e}");
            1
        }
        _ => status,
    }
}

/// The file for what a review accepts: the named one, or one of today in the first directory of an
/// `includedir` whose rules lines come to. Nothing if the rules are printed.
fn file_of_answers(args: &SuggestArgs, dirs: &[IncludeDir]) -> Result<Option<PathBuf>, String> {
    if !args.plain {
        return Ok(None);
    }
    if args.files.iter().any(|file| file == Path::new("-")) {
        return Err("the answers come from the standard input: it cannot be the log too".into());
    }
    if let Some(file) = &args.write {
        return Ok(Some(file.clone()));
    }
    let open = dirs.iter().find(|dir| dir.behind.is_none());
    let today = SystemClock.now().with_timezone(&Local).format("%Y-%m-%d");
    let file = open.map(|dir| dir.path.join(format!("suggested-{today}")));
    file.map(Some).ok_or_else(|| {
        "no `includedir` to write into, before a rule that takes every line: name a file by --write".into()
    })
}

/// The words of the site's own programs.
///
/// # Errors
/// The file cannot be read.
fn own_words(config: &Config) -> io::Result<Vec<u8>> {
    let Some(path) = &config.suggest_words else {
        return Ok(Vec::new());
    };
    let read = std::fs::read(path);
    read.map_err(|e| io::Error::new(e.kind(), format!("suggest_words {}: {e}", shown_path(path))))
}

/// Reads logs: counts what rules take, and hands the other lines to the miner.
struct Reading {
    classifier: Classifier,
    /// The index of the first rule that takes every line; the number of rules if none does.
    place: usize,
    miner: Miner,
    lines: u64,
    taken: u64,
    unprefixed: u64,
}

impl Reading {
    fn new(config: Arc<Config>, words: &[u8]) -> Self {
        Self {
            place: catch_all(&config.rules),
            classifier: Classifier::new(config),
            miner: Miner::new(Lexicon::new(words.split(u8::is_ascii_whitespace))),
            lines: 0,
            taken: 0,
            unprefixed: 0,
        }
    }

    fn line(&mut self, line: &[u8]) {
        let taken = self.classifier.take(line);
        match taken.outcome {
            Outcome::NoPrefix | Outcome::NoHost => {
                self.unprefixed += 1;
                return;
            }
            Outcome::Rule(id) if id.index() < self.place => self.taken += 1,
            Outcome::Rule(_) | Outcome::Unmatched => self.miner.take(taken.host, taken.message),
        }
        self.lines += 1;
    }
}

/// The index of the first rule, outside of groups, that takes every line; the number of rules if none does.
fn catch_all(rules: &[Rule]) -> usize {
    let mut end_of_group = 0;
    for (at, rule) in rules.iter().enumerate() {
        match rule.action {
            Action::Group { end } | Action::GroupHost { end } => {
                end_of_group = end_of_group.max(end)
            }
            Action::Trash | Action::Queues(_) if at >= end_of_group && takes_all(rule) => {
                return at;
            }
            _ => {}
        }
    }
    rules.len()
}

/// Whether a rule takes every line, as far as lines tell that no rule is made for.
fn takes_all(rule: &Rule) -> bool {
    const PROBES: [&[u8]; 3] = [b"x", b"\x01", b"q7 z: \xff"];
    let mut probes = PROBES.iter();
    probes.all(|probe| rule.pattern.is_match(probe) == Found::Yes)
}

/// The name of the queue for a level: that of the level, or of the next louder one, or the first there is.
fn queue_for(config: &Config, loudness: Loudness) -> String {
    let names: &[&str] = match loudness {
        Loudness::Critical => &[
            "critical", "crit", "alert", "urgent", "report", "warning", "error",
        ],
        Loudness::Report => &["report", "warning", "warn", "error", "errors", "critical"],
        Loudness::Misc => &["misc", "general", "info", "other", "default", "report"],
    };
    let queue = |name: &&&str| config.queues.iter().any(|queue| queue.name == **name);
    match (names.iter().find(queue), config.queues.first()) {
        (Some(name), _) => (*name).to_owned(),
        (None, Some(first)) => first.name.clone(),
        (None, None) => loudness.name().to_owned(),
    }
}

/// Leaves rules out that a check of the configuration would not pass without a word, and gives their number.
fn leave_out_warned(blocks: &mut [Block]) -> usize {
    let mut text = b"set mailserver localhost\nset logfile /dev/null\nset queue q a@localhost b@localhost [now]\n".to_vec();
    for rule in blocks.iter().flat_map(|block| &block.rules) {
        text.extend_from_slice(b"q ");
        text.extend_from_slice(&rule.pattern);
        text.push(b'\n');
    }
    let told = config::parse_bytes(&text).diagnostics;
    let is_told = |rule: &suggest::Rule| told.iter().any(|told| told.line.ends_with(&rule.pattern));
    let count = |blocks: &[Block]| blocks.iter().map(|block| block.rules.len()).sum::<usize>();
    let before = count(blocks);
    for block in blocks.iter_mut() {
        block.rules.retain(|rule| !is_told(rule));
    }
    before - count(blocks)
}

/// Writes what was found.
fn tell(
    reading: Reading,
    args: &SuggestArgs,
    file: Option<&Path>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let keep = Keep {
        users: args.keep_users,
        addresses: args.keep_addresses,
    };
    let Reading {
        classifier,
        place,
        miner,
        lines,
        taken,
        unprefixed,
    } = reading;
    let config = classifier.config();
    let notes = notes(&config.rules, place, unprefixed, miner.left_out());
    let mut blocks = suggest::rules(miner, keep);
    let warned = leave_out_warned(&mut blocks);
    let rules: usize = blocks.iter().map(|block| block.rules.len()).sum();
    writeln!(
        out,
        "# {} read, {} % of them taken by rules. For the other {}: {} in {}.",
        number(lines, "line"),
        percent(taken, lines),
        number(lines - taken, "line"),
        number(rules as u64, "rule"),
        number(blocks.len() as u64, "program"),
    )?;
    out.write_all(notes.as_bytes())?;
    if warned > 0 {
        let warned = number(warned as u64, "rule");
        writeln!(
            out,
            "# {warned} left out, because tenshi -C would warn of it."
        )?;
    }
    let queue = |loudness| queue_for(config, loudness);
    let printing = Printing {
        queue: &queue,
        samples: args.samples,
        lines,
        taken,
        least: args.least,
    };
    match file {
        None => print(&blocks, &printing, out)?,
        Some(path) => review(&blocks, &printing, path, out)?,
    }
    out.flush()
}

/// Asks about the rules.
fn review(
    blocks: &[Block],
    printing: &Printing<'_>,
    path: &Path,
    out: &mut dyn Write,
) -> io::Result<()> {
    let named = |e: io::Error| io::Error::new(e.kind(), format!("{}: {e}", shown_path(path)));
    let accepted = Accepted::open(path).map_err(named)?;
    let mut review = Review {
        printing,
        accepted,
        input: &mut io::stdin().lock(),
        out,
    };
    review.run(blocks, path)
}

/// What the reader of the rules must know besides: where to put them, and which lines they are not for.
fn notes(rules: &[Rule], place: usize, unprefixed: u64, left_out: u64) -> String {
    let mut notes = String::new();
    if let Some(rule) = rules.get(place) {
        notes += &format!(
            "# Put them before {}, which takes every line.\n",
            rule.place
        );
    }
    if unprefixed > 0 {
        let lines = number(unprefixed, "line");
        notes += &format!(
            "# {lines} without a known prefix: no rule sees them; see logprefix in tenshi.conf(5).\n"
        );
    }
    if left_out > 0 {
        let lines = number(left_out, "line");
        notes += &format!("# {lines} of too many kinds left out: run it again with these rules.\n");
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse_bytes;

    fn rules(text: &str) -> Config {
        let head = "set mailserver h\nset queue misc f@x t@x [now]\n";
        parse_bytes(format!("{head}{text}").as_bytes())
            .config
            .unwrap()
    }

    #[test]
    fn a_rule_that_takes_every_line_is_no_rule() {
        for (text, want) in [
            ("misc ^a\nmisc .*\n", 1),
            ("misc .\n", 0),
            ("trash ^a\nmisc ^b$\n", 2),
            ("group ^a\nmisc .*\ngroup_end\nmisc ^\n", 2),
        ] {
            assert_eq!(catch_all(&rules(text).rules), want, "{text}");
        }
    }
}
