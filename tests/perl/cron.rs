//! Schedules: against a brute-force walk over ten years in zones with every kind of clock change,
//! and against the functions of the Perl original, taken from the installed program.

use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Command, Stdio};

use chrono::{DateTime, Datelike, NaiveDateTime, Offset, TimeDelta, TimeZone, Timelike, Utc};
use chrono_tz::Tz;
use tenshi::clock::Time;
use tenshi::schedule::CronSpec;

/// Where the original is installed.
const PERL_TENSHI: &str = "/usr/sbin/tenshi";

/// Small and repeatable.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }

    fn pick<'a>(&mut self, list: &[&'a str]) -> &'a str {
        list[self.below(list.len() as u64) as usize]
    }
}

/// One field of a plain specification (`*`, `*/N`, numbers, ranges, lists) by the definition.
fn has(field: &str, value: u32) -> bool {
    field.split(',').any(|part| {
        if let Some(step) = part.strip_prefix("*/") {
            return value.is_multiple_of(step.parse().unwrap());
        }
        match part.split_once('-') {
            Some((low, high)) => (low.parse().unwrap()..=high.parse().unwrap()).contains(&value),
            None => part == "*" || part.parse() == Ok(value),
        }
    })
}

/// One minute of the epoch.
struct Minute {
    time: Time,
    /// The minute of the local calendar, counted as if it were one of the epoch.
    local: i64,
    fields: [u8; 5],
}

/// Minute, hour, day, month and weekday of a local time.
fn fields(local: NaiveDateTime) -> [u8; 5] {
    let weekday = local.weekday().num_days_from_sunday();
    [
        local.minute(),
        local.hour(),
        local.day(),
        local.month(),
        weekday,
    ]
    .map(|field| field as u8)
}

/// A plain specification: for each field, whether a value is in.
struct Plain([Vec<bool>; 5]);

impl Plain {
    fn new(text: &str) -> Self {
        let mut fields = text.split(' ');
        Self([0; 5].map(|_: u8| {
            let field = fields.next().unwrap();
            (0..60).map(|value| has(field, value)).collect()
        }))
    }

    /// Whether the five fields of a local time match.
    fn matches(&self, local: &[u8; 5]) -> bool {
        (0..5).all(|field| self.0[field][usize::from(local[field])])
    }
}

/// All due minutes, minute by minute.
///
/// A fixed time N is due at the first instant at which the local clock shows N or more. An hourly
/// one is due whenever the local clock shows it, and at the end of a gap of less than an hour that
/// swallowed it.
fn brute_force(text: &str, minutes: &[Minute]) -> BTreeSet<Time> {
    let plain = Plain::new(text);
    let hourly = text.split(' ').nth(1) == Some("*");
    let mut due = BTreeSet::new();
    // The last minute of the local calendar that was passed.
    let mut passed = minutes[0].local - 1;
    let mut before = minutes[0].local - 1;
    for minute in minutes {
        let made_up = !hourly || minute.local - before - 1 < 60;
        if hourly && plain.matches(&minute.fields) {
            due.insert(minute.time);
        }
        while passed < minute.local {
            passed += 1;
            let shown = if passed == minute.local {
                minute.fields
            } else {
                fields(calendar(passed))
            };
            if made_up && plain.matches(&shown) {
                due.insert(minute.time);
            }
        }
        before = minute.local;
    }
    due
}

/// The local time of a minute of the local calendar.
fn calendar(minute: i64) -> NaiveDateTime {
    DateTime::from_timestamp(minute * 60, 0)
        .unwrap()
        .naive_utc()
}

/// Each minute of ten years and a margin, with its local time.
fn minutes_of_ten_years(zone: Tz) -> Vec<Minute> {
    let start: Time = "2020-06-01T00:00:00Z".parse().unwrap();
    (0..10 * 366 * 24 * 60)
        .map(|n| {
            let time = start + TimeDelta::minutes(n);
            let offset = zone.offset_from_utc_datetime(&time.naive_utc()).fix();
            let local = (time.timestamp() + i64::from(offset.local_minus_utc())) / 60;
            Minute {
                time,
                local,
                fields: fields(calendar(local)),
            }
        })
        .collect()
}

const SPECS: [&str; 8] = [
    "30 2 * * *",
    "0 8 * * 1-5",
    "15,45 * * * *",
    "*/20 1-3 * * 0,6",
    "0 0 1 * *",
    "59 23 29 2 *",
    "0 */6 13 * 5",
    "5 0 * 3,10 0",
];

