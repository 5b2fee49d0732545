//! What the process is to the system: the daemon proper, its ids and groups, its pid file, what it
//! tells the service manager. These need root and Debian's `tenshi` account, a member of `adm`.

mod children;
mod places;
mod rights;
mod watches;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::support::daemon::{Daemon, PROGRAM};
use crate::support::postbox::Postbox;
use crate::support::{DEADLINE, Dir, NEVER, conf, poll};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Gid, Group, Pid, Uid, User, access, getgroups, getresgid, getresuid};
use tenshi::process::ids::{Identity, drop_to};
use tenshi::process::service;

/// Set in a copy of this test program, which does the part of a test that changes the process.
const PART: &str = "TENSHI_TEST_PART";

fn tenshi() -> User {
    assert!(Uid::effective().is_root(), "this test needs root");
    let user = User::from_name("tenshi").unwrap();
    user.expect("this test needs the account `tenshi` (Debian package tenshi)")
}

fn group(name: &str) -> Gid {
    let found = Group::from_name(name).unwrap();
    found.unwrap_or_else(|| panic!("no group {name}")).gid
}

fn is_part() -> bool {
    std::env::var_os(PART).is_some()
}

/// This test alone, in a process of its own, as the part that changes the process.
fn part(test: &str) -> Command {
    part_of(&std::env::current_exe().unwrap(), test)
}

fn part_of(program: &Path, test: &str) -> Command {
    let (_, module) = module_path!().split_once("::").unwrap();
    let mut command = Command::new(program);
    command
        .args(["--exact", &format!("{module}::{test}"), "--nocapture"])
        .env(PART, "1");
    command
}

fn must_succeed(output: &Output) {
    let (out, err) = (&output.stdout, &output.stderr);
    let text = String::from_utf8_lossy(out) + String::from_utf8_lossy(err);
    assert!(output.status.success(), "{}: {text}", output.status);
    assert!(text.contains("1 passed"), "the part did not run: {text}");
}

/// A daemon proper, known by its pid file. Killed on drop.
struct Background {
    dir: Dir,
    pid_file: PathBuf,
}

impl Background {
    fn new() -> Self {
        let dir = Dir::new();
        dir.write("log", "");
        let rules = format!("set queue a f@x.example t@x.example {NEVER}\na ^foo\n");
        dir.write("tenshi.conf", conf(&dir, 9, &rules));
        let pid_file = dir.path("pid");
        Self { dir, pid_file }
    }

    /// Runs `tenshi` to the end of its first process.
    fn start(&self, pid_file: &Path) -> Output {
        let mut command = Command::new(PROGRAM);
        command.arg("-c").arg(self.dir.path("tenshi.conf"));
        command.arg("-P").arg(pid_file).current_dir(self.dir.root());
        command.output().expect("tenshi starts")
    }

    fn pid(&self) -> Option<Pid> {
        let text = fs::read_to_string(&self.pid_file).ok()?;
        text.parse().ok().map(Pid::from_raw)
    }

    fn status(&self, field: &str) -> String {
        let path = format!("/proc/{}/status", self.pid().unwrap());
        let text = fs::read_to_string(path).unwrap();
        let line = text.lines().find_map(|l| l.strip_prefix(field));
        line.unwrap().trim_start_matches(':').trim().to_owned()
    }

    fn proc_link(&self, name: &str) -> PathBuf {
        fs::read_link(format!("/proc/{}/{name}", self.pid().unwrap())).unwrap()
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        if let Some(pid) = self.pid() {
            let _ = kill(pid, Signal::SIGKILL);
        }
    }
}

#[test]
fn the_daemon_proper_is_detached_and_no_longer_root() {
    let user = tenshi();
    let site = Background::new();
    // Its output is a pipe: to return at all, the daemon must have let go of it.
    let output = site.start(&site.pid_file);
    assert!(output.status.success(), "{output:?}");
    assert!(
        output.stdout.is_empty() && output.stderr.is_empty(),
        "{output:?}"
    );

    assert_eq!(site.status("Name"), "tenshi");
    assert_eq!(site.proc_link("cwd"), Path::new("/"));
    for fd in ["fd/0", "fd/1", "fd/2"] {
        assert_eq!(site.proc_link(fd), Path::new("/dev/null"), "{fd}");
    }
    assert_eq!(site.status("Uid"), vec![user.uid.to_string(); 4].join("\t"));
    assert_eq!(
        site.status("Gid"),
        vec![group("tenshi").to_string(); 4].join("\t")
    );
    let groups = site.status("Groups");
    let adm = group("adm").to_string();
    assert!(groups.split(' ').any(|g| g == adm), "groups {groups}");
    let pid = site.pid().unwrap();
    let session = nix::unistd::getsid(Some(pid)).unwrap();
    assert_ne!(session, pid, "a session leader could get a terminal");
    assert_ne!(session, nix::unistd::getsid(None).unwrap());
}

