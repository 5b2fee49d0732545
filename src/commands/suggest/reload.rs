//! What the answers of a review change for the logs, whether `tenshi -C` agrees, and the daemon that is told.

use std::ffi::OsString;
use std::io::{self, Write};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::checks::catch_all;
use super::screen::Page;
use crate::analysis::Difference;
use crate::cli::{self, Command};
use crate::commands::{check, diff, logs, saved};
use crate::config::{self, Config, Loaded};
use crate::shown::shown_path;

/// What a review compares.
#[derive(Debug)]
pub(super) struct Comparison<'a> {
    /// The configuration file.
    pub(super) path: &'a Path,
    /// What it meant before the review.
    pub(super) before: &'a Arc<Config>,
    /// The file of the answers.
    pub(super) answers: &'a Path,
    /// The logs.
    pub(super) files: &'a [PathBuf],
}

impl Comparison<'_> {
    /// Compares the configurations before and after on the logs, and checks the one after. The daemon that may be
    /// told comes second.
    pub(super) fn page(&self) -> (Page, Option<Pid>) {
        let mut text = Vec::new();
        // Writing into memory cannot fail.
        let daemon = self.write(&mut text).unwrap_or_default();
        let page = Page::new(&text);
        match daemon {
            Some(pid) => {
                let question = format!("Have the daemon (process {pid}) read it now?");
                (page.asking(question), Some(pid))
            }
            None => (page, None),
        }
    }

    fn write(&self, text: &mut Vec<u8>) -> io::Result<Option<Pid>> {
        let loaded = config::load(self.path);
        let included = self.is_included(&loaded);
        let loaded = match included {
            true => loaded,
            false => self.with_answers(loaded),
        };
        let (file, answers) = (shown_path(self.path), shown_path(self.answers));
        let Some(after) = loaded.config.clone().map(Arc::new) else {
            writeln!(text, "{file} has errors with {answers}:\n")?;
            check::tell(&loaded.diagnostics, false, text)?;
            return Ok(None);
        };
        writeln!(
            text,
            "tenshi diff, {file} before this review and with its answers:\n"
        )?;
        self.difference(after, text)?;
        if !included {
            writeln!(
                text,
                "\n{file} does not include {answers}: write `include {answers}` before the rule that takes \
                 every line, then reload the daemon."
            )?;
            return Ok(None);
        }
        writeln!(text, "\ntenshi -C:\n")?;
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let status = check::run(self.path, 0, &mut out, &mut err);
        text.extend_from_slice(&err);
        text.extend_from_slice(&out);
        match daemon(self.path) {
            _ if status != 0 => writeln!(text, "\nThe daemon would refuse this.")?,
            Ok(pid) => return Ok(Some(pid)),
            Err(why) => writeln!(text, "\n{why}")?,
        }
        Ok(None)
    }

    /// Whether the configuration reads the file of the answers.
    fn is_included(&self, loaded: &Loaded) -> bool {
        let real = |path: &Path| path.canonicalize().ok();
        let answers = real(self.answers);
        answers.is_none() || loaded.files.iter().any(|file| real(file) == answers)
    }

    /// The configuration as it would be with the file of the answers before the rule that takes every line.
    fn with_answers(&self, loaded: Loaded) -> Loaded {
        let Ok(text) = std::fs::read(self.path) else {
            return loaded;
        };
        let rules = loaded.config.as_ref().map(|config| &config.rules[..]);
        let rules = rules.unwrap_or_default();
        let place = rules.get(catch_all(rules)).map(|rule| &rule.place);
        let main = loaded.files.first().map(PathBuf::as_path);
        let line = match place {
            Some(place) if Some(&*place.file) == main => usize::try_from(place.line).unwrap_or(1),
            Some(_) => return loaded,
            None => usize::MAX,
        };
        let mut lines: Vec<&[u8]> = text.split_inclusive(|b| *b == b'\n').collect();
        let path = self.answers.canonicalize().unwrap_or_default();
        let include = [b"include ", path.as_os_str().as_encoded_bytes(), b"\n"].concat();
        lines.insert(line.saturating_sub(1).min(lines.len()), &include);
        config::load_text(self.path, &lines.concat())
    }

    /// Writes what changes for the logs.
    fn difference(&self, after: Arc<Config>, text: &mut Vec<u8>) -> io::Result<()> {
        let max = after.inputs.max_line.max(self.before.inputs.max_line);
        let mut difference = Difference::new(Arc::clone(self.before), after);
        for file in self.files {
            if file == Path::new("-") {
                writeln!(
                    text,
                    "The standard input cannot be read again: its lines are left out.\n"
                )?;
                continue;
            }
            let read = saved::open_decoded(file, "tenshi diff OLD NEW -", self.before).and_then(
                |mut log| logs::each_line(&mut *log, max, &mut |line| difference.take(line)),
            );
            if let Err(e) = read {
                writeln!(text, "{}: {e}", shown_path(file))?;
            }
        }
        diff::write_text(&difference, text)
    }
}

/// The running daemon of a configuration file, or what to do without one.
fn daemon(path: &Path) -> Result<Pid, String> {
    let advice = "reload the daemon yourself: systemctl reload tenshi";
    let wanted = path.canonicalize().ok();
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let daemons: Vec<i32> = pids
        .filter(|pid| wanted.is_some() && configuration_of(*pid) == wanted)
        .collect();
    let file = shown_path(path);
    match daemons[..] {
        [pid] => Ok(Pid::from_raw(pid)),
        [] => Err(format!(
            "No daemon that runs with {file} was found: {advice}"
        )),
        [..] => Err(format!("Several daemons run with {file}: {advice}")),
    }
}

/// The configuration file of a process that is a daemon of ours.
fn configuration_of(pid: i32) -> Option<PathBuf> {
    let of = |name: &str| PathBuf::from(format!("/proc/{pid}/{name}"));
    let name = std::fs::read(of("comm")).ok()?;
    if name.trim_ascii_end() != b"tenshi" {
        return None;
    }
    let line = std::fs::read(of("cmdline")).ok()?;
    let words = line.strip_suffix(b"\0")?.split(|b| *b == 0);
    let words = words.map(|word| OsString::from_vec(word.to_vec()));
    match cli::parse(words).ok()? {
        Command::Run(args) => of("cwd").join(args.config).canonicalize().ok(),
        _ => None,
    }
}

/// Has the daemon read its configuration again; what came of it, in words.
pub(super) fn reload(pid: Pid) -> String {
    match kill(pid, Signal::SIGHUP) {
        Ok(()) => {
            format!("process {pid} reads its configuration again; its log says how that went")
        }
        Err(e) => format!("process {pid}: {}: reload the daemon yourself", e.desc()),
    }
}
