//! The reader of the journal: it looks at the files that are there, and makes lines of their new entries. It
//! knows no thread: what it finds goes to a function, and each look is asked for.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bstr::BString;

use super::directory::{self, Directory, Role};
use super::entries::Scratch;
use super::faults::{Emit, Faults};
use super::fields::Fields;
use super::format::Id;
use super::line::Lines;
use super::numbering::{self, Watched};
use super::place::Place;
use super::positions::{Positions, PositionsChange};
use crate::clock::Time;
use crate::config::{Config, Journal, TailStart};
use crate::input::charsets::StreamCharset;
use crate::input::text::Text;
use crate::input::{Checkpoint, Event};

mod read;
mod take_up;

/// Files whose entries are all read are kept open up to this number, for they may get more.
pub const HELD: usize = 256;
/// A file that has not been seen for this time is forgotten, days: its name may be missed while it changes.
const REMEMBERED: u32 = 7;

/// How the journal is read.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What is read (`set journal`).
    pub journals: Vec<Journal>,
    /// Where a file that is there at the first start is begun (`set tail`).
    pub start: TailStart,
    /// Entries older than this are passed over at a start (`set catchup`).
    pub not_before: Option<Time>,
    /// Longer lines are cut, bytes (`set max_line`).
    pub max_line: usize,
    /// The character set of messages that are not UTF-8 (`set charset`).
    pub charset: StreamCharset,
}

/// A file that is read to its last entry, and gets no more.
#[derive(Clone, Copy, Debug)]
pub struct Done {
    /// Its inode.
    pub inode: u64,
    /// Its `file_id`.
    pub id: Id,
}

/// The reader.
#[derive(Debug)]
pub struct Reader {
    pub(super) settings: Settings,
    pub(super) directories: Vec<Directory>,
    pub(super) positions: Positions,
    /// What changed in the positions since they were handed over.
    pub(super) change: PositionsChange,
    /// The files that are not read to their last entry for good.
    pub(super) places: Vec<Place>,
    /// The files that are, by their paths.
    pub(super) done: HashMap<PathBuf, Done>,
    pub(super) numberings: BTreeMap<BString, Watched>,
    pub(super) scratch: Scratch,
    pub(super) lines: Lines,
    pub(super) text: Text,
    pub(super) faults: Faults,
    /// The directories in which files may come.
    watch: BTreeSet<PathBuf>,
    /// The directory whose lines are being collected.
    pub(super) collecting: usize,
    /// Whether the first look is still to come: files that are there then are not new.
    pub(super) beginning: bool,
    pub(super) today: u32,
}

impl Reader {
    /// Goes on from `positions`.
    pub fn new(settings: Settings, config: &Config, positions: Positions) -> Self {
        let lines = Lines::new(
            &config.inputs.journal_matches,
            config.inputs.journal_priority,
        );
        let fields = Fields::new(lines.wanted(), settings.max_line.saturating_add(1));
        let numberings = positions.numberings.iter();
        let numberings = numberings.map(|(name, now)| (name.clone(), Watched::new(*now)));
        Self {
            directories: directory::directories(&settings.journals),
            numberings: numberings.collect(),
            positions,
            change: PositionsChange::default(),
            places: Vec::new(),
            done: HashMap::new(),
            scratch: Scratch::new(fields),
            lines,
            text: Text::new(settings.max_line),
            faults: Faults::default(),
            watch: BTreeSet::new(),
            collecting: 0,
            beginning: true,
            today: 0,
            settings,
        }
    }

    /// Takes up the files that are there, before an entry is read. Gives where they are begun.
    pub fn begin(&mut self, now: Time) -> PositionsChange {
        self.list(now);
        self.beginning = false;
        self.positions.make(self.change.clone());
        std::mem::take(&mut self.change)
    }

    /// The directories in which files may come.
    pub fn watched(&self) -> &BTreeSet<PathBuf> {
        &self.watch
    }

    /// Whether another look is wanted soon: numbers of entries were not seen.
    pub fn in_doubt(&self) -> bool {
        self.numberings.values().any(Watched::in_doubt)
    }

