//! `tenshi completions SHELL`: the script by which a shell completes the command line.

use std::io::Write;

use clap_complete::shells;

use crate::cli::{self, Shell};

/// Prints the completions for a shell, and gives the exit status.
pub fn run(shell: Shell, out: &mut dyn Write) -> i32 {
    let mut command = cli::command();
    // Into memory first: the generators know no error.
    let mut text = Vec::new();
    match shell {
        Shell::Bash => clap_complete::generate(shells::Bash, &mut command, "tenshi", &mut text),
        Shell::Zsh => clap_complete::generate(shells::Zsh, &mut command, "tenshi", &mut text),
        Shell::Fish => clap_complete::generate(shells::Fish, &mut command, "tenshi", &mut text),
    }
    i32::from(out.write_all(&text).and_then(|()| out.flush()).is_err())
}
