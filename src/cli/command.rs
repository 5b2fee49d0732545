//! The commands: what a command line asks for, once it is read.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use chrono::NaiveDate;
use clap::ValueEnum;

/// The configuration that is read if none is named.
pub const CONFIGURATION: &str = "/etc/tenshi/tenshi.conf";

/// The command that a command line asks for.
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
    /// `packs [FILE…]` and `packs --link [NAME…] [FILE…]`
    Packs(PacksArgs),
    /// `explain LINE`
    Explain {
        /// The configuration file.
        config: PathBuf,
        /// The words of the line; standard input is read if there are none.
        line: Vec<OsString>,
        /// `-d`: show each rule that was tried.
        debug: u8,
    },
    /// `diff OLD NEW FILE…`
    Diff {
        /// The configuration as it is.
        old: PathBuf,
        /// The configuration as it would be.
        new: PathBuf,
        /// The saved logs.
        files: Vec<PathBuf>,
        /// `--json`
        json: bool,
    },
    /// `coverage [FILE…]`
    Coverage {
        /// The configuration file.
        config: PathBuf,
        /// The saved logs; those that are followed if there are none.
        files: Vec<PathBuf>,
        /// `--json`
        json: bool,
    },
    /// `import logcheck [DIR]`
    Import(ImportArgs),
    /// `news`
    News(NewsArgs),
    /// `trends [RULE]`
    Trends(TrendsArgs),
    /// `learn FILE…`
    Learn(LearnArgs),
    /// `letters [NAME]`
    Letters(LettersArgs),
    /// `status`
    Status(StatusArgs),
    /// `hush HOST TIME [WHY]`
    Hush(HushArgs),
    /// `suggest [FILE…]`
    Suggest(SuggestArgs),
    /// `completions SHELL`
    Completions(Shell),
}

/// The arguments of `tenshi packs`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PacksArgs {
    /// The configuration file.
    pub config: PathBuf,
    /// `--from`: the directory of the rule files.
    pub from: Option<PathBuf>,
    /// `--link`: link those that fit.
    pub link: bool,
    /// The logs; with `--link`, words that name a rule file are those to link.
    pub words: Vec<PathBuf>,
}

/// The arguments of `tenshi import logcheck`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ImportArgs {
    /// The configuration file, for its `hidepid`.
    pub config: PathBuf,
    /// The directory of logcheck.
    pub dir: PathBuf,
    /// `--queue`: for what logcheck leaves out.
    pub queue: String,
    /// `--alerts`: for what logcheck reports.
    pub alerts: String,
    /// `--seen-in`: keep the rules that take a line of these logs; all if there are none.
    pub seen_in: Vec<PathBuf>,
    /// `--write`: standard output without it.
    pub write: Option<PathBuf>,
}

/// The arguments of `tenshi news`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewsArgs {
    /// The configuration file, for its `statedir`.
    pub config: PathBuf,
    /// `--state-dir`: instead of the configuration's `statedir`.
    pub state_dir: Option<PathBuf>,
    /// `--since`: the first day that is shown.
    pub since: Option<NaiveDate>,
    /// `--host`: the host that had what is shown.
    pub host: Option<OsString>,
    /// `--json`
    pub json: bool,
}

/// The arguments of `tenshi trends`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TrendsArgs {
    /// The configuration file, for its rules and its `statedir`.
    pub config: PathBuf,
    /// `--state-dir`: instead of the configuration's `statedir`.
    pub state_dir: Option<PathBuf>,
    /// What the place, the target or the pattern of the rules that are shown has in it.
    pub rule: Option<OsString>,
    /// `--json`
    pub json: bool,
}

/// The arguments of `tenshi learn`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LearnArgs {
    /// The configuration file.
    pub config: PathBuf,
    /// `--state-dir`: instead of the configuration's `statedir`.
    pub state_dir: Option<PathBuf>,
    /// The logs.
    pub files: Vec<PathBuf>,
}

