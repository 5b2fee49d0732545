//! What was done and what came of it, as text for a terminal and as docs/reliability.md.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::process::Command;

use tenshi::shown::thousands;

use super::Results;
use super::daemon::LONGEST_END;
use super::sweep::{ERRORS, Swept};

/// A goal, and what was done.
struct Bar {
    what: &'static str,
    goal: u64,
    done: u64,
    /// What is lost or doubled.
    wrong: usize,
}

impl Bar {
    fn met(&self) -> bool {
        self.done >= self.goal && self.wrong == 0
    }
}

fn all_bars(results: &Results) -> Vec<Bar> {
    let (worlds, consoles) = (&results.worlds, &results.consoles);
    let disturbed = worlds.kills + worlds.terms + worlds.stops;
    vec![
        Bar {
            what: "Killed at a system call",
            goal: 2_000,
            done: results.kills.points().into(),
            wrong: results.kills.wrong.len(),
        },
        Bar {
            what: "An error at a system call",
            goal: 500,
            done: results.errors.points().into(),
            wrong: results.errors.wrong.len(),
        },
        Bar {
            what: "Power cuts on a simulated disk",
            goal: 100_000,
            done: results.power.cuts,
            wrong: 0,
        },
        Bar {
            what: "Rotations, five a second of each log",
            goal: 10_000,
            done: worlds.all_rotations() as u64,
            wrong: worlds.wrong.len(),
        },
        Bar {
            what: "`kill -9`, `SIGTERM` and `SIGSTOP` among them",
            goal: 2_000,
            done: disturbed as u64,
            wrong: worlds.wrong.len(),
        },
        Bar {
            what: "Kills of one of four consoles with one report",
            goal: 1_000,
            done: consoles.kills as u64,
            wrong: consoles.wrong.len(),
        },
        Bar {
            what: "`FLUSHALL` of their Redis",
            goal: 300,
            done: consoles.wipes as u64,
            wrong: consoles.wrong.len(),
        },
        Bar {
            what: "`kill -9` of their Redis",
            goal: 200,
            done: consoles.board_kills as u64,
            wrong: consoles.wrong.len(),
        },
    ]
}

/// The goals, for a terminal.
pub fn bars(results: &Results) -> String {
    let mut text = String::new();
    for bar in all_bars(results) {
        let met = if bar.met() { "met" } else { "NOT MET" };
        let (what, goal) = (bar.what, bar.goal);
        let (done, wrong) = (bar.done, bar.wrong);
        let _ = writeln!(
            text,
            "{what:46} >= {goal:>7} {done:>9}, wrong {wrong}  {met}"
        );
    }
    text
}

/// docs/reliability.md.
pub fn page(results: &Results) -> String {
    let mut text = String::from(HEAD);
    let _ = write!(
        text,
        "\nRun on {}, commit {}, {}, in {} minutes on {}; seed {}.\n\n",
        chrono::Local::now().format("%-d %B %Y"),
        commit(),
        // `make torture` names the program that it built.
        match std::env::var_os("TENSHI_PROGRAM") {
            Some(_) => "release build",
            None => "debug build",
        },
        results.took.as_secs().div_ceil(60),
        machine(),
        results.seed,
    );
    text.push_str(GOALS);
    for bar in all_bars(results) {
        let met = if bar.met() { "yes" } else { "**no**" };
        let (goal, done) = (thousands(bar.goal), thousands(bar.done));
        let _ = writeln!(
            text,
            "| {} | ≥ {goal} | {done} | {} | {met} |",
            bar.what, bar.wrong
        );
    }
    calls(&mut text, results);
    worlds(&mut text, results);
    consoles(&mut text, results);
    let tail = TAIL
        .replace("LONGEST", &LONGEST_END.as_secs().to_string())
        .replace("CUTS", &thousands(results.power.cuts))
        .replace("TORN", &thousands(results.power.torn));
    text.push_str(&tail);
    text
}

