//! The findings as text for people.

use std::cmp::Reverse;
use std::io::{self, Write};

use super::Findings;
use crate::analysis::{RuleUse, Varying};
use crate::commands::rule_text::{lines, rule_text};
use crate::config::{Action, RuleId};
use crate::shown::{shown, thousands};

/// Samples of a rule that throws lines away.
const SAMPLES: usize = 3;
/// Words of a rule that vary and are shown.
const WORDS: usize = 3;

/// Writes all findings.
pub(super) fn write(findings: &Findings, out: &mut dyn Write) -> io::Result<()> {
    summary(findings, out)?;
    taking(findings, out)?;
    shadowed(findings, out)?;
    near(findings, out)?;
    idle(findings, out)?;
    trash(findings, out)?;
    masks(findings, out)?;
    words(findings, out)?;
    unchecked(findings, out)?;
    out.flush()
}

impl Findings {
    fn text(&self, id: RuleId) -> String {
        rule_text(self.coverage.config(), id)
    }

    /// A part of all lines, in percent.
    fn share(&self, part: u64) -> f64 {
        100.0 * part as f64 / self.coverage.lines().max(1) as f64
    }
}

fn summary(findings: &Findings, out: &mut dyn Write) -> io::Result<()> {
    let coverage = &findings.coverage;
    let used = coverage.rules().filter(|(_, _, used)| used.lines > 0);
    let taken: u64 = coverage.rules().map(|(_, _, used)| used.lines).sum();
    writeln!(
        out,
        "{}: {} taken by {} of {} rules, {} by no rule, {} without a known prefix",
        lines(coverage.lines()),
        thousands(taken),
        used.count(),
        coverage.rules().count(),
        thousands(coverage.unmatched()),
        thousands(coverage.no_prefix() + coverage.no_host()),
    )?;
    for (id, _, used) in coverage.catch_alls() {
        let share = findings.share(used.lines);
        writeln!(
            out,
            "the catch-all takes {share:.1}%: {}",
            findings.text(id)
        )?;
    }
    Ok(())
}

fn taking(findings: &Findings, out: &mut dyn Write) -> io::Result<()> {
    let rules = findings.coverage.rules();
    let mut rows: Vec<(RuleId, &RuleUse)> = rules
        .filter(|(_, _, used)| used.lines > 0)
        .map(|(id, _, used)| (id, used))
        .collect();
    if rows.is_empty() {
        return Ok(());
    }
    rows.sort_by_key(|(id, used)| (Reverse(used.lines), *id));
    writeln!(out, "\n     lines  share  hosts  last                 rule")?;
    for (id, used) in rows {
        let last = used.last.map(|last| last.format("%F %T").to_string());
        writeln!(
            out,
            "{:>10} {:5.1}% {:>6}  {:<19}  {}",
            thousands(used.lines),
            findings.share(used.lines),
            thousands(used.hosts() as u64),
            last.unwrap_or_else(|| "-".into()),
            findings.text(id)
        )?;
    }
    Ok(())
}

/// A title with the number of what follows; nothing where there is nothing.
fn title(count: usize, text: &str, out: &mut dyn Write) -> io::Result<()> {
    match count {
        0 => Ok(()),
        count => writeln!(out, "\n{text} ({count}):"),
    }
}

fn shadowed(findings: &Findings, out: &mut dyn Write) -> io::Result<()> {
    let (shadows, late) = (&findings.shadows, &findings.late);
    let count = shadows.shadowed.len() + shadows.impossible.len();
    title(
        count,
        "shadowed, proven from the patterns: no line can come to them",
        out,
    )?;
    for one in &shadows.shadowed {
        let why = match one.equal {
            true => "matches the same lines as",
            false => "all its lines are taken by",
        };
        writeln!(
            out,
            "  {}\n    {why} {}",
            findings.text(one.rule),
            findings.text(one.by)
        )?;
    }
    for &id in &shadows.impossible {
        writeln!(
            out,
            "  {}\n    matches no line that can come to it",
            findings.text(id)
        )?;
    }
    let late: Vec<_> = late
        .iter()
        .filter(|one| !shadows.impossible.contains(&one.rule))
        .collect();
    title(
        late.len(),
        "taken before, in these logs: lines came that they match",
        out,
    )?;
    for one in late {
        let kinds = match (one.all, one.kinds) {
            (true, 1) => "the one kind of line".to_owned(),
            (true, kinds) => format!("all {kinds} kinds of line"),
            (false, 1) => "1 kind of line".to_owned(),
            (false, kinds) => format!("{kinds} kinds of line"),
        };
        let (rule, by) = (findings.text(one.rule), findings.text(one.by));
        writeln!(out, "  {rule}\n    matches {kinds} looked at of {by}")?;
    }
    Ok(())
}

