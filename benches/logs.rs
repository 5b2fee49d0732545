//! Logs as a monitoring console has them: the same seed gives the same lines everywhere.

use std::io::{self, Write};

/// What the hosts of a settled site write: a weight, and the text behind the host.
///
/// Programs as Debian 12 has them, and texts that differ from line to line. Most are known to the
/// rules that Debian ships with the original, to ours and to logcheck's, as on a site that has its
/// rules in order: about one line in ten is new to them.
///
/// `{pid}`, `{port}`, `{n}`, `{ip}`, `{user}`, `{host}`, `{qid}`, `{hex}`, `{time}`, `{few}` are varied.
const TEMPLATES: &[(u32, &str)] = &[
    (
        12,
        r#"sshd[{pid}]: Connection from {ip} port {port} on 192.0.2.1 port 22 rdomain """#,
    ),
    (
        105,
        "sshd[{pid}]: Connection closed by {ip} port {port} [preauth]",
    ),
    (
        75,
        "sshd[{pid}]: Connection closed by authenticating user root {ip} port {port} [preauth]",
    ),
    (
        50,
        "sshd[{pid}]: Accepted publickey for {user} from 198.51.100.{few} port {port} ssh2: ED25519 SHA256:abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG",
    ),
    (
        10,
        "sshd[{pid}]: Failed password for invalid user {user} from {ip} port {port} ssh2",
    ),
    (10, "sshd[{pid}]: Invalid user {user} from {ip} port {port}"),
    (
        8,
        "sshd[{pid}]: Received disconnect from {ip} port {port}:11: Bye Bye [preauth]",
    ),
    (
        10,
        "sshd[{pid}]: pam_unix(sshd:session): session opened for user {user}(uid=1000) by (uid=0)",
    ),
    (
        10,
        "sshd[{pid}]: pam_unix(sshd:session): session closed for user {user}",
    ),
    (65, "postfix/smtpd[{pid}]: connect from {host}[{ip}]"),
    (
        40,
        "postfix/smtpd[{pid}]: disconnect from {host}[{ip}] ehlo=1 mail=1 rcpt=1 data=1 quit=1 commands=5",
    ),
    (60, "postfix/smtpd[{pid}]: {qid}: client={host}[{ip}]"),
    (
        60,
        "postfix/cleanup[{pid}]: {qid}: message-id=<{hex}@{host}>",
    ),
    (
        60,
        "postfix/qmgr[{pid}]: {qid}: from=<{user}@{host}>, size={n}, nrcpt=1 (queue active)",
    ),
    (60, "postfix/qmgr[{pid}]: {qid}: removed"),
    (
        55,
        "postfix/smtp[{pid}]: {qid}: to=<{user}@{host}>, relay={host}[{ip}]:25, delay={few}.4, delays=0.1/0.01/0.2/0.3, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as {qid})",
    ),
    (
        6,
        "postfix/smtp[{pid}]: {qid}: to=<{user}@{host}>, relay=none, delay={n}, delays=0.1/0.01/30/0, dsn=4.4.1, status=deferred (connect to {host}[{ip}]:25: Connection timed out)",
    ),
    (
        8,
        "postfix/smtpd[{pid}]: NOQUEUE: reject: RCPT from {host}[{ip}]: 554 5.7.1 <{user}@{host}>: Relay access denied; from=<{user}@{host}> to=<{user}@{host}> proto=ESMTP helo=<{host}>",
    ),
    (25, "postfix/pickup[{pid}]: {qid}: uid={few} from=<{user}>"),
    (
        3,
        "postfix/anvil[{pid}]: statistics: max connection rate {few}/60s for (smtp:{ip}) at Nov 23 {time}",
    ),
    (
        30,
        "CRON[{pid}]: (root) CMD (command -v debian-sa1 > /dev/null && debian-sa1 1 1)",
    ),
    (
        20,
        "CRON[{pid}]: ({user}) CMD (test -x /usr/local/bin/collect && /usr/local/bin/collect --quiet)",
    ),
    (
        45,
        "CRON[{pid}]: pam_unix(cron:session): session opened for user root(uid=0) by (uid=0)",
    ),
    (
        45,
        "CRON[{pid}]: pam_unix(cron:session): session closed for user root",
    ),
    (
        6,
        "sudo[{pid}]:   {user} : TTY=pts/{few} ; PWD=/home/{user} ; USER=root ; COMMAND=/usr/bin/apt update",
    ),
    (
        6,
        "sudo[{pid}]: pam_unix(sudo:session): session opened for user root(uid=0) by {user}(uid=1000)",
    ),
    (
        6,
        "su[{pid}]: pam_unix(su:session): session opened for user {user}(uid=1000) by (uid=0)",
    ),
    (
        6,
        "su[{pid}]: pam_unix(su:session): session closed for user {user}",
    ),
    (15, "imapd-ssl: Connection, ip=[::ffff:{ip}], port=[{port}]"),
    (
        15,
        "imapd-ssl: LOGIN, user={user}, ip=[::ffff:{ip}], port=[{port}], protocol=IMAP",
    ),
    (
        15,
        "imapd-ssl: LOGOUT, user={user}, ip=[::ffff:{ip}], port=[{port}], headers={n}, body={n}, rcvd={n}, sent={n}, time={n}, starttls=1",
    ),
    (8, "clamsmtpd: {hex}: accepted connection from: 127.0.0.1"),
    (
        8,
        "clamsmtpd: {hex}: from={user}@{host}, to={user}@{host}, status=CLEAN",
    ),
    (
        6,
        "systemd[1]: Started session-{n}.scope - Session {n} of User {user}.",
    ),
    (
        6,
        "systemd[1]: session-{n}.scope: Deactivated successfully.",
    ),
    (
        6,
        "systemd[1]: Starting apt-daily.service - Daily apt download activities...",
    ),
    (
        6,
        "systemd[1]: Finished apt-daily.service - Daily apt download activities.",
    ),
    (4, "systemd-logind[{pid}]: New session {n} of user {user}."),
    (
        4,
        "systemd-logind[{pid}]: Session {n} logged out. Waiting for processes to exit.",
    ),
    (4, "systemd-logind[{pid}]: Removed session {n}."),
    (
        8,
        "dovecot: imap-login: Login: user=<{user}>, method=PLAIN, rip={ip}, lip={ip}, mpid={pid}, TLS, session=<{hex}>",
    ),
    (
        5,
        "named[{pid}]: client @0x{hex} {ip}#{port} ({host}): query (cache) '{host}/A/IN' denied",
    ),
    (
        5,
        "kernel: [{n}.123456] [UFW BLOCK] IN=eth0 OUT= MAC=52:54:00:12:34:56 SRC={ip} DST={ip} LEN=40 TOS=0x00 PREC=0x00 TTL=245 ID={n} PROTO=TCP SPT={port} DPT={port} WINDOW=1024 RES=0x00 SYN URGP=0",
    ),
    (
        1,
        "kernel: [{n}.123456] ata1.00: failed command: READ FPDMA QUEUED",
    ),
    (
        4,
        "snmpd[{pid}]: Connection from UDP: [{ip}]:{port}->[{ip}]:161",
    ),
    (
        3,
        r#"rsyslogd: [origin software="rsyslogd" swVersion="8.2302.0" x-pid="{pid}" x-info="https://www.rsyslog.com"] rsyslogd was HUPed"#,
    ),
    (10, "freshclam[{pid}]: Received signal: wake up"),
    (5, "myapp: request {hex} from {ip} took {n} ms"),
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
pub struct Random(pub u64);

impl Random {
    /// A number from 0 on, below `n`.
    pub fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }

    /// One of these words.
    pub fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[usize::try_from(self.below(from.len() as u64)).unwrap_or(0)]
    }
}

