//! What was measured, as text for a terminal and as docs/performance.md.

use std::fmt::Write;
use std::fs;
use std::process::Command;

use super::rules::{DEBIAN, INSTALLED};
use super::{ROUNDS, Results, Row, UnseenRow, WORD};

/// Lines a second of CPU time.
fn rate((lines, figures): (u64, super::Figures)) -> f64 {
    lines as f64 / figures.cpu
}

fn against_perl(row: &Row) -> f64 {
    rate(row.ours) / rate(row.perl)
}

fn against_grep(row: &Row) -> f64 {
    row.ours.1.cpu / row.grep
}

fn grouped(n: f64) -> String {
    let digits = format!("{n:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn mib(kib: u64) -> String {
    format!("{:.1}", kib as f64 / 1024.0)
}

/// The head of the table that grows while it is measured.
pub fn print_head() {
    println!(
        "{:56} {:>5} {:>5} {:>5} {:>11} {:>11} {:>8} {:>6} {:>8} {:>8}",
        "rules",
        "rules",
        "last",
        "new",
        "Perl, /s",
        "tenshi, /s",
        "ratio",
        "grep",
        "start",
        "memory"
    );
}

/// A row at once: the whole takes minutes.
pub fn print_row(row: &Row) {
    println!(
        "{:56} {:5} {:4.0}% {:4.0}% {:>11} {:>11} {:6.1} x {:4.1} x {:5.1} ms {:>4} MiB",
        row.name,
        row.effect.rules,
        100.0 * row.effect.last,
        100.0 * row.effect.new,
        grouped(rate(row.perl)),
        grouped(rate(row.ours)),
        against_perl(row),
        against_grep(row),
        1e3 * row.start,
        row.ours.1.memory / 1024,
    );
}

/// The head of the second table that grows.
pub fn print_unseen_head() {
    println!(
        "\n{:40} {:40} {:>11} {:>11} {:>8}",
        "log", "rules", "Perl, /s", "tenshi, /s", "ratio"
    );
}

/// A row of it.
pub fn print_unseen(row: &UnseenRow) {
    let (perl, ours) = row.line;
    println!(
        "{:40} {:40} {:>11} {:>11} {:6.1} x",
        row.log,
        row.set,
        grouped(1.0 / perl),
        grouped(1.0 / ours),
        perl / ours,
    );
}

/// The smallest ratio of a set of rules on the logs that nobody tuned for.
fn least(results: &Results, set: &str) -> f64 {
    let rows = results.unseen.iter().filter(|row| row.set == set);
    let ratios = rows.map(|row| row.line.0 / row.line.1);
    ratios.fold(f64::INFINITY, f64::min)
}

/// The table of the logs that nobody tuned for: the sets of rules stand side by side.
fn unseen_table(results: &Results) -> String {
    let mut text = String::from(UNSEEN);
    for rows in results.unseen.chunk_by(|one, next| one.log == next.log) {
        let _ = write!(text, "| {} |", rows.first().map_or("", |row| row.log));
        for row in rows {
            let (perl, ours) = row.line;
            let (theirs, rate) = (grouped(1.0 / perl), grouped(1.0 / ours));
            let _ = write!(text, " {theirs} | {rate} | {:.0} × |", perl / ours);
        }
        text.push('\n');
    }
    text
}

/// A goal, and what was measured.
struct Bar {
    what: &'static str,
    goal: String,
    measured: String,
    met: bool,
}

fn at_least(what: &'static str, goal: f64, measured: f64) -> Bar {
    Bar {
        what,
        goal: format!("≥ {} ×", grouped(goal)),
        measured: format!("{} ×", grouped(measured)),
        met: measured >= goal,
    }
}

fn at_most(what: &'static str, (goal, unit): (f64, &str), measured: f64) -> Bar {
    Bar {
        what,
        goal: format!("≤ {goal}{unit}"),
        measured: format!("{measured:.2}{unit}"),
        met: measured <= goal,
    }
}

fn all_bars(results: &Results) -> Vec<Bar> {
    let [debian, flat, _, hundred, logcheck, unknown, _] = &results.rows[..] else {
        panic!("{} rows", results.rows.len());
    };
    let mut bars = vec![
        at_least(
            "Lines a second against Perl, Debian's 107 rules, one behind the other",
            150.0,
            against_perl(flat),
        ),
        at_least(
            "Lines a second against Perl, the same in their groups, as shipped",
            150.0,
            against_perl(debian),
        ),
        at_least(
            "Lines a second against Perl, all of logcheck's rules",
            1500.0,
            against_perl(logcheck),
        ),
        at_least(
            "Lines a second against Perl, every line to `misc .*`",
            40.0,
            against_perl(unknown),
        ),
        at_least(
            "Lines a second against Perl on logs that nobody tuned for, the least of them, Debian's rules",
            150.0,
            least(results, DEBIAN),
        ),
        at_least(
            "Lines a second against Perl on logs that nobody tuned for, the least of them, ours",
            120.0,
            least(results, INSTALLED),
        ),
        at_most(
            "Time with all of logcheck's rules against 100 of them",
            (2.0, " ×"),
            logcheck.ours.1.cpu / hundred.ours.1.cpu,
        ),
        at_most(
            "Time against `grep -c`, most lines trash (100 of logcheck's rules)",
            (2.0, " ×"),
            against_grep(hundred),
        ),
    ];
    bars.extend(small_bars(results));
    bars
}

/// Those on memory, start and idling.
fn small_bars(results: &Results) -> Vec<Bar> {
    let (perl, ours) = results.memory;
    let (idle, full) = (results.idle, results.full);
    vec![
        at_most(
            "Peak memory against Perl, 600,000 lines, 420,000 of them distinct",
            (0.4, " ×"),
            ours as f64 / perl as f64,
        ),
        at_most("Start with 1,000 rules", (50.0, " ms"), 1e3 * results.start),
        at_most(
            "Resident memory of the idle daemon, as installed",
            (10.0, " MiB"),
            idle.resident as f64 / 1024.0,
        ),
        at_most(
            "Resident memory of the idle daemon, with all our rule files",
            (10.0, " MiB"),
            full.resident as f64 / 1024.0,
        ),
        Bar {
            what: "Wake-ups of the idle daemon in a minute, of both kinds",
            goal: "0".into(),
            measured: format!("{} and {}", idle.minute, full.minute),
            met: idle.minute == 0 && full.minute == 0,
        },
    ]
}

/// The goals, for a terminal.
pub fn bars(results: &Results) -> String {
    let mut text = String::new();
    for (name, cpu) in [("grep -c", results.grep), ("wc -l", results.wc)] {
        let rate = grouped(results.lines as f64 / cpu);
        let _ = writeln!(text, "{name:56} {rate:>11} lines/s");
    }
    let (perl, ours) = results.memory;
    let _ = writeln!(
        text,
        "600,000 lines, 420,000 distinct: {} MiB Perl, {} MiB tenshi",
        mib(perl),
        mib(ours)
    );
    let (idle, full) = (results.idle, results.full);
    let _ = writeln!(
        text,
        "wake-ups of the two idle daemons in {} s: {} and {}\n",
        idle.seconds, idle.all, full.all
    );
    for bar in all_bars(results) {
        let met = if bar.met { "met" } else { "NOT MET" };
        let _ = writeln!(
            text,
            "{:68} {:>10} {:>14}  {met}",
            bar.what, bar.goal, bar.measured
        );
    }
    text
}

/// docs/performance.md.
pub fn page(results: &Results) -> String {
    let mut text = String::from(HEAD);
    let _ = write!(text, "\nMeasured on {}.\n\n", machine());
    text.push_str(TABLE);
    for row in &results.rows {
        let _ = writeln!(
            text,
            "| {} | {} | {:.0} % | {:.0} % | {} | {} | {:.0} × | {:.1} × | {} | {} |",
            row.name,
            row.effect.rules,
            100.0 * row.effect.last,
            100.0 * row.effect.new,
            grouped(rate(row.perl)),
            grouped(rate(row.ours)),
            against_perl(row),
            against_grep(row),
            mib(row.perl.1.memory),
            mib(row.ours.1.memory),
        );
    }
    let (perl, ours) = results.memory;
    let _ = write!(
        text,
        "\n`grep -c {WORD}` reads {} lines a second of the same log, `wc -l` {} ({} lines, {:.0} MB).\n\
         600,000 lines, of which 420,000 are distinct, take {} MiB at most with the Perl program\n\
         and {} MiB with tenshi.\n",
        grouped(results.lines as f64 / results.grep),
        grouped(results.lines as f64 / results.wc),
        grouped(results.lines as f64),
        results.bytes as f64 / 1e6,
        mib(perl),
        mib(ours),
    );
    text.push_str(&unseen_table(results));
    text.push_str(GOALS);
    for bar in all_bars(results) {
        let met = if bar.met { "yes" } else { "**no**" };
        let _ = writeln!(
            text,
            "| {} | {} | {} | {met} |",
            bar.what, bar.goal, bar.measured
        );
    }
    let (idle, full) = (results.idle, results.full);
    let tail = TAIL
        .replace("ROUNDS", &ROUNDS.to_string())
        .replace("SECONDS", &idle.seconds.to_string())
        .replace("WAKEUPS", &format!("{} and {}", idle.all, full.all));
    text.push_str(&tail);
    text
}

/// The machine, in a few words.
fn machine() -> String {
    let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpus
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .map_or("an unnamed processor", |rest| {
            rest.trim_start_matches([' ', '\t', ':'])
        });
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let perl = Command::new("/usr/bin/perl")
        .args(["-e", "printf '%vd', $^V"])
        .output()
        .map(|done| String::from_utf8_lossy(&done.stdout).into_owned())
        .unwrap_or_default();
    format!(
        "one core of {model}, Linux {}, Perl {perl}, tenshi {}",
        kernel.trim(),
        env!("CARGO_PKG_VERSION")
    )
}

const HEAD: &str = "\
# Performance

`make bench` writes this page, but for what `make bench-files` does. It runs Debian's Perl tenshi 0.13 and this program, both with `-p`,
on the same log and the same rules, and `grep -c` and `wc -l` on that log too.
";

const TABLE: &str = "\
| Rules | Number | To the last | New | Perl, lines/s | tenshi, lines/s | Ratio | Time / `grep` | Perl, MiB | tenshi, MiB |
| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
";

const UNSEEN: &str = "
## Logs that nobody tuned for

The log above has been looked at for years. These come from other kinds of hosts, with seeds that nothing
was measured on before ([benches/unseen.rs](../benches/unseen.rs)): a seed chooses which messages of its
kind come and how often. Most of their lines are unknown to the rules, or nearly known. *Ours* are
etc/tenshi.conf with all of etc/includes-available.

| Log | Debian's: Perl, lines/s | tenshi, lines/s | Ratio | Ours: Perl, lines/s | tenshi, lines/s | Ratio |
| --- | ---: | ---: | ---: | ---: | ---: | ---: |
";

const GOALS: &str = "
## Goals

| What | Goal | Measured | Met |
| --- | ---: | ---: | --- |
";

const TAIL: &str = "
## What the numbers mean

- Lines a second are of processor time, user and system. What a start takes is not in it: it is
  measured with no input (one line for `grep` and `wc`), and subtracted, for all programs.
- Each number is the median of ROUNDS runs on one core. The programs take turns, so that a machine
  that gets slower does so for all. Numbers of one table can be compared, those of two machines only
  as ratios.
- The log is that of 25 hosts, the same on every machine ([benches/logs.rs](../benches/logs.rs)): sshd,
  Postfix, cron, sudo, Courier, systemd and others as Debian 12 has them, most lines known to the
  rules, with process ids, addresses, queue ids and sizes that differ from line to line. With all of
  logcheck's rules the Perl program gets only the first tenth of it: all of it would take minutes.
- *Number* counts rules and groups. *To the last* is the share of lines that no rule but the last
  takes (`misc .*`), *New* the share whose text, after masking, was not there yet and is kept for a
  report; both in the first 100,000 lines.
- Debian's rules are those of its tenshi.conf with all its include files; *no program known* is the
  same with `app-` before the name of each program, so that no rule but the last takes a line.
- logcheck's rules come out of the package `logcheck-database` and are turned into `trash` rules. The
  100 are those that take lines of this log, and others spread over all; so both sets throw away the
  same lines.
- One rule `trash .*` is the floor: reading lines, taking their prefixes off, and no more.
- The memory is that of one rule `misc .*`: every distinct line is kept with its count until the
  report is sent.
- The idle daemon runs etc/tenshi.conf on empty logs: once as it is installed, with no rule file linked,
  once with all of etc/includes-available. Its wake-ups are the voluntary context switches of all its
  threads (`/proc/PID/task/*/status`), from two seconds after its start on: a thread that woke for
  nothing has to sleep again. In SECONDS seconds there were WAKEUPS: it looks at its
  files once in five minutes, in case the kernel told it nothing.
  Its resident memory includes the pages of the program and of libc.

## Measure it yourself

    make bench            # some minutes; installs what it needs, when root; writes this page
    make bench-count      # instructions a line, by callgrind: for a machine that is not quiet
    make bench-stages     # each step of a line by itself, with criterion
    cargo bench --bench compare -- distinct    # 2,000,000 lines that are all distinct
    make bench-files      # the running daemon: ten thousand logs, a million lines; half an hour

`TENSHI_BENCH_LINES=1000000 make bench` takes a longer log. `cargo bench --bench compare -- prepare`
only makes the logs and configurations, for a look with `perf`. `tenshi -p -d` shows what each of
your own rules takes on your own log.
";
