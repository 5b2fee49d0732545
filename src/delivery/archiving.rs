//! Delivered letters on their way into the archive (`set archive`), on the thread that delivered them: after the
//! server's 2xx, and before the mail leaves the outbox.

use std::sync::Arc;

use super::QueuedMail;
use super::message::{Content as _, Message, identifier};
use crate::archive::{Archive, ArchiveFault, Summary, ToKeep};

/// An archive, and how long it keeps letters.
#[derive(Clone, Debug)]
pub struct Archiving {
    /// The archive.
    pub archive: Arc<Archive>,
    /// The days after which letters go.
    pub days: u16,
}

impl Archiving {
    /// Keeps a mail that was accepted, with the text that was sent.
    ///
    /// # Errors
    /// What [`Archive::keep`] says.
    pub fn keep(&self, mail: &QueuedMail, letter: &Message<'_>) -> Result<(), ArchiveFault> {
        let to_keep = ToKeep {
            made: mail.report.made,
            queue: &mail.report.queue,
            id: &identifier(&mail.message_id),
            subject: &mail.report.subject,
            summary: summary(mail),
            content: &|out| letter.write_to(out),
        };
        self.archive.keep(&to_keep, self.days)
    }
}

/// What a mail tells. A filter may have given the text any form: so the lines are taken from the report before the
/// filter. Of a part of a mail, only its own text is there.
fn summary(mail: &QueuedMail) -> Summary {
    Summary::of(|take| {
        let mut seen = false;
        mail.report.body.all_lines(|line| {
            seen = true;
            take(line.strip_suffix(b"\n").unwrap_or(line));
            true
        });
        if !seen {
            mail.body().all_lines(|line| {
                take(line.strip_suffix(b"\n").unwrap_or(line));
                true
            });
        }
    })
}
