//! Which output takes a mail: the settings of its queue, and of mail as a whole, as transports.

use std::sync::Arc;

use super::QueuedMail;
use super::csv::CsvTransport;
use super::filter::Filter;
use super::message::Identity;
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
}

impl Outputs {
    /// The outputs under these settings. With `print` (`--print`), mails go to standard output
    /// instead of the mail server.
    pub fn new(settings: &MailSettings, identity: Identity, print: bool) -> Self {
        let settings = settings.clone();
        let mail: Arc<dyn Transport> = match &settings.server {
            _ if print => Arc::new(PrintTransport::new(identity)),
            MailServer::Smtp { .. } => Arc::new(SmtpTransport::new(settings.clone(), identity)),
            MailServer::Sendmail { program, arguments } => Arc::new(SendmailTransport::new(
                (program.clone(), arguments.clone()),
                settings.timeout,
                identity,
            )),
        };
        Self { settings, mail }
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
            Some(Output::Mail(queue)) => (queue.filter.as_ref(), Arc::clone(&self.mail)),
            None => (None, Arc::clone(&self.mail)),
        };
        Job {
            filter: filter.map(|command| Filter::new(command.clone(), timeout)),
            mail,
            transport,
        }
    }
}
