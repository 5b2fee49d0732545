//! The power cuts on a simulated disk, which the unit tests of `src/state` have.

use std::process::Command;

/// What came of them.
#[derive(Debug, Default)]
pub struct Cuts {
    pub cuts: u64,
    /// Those in the middle of a commit.
    pub torn: u64,
}

/// Runs them.
pub fn cuts() -> Cuts {
    let done = Command::new(env!("CARGO"))
        .args(["test", "--locked", "--lib", "state::power_cuts"])
        .args(["--", "--nocapture"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo");
    let text = String::from_utf8_lossy(&done.stdout);
    assert!(
        done.status.success(),
        "{text}{}",
        String::from_utf8_lossy(&done.stderr)
    );
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("power cuts: "));
    let mut numbers = line
        .unwrap_or_default()
        .split(' ')
        .filter_map(|n| n.parse().ok());
    Cuts {
        cuts: numbers.next().unwrap_or(0),
        torn: numbers.next().unwrap_or(0),
    }
}
