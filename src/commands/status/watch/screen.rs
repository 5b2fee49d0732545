//! The screen of `--watch`, as lines of any size: it knows no terminal.

use chrono::{Local, TimeDelta};

use crate::clock::Time;
use crate::commands::status::view::{MailView, QueueView, View};
use crate::commands::terminal::{Frame, Line, Size, Style, safe, width};
use crate::shown::{size as bytes, span, thousands};

/// The widest column of names.
const WIDEST: usize = 24;

/// A heading with lines under it.
struct Section {
    title: String,
    lines: Vec<Line>,
}

/// The lines of the screen. `rate` is the number of lines a second, `fault` why the state cannot be read.
pub(super) fn frame(view: &View, rate: Option<u64>, fault: Option<&str>, size: Size) -> Frame {
    let room = size.rows.saturating_sub(1);
    let sections = sections(view, fault);
    let mut lines = head(view, rate);
    // Each section has the same number of lines at most: the largest for which all have room.
    let shown = (0..=room).rev().find(|most| {
        let heights = sections.iter().map(|section| section.height(*most));
        lines.len() + heights.sum::<usize>() <= room
    });
    for section in sections {
        section.put(shown.unwrap_or(0), &mut lines);
    }
    lines.truncate(room);
    lines.resize(room, Line::default());
    lines.push(Line::new(Style::Dim, "q or Ctrl-C: end"));
    lines.truncate(size.rows);
    let lines = lines.into_iter().map(|line| line.cut(size.columns));
    Frame {
        lines: lines.collect(),
        cursor: None,
    }
}

fn head(view: &View, rate: Option<u64>) -> Vec<Line> {
    let now = view.now.with_timezone(&Local);
    let first = Line::new(Style::Bold, format!("tenshi {}", view.version))
        .with(Style::Plain, format!("  {}", now.format("%a %F %T")))
        .with(Style::Dim, format!("  {}", safe(view.state_dir.as_bytes())));
    let rate = rate.map_or("-".to_owned(), thousands);
    let lines = thousands(view.counters.get(crate::counters::Counter::Lines));
    let numbers = Line::new(Style::Bold, format!("{rate} lines/s"))
        .with(Style::Plain, format!(", {lines} read, "))
        .with(Style::Bold, bytes(view.lag()))
        .with(Style::Plain, " of the logs unread");
    vec![first, daemon(view), numbers]
}

/// Whether a daemon runs.
fn daemon(view: &View) -> Line {
    let since = span(view.ago(view.started));
    let commit = format!("; last commit {} ago", span(view.ago(view.made)));
    match (view.running, view.hangs(), view.snapshots_fail) {
        (_, Some(still), _) => {
            let still = span(still);
            Line::new(
                Style::Critical,
                format!("the daemon hangs: not moved for {still}"),
            )
        }
        (Some(true), _, Some(true)) => {
            Line::new(Style::Critical, "commits cannot be written").with(Style::Plain, commit)
        }
        (Some(true), ..) => Line::new(Style::Plain, format!("running for {since}{commit}")),
        (Some(false), ..) => {
            Line::new(Style::Critical, "no daemon is running").with(Style::Plain, commit)
        }
        (None, ..) => Line::new(Style::Plain, "whether a daemon runs cannot be seen"),
    }
}

fn sections(view: &View, fault: Option<&str>) -> Vec<Section> {
    let mut sections = Vec::new();
    let mut add = |title: &str, lines: Vec<Line>| {
        if !lines.is_empty() {
            let title = title.to_owned();
            sections.push(Section { title, lines });
        }
    };
    let critical = |text: String| Line::new(Style::Critical, text);
    let state = fault.map(|fault| critical(safe(fault.as_bytes())));
    add("state", state.into_iter().collect());
    let faults = view.faults.iter();
    let faults = faults
        .map(|(of, why)| critical(format!("{}: {}", safe(of.as_bytes()), safe(why.as_bytes()))));
    add("faults", faults.collect());
    let site = view.site.iter().flat_map(|site| site.lines());
    add(
        "site",
        site.map(|line| Line::new(Style::Plain, line)).collect(),
    );
    let silent = view.silent.iter().map(|silent| {
        let (name, since) = (safe(silent.name.as_bytes()), span(view.ago(silent.since)));
        Line::new(Style::Bold, name).with(Style::Plain, format!("  for {since}"))
    });
    add("silent", silent.collect());
    let mut outbox: Vec<&MailView> = view.outbox.iter().collect();
    outbox.sort_by_key(|mail| mail.since);
    let outbox = outbox.into_iter().map(|mail| mail_line(mail, view));
    add("outbox", outbox.collect());
    let mut queues: Vec<&QueueView> = view.queues.iter().collect();
    queues.sort_by_key(|queue| std::cmp::Reverse(queue.lines));
    add("queues", queue_lines(&queues, view));
    let mut files: Vec<(u64, &str)> = view.lags().map(|(path, lag)| (lag, path)).collect();
    files.retain(|(lag, _)| *lag > 0);
    files.sort_by_key(|(lag, _)| std::cmp::Reverse(*lag));
    let lag = files.into_iter().map(|(lag, path)| {
        let path = safe(path.as_bytes());
        Line::new(Style::Bold, format!("{:>10}", bytes(lag)))
            .with(Style::Plain, format!("  {path}"))
    });
    add("unread", lag.collect());
    sections
}

