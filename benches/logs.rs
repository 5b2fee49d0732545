//! Logs as a monitoring console has them: the same seed gives the same lines everywhere.

use std::io::{self, Write};

/// What most hosts write most of the time: a weight, and the text behind the host.
///
/// `{pid}`, `{port}`, `{n}`, `{ip}`, `{user}`, `{host}`, `{qid}`, `{hex}`, `{time}` are varied.
const TEMPLATES: &[(u32, &str)] = &[
    (
        60,
        "CRON[{pid}]: ({user}) CMD (/usr/lib/nagios/plugins/check_load -w {n})",
    ),
    (
        50,
        "CRON[{pid}]: pam_unix(cron:session): session opened for user root(uid=0) by (uid=0)",
    ),
    (
        50,
        "CRON[{pid}]: pam_unix(cron:session): session closed for user root",
    ),
    (60, "postfix/smtpd[{pid}]: connect from {host}[{ip}]"),
    (
        55,
        "postfix/smtpd[{pid}]: disconnect from {host}[{ip}] ehlo=1 mail=1 rcpt=1 data=1 quit=1 commands=5",
    ),
    (40, "postfix/smtpd[{pid}]: {qid}: client={host}[{ip}]"),
    (
        40,
        "postfix/cleanup[{pid}]: {qid}: message-id=<{hex}@{host}>",
    ),
    (
        40,
        "postfix/qmgr[{pid}]: {qid}: from=<{user}@{host}>, size={n}, nrcpt=1 (queue active)",
    ),
    (40, "postfix/qmgr[{pid}]: {qid}: removed"),
    (
        35,
        "postfix/smtp[{pid}]: {qid}: to=<{user}@{host}>, relay={host}[{ip}]:25, delay={n}, delays=0.1/0.01/0.2/0.3, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as {qid})",
    ),
    (
        3,
        "postfix/smtp[{pid}]: {qid}: to=<{user}@{host}>, relay=none, delay={n}, delays=0.1/0.01/30/0, dsn=4.4.1, status=deferred (connect to {host}[{ip}]:25: Connection timed out)",
    ),
    (
        6,
        "postfix/smtpd[{pid}]: NOQUEUE: reject: RCPT from {host}[{ip}]: 554 5.7.1 <{user}@{host}>: Relay access denied; from=<{user}@{host}> to=<{user}@{host}> proto=ESMTP helo=<{host}>",
    ),
    (
        6,
        "postfix/anvil[{pid}]: statistics: max connection rate {n}/60s for (smtp:{ip}) at Nov 23 {time}",
    ),
    (
        70,
        "sshd[{pid}]: Connection closed by {ip} port {port} [preauth]",
    ),
    (50, "sshd[{pid}]: Invalid user {user} from {ip} port {port}"),
    (
        60,
        "sshd[{pid}]: Failed password for invalid user {user} from {ip} port {port} ssh2",
    ),
    (
        40,
        "sshd[{pid}]: Disconnected from authenticating user root {ip} port {port} [preauth]",
    ),
    (
        30,
        "sshd[{pid}]: Received disconnect from {ip} port {port}:11: Bye Bye [preauth]",
    ),
    (
        12,
        "sshd[{pid}]: Accepted publickey for {user} from {ip} port {port} ssh2: ED25519 SHA256:abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG",
    ),
    (
        12,
        "sshd[{pid}]: pam_unix(sshd:session): session opened for user {user}(uid={n}) by (uid=0)",
    ),
    (
        12,
        "sshd[{pid}]: pam_unix(sshd:session): session closed for user {user}",
    ),
    (
        20,
        "sshd[{pid}]: pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost={ip}  user=root",
    ),
    (40, "systemd[1]: Started Session {n} of User {user}."),
    (
        20,
        "systemd[1]: session-{n}.scope: Deactivated successfully.",
    ),
    (
        20,
        "systemd[1]: Starting apt-daily.service - Daily apt download activities...",
    ),
    (
        20,
        "systemd[1]: Finished apt-daily.service - Daily apt download activities.",
    ),
    (
        10,
        "systemd[1]: apt-daily.service: Consumed {n}ms CPU time.",
    ),
    (15, "systemd-logind[{pid}]: New session {n} of user {user}."),
    (
        15,
        "systemd-logind[{pid}]: Session {n} logged out. Waiting for processes to exit.",
    ),
    (15, "systemd-logind[{pid}]: Removed session {n}."),
    (
        50,
        "named[{pid}]: client @0x{hex} {ip}#{port} ({host}): query (cache) '{host}/A/IN' denied",
    ),
    (
        20,
        "named[{pid}]: success resolving '{host}/A' after disabling qname minimization due to 'ncache nxdomain'",
    ),
    (
        40,
        "dhcpd[{pid}]: DHCPREQUEST for {ip} from 52:54:00:{time} via eth0",
    ),
    (
        40,
        "dhcpd[{pid}]: DHCPACK on {ip} to 52:54:00:{time} via eth0",
    ),
    (
        30,
        "kernel: [{n}.123456] [UFW BLOCK] IN=eth0 OUT= MAC=52:54:00:12:34:56 SRC={ip} DST={ip} LEN=40 TOS=0x00 PREC=0x00 TTL=245 ID={n} PROTO=TCP SPT={port} DPT={port} WINDOW=1024 RES=0x00 SYN URGP=0",
    ),
    (
        2,
        "kernel: [{n}.123456] ata1.00: failed command: READ FPDMA QUEUED",
    ),
    (
        1,
        "kernel: [{n}.123456] Out of memory: Killed process {pid} (java) total-vm:{n}kB, anon-rss:{n}kB",
    ),
    (
        10,
        "sudo[{pid}]:   {user} : TTY=pts/{n} ; PWD=/home/{user} ; USER=root ; COMMAND=/usr/bin/apt update",
    ),
    (
        8,
        "sudo[{pid}]: pam_unix(sudo:session): session opened for user root(uid=0) by {user}(uid={n})",
    ),
    (
        40,
        "dovecot: imap-login: Login: user=<{user}>, method=PLAIN, rip={ip}, lip={ip}, mpid={pid}, TLS, session=<{hex}>",
    ),
    (
        40,
        "dovecot: imap({user})<{pid}><{hex}>: Disconnected: Logged out in={n} out={n} deleted=0 expunged=0",
    ),
    (
        20,
        "snmpd[{pid}]: Connection from UDP: [{ip}]:{port}->[{ip}]:161",
    ),
    (20, "ntpd[{pid}]: Soliciting pool server {ip}"),
    (
        8,
        "rsyslogd: [origin software=\"rsyslogd\" swVersion=\"8.2302.0\" x-pid=\"{pid}\" x-info=\"https://www.rsyslog.com\"] rsyslogd was HUPed",
    ),
    (10, "freshclam[{pid}]: Received signal: wake up"),
    (
        10,
        "freshclam[{pid}]: daily.cld database is up-to-date (version: {n}, sigs: {n}, f-level: 90, builder: raynman)",
    ),
    (
        25,
        "backup[{pid}]: run {n}: {n} files, {n} bytes copied to {host}",
    ),
    (25, "myapp: request {hex} from {ip} took {n} ms"),
];