fn near(findings: &Findings, out: &mut dyn Write) -> io::Result<()> {
    let near = &findings.shadows.near;
    title(
        near.len(),
        "nearly the same: they differ only in what varies",
        out,
    )?;
    for one in near {
        writeln!(
            out,
            "  {}\n  {}",
            findings.text(one.first),
            findings.text(one.second)
        )?;
        for (which, line) in [("first", &one.only_first), ("second", &one.only_second)] {
            if let Some(line) = line {
                writeln!(out, "    only the {which} matches: {}", shown(line))?;
            }
        }
    }
    Ok(())
}

fn idle(findings: &Findings, out: &mut dyn Write) -> io::Result<()> {
    let shadows = &findings.shadows;
    let told = |id: &RuleId| {
        shadows.shadowed.iter().any(|one| one.rule == *id)
            || shadows.impossible.contains(id)
            || findings.late.iter().any(|one| one.rule == *id)
    };
    let rules = findings.coverage.rules();
    let idle = rules
        .filter(|(_, _, used)| used.lines == 0)
        .map(|(id, ..)| id);
    let idle: Vec<RuleId> = idle.filter(|id| !told(id)).collect();
    title(idle.len(), "no line in these logs", out)?;
    for id in idle {
        writeln!(out, "  {}", findings.text(id))?;
    }
    Ok(())
}

fn trash(findings: &Findings, out: &mut dyn Write) -> io::Result<()> {
    let rules = findings.coverage.rules();
    let mut rows: Vec<(RuleId, &RuleUse)> = rules
        .filter(|(_, rule, used)| rule.action == Action::Trash && used.lines > 0)
        .map(|(id, _, used)| (id, used))
        .collect();
    // What is loud stands first.
    rows.sort_by_key(|(id, used)| (Reverse(used.loud), Reverse(used.lines), *id));
    let all: u64 = rows.iter().map(|(_, used)| used.lines).sum();
    let loud = rows.iter().filter(|(_, used)| used.loud > 0).count();
    if rows.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "\ntrash takes {:.1}%, {}; rules: {}, with words of failure: {loud}",
        findings.share(all),
        lines(all),
        rows.len()
    )?;
    for (id, used) in rows {
        let words = match used.loud {
            0 => String::new(),
            loud => format!(", {} with words of failure", thousands(loud)),
        };
        writeln!(
            out,
            "  {}\n    {}{words}",
            findings.text(id),
            lines(used.lines)
        )?;
        for sample in used.samples(SAMPLES) {
            writeln!(out, "      {}", shown(sample))?;
        }
    }
    Ok(())
}

fn masks(findings: &Findings, out: &mut dyn Write) -> io::Result<()> {
    let rules = findings.coverage.rules();
    let constant = rules.map(|(id, ..)| (id, findings.coverage.constant_masks(id)));
    let constant: Vec<_> = constant.filter(|(_, masks)| !masks.is_empty()).collect();
    title(constant.len(), "masks that never vary", out)?;
    for (id, masks) in constant {
        writeln!(out, "  {}", findings.text(id))?;
        for (group, value) in masks {
            writeln!(out, "    group {group} is always `{}`", shown(value))?;
        }
    }
    Ok(())
}

fn words(findings: &Findings, out: &mut dyn Write) -> io::Result<()> {
    let rules = findings.coverage.rules();
    // A catch-all takes lines of all kinds: of course they vary.
    let rules = rules.filter(|(_, rule, _)| !rule.pattern.properties().matches_everything);
    let varying = rules.map(|(id, _, used)| (id, used, used.varying()));
    let mut varying: Vec<_> = varying.filter(|(.., words)| !words.is_empty()).collect();
    varying.sort_by_key(|(id, used, _)| (Reverse(used.different()), *id));
    title(varying.len(), "words that vary and are not masked", out)?;
    for (id, used, words) in varying {
        let different = thousands(used.different() as u64);
        writeln!(
            out,
            "  {}\n    {different} different texts",
            findings.text(id)
        )?;
        for word in words.iter().take(WORDS) {
            writeln!(out, "    {}", varying_word(word))?;
        }
    }
    Ok(())
}

fn varying_word(word: &Varying) -> String {
    let values: Vec<String> = word
        .values
        .iter()
        .map(|value| shown(value).to_string())
        .collect();
    let behind = match word.before.is_empty() {
        true => "at the beginning".to_owned(),
        false => format!("behind `{}`", shown(&word.before)),
    };
    format!("{behind}: {}, …", values.join(", "))
}

fn unchecked(findings: &Findings, out: &mut dyn Write) -> io::Result<()> {
    let unchecked = &findings.shadows.unchecked;
    title(
        unchecked.len(),
        "not compared with the other rules, as they need the slower engine or are too large",
        out,
    )?;
    for &id in unchecked {
        writeln!(out, "  {}", findings.text(id))?;
    }
    Ok(())
}
