//! Tests of shares, their packed form, and their merge.

use bstr::BString;

use super::id::{ConsoleId, ShareId, time_of};
use super::merge::{Merged, merge};
use super::pack::{Table, pack, pack_within, unpack};
use super::share::{HostCounts, Share};
use crate::config::SortOrder;
use crate::queue::Continued;
use crate::random::Random;

const SLOT: i64 = 1_800_000_000;

fn share(console: &str, hosts: Vec<HostCounts>) -> Share {
    Share {
        console: console.into(),
        queue: "report".into(),
        slot: time_of(SLOT),
        from: time_of(SLOT - 3600),
        to: time_of(SLOT - 1),
        hosts,
        remarks: vec![format!("remark of {console}")],
        news: None,
        trends: None,
        heard: None,
    }
}

fn host(name: &str, lines: &[(u64, &str)]) -> HostCounts {
    HostCounts {
        host: name.into(),
        lines: lines
            .iter()
            .map(|(count, line)| (*count, BString::from(*line)))
            .collect(),
        ..HostCounts::default()
    }
}

fn id(console: &str, number: u64) -> ShareId {
    ShareId {
        queue: "report".into(),
        slot: SLOT,
        owner: ConsoleId {
            name: console.into(),
            run: 1,
        },
        number,
    }
}

fn tables(shares: &[Share]) -> Vec<(ShareId, Table)> {
    let table = |share: &Share| {
        let packed = pack(share).into_iter().zip(1..);
        let named =
            packed.map(|(packed, number)| (id(&share.console, number), unpack(&packed).unwrap()));
        named.collect::<Vec<_>>()
    };
    shares.iter().flat_map(table).collect()
}

fn merged(shares: &[Share], mirror: bool) -> Merged {
    merge(tables(shares), mirror).unwrap()
}

/// The lines of a report: host, then count and line.
fn shown(merged: &Merged) -> Vec<String> {
    let hosts = merged.lines(SortOrder::Descending, &[], &mut Vec::new());
    let mut shown = Vec::new();
    for host in hosts {
        shown.extend(
            host.lines
                .iter()
                .map(|(count, line)| format!("{} {count} {line}", host.host)),
        );
        if host.others > 0 {
            shown.push(format!("{} others {}", host.host, host.others));
        }
    }
    shown
}

#[test]
fn counts_of_a_host_are_added() {
    let mut other = host("web2", &[(1, "up")]);
    other.others = 5;
    let a = share(
        "a",
        vec![host("web1", &[(3, "down"), (1, "up")]), other.clone()],
    );
    let b = share("b", vec![other, host("web1", &[(2, "up"), (9, "slow")])]);
    let merged = merged(&[b, a], false);
    let want = [
        "web1 9 slow",
        "web1 3 down",
        "web1 3 up",
        "web2 2 up",
        "web2 others 10",
    ];
    assert_eq!(shown(&merged), want);
    assert_eq!(merged.total(), 27);
    assert_eq!(merged.consoles, ["a", "b"]);
    assert_eq!(merged.remarks, ["a: remark of a", "b: remark of b"]);
    assert_eq!(merged.ids.len(), 2);
}

#[test]
fn one_console_alone_has_the_remarks_as_they_are() {
    let merged = merged(&[share("a", vec![host("web1", &[(3, "down")])])], false);
    assert_eq!(merged.remarks, ["remark of a"]);
    assert_eq!(shown(&merged), ["web1 3 down"]);
}

#[test]
fn a_mirrored_host_has_the_counts_of_one_console() {
    let a = share(
        "a",
        vec![host("web1", &[(3, "down")]), host("web2", &[(4, "up")])],
    );
    let b = share(
        "b",
        vec![
            host("web1", &[(2, "up"), (9, "down")]),
            host("web2", &[(4, "up")]),
        ],
    );
    let merged = merged(&[a, b], true);
    assert_eq!(shown(&merged), ["web1 9 down", "web1 2 up", "web2 4 up"]);
    let remark = "web1 from b (a has 8 fewer)".to_owned();
    assert!(merged.remarks.contains(&remark), "{:?}", merged.remarks);
    assert_eq!(merged.remarks.len(), 3);
}

