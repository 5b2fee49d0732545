//! The options and subcommands as clap reads them; their first comments are the help.

use std::ffi::OsString;
use std::path::PathBuf;

use chrono::NaiveDate;
use clap::{Args, Parser, Subcommand, ValueEnum};

use super::command::{
    CONFIGURATION, HushTime, ImportArgs, LettersArgs, Levels, Shell, Since, StatusForm, SuggestArgs,
};
use super::exit::{Exit, wrong};
use super::values;

/// Follows log files, matches their lines against rules, and mails what matters on schedule.
#[derive(Parser)]
// As with Getopt::Long, an option given twice has its last value.
#[command(name = "tenshi", version, args_override_self = true)]
pub(super) struct Options {
    /// Read the configuration from FILE
    #[arg(
        short = 'c',
        long = "configuration",
        value_name = "FILE",
        global = true,
        default_value = CONFIGURATION
    )]
    pub(super) configuration: PathBuf,
    /// Check the configuration, show a summary of its meaning, and exit
    #[arg(short = 'C', long = "Check")]
    pub(super) check: bool,
    /// Show each step (1), and the SMTP dialogue too (2); stay in the foreground
    #[arg(short = 'd', long = "debug", value_name = "LEVEL", num_args = 0..=1,
          default_missing_value = "1", global = true)]
    pub(super) debug: Option<u8>,
    /// Stay in the foreground
    #[arg(short = 'f', long = "foreground")]
    pub(super) foreground: bool,
    /// Read log lines from standard input, send nothing, and show the lines per second
    #[arg(short = 'p', long = "profile")]
    pub(super) profile: bool,
    /// Write the process id to FILE
    #[arg(short = 'P', long = "Pid", value_name = "FILE")]
    pub(super) pid: Option<PathBuf>,
    /// Print the mails on standard output and send nothing; stay in the foreground
    #[arg(long)]
    pub(super) print: bool,
    /// Keep positions and counts in DIR over a restart
    #[arg(long, value_name = "DIR", global = true)]
    pub(super) state_dir: Option<PathBuf>,
    #[command(subcommand)]
    pub(super) command: Option<Sub>,
}

impl Options {
    /// An option that was given, but means nothing beside this command.
    pub(super) fn only_without(&self, command: &Sub) -> Option<&'static str> {
        [
            ("-C", self.check),
            ("-f", self.foreground),
            ("-p", self.profile),
            ("-P", self.pid.is_some()),
            (
                "--state-dir",
                self.state_dir.is_some() && !command.has_state(),
            ),
        ]
        .into_iter()
        .find_map(|(name, given)| given.then_some(name))
    }
}

#[derive(Subcommand)]
pub(super) enum Sub {
    /// Run saved logs (.gz, .xz, .zst, .bz2 too) through the configuration and print the mails; nothing is sent
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
        /// The files with the lines; without one, standard input is read
        #[arg(value_name = "FILE")]
        files: Vec<PathBuf>,
        /// The text that replaces what a group matched
        #[arg(long, value_name = "MASK", default_value = "______")]
        mask: OsString,
        /// Answer each row `REGEX<TAB>SUBJECT` of FILE instead
        #[arg(long, value_name = "FILE", conflicts_with_all = ["regex", "files", "mask"])]
        pairs: Option<PathBuf>,
    },
    /// Show which of the rule files that come with tenshi fit the programs in logs, and link them
    Packs {
        /// The logs (.gz, .xz, .zst, .bz2 too, - for standard input); without one, those that the configuration follows.
        /// With --link, words that name a rule file: only these are linked
        #[arg(value_name = "FILE")]
        words: Vec<PathBuf>,
        /// Link the files that fit into the directory of the configuration's `includedir`
        #[arg(long)]
        link: bool,
        /// Take the rule files of DIR
        #[arg(long, value_name = "DIR")]
        from: Option<PathBuf>,
    },
    /// Find rules for the lines of logs (.gz, .xz, .zst, .bz2 too) that no rule takes, and review or print them
    Suggest(SuggestOptions),
    /// Show which rule takes a line, why no rule before it does, and when it will be mailed
    Explain {
        /// The line as it stands in the log; without one, each line of standard input is explained
        #[arg(value_name = "LINE")]
        line: Vec<OsString>,
    },
    /// Show the lines of saved logs that another configuration would treat differently
    Diff {
        /// The configuration as it is
        #[arg(value_name = "OLD")]
        old: PathBuf,
        /// The configuration as it would be
        #[arg(value_name = "NEW")]
        new: PathBuf,
        /// The logs
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// Print the changes as JSON, for programs
        #[arg(long)]
        json: bool,
    },
    /// Show what each rule takes of saved logs, and which rules no line can come to
    Coverage {
        /// The logs; without one, those that the configuration follows
        #[arg(value_name = "FILE")]
        files: Vec<PathBuf>,
        /// Print the findings as JSON, for programs
        #[arg(long)]
        json: bool,
    },
    /// Write the rules of another program on this machine as a file to include
    Import(ImportOptions),
    /// Show what reports told of kinds of lines that were not seen before
    News {
        /// Show what was told from DATE (YYYY-MM-DD) on
        #[arg(long, value_name = "DATE", value_parser = values::date)]
        since: Option<NaiveDate>,
        /// Show what a host had
        #[arg(long, value_name = "HOST")]
        host: Option<OsString>,
        /// Print the news as JSON, for programs
        #[arg(long)]
        json: bool,
    },
    /// Show how many lines each rule took in each of the last 35 days or reports
    Trends {
        /// Show all of the rules with this text, as `tenshi.conf:41` or a word of the pattern
        #[arg(value_name = "RULE")]
        rule: Option<OsString>,
        /// Print the numbers as JSON, for programs
        #[arg(long)]
        json: bool,
    },
    /// Take the kinds of lines in old logs (.gz, .xz, .zst, .bz2 too) for known, so that news begin at once
    Learn {
        /// The logs
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// List delivered letters (`set archive`), search them, or show one
    Letters(LettersOptions),
    /// Show positions, queues, waiting reports and counters of the daemon
    Status(StatusOptions),
    /// Plan silences of a host from now on: none is told until the time is over
    Hush {
        /// The host, or the path of a log
        #[arg(value_name = "HOST")]
        host: OsString,
        /// How long (a number with s, m, h or d), or `off` to end it
        #[arg(value_name = "TIME", value_parser = values::hush)]
        time: HushTime,
        /// The reason, for `tenshi status`
        #[arg(value_name = "WHY")]
        why: Vec<OsString>,
    },
    /// Print the completions of the command line for a shell
    Completions {
        /// The shell
        #[arg(value_name = "SHELL")]
        shell: Shell,
    },
}