#[test]
fn a_second_daemon_is_refused_and_the_first_goes_on() {
    tenshi();
    let site = Background::new();
    assert!(site.start(&site.pid_file).status.success());
    let first = site.pid().unwrap();
    let second = site.start(&site.pid_file);
    assert_eq!(second.status.code(), Some(1));
    let text = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(text.contains("another tenshi is running"), "{text}");
    assert_eq!(site.pid(), Some(first));
    kill(first, Signal::SIGTERM).unwrap();
    let gone = poll(DEADLINE, || kill(first, None).is_err().then_some(()));
    assert!(gone.is_some(), "it does not end");
    assert!(
        !site.pid_file.exists(),
        "left behind in a directory of its own"
    );
}

#[test]
fn the_parent_tells_why_the_daemon_cannot_run() {
    tenshi();
    let site = Background::new();
    let missing = site.start(&site.dir.path("missing/pid"));
    assert_eq!(missing.status.code(), Some(1));
    let text = String::from_utf8_lossy(&missing.stderr).into_owned();
    assert!(text.contains("missing/pid"), "{text}");

    let config = fs::read_to_string(site.dir.path("tenshi.conf")).unwrap();
    let config = format!("set gid root\nset uid nobody\n{config}");
    site.dir.write("tenshi.conf", config);
    assert!(
        site.start(&site.pid_file).status.success(),
        "another account"
    );
    assert_eq!(site.status("Gid"), "0\t0\t0\t0");
    assert!(!site.status("Uid").split('\t').any(|id| id == "0"));
}

/// What keeps a daemon from running is told by the command that starts it, in one line.
#[test]
fn what_is_in_the_way_is_named_once() {
    tenshi();
    let site = Background::new();
    let taken = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let precious = site.dir.write("precious", "precious");
    std::os::unix::fs::symlink(&precious, site.dir.path("link")).unwrap();
    let config = fs::read_to_string(site.dir.path("tenshi.conf")).unwrap();
    let mut checked = 0;
    for (more, pid_file, wanted) in [
        (
            format!("set listen {address}\n"),
            "pid",
            format!("can't listen on UDP {address}: Address already in use"),
        ),
        (
            format!("set fifo {}\n", precious.display()),
            "pid",
            format!("{}: ", precious.display()),
        ),
        (
            "set uid no-such-user\n".into(),
            "pid",
            "there is no user `no-such-user`".into(),
        ),
        (String::new(), "link", "is a link".into()),
    ] {
        site.dir.write("tenshi.conf", format!("{more}{config}"));
        let output = site.start(&site.dir.path(pid_file));
        assert_eq!(output.status.code(), Some(1), "{more}");
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(text.matches(&wanted).count(), 1, "{wanted}: {text}");
        assert_eq!(
            text.matches("error: ").count(),
            if checked == 2 { 2 } else { 1 },
            "{text}"
        );
        assert!(text.matches("in use").count() < 2, "{text}");
        assert!(
            !site.pid_file.exists(),
            "no pid file is left behind: {text}"
        );
        checked += 1;
    }
    assert_eq!(checked, 4);
    assert_eq!(fs::read_to_string(&precious).unwrap(), "precious");
}

/// Relative paths start where the daemon was started, at a reload too, though its directory is `/`.
#[test]
fn relative_paths_start_where_the_daemon_was_started() {
    tenshi();
    let site = Background::new();
    let dir = &site.dir;
    dir.write("rules", "a ^foo\n");
    dir.write("two", "");
    let config = fs::read_to_string(dir.path("tenshi.conf")).unwrap();
    let log = dir.path("log").display().to_string();
    let config = config
        .replace(&log, "log")
        .replace("a ^foo\n", "include rules\n");
    dir.write("tenshi.conf", &config);
    let mut command = Command::new(PROGRAM);
    command.args(["-c", "tenshi.conf", "-P", "pid", "--state-dir", "state"]);
    let started = command.current_dir(dir.root()).output().unwrap();
    assert!(started.status.success(), "{started:?}");
    let files = || -> Option<Vec<PathBuf>> {
        let snapshot = tenshi::state::read(&dir.path("state")).ok()?;
        Some(snapshot.files.into_iter().map(|marks| marks.path).collect())
    };
    let follows = |name: &str| {
        let there = || files().is_some_and(|files| files.contains(&dir.path(name)));
        let seen = poll(DEADLINE, || there().then_some(()));
        assert!(seen.is_some(), "{name}: {:?}", files());
    };
    follows("log");
    dir.write("tenshi.conf", config.replace("logfile log", "logfile two"));
    kill(site.pid().unwrap(), Signal::SIGHUP).unwrap();
    dir.append("two", crate::support::line("h1", "foo"));
    follows("two");
}

