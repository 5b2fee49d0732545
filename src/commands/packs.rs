//! `tenshi packs`: which of the rule files that come with tenshi fit the programs in logs, how many lines
//! each would take of those that no rule takes or only one that takes everything, and links to them.

use std::io::{self, Write};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{check, logs, saved};
use crate::analysis::{Classifier, Outcome};
use crate::cli::PacksArgs;
use crate::config::{self, Config, Diagnostic, IncludeDir, Loaded};
use crate::packs::{Counts, Pack, Packs, is_open};
use crate::record::MessageText;
use crate::shown::{shown, shown_os, shown_path, thousands};

/// The directory of the rule files of the Debian package.
const INSTALLED: &str = "/usr/share/tenshi/includes";
/// The directory where `make install` puts the rule files, from the directory of the program on.
const BESIDE: &str = "../share/tenshi/includes";
/// Programs of a file that are named, at most.
const FEW: usize = 3;

/// The number of all lines that were read, and the number of lines that are open for a rule file.
#[derive(Default)]
struct Seen {
    lines: u64,
    open: u64,
    /// Lines without a time and a host that tenshi knows: no rule sees them.
    unknown: u64,
}

/// Counts what each rule file would take, and shows or links those that fit. The exit status: 1 if anything
/// could not be read or linked.
pub fn run(args: &PacksArgs, out: &mut dyn Write, err: &mut dyn Write) -> i32 {
    let mut loaded = config::load(&args.config);
    tell_errors(&loaded.diagnostics, err);
    let Some(config) = loaded.config.take().map(Arc::new) else {
        return 1;
    };
    let directory = args.from.clone().unwrap_or_else(installed);
    let (mut packs, faults) = match Packs::read(&directory, &config) {
        Ok(read) => read,
        Err(e) => {
            let hint = "name the directory of the rule files by --from";
            let _ = writeln!(err, "tenshi: {}: {e}: {hint}", shown_path(&directory));
            return 1;
        }
    };
    for fault in &faults {
        tell_errors(&fault.errors, err);
    }
    let site = Site {
        loaded: &loaded,
        file: &args.config,
    };
    let (names, files) = words(args, &packs);
    let used = packs.all().iter().filter(|pack| site.uses(pack));
    let used: Vec<String> = used.map(name).collect();
    let wanted = |pack: &Pack| names.is_empty() || names.iter().any(|name| name == pack.name());
    packs.retain(|pack| !site.uses(pack) && wanted(pack));
    let (seen, whole) = count(
        &files,
        &config,
        &mut packs,
        args.link.then_some(&directory),
        err,
    );
    let linked = show(&packs, &seen, &used, &config, out).and_then(|()| match args.link {
        true => site.link(&packs, &names, out, err),
        false => advise(&packs, out).map(|()| true),
    });
    match linked.and_then(|linked| out.flush().map(|()| linked)) {
        Err(e) if e.kind() != io::ErrorKind::BrokenPipe => {
            let _ = writeln!(err, "tenshi: {e}");
            1
        }
        Err(_) => 0,
        Ok(linked) => i32::from(!(linked && whole)),
    }
}

/// Writes the errors among diagnostics. Nobody listens to a message that cannot be written.
fn tell_errors(diagnostics: &[Diagnostic], err: &mut dyn Write) {
    let errors = diagnostics.iter().filter(|d| d.is_error());
    let errors: Vec<Diagnostic> = errors.cloned().collect();
    let _ = check::tell(&errors, false, err);
}

/// The words of the command line: the names of rule files behind `--link`, and the logs.
fn words(args: &PacksArgs, packs: &Packs) -> (Vec<PathBuf>, Vec<PathBuf>) {
    let is_name = |word: &PathBuf| packs.all().iter().any(|pack| word == pack.name());
    let words = args.words.iter().cloned();
    words.partition(|word| args.link && is_name(word))
}

/// The directory of the rule files that were installed with this program.
pub(super) fn installed() -> PathBuf {
    let program = std::env::current_exe().ok();
    let beside = program.and_then(|program| Some(program.parent()?.join(BESIDE)));
    let beside = beside.and_then(|path| path.canonicalize().ok());
    beside.unwrap_or_else(|| INSTALLED.into())
}

