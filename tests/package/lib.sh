# Shared by the package tests: a Debian root that is built once, copies of it that boot with
# systemd, and checks that count. Sourced by bash scripts.
#
#   CACHE   where the root is kept (TENSHI_PACKAGE_CACHE, else tests/.cache)
#   ARCH    whose package (TENSHI_PACKAGE_ARCH, else this machine's); a foreign one runs under qemu
#   DEB     the package under test (TENSHI_DEB, else the newest in dist/)

set -euo pipefail
exec </dev/null

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
TOP=$(cd "$HERE/../.." && pwd)
CACHE=${TENSHI_PACKAGE_CACHE:-$TOP/tests/.cache}
NATIVE=$(dpkg --print-architecture)
ARCH=${TENSHI_PACKAGE_ARCH:-$NATIVE}
BASE=$CACHE/root
[[ $ARCH == "$NATIVE" ]] || BASE+=-$ARCH
STOCK=$CACHE/tenshi_0.13-7_all.deb
SUITE=bookworm
MIRROR=${TENSHI_MIRROR:-http://deb.debian.org/debian}
export LC_ALL=C DEBIAN_FRONTEND=noninteractive

# What the tests meet in the root: init, the programs around us, and what the stock package needs.
ROOT_PACKAGES=(systemd-sysv dbus rsyslog logrotate postfix procps gpg gpg-agent
    adduser lsb-base perl libio-bufferedselect-perl)
RECIPE="$SUITE ${ROOT_PACKAGES[*]}"

checks=0
# What the command of a check says, in a file without a name.
exec 8<>"$(mktemp /tmp/tenshi-said-XXXXXX)"
rm "$(readlink /proc/$$/fd/8)"
# check WORDS... : runs the test command after `--`; a failure ends the script with the words.
check() {
    local words=()
    while [[ $1 != -- ]]; do words+=("$1"); shift; done
    shift
    checks=$((checks + 1))
    if ! "$@" >/dev/fd/8 2>&1 8>&-; then
        printf 'FAILED: %s\n  command: %s\n' "${words[*]}" "$*" >&2
        cat /dev/fd/8 >&2
        [[ -z ${ROOT-} ]] || diagnose >&2 || true
        exit 1
    fi
    printf '  ok: %s\n' "${words[*]}"
}

# fails COMMAND...: true when the command is not.
fails() { ! "$@"; }

# soon SECONDS COMMAND...: waits until the command is true.
soon() {
    local end=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        ((SECONDS < end)) || return 1
        sleep 0.2
    done
}

need() {
    local missing=()
    command -v debootstrap >/dev/null || missing+=(debootstrap)
    command -v systemd-nspawn >/dev/null || missing+=(systemd-container)
    if ((${#missing[@]})); then
        echo "the package tests need these Debian packages: ${missing[*]}" >&2
        exit 1
    fi
    [[ $(id -u) -eq 0 ]] || { echo 'the package tests need root: they boot a Debian' >&2; exit 1; }
}

# The package under test.
package() {
    local deb=${TENSHI_DEB-}
    [[ -n $deb ]] || deb=$(ls -t "$TOP"/dist/tenshi_*_"$ARCH".deb 2>/dev/null | head -n 1)
    [[ -f $deb ]] || { echo 'no package in dist/: run make deb' >&2; exit 1; }
    realpath "$deb"
}

# The source package under test.
source_package() {
    local dsc
    dsc=$(ls -t "$TOP"/dist/tenshi_*.dsc 2>/dev/null | head -n 1)
    [[ -f $dsc ]] || { echo 'no source package in dist/: run make deb-source' >&2; exit 1; }
    echo "$dsc"
}

# once DIRECTORY RECIPE COMMAND...: the command fills the directory, unless this recipe filled it.
once() {
    local directory=$1 recipe=$2
    shift 2
    mkdir -p "$CACHE"
    exec 9>"$CACHE/lock"
    flock 9
    if [[ $(cat "$directory/.complete" 2>/dev/null) != "$recipe" ]]; then
        echo "building a Debian root in $directory (once)"
        rm -rf "$directory"
        "$@" >"$directory.log" 2>&1 || { tail -n 20 "$directory.log" >&2; exit 1; }
        echo "$recipe" >"$directory/.complete"
    fi
    flock -u 9
    exec 9>&-
}

build_root() { once "$BASE" "$RECIPE" fill_root; }

# Each step says when it fails: `once` asks, and then bash does not stop by itself.
fill_root() {
    debootstrap --arch="$ARCH" --variant=minbase "$SUITE" "$BASE" "$MIRROR" || return
    printf '#!/bin/sh\nexit 101\n' >"$BASE/usr/sbin/policy-rc.d"
    chmod 755 "$BASE/usr/sbin/policy-rc.d"
    echo 'postfix postfix/main_mailer_type select Local only
postfix postfix/mailname string console.test' | chroot "$BASE" debconf-set-selections || return
    in_chroot "$BASE" apt-get install -q -y --no-install-recommends "${ROOT_PACKAGES[@]}" || return
    in_chroot "$BASE" sh -c 'cd /root && apt-get download -q tenshi=0.13-7' || return
    mv "$BASE"/root/tenshi_0.13-7_all.deb "$STOCK" || return
    # Each test shows what apt does without a network.
    rm -f "$BASE"/usr/sbin/policy-rc.d "$BASE"/var/cache/apt/archives/*.deb
    rm -f "$BASE"/etc/apt/apt.conf.d/*autoclean*
}

# own_cgroups: for each hierarchy that systemd uses, a cgroup for our container alone. In one
# cgroup, the systemds of two containers would end each other's processes.
own_cgroups() {
    local controller path type mount
    while IFS=: read -r _ controller path; do
        case $controller in
            '') type=(-t cgroup2) ;;
            name=systemd) type=(-t cgroup -O name=systemd) ;;
            *) continue ;;
        esac
        mount=$(findmnt -n -f -o TARGET "${type[@]}") || continue
        echo "$mount${path%/}/tenshi-package-$$"
    done </proc/self/cgroup
}

join_cgroups() {
    local cgroup
    for cgroup in $(own_cgroups); do
        mkdir -p "$cgroup" && echo "$BASHPID" >"$cgroup/cgroup.procs"
    done
}

leave_cgroups() {
    local cgroup
    for cgroup in $(own_cgroups); do
        soon 10 remove_cgroup "$cgroup" || true
    done
}

remove_cgroup() {
    find "$1" -depth -type d -exec rmdir {} +
    [[ ! -e $1 ]]
}

# in_chroot ROOT COMMAND...: runs it there with /proc and the host's network, nothing booted.
in_chroot() {
    local root=$1 status=0
    shift
    (
        join_cgroups
        exec systemd-nspawn -q --register=no --keep-unit --resolv-conf=copy-host --as-pid2 -D "$root" "$@"
    ) || status=$?
    leave_cgroups
    return $status
}

# fresh_root: a copy of the root for this test alone, in $ROOT; gone at the end.
fresh_root() {
    need
    build_root
    WORK=$(mktemp -d "${TMPDIR:-/var/tmp}/tenshi-package-XXXXXX")
    ROOT=$WORK/root
    trap 'power_off; rm -rf "$WORK"' EXIT
    cp -a --reflink=auto "$BASE" "$ROOT"
    echo console >"$ROOT/etc/hostname"
    printf '127.0.0.1 localhost console\n' >"$ROOT/etc/hosts"
    cp "$(package)" "$ROOT/srv/tenshi.deb"
}

# with_stock: puts Debian's own tenshi 0.13-7 into the root that is not booted yet.
with_stock() {
    cp "$STOCK" "$ROOT/srv/stock.deb"
    printf '#!/bin/sh\nexit 101\n' >"$ROOT/usr/sbin/policy-rc.d"
    chmod 755 "$ROOT/usr/sbin/policy-rc.d"
    in_chroot "$ROOT" dpkg -i /srv/stock.deb >"$WORK/stock.log" 2>&1
    rm -f "$ROOT/usr/sbin/policy-rc.d"
}

# no_starts: from here on apt starts no service. The stock daemon's script waits for minutes under
# systemd, and apt would wait with it.
no_starts() {
    printf '#!/bin/sh\n[ "$2" = stop ] || exit 101\n' >"$ROOT/usr/sbin/policy-rc.d"
    chmod 755 "$ROOT/usr/sbin/policy-rc.d"
}

# boot: systemd as process 1 of the root, without a network but the loopback.
boot() {
    (
        join_cgroups
        # With its parent all of it goes, even if this script is killed: a container outlives its
        # systemd-nspawn, but not the process namespace around that.
        exec setpriv --pdeathsig KILL unshare --pid --mount-proc --fork --kill-child \
            systemd-nspawn -q --register=no --keep-unit --private-network \
            -M "tenshi-$$" -D "$ROOT" -b
    ) >"$WORK/console.log" 2>&1 &
    NSPAWN=$!
    soon 60 leader || { cat "$WORK/console.log" >&2; echo 'systemd-nspawn did not start' >&2; exit 1; }
    soon 120 vm systemctl is-active -q dbus.service ||
        { cat "$WORK/console.log" >&2; echo 'systemd did not boot' >&2; exit 1; }
}

# leader: sets LEADER, the container's first process: number 1 in the inner of two namespaces.
# Others of systemd-nspawn's children come and go.
leader() {
    local nspawn
    nspawn=$(pgrep -P "$NSPAWN") || return 1
    for LEADER in $(pgrep -P "$nspawn"); do
        grep -Eq '^NSpid:(\s+[0-9]+){2}\s+1$' "/proc/$LEADER/status" && return
    done
    return 1
}

# vm COMMAND...: runs it in the booted root.
vm() { nsenter -t "$LEADER" -m -u -i -n -p -- "$@" </dev/null; }

# vmsh SCRIPT: runs it there by a shell.
vmsh() { vm sh -c "$1"; }

# as_tenshi COMMAND...: in the booted root, as the daemon's account.
as_tenshi() {
    vm setpriv --reuid=tenshi --regid=tenshi --init-groups env HOME=/var/lib/tenshi "$@"
}

power_off() {
    [[ -n ${NSPAWN-} ]] || return 0
    [[ -z ${LEADER-} ]] || vm systemctl poweroff --force >/dev/null 2>&1 || true
    soon 20 fails kill -0 "$NSPAWN" || true
    # Whatever is left: a container outlives a systemd-nspawn that is killed.
    local cgroup
    for cgroup in $(own_cgroups); do
        find "$cgroup" -name cgroup.procs -exec cat {} + 2>/dev/null | xargs -r kill -KILL 2>/dev/null || true
    done
    wait "$NSPAWN" 2>/dev/null || true
    NSPAWN=
    leave_cgroups
}

# What helps when a check failed.
diagnose() {
    [[ -n ${NSPAWN-} ]] || return 0
    vm systemctl status --no-pager -l tenshi.service
    vm journalctl --no-pager -n 100
    [[ ! -e $WORK/apt.log ]] || cat "$WORK/apt.log"
}

# The install, as an unattended upgrade does it. Its words are in $WORK/apt.log.
apt_install() {
    vm env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --allow-downgrades "$@" \
        >"$WORK/apt.log" 2>&1 || { cat "$WORK/apt.log" >&2; return 1; }
}

main_pid() { vm systemctl show -P MainPID tenshi.service; }
status_text() { vm systemctl show -P StatusText tenshi.service; }
active() { [[ $(vm systemctl is-active tenshi.service) == active ]]; }

done_with() { printf '%s: %d checks passed\n' "$(basename "$0")" "$checks"; }
