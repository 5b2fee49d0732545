//! What a configuration means: the result of reading `tenshi.conf` and its includes.
//!
//! Everything here is complete and checked: no text is left to be parsed, every queue that a rule
//! names exists, every pattern is compiled.

use std::num::{NonZeroU32, NonZeroU64};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bstr::BString;

mod bundle;
mod charsets;
mod inputs;
mod journal;
mod mail;
mod news;
mod notify;
mod silence;
mod site;
mod trends;

pub use bundle::BundleSettings;
pub use charsets::{Charsets, SourceCharset};
pub use inputs::{
    InputSettings, JsonFields, JsonSettings, LineSettings, Listen, PrefixName, TailSettings,
    TailStart,
};
pub use journal::{FieldMatch, Journal, JournalMatch, SYSLOG_FILES, ValueMatch, is_own_log};
pub use mail::{Address, MailAuth, MailServer, MailSettings, MailTls};
pub use news::{NewsQueues, NewsSettings};
pub use notify::{HealthPing, NotifyRecipient};

pub use silence::{PlannedHush, SilenceRule, SilenceSettings};
pub use site::{BoardAddress, ConsoleName, SiteName, SiteSettings};
pub use trends::TrendsSettings;

use super::diagnostic::{Place, shown};
use crate::pattern::Pattern;
use crate::schedule::{CronSpec, Schedule};

/// A queue's place in [`Config::queues`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct QueueId(pub u16);

impl QueueId {
    /// The index into [`Config::queues`].
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// A rule's place in [`Config::rules`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RuleId(pub u32);

impl RuleId {
    /// The index into [`Config::rules`].
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// A whole configuration. Immutable: a reload builds another one.
#[derive(Clone, Debug)]
pub struct Config {
    /// The main configuration file, as given (absolute).
    pub file: PathBuf,
    /// The directory in which its relative paths start.
    pub directory: PathBuf,
    /// The account that the daemon becomes, and its pid file.
    pub process: ProcessSettings,
    /// The inputs.
    pub inputs: InputSettings,
    /// The prefixes, by which a line becomes host and message.
    pub lines: LineSettings,
    /// The character sets of lines and of the configuration's own text.
    pub charsets: Charsets,
    /// The queues, in the order of their definition. `trash` and `repeat` are no queues.
    pub queues: Vec<Queue>,
    /// The queue for lines without a known prefix (`set queue noprefix …`).
    pub noprefix: Option<QueueId>,
    /// The queues whose mails are bundled in a storm.
    pub bundle: BundleSettings,
    /// The hosts and files whose silence is told.
    pub silence: SilenceSettings,
    /// The rules, in the order in which they are tried.
    pub rules: Vec<Rule>,
    /// The form of the reports.
    pub report: ReportSettings,
    /// The way of the mails.
    pub mail: MailSettings,
    /// The ping while all is well (`set heartbeat`, none).
    pub health_ping: Option<HealthPing>,
    /// What reports tell of kinds of lines that were not seen before.
    pub news: NewsSettings,
    /// What reports tell of rules that took another share of the lines than usual.
    pub trends: TrendsSettings,
    /// The site of several consoles that this one belongs to (`set site`, none).
    pub site: Option<SiteSettings>,
    /// The state that outlives a restart.
    pub state: StateSettings,
    /// Time between two looks at the `[now]` queues (`set sleep`, 5 s).
    pub sleep: Duration,
    /// The greatest number that a `repeat` line may add (`set repeat_limit`, 1,000,000).
    pub repeat_limit: u64,
    /// The continuation lines that a report shows under a line, at most (`set continue_lines`, 3).
    pub continue_lines: usize,
    /// The file with words of the site's own programs, for `tenshi suggest` (`set suggest_words`, none).
    pub suggest_words: Option<PathBuf>,
}

impl Config {
    /// Whether lines may belong to lines before: by a `continue` rule, or by `set join on`.
    pub fn continues(&self) -> bool {
        self.lines.join
            || self
                .rules
                .iter()
                .any(|rule| rule.action == Action::Continue)
    }