fn against_brute_force(zone: Tz) {
    let minutes = minutes_of_ten_years(zone);
    let (first, last) = (minutes[0].time, minutes[minutes.len() - 1].time);
    let mut random = Random(0x5eed + minutes.len() as u64);
    let mut compared = 0;
    for text in SPECS {
        let spec = CronSpec::parse(text).unwrap();
        let expected = brute_force(text, &minutes);
        let mut found = BTreeSet::new();
        // The first day is left out: what was before it is not known to the brute force.
        let mut now = first + TimeDelta::days(2);
        while let Some(next) = spec.next(now, &zone).filter(|next| *next <= last) {
            found.insert(next);
            now = next;
        }
        let expected: BTreeSet<Time> = expected
            .range(first + TimeDelta::days(2) + TimeDelta::minutes(1)..)
            .copied()
            .collect();
        let difference: Vec<_> = found.symmetric_difference(&expected).take(5).collect();
        assert!(difference.is_empty(), "{zone} `{text}`: {difference:?}");
        compared += expected.len();
        for _ in 0..400 {
            let after = first
                + TimeDelta::days(2)
                + TimeDelta::seconds(random.below(3600 * 24 * 3600) as i64);
            // From seconds to months.
            let length = random.below(1 << (4 + random.0 % 20));
            let until = (after + TimeDelta::seconds(length as i64)).min(last);
            let floor = |time: Time| time - TimeDelta::seconds(time.timestamp() % 60);
            let due = expected
                .range(..=floor(until))
                .next_back()
                .copied()
                .filter(|due| *due > floor(after));
            assert_eq!(
                spec.due(after, until, &zone),
                due,
                "{zone} `{text}` {after} {until}"
            );
            compared += 1;
        }
    }
    assert!(compared > 150_000, "only {compared} compared in {zone}");
}

#[test]
fn ten_years_in_berlin() {
    against_brute_force(chrono_tz::Europe::Berlin);
}

#[test]
fn ten_years_in_st_johns() {
    against_brute_force(chrono_tz::America::St_Johns);
}

#[test]
fn ten_years_in_the_marquesas() {
    against_brute_force(chrono_tz::Pacific::Marquesas);
}

#[test]
fn ten_years_on_lord_howe_with_its_half_hour() {
    against_brute_force(chrono_tz::Australia::Lord_Howe);
}

#[test]
fn ten_years_in_casablanca_with_its_ramadan() {
    against_brute_force(chrono_tz::Africa::Casablanca);
}

/// A field as a user, or a cat on the keyboard, may write it.
fn random_field(random: &mut Random, min: u64, max: u64, names: &[&str]) -> String {
    let number = |random: &mut Random| {
        if !names.is_empty() && random.below(3) == 0 {
            return random.pick(names).to_owned();
        }
        // Now and then one too many.
        (min.saturating_sub(random.below(20) / 19) + random.below(max - min + 2)).to_string()
    };
    let part = |random: &mut Random| match random.below(24) {
        0..=6 => "*".to_owned(),
        7..=9 => format!("*/{}", random.below(max + 3)),
        10..=14 => number(random),
        15..=17 => format!("{}-{}", number(random), number(random)),
        18 => format!(
            "{}-{}/{}",
            number(random),
            number(random),
            1 + random.below(max)
        ),
        19 => format!("{}/{}", number(random), random.below(9)),
        20 => format!("-{}", number(random)),
        21 => format!("{}-", number(random)),
        22 => format!("{}.{}", number(random), number(random)),
        _ => random
            .pick(&[
                "?", "", "5*", "*5", "*-5", "1-5-9", "1#2", "05", "!", "foo", "1e1",
            ])
            .to_owned(),
    };
    let parts = 1 + random.below(5) / 3 + random.below(5) / 4;
    let field = (0..parts)
        .map(|_| part(random))
        .collect::<Vec<_>>()
        .join(",");
    if field.is_empty() {
        "*".to_owned()
    } else {
        field
    }
}

/// The Perl that asks the original's own functions: it takes them, and the tables that they use,
/// out of the installed program.
const ASK_PERL: &str = r#"
    use strict; no warnings;
    sub clean_up { 1 }
    sub RED { join '', @_ }
    my $source = do { local $/; open my $f, '<', $ARGV[0] or die; <$f> };
    my $code = 'my $debug = 0; ';
    for my $table ('%days', '%months', '@cron_specs') {
        $source =~ /^(my \Q$table\E.*?^?\s*\);)$/ms or die "no $table";
        $code .= $1;
    }
    for my $name ('cron_field_resolve', 'cron_spec_to_mask', 'cron_mask_match') {
        $source =~ /^(sub $name \{.*?^\})/ms or die "no $name";
        $code .= $1;
    }
    $code .= q{
        while (my $line = <STDIN>) {
            chomp $line;
            my ($spec, $times) = split /\t/, $line;
            my $mask = eval { cron_spec_to_mask($spec) };
            if (!$mask) { print "error\n"; next }
            print join(' ', 'ok', map { cron_mask_match([gmtime $_], $mask) ? 1 : 0 } split / /, $times), "\n";
        }
    };
    eval $code; die $@ if $@;
"#;

