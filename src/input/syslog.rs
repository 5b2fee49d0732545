//! Syslog messages as lines of a log file: `Nov 23 21:44:00 HOST TAG: TEXT`.
//!
//! `<PRI>` goes; a prefix that [`crate::record`] knows stays as it is. Of all else, the host is taken
//! from where it stands: behind a `set logprefix`, in RFC 5424, in the head that a device writes.
//! What is missing is added: the time, and the sender for the host. The line then has the
//! traditional prefix, which is understood under every `set rfc3339`. The original dies of them.

use std::borrow::Cow;
use std::sync::{Arc, PoisonError, RwLock};

use chrono::Local;

use super::text::Text;
use crate::charset::{Charset, Coding};
use crate::clock::Time;
use crate::config::{LineSettings, PrefixName};
use crate::counters::{Counter, Counters};
use crate::pattern::{Budget, Found, Pattern, Spans};
use crate::record::forms::{self, is_tag, without_priority};
use crate::record::rfc5424::{Rfc5424, Written};
use crate::record::{self};

/// The `set logprefix` and `set structured` of the configuration in force, and the `set charset` of an input. The
/// inputs that hold it hear of a reload.
#[derive(Clone, Debug, Default)]
pub struct Prefixes(Arc<RwLock<Arc<Known>>>);

#[derive(Debug, Default)]
struct Known {
    patterns: Vec<Pattern>,
    names: Vec<PrefixName>,
    /// Whether structured data stays in messages.
    structured: bool,
    /// How messages are read (`set charset`).
    coding: Coding,
}

impl Prefixes {
    /// The `set logprefix` of a configuration, and the character set of the messages.
    pub fn new(settings: &LineSettings, charset: Option<Charset>) -> Self {
        let prefixes = Self::default();
        prefixes.set(settings, charset);
        prefixes
    }

    /// No `set logprefix`, and the character set of the messages.
    pub(super) fn of_charset(charset: Option<Charset>) -> Self {
        let coding = charset.map_or(Coding::Bytes, Charset::of_text);
        let known = Known {
            coding,
            ..Known::default()
        };
        Self(Arc::new(RwLock::new(Arc::new(known))))
    }

    /// Takes the settings of another configuration, for all inputs that hold these.
    pub fn set(&self, settings: &LineSettings, charset: Option<Charset>) {
        let known = Known {
            patterns: settings.prefixes.clone(),
            names: settings.names.clone(),
            structured: settings.structured,
            coding: charset.map_or(Coding::Bytes, Charset::of_text),
        };
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(known);
    }

    fn known(&self) -> Arc<Known> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The sender and the time of a message, for messages that do not say.
#[derive(Clone, Copy, Debug)]
pub struct Arrival<'a> {
    /// The host of a message that names none; nothing leaves such a message as it is (Redis).
    pub sender: Option<&'a str>,
    /// The time of a message that names none.
    pub time: Time,
}

/// Adds the lines of one message. A message of several lines is several messages, of the host that
/// was named before; `cut` says that its end is missing.
pub(super) fn take(
    message: &[u8],
    cut: bool,
    arrival: Arrival<'_>,
    prefixes: &Prefixes,
    text: &mut Text,
) {
    let known = prefixes.known();
    let message = trimmed(message);
    let count = message.split(|&b| b == b'\n').count();
    let mut host = None;
    for (i, part) in message.split(|&b| b == b'\n').enumerate() {
        let part = part.strip_suffix(b"\r").unwrap_or(part);
        let part = &*known.coding.line(part, cut && i + 1 == count);
        let reader = Reader {
            sender: host.as_deref().or(arrival.sender.map(str::as_bytes)),
            time: arrival.time,
            known: &known,
        };
        let line = reader.line(part, &mut text.counters);
        if i + 1 < count && arrival.sender.is_some() {
            host = record::built_in(&line).map(|(host, _)| host.to_vec());
        }
        if !line.is_empty() || arrival.sender.is_none() {
            text.push(&line, cut && i + 1 == count);
        }
    }
}

