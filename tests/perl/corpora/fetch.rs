//! Debian packages, fetched by apt and unpacked, once.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The directory with what the package installs.
pub fn package(name: &str) -> PathBuf {
    let cache = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/.cache/corpora");
    let unpacked = cache.join(name);
    if unpacked.is_dir() {
        return unpacked;
    }
    std::fs::create_dir_all(&cache).expect("a directory for the packages");
    let work = tempfile::tempdir_in(&cache).expect("a directory to fetch into");
    run(
        name,
        Command::new("apt-get")
            .args(["-q", "-o", "APT::Sandbox::User=root", "download", name])
            .current_dir(work.path()),
    );
    let deb = std::fs::read_dir(work.path())
        .expect("what was fetched")
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.extension().is_some_and(|end| end == "deb"));
    let deb = deb.unwrap_or_else(|| panic!("apt-get fetched no package `{name}`"));
    let files = work.path().join("files");
    run(
        name,
        Command::new("dpkg-deb").arg("-x").arg(deb).arg(&files),
    );
    // Whole or not at all; another test run may have been faster.
    let _ = std::fs::rename(&files, &unpacked);
    assert!(unpacked.is_dir(), "the package `{name}` is unpacked");
    unpacked
}

fn run(name: &str, command: &mut Command) {
    let done = command
        .output()
        .unwrap_or_else(|e| panic!("the package `{name}`: {command:?}: {e}"));
    assert!(
        done.status.success(),
        "the Debian package `{name}` cannot be fetched (apt-get update may help): {}",
        String::from_utf8_lossy(&done.stderr)
    );
}
