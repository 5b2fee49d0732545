//! The prefixes that devices write, by name (`set logprefix cisco`).
//!
//! A form is a pattern for the head of a line. It gives the host where the device names itself, and
//! takes what is another one each time (the time, sequence numbers) out of the message, so that
//! equal messages are equal lines. The time that a pattern takes grows with the line, and no faster.

use std::borrow::Cow;
use std::sync::OnceLock;

use regex::bytes::Regex;

use super::built_in::begins_traditional;
use super::rfc5424::Rfc5424;
use crate::config::PrefixName;

/// A line without the head that a device wrote.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Headed<'a> {
    /// The host, if the device names itself.
    pub host: Option<&'a [u8]>,
    /// The rest of the line.
    pub message: Cow<'a, [u8]>,
}

/// Heads that a line has one behind the other, at most: one of a relay, two of the device.
const HEADS: usize = 3;

/// A form of heads.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Debug)]
enum Form {
    /// Cisco with a sequence number or a colon in front.
    CiscoCounted,
    /// Cisco with nothing in front: what follows must look like its messages.
    CiscoBare,
    /// IOS XR: the node stands in front of the time.
    CiscoNode,
    /// Cisco without a time.
    CiscoTimeless,
    /// ASA in the EMBLEM format, its time taken off by a relay.
    CiscoColon,
    /// ASA: the time comes before the host.
    Asa,
    /// The sequence number of EOS, behind the agent's name.
    EosSequence,
    Fortigate,
    Huawei,
    Panos,
    Mikrotik,
    /// Time and host in the order of RFC 3164 §4.1.2, written more loosely.
    Loose,
    /// A time alone.
    Time,
    Iso,
    Compose,
    DockerTime,
}

/// The forms that are tried on a message without a header of RFC 3164 or RFC 5424 that comes in by
/// `listen`, though no name is set.
const DEVICES: [Form; 11] = [
    Form::CiscoCounted,
    Form::CiscoBare,
    Form::CiscoNode,
    Form::CiscoTimeless,
    Form::CiscoColon,
    Form::Asa,
    Form::Huawei,
    Form::Fortigate,
    Form::Panos,
    Form::Loose,
    Form::Time,
];

/// The forms that a name stands for.
fn forms(name: PrefixName) -> &'static [Form] {
    use Form::{
        Asa, CiscoBare, CiscoColon, CiscoCounted, CiscoNode, CiscoTimeless, Compose, DockerTime,
        EosSequence, Fortigate, Huawei, Iso, Loose, Mikrotik, Panos,
    };
    match name {
        PrefixName::Arista => &[EosSequence, CiscoBare, Loose],
        PrefixName::Aruba | PrefixName::Hp | PrefixName::Junos => &[Loose],
        PrefixName::Cisco | PrefixName::Nxos => &[
            CiscoCounted,
            CiscoBare,
            CiscoNode,
            CiscoTimeless,
            CiscoColon,
            Asa,
            Loose,
        ],
        PrefixName::Docker => &[Compose, DockerTime],
        PrefixName::Fortigate => &[Fortigate, Loose],
        PrefixName::Huawei => &[Huawei, Loose],
        PrefixName::Iso => &[Iso],
        PrefixName::Mikrotik => &[Mikrotik, Loose],
        PrefixName::Panos => &[Panos, Loose],
        PrefixName::Pri | PrefixName::Rfc5424 => &[],
    }
}

impl Form {
    /// The number of forms: each has its place in the table of compiled patterns.
    const NUMBER: usize = Self::DockerTime as usize + 1;

