//! The reports of a site: made of what its consoles handed in, by whichever of them has the shares.

use super::due::{DueReports, Names};
use super::heard::words;
use super::monitor::Monitor;
use super::quiet::all_quiet;
use super::report_builder::ReportBuilder;
use crate::clock::Time;
use crate::config::{Queue, QueueId, SortOrder};
use crate::ledger::Counts;
use crate::ledger::news::{Block, HandedIn, Taught, Told, Whose};
use crate::monitor::EscalationSettlement;
use crate::queue::HeldBack;
use crate::report::Page;
use crate::site::Merged;

/// Remarks that wait for the next report that somebody reads, at most, before further ones are left out.
const MOST_CARRIED: usize = 200;

/// The words of a sentence without its times.
fn timeless(text: &str) -> Vec<&str> {
    let names = "Mon Tue Wed Thu Fri Sat Sun Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec";
    let is_name = |word: &&str| {
        names
            .split(' ')
            .any(|name| name == word.trim_end_matches(','))
    };
    let mut before = None;
    let mut words = Vec::new();
    for word in text.split(' ') {
        let plain = word.trim_end_matches([',', ':']);
        let numbers = plain.bytes().all(|c| c.is_ascii_digit() || c == b':');
        // A number is a day behind the name of a month: a console may have a number for its name.
        let is_time = numbers && (plain.contains(':') || before.is_some_and(|word| is_name(&word)));
        if !is_time && !is_name(&word) {
            words.push(word);
        }
        before = Some(word);
    }
    words
}

/// The reports of shares, with what the other consoles learn of them.
#[derive(Debug, Default)]
pub struct SiteReport {
    /// The reports; nothing if thresholds hold all lines back.
    pub due: Option<DueReports>,
    /// The news that they tell.
    pub taught: Vec<Taught>,
}

