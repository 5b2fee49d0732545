//! Files that must be plain files, opened so that nothing else in their place can hold us: a FIFO
//! without a writer blocks an ordinary open(2) for ever.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;
use std::time::{Duration, Instant};

use nix::libc::{O_CLOEXEC, O_NOCTTY, O_NOFOLLOW, O_NONBLOCK};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// The time that a pipe may take to give its content.
const PIPE_LIMIT: Duration = Duration::from_secs(5);

/// Opens a plain file of this very name for reading: a link is not followed.
///
/// # Errors
/// The file cannot be opened, or is no plain file; the text says what it is.
pub fn open(path: &Path) -> io::Result<File> {
    open_with(OpenOptions::new().read(true), path)
}

/// Opens a plain file for reading, which may be behind a link.
///
/// # Errors
/// As for [`open`].
pub fn open_behind(path: &Path) -> io::Result<File> {
    let flags = O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
    let mut options = OpenOptions::new();
    let file = options.read(true).custom_flags(flags).open(path)?;
    plain_alone(file)
}

/// Opens a plain file of this very name with these options: a link is not followed.
///
/// # Errors
/// As for [`open`].
pub fn open_with(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    let flags = O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
    // A link is ELOOP, a FIFO without a reader and a socket are ENXIO: neither says much.
    let opened = options.custom_flags(flags).open(path);
    let file = opened.map_err(|fault| what(path).map_or(fault, refused))?;
    plain_alone(file)
}

fn plain_alone(file: File) -> io::Result<File> {
    match what_is(&file.metadata()?.file_type()) {
        Some(words) => Err(refused(words)),
        None => Ok(file),
    }
}

/// The kind of file that has this path, if it is no plain file.
fn what(path: &Path) -> Option<&'static str> {
    let meta = std::fs::symlink_metadata(path).ok()?;
    what_is(&meta.file_type())
}

fn what_is(kind: &std::fs::FileType) -> Option<&'static str> {
    match kind {
        kind if kind.is_file() => None,
        kind if kind.is_symlink() => Some("a link"),
        kind if kind.is_dir() => Some("a directory"),
        kind if kind.is_fifo() => Some("a FIFO"),
        kind if kind.is_socket() => Some("a socket"),
        _ => Some("a device"),
    }
}

fn refused(what: &str) -> io::Error {
    let text = format!("it is {what}, not a plain file: move it away");
    io::Error::new(io::ErrorKind::InvalidInput, text)
}

/// Reads a whole file, which may be a pipe such as `/dev/stdin` or what a shell makes of `<(…)`, up
/// to `most` bytes.
///
/// # Errors
/// The file cannot be read, or is a pipe whose end nobody writes.
pub fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let flags = O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags)
        .open(path)?;
    let plain = file.metadata()?.is_file();
    let deadline = Instant::now() + PIPE_LIMIT;
    let mut bytes = Vec::new();
    let mut rest = file.take(most);
    loop {
        if !plain {
            wait(rest.get_ref(), deadline)?;
        }
        match rest.read_to_end(&mut bytes) {
            Ok(_) => return Ok(bytes),
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
            Err(e) => return Err(e),
        }
    }
}

/// Waits until a pipe gives something, or has ended.
fn wait(file: &File, deadline: Instant) -> io::Result<()> {
    let mut pipe = [PollFd::new(file.as_fd(), PollFlags::POLLIN)];
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let limit = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
        match poll(&mut pipe, limit) {
            Ok(0) => {
                let text = format!(
                    "it is a pipe, and nobody wrote its end within {} s",
                    PIPE_LIMIT.as_secs()
                );
                return Err(io::Error::new(io::ErrorKind::TimedOut, text));
            }
            Err(nix::errno::Errno::EINTR) => {}
            Err(e) => return Err(e.into()),
            Ok(_) => return Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn what_is_no_plain_file_is_named_and_holds_nobody() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        std::fs::write(path("file"), "text").unwrap();
        nix::unistd::mkfifo(&path("fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        std::os::unix::fs::symlink("file", path("link")).unwrap();
        std::fs::create_dir(path("directory")).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(path("socket")).unwrap();
        for name in ["fifo", "link", "directory", "socket"] {
            let mut writing = OpenOptions::new();
            writing.write(true).create(true);
            let faults = [
                open(&path(name)).unwrap_err(),
                open_with(&mut writing, &path(name)).unwrap_err(),
            ];
            for fault in faults {
                let wanted = format!("it is a {}", name.replace("fifo", "FIFO"));
                assert!(fault.to_string().contains(&wanted), "{name}: {fault}");
            }
        }
        assert!(open_behind(&path("link")).is_ok());
        let fault = open_behind(&path("fifo")).unwrap_err();
        assert!(fault.to_string().contains("it is a FIFO"), "{fault}");
        let device = open(Path::new("/dev/null")).unwrap_err();
        assert!(device.to_string().contains("it is a device"), "{device}");
        let mut text = String::new();
        open(&path("file"))
            .unwrap()
            .read_to_string(&mut text)
            .unwrap();
        assert_eq!(text, "text");
        assert_eq!(
            open(&path("none")).unwrap_err().kind(),
            io::ErrorKind::NotFound
        );
    }

    #[test]
    fn a_pipe_is_read_to_its_end() {
        let dir = tempfile::tempdir().unwrap();
        let fifo = dir.path().join("fifo");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
        let writer = fifo.clone();
        let writer = std::thread::spawn(move || {
            let mut pipe = OpenOptions::new().write(true).open(writer).unwrap();
            pipe.write_all(&[b'x'; 200_000]).unwrap();
        });
        assert_eq!(read(&fifo, 1 << 20).unwrap().len(), 200_000);
        writer.join().unwrap();
        assert_eq!(read(Path::new("/dev/zero"), 1000).unwrap().len(), 1000);
    }
}
