//! Lines as programs write them, invented.

use crate::support::random::Random;

/// What `@` stands for: a word, `#` a number, `%` an address, `^` a name of a host.
const SHAPES: &[&str] = &[
    "sshd[#]: Accepted publickey for @ from % port # ssh2: RSA SHA256:@",
    "sshd[#]: Failed password for invalid user @ from % port # ssh2",
    "sshd[#]: Connection closed by authenticating user root % port # [preauth]",
    "sshd[#]: pam_unix(sshd:session): session opened for user @(uid=#) by (uid=0)",
    "sshd[#]: error: maximum authentication attempts exceeded for @ from % port # ssh2 [preauth]",
    "sudo:     @ : TTY=pts/# ; PWD=/home/@ ; USER=root ; COMMAND=/usr/bin/apt-get update",
    "su[#]: pam_unix(su-l:auth): authentication failure; logname=@ uid=# euid=0 tty=pts/0 ruser=@ rhost=  user=root",
    "CRON[#]: (root) CMD (   cd / && run-parts --report /etc/cron.hourly)",
    "kernel: [#.#] usb 1-#: new high-speed USB device number # using xhci_hcd",
    "kernel: [UFW BLOCK] IN=eth0 OUT= MAC=00:16:3e:5e:6c:00 SRC=% DST=% LEN=# TOS=0x00 PROTO=TCP SPT=# DPT=22",
    "kernel: EXT4-fs (sda#): mounted filesystem with ordered data mode. Opts: (null)",
    "postfix/smtpd[#]: connect from ^[%]",
    "postfix/smtpd[#]: NOQUEUE: reject: RCPT from unknown[%]: 450 4.7.1 <@@x>: Helo command rejected: Host not found; from=<@@x> to=<@@x> proto=ESMTP helo=<^>",
    "postfix/qmgr[#]: 4F2A#: from=<@@example.org>, size=#, nrcpt=1 (queue active)",
    "postfix/smtp[#]: 4F2A#: to=<@@example.org>, relay=^[%]:25, delay=#.#, dsn=2.0.0, status=sent (250 OK)",
    "dovecot: imap-login: Login: user=<@>, method=PLAIN, rip=%, lip=%, mpid=#, TLS, session=<@>",
    "dovecot: pop3-login: Disconnected (auth failed, 1 attempts in # secs): user=<@>, method=PLAIN, rip=%",
    "named[#]: client @0x7f#: query (cache) '^/A/IN' denied",
    "named[#]: zone ^/IN: loaded serial #",
    "dhcpd: DHCPACK on % to 00:16:3e:5e:6c:0# (@) via eth0",
    "ntpd[#]: synchronized to %, stratum #",
    "systemd[1]: Started Session # of user @.",
    "systemd-logind[#]: New session # of user @.",
    "apache2: % - - [23/Nov/2026:21:44:# +0000] \"GET /@.html?q=# HTTP/1.1\" 404 # \"-\" \"@/5.0\"",
    "proftpd[#]: ^ (%[%]): USER @: no such user found from % [%] to %:21",
    "vsftpd: pam_unix(vsftpd:auth): check pass; user unknown",
    "smartd[#]: Device: /dev/sda, SMART Usage Attribute: 194 Temperature_Celsius changed from # to #",
    "rsyslogd: [origin software=\"rsyslogd\" swVersion=\"8.#\" x-pid=\"#\"] rsyslogd was HUPed",
    "spamd[#]: spamd: clean message (-#.#/5.0) for @:# in #.# seconds, # bytes.",
    "clamd[#]: SelfCheck: Database status OK.",
    "amavis[#]: (#-0#) Passed CLEAN, [%] <@@x> -> <@@x>, Hits: -#.#",
    "openvpn[#]: ^/%:# TLS: soft reset sec=# bytes=#/0",
    "Subject: Re: @ @ invoice no. # for you, \u{20ac} #.00",
    "Received: from ^ (^ [%]) by mx.example.org with ESMTPS id @# for <@@x>",
    "http://^/@/#.php?id=#&u=@",
    "last message repeated # times",
    "gr\u{fc}\u{df}e aus @, caf\u{e9} #",
    "",
    "--- @ ---",
    "\t@\t#\t%",
];
const WORDS: &[&str] = &[
    "bob", "alice", "root", "www-data", "nobody", "x", "smith_2", "Admin", "test", "eve.m",
];
const HOSTS: &[&str] = &[
    "localhost",
    "mail.example.org",
    "unknown",
    "a-b.c.example",
    "ns1",
    "h7.example.com",
];

/// Lines as programs write them, `count` of them.
pub fn usual(count: usize, random: &mut Random) -> Vec<Vec<u8>> {
    (0..count)
        .map(|at| line(SHAPES[at % SHAPES.len()], random))
        .collect()
}

fn line(shape: &str, random: &mut Random) -> Vec<u8> {
    let mut out = String::new();
    if random.percent(30) {
        out.push_str("Nov 23 21:44:00 host1 ");
    }
    for shape in shape.chars() {
        match shape {
            '@' => out.push_str(random.pick::<&str>(WORDS)),
            '^' => out.push_str(random.pick::<&str>(HOSTS)),
            '#' => {
                let most = *random.pick(&[2, 10, 300, 70_000]);
                out.push_str(&random.below(most).to_string());
            }
            '%' => {
                let octets: Vec<String> = (0..4).map(|_| random.below(256).to_string()).collect();
                out.push_str(&octets.join("."));
            }
            other => out.push(other),
        }
    }
    out.into_bytes()
}
