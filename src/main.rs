//! The program: reads the command line, runs the command, sets the exit status.

// Users run this: nothing that comes from outside may make it panic.
#![cfg_attr(
    not(test),
    deny(clippy::panic, clippy::unreachable, clippy::disallowed_methods)
)]

use std::io;
use std::os::unix::ffi::OsStrExt;
use std::process::ExitCode;

use tenshi::cli::{self, Command, MatchArgs};
use tenshi::commands::{
    check, completions, coverage, diff, explain, hush, import, learn, letters, matching, news,
    packs, replay, status, suggest, trends,
};
use tenshi::daemon;
use tenshi::shown::shown_lines;

/// The allocator of the static program: with musl's own a line costs half as much again.
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let command = match cli::parse(std::env::args_os()) {
        Ok(command) => command,
        Err(exit) => {
            if exit.error {
                eprint!("{}", shown_lines(&exit.text));
            } else {
                print!("{}", exit.text);
            }
            return ExitCode::from(exit.status);
        }
    };
    let (mut out, mut err) = (io::stdout().lock(), io::stderr());
    let status = match command {
        Command::Run(args) => {
            drop(out);
            daemon::run(&args)
        }
        Command::Check { config, debug } => check::run(&config, debug, &mut out, &mut err),
        Command::Profile { config, debug } => replay::profile(&config, debug, &mut out, &mut err),
        Command::Replay {
            config,
            files,
            debug,
        } => replay::replay(&config, &files, debug, &mut out, &mut err),
        Command::Match(MatchArgs::Lines { regex, files, mask }) => {
            let (regex, mask) = (regex.as_bytes(), mask.as_bytes());
            matching::lines(regex, &files, mask, &mut out, &mut err)
        }
        Command::Match(MatchArgs::Pairs(file)) => matching::pairs(&file, &mut out, &mut err),
        Command::Packs(args) => packs::run(&args, &mut out, &mut err),
        Command::Explain {
            config,
            line,
            debug,
        } => explain::run(&config, &line, debug, &mut out, &mut err),
        Command::Diff {
            old,
            new,
            files,
            json,
        } => diff::run((&old, &new), &files, json, &mut out, &mut err),
        Command::Coverage {
            config,
            files,
            json,
        } => coverage::run(&config, &files, json, &mut out, &mut err),
        Command::Import(args) => import::run(&args, &mut out, &mut err),
        Command::News(args) => news::run(&args, &mut out, &mut err),
        Command::Trends(args) => trends::run(&args, &mut out, &mut err),
        Command::Learn(args) => learn::run(&args, &mut out, &mut err),
        Command::Letters(args) => letters::run(&args, &mut out, &mut err),
        Command::Status(args) => status::run(&args, &mut out, &mut err),
        Command::Hush(args) => hush::run(&args, &mut out, &mut err),
        Command::Suggest(args) => suggest::run(&args, &mut out, &mut err),
        Command::Completions(shell) => completions::run(shell, &mut out),
    };
    ExitCode::from(u8::try_from(status).unwrap_or(1))
}
