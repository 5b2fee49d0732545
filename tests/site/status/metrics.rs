//! `tenshi status --prometheus`: each number of the state, in a text that Prometheus and its linter take.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::Command;

use nix::sys::signal::Signal;

use super::{Site, number, text};
use crate::support::Dir;
use crate::support::daemon::PROGRAM;

/// A metric as Prometheus' text format has it.
#[derive(Default, Debug)]
struct Metric {
    kind: String,
    help: String,
    /// The value of each set of labels, as it is written between the braces.
    values: BTreeMap<String, f64>,
}

/// Units as names have them, each with the base unit that is to stand in its place.
const UNITS: [(&str, &str); 9] = [
    ("milliseconds", "seconds"),
    ("microseconds", "seconds"),
    ("nanoseconds", "seconds"),
    ("minutes", "seconds"),
    ("hours", "seconds"),
    ("days", "seconds"),
    ("kilobytes", "bytes"),
    ("megabytes", "bytes"),
    ("bits", "bytes"),
];
/// Units that are not to be abbreviated.
const SHORT: [&str; 14] = [
    "s", "ms", "us", "ns", "sec", "b", "kb", "mb", "gb", "tb", "pb", "m", "h", "d",
];

/// Reads a text as Prometheus does (text format 0.0.4), and looks for what `promtool check metrics` tells.
///
/// # Errors
/// What would make Prometheus refuse the text, or promtool complain of it.
fn check(text: &str) -> Result<BTreeMap<String, Metric>, String> {
    let mut metrics: BTreeMap<String, Metric> = BTreeMap::new();
    let mut last = String::new();
    if !text.ends_with('\n') {
        return Err("no line end at the end".into());
    }
    for line in text.lines() {
        let wrong = |why: &str| Err(format!("{why}: {line}"));
        if let Some(rest) = line.strip_prefix("# ") {
            let mut words = rest.splitn(3, ' ');
            let (what, name) = (words.next().unwrap(), words.next().unwrap_or_default());
            let rest = words.next().unwrap_or_default().to_owned();
            let metric = metrics.entry(name.to_owned()).or_default();
            if !metric.values.is_empty() {
                return wrong("it comes after its values");
            }
            let part = match what {
                "HELP" => &mut metric.help,
                "TYPE" => &mut metric.kind,
                _ => return wrong("neither HELP nor TYPE"),
            };
            if !part.is_empty() {
                return wrong("it comes twice");
            }
            *part = rest;
            continue;
        }
        let (series, value) = line.rsplit_once(' ').ok_or("no value")?;
        let (name, labels) = match series.split_once('{') {
            Some((name, labels)) => (name, labels.strip_suffix('}').ok_or("no end of labels")?),
            None => (series, ""),
        };
        let Some(metric) = metrics.get_mut(name) else {
            return wrong("neither HELP nor TYPE before it");
        };
        if last != name && !metric.values.is_empty() {
            return wrong("the values of a metric do not stand together");
        }
        last = name.to_owned();
        is_label(labels).map_err(|why| format!("{why}: {line}"))?;
        let value = value.parse().map_err(|e| format!("{e}: {line}"))?;
        if metric.values.insert(labels.to_owned(), value).is_some() {
            return wrong("the same metric with the same labels");
        }
    }
    for (name, metric) in &metrics {
        lint(name, metric).map_err(|why| format!("{name}: {why}"))?;
    }
    Ok(metrics)
}

/// A label, or none: `file="/var/log/syslog"`.
fn is_label(label: &str) -> Result<(), &'static str> {
    if label.is_empty() {
        return Ok(());
    }
    let (name, value) = label.split_once("=\"").ok_or("no quoted value")?;
    let value = value.strip_suffix('"').ok_or("no end of the value")?;
    if !is_snake(name) || ["le", "quantile"].contains(&name) {
        return Err("a name that no label may have");
    }
    let mut rest = value.chars();
    while let Some(c) = rest.next() {
        match c {
            '"' => return Err("a quote in a value"),
            '\\' if !matches!(rest.next(), Some('\\' | '"' | 'n')) => {
                return Err("a backslash before another character");
            }
            _ => {}
        }
    }
    Ok(())
}

fn is_snake(name: &str) -> bool {
    let good = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    name.bytes().all(good) && name.starts_with(|c: char| c.is_ascii_lowercase())
}