/// The tables of the system calls.
fn calls(text: &mut String, results: &Results) {
    let (kills, errors) = (&results.kills, &results.errors);
    text.push_str(CALLS);
    let again = kills.rows.values().map(|row| row.again).sum::<usize>()
        + errors.rows.values().map(|row| row.again).sum::<usize>();
    let _ = writeln!(
        text,
        "{}\nOf the reports, {again} came twice, under the same `Message-ID`; {} times a loss was told that was \
         none.\n\n{CALL_TABLE}",
        left_out(kills, errors),
        kills.alarms + errors.alarms,
    );
    let names: BTreeSet<&String> = kills.rows.keys().chain(errors.rows.keys()).collect();
    for name in names {
        let (killed, failed) = (kills.rows.get(name), errors.rows.get(name));
        let (killed_at, failed_at) = (
            killed.map_or(0, |row| row.points),
            failed.map_or(0, |row| row.points),
        );
        if killed_at + failed_at == 0 {
            continue;
        }
        let made = killed.or(failed).map_or(0, |row| row.made);
        let threads: BTreeSet<&str> = [killed, failed]
            .into_iter()
            .flatten()
            .flat_map(|row| row.threads.iter().map(String::as_str))
            .filter(|thread| !thread.is_empty())
            .collect();
        let threads: Vec<&str> = threads.into_iter().collect();
        let went_on = failed.map_or(0, |row| row.went_on);
        let _ = writeln!(
            text,
            "| `{name}` | {made} | {killed_at} | {failed_at} | {went_on} | {} |",
            threads.join(", ")
        );
    }
}

fn left_out(kills: &Swept, errors: &Swept) -> String {
    let whole = |swept: &Swept| {
        if swept.whole {
            "all of the calls"
        } else {
            "some of the calls, chosen by chance"
        }
    };
    format!(
        "The daemon was killed at {}; at {}, the call was given an error ({}).",
        whole(kills),
        whole(errors),
        ERRORS.join(", ")
    )
}

/// The table of the rotations.
fn worlds(text: &mut String, results: &Results) {
    let seen = &results.worlds;
    let _ = write!(
        text,
        "{WORLDS}\
         There were {} lines and {} reports ({} of them taken twice, under the same `Message-ID`), {} times\n\
         `kill -9`, {} `SIGTERM`, {} `SIGSTOP` with its `SIGCONT`, {} `SIGHUP`. The longest end after a `SIGTERM`\n\
         took {:.1} s. {} times a loss was told that was none. Where many generations were left, the last daemon was\n\
         ended and started again until all was read, {} times at most.\n\n{SCHEME_TABLE}",
        thousands(seen.lines as u64),
        thousands(seen.reports as u64),
        thousands(seen.again as u64),
        thousands(seen.kills as u64),
        thousands(seen.terms as u64),
        thousands(seen.stops as u64),
        thousands(seen.hups as u64),
        seen.longest_end.as_secs_f64(),
        thousands(seen.alarms as u64),
        seen.last_starts,
    );
    for (scheme, rotations) in &seen.rotations {
        let rotations = thousands(*rotations as u64);
        let _ = writeln!(text, "| {} | {rotations} |", scheme.describe());
    }
}

/// What was done to several consoles.
fn consoles(text: &mut String, results: &Results) {
    let seen = &results.consoles;
    let _ = write!(
        text,
        "{CONSOLES}\
         In {} worlds there were {} lines and {} reports: {} with lines of several consoles, {} of a console alone as\n\
         the board was away, {} taken twice under the same `Message-ID`. Consoles were killed {} times and stopped\n\
         for a while {} times, their cables pulled {} times; Redis was wiped {} times and killed {} times. The last\n\
         console reported {:.0} s after the slot at most, by clocks that run as ours (`site_wait` is {} s), and\n\
         consoles whose board was away {:.0} s.\n",
        thousands(seen.worlds as u64),
        thousands(seen.lines),
        thousands(seen.reports as u64),
        thousands(seen.merged as u64),
        thousands(seen.alone as u64),
        thousands(seen.again as u64),
        thousands(seen.kills as u64),
        thousands(seen.sleeps as u64),
        thousands(seen.partitions as u64),
        thousands(seen.wipes as u64),
        thousands(seen.board_kills as u64),
        seen.latest.as_secs_f64(),
        super::consoles::WAIT,
        seen.latest_alone.as_secs_f64(),
    );
}

/// The commit of the sources, and whether they are as it has them.
fn commit() -> String {
    let git = |arguments: &[&str]| {
        let done = Command::new("git")
            .args(arguments)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output();
        let bytes = done.map(|done| done.stdout).unwrap_or_default();
        String::from_utf8_lossy(&bytes).trim().to_owned()
    };
    let changed = git(&["status", "--porcelain", "--untracked-files=no"]);
    let more = if changed.is_empty() {
        ""
    } else {
        " and changes"
    };
    format!("{}{more}", git(&["rev-parse", "--short", "HEAD"]))
}

fn machine() -> String {
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!("{cores} cores, Linux {}", kernel.trim())
}

const HEAD: &str = "\
# Reliability

