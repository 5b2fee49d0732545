//! The permissions of a state directory: whoever may replace what is in it decides what is mailed, to
//! whom, and which lines are passed over.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::sys::stat::Mode;
use nix::unistd::{Uid, User};

use crate::plain;
use crate::portable::permissions;
use crate::shown::shown_path;

/// The names of our files: in a directory that all may write, they could be somebody else's.
const OURS: [&str; 3] = ["tenshi.state", "tenshi.lock", "tenshi.learnt"];

/// Refuses a directory that strangers have power over, warns of one that belongs to another user.
///
/// # Errors
/// All may write it, and it is not sticky or its owner is another user; or one of our files in it
/// is another user's.
pub(super) fn check(dir: &Path) -> Result<(), String> {
    let meta = fs::metadata(dir).map_err(|e| e.to_string())?;
    let mode = permissions(meta.mode());
    let foreign = !is_trusted(meta.uid());
    if mode.contains(Mode::S_IWOTH) && (foreign || !mode.contains(Mode::S_ISVTX)) {
        return Err(format!(
            "everybody may write it (mode {:04o}, owner {}), and so have us mail what they like; \
             chmod o-w it, and let the user of `set uid` own it",
            meta.mode() & 0o7777,
            name(meta.uid())
        ));
    }
    if foreign {
        log::warn!(
            "state directory {}: it belongs to {}, who may replace what is kept there; chown it to \
             the user of `set uid`",
            shown_path(&dir),
            name(meta.uid())
        );
    }
    for file in OURS {
        // What is no plain file, or may not be opened, is told by whoever opens it next.
        let owner = plain::open(&dir.join(file)).and_then(|file| file.metadata());
        if let Ok(meta) = owner
            && mode.contains(Mode::S_IWOTH)
            && !is_trusted(meta.uid())
        {
            return Err(format!(
                "{file} is that of {}, and everybody may write the directory; move it away",
                name(meta.uid())
            ));
        }
    }
    Ok(())
}

/// Whether an account may say what is kept: ours, or root.
pub(super) fn is_trusted(uid: u32) -> bool {
    uid == 0 || uid == Uid::effective().as_raw()
}

fn name(uid: u32) -> String {
    match User::from_uid(Uid::from_raw(uid)) {
        Ok(Some(user)) => user.name,
        _ => format!("user id {uid}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, chown};

    /// What the check says of a directory of this mode and owner.
    fn checked(mode: u32, owner: u32) -> Result<(), String> {
        let dir = tempfile::tempdir().unwrap();
        chown(dir.path(), Some(owner), None).unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(mode)).unwrap();
        check(dir.path())
    }

    #[test]
    fn a_directory_that_everybody_may_write_is_refused() {
        assert!(Uid::effective().is_root(), "this test needs root");
        for (mode, owner) in [(0o750, 0), (0o2770, 0), (0o1777, 0), (0o755, 65534)] {
            assert_eq!(checked(mode, owner), Ok(()), "{mode:o} {owner}");
        }
        for (mode, owner) in [(0o777, 0), (0o773, 65534), (0o1777, 65534)] {
            let refused = checked(mode, owner).unwrap_err();
            assert!(refused.contains("everybody may write it"), "{refused}");
        }
    }

    #[test]
    fn in_a_sticky_directory_our_files_are_ours() {
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o1777)).unwrap();
        let file = dir.path().join("tenshi.state");
        fs::write(&file, "").unwrap();
        assert_eq!(check(dir.path()), Ok(()));
        chown(&file, Some(65534), None).unwrap();
        let refused = check(dir.path()).unwrap_err();
        assert!(
            refused.contains("tenshi.state is that of nobody"),
            "{refused}"
        );
    }
}
