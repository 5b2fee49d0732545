//! A console of a site (`set site`): what it mails and tells while the board hangs, its state cannot be written, or its
//! mail server is away. Rounds are made here, in place of the thread.

use chrono::TimeDelta;

use super::*;
use crate::daemon::site::Asked;
use crate::site::{Answer, DirectoryBoard, HeardHere, Member, Round, SavedSite, Worked};

struct Site {
    clock: Arc<SetClock>,
    directory: tempfile::TempDir,
    daemon: Daemon,
}

impl Site {
    /// The console `b`.
    fn new(mirror: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let text = format!(
            "set mailserver h\nset logfile /log\nset queue q f@x q@x [30 * * * *]\nset queue n f@x n@x [now]\n\
             set queue m f@x m@x [now]\nset silence n ^h1$ 10m\nset silence off ^\n\
             set site s file://{}{mirror}\nset site_console b\nn ^now\nm ^then\nq .*\n",
            directory.path().join("board").display()
        );
        std::fs::create_dir(directory.path().join("board")).unwrap();
        let config = Arc::new(parse_bytes(text.as_bytes()).config.unwrap());
        let start = Utc.with_ymd_and_hms(2026, 11, 23, 12, 0, 30).unwrap();
        let clock = Arc::new(SetClock(Mutex::new(start)));
        let (store, _) = Store::open(&directory.path().join("state"), |_| {}).unwrap();
        let mut daemon = daemon_of(&config, clock.clone(), store, &mut Snapshot::default());
        daemon.begin_site(SavedSite::default(), start).unwrap();
        Self {
            clock,
            directory,
            daemon,
        }
    }

    fn pass(&self, seconds: i64) -> Time {
        let mut clock = self.clock.0.lock().unwrap();
        *clock += TimeDelta::seconds(seconds);
        *clock
    }

    fn log(&mut self, line: &str) {
        let line = format!("Nov 23 12:00:00 {line}\n");
        self.daemon
            .monitor
            .take_from("file /log".into(), line.as_bytes());
    }

    fn site(&mut self) -> &mut crate::daemon::site::Site {
        self.daemon.site.as_mut().unwrap()
    }

    fn board(&self) -> DirectoryBoard {
        DirectoryBoard::new(&self.directory.path().join("board"), "s")
    }

    /// A round of this console, with this answer in place of the board's if there is one.
    fn round(&mut self, answer: Option<Answer>) {
        let now = self.clock.now();
        let mut board = self.board();
        let heard = self.daemon.monitor.take_heard();
        let site = self.site();
        site.member.committed();
        let round: Option<Round> = site.member.round(now, heard).or_else(|| {
            // That the clock was set back is committed first.
            site.member.committed();
            site.member.round(now, HeardHere::default())
        });
        if let Some(round) = round {
            let answer = answer.unwrap_or_else(|| round.run(&mut board));
            self.daemon.board_says(Worked::Round(Box::new(answer)));
        }
    }

    fn is_lost(&self) -> bool {
        self.daemon.faults.contains_key("site board")
    }

    /// The texts of the mails of a queue.
    fn mails(&self, queue: &str) -> Vec<String> {
        let mails = self.daemon.outbox.mails().iter();
        let mails = mails.filter(|mail| mail.report.queue == queue);
        mails.map(|mail| mail.report.body.to_string()).collect()
    }

    fn asks(&mut self) -> bool {
        let question = self.site().question.as_ref().unwrap();
        matches!(question.state, Asked::Until(_))
    }

    /// The `[now]` queues are looked at, a few seconds later.
    fn check(&mut self) {
        let now = self.pass(5);
        self.daemon.check(now, None);
    }

    /// The board answers: of each line, which console mailed it.
    fn answer(&mut self, by: Option<&str>) {
        let question = self.site().question.as_ref().unwrap();
        let (number, lines) = (question.number, question.hashes.len());
        let by = vec![by.map(str::to_owned); lines];
        self.daemon.alarms_answered(number, by);
        let now = self.clock.now();
        self.daemon.check_if_due(now);
    }
}

#[test]
fn a_board_that_hangs_is_a_fault_whatever_the_clock_does() {
    let mut site = Site::new("");
    let now = site.clock.now();
    site.site().on_way = Some(now);
    let mut waited = 0;
    while !site.is_lost() {
        let now = site.pass(10);
        site.daemon.look_at_site(now);
        waited += 10;
        assert!(waited < 3_600, "the check says that all is well");
    }
    assert!((600..=900).contains(&waited), "{waited}");
    assert!(site.site().member.away_for() >= TimeDelta::seconds(600));
    // A clock that is set back ends no fault, nor does it stop the time.
    site.pass(-86_400);
    for _ in 0..100 {
        let now = site.pass(30);
        site.daemon.look_at_site(now);
        assert!(site.is_lost());
    }
    assert!(site.site().member.away_for() >= TimeDelta::seconds(3_000));
    // The thread comes back, and the next round is answered.
    site.daemon
        .board_says(Worked::Round(Box::new(Answer::missing())));
    site.pass(60);
    site.round(None);
    assert!(!site.is_lost());
}

