//! The previous line of each source and host, which `repeat` adds to.

use std::collections::BTreeMap;
use std::sync::Arc;

use bstr::{BStr, BString};
use serde::{Deserialize, Serialize};

use crate::config::{Action, Config, QueueId, RuleId, Target};
use crate::hash::{FxHashMap, Map};

/// The previous line of a source and host.
#[derive(Clone, Debug, Default)]
pub(super) struct PreviousLine {
    pub by: TakenBy,
    /// The masked line.
    pub line: BString,
    /// What becomes of the lines that continue it.
    pub continues: Continues,
    /// Whether it changed since the last commit.
    changed: bool,
}

/// What becomes of the lines that continue a previous line.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub enum Continues {
    /// They are dropped, as the line was, or the line is not known.
    #[default]
    Closed,
    /// The line was counted, and no line continued it yet.
    Open,
    /// Some came. They are kept in these queues: a bit for each, in the order of the queues of the rule.
    Kept(u64),
}

/// The rule that took a line.
#[derive(Clone, Debug, Default)]
pub(super) enum TakenBy {
    /// There is no previous line yet.
    #[default]
    None,
    /// No rule: it has no known prefix, and is in the queue `noprefix` if there is one.
    Unprefixed,
    /// A `trash` rule: its repetitions are thrown away too.
    Trash,
    /// A rule with queues.
    Rule(RuleId),
    /// A rule of an earlier configuration, with the queues of it that still exist. Escalation began anew with the
    /// configuration, so these queues have no numbers.
    Queues(Arc<[Target]>),
    /// A rule whose queues are gone: its repetitions cannot be counted.
    Gone,
}

impl PreviousLine {
    /// A rule with queues took this line.
    pub(super) fn take(&mut self, rule: RuleId, line: &[u8]) {
        self.by = TakenBy::Rule(rule);
        self.line.clear();
        self.line.extend_from_slice(line);
        self.continues = Continues::Open;
    }

    /// The line has no known prefix.
    pub(super) fn take_unprefixed(&mut self, line: &[u8]) {
        self.by = TakenBy::Unprefixed;
        self.line.clear();
        self.line.extend_from_slice(line);
        self.continues = Continues::Open;
    }

    /// A `trash` rule took the line.
    pub(super) fn drop_line(&mut self) {
        self.by = TakenBy::Trash;
        self.line.clear();
        self.continues = Continues::Closed;
    }

    /// A previous line whose rule is gone.
    pub(super) fn gone() -> Self {
        Self {
            by: TakenBy::Gone,
            ..Self::default()
        }
    }

    /// Whether it is a line without a known prefix.
    pub(super) fn is_unprefixed(&self) -> bool {
        matches!(self.by, TakenBy::Unprefixed)
    }

    /// Whether a snapshot can hold it. After a restart, repetitions of any other line cannot be counted.
    pub(super) fn can_be_saved(&self) -> bool {
        matches!(self.by, TakenBy::Trash | TakenBy::Rule(_))
    }

    /// The rule of this configuration that took the line, if it has queues.
    pub(super) fn rule(&self) -> Option<RuleId> {
        match self.by {
            TakenBy::Rule(rule) => Some(rule),
            _ => None,
        }
    }

    /// The memory that the text takes, bytes.
    fn memory(&self) -> usize {
        self.line.capacity()
    }

    /// The masked line.
    pub(super) fn text(&self) -> &BStr {
        self.line.as_ref()
    }

    /// Goes over to a new configuration; `moved` gives the new number of a queue that still exists.
    pub(super) fn reconfigure(&mut self, old: &Config, moved: &dyn Fn(QueueId) -> Option<QueueId>) {
        if let Continues::Kept(_) = self.continues {
            // The queues of the rule may be other ones.
            self.continues = Continues::Kept(0);
        }
        let targets = match &self.by {
            TakenBy::Rule(rule) => targets_of(old, *rule),
            TakenBy::Queues(targets) => targets,
            TakenBy::None | TakenBy::Unprefixed | TakenBy::Trash | TakenBy::Gone => return,
        };
        let plain = targets.iter().filter(|t| t.escalation.is_none());
        let moved = plain.filter_map(|t| {
            Some(Target {
                queue: moved(t.queue)?,
                escalation: None,
            })
        });
        let kept: Vec<Target> = moved.collect();
        self.by = match kept.is_empty() && !targets.is_empty() {
            true => TakenBy::Gone,
            false => TakenBy::Queues(kept.into()),
        };
    }
}

