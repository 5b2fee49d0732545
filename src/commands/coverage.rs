//! `tenshi coverage [FILE…]`: what each rule does with the lines of logs, and which rules are of no use.

mod json;
mod text;

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use chrono::Local;

use super::logs::{each_line, named_or_followed};
use super::rule_text::{ended, load};
use super::saved;
use crate::analysis::{self, Coverage, Shadows, TakenBefore};
use crate::clock::{Clock, SystemClock};
use crate::shown::shown_path;

/// The command that reads a log through a pipe, for a hint.
const COMMAND: &str = "tenshi coverage -";

/// All that is known of the rules.
struct Findings {
    coverage: Coverage,
    shadows: Shadows,
    /// The rules that took no line though lines came that they match, without those that are shadowed.
    late: Vec<TakenBefore>,
}

/// Shows what the rules do with saved logs, or with the logs that the configuration follows if none is named.
/// The exit status: 0, or 2 if something cannot be read.
pub fn run(
    config: &Path,
    files: &[PathBuf],
    json: bool,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> i32 {
    let Some(config) = load(config, err) else {
        return 2;
    };
    let files = named_or_followed(files, &config);
    if files.is_empty() {
        let _ = writeln!(
            err,
            "tenshi: the configuration follows no log file that is there: name one"
        );
        return 2;
    }
    let now = SystemClock.now().with_timezone(&Local).naive_local();
    let mut coverage = Coverage::new(config, now);
    let mut fault = false;
    for file in &files {
        if let Err(e) = read(file, &mut coverage) {
            let _ = writeln!(err, "tenshi: {}: {e}", shown_path(file));
            fault = true;
        }
    }
    let shadows = analysis::shadows(coverage.config());
    let mut late = coverage.taken_before();
    late.retain(|one| {
        !shadows
            .shadowed
            .iter()
            .any(|proven| proven.rule == one.rule)
    });
    let findings = Findings {
        coverage,
        shadows,
        late,
    };
    let written = match json {
        true => json::write(&findings, out),
        false => text::write(&findings, out),
    };
    ended(written, if fault { 2 } else { 0 }, err)
}

fn read(file: &Path, coverage: &mut Coverage) -> io::Result<()> {
    let max = coverage.config().inputs.max_line;
    let mut reader = saved::open_decoded(file, COMMAND, coverage.config())?;
    each_line(&mut *reader, max, &mut |line| coverage.take(line))
}
