//! `--check`: one line in the form of Nagios' plugins, and what is worth waking somebody for.

use std::io::{self, Write};

use super::text::{size, span};
use super::view::{View, name};
use crate::cli::Levels;
use crate::delivery::MAIL_SERVER;
use crate::shown::shown;

/// So many things are named; of more, only their number.
const NAMED: usize = 5;

/// How bad a thing is. A worse one comes later.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Level {
    Ok,
    Unknown,
    Warning,
    Critical,
}

impl Level {
    fn word(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Unknown => "UNKNOWN",
            Self::Warning => "WARNING",
            Self::Critical => "CRITICAL",
        }
    }

    fn of(value: u64, levels: Levels) -> Self {
        match value {
            _ if value >= levels.critical => Self::Critical,
            _ if value >= levels.warning => Self::Warning,
            _ => Self::Ok,
        }
    }
}

/// What is wrong, the worst first.
pub(super) struct Verdict(Vec<(Level, String)>);

impl Verdict {
    fn level(&self) -> Level {
        self.0.first().map_or(Level::Ok, |(level, _)| *level)
    }

    /// The exit status by which a monitoring system goes.
    pub(super) fn status(&self) -> i32 {
        match self.level() {
            Level::Ok => 0,
            Level::Warning => 1,
            Level::Critical => 2,
            Level::Unknown => super::UNKNOWN,
        }
    }
}

/// Looks for what is wrong. The age of the snapshot is not among it: an idle daemon writes none.
pub(super) fn judge(view: &View, age: Levels, lag: Levels) -> Verdict {
    let mut found = Vec::new();
    match view.running {
        Some(true) => {}
        Some(false) => found.push((Level::Critical, "no daemon is running".to_owned())),
        None => {
            let why = view.unseen.as_deref().unwrap_or_default();
            let text = format!("whether a daemon runs cannot be seen ({why})");
            found.push((Level::Unknown, text));
        }
    }
    if view.snapshots_fail == Some(true) {
        let since = span(view.ago(view.made));
        let text = format!("no snapshot could be written for {since}");
        found.push((Level::Critical, text));
    }
    for letter in &view.outbox {
        let waited = view.ago(letter.since);
        let fault = letter.fault.as_deref().unwrap_or("not tried yet");
        let queue = &letter.queue;
        let (level, what) = match letter.refused {
            true => (Level::Critical, "was refused"),
            false => (Level::of(waited, age), "waits"),
        };
        let waited = span(waited);
        let text = format!("the report of queue {queue} {what} ({waited}): {fault}");
        found.push((level, text));
    }
    let behind = view.files.iter().max_by_key(|file| file.lag);
    if let Some(file) = behind {
        let text = format!("{} unread, most of it of {}", size(view.lag()), file.path);
        found.push((Level::of(view.lag(), lag), text));
    }
    for (input, fault) in &view.faults {
        // No report leaves until somebody has put it right.
        let level = match input == MAIL_SERVER {
            true => Level::Critical,
            false => Level::Warning,
        };
        found.push((level, format!("{input}: {fault}")));
    }
    found.retain(|(level, _)| *level > Level::Ok);
    found.sort_by_key(|(level, _)| std::cmp::Reverse(*level));
    Verdict(found)
}

/// Writes the line: the verdict, and numbers for graphs behind a bar.
pub(super) fn write(
    verdict: &Verdict,
    view: &View,
    age: Levels,
    lag: Levels,
    out: &mut dyn Write,
) -> io::Result<()> {
    write!(
        out,
        "TENSHI {} - {}",
        verdict.level().word(),
        words(verdict, view)
    )?;
    let waited = view.oldest().map_or(0, |letter| view.ago(letter.since));
    let waiting: u64 = view.queues.iter().map(|queue| queue.lines).sum();
    write!(
        out,
        "|outbox_age={waited}s;{};{};0 lag={}B;{};{};0 outbox={};;;0 waiting={waiting};;;0 \
         faults={};;;0",
        age.warning,
        age.critical,
        view.lag(),
        lag.warning,
        lag.critical,
        view.outbox.len(),
        view.faults.len(),
    )?;
    for (counter, _, n) in view.counters.all() {
        write!(out, " {}={n}c", name(counter))?;
    }
    writeln!(out)
}