/// The queues of a rule.
pub(super) fn targets_of(config: &Config, rule: RuleId) -> &[Target] {
    match config.rules.get(rule.index()).map(|rule| &rule.action) {
        Some(Action::Queues(targets)) => targets,
        _ => &[],
    }
}

/// Previous lines and sources that are kept, at most: whoever sends lines can invent files and hosts.
const MOST: usize = 1 << 16;
/// Memory of the texts of previous lines, at most, bytes.
const MOST_BYTES: usize = 64 << 20;

/// The previous line of each source and host: a syslog daemon that writes "last message repeated" means
/// the previous line of the same file.
#[derive(Debug, Default)]
pub(super) struct PreviousLines {
    sources: Vec<Source>,
    /// The numbers of the sources, by their names.
    numbers: Map<BString, usize>,
    /// Previous lines by host alone, from a snapshot that does not tell their sources.
    of_any: FxHashMap<u32, PreviousLine>,
    /// How many lines are kept.
    kept: usize,
    /// The memory that their texts take, bytes.
    bytes: usize,
    /// The lines that changed since the last commit: source and host, each once.
    changed: Vec<(SourceId, u32)>,
    /// The sources whose last line is of another host than at the last commit, each once.
    changed_sources: Vec<SourceId>,
    /// Whether lines were forgotten since the last commit.
    forgot: bool,
}

/// A source of lines.
#[derive(Debug, Default)]
struct Source {
    name: BString,
    /// The previous line of each host, by the number of the host.
    last: FxHashMap<u32, PreviousLine>,
    /// The host of its last line; kept where lines may continue others.
    latest: Option<u32>,
    /// Whether that changed since the last commit.
    latest_changed: bool,
}

/// The previous lines of a source, for a commit.
pub(super) struct SourceLines<'a> {
    /// The name of the source.
    pub source: &'a BStr,
    /// The number of the host of its last line.
    pub latest: Option<usize>,
    /// The previous lines, by the numbers of their hosts.
    pub lines: Vec<(usize, &'a PreviousLine)>,
}

/// The number of a source in [`PreviousLines`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct SourceId(usize);

impl PreviousLines {
    /// The source of this name; a new one is added.
    pub(super) fn source(&mut self, name: &BStr) -> SourceId {
        if let Some(&number) = self.numbers.get(name) {
            return SourceId(number);
        }
        let number = self.sources.len();
        self.numbers.insert(name.to_owned(), number);
        self.sources.push(Source {
            name: name.to_owned(),
            ..Source::default()
        });
        SourceId(number)
    }

    /// Changes the previous line of a source and host.
    #[inline]
    pub(super) fn set(
        &mut self,
        id: SourceId,
        host: usize,
        change: impl FnOnce(&mut PreviousLine),
    ) {
        let (Ok(host), Some(source)) = (u32::try_from(host), self.sources.get_mut(id.0)) else {
            return;
        };
        let Self {
            kept,
            bytes,
            changed,
            ..
        } = self;
        let last = source.last.entry(host).or_insert_with(|| {
            *kept += 1;
            PreviousLine::default()
        });
        let (before, known) = (last.memory(), last.changed);
        change(last);
        last.changed = true;
        if !known {
            changed.push((id, host));
        }
        *bytes = bytes.saturating_sub(before).saturating_add(last.memory());
    }

    /// The previous line of a source and host, if there is one.
    pub(super) fn get(&self, SourceId(source): SourceId, host: usize) -> Option<&PreviousLine> {
        let host = u32::try_from(host).ok()?;
        let own = self.sources.get(source).and_then(|s| s.last.get(&host));
        own.or_else(|| self.of_any.get(&host))
    }

    /// The previous line of a source and host, if the source is known.
    pub(super) fn own(&self, SourceId(source): SourceId, host: usize) -> Option<&PreviousLine> {
        let host = u32::try_from(host).ok()?;
        self.sources.get(source)?.last.get(&host)
    }

    /// The host of the last line of a source.
    pub(super) fn latest(&self, SourceId(source): SourceId) -> Option<usize> {
        let latest = self.sources.get(source)?.latest?;
        usize::try_from(latest).ok()
    }

    /// Notes the host of the last line of a source.
    #[inline]
    pub(super) fn set_latest(&mut self, id: SourceId, host: usize) {
        let (Ok(host), Some(source)) = (u32::try_from(host), self.sources.get_mut(id.0)) else {
            return;
        };
        if source.latest != Some(host) {
            source.latest = Some(host);
            if !std::mem::replace(&mut source.latest_changed, true) {
                self.changed_sources.push(id);
            }
        }
    }

