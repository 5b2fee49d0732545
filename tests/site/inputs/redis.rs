//! `set redisqueue`, with a redis-server of the test's own.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use bstr::BString;
use redis::{Commands, Connection};

use super::rig::{MAX_LINE, Rsyslogd, Running, Sink, at_once, clock, run, sink, wait_for};
use crate::support::ports::free_port;
use tenshi::config::RedisServer;
use tenshi::input::charsets::SharedCharsets;
use tenshi::input::redis::{RedisLists, Settings, place};
use tenshi::input::{Batch, Checkpoint, Counted, Drain, Input, InputThread};

/// A redis-server in a directory of its own, which it writes to at each change.
struct Redis {
    running: Running,
    dir: tempfile::TempDir,
    port: u16,
}

impl Redis {
    fn start() -> Self {
        Self::start_with(&[])
    }

    fn start_with(more: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let port = free_port();
        let running = Self::run(dir.path(), port, more);
        Self { running, dir, port }
    }

    fn run(dir: &Path, port: u16, more: &[&str]) -> Running {
        let (port, at) = (port.to_string(), dir.display().to_string());
        let socket = format!("{at}/socket");
        let base = [
            "--port",
            &port,
            "--bind",
            "127.0.0.1",
            "--unixsocket",
            &socket,
            "--dir",
            &at,
            "--save",
            "",
            "--appendonly",
            "yes",
            "--appendfsync",
            "always",
        ];
        let _ = std::fs::remove_file(&socket);
        let running = Running::start("redis-server", "redis-server", &[&base[..], more].concat());
        wait_for("redis-server", || {
            std::os::unix::net::UnixStream::connect(&socket).is_ok()
        });
        running
    }

    fn stop(&mut self) {
        self.running.kill();
    }

    fn again(&mut self) {
        self.running = Self::run(self.dir.path(), self.port, &[]);
    }

    fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    fn socket(&self) -> String {
        self.dir.path().join("socket").display().to_string()
    }

    fn client(&self) -> Connection {
        let client = redis::Client::open(format!("redis://{}", self.address())).unwrap();
        // A loading server refuses at first.
        let mut connection = None;
        wait_for("an answer from redis-server", || {
            let mut new = client.get_connection().ok();
            let well = new
                .as_mut()
                .is_some_and(|c| redis::cmd("PING").query::<()>(c).is_ok());
            connection = new;
            well
        });
        connection.unwrap()
    }

    fn push(&self, key: &str, elements: &[&str]) {
        let _: u64 = self.client().rpush(key, elements).unwrap();
    }

    /// The number of the first element of our list `q`.
    fn head(&self) -> u64 {
        self.client().get("q:tenshi:head").unwrap()
    }

    fn length(&self, key: &str) -> u64 {
        self.client().llen(key).unwrap()
    }
}

fn settings(address: &str, keys: &[&str]) -> Settings {
    Settings {
        server: RedisServer::parse(address).unwrap(),
        keys: keys.iter().map(|key| BString::from(*key)).collect(),
        max_line: MAX_LINE,
        charsets: SharedCharsets::default(),
    }
}

fn read(address: &str, keys: &[&str]) -> (RedisLists, Sink) {
    resume(address, keys, &Counted::new())
}

/// A start with a snapshot in which so much is counted.
fn stop(handle: RedisLists) {
    InputThread::stop_all(Box::new(handle).stop());
}

fn resume(address: &str, keys: &[&str], counted: &Counted) -> (RedisLists, Sink) {
    let (sender, sink) = sink();
    let mut handle = RedisLists::new(settings(address, keys));
    handle.read(&clock(), &sender, counted).unwrap();
    (handle, sink)
}

/// The name of list `q` to the loop.
fn q(redis: &Redis) -> BString {
    place(&RedisServer::parse(&redis.address()).unwrap(), &"q".into())
}

