//! `tenshi explain LINE`: which rule takes a line, why no rule before it does, and when it will be mailed.

use std::ffi::OsString;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

use bstr::BString;
use chrono::Local;

use super::logs::each_line;
use super::rule_text::{ended, load, rule_text};
use super::saved;
use crate::analysis::{self, Explanation, Outcome, Tried};
use crate::charset::{Charset, Coding};
use crate::clock::{Clock, SystemClock};
use crate::config::diagnostic::{Excerpt, shown};
use crate::config::{Action, Config, NotifyRecipient, Output, Queue, RuleId, Target, Threshold};
use crate::pattern::{Found, Reach};
use crate::record::PrefixKind;
use crate::schedule::Schedule;

/// The command that reads a log through a pipe, for a hint.
const COMMAND: &str = "tenshi explain";
/// Rules that do not match that are shown with the place where the match ends; `-d` shows all.
const SHOWN: usize = 5;

/// Explains one line, the words of a command line, or each line of standard input if there are none. The exit
/// status is 0 if a rule takes each line, 1 if one is taken by none, and 2 on a fault.
pub fn run(
    config: &Path,
    words: &[OsString],
    debug: u8,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> i32 {
    let Some(config) = load(config, err) else {
        return 2;
    };
    let lines = match lines(words, &config) {
        Ok(lines) => lines,
        Err(e) => {
            let _ = writeln!(err, "tenshi: standard input: {e}");
            return 2;
        }
    };
    let all = debug > 0;
    let mut status = 0;
    let mut tell = || -> io::Result<()> {
        for (at, line) in lines.iter().enumerate() {
            if at > 0 {
                writeln!(out)?;
            }
            let told = analysis::explain(&config, line);
            if !matches!(told.outcome, Outcome::Rule(_)) {
                status = 1;
            }
            Page {
                config: &config,
                all,
            }
            .line(line, &told, out)?;
        }
        out.flush()
    };
    let written = tell();
    ended(written, status, err)
}

/// The lines to be explained.
fn lines(words: &[OsString], config: &Config) -> io::Result<Vec<BString>> {
    let words: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
    if !words.is_empty() {
        let line = words.join(&b' ');
        let line = line.strip_suffix(b"\n").unwrap_or(&line);
        let coding = config
            .charsets
            .default
            .map_or(Coding::Bytes, Charset::of_text);
        return Ok(vec![coding.line(line, false).into_owned().into()]);
    }
    let mut lines = Vec::new();
    let mut reader = saved::decoded_input(COMMAND, config)?;
    each_line(&mut *reader, config.inputs.max_line, &mut |line| {
        lines.extend((!line.is_empty()).then(|| line.into()));
    })?;
    Ok(lines)
}

/// The text about lines.
struct Page<'a> {
    config: &'a Arc<Config>,
    /// Whether each rule is shown that a line came to.
    all: bool,
}