/// Counts the lines of the logs. A word that is no log may be meant for a rule file of `names_in`. The second value is
/// whether all logs were read.
fn count(
    files: &[PathBuf],
    config: &Arc<Config>,
    packs: &mut Packs,
    names_in: Option<&Path>,
    err: &mut dyn Write,
) -> (Seen, bool) {
    let mut seen = Seen::default();
    let mut whole = true;
    let mut classifier = Classifier::new(Arc::clone(config));
    let mut take = |line: &[u8]| {
        seen.lines += 1;
        let taken = classifier.take(line);
        let taker = match taken.outcome {
            Outcome::NoPrefix | Outcome::NoHost => {
                seen.unknown += 1;
                return;
            }
            Outcome::Unmatched => None,
            Outcome::Rule(id) => Some(id),
        };
        if is_open(config, taker) {
            seen.open += 1;
            let mut room = Vec::new();
            // What the rules see has its process id hidden already.
            let mut text = MessageText::new(taken.message, false, &mut room);
            packs.count(taken.host, &mut text);
        }
    };
    for file in logs::named_or_followed(files, config) {
        let max = config.inputs.max_line;
        let read = saved::open_decoded(&file, "tenshi packs -", config);
        let read = read.and_then(|mut log| logs::each_line(&mut log, max, &mut take));
        if let Err(e) = read {
            let why = match names_in {
                Some(dir) if e.kind() == io::ErrorKind::NotFound => {
                    format!("neither a log nor a rule file of {}", shown_path(dir))
                }
                _ => e.to_string(),
            };
            let _ = writeln!(err, "tenshi: {}: {why}", shown_path(&file));
            whole = false;
        }
    }
    (seen, whole)
}

pub(super) fn name(pack: &Pack) -> String {
    shown_os(pack.name()).to_string()
}

/// Writes what each file would take.
fn show(
    packs: &Packs,
    seen: &Seen,
    used: &[String],
    config: &Config,
    out: &mut dyn Write,
) -> io::Result<()> {
    let (lines, open) = (thousands(seen.lines), thousands(seen.open));
    let which = format!("No rule takes {open} of them, or only one that takes everything.");
    writeln!(out, "{lines} lines. {which}")?;
    if seen.unknown > 0 {
        let unknown = thousands(seen.unknown);
        writeln!(
            out,
            "Without a known time and host are {unknown}: no rule sees these."
        )?;
    }
    if !config.lines.hidepid {
        let lacks = "which this configuration lacks";
        writeln!(out, "The rule files need `set hidepid on`, {lacks}.")?;
    }
    if !used.is_empty() {
        writeln!(out, "There already: {}.", used.join(", "))?;
    }
    let (fitting, rest) = fitting(packs);
    if fitting.is_empty() {
        return writeln!(out, "No other rule file takes any of these lines.");
    }
    table(&fitting, out)?;
    for pack in rest {
        let taken = thousands(pack.counts().taken);
        writeln!(
            out,
            "Not needed: {}, whose {taken} lines these take.",
            name(pack)
        )?;
    }
    let together = packs.together();
    let share = 1000 * together / seen.lines.max(1);
    let (whole, tenth) = (share / 10, share % 10);
    let (files, together) = (fitting.len(), thousands(together));
    let files = match files {
        1 => "1 file fits:".to_owned(),
        _ => format!("{files} files fit: together"),
    };
    writeln!(out, "\n{files} {together} lines, {whole}.{tenth} % of all.")
}

/// The files that fit, and those that would take lines, but none that the others leave.
pub(super) fn fitting(packs: &Packs) -> (Vec<&Pack>, Vec<&Pack>) {
    let (mut needed, mut rest) = (Vec::new(), Vec::new());
    for fit in packs.fitting() {
        match fit.added {
            0 => rest.push(fit.pack),
            _ => needed.push(fit.pack),
        }
    }
    (needed, rest)
}

/// Writes a row for each file.
fn table(fitting: &[&Pack], out: &mut dyn Write) -> io::Result<()> {
    let width = fitting.iter().map(|pack| name(pack).chars().count()).max();
    let width = width.unwrap_or(0).max("file".len());
    writeln!(out, "\n     takes of lines  {:width$}  into", "file")?;
    for pack in fitting {
        let (name, counts) = (name(pack), pack.counts());
        let (taken, lines) = (thousands(counts.taken), thousands(counts.lines));
        let queues = queues(counts);
        writeln!(out, "{taken:>10} {lines:>8}  {name:width$}  {queues}")?;
        let programs = programs(counts);
        if programs != name {
            writeln!(out, "{:21}{:width$}  of {programs}", "", "")?;
        }
    }
    Ok(())
}

/// The queues that the lines would come to.
fn queues(counts: &Counts) -> String {
    let each = counts
        .queues
        .iter()
        .map(|(name, count)| format!("{name} {}", thousands(*count)));
    each.collect::<Vec<_>>().join(", ")
}