/// How many elements the batches so far are receipts for, all of one line.
fn taken(sink: &Sink, key: &str) -> u64 {
    let of = |batch: &Batch| match &batch.checkpoint {
        Checkpoint::Number { source, .. } if source.ends_with(format!(" {key}").as_bytes()) => {
            batch.text.iter().filter(|&&b| b == b'\n').count() as u64
        }
        _ => 0,
    };
    sink.batches.iter().map(of).sum()
}

/// Up to which number the loop has the elements of a source.
fn upto(sink: &Sink, key: &str) -> u64 {
    let of = |batch: &Batch| match &batch.checkpoint {
        Checkpoint::Number { source, upto } if source.ends_with(format!(" {key}").as_bytes()) => {
            *upto
        }
        _ => 0,
    };
    sink.batches.iter().map(of).max().unwrap_or_default()
}

fn numbered(from: usize, to: usize) -> Vec<String> {
    (from..to)
        .map(|i| format!("Nov 23 21:44:00 h1 line {i}"))
        .collect()
}

fn push_numbered(redis: &Redis, from: usize, to: usize) {
    let lines = numbered(from, to);
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    redis.push("q", &lines);
}

#[test]
fn elements_become_lines_and_go_when_they_are_committed() {
    let redis = Redis::start();
    redis.push(
        "q",
        &[
            "Nov 23 21:44:00 h1 queued before the start",
            "<13>2026-11-23T21:44:00.5+00:00 h2 prog: as omhiredis sends it\n",
            "<13>1 2026-11-23T21:44:00Z h3 prog 12 - - rfc 5424",
            "no prefix at all",
            "two\nlines",
        ],
    );
    let (handle, mut sink) = read(&redis.address(), &["q", "other"]);
    let lines = sink.lines(6);
    assert_eq!(lines[0], "Nov 23 21:44:00 h1 queued before the start");
    assert_eq!(
        lines[1],
        "2026-11-23T21:44:00.5+00:00 h2 prog: as omhiredis sends it"
    );
    assert!(lines[2].ends_with(" h3 prog[12]: rfc 5424"), "{lines:?}");
    assert_eq!(lines[3..], ["no prefix at all", "two", "lines"]);
    assert_eq!(*sink.batches[0].source, "redis");
    redis.push("other", &["Nov 23 21:44:00 h1 from another list"]);
    sink.lines(7);
    assert_eq!((taken(&sink, "q"), taken(&sink, "other")), (6, 1));
    assert_eq!((redis.length("q"), redis.length("q:tenshi")), (0, 5));
    let all = upto(&sink, "q");
    handle.acknowledge(q(&redis).as_ref(), all - 1);
    wait_for("the removal", || redis.length("q:tenshi") == 1);
    handle.acknowledge(q(&redis).as_ref(), all);
    stop(handle);
    // What is acknowledged just before the end goes too; the other list was not.
    assert_eq!(
        (redis.length("q:tenshi"), redis.length("other:tenshi")),
        (0, 1)
    );
}

#[test]
fn any_bytes_are_a_line() {
    let redis = Redis::start();
    let element: Vec<u8> = (0..=255).filter(|&b| b != b'\n' && b != 0).collect();
    let _: u64 = redis.client().rpush("q", &element[..]).unwrap();
    let (handle, mut sink) = read(&redis.socket(), &["q"]);
    sink.lines(1);
    let text: Vec<u8> = sink.batches.iter().flat_map(|b| b.text.clone()).collect();
    assert_eq!(text[..element.len()], element);
    stop(handle);
}

#[test]
fn what_was_not_committed_is_read_again_first() {
    let redis = Redis::start();
    push_numbered(&redis, 0, 1000);
    let (handle, mut sink) = read(&redis.address(), &["q"]);
    assert_eq!(sink.lines(1000), numbered(0, 1000));
    handle.acknowledge(q(&redis).as_ref(), redis.head() + 300);
    // As after a crash: the rest was never acknowledged.
    stop(handle);
    push_numbered(&redis, 1000, 1100);
    let (handle, mut sink) = read(&redis.address(), &["q"]);
    assert_eq!(sink.lines(800), numbered(300, 1100));
    handle.acknowledge(q(&redis).as_ref(), upto(&sink, "q"));
    wait_for("the removal", || redis.length("q:tenshi") == 0);
    stop(handle);
}

