//! A log that is written and rotated several times a second, each line with a number.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::support::line;
use crate::support::random::Random;

/// How a log is rotated, as the table of docs/following.md has it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Scheme {
    /// Renamed, and made anew at once; the writer adds to the old file until its HUP.
    Create,
    /// Renamed; the writer makes the new file at its HUP.
    NoCreate,
    /// As `create`; the file before is packed.
    DelayCompress,
    /// As `create`; packed as soon as the writer let go.
    Compress,
    /// Renamed to a name with a date.
    Date,
    /// Renamed to a name with a date before the extension.
    DateExtension,
    /// The new file is put in the old one's place, which has a second name by then.
    Swap,
    /// Copied, and truncated.
    CopyTruncate,
    /// Packed from its name by hand, and truncated.
    PackedByHand,
    /// Packed and added to the one before, and truncated.
    PackedTogether,
    /// Added to the copy before, and truncated.
    Added,
    /// Added to the copy before, and truncated, with another copy every tenth time.
    AddedByMonth,
    /// Replaced by a copy of itself; the writer pauses meanwhile.
    CopyOfItself,
    /// One file a day, of a pattern; the file of the day before is packed under its name.
    Days,
}

/// All of them.
pub const SCHEMES: [Scheme; 14] = [
    Scheme::Create,
    Scheme::NoCreate,
    Scheme::DelayCompress,
    Scheme::Compress,
    Scheme::Date,
    Scheme::DateExtension,
    Scheme::Swap,
    Scheme::CopyTruncate,
    Scheme::PackedByHand,
    Scheme::PackedTogether,
    Scheme::Added,
    Scheme::AddedByMonth,
    Scheme::CopyOfItself,
    Scheme::Days,
];

/// The one way that `TENSHI_TORTURE_SCHEME` names.
pub fn only() -> Option<Scheme> {
    let name = std::env::var("TENSHI_TORTURE_SCHEME").ok()?;
    let found = SCHEMES
        .into_iter()
        .find(|scheme| format!("{scheme:?}") == name);
    Some(found.unwrap_or_else(|| panic!("one of {SCHEMES:?}")))
}

impl Scheme {
    /// The way in words.
    pub fn describe(self) -> &'static str {
        match self {
            Self::Create => "renamed and made anew (`create`), with late lines",
            Self::NoCreate => "renamed (`nocreate`), with late lines",
            Self::DelayCompress => "`create`, the file before packed (`delaycompress`)",
            Self::Compress => "`create`, packed at once (`compress`)",
            Self::Date => "renamed to a date (`dateext`)",
            Self::DateExtension => "renamed to a date before the extension (`extension .log`)",
            Self::Swap => "linked to a second name, a new file put in its place",
            Self::CopyTruncate => "copied and truncated (`copytruncate`)",
            Self::PackedByHand => "packed by `gzip -c log > log.1.gz` and truncated",
            Self::PackedTogether => "packed and added (`gzip -c log >> log.1.gz`) and truncated",
            Self::Added => "added to the copy before (`cat log >> log.old`) and truncated",
            Self::AddedByMonth => {
                "added to one of several copies (`cat log >> log-202611`) and truncated"
            }
            Self::CopyOfItself => "replaced by a copy of itself (rsync, editors)",
            Self::Days => "a new file each time, of a pattern, the one before packed",
        }
    }
}

/// A log, its writer and its rotator.
pub struct Writer {
    pub name: String,
    pub scheme: Scheme,
    directory: PathBuf,
    file: File,
    random: Random,
    pub lines: usize,
    pub rotations: usize,
    /// The end of a line whose beginning is written.
    rest: Vec<u8>,
}

impl Writer {
    pub fn new(directory: &Path, name: &str, scheme: Scheme, seed: u64) -> Self {
        let mut writer = Self {
            name: name.to_owned(),
            scheme,
            directory: directory.to_owned(),
            file: File::open("/dev/null").expect("/dev/null"),
            random: Random::new(seed),
            lines: 0,
            rotations: 0,
            rest: Vec::new(),
        };
        writer.file = append(&writer.path());
        writer
    }

    /// What `set logfile` has to say.
    pub fn logfile(&self) -> PathBuf {
        match self.scheme {
            Scheme::Days => self.directory.join(format!("{}-day*.log", self.name)),
            _ => self.path(),
        }
    }

    fn path(&self) -> PathBuf {
        let name = match self.scheme {
            Scheme::Days => format!("{}-day{}.log", self.name, self.rotations),
            _ => format!("{}.log", self.name),
        };
        self.directory.join(name)
    }

    fn named(&self, suffix: &str) -> PathBuf {
        PathBuf::from(format!("{}{suffix}", self.path().display()))
    }

    /// Writes some lines, the last one perhaps in two parts.
    fn write(&mut self) {
        let mut text = std::mem::take(&mut self.rest);
        for _ in 0..=self.random.below(5) {
            self.lines += 1;
            let pad = "x".repeat(self.random.below(120));
            text.extend(line("h1", &format!("{} {} {pad}", self.name, self.lines)).into_bytes());
        }
        if self.random.percent(20) {
            self.rest = text.split_off(text.len() - self.random.below(20) - 1);
        }
        self.file.write_all(&text).expect("write a log");
    }

