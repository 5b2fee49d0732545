//! The archive over kills and on a full disk: what a server has taken is kept once, byte by byte.

use std::collections::BTreeMap;
use std::time::Duration;

use nix::sys::signal::Signal;

use super::site::Site;
use super::small_disk::SmallDisk;
use crate::letters::archived;
use crate::support::random::Random;
use crate::support::{DEADLINE, conf, line, poll, seed, torture};

/// The Message-ID of a mail.
fn id(mail: &[u8]) -> String {
    let text = String::from_utf8_lossy(mail);
    let id = text
        .lines()
        .find_map(|line| line.strip_prefix("Message-ID: "));
    id.expect("a Message-ID").to_owned()
}

/// The letters of the archive by their Message-IDs; none is there twice.
fn kept(site: &Site) -> BTreeMap<String, Vec<u8>> {
    let letters = archived(&site.dir.path("state"));
    let count = letters.len();
    let kept: BTreeMap<_, _> = letters
        .into_values()
        .map(|text| (id(&text), text))
        .collect();
    assert_eq!(kept.len(), count, "a letter is there twice");
    kept
}

/// The mails that the server took, by their Message-IDs.
fn mailed(site: &Site) -> BTreeMap<String, Vec<u8>> {
    let messages = site.sink.record().messages.into_iter();
    messages.map(|text| (id(&text), text)).collect()
}

#[test]
fn each_letter_is_archived_once_over_kills() {
    let first = seed(1);
    let kills = if torture() { 200 } else { 20 };
    let mut random = Random::new(first);
    let mut site = Site::prepare(&[], "");
    let queues = "set archive 400\nset queue n from@x n@x,pager:p@x [now]\nset queue c from@x c@x [0 0 1 1 *]\nn,c .*\n";
    site.config = conf(&site.dir, site.sink.port, queues);
    site.run();
    let (mut lines, mut killed) = (0, 0);
    while killed < kills {
        for _ in 0..=random.below(4) {
            lines += 1;
            site.dir.append("log", line("h1", &format!("line {lines}")));
        }
        if random.percent(40) {
            site.daemon().signal(Signal::SIGUSR2);
        }
        let before = site.sink.look(|record| record.messages.len());
        if random.percent(60) {
            // Just when the server has taken a mail.
            let taken = |record: &crate::support::sink::Record| record.messages.len() > before;
            let end = std::time::Instant::now() + Duration::from_millis(1_200);
            while !site.sink.look(taken) && std::time::Instant::now() < end {
                std::thread::sleep(Duration::from_micros(200));
            }
            std::thread::sleep(Duration::from_micros(random.bits() % 20_000));
        } else {
            std::thread::sleep(Duration::from_millis(random.bits() % 150));
        }
        if random.percent(60) {
            site.kill();
            killed += 1;
            site.run();
        }
    }
    site.finish();
    let (kept, mailed) = (kept(&site), mailed(&site));
    let again = site.sink.look(|record| record.messages.len()) - mailed.len();
    println!(
        "{lines} lines, {killed} kills, {} letters, {again} mailed again",
        mailed.len()
    );
    assert!(
        kept.keys().eq(mailed.keys()),
        "seed {first}: {}",
        site.told()
    );
    assert!(kept == mailed, "byte by byte, seed {first}");
    assert!(mailed.len() > kills / 2, "{}", mailed.len());
    let index = std::process::Command::new(crate::support::daemon::PROGRAM)
        .args(["letters", "--json", "--state-dir"])
        .arg(site.dir.path("state"))
        .output()
        .expect("it runs");
    let listed: serde_json::Value = serde_json::from_slice(&index.stdout).expect("JSON");
    assert_eq!(listed.as_array().map(Vec::len), Some(mailed.len()));
}

#[test]
fn a_full_disk_ends_the_archive_for_a_while_and_no_mail() {
    let queues = "set archive 400\nset queue n from@x n@x [now]\nn ^foo\n";
    let mut site = Site::prepare(&[], queues);
    let disk = SmallDisk::mount(&site.dir.path("state"));
    site.run();
    site.log("foo one");
    site.sink.messages(1);
    let state = site.dir.path("state");
    let first = poll(DEADLINE, || (archived(&state).len() == 1).then_some(()));
    assert!(first.is_some(), "{}", site.told());
    disk.fill();
    // Commits fit into blocks that are there, letters do not.
    for (number, text) in [(2, "foo two"), (3, "foo three")] {
        site.log(text);
        site.sink.messages(number);
    }
    site.wait_told("delivered letters cannot be archived: No space left");
    let status = site.status();
    assert!(
        status.contains("archive: delivered letters cannot be archived"),
        "{status}"
    );
    disk.empty();
    site.log("foo four");
    site.sink.messages(4);
    site.wait_told("delivered letters are archived again");
    site.finish();
    let told = site.told().matches("cannot be archived").count();
    assert_eq!(told, 1, "told once: {}", site.told());
    let (kept, mailed) = (kept(&site), mailed(&site));
    assert_eq!((kept.len(), mailed.len()), (2, 4));
    assert!(kept.iter().all(|(id, text)| mailed[id] == *text));
    let status = site.status();
    assert!(
        status.contains("delivered letters that could not be archived"),
        "{status}"
    );
}