/// The queues, those with lines first: the lines, the name, the time of the next report.
fn queue_lines(queues: &[&QueueView], view: &View) -> Vec<Line> {
    let names = queues.iter().map(|queue| width(&queue.name));
    let column = names.max().unwrap_or(0).min(WIDEST);
    let line = |queue: &&QueueView| {
        let name = safe(queue.name.as_bytes());
        let blanks = column.saturating_sub(width(&name)) + 2;
        let style = match queue.lines {
            0 => Style::Dim,
            _ => Style::Bold,
        };
        let when = match queue.next {
            _ if queue.overdue => "once the report before is delivered".to_owned(),
            Some(next) if next <= view.now => "due".to_owned(),
            Some(next) => {
                let left = u64::try_from((next - view.now).num_seconds()).unwrap_or(0);
                format!("{} (in {})", local(next, view.now), span(left))
            }
            None => "at once".to_owned(),
        };
        let lines = thousands(queue.lines);
        Line::new(style, format!("{lines:>10}"))
            .with(Style::Plain, format!("  {name}{:blanks$}{when}", ""))
    };
    queues.iter().map(line).collect()
}

fn mail_line(mail: &MailView, view: &View) -> Line {
    let waited = span(view.ago(mail.since));
    let (style, state) = match (mail.refused, mail.attempts) {
        (true, _) => (Style::Critical, "refused".to_owned()),
        (false, 0) => (Style::Plain, "not tried yet".to_owned()),
        (false, n) => (Style::Bold, format!("tried {n} times")),
    };
    let why = mail.fault.as_deref().map_or(String::new(), |fault| {
        format!(": {}", safe(fault.as_bytes()))
    });
    let queue = safe(mail.queue.as_bytes());
    Line::new(Style::Plain, format!("{queue}, for {waited}, "))
        .with(style, state)
        .with(Style::Plain, why)
}

/// A time within a week by its day, any other one by its date.
fn local(time: Time, now: Time) -> String {
    let form = match time - now < TimeDelta::days(6) {
        true => "%a %H:%M",
        false => "%F %H:%M",
    };
    time.with_timezone(&Local).format(form).to_string()
}

impl Section {
    /// The number of rows that the section takes if it shows `most` lines at most.
    fn height(&self, most: usize) -> usize {
        // An empty row and the heading; the heading says how many lines are missing.
        2 + self.lines.len().min(most)
    }

    fn put(self, most: usize, out: &mut Vec<Line>) {
        let more = self.lines.len().saturating_sub(most);
        let more = match more {
            0 => String::new(),
            n => format!("  ({n} more are not shown)"),
        };
        out.push(Line::default());
        out.push(Line::new(Style::Bold, self.title).with(Style::Dim, more));
        let lines = self.lines.into_iter().take(most);
        out.extend(lines.map(|line| {
            let mut parts = vec![(Style::Plain, "  ".to_owned())];
            parts.extend(line.0);
            Line(parts)
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::{LockStatus, Snapshot};
    use std::path::Path;

    fn view() -> View {
        let holder = Ok(LockStatus {
            running: true,
            failing: false,
            moved: None,
        });
        let now = Time::UNIX_EPOCH + TimeDelta::days(20_000);
        let mut view = View::new(Path::new("/d"), Snapshot::default(), holder, now);
        for n in 0..40 {
            let name = format!("queue{n}日本\u{1b}");
            view.queues.push(QueueView {
                name,
                schedule: "[now]".into(),
                lines: n * 1_000,
                distinct: 1,
                next: (n > 3).then_some(now + TimeDelta::hours(30)),
                overdue: n == 7,
            });
            view.faults
                .insert(format!("/log{n}"), "gone\u{1b}[2J".into());
        }
        view
    }

    #[test]
    fn the_screen_keeps_within_any_terminal() {
        let view = view();
        let mut checked = 0;
        for columns in (0..100).step_by(3) {
            for rows in 0..60 {
                let lines = frame(&view, Some(1_234), None, Size { columns, rows }).lines;
                assert_eq!(lines.len(), rows);
                for line in &lines {
                    assert!(line.width() <= columns, "{columns}x{rows}: {line:?}");
                    assert!(!line.text().contains('\u{1b}'), "{line:?}");
                    checked += 1;
                }
            }
        }
        assert!(checked > 50_000, "{checked}");
    }

    #[test]
    fn each_section_has_its_share_of_the_rows() {
        let size = Size {
            columns: 80,
            rows: 24,
        };
        let frame = frame(&view(), Some(1_234), Some("it went away"), size);
        let text: Vec<String> = frame.lines.iter().map(Line::text).collect();
        let text = text.join("\n");
        for part in [
            "\n1,234 lines/s, 0 read, 0 B of the logs unread\n\nstate\n  it went away\n",
            "\nfaults  (34 more are not shown)\n  /log0: gone\\x1B[2J\n",
            "\nqueues  (34 more are not shown)\n      39,000  queue39日本\\x1B  ",
            " (in 1 d 6 h)\n",
            "\nq or Ctrl-C: end",
        ] {
            assert!(text.contains(part), "no {part:?} in {text}");
        }
        assert!(!text.contains("outbox") && !text.contains("unread\n  "));
    }
}
