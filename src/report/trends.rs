//! Trends: the rules that took another share of the lines than usual, above the lines of a report.

use super::{Form, put};
use crate::ledger::Day;
use crate::ledger::trends::{Block, Note, What};
use crate::shown::thousands;

/// The bars of a sparkline, the lowest first.
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// The place of a period in which lines were not counted all the time.
const UNKNOWN: char = '·';

/// Writes the block above the hosts.
pub(super) fn put_trends(out: &mut Vec<u8>, block: &Block, form: Form<'_>) {
    if !block.rows.is_empty() {
        let more = block.more();
        let counts = match (more, block.rows.len() - more) {
            (more, 0) => format!("More than usual: {more}"),
            (0, gone) => format!("Gone: {gone}"),
            (more, gone) => format!("More than usual: {more}, gone: {gone}"),
        };
        put(out, format_args!("*** {counts} ***\n"));
        for (rule, note) in &block.rows {
            put_row(out, rule, note, form);
        }
        if block.over > 0 {
            let over = thousands(block.over.into());
            put(out, format_args!("    and {over} more: `tenshi trends`\n"));
        }
    }
    for sentence in &block.sentences {
        put(out, format_args!("*** {sentence} ***\n"));
    }
}

/// Writes the line of a rule.
fn put_row(out: &mut Vec<u8>, rule: &str, note: &Note, form: Form<'_>) {
    put(out, format_args!("    {rule}: "));
    match &note.what {
        What::More {
            count,
            most,
            host,
            so_far,
            before,
        } => {
            let so_far = if *so_far { " so far" } else { "" };
            let number = thousands((*count).into());
            put(
                out,
                format_args!("{number}{so_far}; {}", usual(note.unit, *most)),
            );
            if let Some((host, lines)) = host {
                out.extend_from_slice(b" (");
                form.put(out, host);
                put(out, format_args!(": {})", thousands((*lines).into())));
            }
            let all = before.iter().copied().chain([Some(*count)]);
            put(out, format_args!("  {}\n", sparkline(all)));
        }
        What::Gone { days, fewest, most } => {
            let range = match fewest == most {
                true => thousands((*most).into()),
                false => {
                    let [fewest, most] = [fewest, most].map(|n| thousands((*n).into()));
                    format!("{fewest} to {most}")
                }
            };
            let when = equal_days(note.unit, *days, note.day);
            put(out, format_args!("none; {range} {when}\n"));
        }
    }
}

/// `on no day in four weeks more than 9,204`
fn usual(unit: u16, most: u32) -> String {
    let most_shown = thousands(most.into());
    let (when, none) = match unit {
        1 => ("on no day in four weeks", "none on any day in four weeks"),
        7 => (
            "in none of the four weeks before",
            "none in the four weeks before",
        ),
        _ => ("in none of the last reports", "none in the last reports"),
    };
    match most {
        0 => none.into(),
        _ => format!("{when} more than {most_shown}"),
    }
}

/// `on each of the last eight Fridays`
fn equal_days(unit: u16, days: u8, day: Day) -> String {
    let number = match days {
        6 => "six",
        7 => "seven",
        _ => "eight",
    };
    match unit {
        7 => format!("in each of {number} weeks before"),
        0..7 => {
            let weekday = day.date().format("%A");
            format!("on each of the last {number} {weekday}s")
        }
        _ => format!("in each of the last {number} reports"),
    }
}

/// A bar for each count, from none to the largest of them.
pub fn sparkline(counts: impl Iterator<Item = Option<u32>> + Clone) -> String {
    let largest = counts.clone().flatten().max().unwrap_or(0).max(1);
    let bar = |count: u32| {
        let place = u64::from(count) * (BARS.len() as u64 - 1) / u64::from(largest);
        usize::try_from(place)
            .ok()
            .and_then(|place| BARS.get(place))
    };
    counts
        .map(|count| count.and_then(bar).copied().unwrap_or(UNKNOWN))
        .collect()
}