fn words(verdict: &Verdict, view: &View) -> String {
    if verdict.0.is_empty() {
        let waits = match view.outbox.len() {
            0 => "no report waits".to_owned(),
            1 => "1 report waits".to_owned(),
            n => format!("{n} reports wait"),
        };
        return format!("{waits}, {} unread", size(view.lag()));
    }
    let named = verdict.0.iter().take(NAMED);
    let mut words: Vec<String> = named.map(|(_, text)| one_line(text)).collect();
    if let Some(more) = verdict.0.len().checked_sub(NAMED).filter(|more| *more > 0) {
        words.push(format!("and {more} more"));
    }
    words.join("; ")
}

/// What a line of a plugin may hold: no control characters, and no bar, behind which the numbers
/// begin.
pub(super) fn one_line(text: &str) -> String {
    let safe = |c: char| match c {
        '|' => '/',
        c if c.is_control() => ' ',
        c => c,
    };
    let text: String = text.chars().map(safe).collect();
    shown(text.as_bytes()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::{Holder, Snapshot};
    use std::path::Path;

    const LEVELS: Levels = Levels {
        warning: 10,
        critical: 20,
    };

    fn view(holder: Result<Holder, String>) -> View {
        View::new(
            Path::new("/d"),
            Snapshot::default(),
            holder,
            crate::clock::Time::UNIX_EPOCH,
        )
    }

    fn holder(running: bool, failing: bool) -> Result<Holder, String> {
        Ok(Holder { running, failing })
    }

    fn line(view: &View) -> (String, i32) {
        let verdict = judge(view, LEVELS, LEVELS);
        let mut out = Vec::new();
        write(&verdict, view, LEVELS, LEVELS, &mut out).unwrap();
        (String::from_utf8(out).unwrap(), verdict.status())
    }

    #[test]
    fn each_level_has_its_word_and_its_status() {
        let (ok, status) = line(&view(holder(true, false)));
        assert!(ok.starts_with("TENSHI OK - no report waits, 0 B unread|outbox_age=0s;10;20;0 "));
        assert_eq!((status, ok.matches('\n').count()), (0, 1));
        let (unseen, status) = line(&view(Err("no | right".into())));
        assert!(unseen.starts_with("TENSHI UNKNOWN - whether a daemon runs cannot be seen (no / "));
        assert_eq!((status, unseen.matches('|').count()), (3, 1));
        let mut warned = view(holder(true, false));
        warned.faults.insert("/log".into(), "gone\nfor good".into());
        let (text, status) = line(&warned);
        assert!(text.starts_with("TENSHI WARNING - /log: gone for good|"));
        assert_eq!(status, 1);
        for (running, failing) in [(false, false), (true, true)] {
            let mut down = view(holder(running, failing));
            down.faults.insert("/log".into(), "gone".into());
            let (text, status) = line(&down);
            assert!(
                text.starts_with("TENSHI CRITICAL - no "),
                "the worst first: {text}"
            );
            assert!(text.contains("; /log: gone|") && status == 2);
        }
    }

    #[test]
    fn of_many_faults_some_are_named() {
        let mut view = view(holder(true, false));
        for n in 0..9 {
            view.faults.insert(format!("/log{n}"), "gone".into());
        }
        let (text, _) = line(&view);
        assert!(text.contains("/log4: gone; and 4 more|"), "{text}");
    }

    #[test]
    fn a_level_is_reached_and_not_only_passed() {
        let levels: Vec<Level> = [9, 10, 19, 20].map(|n| Level::of(n, LEVELS)).to_vec();
        let want = [Level::Ok, Level::Warning, Level::Warning, Level::Critical];
        assert_eq!(levels, want);
    }
}
