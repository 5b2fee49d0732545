//! `tenshi suggest [FILE…]`: rules for the lines that no rule takes, or only one that takes every line. They are
//! printed, or asked about: on a full screen, or by one question a line.

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::Local;

use super::packs::Site;
use super::terminal::{self, Signals, Size};
use super::{logs, saved};
use crate::cli::SuggestArgs;
use crate::clock::{Clock, SystemClock};
use crate::config::{self, Config, IncludeDir, Loaded, Rule};
use crate::packs::Packs;
use crate::shown::shown_path;
use crate::suggest::print::{Printing, number, percent, print};
use crate::suggest::{self, Keep, Loudness};

mod answers;
mod changes;
mod checks;
mod decisions;
mod offer;
mod plain;
mod reading;
mod reload;
mod screen;
mod session;

use answers::Answers;
use checks::{leave_out_warned, queue_for};
use decisions::{Decisions, Queues};
use plain::Plain;
use reading::Reading;
use reload::Comparison;
use screen::Screen;
use session::{End, Session};

/// What is done with the rules.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Manner {
    /// They are printed.
    Print,
    /// They are asked about, one question a line.
    Plain,
    /// They are asked about on a full screen.
    Screen,
}

/// What all rounds of a run share: linking rule files begins a new one.
struct Run<'a> {
    args: &'a SuggestArgs,
    manner: Manner,
    /// The configuration before the first answer.
    before: Option<Arc<Config>>,
    /// The signals to the terminal, once it was used.
    signals: Option<Signals>,
    /// What is told when the next round begins.
    message: String,
}

/// Finds rules and prints them, or asks about them; the exit status.
pub fn run(args: &SuggestArgs, out: &mut dyn Write, err: &mut dyn Write) -> i32 {
    let told = manner(args).and_then(|manner| {
        let mut run = Run {
            args,
            manner,
            before: None,
            signals: None,
            message: String::new(),
        };
        loop {
            match run.round(out, err)? {
                None => continue,
                Some(status) => return Ok(status),
            }
        }
    });
    told.unwrap_or_else(|why| {
        if !why.is_empty() {
            let _ = writeln!(err, "tenshi: {why}");
        }
        1
    })
}

/// What is to be done with the rules: on a terminal they are asked about.
///
/// # Errors
/// The options need a terminal that is not there.
fn manner(args: &SuggestArgs) -> Result<Manner, String> {
    let from_input = args.files.iter().any(|file| file == Path::new("-"));
    match (args.plain, args.print) {
        (true, _) if from_input => {
            return Err(
                "the answers come from the standard input: it cannot be the log too".into(),
            );
        }
        (true, _) => return Ok(Manner::Plain),
        (_, true) => return Ok(Manner::Print),
        _ => {}
    }
    let terminal = io::stdout().is_terminal();
    if terminal && terminal::has_screen() {
        return Ok(Manner::Screen);
    }
    if terminal && !from_input && io::stdin().is_terminal() {
        return Ok(Manner::Plain);
    }
    match args.write {
        None => Ok(Manner::Print),
        Some(_) => Err("--write is for a review, which needs a terminal, or --plain".into()),
    }
}