    /// The target of a rule, as the configuration writes it: `trash`, `repeat`, `group`, or its queues.
    pub fn target(&self, action: &Action) -> String {
        let name = |target: &Target| match self.queues.get(target.queue.index()) {
            Some(queue) => match target.escalation {
                Some(number) => format!("{}:{number}", queue.name),
                None => queue.name.clone(),
            },
            None => "?".into(),
        };
        match action {
            Action::Trash => "trash".into(),
            Action::Repeat => "repeat".into(),
            Action::Continue => "continue".into(),
            Action::Expect(message) => {
                let queue = self.queues.get(message.queue.index());
                let queue = queue.map_or("?", |queue| queue.name.as_str());
                let minutes = message.grace.as_secs().div_ceil(60);
                format!("expect {queue} [{}] {minutes}m", message.begins)
            }
            Action::Group { .. } => "group".into(),
            Action::GroupHost { .. } => "group_host".into(),
            Action::Queues(targets) => targets.iter().map(name).collect::<Vec<_>>().join(","),
        }
    }
}

/// Settings that need root or a fresh process: a reload cannot change them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProcessSettings {
    /// The user named by `set uid`.
    pub uid: Option<String>,
    /// The group named by `set gid`.
    pub gid: Option<String>,
    /// `set pidfile`, `/var/run/tenshi.pid` by default.
    pub pidfile: PathBuf,
}

/// A queue: lines are counted in it until they are reported.
#[derive(Clone, Debug)]
pub struct Queue {
    /// The name, as rules write it.
    pub name: String,
    /// The times of its reports.
    pub schedule: Schedule,
    /// The output that takes its reports.
    pub output: Output,
    /// `set threshold`: lines of the report to leave out while they are too few.
    pub thresholds: Vec<Threshold>,
    /// `set quiet`: a scheduled report without lines is mailed too.
    pub quiet: bool,
    /// The place of its (last) definition.
    pub place: Place,
}

impl Queue {
    /// The times of its reports, if it may tell trends: it is mailed at times of the day, to somebody who gets more
    /// than the short form for pagers.
    pub fn digest(&self) -> Option<&CronSpec> {
        let read = self.output.mail()?.wants(false);
        match &self.schedule {
            Schedule::Cron(spec) if read => Some(spec),
            _ => None,
        }
    }
}

/// The output of a queue: what takes its reports.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Output {
    /// Mails.
    Mail(MailQueue),
    /// The standard input of a program, as CSV (`set csv`).
    Csv(ShellCommand),
}

impl Output {
    /// The mails of the queue; `None` if its reports are CSV.
    pub fn mail(&self) -> Option<&MailQueue> {
        match self {
            Self::Mail(mail) => Some(mail),
            Self::Csv(_) => None,
        }
    }

    /// The program that gets the reports: the filter of mails, or the output itself.
    pub fn program(&self) -> Option<&ShellCommand> {
        match self {
            Self::Mail(mail) => mail.filter.as_ref(),
            Self::Csv(command) => Some(command),
        }
    }
}

/// Sender and recipients of a queue (`set queue NAME FROM TO [WHEN] SUBJECT`).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MailQueue {
    /// FROM as written: the text of the `From:` header.
    pub from: BString,
    /// FROM as an envelope address, without angle brackets; empty for `<>`.
    pub sender: Address,
    /// TO's parts as written, in order, each without its `pager:`.
    pub recipients: Vec<Recipient>,
    /// TO's programs, in order: `notify:NAME` and `notify-short:NAME`.
    pub programs: Vec<NotifyRecipient>,
    /// The queue's own subject; absent means `set subject`'s. `[queue]` is added to either.
    pub subject: Option<BString>,
    /// `set filter QUEUE PROGRAM ARGUMENTS`.
    pub filter: Option<ShellCommand>,
}

impl MailQueue {
    /// Whether anybody gets this form of the reports: the short one, or the full one.
    pub fn wants(&self, short: bool) -> bool {
        self.recipients.iter().any(|to| to.pager == short)
            || self.programs.iter().any(|to| to.short == short)
    }

    /// The recipients as the configuration writes them: mail addresses first, then programs.
    pub fn written(&self) -> Vec<String> {
        let mails = self.recipients.iter().map(|to| {
            let word = if to.pager { "pager:" } else { "" };
            format!("{word}{}", shown(&to.text))
        });
        let programs = self.programs.iter().map(NotifyRecipient::text);
        mails.chain(programs).collect()
    }
}

/// One recipient of a queue.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Recipient {
    /// The word as written, without `pager:`: what the `To:` header shows.
    pub text: BString,
    /// The envelope address.
    pub address: Address,
    /// Whether the recipient gets the short form of the report (`pager:`).
    pub pager: bool,
}

/// A command run as `/bin/sh -c "PROGRAM ARGUMENTS"`.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub struct ShellCommand {
    /// The program's path: must be executable at start.
    pub program: String,
    /// Program and arguments as written: the text for the shell.
    pub line: String,
}

/// `set threshold QUEUE COUNT REGEXP`.
#[derive(Clone, Debug)]
pub struct Threshold {
    /// Lines with a smaller count are left out of the report.
    pub count: NonZeroU64,
    /// The pattern of the lines (their masked text) that the threshold is for.
    pub pattern: Pattern,
}

