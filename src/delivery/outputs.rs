//! Which output takes a mail: the settings of its queue, and of mail as a whole, as transports.

use std::sync::Arc;

use super::QueuedMail;
use super::archiving::Archiving;
use super::csv::CsvTransport;
use super::filter::Filter;
use super::message::Identity;
use super::notify::NotifyTransport;
use super::print::PrintTransport;
use super::sendmail::SendmailTransport;
use super::smtp::SmtpTransport;
use super::transport::Transport;
use super::worker_pool::Job;
use crate::config::{MailServer, MailSettings, Output};

/// The outputs of one configuration.
pub struct Outputs {
    settings: MailSettings,
    mail: Arc<dyn Transport>,
    /// Whether everything but CSV goes to standard output (`--print`).
    print: bool,
    archiving: Option<Archiving>,
}

impl Outputs {
    /// The outputs under these settings. With `print` (`--print`), mails go to standard output
    /// instead of the mail server.
    pub fn new(settings: &MailSettings, identity: Identity, print: bool) -> Self {
        let settings = settings.clone();
        let identity = Identity {
            html: settings.html,
            ..identity
        };
        let mail: Arc<dyn Transport> = match &settings.server {
            _ if print => Arc::new(PrintTransport::new(identity)),
            MailServer::Smtp { .. } => Arc::new(SmtpTransport::new(settings.clone(), identity)),
            MailServer::Sendmail { program, arguments } => Arc::new(SendmailTransport::new(
                (program.clone(), arguments.clone()),
                settings.timeout,
                identity,
            )),
        };
        Self {
            settings,
            mail,
            print,
            archiving: None,
        }
    }

    /// The same outputs, with an archive for the letters that they deliver.
    pub fn archiving(self, archiving: Option<Archiving>) -> Self {
        Self { archiving, ..self }
    }

    /// The output of a mail that is no CSV: the program of its notification, or the mail server.
    fn transport(&self, mail: &QueuedMail) -> Arc<dyn Transport> {
        match &mail.report.notification {
            Some(notification) if !self.print => {
                let command = self.settings.programs.get(&notification.program);
                let timeout = self.settings.filter_timeout;
                Arc::new(NotifyTransport::new(command.cloned(), timeout))
            }
            _ => Arc::clone(&self.mail),
        }
    }

    /// The attempt to be made with a mail whose queue has this output; no output is a queue that is
    /// not in the configuration any more.
    pub fn job(&self, mail: QueuedMail, output: Option<&Output>) -> Job {
        let timeout = self.settings.filter_timeout;
        let (filter, transport) = match output {
            Some(Output::Csv(command)) => {
                let csv: Arc<dyn Transport> = Arc::new(CsvTransport::new(command.clone(), timeout));
                (None, csv)
            }
            Some(Output::Mail(queue)) => (queue.filter.as_ref(), self.transport(&mail)),
            None => (None, self.transport(&mail)),
        };
        Job {
            filter: filter.map(|command| Filter::new(command.clone(), timeout)),
            mail,
            transport,
            archiving: self.archiving.clone(),
        }
    }
}
