use std::borrow::Cow;

use super::built_in::{DAY, common, is_common_stamp, is_stamp};
use super::parse::parse_other;
use super::*;
use crate::config::LineSettings;
use crate::pattern::{Budget, Pattern, Spans};

fn settings(prefixes: &[&[u8]], hidepid: bool) -> LineSettings {
    LineSettings {
        prefixes: prefixes
            .iter()
            .map(|p| Pattern::compile(p).unwrap())
            .collect(),
        names: Vec::new(),
        rfc3339: true,
        hidepid,
        join: false,
        json: Default::default(),
        structured: false,
    }
}

fn read(line: &str, settings: &LineSettings) -> Option<(String, String)> {
    match parse(
        line.as_bytes(),
        settings,
        &mut Spans::default(),
        &mut Budget::default(),
    ) {
        Parsed::Record(r) => {
            let mut room = Vec::new();
            let mut text = MessageText::new(&r.message, settings.hidepid, &mut room);
            Some((
                String::from_utf8_lossy(r.host).into_owned(),
                String::from_utf8_lossy(text.message()).into_owned(),
            ))
        }
        _ => None,
    }
}

#[test]
fn the_traditional_prefix_is_read_as_loosely_as_before() {
    let plain = settings(&[], false);
    let cases = [
        ("Nov 23 21:44:00 h1 foo bar", Some(("h1", "foo bar"))),
        ("Nov  3 21:44:00 h1 foo", Some(("h1", "foo"))),
        ("Xyz\t99 99:99:99\th1\tfoo", Some(("h1", "foo"))),
        ("Nov 23 21:44:00 h1  foo", Some(("h1", " foo"))),
        ("Nov 23 21:44:00 2026 h1 foo", Some(("2026", "h1 foo"))),
        ("Nov 23 21:44:00 h1 ", Some(("h1", ""))),
        ("Nov 3 21:44:00 h1 foo", None),
        ("nov 23 21:44:00 h1 foo", None),
        ("Nov 23 21:44 h1 foo", None),
        (" Nov 23 21:44:00 h1 foo", None),
        ("<13>Nov 23 21:44:00 h1 foo", None),
        ("Nov 23 21:44:00  h1 foo", None),
        ("Nov 23 21:44:00 h1", None),
        ("", None),
    ];
    for (line, want) in cases {
        let want = want.map(|(h, m)| (h.to_owned(), m.to_owned()));
        assert_eq!(read(line, &plain), want, "{line:?}");
    }
}

#[test]
fn a_stamp_at_a_glance_is_a_stamp() {
    let stamps = ["Nov 23 21:44:00 ", "Nov  3 21:44:00 ", "Xyz 00 99:99:99 "];
    let mut checked = 0;
    for stamp in stamps {
        let stamp: [u8; 16] = stamp.as_bytes().try_into().unwrap();
        assert!(is_common_stamp(&stamp, stamp[DAY]) && is_stamp(&stamp));
        for at in 0..16 {
            for byte in 0..=255 {
                let mut other = stamp;
                other[at] = byte;
                let (one, all) = (is_common_stamp(&other, other[DAY]), is_stamp(&other));
                let blanks = [3, 6, 15].iter().all(|&i| other[i] == b' ');
                let blanks = blanks && !(b'\t'..=b'\r').contains(&other[4]);
                assert_eq!(one, all && blanks, "{:?}", bstr::BStr::new(&other));
                checked += 1;
            }
        }
    }
    assert_eq!(checked, 3 * 16 * 256);
}

