//! More logs than files may be open.

use std::collections::BTreeMap;

use super::*;
use crate::input::file::OpenFileBudget;

/// Of what only a pattern names, five are held open; six more of all else.
fn budget() -> OpenFileBudget {
    OpenFileBudget::new(40, 1000)
}

struct Host {
    dir: tempfile::TempDir,
    follower: Option<Follower<RealFs>>,
    hours: i64,
    lines: Vec<String>,
    notices: Vec<String>,
    health: Vec<(String, Option<String>)>,
    checkpoints: BTreeMap<PathBuf, PathCheckpoints>,
}

impl Host {
    fn new(files: usize) -> Self {
        let host = Self {
            dir: tempfile::tempdir().unwrap(),
            follower: None,
            hours: 0,
            lines: Vec::new(),
            notices: Vec::new(),
            health: Vec::new(),
            checkpoints: BTreeMap::new(),
        };
        (0..files).for_each(|n| host.append(n, "old\n"));
        host
    }

    fn path(&self, n: usize) -> PathBuf {
        self.dir.path().join(format!("{n:02}.log"))
    }

    fn append(&self, n: usize, text: &str) {
        let log = OpenOptions::new()
            .append(true)
            .create(true)
            .open(self.path(n));
        log.unwrap().write_all(text.as_bytes()).unwrap();
    }

    fn start(&mut self, paths: &[PathBuf], budget: OpenFileBudget) {
        let resume = self.checkpoints.values().cloned().collect();
        let follower = Follower::new(RealFs, settings(), paths, resume);
        let mut follower = follower.within(budget);
        // The kernel tells of all that is written.
        follower.set_woken(true);
        follower.set_told(false);
        self.follower = Some(follower);
        self.scan();
    }

    fn scan(&mut self) {
        let follower = self.follower.as_mut().unwrap();
        follower.rescan();
        let mut idle = 0;
        for _ in 0..400 {
            let now = SystemClock.now() + chrono::TimeDelta::hours(self.hours);
            let turn = follower.turn(now, &mut |event| match event {
                Event::Batch(batch) => {
                    let text = String::from_utf8(batch.text).unwrap();
                    self.lines.extend(text.lines().map(str::to_owned));
                    if let Checkpoint::File(checkpoints) = batch.checkpoint {
                        self.checkpoints
                            .insert(checkpoints.path.clone(), checkpoints);
                    }
                }
                Event::Notice(notice) => self.notices.push(notice.text),
                Event::Health { input, fault } => {
                    self.health.push((input, fault.map(|fault| fault.text)));
                }
                Event::Patterns(_) | Event::Drained => {}
            });
            idle = if turn.more || turn.waiting {
                0
            } else {
                idle + 1
            };
            // What one turn lets go of, the next one has the room of.
            if idle > 2 {
                return;
            }
            std::thread::sleep(Duration::from_millis(if turn.waiting { 10 } else { 0 }));
        }
        panic!("never dry");
    }

    fn open(&self) -> usize {
        let fds = fs::read_dir("/proc/self/fd").unwrap().flatten();
        let open = fds.filter_map(|fd| fs::read_link(fd.path()).ok());
        open.filter(|path| path.starts_with(self.dir.path()))
            .count()
    }

    fn sorted(&self) -> Vec<String> {
        let mut lines = self.lines.clone();
        lines.sort();
        lines
    }

    fn told(&self) -> Vec<&String> {
        self.notices
            .iter()
            .filter(|told| told.contains("open files") || told.contains("held open:"))
            .collect()
    }

    fn faults(&self) -> Vec<&String> {
        let open = self
            .health
            .iter()
            .filter(|(input, _)| input == "open files");
        open.filter_map(|(_, fault)| fault.as_ref()).collect()
    }
}

fn texts(numbers: impl Iterator<Item = usize>) -> Vec<String> {
    numbers.map(|n| format!("new {n:02}")).collect()
}

