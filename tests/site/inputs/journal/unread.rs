//! How far a daemon is behind the journal, as `tenshi status` shows it in each of its forms.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use nix::sys::signal::Signal;
use serde_json::Value;

use super::made::{Export, LAYOUTS};
use crate::crash::site::Site;
use crate::support::daemon::PROGRAM;
use crate::support::{DEADLINE, NEVER, poll};

fn status(site: &Site, arguments: &[&str]) -> (String, Option<i32>) {
    let state = site.dir.path("state");
    let mut command = Command::new(PROGRAM);
    command.arg("status").args(arguments);
    let output = command.arg("--state-dir").arg(state).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    (text, output.status.code())
}

fn journal(site: &Site) -> Value {
    let (text, _) = status(site, &["--json"]);
    let status: Value = serde_json::from_str(&text).unwrap_or_default();
    status["journal"].clone()
}

/// Waits until this number of entries is read, and none is left.
fn is_read(site: &Site, entries: u64) {
    let read = poll(DEADLINE, || {
        let journal = journal(site);
        let unread = &journal["directories"][0]["unread"];
        (journal["entries"] == entries && *unread == 0).then_some(())
    });
    assert!(read.is_some(), "{} {}", journal(site), site.told());
}

#[test]
fn entries_that_are_not_read_yet_are_shown_and_judged() {
    let mut site = Site::prepare(&[], &format!("set queue c from@x c@x {NEVER}\nc .*\n"));
    let directory = site.dir.path("journal");
    fs::create_dir(&directory).unwrap();
    let mut export = Export::new(20_261_130);
    let mut write = |name: &str, layout, count| {
        let path = export.write(&directory.join(name), layout, count);
        // The daemon has an account of its own.
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        path
    };
    write("one.journal", LAYOUTS[0], 400);
    site.config += &format!(
        "set tail /usr/bin/tail -n +1\nset journal {}\n",
        directory.display()
    );
    site.run();
    // A snapshot is made at USR2's latest.
    site.daemon().signal(Signal::SIGUSR2);
    is_read(&site, 400);
    let (check, code) = status(&site, &["--check", "--lag-warning", "1"]);
    let path = directory.display().to_string();
    assert!(!check.contains(&path) || code == Some(1), "{check}");

    // It gets no time, and falls behind.
    site.daemon().signal(Signal::SIGSTOP);
    let two = write("two.journal", LAYOUTS[1], 1_000);
    let behind = journal(&site);
    let behind = &behind["directories"][0];
    assert_eq!(
        (&behind["directory"], &behind["unread"]),
        (&path.clone().into(), &1_000.into())
    );
    let bytes = behind["lag"].as_u64().unwrap();
    // A file has room for more: it is longer than what its entries take.
    let size = fs::metadata(two).unwrap().len();
    assert!((200_000..size).contains(&bytes), "{bytes} of {size}");
    let (text, _) = status(&site, &[]);
    let line = format!("{path}: 1,000 entries unread, about ");
    assert!(text.contains(&line), "{text}");
    let (metrics, _) = status(&site, &["--prometheus"]);
    let metric = format!("tenshi_journal_unread_entries{{directory=\"{path}\"}} 1000\n");
    assert!(metrics.contains(&metric), "{metrics}");
    let metric = format!("tenshi_lag_bytes{{file=\"{path}\"}} {bytes}\n");
    assert!(metrics.contains(&metric), "{metrics}");
    let (check, code) = status(&site, &["--check", "--lag-warning", "10K"]);
    let words = format!(" unread, most of it of {path}|");
    assert!(
        check.starts_with("TENSHI WARNING - ") && check.contains(&words),
        "{check}"
    );
    assert_eq!(code, Some(1));
    let (check, code) = status(
        &site,
        &["--check", "--lag-warning", "1K", "--lag-critical", "10K"],
    );
    assert!(check.starts_with("TENSHI CRITICAL - "), "{check}");
    assert_eq!(code, Some(2));

    site.daemon().signal(Signal::SIGCONT);
    site.daemon().signal(Signal::SIGUSR2);
    is_read(&site, 1_400);
}