impl Page<'_> {
    /// All about a line.
    fn line(&self, line: &[u8], told: &Explanation, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "line     {}", shown(line))?;
        writeln!(out, "prefix   {}", self.prefix(told))?;
        match told.outcome {
            Outcome::NoHost => {
                return writeln!(
                    out,
                    "dropped: the first group of its `logprefix` took no part, so it has no host"
                );
            }
            Outcome::NoPrefix => return self.unprefixed(line, out),
            Outcome::Rule(_) | Outcome::Unmatched => {}
        }
        writeln!(out, "host     {}", shown(&told.host))?;
        writeln!(out, "message  {}", shown(&told.message))?;
        self.rules(told, out)
    }

    fn prefix(&self, told: &Explanation) -> String {
        match told.prefix {
            Some(PrefixKind::Traditional) => "traditional: Mmm dd hh:mm:ss HOST".into(),
            Some(PrefixKind::Rfc3339) => "RFC 3339: yyyy-mm-ddThh:mm:ss+hh:mm HOST".into(),
            Some(PrefixKind::Named) => "of a device that `set logprefix` names".into(),
            Some(PrefixKind::Pattern(at)) => {
                let pattern = self.config.lines.prefixes.get(at);
                let pattern = pattern.map(|pattern| shown(pattern.source()));
                format!("set logprefix {}", pattern.unwrap_or_default())
            }
            Some(PrefixKind::Json) => "none: the line is an object of JSON".into(),
            None => "none that is known".into(),
        }
    }

    /// A line without a known prefix, and what its text would be as a message.
    fn unprefixed(&self, line: &[u8], out: &mut dyn Write) -> io::Result<()> {
        let queue = self
            .config
            .noprefix
            .map(|id| (id, self.config.queues.get(id.index())));
        match queue {
            Some((id, Some(_))) => {
                writeln!(
                    out,
                    "no rule is tried: it is counted in the queue `noprefix`"
                )?;
                let target = Target {
                    queue: id,
                    escalation: None,
                };
                self.queue(target, line, out)?;
            }
            _ => writeln!(
                out,
                "no rule is tried, and it is dropped: there is no `set queue noprefix`"
            )?,
        }
        writeln!(out, "\nas the message of a host it would go on so:")?;
        let told = analysis::explain_message(self.config, b"", line);
        self.rules(&told, out)
    }

    /// The rules that a message came to, and what comes of it.
    fn rules(&self, told: &Explanation, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out)?;
        let shown = self.worth_showing(&told.tried);
        for (at, tried) in told.tried.iter().enumerate() {
            if shown.contains(&at) {
                self.tried(tried, told, out)?;
            }
        }
        let hidden = told.tried.len() - shown.len();
        if hidden > 0 {
            let rules = if hidden == 1 { "rule" } else { "rules" };
            writeln!(
                out,
                "  {hidden} other {rules} before it: no match (-d shows them)"
            )?;
        }
        writeln!(out)?;
        match told.outcome {
            Outcome::Rule(id) => self.taken(id, told, out),
            _ => writeln!(out, "taken by no rule: it is dropped"),
        }
    }

    /// The rules to show: those that match, and of the likely ones those that get farthest.
    fn worth_showing(&self, tried: &[Tried]) -> Vec<usize> {
        let all = 0..tried.len();
        if self.all {
            return all.collect();
        }
        let matches = |at: &usize| tried.get(*at).is_some_and(|one| one.found == Found::Yes);
        let reach = |at: usize| tried.get(at).and_then(|one| one.reach.as_ref());
        let mut likely: Vec<(usize, usize)> = all
            .clone()
            .filter_map(|at| Some((reach(at)?.subject.end, at)))
            .collect();
        // Of two that get equally far, the one nearer to the rule that takes the line.
        likely.sort_unstable();
        let best: Vec<usize> = likely.iter().rev().take(SHOWN).map(|(_, at)| *at).collect();
        all.filter(|at| matches(at) || best.contains(at)).collect()
    }

    fn tried(&self, tried: &Tried, told: &Explanation, out: &mut dyn Write) -> io::Result<()> {
        let Some(rule) = self.config.rules.get(tried.rule.index()) else {
            return Ok(());
        };
        let on_host = matches!(rule.action, Action::GroupHost { .. });
        let group = on_host || matches!(rule.action, Action::Group { .. });
        writeln!(out, "  {}", rule_text(self.config, tried.rule))?;
        let says = match (tried.found, group) {
            (Found::Yes, true) => "the group opens",
            (Found::Yes, false) => "matches",
            (Found::GaveUp, _) => "given up: the budget of the line is spent",
            (Found::No, true) => "the group stays shut",
            (Found::No, false) => "no match",
        };
        let Some(reach) = &tried.reach else {
            return writeln!(out, "    {says}");
        };
        let subject = if on_host { &told.host } else { &told.message };
        ends_here(subject, reach, rule.pattern.source(), says, out)
    }

    /// The rule that takes the line, and what comes of that.
    fn taken(&self, id: RuleId, told: &Explanation, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "taken by {}", rule_text(self.config, id))?;
        match self.config.rules.get(id.index()).map(|rule| &rule.action) {
            Some(Action::Queues(targets)) => {
                writeln!(out, "counted  {}", shown(&told.masked))?;
                for target in targets.iter() {
                    self.queue(*target, &told.masked, out)?;
                }
            }
            Some(Action::Expect(_)) => {
                writeln!(out, "expect: it is in no report; that it came is noted")?;
            }
            Some(Action::Trash) => writeln!(out, "trash: it is in no report")?,
            Some(Action::Repeat) => writeln!(
                out,
                "repeat: the number of its first group is added to the line before of this host"
            )?,
            Some(Action::Continue) => writeln!(
                out,
                "continue: it belongs to the line before of this host, and is not counted"
            )?,
            _ => {}
        }
        for other in &told.others {
            writeln!(out, "else     {}", rule_text(self.config, *other))?;
        }
        Ok(())
    }

    /// The queue of a line, and when it is mailed.
    fn queue(&self, target: Target, counted: &[u8], out: &mut dyn Write) -> io::Result<()> {
        let Some(queue) = self.config.queues.get(target.queue.index()) else {
            return Ok(());
        };
        writeln!(out, "queue    {} {}", queue.name, self.when(queue))?;
        if let Some(number) = target.escalation {
            writeln!(
                out,
                "         from the {number}th such line of the host on: then with the number of all"
            )?;
        }
        let applies = |threshold: &&Threshold| threshold.pattern.is_match(counted) == Found::Yes;
        let counts = queue.thresholds.iter().filter(applies).map(|one| one.count);
        match counts.max() {
            Some(count) => writeln!(
                out,
                "         left out of the report while there are fewer than {count} of it"
            ),
            None => Ok(()),
        }
    }

    fn when(&self, queue: &Queue) -> String {
        let to = match &queue.output {
            Output::Csv(command) => format!("as CSV to `{}`", command.line),
            Output::Mail(mail) => {
                let mails = mail.recipients.iter().map(|to| shown(&to.text));
                let programs = mail.programs.iter().map(NotifyRecipient::text);
                let to: Vec<String> = mails.chain(programs).collect();
                format!("mailed to {}", to.join(", "))
            }
        };
        let when = match &queue.schedule {
            Schedule::Now => format!("within {} s", self.config.sleep.as_secs()),
            Schedule::Cron(spec) => match spec.next(SystemClock.now(), &Local) {
                Some(next) => {
                    let next = next.with_timezone(&Local);
                    next.format("%a %Y-%m-%d %H:%M %z").to_string()
                }
                None => "never".into(),
            },
        };
        format!("{} {to}, {when}", queue.schedule)
    }
}

/// Shows where a match ends, by a caret below the line, and what the pattern wants there.
fn ends_here(
    subject: &[u8],
    reach: &Reach,
    pattern: &[u8],
    says: &str,
    out: &mut dyn Write,
) -> io::Result<()> {
    let end = reach.subject.end;
    let excerpt = Excerpt::new(subject, (end, end));
    let rest = reach.source.and_then(|at| pattern.get(at..));
    let wants = rest.filter(|rest| !rest.is_empty()).map(shown);
    let wants = wants.map_or_else(String::new, |rest| format!(", not found: {rest}"));
    writeln!(out, "    {}", excerpt.text)?;
    writeln!(out, "    {}^ {says}{wants}", excerpt.blanks)
}
