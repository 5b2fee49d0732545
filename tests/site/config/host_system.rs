//! The look at the machine: which user's rights it has, and that reading the text goes without it.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::{Dir, check};
use tenshi::config;

const TEXT: &str = "set mailserver localhost\nset queue a f t [now]\na x\n";

/// The text is right whatever the machine has: saved logs are replayed on another one.
#[test]
fn loading_looks_at_no_account_and_no_program() {
    let dir = Dir::new();
    let text = format!(
        "{TEXT}set uid no-such-user\nset gid no-such-group\nset logfile {}\nset filter a /nowhere\n",
        dir.path("missing").display()
    );
    let path = dir.write("tenshi.conf", &text);
    let loaded = config::load(&path);
    assert!(loaded.config.is_some());
    assert_eq!(loaded.diagnostics, []);
    let (status, _, err) = check(&path, 0);
    assert_eq!(status, 1);
    for words in [
        "tenshi.conf:4:9: error: there is no user `no-such-user`\n",
        "tenshi.conf:5:9: error: there is no group `no-such-group`\n",
        "tenshi.conf:6:13: warning: cannot read the log file",
        "tenshi.conf:7:14: warning: `/nowhere` is no program that can be run",
    ] {
        assert!(err.contains(words), "{words}: {err}");
    }
    let last = dir.load(format!("{text}set uid root\n"));
    assert!(last.config.is_none(), "each `set uid` is looked at");
}

/// The check looks with the rights of another user; the threads beside it keep their own. Once, the
/// whole process changed its ids meanwhile, and whoever opened a file of root's then was refused.
#[test]
fn the_check_takes_no_rights_from_other_threads() {
    const ROUNDS: usize = 50;
    assert!(nix::unistd::geteuid().is_root(), "this needs another user");
    let dir = Dir::new();
    let secret = dir.write("secret", "x");
    fs::set_permissions(&secret, Permissions::from_mode(0o600)).unwrap();
    let path = dir.write(
        "tenshi.conf",
        format!("{TEXT}set uid nobody\nset logfile {}\n", secret.display()),
    );
    let (running, opened) = (AtomicUsize::new(4), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..ROUNDS {
                    let loaded = config::load(&path);
                    assert!(loaded.config.is_some(), "{:?}", loaded.diagnostics);
                    let (status, _, err) = check(&path, 0);
                    assert_eq!(status, 0, "{err}");
                    assert_eq!(err.matches("Permission denied").count(), 1, "{err}");
                }
                running.fetch_sub(1, Ordering::SeqCst);
            });
        }
        for _ in 0..2 {
            scope.spawn(|| {
                while running.load(Ordering::SeqCst) > 0 {
                    File::open(&secret).expect("a file of root's");
                    opened.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
    });
    assert!(opened.into_inner() > ROUNDS);
}
