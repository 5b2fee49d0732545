//! Logs that nobody tuned the program for: each is of another kind of host, and its seed chooses which of
//! the kind's messages come, how often, and with which values. The same seed gives the same lines
//! everywhere.

use std::io::{self, Write};

use super::logs::Random;

/// A kind of log.
pub struct Shape {
    /// A word for file names.
    pub id: &'static str,
    pub name: &'static str,
    /// Number of hosts.
    hosts: u64,
    /// The texts behind the host. In braces stand the names of values: `{n}` a number of one to six digits,
    /// `{d}` a digit, `{ip}`, `{word}`, `{user}`, `{name}` a host's name, `{hex}`, `{path}`, `{text}` some
    /// words, `{prog}` the name of a program that no rule knows, `{time}`.
    texts: &'static [&'static str],
}

/// The kinds of logs.
pub const SHAPES: &[Shape] = &[
    Shape {
        id: "old",
        name: "a server of twenty years ago",
        hosts: 1,
        texts: &[
            "sshd(pam_unix)[{n}]: authentication failure; logname= uid={d} euid={d} tty=NODEVssh ruser= rhost={name}  user={user}",
            "sshd(pam_unix)[{n}]: check pass; user unknown",
            "su(pam_unix)[{n}]: session opened for user {user} by (uid={d})",
            "su(pam_unix)[{n}]: session closed for user {user}",
            "ftpd[{n}]: connection from {ip} ({name}) at Sat Nov {d} {time} 2026 ",
            "ftpd[{n}]: ANONYMOUS FTP LOGIN FROM {ip},  ({word}@)",
            "xinetd[{n}]: warning: can't get client address: Connection reset by peer",
            "kernel: Out of Memory: Killed process {n} ({word}).",
            "kernel: eth{d}: {word} link at {n} Mbps",
            "logrotate: ALERT exited abnormally with [{d}]",
            "cups: cupsd {word} succeeded",
            "syslogd {d}.{d}.{d}: restart.",
            "snmpd[{n}]: Received SNMP packet(s) from {ip}",
            "gpm[{n}]: *** info [{word}.c({n})]:  {text}",
            "network: Bringing up interface eth{d}:  succeeded",
        ],
    },
    Shape {
        id: "attack",
        name: "one sshd under attack",
        hosts: 1,
        texts: &[
            "sshd[{n}]: Failed password for {user} from {ip} port {n} ssh2",
            "sshd[{n}]: Failed password for invalid user {word} from {ip} port {n} ssh2",
            "sshd[{n}]: Invalid user {word} from {ip}",
            "sshd[{n}]: input_userauth_request: invalid user {word} [preauth]",
            "sshd[{n}]: pam_unix(sshd:auth): check pass; user unknown",
            "sshd[{n}]: pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost={ip}  user={user}",
            "sshd[{n}]: PAM {d} more authentication failures; logname= uid=0 euid=0 tty=ssh ruser= rhost={ip}  user={user}",
            "sshd[{n}]: Received disconnect from {ip}: 11: Bye Bye [preauth]",
            "sshd[{n}]: reverse mapping checking getaddrinfo for {name} [{ip}] failed - POSSIBLE BREAK-IN ATTEMPT!",
            "sshd[{n}]: Connection closed by {ip} [preauth]",
            "sshd[{n}]: fatal: Write failed: Connection reset by peer [preauth]",
            "sshd[{n}]: error: Received disconnect from {ip}: 3: com.jcraft.jsch.JSchException: Auth fail [preauth]",
            "sshd[{n}]: Disconnecting: Too many authentication failures for {user} [preauth]",
        ],
    },
    Shape {
        id: "web",
        name: "web servers and their applications",
        hosts: 6,
        texts: &[
            "apache2: [error] [client {ip}] File does not exist: /var/www/{path}",
            "apache2: [notice] child pid {n} exit signal Segmentation fault ({d})",
            "apache2[{n}]: [{word}:warn] [pid {n}:tid {n}] AH{n}: {text}",
            "nginx: {ip} - {user} [03/Nov/2026:{time} +0100] \"GET /{path}?id={n} HTTP/1.1\" {n} {n} \"-\" \"Mozilla/5.0 ({word})\"",
            "nginx[{n}]: {time} [error] {n}#{n}: *{n} connect() failed (111: Connection refused) while connecting to upstream, client: {ip}",
            "php-fpm[{n}]: [WARNING] [pool {word}] server reached pm.max_children setting ({n})",
            "{prog}[{n}]: Started POST \"/{path}\" for {ip}",
            "{prog}[{n}]: Completed {n} in {n}ms ({word}: {n}ms)",
            "haproxy[{n}]: {ip}:{n} [03/Nov/2026:{time}.{n}] {word} {word}/{word} {n}/{n}/{n} {n} {n} - - ---- {d}/{d}/{d}/{d}/{d} {d}/{d}",
            "mysqld[{n}]: {n} [Warning] Aborted connection {n} to db: '{word}' user: '{user}' host: '{ip}' ({text})",
        ],
    },
    Shape {
        id: "cluster",
        name: "a cluster of containers",
        hosts: 120,
        texts: &[
            "kubelet[{n}]: I1103 {time}.{n} {n} {word}.go:{n}] \"{text}\" pod=\"{word}/{word}-{hex}\" volume=\"{word}\"",
            "kubelet[{n}]: E1103 {time}.{n} {n} {word}.go:{n}] {text}: rpc error: code = {word} desc = {text}",
            "containerd[{n}]: time=\"2026-11-03T{time}Z\" level=info msg=\"{text}\" id={hex} namespace={word}",
            "dockerd[{n}]: time=\"2026-11-03T{time}Z\" level=warning msg=\"{text}\" container={hex}",
            "systemd[1]: run-docker-runtime\\x2drunc-moby-{hex}.mount: Deactivated successfully.",
            "systemd[1]: Started {word}-{hex}.scope - {text}.",
            "systemd-networkd[{n}]: veth{hex}: Link UP",
            "NetworkManager[{n}]: <info>  [{n}.{n}] device (veth{hex}): state change: {word} -> {word}",
            "calico-node-controller[{n}]: {text} {ip}/{n}",
            "{prog}-controller[{n}]: {{\"level\":\"info\",\"ts\":{n}.{n},\"msg\":\"{text}\",\"node\":\"{name}\",\"count\":{n}}}",
            "kernel: [{n}.{n}] docker0: port {d}(veth{hex}) entered {word} state",
            "etcd[{n}]: {{\"level\":\"warn\",\"caller\":\"{path}:{n}\",\"msg\":\"{text}\",\"took\":\"{n}.{n}ms\"}}",
        ],
    },
    Shape {
        id: "desktop",
        name: "desktops",
        hosts: 40,
        texts: &[
            "com.apple.xpc.launchd[1] (com.apple.{word}.{word}[{n}]): Service exited with abnormal code: {d}",
            "kernel[0]: {word}::{word} {text} {n}",
            "gnome-shell[{n}]: {text}: {path}",
            "org.gnome.{word}.desktop[{n}]: ** ({word}:{n}): WARNING **: {time}.{n}: {text}",
            "gnome-session-binary[{n}]: {text}",
            "wpa_supplicant[{n}]: wlp{d}s{d}: CTRL-EVENT-{word} bssid={hex} reason={d}",
            "dbus-daemon[{n}]: [session uid={n} pid={n}] Activating service name='org.{word}.{word}' requested by ':{d}.{n}' (uid={n} pid={n} comm=\"{path}\")",
            "pulseaudio[{n}]: {text}",
            "kernel: [{n}.{n}] usb {d}-{d}: new high-speed USB device number {n} using xhci_hcd",
            "kernel: [{n}.{n}] audit: type={n} audit({n}.{n}:{n}): apparmor=\"{word}\" operation=\"{word}\" profile=\"{path}\" pid={n}",
            "{prog}[{n}]: {text} {n} {text}",
        ],
    },
    Shape {
        id: "mail",
        name: "a large mail server",
        hosts: 3,
        texts: &[
            "postfix/postscreen[{n}]: CONNECT from [{ip}]:{n} to [{ip}]:25",
            "postfix/postscreen[{n}]: PASS OLD [{ip}]:{n}",
            "postfix/smtpd[{n}]: NOQUEUE: reject: RCPT from {name}[{ip}]: 450 4.1.8 <{user}@{name}>: Sender address rejected: Domain not found",
            "postfix/submission/smtpd[{n}]: {hex}: client={name}[{ip}], sasl_method=PLAIN, sasl_username={user}",
            "postfix/lmtp[{n}]: {hex}: to=<{user}@{name}>, relay={name}[private/dovecot-lmtp], delay={d}.{n}, delays={d}/{d}/{d}/{d}, dsn=2.0.0, status=sent (250 2.0.0 <{user}> {hex} Saved)",
            "postfix/qmgr[{n}]: {hex}: from=<{user}@{name}>, size={n}, nrcpt={d} (queue active)",
            "dovecot: imap({user})<{n}><{hex}>: Disconnected: Logged out in={n} out={n} deleted={d} expunged={d}",
            "dovecot: lmtp({user}@{name})<{n}><{hex}>: sieve: msgid=<{hex}@{name}>: stored mail into mailbox '{word}'",
            "dovecot: auth-worker({n}): Error: sql({user},{ip}): {text}",
            "rspamd[{n}]: <{hex}>; proxy; rspamd_task_write_log: id: <{hex}@{name}>, ip: {ip}, (default: F (no action): [{d}.{n}/{n}.00] [{word}({d}.{n})])",
            "opendkim[{n}]: {hex}: DKIM-Signature field added (s={word}, d={name})",
            "amavis[{n}]: ({n}-{n}) Passed CLEAN {{RelayedInbound}}, [{ip}]:{n} <{user}@{name}> -> <{user}@{name}>, Queue-ID: {hex}, Hits: -{d}.{n}",
        ],
    },
    Shape {
        id: "network",
        name: "firewalls and switches",
        hosts: 300,
        texts: &[
            "kernel: [{n}.{n}] {word}-DROP: IN=eth{d} OUT= MAC={hex} SRC={ip} DST={ip} LEN={n} TOS=0x00 PREC=0x00 TTL={n} ID={n} PROTO=TCP SPT={n} DPT={n} WINDOW={n} RES=0x00 SYN URGP=0",
            "kernel: {word} IN=ppp{d} OUT=eth{d} SRC={ip} DST={ip} LEN={n} PROTO=UDP SPT={n} DPT={n}",
            "%LINK-{d}-UPDOWN: Interface GigabitEthernet{d}/{d}/{d}, changed state to {word}",
            "dhcpd: DHCPREQUEST for {ip} from {hex} ({word}) via eth{d}",
            "dhcpd[{n}]: DHCPACK on {ip} to {hex} via eth{d}",
            "named[{n}]: client @0x{hex} {ip}#{n} ({name}): query: {name} IN A +E(0)K ({ip})",
            "filterlog[{n}]: {d},,,{n},igb{d},match,block,in,4,0x0,,{n},{n},0,DF,6,tcp,{n},{ip},{ip},{n},{n},0,S,{n},,{n},,mss",
            "openvpn[{n}]: {user}/{ip}:{n} {text}",
            "charon: {n}[IKE] <{word}|{n}> {text} {ip}",
            "snmpd[{n}]: Connection from UDP: [{ip}]:{n}->[{ip}]:161",
            "bgpd[{n}]: %ADJCHANGE: neighbor {ip}({word}) in vrf default {word} {text}",
            "{prog}: {text}",
        ],
    },
];