/// What is known at a glance is what is found when one looks closely.
#[test]
fn a_common_prefix_is_the_same_as_at_a_close_look() {
    let lines = [
        &b"Nov 23 21:44:00 h1 foo bar"[..],
        b"Nov  3 21:44:00 h1 x",
        b"2026-11-23T21:44:00.123456+09:00 h1 foo",
        b"2026-11-23T21:44:00.123456-09:00 a-long-name-of-a-host. foo",
    ];
    let mut all = vec![settings(&[], false), settings(&[b"^2(\\d+)-"], false)];
    all.push(LineSettings {
        rfc3339: false,
        ..settings(&[], false)
    });
    let (mut checked, mut common_ones) = (0, 0);
    for settings in &all {
        for line in lines {
            for (length, at) in (0..=line.len()).flat_map(|l| [(l, None), (line.len(), Some(l))]) {
                for byte in 0..=255 {
                    let mut line = line[..length].to_vec();
                    match at.and_then(|at| line.get_mut(at)) {
                        Some(place) => *place = byte,
                        None if byte > 0 => break,
                        None => {}
                    }
                    checked += 1;
                    let Some((host, start)) = common(&line, settings) else {
                        continue;
                    };
                    common_ones += 1;
                    let message = Cow::Borrowed(&line[start..]);
                    let wanted = Parsed::Record(Record {
                        host,
                        message,
                        json: JsonForm::No,
                    });
                    let (mut spans, mut budget) = Default::default();
                    let other = parse_other(&line, settings, &mut spans, &mut budget);
                    assert_eq!(other, wanted, "{:?}", bstr::BStr::new(&line));
                }
            }
        }
    }
    assert!(checked > 100_000, "only {checked}");
    assert!(common_ones > 15_000, "only {common_ones}");
}

#[test]
fn rfc_3339_comes_last_and_can_be_switched_off() {
    let mut plain = settings(&[], false);
    for stamp in [
        "2026-11-23T21:44:00.123456+09:00",
        "2026-11-23T21:44:00Z",
        "2026-11-23T21:44:00-0330",
    ] {
        let want = Some(("h1".to_owned(), "foo x".to_owned()));
        assert_eq!(read(&format!("{stamp} h1 foo x"), &plain), want, "{stamp}");
    }
    assert_eq!(read("2026-11-23T21:44:00. h1 x", &plain), None);
    assert_eq!(read("2026-11-23T21:44:00 h1 x", &plain), None);
    plain.rfc3339 = false;
    assert_eq!(read("2026-11-23T21:44:00Z h1 foo", &plain), None);
}

#[test]
fn a_logprefix_is_cut_out_where_it_stands() {
    let own = settings(&[b"host=(\\S+) "], false);
    let want = Some(("alpha".to_owned(), "ts 1 the message".to_owned()));
    assert_eq!(read("ts 1 host=alpha the message", &own), want);
    let optional = settings(&[b"^x(?: (\\S+))? "], false);
    let parsed = parse(
        b"x  y",
        &optional,
        &mut Spans::default(),
        &mut Budget::default(),
    );
    assert_eq!(parsed, Parsed::NoHost);
}

#[test]
fn hidepid_takes_the_process_id_of_the_first_word_only() {
    let hide = settings(&[], true);
    let cases = [
        ("sshd[123]: x", "sshd: x"),
        ("sshd(pam_unix)[1]: y", "sshd(pam_unix): y"),
        ("postfix/smtpd[1]: w", "postfix/smtpd: w"),
        ("kernel: [12.3] z", "kernel: [12.3] z"),
        ("kernel: foo[1]: bar", "kernel: foo[1]: bar"),
        ("prog[12] no colon", "prog[12] no colon"),
        ("prog[12]:nospace", "prog[12]:nospace"),
        ("prog[abc]: n", "prog[abc]: n"),
        ("a b[1]: two words", "a b[1]: two words"),
        ("[1]: onlypid", "[1]: onlypid"),
        ("x[1]: y[2]: z", "x: y[2]: z"),
        ("p[1][2]: q", "p[1]: q"),
    ];
    for (text, want) in cases {
        let got = read(&format!("Nov 23 21:44:00 h1 {text}"), &hide);
        assert_eq!(got.map(|(_, m)| m).as_deref(), Some(want), "{text}");
    }
}
