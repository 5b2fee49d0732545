//! What `status` shows of a site of several consoles (`set site`).

use serde::Serialize;

use super::words::{local, safe};
use crate::clock::Time;
use crate::shown::thousands;
use crate::site::{MemberView, SiteView};

/// A site as the console saw it when its last commit was made.
#[derive(Serialize)]
pub(super) struct SiteStatus {
    pub name: String,
    /// The name of this console.
    pub console: String,
    /// Where the board is.
    pub board: String,
    /// Why the board is away, and since when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub away: Option<BoardAway>,
    /// Whether this console made the last report.
    pub leads: bool,
    /// The other consoles.
    pub members: Vec<MemberStatus>,
    /// The lines of `[now]` queues that were left out in this run, since another console had mailed them (`mirror`).
    pub left_out: u64,
    /// The shares of this console that no report is known to have.
    pub shares: usize,
    /// The time of the report that the oldest of them belongs to.
    pub oldest: Option<Time>,
}

/// A board that does not answer.
#[derive(Serialize)]
pub(super) struct BoardAway {
    pub since: Time,
    pub why: String,
}

/// Another console.
#[derive(Serialize)]
pub(super) struct MemberStatus {
    pub name: String,
    /// When its last word came.
    pub last_word: Time,
    /// Whether that is too long ago.
    pub away: bool,
    /// Whether nobody waits for it any more (`set site_giveup`).
    pub given_up: bool,
    /// Whether its schedules are other ones, if that is known.
    pub other_schedules: Option<bool>,
}

impl SiteStatus {
    pub(super) fn new(view: SiteView) -> Self {
        let member = |member: MemberView| MemberStatus {
            name: member.console,
            last_word: member.since,
            away: member.away,
            given_up: member.given_up,
            other_schedules: member.drifted,
        };
        Self {
            name: view.site,
            console: view.console,
            board: view.board,
            away: view.away.map(|(why, since)| BoardAway { since, why }),
            leads: view.leads,
            members: view.members.into_iter().map(member).collect(),
            left_out: view.left_out,
            shares: view.waiting,
            oldest: view.oldest,
        }
    }

    /// The number of other consoles without a word.
    pub(super) fn members_away(&self) -> usize {
        self.members.iter().filter(|member| member.away).count()
    }

    /// The lines for people.
    pub(super) fn lines(&self) -> Vec<String> {
        let (console, board) = (safe(&self.console), safe(&self.board));
        let answers = match &self.away {
            Some(away) => {
                format!(
                    "does not answer since {}: {}",
                    local(away.since),
                    safe(&away.why)
                )
            }
            None => "answers".to_owned(),
        };
        let leads = if self.leads { ", which reports" } else { "" };
        let mut lines = vec![
            format!("this is console {console}{leads}"),
            format!("the board {board} {answers}"),
        ];
        lines.extend(self.members.iter().map(MemberStatus::line));
        if self.left_out > 0 {
            let left_out = thousands(self.left_out);
            lines.push(format!(
                "{left_out} lines at once were left out: another console had mailed them"
            ));
        }
        let oldest = self.oldest.map(local).unwrap_or_default();
        match self.shares {
            0 => {}
            1 => lines.push(format!("1 share waits for a report, of {oldest}")),
            n => lines.push(format!(
                "{n} shares wait for a report, the oldest of {oldest}"
            )),
        }
        lines
    }
}

impl MemberStatus {
    fn line(&self) -> String {
        let (name, since) = (safe(&self.name), local(self.last_word));
        let there = match (self.given_up, self.away) {
            (true, _) => format!("nothing since {since}, and not waited for any more"),
            (_, true) => format!("nothing since {since}"),
            _ => format!("there, last word {since}"),
        };
        let drifted = match self.other_schedules {
            Some(true) => "; its schedules are others",
            _ => "",
        };
        format!("console {name}: {there}{drifted}")
    }
}