/// The options of `suggest`.
#[derive(Args)]
pub(super) struct SuggestOptions {
    /// The logs, `-` for standard input; without one, the logs that the configuration follows
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Do not mask these: `user`, `addr`, or both with a comma between
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    keep: Vec<Kept>,
    /// Show names of users in the samples
    #[arg(long)]
    samples: bool,
    /// Print no rule for fewer lines than this
    #[arg(long, value_name = "LINES", default_value = "1")]
    min: u64,
    /// Print the rules, also on a terminal, where the review of them would open
    #[arg(long, conflicts_with_all = ["plain", "write"])]
    print: bool,
    /// Review the rules by one question a line, not on a full screen
    #[arg(long)]
    plain: bool,
    /// The file for accepted rules; without it, suggested-DATE in the directory of an `includedir`
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
    /// Offer the rule files of DIR
    #[arg(long, value_name = "DIR")]
    from: Option<PathBuf>,
}

/// What `--keep` names.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kept {
    /// Names of users.
    User,
    /// Addresses.
    Addr,
}

impl SuggestOptions {
    pub(super) fn arguments(self, config: PathBuf) -> SuggestArgs {
        SuggestArgs {
            config,
            files: self.files,
            keep_users: self.keep.contains(&Kept::User),
            keep_addresses: self.keep.contains(&Kept::Addr),
            samples: self.samples,
            least: self.min,
            print: self.print,
            plain: self.plain,
            write: self.write,
            from: self.from,
        }
    }
}

/// The options of `import`.
#[derive(Args)]
pub(super) struct ImportOptions {
    /// The program
    #[arg(value_name = "PROGRAM")]
    from: ImportFrom,
    /// The directory with its rules
    #[arg(value_name = "DIR", default_value = "/etc/logcheck")]
    dir: PathBuf,
    /// The queue for what logcheck leaves out
    #[arg(long, value_name = "QUEUE", default_value = "misc")]
    queue: String,
    /// The queue for what logcheck reports
    #[arg(long, value_name = "QUEUE", default_value = "report")]
    alerts: String,
    /// Keep only the rules that take a line of these logs
    #[arg(long, value_name = "FILE", num_args = 1..)]
    seen_in: Vec<PathBuf>,
    /// Write to FILE instead of the standard output
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
}

impl ImportOptions {
    pub(super) fn args(self, config: PathBuf) -> ImportArgs {
        let ImportFrom::Logcheck = self.from;
        ImportArgs {
            config,
            dir: self.dir,
            queue: self.queue,
            alerts: self.alerts,
            seen_in: self.seen_in,
            write: self.write,
        }
    }
}

/// A program whose rules are read.
#[derive(Clone, Copy, ValueEnum)]
enum ImportFrom {
    /// logcheck
    Logcheck,
}

