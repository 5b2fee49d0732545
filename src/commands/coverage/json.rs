//! The findings as JSON for programs.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::Findings;
use crate::analysis::RuleUse;
use crate::config::{Rule, RuleId};
use crate::shown::{shown, shown_path};

/// Samples of a rule.
const SAMPLES: usize = 3;

/// Writes all findings. Rules are named by their numbers in `rules`.
pub(super) fn write(findings: &Findings, out: &mut dyn Write) -> io::Result<()> {
    let (coverage, shadows) = (&findings.coverage, &findings.shadows);
    let all = json!({
        "lines": coverage.lines(),
        "unmatched": coverage.unmatched(),
        "no_prefix": coverage.no_prefix(),
        "no_host": coverage.no_host(),
        "rules": coverage.rules().map(|one| rule(findings, one)).collect::<Vec<_>>(),
        "shadowed": shadows.shadowed.iter().map(|one| json!({
            "rule": one.rule.0, "by": one.by.0, "equal": one.equal, "proof": "patterns",
        })).chain(findings.late.iter().map(|one| json!({
            "rule": one.rule.0, "by": one.by.0, "equal": one.all, "proof": "logs",
        }))).collect::<Vec<_>>(),
        "impossible": shadows.impossible.iter().map(|id| id.0).collect::<Vec<_>>(),
        "near": shadows.near.iter().map(|one| json!({
            "first": one.first.0,
            "second": one.second.0,
            "only_first": one.only_first.as_ref().map(|line| shown(line).to_string()),
            "only_second": one.only_second.as_ref().map(|line| shown(line).to_string()),
        })).collect::<Vec<_>>(),
        "unchecked": shadows.unchecked.iter().map(|id| id.0).collect::<Vec<_>>(),
    });
    serde_json::to_writer_pretty(&mut *out, &all)?;
    writeln!(out)?;
    out.flush()
}

fn rule(findings: &Findings, (id, rule, used): (RuleId, &Rule, &RuleUse)) -> Value {
    let coverage = &findings.coverage;
    let masks = coverage.constant_masks(id).into_iter();
    let samples = used.samples(SAMPLES).into_iter();
    json!({
        "number": id.0,
        "file": shown_path(&*rule.place.file).to_string(),
        "line": rule.place.line,
        "queues": coverage.config().target(&rule.action),
        "pattern": shown(rule.pattern.source()).to_string(),
        "lines": used.lines,
        "hosts": used.hosts(),
        "last": used.last.map(|last| last.format("%FT%T").to_string()),
        "loud": used.loud,
        "samples": samples.map(|sample| shown(sample).to_string()).collect::<Vec<_>>(),
        "different_texts": used.different(),
        "constant_masks": masks.map(|(group, value)| json!({
            "group": group, "value": shown(value).to_string(),
        })).collect::<Vec<_>>(),
        "varying_words": used.varying().iter().map(|word| json!({
            "behind": shown(&word.before).to_string(),
            "values": word.values.iter().map(|value| shown(value).to_string()).collect::<Vec<_>>(),
        })).collect::<Vec<_>>(),
    })
}
