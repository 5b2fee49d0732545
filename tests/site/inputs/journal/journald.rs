//! A systemd-journald of the test's own, in a mount namespace: it keeps its journal in a directory of the test.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Group, Pid, chown};

use crate::support::{DEADLINE, poll};

/// The script that makes the namespace: $1 is the directory of the test.
const NAMESPACE: &str = "set -e
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/journal /run/log /var/log/journal
mount --bind \"$1/journal\" /var/log/journal
mount --bind \"$1/journald.conf\" /etc/systemd/journald.conf
touch /run/systemd/journal/flushed
exec /lib/systemd/systemd-journald";

/// As [`NAMESPACE`], with a /var/log of its own, to which nothing is written yet.
const IN_MEMORY: &str = "set -e
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /var/log
mkdir -p /run/systemd/journal /run/log/journal /var/log/journal
chgrp tenshi /run/log/journal /var/log/journal
chmod 2755 /run/log/journal /var/log/journal
mount --bind \"$1/journald.conf\" /etc/systemd/journald.conf
exec /lib/systemd/systemd-journald";

/// A running journald. Killed on drop.
pub struct Journald {
    child: Child,
    root: PathBuf,
    socket: UnixDatagram,
}

impl Journald {
    /// Starts one that keeps its journal in `journal` of this directory, in files of at most 1 MiB.
    pub fn start(root: &Path) -> Self {
        let journal = root.join("journal");
        fs::create_dir_all(&journal).expect("a directory");
        // As /var/log/journal, whose files belong to the group of the directory: it may read them.
        let group = Group::from_name("tenshi").ok().flatten();
        let group = group.expect("the group of Debian's package tenshi");
        chown(&journal, None, Some(group.gid)).expect("chown, as root");
        fs::set_permissions(&journal, Permissions::from_mode(0o2755)).expect("chmod");
        let conf = "[Journal]\nStorage=persistent\nReadKMsg=no\nAudit=no\nRateLimitIntervalSec=0\n\
                    ForwardToSyslog=no\nSystemMaxFileSize=1M\nSystemMaxUse=4G\nSystemKeepFree=1M\n\
                    SystemMaxFiles=100000\n";
        fs::write(root.join("journald.conf"), conf).expect("its configuration");
        Self::begin(root, NAMESPACE)
    }

    /// Starts one that keeps its journal in memory, until it is told to copy it. Its /var/log is empty.
    pub fn in_memory(root: &Path) -> Self {
        fs::write(
            root.join("journald.conf"),
            "[Journal]\nReadKMsg=no\nAudit=no\nForwardToSyslog=no\n",
        )
        .expect("its configuration");
        Self::begin(root, IN_MEMORY)
    }

    fn begin(root: &Path, script: &str) -> Self {
        let child = Command::new("unshare")
            .args(["-m", "sh", "-c", script, "sh"])
            .arg(root)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("unshare, as root");
        let path = format!("/proc/{}/root/run/systemd/journal/socket", child.id());
        let socket = UnixDatagram::unbound().expect("a socket");
        let there = poll(DEADLINE, || socket.connect(&path).ok());
        assert!(there.is_some(), "systemd-journald does not listen");
        Self {
            child,
            root: root.to_path_buf(),
            socket,
        }
    }

    /// Writes an entry with these fields, each on a line. It waits while journald is behind.
    pub fn log(&self, fields: &str) {
        self.socket
            .send(fields.as_bytes())
            .expect("journald takes it");
    }

    /// The directory of the machine's journal, once it is there.
    pub fn directory(&self) -> PathBuf {
        let made = poll(DEADLINE, || {
            let mut entries = fs::read_dir(self.root.join("journal")).ok()?;
            entries.next()?.ok()
        });
        made.expect("journald makes its directory").path()
    }

    /// Has it put the file aside that it writes to, and begin another one.
    pub fn rotate(&self) {
        let before = self.files().len();
        self.signal(Signal::SIGUSR2);
        let rotated = poll(DEADLINE, || (self.files().len() > before).then_some(()));
        assert!(rotated.is_some(), "journald does not rotate");
    }

    /// The files of the journal.
    pub fn files(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.directory()).expect("the directory");
        let mut files: Vec<PathBuf> = entries.filter_map(|e| Some(e.ok()?.path())).collect();
        files.sort();
        files
    }

    /// The messages in the journal that begin with `word`, as journalctl shows them.
    pub fn messages(&self, word: &str) -> Vec<String> {
        let output = Command::new("journalctl")
            .args(["-o", "cat", "-q", "-D"])
            .arg(self.directory())
            .output()
            .expect("journalctl");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let lines = text.lines().filter(|line| line.starts_with(word));
        lines.map(str::to_owned).collect()
    }

    /// Number of entries in a file.
    pub fn entries(&self, file: &Path) -> u64 {
        let bytes = fs::read(file).expect("the file");
        u64::from_le_bytes(bytes[152..160].try_into().expect("eight bytes"))
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).expect("journald runs");
    }

    /// Its process id.
    pub fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().try_into().expect("a pid"))
    }

    /// A path as it sees it, from outside.
    pub fn inside(&self, path: &str) -> PathBuf {
        Path::new("/proc")
            .join(self.pid().to_string())
            .join("root")
            .join(path)
    }
}

impl Drop for Journald {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