`make torture` writes this page: what is promised, what was done to break it, and what is not promised.

## What is promised

- Each complete line of a followed log is in the counts of each of its queues once, and in one report of
  each: over any way of rotation of [following.md](following.md), and a `kill -9`, a power cut or an error of
  the disk at any instant, with a state directory ([state.md](state.md)).
- A report is delivered at least once. When the program dies between the server's answer and the next
  commit, it is sent once more with the same `Message-ID` and the same text.
- What is lost all the same, since somebody destroyed it, is told as far as it can be seen.
- The end that `SIGTERM` asks for comes, and an orderly end keeps everything.

## What was done to break it
";

const GOALS: &str = "\
| What | Goal | Done | Lost, doubled, or no end | Met |
| --- | ---: | ---: | ---: | --- |
";

const CALLS: &str = "
### At each system call

The program runs under `strace -f`, which kills it at the N-th call of a kind, or has that call fail:
`-e inject=write:signal=SIGKILL:when=7`, `-e inject=write:error=ENOSPC:when=7`, for each kind and N = 1, 2, …
as far as a run comes. The run begins with the state that a killed daemon left: lines that wait in a queue, a
report that no server took, a log whose rotated file is still read. While it goes on, three logs are written
and rotated (renamed with late lines, copied and truncated, packed; one is found by a pattern), reports are
asked for by `SIGUSR2` and `SIGUSR1`, the configuration is read again, and it is ended by `SIGTERM`. Then the
program is started once more without a fault, and ended. The mails that the server took are compared with the
lines that were written: each line must be counted once in each of its two queues.

";

const CALL_TABLE: &str = "\
| Call | Made in a run | Killed at | Given an error | Of these, went on to a good end | Threads |
| --- | ---: | ---: | ---: | ---: | --- |";

const WORLDS: &str = "
### Many logs, rotated five times a second

Ten or four logs at a time, in one directory or each in its own, each with a writer of its own that also writes
halves of lines, are rotated five times a second, none of the old files ever being deleted. Meanwhile the daemon
is killed, as it starts too, ended, stopped and continued, and made to read its configuration again, each time
after 3 s at most, and the mail server hangs, drops connections, refuses, and takes reports without saying so.
When nothing is written any more it is killed up to three times more, and then has to read what is left.
";

const SCHEME_TABLE: &str = "\
| Way of rotation | Rotations |
| --- | ---: |
";

const CONSOLES: &str = "
### Several consoles

Four consoles with `set site` and a real Redis that keeps nothing on its disk, each console in a network of its own,
half of the times with clocks that differ by up to two minutes. In four of five worlds all clocks run ten times as fast, so
that four queues are due every six seconds. Meanwhile consoles are killed and stopped, cables pulled, the board is wiped and killed,
and the mail server fails; then all is mended. In the end three of the four are killed and stay dead, and the last
one has to report alone; in the fifth world Redis dies after that, and each console has to. Each line must be counted once in all mails together.

";

const TAIL: &str = "
### Power cuts

A simulated disk under the files of the state keeps of what was not synced what chance wants: parts of writes,
renames without the data, data without the renames. After each cut the program must find the state of some
commit, and at least of the last one of which it was told that it is on the disk (`src/state/power_cuts.rs`; in
the ordinary tests). There were CUTS cuts, TORN of them in the middle of a commit.

## What is not promised

- Lines of a fifo, of UDP, TCP or a `set tail` program since the last commit, when the program is killed:
  nobody has them any more. Elements of a Redis list are kept.
- Lines that somebody destroys before they are read: between the copy and the truncation of `copytruncate`, by
  `> log`, or in a rotated file that is deleted while the daemon is down.
- That a loss which is told is one: a rotation in the moment of a start may look like one.
- That no mail comes twice: a server that takes a mail and dies before it says so gets it again. The
  `Message-ID` shows it.
- A disk that says that data is on it which is not, and a log file that a power cut itself makes shorter.
- An end within any time when the system calls themselves hang (a network file system that is away). Else the
  end after `SIGTERM` took less than LONGEST s in each of the runs above, and is bounded to 70 s.

## Do it again

    make torture                            # an hour; writes this page
    TENSHI_TORTURE_MINUTES=10 make torture  # or as long as wanted
    TENSHI_SEED=7 make torture              # another order, other rotations
    TENSHI_PROGRAM=/usr/sbin/tenshi cargo test --test torture   # a small part of it, with another program

The ordinary tests do a small part with each run, by chance (`cargo test --test torture`).
";