#[test]
fn more_logs_than_may_be_open_are_closed_until_they_grow_and_that_is_told_once() {
    let mut host = Host::new(12);
    let pattern = host.dir.path().join("*.log");
    host.start(&[pattern], budget());
    assert!(host.open() <= 5, "{}", host.open());
    for round in ["new", "more", "most"] {
        host.lines.clear();
        (0..12).for_each(|n| host.append(n, &format!("{round} {n:02}\n")));
        host.scan();
        let want: Vec<String> = (0..12).map(|n| format!("{round} {n:02}")).collect();
        assert_eq!(host.sorted(), want);
        assert!(host.open() <= 5, "{}", host.open());
    }
    let told = host.told();
    assert_eq!(told.len(), 1, "{:?}", host.notices);
    let place = format!("{} has 12 log files", host.dir.path().display());
    assert!(
        told[0].starts_with("12 log files are more than may be held open"),
        "{told:?}"
    );
    assert!(
        told[0].contains(&place) && told[0].contains("limit 40"),
        "{told:?}"
    );
    assert_eq!(host.faults().len(), 1, "{:?}", host.health);
    // Those that are open and deleted are held for a minute: new ones wait, and are told of.
    (0..12).for_each(|n| fs::remove_file(host.path(n)).unwrap());
    host.lines.clear();
    host.scan();
    (12..24).for_each(|n| host.append(n, &format!("late {n}\n")));
    host.scan();
    assert!(host.open() <= 11, "{}", host.open());
    for _ in 0..3 {
        host.hours += 1;
        host.scan();
    }
    let want: Vec<String> = (12..24).map(|n| format!("late {n}")).collect();
    assert_eq!(host.sorted(), want, "{:?}", host.notices);
    assert!(
        host.notices.iter().all(|told| !told.contains("lost")),
        "{:?}",
        host.notices
    );
    (12..24).for_each(|n| fs::remove_file(host.path(n)).unwrap());
    for _ in 0..3 {
        host.hours += 1;
        host.scan();
    }
    let last = host.health.iter().rfind(|(input, _)| input == "open files");
    assert_eq!(last.unwrap().1, None, "{:?}", host.health);
    assert!(
        host.notices
            .iter()
            .any(|told| told == "all log files are held open again")
    );
}

/// Each way in which a log can be rotated or change while it is closed.
const CHANGES: [fn(&Host, usize); 7] = [
    |host, n| {
        host.append(n, "a\n");
        fs::rename(host.path(n), host.path(n).with_extension("log.1")).unwrap();
        host.append(n, "b\n");
    },
    |host, n| {
        host.append(n, "a\n");
        fs::copy(host.path(n), host.path(n).with_extension("log.1")).unwrap();
        fs::write(host.path(n), "").unwrap();
        host.append(n, "b\n");
    },
    |host, n| {
        host.append(n, "a\n");
        let copy = host.dir.path().join(".copy");
        fs::copy(host.path(n), &copy).unwrap();
        fs::rename(&copy, host.path(n)).unwrap();
        host.append(n, "b\n");
    },
    |host, n| {
        host.append(n, "a\n");
        let rotated = host.path(n).with_extension("log.1");
        fs::rename(host.path(n), &rotated).unwrap();
        host.append(n, "b\n");
        let again = host.path(n).with_extension("log.2");
        fs::rename(&rotated, &again).unwrap();
        fs::rename(host.path(n), &rotated).unwrap();
    },
    |host, n| {
        host.append(n, "a\n");
        super::pack(&host.path(n), &host.path(n).with_extension("log.1.gz"));
        host.append(n, "b\n");
    },
    |host, n| {
        // Nothing was written since: nothing is lost.
        fs::remove_file(host.path(n)).unwrap();
        host.append(n, "a\nb\n");
    },
    |host, n| {
        fs::write(host.path(n), "").unwrap();
        host.append(n, "a\nb\n");
    },
];

