//! The kernel's watches (inotify), while there are none left for the daemon's user.

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use crate::support::daemon::Daemon;
use crate::support::postbox::Postbox;
use crate::support::{Dir, conf, line};

/// Runs the daemon as its user in a user namespace of its own, in which it gets no watcher until somebody writes to
/// the fifo `raise`.
const NAMESPACE: &str = "exec setpriv --reuid tenshi --regid tenshi --init-groups \
    unshare -c --keep-caps /bin/sh -c 'limit=/proc/sys/user/max_inotify_instances; \
    echo 0 > $limit; (read line < raise; echo 9 > $limit) & exec \"$0\" \"$@\"' \"$0\" \"$@\"";

#[test]
fn what_was_used_up_at_the_start_is_asked_for_again() {
    let (dir, postbox) = (Dir::new(), Postbox::open());
    let raise = dir.path("raise");
    mkfifo(&raise, Mode::from_bits_truncate(0o644)).expect("a fifo");
    let rest = "set queue n f@x n@x [now]\nn ^foo\n";
    dir.write("log", "");
    let config = conf(&dir, postbox.port(), rest);
    let mut daemon = Daemon::start_under(&dir, &config, NAMESPACE);
    daemon.wait_stderr("the kernel does not tell of all changes");
    dir.append("log", line("h", "foo one"));
    postbox.wait(1);
    std::fs::write(raise, "now\n").expect("somebody reads it");
    daemon.wait_stderr("the kernel tells of all changes again");
    dir.append("log", line("h", "foo two"));
    postbox.wait(2);
    daemon.finish();
}