#[test]
fn what_the_snapshot_holds_is_not_counted_again() {
    let redis = Redis::start();
    push_numbered(&redis, 0, 1000);
    let (handle, mut sink) = read(&redis.address(), &["q"]);
    sink.lines(1000);
    // A crash with a snapshot of the first 400, of which 0 or 300 were removed.
    let begin = redis.head();
    let counted = Counted::from([(q(&redis), begin + 400)]);
    stop(handle);
    for removed in [0, 300] {
        if removed > 0 {
            let _: () = redis::pipe()
                .atomic()
                .ltrim("q:tenshi", removed, -1)
                .set("q:tenshi:head", begin + removed as u64)
                .query(&mut redis.client())
                .unwrap();
        }
        let (handle, mut sink) = resume(&redis.address(), &["q"], &counted);
        assert_eq!(sink.lines(600), numbered(400, 1000), "{removed} removed");
        assert_eq!(upto(&sink, "q"), begin + 1000);
        handle.drain(Drain::All);
        sink.answered();
        sink.lines(600);
        // What is counted goes.
        wait_for("the removal", || redis.length("q:tenshi") == 600);
        stop(handle);
        if removed == 0 {
            // As it was before.
            let again = numbered(0, 400);
            let _: () = redis::pipe()
                .atomic()
                .cmd("LPUSH")
                .arg("q:tenshi")
                .arg(again.iter().rev().collect::<Vec<_>>())
                .set("q:tenshi:head", begin)
                .query(&mut redis.client())
                .unwrap();
        }
    }
    // Another server, or one that lost everything, has other numbers: all is new.
    let other = Redis::start();
    push_numbered(&other, 0, 10);
    let counted = Counted::from([(q(&other), begin + 400)]);
    let (handle, mut sink) = resume(&other.address(), &["q"], &counted);
    assert_eq!(sink.lines(10), numbered(0, 10));
    stop(handle);
}

#[test]
fn a_server_that_dies_and_comes_back_costs_nothing() {
    let mut redis = Redis::start();
    let (handle, mut sink) = read(&redis.address(), &["q"]);
    let mut count = 0;
    for round in 0..3 {
        push_numbered(&redis, count, count + 2000);
        if round > 0 {
            sink.told("it answers again");
        }
        // Somewhere in the middle of it.
        sink.until("some lines", |sink| taken(sink, "q") > count as u64 + 100);
        handle.acknowledge(q(&redis).as_ref(), redis.head() + 50);
        redis.stop();
        sink.told("trying again");
        redis.again();
        count += 2000;
    }
    sink.told("it answers again");
    assert_eq!(sink.lines(6000), numbered(0, 6000));
    assert_eq!(sink.fault_count(), 3);
    handle.acknowledge(q(&redis).as_ref(), upto(&sink, "q"));
    wait_for("the removal", || redis.length("q:tenshi") == 0);
    // It is whole again: nothing is removed that was not acknowledged.
    push_numbered(&redis, 0, 1);
    sink.lines(6001);
    assert_eq!(redis.length("q:tenshi"), 1);
    stop(handle);
}

#[test]
fn a_server_that_is_not_there_yet_is_waited_for() {
    let redis = Redis::start();
    let mut later = Redis {
        running: Running::start("coreutils", "true", &[]),
        dir: tempfile::tempdir().unwrap(),
        port: free_port(),
    };
    drop(redis);
    let (handle, mut sink) = read(&later.address(), &["q"]);
    let notice = sink.told("trying again");
    assert!(notice.text.contains(&later.address()), "{}", notice.text);
    handle.drain(Drain::All);
    sink.answered();
    later.again();
    later.push("q", &["Nov 23 21:44:00 h1 x"]);
    assert_eq!(sink.lines(1), ["Nov 23 21:44:00 h1 x"]);
    assert_eq!(sink.fault_count(), 1, "told once: {:?}", sink.notices);
    sink.until("its health", |sink| sink.health.len() == 2);
    let [(name, fault), (again, none)] = &sink.health[..] else {
        panic!("{:?}", sink.health)
    };
    assert!(
        name.ends_with(", list q") && name == again,
        "{name}, {again}"
    );
    let refused = |fault: &String| fault.contains("refused");
    assert!(fault.as_ref().is_some_and(refused) && none.is_none());
    stop(handle);
}

