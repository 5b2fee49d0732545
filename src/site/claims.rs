//! The report part of a round: which shares this console takes, and their merge.

use std::collections::{BTreeMap, BTreeSet};

use super::board::{Board, Fault, Table};
use super::id::{BoardNumber, ConsoleId, ShareId};
use super::merge::{Merged, Missing, merge};
use super::pack::{self, unpack};
use super::record::{Carried, Record, read};
use super::round::{Claims, Round, Visit};
use super::saved::add_doubts;

/// What a console does with a share on the board.
enum Fate {
    /// It was reported, and a late write brought it back.
    Over,
    /// We said that we report it, and have not yet.
    Ours,
    /// Another console reports it.
    Others,
    /// It has no reporter.
    Free,
}

/// Takes the shares of the reports that are due, and merges them. Gives whether we lead.
pub(super) fn report(
    round: &Round,
    board: &mut dyn Board,
    number: BoardNumber,
    record: &Record,
    (names, claims): (BTreeSet<ShareId>, &Claims),
    visit: &mut Visit,
) -> Result<bool, Fault> {
    let (mut over, mut ours, mut free) = (Vec::new(), Vec::new(), BTreeSet::new());
    for (id, fate) in fates(round, board, number, (names, claims), visit)? {
        match fate {
            Fate::Over => over.push(id),
            Fate::Ours => ours.push(id),
            Fate::Others => {}
            Fate::Free => {
                free.insert(id);
            }
        }
    }
    if !over.is_empty() {
        round.done(board, number, &over)?;
    }
    let me = &round.saved.me;
    let since = round.since_board(number);
    let group = |id: &ShareId| (id.queue.clone(), id.slot);
    // Before the wait is over, nobody takes a part of a report whose other shares it may not take yet.
    let unknown = free.iter().filter(|id| !is_known(round, visit, id));
    let apart: BTreeSet<(String, i64)> = unknown.map(group).collect();
    let due = |id: &ShareId| {
        let ahead = is_ahead(round, visit, &[&id.owner.name], id.slot);
        let waited = round.now >= round.end_of_wait(id.slot, since) || ahead;
        // The one who leads may not be known to its owner: some time later anybody may.
        let late = waited && round.stale.contains(id);
        let whole = || !apart.contains(&group(id)) && all_handed_in(round, record, visit, id.slot);
        let is_due = waited || whole();
        (is_due && is_known(round, visit, id)).then_some(late)
    };
    let dues: Vec<Option<bool>> = free.iter().map(due).collect();
    let leads = dues.iter().any(Option::is_some) && board.lead(number, &me.to_string())?;
    let mut lost = BTreeSet::new();
    for (id, late) in free.into_iter().zip(dues) {
        let may = late.is_some_and(|late| leads || late) && !lost.contains(&group(&id));
        let claim = me.to_string();
        if may && board.put_new(number, Table::Claim, &id.to_string(), claim.as_bytes())? {
            ours.push(id);
        } else {
            // Whoever was before us at one share of a report takes all of them, in this order.
            lost.extend(may.then(|| group(&id)));
            visit.waiting.push(id);
        }
    }
    read_and_merge(round, board, number, ours, record, visit)?;
    Ok(leads)
}

/// What is to be done with each of the shares on the board.
fn fates(
    round: &Round,
    board: &mut dyn Board,
    number: BoardNumber,
    (names, claims): (BTreeSet<ShareId>, &Claims),
    visit: &Visit,
) -> Result<Vec<(ShareId, Fate)>, Fault> {
    let me = round.saved.me.to_string();
    let mut fates = Vec::new();
    for id in names {
        let claim = claims.get(&id);
        let owner = visit
            .records
            .get(&id.owner.name)
            .filter(|record| record.run == id.owner.run);
        let let_go = owner.is_some_and(|record| id.number < record.open_from);
        let share = round.saved.shares.get(&id.number);
        let gone = id.owner == round.saved.me && share.is_none_or(|share| share.id != id);
        let fate = match claim {
            _ if let_go || gone || round.saved.taken.contains_key(&id) => Fate::Over,
            Some(claim) if *claim == me.as_bytes() => {
                let done = board.get(number, Table::Done, &[id.to_string()])?;
                match done.into_iter().flatten().next() {
                    Some(_) => Fate::Over,
                    None => Fate::Ours,
                }
            }
            Some(_) => Fate::Others,
            None => Fate::Free,
        };
        fates.push((id, fate));
    }
    Ok(fates)
}

/// Whether the owner of a share would ask us, after a wipe of the board, whether we have it.
fn is_known(round: &Round, visit: &Visit, id: &ShareId) -> bool {
    if id.owner == round.saved.me {
        return true;
    }
    match visit.records.get(&id.owner.name) {
        Some(record) if record.run == id.owner.run => record.known.contains(&round.saved.me),
        // Its state is lost: nobody will hand the share in once more.
        Some(_) => true,
        None => false,
    }
}