impl Run<'_> {
    /// Reads the logs and asks about the rules; the exit status, or nothing if the logs are to be read again.
    ///
    /// # Errors
    /// Something makes it impossible; the sentence is empty if all is told.
    fn round(&mut self, out: &mut dyn Write, err: &mut dyn Write) -> Result<Option<i32>, String> {
        let args = self.args;
        let mut loaded = config::load(&args.config);
        for error in loaded.diagnostics.iter().filter(|d| d.is_error()) {
            let _ = writeln!(err, "{error}");
        }
        let config = loaded.config.take().map(Arc::new).ok_or_else(String::new)?;
        self.before.get_or_insert_with(|| Arc::clone(&config));
        let words = own_words(&config).map_err(|e| e.to_string())?;
        let answers = self.answers(&loaded, err)?;
        let files = logs::named_or_followed(&args.files, &config);
        if files.is_empty() {
            return Err("no log to read: name a FILE, or `-` for standard input".into());
        }
        let site = Site {
            loaded: &loaded,
            file: &args.config,
        };
        let offered = match self.manner {
            Manner::Screen => offer::packs(args, &site, &config),
            Manner::Print | Manner::Plain => None,
        };
        let mut reading = Reading::new(Arc::clone(&config), &words, offered);
        let mut status = 0;
        for file in &files {
            let opened = saved::open_decoded(file, "tenshi suggest -", &config);
            let read = opened.and_then(|mut log| {
                let max = config.inputs.max_line;
                logs::each_line(&mut log, max, &mut |line| reading.line(line))
            });
            if let Err(e) = read {
                let _ = writeln!(err, "tenshi: {}: {e}", shown_path(file));
                status = 1;
            }
        }
        let told = match answers {
            None => tell(reading, args, out).map(|()| true),
            Some(answers) if self.manner == Manner::Plain => {
                ask(reading, args, answers, out).map(|()| true)
            }
            Some(answers) => self.review(reading, answers, (&site, &files), (out, err)),
        };
        match told {
            Ok(true) => Ok(Some(status)),
            Ok(false) => Ok(None),
            Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(Some(status)),
            Err(e) => Err(e.to_string()),
        }
    }

    /// The file for the answers: the named one, or one of today in the first directory of an `includedir` whose
    /// rules lines come to. Nothing if the rules are printed, as they are where a review was not asked for and no
    /// file can take its answers.
    fn answers(&mut self, loaded: &Loaded, err: &mut dyn Write) -> Result<Option<Answers>, String> {
        if self.manner == Manner::Print {
            return Ok(None);
        }
        let open = |path: PathBuf| {
            let named = |e| format!("{}: {e}: --write names another file", shown_path(&path));
            Answers::open(&path).map_err(named)
        };
        let path = file_of_answers(self.args, &loaded.include_dirs);
        match path.and_then(open) {
            Ok(answers) => Ok(Some(answers)),
            Err(why) if self.args.plain || self.args.write.is_some() => Err(why),
            Err(why) => {
                let _ = writeln!(err, "tenshi: no review: {why}");
                self.manner = Manner::Print;
                Ok(None)
            }
        }
    }

    /// Asks about the rules on a full screen. False if the logs are to be read again.
    fn review(
        &mut self,
        reading: Reading,
        answers: Answers,
        (site, files): (&Site<'_>, &[PathBuf]),
        (out, err): (&mut dyn Write, &mut dyn Write),
    ) -> io::Result<bool> {
        let (decisions, offered) = decisions(reading, self.args, &answers);
        let offer = offered
            .as_ref()
            .map(|packs| offer::offer(packs, site, files));
        let size = Size {
            columns: 80,
            rows: 24,
        };
        let path = answers.path().to_owned();
        let file = shown_path(&path).to_string();
        let mut screen = Screen::new(decisions, offer.unwrap_or_default(), file, size);
        screen.tell(std::mem::take(&mut self.message));
        let signals = match self.signals.take() {
            Some(signals) => signals,
            None => Signals::new()?,
        };
        let Some(before) = &self.before else {
            return Ok(true);
        };
        let mut session = Session {
            screen,
            answers,
            comparison: Comparison {
                path: &self.args.config,
                before,
                answers: &path,
                files,
            },
            signals: &signals,
        };
        let end = session.run(err);
        let written = session.save();
        if let (Ok(End::Link), Some(packs)) = (&end, &offered) {
            self.message = offer::link(packs, site);
            self.signals = Some(signals);
            let _ = writeln!(err, "{}; reading the logs again ...", self.message);
            return written.map(|()| false);
        }
        writeln!(out, "{}", session.farewell())?;
        out.flush()?;
        end.and(written).map(|()| true)
    }
}

