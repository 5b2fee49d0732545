//! The configuration: what is accepted, what is refused and how that is told, and what it means.

mod bad_input;
mod diagnostics;
mod host_system;
mod meaning;
mod original;

use std::path::{Path, PathBuf};

use tenshi::config::{self, Config, Loaded};

/// A directory for one test.
struct Dir(tempfile::TempDir);

impl Dir {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary directory"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("the directory is made");
        std::fs::write(&path, content).expect("the file is written");
        path
    }

    /// Writes `tenshi.conf`, loads it, and looks at the machine, as the start and `-C` do.
    fn load(&self, content: impl AsRef<[u8]>) -> Loaded {
        let mut loaded = config::load(&self.write("tenshi.conf", content));
        tenshi::host_system::check(&mut loaded);
        loaded
    }
}

/// What came of it, as `-C` shows it, the directory's name left out.
fn told(loaded: &Loaded, dir: &Dir) -> String {
    let all: Vec<String> = loaded.diagnostics.iter().map(ToString::to_string).collect();
    all.join("\n")
        .replace(&format!("{}/", dir.0.path().display()), "")
}

/// The configuration of text that must be right, read without the file system.
fn good(text: &str) -> Config {
    let loaded = config::parse_bytes(text.as_bytes());
    let errors: Vec<_> = loaded
        .diagnostics
        .iter()
        .filter(|d| d.is_error())
        .map(ToString::to_string)
        .collect();
    loaded
        .config
        .unwrap_or_else(|| panic!("{}", errors.join("\n")))
}

/// `-C` on a file: exit status, standard output, standard error.
fn check(path: &Path, debug: u8) -> (i32, String, String) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let status = tenshi::commands::check::run(path, debug, &mut out, &mut err);
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("what is shown is UTF-8");
    (status, text(out), text(err))
}
