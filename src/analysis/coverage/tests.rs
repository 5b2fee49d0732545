use super::*;
use crate::config::parse_bytes;

const CONF: &str = "set mailserver h\nset hidepid on\nset queue a f@x t@x [now]\nset queue b f@x t@x [now]\n\
    trash ^cron:\na ^sshd: (\\w+) for (\\S+) from \\S+$\nb ^ntpd:\na ^x: \\w+$\nb ^x: y$\ngroup ^z:\na y\n\
    group_end\na .*\n";

fn coverage(lines: &[&str]) -> Coverage {
    let config = Arc::new(parse_bytes(CONF.as_bytes()).config.unwrap());
    let now = NaiveDateTime::parse_from_str("2026-11-29 10:00:00", "%F %T").unwrap();
    let mut coverage = Coverage::new(config, now);
    for line in lines {
        coverage.take(line.as_bytes());
    }
    coverage
}

#[test]
fn each_rule_has_its_lines_hosts_and_last_time() {
    let told = coverage(&[
        "Nov 23 21:44:00 h1 cron[1]: job failed",
        "Nov 23 21:45:00 h2 cron[2]: job done",
        "Nov 22 21:45:00 h2 cron[3]: job done",
        "2026-11-23T21:44:00+09:00 h1 x: y",
        "Nov 23 21:44:00 h1 other",
        "no prefix",
    ]);
    let rows: Vec<_> = told
        .rules()
        .map(|(id, _, used)| (id.0, used.lines, used.hosts(), used.loud))
        .collect();
    let want = [
        (0, 3, 2, 1),
        (1, 0, 0, 0),
        (2, 0, 0, 0),
        (3, 1, 1, 0),
        (4, 0, 0, 0),
        (6, 0, 0, 0),
        (7, 1, 1, 0),
    ];
    assert_eq!(rows, want);
    let (_, _, cron) = told.rules().next().unwrap();
    assert_eq!(cron.last.unwrap().to_string(), "2026-11-23 21:45:00");
    assert_eq!(cron.samples(1), [&BString::from("cron: job failed")]);
    assert_eq!(cron.samples(3).len(), 2);
    assert_eq!(
        (told.lines(), told.no_prefix(), told.unmatched()),
        (6, 1, 0)
    );
    let all: Vec<u32> = told.catch_alls().map(|(id, ..)| id.0).collect();
    assert_eq!(all, [7]);
}

#[test]
fn a_rule_that_took_nothing_may_have_come_too_late() {
    let told = coverage(&[
        "Nov 23 21:44:00 h1 x: y",
        "Nov 23 21:44:00 h1 x: z",
        "Nov 23 21:44:00 h1 ntpd: y",
    ]);
    let [late] = told.taken_before()[..] else {
        panic!("{:?}", told.taken_before());
    };
    assert_eq!(
        (late.rule.0, late.by.0, late.kinds, late.all),
        (4, 3, 1, false)
    );
}

#[test]
fn masks_that_never_vary_and_words_that_do_are_told() {
    let lines: Vec<String> = (0..20)
        .map(|n| format!("Nov 23 21:44:00 h1 sshd[{n}]: Failed for u{n} from 10.0.0.{n}"))
        .collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let told = coverage(&lines);
    let constant = told.constant_masks(RuleId(1));
    assert_eq!(constant, [(1, bstr::BStr::new("Failed"))]);
    let (_, _, used) = told.rules().nth(1).unwrap();
    let varying = used.varying();
    assert_eq!(varying.len(), 1);
    assert_eq!(varying[0].before, "from");
    assert_eq!(used.different(), 20);
}
