//! What `tenshi -C` says of rotated logs.

use crate::config::InputSettings;
use crate::shown::shown_path;

/// The lines about the directories to which rotated logs are moved.
pub(super) fn olddirs(inputs: &InputSettings) -> impl Iterator<Item = String> {
    inputs.olddirs.iter().map(|directory| {
        let from = match directory.is_absolute() {
            true => "",
            false => " below the directory of each log",
        };
        format!(
            "rotated log files may be in {}{from}",
            shown_path(directory)
        )
    })
}
