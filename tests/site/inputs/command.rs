//! `set tail PROGRAM`.

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::rig::{MAX_LINE, Sink, at_once, sink, wait_for};
use tenshi::input::command::{spawn, tails};
use tenshi::input::{Drain, InputThread};

fn script(dir: &Path, text: &str) -> PathBuf {
    let path = dir.join("program");
    fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

fn start(program: &Path, arguments: &str, files: &[PathBuf]) -> (InputThread, Sink) {
    let tail = tails(program, arguments, files, false).unwrap().remove(0);
    let (sender, sink) = sink();
    (spawn(tail, MAX_LINE, sender).unwrap(), sink)
}

fn alive(pid: &str) -> bool {
    // A zombie is no process that goes on.
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    stat.rsplit_once(") ")
        .is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

#[test]
fn the_files_are_read_through_the_users_program() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("a.lg"), "old 1\n").unwrap();
    fs::write(dir.path().join("b.lg"), "old 2\n").unwrap();
    // The shell expands the name, as it does for the original.
    let files = [dir.path().join("*.lg")];
    let (handle, mut sink) = start(Path::new("/usr/bin/tail"), "-q -n +1 -F", &files);
    let mut lines = sink.lines(2);
    lines.sort();
    assert_eq!(lines, ["old 1", "old 2"]);
    let log = fs::OpenOptions::new()
        .append(true)
        .open(dir.path().join("a.lg"));
    log.unwrap().write_all(b"new\n").unwrap();
    assert_eq!(sink.lines(3)[2], "new");
    assert_eq!(*sink.batches[0].source, "tail");
    handle.stop();
}

/// The arguments that the program is given, each as the hexadecimal digits of its bytes.
const ARGUMENTS: &str = r#"for name; do printf '%s' "$name" | od -An -v -tx1 | tr -d ' \n'; echo; done; exec sleep 1000"#;

fn hex(path: &Path) -> String {
    let bytes = path.as_os_str().as_bytes().iter();
    bytes.map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn names_of_files_reach_the_program_as_they_are_and_no_shell_runs_them() {
    let dir = tempfile::tempdir().unwrap();
    let logs = dir.path().join("logs");
    fs::create_dir(&logs).unwrap();
    let names: [&[u8]; 16] = [
        b"$(touch ran)",
        b"`touch ran`",
        b"a;touch ran",
        b"a|touch ran&",
        b"two\nlines\n",
        b"\n",
        b"'\"",
        b"\\",
        b"lat\xe9",
        b"\xff\xfe",
        "日本 \u{202e}".as_bytes(),
        b"-n",
        b"~root",
        b"{a,b}",
        b"#x > ran",
        b"$HOME ${IFS}",
    ];
    let mut files: Vec<PathBuf> = names
        .iter()
        .map(|n| logs.join(OsStr::from_bytes(n)))
        .collect();
    files.iter().for_each(|file| fs::write(file, "").unwrap());
    files.sort();
    let want: Vec<String> = files.iter().map(|file| hex(file)).collect();
    let program = script(
        dir.path(),
        &format!("cd '{}'\n{ARGUMENTS}", dir.path().display()),
    );
    // Each by its name, and all of them by a pattern, which the shell expands.
    for files in [files, vec![logs.join("*")]] {
        let (handle, mut sink) = start(&program, "", &files);
        let mut lines = sink.lines(want.len());
        lines.sort();
        assert_eq!(lines, want);
        handle.stop();
    }
    assert!(!dir.path().join("ran").exists() && !Path::new("ran").exists());
}

#[test]
fn a_program_that_ends_is_started_again_and_told() {
    let dir = tempfile::tempdir().unwrap();
    let program = script(dir.path(), "echo \"$@\"; printf rest; exit 3");
    let (handle, mut sink) = start(&program, "-x 'a b'", &[PathBuf::from("/log")]);
    assert_eq!(sink.lines(2), ["-x a b /log", "rest"]);
    let notice = sink.told("exit status: 3");
    assert!(
        notice.text.contains(&program.display().to_string()),
        "{}",
        notice.text
    );
    assert_eq!(sink.lines(4)[2..], ["-x a b /log", "rest"]);
    sink.told("again in 2 s");
    let name = format!("tail program {}", program.display());
    let ended = Some("ended (exit status: 3)".to_owned());
    assert_eq!(sink.health[..2], [(name.clone(), ended), (name, None)]);
    // A drain is answered while there is no program to read from.
    handle.drain(Drain::All);
    sink.answered();
    handle.stop();
}

#[test]
fn the_program_and_what_it_started_end_with_us() {
    let dir = tempfile::tempdir().unwrap();
    let program = script(
        dir.path(),
        "trap '' TERM; sleep 1000 & echo $!; echo $$; while :; do sleep 1; done",
    );
    at_once(Duration::from_secs(1), || {
        let (handle, mut sink) = start(&program, "", &[PathBuf::from("/log")]);
        let pids = sink.lines(2);
        assert!(pids.iter().all(|pid| alive(pid)));
        let began = Instant::now();
        handle.stop();
        let taken = began.elapsed();
        for pid in &pids {
            wait_for("the end of the program", || !alive(pid));
        }
        taken
    });
}

#[test]
fn a_program_may_die_by_a_signal_or_not_exist_any_more() {
    let dir = tempfile::tempdir().unwrap();
    let program = script(dir.path(), "echo $$; exec sleep 1000");
    let (handle, mut sink) = start(&program, "", &[PathBuf::from("/log")]);
    let pid = sink.lines(1).remove(0);
    fs::remove_file(&program).unwrap();
    let pid = nix::unistd::Pid::from_raw(pid.parse().unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).unwrap();
    sink.told("again in 1 s");
    sink.told("127");
    assert_eq!(sink.fault_count(), 2);
    handle.stop();
}

#[test]
fn a_last_line_without_newline_comes_at_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let program = script(dir.path(), "echo one; printf two; exec sleep 1000");
    let (handle, mut sink) = start(&program, "", &[PathBuf::from("/log")]);
    sink.lines(1);
    // The rest is written by then: the program sleeps.
    handle.drain(Drain::All);
    sink.answered();
    std::thread::sleep(std::time::Duration::from_millis(100));
    handle.drain(Drain::Last);
    sink.answered();
    assert_eq!(sink.lines(2), ["one", "two"]);
    handle.stop();
}
