//! The proposed rules as text to paste into a configuration.

use std::io::{self, Write};

use super::queue_hint::Loudness;
use super::rules::{Block, Rule};
use crate::shown::{shown, thousands};

/// The longest sample that is shown, bytes as they are shown.
const LONGEST: usize = 400;

/// What the text around the rules needs to know.
#[allow(missing_debug_implementations, reason = "a function has no text")]
pub struct Printing<'a> {
    /// The name of the queue for each level.
    pub queue: &'a dyn Fn(Loudness) -> String,
    /// Whether samples show names of users.
    pub samples: bool,
    /// The number of lines of the logs that have a prefix.
    pub lines: u64,
    /// The number of them that a rule takes already.
    pub taken: u64,
    /// The fewest lines for which a rule is printed.
    pub least: u64,
}

/// Writes the rules, in blocks of programs, with comments.
///
/// # Errors
/// When they cannot be written.
pub fn print(blocks: &[Block], printing: &Printing<'_>, out: &mut dyn Write) -> io::Result<()> {
    let mut reached = printing.taken;
    for block in blocks {
        let rules: Vec<&Rule> = block
            .rules
            .iter()
            .filter(|rule| rule.lines >= printing.least)
            .collect();
        if rules.is_empty() {
            continue;
        }
        writeln!(out)?;
        if let Some(group) = &block.group {
            out.write_all(b"group ")?;
            out.write_all(group)?;
            writeln!(out)?;
        }
        for rule in rules {
            reached += rule.lines;
            write_rule(block, rule, reached, printing, out)?;
        }
        if block.group.is_some() {
            writeln!(out, "group_end")?;
        }
    }
    Ok(())
}

/// A rule and what is known of it.
fn write_rule(
    block: &Block,
    rule: &Rule,
    reached: u64,
    printing: &Printing<'_>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let queue = (printing.queue)(rule.loudness);
    let why = match &rule.why {
        Some(word) => format!("{queue}: `{}`", shown(word.as_bytes())),
        None => queue.clone(),
    };
    writeln!(
        out,
        "# {}, {}, {} % reached; {why}",
        number(rule.lines, "line"),
        number(rule.hosts as u64, "host"),
        percent(reached, printing.lines)
    )?;
    let sample = if printing.samples {
        &rule.sample
    } else {
        &rule.anonymous
    };
    writeln!(out, "#   {}", sample_line(&block.program, sample))?;
    out.write_all(queue.as_bytes())?;
    out.write_all(b" ")?;
    out.write_all(&rule.pattern)?;
    writeln!(out)
}

/// A sample with its program, cut to a length that can be read.
pub fn sample_line(program: &[u8], sample: &[u8]) -> String {
    let whole = match program.is_empty() {
        true => sample.to_vec(),
        false => [program, b": ", sample].concat(),
    };
    let mut text = shown(&whole).to_string();
    if let Some((cut, _)) = text.char_indices().find(|(at, _)| *at >= LONGEST) {
        text.truncate(cut);
        text.push('\u{2026}');
    }
    text
}

/// A number with the name of what is counted.
pub fn number(count: u64, what: &str) -> String {
    match count {
        1 => format!("1 {what}"),
        _ => format!("{} {what}s", thousands(count)),
    }
}

/// A share in percent with one digit behind the point; it says 100 only of all.
pub fn percent(part: u64, whole: u64) -> String {
    if part >= whole {
        return "100".into();
    }
    let tenths = u128::from(part) * 1000 / u128::from(whole);
    format!("{}.{}", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_can_be_read() {
        assert_eq!(number(1, "line"), "1 line");
        assert_eq!(number(0, "line"), "0 lines");
        assert_eq!(number(1_234_567, "line"), "1,234,567 lines");
        assert_eq!(percent(999_999, 1_000_000), "99.9");
        assert_eq!(percent(7, 7), "100");
        assert_eq!(percent(0, 0), "100");
    }
}
