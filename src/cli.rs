//! The command line.
//!
//! The original took its options through Perl's Getopt::Long: long names with one or two dashes,
//! any unique beginning of them, and a level after `-d` that may be left out. `normalise` turns
//! those forms into the plain ones, and clap reads the result.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};

mod values;

/// The configuration that is read if none is named.
pub const CONFIGURATION: &str = "/etc/tenshi/tenshi.conf";

/// What is to be done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Command {
    /// Monitor the logs.
    Run(RunArgs),
    /// `-C`: check the configuration.
    Check {
        /// The configuration file.
        config: PathBuf,
        /// `-d`: show every rule.
        debug: u8,
    },
    /// `-p`: read standard input and measure.
    Profile {
        /// The configuration file.
        config: PathBuf,
        /// `-d`.
        debug: u8,
    },
    /// `replay FILE…`
    Replay {
        /// The configuration file.
        config: PathBuf,
        /// The saved logs.
        files: Vec<PathBuf>,
        /// `-d`.
        debug: u8,
    },
    /// `match REGEX [FILE…]` and `match --pairs FILE`
    Match(MatchArgs),
    /// `status`
    Status(StatusArgs),
    /// `completions SHELL`
    Completions(Shell),
}

/// What `tenshi status` is to show, and where it finds it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StatusArgs {
    /// The configuration file, for its `statedir`.
    pub config: PathBuf,
    /// `--state-dir`: instead of the configuration's `statedir`.
    pub state_dir: Option<PathBuf>,
    /// How it is shown.
    pub form: StatusForm,
}

/// How a status is shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StatusForm {
    /// For people.
    Text,
    /// `--json`
    Json,
    /// `--check`: one line and an exit status for Nagios and its kin.
    Check {
        /// How long the oldest report may wait, seconds.
        age: Levels,
        /// How much of the logs may be unread, bytes.
        lag: Levels,
    },
}

/// From where on a value is a warning, and from where on critical.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Levels {
    /// `--warning`, `--lag-warning`
    pub warning: u64,
    /// `--critical`, `--lag-critical`
    pub critical: u64,
}

/// A shell that completions are written for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Shell {
    /// bash
    Bash,
    /// zsh
    Zsh,
    /// fish
    Fish,
}

/// What `tenshi match` is to do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum MatchArgs {
    /// `REGEX [FILE…]`: show what a pattern makes of lines.
    Lines {
        /// The pattern, bytes as the shell gave them.
        regex: OsString,
        /// Where the lines are; standard input if there is none.
        files: Vec<PathBuf>,
        /// `--mask`.
        mask: OsString,
    },
    /// `--pairs FILE`: answer pairs of a pattern and a subject.
    Pairs(PathBuf),
}

/// How to run the daemon.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RunArgs {
    /// The configuration file.
    pub config: PathBuf,
    /// `-f`: stay in the foreground.
    pub foreground: bool,
    /// `-d`: 1 shows what is done, 2 the SMTP dialogue too; stays in the foreground.
    pub debug: u8,
    /// `-P`: instead of the configuration's `pidfile`.
    pub pid_file: Option<PathBuf>,
    /// `--print`: mails go to standard output; stays in the foreground.
    pub print: bool,
    /// `--state-dir`: instead of the configuration's `statedir`.
    pub state_dir: Option<PathBuf>,
}

/// Why there is nothing to do: help, the version, or a command line without meaning.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Exit {
    /// The exit status.
    pub status: u8,
    /// What to say.
    pub text: String,
    /// Whether it is an error, for standard error.
    pub error: bool,
}

/// Follows log files, matches their lines against rules, and mails what matters on schedule.
#[derive(Parser)]
// As with Getopt::Long, an option given twice has its last value.
#[command(name = "tenshi", version, args_override_self = true)]
struct Options {
    /// Read the configuration from FILE
    #[arg(
        short = 'c',
        long = "configuration",
        value_name = "FILE",
        global = true,
        default_value = CONFIGURATION
    )]
    configuration: PathBuf,
    /// Check the configuration, say what was understood, and exit
    #[arg(short = 'C', long = "Check")]
    check: bool,
    /// Show what is done (1), and the SMTP dialogue too (2); stay in the foreground
    #[arg(short = 'd', long = "debug", value_name = "LEVEL", num_args = 0..=1,
          default_missing_value = "1", global = true)]
    debug: Option<u8>,
    /// Stay in the foreground
    #[arg(short = 'f', long = "foreground")]
    foreground: bool,
    /// Read log lines from standard input, send nothing, and say how fast that was
    #[arg(short = 'p', long = "profile")]
    profile: bool,
    /// Write the process id to FILE
    #[arg(short = 'P', long = "Pid", value_name = "FILE")]
    pid: Option<PathBuf>,
    /// Print the mails on standard output and send nothing; stay in the foreground
    #[arg(long)]
    print: bool,
    /// Keep positions and counts in DIR over a restart
    #[arg(long, value_name = "DIR", global = true)]
    state_dir: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Sub>,
}

