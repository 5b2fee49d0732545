//! The command line: `getopt` turns the forms that the original took into plain ones, clap reads those by
//! `options`, and a [`Command`] comes out.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, Parser};

mod command;
mod exit;
mod getopt;
mod options;
mod values;

pub use command::{
    CONFIGURATION, Command, HushArgs, HushTime, ImportArgs, LearnArgs, LettersArgs, Levels,
    MatchArgs, NewsArgs, PacksArgs, RunArgs, Shell, Since, StatusArgs, StatusForm, SuggestArgs,
    TrendsArgs,
};
pub use exit::Exit;

use exit::wrong;
use getopt::normalise;
use options::{Options, Sub};

/// Reads a command line, the program's name first.
///
/// # Errors
/// Help and version are an [`Exit`] too, with status 0.
pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Command, Exit> {
    let args = normalise(args.into_iter())?;
    let options = Options::try_parse_from(args).map_err(|e| refused(&e))?;
    if let Some(command) = &options.command
        && let Some(option) = options.only_without(command)
    {
        let name = command.name();
        return Err(wrong(&format!("{option} does not go with {name}")));
    }
    if let Some(command) = options.command {
        return subcommand(
            command,
            Common {
                config: options.configuration,
                debug: level(options.debug),
                state_dir: options.state_dir,
            },
        );
    }
    let (config, debug) = (options.configuration, level(options.debug));
    Ok(if options.check {
        Command::Check { config, debug }
    } else if options.profile {
        Command::Profile { config, debug }
    } else {
        Command::Run(RunArgs {
            config,
            foreground: options.foreground,
            debug,
            pid_file: options.pid,
            print: options.print,
            state_dir: options.state_dir,
        })
    })
}

/// The level of `-d`: `-d 0` is `-d`, as before.
fn level(given: Option<u8>) -> u8 {
    given.map_or(0, |level| level.max(1))
}

/// The options that stand before a subcommand as well as behind it.
struct Common {
    config: PathBuf,
    debug: u8,
    state_dir: Option<PathBuf>,
}

/// The command that a subcommand asks for.
#[allow(
    clippy::too_many_lines,
    reason = "a flat match: an arm for each subcommand"
)]
fn subcommand(asked: Sub, common: Common) -> Result<Command, Exit> {
    let Common {
        config,
        debug,
        state_dir,
    } = common;
    Ok(match asked {
        Sub::Replay { files } => Command::Replay {
            config,
            files,
            debug,
        },
        Sub::Match {
            regex,
            files,
            mask,
            pairs,
        } => Command::Match(match (pairs, regex) {
            (Some(file), _) => MatchArgs::Pairs(file),
            (None, Some(regex)) => MatchArgs::Lines { regex, files, mask },
            (None, None) => return Err(wrong("match needs a regex, or --pairs")),
        }),
        Sub::Explain { line } => Command::Explain {
            config,
            line,
            debug,
        },
        Sub::Diff {
            old,
            new,
            files,
            json,
        } => Command::Diff {
            old,
            new,
            files,
            json,
        },
        Sub::Coverage { files, json } => Command::Coverage {
            config,
            files,
            json,
        },
        Sub::Packs { words, link, from } => Command::Packs(PacksArgs {
            config,
            from,
            link,
            words,
        }),
        Sub::Import(asked) => Command::Import(asked.args(config)),
        Sub::News { since, host, json } => Command::News(NewsArgs {
            config,
            state_dir,
            since,
            host,
            json,
        }),
        Sub::Trends { rule, json } => Command::Trends(TrendsArgs {
            config,
            state_dir,
            rule,
            json,
        }),
        Sub::Learn { files } => Command::Learn(LearnArgs {
            config,
            state_dir,
            files,
        }),
        Sub::Letters(asked) => Command::Letters(asked.arguments(config, state_dir)),
        Sub::Status(asked) => Command::Status(StatusArgs {
            config,
            state_dir,
            form: asked.form()?,
        }),
        Sub::Hush { host, time, why } => Command::Hush(HushArgs {
            config,
            state_dir,
            host,
            time,
            why,
        }),
        Sub::Suggest(asked) => Command::Suggest(asked.arguments(config)),
        Sub::Completions { shell } => Command::Completions(shell),
    })
}

/// The exit for clap's text: help, the version, or an error.
fn refused(e: &clap::Error) -> Exit {
    let word = |kind| match e.get(kind) {
        Some(ContextValue::String(word)) => word.as_str(),
        _ => "a word",
    };
    match e.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Exit {
            status: 0,
            text: e.to_string(),
            error: false,
        },
        ErrorKind::InvalidSubcommand => wrong(&format!(
            "{} is neither an option nor a command; tenshi --help lists them",
            word(ContextKind::InvalidSubcommand)
        )),
        // Without the command `status` it is the original's option, misspelt.
        ErrorKind::UnknownArgument if word(ContextKind::InvalidArg) == "--check" => {
            wrong("--check goes with status alone; did you mean --Check?")
        }
        _ => Exit {
            status: 2,
            text: e.to_string(),
            error: true,
        },
    }
}

/// The command line as clap describes it: for completions and the manual.
pub fn command() -> clap::Command {
    Options::command()
}

#[cfg(test)]
mod tests;
