//! Nine rhythms over two years: no false alarm on a regular one, and how soon a death is seen.

use chrono::{Datelike, NaiveDate, Timelike, Weekday};

use super::*;

/// The days that each rhythm runs.
const DAYS: i64 = 730;

/// A rhythm: its name, and the lines of one day (seconds from local midnight), in order.
struct Rhythm {
    name: &'static str,
    day: fn(&mut Random, NaiveDate, &mut Vec<i64>),
}

/// A number from 0 to 1.
fn unit(random: &mut Random) -> f64 {
    random.below(1 << 30) as f64 / f64::from(1 << 30)
}

/// A time between two lines that come by chance.
fn chance(random: &mut Random, mean: f64) -> f64 {
    -mean * (1.0 - unit(random)).ln()
}

/// Lines from `from` to `to`, each after one of the pauses that `pause` gives.
fn fill(day: &mut Vec<i64>, (from, to): (f64, f64), mut pause: impl FnMut() -> f64) {
    let mut time = from;
    while time < to {
        day.push(time as i64);
        time += pause();
    }
}

const HOUR: f64 = 3600.0;
const DAY: f64 = 24.0 * HOUR;

fn office(random: &mut Random, date: NaiveDate, day: &mut Vec<i64>) {
    if matches!(date.weekday(), Weekday::Sat | Weekday::Sun) {
        return;
    }
    let from = 7.5 * HOUR + unit(random) * HOUR;
    let to = 17.0 * HOUR + unit(random) * HOUR;
    fill(day, (from, to), || 300.0 + unit(random) * 600.0);
}

/// Gaps that are short as a rule and long at times, by a log-normal law.
fn burst(random: &mut Random) -> f64 {
    let normal = (0..12).map(|_| unit(random)).sum::<f64>() - 6.0;
    4.0 * HOUR * (1.1 * normal).exp()
}

const RHYTHMS: [Rhythm; 9] = [
    Rhythm {
        name: "chatty",
        day: |random, _, day| fill(day, (0.0, DAY), || 60.0 + unit(random) * 360.0),
    },
    Rhythm {
        name: "web, day and night",
        day: |random, _, day| {
            fill(day, (0.0, 6.0 * HOUR), || 600.0 + unit(random) * 4800.0);
            fill(day, (6.0 * HOUR, DAY), || 120.0 + unit(random) * 480.0);
        },
    },
    Rhythm {
        name: "hourly cron",
        day: |random, _, day| {
            day.extend((0..24).map(|hour| hour * 3600 + 17 * 60 + random.below(40) as i64));
        },
    },
    Rhythm {
        name: "office PC",
        day: office,
    },
    Rhythm {
        name: "daily cron",
        day: |random, _, day| day.push(9000 + random.below(900) as i64),
    },
    Rhythm {
        name: "quiet",
        day: |random, _, day| {
            fill(day, (unit(random) * 3.0 * HOUR, DAY), || {
                chance(random, 5.0 * HOUR).min(16.0 * HOUR)
            });
        },
    },
    Rhythm {
        name: "bursty switch",
        day: |_, _, _| {},
    },
    Rhythm {
        name: "weekly job",
        day: |random, date, day| {
            if date.weekday() == Weekday::Sun {
                day.push(14_400 + random.below(1800) as i64);
            }
        },
    },
    Rhythm {
        name: "office with holidays",
        day: |random, date, day| {
            // Ten working days a year.
            let holiday = date.ordinal() % 36 == 9;
            if !holiday {
                office(random, date, day);
            }
        },
    },
];

/// The lines of a rhythm over two years.
fn lines(rhythm: &Rhythm, random: &mut Random) -> Vec<Time> {
    let begin = NaiveDate::from_ymd_opt(2025, 1, 6).expect("a date");
    let mut all = Vec::new();
    if rhythm.name == "bursty switch" {
        let start = Berlin.from_utc_datetime(&begin.into()).to_utc();
        let mut time = 0.0;
        while time < DAYS as f64 * DAY {
            for line in 0..=random.below(8) as i64 {
                all.push(start + TimeDelta::seconds(time as i64 + 10 * line));
            }
            time += 120.0 + burst(random);
        }
        return all;
    }
    // What people do keeps to local time, what machines do to the time that passes.
    let local = !matches!(rhythm.name, "chatty" | "hourly cron" | "quiet");
    let mut day = Vec::new();
    for date in begin.iter_days().take(DAYS as usize) {
        day.clear();
        (rhythm.day)(random, date, &mut day);
        for second in &day {
            let time = date.and_hms_opt(0, 0, 0).expect("midnight") + TimeDelta::seconds(*second);
            all.extend(match local {
                true => Berlin
                    .from_local_datetime(&time)
                    .earliest()
                    .map(|time| time.to_utc()),
                false => Some(time.and_utc()),
            });
        }
    }
    all.sort_unstable();
    all
}