/// The message without the newline, carriage return or NUL that many senders end it with.
fn trimmed(mut message: &[u8]) -> &[u8] {
    while let [rest @ .., b'\n' | b'\r' | 0] = message {
        message = rest;
    }
    message
}

/// The reader of a message, with what is put where the message says nothing.
struct Reader<'a> {
    sender: Option<&'a [u8]>,
    time: Time,
    known: &'a Known,
}

impl Reader<'_> {
    /// One message, without newline, as a line of a log file; empty when nothing is in it.
    fn line<'m>(&self, message: &'m [u8], counters: &mut Counters) -> Cow<'m, [u8]> {
        let rest = without_priority(message);
        let built_in = record::built_in(rest);
        if let Some((host, _)) = built_in
            && !is_tag(host)
            && record::is_traditional(rest)
        {
            return Cow::Borrowed(rest);
        }
        if let Some(line) = self.by_name(rest) {
            return line;
        }
        if let Some(line) = self.by_patterns(rest, counters) {
            return line;
        }
        if rest.len() < message.len()
            && let Some(line) = self.rfc5424(rest, counters)
        {
            return Cow::Owned(line);
        }
        let Some(sender) = self.sender.filter(|_| !rest.is_empty()) else {
            return Cow::Borrowed(rest);
        };
        match built_in {
            Some((host, start)) if is_tag(host) => {
                if let Some(headed) = forms::device(rest).filter(|head| starts_device(head)) {
                    let host = headed.host.unwrap_or(sender);
                    return self.with_head(host, &headed.message);
                }
                let cut = start.checked_sub(host.len() + 1);
                match cut.and_then(|cut| rest.split_at_checked(cut)) {
                    Some((stamp, tag)) => Cow::Owned([stamp, sender, b" ", tag].concat()),
                    None => Cow::Borrowed(rest),
                }
            }
            Some(_) => Cow::Borrowed(rest),
            None => match forms::device(rest) {
                Some(headed) => self.with_head(headed.host.unwrap_or(sender), &headed.message),
                None => self.with_head(sender, rest),
            },
        }
    }

    /// The time of its arrival, a host and a message.
    fn with_head<'m>(&self, host: &[u8], message: &[u8]) -> Cow<'m, [u8]> {
        let stamp = stamp(self.time);
        Cow::Owned([stamp.as_bytes(), host, b" ", message].concat())
    }

    /// The line, if a name of `set logprefix` stands for its head, as in a log file.
    fn by_name<'m>(&self, rest: &'m [u8]) -> Option<Cow<'m, [u8]>> {
        let sender = self.sender?;
        let headed = forms::device_named(rest, &self.known.names)?;
        Some(self.with_head(headed.host.unwrap_or(sender), &headed.message))
    }

    /// The line, if a `set logprefix` knows its head.
    fn by_patterns<'m>(&self, rest: &'m [u8], counters: &mut Counters) -> Option<Cow<'m, [u8]>> {
        let mut spans = Spans::default();
        // All patterns have one budget together.
        let mut budget = Budget::new(rest.len());
        let newlines = memchr::memchr(b'\n', rest).is_some();
        for pattern in &self.known.patterns {
            match pattern.captures_within(rest, newlines, &mut spans, &mut budget) {
                Found::No => {}
                Found::GaveUp => counters.add(Counter::GaveUp, 1),
                Found::Yes => {
                    let (start, end) = spans.0.first().copied().flatten()?;
                    let host = spans.0.get(1).copied().flatten();
                    let host = host.and_then(|(start, end)| rest.get(start..end));
                    let host = host.filter(|host| !host.is_empty());
                    let word = |host: &&[u8]| !host.iter().any(u8::is_ascii_whitespace);
                    let message = [rest.get(..start)?, rest.get(end..)?].concat();
                    return match (host, self.sender) {
                        // What is no word cannot stand in the traditional prefix.
                        (Some(host), Some(_)) if !word(&host) => Some(Cow::Borrowed(rest)),
                        (Some(host), Some(_)) => Some(self.with_head(host, &message)),
                        (None, Some(sender)) => Some(self.with_head(sender, &message)),
                        (_, None) => Some(Cow::Borrowed(rest)),
                    };
                }
            }
        }
        None
    }

    /// What comes after `<PRI>` in a message of RFC 5424 §6, as a line; nothing if it is none.
    fn rfc5424(&self, rest: &[u8], counters: &mut Counters) -> Option<Vec<u8>> {
        let message = Rfc5424::parse(rest)?;
        let mut line = match message.time()? {
            Written::Nil => stamp(self.time),
            Written::At(time) => stamp(time.into()),
        }
        .into_bytes();
        line.extend_from_slice(match (message.host, self.sender) {
            (b"-", Some(sender)) => sender,
            (host, _) => host,
        });
        line.push(b' ');
        let structured = self.known.structured;
        let junos = self.known.names.contains(&PrefixName::Junos);
        line.extend_from_slice(&message.message_with(junos, structured));
        if message.structured.is_some() && !structured {
            counters.add(Counter::StructuredDropped, 1);
        }
        Some(line)
    }
}