/// A strict umask of whoever starts it is kept: only the pid file is for all to read.
#[test]
fn the_umask_is_kept_and_the_foreground_writes_no_pid_file() {
    use std::os::unix::fs::PermissionsExt;
    tenshi();
    let site = Background::new();
    let run = |words: &str| {
        let mut command = Command::new("sh");
        command.args([
            "-c",
            &format!("umask 027; exec \"$0\" \"$@\" {words}"),
            PROGRAM,
        ]);
        command.arg("-c").arg(site.dir.path("tenshi.conf"));
        command.arg("-P").arg(&site.pid_file);
        command
    };
    let mut foreground = run("-f")
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut told = String::new();
    let mut lines = std::io::BufReader::new(foreground.stderr.take().unwrap());
    std::io::BufRead::read_line(&mut lines, &mut told).unwrap();
    assert!(told.contains("no state directory"), "it runs: {told}");
    assert!(!site.pid_file.exists());
    let pid = Pid::from_raw(i32::try_from(foreground.id()).unwrap());
    kill(pid, Signal::SIGTERM).unwrap();
    assert!(foreground.wait().unwrap().success());

    assert!(run("").status().unwrap().success());
    assert_eq!(site.status("Umask"), "0027");
    let mode = fs::metadata(&site.pid_file).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o644);
}

#[test]
fn root_is_given_up_for_good_in_every_thread() {
    let user = tenshi();
    if !is_part() {
        let name = "root_is_given_up_for_good_in_every_thread";
        return must_succeed(&part(name).output().unwrap());
    }
    let identity = Identity::resolve(None, None)
        .unwrap()
        .expect("root changes");
    drop_to(&identity).unwrap();
    let seen = std::thread::spawn(|| (getresuid().unwrap(), getresgid().unwrap()));
    let (uids, gids) = seen.join().unwrap();
    assert_eq!([uids.real, uids.effective, uids.saved], [user.uid; 3]);
    assert_eq!(
        [gids.real, gids.effective, gids.saved],
        [group("tenshi"); 3]
    );
    assert!(getgroups().unwrap().contains(&group("adm")));
    assert!(nix::unistd::setuid(Uid::from_raw(0)).is_err());
    assert!(nix::unistd::setgid(Gid::from_raw(0)).is_err());
    assert!(access("/etc/shadow", nix::unistd::AccessFlags::R_OK).is_err());
    // The other threads, the test runner's own among them.
    let mut threads = 0;
    for task in fs::read_dir("/proc/self/task").unwrap().flatten() {
        let status = fs::read_to_string(task.path().join("status")).unwrap();
        let uid = format!("Uid:\t{}\t", user.uid);
        assert!(status.contains(&uid), "{status}");
        threads += 1;
    }
    assert!(threads >= 2, "only {threads} threads were looked at");
}

#[test]
fn an_account_that_is_missing_is_named() {
    tenshi();
    let user = Identity::resolve(Some("no-such-user"), None).unwrap_err();
    assert!(
        user.contains("no-such-user") && user.contains("set uid"),
        "{user}"
    );
    let group = Identity::resolve(None, Some("no-such-group")).unwrap_err();
    assert!(
        group.contains("no-such-group") && group.contains("set gid"),
        "{group}"
    );
    assert!(Identity::resolve(Some("0"), None).is_err(), "names only");
}

#[test]
fn without_root_we_stay_who_we_are() {
    if !is_part() {
        let user = tenshi();
        // A place where the other account may run us.
        let dir = Dir::new();
        let program = dir.path("part");
        fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
        let mut command = part_of(&program, "without_root_we_stay_who_we_are");
        command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
        command.current_dir("/");
        return must_succeed(&command.output().unwrap());
    }
    assert!(!Uid::effective().is_root());
    assert_eq!(Identity::resolve(None, None), Ok(None));
    assert_eq!(Identity::resolve(Some("tenshi"), None), Ok(None));
    let other = Identity::resolve(Some("nobody"), None).unwrap_err();
    assert!(other.contains("can't become user nobody"), "{other}");
    let group = Identity::resolve(None, Some("root")).unwrap_err();
    assert!(group.contains("set gid"), "{group}");
}

