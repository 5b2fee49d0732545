# Shared by the tests of what a release consists of: its own small roots, a mail server that keeps what it gets,
# and the main job of the program. Sourced by bash scripts, which need root.
#
#   DIST   where the artefacts are (TENSHI_DIST, else dist/)

. "$(dirname "${BASH_SOURCE[0]}")/../package/lib.sh"
DIST=${TENSHI_DIST:-$TOP/dist}
VERSION=$(sed -n '/^\[package\]/,/^\[/s/^version = "\(.*\)"/\1/p' "$TOP/Cargo.toml")
RUNNING=()

[[ $(id -u) -eq 0 ]] || { echo 'the tests of a release need root: they make roots, and change into them' >&2; exit 1; }

# artefact NAME: its path; the test ends if it was not made.
artefact() {
    [[ -f $DIST/$1 ]] || { echo "no $DIST/$1: run make $2" >&2; exit 1; }
    realpath "$DIST/$1"
}

# workplace: a directory for this test in $WORK; what was started by `begin` ends with the test.
workplace() {
    WORK=$(mktemp -d "${TMPDIR:-/var/tmp}/tenshi-release-XXXXXX")
    chmod 755 "$WORK"
    trap 'end_all; rm -rf --one-file-system "$WORK"' EXIT
}

# begin COMMAND...: a program, or a function that becomes one by exec: else its shell would be what ends.
begin() {
    "$@" >"$WORK/log.$((${#RUNNING[@]} + 1))" 2>&1 </dev/null &
    RUNNING+=($!)
}

end_all() {
    local pid
    for pid in ${RUNNING[@]+"${RUNNING[@]}"}; do
        kill "$pid" 2>/dev/null || true
        # unshare waits for what it started, whatever it is told; that ends with it.
        soon 10 fails kill -0 "$pid" || kill -KILL "$pid" 2>/dev/null || true
    done
    RUNNING=()
    ! mountpoint -q "$WORK/root/proc" || umount "$WORK/root/proc"
    power_off
}

# A failure shows what the programs said.
diagnose() { tail -n 40 "$WORK"/log.* 2>/dev/null; }

# mail_server: Postfix's smtp-sink on the loopback, at port $PORT, with each mail in a file of $WORK/mails.
mail_server() {
    mkdir -m 0777 "$WORK/mails"
    # Below those that the kernel gives to others.
    PORT=$((10000 + $$ % 6000))
    begin env -C "$WORK/mails" smtp-sink -u nobody -d '%M.' "127.0.0.1:$PORT" 20
    soon 10 bash -c "exec 3<>/dev/tcp/127.0.0.1/$PORT"
}

# mailed NUMBER TEXT: whether this number of mails has this text.
mailed() { [[ $(cat "$WORK"/mails/* 2>/dev/null | grep -c -- "$2") == "$1" ]]; }

# configure ROOT: a line that has `release: number` is mailed at once, with its number masked.
configure() {
    cat >"$1/etc/tenshi/tenshi.conf" <<END
set logfile /var/log/syslog
set mailserver 127.0.0.1:$PORT
set sleep 1
set queue now tenshi@localhost root@localhost [now]
now ^release: number (\d+)
trash .*
END
}

# write_line ROOT TEXT: as Debian's rsyslog writes it, in a file that the group adm may read.
write_line() {
    local log=$1/var/log/syslog
    [[ -e $log ]] || install -m 0640 -g 4 /dev/null "$log"
    printf '%s console release: %s\n' "$(date +%FT%T.%6N%:z)" "$2" >>"$log"
}