/// Whether a device wrote this: behind the stamp of RFC 3164, a program's name stands in the host's
/// place otherwise.
fn starts_device(headed: &forms::Headed<'_>) -> bool {
    headed.message.starts_with(b"%") || headed.message.starts_with(b"last message repeated ")
}

/// `Nov 23 21:44:00 ` in local time.
pub(super) fn stamp(time: Time) -> String {
    let local = time.with_timezone(&Local);
    local.format("%b %e %H:%M:%S ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::Checkpoint;

    const SENDER: Option<&str> = Some("192.0.2.7");

    fn now() -> Time {
        "2026-11-03T21:44:00Z".parse().unwrap()
    }

    fn read(message: &[u8], sender: Option<&str>) -> String {
        read_with(message, sender, &Prefixes::default()).0
    }

    /// The line, and how often structured data was dropped.
    fn read_with(message: &[u8], sender: Option<&str>, prefixes: &Prefixes) -> (String, u64) {
        let known = prefixes.known();
        let reader = Reader {
            sender: sender.map(str::as_bytes),
            time: now(),
            known: &known,
        };
        let mut counters = Counters::default();
        let line = reader.line(message, &mut counters);
        let line = String::from_utf8_lossy(&line).into_owned();
        (line, counters.get(Counter::StructuredDropped))
    }

    /// A message of each name of `set logprefix`, in their order.
    const NAMED: [(&str, &str); 15] = [
        (
            "arista",
            "Jun  1 12:50:26.123456 UTC leaf1 Ebra: 12: %LINEPROTO-5-UPDOWN: x",
        ),
        (
            "aruba",
            "Jun  1 12:50:26 2026 [10.1.1.1] stm[3556]: <501100> <NOTI> x",
        ),
        (
            "cisco",
            "1432: sw1: Jun  1 12:50:26.172: %LINEPROTO-5-UPDOWN: x",
        ),
        ("docker", "web-1  | 2026-11-23T21:44:00.123456789Z GET /"),
        (
            "fortigate",
            "date=2026-06-01 time=12:50:26 devname=\"fw\" devid=\"F\" logid=\"1\" x",
        ),
        (
            "hp",
            " Jan 1 00:15:35 HP-2910al-24G 00076 ports: port 2 is now on-line",
        ),
        (
            "huawei",
            "2018-7-23 01:00:34.270.1 sw2 %%01IFNET/4/IF_STATE(l)[4997]:x",
        ),
        ("iso", "2026-11-23 21:44:00 h1 prog: x"),
        ("iso", "[2026-11-23T21:44:00.5+0200] h1 prog: x"),
        ("junos", "Jul  8 23:04:13  vmx01 alarmd[2449]: Alarm set"),
        (
            "mikrotik",
            "jun/01/2026 12:50:26 system,info router rebooted",
        ),
        (
            "nxos",
            ": 2026 Aug 13 22:08:06 UTC: %ETHPORT-5-IF_ADMIN_UP: x",
        ),
        (
            "panos",
            "1,2026/06/01 12:50:26,001,SYSTEM,general,0,2026/06/01 12:50:26,,x",
        ),
        ("pri", "Nov 23 21:44:00 h1 prog: x"),
        ("rfc5424", "1 2026-11-23T21:44:00Z h1 app 12 ID - x"),
    ];

    /// The host and the message of a line.
    fn parsed(line: &str, settings: &LineSettings) -> (String, String) {
        let (mut spans, mut budget) = (Spans::default(), Budget::new(line.len()));
        match record::parse(line.as_bytes(), settings, &mut spans, &mut budget) {
            record::Parsed::Record(record) => (
                String::from_utf8_lossy(record.host).into_owned(),
                String::from_utf8_lossy(&record.message).into_owned(),
            ),
            other => panic!("{line}: {other:?}"),
        }
    }

    /// What a name of `set logprefix` makes of a line of a file, it makes of a message.
    #[test]
    fn a_named_head_is_read_as_in_a_file() {
        let mut names: Vec<&str> = NAMED.iter().map(|(name, _)| *name).collect();
        names.dedup();
        assert_eq!(names, PrefixName::ALL.map(|(name, _)| name));
        for (name, message) in NAMED {
            let known = |(of, _): &&(&str, PrefixName)| *of == name;
            let named = PrefixName::ALL.iter().find(known).unwrap().1;
            let settings = LineSettings {
                prefixes: Vec::new(),
                names: vec![named],
                rfc3339: true,
                hidepid: false,
                join: false,
                json: Default::default(),
                structured: false,
            };
            let (line, _) = read_with(
                format!("<13>{message}").as_bytes(),
                SENDER,
                &Prefixes::new(&settings, None),
            );
            let (host, text) = parsed(&line, &settings);
            let (own, own_text) = parsed(message, &settings);
            assert_eq!(text, own_text, "{name}: {line}");
            // A file's line that names no host is of this machine, a message is of its sender.
            let this = nix::unistd::gethostname()
                .unwrap()
                .to_string_lossy()
                .into_owned();
            let want = if own == this {
                SENDER.unwrap().into()
            } else {
                own
            };
            assert_eq!(host, want, "{name}: {line}");
        }
    }

    #[test]
    fn a_message_of_another_character_set_is_decoded_before_its_head() {
        let prefixes = Prefixes::of_charset(Charset::named("euc-jp"));
        let mut text = Text::new(100);
        let arrival = Arrival {
            sender: None,
            time: now(),
        };
        take(
            b"one \xbc\xba\ntwo \xc7\xd4",
            false,
            arrival,
            &prefixes,
            &mut text,
        );
        let batch = text.batch(&Arc::default(), Checkpoint::None).unwrap();
        assert_eq!(batch.text, "one 失\ntwo 敗\n".as_bytes());
    }

    #[test]
    fn a_prefix_stays_and_the_priority_goes() {
        let cases = [
            (
                "<13>Nov 23 21:44:00 h1 prog: x",
                "Nov 23 21:44:00 h1 prog: x",
            ),
            ("Nov 23 21:44:00 h1 prog: x", "Nov 23 21:44:00 h1 prog: x"),
            (
                "<13>2026-11-23T21:44:00Z h1 p: x",
                "2026-11-23T21:44:00Z h1 p: x",
            ),
            (
                "<13>Nov 23 21:44:00 prog[1]: x",
                "Nov 23 21:44:00 192.0.2.7 prog[1]: x",
            ),
            (
                "<13>Nov 23 21:44:00 prog: x",
                "Nov 23 21:44:00 192.0.2.7 prog: x",
            ),
            (
                "<13>Nov 23 21:44:00 fe80:: p: x",
                "Nov 23 21:44:00 fe80:: p: x",
            ),
            ("<13>", ""),
        ];
        for (message, want) in cases {
            assert_eq!(read(message.as_bytes(), SENDER), want, "{message}");
        }
    }

    #[test]
    fn a_message_without_header_gets_time_and_sender() {
        let stamp = stamp(now());
        for message in [
            "prog: x",
            "<13>prog: x",
            "<1x>y",
            "<>y",
            "<13",
            "Nov 23 21:44:00 h1",
        ] {
            let rest = message.strip_prefix("<13>").unwrap_or(message);
            let want = format!("{stamp}192.0.2.7 {rest}");
            assert_eq!(read(message.as_bytes(), SENDER), want);
            assert!(record::built_in(want.as_bytes()).is_some(), "{want}");
            assert_eq!(read(message.as_bytes(), None), rest);
        }
    }

    #[test]
    fn rfc_5424_becomes_the_traditional_form() {
        let time = "2026-11-23T21:44:00.003Z";
        let then = stamp("2026-11-23T21:44:00Z".parse().unwrap());
        let came = stamp(now());
        let cases = [
            (
                format!("<165>1 {time} h1 app 12 ID - text"),
                format!("{then}h1 app[12]: text"),
            ),
            (
                format!("<165>1 {time} h1 app - - -  text"),
                format!("{then}h1 app: text"),
            ),
            (
                format!("<165>1 {time} h1 - 12 - - text"),
                format!("{then}h1 text"),
            ),
            (
                "<165>1 - - app - - - text".into(),
                format!("{came}192.0.2.7 app: text"),
            ),
            (
                format!("<1>1 {time} h1 app - - -"),
                format!("{then}h1 app: "),
            ),
            (
                format!("<1>1 {time} h1 app - - [a x=\"] \\\" \\\\\"][b] \u{feff}text"),
                format!("{then}h1 app: text"),
            ),
            // None of these is RFC 5424: nothing of them is dropped.
            (
                "<1>1 then h1 app - - - x".into(),
                format!("{came}192.0.2.7 1 then h1 app - - - x"),
            ),
            (
                format!("<1>1 {time} h1 a - - [x"),
                format!("{came}192.0.2.7 1 {time} h1 a - - [x"),
            ),
            (
                format!("<1>1 {time} h1"),
                format!("{came}192.0.2.7 1 {time} h1"),
            ),
            (
                format!("<1>1 {time} h1 a - - x y"),
                format!("{came}192.0.2.7 1 {time} h1 a - - x y"),
            ),
        ];
        for (message, want) in cases {
            assert_eq!(read(message.as_bytes(), SENDER), want, "{message}");
        }
        assert_eq!(read(b"<1>1 - - a - - - x", None), format!("{came}- a: x"));
    }

    #[test]
    fn a_device_is_the_host_and_its_time_is_no_text() {
        let came = stamp(now());
        for (message, want) in [
            (
                "<28>Jul  8 23:04:13  vmx01 alarmd[2449]: Alarm set",
                "vmx01 alarmd[2449]: Alarm set",
            ),
            (
                "<189>1432: test-switch1: Jun  1 12:50:26.172: %LINEPROTO-5-UPDOWN: x",
                "test-switch1 %LINEPROTO-5-UPDOWN: x",
            ),
            (
                "<189>45: *Mar  1 00:00:26.123: %SYS-5-CONFIG_I: x",
                "192.0.2.7 %SYS-5-CONFIG_I: x",
            ),
            (
                "<189>Mar  1 00:00:26 UTC: %SYS-5-CONFIG_I: x",
                "192.0.2.7 %SYS-5-CONFIG_I: x",
            ),
            (
                "<187>: 2026 May  2 12:55:19 UTC: last message repeated 3 times",
                "192.0.2.7 last message repeated 3 times",
            ),
            (
                "<166>%ASA-6-302013: Built",
                "192.0.2.7 %ASA-6-302013: Built",
            ),
            ("<28>Jul  8 23:04:13  sshd[12]: x", "192.0.2.7 sshd[12]: x"),
            (
                "<134>system,info,account user admin logged in",
                "192.0.2.7 system,info,account user admin logged in",
            ),
        ] {
            let want = format!("{came}{want}");
            assert_eq!(read(message.as_bytes(), SENDER), want, "{message}");
            let rest = message.split_once('>').unwrap().1;
            assert_eq!(read(message.as_bytes(), None), rest, "{message}");
        }
        // A header of RFC 3164 or RFC 5424 says it all; what it says is left.
        let relayed = "Jul 13 08:23:43 192.168.100.2 585917: Jul 14 08:23:43 UTC: %A-6-B: x";
        assert_eq!(read(format!("<190>{relayed}").as_bytes(), SENDER), relayed);
    }

    #[test]
    fn a_logprefix_is_tried_on_the_message_as_it_came() {
        let settings = |patterns: &[&str], names: &[PrefixName]| {
            let compile = |p: &&str| Pattern::compile(p.as_bytes()).unwrap();
            let settings = LineSettings {
                prefixes: patterns.iter().map(compile).collect(),
                names: names.to_vec(),
                rfc3339: true,
                hidepid: false,
                join: false,
                json: Default::default(),
                structured: false,
            };
            Prefixes::new(&settings, None)
        };
        let came = stamp(now());
        let own = settings(
            &["^box=(\\S*) ", "^(?:at (\\S+)|here): ", "^1 \\S+ (\\S+) "],
            &[],
        );
        for (message, want) in [
            ("<13>box=alpha x", "alpha x"),
            ("box=alpha x", "alpha x"),
            ("<13>box= x", "192.0.2.7 x"),
            ("<13>at beta: x", "beta x"),
            ("<13>here: x", "192.0.2.7 x"),
            (
                "<13>1 2026-11-23T21:44:00Z h1 app - - - x",
                "h1 app - - - x",
            ),
            ("<13>none x", "192.0.2.7 none x"),
        ] {
            let (line, _) = read_with(message.as_bytes(), SENDER, &own);
            assert_eq!(line, format!("{came}{want}"), "{message}");
        }
        let whole = "Nov 23 21:44:00 h1 box=alpha x";
        assert_eq!(read_with(whole.as_bytes(), SENDER, &own).0, whole);
        // A reload is heard of.
        let none = LineSettings {
            prefixes: Vec::new(),
            names: Vec::new(),
            rfc3339: true,
            hidepid: false,
            join: false,
            json: Default::default(),
            structured: false,
        };
        own.set(&none, None);
        let (line, _) = read_with(b"<13>box=alpha x", SENDER, &own);
        assert_eq!(line, format!("{came}192.0.2.7 box=alpha x"));
        // Junos says in front of its data what it is.
        let structured =
            b"<14>1 2026-11-23T21:44:00Z r1 mgd 3046 UI_COMMIT [junos@2636.1 a=\"b\"] x";
        let junos = settings(&[], &[PrefixName::Junos]);
        let then = stamp("2026-11-23T21:44:00Z".parse().unwrap());
        let (line, dropped) = read_with(structured, SENDER, &junos);
        assert_eq!(
            (line, dropped),
            (format!("{then}r1 mgd[3046]: UI_COMMIT: x"), 1)
        );
        let (line, dropped) = read_with(structured, SENDER, &own);
        assert_eq!((line, dropped), (format!("{then}r1 mgd[3046]: x"), 1));
        let (_, dropped) = read_with(b"<14>1 - r1 mgd - - - x", SENDER, &own);
        assert_eq!(dropped, 0);
    }

    #[test]
    fn lines_of_a_message_have_its_host() {
        let gather = |message: &[u8]| {
            let mut text = Text::new(100);
            let (sender, time) = (SENDER, now());
            take(
                message,
                false,
                Arrival { sender, time },
                &Prefixes::default(),
                &mut text,
            );
            let batch = text.batch(&Arc::default(), Checkpoint::None).unwrap();
            let lines = String::from_utf8(batch.text).unwrap();
            lines
                .lines()
                .map(|line| line[16..].to_owned())
                .collect::<Vec<_>>()
        };
        for (head, host) in [
            ("<13>Nov 23 21:44:00 h1 ", "h1"),
            ("<13>2026-11-23T21:44:00Z h1 ", "Z h1"),
            ("<13>1 2026-11-23T21:44:00Z h1 ", "h1"),
            ("<189>12: h1: Jun  1 12:50:26: ", "h1"),
            ("<13>Nov 23 21:44:00 ", "192.0.2.7"),
            ("<13>", "192.0.2.7"),
        ] {
            let first = match head.starts_with("<13>1 ") {
                true => "app - - - one",
                false => "app: one",
            };
            let lines = gather(format!("{head}{first}\n  at two\n<14>app: three\n").as_bytes());
            let own = host.rsplit(' ').next().unwrap();
            let want = [
                lines[0].clone(),
                format!("{own}   at two"),
                format!("{own} app: three"),
            ];
            assert_eq!(lines, want, "{head}");
            assert!(lines[0].ends_with(&format!("{own} app: one")), "{lines:?}");
        }
        let two = gather(b"<13>Nov 23 21:44:00 h1 one\n<13>Nov 23 21:44:00 h2 two\nthree");
        assert_eq!(two, ["h1 one", "h2 two", "h2 three"]);
    }

    #[test]
    fn a_datagram_is_at_least_one_message() {
        let gather = |message: &[u8], sender, cut| {
            let mut text = Text::new(100);
            let arrival = Arrival {
                sender,
                time: now(),
            };
            take(message, cut, arrival, &Prefixes::default(), &mut text);
            let batch = text.batch(&Arc::default(), Checkpoint::None);
            batch.map(|b| String::from_utf8(b.text).unwrap())
        };
        let one = "Nov 23 21:44:00 h1 x";
        for end in ["", "\n", "\0", "\r\n", "\n\0"] {
            let message = format!("<13>{one}{end}");
            assert_eq!(
                gather(message.as_bytes(), SENDER, false),
                Some(format!("{one}\n"))
            );
        }
        let two = format!("<13>{one}\r\n\n<14>{one} y\n");
        let want = format!("{one}\n{one} y\n");
        assert_eq!(gather(two.as_bytes(), SENDER, false), Some(want));
        for nothing in [&b""[..], b"\n", b"\0\0", b"<13>\n"] {
            assert_eq!(gather(nothing, SENDER, false), None, "{nothing:?}");
        }
        let cut = format!("{one} [... cut]\n");
        assert_eq!(gather(one.as_bytes(), SENDER, true), Some(cut));
        assert_eq!(gather(b"a\n\nb", None, false), Some("a\n\nb\n".into()));
    }

    #[test]
    fn any_bytes_at_all_are_taken() {
        use proptest::prelude::*;
        proptest!(|(message in proptest::collection::vec(any::<u8>(), 0..60), cut: bool)| {
            let mut text = Text::new(40);
            let prefixes = Prefixes::default();
            let time = now();
            take(&message, cut, Arrival { sender: SENDER, time }, &prefixes, &mut text);
            take(&message, cut, Arrival { sender: None, time }, &prefixes, &mut text);
            let batch = text.batch(&Arc::default(), Checkpoint::None);
            let bytes = batch.map(|b| b.text).unwrap_or_default();
            prop_assert!(bytes.split(|&b| b == b'\n').all(|line| line.len() <= 40));
        });
    }

    #[test]
    fn structured_data_stays_where_that_is_wanted() {
        let loaded = crate::config::parse_bytes(b"set mailserver h\nset structured on\n");
        let kept = Prefixes::new(&loaded.config.expect("a good configuration").lines, None);
        let then = stamp("2026-11-23T21:44:00Z".parse().unwrap());
        for (data, want) in [
            ("[a x=\"1 ]\"][b]", "h1 app[7]: [a x=\"1 ]\"][b] text"),
            ("-", "h1 app[7]: text"),
        ] {
            let message = format!("<165>1 2026-11-23T21:44:00Z h1 app 7 ID {data} text");
            let read = read_with(message.as_bytes(), SENDER, &kept);
            assert_eq!(read, (format!("{then}{want}"), 0));
            let dropped = u64::from(data != "-");
            let (_, count) = read_with(message.as_bytes(), SENDER, &Prefixes::default());
            assert_eq!(count, dropped);
        }
    }
}
