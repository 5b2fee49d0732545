//! `cargo bench --bench compare -- distinct`: lines that are all distinct, which are the most that counting can
//! have to do. With `TENSHI_BENCH_AGAINST` as the path of another tenshi, both in turn.

use std::fs;
use std::path::Path;

use super::run::{self, Job};
use super::{Bench, ROUNDS, logs};

/// How many lines are counted.
const LINES: u64 = 2_000_000;

/// All of them are kept.
const CONFIGURATION: &str = "\
set logfile /dev/null
set mailserver localhost
set max_lines 3000000
set max_memory 1G
set queue misc tenshi@localhost root@localhost [0 0 1 1 *]
misc .*
";

/// Prints the processor time a line and the peak memory.
pub fn distinct() {
    let dir = Bench::directory();
    let (log, conf) = (dir.join("all-distinct.log"), dir.join("all-distinct.conf"));
    let mut text = Vec::new();
    logs::all_distinct(LINES, &mut text).expect("lines");
    fs::write(&log, &text).expect("a log");
    fs::write(&conf, CONFIGURATION).expect("a configuration");
    let conf = conf.to_str().expect("a path in UTF-8");
    let against = std::env::var("TENSHI_BENCH_AGAINST").ok();
    let programs = [Some(env!("CARGO_BIN_EXE_tenshi")), against.as_deref()];
    let programs: Vec<&str> = programs.into_iter().flatten().collect();
    let jobs: Vec<Job<'_>> = programs
        .iter()
        .flat_map(|program| {
            [Some(&*log), None::<&Path>].map(|input| Job {
                command: vec![program, "-c", conf, "-p"],
                input,
                memory: true,
            })
        })
        .collect();
    let figures = run::in_turn(&jobs, ROUNDS);
    println!("{LINES} lines, all distinct, one rule `misc .*`, without the start");
    for (program, figures) in programs.iter().zip(figures.chunks(2)) {
        let [whole, start] = figures else {
            continue;
        };
        println!(
            "{:7.1} ns a line, {:5.1} MiB at most  {program}",
            1e9 * (whole.cpu - start.cpu) / LINES as f64,
            whole.memory as f64 / 1024.0
        );
    }
}
