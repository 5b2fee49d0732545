//! What stands in the place of a file: nothing of it holds the program, and each is named.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use nix::sys::stat::Mode;

use crate::support::daemon::PROGRAM;
use crate::support::{DEADLINE, Dir, NEVER, conf, poll};

/// Runs the program, which must end by itself.
fn ends(command: &mut Command) -> Output {
    let pipes = command.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child: Child = pipes.stderr(Stdio::piped()).spawn().unwrap();
    let ended = poll(DEADLINE, || child.try_wait().unwrap());
    if ended.is_none() {
        let _ = child.kill();
    }
    let output = child.wait_with_output().unwrap();
    assert!(ended.is_some(), "it hangs: {output:?}");
    output
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&[&*output.stdout, &*output.stderr].concat()).into_owned()
}

fn fifo(path: &Path) {
    nix::unistd::mkfifo(path, Mode::from_bits_truncate(0o666)).unwrap();
}

/// A configuration, and the daemon on it with the state directory `state`.
fn site(dir: &Dir, more: &str) -> Command {
    dir.write("log", "");
    let rest = format!("{more}set queue a f@x.example t@x.example {NEVER}\na ^foo\n");
    let config = dir.write("tenshi.conf", conf(dir, 9, &rest));
    let mut command = Command::new(PROGRAM);
    command.arg("-f").arg("-c").arg(config);
    command.arg("--state-dir").arg(dir.path("state"));
    command.env_remove("NOTIFY_SOCKET");
    command
}

fn make_state(dir: &Dir, mode: u32) {
    fs::create_dir(dir.path("state")).unwrap();
    let user = super::tenshi();
    nix::unistd::chown(&dir.path("state"), Some(user.uid), Some(user.gid)).unwrap();
    fs::set_permissions(dir.path("state"), fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn what_stands_in_the_place_of_the_state_is_named_and_kept() {
    type Put = fn(&Path);
    let kinds: [(&str, Put); 4] = [
        ("it is a FIFO", fifo),
        ("it is a directory", |path| fs::create_dir(path).unwrap()),
        ("it is a link", |path| symlink("/etc/passwd", path).unwrap()),
        ("it is a socket", |path| {
            drop(std::os::unix::net::UnixListener::bind(path).unwrap());
        }),
    ];
    for (words, put) in kinds {
        for name in ["tenshi.state", "tenshi.lock"] {
            let dir = Dir::new();
            make_state(&dir, 0o755);
            let place = dir.path("state").join(name);
            put(&place);
            let before = fs::symlink_metadata(&place).unwrap().file_type();
            let output = ends(&mut site(&dir, ""));
            let told = text(&output);
            assert_eq!(output.status.code(), Some(1), "{name}: {told}");
            assert!(told.contains(&format!("{name}: {words}")), "{name}: {told}");
            let after = fs::symlink_metadata(&place).unwrap().file_type();
            assert_eq!(before, after, "{name}");
            // The others that look there do not hang either.
            let mut status = Command::new(PROGRAM);
            status.args(["status", "--check", "--state-dir"]);
            let output = ends(status.arg(dir.path("state")));
            assert_ne!(output.status.code(), Some(0), "{name}: {output:?}");
        }
    }
    // The snapshot that is being written is made anew, whatever is there.
    let dir = Dir::new();
    make_state(&dir, 0o755);
    let new = dir.path("state/tenshi.state.new");
    fs::create_dir(&new).unwrap();
    let told = text(&ends(&mut site(&dir, "")));
    assert!(told.contains("tenshi.state.new: "), "{told}");
}

#[test]
fn a_state_directory_that_everybody_may_write_is_refused() {
    let dir = Dir::new();
    make_state(&dir, 0o777);
    let output = ends(&mut site(&dir, ""));
    let told = text(&output);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(
        told.contains("everybody may write it (mode 0777, owner tenshi)"),
        "{told}"
    );
    assert!(told.contains("chmod o-w"), "{told}");
}

#[test]
fn a_pipe_in_the_place_of_a_configuration_holds_nobody() {
    let dir = Dir::new();
    fifo(&dir.path("rules"));
    let more = format!("include {}\n", dir.path("rules").display());
    let mut check = site(&dir, &more);
    let output = ends(check.arg("-C"));
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let told = text(&output);
    assert!(told.contains("nobody wrote its end"), "{told}");
    // A pipe that somebody does write is a configuration, as a shell makes one of `<(…)`.
    site(&dir, "");
    let mut shell = Command::new("bash");
    shell.args(["-c", "\"$0\" -C -c <(sleep 0.3; cat \"$1\")", PROGRAM]);
    let output = ends(shell.arg(dir.path("tenshi.conf")));
    assert!(output.status.success(), "{output:?}");
    assert!(text(&output).contains("1 rule"), "{}", text(&output));
}

/// A FIFO among log files is passed over and told; the others are followed.
#[test]
fn a_fifo_among_the_log_files_holds_nobody() {
    let dir = Dir::new();
    fs::create_dir(dir.path("logs")).unwrap();
    fifo(&dir.path("logs/a.log"));
    fs::write(dir.path("logs/b.log"), "").unwrap();
    let more = format!(
        "set logfile {0}/*.log\nset logfile {0}/a.log\n",
        dir.path("logs").display()
    );
    let output = ends(site(&dir, &more).arg("-C"));
    assert!(output.status.success(), "{output:?}");
    let mut config = conf(&dir, 9, &more);
    config += &format!("set queue a f@x.example t@x.example {NEVER}\na ^foo\n");
    dir.write("log", "");
    let arguments = ["--state-dir", &*dir.path("state").display().to_string()];
    let mut daemon =
        crate::support::daemon::Daemon::start_with(&dir, &config, &["log"], &arguments);
    dir.append("logs/b.log", crate::support::line("h1", "foo"));
    let seen = || {
        let snapshot = tenshi::state::read(&dir.path("state")).ok()?;
        let there = snapshot
            .files
            .iter()
            .any(|marks| marks.path.ends_with("b.log"));
        there.then_some(())
    };
    assert!(poll(DEADLINE, seen).is_some());
    assert!(daemon.stderr().contains("a.log"), "{}", daemon.stderr());
    daemon.signal(nix::sys::signal::Signal::SIGTERM);
    daemon.wait();
}