    /// Looks at all files to their ends, and with `names` for new ones. Gives false when nobody takes the events
    /// any more.
    pub fn look(&mut self, names: bool, now: Time, emit: &mut Emit<'_>) -> bool {
        self.stand_down();
        if names {
            self.list(now);
        }
        for place in 0..self.places.len() {
            if !self.read(place, emit) {
                return false;
            }
        }
        if !self.flush(emit) {
            return false;
        }
        if names {
            self.let_go();
            self.look_at_numbers();
        }
        self.flush(emit) && self.faults.tell(emit)
    }

    /// Where a syslog daemon has come to write files of the machine, `auto` reads no more.
    fn stand_down(&mut self) {
        let own = |directory: &Directory| directory.role != Role::Any;
        if !self.directories.iter().any(own) {
            return;
        }
        let Some(file) = directory::syslog_file() else {
            return;
        };
        self.faults.tell_once(format!(
            "journal: {file} has come: a syslog daemon writes the messages of this machine, so `set journal \
             auto` reads the journal no more"
        ));
        let (gone, stay): (Vec<_>, Vec<_>) = self.directories.drain(..).partition(own);
        self.directories = stay;
        self.collecting = 0;
        for directory in &gone {
            self.positions.directories.remove(&directory.key());
        }
        self.change.directories = Some(self.positions.directories.clone());
        let within = |path: &Path| gone.iter().any(|dir| path.starts_with(&dir.path));
        let places = self.places.iter().map(|place| (&place.path, place.id));
        let done = self.done.iter().map(|(path, done)| (path, done.id));
        let ids = places.chain(done).filter(|(path, _)| within(path));
        let ids: Vec<Id> = ids.map(|(_, id)| id).collect();
        self.forget(ids);
        self.places.retain(|place| !within(&place.path));
        self.done.retain(|path, _| !within(path));
        for place in &mut self.places {
            let of = self.directories.iter();
            let of = of.clone().position(|dir| place.path.starts_with(&dir.path));
            place.directory = of.unwrap_or_default();
        }
    }

    /// Lists the directories, and takes up the files that are new there.
    fn list(&mut self, now: Time) {
        self.today = u32::try_from(now.timestamp() / 86_400).unwrap_or_default();
        self.watch.clear();
        self.faults.begin();
        let known = self.positions.directories.clone();
        let mut names: BTreeSet<PathBuf> = BTreeSet::new();
        for at in 0..self.directories.len() {
            if let Some(directory) = self.directories.get(at).cloned() {
                self.list_one(at, &directory, now, &mut names);
            }
        }
        let own = self.directories.iter().filter(|dir| dir.role != Role::Any);
        if own.clone().count() > 0 && !own.clone().any(|dir| dir.path.is_dir()) {
            self.faults.no_journal();
        }
        if self.beginning {
            self.forget_removed();
        }
        if self.positions.directories != known {
            self.change.directories = Some(self.positions.directories.clone());
        }
        self.done.retain(|path, _| names.contains(path));
        for place in &mut self.places {
            place.missing = match names.contains(&place.path) {
                true => 0,
                false => place.missing.saturating_add(1),
            };
        }
        self.remember();
    }

    /// Notes which files were seen today, and forgets those that were not seen for long.
    fn remember(&mut self) {
        let today = self.today;
        let places = self.places.iter().filter(|place| place.missing == 0);
        let places = places.map(|place| (&place.path, place.id));
        let done = self.done.iter().map(|(path, done)| (path, done.id));
        let mut numberings = BTreeSet::new();
        for (path, id) in places.chain(done) {
            let Some(position) = self.positions.files.get_mut(&id) else {
                continue;
            };
            numberings.insert(numbering::name(path, &position.seqnum_id));
            if position.seen != today {
                position.seen = today;
                self.change.files.insert(id, Some(*position));
            }
        }
        for (name, numbers) in &mut self.numberings {
            if numbers.now().seen != today && numberings.contains(name) {
                numbers.see(today);
                let now = numbers.now();
                self.positions.numberings.insert(name.clone(), now);
                self.change.numberings.insert(name.clone(), Some(now));
            }
        }
        let oldest = today.saturating_sub(REMEMBERED);
        let gone = self.positions.files.iter();
        let gone = gone.filter(|(_, position)| position.seen < oldest);
        let gone = gone.map(|(id, _)| *id).collect();
        self.forget(gone);
        let (positions, change) = (&mut self.positions, &mut self.change);
        self.numberings.retain(|name, numbers| {
            let stays = numbers.now().seen >= oldest;
            if !stays {
                positions.numberings.remove(name);
                change.numberings.insert(name.clone(), None);
            }
            stays
        });
    }