const WORDS: &[&str] = &[
    "volume",
    "mount",
    "session",
    "Timeout",
    "cache",
    "active",
    "Controller",
    "sync",
    "failed",
    "window",
    "buffer",
    "request",
    "lease",
    "error",
    "frame",
    "Registered",
    "peer",
    "worker",
    "skipped",
    "handle",
    "state",
    "forwarding",
    "disabled",
    "queue",
    "token",
    "retry",
    "updating",
    "blocked",
];
const USERS: &[&str] = &[
    "root", "admin", "maria", "deploy", "jenkins", "yuki", "ftpuser", "support", "nagios", "pi",
];
const DOMAINS: &[&str] = &[
    "example.com",
    "dyn.example.net",
    "corp.example",
    "example.ac.jp",
];

/// The lines of one kind of log.
pub struct Unseen {
    shape: &'static Shape,
    random: Random,
    /// The chosen texts, each with the sum of the weights up to it.
    texts: Vec<(u64, &'static str)>,
    /// The names of hosts begin with this word.
    host: &'static str,
    second: u64,
}

impl Unseen {
    /// A log from its beginning.
    pub fn new(shape: &'static Shape, seed: u64) -> Self {
        let mut random = Random(seed);
        let (mut texts, mut sum) = (Vec::new(), 0);
        for text in shape.texts {
            // A few texts make up most of a log.
            sum += match random.below(8) {
                0 => 0,
                1 | 2 => 300,
                3..=5 => 30,
                _ => 3,
            };
            texts.push((sum, *text));
        }
        // No seed leaves out all of them.
        if let Some(last) = texts.last_mut() {
            last.0 += 3;
        }
        let host = random.pick(WORDS);
        Self {
            shape,
            random,
            texts,
            host,
            second: 0,
        }
    }