/// The rules of promtool (promlint of client_golang).
fn lint(name: &str, metric: &Metric) -> Result<(), String> {
    let told = |what: &str| Err(what.to_owned());
    if metric.help.is_empty() || metric.values.is_empty() {
        return told("no help text, or no value");
    }
    if !is_snake(name) {
        return told("not in snake_case");
    }
    match (metric.kind.as_str(), name.ends_with("_total")) {
        ("counter", true) | ("gauge", false) => {}
        ("counter", false) => return told("a counter without _total"),
        ("gauge", true) => return told("_total, and no counter"),
        _ => return told("neither a counter nor a gauge"),
    }
    let parts: BTreeSet<&str> = name.split('_').collect();
    let reserved = ["bucket", "count", "sum"];
    if let Some(end) = reserved
        .iter()
        .find(|end| name.ends_with(&format!("_{end}")))
    {
        return told(&format!("_{end} is for histograms"));
    }
    let kinds = ["counter", "gauge", "histogram", "summary"];
    if let Some(kind) = kinds.iter().find(|kind| parts.contains(**kind)) {
        return told(&format!("the type {kind} in the name"));
    }
    if let Some((unit, base)) = UNITS.iter().find(|(unit, _)| parts.contains(unit)) {
        return told(&format!("{unit} in the place of {base}"));
    }
    match SHORT.iter().find(|unit| parts.contains(**unit)) {
        Some(unit) => told(&format!("the unit {unit} is abbreviated")),
        None => Ok(()),
    }
}

/// What the check is there for.
#[test]
fn a_text_that_prometheus_would_not_take_is_seen() {
    let good = "# HELP a_total A.\n# TYPE a_total counter\na_total 1\n\
        # HELP lag B.\n# TYPE lag gauge\nlag{file=\"x\\\\y\\\"\"} 2\nlag{file=\"z\"} 2.5\n";
    assert_eq!(check(good).unwrap().len(), 2);
    let wrong = [
        ("a_total 1\n", "a_total 1"),
        ("a_total 1\n", "a_total 1\na_total 2\n"),
        ("a_total 1\n", "a_total x\n"),
        ("a_total 1\n", ""),
        ("# HELP a_total A.\n", ""),
        ("# HELP a_total A.\n", "# HELP a_total\n"),
        ("# TYPE a_total counter\n", ""),
        ("# TYPE a_total counter\n", "# TYPE a_total gauge\n"),
        ("TYPE lag gauge", "TYPE lag counter"),
        ("# TYPE lag gauge\n", "# TYPE lag gauge\n# TYPE lag gauge\n"),
        ("\\\\y", "\\y"),
        ("\\\"\"", "\"\""),
        ("file=\"z\"", "le=\"z\""),
        ("a_total", "a_hours_total"),
        ("a_total", "a_ms_total"),
        ("a_total", "aB_total"),
        ("a_total", "a_gauge_total"),
        (
            "lag{file=\"z\"} 2.5\n",
            "# HELP c C.\n# TYPE c gauge\nc 1\nlag{file=\"z\"} 2.5\n",
        ),
    ];
    let mut checked = 0;
    for (part, other) in wrong {
        let text = good.replace(part, other);
        assert_ne!(text, good, "{part}");
        assert!(check(&text).is_err(), "{text}");
        checked += 1;
    }
    assert!(check(&good[..good.len() - 1]).is_err());
    assert_eq!(checked, 18);
}

