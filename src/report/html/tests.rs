//! Golden files of the HTML form, and what holds for any text. `TENSHI_GOLDEN=write cargo test --lib html` writes
//! the files anew: look at them in a browser before they are kept.

use std::fs;
use std::path::Path;

use proptest::prelude::*;

use super::*;

const ROOM: usize = 100_000;

fn size(line: &str) -> usize {
    line.len() + 2
}

fn made(text: &[u8], room: usize) -> Option<String> {
    html(&Body::from(text.to_vec()), room, &size)
}

/// Elements and attributes that a page may have; the void ones have no end.
const ELEMENTS: [&str; 12] = [
    "html", "head", "title", "body", "p", "b", "pre", "table", "tr", "td", "font", "meta",
];
const ATTRIBUTES: [&str; 12] = [
    "nowrap",
    "lang",
    "charset",
    "width",
    "cellspacing",
    "cellpadding",
    "style",
    "valign",
    "align",
    "bgcolor",
    "colspan",
    "color",
];

/// Reads a page as a browser does, and gives the text of each cell and paragraph.
fn texts(page: &str) -> Vec<String> {
    let page = page.strip_prefix("<!DOCTYPE html>\n").expect("the type");
    let (mut open, mut texts): (Vec<&str>, Vec<String>) = (Vec::new(), Vec::new());
    let mut rest = page;
    while let Some((text, after)) = rest.split_once('<') {
        if !text.trim_matches('\n').is_empty() {
            texts.push(unescaped(text));
        }
        let (tag, after) = after.split_once('>').expect("the end of a tag");
        rest = after;
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name), "{page}");
            continue;
        }
        let (name, attributes) = tag.split_once(' ').unwrap_or((tag, ""));
        if tag == "br/" {
            continue;
        }
        assert!(ELEMENTS.contains(&name), "{name}: {page}");
        let mut parts = attributes.trim_end_matches('/').split('"');
        while let Some(attribute) = parts.next().filter(|part| !part.is_empty()) {
            let attribute = attribute.trim().trim_end_matches('=');
            assert!(ATTRIBUTES.contains(&attribute), "{attribute}: {tag}");
            let value = parts.next().expect("a value");
            assert!(!value.contains("url") && !value.contains('&'), "{tag}");
        }
        if !tag.ends_with('/') {
            open.push(name);
        }
    }
    assert!(open.is_empty() && rest == "\n", "{open:?} {rest:?}");
    texts
}

fn unescaped(text: &str) -> String {
    assert!(!text.contains('>'), "{text}");
    let text = text.replace("&nbsp;", " ").replace("&lt;", "<");
    let text = text.replace("&gt;", ">").replace("&quot;", "\"");
    text.replace("&#39;", "'").replace("&amp;", "&")
}

/// The five texts, each with its file and the room for its HTML.
fn cases() -> [(&'static str, Vec<u8>, usize); 5] {
    let hosts = "\nweb1 (web1.example.org): \n    1234567: kernel: oom-killer: gfp_mask=0x______, order=0\n    \
        420: nginx: upstream timed out (110: Connection timed out)\n    \
        31: sshd: Failed password for ______ from ______ port ______ ssh2\n    1: cron: (root) CMD (true)\n\
        \ndb1: \n    3: postgres: FATAL: sorry, too many clients already\n    2: kernel: EXT4-fs error (device sda1)\n";
    let above = "*** Status: flushing ***\n\
        *** The report before this one was not delivered yet: 451 try again ***\n\
        *** New since Thu 26 Nov 12:30: 2 kinds never seen at this site, 1 new host ***\n    \
        db1: 3: kernel: EXT4-fs error (device sda1)            first 03:12\n    \
        web1,web2: 19: sshd: error: kex_exchange_identification  first Wed 25 Nov 09:40\n    \
        new host web7: 38 kinds, 412 lines\n    and 31 more: `tenshi news`\n\
        *** 3 rules took another share than usual ***\n    ▁▂▃▅▇  tenshi.conf:41 12,000 lines\n";
    let hostile = b"\n<b>h1</b>&amp;\"': \n    3: </td></tr></table><script>alert(\"1\")</script>\n    \
        2: <img src=x onerror='alert(1)'><!-- -->&lt;&#60;]]>\n    1: a  b   c\t\td = =3D\n    \
        1: \x1b[2J\xff\xfe bytes\n    1: \xe2\x80\xae right to left \xd7\xa2\xd7\x91\xd7\xa8\xd7\x99\xd7\xaa\n    \
        1: --=_tenshi_\n\n--=_tenshi_: \n    1: \xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e\n";
    let notes = "\nh1: \n    9: java: Exception in thread main\n          at a.b.c(D.java:1)\n          \
        at e.f.g(H.java:2)\n    2: x\n\n  *** Too many alerts (limit: 2)  ***\n\n  *** and 7 other lines ***\n\
        *** Filter /bin/false: exit status 1, this is the unfiltered report ***\n";
    let rows: String = (0..60)
        .map(|n| format!("    {}: line {n} of a host that writes much\n", 60 - n))
        .collect();
    let cut = format!("\nloud: \n{rows}\nother: \n    1: x\n");
    [
        ("hosts", hosts.into(), ROOM),
        ("above", [above, hosts].concat().into_bytes(), ROOM),
        ("hostile", hostile.to_vec(), ROOM),
        ("notes", notes.into(), ROOM),
        ("cut", cut.into_bytes(), 4_000),
    ]
}

#[test]
fn the_golden_files_are_what_is_made() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/report/html/golden");
    let mut checked = 0;
    for (name, text, room) in cases() {
        let page = made(&text, room).expect("a report");
        let file = golden.join(name).with_extension("html");
        if std::env::var_os("TENSHI_GOLDEN").is_some() {
            fs::write(&file, &page).unwrap();
        }
        let want = fs::read_to_string(&file).unwrap();
        assert_eq!(page, want, "{}", file.display());
        let sent: usize = page.lines().map(size).sum();
        assert!(sent <= room, "{name}: {sent}");
        assert!(texts(&page).len() > 4);
        checked += 1;
    }
    assert_eq!(checked, 5);
}