    /// Appends the next line with its newline.
    pub fn line(&mut self, out: &mut Vec<u8>) -> io::Result<()> {
        self.second += u64::from(self.random.below(20) == 0);
        let day = 1 + self.second / 86_400 % 28;
        let [hour, minute, second] = [3600, 60, 1].map(|unit| self.second / unit % 60);
        let hour = hour % 24;
        write!(out, "Nov {day:2} {hour:02}:{minute:02}:{second:02} ")?;
        write!(out, "{}{} ", self.host, self.random.below(self.shape.hosts))?;
        let total = self.texts.last().map_or(1, |last| last.0);
        let at = self.random.below(total);
        let text = self.texts.iter().find(|(sum, _)| at < *sum);
        self.fill(text.map_or("", |text| text.1), out)?;
        out.push(b'\n');
        Ok(())
    }

    /// Appends a text with its values; `{{` and `}}` are braces.
    fn fill(&mut self, text: &str, out: &mut Vec<u8>) -> io::Result<()> {
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            out.extend_from_slice(&rest.as_bytes()[..at]);
            let brace = &rest[at..];
            if brace.starts_with("{{") || brace.starts_with("}}") {
                out.push(brace.as_bytes()[0]);
                rest = &brace[2..];
                continue;
            }
            let (name, behind) = brace[1..].split_once('}').unwrap_or((brace, ""));
            self.value(name, out)?;
            rest = behind;
        }
        out.extend_from_slice(rest.as_bytes());
        Ok(())
    }