#[test]
fn a_key_of_another_type_is_told_and_the_others_go_on() {
    let redis = Redis::start();
    let _: () = redis.client().set("bad", "text").unwrap();
    redis.push("good", &["Nov 23 21:44:00 h1 x"]);
    let (handle, mut sink) = read(&redis.address(), &["bad", "good"]);
    let notice = sink.told("holds no list");
    assert!(notice.text.contains("list bad"), "{}", notice.text);
    sink.lines(1);
    let _: () = redis.client().del("bad").unwrap();
    redis.push("bad", &["Nov 23 21:44:00 h1 y"]);
    assert_eq!(sink.lines(2)[1], "Nov 23 21:44:00 h1 y");
    stop(handle);
}

#[test]
fn a_password_is_given_and_never_shown() {
    let redis = Redis::start_with(&["--requirepass", "secret"]);
    let (handle, mut sink) = read(&redis.address(), &["q"]);
    let notice = sink.told("it wants a password");
    assert!(
        notice.text.contains("redis://:PASSWORD@"),
        "{}",
        notice.text
    );
    stop(handle);
    let url = |password: &str| format!("redis://:{password}@{}", redis.address());
    let (handle, mut sink) = read(&url("wrong-secret"), &["q"]);
    let notice = sink.told("trying again");
    assert!(!notice.text.contains("wrong-secret"), "{}", notice.text);
    stop(handle);
    let client = redis::Client::open(url("secret")).unwrap();
    let _: u64 = client
        .get_connection()
        .unwrap()
        .rpush("q", "Nov 23 21:44:00 h1 x")
        .unwrap();
    let (handle, mut sink) = read(&url("secret"), &["q"]);
    sink.lines(1);
    stop(handle);
}

#[test]
fn a_server_that_talks_rubbish_or_nothing_is_told_and_left() {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in socket.incoming() {
            let Ok(mut stream) = stream else { return };
            let _ = stream.read(&mut [0; 100]);
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n\xff\xff*99999999999\r\n");
        }
    });
    let (handle, mut sink) = read(&address, &["q"]);
    sink.told("trying again");
    stop(handle);
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    at_once(Duration::from_millis(1500), || {
        let (handle, _sink) = read(&silent.local_addr().unwrap().to_string(), &["q"]);
        // It has asked, and waits for the answer.
        let (_asked, _) = silent.accept().unwrap();
        let began = Instant::now();
        stop(handle);
        began.elapsed()
    });
}

/// What a broken or hostile server sends costs no more than its bounds, and holds up no end.
#[test]
fn an_answer_without_end_is_given_up() {
    let cases: [(&[u8], &[u8], &str); 3] = [
        (b"$4000000000\r\n", &[b'x'; 65536], "more than 16 MiB"),
        (
            b"*2000000000\r\n",
            b":1\r\n:1\r\n:1\r\n",
            "more than 4096 values",
        ),
        (b"$1000\r\n", b"", "its answer took too long"),
    ];
    for (begin, more, words) in cases {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap().to_string();
        std::thread::spawn(move || {
            for stream in socket.incoming() {
                let Ok(mut stream) = stream else { return };
                std::thread::spawn(move || {
                    let _ = stream.read(&mut [0; 100]);
                    let _ = stream.write_all(begin);
                    let drip: &[u8] = if more.is_empty() { b"x" } else { more };
                    while stream.write_all(drip).is_ok() {
                        if more.is_empty() {
                            std::thread::sleep(Duration::from_millis(200));
                        }
                    }
                });
            }
        });
        let (handle, mut sink) = read(&address, &["q"]);
        let notice = sink.told("trying again");
        assert!(notice.text.contains(words), "{}", notice.text);
        let began = Instant::now();
        stop(handle);
        assert!(began.elapsed() < Duration::from_millis(1500));
    }
}

