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
        .env("TENSHI_TORTURE", "1")
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo");
    let text = String::from_utf8_lossy(&done.stdout);
    assert!(
        done.status.success(),
        "{text}{}",
        String::from_utf8_lossy(&done.stderr)
    );
    // The name of the test may stand before it on its line.
    let told = text
        .lines()
        .filter_map(|line| line.split_once("power cuts: "));
    let (mut cuts, mut torn) = (0, 0);
    for (_, numbers) in told {
        let mut numbers = numbers.split(' ').map(|n| n.parse().unwrap_or(0));
        cuts += numbers.next().unwrap_or(0);
        torn += numbers.next().unwrap_or(0);
    }
    assert!(cuts > 0, "no power cuts were told: {text}");
    Cuts { cuts, torn }
}
