//! The thread of the journal's reader.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::positions::PositionsChange;
use super::reader::{Reader, Settings};
use crate::clock::Clock;
use crate::config::TailSettings;
use crate::counters::Counters;
use crate::input::charsets::StreamCharset;
use crate::input::control::{self, Control, InputThread};
use crate::input::watch::{Directories, Hint, Watch};
use crate::input::{Event, Notice, Start};

/// The time after which all files are looked at, though nobody told of a change.
const NET: Duration = Duration::from_secs(300);
/// The time after which all files are looked at where the kernel does not tell of all changes.
const POLL: Duration = Duration::from_secs(1);
/// A look after this pause settles whether entries are missing.
const DOUBT: Duration = Duration::from_millis(100);

/// Takes up the journal's files, and reads them in a thread of their own. Gives where they were begun.
pub(super) fn spawn(
    start: &Start<'_>,
    charset: StreamCharset,
) -> io::Result<(InputThread, PositionsChange)> {
    let config = start.config;
    let now = start.clock.now();
    let settings = Settings {
        journals: config.inputs.journals.clone(),
        start: match config.inputs.tail {
            TailSettings::Follow { start } => start,
            TailSettings::Command { .. } => crate::config::TailStart::End,
        },
        not_before: config.state.catchup.and_then(|age| {
            let age = chrono::TimeDelta::from_std(age).ok()?;
            now.checked_sub_signed(age)
        }),
        max_line: config.inputs.max_line,
        charset,
    };
    let mut reader = Reader::new(settings, config, start.resume.journal.clone());
    let begun = reader.begin(now);
    let clock = start.clock.clone();
    let run = move |control| run(reader, &clock, control);
    let thread = control::spawn("journal", start.events.clone(), run)?;
    Ok((thread, begun))
}

fn run(mut reader: Reader, clock: &Arc<dyn Clock>, control: Control) {
    let control = Arc::new(control);
    // Whether a name came or went: then the directories are listed anew.
    let names = Arc::new(AtomicBool::new(true));
    let (waker, flag) = (control.clone(), names.clone());
    let mut watch = Watch::new(move |hint| {
        if !matches!(hint, Hint::Data(_)) {
            flag.store(true, Ordering::SeqCst);
        }
        waker.rouse();
    });
    let mut drain = None;
    let mut listed = Instant::now();
    while !control.ended() {
        drain = control.asked().or(drain);
        let polling = watch.polling();
        let named = names.swap(false, Ordering::SeqCst);
        let every = if polling { POLL } else { NET };
        let all = named || drain.is_some() || reader.in_doubt() || listed.elapsed() >= every;
        if all {
            listed = Instant::now();
        }
        if !reader.look(all, clock.now(), &mut |event| control.send(event)) {
            return;
        }
        if all {
            let wanted = Directories::of(reader.watched().clone());
            // What came before the watch was made is found by another look.
            if !watch.update(&wanted).is_empty() {
                names.store(true, Ordering::SeqCst);
                continue;
            }
            if !tell(&mut watch, &control) {
                return;
            }
        }
        if drain.take().is_some() && !control.send(Event::Drained) {
            return;
        }
        let pause = match (reader.in_doubt(), watch.polling()) {
            (true, _) => DOUBT,
            (false, true) => POLL,
            (false, false) => NET.saturating_sub(listed.elapsed()),
        };
        control.wait(&[], Some(pause));
    }
}

/// Tells that the kernel does not tell of all changes any more, or does again.
fn tell(watch: &mut Watch, control: &Control) -> bool {
    let Some((level, text)) = watch.news() else {
        return true;
    };
    control.send(Event::Notice(Notice {
        level,
        text,
        report: false,
        counters: Counters::default(),
    }))
}
