//! What root does before it gives its rights up, in directories that the daemon's user may write:
//! nothing that he swaps meanwhile gains him anything.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use chrono::Utc;
use nix::unistd::User;
use tenshi::input::fifo;
use tenshi::ledger::silence::Hush;
use tenshi::process::ids::{Identity, make_directory};
use tenshi::process::pidfile::PidFile;
use tenshi::state::{remove_hush, write_hush};

use crate::support::Dir;
use crate::support::daemon::PROGRAM;

/// How many starts each race has.
const STARTS: usize = 1500;

/// What root keeps for itself: a directory with a file in it.
struct Precious(PathBuf);

impl Precious {
    fn new(dir: &Path, file: &str) -> Self {
        let place = dir.join("precious");
        fs::create_dir(&place).unwrap();
        fs::write(place.join(file), "precious").unwrap();
        for (path, mode) in [(place.join(file), 0o600), (place.clone(), 0o711)] {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        }
        Self(place)
    }

    /// Owner, mode and names of all that is there, and what the files hold.
    fn seen(&self) -> Vec<(OsString, u32, u32, u32, String)> {
        let names = fs::read_dir(&self.0)
            .unwrap()
            .map(|entry| entry.unwrap().path());
        let mut all: Vec<_> = names
            .chain([self.0.clone()])
            .map(|path| {
                let meta = fs::symlink_metadata(&path).unwrap();
                let text = fs::read_to_string(&path).unwrap_or_default();
                let name = path.file_name().unwrap().to_owned();
                (name, meta.uid(), meta.gid(), meta.mode(), text)
            })
            .collect();
        all.sort();
        all
    }
}

/// A process of the daemon's user that swaps what a path leads to, for as long as it lives: a
/// directory, a link to the precious one, nothing.
struct Swapper(Child);

impl Swapper {
    fn start(user: &User, path: &Path, target: &Path) -> Self {
        let program = "my ($path, $target) = @ARGV; while (1) { symlink $target, $path; \
                       unlink $path; mkdir $path, 0755; rename $path, \"$path.old\"; \
                       symlink $target, $path; rename $path, \"$path.gone\"; \
                       rmdir \"$path.old\"; unlink \"$path.gone\", \"$path.old/pid\"; }";
        let mut command = Command::new("perl");
        command.args(["-e", program]).arg(path).arg(target);
        command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
        Self(command.spawn().expect("perl starts"))
    }
}