    /// The pattern of this form. Its groups: `host` (or `early`, where the host stands first) is the host;
    /// `keep` is cut out with the head and put in front of the message; `text` begins the message.
    #[allow(clippy::too_many_lines, reason = "a flat match: an arm for each form")]
    fn pattern(self) -> String {
        // A word that is no number alone, or an IPv6 address.
        const HOST: &str = r"(?P<host>\d*[A-Za-z_.\-][^\s/]*?|\d*:[^\s/]*:[^\s/]*?)";
        const MONTH: &str = "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)";
        const CLOCK: &str = r"\d{1,2}:\d{2}:\d{2}(?:[.,]\d{1,9}){0,2}";
        const ZONE: &str = r"(?: [A-Za-z]{1,8}(?:[+\-][\d:]{1,5})?| ?[+\-]\d{2}:?\d{2})?";
        // What can be told from a host.
        const KNOWN_ZONE: &str = r"(?: (?:UTC|GMT|WES?T|CES?T|EES?T|MES?T|MSK|BST|IST|[ACEHMP][DS]T|AK[DS]T|AE[DS]T|AC[DS]T|AWST|NZ[DS]T|JST|KST|HKT|SGT)(?:[+\-]\d{1,2}(?::?\d{2})?)?| ?[+\-]\d{2}:?\d{2})?";
        const NODE: &str = r"(?P<keep>[A-Z]{1,4}\d?/\d+/[A-Z]*\d+/CPU\d+:)";
        const UPTIME: &str = r"(?:\d+[ywdh]\d{1,2}[wdhm]|\d{1,3}:\d{2}:\d{2}(?:\.\d{1,3})?)";
        let iso = format!(r"\d{{4}}-\d{{1,2}}-\d{{1,2}} {CLOCK}");
        let internet = format!(r"\d{{4}}-\d{{2}}-\d{{2}}T{CLOCK}(?:[Zz]|[+\-]\d{{2}}:?\d{{2}})?");
        let month_first =
            format!(r"{MONTH} {{1,2}}\d{{1,2}}(?:,? \d{{4}})?,? {CLOCK}(?: [AP]M)?(?: \d{{4}})?");
        let year_first = format!(r"\d{{4}} {MONTH} {{1,2}}\d{{1,2}} {CLOCK}");
        let time = format!("(?:[*.]?(?:{month_first}|{year_first})|{internet})");
        let inner = format!(r"(?:(?:{HOST} ?:? ))?(?:: )?(?:\d+: )?");
        match self {
            Self::CiscoCounted => format!(
                r"^(?:: ?(?:\d+: )?|\d+: ){inner}{NODE}?(?:{time}|{iso}|{UPTIME}){ZONE} ?: "
            ),
            Self::CiscoBare => format!(
                r"^{inner}(?:{time}|{iso}|{UPTIME}){ZONE} ?: (?P<text>%[A-Z0-9]|last message repeated )"
            ),
            Self::CiscoNode => format!(r"^{inner}{NODE}{time}{ZONE} ?: "),
            Self::CiscoTimeless => format!(r"^(?:: ?)?\d+: (?:{HOST} ?: )?(?P<text>%[A-Z0-9])"),
            Self::CiscoColon => r"^: ?(?P<text>%[A-Z])".into(),
            Self::Asa => format!(r"^(?:: ?)?{time}{KNOWN_ZONE} {HOST} ?: (?P<text>%[A-Z])"),
            Self::EosSequence => r"^(?P<keep>[A-Z]\w*(?:-\w+)*(?:\[\d+\])?: )\d+: (?P<text>%[A-Z])".into(),
            Self::Fortigate => concat!(
                r#"^(?:logver=\S+ )?(?:timestamp=\d+ )?(?:tz="[^"]*" )?(?:devname="?(?P<early>[^"\s]+)"? )?(?:devid=\S+ )?(?:vd=\S+ )?"#,
                r#"date=[\d-]+ time=[\d:.]+ (?:timestamp=\d+ )?(?:devname="?(?P<host>[^"\s]+)"? )?(?:device_id=\S+ |devid=\S+ )?"#,
                r#"(?:(?P<keep>(?:(?:logid|log_id|type|subtype|eventtype|level|pri|vd)=\S+ )*)eventtime=\d+ )?(?:tz="[^"]*" )?"#,
            )
            .into(),
            Self::Huawei => format!(r"^{iso}{KNOWN_ZONE} (?:{HOST} )?(?P<text>%%\d)"),
            Self::Panos => concat!(
                r"^1,\d{4}/\d\d/\d\d \d\d:\d\d:\d\d,[^,]*,(?P<keep>[A-Z][A-Z0-9\-]*,[^,]*,)",
                r"[^,]*,\d{4}/\d\d/\d\d \d\d:\d\d:\d\d,",
            )
            .into(),
            Self::Mikrotik => concat!(
                r"^(?:(?:[a-z]{3}/\d\d(?:/\d{4})?|\d{4}-\d\d-\d\d|\d\d-\d\d) )?\d\d:\d\d:\d\d ",
                r"(?P<text>[a-z0-9!\-]+(?:,[a-z0-9!\-]+)* )",
            )
            .into(),
            Self::Loose => format!(
                r"^ *(?:: ?)?(?:\d+: )?{time}{KNOWN_ZONE} +(?:\[(?P<early>[^\s\[\]]+)\]|(?P<host>[^\s\[\]]+)) +"
            ),
            Self::Time => format!(
                r"^ *(?:{time}|{iso}|\d{{4}}/\d\d/\d\d {CLOCK}){KNOWN_ZONE}(?: ?: | +)"
            ),
            Self::Iso => format!(
                r"^\[?\d{{4}}[\-/]\d{{2}}[\-/]\d{{2}}[T ]{CLOCK}(?: ?(?:[Zz]|UTC|GMT|[+\-]\d{{2}}:?\d{{2}}))?\]? (?P<host>\S+) "
            ),
            Self::Compose => format!(r"^(?P<host>[A-Za-z0-9][\w.\-]*) +\| (?:{internet} )?"),
            Self::DockerTime => concat!(
                r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:Z|[+\-]\d{2}:\d{2}) (?:stdout|stderr) [FP] ",
                r"|^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{7,9}(?:Z|[+\-]\d{2}:\d{2}) ",
            )
            .into(),
        }
    }

    /// The compiled pattern of this form, made when the first line asks for it.
    fn compiled(self) -> Option<&'static Regex> {
        static COMPILED: [OnceLock<Option<Regex>>; Form::NUMBER] =
            [const { OnceLock::new() }; Form::NUMBER];
        let compile = || Regex::new(&format!("(?-u){}", self.pattern())).ok();
        COMPILED.get(self as usize)?.get_or_init(compile).as_ref()
    }

    /// Takes the head off a line; nothing if the line has none of this form.
    fn take(self, line: &[u8]) -> Option<Headed<'_>> {
        let found = self.compiled()?.captures(line)?;
        let group = |name| found.name(name);
        let whole = found.get(0)?;
        let start = group("text").map_or(whole.end(), |text| text.start());
        let rest = line.get(start..)?;
        let host = group("host").or_else(|| group("early"));
        let mut host = host.map(|host| host.as_bytes());
        let mut message = match group("keep") {
            Some(keep) if !keep.is_empty() => Cow::Owned([keep.as_bytes(), rest].concat()),
            _ => Cow::Borrowed(rest),
        };
        if self == Self::Loose
            && let Some(word) = host.filter(|word| is_tag(word))
        {
            // A program on the device itself, without a host.
            let start = whole.end()
                - found
                    .name("host")
                    .map_or(0, |host| whole.end() - host.start());
            debug_assert!(line.get(start..).is_some_and(|rest| rest.starts_with(word)));
            (host, message) = (None, Cow::Borrowed(line.get(start..)?));
        }
        Some(Headed { host, message })
    }
}