/// The programs of a file, the first few of them by name.
fn programs(counts: &Counts) -> String {
    let all = counts.by_lines();
    let named = all
        .iter()
        .take(FEW)
        .map(|(name, _)| shown(name).to_string());
    let mut named = named.collect::<Vec<_>>().join(", ");
    if all.len() > FEW {
        named += &format!(" and {} more", all.len() - FEW);
    }
    named
}

/// Says how the files come to be used.
fn advise(packs: &Packs, out: &mut dyn Write) -> io::Result<()> {
    if packs.fitting().is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "To link them: tenshi packs --link. To link some of them, name them behind it."
    )
}

/// The site that rule files are linked for.
pub(super) struct Site<'a> {
    pub(super) loaded: &'a Loaded,
    /// The configuration file, as the command line names it.
    pub(super) file: &'a Path,
}

impl Site<'_> {
    /// Whether the configuration has read this rule file, or has a file of the same name in the directory that it would
    /// be linked into.
    pub(super) fn uses(&self, pack: &Pack) -> bool {
        let real = pack.path().canonicalize().ok();
        let reads = |path: &PathBuf| path.canonicalize().ok() == real;
        let there = |dir: &IncludeDir| dir.path.join(pack.name()).symlink_metadata().is_ok();
        self.loaded.files.iter().any(reads) || self.loaded.include_dirs.iter().any(there)
    }

    /// The directory that rule files are linked into, or why there is none.
    pub(super) fn directory(&self) -> Result<&Path, String> {
        let dirs = &self.loaded.include_dirs;
        if let Some(open) = dirs.iter().find(|dir| dir.behind.is_none()) {
            return Ok(&open.path);
        }
        let file = shown_path(self.file);
        Err(match dirs.first().and_then(|dir| dir.behind.as_ref()) {
            Some(place) => format!(
                "the rule at {place} takes every line before it comes to the `includedir` behind it: write \
                 the `includedir` before that rule"
            ),
            None => format!(
                "{file} includes no directory: write `includedir /etc/tenshi/includes-active` before the \
                 rule that takes everything, and make that directory"
            ),
        })
    }

    /// Links the files that fit. Whether all that was asked for could be done.
    fn link(
        &self,
        packs: &Packs,
        names: &[PathBuf],
        out: &mut dyn Write,
        err: &mut dyn Write,
    ) -> io::Result<bool> {
        let mut done = true;
        let none = packs.all().iter().filter(|pack| !pack.fits());
        for pack in none.filter(|_| !names.is_empty()) {
            writeln!(
                out,
                "not linked: {}, as it takes none of these lines",
                name(pack)
            )?;
        }
        let (fitting, _) = fitting(packs);
        if fitting.is_empty() {
            return Ok(done);
        }
        let directory = match self.directory() {
            Ok(directory) => directory,
            Err(why) => {
                let _ = writeln!(err, "tenshi: {why}");
                return Ok(false);
            }
        };
        let mut linked = 0;
        for pack in fitting {
            match self.link_one(pack, directory) {
                Ok((link, target)) => {
                    linked += 1;
                    let (link, target) = (shown_path(&link), shown_path(&target));
                    writeln!(out, "linked {link} -> {target}")?;
                }
                Err(why) => {
                    done = false;
                    let _ = writeln!(err, "tenshi: not linked: {}: {why}", name(pack));
                }
            }
        }
        if linked > 0 {
            let option = match self.file == Path::new(crate::cli::CONFIGURATION) {
                true => String::new(),
                false => format!(" -c {}", shown_path(self.file)),
            };
            let steps = format!("    tenshi -C{option}\n    systemctl reload tenshi");
            writeln!(out, "\nNow check it, and have the daemon read it:\n{steps}")?;
        }
        Ok(done)
    }

    /// Links a file, and gives the path of the link and of what it leads to.
    pub(super) fn link_one(
        &self,
        pack: &Pack,
        directory: &Path,
    ) -> Result<(PathBuf, PathBuf), String> {
        if let Some(queue) = pack.missing_queues().first() {
            let file = shown_path(self.file);
            return Err(format!(
                "its rules name the queue `{queue}`, which {file} does not define: write \
                 `set queue {queue} FROM TO [WHEN]`"
            ));
        }
        let link = directory.join(pack.name());
        let linked = pack.path().canonicalize().and_then(|target| {
            symlink(&target, &link)?;
            Ok(target)
        });
        match linked {
            Ok(target) => Ok((link, target)),
            Err(e) => Err(format!("{}: {e}", shown_path(&link))),
        }
    }
}
