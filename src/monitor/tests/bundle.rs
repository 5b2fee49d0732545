//! Bundled queues: which lines are mailed when. `src/daemon/tests/storm.rs` has the storms.

use super::*;
use crate::report::Report;

/// A queue that is bundled, and one whose lines escalate to another bundled one.
const BUNDLED: &str = "set bundle n 10m\n";

/// A monitor whose `[now]` queues are looked at each 5 s.
struct Site {
    monitor: Monitor,
    seconds: i64,
    /// The time of each mail in seconds, its subject and its body.
    mails: Vec<(i64, String, String)>,
}

impl Site {
    fn new(rules: &str) -> Self {
        Self {
            monitor: monitor(rules),
            seconds: 0,
            mails: Vec::new(),
        }
    }

    fn now(&self) -> Time {
        start() + Duration::seconds(self.seconds)
    }

    fn take(&mut self, due: Vec<DueReports>) {
        let reports = due.into_iter().flat_map(|due| due.reports);
        let mail = |r: Report| (self.seconds, r.subject.to_string(), r.body.to_string());
        self.mails.extend(reports.map(mail));
    }

    /// Lets time pass, up to this second: the queues are looked at as the daemon does.
    fn until(&mut self, seconds: i64) {
        self.waiting_until(seconds, false);
    }

    fn waiting_until(&mut self, seconds: i64, letter_waits: bool) {
        while self.seconds < seconds {
            self.seconds += 5;
            let now = self.now();
            let due = self.monitor.next_due(&|_| false);
            if self.monitor.now_waiting() || due.is_some_and(|due| due <= now) {
                let due = self.monitor.due(now, None, &|_| letter_waits, &no_names);
                self.take(due);
            }
        }
    }

    fn feed(&mut self, lines: &[&str]) {
        self.monitor.advance_to(self.now());
        feed(&mut self.monitor, lines);
    }

    fn flush(&mut self) {
        let now = self.now();
        let due = self.monitor.flush(now, Some(Status::Flushing), &no_names);
        self.take(due);
    }

    /// The mails since the last call: the second, the words in the subject, and the lines of the body.
    fn mailed(&mut self) -> Vec<(i64, String, Vec<String>)> {
        let mails = std::mem::take(&mut self.mails).into_iter();
        let mail = |(at, subject, body): (i64, String, String)| {
            let (words, _) = subject.split_once(" [").unwrap();
            let words = words.strip_prefix("tenshi report").unwrap();
            let lines = body.lines().filter(|line| line.starts_with("    "));
            let lines = lines.map(|line| line.trim().to_owned()).collect();
            (at, words.trim_start_matches(": ").to_owned(), lines)
        };
        mails.map(mail).collect()
    }
}

fn mail(at: i64, words: &str, lines: &[&str]) -> (i64, String, Vec<String>) {
    let lines = lines.iter().map(|line| (*line).to_owned()).collect();
    (at, words.to_owned(), lines)
}

#[test]
fn a_storm_is_mailed_at_once_then_in_windows_that_double() {
    let mut site = Site::new(&format!("{BUNDLED}n ^x (\\d+)\n"));
    for second in (0..5_400).step_by(5) {
        site.until(second);
        site.feed(&["x 1", "x 2"]);
    }
    let mut mails = site.mailed();
    // What came at the instant of a look came before it.
    let wanted = [
        mail(5, "", &["2: x *"]),
        mail(605, "240 more in 10 minutes, 1 line", &["240: x *"]),
        mail(1_805, "480 more in 20 minutes, 1 line", &["480: x *"]),
        mail(4_205, "960 more in 40 minutes, 1 line", &["960: x *"]),
    ];
    assert_eq!(mails, wanted);
    // The storm is over: the last window brings what is left, and the one after it nothing.
    site.until(20_000);
    mails = site.mailed();
    assert_eq!(
        mails,
        [mail(7_805, "478 more in 1 hour, 1 line", &["478: x *"])]
    );
    assert_eq!(site.monitor.next_due(&|_| false), None, "all is quiet");
    site.feed(&["x 1"]);
    site.until(20_005);
    assert_eq!(site.mailed(), [mail(20_005, "", &["1: x *"])]);
    site.until(20_600);
    site.feed(&["x 1"]);
    site.until(21_000);
    let words = "1 more in 10 minutes, 1 line";
    assert_eq!(
        site.mailed(),
        [mail(20_605, words, &["1: x *"])],
        "the first length again"
    );
}