impl Options {
    /// A given option that means nothing beside this command.
    fn only_without(&self, command: &Sub) -> Option<&'static str> {
        let stateless = !matches!(command, Sub::Status(_));
        [
            ("-C", self.check),
            ("-f", self.foreground),
            ("-p", self.profile),
            ("-P", self.pid.is_some()),
            ("--state-dir", self.state_dir.is_some() && stateless),
        ]
        .into_iter()
        .find_map(|(name, given)| given.then_some(name))
    }
}

/// A command line without meaning.
fn wrong(text: &str) -> Exit {
    Exit {
        status: 2,
        text: format!("tenshi: {text}\n"),
        error: true,
    }
}

#[derive(Subcommand)]
enum Sub {
    /// Run saved logs (.gz too) through the configuration and print the mails; nothing is sent
    Replay {
        /// The logs, in the order in which to read them
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Show what a pattern matches, line by line, and what is masked
    Match {
        /// The pattern, as it would stand in a rule
        #[arg(required_unless_present = "pairs", value_name = "REGEX")]
        regex: Option<OsString>,
        /// The lines; standard input without any
        #[arg(value_name = "FILE")]
        files: Vec<PathBuf>,
        /// What is put in the place of a group
        #[arg(long, value_name = "MASK", default_value = "______")]
        mask: OsString,
        /// Answer rows `REGEX<TAB>SUBJECT` instead
        #[arg(long, value_name = "FILE", conflicts_with_all = ["regex", "files", "mask"])]
        pairs: Option<PathBuf>,
    },
    /// Show positions, queues, waiting reports and counters of the daemon
    Status(StatusOptions),
    /// Print what a shell needs to complete our command line
    Completions {
        /// The shell
        #[arg(value_name = "SHELL")]
        shell: Shell,
    },
}

/// The options of `status`.
#[derive(Args)]
struct StatusOptions {
    /// Show it as JSON, for programs
    #[arg(long, conflicts_with = "check")]
    json: bool,
    /// Show one line, and end with 0, 1, 2 or 3 for Nagios, Icinga and Zabbix
    #[arg(long)]
    check: bool,
    /// Warn when a report has waited this long (s, m, h or d)
    #[arg(long, requires = "check", value_name = "AGE", default_value = "15m", value_parser = values::seconds)]
    warning: u64,
    /// Critical when a report has waited this long
    #[arg(long, requires = "check", value_name = "AGE", default_value = "1h", value_parser = values::seconds)]
    critical: u64,
    /// Warn when so much of the logs is unread (bytes, K, M or G)
    #[arg(long, requires = "check", value_name = "SIZE", default_value = "100M", value_parser = values::bytes)]
    lag_warning: u64,
    /// Critical when so much of the logs is unread
    #[arg(long, requires = "check", value_name = "SIZE", default_value = "1G", value_parser = values::bytes)]
    lag_critical: u64,
}

impl StatusOptions {
    fn form(&self) -> Result<StatusForm, Exit> {
        let levels = |name: &str, warning, critical| {
            if warning > critical {
                let text = format!("--{name}warning is more than --{name}critical");
                return Err(wrong(&text));
            }
            Ok(Levels { warning, critical })
        };
        let age = levels("", self.warning, self.critical)?;
        let lag = levels("lag-", self.lag_warning, self.lag_critical)?;
        Ok(match (self.check, self.json) {
            (true, _) => StatusForm::Check { age, lag },
            (false, true) => StatusForm::Json,
            (false, false) => StatusForm::Text,
        })
    }
}

impl Sub {
    /// The word for it.
    fn name(&self) -> &'static str {
        match self {
            Self::Replay { .. } => "replay",
            Self::Match { .. } => "match",
            Self::Status(_) => "status",
            Self::Completions { .. } => "completions",
        }
    }
}

/// The long options: name, and whether a value follows. The original's come first.
const LONG: &[(&str, Value)] = &[
    ("configuration", Value::Needed),
    ("Check", Value::None),
    ("debug", Value::Number),
    ("foreground", Value::None),
    ("help", Value::None),
    ("profile", Value::None),
    ("Pid", Value::Needed),
    // Ours, from here on.
    ("print", Value::None),
    ("state-dir", Value::Needed),
    ("mask", Value::Needed),
    ("pairs", Value::Needed),
    ("json", Value::None),
    ("check", Value::None),
    ("warning", Value::Needed),
    ("critical", Value::Needed),
    ("lag-warning", Value::Needed),
    ("lag-critical", Value::Needed),
    ("version", Value::None),
];

