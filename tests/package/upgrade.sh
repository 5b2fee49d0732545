# Shared by the upgrade tests: a root with Debian's own tenshi 0.13-7, and what holds afterwards.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
fresh_root
with_stock

# Boots it; the stock init script starts the Perl daemon, as on any machine.
stock_running() {
    boot
    check 'the stock daemon runs' -- soon 60 perl_daemon
}

# The Perl program calls itself tenshi: only its executable tells.
perl_daemon() { vmsh 'readlink "/proc/$(cat /run/tenshi/tenshi.pid)/exe" | grep -q /perl'; }
any_perl() { vmsh 'for exe in /proc/[0-9]*/exe; do readlink "$exe"; done | grep /perl'; }

# snapshot_etc NAME: every file and link of /etc/tenshi, with content, owner and mode.
snapshot_etc() {
    vmsh 'cd /etc/tenshi && find . -exec stat -c "%n %U:%G %a %N" {} + | sort &&
        find . -type f -exec sha256sum {} + | sort' >"$WORK/etc.$1"
}

same_etc() {
    snapshot_etc now
    diff "$WORK/etc.$1" "$WORK/etc.now" >&2
}

asked_nothing() { fails grep -E "^Configuration file '|==>|What would you like" "$WORK/apt.log"; }
no_links() { vmsh '! ls -d /etc/rc?.d/*tenshi 2>/dev/null | grep .'; }

after_upgrade() {
    check 'ours is installed' -- vmsh '! dpkg --compare-versions "$(dpkg-query -W -f "\${Version}" tenshi)" lt 1.0.0~'
    check 'apt asked nothing' -- asked_nothing
    check 'the service runs' -- soon 30 active
    check 'under the native unit' -- vmsh '[ "$(systemctl show -P FragmentPath tenshi)" = /lib/systemd/system/tenshi.service ]'
    check 'it starts at boot' -- vm systemctl is-enabled -q tenshi.service
    check 'no Perl daemon runs' -- soon 30 fails any_perl
    check 'the pid file in /run/tenshi has the main pid' -- \
        vmsh '[ "$(cat /run/tenshi/tenshi.pid)" = "$(systemctl show -P MainPID tenshi)" ]'
    check 'the init script is gone' -- fails vm test -e /etc/init.d/tenshi
    check 'its links are gone' -- no_links
    check 'the account is in adm' -- vmsh 'id -nG tenshi | grep -qw adm'
    check 'the state is its own' -- vmsh '[ "$(stat -c %U /var/lib/tenshi)" = tenshi ]'
}
