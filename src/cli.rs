//! The command line: `getopt` turns the forms that the original took into plain ones, clap reads those by
//! `options`, and a [`Command`] comes out.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, Parser};

mod command;
mod exit;
mod getopt;
mod options;
mod values;

pub use command::{
    CONFIGURATION, Command, Levels, MatchArgs, PacksArgs, RunArgs, Shell, StatusArgs, StatusForm,
    SuggestArgs,
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
    let config = options.configuration;
    // `-d 0` is `-d`, as before.
    let debug = options.debug.map_or(0, |level| level.max(1));
    Ok(match options.command {
        Some(Sub::Replay { files }) => Command::Replay {
            config,
            files,
            debug,
        },
        Some(Sub::Match {
            regex,
            files,
            mask,
            pairs,
        }) => Command::Match(match (pairs, regex) {
            (Some(file), _) => MatchArgs::Pairs(file),
            (None, Some(regex)) => MatchArgs::Lines { regex, files, mask },
            (None, None) => return Err(wrong("match needs a regex, or --pairs")),
        }),
        Some(Sub::Packs { words, link, from }) => Command::Packs(PacksArgs {
            config,
            from,
            link,
            words,
        }),
        Some(Sub::Status(asked)) => Command::Status(StatusArgs {
            config,
            state_dir: options.state_dir,
            form: asked.form()?,
        }),
        Some(Sub::Suggest(asked)) => Command::Suggest(asked.arguments(config)),
        Some(Sub::Completions { shell }) => Command::Completions(shell),
        None if options.check => Command::Check { config, debug },
        None if options.profile => Command::Profile { config, debug },
        None => Command::Run(RunArgs {
            config,
            foreground: options.foreground,
            debug,
            pid_file: options.pid,
            print: options.print,
            state_dir: options.state_dir,
        }),
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