/// Whether the word in the host's place is a program's name: `prog:` or `prog[12]:`. Programs on
/// the sender itself write no host (RFC 3164 §4.2).
pub fn is_tag(word: &[u8]) -> bool {
    let name = word.strip_suffix(b":");
    word.contains(&b'[') || name.is_some_and(|name| !name.contains(&b':'))
}

/// Whether the word in the host's place is a year, as several devices write it there.
pub(super) fn is_year(word: &[u8]) -> bool {
    matches!(word, [b'1', b'9', ..] | [b'2', b'0', ..])
        && word.len() == 4
        && word.iter().all(u8::is_ascii_digit)
}

/// The line after its `<PRI>` (RFC 3164 §4.1.1).
pub fn without_priority(line: &[u8]) -> &[u8] {
    let Some(inner) = line.strip_prefix(b"<") else {
        return line;
    };
    let digits = inner.iter().take_while(|b| b.is_ascii_digit()).count();
    match inner.get(digits) {
        Some(b'>') if digits > 0 => inner.get(digits + 1..).unwrap_or_default(),
        _ => line,
    }
}

/// Takes off the head that a device wrote before a message that came by `listen` without a header of
/// RFC 3164 or RFC 5424.
pub fn device(message: &[u8]) -> Option<Headed<'_>> {
    // What is left of a header of RFC 3164 stays: nothing is known of its device.
    let time = !begins_traditional(message);
    heads(
        message,
        DEVICES.iter().filter(|form| time || **form != Form::Time),
    )
}

/// Takes off the head that one of these devices wrote before a message that came by `listen`. A message of
/// RFC 5424 is no such head.
pub fn device_named<'a>(message: &'a [u8], names: &[PrefixName]) -> Option<Headed<'a>> {
    heads(message, names.iter().flat_map(|name| forms(*name)))
}

/// Takes off the head that one of these devices wrote.
pub(super) fn named<'a>(line: &'a [u8], names: &[PrefixName]) -> Option<Headed<'a>> {
    match structured(line, names) {
        Some(message) => Some(Headed {
            host: Some(message.host).filter(|host| *host != b"-"),
            message: Cow::Owned(message.message(names.contains(&PrefixName::Junos))),
        }),
        None => heads(line, names.iter().flat_map(|name| forms(*name))),
    }
}

/// The message of RFC 5424 in a line, if one of these names asks for that form.
pub(super) fn structured<'a>(line: &'a [u8], names: &[PrefixName]) -> Option<Rfc5424<'a>> {
    let wanted = |name| [PrefixName::Rfc5424, PrefixName::Junos].contains(name);
    let message = Rfc5424::parse(line).filter(|message| message.time().is_some());
    message.filter(|_| names.iter().any(wanted))
}

/// Takes off heads of these forms, one after the other: the head of a relay stands in front of the device's own.
fn heads<'a, 'f>(
    line: &'a [u8],
    forms: impl Iterator<Item = &'f Form> + Clone,
) -> Option<Headed<'a>> {
    let mut headed = forms.clone().find_map(|form| form.take(line))?;
    for _ in 1..HEADS {
        let Cow::Borrowed(rest) = headed.message else {
            break;
        };
        // A time with nothing of a device around it is a part of the message there.
        let mut others = forms.clone().filter(|form| **form < Form::Loose);
        let Some(next) = others.find_map(|form| form.take(rest)) else {
            break;
        };
        headed = Headed {
            host: next.host.or(headed.host),
            message: next.message,
        };
    }
    Some(headed)
}

#[cfg(test)]
mod tests;