/// A rule: what to do with the lines that its pattern matches.
#[derive(Clone, Debug)]
pub struct Rule {
    /// The pattern. For a `group_host` it is matched against the host, else against the message.
    pub pattern: Pattern,
    /// The action on a line that matches.
    pub action: Action,
    /// The place of the rule in the configuration.
    pub place: Place,
}

/// The action of a rule on a line that matches.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Action {
    /// `trash`: drop it.
    Trash,
    /// `repeat`: add group 1's number to the host's line before.
    Repeat,
    /// `continue`: the line belongs to the line before.
    Continue,
    /// `expect`: drop it, and note that it came.
    Expect(Arc<ExpectedMessage>),
    /// Count it in these queues, left to right.
    Queues(Arc<[Target]>),
    /// `group`: go on with the next rule; a line that does not match goes on at `end`.
    Group {
        /// The index of the first rule after the `group_end`.
        end: usize,
    },
    /// `group_host`: as `group`, but the host is matched.
    GroupHost {
        /// The index of the first rule after the `group_end`.
        end: usize,
    },
}

/// A message that is expected (`expect QUEUE [WHEN] GRACE REGEXP`).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ExpectedMessage {
    /// The queue that is told if it does not come.
    pub queue: QueueId,
    /// When it is expected.
    pub begins: CronSpec,
    /// How much later it may come.
    pub grace: Duration,
}

/// One queue of a rule's list.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Target {
    /// The queue.
    pub queue: QueueId,
    /// `queue:N`: only each Nth line, counted for this rule and host.
    pub escalation: Option<NonZeroU32>,
}

/// The settings of the reports.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReportSettings {
    /// `set mask`: stands for what a group matched (`______`).
    pub mask: BString,
    /// `set subject`: for queues without their own (`tenshi report`).
    pub subject: BString,
    /// `set limit`: lines a host in a report; nothing or 0 is no limit.
    pub limit: Option<NonZeroU64>,
    /// `set pager_limit`: lines a host in a pager report; nothing or 0 is no limit.
    pub pager_limit: Option<NonZeroU64>,
    /// `set pager_hour`: pager reports an hour, over all queues; nothing is no limit.
    pub pager_hour: Option<NonZeroU32>,
    /// `set max_shown`: what a mail shows of one line, bytes as they are shown (2 KiB).
    pub max_shown: usize,
    /// `set sort_order`.
    pub sort_order: SortOrder,
    /// `set resolve on`: show the full name of a host beside it.
    pub resolve: bool,
    /// `set csv_safe on`: no cell of the CSV form begins as a formula.
    pub csv_safe: bool,
}

impl ReportSettings {
    /// The default of `set max_shown`, bytes.
    pub const MAX_SHOWN: usize = 2 << 10;
}

/// The order of a host's lines in a report, by their counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum SortOrder {
    /// The most frequent line first.
    #[default]
    Descending,
    /// The rarest line first.
    Ascending,
}

/// The settings of the state that outlives a restart, and of its size.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StateSettings {
    /// `set statedir`; the command line and `$STATE_DIRECTORY` may give it as well.
    pub dir: Option<PathBuf>,
    /// `set catchup HOURS`: how far back a restart reads; nothing is no limit.
    pub catchup: Option<Duration>,
    /// `set commit`: at most this long between a line that cannot be read twice and its snapshot (1 s).
    pub commit: Duration,
    /// `set archive`: the days for which delivered letters are kept; nothing keeps none (none).
    pub archive: Option<u16>,
    /// `set max_lines`: distinct lines a queue (1,000,000).
    pub max_lines: usize,
    /// `set max_memory`: what a queue holds, bytes (256 MiB).
    pub max_memory: usize,
}

/// The bound of a queue. Whoever writes to a log chooses the lines and the names of hosts: what is
/// beyond the bound is only counted, for its host if that is known already, else for all unknown hosts together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bound {
    /// Distinct lines (`set max_lines`).
    pub lines: usize,
    /// Bytes of memory (`set max_memory`).
    pub bytes: usize,
}

impl From<usize> for Bound {
    /// A bound of lines alone.
    fn from(lines: usize) -> Self {
        let bytes = usize::MAX;
        Self { lines, bytes }
    }
}

impl Default for StateSettings {
    fn default() -> Self {
        Self {
            dir: None,
            catchup: None,
            commit: Duration::from_secs(1),
            archive: None,
            max_lines: 1_000_000,
            max_memory: Self::MAX_MEMORY,
        }
    }
}

impl StateSettings {
    /// The default of `set max_memory`, bytes.
    pub const MAX_MEMORY: usize = 256 << 20;

    /// The bound of each queue.
    pub fn bound(&self) -> Bound {
        Bound {
            lines: self.max_lines,
            bytes: self.max_memory,
        }
    }
}