/// How many of [`LONG`] are the original's: a beginning that was unique among them stays so.
const ORIGINAL: usize = 7;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Value {
    None,
    Needed,
    /// A number, where one follows.
    Number,
}

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
        Some(Sub::Status(asked)) => Command::Status(StatusArgs {
            config,
            state_dir: options.state_dir,
            form: asked.form()?,
        }),
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

/// What clap has to say: help, the version, or what is wrong.
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

/// Turns Getopt::Long's forms into `--name=value`.
fn normalise(mut args: impl Iterator<Item = OsString>) -> Result<Vec<OsString>, Exit> {
    let mut out: Vec<OsString> = args.next().into_iter().collect();
    let mut args = args.peekable();
    while let Some(arg) = args.next() {
        let Some(text) = arg.to_str().filter(|t| t.starts_with('-') && t.len() > 1) else {
            out.push(arg);
            continue;
        };
        if text == "--" {
            out.push(arg);
            out.extend(args);
            break;
        }
        let word = text.trim_start_matches('-');
        let (name, glued) = match word.split_once('=') {
            Some((name, value)) => (name, Some(OsString::from(value))),
            None => (word, None),
        };
        let (name, kind) = long_name(name, text.starts_with("--"))?;
        let number = |next: &mut OsString| {
            next.to_str()
                .is_some_and(|t| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit()))
        };
        let value = match (kind, glued) {
            (_, Some(value)) => Some(value),
            (Value::Needed, None) => args.next(),
            (Value::Number, None) => args
                .next_if(|next| number(&mut next.clone()))
                .or(Some("1".into())),
            (Value::None, None) => None,
        };
        let mut option = OsString::from(format!("--{name}"));
        if let Some(value) = value {
            option.push(OsStr::new("="));
            option.push(value);
        }
        out.push(option);
    }
    Ok(out)
}

/// The full name of an option: one letter after one dash, or the unique beginning of a long name.
fn long_name(given: &str, two_dashes: bool) -> Result<(&'static str, Value), Exit> {
    let short = match given {
        "c" => Some("configuration"),
        "C" => Some("Check"),
        "d" => Some("debug"),
        "f" => Some("foreground"),
        "h" => Some("help"),
        "p" => Some("profile"),
        "P" => Some("Pid"),
        "V" if !two_dashes => Some("version"),
        _ => None,
    };
    let exact = LONG
        .iter()
        .find(|(name, _)| Some(*name) == short || *name == given);
    if let Some((name, kind)) = exact.or_else(|| unique(&LONG[..ORIGINAL], given)) {
        return Ok((name, *kind));
    }
    if let Some((name, kind)) = unique(LONG, given) {
        return Ok((name, *kind));
    }
    Err(wrong(&format!("unknown option: {given}; {}", hint(given))))
}

/// The only option whose name begins with `given`.
fn unique<'a>(
    names: &'a [(&'static str, Value)],
    given: &str,
) -> Option<&'a (&'static str, Value)> {
    let mut begin = names
        .iter()
        .filter(|(name, _)| !given.is_empty() && name.starts_with(given));
    match (begin.next(), begin.next()) {
        (Some(only), None) => Some(only),
        _ => None,
    }
}

/// What to write instead of an unknown option.
fn hint(given: &str) -> String {
    let wanted = given.to_lowercase();
    let alike = LONG.iter().find(|(name, _)| {
        let name = name.to_lowercase();
        name == wanted
            || (wanted.len() > 1 && (name.starts_with(&wanted) || wanted.starts_with(&name)))
    });
    if let Some((name, _)) = alike {
        return format!("did you mean --{name}?");
    }
    // `-d2`, `-cFILE`, `-Cf`: neither the original nor we read letters without a space.
    let mut rest = given.chars();
    match (rest.next(), rest.as_str()) {
        (Some(letter @ ('c' | 'd' | 'P')), value) if !value.is_empty() => {
            format!("did you mean -{letter} {value}?")
        }
        (Some(letter @ ('C' | 'f' | 'p')), other)
            if !other.is_empty() && other.chars().all(|c| "cCdfpP".contains(c)) =>
        {
            let apart: Vec<String> = other.chars().map(|c| format!("-{c}")).collect();
            format!("did you mean -{letter} {}?", apart.join(" "))
        }
        _ => "tenshi --help lists the options".to_owned(),
    }
}

#[cfg(test)]
mod tests;