impl Monitor {
    /// Makes the reports of what consoles counted of a queue. `remarks` stand above the remarks of the consoles.
    /// Thresholds, limits, subject and recipients come from this configuration. A queue that it does not have is mailed
    /// as the first queue that is mailed at all.
    pub fn site_report(
        &mut self,
        merged: &mut Merged,
        mut remarks: Vec<String>,
        (now, names): (Time, Names<'_>),
    ) -> SiteReport {
        let config = self.config.clone();
        let Some((index, queue)) = self.queue_of(merged, &mut remarks) else {
            log::error!("queue {}: there is no queue to mail it by", merged.queue);
            return SiteReport::default();
        };
        let mut own = std::mem::take(&mut merged.remarks);
        let (news, taught) = self.site_news(index, &queue, merged, now);
        let trends = merged.trends.take().filter(|block| !block.is_empty());
        let order = match queue.output.mail() {
            Some(_) => config.report.sort_order,
            None => SortOrder::Ascending,
        };
        let mut gave_up = Vec::new();
        let lines = merged.lines(order, &queue.thresholds, &mut gave_up);
        for (pattern, length) in gave_up {
            self.note_limit(&pattern, length);
        }
        let nothing = lines.is_empty() && trends.is_none();
        let heard = merged.heard.as_ref().filter(|_| nothing && queue.quiet);
        let quiet = heard.map(|heard| all_quiet(merged.from, &words(heard)));
        let mail = queue.output.mail();
        if (nothing && quiet.is_none()) || mail.is_none_or(|mail| !mail.wants(false)) {
            // The next report that somebody reads has them.
            self.carry_over(std::mem::take(&mut remarks), std::mem::take(&mut own));
        }
        if nothing && quiet.is_none() {
            return SiteReport { due: None, taught };
        }
        remarks.append(&mut own);
        remarks.extend(self.remarks_for(index, merged.from, now));
        let announced = std::mem::take(&mut self.announced);
        let page = mail.map_or(Page::Sent, |mail| self.page(mail, now));
        let builder = ReportBuilder {
            remarks: &remarks,
            gathered: None,
            page,
            news: news.as_ref(),
            quiet: quiet.as_deref(),
            trends: trends.as_ref(),
            names,
            config: &config,
            queue: &queue,
            lines: &lines,
            start: merged.from,
            now,
            status: None,
        };
        let reports = builder.reports();
        let due = DueReports {
            queue: QueueId(u16::try_from(index).unwrap_or(u16::MAX)),
            reports,
            announced,
            settlement: EscalationSettlement::new(),
        };
        SiteReport {
            due: Some(due),
            taught,
        }
    }

    /// Keeps remarks for the next report that somebody reads, each once: what is said of consoles, whatever the times in
    /// it, and the remarks of consoles.
    fn carry_over(&mut self, of_consoles: Vec<String>, remarks: Vec<String>) {
        for (text, timed) in of_consoles
            .into_iter()
            .map(|text| (text, true))
            .chain(remarks.into_iter().map(|text| (text, false)))
        {
            let known = |known: &String| match timed {
                true => timeless(known) == timeless(&text),
                false => *known == text,
            };
            if self.remarks.iter().any(known) {
                continue;
            }
            if self.remarks.len() >= MOST_CARRIED {
                let more = "there were more remarks than are kept: the log has them";
                log::warn!("not kept for a report: {text}");
                if self.remarks.iter().all(|known| known != more) {
                    self.remarks.push(more.to_owned());
                }
                continue;
            }
            self.remarks.push(text);
        }
    }

    /// Learns what the reports of the site told.
    pub fn teach(&mut self, taught: &[Taught], now: Time) {
        if self.config.news.is_on() {
            self.ledger.news.teach(taught, now);
        }
    }

    /// The queue by which shares are mailed, and its index.
    fn queue_of(&self, merged: &Merged, remarks: &mut Vec<String>) -> Option<(usize, Queue)> {
        let queues = &self.config.queues;
        let known = queues.iter().position(|queue| queue.name == merged.queue);
        if let Some(index) = known {
            return Some((index, queues.get(index)?.clone()));
        }
        let mailed = queues
            .iter()
            .position(|queue| queue.output.mail().is_some());
        let index = mailed.unwrap_or(0);
        let mut queue = queues.get(index)?.clone();
        let console = self.console.as_deref().unwrap_or_default();
        remarks.push(format!(
            "{console} has no queue {}: this goes where {} goes",
            merged.queue, queue.name
        ));
        queue.name.clone_from(&merged.queue);
        queue.thresholds.clear();
        Some((index, queue))
    }

    /// What is new to the site.
    fn site_news(
        &mut self,
        index: usize,
        queue: &Queue,
        merged: &mut Merged,
        now: Time,
    ) -> (Option<Block>, Vec<Taught>) {
        let shares = std::mem::take(&mut merged.news);
        let wanted = self.queues.get(index).is_some_and(|q| q.fresh.wanted);
        if !wanted || shares.is_empty() {
            return (None, Vec::new());
        }
        self.note_news(now);
        let whose = |console: &str| match self.console.as_deref() == Some(console) {
            true => Whose::Own,
            false => Whose::Other,
        };
        let shares: Vec<(Whose, HandedIn)> = (shares
            .into_iter()
            .map(|(console, handed)| (whose(&console), handed)))
        .collect();
        let id = QueueId(u16::try_from(index).unwrap_or(u16::MAX));
        let config = self.config.clone();
        let rules = self.news_rules.keys_of(&config, id);
        let mut gave_up = Vec::new();
        let mut thresholds = HeldBack::new(&queue.thresholds, &mut gave_up);
        let mut held = |told: &Told| !told.is_host() && thresholds.is(&told.text, told.count);
        let mirror = config.site.as_ref().is_some_and(|site| site.mirror);
        let shares = (shares, Counts::of_site(mirror));
        let news = &mut self.ledger.news;
        news.of_site(&queue.name, shares, &rules, &mut held, (&config.news, now))
    }
}