/// Elements that fill more than one answer together are read in smaller parts, each once.
#[test]
fn elements_that_are_large_together_are_read_in_parts() {
    let redis = Redis::start();
    let long = "x".repeat(3 << 20);
    for n in 0..40 {
        redis.push("q", &[&format!("Nov 23 21:44:00 h1 {n} {long}")]);
    }
    let (handle, mut sink) = read(&redis.address(), &["q"]);
    let lines = sink.lines(40);
    for (n, line) in lines.iter().enumerate() {
        assert!(
            line.starts_with(&format!("Nov 23 21:44:00 h1 {n} x")),
            "{n}"
        );
    }
    assert_eq!(redis.length("q:tenshi"), 40);
    stop(handle);
}

#[test]
fn a_drain_takes_what_was_pushed_before_it() {
    let redis = Redis::start();
    let (handle, mut sink) = read(&redis.address(), &["q"]);
    for round in 1..=5 {
        push_numbered(&redis, 0, 200);
        handle.drain(Drain::All);
        sink.answered();
        assert_eq!(taken(&sink, "q"), round * 200);
    }
    stop(handle);
}

/// How many commands of any client the server has carried out.
fn commands(redis: &Redis) -> u64 {
    let stats: String = redis::cmd("INFO")
        .arg("stats")
        .query(&mut redis.client())
        .unwrap();
    let count = |line: &str| line.strip_prefix("total_commands_processed:")?.parse().ok();
    stats.lines().find_map(count).unwrap()
}

#[test]
fn an_idle_reader_asks_the_server_nothing_and_is_there_at_once() {
    let redis = Redis::start();
    let (handle, mut sink) = read(&redis.address(), &["q"]);
    push_numbered(&redis, 0, 3);
    handle.drain(Drain::All);
    sink.answered();
    handle.acknowledge(q(&redis).as_ref(), upto(&sink, "q"));
    wait_for("the removal", || redis.length("q:tenshi") == 0);
    // While something was to be removed it looked twice a second.
    std::thread::sleep(Duration::from_secs(1));
    // What our own looking costs.
    let look = || (commands(&redis), commands(&redis));
    let (first, second) = look();
    std::thread::sleep(Duration::from_secs(2));
    let third = commands(&redis);
    assert!(
        third - second <= second - first + 1,
        "{first} {second} {third}"
    );
    push_numbered(&redis, 3, 4);
    sink.until("a line", |sink| taken(sink, "q") == 4);
    handle.acknowledge(q(&redis).as_ref(), upto(&sink, "q"));
    wait_for("the removal", || redis.length("q:tenshi") == 0);
    handle.drain(Drain::All);
    sink.answered();
    stop(handle);
}

#[test]
fn a_loop_that_never_commits_is_not_given_everything() {
    let redis = Redis::start();
    let mut pipe = redis::pipe();
    for _ in 0..120 {
        pipe.rpush("q", vec!["Nov 23 21:44:00 h1 x"; 1000]).ignore();
    }
    pipe.exec(&mut redis.client()).unwrap();
    let (handle, mut sink) = read(&redis.address(), &["q"]);
    sink.until("as much as may be open", |sink| taken(sink, "q") >= 100_000);
    handle.drain(Drain::All);
    sink.answered();
    assert_eq!((taken(&sink, "q"), redis.length("q")), (100_000, 20_000));
    handle.acknowledge(q(&redis).as_ref(), upto(&sink, "q"));
    sink.until("the rest", |sink| taken(sink, "q") >= 120_000);
    stop(handle);
}

