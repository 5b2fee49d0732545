//! `tenshi news`: what reports told of kinds of lines that were not seen before.

use std::ffi::OsStr;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;

use bstr::{BString, ByteSlice};
use chrono::Local;
use serde::Serialize;

use super::json_text;
use super::rule_text::ended;
use super::state_directory::StateDirectory;
use crate::cli::NewsArgs;
use crate::clock::{Clock, SystemClock, Time};
use crate::ledger::news::{Told, Why};
use crate::ledger::{Day, News};
use crate::shown::{shown, thousands};

/// Shows what was told; the exit status.
pub fn run(args: &NewsArgs, out: &mut dyn Write, err: &mut dyn Write) -> i32 {
    let directory = StateDirectory::find(&args.config, args.state_dir.as_deref());
    let Some(snapshot) = directory.snapshot(err) else {
        return 1;
    };
    let news = snapshot.news;
    let host = args.host.as_deref().map(OsStr::as_bytes);
    let wanted = |told: &&Told| {
        let since = args
            .since
            .is_none_or(|day| Day::of(told.when) >= Day::on(day));
        since && host.is_none_or(|host| had(told, host))
    };
    let told: Vec<&Told> = news.told().filter(wanted).collect();
    let written = match args.json {
        true => json(&told, out),
        false => text(&news, &told, Day::of(SystemClock.now()), out),
    };
    ended(written.and_then(|()| out.flush()), 0, err)
}

/// Whether a host had it.
fn had(told: &Told, host: &[u8]) -> bool {
    match told.why {
        Why::NewHost { .. } => told.text == host,
        _ => told.hosts.iter().any(|known| known == host),
    }
}

fn text(news: &News, told: &[&Told], today: Day, out: &mut dyn Write) -> io::Result<()> {
    let kinds = thousands(news.kinds().count() as u64);
    let hosts = thousands(news.hosts().count() as u64);
    match news.has_begun() {
        true => writeln!(
            out,
            "{kinds} kinds of lines and {hosts} hosts are known, since {}",
            news.began().shown(today)
        )?,
        false => writeln!(out, "nothing is known yet: `set news on` begins it")?,
    }
    for told in told {
        let when = told.when.with_timezone(&Local).format("%Y-%m-%d %H:%M");
        let queue = shown(told.queue.as_bytes());
        writeln!(out, "{when} {queue}: {}", row(told, today))?;
    }
    Ok(())
}

/// `never seen: db1: 3: kernel: …`
fn row(told: &Told, today: Day) -> String {
    let text = shown(&told.text);
    let names: Vec<String> = told.hosts.iter().map(|h| shown(h).to_string()).collect();
    let more = if told.more_hosts > 0 { " and more" } else { "" };
    let hosts = format!("{}{more}", names.join(","));
    let lines = format!("{hosts}: {}: {text}", told.count);
    match &told.why {
        Why::NeverSeen => format!("never seen: {lines}"),
        Why::NewToHost { from, since } => {
            let from = from
                .as_ref()
                .map_or(String::new(), |from| format!("from {} ", shown(from)));
            format!(
                "new to its host: {lines} (known {from}since {})",
                since.shown(today)
            )
        }
        Why::Back { last, .. } => format!("back: {lines} (last {})", last.shown(today)),
        Why::NewHost { kinds } => {
            format!("new host: {text}: kinds {kinds}, lines {}", told.count)
        }
    }
}

/// Something that was told, for programs.
#[derive(Serialize)]
struct View {
    when: Time,
    queue: String,
    why: &'static str,
    first: Time,
    hosts: Vec<String>,
    more_hosts: usize,
    lines: u64,
    text: String,
    /// The host that had the kind before, and since when; when a kind that is back was last seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    known_from: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    known_since: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kinds: Option<u64>,
}

impl View {
    fn new(told: &Told) -> Self {
        let name = |name: &BString| name.to_str_lossy().into_owned();
        let day = |day: Day| day.date().to_string();
        let mut view = Self {
            when: told.when,
            queue: told.queue.clone(),
            why: "never_seen",
            first: told.first,
            hosts: told.hosts.iter().map(name).collect(),
            more_hosts: told.more_hosts,
            lines: told.count,
            text: name(&told.text),
            known_from: None,
            known_since: None,
            last: None,
            kinds: None,
        };
        match &told.why {
            Why::NeverSeen => {}
            Why::NewToHost { from, since } => {
                view.why = "new_to_host";
                view.known_from = from.as_ref().map(name);
                view.known_since = Some(day(*since));
            }
            Why::Back { last, .. } => {
                view.why = "back";
                view.last = Some(day(*last));
            }
            Why::NewHost { kinds } => {
                view.why = "new_host";
                view.kinds = Some(*kinds);
            }
        }
        view
    }
}

fn json(told: &[&Told], out: &mut dyn Write) -> io::Result<()> {
    let views: Vec<View> = told.iter().map(|told| View::new(told)).collect();
    let text = serde_json::to_string_pretty(&views)?;
    writeln!(out, "{}", json_text::ascii(&text))
}