/// The options of `letters`.
#[derive(Args)]
pub(super) struct LettersOptions {
    /// The letter to show: its name, or a beginning of it, with year and month at least, that no other name has
    #[arg(value_name = "NAME", conflicts_with_all = ["queue", "host", "since", "pattern"])]
    name: Vec<OsString>,
    /// Take the letters of a queue
    #[arg(short, long, value_name = "QUEUE")]
    queue: Option<OsString>,
    /// Take the letters that tell of a host
    #[arg(long, value_name = "HOST")]
    host: Option<OsString>,
    /// Take the letters from a day (YYYY-MM-DD) or a time ago (`3 weeks`) on
    #[arg(long, value_name = "TIME", value_parser = values::since)]
    since: Option<Since>,
    /// Search the lines of the letters, and show when and how often the pattern matched
    #[arg(short = 'g', long = "grep", value_name = "REGEX")]
    pattern: Option<OsString>,
    /// Print the letters as JSON, for programs
    #[arg(long)]
    json: bool,
}

impl LettersOptions {
    pub(super) fn arguments(self, config: PathBuf, state_dir: Option<PathBuf>) -> LettersArgs {
        LettersArgs {
            config,
            state_dir,
            queue: self.queue,
            host: self.host,
            since: self.since,
            pattern: self.pattern,
            json: self.json,
            name: self.name,
        }
    }
}

/// The options of `status`.
#[derive(Args)]
pub(super) struct StatusOptions {
    /// Show the status as JSON, for programs
    #[arg(long, conflicts_with_all = ["check", "prometheus", "watch"])]
    json: bool,
    /// Show metrics in the text format of Prometheus
    #[arg(long, conflicts_with_all = ["check", "watch"])]
    prometheus: bool,
    /// Show the status on the whole terminal, drawn anew each 2 seconds
    #[arg(long, conflicts_with = "check")]
    watch: bool,
    /// Show one line, and exit with status 0, 1, 2 or 3 for Nagios, Icinga and Zabbix
    #[arg(long)]
    check: bool,
    /// Warn when a report has waited this long (a number with s, m, h or d)
    #[arg(long, requires = "check", value_name = "AGE", default_value = "15m", value_parser = values::seconds)]
    warning: u64,
    /// Be critical when a report has waited this long
    #[arg(long, requires = "check", value_name = "AGE", default_value = "1h", value_parser = values::seconds)]
    critical: u64,
    /// Warn when this many bytes of the logs are unread (a number, or one with K, M or G)
    #[arg(long, requires = "check", value_name = "SIZE", default_value = "100M", value_parser = values::bytes)]
    lag_warning: u64,
    /// Be critical when this many bytes of the logs are unread
    #[arg(long, requires = "check", value_name = "SIZE", default_value = "1G", value_parser = values::bytes)]
    lag_critical: u64,
}

impl StatusOptions {
    pub(super) fn form(&self) -> Result<StatusForm, Exit> {
        let levels = |name: &str, warning, critical| {
            if warning > critical {
                let text = format!("--{name}warning is more than --{name}critical");
                return Err(wrong(&text));
            }
            Ok(Levels { warning, critical })
        };
        let age = levels("", self.warning, self.critical)?;
        let lag = levels("lag-", self.lag_warning, self.lag_critical)?;
        // Clap lets no two of them through.
        Ok(match () {
            () if self.check => StatusForm::Check { age, lag },
            () if self.json => StatusForm::Json,
            () if self.prometheus => StatusForm::Prometheus,
            () if self.watch => StatusForm::Watch,
            () => StatusForm::Text,
        })
    }
}

impl Sub {
    /// Whether the command looks into a state directory.
    fn has_state(&self) -> bool {
        match self {
            Self::Status(_)
            | Self::Hush { .. }
            | Self::News { .. }
            | Self::Trends { .. }
            | Self::Learn { .. }
            | Self::Letters(_) => true,
            Self::Replay { .. }
            | Self::Match { .. }
            | Self::Packs { .. }
            | Self::Explain { .. }
            | Self::Diff { .. }
            | Self::Coverage { .. }
            | Self::Import(_)
            | Self::Suggest(_)
            | Self::Completions { .. } => false,
        }
    }

    /// The name of the subcommand.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Replay { .. } => "replay",
            Self::Match { .. } => "match",
            Self::Packs { .. } => "packs",
            Self::Explain { .. } => "explain",
            Self::Diff { .. } => "diff",
            Self::Coverage { .. } => "coverage",
            Self::Import(_) => "import",
            Self::News { .. } => "news",
            Self::Trends { .. } => "trends",
            Self::Learn { .. } => "learn",
            Self::Letters(_) => "letters",
            Self::Status(_) => "status",
            Self::Hush { .. } => "hush",
            Self::Suggest(_) => "suggest",
            Self::Completions { .. } => "completions",
        }
    }
}