#[test]
fn the_service_manager_is_told() {
    if is_part() {
        service::ready();
        service::status("two\nREADY=0");
        service::reloading();
        service::alive();
        service::stopping();
        assert_eq!(
            service::watchdog(),
            Some(std::time::Duration::from_secs(20))
        );
        return;
    }
    let name = "the_service_manager_is_told";
    let dir = Dir::new();
    let socket = UnixDatagram::bind(dir.path("notify")).unwrap();
    socket.set_nonblocking(true).unwrap();
    let mut command = part(name);
    command.env("NOTIFY_SOCKET", dir.path("notify"));
    command
        .env("WATCHDOG_USEC", "20000000")
        .env_remove("WATCHDOG_PID");
    must_succeed(&command.output().unwrap());
    let mut told = Vec::new();
    let mut buffer = [0; 4096];
    while let Ok(len) = socket.recv(&mut buffer) {
        told.push(String::from_utf8_lossy(&buffer[..len]).into_owned());
    }
    assert_eq!(told.len(), 5, "{told:?}");
    assert_eq!(told[0], "READY=1\n");
    assert_eq!(told[1], "STATUS=two READY=0\n");
    assert!(
        told[2].starts_with("RELOADING=1\nMONOTONIC_USEC="),
        "{told:?}"
    );
    assert_eq!(told[3..], ["WATCHDOG=1\n", "STOPPING=1\n"]);
}