#[test]
fn every_number_of_the_state_is_a_metric() {
    let logs = Dir::new();
    // Of a name that is neither UTF-8 nor one line, and of two that are shown in one form.
    for name in [&b"odd \"x\\y\n\xff"[..], b"odd\x01", b"odd\\x01"] {
        fs::write(logs.path("").join(OsStr::from_bytes(name)), "").unwrap();
    }
    let all = format!("set logfile {}/odd*\n", logs.path("").display());
    let mut site = Site::start(&[], &all);
    for text in ["bar one", "bar one", "neither", "foo"] {
        site.log(text);
    }
    site.until("the report", |s| s["counters"]["delivered"] == 1);
    site.sink.down();
    site.log("foo again");
    let status = site.until("the outbox", |s| s["outbox"][0].is_object());
    let shown = || {
        let output = site.status(&["--prometheus"]);
        assert_eq!(
            (text(&output.stderr).as_str(), output.status.code()),
            ("", Some(0))
        );
        let text = text(&output.stdout);
        (
            check(&text).unwrap_or_else(|why| panic!("{why}\n{text}")),
            text,
        )
    };
    let (metrics, text_of) = shown();
    let one = |name: &str| metrics[name].values[""];
    for (counter, n) in status["counters"].as_object().unwrap() {
        let name = format!("tenshi_{counter}_total");
        assert_eq!(metrics[&name].kind, "counter");
        // The attempts to deliver go on.
        assert!(one(&name) >= number(n) as f64, "{name}: {text_of}");
    }
    let counters = metrics.values().filter(|m| m.kind == "counter").count();
    assert_eq!(counters, tenshi::counters::Counter::ALL.len());
    assert_eq!((one("tenshi_up"), one("tenshi_outbox_letters")), (1.0, 1.0));
    assert!(one("tenshi_snapshot_timestamp_seconds") > 1.7e9);
    assert_eq!(one("tenshi_lines_total"), 5.0);
    let age = one("tenshi_outbox_age_seconds");
    assert!((0.0..600.0).contains(&age), "{age}");
    for name in [
        "tenshi_hosts_silent",
        "tenshi_faults",
        "tenshi_snapshots_failing",
    ] {
        assert_eq!(one(name), 0.0, "{name}");
    }
    let queues = &metrics["tenshi_queue_lines"].values;
    assert_eq!(queues["queue=\"c\""], 2.0);
    assert_eq!(queues.len(), status["queues"].as_array().unwrap().len());
    let files = &metrics["tenshi_lag_bytes"].values;
    let odd = files.keys().filter(|file| file.contains("/odd"));
    let odd: Vec<&str> = odd.map(|file| file.rsplit('/').next().unwrap()).collect();
    assert_eq!(odd, [r#"odd \"x\\y\\x0A\\xFF""#, r#"odd\\x01""#]);
    assert_eq!(status["files"].as_array().unwrap().len(), 4);
    assert_eq!(metrics.len(), counters + 9);

    // A daemon that is dead, and one that left nothing.
    site.daemon().signal(Signal::SIGKILL);
    site.daemon().wait();
    let output = site.status(&["--prometheus"]);
    let metrics = check(&text(&output.stdout)).unwrap();
    assert_eq!(metrics["tenshi_up"].values[""], 0.0);
    assert_eq!(metrics["tenshi_lines_total"].values[""], 5.0);
    fs::remove_file(site.dir.path("state/tenshi.state")).unwrap();
    let output = site.status(&["--prometheus"]);
    let metrics = check(&text(&output.stdout)).unwrap();
    assert_eq!((metrics.len(), output.status.code()), (1, Some(0)));
    assert_eq!(metrics["tenshi_up"].values[""], 0.0);
    assert!(text(&output.stderr).contains("there is no snapshot"));
    fs::remove_dir_all(site.dir.path("state")).unwrap();
    let output = site.status(&["--prometheus"]);
    assert_eq!(
        (text(&output.stdout).as_str(), output.status.code()),
        ("", Some(1))
    );
}

/// The examples name metrics and numbers that there are, and the command of the unit leaves a whole file.
#[test]
fn the_examples_of_monitoring_hold() {
    let mut site = Site::start(&[], "");
    site.log("foo");
    let status = site.until("the report", |s| s["counters"]["delivered"] == 1);
    let example = |name: &str| {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/monitoring");
        fs::read_to_string(dir.join(name)).unwrap()
    };
    let unit = example("tenshi-metrics.service");
    let command = unit.lines().find_map(|line| {
        let command = line.strip_prefix("ExecStart=/bin/sh -c '")?;
        command.strip_suffix('\'')
    });
    let conf = site.dir.path("tenshi.conf").display().to_string();
    let ours = format!("{PROGRAM} -c {conf} status");
    let command = command.unwrap().replace("/usr/sbin/tenshi status", &ours);
    let collected = Dir::new();
    let shell = |command: &str| {
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", command]).current_dir(collected.path(""));
        shell.status().unwrap().success()
    };
    assert!(shell(&command));
    let whole = fs::read_to_string(collected.path("tenshi.prom")).unwrap();
    let metrics = check(&whole).unwrap();
    assert!(!collected.path("tenshi.new").exists());
    // What fails leaves the file of before.
    assert!(!shell(
        &command.replace(&conf, "/nonexistent --state-dir /nonexistent")
    ));
    assert_eq!(
        fs::read_to_string(collected.path("tenshi.prom")).unwrap(),
        whole
    );

    let rules = example("prometheus-rules.yml");
    let mut named = BTreeSet::new();
    for line in rules.lines().filter(|line| line.contains("expr: ")) {
        let words = line.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        named.extend(words.filter(|word| word.starts_with("tenshi_")));
    }
    assert!(named.len() >= 7, "{named:?}");
    for name in named {
        assert!(
            metrics.contains_key(name) || name == "tenshi_lag_bytes",
            "{name}"
        );
    }
    let template = example("zabbix-template.yaml");
    let mut checked = 0;
    for path in template.lines().filter_map(|line| line.split_once("$.")) {
        let path = path.1.trim_end_matches('\'');
        if path == "name" {
            // Of a queue.
            continue;
        }
        let mut at = &status;
        // Up to the functions and filters of JSONPath.
        let path = path.split("[?").next().unwrap_or_default();
        for part in path.split('.').filter(|part| !part.ends_with("()")) {
            let (name, all) = match part.strip_suffix("[*]") {
                Some(name) => (name, true),
                None => (part, false),
            };
            at = at
                .get(name)
                .unwrap_or_else(|| panic!("{path}: no {name} in {at}"));
            at = if all { &at[0] } else { at };
        }
        checked += 1;
    }
    assert_eq!(checked, 12, "{template}");
    site.daemon().finish();
}
