//! What the programs that the daemon runs are given: descriptors, environment, umask.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::daemon::PROGRAM;
use crate::support::ports::free_port;
use crate::support::{DEADLINE, Dir, poll};

/// Writes what it was given into files named after it, then does `more`.
fn script(dir: &Dir, name: &str, more: &str) -> String {
    let path = dir.path(name);
    let text = format!(
        "#!/bin/sh\nls /proc/self/fd >{0}.fd.new\nenv >{0}.env\numask >{0}.umask\n\
         mv {0}.fd.new {0}.fd\n{more}\n",
        path.display()
    );
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path.display().to_string()
}

/// A daemon that does not outlive its test.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn programs_are_given_three_descriptors_a_strict_umask_and_no_secrets() {
    super::tenshi();
    let dir = Dir::new();
    let filter = script(&dir, "filter", "cat");
    let csv = script(&dir, "csv", "cat >/dev/null");
    let sendmail = script(&dir, "sendmail", "cat >/dev/null");
    let tail = script(
        &dir,
        "printer",
        "echo 'Nov 23 21:44:00 h1 foo'; echo 'Nov 23 21:44:00 h1 bar'; exec sleep 1000",
    );
    dir.write("log", "");
    let port = free_port();
    let config = format!(
        "set logfile {}\nset tail {tail}\nset sleep 1\nset mailserver sendmail:{sendmail}\n\
         set fifo {}\nset listen 127.0.0.1:{port}\nset listen tcp:127.0.0.1:{port}\n\
         set queue a f@x.example t@x.example [now]\nset filter a {filter}\nset csv [now] {csv}\n\
         a ^foo\ncsv ^bar\n",
        dir.path("log").display(),
        dir.path("fifo").display(),
    );
    let config = dir.write("tenshi.conf", config);
    let fifo = dir.path("fifo");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::from_bits_truncate(0o666)).unwrap();
    // Whoever starts it left descriptors open, and a umask of 0.
    let mut starter = Command::new("sh");
    starter.args(["-c", "umask 000; exec 5</etc/passwd 7>>\"$0\"; exec \"$@\""]);
    starter.arg(dir.path("open")).args([PROGRAM, "-f", "-c"]);
    starter
        .arg(&config)
        .arg("--state-dir")
        .arg(dir.path("state"));
    let secrets = [
        ("NOTIFY_SOCKET", "/nowhere"),
        ("WATCHDOG_USEC", "600000000"),
        ("LISTEN_FDS", "1"),
        ("LISTEN_PID", "1"),
        ("LISTEN_FDNAMES", "x"),
        ("CREDENTIALS_DIRECTORY", "/run/credentials/tenshi"),
        ("SMTP_PASSWORD", "hunter2"),
        ("REDISCLI_AUTH", "hunter2"),
    ];
    let plain = [("SITE", "here"), ("LANG", "C.UTF-8"), ("TZ", "Asia/Tokyo")];
    starter.envs(secrets).envs(plain);
    let messages = fs::File::create(dir.path("messages")).unwrap();
    starter.stdin(Stdio::null()).stdout(Stdio::null());
    let mut daemon = Ended(starter.stderr(messages).spawn().unwrap());
    let told = |what: &str| {
        let written = || fs::read_to_string(dir.path(what)).ok();
        let messages = || fs::read_to_string(dir.path("messages"));
        poll(DEADLINE, written).unwrap_or_else(|| panic!("no {what}: {:?}", messages()))
    };
    for name in ["printer", "filter", "sendmail", "csv"] {
        let open = told(&format!("{name}.fd"));
        // The last one is the directory, which `ls` itself opened.
        assert_eq!(open, "0\n1\n2\n3\n", "{name}");
        assert_eq!(told(&format!("{name}.umask")), "0022\n", "{name}");
        let environment = told(&format!("{name}.env"));
        let has = |word: &str| environment.lines().any(|line| line.starts_with(word));
        for (secret, _) in secrets {
            assert!(!has(&format!("{secret}=")), "{name}: {environment}");
        }
        assert!(!environment.contains("hunter2"), "{name}: {environment}");
        for (plain, value) in plain {
            assert!(has(&format!("{plain}={value}")), "{name}: {environment}");
        }
        assert!(has("PATH="), "{name}: {environment}");
    }
    let pid = Pid::from_raw(i32::try_from(daemon.0.id()).unwrap());
    kill(pid, Signal::SIGTERM).unwrap();
    assert!(daemon.0.wait().unwrap().success());
}