    /// Changes what becomes of the lines that continue others, where `change` gives something else.
    pub(super) fn change_each(&mut self, change: impl Fn(&PreviousLine) -> Option<Continues>) {
        let Self {
            sources, changed, ..
        } = self;
        for (id, source) in sources.iter_mut().enumerate() {
            for (host, line) in &mut source.last {
                let Some(continues) = change(line) else {
                    continue;
                };
                line.continues = continues;
                if !std::mem::replace(&mut line.changed, true) {
                    changed.push((SourceId(id), *host));
                }
            }
        }
    }

    /// All sources, each with the host of its last line and the previous lines of its hosts.
    pub(super) fn sources(&self) -> impl Iterator<Item = SourceLines<'_>> {
        self.sources.iter().map(|source| SourceLines {
            source: source.name.as_ref(),
            latest: source.latest.map(|host| host as usize),
            lines: source
                .last
                .iter()
                .map(|(host, line)| (*host as usize, line))
                .collect(),
        })
    }

    /// What changed of each source since the last commit: the host of the last line as it is now, and the
    /// previous lines that are other ones.
    pub(super) fn changed_sources(&self) -> impl Iterator<Item = SourceLines<'_>> {
        let mut lines: BTreeMap<usize, Vec<(usize, &PreviousLine)>> = BTreeMap::new();
        for &SourceId(source) in &self.changed_sources {
            lines.entry(source).or_default();
        }
        for &(SourceId(source), host) in &self.changed {
            let line = self.sources.get(source).and_then(|s| s.last.get(&host));
            let lines = lines.entry(source).or_default();
            lines.extend(line.map(|line| (host as usize, line)));
        }
        lines.into_iter().filter_map(|(source, lines)| {
            let source = self.sources.get(source)?;
            Some(SourceLines {
                source: source.name.as_ref(),
                latest: source.latest.map(|host| host as usize),
                lines,
            })
        })
    }

    /// Adds the previous line of a host from a snapshot that does not tell its source.
    pub(super) fn of_any(&mut self, host: usize, last: PreviousLine) {
        if let Ok(host) = u32::try_from(host) {
            self.kept += usize::from(self.of_any.insert(host, last).is_none());
        }
    }

    /// Whether there are more lines, sources or bytes than may be kept.
    pub(super) fn full(&self) -> bool {
        self.kept > MOST || self.sources.len() > MOST || self.bytes > MOST_BYTES
    }

    /// Forgets all previous lines and sources.
    pub(super) fn clear(&mut self) {
        *self = Self {
            forgot: true,
            ..Self::default()
        };
    }

    /// Whether all lines of before the last commit are forgotten.
    pub(super) fn forgot(&self) -> bool {
        self.forgot
    }

    /// The lines that changed since the last commit, each with its source and the number of its host.
    pub(super) fn changes(&self) -> impl Iterator<Item = (&BStr, usize, &PreviousLine)> {
        self.changed.iter().filter_map(|&(source, host)| {
            let source = self.sources.get(source.0)?;
            let last = source.last.get(&host)?;
            Some((source.name.as_ref(), host as usize, last))
        })
    }

    /// To be called when a commit was made of all lines as they are.
    pub(super) fn committed(&mut self) {
        self.forgot = false;
        for (source, host) in std::mem::take(&mut self.changed) {
            let source = self.sources.get_mut(source.0);
            if let Some(last) = source.and_then(|source| source.last.get_mut(&host)) {
                last.changed = false;
            }
        }
        for source in std::mem::take(&mut self.changed_sources) {
            if let Some(source) = self.sources.get_mut(source.0) {
                source.latest_changed = false;
            }
        }
    }

    /// All previous lines, to be changed.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut PreviousLine> {
        let sources = self.sources.iter_mut();
        let own = sources.flat_map(|source| source.last.values_mut());
        own.chain(self.of_any.values_mut())
    }

    /// All previous lines, each with its source (nothing if not known) and the number of its host.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Option<&BStr>, usize, &PreviousLine)> {
        let own = self.sources.iter().flat_map(|source| {
            let lines = source.last.iter();
            lines.map(|(&host, last)| (Some(source.name.as_ref()), host as usize, last))
        });
        let of_any = self.of_any.iter();
        own.chain(of_any.map(|(&host, last)| (None, host as usize, last)))
    }
}
