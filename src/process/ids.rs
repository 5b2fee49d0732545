//! `set uid`, `set gid`: the account that the daemon has once it runs.

use std::ffi::{CString, OsStr};
use std::fs;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::thread;

use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::{Mode, fchmod, fstat, mkdirat};
use nix::unistd::{
    Gid, Group, Uid, User, fchown, getgroups, getresgid, getresuid, initgroups, setresgid,
    setresuid, setuid,
};

use super::walk::{Lost, Next, Walk};
use crate::shown::shown_path;
use crate::threads;

/// The account without `set uid`, when root starts us.
const DEFAULT: &str = "tenshi";

/// What an error about a missing account adds: the C library of the static program reads `/etc/passwd` and
/// `/etc/group`, and no module of nsswitch.conf.
pub const WHERE_LOOKED: &str = if cfg!(target_env = "musl") {
    " (this is a static program: it knows the accounts of /etc/passwd and /etc/group, not those of LDAP or sssd)"
} else {
    ""
};

/// An account to become.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Identity {
    user: String,
    uid: Uid,
    gid: Gid,
}

impl Identity {
    /// The account to become; nothing where we are it already, or where nobody asked and we may
    /// not change.
    ///
    /// # Errors
    /// When the account does not exist, or we may not become it.
    pub fn resolve(uid: Option<&str>, gid: Option<&str>) -> Result<Option<Self>, String> {
        let me = Uid::effective();
        if !me.is_root() && uid.is_none() && gid.is_none() {
            return Ok(None);
        }
        let name = match uid {
            Some(name) => name.to_owned(),
            None if me.is_root() => DEFAULT.to_owned(),
            None => own_name(me)?,
        };
        let user = User::from_name(&name).map_err(|e| format!("user {name}: {e}"))?;
        let user = user.ok_or_else(|| {
            format!(
                "no such user: {name}; make it, or name another one with `set uid`{WHERE_LOOKED}"
            )
        })?;
        let gid = match gid {
            None if uid.is_some() => user.gid,
            None => group(DEFAULT)?.unwrap_or(user.gid),
            Some(name) => group(name)?.ok_or_else(|| {
                format!(
                    "no such group: {name}; make it, or name another one with `set gid`{WHERE_LOOKED}"
                )
            })?,
        };
        if me.is_root() {
            return Ok(Some(Self {
                user: name,
                uid: user.uid,
                gid,
            }));
        }
        if user.uid != me {
            return Err(format!(
                "can't become user {name}: only root may; start tenshi as root or as {name}"
            ));
        }
        let groups = getgroups().map_err(|e| e.to_string())?;
        if gid != Gid::effective() && !groups.contains(&gid) {
            return Err("can't setgid to the group of `set gid`: only root may".into());
        }
        Ok(None)
    }
}

impl Identity {
    /// The account that a path belongs to: the owner of what stands there, or of the link that leads there
    /// where that is not root's, since then the link's owner chose the place. It need not have a name.
    ///
    /// # Errors
    /// When there is nothing at the path.
    pub fn of_owner(path: &Path) -> io::Result<Self> {
        let link = fs::symlink_metadata(path)?;
        let owner = match link.uid() {
            0 => fs::metadata(path)?,
            _ => link,
        };
        let uid = Uid::from_raw(owner.uid());
        let name = User::from_uid(uid).ok().flatten().map(|user| user.name);
        Ok(Self {
            user: name.unwrap_or_default(),
            uid,
            gid: Gid::from_raw(owner.gid()),
        })
    }
}

fn own_name(me: Uid) -> Result<String, String> {
    match User::from_uid(me) {
        Ok(Some(user)) => Ok(user.name),
        _ => Err(format!("user id {me} has no name")),
    }
}

fn group(name: &str) -> Result<Option<Gid>, String> {
    let group = Group::from_name(name).map_err(|e| format!("group {name}: {e}"))?;
    Ok(group.map(|group| group.gid))
}

/// Makes a directory that belongs to an account, if there is none of that name, with the directories above
/// it, which stay ours.
///
/// What the account can make or has made itself is left to it: behind a link of its own, and in a
/// directory of its own, there is nothing to be done by root.
///
/// # Errors
/// When the directory cannot be made, or given to the account.
pub fn make_directory(path: &Path, identity: &Identity) -> Result<(), String> {
    let told = |why: &dyn std::fmt::Display| format!("{}: {why}", shown_path(&path));
    let mut walk = Walk::begin(path).map_err(|e| told(&e.desc()))?;
    loop {
        match walk.step() {
            Ok(Next::Further) => {}
            Ok(Next::Missing(name)) => {
                if walk.owner().is_ok_and(|owner| owner == identity.uid) {
                    return Ok(());
                }
                let owner = walk.is_over().then_some(identity);
                made(&walk, &name, owner).map_err(|e| told(&e))?;
                walk.again(name);
            }
            Ok(Next::Leaf(_)) => return Err(told(&"it is no directory, or leads through a file")),
            Ok(Next::End) | Err(Lost::Link(_)) => return Ok(()),
            Err(Lost::Fault(fault)) => return Err(told(&fault.desc())),
        }
    }
}