/// Whether everybody who is waited for has handed in what belongs to this time.
fn all_handed_in(round: &Round, record: &Record, visit: &Visit, slot: i64) -> bool {
    record.handed >= slot
        && missing(round, visit, slot)
            .iter()
            .all(|missing| missing.given_up)
}

/// The other consoles that have not handed in what belongs to this time.
fn missing(round: &Round, visit: &Visit, slot: i64) -> Vec<Missing> {
    let known: BTreeSet<&String> = round
        .saved
        .members
        .keys()
        .chain(visit.records.keys())
        .collect();
    let late = known.into_iter().filter(|name| {
        let record = visit.records.get(*name);
        record.is_none_or(|record| record.handed < slot)
    });
    late.map(|name| Missing {
        console: name.clone(),
        since: round.since.get(name).copied(),
        given_up: round.given_up.contains(name),
    })
    .collect()
}

/// The tables of one report.
type Group = (Vec<(ShareId, pack::Table)>, Vec<super::merge::Doubt>);

/// Reads the shares that are ours now, and merges the shares of each report.
fn read_and_merge(
    round: &Round,
    board: &mut dyn Board,
    number: BoardNumber,
    ours: Vec<ShareId>,
    record: &Record,
    visit: &mut Visit,
) -> Result<(), Fault> {
    let mut groups: BTreeMap<(String, i64), Group> = BTreeMap::new();
    let mut damaged = Vec::new();
    for id in ours {
        // It is read after it is ours. If it is not there, the board was wiped: its owner hands it in again.
        let Some(value) = board
            .get(number, Table::Share, &[id.to_string()])?
            .into_iter()
            .flatten()
            .next()
        else {
            continue;
        };
        let carried = read::<Carried>(&value).ok_or_else(|| "it is of another version".to_owned());
        let table = carried.and_then(|carried| Ok((unpack(&carried.packed)?, carried.doubts)));
        match table {
            Ok((table, doubts)) => {
                let group = groups.entry((id.queue.clone(), id.slot)).or_default();
                group.0.push((id, table));
                add_doubts(&mut group.1, doubts);
            }
            Err(why) => {
                let ShareId {
                    owner: ConsoleId { name, .. },
                    queue,
                    ..
                } = &id;
                visit.unreadable.push(format!(
                    "a share of console {name} for queue {queue} cannot be read: {why}"
                ));
                damaged.extend(writes_again(round, visit, &id).then(|| id.to_string()));
            }
        }
    }
    for ((queue, slot), (tables, doubts)) in groups {
        let Some(merged) = merge(tables, round.mirror) else {
            continue;
        };
        let merged = told_of(merged, (&queue, slot), round, record, visit);
        visit.merged.push(Merged { doubts, ..merged });
    }
    // It stays ours, as after a wipe: its owner writes it again, and nobody else may take it.
    if !damaged.is_empty() {
        board.delete(number, Table::Share, &damaged)?;
    }
    Ok(())
}

/// The counts of a report with what is told of those who handed in, and who did not.
fn told_of(
    mut merged: Merged,
    (queue, slot): (&str, i64),
    round: &Round,
    record: &Record,
    visit: &Visit,
) -> Merged {
    let owners: Vec<&str> = merged.consoles.iter().map(String::as_str).collect();
    if is_ahead(round, visit, &owners, slot) {
        let whose = merged.consoles.join(", ");
        let text = format!("the clock of {whose} was ahead: these counts are of an earlier time");
        merged.remarks.push(text);
        return merged;
    }
    let records = visit.records.values().chain([record]);
    let last = records.filter_map(|record| record.reported.get(queue));
    // A time that is still to come was reported for a clock that was ahead.
    merged.late = last
        .filter(|last| !round.is_ahead(**last))
        .any(|last| *last >= slot);
    // Whose counts are here has handed in, though more may come.
    merged.missing = missing(round, visit, slot);
    merged
}

/// Whether these consoles handed in for a time that is still to come, since their clocks were ahead. If another console
/// has handed in up to that time, this one is behind.
fn is_ahead(round: &Round, visit: &Visit, owners: &[&str], slot: i64) -> bool {
    let mut others = visit.records.iter();
    let passed =
        others.any(|(name, record)| record.handed >= slot && !owners.contains(&name.as_str()));
    round.is_ahead(slot) && !passed
}

/// Whether the owner of a share writes it again if it is not on the board: not one whose state is lost.
fn writes_again(round: &Round, visit: &Visit, id: &ShareId) -> bool {
    let owner = visit.records.get(&id.owner.name);
    let own = round.saved.shares.get(&id.number);
    own.is_some_and(|share| share.id == *id)
        || owner.is_some_and(|record| record.run == id.owner.run)
}
