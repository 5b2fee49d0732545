//! A real terminal: tmux, whose screen is read and into which keys are typed.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::{Dir, poll};

/// A terminal of 80 columns and 24 rows with a shell in it. It ends with this.
pub struct Tmux {
    socket: PathBuf,
}

impl Tmux {
    /// Starts it in a directory.
    pub fn start(dir: &Dir) -> Self {
        let tmux = Self {
            socket: dir.path("tmux"),
        };
        let shell = "PS1='$ ' exec /bin/sh";
        let mut begin = vec!["-f", "/dev/null", "new-session", "-d", "-s", "t"];
        begin.extend(["-x", "80", "-y", "24", shell]);
        tmux.run_in(dir.root(), &begin);
        tmux.wait("$");
        tmux
    }

    fn run_in(&self, directory: &Path, words: &[&str]) -> String {
        let output = Command::new("tmux")
            .arg("-S")
            .arg(&self.socket)
            .args(words)
            .current_dir(directory)
            .env("LC_ALL", "C.UTF-8")
            .env_remove("TMUX")
            .env_remove("NO_COLOR")
            .output()
            .expect("tmux: Debian package tmux");
        assert!(output.status.success(), "{words:?}: {output:?}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Runs a command of tmux.
    pub fn run(&self, words: &[&str]) -> String {
        self.run_in(Path::new("/"), words)
    }

    /// Types keys, each by the name that tmux has for it.
    pub fn keys(&self, keys: &[&str]) {
        self.run(&[&["send-keys", "-t", "t"], keys].concat());
    }

    /// Types a line into the shell.
    pub fn shell(&self, line: &str) {
        self.run(&["send-keys", "-t", "t", "-l", line]);
        self.keys(&["Enter"]);
    }

    /// What stands on the screen.
    pub fn screen(&self) -> String {
        self.run(&["capture-pane", "-p", "-t", "t"])
    }

    /// What stands on the screen, with its colours.
    pub fn coloured(&self) -> String {
        self.run(&["capture-pane", "-p", "-e", "-t", "t"])
    }

    /// Waits until the screen holds a text, and gives the screen.
    pub fn wait(&self, text: &str) -> String {
        self.wait_for(text, |screen| screen.contains(text))
    }

    /// Waits until a screen is as it should be, and gives it.
    pub fn wait_for(&self, what: &str, is: impl Fn(&str) -> bool) -> String {
        /// A debug build reads the log of a console for a while.
        const LONG: Duration = Duration::from_secs(60);
        let found = poll(LONG, || {
            let screen = self.screen();
            std::thread::sleep(Duration::from_millis(20));
            is(&screen).then_some(screen)
        });
        found.unwrap_or_else(|| panic!("no {what}:\n{}", self.screen()))
    }

    /// Types keys, and waits for what they lead to.
    pub fn press(&self, keys: &[&str], text: &str) -> String {
        self.keys(keys);
        self.wait(text)
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        let mut end = Command::new("tmux");
        let _ = end.arg("-S").arg(&self.socket).arg("kill-server").output();
    }
}