#[test]
fn lines_that_are_new_in_a_window_are_mailed_at_once_up_to_a_number() {
    let mut site = Site::new(&format!("{BUNDLED}set bundle_first 2\nn ^\n"));
    site.feed(&["a"]);
    site.until(5);
    site.feed(&["a", "b", "b"]);
    site.until(10);
    site.feed(&["a", "b"]);
    site.until(15);
    site.feed(&["c", "d"]);
    site.until(20);
    site.feed(&["e", "c"]);
    site.until(600);
    let early = [
        mail(5, "", &["1: a"]),
        mail(10, "", &["2: b"]),
        mail(20, "", &["1: c", "1: d"]),
    ];
    assert_eq!(site.mailed(), early);
    assert!(
        !site.monitor.now_waiting(),
        "nothing wakes it before the end"
    );
    site.until(605);
    let words = "5 more in 10 minutes, 4 lines";
    let rest = ["2: a", "1: b", "1: c", "1: e"];
    assert_eq!(site.mailed(), [mail(605, words, &rest)]);
    // What the bundle has is known in the window that it opens.
    site.feed(&["a", "d"]);
    site.until(615);
    assert_eq!(site.mailed(), [mail(610, "", &["1: d"])]);
    site.until(1_805);
    assert_eq!(
        site.mailed(),
        [mail(1_805, "1 more in 20 minutes, 1 line", &["1: a"])]
    );
}

#[test]
fn a_letter_that_waits_holds_back_all_but_the_counts() {
    let mut site = Site::new(&format!("{BUNDLED}n ^\n"));
    site.feed(&["a"]);
    site.until(5);
    for line in ["b", "c", "a"] {
        site.feed(&[line]);
        site.waiting_until(site.seconds + 200, true);
    }
    assert_eq!(site.mailed().len(), 1);
    site.waiting_until(900, true);
    site.feed(&["d"]);
    site.waiting_until(1_000, true);
    assert!(
        site.mailed().is_empty(),
        "the window is over, the letter is not gone"
    );
    site.until(1_005);
    let lines = ["1: a", "1: b", "1: c", "1: d"];
    assert_eq!(
        site.mailed(),
        [mail(1_005, "4 more in 17 minutes, 4 lines", &lines)]
    );
}

#[test]
fn a_flush_leaves_the_window_open() {
    let mut site = Site::new(&format!("{BUNDLED}n ^\n"));
    site.feed(&["a"]);
    site.until(5);
    site.feed(&["a", "a"]);
    site.until(60);
    site.feed(&["b"]);
    site.flush();
    let words = "3 more in 55 seconds, 2 lines";
    let mails = [mail(5, "", &["1: a"]), mail(60, words, &["2: a", "1: b"])];
    assert_eq!(site.mailed(), mails);
    site.feed(&["b", "c"]);
    site.until(65);
    assert_eq!(
        site.mailed(),
        [mail(65, "", &["1: c"])],
        "`b` was mailed in it"
    );
    site.until(600);
    assert!(site.mailed().is_empty());
    site.until(605);
    assert_eq!(
        site.mailed(),
        [mail(605, "1 more in 9 minutes, 1 line", &["1: b"])]
    );
    // A flush of what was mailed already has nothing.
    site.flush();
    assert!(site.mailed().is_empty());
}

#[test]
fn escalation_counts_on_through_a_window() {
    let queues = "set queue b2 f@x b@x [now]\nset bundle b2 10m\n";
    let mut site = Site::new(&format!("{BUNDLED}{queues}n,b2:10 ^x\n"));
    for second in (0..400).step_by(5) {
        site.until(second);
        site.feed(&["x"]);
    }
    let mails = site.mailed();
    // The first mail settled its line: ten more come up to second 50.
    assert_eq!(mails, [mail(5, "", &["1: x"]), mail(55, "", &["10: x"])]);
    site.until(700);
    let both = [
        mail(605, "79 more in 10 minutes, 1 line", &["79: x"]),
        mail(655, "70 more in 10 minutes, 1 line", &["70: x"]),
    ];
    assert_eq!(site.mailed(), both, "with the running total, as ever");
}

#[test]
fn a_threshold_holds_a_line_back_until_it_has_its_count() {
    let mut site = Site::new(&format!("{BUNDLED}set threshold n 3 ^t\nn ^\n"));
    site.feed(&["a"]);
    site.until(5);
    site.feed(&["t"]);
    site.until(10);
    assert!(
        !site.monitor.now_waiting(),
        "nothing wakes it for a line that is held back"
    );
    site.feed(&["t", "t"]);
    site.until(15);
    let mails = [mail(5, "", &["1: a"]), mail(15, "", &["3: t"])];
    assert_eq!(site.mailed(), mails);
    site.feed(&["t", "u", "u"]);
    site.until(20);
    site.feed(&["u"]);
    site.until(605);
    let mails = [
        mail(20, "", &["2: u"]),
        mail(605, "1 more in 10 minutes, 1 line", &["1: u"]),
    ];
    assert_eq!(site.mailed(), mails, "one `t` is too few");
    site.until(2_000);
    assert_eq!(site.monitor.next_due(&|_| false), None);
}

