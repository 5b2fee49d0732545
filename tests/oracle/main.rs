//! The recorded experiments with the Perl original (upstream 0.18), each through our program.
//!
//! A directory below `cases/` is an experiment: a configuration, a log, and the steps that are taken
//! (see `run.rs`). `note` tells what it shows. `answer` is what must come of it: what the original
//! mailed, or, where a file `better` says what the original did badly, what we mail instead; the
//! file `original` then keeps what the original did (see `answer.rs` for the form).
//!
//! `TENSHI_CASE=word` runs the cases whose names contain the word, and shows what they printed.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod answer;
#[path = "../support/mail.rs"]
#[allow(dead_code)]
mod mail;
#[path = "../support/ports.rs"]
#[allow(dead_code)]
mod ports;
mod run;
#[path = "../support/sink.rs"]
mod sink;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use answer::Answer;

/// How many experiments run at a time: each of them mostly waits.
const AT_ONCE: usize = 32;
/// How many there are; one that is lost from the tree must not go unnoticed.
const RECORDED: usize = 158;

fn cases() -> Vec<PathBuf> {
    let all = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracle/cases");
    let entries = fs::read_dir(all).expect("the recorded cases");
    let mut cases: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    // Those that wait for the turn of a minute come first: the others run beside them.
    let waits = |case: &PathBuf| run::steps(case).contains("presec");
    cases.sort_by_key(|case| (!waits(case), case.clone()));
    cases
}

/// What is wrong with what came of a case, a line each.
fn judge(case: &Path) -> Vec<String> {
    let came = run::run(case);
    let file = case.join("answer");
    let Ok(text) = fs::read_to_string(&file) else {
        return vec![format!("{}: no such file", file.display())];
    };
    let wanted = Answer::parse(&text);
    if wanted.is_empty() {
        return vec![format!("{} asks for nothing", file.display())];
    }
    wanted.differences(&came)
}

#[test]
fn each_experiment_gives_its_recorded_answer() {
    run::required();
    let word = std::env::var("TENSHI_CASE").unwrap_or_default();
    let all = cases();
    assert_eq!(all.len(), RECORDED);
    let name = |case: &Path| case.file_name().unwrap().to_string_lossy().into_owned();
    let chosen: Vec<&PathBuf> = all
        .iter()
        .filter(|case| name(case).contains(&word))
        .collect();
    let (next, wrong) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE.min(chosen.len()) {
            scope.spawn(|| {
                while let Some(case) = chosen.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let differences = judge(case);
                    if !differences.is_empty() {
                        wrong.lock().unwrap().insert(name(case), differences);
                    }
                }
            });
        }
    });
    let better = chosen
        .iter()
        .filter(|case| case.join("better").exists())
        .count();
    let wrong = wrong.into_inner().unwrap();
    println!(
        "{} recorded cases: {} as the original, {better} better, {} wrong",
        chosen.len(),
        chosen.len() - better,
        wrong.len()
    );
    assert!(wrong.is_empty(), "{wrong:#?}");
}
