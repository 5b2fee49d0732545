//! `tenshi diff OLD NEW FILE…`: what another configuration would change for the lines of saved logs.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::json;

use super::logs::each_line;
use super::rule_text::{ended, lines, load, rule_text};
use super::saved;
use crate::analysis::{Change, Difference, Effect, Outcome, Sample};
use crate::config::Config;
use crate::shown::{shown, shown_path, thousands};

/// The command that reads a log through a pipe, for a hint.
const COMMAND: &str = "tenshi diff OLD NEW -";

/// Compares two configurations on saved logs. The exit status is as diff(1) has it: 0 if no line changes, 1 if one
/// does, 2 on a fault.
pub fn run(
    (old, new): (&Path, &Path),
    files: &[PathBuf],
    json: bool,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> i32 {
    let (Some(old), Some(new)) = (load(old, err), load(new, err)) else {
        return 2;
    };
    // A line is cut at the larger `max_line` of the two configurations, so that both judge one text.
    let max = old.inputs.max_line.max(new.inputs.max_line);
    let mut difference = Difference::new(old, Arc::clone(&new));
    let mut fault = false;
    for file in files {
        let read = saved::open_decoded(file, COMMAND, &new)
            .and_then(|mut reader| each_line(&mut *reader, max, &mut |line| difference.take(line)));
        if let Err(e) = read {
            let _ = writeln!(err, "tenshi: {}: {e}", shown_path(file));
            fault = true;
        }
    }
    let written = match json {
        true => write_json(&difference, out),
        false => write_text(&difference, out),
    };
    let status = match (fault, difference.changed()) {
        (true, _) => 2,
        (false, 0) => 0,
        (false, _) => 1,
    };
    ended(written, status, err)
}

/// Writes what changes, for people: the gravest changes first.
///
/// # Errors
/// When it cannot be written.
pub fn write_text(difference: &Difference, out: &mut dyn Write) -> io::Result<()> {
    let (all, changed) = (difference.lines(), difference.changed());
    if changed == 0 {
        writeln!(out, "no line changes of {}", thousands(all))?;
        return out.flush();
    }
    let change = if changed == 1 { "changes" } else { "change" };
    writeln!(out, "{} of {} {change}", lines(changed), thousands(all))?;
    let mut effect = None;
    for change in difference.changes() {
        if effect.replace(change.effect) != Some(change.effect) {
            writeln!(out, "\n{}:", title(change.effect))?;
        }
        write_change(difference, change, out)?;
    }
    out.flush()
}

fn title(effect: Effect) -> &'static str {
    match effect {
        Effect::Queues => "counted in other queues",
        Effect::Text => "counted as another text, or for another host",
        Effect::Rule => "taken by another rule that does the same",
    }
}

fn write_change(difference: &Difference, change: &Change, out: &mut dyn Write) -> io::Result<()> {
    let words = |text: &str| match text {
        "" => "dropped".to_owned(),
        text => text.to_owned(),
    };
    let old = words(difference.old_target(change.old));
    let new = words(difference.new_target(change.new));
    match old == new {
        true => writeln!(out, "  {} in {old}", lines(change.lines))?,
        false => writeln!(out, "  {} from {old} to {new}", lines(change.lines))?,
    }
    writeln!(out, "    old {}", outcome(difference.old(), change.old))?;
    writeln!(
        out,
        "    new {}",
        outcome(difference.new_config(), change.new)
    )?;
    for sample in &change.samples {
        write_sample(change.effect, sample, out)?;
    }
    Ok(())
}

fn write_sample(effect: Effect, sample: &Sample, out: &mut dyn Write) -> io::Result<()> {
    let host = shown(&sample.host);
    if effect != Effect::Text {
        return writeln!(out, "      {host} {}", shown(&sample.message));
    }
    writeln!(out, "    - {host} {}", shown(&sample.old))?;
    writeln!(out, "    + {host} {}", shown(&sample.new))
}

/// What becomes of a line, in words.
fn outcome(config: &Config, outcome: Outcome) -> String {
    match outcome {
        Outcome::Rule(id) => rule_text(config, id),
        Outcome::Unmatched => "no rule takes it".into(),
        Outcome::NoPrefix => "no known prefix".into(),
        Outcome::NoHost => "a prefix without a host".into(),
    }
}

fn write_json(difference: &Difference, out: &mut dyn Write) -> io::Result<()> {
    let changes = difference.changes().into_iter().map(|change| {
        let samples = change.samples.iter().map(|sample| {
            json!({
                "host": shown(&sample.host).to_string(),
                "message": shown(&sample.message).to_string(),
                "old": shown(&sample.old).to_string(),
                "new": shown(&sample.new).to_string(),
            })
        });
        json!({
            "changes": match change.effect {
                Effect::Queues => "queues",
                Effect::Text => "text",
                Effect::Rule => "rule",
            },
            "lines": change.lines,
            "old": {
                "queues": difference.old_target(change.old),
                "rule": outcome(difference.old(), change.old),
            },
            "new": {
                "queues": difference.new_target(change.new),
                "rule": outcome(difference.new_config(), change.new),
            },
            "samples": samples.collect::<Vec<_>>(),
        })
    });
    let all = json!({
        "lines": difference.lines(),
        "changed": difference.changed(),
        "changes": changes.collect::<Vec<_>>(),
    });
    serde_json::to_writer_pretty(&mut *out, &all)?;
    writeln!(out)?;
    out.flush()
}
