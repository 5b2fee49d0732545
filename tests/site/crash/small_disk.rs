//! A disk that can be filled.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A file system of its own, so small that it can be filled. Unmounted on drop.
pub struct SmallDisk(PathBuf);

impl SmallDisk {
    pub fn mount(at: &Path) -> Self {
        fs::create_dir(at).expect("a directory");
        // The daemon keeps no state where everybody may write.
        let user = nix::unistd::User::from_name("tenshi").expect("the users");
        let user = user.expect("user tenshi: apt-get install tenshi").uid;
        let options = format!("size=256k,mode=0755,uid={user}");
        let options = ["-t", "tmpfs", "-o", &options, "tmpfs"];
        let done = Command::new("mount").args(options).arg(at).output();
        let done = done.expect("mount runs");
        assert!(
            done.status.success(),
            "this test mounts a tmpfs, as root: {done:?}"
        );
        Self(at.to_owned())
    }

    /// Takes all the room that is left.
    pub fn fill(&self) {
        let room = vec![0; 512 << 10];
        fs::write(self.0.join("ballast"), room).expect_err("it fits after all");
    }

    pub fn empty(&self) {
        fs::remove_file(self.0.join("ballast")).expect("the ballast");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}