/// That a host fell silent, one console tells for all: it makes no difference between them, and it is not lost.
#[test]
fn what_tenshi_counts_itself_stays_whichever_console_a_host_has() {
    let silent = "tenshi: silent since 10:00";
    let tell = |own: u64, other: u64| {
        let a = share("a", vec![host("web1", &[(own, "up"), (1, silent)])]);
        let b = share("b", vec![host("web1", &[(other, "up")])]);
        merged(&[a, b], true)
    };
    let even = tell(4, 4);
    assert_eq!(shown(&even), ["web1 4 up", &format!("web1 1 {silent}")]);
    assert_eq!(even.remarks.len(), 2, "{:?}", even.remarks);
    let of_b = tell(4, 7);
    assert_eq!(shown(&of_b), ["web1 7 up", &format!("web1 1 {silent}")]);
    let remark = "web1 from b (a has 3 fewer)".to_owned();
    assert!(of_b.remarks.contains(&remark), "{:?}", of_b.remarks);
    // Both may have told it.
    let both = [4, 7].map(|n| host("web1", &[(n, "up"), (1, silent)]));
    let [a, b] = both;
    let both = merged(&[share("a", vec![a]), share("b", vec![b])], true);
    assert_eq!(shown(&both), ["web1 7 up", &format!("web1 1 {silent}")]);
}

#[test]
fn continuation_lines_stay_with_their_line() {
    let continued = Continued {
        lines: vec!["at Foo.java:7".into()],
        more: 2,
    };
    let mut lines = host("web1", &[(1, "Exception"), (1, "another")]);
    lines.continued = vec![(0, continued.clone())];
    let b = host("web1", &[(2, "Exception"), (5, "aaa")]);
    let merged = merged(&[share("a", vec![lines]), share("b", vec![b])], false);
    let hosts = merged.lines(SortOrder::Descending, &[], &mut Vec::new());
    assert_eq!(hosts[0].continued_of("Exception".into()), Some(&continued));
    assert_eq!(hosts[0].continued_of("another".into()), None);
}

/// What the sum of all lines is, however they are cut into shares: texts with any bytes, hosts in any order.
#[test]
fn any_shares_add_up() {
    for seed in 0..200 {
        let mut random = Random::new(seed);
        let mut sums = std::collections::BTreeMap::new();
        let mut shares = Vec::new();
        for console in ["a", "b", "c"] {
            let mut hosts = Vec::new();
            for name in ["h1", "h2", "\u{fc}"].iter().take(random.below(4)) {
                let mut lines = std::collections::BTreeMap::new();
                for _ in 0..random.below(30) {
                    let bytes = *random.pick(&[
                        b"".as_slice(),
                        b"\xff\x00",
                        b"a",
                        b"ab",
                        b"abc def",
                        b"\n",
                    ]);
                    let line = [bytes, &vec![b'x'; random.below(3)]].concat();
                    let count = 1 + random.below(9) as u64;
                    *lines.entry(line.clone()).or_insert(0) += count;
                    *sums.entry(((*name).to_owned(), line)).or_insert(0) += count;
                }
                let lines = lines.into_iter().map(|(line, count)| (count, line.into()));
                let host = BString::from(*name);
                hosts.push(HostCounts {
                    host,
                    lines: lines.collect(),
                    ..HostCounts::default()
                });
            }
            shares.push(share(console, hosts));
        }
        let merged = merged(&shares, false);
        let mut found = std::collections::BTreeMap::new();
        for host in &merged.hosts {
            for (count, line) in &host.lines {
                let new = found.insert((host.host.to_string(), line.to_vec()), *count);
                assert!(new.is_none());
            }
        }
        assert_eq!(found, sums, "{seed}");
    }
}

#[test]
fn a_large_share_is_several() {
    let line = |n: usize| (1, BString::from(format!("{n:08}{}", "x".repeat(100))));
    let lines = (0..1_000).map(line).collect();
    let mut big = host("web1", &[]);
    (big.lines, big.others) = (lines, 3);
    let small = host("web2", &[(7, "up")]);
    let share = share("a", vec![big, small]);
    let packed = pack_within(&share, 40_000);
    assert!((3..9).contains(&packed.len()), "{}", packed.len());
    let parts = packed.iter().zip(1..);
    let tables = parts.map(|(part, number)| (id("a", number), unpack(part).unwrap()));
    let merged = merge(tables.collect(), false).unwrap();
    let one = self::merged(&[share], false);
    assert_eq!(merged.hosts, one.hosts);
    assert_eq!((merged.total(), merged.remarks.len()), (1_010, 1));
    assert_eq!(merged.consoles, ["a"]);
}

#[test]
fn what_is_no_share_is_refused() {
    let whole = pack(&share(
        "a",
        vec![host("web1", &[(3, "down"), (4, "downward")])],
    ))
    .remove(0);
    assert!(unpack(b"").is_err());
    for cut in 0..whole.len() {
        assert!(unpack(&whole[..cut]).is_err(), "{cut}");
    }
    let mut random = Random::new(3);
    for _ in 0..2_000 {
        let mut bytes = whole.clone();
        let at = random.below(bytes.len());
        bytes[at] ^= 1 << random.below(8);
        // Nothing but an error or a share.
        let _ = unpack(&bytes);
    }
}