const USERS: &[&str] = &[
    "root", "admin", "anna", "git", "backup", "www-data", "test", "oracle", "postgres", "takeshi",
];
const DOMAINS: &[&str] = &[
    "example.org",
    "example.net",
    "mail.example.com",
    "lab.example.jp",
];

/// The seed of every log here.
const SEED: u64 = 20_261_124;

/// SplitMix64 (Steele, Lea, Flood 2014).
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[usize::try_from(self.below(from.len() as u64)).unwrap_or(0)]
    }
}

/// The lines of 25 hosts.
pub struct Logs {
    random: Random,
    total: u64,
    second: u64,
}

impl Logs {
    /// From the beginning.
    pub fn new() -> Self {
        let total = TEMPLATES.iter().map(|t| u64::from(t.0)).sum();
        Self {
            random: Random(SEED),
            total,
            second: 0,
        }
    }

    /// Appends the next line with its newline.
    pub fn line(&mut self, out: &mut Vec<u8>) -> io::Result<()> {
        // Some fifty lines a second: a busy day of a site.
        self.second += u64::from(self.random.below(50) == 0);
        let (hour, minute, second) = (
            self.second / 3600 % 24,
            self.second / 60 % 60,
            self.second % 60,
        );
        let host = self.random.below(25) + 1;
        write!(
            out,
            "Nov 23 {hour:02}:{minute:02}:{second:02} host{host:02} "
        )?;
        let mut at = self.random.below(self.total);
        let found = TEMPLATES.iter().find(|(weight, _)| {
            let here = at < u64::from(*weight);
            at = at.saturating_sub(u64::from(*weight));
            here
        });
        let mut rest = found.map_or("", |t| t.1);
        while let Some((before, after)) = rest.split_once('{') {
            out.extend_from_slice(before.as_bytes());
            let Some((name, behind)) = after.split_once('}') else {
                break;
            };
            self.field(name, out)?;
            rest = behind;
        }
        out.extend_from_slice(rest.as_bytes());
        out.push(b'\n');
        Ok(())
    }

    fn field(&mut self, name: &str, out: &mut Vec<u8>) -> io::Result<()> {
        let random = &mut self.random;
        match name {
            "pid" => write!(out, "{}", 300 + random.below(90_000)),
            "port" => write!(out, "{}", 1024 + random.below(64_000)),
            "n" => write!(out, "{}", random.below(100_000)),
            "ip" => write!(out, "192.0.{}.{}", random.below(256), random.below(256)),
            "user" => write!(out, "{}", random.pick(USERS)),
            "host" => write!(out, "h{}.{}", random.below(500), random.pick(DOMAINS)),
            "qid" => write!(out, "{:010X}", random.below(1 << 40)),
            "hex" => write!(out, "{:012x}", random.below(1 << 48)),
            "time" => write!(
                out,
                "{:02}:{:02}:{:02}",
                random.below(24),
                random.below(60),
                random.below(60)
            ),
            other => write!(out, "{{{other}}}"),
        }
    }
}

/// `count` lines, of which 7 in 10 differ from all others whatever is masked, as text.
#[allow(dead_code, reason = "each benchmark takes what it needs")]
pub fn distinct(count: u64, out: &mut Vec<u8>) -> io::Result<()> {
    let mut random = Random(SEED);
    let distinct = count * 7 / 10;
    for at in 0..count {
        let number = if at < distinct {
            at
        } else {
            random.below(distinct)
        };
        let host = number % 25 + 1;
        writeln!(
            out,
            "Nov 23 12:00:00 host{host:02} myapp: request {number:08} of {} took {} ms at stage {}",
            USERS[usize::try_from(number % 10).unwrap_or(0)],
            number * 7919 % 10_007,
            number * 31 % 17
        )?;
    }
    Ok(())
}