/// The lines of 25 hosts.
pub struct Logs {
    random: Random,
    total: u64,
    second: u64,
    /// Stands before the name of each program.
    before: &'static str,
}

impl Logs {
    /// From the beginning.
    pub fn new() -> Self {
        let total = TEMPLATES.iter().map(|t| u64::from(t.0)).sum();
        Self {
            random: Random(SEED),
            total,
            second: 0,
            before: "",
        }
    }

    /// The same lines, but of programs that no rule knows: `app-sshd`.
    #[allow(dead_code, reason = "each benchmark takes what it needs")]
    pub fn unknown() -> Self {
        Self {
            before: "app-",
            ..Self::new()
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
            "Nov 23 {hour:02}:{minute:02}:{second:02} host{host:02} {}",
            self.before
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
            "few" => write!(out, "{}", random.below(10)),
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

/// The seed of [`all_distinct`].
const DISTINCT_SEED: u64 = 20_261_129;

/// The programs of [`all_distinct`], each with the words of its messages.
const DISTINCT: &[(&str, &str, &str)] = &[
    ("sshd[4711]", "Invalid user", "from"),
    ("postfix/smtpd[902]", "NOQUEUE: reject: RCPT from", "client"),
    ("kernel", "audit: denied request", "by"),
    (
        "nginx",
        "upstream timed out while reading response header from upstream, request",
        "host",
    ),
    ("app", "session", "of"),
];

/// `count` lines, each with another text, in no order, of 25 hosts: the most that counting can have to do.
#[allow(dead_code, reason = "each benchmark takes what it needs")]
pub fn all_distinct(count: u64, out: &mut Vec<u8>) -> io::Result<()> {
    let mut random = Random(DISTINCT_SEED);
    for at in 0..count {
        let (program, words, from) = DISTINCT[usize::try_from(random.below(5)).unwrap_or(0)];
        // An odd factor: another number for each line.
        let number = (at + DISTINCT_SEED).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        write!(
            out,
            "Nov 29 12:00:00 host{:02} {program}: {words} ",
            random.below(25) + 1
        )?;
        writeln!(
            out,
            "{number:016x} {from} {} took {} ms",
            random.pick(USERS),
            random.below(10_000)
        )?;
    }
    Ok(())
}
