//! `tenshi trends`: how many lines each rule took in each of the last periods.

use std::ffi::OsStr;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;

use bstr::ByteSlice;
use serde::Serialize;

use super::json_text;
use super::rule_text::{ended, load};
use super::state_directory::StateDirectory;
use crate::cli::TrendsArgs;
use crate::config::{Config, TrendsSettings};
use crate::ledger::Trends;
use crate::ledger::trends::RuleTrend;
use crate::monitor::{Counted, TrendRule, TrendRules};
use crate::report::sparkline;
use crate::shown::{shown, thousands};

/// Periods that are shown.
const SHOWN: usize = 35;
/// Hosts that are shown of a rule.
const HOSTS: usize = 10;
/// The width of a bar, characters.
const BAR: u64 = 40;

/// Shows the trends; the exit status.
pub fn run(args: &TrendsArgs, out: &mut dyn Write, err: &mut dyn Write) -> i32 {
    let Some(config) = load(&args.config, err) else {
        return 1;
    };
    let directory = StateDirectory::find(&args.config, args.state_dir.as_deref());
    let Some(snapshot) = directory.snapshot(err) else {
        return 1;
    };
    let wanted = args.rule.as_deref().map(OsStr::as_bytes);
    let rows = rows(&config, &snapshot.trends, wanted);
    if let Some(wanted) = wanted.filter(|_| rows.is_empty()) {
        let _ = writeln!(
            err,
            "tenshi: no rule that is counted has this text: {}",
            shown(wanted)
        );
        return 1;
    }
    let written = match (args.json, wanted) {
        (true, _) => json(&rows, out),
        (false, Some(_)) => rows.iter().try_for_each(|row| one(row, out)),
        (false, None) => all(&rows, snapshot.trends.has_begun(), out),
    };
    ended(written.and_then(|()| out.flush()), 0, err)
}

/// The line about the queues that tell trends, if any does.
pub(super) fn summary(config: &Config) -> Option<String> {
    let TrendsSettings { on, factor, floor } = config.trends;
    let rules = TrendRules::new(config);
    let queues: Vec<&str> = rules.homes().values().map(|h| h.queue.as_str()).collect();
    let queues = match queues.is_empty() {
        true => "no queue: none is mailed at a time of the day".to_owned(),
        false => queues.join(", "),
    };
    on.then(|| {
        format!(
            "trends are told by {queues}; more than {factor} times the most of four weeks, and {floor} lines, \
             are more than usual"
        )
    })
}

/// A rule and what is known of it.
struct Row<'a> {
    label: String,
    queue: &'a str,
    trend: RuleTrend<'a>,
}

impl Row<'_> {
    /// The last periods, the oldest first; nothing for one that was not whole.
    fn counts(&self) -> impl Iterator<Item = Option<u32>> + Clone {
        let before = self.trend.before.iter().take(SHOWN).rev();
        before.map(|(slot, count)| slot.whole.then_some(*count))
    }

    /// The most lines of a period that was whole.
    fn most(&self) -> u32 {
        self.counts().flatten().max().unwrap_or(0)
    }
}

/// The rules that are known, and of those the ones whose place, target or pattern has a text.
fn rows<'a>(config: &'a Config, trends: &'a Trends, wanted: Option<&[u8]>) -> Vec<Row<'a>> {
    let rules = TrendRules::new(config);
    let row = |rule: &TrendRule| {
        let label = rule.counted.label(config);
        let pattern = match rule.counted {
            Counted::Rule(id) => config.rules.get(id.index())?.pattern.source(),
            Counted::NoPrefix | Counted::Unmatched => b"",
        };
        let has = |text: &[u8]| label.as_bytes().contains_str(text) || pattern.contains_str(text);
        if !wanted.is_none_or(has) {
            return None;
        }
        let queue = &config.queues.get(rule.queue)?.name;
        let trend = trends.rule(queue, rule.key)?;
        Some(Row {
            label,
            queue,
            trend,
        })
    };
    rules.rules().iter().filter_map(row).collect()
}

/// A line for each rule that had any.
fn all(rows: &[Row<'_>], begun: bool, out: &mut dyn Write) -> io::Result<()> {
    if !begun {
        return writeln!(out, "nothing is known yet: `set trends on` begins it");
    }
    let had = rows
        .iter()
        .filter(|row| row.trend.now > 0 || row.most() > 0);
    writeln!(
        out,
        "     lines now  most before  the last {SHOWN} days or reports"
    )?;
    for row in had {
        let (now, most) = (
            thousands(row.trend.now.into()),
            thousands(row.most().into()),
        );
        let bars = sparkline(row.counts());
        writeln!(out, "{now:>14} {most:>12}  {bars:SHOWN$}  {}", row.label)?;
    }
    Ok(())
}

/// All that is known of a rule.
fn one(row: &Row<'_>, out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        "{} (told by {})",
        row.label,
        shown(row.queue.as_bytes())
    )?;
    writeln!(
        out,
        "    now        {:>14}",
        thousands(row.trend.now.into())
    )?;
    let most = u64::from(row.most()).max(1);
    for (slot, count) in row.trend.before.iter().take(SHOWN) {
        let day = slot.day.date().format("%a %e %b");
        let bar = match slot.whole {
            true => "#".repeat(usize::try_from(u64::from(*count) * BAR / most).unwrap_or(0)),
            false => "(not counted all the time)".into(),
        };
        let line = format!("    {day} {:>14}  {bar}", thousands((*count).into()));
        writeln!(out, "{}", line.trim_end())?;
    }
    for (host, lines) in row.trend.hosts.iter().take(HOSTS) {
        writeln!(
            out,
            "    now from {}: {}",
            shown(host),
            thousands((*lines).into())
        )?;
    }
    Ok(())
}

/// A rule, for programs.
#[derive(Serialize)]
struct View<'a> {
    rule: &'a str,
    queue: &'a str,
    now: u32,
    hosts: Vec<HostView>,
    before: Vec<PeriodView>,
}

#[derive(Serialize)]
struct HostView {
    host: String,
    lines: u32,
}

/// A period, by its last day.
#[derive(Serialize)]
struct PeriodView {
    day: String,
    lines: u32,
    whole: bool,
}

fn json(rows: &[Row<'_>], out: &mut dyn Write) -> io::Result<()> {
    let view = |row: &Row<'_>| {
        let hosts = row.trend.hosts.iter().map(|(host, lines)| HostView {
            host: host.to_str_lossy().into_owned(),
            lines: *lines,
        });
        let before = row.trend.before.iter().take(SHOWN);
        serde_json::to_value(View {
            rule: &row.label,
            queue: row.queue,
            now: row.trend.now,
            hosts: hosts.collect(),
            before: before
                .map(|(slot, lines)| PeriodView {
                    day: slot.day.date().to_string(),
                    lines: *lines,
                    whole: slot.whole,
                })
                .collect(),
        })
    };
    let views: Vec<serde_json::Value> = rows.iter().map(view).collect::<Result<_, _>>()?;
    let text = serde_json::to_string_pretty(&views)?;
    writeln!(out, "{}", json_text::ascii(&text))
}