#[test]
fn a_page_that_is_cut_says_how_much_the_text_has() {
    let rows: String = (0..40_000)
        .map(|n| format!("    {}: line {n} = <{n}>\n", 40_000 - n))
        .collect();
    let text = format!("\nh1: \n{rows}\nh2: \n{rows}");
    for room in [1_500, 5_000, ROOM] {
        let page = made(text.as_bytes(), room).unwrap();
        let sent: usize = page.lines().map(size).sum();
        assert!(sent <= room && sent > room - 1_500, "{room}: {sent}");
        let words = "It is cut here: the text part of this mail has all 80,000 lines of 2 hosts.";
        assert_eq!(texts(&page).last().map(String::as_str), Some(words));
    }
    // One line is too much, a name of a host, what stands above.
    let long = "x".repeat(3_000);
    for text in [
        format!("\nh1: \n    1: {long}\n    1: y\n"),
        format!("\n{long}: \n    1: {long}\n"),
        format!("*** {long} ***\n\nh1: \n    1: x\n"),
        format!("*** New ***\n    {long}\n    more\n\nh1: \n    1: x\n"),
    ] {
        let page = made(text.as_bytes(), 2_000).unwrap();
        let told = texts(&page).pop().unwrap();
        assert!(told.starts_with("It is cut here"), "{told}");
    }
    assert_eq!(made(b"\nh1: \n    1: x\n", 300), None, "no room at all");
}

#[test]
fn what_is_no_report_of_ours_has_no_html() {
    let others: [&[u8]; 9] = [
        b"",
        b"\n\n",
        b"-----BEGIN PGP MESSAGE-----\n\nhQEMA\n-----END PGP MESSAGE-----\n",
        b"<html><body>1</body></html>\n",
        b"a summary\n",
        b"\nh1: \n    1: x\n-- \nsigned by a filter\n",
        b"\nh1: \n1: x\n",
        b"h1: \n    1: x\n",
        b"h1,1,x\n",
    ];
    for text in others {
        assert_eq!(made(text, ROOM), None, "{}", bstr::BStr::new(text));
    }
    // What a filter left of a report is one.
    let page = made(b"*** A remark ***\n\nh1: \n", ROOM).unwrap();
    assert_eq!(texts(&page), ["tenshi", "A remark", "h1"]);
}

#[test]
fn the_longest_bar_is_that_of_the_most_frequent_line() {
    let widths = |text: &str| {
        let page = made(text.as_bytes(), ROOM).unwrap();
        let bars = page.match_indices("%\" bgcolor=\"steelblue\"");
        let widths = bars.map(|(at, _)| {
            let width = page[..at].rsplit('"').next().unwrap();
            width.parse::<u32>().unwrap()
        });
        widths.collect::<Vec<_>>()
    };
    let hosts = "\nh1: \n    1: a\n    50: b\n    100: c\n\nh2: \n    200: d\n    0: e\n";
    assert_eq!(widths(hosts), [1, 25, 50, 100, 1]);
    assert_eq!(
        widths("\nh: \n    18446744073709551615: d\n    9223372036854775807: e\n"),
        [100, 49]
    );
    assert_eq!(widths("\nh: \n    4: a\n    1: b\n"), [40, 10], "few lines");
}

proptest! {
    /// Nothing in a line becomes an element, and all of it is there.
    #[test]
    fn all_text_is_text(lines in proptest::collection::vec("(<|>|&|\"|'|/|script|td|--|=|  |\t|\\PC|\u{7f}){0,12}", 1..20)) {
        let lines: Vec<String> = lines.iter().map(|line| line.replace('\n', "")).collect();
        let rows: String = lines.iter().map(|line| format!("    7: {line}\n")).collect();
        let page = made(format!("\nh: \n{rows}").as_bytes(), ROOM).unwrap();
        let want: Vec<String> = lines
            .iter()
            .map(|line| crate::shown::shown(line.as_bytes()).to_string().replace('\t', "    "))
            .collect();
        let mut found = texts(&page).into_iter().skip(2);
        for want in want {
            prop_assert_eq!(found.next(), Some("7".to_owned()));
            prop_assert_eq!(found.next(), Some(" ".to_owned()));
            if !want.is_empty() {
                prop_assert_eq!(found.next(), Some(want));
            }
        }
        prop_assert_eq!(found.next(), None);
    }
}