/// The file for what a review accepts.
fn file_of_answers(args: &SuggestArgs, dirs: &[IncludeDir]) -> Result<PathBuf, String> {
    if let Some(file) = &args.write {
        return Ok(file.clone());
    }
    let open = dirs.iter().find(|dir| dir.behind.is_none());
    let today = SystemClock.now().with_timezone(&Local).format("%Y-%m-%d");
    let file = open.map(|dir| dir.path.join(format!("suggested-{today}")));
    file.ok_or_else(|| {
        "no `includedir` to write into, before a rule that takes every line: name a file by --write"
            .into()
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

fn keep(args: &SuggestArgs) -> Keep {
    Keep {
        users: args.keep_users,
        addresses: args.keep_addresses,
    }
}

/// Makes a review of what was read; the rule files that were counted come second.
fn decisions(
    reading: Reading,
    args: &SuggestArgs,
    answers: &Answers,
) -> (Decisions, Option<Packs>) {
    let config = reading.classifier.config();
    let queue = |level| queue_for(config, level);
    let queues = Queues {
        critical: queue(Loudness::Critical),
        report: queue(Loudness::Report),
        misc: queue(Loudness::Misc),
    };
    let mut blocks = suggest::rules(reading.miner, keep(args));
    leave_out_warned(&mut blocks);
    let counts = (reading.taken, reading.lines);
    let decisions = Decisions::new(blocks, queues, counts, answers.earlier(), args.least);
    (decisions, reading.packs)
}

/// Asks about the rules, one question a line.
fn ask(
    reading: Reading,
    args: &SuggestArgs,
    answers: Answers,
    out: &mut dyn Write,
) -> io::Result<()> {
    let (lines, taken) = (reading.lines, reading.taken);
    let config = Arc::clone(reading.classifier.config());
    let notes = notes(
        &config.rules,
        reading.place,
        reading.unprefixed,
        reading.miner.left_out(),
    );
    let (decisions, _) = decisions(reading, args, &answers);
    let rules: usize = decisions.programs.iter().map(|p| p.items.len()).sum();
    let rules = (rules, decisions.programs.len());
    head((lines, taken), rules, out)?;
    out.write_all(notes.as_bytes())?;
    let mut plain = Plain {
        decisions,
        answers,
        samples: args.samples,
        input: &mut io::stdin().lock(),
        out,
        at: None,
    };
    plain.run()?;
    out.flush()
}

/// Writes what was read, and how many rules in how many programs there are for the rest.
fn head(
    (lines, taken): (u64, u64),
    (rules, programs): (usize, usize),
    out: &mut dyn Write,
) -> io::Result<()> {
    writeln!(
        out,
        "# {} read, {} % of them taken by rules. For the other {}: {} in {}.",
        number(lines, "line"),
        percent(taken, lines),
        number(lines - taken, "line"),
        number(rules as u64, "rule"),
        number(programs as u64, "program"),
    )
}

/// Prints what was found.
fn tell(reading: Reading, args: &SuggestArgs, out: &mut dyn Write) -> io::Result<()> {
    let Reading {
        classifier,
        place,
        miner,
        lines,
        taken,
        unprefixed,
        ..
    } = reading;
    let config = classifier.config();
    let notes = notes(&config.rules, place, unprefixed, miner.left_out());
    let mut blocks = suggest::rules(miner, keep(args));
    let warned = leave_out_warned(&mut blocks);
    let rules: usize = blocks.iter().map(|block| block.rules.len()).sum();
    head((lines, taken), (rules, blocks.len()), out)?;
    out.write_all(notes.as_bytes())?;
    if warned > 0 {
        let warned = number(warned as u64, "rule");
        writeln!(
            out,
            "# {warned} left out, because tenshi -C would warn of it."
        )?;
    }
    let printing = Printing {
        queue: &|loudness| queue_for(config, loudness),
        samples: args.samples,
        lines,
        taken,
        least: args.least,
    };
    print(&blocks, &printing, out)?;
    out.flush()
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
