//! What `tenshi -C` says of rotated logs.

use std::io::ErrorKind;
use std::path::Path;

use crate::config::InputSettings;
use crate::shown::shown_path;

/// The lines about the directories to which rotated logs are moved.
pub(super) fn olddirs(inputs: &InputSettings) -> impl Iterator<Item = String> {
    inputs.olddirs.iter().map(|directory| {
        let from = match directory.is_absolute() {
            true => "",
            false => " below the directory of each log",
        };
        let shut = match directory.is_absolute() {
            true => shut(directory),
            false => {
                let logs = inputs.logfiles.iter();
                let mut own = logs.filter_map(|log| log.as_path().parent());
                own.find_map(|own| shut(&own.join(directory)))
            }
        };
        format!(
            "rotated log files may be in {}{from}{}",
            shown_path(directory),
            shut.unwrap_or_default()
        )
    })
}

/// Why a directory cannot be listed, if it is there and cannot.
fn shut(directory: &Path) -> Option<String> {
    let fault = std::fs::read_dir(directory).err();
    let none = [ErrorKind::NotFound, ErrorKind::NotADirectory];
    let fault = fault.filter(|e| !none.contains(&e.kind()))?;
    let directory = shown_path(&directory);
    Some(format!("; {directory} cannot be listed: {fault}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_that_cannot_be_listed_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        std::os::unix::fs::symlink("loop", path("loop")).unwrap();
        std::fs::write(path("file"), "").unwrap();
        assert_eq!(shut(dir.path()), None);
        assert_eq!(shut(&path("missing")), None);
        assert_eq!(
            shut(&path("file")),
            None,
            "the daemon says nothing of it either"
        );
        let told = shut(&path("loop")).unwrap();
        assert!(told.contains("cannot be listed: "), "{told}");
    }
}
