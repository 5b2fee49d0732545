//! What the letters of a site say of its consoles.

use chrono::Local;

use crate::clock::Time;
use crate::site::{Doubt, MemberView, Merged, Missing, SiteView};

/// The sentences of a letter for the whole site.
pub(super) fn of_site(view: &SiteView, merged: &Merged, now: Time) -> Vec<String> {
    let mut words = Vec::new();
    if merged.late {
        let whose = consoles(&merged.consoles);
        words.push(format!("late: {whose}, of {}", shown(merged.slot, now)));
    }
    words.extend(
        merged
            .missing
            .iter()
            .map(|of| missing(of, merged, view, now)),
    );
    let drifts = |member: &&MemberView| member.drifted == Some(true);
    words.extend(
        view.members
            .iter()
            .filter(drifts)
            .map(|of| drifted(view, of)),
    );
    words
}

/// The sentences of a letter of one console. It may be alone since its state is `unkept`: no round begins then.
pub(super) fn alone(view: &SiteView, merged: &Merged, unkept: bool, now: Time) -> Vec<String> {
    let whose = consoles(&merged.consoles);
    let slot = shown(merged.slot, now);
    vec![match &view.away {
        Some((_, since)) => {
            format!(
                "{whose} alone: the board is away since {}",
                shown(*since, now)
            )
        }
        None if unkept => format!("{whose} alone, of {slot}: its state cannot be written"),
        None => format!("{whose} alone, of {slot}"),
    }]
}

/// The sentences of a letter of what was handed in to a site that the configuration does not have any more.
pub(super) fn left(merged: &Merged, now: Time) -> Vec<String> {
    let whose = consoles(&merged.consoles);
    vec![format!(
        "{whose} alone, of {}: it left its site",
        shown(merged.slot, now)
    )]
}

/// Puts the sentences about counts that may stand elsewhere as well in front of the remarks.
pub(super) fn tell_doubts(merged: &mut Merged, now: Time) {
    let doubts = merged.doubts.iter().map(|of| doubt(of, merged, now));
    let doubts: Vec<String> = doubts.collect();
    merged.remarks.splice(0..0, doubts);
}

/// The fault of a console without a word.
pub(super) fn away(member: &MemberView, now: Time) -> String {
    format!("nothing since {}", shown(member.since, now))
}

/// What is wrong with a console whose schedules are others.
fn drifted(view: &SiteView, member: &MemberView) -> String {
    let (other, this) = (&member.console, &view.console);
    format!("console {other} has other schedules than {this}: their reports may come apart")
}

fn missing(missing: &Missing, merged: &Merged, view: &SiteView, now: Time) -> String {
    let name = &missing.console;
    let there = |member: &MemberView| member.console == *name && !member.away;
    if view.members.iter().any(there) {
        let slot = shown(merged.slot, now);
        return format!("console {name}: its part of {slot} is not here yet");
    }
    let since = missing
        .since
        .map(|since| format!("nothing since {}", shown(since, now)));
    let since = since.unwrap_or_else(|| "nothing of it since this console was started".into());
    format!("console {name}: {since}")
}

fn doubt(doubt: &Doubt, merged: &Merged, now: Time) -> String {
    let (of, slot) = (&doubt.of, shown(merged.slot, now));
    match &doubt.by {
        Some(by) => format!("{of}'s part of {slot} may stand in a report of {by} as well"),
        None => format!("{of}'s part of {slot} may stand in another report as well"),
    }
}

fn consoles(names: &[String]) -> String {
    let word = match names.len() {
        1 => "console",
        _ => "consoles",
    };
    format!("{word} {}", names.join(", "))
}

/// A time of today as hours and minutes, any other one with its day.
pub(super) fn shown(time: Time, now: Time) -> String {
    let [time, now] = [time, now].map(|time| time.with_timezone(&Local));
    let format = match time.date_naive() == now.date_naive() {
        true => "%H:%M",
        false => "%a %-d %b %H:%M",
    };
    time.format(format).to_string()
}