#[test]
fn the_check_looks_at_log_files_as_the_daemon_will() {
    let user = tenshi();
    let dir = Dir::new();
    let mut config = "set mailserver 127.0.0.1\nset queue a f t [now]\na x\n".to_owned();
    let adm = Some(group("adm"));
    for (name, mode, group) in [
        ("secret", 0o600, None),
        ("adms", 0o640, adm),
        ("open", 0o644, None),
    ] {
        let log = dir.write(name, "");
        fs::set_permissions(&log, fs::Permissions::from_mode(mode)).unwrap();
        nix::unistd::chown(&log, Some(Uid::from_raw(0)), group).unwrap();
        config += &format!("set logfile {}\n", log.display());
    }
    let remote = dir.path("remote");
    fs::create_dir(&remote).unwrap();
    fs::write(remote.join("h1.log"), "").unwrap();
    fs::set_permissions(&remote, fs::Permissions::from_mode(0o700)).unwrap();
    config += &format!("set logfile {}/*.log\n", remote.display());
    let file = dir.write("tenshi.conf", config);
    let check = |user: Option<&User>| {
        let mut command = Command::new(PROGRAM);
        command.arg("-C").arg("-c").arg(&file);
        if let Some(user) = user {
            command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
        }
        let output = command.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    let told = check(None);
    assert_eq!(
        told.matches("cannot read the log file").count(),
        1,
        "{told}"
    );
    assert!(told.contains("/secret`: Permission denied"), "{told}");
    let shut = format!(
        "cannot list `{}` for this pattern: Permission denied",
        remote.display()
    );
    assert!(told.contains(&shut), "{told}");
    // Who is not root has no other rights to try.
    let told = check(Some(&user));
    assert_eq!(
        told.matches("cannot read the log file").count(),
        2,
        "{told}"
    );
}

/// The lines that the mails hold, and how often.
fn counted(postbox: &Postbox) -> std::collections::BTreeMap<String, u64> {
    let mut lines = std::collections::BTreeMap::new();
    for counts in postbox.mails().iter().map(|mail| mail.counts()) {
        for entry in counts.into_values().flatten() {
            *lines.entry(entry.text).or_default() += entry.count;
        }
    }
    lines
}

/// A directory with this many logs, and a daemon's configuration for all of them.
fn many_logs(dir: &Dir, postbox: &Postbox, logs: usize) -> String {
    let hosts = dir.path("hosts\u{1b}\u{202e}");
    fs::create_dir(&hosts).unwrap();
    for n in 0..logs {
        fs::write(hosts.join(format!("{n:03}.log")), "").unwrap();
    }
    format!(
        "set logfile {}/*.log\nset statedir {}\nset sleep 1\nset mailserver 127.0.0.1:{}\n\
         set queue a f@x.example t@x.example [now]\na .*\n",
        hosts.display(),
        dir.path("state").display(),
        postbox.port()
    )
}

fn add_to_all(dir: &Dir, logs: usize, word: &str) {
    for n in 0..logs {
        let name = format!("hosts\u{1b}\u{202e}/{n:03}.log");
        dir.append(&name, crate::support::line("h", &format!("{word} {n:03}")));
    }
}

fn check(dir: &Dir) -> (Option<i32>, String) {
    let mut command = Command::new(PROGRAM);
    command
        .args(["status", "--check", "-c"])
        .arg(dir.path("tenshi.conf"));
    let output = command.output().unwrap();
    (
        output.status.code(),
        String::from_utf8(output.stdout).unwrap(),
    )
}

#[test]
fn more_logs_than_files_may_be_open_are_all_read_and_leave_room_for_the_mail() {
    let (dir, postbox) = (Dir::new(), Postbox::open());
    let config = many_logs(&dir, &postbox, 200);
    let mut daemon = Daemon::start_under(&dir, &config, "ulimit -n 128");
    daemon.wait_stderr("are closed until they grow (limit 128)");
    for word in ["new", "more"] {
        add_to_all(&dir, 200, word);
        let all = poll(DEADLINE, || {
            let lines = counted(&postbox);
            let of_this = lines.keys().filter(|line| line.contains(word));
            Some(of_this.count()).filter(|n| *n == 200)
        });
        assert!(all.is_some(), "{word}: {}", daemon.stderr());
    }
    let told = poll(DEADLINE, || {
        Some(check(&dir)).filter(|(status, _)| *status != Some(0))
    });
    let (status, text) = told.expect("the check tells");
    let words = [
        "open files: 200 log files are more than",
        "hosts\\x1B\\u{202E} has 200 log files",
    ];
    let has = words.iter().all(|words| text.contains(words));
    assert!(status == Some(1) && has, "{text}");
    // Rotated all at once, with late lines: each log has two files then.
    for n in 0..200 {
        let log = dir.path(&format!("hosts\u{1b}\u{202e}/{n:03}.log"));
        fs::rename(&log, log.with_extension("log.1")).unwrap();
        let name = format!("hosts\u{1b}\u{202e}/{n:03}.log.1");
        dir.append(&name, crate::support::line("h", &format!("late {n:03}")));
    }
    add_to_all(&dir, 200, "next");
    let all = poll(DEADLINE, || {
        Some(counted(&postbox)).filter(|lines| lines.len() >= 800)
    });
    assert!(all.is_some(), "{}", daemon.stderr());
    // Started again while most are closed: nothing comes twice.
    daemon.finish();
    add_to_all(&dir, 200, "last");
    let mut daemon = Daemon::start_under(&dir, &config, "ulimit -n 128");
    let all = poll(DEADLINE, || {
        Some(counted(&postbox)).filter(|lines| lines.len() >= 1000)
    });
    assert!(all.is_some(), "{}", daemon.stderr());
    daemon.finish();
    let told = daemon.stderr();
    assert_eq!(
        told.matches("are closed until they grow").count(),
        1,
        "{told}"
    );
    assert!(told.contains("LimitNOFILE="), "{told}");
    assert!(
        !told.contains('\u{1b}') && !told.contains('\u{202e}'),
        "{told}"
    );
    let lines = counted(&postbox);
    assert!(
        lines.len() == 1000 && lines.values().all(|count| *count == 1),
        "{lines:?}"
    );
}

#[test]
fn the_soft_limit_of_open_files_is_raised_for_us_and_not_for_our_programs() {
    let (dir, postbox) = (Dir::new(), Postbox::open());
    let config = many_logs(&dir, &postbox, 200);
    let filter = dir.write(
        "filter",
        "#!/bin/sh\ncat\necho \"soft $(ulimit -Sn) hard $(ulimit -Hn)\"\n",
    );
    fs::set_permissions(&filter, fs::Permissions::from_mode(0o755)).unwrap();
    let config = format!("{config}set filter a {}\n", filter.display());
    let mut daemon = Daemon::start_under(&dir, &config, "ulimit -Sn 60; ulimit -Hn 900");
    add_to_all(&dir, 200, "new");
    let all = poll(DEADLINE, || {
        let text: String = postbox.mails().iter().map(|mail| mail.body()).collect();
        (0..200)
            .all(|n| text.contains(&format!("new {n:03}\n")))
            .then_some(text)
    });
    let text = all.unwrap_or_else(|| panic!("{}", daemon.stderr()));
    assert!(text.contains("soft 60 hard 900"), "{text}");
    daemon.finish();
    assert!(
        !daemon.stderr().contains("not followed"),
        "{}",
        daemon.stderr()
    );
}