/// What came of a rhythm.
struct Outcome {
    /// The false alarms by rule A and by rule B, in two years.
    alarms: [usize; 2],
    /// The hours until each death was seen, sorted; only working hours of an office.
    seen: Vec<f64>,
}

fn run(rhythm: &Rhythm, seed: u64) -> Outcome {
    let mut random = Random::new(seed);
    let lines = lines(rhythm, &mut random);
    let mut console = Console::new(lines[0]);
    let mut seen = Vec::new();
    let deaths = 40;
    let from = lines.len() / 4;
    let mut next = from;
    for (at, line) in lines.iter().enumerate() {
        console.pass(*line);
        console.silence.turn(*line, &console.model);
        console.hear("h");
        if at == next {
            next += (lines.len() - from) / deaths;
            // The machine dies here, in a copy of the world.
            let last = console.now;
            let before = std::mem::take(&mut console.told);
            let saved = console.silence.clone();
            while console.told.is_empty() && console.now < last + TimeDelta::days(40) {
                console.pass(console.now + minutes(5));
            }
            let told = console.told.first().map(|(time, _)| *time);
            let hours = told.map_or(1e3, |told| match rhythm.name.starts_with("office") {
                true => working(last, told),
                false => (told - last).num_seconds() as f64 / HOUR,
            });
            seen.push(hours);
            (console.silence, console.told, console.now) = (saved, before, last);
        }
    }
    seen.sort_by(f64::total_cmp);
    let silent = |text: &&(Time, String)| text.1.contains("silent since");
    let alarms: Vec<_> = console.told.iter().filter(silent).collect();
    let often = console.silence.take_often(console.now, &console.model);
    let often: usize = often
        .iter()
        .map(|line| line.text.matches("silent").count())
        .sum();
    let weekly = alarms
        .iter()
        .filter(|(_, text)| text.contains("written"))
        .count();
    Outcome {
        alarms: [alarms.len() - weekly + often, weekly],
        seen,
    }
}

/// The working hours between two times.
fn working(from: Time, to: Time) -> f64 {
    let mut quarters = 0;
    let mut time = from;
    while time < to {
        let local = time.with_timezone(&Berlin);
        let weekday = !matches!(local.weekday(), Weekday::Sat | Weekday::Sun);
        quarters += i32::from(weekday && (8..17).contains(&local.hour()));
        time += minutes(15);
    }
    f64::from(quarters) / 4.0
}

#[test]
fn nine_rhythms_over_two_years() {
    let seeds = if std::env::var_os("TENSHI_TORTURE").is_some() {
        40
    } else {
        1
    };
    let mut bursty = [0, 0];
    for seed in 1..=seeds {
        for (n, rhythm) in (0..).zip(&RHYTHMS) {
            let Outcome { alarms, seen } = run(rhythm, seed * 16 + n);
            let [median, late] = [50, 95].map(|part| seen[(seen.len() - 1) * part / 100]);
            eprintln!(
                "seed {seed} {}: {alarms:?}, a death is seen in {median:.1} h, 95 % in {late:.1} h",
                rhythm.name
            );
            match rhythm.name {
                "bursty switch" => bursty = [0, 1].map(|rule| bursty[rule] + alarms[rule]),
                "office with holidays" => assert!(alarms[0] == 0 && alarms[1] <= 12),
                name => assert_eq!(alarms, [0, 0], "{name}, seed {seed}"),
            }
            match rhythm.name {
                "chatty" => assert!(late * 60.0 <= 20.0, "{late}"),
                "office PC" => assert!(late <= 4.0, "{late}"),
                _ => {}
            }
        }
    }
    // Two years each: of rule B at most one a year, of rule A what three times the longest pause lets through.
    let most = [3, 1].map(|a_year| 2 * a_year * seeds as usize);
    assert!(bursty[0] <= most[0] && bursty[1] <= most[1], "{bursty:?}");
}