#[test]
fn a_server_whose_memory_is_full_is_relieved() {
    let redis = Redis::start();
    push_numbered(&redis, 0, 1200);
    let limit = |bytes: &str| {
        let mut config = redis::cmd("CONFIG");
        let _: () = config
            .arg("SET")
            .arg("maxmemory")
            .arg(bytes)
            .query(&mut redis.client())
            .unwrap();
    };
    limit("1");
    let (handle, mut sink) = read(&redis.address(), &["q"]);
    sink.told("its memory is full");
    assert_eq!(sink.lines(1200), numbered(0, 1200));
    limit("0");
    sink.told("it answers again");
    push_numbered(&redis, 1200, 1300);
    assert_eq!(sink.lines(1300)[1200..], numbered(1200, 1300));
    assert_eq!(
        redis.length("q:tenshi"),
        100,
        "the others are with us alone"
    );
    stop(handle);
}

#[test]
fn rsyslogs_omhiredis_fills_the_list() {
    let redis = Redis::start();
    let (handle, mut sink) = read(&redis.address(), &["q"]);
    let rsyslogd = Rsyslogd::start(
        "module(load=\"omhiredis\")",
        &format!(
            "action(type=\"omhiredis\" server=\"127.0.0.1\" serverport=\"{}\" mode=\"queue\" \
             key=\"q\" userpush=\"on\" template=\"RSYSLOG_ForwardFormat\")",
            redis.port
        ),
    );
    let message = |i| format!("<13>Nov 23 21:44:00 prog[12]: message {i}");
    let messages: Vec<String> = (0..200).map(message).collect();
    rsyslogd.log(&messages);
    let lines = sink.lines(200);
    for (i, line) in lines.iter().enumerate() {
        assert!(line.ends_with(&format!("prog[12]: message {i}")), "{line}");
        assert!(
            tenshi::record::built_in(line.as_bytes()).is_some(),
            "{line}"
        );
    }
    stop(handle);
}

/// The certificates of a server for 127.0.0.1, signed by an authority of the test's own.
fn certificates(dir: &Path) {
    let script = "set -e; cd \"$1\"
        openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -subj /CN=ca -days 2
        openssl req -newkey rsa:2048 -nodes -keyout key.pem -out csr.pem -subj /CN=localhost
        printf 'subjectAltName=IP:127.0.0.1,DNS:localhost\\nbasicConstraints=CA:FALSE\\n' > ext
        openssl x509 -req -in csr.pem -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 \
            -extfile ext -out cert.pem";
    run(
        "openssl",
        "/bin/sh",
        &["-c", script, "sh", &dir.display().to_string()],
    );
}

const TLS_PORT: &str = "TENSHI_TEST_REDIS_TLS_PORT";

#[test]
fn tls_is_spoken_and_verified() {
    let dir = tempfile::tempdir().unwrap();
    certificates(dir.path());
    let at = |name: &str| dir.path().join(name).display().to_string();
    let port = free_port().to_string();
    let redis = Redis::start_with(&[
        "--tls-port",
        &port,
        "--tls-cert-file",
        &at("cert.pem"),
        "--tls-key-file",
        &at("key.pem"),
        "--tls-ca-cert-file",
        &at("ca.pem"),
        "--tls-auth-clients",
        "no",
    ]);
    redis.push("q", &["Nov 23 21:44:00 h1 x"]);
    // An authority that nobody knows is refused.
    let (handle, mut sink) = read(&format!("rediss://127.0.0.1:{port}"), &["q"]);
    sink.told("trying again");
    stop(handle);
    assert_eq!(redis.length("q"), 1);
    // The authorities come from the environment, so it takes a process of its own.
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "inputs::redis::tls_child", "--ignored"])
        .env("SSL_CERT_FILE", at("ca.pem"))
        .env(TLS_PORT, &port)
        .output()
        .unwrap();
    let output = String::from_utf8_lossy(&child.stdout);
    assert!(
        child.status.success() && output.contains("1 passed"),
        "{output}"
    );
    assert_eq!(redis.length("q"), 0);
}

#[test]
#[ignore = "run by tls_is_spoken_and_verified"]
fn tls_child() {
    let port = std::env::var(TLS_PORT).expect("run by tls_is_spoken_and_verified");
    let (handle, mut sink) = read(&format!("rediss://127.0.0.1:{port}"), &["q"]);
    assert_eq!(sink.lines(1), ["Nov 23 21:44:00 h1 x"]);
    stop(handle);
}
