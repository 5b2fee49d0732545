//! A console of a site (`set site`): what queues hand in, the visits to the board, and what comes of them.
//!
//! A round is one visit to the board, made by a thread of its own. It begins only when everything that the member knows
//! is on disk, and its answer is taken wholly, by one commit, before the next one begins: the safety of the protocol is
//! built on that ([`crate::site`]).

use std::collections::BTreeSet;

use chrono::TimeDelta;

use super::event_loop::Daemon;
use super::site::Site;
use super::site_words;
use crate::clock::Time;
use crate::hash::of_texts;
use crate::input::Fault;
use crate::ledger::news::Taught;
use crate::site::{Answer, MemberView, Merged, Outcome, SavedSite, SiteView, Worked};

/// The name of a board that does not answer among the faults.
const BOARD: &str = "site board";
/// The beginning of the name of another console among the faults.
const CONSOLE: &str = "console ";

impl Daemon {
    /// Begins with the site of the configuration, on what the state has of it. What the state has of a site that the
    /// configuration does not have any more is mailed.
    ///
    /// # Errors
    /// There is no state directory, or no thread.
    pub(super) fn begin_site(&mut self, saved: SavedSite, now: Time) -> Result<(), String> {
        let (stores, hostname) = (self.commits.stores(), &self.identity.hostname);
        let (site, left) = Site::begin(&mut self.monitor, (saved, hostname), stores, &self.sender)?;
        self.site = site;
        self.mail_left(left, now);
        Ok(())
    }

    /// Hands in what scheduled queues have counted that are due, but not while lines of their time are still to be read.
    pub(super) fn hand_in(&mut self, now: Time) {
        if self.catching_up {
            return;
        }
        let Some(site) = &mut self.site else {
            return;
        };
        for share in self.monitor.hand_in(now) {
            log::debug!("queue {}: handed in", share.queue);
            self.outbox.retry_queue(&share.queue, now);
            site.member.hand_in(&share, now);
        }
        self.keep_site();
    }

    /// When the loop has something to do for the site.
    pub(super) fn next_site(&self, now: Time) -> Option<Time> {
        self.site.as_ref()?.next(now)
    }

    /// Begins the next round if its time has come and all that was before is on disk.
    pub(super) fn look_at_site(&mut self, now: Time) {
        let Some(site) = &mut self.site else {
            return;
        };
        site.note_year(self.monitor.config(), now);
        site.member.note_state(!self.commits.failed);
        let given_up = site.gives_up_round(now);
        let mut outcomes = match given_up {
            true => site.member.answered(Answer::missing(), now),
            false => Vec::new(),
        };
        let hangs = given_up || (site.hangs && site.member.hangs(now));
        outcomes.extend(site.member.overdue(now));
        self.take_outcomes(outcomes, now);
        if hangs {
            self.note_consoles(now);
        }
        let idle = !self.catching_up && self.monitor.nothing_to_hand_in(now);
        let Some(site) = &mut self.site else {
            return;
        };
        if idle && self.monitor.take_passed() {
            site.member.passed(now);
        } else if idle {
            site.member.nothing_due(now);
        }
        if site.on_way.is_none()
            && site.is_kept()
            && let Some(round) = site.member.round(now, self.monitor.take_heard())
        {
            site.on_way = Some(now);
            site.worker.round(round);
        }
        self.keep_site();
    }

    /// Takes what came from the board.
    pub(super) fn board_says(&mut self, told: Worked) {
        match told {
            Worked::Round(answer) => self.visited(*answer),
            Worked::Alarms { id, mailed } => self.alarms_answered(id, mailed.unwrap_or_default()),
        }
    }

    /// Takes the answer of a round.
    fn visited(&mut self, answer: Answer) {
        let now = self.clock.now();
        let Some(site) = &mut self.site else {
            return;
        };
        if !site.round_is_over() {
            return;
        }
        let outcomes = site.member.answered(answer, now);
        self.take_outcomes(outcomes, now);
        self.note_consoles(now);
        self.keep_site();
        self.plan();
    }

    /// To be called when the configuration is another one.
    pub(super) fn site_reloaded(&mut self) {
        if let Some(site) = &mut self.site {
            site.reconfigure(self.monitor.config(), self.clock.now());
        }
    }

    /// Has a commit be made if something of the site is in none.
    fn keep_site(&mut self) {
        let changed = |site: &Site| site.member.has_changes();
        if self.site.as_ref().is_some_and(changed) {
            self.commits.urgent();
        }
    }

    fn take_outcomes(&mut self, outcomes: Vec<Outcome>, now: Time) {
        for outcome in outcomes {
            match outcome {
                Outcome::Report(merged) => self.mail_shares(*merged, false, now),
                Outcome::Alone(merged) => self.mail_shares(*merged, true, now),
                Outcome::Heard { console, heard } => {
                    self.monitor.heard_elsewhere(&console, &heard, now);
                    let state = &self.monitor.config().state;
                    self.commits.changed(now, true, state);
                }
                Outcome::Known(taught) => self.monitor.teach(&taught, now),
                Outcome::Remark(text) => {
                    log::warn!("{text}");
                    self.monitor.remark(text);
                }
                Outcome::Board(Some(fault)) => log::warn!("site board: {fault}"),
                Outcome::Board(None) => log::warn!("site board: it answers again"),
            }
        }
    }