#[test]
fn a_restart_knows_what_was_mailed_in_the_window() {
    let rules = format!("{BUNDLED}n ^\n");
    let mut site = Site::new(&rules);
    site.feed(&["a", "a"]);
    site.until(5);
    site.feed(&["a", "b"]);
    site.until(10);
    assert_eq!(site.mailed().len(), 2);
    site.monitor = restarted(&site.monitor, &rules);
    site.feed(&["b", "c"]);
    site.until(15);
    assert_eq!(site.mailed(), [mail(15, "", &["1: c"])]);
    site.monitor = restarted(&site.monitor, &rules);
    site.until(605);
    let words = "2 more in 10 minutes, 2 lines";
    assert_eq!(site.mailed(), [mail(605, words, &["1: a", "1: b"])]);
    // Without the directive, what was mailed is not mailed again, and the rest at once.
    site.feed(&["a", "d"]);
    site.until(610);
    site.monitor = restarted(&site.monitor, "n ^\n");
    assert!(site.monitor.now_waiting());
    site.until(615);
    site.feed(&["a"]);
    site.until(620);
    let mails = [
        mail(610, "", &["1: d"]),
        mail(615, "", &["1: a"]),
        mail(620, "", &["1: a"]),
    ];
    assert_eq!(site.mailed(), mails);
}

#[test]
fn a_reload_changes_the_window_that_is_open() {
    let config = |rules: &str| {
        let loaded = parse_bytes(format!("{HEAD}{rules}").as_bytes());
        Arc::new(loaded.config.expect("a good config"))
    };
    let mut site = Site::new(&format!("{BUNDLED}n ^\n"));
    site.feed(&["a"]);
    site.until(5);
    site.monitor
        .reconfigure(config("set bundle n 20m\nn ^\n"), site.now());
    site.feed(&["a"]);
    site.until(1_205);
    let words = "1 more in 20 minutes, 1 line";
    assert_eq!(
        site.mailed(),
        [mail(5, "", &["1: a"]), mail(1_205, words, &["1: a"])]
    );
    site.monitor.reconfigure(config("n ^\n"), site.now());
    site.feed(&["a"]);
    site.until(1_210);
    site.feed(&["a"]);
    site.until(1_215);
    let mails = [mail(1_210, "", &["1: a"]), mail(1_215, "", &["1: a"])];
    assert_eq!(site.mailed(), mails);
    assert_eq!(site.monitor.saved_bundles().windows, []);
}

#[test]
fn a_clock_that_is_set_back_makes_no_window_longer() {
    let mut site = Site::new(&format!("{BUNDLED}n ^\n"));
    site.until(10_000);
    site.feed(&["a"]);
    site.until(10_005);
    site.seconds = 0;
    site.feed(&["a"]);
    site.until(600);
    assert_eq!(site.mailed().len(), 2);
}

#[test]
fn pages_are_bounded_by_the_hour_and_mails_are_not() {
    let queue = "set queue p f@x a@x,pager:b@x [now]\nset queue q f@x pager:c@x [now]\n";
    let mut site = Site::new(&format!("{queue}set pager_hour 2\np ^p\nq ^q\n"));
    for second in [0, 5, 10] {
        site.until(second);
        site.feed(&["p"]);
    }
    site.until(20);
    let heads: Vec<String> = site.mails.iter().map(|(_, _, body)| body.clone()).collect();
    let full = "\nh1: \n    1: p\n";
    let until = |seconds: i64| {
        let at = (start() + Duration::seconds(seconds + 59)).with_timezone(&chrono::Local);
        at.format("until %H:%M").to_string()
    };
    let last = format!("more by mail only {}\nh1,1,p\n", until(3_605));
    assert_eq!(heads, [full, "h1,1,p\n", full, &last, full]);
    assert_eq!(site.monitor.counters().get(Counter::PageWithheld), 1);
    // Who reads pages alone waits for one.
    site.mails.clear();
    site.feed(&["q"]);
    site.until(3_600);
    assert!(site.mails.is_empty());
    site.feed(&["q"]);
    site.until(3_610);
    let last = format!("no more pages {}\nh1,2,q\n", until(3_610));
    assert_eq!(site.mails, [(3_605, "tenshi report [q]".to_owned(), last)]);
    // At a flush they get it whatever was before.
    site.feed(&["p", "p", "p", "q"]);
    site.until(3_615);
    site.feed(&["q"]);
    site.flush();
    assert!(
        site.mails.last().unwrap().2.contains("h1,2,q"),
        "{:?}",
        site.mails
    );
}
