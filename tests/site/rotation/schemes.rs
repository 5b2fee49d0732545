//! The ways to rotate a log that are in use, each with the lines that its writer adds meanwhile.

use super::rig::{Rig, Site};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// One rotation.
pub type Scheme = fn(&mut Rig, &Site);

/// The number of rotated files that are kept: a daemon that gets no time must still find them.
const KEEP: usize = 60;
/// How long the writer goes on with the old file.
const HUP: u64 = 50;

/// `.1` becomes `.2` and so on.
fn shift(rig: &Rig) {
    for n in (1..=KEEP).rev() {
        for packed in ["", ".gz"] {
            let from = rig.named(&format!(".{n}{packed}"));
            if n == KEEP {
                let _ = fs::remove_file(from);
            } else {
                let _ = fs::rename(from, rig.named(&format!(".{}{packed}", n + 1)));
            }
        }
    }
}

fn pause(rig: &mut Rig, ms: usize) {
    std::thread::sleep(Duration::from_micros(rig.random.below(ms * 1000 + 1) as u64));
}

/// logrotate's `create`: late lines go to the old file until the HUP.
pub fn create(rig: &mut Rig, _: &Site) {
    shift(rig);
    fs::rename(&rig.log, rig.named(".1")).unwrap();
    pause(rig, 2);
    fs::write(&rig.log, "").unwrap();
    rig.write_for(HUP);
    rig.reopen();
}

/// logrotate's `nocreate`: the writer makes the new file.
pub fn writer_creates(rig: &mut Rig, _: &Site) {
    shift(rig);
    fs::rename(&rig.log, rig.named(".1")).unwrap();
    rig.write_for(HUP);
    rig.reopen();
}

/// logrotate's `copytruncate`, the writer pausing: what it adds in between is destroyed.
pub fn copytruncate(rig: &mut Rig, _: &Site) {
    shift(rig);
    fs::copy(&rig.log, rig.named(".1")).unwrap();
    pause(rig, 5);
    fs::File::create(&rig.log).unwrap();
}

/// logrotate's `create`, and the new file is at once longer than the old one.
pub fn regrow(rig: &mut Rig, site: &Site) {
    create(rig, site);
    rig.burst();
    let size = fs::metadata(&rig.log).unwrap().len();
    copytruncate(rig, site);
    rig.outgrow(size);
}

/// `> file` after all was read, and the file is at once longer than before.
pub fn truncate(rig: &mut Rig, site: &Site) {
    create(rig, site);
    rig.burst();
    site.sync();
    let size = fs::metadata(&rig.log).unwrap().len();
    fs::File::create(&rig.log).unwrap();
    rig.outgrow(size);
}

/// The old file gets a second name, then the new one takes over its first in one step.
pub fn link_swap(rig: &mut Rig, _: &Site) {
    shift(rig);
    fs::hard_link(&rig.log, rig.named(".1")).unwrap();
    pause(rig, 5);
    fs::write(rig.named(".tmp"), "").unwrap();
    fs::rename(rig.named(".tmp"), &rig.log).unwrap();
    rig.write_for(HUP);
    rig.reopen();
}

/// The new file may not be read until its permissions are set.
pub fn wrong_mode(rig: &mut Rig, _: &Site) {
    shift(rig);
    fs::rename(&rig.log, rig.named(".1")).unwrap();
    rig.write_for(HUP);
    rig.open_with_mode(0);
    rig.write_for(20);
    rig.chmod(0o644);
}

/// Removed, written to without a name, and made anew.
pub fn remove(rig: &mut Rig, site: &Site) {
    site.sync();
    fs::remove_file(&rig.log).unwrap();
    rig.write_for(HUP);
    rig.reopen();
}

fn pack(file: &Path) {
    let status = Command::new("gzip").arg(file).status();
    assert!(status.expect("gzip").success());
}

/// `compress` and `delaycompress`: the last but one is packed.
pub fn gzip(rig: &mut Rig, site: &Site) {
    create(rig, site);
    let second = rig.named(".2");
    if second.exists() {
        pack(&second);
    }
}

/// `compress`: packed as soon as the writer let go.
pub fn gzip_at_once(rig: &mut Rig, site: &Site) {
    create(rig, site);
    pack(&rig.named(".1"));
}

/// `dateext` with an hour and a fraction.
pub fn dateext(rig: &mut Rig, _: &Site) {
    let date = 1_795_400_000 + rig.rotations;
    fs::rename(&rig.log, rig.named(&format!("-20261124-{date}"))).unwrap();
    fs::write(&rig.log, "").unwrap();
    rig.write_for(HUP);
    rig.reopen();
}

/// The directory is moved away and made anew.
pub fn new_directory(rig: &mut Rig, site: &Site) {
    site.sync();
    let dir = rig.log.parent().unwrap().to_path_buf();
    let old = dir.with_file_name(format!("old.{}", rig.rotations));
    fs::rename(&dir, old).unwrap();
    rig.write_for(HUP);
    fs::create_dir(&dir).unwrap();
    pause(rig, 20);
    rig.reopen();
}
