//! The mails and the CSV text of one queue.

use bstr::BString;

use crate::clock::Time;
use crate::config::{Address, Config, MailQueue, NotifyRecipient, Queue};
use crate::ledger::{news, trends};
use crate::queue::HostLines;
use crate::report::{
    self, Body, BodyWriter, Extent, Form, Gathered, Head, News, Notification, Page, Report, Status,
};
use crate::schedule::Schedule;

/// The lines of one queue, and what else its reports are made of.
pub(super) struct ReportBuilder<'a> {
    pub config: &'a Config,
    pub queue: &'a Queue,
    pub lines: &'a [HostLines<'a>],
    /// When the lines began to be collected.
    pub start: Time,
    pub now: Time,
    pub status: Option<Status>,
    pub remarks: &'a [String],
    /// What was gathered in the window of a bundled queue.
    pub gathered: Option<Gathered>,
    /// Whether pagers get a report.
    pub page: Page,
    /// The news of the queue, if there is any.
    pub news: Option<&'a news::Block>,
    /// The trends that the queue tells, if there are any.
    pub trends: Option<&'a trends::Block>,
    /// What a report without lines tells in their place.
    pub quiet: Option<&'a str>,
    /// The full name of a host, where it is known.
    pub names: &'a dyn Fn(&[u8]) -> Option<String>,
}

impl ReportBuilder<'_> {
    /// The reports by the output of the queue.
    pub(super) fn reports(&self) -> Vec<Report> {
        match self.queue.output.mail() {
            Some(mail) => self.mails(mail),
            None => self.csv().into_iter().collect(),
        }
    }

    /// The reports: for each form, a mail for all addresses that get it, and one for each program.
    pub(super) fn mails(&self, mail: &MailQueue) -> Vec<Report> {
        let settings = &self.config.report;
        let mut reports = Vec::new();
        for pager in [false, true] {
            // Trends alone are nothing for a pager.
            let nothing = self.lines.is_empty() && self.quiet.is_none();
            let none = nothing || self.page == Page::Withheld;
            if !mail.wants(pager) || (pager && none) {
                continue;
            }
            let form = Form {
                mask: &settings.mask,
                extent: Extent {
                    lines: match pager {
                        true => settings.pager_limit,
                        false => settings.limit,
                    },
                    shown: settings.max_shown,
                },
            };
            let mut body = BodyWriter::default();
            let news = self.news.map(|block| News {
                block,
                since: self.start,
                made: self.now,
                at_once: self.queue.schedule == Schedule::Now,
            });
            let head = Head {
                status: self.status,
                remarks: self.remarks,
                gathered: self.gathered,
                quiet: self.quiet,
                trends: self.trends,
                news,
            };
            match pager {
                true => {
                    report::pager_head(&mut body, self.page, head.gathered.as_ref());
                    report::pager_news(&mut body, head.news.as_ref());
                    if let Some(quiet) = self.quiet {
                        body.put(format!("{quiet}\n").as_bytes());
                    }
                    report::pager(&mut body, self.lines, form);
                }
                false => report::text(&mut body, self.lines, form, head, self.names),
            }
            let body = body.finish();
            if mail.recipients.iter().any(|to| to.pager == pager) {
                reports.push(self.mail(mail, pager, body.clone()));
            }
            let programs = mail.programs.iter().filter(|to| to.short == pager);
            reports.extend(programs.filter_map(|to| self.notify(mail, to, body.clone())));
        }
        reports
    }

    /// A mail with this body.
    fn mail(&self, mail: &MailQueue, pager: bool, body: Body) -> Report {
        let settings = &self.config.report;
        let mut subject = mail.subject.as_ref().unwrap_or(&settings.subject).clone();
        if let Some(gathered) = &self.gathered {
            subject.extend_from_slice(format!(": {}", gathered.words()).as_bytes());
        }
        subject.extend_from_slice(format!(" [{}]", self.queue.name).as_bytes());
        let covers = self.queue.schedule != Schedule::Now || self.gathered.is_some();
        let words = mail.recipients.iter().map(|r| &r.text);
        Report {
            queue: self.queue.name.clone(),
            from: mail.from.clone(),
            sender: mail.sender.clone(),
            to: bstr::join(",", words).into(),
            recipients: mail
                .recipients
                .iter()
                .filter(|r| r.pager == pager)
                .map(|r| r.address.clone())
                .collect(),
            subject,
            start: covers.then_some(self.start),
            made: self.now,
            body,
            pager,
            notification: None,
        }
    }

    /// The report for a program of `set notify`. It is one of its own, so that the program gets it once, whatever
    /// becomes of the mail.
    fn notify(&self, mail: &MailQueue, to: &NotifyRecipient, body: Body) -> Option<Report> {
        let text = to.text();
        Some(Report {
            recipients: vec![Address::new(&text)?],
            to: text.into(),
            notification: Some(Notification::new(&to.name, self.lines)),
            ..self.mail(mail, to.short, body)
        })
    }

    /// The text for a CSV command.
    pub(super) fn csv(&self) -> Option<Report> {
        let mut body = BodyWriter::default();
        report::csv(&mut body, self.lines, self.config.report.csv_safe).ok()?;
        Some(Report {
            queue: self.queue.name.clone(),
            from: BString::default(),
            sender: Address::new("")?,
            to: BString::default(),
            recipients: Vec::new(),
            subject: BString::default(),
            start: Some(self.start),
            made: self.now,
            body: body.finish(),
            pager: false,
            notification: None,
        })
    }
}
