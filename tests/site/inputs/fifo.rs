//! `set fifo`.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::rig::{MAX_LINE, Sink, at_once, run, shell_write, sink};
use tenshi::counters::Counter;
use tenshi::input::fifo::{open, spawn};
use tenshi::input::{Drain, InputThread};

fn fifo(max_line: usize) -> (tempfile::TempDir, PathBuf, InputThread, Sink) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ff");
    run("coreutils", "mkfifo", &[&path.display().to_string()]);
    let (sender, sink) = sink();
    let handle = spawn(open(&path).unwrap(), max_line, sender).unwrap();
    (dir, path, handle, sink)
}

#[test]
fn writers_come_and_go() {
    let (_dir, path, handle, mut sink) = fifo(MAX_LINE);
    for writer in 0..10 {
        shell_write(&path, &format!("Nov 23 21:44:00 h1 from {writer}\n"));
    }
    let want: Vec<String> = (0..10)
        .map(|i| format!("Nov 23 21:44:00 h1 from {i}"))
        .collect();
    assert_eq!(sink.lines(10), want);
    assert_eq!(*sink.batches[0].source, format!("fifo {}", path.display()));
    handle.stop();
}

#[test]
fn a_line_is_completed_by_another_writer() {
    let (_dir, path, handle, mut sink) = fifo(MAX_LINE);
    shell_write(&path, "one\nbegun by one, ");
    shell_write(&path, "ended by another\nleft");
    assert_eq!(sink.lines(2)[1], "begun by one, ended by another");
    handle.drain(Drain::All);
    sink.answered();
    assert_eq!(sink.lines(2).len(), 2);
    handle.drain(Drain::Last);
    sink.answered();
    assert_eq!(sink.lines(3)[2], "left");
    handle.stop();
}

#[test]
fn writers_at_the_same_time_lose_nothing() {
    let (_dir, path, handle, mut sink) = fifo(MAX_LINE);
    let writers: Vec<_> = (0..4)
        .map(|writer| {
            let path = path.display().to_string();
            std::thread::spawn(move || {
                let line = format!(
                    "i=0; while [ $i -lt 2000 ]; do echo w{writer} $i; i=$((i+1)); done > {path}"
                );
                run("dash", "/bin/sh", &["-c", &line]);
            })
        })
        .collect();
    let lines = sink.lines(8000);
    for writer in 0..4 {
        let name = format!("w{writer} ");
        let own: Vec<&str> = lines
            .iter()
            .filter_map(|line| line.strip_prefix(&name))
            .collect();
        let want: Vec<String> = (0..2000).map(|i| i.to_string()).collect();
        assert_eq!(own, want);
    }
    writers
        .into_iter()
        .for_each(|writer| writer.join().unwrap());
    handle.stop();
}

#[test]
fn an_endless_line_is_cut() {
    let (_dir, path, handle, mut sink) = fifo(1000);
    let line = format!(
        "head -c 10000000 /dev/zero | tr '\\0' x > {0}; echo > {0}; echo next > {0}",
        path.display()
    );
    run("coreutils", "/bin/sh", &["-c", &line]);
    let lines = sink.lines(2);
    assert_eq!((lines[0].len(), lines[1].as_str()), (1000, "next"));
    assert_eq!(sink.counters.get(Counter::TooLong), 1);
    handle.stop();
}

#[test]
fn what_is_no_fifo_is_refused_with_its_name() {
    let dir = tempfile::tempdir().unwrap();
    let (missing, file) = (dir.path().join("missing"), dir.path().join("file"));
    fs::write(&file, "").unwrap();
    for (path, words) in [
        (&missing, "mkfifo"),
        (&file, "no fifo"),
        (&dir.path().into(), "directory"),
    ] {
        let error = open(path).unwrap_err().to_string();
        assert!(
            error.contains(words) && error.contains(&path.display().to_string()),
            "{error}"
        );
    }
    assert!(!missing.exists());
}

#[test]
fn an_idle_fifo_costs_nothing_and_ends_at_once() {
    at_once(Duration::from_millis(500), || {
        let (_dir, _path, handle, _sink) = fifo(MAX_LINE);
        let began = Instant::now();
        handle.stop();
        began.elapsed()
    });
}