impl Drop for Swapper {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Who may write the directory above: its owner, its group, or all.
fn shared(dir: &Path, user: &User, who: usize) -> PathBuf {
    let above = dir.join(format!("above{who}"));
    fs::create_dir(&above).unwrap();
    let (uid, gid, mode) = [
        (user.uid.as_raw(), 0, 0o755),
        (0, user.gid.as_raw(), 0o775),
        (0, 0, 0o777),
    ][who];
    chown(&above, Some(uid), Some(gid)).unwrap();
    fs::set_permissions(&above, fs::Permissions::from_mode(mode)).unwrap();
    above
}

#[test]
fn a_swap_while_the_state_directory_is_made_gains_nothing() {
    let user = super::tenshi();
    let dir = Dir::new();
    let identity = Identity::resolve(None, None).unwrap().unwrap();
    let precious = Precious::new(dir.root(), "file");
    let before = precious.seen();
    let mut made = 0;
    for who in 0..3 {
        let path = shared(dir.root(), &user, who).join("state");
        let swapper = Swapper::start(&user, &path, &precious.0);
        for _ in 0..STARTS {
            // The directory itself is swapped, and what is above it.
            let _ = make_directory(&path, &identity);
            let _ = make_directory(&path.join("deep/er"), &identity);
            let _ = fs::remove_dir(path.join("deep/er"));
            let _ = fs::remove_dir(path.join("deep"));
            let _ = fs::remove_dir(&path);
        }
        drop(swapper);
        let _ = fs::remove_file(&path);
        made += usize::from(make_directory(&path, &identity).is_ok());
        assert_eq!(precious.seen(), before, "{who}");
    }
    assert_eq!(made, 3);
}

/// The program itself, with all that comes after: a state directory whose name is swapped.
#[test]
fn a_swap_at_the_start_of_the_program_gains_nothing() {
    let user = super::tenshi();
    let dir = Dir::new();
    let precious = Precious::new(dir.root(), "tenshi.state");
    let before = precious.seen();
    let above = shared(dir.root(), &user, 0);
    let (state, run) = (above.join("state"), above.join("run"));
    dir.write("log", "");
    // It ends at once, after its rights are given up: the directory of the fifo is another's.
    let config = dir.write(
        "tenshi.conf",
        format!(
            "set logfile {}\nset mailserver 127.0.0.1:9\nset fifo {}/fifo\n\
             set queue a f@x.example t@x.example [0 0 1 1 *]\na ^foo\n",
            dir.path("log").display(),
            run.display(),
        ),
    );
    let swappers = [
        Swapper::start(&user, &state, &precious.0),
        Swapper::start(&user, &run, &precious.0),
    ];
    for _ in 0..100 {
        let mut command = Command::new(PROGRAM);
        command
            .arg("-c")
            .arg(&config)
            .arg("--state-dir")
            .arg(&state);
        command.arg("-P").arg(run.join("tenshi.state"));
        let output = command.current_dir(dir.root()).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
    }
    drop(swappers);
    assert_eq!(precious.seen(), before);
}

#[test]
fn a_swap_while_the_pid_file_is_written_gains_nothing() {
    let user = super::tenshi();
    let dir = Dir::new();
    let precious = Precious::new(dir.root(), "pid");
    let before = precious.seen();
    let mut written = 0;
    for who in 0..3 {
        let path = shared(dir.root(), &user, who).join("run");
        let swapper = Swapper::start(&user, &path, &precious.0);
        for _ in 0..STARTS {
            let _ = PidFile::create(&path.join("pid"));
        }
        drop(swapper);
        // Once nobody swaps any more, it is written.
        let _ = fs::remove_file(&path);
        let _ = fs::create_dir(&path);
        written += usize::from(PidFile::create(&path.join("pid")).is_ok());
        assert_eq!(precious.seen(), before, "{who}");
    }
    assert_eq!(written, 3);
    // A file of root's that he gave the name to is no pid file: others' secrets are not shown.
    let above = shared(&dir.path("precious"), &user, 0);
    let secret = above.join("pid");
    fs::write(&secret, "secret").unwrap();
    chown(&secret, Some(65534), None).unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    let refused = PidFile::create(&secret).unwrap_err();
    assert!(refused.contains("belongs to neither root nor"), "{refused}");
    let meta = fs::metadata(&secret).unwrap();
    assert_eq!((meta.mode() & 0o777, meta.len()), (0o600, 6));
}

#[test]
fn what_root_set_up_goes_on_working() {
    let user = super::tenshi();
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let identity = Identity::resolve(None, None).unwrap().unwrap();
    // A link of root's, to a place that is there and to one that is not.
    fs::create_dir(path("real")).unwrap();
    symlink("real", path("link")).unwrap();
    symlink(path("real/later"), path("dangling")).unwrap();
    // A directory for several programs: others may write it.
    fs::create_dir(path("shared")).unwrap();
    chown(path("shared"), None, Some(50)).unwrap();
    fs::set_permissions(path("shared"), fs::Permissions::from_mode(0o2775)).unwrap();
    let made = [
        "link/state",
        "dangling",
        "new/deep/er",
        "shared/tenshi",
        "tmp/../plain",
    ];
    fs::create_dir(path("tmp")).unwrap();
    for name in made {
        make_directory(&path(name), &identity).unwrap();
        let meta = fs::metadata(path(name)).unwrap();
        assert_eq!(
            (meta.uid(), meta.mode() & 0o777),
            (user.uid.as_raw(), 0o750),
            "{name}"
        );
        // What is there stays as it is.
        fs::set_permissions(path(name), fs::Permissions::from_mode(0o700)).unwrap();
        make_directory(&path(name), &identity).unwrap();
        assert_eq!(
            fs::metadata(path(name)).unwrap().mode() & 0o777,
            0o700,
            "{name}"
        );
    }
    // The directories above stay root's, and can be walked through.
    let meta = fs::metadata(path("new/deep")).unwrap();
    assert_eq!((meta.uid(), meta.mode() & 0o777), (0, 0o755));
    // What the user made is left to him, a link of his too.
    fs::create_dir(path("home")).unwrap();
    chown(path("home"), Some(user.uid.as_raw()), None).unwrap();
    symlink("/nonexistent", path("home/link")).unwrap();
    for name in ["home/new", "home/link"] {
        make_directory(&path(name), &identity).unwrap();
        assert!(!path(name).exists(), "{name}");
    }
    fs::write(path("file"), "").unwrap();
    for name in ["file", "file/x"] {
        let refused = make_directory(&path(name), &identity).unwrap_err();
        assert!(refused.contains("no directory"), "{refused}");
    }
}

#[test]
fn a_fifo_is_opened_as_root_where_nobody_else_chose_it() {
    let user = super::tenshi();
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    let mode = nix::sys::stat::Mode::from_bits_truncate(0o600);
    nix::unistd::mkfifo(&path("fifo"), mode).unwrap();
    symlink("fifo", path("link")).unwrap();
    let home = shared(dir.path(), &user, 0);
    symlink(path("fifo"), home.join("link")).unwrap();
    nix::unistd::mkfifo(&home.join("fifo"), mode).unwrap();
    for path in [path("fifo"), path("link"), home.join("fifo")] {
        assert!(fifo::open_as_root(&path).unwrap().is_some(), "{path:?}");
    }
    assert!(fifo::open_as_root(&home.join("link")).unwrap().is_none());
    symlink("/dev/null", path("device")).unwrap();
    for name in ["device", "none", "above0"] {
        let fault = fifo::open_as_root(&path(name)).unwrap_err().to_string();
        assert!(fault.starts_with("could not open fifo "), "{fault}");
    }
}

/// `tenshi hush` is run by root, in a directory that the daemon's user may write.
#[test]
fn a_swap_while_a_hush_is_written_gains_nothing() {
    let user = super::tenshi();
    let dir = Dir::new();
    let precious = Precious::new(dir.root(), "web1");
    let before = precious.seen();
    let state = shared(dir.root(), &user, 0);
    let hushes = state.join("hush.d");
    let hush = Hush {
        host: "web1".into(),
        from: Utc::now(),
        until: Utc::now(),
        why: "new disk".into(),
    };
    let swapper = Swapper::start(&user, &hushes, &precious.0);
    for _ in 0..STARTS {
        let _ = write_hush(&state, &hush);
        let _ = remove_hush(&state, hush.host.as_ref());
    }
    drop(swapper);
    assert_eq!(precious.seen(), before);
    // Once nobody swaps any more, it is written, and belongs to the daemon's user.
    let _ = fs::remove_file(&hushes);
    let _ = fs::remove_dir_all(&hushes);
    write_hush(&state, &hush).unwrap();
    let owner = |path: &Path| fs::metadata(path).unwrap().uid();
    assert_eq!(owner(&hushes), user.uid.as_raw());
    assert_eq!(owner(&hushes.join("web1")), user.uid.as_raw());
}
