//! Trends over months, on a clock that is stepped.

use bstr::BStr;
use chrono::{TimeDelta, TimeZone, Utc};

use super::judge::Judge;
use super::note::What;
use super::*;
use crate::clock::Time;
use crate::config::TrendsSettings;
use crate::ledger::Day;
use crate::random::Random;

const SETTINGS: TrendsSettings = TrendsSettings {
    on: true,
    factor: 2,
    floor: 20,
};

/// Noon of a day, counted from a Monday.
fn noon(day: i64) -> Time {
    Utc.with_ymd_and_hms(2026, 1, 5, 12, 0, 0).unwrap() + TimeDelta::days(day)
}

fn home(unit: u16, keys: Vec<u64>) -> Home {
    Home {
        queue: "report".into(),
        unit,
        keys,
    }
}

/// Counts lines of the rule of a key.
fn count(trends: &mut Trends, key: u64, host: &str, n: u64) -> u64 {
    let place = trends.place(key).expect("a rule");
    trends.count(place, Some(BStr::new(host)), n)
}

/// The scheduled minute at `now` comes. Gives what the report tells.
fn pass(trends: &mut Trends, home: &Home, now: Time) -> Vec<Note> {
    let period = Period {
        queue: &home.queue,
        keys: &home.keys,
        day: Day::of(now),
        now,
    };
    trends.pass(period, &SETTINGS);
    let taken = trends.take(&home.queue, now);
    taken.map_or(Vec::new(), |taken| taken.notes)
}

/// A rule of a site.
struct Simulated {
    /// The mean number of its lines on a working day.
    mean: f64,
    /// The standard deviation of the logarithm of a day's mean.
    sigma: f64,
    /// Whether weekends have a fifth of the lines.
    office: bool,
    /// The logarithm of what its mean drifted to.
    drift: f64,
}

struct Site {
    random: Random,
    rules: Vec<Simulated>,
}

impl Site {
    fn new(seed: u64, rules: usize) -> Self {
        let mut site = Self {
            random: Random::new(seed),
            rules: Vec::new(),
        };
        for number in 0..rules {
            let (low, high) = (0.3_f64.ln(), 100_000_f64.ln());
            let rule = Simulated {
                mean: (low + (high - low) * site.part()).exp(),
                sigma: 0.15 + 0.75 * site.part(),
                office: number % 2 == 0,
                drift: 0.0,
            };
            site.rules.push(rule);
        }
        site
    }

    /// A number from 0 to 1.
    fn part(&mut self) -> f64 {
        (self.random.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A number of the standard normal distribution.
    fn normal(&mut self) -> f64 {
        let (one, other) = (1.0 - self.part(), self.part());
        (-2.0 * one.ln()).sqrt() * (std::f64::consts::TAU * other).cos()
    }

    /// A number of the Poisson distribution.
    fn poisson(&mut self, mean: f64) -> u64 {
        if mean > 30.0 {
            return (mean + mean.sqrt() * self.normal()).round().max(0.0) as u64;
        }
        let (bound, mut product, mut number) = ((-mean).exp(), self.part(), 0);
        while product > bound {
            product *= self.part();
            number += 1;
        }
        number
    }

    /// The mean number of lines of a rule on a day.
    fn mean(&mut self, rule: usize, day: i64) -> f64 {
        let noise = self.normal();
        let step = 0.01 * self.normal();
        let rule = &mut self.rules[rule];
        rule.drift += step;
        let weekend = rule.office && day % 7 >= 5;
        let share = if weekend { 0.2 } else { 1.0 };
        rule.mean * share * (rule.drift + rule.sigma * noise - rule.sigma * rule.sigma / 2.0).exp()
    }
}

/// What came of a simulation.
#[derive(Debug, Default)]
struct Found {
    /// False notes about more lines, and about none.
    more: usize,
    gone: usize,
    /// Days on which a rule has a multiple of its lines: the factor, how many such days there were, and how many were
    /// told.
    times: [(u64, usize, usize); 3],
    /// Bytes of the state without the hosts, a rule.
    bytes: usize,
}

fn simulate(seed: u64, weeks: i64) -> Found {
    const RULES: usize = 600;
    let mut site = Site::new(seed, RULES);
    let home = home(1, (1..=RULES as u64).collect());
    let mut trends = Trends::default();
    trends.begin(std::slice::from_ref(&home), noon(0) - TimeDelta::days(1));
    let mut found = Found {
        times: [(5, 0, 0), (10, 0, 0), (50, 0, 0)],
        ..Found::default()
    };
    for day in 0..weeks * 7 {
        let means: Vec<f64> = (0..RULES).map(|rule| site.mean(rule, day)).collect();
        for (mean, key) in means.iter().zip(&home.keys) {
            let n = site.poisson(*mean);
            count(&mut trends, *key, "h1", n);
        }
        if day >= 35 {
            // What would be told if one rule had many times its lines.
            for (times, all, told) in &mut found.times {
                let rule = site.random.below(RULES);
                let mut of_rule = trends.rules[rule].clone();
                of_rule.now = site.poisson(means[rule] * *times as f64) as u32;
                let judge = Judge {
                    settings: &SETTINGS,
                    calendar: &trends.calendars["report"],
                    running: &trends.running,
                    day: Day::of(noon(day)),
                    now: noon(day),
                    ends: true,
                };
                let note = judge.note(&of_rule).map(|note| note.what);
                *all += 1;
                *told += usize::from(matches!(note, Some(What::More { .. })));
            }
        }
        for note in pass(&mut trends, &home, noon(day)) {
            match note.what {
                What::More { .. } => found.more += 1,
                What::Gone { .. } => found.gone += 1,
            }
        }
        if day == 27 {
            assert_eq!((found.more, found.gone), (0, 0), "all is learnt");
        }
    }
    trends.running.forget(|_| true);
    found.bytes = postcard::to_stdvec(&trends).expect("bytes").len() / RULES;
    found
}

#[test]
fn six_hundred_rules_give_few_false_notes_and_floods_are_found() {
    let torture = std::env::var_os("TENSHI_TORTURE").is_some();
    let (sites, weeks) = (if torture { 20 } else { 2 }, 32);
    let (mut notes, mut times) = (0, [(0, 0); 3]);
    for seed in 0..sites {
        let found = simulate(20_261_129 + seed, weeks);
        println!("{found:?}");
        notes += found.more + found.gone;
        for (sum, (_, all, told)) in times.iter_mut().zip(found.times) {
            (sum.0, sum.1) = (sum.0 + all, sum.1 + told);
        }
        assert!(found.bytes <= 200, "{}", found.bytes);
    }
    let weeks = (weeks - 4) as usize * sites as usize;
    let share = times.map(|(all, told)| told * 100 / all);
    println!(
        "{} false notes a week, found {share:?} %",
        notes as f64 / weeks as f64
    );
    assert!(notes <= 10 * weeks, "{notes} in {weeks} weeks");
    assert!(share[2] >= 90, "{share:?}");
}