    fn value(&mut self, name: &str, out: &mut Vec<u8>) -> io::Result<()> {
        let random = &mut self.random;
        match name {
            "n" => {
                let digits = 1 + random.below(6);
                write!(out, "{}", random.below(10_u64.pow(digits as u32)))
            }
            "d" => write!(out, "{}", random.below(10)),
            "ip" => {
                let [a, b, c, d] = [223, 256, 256, 254].map(|most| random.below(most));
                write!(out, "{}.{b}.{c}.{}", a + 1, d + 1)
            }
            "word" => write!(out, "{}", random.pick(WORDS)),
            "user" => write!(out, "{}", random.pick(USERS)),
            "name" => write!(
                out,
                "{}-{}.{}",
                random.pick(WORDS),
                random.below(2_000),
                random.pick(DOMAINS)
            ),
            "hex" => {
                let digits = 8 + random.below(9);
                write!(
                    out,
                    "{:x}",
                    random.below(1 << (4 * digits - 1)) | 1 << (4 * digits - 4)
                )
            }
            "path" => write!(
                out,
                "{}/{}-{}",
                random.pick(WORDS),
                random.pick(WORDS),
                random.below(500)
            ),
            "text" => {
                let words = 2 + random.below(7);
                for at in 0..words {
                    let blank = if at == 0 { "" } else { " " };
                    write!(out, "{blank}{}", random.pick(WORDS))?;
                }
                Ok(())
            }
            "prog" => write!(out, "{}d", random.pick(WORDS)),
            "time" => {
                let [hour, minute, second] = [24, 60, 60].map(|most| random.below(most));
                write!(out, "{hour:02}:{minute:02}:{second:02}")
            }
            other => panic!("{{{other}}} in a text of {}", self.shape.id),
        }
    }
}