    /// The site as `tenshi status` shows it.
    pub(super) fn site_view(&self) -> Option<SiteView> {
        let view = self.site.as_ref()?.member.view();
        Some(SiteView {
            left_out: self.monitor.left_out(),
            ..view
        })
    }

    /// Makes the letters of shares; the commit that holds them holds that their shares are taken.
    fn mail_shares(&mut self, mut merged: Merged, alone: bool, now: Time) {
        let Some(site) = &mut self.site else {
            return;
        };
        let view = site.member.view();
        site_words::tell_doubts(&mut merged, now);
        let words = match alone {
            true => site_words::alone(&view, &merged, self.commits.failed, now),
            false => site_words::of_site(&view, &merged, now),
        };
        let named = message_id(&view, &merged);
        let ids = std::mem::take(&mut merged.ids);
        let taught = self.letters(merged, words, Some(&named), now);
        if let Some(site) = &mut self.site {
            site.member.reported(&ids, now);
            site.member.teach(taught);
        }
    }

    /// Makes the letters of shares. Gives what the other consoles learn of them.
    fn letters(
        &mut self,
        mut merged: Merged,
        words: Vec<String>,
        named: Option<&str>,
        now: Time,
    ) -> Vec<Taught> {
        log::debug!(
            "queue {}: reporting for {}",
            merged.queue,
            merged.consoles.join(", ")
        );
        self.monitor.announce(self.outbox.unsent(now));
        let resolver = &self.resolver;
        let names = |host: &[u8]| resolver.as_ref()?.name(host);
        let report = self.monitor.site_report(&mut merged, words, (now, &names));
        self.queue_reports(report.due.into_iter().collect(), now, named);
        report.taught
    }

    /// Mails what a state holds of a site that the configuration does not have any more.
    fn mail_left(&mut self, left: Vec<Merged>, now: Time) {
        for mut merged in left {
            site_words::tell_doubts(&mut merged, now);
            let words = site_words::left(&merged, now);
            self.letters(merged, words, None, now);
        }
    }

    /// Leaves the site, since the state belongs to another daemon: what is handed in is mailed.
    pub(super) fn leave_site(&mut self, now: Time) {
        if let Some(site) = &mut self.site {
            let left = site.member.leave();
            self.take_outcomes(left, now);
            self.site = None;
        }
    }

    /// Keeps whether the board has not answered for `set site_wait`, for `tenshi status`.
    fn note_board(&mut self, away: Option<(String, Time)>, away_for: TimeDelta, now: Time) {
        let wait = self.monitor.config().site.as_ref().map(|site| site.wait);
        // A clock that is set back ends no fault.
        let known = self.faults.contains_key(BOARD);
        let long = |time: TimeDelta| time.to_std().ok().filter(|time| Some(*time) >= wait);
        let late = |since: Time| known || long(away_for.max(now - since)).is_some();
        let fault = away.filter(|(_, since)| late(*since)).map(|(why, since)| {
            let since = site_words::shown(since, now);
            Fault::blind(format!("does not answer since {since}: {why}"))
        });
        if fault.is_some() != self.faults.contains_key(BOARD) {
            self.health(BOARD.to_owned(), fault);
        }
    }

    /// Keeps which other consoles say nothing, for `tenshi status` and for silences.
    fn note_consoles(&mut self, now: Time) {
        let Some(site) = &self.site else {
            return;
        };
        let view = site.member.view();
        // Without the board nobody knows whether another console is there to tell of a silence.
        let unheard = site.member.hears_nobody();
        let away_for = site.member.away_for();
        self.note_board(view.away, away_for, now);
        let consoles = view.members.iter();
        let alive = |member: &MemberView| !member.away && !unheard;
        let consoles = consoles.map(|member| (member.console.clone(), (member.run, alive(member))));
        self.monitor.set_consoles(consoles.collect());
        let members = view.members.into_iter();
        let away: Vec<_> = members.filter(|member| member.away).collect();
        let faulty: BTreeSet<String> = away.iter().map(|member| member.console.clone()).collect();
        let known = self
            .site
            .as_mut()
            .map(|site| std::mem::replace(&mut site.faulty, faulty.clone()));
        let known = known.unwrap_or_default();
        for member in away {
            if !known.contains(&member.console) {
                let fault = site_words::away(&member, now);
                log::error!("{CONSOLE}{}: {fault}", member.console);
                self.health(
                    format!("{CONSOLE}{}", member.console),
                    Some(Fault::blind(fault)),
                );
            }
        }
        for console in known.difference(&faulty) {
            log::warn!("{CONSOLE}{console} is there again");
            self.health(format!("{CONSOLE}{console}"), None);
        }
    }
}

/// The beginning of the Message-IDs of the letters of these shares: a letter that is made once more, after a crash, has
/// the Message-ID that it had.
fn message_id(view: &SiteView, merged: &Merged) -> String {
    let ids: Vec<String> = merged.ids.iter().map(ToString::to_string).collect();
    let hash = of_texts(ids.iter().map(String::as_bytes));
    let good = |c: char| match c.is_ascii_alphanumeric() {
        true => c,
        false => '-',
    };
    let queue: String = merged.queue.chars().map(good).collect();
    let slot = merged.slot.timestamp();
    let (site, console) = (&view.site, &view.console);
    format!("{site}.{queue}.{slot}.{console}.{hash:016x}")
}