#[test]
fn what_happens_to_a_log_while_it_is_closed_loses_nothing() {
    for (way, change) in CHANGES.into_iter().enumerate() {
        for restart in [false, true] {
            let mut host = Host::new(12);
            let pattern = [host.dir.path().join("*.log")];
            host.start(&pattern, budget());
            (0..12).for_each(|n| host.append(n, &format!("first line of {n}\nread\n")));
            host.scan();
            host.lines.clear();
            host.notices.clear();
            if restart {
                host.follower = None;
            }
            (0..12).for_each(|n| change(&host, n));
            match restart {
                true => host.start(&pattern, budget()),
                false => host.scan(),
            }
            for _ in 0..3 {
                host.hours += 1;
                host.scan();
            }
            let want = [["a"; 12], ["b"; 12]].concat();
            assert_eq!(host.sorted(), want, "{way} {restart}: {:?}", host.notices);
            let lost = host.notices.iter().filter(|told| told.contains("lost"));
            // A restart does not know that nothing was written before the file was deleted or emptied.
            assert!(
                lost.count() == 0 || (restart && way >= 5),
                "{way} {restart}: {:?}",
                host.notices
            );
            assert!(host.open() <= 11, "{}", host.open());
        }
    }
}

#[test]
fn a_log_that_is_named_is_followed_though_a_pattern_finds_too_many() {
    let mut host = Host::new(12);
    let paths = [host.dir.path().join("0*.log"), host.path(11)];
    host.start(&paths, budget());
    host.append(11, "new 11\n");
    host.scan();
    assert_eq!(host.lines, ["new 11"]);
}

#[test]
fn a_rotated_log_that_waits_for_room_loses_nothing() {
    let mut host = Host::new(12);
    let pattern = host.dir.path().join("*.log");
    host.start(&[pattern], budget());
    for n in 0..12 {
        host.append(n, &format!("new {n:02}\n"));
        let rotated = host.dir.path().join(format!("{n:02}.log.1"));
        fs::rename(host.path(n), rotated).unwrap();
        host.append(n, &format!("newer {n:02}\n"));
    }
    host.scan();
    assert!(host.open() <= 11, "{}", host.open());
    for n in 0..7 {
        fs::remove_file(host.path(n)).unwrap();
    }
    for _ in 0..6 {
        host.hours += 1;
        host.scan();
    }
    for n in 7..10 {
        fs::remove_file(host.path(n)).unwrap();
    }
    for _ in 0..6 {
        host.hours += 1;
        host.scan();
    }
    let newer = host
        .lines
        .iter()
        .filter(|line| line.starts_with("newer"))
        .count();
    let once: std::collections::BTreeSet<_> = host.lines.iter().collect();
    assert_eq!(once.len(), host.lines.len(), "twice: {:?}", host.sorted());
    let all: Vec<_> = host
        .lines
        .iter()
        .filter(|line| line.starts_with("new "))
        .collect();
    assert_eq!(all.len(), 12, "{:?} {:?}", host.sorted(), host.notices);
    assert!(newer >= 7, "{:?}", host.sorted());
}

#[test]
fn a_start_with_less_room_keeps_the_places_of_those_that_wait() {
    let mut host = Host::new(20);
    let pattern = [host.dir.path().join("*.log")];
    host.start(&pattern, OpenFileBudget::default());
    (0..20).for_each(|n| host.append(n, "read\n"));
    host.scan();
    assert_eq!(host.lines.len(), 20);
    host.follower = None;
    (0..20).for_each(|n| host.append(n, &format!("new {n:02}\n")));
    host.lines.clear();
    host.start(&pattern, budget());
    assert!(host.open() <= 11, "{}", host.open());
    assert_eq!(host.sorted(), texts(0..20));
    assert_eq!(host.told().len(), 1, "{:?}", host.notices);
    // All of it is in the state.
    host.follower = None;
    host.lines.clear();
    host.start(&pattern, OpenFileBudget::default());
    assert_eq!(host.sorted(), texts(0..0));
}
