//! The first words of a rule: what is done with the lines that its pattern matches.

use std::num::NonZeroU32;

use super::diagnostic::shown;
use super::grammar::Fragment;
use super::keywords::FIRST_WORDS;
use super::model::*;
use super::queue_values::schedule;
use super::queues::QueueTable;
use super::reporter::{Located, Reporter, SourceLine};
use super::settings::is_setting;
use super::silence::duration_of;
use crate::schedule::Schedule;

/// The action that the first word of a rule names.
pub(super) enum Head {
    Trash,
    Repeat,
    Continue,
    Expect(ExpectedMessage),
    Group { on_host: bool },
    Queues(Vec<Target>),
}

/// Reads the list of queues in front of a pattern.
pub(super) fn head(
    line: &SourceLine<'_>,
    list: Fragment<'_>,
    table: &mut QueueTable,
    reporter: &mut Reporter,
) -> Option<Head> {
    let mut parts = list.split(b',');
    // Commas at the end mean nothing.
    while parts.len() > 1 && parts.last().is_some_and(Fragment::is_empty) {
        parts.pop();
    }
    let several = parts.len() > 1;
    let mut targets = Vec::new();
    let mut least: Option<NonZeroU32> = None;
    for (at, part) in parts.iter().enumerate() {
        let result = match target(*part, several, table) {
            Ok(ListItem::BuiltIn(head)) => return Some(head),
            Ok(ListItem::Target(target)) => {
                let order = check_order(*part, target.escalation, least, several && at == 0);
                least = target.escalation.max(least);
                order.map(|()| target)
            }
            Err(wrong) => Err(wrong),
        };
        match result {
            Ok(target) => {
                table.mark_used(target.queue);
                targets.push(target);
            }
            Err(mut error) => {
                if !several && is_setting(error.fragment.text) {
                    let name = shown(error.fragment.text);
                    let hint = format!("a setting begins with `set`: `set {name} …`");
                    error.problem.hint = Some(hint);
                }
                // An empty part has no bytes to point at: show the list.
                if error.fragment.is_empty() {
                    error.fragment = list;
                }
                reporter.error_at(line, error);
                // The rest of the list would only give errors that follow from this one.
                return None;
            }
        }
    }
    Some(Head::Queues(targets))
}

/// One item of a list of queues.
enum ListItem {
    BuiltIn(Head),
    Target(Target),
}

/// Reads `QUEUE` or `QUEUE:N`.
fn target<'a>(
    part: Fragment<'a>,
    several: bool,
    table: &QueueTable,
) -> Result<ListItem, Located<'a>> {
    if part.is_empty() {
        return Err(Located::new(
            part,
            "the list of queues has an empty part",
            "leave out the comma",
        ));
    }
    let colon = part.find(b':');
    let name = part.slice(0, colon.unwrap_or(part.text.len()));
    let built_in = match name.text {
        b"trash" => Some(Head::Trash),
        b"repeat" => Some(Head::Repeat),
        b"continue" if table.id("continue").is_none() => Some(Head::Continue),
        b"group" => Some(Head::Group { on_host: false }),
        b"group_host" => Some(Head::Group { on_host: true }),
        _ => None,
    };
    let number = colon.map(|colon| part.from(colon + 1));
    if built_in.is_some() && several {
        let message = format!(
            "`{}` must stand alone, not in a list of queues",
            shown(name.text)
        );
        return Err(Located::new(
            part,
            message,
            "write a rule of its own for it",
        ));
    }
    let escalation = match number {
        None => None,
        Some(number) => Some(escalation(part, number)?),
    };
    match built_in {
        Some(head) => Ok(ListItem::BuiltIn(head)),
        None => Ok(ListItem::Target(Target {
            queue: table.known(name, &FIRST_WORDS)?,
            escalation,
        })),
    }
}

fn escalation<'a>(part: Fragment<'a>, number: Fragment<'a>) -> Result<NonZeroU32, Located<'a>> {
    // The original wants no zero in front either.
    let digits = number
        .text
        .first()
        .is_some_and(|b| (b'1'..=b'9').contains(b));
    let value = number
        .utf8()
        .filter(|_| digits)
        .and_then(|text| text.parse().ok());
    value.ok_or_else(|| {
        let message = format!("`{}` is no escalation number", shown(number.text));
        let at = if number.is_empty() { part } else { number };
        Located::new(
            at,
            message,
            "write a whole number from 1 on, as in `critical:10`",
        )
    })
}

/// Escalation numbers stand on the right, and none is less than one before it.
fn check_order<'a>(
    part: Fragment<'a>,
    escalation: Option<NonZeroU32>,
    least: Option<NonZeroU32>,
    leftmost: bool,
) -> Result<(), Located<'a>> {
    let message = match (escalation, least) {
        (Some(_), _) if leftmost => "the first of several queues cannot have an escalation number",
        (None, Some(_)) => "a queue without escalation number stands left of those that have one",
        (Some(now), Some(before)) if now < before => {
            "escalation numbers must not fall from left to right"
        }
        _ => return Ok(()),
    };
    Err(Located::new(part, message, "write `low,middle:3,high:10`"))
}

/// `expect QUEUE [WHEN] GRACE REGEXP`, from behind its first word on. Gives the pattern too.
pub(super) fn expect<'a>(
    line: &SourceLine<'_>,
    word: Fragment<'a>,
    rest: Fragment<'a>,
    table: &mut QueueTable,
    reporter: &mut Reporter,
) -> Option<(Head, Fragment<'a>)> {
    let read = expected(word, rest, table);
    match read {
        Ok((message, pattern)) => {
            table.mark_used(message.queue);
            Some((Head::Expect(message), pattern))
        }
        Err(error) => {
            reporter.error_at(line, error);
            None
        }
    }
}

fn expected<'a>(
    word: Fragment<'a>,
    rest: Fragment<'a>,
    table: &QueueTable,
) -> Result<(ExpectedMessage, Fragment<'a>), Located<'a>> {
    const FORM: &str = "write `expect QUEUE [MINUTE HOUR DAY MONTH WEEKDAY] GRACE REGEXP`, as in `expect report \
                        [30 2 * * *] 90m ^backup: finished`";
    let (queue, when) = rest.word();
    let id = table.known(queue, &[])?;
    let when = when.trim_start();
    if !when.text.starts_with(b"[") {
        let message =
            "the time at which the message is expected must follow the queue, in brackets";
        return Err(Located::new(queue, message, FORM));
    }
    let (begins, rest) = schedule(when, word)?;
    let Schedule::Cron(begins) = begins else {
        let message = "a message is expected at a time of the day";
        return Err(Located::new(when.word().0, message, FORM));
    };
    let (grace, rest) = rest.word();
    let pattern = rest.trim_start();
    if pattern.is_empty() {
        return Err(Located::new(word, "the rule has no pattern", FORM));
    }
    let message = ExpectedMessage {
        queue: id,
        begins,
        grace: duration_of(grace)?,
    };
    Ok((message, pattern))
}