    /// Lists a directory, and takes up the files that are new in it. Adds their paths to `names`.
    fn list_one(
        &mut self,
        at: usize,
        directory: &Directory,
        now: Time,
        names: &mut BTreeSet<PathBuf>,
    ) {
        let key = directory.key();
        self.watch.extend(directory::existing(&directory.path));
        let begun = self.positions.directories.get(&key).copied();
        let listing = match directory::list(&directory.path) {
            Ok(listing) => listing,
            Err(e) => {
                self.faults.directory(directory, &e);
                // What comes to a directory that is not there yet is new. One that is shut may have old files.
                if e.kind() == ErrorKind::NotFound && begun.is_none() {
                    self.positions
                        .directories
                        .insert(key, now.timestamp_micros());
                }
                return;
            }
        };
        self.watch.extend(listing.directories);
        for (path, e) in &listing.shut {
            self.faults.file(path, format!("it cannot be listed: {e}"));
        }
        if listing.over {
            let most = directory::MOST_FILES;
            let words = format!("there are more than {most} files: the others are not read");
            self.faults.file(&directory.path, words);
        }
        names.extend(listing.files.iter().map(|name| name.path.clone()));
        self.take_up(at, &listing.files, begun);
        if begun.is_none() {
            self.positions
                .directories
                .insert(key, now.timestamp_micros());
        }
    }

    /// Forgets the directories that are not in the configuration any more, and their files.
    fn forget_removed(&mut self) {
        let wanted: BTreeSet<BString> = self.directories.iter().map(Directory::key).collect();
        let before = self.positions.directories.len();
        self.positions
            .directories
            .retain(|known, _| wanted.contains(known));
        if self.positions.directories.len() == before {
            return;
        }
        let places = self.places.iter().map(|place| place.id);
        let there: BTreeSet<Id> = places
            .chain(self.done.values().map(|done| done.id))
            .collect();
        let gone = self.positions.files.keys();
        let gone = gone.filter(|id| !there.contains(*id)).copied().collect();
        self.forget(gone);
    }

    /// Forgets the positions of files.
    fn forget(&mut self, files: Vec<Id>) {
        for id in files {
            self.positions.files.remove(&id);
            self.change.files.insert(id, None);
        }
    }

    /// Lets go of files that get no more entries.
    fn let_go(&mut self) {
        let mut held = 0;
        let done = &mut self.done;
        self.places.retain_mut(|place| {
            if place.is_done() {
                if place.missing == 0 {
                    let (inode, id) = (place.inode, place.id);
                    done.insert(place.path.clone(), Done { inode, id });
                }
                return false;
            }
            held += usize::from(place.entries.is_some());
            if held > HELD {
                place.entries = None;
            }
            true
        });
    }

    /// Tells which entries are missing, after a look at all files.
    fn look_at_numbers(&mut self) {
        for (name, numbers) in &mut self.numberings {
            let before = numbers.now();
            let known = !self.faults.is_within(numbering::directory(name));
            let lost = numbers.looked(known);
            if lost > 0 {
                self.faults.lost(name, lost, before.base);
            }
            if numbers.now() != before {
                self.positions
                    .numberings
                    .insert(name.clone(), numbers.now());
                self.change
                    .numberings
                    .insert(name.clone(), Some(numbers.now()));
            }
        }
    }

    /// Hands over the lines that have come together, with the positions behind them.
    pub(super) fn flush(&mut self, emit: &mut Emit<'_>) -> bool {
        let change = std::mem::take(&mut self.change);
        let checkpoint = match change.is_empty() {
            true => Checkpoint::None,
            false => Checkpoint::Journal(Box::new(change)),
        };
        let directory = self.directories.get(self.collecting);
        let source = directory.map_or_else(Arc::default, |directory| directory.source.clone());
        let batch = self.text.batch(&source, checkpoint);
        batch.is_none_or(|batch| emit(Event::Batch(batch)))
    }
}
