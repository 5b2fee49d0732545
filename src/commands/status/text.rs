//! The status for people.

use std::io::{self, Write};

use super::journal::UnreadView;
use super::view::{FileView, MailView, QueueView, View};
use super::words::{local, safe, zoned};
use crate::shown::{size, span, thousands};

/// Writes it.
pub(super) fn write(view: &View, out: &mut dyn Write) -> io::Result<()> {
    let age = |then| span(view.ago(then));
    writeln!(out, "state directory: {}", safe(&view.state_dir))?;
    writeln!(out, "daemon: {}", daemon(view))?;
    writeln!(
        out,
        "snapshot: made {}, {} ago",
        zoned(view.made),
        age(view.made)
    )?;
    if let Some(news) = &view.news {
        let (kinds, hosts) = (thousands(news.kinds as u64), thousands(news.hosts as u64));
        let since = news.since;
        writeln!(
            out,
            "news: {kinds} kinds of lines and {hosts} hosts are known, since {since}"
        )?;
    }
    section(out, "files", view.files.iter().flat_map(file))?;
    if let Some(journal) = &view.journal {
        let (files, entries) = (journal.files, thousands(journal.entries));
        let words = format!("{files} files, {entries} entries before their positions");
        let directories = journal.directories.iter().map(unread);
        section(out, "journal", std::iter::once(words).chain(directories))?;
    }
    section(out, "queues", view.queues.iter().map(|q| queue(q, view)))?;
    section(
        out,
        "outbox",
        view.outbox.iter().flat_map(|l| mail(l, view)),
    )?;
    if let Some(site) = &view.site {
        let title = format!("site {}", safe(&site.name));
        section(out, &title, site.lines().into_iter())?;
    }
    if !view.silent.is_empty() {
        let silent = view.silent.iter();
        let silent = silent.map(|host| format!("{} since {}", safe(&host.name), zoned(host.since)));
        section(out, "silent", silent)?;
    }
    if !view.hushes.is_empty() {
        let hushes = view.hushes.iter().map(|hush| {
            let why = if hush.why.is_empty() {
                String::new()
            } else {
                format!(": {}", safe(&hush.why))
            };
            format!("{} until {}{why}", safe(&hush.host), zoned(hush.until))
        });
        section(out, "hushes", hushes)?;
    }
    let faults = view.faults.iter();
    let fault = |(input, fault): (&String, &String)| format!("{}: {}", safe(input), safe(fault));
    section(out, "faults", faults.map(fault))?;
    let counters = view.counters.all();
    let counter = |(_, label, n)| format!("{n:>12} {label}");
    section(out, "counters", counters.into_iter().map(counter))
}

fn daemon(view: &View) -> String {
    let since = zoned(view.started);
    let begun = span(view.ago(view.started));
    if let Some(still) = view.hangs() {
        let still = span(still);
        return format!("running since {since}, but it hangs: it has not moved for {still}");
    }
    match (view.running, view.snapshots_fail) {
        (Some(true), Some(true)) => {
            format!("running since {since}, but its snapshots cannot be written: this one is old")
        }
        (Some(true), _) => format!("running since {since} ({begun})"),
        (Some(false), _) => format!("not running; the last one was started {since}"),
        (None, _) => {
            let why = safe(view.unseen.as_deref().unwrap_or("no reason"));
            format!("whether it runs cannot be seen ({why}); started {since}")
        }
    }
}

fn section(
    out: &mut dyn Write,
    title: &str,
    lines: impl Iterator<Item = String>,
) -> io::Result<()> {
    writeln!(out, "\n{title}:")?;
    let mut none = true;
    for line in lines {
        writeln!(out, "  {line}")?;
        none = false;
    }
    if none {
        writeln!(out, "  none")?;
    }
    Ok(())
}

/// What is not read of the journal of a directory.
fn unread(unread: &UnreadView) -> String {
    let directory = safe(&unread.directory);
    let (entries, bytes) = (thousands(unread.unread), size(unread.lag));
    let unseen = unread.unseen.as_ref().map(|why| {
        let why = safe(why);
        format!(", and what cannot be seen ({why})")
    });
    let unseen = unseen.unwrap_or_default();
    format!("{directory}: {entries} entries unread, about {bytes}{unseen}")
}

fn file(file: &FileView) -> Vec<String> {
    let at = match file.position {
        Some(position) => format!("position {position}"),
        None => "not there".to_owned(),
    };
    let last = file.last_line.map_or("no line yet".to_owned(), |time| {
        format!("last line {}", local(time))
    });
    let path = safe(&file.path);
    let mut lines = vec![format!("{path}: {at}, lag {}, {last}", size(file.lag))];
    for part in &file.rotated {
        let name = part.path.as_deref().map_or("gone".to_owned(), safe);
        lines.push(format!(
            "  rotated {name}: position {}, lag {}",
            part.position,
            size(part.lag)
        ));
    }
    lines
}

fn queue(queue: &QueueView, view: &View) -> String {
    let lines = match queue.lines {
        0 => "no lines".to_owned(),
        1 => "1 line".to_owned(),
        n => format!("{n} lines"),
    };
    let distinct = match queue.lines {
        0 => String::new(),
        _ => format!(" ({} distinct)", queue.distinct),
    };
    let when = match queue.next {
        _ if queue.overdue => ", due once the report before is delivered".to_owned(),
        Some(next) if next <= view.now => format!(", due since {}", local(next)),
        Some(next) => format!(", next {}", local(next)),
        None => String::new(),
    };
    let (name, schedule) = (safe(&queue.name), safe(&queue.schedule));
    format!("{name} {schedule}: {lines}{distinct}{when}")
}

fn mail(mail: &MailView, view: &View) -> Vec<String> {
    let attempts = match mail.attempts {
        0 => "not tried yet".to_owned(),
        1 => "tried once".to_owned(),
        n => format!("tried {n} times"),
    };
    let next = match mail.next_try {
        None => ", refused: kept for the queue's next time".to_owned(),
        Some(_) if mail.attempts == 0 => String::new(),
        Some(next) => format!(", next {}", local(next)),
    };
    let to: Vec<String> = mail.recipients.iter().map(|to| safe(to)).collect();
    let mut lines = vec![format!(
        "{} to {}: since {} ({}), {attempts}{next}",
        safe(&mail.queue),
        to.join(", "),
        local(mail.since),
        span(view.ago(mail.since)),
    )];
    lines.extend(
        mail.fault
            .as_deref()
            .map(|fault| format!("  {}", safe(fault))),
    );
    lines
}