#[test]
fn a_share_of_ours_that_cannot_be_read_is_told_and_holds_nothing_up() {
    let settings = crate::config::SiteSettings {
        wait: std::time::Duration::from_secs(600),
        giveup: std::time::Duration::from_secs(86_400),
        ..super::simulation::settings()
    };
    let now = time_of(SLOT);
    let mut member = super::Member::new(&settings, "a", 1, super::SavedSite::default(), now);
    member.hand_in(&share("a", vec![host("web1", &[(3, "down")])]), now);
    for share in member.saved.shares.values_mut() {
        share.packed = std::sync::Arc::new("rubbish".into());
    }
    let outcomes = member.leave();
    let [super::Outcome::Alone(merged)] = outcomes.as_slice() else {
        panic!("{outcomes:?}");
    };
    assert!(merged.remarks[0].contains("counts of console a for queue report are lost"));
    assert!(merged.hosts.is_empty() && member.next(now).is_none());
    member.reported(&merged.ids, now);
    assert_eq!(member.saved.waiting(), 0);
    member.committed();
    assert!(member.next(now).is_some(), "rounds go on");
}

/// A time of the board goes into sums and calendars: it is of the years in which these do not end.
#[test]
fn a_share_of_no_sane_time_is_refused() {
    let year =
        |year| chrono::TimeZone::with_ymd_and_hms(&chrono::Utc, year, 1, 1, 0, 0, 0).unwrap();
    for (from, refused) in [(1_969, true), (1_970, false), (2_999, false), (3_000, true)] {
        let mut share = share("a", vec![host("web1", &[(3, "down")])]);
        share.from = year(from);
        assert_eq!(unpack(&pack(&share)[0]).is_err(), refused, "{from}");
    }
}

/// Lines as a site has them: many hosts with lines of their own and lines that all have.
fn busy(console: &str, hosts: usize, lines: usize) -> Share {
    let mut random = Random::new(7);
    let all = (0..hosts).map(|at| {
        let name = format!("host{at:04}.{console}.example.org");
        let line = |n: usize| {
            let own = n.is_multiple_of(2);
            let text = match own {
                true => format!(
                    "sshd[______]: Failed password for invalid user u{} from 10.{}.{}.______ port ______ ssh2 {n}",
                    random.below(10_000), at % 250, n
                ),
                false => format!("postfix/smtpd[______]: warning: hostname ______ does not resolve to address ______: {n}"),
            };
            (1 + random.below(5_000) as u64, BString::from(text))
        };
        HostCounts { host: name.into(), lines: (0..lines).map(line).collect(), ..HostCounts::default() }
    });
    share(console, all.collect())
}

/// The bars of docs/site.md: `cargo test --release --lib site::tests::bars -- --ignored --nocapture`.
#[test]
#[ignore = "for a release build: it measures"]
fn bars() {
    let share = busy("a", 1_000, 200);
    let begin = std::time::Instant::now();
    let packed = pack(&share);
    let took = begin.elapsed();
    let bytes: usize = packed.iter().map(|packed| packed.len()).sum();
    let raw: usize = share
        .hosts
        .iter()
        .flat_map(|h| &h.lines)
        .map(|(_, line)| line.len())
        .sum();
    println!("share of 1,000 hosts x 200 lines: {raw} bytes of text, {bytes} packed, in {took:?}");
    assert!(bytes <= 2 << 20);
    let shares: Vec<_> = (0..20)
        .map(|n| busy(&format!("c{n}"), 1_000, 200))
        .collect();
    let packed: Vec<Vec<BString>> = shares.iter().map(pack).collect();
    drop(shares);
    let begin = std::time::Instant::now();
    let mut tables = Vec::new();
    for (n, parts) in packed.iter().enumerate() {
        for (part, number) in parts.iter().zip(1..) {
            tables.push((id(&format!("c{n}"), number), unpack(part).unwrap()));
        }
    }
    let unpacked = begin.elapsed();
    let merged = merge(tables, false).unwrap();
    println!(
        "20 shares of 200,000 lines: unpacked in {unpacked:?}, merged after {:?}",
        begin.elapsed()
    );
    assert_eq!(merged.hosts.len(), 20_000);
    assert!(begin.elapsed().as_secs_f64() <= 2.0);
}
