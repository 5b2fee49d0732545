//! The output of `set notify`: a report as the standard input of a program that hands it to a chat, a pager or a
//! monitoring system.
//!
//! The facts of the report are in the program's environment. Nothing of a log stands on its command line: that is the
//! configuration's alone, and a shell reads it.

use std::time::Duration;

use bstr::ByteSlice;

use super::command::{self, Facts};
use super::transport::Transport;
use super::{Delivery, QueuedMail};
use crate::config::ShellCommand;
use crate::process::child::Run;
use crate::report::{Body, BodyWriter};
use crate::shown::{shown, whole_characters};

/// The longest value of a variable in the environment of a program, bytes. The kernel takes 128 KiB.
const LONGEST_FACT: usize = 4096;

/// Reports to a program of `set notify`.
#[derive(Debug)]
pub struct NotifyTransport {
    /// The command; nothing if the configuration has none of that name any more.
    command: Option<ShellCommand>,
    timeout: Duration,
}

impl NotifyTransport {
    /// The output to this command, which may run as long as `timeout`.
    pub fn new(command: Option<ShellCommand>, timeout: Duration) -> Self {
        Self { command, timeout }
    }
}

impl Transport for NotifyTransport {
    /// Exit status 0 means that the program took the report. After anything else it gets the report again, with the
    /// same Message-ID.
    fn send(&self, mail: &QueuedMail) -> Delivery {
        let notification = mail.report.notification.as_ref();
        let name = notification.map_or("", |notification| &notification.program);
        let Some(command) = &self.command else {
            return Delivery::Deferred(format!(
                "notify {name}: the configuration has no `set notify {name}` any more"
            ));
        };
        let text = shown_text(mail.body());
        let input = &mut text.reader();
        let run = command::notify(&command.line, input, self.timeout, &facts(mail));
        match run.is_good() {
            true => Delivery::accepted(),
            false => Delivery::Deferred(format!("notify {name}: {}", words(&run))),
        }
    }

    fn is_program(&self) -> bool {
        true
    }
}

/// The text of a report in the form in which a mail shows it: UTF-8 without control characters, which chats and
/// monitoring systems refuse.
fn shown_text(body: &Body) -> Body {
    let (mut text, mut room) = (BodyWriter::default(), String::new());
    body.all_lines(|line| {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        room.clear();
        shown(line.strip_suffix(b"\r").unwrap_or(line)).append_to(&mut room);
        room.push('\n');
        text.put(room.as_bytes());
        true
    });
    text.finish()
}

/// The end of the program in words: many say on standard output what went wrong.
fn words(run: &Run) -> String {
    let said = run
        .output
        .lines()
        .rev()
        .find(|line| !line.trim().is_empty());
    match said.filter(|_| run.errors.trim().is_empty()) {
        Some(line) => {
            let line = line.get(..LONGEST_FACT).unwrap_or(line);
            format!("{}: {}", run.ended, shown(line.trim()))
        }
        None => run.words(),
    }
}

/// The facts of a report, as variables of the environment.
fn facts(mail: &QueuedMail) -> Facts {
    let report = &mail.report;
    let notification = report.notification.clone().unwrap_or_default();
    let worst = notification.worst_host();
    let text = |bytes: &[u8]| {
        let most = whole_characters(bytes, LONGEST_FACT).min(bytes.len());
        shown(bytes.get(..most).unwrap_or(bytes)).to_string()
    };
    vec![
        ("TENSHI_QUEUE", text(report.queue.as_bytes())),
        ("TENSHI_SUBJECT", text(&report.subject)),
        ("TENSHI_HOSTS", notification.hosts().to_string()),
        ("TENSHI_LINES", notification.lines().to_string()),
        (
            "TENSHI_WORST_HOST",
            worst.map_or_else(String::new, |host| text(host)),
        ),
        ("TENSHI_MESSAGE_ID", text(mail.message_id.as_bytes())),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::message::tests::queued_mail;
    use crate::report::Notification;

    fn send(line: &str, host: &str) -> Delivery {
        let mut mail = queued_mail(b"a b [q]", b"h: \n    1: text \x1b \xff\n");
        let lines = [crate::queue::HostLines {
            host: host.into(),
            lines: vec![(41, "x".into())],
            others: 1,
            continued: Vec::new(),
        }];
        mail.report.notification = Some(Notification::new("chat", &lines));
        let command = ShellCommand {
            program: "p".into(),
            line: line.into(),
        };
        NotifyTransport::new(Some(command), Duration::from_secs(60)).send(&mail)
    }

    #[test]
    fn a_program_gets_the_report_and_its_facts() {
        let all = "test \"$TENSHI_QUEUE|$TENSHI_SUBJECT|$TENSHI_HOSTS|$TENSHI_LINES|$TENSHI_WORST_HOST\" = \
                   'a|a b [q]|1|42|web1' && test \"$TENSHI_MESSAGE_ID\" = 1.2@console && grep -q '1: text .x1B .xFF$'";
        assert_eq!(send(all, "web1"), Delivery::accepted());
    }

    /// What a stranger may choose: the name of a host.
    #[test]
    fn no_name_of_a_host_is_a_command_or_too_long() {
        let evil = "$(touch /tmp/x);`id`\0\n\u{202e}";
        let same = "test \"$TENSHI_WORST_HOST\" = '$(touch /tmp/x);`id`\\x00\\x0A\\u{202E}'";
        assert_eq!(send(same, evil), Delivery::accepted());
        let long = "ü".repeat(300_000);
        let short = "test ${#TENSHI_WORST_HOST} -le 4096 && test ${#TENSHI_WORST_HOST} -gt 2000";
        assert_eq!(send(short, &long), Delivery::accepted());
    }

    #[test]
    fn a_program_that_fails_gets_it_again_and_its_words_are_told() {
        let fault = |line: &str| match send(line, "h") {
            Delivery::Deferred(why) => why,
            other => panic!("{line}: {other:?}"),
        };
        assert_eq!(fault("exit 3"), "notify chat: exit status 3");
        assert_eq!(
            fault("echo no >&2; exit 1"),
            "notify chat: exit status 1: no"
        );
        assert_eq!(
            fault("echo begun; echo 'ERROR: 403'; exit 1"),
            "notify chat: exit status 1: ERROR: 403"
        );
        let much = fault("exec cat /dev/zero");
        assert_eq!(
            much,
            "notify chat: it printed more than 1 MiB and was killed"
        );
        let gone = NotifyTransport::new(None, Duration::from_secs(1));
        let mail = queued_mail(b"s", b"b");
        assert!(matches!(gone.send(&mail), Delivery::Deferred(_)));
    }
}