/// Makes one directory, and gives it to an account, or to all for reading. Whoever may write the
/// directory above may put another one in its place: it is given away only if it is still new.
fn made(above: &Walk, name: &OsStr, owner: Option<&Identity>) -> Result<(), String> {
    let described = |fault: Errno| fault.desc().to_owned();
    match mkdirat(above, name, Mode::S_IRWXU) {
        Ok(()) => {}
        // Somebody was faster: then it is what it is.
        Err(Errno::EEXIST) => return Ok(()),
        Err(fault) => return Err(described(fault)),
    }
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let changed = "it was replaced while it was made";
    let new = openat(above, name, flags, Mode::empty()).map_err(|_| changed.to_owned())?;
    let stat = fstat(&new).map_err(described)?;
    let entries = format!("/proc/self/fd/{}", new.as_raw_fd());
    let empty = fs::read_dir(entries).is_ok_and(|mut entries| entries.next().is_none());
    let ours = stat.st_uid == Uid::effective().as_raw() && stat.st_mode & 0o777 == 0o700;
    if !ours || !empty {
        return Err(changed.into());
    }
    let mode = match owner {
        Some(identity) => {
            fchown(&new, Some(identity.uid), Some(identity.gid)).map_err(described)?;
            0o750
        }
        None => 0o755,
    };
    fchmod(&new, Mode::from_bits_truncate(mode)).map_err(described)
}

/// Runs `act` with the rights of an account and gives its result: in a thread of its own, whose ids alone
/// change. All other threads of the process keep theirs.
///
/// Where the process is not root's, `act` has its rights: it has no others.
///
/// # Errors
/// When no thread can be made, it did not come to its end, or root may not take the ids.
pub fn with_rights_of<T: Send>(
    identity: &Identity,
    act: impl FnOnce() -> T + Send,
) -> io::Result<T> {
    if identity.uid == Uid::effective() {
        return Ok(act());
    }
    thread::scope(|scope| {
        let work = || match take_in_this_thread(identity) {
            Err(fault) if Uid::effective().is_root() => Err(fault.into()),
            _ => Ok(act()),
        };
        let thread = threads::scoped(scope, "rights", work)?;
        thread
            .join()
            .unwrap_or_else(|_| Err(io::Error::other("the thread died")))
    })
}

/// Gives the ids of an account to the calling thread alone, with no way back: the C library's functions
/// change all threads of a process, the system calls below them one.
#[cfg(target_os = "linux")]
#[allow(unsafe_code)]
fn take_in_this_thread(identity: &Identity) -> Result<(), Errno> {
    use nix::libc;
    #[cfg(not(any(target_arch = "x86", target_arch = "arm")))]
    use nix::libc::{
        SYS_setgroups as SET_GROUPS, SYS_setresgid as SET_GID, SYS_setresuid as SET_UID,
    };
    #[cfg(any(target_arch = "x86", target_arch = "arm"))]
    use nix::libc::{
        SYS_setgroups32 as SET_GROUPS, SYS_setresgid32 as SET_GID, SYS_setresuid32 as SET_UID,
    };
    use nix::unistd::getgrouplist;
    let name = CString::new(identity.user.as_str()).unwrap_or_default();
    let groups = getgrouplist(&name, identity.gid).unwrap_or_else(|_| vec![identity.gid]);
    let groups: Vec<libc::gid_t> = groups.into_iter().map(Gid::as_raw).collect();
    let (uid, gid) = (identity.uid.as_raw(), identity.gid.as_raw());
    // SAFETY: the kernel reads `groups.len()` numbers from `groups`, which lives until then; the other two
    // calls take numbers alone.
    unsafe {
        Errno::result(libc::syscall(SET_GROUPS, groups.len(), groups.as_ptr()))?;
        Errno::result(libc::syscall(SET_GID, gid, gid, gid))?;
        Errno::result(libc::syscall(SET_UID, uid, uid, uid))?;
    }
    Ok(())
}

/// Refuses: only Linux gives a thread ids of its own.
#[cfg(not(target_os = "linux"))]
fn take_in_this_thread(_: &Identity) -> Result<(), Errno> {
    Err(Errno::ENOSYS)
}

/// Becomes this account for good, with all the groups that the system gives it: a member of `adm`
/// can read `/var/log`.
///
/// # Errors
/// When a step fails, or root could still be had back.
pub fn drop_to(identity: &Identity) -> Result<(), String> {
    let told = |step: &str, e: nix::errno::Errno| format!("can't {step} to {}: {e}", identity.user);
    let name = CString::new(identity.user.as_str()).map_err(|e| e.to_string())?;
    let (uid, gid) = (identity.uid, identity.gid);
    initgroups(&name, gid).map_err(|e| told("set the groups", e))?;
    setresgid(gid, gid, gid).map_err(|e| told("setgid", e))?;
    setresuid(uid, uid, uid).map_err(|e| told("setuid", e))?;
    let ids = getresuid().map_err(|e| told("setuid", e))?;
    let groups = getresgid().map_err(|e| told("setgid", e))?;
    let all = [ids.real, ids.effective, ids.saved]
        .iter()
        .all(|&id| id == uid)
        && [groups.real, groups.effective, groups.saved]
            .iter()
            .all(|&id| id == gid);
    if !all || (!uid.is_root() && setuid(Uid::from_raw(0)).is_ok()) {
        return Err(format!(
            "the rights of root were not given up for {}",
            identity.user
        ));
    }
    Ok(())
}
