//! `--check`: one line in the form of Nagios' plugins. What is worth waking somebody for is [`crate::health`]'s.

use std::io::{self, Write};

use super::view::View;
use crate::cli::Levels;
use crate::health::{Level, Verdict};
use crate::shown::{shown, size};

/// The number of faults that the line names; of the others it says how many there are.
const NAMED: usize = 5;

/// The exit status by which a monitoring system goes.
pub(super) fn exit_status(verdict: &Verdict) -> i32 {
    match verdict.level() {
        Level::Ok => 0,
        Level::Warning => 1,
        Level::Critical => super::CRITICAL,
        Level::Unknown => super::UNKNOWN,
    }
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
    let waited = view.oldest().map_or(0, |mail| view.ago(mail.since));
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
        write!(out, " {}={n}c", counter.name())?;
    }
    writeln!(out)
}

fn words(verdict: &Verdict, view: &View) -> String {
    let faults = verdict.faults();
    if faults.len() == 0 {
        let waits = match view.outbox.len() {
            0 => "no report waits".to_owned(),
            1 => "1 report waits".to_owned(),
            n => format!("{n} reports wait"),
        };
        let unseen = view.unread().find_map(|unread| unread.unseen.as_deref());
        let unseen = unseen.map(|why| format!(" and what cannot be seen of the journal ({why})"));
        let unseen = one_line(&unseen.unwrap_or_default());
        return format!("{waits}, {} unread{unseen}", size(view.lag()));
    }
    let more = faults.len().checked_sub(NAMED);
    let mut words: Vec<String> = faults.take(NAMED).map(one_line).collect();
    if let Some(more) = more.filter(|more| *more > 0) {
        words.push(format!("and {more} more"));
    }
    words.join("; ")
}

/// A text as the line of a plugin may hold it: no control characters, and no bar, behind which the numbers
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
    use crate::health::without_snapshot;
    use crate::state::{LockStatus, Snapshot};
    use std::path::Path;

    const LEVELS: Levels = Levels {
        warning: 10,
        critical: 20,
    };

    fn view(holder: Result<LockStatus, String>) -> View {
        View::new(
            Path::new("/d"),
            Snapshot::default(),
            holder,
            crate::clock::Time::UNIX_EPOCH,
        )
    }

    fn holder(running: bool, failing: bool) -> Result<LockStatus, String> {
        Ok(LockStatus {
            running,
            failing,
            moved: Some(std::time::UNIX_EPOCH),
        })
    }

    fn line(view: &View) -> (String, i32) {
        let verdict = view.health().judge(LEVELS, LEVELS);
        let mut out = Vec::new();
        write(&verdict, view, LEVELS, LEVELS, &mut out).unwrap();
        (String::from_utf8(out).unwrap(), exit_status(&verdict))
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
    fn an_input_that_is_not_read_and_a_daemon_that_hangs_are_critical() {
        let mut view = view(holder(true, false));
        view.faults.insert("/log".into(), "cannot be read".into());
        view.blind.insert("/log".into());
        let (text, status) = line(&view);
        assert!(text.starts_with("TENSHI CRITICAL - /log: cannot be read|"));
        assert_eq!(status, 2);
        view.now += chrono::TimeDelta::seconds(599);
        assert!(!line(&view).0.contains("hangs"), "it wakes each 300 s");
        view.now += chrono::TimeDelta::seconds(1);
        let (text, status) = line(&view);
        assert!(text.contains("the daemon hangs: it has not moved for 10 min"));
        assert_eq!(status, 2);
        view.running = Some(false);
        assert!(!line(&view).0.contains("hangs"), "it is gone");
    }

    #[test]
    fn without_a_snapshot_the_lock_tells_whether_a_daemon_died() {
        let told = |running, failing| without_snapshot(&holder(running, failing).unwrap());
        assert_eq!(told(false, false), Some("no daemon is running"));
        assert!(told(true, true).is_some());
        assert_eq!(told(true, false), None, "it has only begun");
        let nobody = LockStatus {
            running: false,
            failing: false,
            moved: None,
        };
        assert_eq!(without_snapshot(&nobody), None);
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
}
