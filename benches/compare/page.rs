//! What was measured, as text for a terminal and as docs/performance.md.

use std::fmt::Write;

use super::{Results, Row};

/// Lines a second of CPU time.
fn rate(lines: u64, cpu: f64) -> f64 {
    lines as f64 / cpu.max(0.001)
}

fn ratio(row: &Row) -> f64 {
    rate(row.ours.0, row.ours.1.cpu) / rate(row.perl.0, row.perl.1.cpu)
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

/// A row at once: the whole takes minutes.
pub fn print_row(row: &Row) {
    println!(
        "{:48} {:5} rules: {:>9} lines/s Perl, {:>10} ours, {:7.1} x",
        row.name,
        row.rules,
        grouped(rate(row.perl.0, row.perl.1.cpu)),
        grouped(rate(row.ours.0, row.ours.1.cpu)),
        ratio(row)
    );
}

/// The rest.
pub fn print(results: &Results) {
    for (name, figures) in [("grep -c", &results.grep), ("wc -l", &results.wc)] {
        println!(
            "{name:48} {:>12} lines/s",
            grouped(rate(results.lines, figures.cpu))
        );
    }
    let memory = &results.memory;
    println!(
        "600,000 lines, 420,000 of them distinct: {} MiB Perl, {} MiB ours, {:.2} x",
        mib(memory.perl.1.memory),
        mib(memory.ours.1.memory),
        memory.ours.1.memory as f64 / memory.perl.1.memory as f64
    );
}

/// docs/performance.md.
pub fn page(results: &Results) -> String {
    let mut text = String::from(HEAD);
    for row in &results.rows {
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {:.0} × | {} | {} |",
            row.name,
            row.rules,
            grouped(rate(row.perl.0, row.perl.1.cpu)),
            grouped(rate(row.ours.0, row.ours.1.cpu)),
            ratio(row),
            mib(row.perl.1.memory),
            mib(row.ours.1.memory),
        );
    }
    let _ = write!(
        text,
        "\n`grep -c` of one word reads {} lines a second of the same log, `wc -l` {} \
         ({} lines, {:.0} MB).\n",
        grouped(rate(results.lines, results.grep.cpu)),
        grouped(rate(results.lines, results.wc.cpu)),
        grouped(results.lines as f64),
        results.bytes as f64 / 1e6,
    );
    let memory = &results.memory;
    let _ = write!(
        text,
        "\n600,000 lines, of which 420,000 stay distinct, take {} MiB at most with the Perl program \
         and {} MiB with this one ({:.2} of it).\n",
        mib(memory.perl.1.memory),
        mib(memory.ours.1.memory),
        memory.ours.1.memory as f64 / memory.perl.1.memory as f64
    );
    text.push_str(TAIL);
    text
}

const HEAD: &str = "\
# Performance

`make bench` writes this page. It makes a log of 25 hosts (the same on every machine), fetches the
rules, and runs Debian's Perl tenshi 0.13 and this program on it, both with `-p`, on one core, in
one go. Lines a second are of CPU time, start included. The Perl program gets the first twentieth of
the log, and the first hundredth where the rules are many.

| Rules | Number | Perl, lines/s | tenshi, lines/s | Ratio | Perl, MiB | tenshi, MiB |
| --- | ---: | ---: | ---: | ---: | ---: | ---: |
";

const TAIL: &str = "";
