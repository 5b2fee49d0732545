mod families;

use families::*;

use super::*;
use PrefixName::{Arista, Cisco, Docker, Fortigate, Iso, Junos, Mikrotik, Panos};

fn shown<'a>(headed: &'a Option<Headed<'_>>) -> Option<(&'a str, &'a str)> {
    let headed = headed.as_ref()?;
    let host = headed
        .host
        .map_or("-", |host| str::from_utf8(host).unwrap());
    Some((host, str::from_utf8(&headed.message).unwrap()))
}

/// The message that is left: the nodes of IOS XR and the kinds of PAN-OS stay in it.
fn left(family: &Family, message: &str) -> String {
    match family.name {
        Cisco if family.messages == XR.messages => format!("RP/0/RSP1/CPU0:{message}"),
        Panos => format!("SYSTEM,general,{message}"),
        _ => message.into(),
    }
}

#[test]
fn every_pattern_is_one() {
    let named = PrefixName::ALL.iter().flat_map(|(_, name)| forms(*name));
    for form in named.chain(&DEVICES) {
        Regex::new(&format!("(?-u){}", form.pattern())).unwrap_or_else(|e| panic!("{form:?}: {e}"));
        assert!(form.compiled().is_some(), "{form:?}");
    }
}

#[test]
fn of_each_family_the_device_is_the_host_and_equal_messages_are_equal() {
    let mut checked = 0;
    for family in FAMILIES {
        for (head, host) in family.heads {
            for message in family.messages {
                let line = format!("{head}{message}");
                let headed = named(line.as_bytes(), &[family.name]);
                let want = left(family, message);
                assert_eq!(shown(&headed), Some((*host, &want[..])), "{line}");
                checked += 1;
            }
        }
    }
    assert!(checked > 2_000, "{checked}");
}

/// What comes by `listen` needs no name.
#[test]
fn devices_are_known_without_a_name() {
    let mut checked = 0;
    for family in FAMILIES {
        for (head, host) in family.heads {
            for message in family.messages {
                let line = format!("{head}{message}");
                if crate::record::built_in(line.as_bytes()).is_some() || family.name == Mikrotik {
                    continue;
                }
                let want = left(family, message);
                let headed = device(line.as_bytes());
                assert_eq!(shown(&headed), Some((*host, &want[..])), "{line}");
                checked += 1;
            }
        }
    }
    assert!(checked > 1_500, "{checked}");
}

#[test]
fn what_only_looks_like_a_device_stays() {
    for message in [
        "prog: x",
        "prog[12]: started at 12:00:01: x",
        "app: 12:00:01: text",
        "app: Jan  6 22:11:43: text",
        "Nov 23 21:44:00 h1",
        "12 monkeys",
        "45: text",
        "1 then h1 app - - - x",
        "1,2,3",
        "date=today time=now",
        "%ASA-6-302013: Built inbound",
        "",
    ] {
        assert_eq!(device(message.as_bytes()), None, "{message}");
    }
    // A time alone is taken off too: it would make each line a different one.
    for message in [
        "2026-11-23 21:44:00,123 ERROR foo: text",
        "2026/11/23 21:44:00 ERROR foo: text",
        "2026-11-23T21:44:00.5 ERROR: text",
    ] {
        let headed = device(message.as_bytes());
        let (host, text) = shown(&headed).unwrap();
        assert_eq!(host, "-", "{message}");
        assert!(
            text.starts_with("ERROR") && text.ends_with(" text") || text == "text",
            "{message}"
        );
    }
}

#[test]
fn a_program_of_the_device_itself_is_no_host() {
    for line in [
        "Jul  8 23:04:13  sshd[12]: x",
        "Jan 1 2026 00:15:35 sshd[12]: x",
    ] {
        assert_eq!(
            shown(&device(line.as_bytes())),
            Some(("-", "sshd[12]: x")),
            "{line}"
        );
        assert_eq!(shown(&named(line.as_bytes(), &[Junos])), None, "{line}");
    }
    let line = b"Jul  8 23:04:13  sshd: x";
    assert_eq!(shown(&device(line)), Some(("-", "sshd: x")));
}

#[test]
fn a_sequence_number_of_eos_and_an_inner_time_of_fortinet_go() {
    let line = b"Ebra: 1234: %LINEPROTO-5-UPDOWN: x";
    assert_eq!(
        shown(&named(line, &[Arista])),
        Some(("-", "Ebra: %LINEPROTO-5-UPDOWN: x"))
    );
    let line =
        b"date=2026-05-10 time=11:37:47 logid=\"0000000013\" type=\"traffic\" subtype=\"forward\" \
                 level=\"notice\" vd=\"vdom1\" eventtime=1557513467369913239 srcip=10.1.100.11";
    let want = "logid=\"0000000013\" type=\"traffic\" subtype=\"forward\" level=\"notice\" \
                vd=\"vdom1\" srcip=10.1.100.11";
    assert_eq!(shown(&named(line, &[Fortigate])), Some(("-", want)));
}

#[test]
fn programs_have_their_names_too() {
    let cases = [
        (Iso, "2026-11-23 21:44:00 h1 prog: x", "h1", "prog: x"),
        (Iso, "2026-11-23 21:44:00,123 h1 prog: x", "h1", "prog: x"),
        (Iso, "2026-11-23T21:44:00 h1 prog: x", "h1", "prog: x"),
        (
            Iso,
            "2026-11-23T21:44:00.123456789Z h1 prog: x",
            "h1",
            "prog: x",
        ),
        (Iso, "2026-11-23 21:44:00 +0200 h1 prog: x", "h1", "prog: x"),
        (Iso, "2026-11-23 21:44:00+02:00 h1 prog: x", "h1", "prog: x"),
        (Iso, "2026/11/23 21:44:00 h1 prog: x", "h1", "prog: x"),
        (
            Iso,
            "[2026-11-23T21:44:00.5+0200] h1 prog: x",
            "h1",
            "prog: x",
        ),
        (Docker, "web-1  | GET /", "web-1", "GET /"),
        (
            Docker,
            "web-1  | 2026-11-23T21:44:00.123456789Z GET /",
            "web-1",
            "GET /",
        ),
        (Docker, "2026-11-23T21:44:00.123456789Z GET /", "-", "GET /"),
        (
            Docker,
            "2026-11-23T21:44:00.123456789+02:00 stderr F GET /",
            "-",
            "GET /",
        ),
    ];
    for (name, line, host, message) in cases {
        assert_eq!(
            shown(&named(line.as_bytes(), &[name])),
            Some((host, message)),
            "{line}"
        );
    }
    // The lines of rsyslogd are no lines of Docker.
    let line = b"2026-11-23T21:44:00.123456+02:00 h1 prog: x";
    assert_eq!(named(line, &[Docker]), None);
}
