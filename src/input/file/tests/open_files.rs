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
        self.follower = Some(follower.within(budget));
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
            .filter(|told| told.contains("for want of open files"))
            .collect()
    }
}

fn texts(numbers: impl Iterator<Item = usize>) -> Vec<String> {
    numbers.map(|n| format!("new {n:02}")).collect()
}

#[test]
fn what_does_not_fit_is_told_once_and_read_from_where_it_was_when_there_is_room() {
    let mut host = Host::new(12);
    let pattern = host.dir.path().join("*.log");
    host.start(&[pattern], budget());
    assert_eq!(host.open(), 5);
    (0..12).for_each(|n| host.append(n, &format!("new {n:02}\n")));
    host.scan();
    assert_eq!(host.sorted(), texts(0..5));
    let told = host.told();
    assert_eq!(told.len(), 1, "{:?}", host.notices);
    let place = format!("{} has 12 log files", host.dir.path().display());
    assert!(
        told[0].starts_with("7 log files are not followed"),
        "{told:?}"
    );
    assert!(
        told[0].contains(&place) && told[0].contains("limit 40"),
        "{told:?}"
    );
    let left: Vec<_> = host
        .health
        .iter()
        .filter(|(input, _)| input == "open files")
        .collect();
    assert!(left.len() == 1 && left[0].1.is_some(), "{:?}", host.health);
    // A new one is one more, which the status tells alone.
    host.append(12, "new 12\n");
    host.scan();
    assert_eq!(host.told().len(), 1, "{:?}", host.notices);
    assert!(
        host.health
            .last()
            .unwrap()
            .1
            .as_ref()
            .unwrap()
            .starts_with("8 log files")
    );
    // Files that were removed are let go of after a minute: others get their room.
    (0..3).for_each(|n| fs::remove_file(host.path(n)).unwrap());
    host.scan();
    host.hours += 1;
    host.scan();
    assert_eq!(host.open(), 5);
    assert_eq!(host.sorted(), texts(0..8));
    (3..7).for_each(|n| fs::remove_file(host.path(n)).unwrap());
    host.scan();
    host.hours += 1;
    host.scan();
    assert_eq!(host.sorted(), texts(0..12));
    fs::remove_file(host.path(7)).unwrap();
    host.scan();
    host.hours += 1;
    host.scan();
    assert_eq!(host.sorted(), texts(0..13));
    let last = host.health.iter().rfind(|(input, _)| input == "open files");
    assert_eq!(last.unwrap().1, None, "{:?}", host.health);
    assert!(
        host.notices
            .iter()
            .any(|told| told == "all log files are followed again")
    );
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
    assert_eq!(host.open(), 11);
    assert_eq!(host.sorted(), texts(0..11));
    assert_eq!(host.told().len(), 1, "{:?}", host.notices);
    assert!(
        host.told()[0].starts_with("9 log files"),
        "{:?}",
        host.notices
    );
    // All of it is in the state.
    host.follower = None;
    host.start(&pattern, OpenFileBudget::default());
    assert_eq!(host.sorted(), texts(0..20));
}
