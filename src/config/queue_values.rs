//! The parts of `set queue` and `set csv`: names, schedules, addresses and commands.

use bstr::BString;

use super::diagnostic::shown;
use super::grammar::Fragment;
use super::keywords::BUILT_IN;
use super::model::{Address, NotifyRecipient, Recipient, ShellCommand};
use super::reporter::Located;
use crate::schedule::{CronSpec, Schedule};

/// The name of a queue that may be defined.
pub(super) fn queue_name<'a>(name: Fragment<'a>) -> Result<&'a str, Located<'a>> {
    let wrong = |message: String, hint: &str| Err(Located::new(name, message, hint));
    match name.utf8() {
        None => wrong("a queue's name must be UTF-8".into(), ""),
        Some("csv") => wrong(
            "`csv` is no mail queue".into(),
            "define it by `set csv [WHEN] PROGRAM`",
        ),
        Some(text) if BUILT_IN.contains(&text) => wrong(
            format!("`{text}` is built in and cannot be defined"),
            "choose another name",
        ),
        Some(text) => Ok(text),
    }
}

/// Reads `[now]` or `[CRON]` at the start of `part`; gives what follows it too.
pub(super) fn schedule<'a>(
    part: Fragment<'a>,
    setting: Fragment<'a>,
) -> Result<(Schedule, Fragment<'a>), Located<'a>> {
    let Some(close) = part.find(b']') else {
        return Err(Located::new(
            part,
            "the schedule lacks its `]`",
            "write `[now]` or `[0 8 * * *]`",
        ));
    };
    let (inner, rest) = (part.slice(1, close), part.from(close + 1));
    if inner.text == b"now" {
        return Ok((Schedule::Now, rest));
    }
    if inner
        .trim_start()
        .trim_end()
        .text
        .eq_ignore_ascii_case(b"now")
    {
        let message = format!("`[{}]` is no schedule", shown(inner.text));
        return Err(Located::new(
            inner,
            message,
            "write `[now]`, small and without blanks",
        ));
    }
    if inner.trim_start().start != inner.start {
        let message = "a cron specification begins right after its `[`";
        return Err(Located::new(
            inner,
            message,
            "leave out the blank after `[`",
        ));
    }
    let Some(text) = inner.utf8() else {
        return Err(Located::new(inner, "a cron specification is ASCII", ""));
    };
    match CronSpec::parse(text) {
        Ok(spec) => Ok((Schedule::Cron(spec), rest)),
        Err(e) => {
            let at = inner.slice(e.span.0, e.span.1);
            // An empty span has nothing to point at.
            let at = if at.is_empty() { setting } else { at };
            Err(Located::new(
                at,
                e.message,
                e.hint.as_deref().unwrap_or_default(),
            ))
        }
    }
}

/// `PROGRAM ARGUMENTS`, for the shell.
pub(super) fn shell_command<'a>(part: Fragment<'a>) -> Result<ShellCommand, Located<'a>> {
    let line = part.trim_start().trim_end();
    match (line.utf8(), line.word().0.utf8()) {
        (Some(text), Some(program)) if !text.contains('\0') => Ok(ShellCommand {
            program: program.to_owned(),
            line: text.to_owned(),
        }),
        _ => Err(Located::new(
            line,
            "a command must be UTF-8 without NUL bytes",
            "",
        )),
    }
}

/// The envelope address of a word: what stands between `<` and `>`, or all of it.
pub(super) fn address<'a>(word: Fragment<'a>) -> Result<Address, Located<'a>> {
    let inner = match word.find(b'<') {
        Some(open) => {
            let inner = word.from(open + 1);
            inner.slice(0, inner.find(b'>').unwrap_or(inner.text.len()))
        }
        None => word,
    };
    let wrong = || {
        let message = format!("`{}` cannot be a mail address", shown(inner.text));
        Located::new(
            word,
            message,
            "write visible ASCII characters, as in `root` or `root@example.org`",
        )
    };
    inner.utf8().and_then(Address::new).ok_or_else(wrong)
}

/// The recipients of a queue, as `TO` names them.
#[derive(Debug, Default)]
pub(super) struct Recipients<'a> {
    /// The mail addresses.
    pub(super) mails: Vec<Recipient>,
    /// The programs, each with its word: that it is defined is not known yet.
    pub(super) programs: Vec<(NotifyRecipient, Fragment<'a>)>,
}

/// The recipients of `TO`: parts between commas, each with `pager:`, `notify:` or `notify-short:` in front or not.
pub(super) fn recipients<'a>(to: Fragment<'a>) -> Result<Recipients<'a>, Located<'a>> {
    let mut recipients = Recipients::default();
    for part in to.split(b',') {
        if let Some(program) = notified(part)? {
            if recipients
                .programs
                .iter()
                .all(|(known, _)| *known != program)
            {
                recipients.programs.push((program, part));
            }
            continue;
        }
        let (text, pager) = match part.text.strip_prefix(b"pager:") {
            Some(_) => (part.from("pager:".len()), true),
            None => (part, false),
        };
        let address = address(text)?;
        if !address.as_str().is_empty() {
            recipients.mails.push(Recipient {
                text: BString::from(text.text),
                address,
                pager,
            });
        }
    }
    if recipients.mails.is_empty() && recipients.programs.is_empty() {
        return Err(Located::new(
            to,
            "the queue has no recipient",
            "write `root` or `root@example.org`",
        ));
    }
    Ok(recipients)
}

/// The program that a recipient is, if it is one.
fn notified<'a>(part: Fragment<'a>) -> Result<Option<NotifyRecipient>, Located<'a>> {
    let forms = [
        (NotifyRecipient::FULL, false),
        (NotifyRecipient::SHORT, true),
    ];
    for (word, short) in forms {
        if part.text.starts_with(word.as_bytes()) {
            let name = program_name(part.from(word.len()), part)?.to_owned();
            return Ok(Some(NotifyRecipient { name, short }));
        }
    }
    Ok(None)
}

/// The longest name of a program of `set notify`, bytes.
const LONGEST_NAME: usize = 64;

/// The name of a program of `set notify`; `whole` is the word to point at if there is no name.
pub(super) fn program_name<'a>(
    name: Fragment<'a>,
    whole: Fragment<'a>,
) -> Result<&'a str, Located<'a>> {
    const HINT: &str = "write letters, digits, `-`, `_` and `.`, as in `set notify chat PROGRAM`";
    let good = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    let text = name.utf8().filter(|text| text.bytes().all(good));
    match text {
        Some("") => Err(Located::new(
            whole,
            "the name of the program is missing",
            HINT,
        )),
        Some(text) if text.len() <= LONGEST_NAME => Ok(text),
        _ => {
            let message = format!("`{}` is no name of a program", shown(name.text));
            Err(Located::new(name, message, HINT))
        }
    }
}