/// Whether each word of the specification is a number or a name of its own field: the original
/// takes any other word for a number, we refuse it.
fn words_have_meaning(spec: &str) -> bool {
    spec.split(' ').enumerate().all(|(at, field)| {
        field
            .split(',')
            .filter(|part| !part.contains('*'))
            .all(|part| {
                part.split(|c: char| !c.is_ascii_alphanumeric())
                    .filter(|word| !word.is_empty())
                    .all(|word| {
                        let number = word.bytes().all(|b| b.is_ascii_digit());
                        number
                            || (at == 3 && MONTHS.contains(&word))
                            || (at == 4 && DAYS.contains(&word))
                    })
            })
    })
}

const MONTHS: [&str; 5] = ["jan", "Feb", "may", "OCT", "dec"];
const DAYS: [&str; 5] = ["sun", "Mon", "wed", "FRI", "sat"];

#[test]
fn random_specifications_mean_what_the_original_takes_them_for() {
    assert!(
        std::fs::read(PERL_TENSHI).is_ok_and(|text| text.starts_with(b"#!/usr/bin/perl")),
        "{PERL_TENSHI} is not the Perl original: install Debian's package `tenshi` 0.13"
    );
    let mut random = Random(20_261_124);
    let start: Time = "2026-11-24T00:00:00Z".parse().unwrap();
    let mut questions = Vec::new();
    for _ in 0..20_000 {
        let spec = [
            random_field(&mut random, 0, 59, &[]),
            random_field(&mut random, 0, 23, &[]),
            random_field(&mut random, 1, 31, &[]),
            random_field(&mut random, 1, 12, &MONTHS),
            random_field(&mut random, 0, 7, &DAYS),
        ]
        .join(" ");
        let ours = CronSpec::parse(&spec);
        let next = ours.as_ref().ok().and_then(|ours| ours.next(start, &Utc));
        // The minute that we call the next one, some before it, and any others.
        let mut times: Vec<Time> = next.into_iter().collect();
        let far = next.map_or(3600 * 24 * 400, |next| {
            (next - start).num_seconds().max(60) as u64
        });
        times
            .extend((0..6).map(|_| start + TimeDelta::seconds(random.below(far) as i64 / 60 * 60)));
        times.extend(
            (0..4).map(|_| start + TimeDelta::seconds(random.below(3600 * 24 * 400) as i64)),
        );
        questions.push((spec, ours, times));
    }
    let answers = ask_perl(&questions);
    assert_eq!(answers.len(), questions.len());
    let (mut same, mut refused, mut words, mut due) = (0, 0, 0, 0);
    for ((spec, ours, times), answer) in questions.iter().zip(&answers) {
        match (ours, answer.strip_prefix("ok")) {
            (Ok(ours), Some(answer)) => {
                for (time, answer) in times.iter().zip(answer.split_whitespace()) {
                    let found = ours
                        .due(*time - TimeDelta::minutes(1), *time, &Utc)
                        .is_some();
                    assert_eq!(found, answer == "1", "`{spec}` at {time}");
                    due += usize::from(found);
                }
                same += 1;
            }
            (Err(_), None) => refused += 1,
            (Err(e), Some(_)) => {
                assert!(!words_have_meaning(spec), "`{spec}` refused: {e:?}");
                words += 1;
            }
            (Ok(_), None) => panic!("`{spec}` is refused by the original alone"),
        }
    }
    println!(
        "{same} the same ({due} due minutes), {refused} refused by both, {words} words refused by us"
    );
    assert!(same > 4_000 && refused > 2_000 && words > 50 && due > 4_000);
}

/// Asks one Perl process everything.
fn ask_perl<E>(questions: &[(String, Result<CronSpec, E>, Vec<Time>)]) -> Vec<String> {
    let mut perl = Command::new("perl")
        .args(["-e", ASK_PERL, PERL_TENSHI])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("perl runs");
    let mut input = String::new();
    for (spec, _, times) in questions {
        let times: Vec<String> = times
            .iter()
            .map(|time| time.timestamp().to_string())
            .collect();
        input.push_str(&format!("{spec}\t{}\n", times.join(" ")));
    }
    let mut stdin = perl.stdin.take().unwrap();
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = perl.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect()
}

#[test]
fn what_only_we_read_or_refuse() {
    let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
    let next = |text: &str| {
        CronSpec::parse(text)
            .unwrap()
            .next(at("2026-11-24T12:00:00Z"), &Utc)
            .unwrap()
    };
    assert_eq!(next("0 8 * * monday"), at("2026-11-30T08:00:00Z"));
    assert_eq!(next("0 8 1 January *"), at("2027-01-01T08:00:00Z"));
    // The original never comes to an end with this one.
    assert!(CronSpec::parse("5-10/0 * * * *").is_err());
    for text in [
        "0 0 * * foo",
        "foo 0 * * *",
        "0x10 * * * *",
        "mon * * * *",
        "* * * * * *",
        "* * * *",
        "",
    ] {
        assert!(CronSpec::parse(text).is_err(), "{text}");
    }
    assert_eq!(
        CronSpec::parse("*/5  9-17 * * 1-5").unwrap().to_string(),
        "*/5  9-17 * * 1-5"
    );
}