/// A round that hangs while the clock is set back is given up all the same.
#[test]
fn a_clock_that_is_set_back_holds_no_round_up() {
    let mut site = Site::new("");
    let now = site.clock.now();
    site.site().on_way = Some(now);
    site.pass(-86_400);
    for _ in 0..31 {
        let now = site.pass(10);
        site.daemon.look_at_clock(now);
        site.daemon.look_at_site(now);
    }
    assert!(site.site().hangs);
}

#[test]
fn without_a_state_that_can_be_written_each_console_mails_alone() {
    let mut site = Site::new("");
    site.log("h2 a line");
    let now = site.pass(30 * 60);
    site.daemon.check(now, None);
    site.daemon.commits.failed = true;
    for _ in 0..19 {
        let now = site.pass(30);
        site.daemon.look_at_site(now);
        assert!(!site.site().is_kept());
    }
    assert_eq!(site.mails("q"), [""; 0], "a round may come yet");
    let now = site.pass(60);
    site.daemon.look_at_site(now);
    let mails = site.mails("q");
    assert_eq!(mails.len(), 1);
    assert!(mails[0].ends_with("    1: a line\n"), "{}", mails[0]);
    let words = "console b alone, of ";
    assert!(mails[0].contains(words), "{}", mails[0]);
    assert!(
        mails[0].contains(": its state cannot be written ***"),
        "{}",
        mails[0]
    );
}

/// The consoles a and b hear a host, then nobody does.
fn falls_silent(board_is_there: bool) -> bool {
    let mut site = Site::new("");
    let config = site.daemon.monitor.config().site.clone().unwrap();
    let now = site.clock.now();
    let mut a = Member::new(&config, "a", 0, SavedSite::default(), now);
    let mut board = site.board();
    for step in 0..40 {
        let now = site.pass(60);
        let heard = HeardHere {
            hosts: vec!["h1".into()],
            ..HeardHere::default()
        };
        a.committed();
        if step < 10 {
            site.log("h1 x");
        }
        let lives = board_is_there || step < 10;
        let heard = if step < 10 {
            heard
        } else {
            HeardHere::default()
        };
        if let Some(round) = a.round(now, heard).filter(|_| lives) {
            let answer = round.run(&mut board);
            a.answered(answer, now);
        }
        for _ in 0..2 {
            site.round((!lives).then(Answer::missing));
        }
        site.daemon.monitor.silence_turn(now);
        site.daemon.monitor.check_silences(now);
    }
    let told = site.daemon.monitor.now_with_lines();
    told == ["n"]
}

#[test]
fn a_console_without_the_board_leaves_no_silence_to_others() {
    assert!(!falls_silent(true), "a tells");
    assert!(falls_silent(false), "a may be dead");
}

#[test]
fn no_alarm_is_claimed_while_the_mail_server_is_away() {
    let mut site = Site::new(" mirror");
    site.log("h1 now 1");
    site.check();
    assert!(site.asks());
    site.answer(None);
    assert_eq!(site.mails("n").len(), 1);
    let id = site.daemon.outbox.mails()[0].id;
    let now = site.clock.now();
    site.daemon.outbox.start_due(now, &|_| false);
    let end = |delivery| AttemptResult::new(id, delivery);
    site.daemon.settle(&end(Delivery::Deferred("away".into())));
    // Its queue goes on collecting, and a mail of any other one would wait as well.
    site.log("h1 now 2");
    site.log("h1 then 1");
    site.check();
    assert!(!site.asks());
    assert_eq!((site.mails("n").len(), site.mails("m").len()), (1, 1));
}

#[test]
fn an_answer_is_for_the_lines_that_were_asked_for() {
    let mut site = Site::new(" mirror");
    site.log("h1 now 1");
    site.check();
    assert!(site.asks());
    let now = site.clock.now();
    site.daemon.flush_queues(now, Status::Flushing);
    assert_eq!(site.mails("n").len(), 1);
    site.answer(Some("a"));
    site.daemon.outbox = Default::default();
    // The same line an hour later is another alarm.
    site.pass(3_600);
    site.log("h1 now 1");
    site.check();
    assert!(site.asks());
    site.answer(None);
    assert_eq!(site.mails("n").len(), 1);
    assert_eq!(site.daemon.monitor.left_out(), 0);
}

#[test]
fn lines_that_come_while_the_board_is_asked_are_asked_for_too() {
    let mut site = Site::new(" mirror");
    site.log("h1 now 1");
    site.check();
    site.log("h1 now 2");
    site.answer(None);
    assert!(site.asks(), "about the second line");
    assert_eq!(site.mails("n"), [""; 0]);
    site.answer(Some("a"));
    let mails = site.mails("n");
    assert_eq!(mails.len(), 1);
    assert!(mails[0].contains("    1: now 1\n"), "{}", mails[0]);
    assert!(!mails[0].contains("now 2"), "{}", mails[0]);
    assert_eq!(site.daemon.monitor.left_out(), 1);
}

/// Lines that come all the time hold no alarm back for longer than one answer is waited for.
#[test]
fn a_storm_holds_no_alarm_back() {
    let mut site = Site::new(" mirror");
    site.log("h1 now 0");
    site.check();
    for n in 1..=20 {
        site.log(&format!("h1 now {n}"));
        site.pass(1);
        site.answer(None);
        if !site.asks() {
            assert_eq!(n, 2, "a question is waited for two seconds");
            assert_eq!(site.mails("n").len(), 1);
            return;
        }
    }
    panic!("it asks for ever");
}