/// The arguments of `tenshi letters`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LettersArgs {
    /// The configuration file, for its `statedir`.
    pub config: PathBuf,
    /// `--state-dir`: instead of the configuration's `statedir`.
    pub state_dir: Option<PathBuf>,
    /// `-q`: the queue of the letters.
    pub queue: Option<OsString>,
    /// `--host`: a host that the letters tell of.
    pub host: Option<OsString>,
    /// `--since`: the first time of the letters.
    pub since: Option<Since>,
    /// `-g`: the pattern that is searched for.
    pub pattern: Option<OsString>,
    /// `--json`
    pub json: bool,
    /// The words of the name of the letter that is shown; none lists letters.
    pub name: Vec<OsString>,
}

/// A time to look back to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Since {
    /// The beginning of a day.
    Day(NaiveDate),
    /// The beginning of the day that was this number of days ago.
    DaysAgo(u64),
    /// The time that was this number of hours ago.
    HoursAgo(u64),
}

/// The arguments of `tenshi status`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StatusArgs {
    /// The configuration file, for its `statedir`.
    pub config: PathBuf,
    /// `--state-dir`: instead of the configuration's `statedir`.
    pub state_dir: Option<PathBuf>,
    /// The form of the status.
    pub form: StatusForm,
}

/// The arguments of `tenshi hush`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HushArgs {
    /// The configuration file, for its `statedir`.
    pub config: PathBuf,
    /// `--state-dir`: instead of the configuration's `statedir`.
    pub state_dir: Option<PathBuf>,
    /// The host, or the path of a log.
    pub host: OsString,
    /// How long.
    pub time: HushTime,
    /// The reason.
    pub why: Vec<OsString>,
}

/// How long a hush lasts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HushTime {
    /// This time from now on.
    For(Duration),
    /// `off`: a hush that lasts is over.
    Off,
}

/// The arguments of `tenshi suggest`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SuggestArgs {
    /// The configuration file.
    pub config: PathBuf,
    /// The logs; without one, those that the configuration follows.
    pub files: Vec<PathBuf>,
    /// `--keep user`: names of users are not masked.
    pub keep_users: bool,
    /// `--keep addr`: addresses are not masked.
    pub keep_addresses: bool,
    /// `--samples`: samples show names of users.
    pub samples: bool,
    /// `--min`: the fewest lines for which a rule is printed.
    pub least: u64,
    /// `--print`: print the rules, also on a terminal.
    pub print: bool,
    /// `--plain`: ask about the rules, one question a line.
    pub plain: bool,
    /// `--write`: the file for the accepted rules.
    pub write: Option<PathBuf>,
    /// `--from`: the directory of the rule files that are offered.
    pub from: Option<PathBuf>,
}

/// The form in which a status is shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StatusForm {
    /// For people.
    Text,
    /// `--json`
    Json,
    /// `--prometheus`: the metrics of Prometheus' text format.
    Prometheus,
    /// `--watch`: drawn anew again and again.
    Watch,
    /// `--check`: one line and an exit status for Nagios and its kin.
    Check {
        /// The time that the oldest report may wait, seconds.
        age: Levels,
        /// The part of the logs that may be unread, bytes.
        lag: Levels,
    },
}

/// The least value that is a warning, and the least that is critical.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Levels {
    /// `--warning`, `--lag-warning`
    pub warning: u64,
    /// `--critical`, `--lag-critical`
    pub critical: u64,
}

impl Levels {
    /// The time for which a report may wait, where no option says otherwise, seconds.
    pub const AGE: Self = Self {
        warning: 15 * 60,
        critical: 3600,
    };
    /// The part of the logs that may be unread, where no option says otherwise, bytes.
    pub const LAG: Self = Self {
        warning: 100 << 20,
        critical: 1 << 30,
    };
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

/// The arguments of `tenshi match`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum MatchArgs {
    /// `REGEX [FILE…]`: show what a pattern makes of lines.
    Lines {
        /// The pattern, bytes as the shell gave them.
        regex: OsString,
        /// The files with the lines; standard input if there is none.
        files: Vec<PathBuf>,
        /// `--mask`.
        mask: OsString,
    },
    /// `--pairs FILE`: answer pairs of a pattern and a subject.
    Pairs(PathBuf),
}

/// The arguments of the daemon.
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