    /// Writes for about so long.
    pub fn write_for(&mut self, ms: usize) {
        let mut left = ms;
        loop {
            self.write();
            let pause = self.random.below(40) + 5;
            if left < pause {
                return;
            }
            left -= pause;
            std::thread::sleep(Duration::from_millis(pause as u64));
        }
    }

    /// Ends the line that was begun.
    pub fn end_line(&mut self) {
        let rest = std::mem::take(&mut self.rest);
        self.file.write_all(&rest).expect("write a log");
    }

    /// The writer's HUP: what it began it ends in the old file.
    fn reopen(&mut self) {
        self.end_line();
        self.file = append(&self.path());
    }

    fn pause(&mut self, most: usize) {
        let pause = self.random.below(most * 1000 + 1) as u64;
        std::thread::sleep(Duration::from_micros(pause));
    }

    /// The lines between a rotation and the writer's HUP.
    fn write_late(&mut self) {
        let ms = *self.random.pick(&[0, 20, 60, 150]);
        self.write_for(ms);
        self.reopen();
    }

    pub fn rotate(&mut self) {
        match self.scheme {
            Scheme::Create | Scheme::DelayCompress | Scheme::Compress => self.create(),
            Scheme::NoCreate => {
                self.shift();
                fs::rename(self.path(), self.named(".1")).expect("rename");
                self.write_late();
            }
            Scheme::Date | Scheme::DateExtension => self.date(),
            Scheme::Swap => {
                self.shift();
                fs::hard_link(self.path(), self.named(".1")).expect("a second name");
                self.pause(5);
                drop(append(&self.named(".tmp")));
                fs::rename(self.named(".tmp"), self.path()).expect("rename");
                self.write_late();
            }
            Scheme::CopyTruncate
            | Scheme::PackedByHand
            | Scheme::PackedTogether
            | Scheme::Added
            | Scheme::AddedByMonth => self.copy(),
            Scheme::CopyOfItself => {
                self.end_line();
                fs::copy(self.path(), self.named(".X")).expect("the copy");
                self.pause(5);
                fs::rename(self.named(".X"), self.path()).expect("rename");
                self.reopen();
            }
            Scheme::Days => {
                self.end_line();
                let old = self.path();
                self.rotations += 1;
                self.reopen();
                self.write_for(20);
                pack(&old);
                return;
            }
        }
        self.rotations += 1;
        match self.scheme {
            Scheme::DelayCompress if self.named(".2").exists() => pack(&self.named(".2")),
            Scheme::Compress => pack(&self.named(".1")),
            _ => {}
        }
    }

    fn create(&mut self) {
        self.shift();
        fs::rename(self.path(), self.named(".1")).expect("rename");
        self.pause(2);
        drop(append(&self.path()));
        self.write_late();
    }

    fn date(&mut self) {
        let date = format!("-{}", 20_261_123_000_000 + self.rotations);
        let new = match self.scheme {
            Scheme::Date => self.named(&date),
            _ => self.directory.join(format!("{}{date}.log", self.name)),
        };
        fs::rename(self.path(), new).expect("rename");
        self.pause(2);
        drop(append(&self.path()));
        self.write_late();
    }

    /// Nothing is written between the copy and the truncation: it would be destroyed.
    fn copy(&mut self) {
        self.end_line();
        match self.scheme {
            Scheme::CopyTruncate => {
                self.shift();
                fs::copy(self.path(), self.named(".1")).expect("the copy");
            }
            Scheme::PackedByHand => {
                self.shift();
                let packed = File::create(self.named(".1.gz")).expect("the copy");
                self.copied_by("gzip", "-c", packed);
            }
            Scheme::PackedTogether => {
                self.copied_by("gzip", "-c", append(&self.named(".1.gz")));
            }
            Scheme::AddedByMonth => {
                let month = format!("-{}", 202_601 + self.rotations / 10);
                self.copied_by("cat", "-u", append(&self.named(&month)));
            }
            _ => self.copied_by("cat", "-u", append(&self.named(".old"))),
        }
        self.pause(5);
        self.file.set_len(0).expect("the truncation");
    }

    fn copied_by(&self, program: &str, option: &str, to: File) {
        let mut command = Command::new(program);
        command.arg(option).arg(self.path()).stdout(to);
        assert!(command.status().expect("the copy").success(), "{program}");
    }

    /// `.1` becomes `.2`, and so on: none is ever deleted.
    fn shift(&self) {
        for n in (1..=self.rotations).rev() {
            for packed in ["", ".gz"] {
                let (from, to) = (format!(".{n}{packed}"), format!(".{}{packed}", n + 1));
                let _ = fs::rename(self.named(&from), self.named(&to));
            }
        }
    }
}

/// Opens a file as the writer of a log does.
pub fn append(path: &Path) -> File {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    options.open(path).expect("open a log")
}

/// As logrotate has it done: the time of the file stays.
fn pack(path: &Path) {
    let packed = Command::new("gzip").arg(path).status();
    assert!(packed.expect("gzip").success());
}
