//! The settings of the inputs, and how a line becomes host and message.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;

use bstr::BString;

use super::journal::{Journal, JournalMatch};
use crate::config::redis_server::RedisServer;
use crate::logpath::LogPath;
use crate::pattern::Pattern;

/// The settings of the inputs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InputSettings {
    /// `set logfile`, in order: names and patterns.
    pub logfiles: Vec<LogPath>,
    /// `set fifo`, in order.
    pub fifos: Vec<PathBuf>,
    /// `set listen`, in order.
    pub listen: Vec<Listen>,
    /// `set redisserver`.
    pub redis_server: RedisServer,
    /// `set redisqueue`, in order: the keys of the lists.
    pub redis_queues: Vec<BString>,
    /// `set journal`, in order.
    pub journals: Vec<Journal>,
    /// `set journal_match`, in order: an entry is read that one of them takes; all if there is none.
    pub journal_matches: Vec<JournalMatch>,
    /// `set journal_priority on`: the name of its priority stands before each message of the journal.
    pub journal_priority: bool,
    /// `set tail`.
    pub tail: TailSettings,
    /// The program that `set tail` names, if the machine must have it: any but the system's own tail,
    /// which the follower stands in for.
    pub tail_program: Option<PathBuf>,
    /// `set tail_multiple on`: one process a file, where a user's tail command is run.
    pub tail_multiple: bool,
    /// `set tail_missing`: wait for files that do not exist yet (on by default here).
    pub tail_missing: bool,
    /// `set olddir`, in order: where rotated files are looked for too, from the directory of each log.
    pub olddirs: Vec<PathBuf>,
    /// `set max_line`: longer lines are cut, bytes (64 KiB).
    pub max_line: usize,
}

impl InputSettings {
    /// Whether lines come from anything but log files. An input of a new kind is named here too.
    pub fn beside_logs(&self) -> bool {
        !self.fifos.is_empty()
            || !self.listen.is_empty()
            || !self.redis_queues.is_empty()
            || !self.journals.is_empty()
    }
}

/// An address to receive syslog messages on (`set listen`).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Listen {
    /// `set listen 0.0.0.0:514`, `set listen [::]:514`, `set listen udp:…`
    Udp(SocketAddr),
    /// `set listen tcp:0.0.0.0:514`
    Tcp(SocketAddr),
}

/// The value of `set tail`: the reader of the log files.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TailSettings {
    /// Our own follower; `start` from `-n`. GNU tail with its usual flags means this.
    Follow {
        /// The place where a file that exists at the first start is begun.
        start: TailStart,
    },
    /// Another program: run through the shell with the files appended.
    Command {
        /// The path of the program.
        program: PathBuf,
        /// The arguments as written; where the line has none, the arguments of the `set tail` before it, or the default
        /// ones.
        arguments: OsString,
    },
}

/// The place where a file that exists at the first start is begun (tail's `-n`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TailStart {
    /// `-n 0`: at its end.
    End,
    /// `-n N`: N lines before its end.
    LastLines(u64),
    /// `-n +N`: at its Nth line, counted from 1.
    FromLine(u64),
}

/// The settings of the prefixes, by which a line becomes host and message.
#[derive(Clone, Debug)]
pub struct LineSettings {
    /// `set logprefix`, tried in order after the built-in prefix; group 1 is the host.
    pub prefixes: Vec<Pattern>,
    /// `set logprefix NAME`, in order.
    pub names: Vec<PrefixName>,
    /// The built-in RFC 3339 prefix, tried last (`set rfc3339 off` removes it).
    pub rfc3339: bool,
    /// `set hidepid on`: `sshd[123]: ` becomes `sshd: `.
    pub hidepid: bool,
    /// `set join on`: a line without a known prefix belongs to the line before, if that had one.
    pub join: bool,
    /// `set json on`, and the keys of `set json_field`.
    pub json: JsonSettings,
    /// `set structured on`: structured data of RFC 5424 stands in front of the text.
    pub structured: bool,
}

impl Default for LineSettings {
    fn default() -> Self {
        Self {
            prefixes: Vec::new(),
            names: Vec::new(),
            rfc3339: true,
            hidepid: false,
            join: false,
            json: JsonSettings::default(),
            structured: false,
        }
    }
}

/// How messages that are JSON objects are read.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct JsonSettings {
    /// `set json on`: they become text.
    pub on: bool,
    /// The keys that have a meaning.
    pub fields: JsonFields,
}

/// The keys of JSON objects that have a meaning (`set json_field`); of each list the first that is there counts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct JsonFields {
    /// The host.
    pub host: Vec<String>,
    /// The program.
    pub program: Vec<String>,
    /// The level.
    pub level: Vec<String>,
    /// The text of the message.
    pub message: Vec<String>,
    /// Keys that are left out: they differ in each message. All that are there count.
    pub drop: Vec<String>,
}

impl Default for JsonFields {
    fn default() -> Self {
        let keys = |keys: &[&str]| keys.iter().map(|key| (*key).to_owned()).collect();
        Self {
            host: keys(&["kubernetes.host", "hostname"]),
            program: keys(&["app", "logger", "container_name"]),
            level: keys(&["level", "severity"]),
            message: keys(&["msg", "message", "log", "MESSAGE"]),
            drop: keys(&[
                "ts",
                "time",
                "timestamp",
                "@timestamp",
                "trace_id",
                "span_id",
            ]),
        }
    }
}

/// The name of a built-in prefix: the prefix that a kind of devices or programs writes before its
/// messages.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum PrefixName {
    /// Arista EOS.
    Arista,
    /// Aruba's controllers and switches.
    Aruba,
    /// Cisco IOS, IOS XE, IOS XR and ASA.
    Cisco,
    /// `docker logs -t`, Docker Compose, and the files of Kubernetes' runtimes (CRI).
    Docker,
    /// FortiGate.
    Fortigate,
    /// HP's switches.
    Hp,
    /// Huawei's switches and routers.
    Huawei,
    /// A date and time of ISO 8601 in any of its usual forms, with or without a zone.
    Iso,
    /// Junos, with structured data or without.
    Junos,
    /// MikroTik RouterOS.
    Mikrotik,
    /// Cisco NX-OS.
    Nxos,
    /// Palo Alto's PAN-OS.
    Panos,
    /// `<PRI>` in front of a prefix that is known.
    Pri,
    /// RFC 5424.
    Rfc5424,
}

impl PrefixName {
    /// All names, as the configuration writes them.
    pub const ALL: [(&'static str, Self); 14] = [
        ("arista", Self::Arista),
        ("aruba", Self::Aruba),
        ("cisco", Self::Cisco),
        ("docker", Self::Docker),
        ("fortigate", Self::Fortigate),
        ("hp", Self::Hp),
        ("huawei", Self::Huawei),
        ("iso", Self::Iso),
        ("junos", Self::Junos),
        ("mikrotik", Self::Mikrotik),
        ("nxos", Self::Nxos),
        ("panos", Self::Panos),
        ("pri", Self::Pri),
        ("rfc5424", Self::Rfc5424),
    ];
}
