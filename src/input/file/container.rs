//! The logs of containers: Docker's json-file and the files of Kubernetes' runtimes (CRI). Their lines become lines
//! of a log as rsyslog writes them, and the parts into which a runtime cuts long lines are joined.
//!
//! ```text
//! {"log":"GET /\n","stream":"stdout","time":"2026-11-23T21:44:00.5Z"}
//! 2026-11-23T21:44:00.5Z stdout F GET /
//! ```
//!
//! A line whose end is yet to come is not taken: the position stays in front of its first part, and of all that
//! stands behind that, so that a restart reads them again. Where a line is cut depends on the bytes alone, never on
//! how they are read.

use std::borrow::Cow;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;
use std::sync::LazyLock;

use chrono::{DateTime, Local};
use memchr::memchr;
use serde::Deserialize;

use super::lines::Cutter;

/// Bytes of a file that are read again for lines whose ends are yet to come, at most. Longer ones are taken as far
/// as they came. Two of these must fit into what is read in one go.
const STRETCH: usize = 120 << 10;
/// Streams of a container that may have an open line, at most: there are two, but anybody may write the file.
const MOST_STREAMS: usize = 8;
/// How much newer an entry of another stream is, by its own time, when a line is taken without its end, seconds: the
/// lines of that stream wait for it.
const PATIENCE: i64 = 10;

/// Cuts the bytes of a log into lines: of a container's log into the lines that it holds.
pub struct LineReader<'a> {
    pub cutter: Cutter<'a>,
    /// The container whose log is read, if it is one.
    pub container: Option<Container>,
}

impl LineReader<'_> {
    /// Takes the complete lines of `data`, as [`Cutter::take`] does.
    pub fn take(&mut self, data: &[u8], skipping: &mut bool, full: bool, last: bool) -> usize {
        match &mut self.container {
            Some(container) => container.take(data, &mut self.cutter, skipping, (full, last)),
            None => self.cutter.take(data, skipping, full, last),
        }
    }
}

/// A log of a container.
#[derive(Debug)]
pub struct Container {
    /// The name of the container, or what stands for it.
    name: Vec<u8>,
    /// The date, time and zone that were read last, and what they are as a stamp.
    stamp: (Vec<u8>, Vec<u8>),
}

/// The lines whose ends are yet to come.
type Open = Vec<Part>;

/// A line as far as it came.
struct Part {
    stream: Vec<u8>,
    text: Vec<u8>,
    /// The time of the last entry of it, seconds.
    time: Option<i64>,
}

/// A line of the file.
struct Entry<'a> {
    time: &'a [u8],
    stream: Cow<'a, [u8]>,
    text: Cow<'a, [u8]>,
    /// Whether the line ends with it.
    whole: bool,
    /// The container's name, where the entry has it.
    name: Option<Cow<'a, str>>,
}

/// A line of Docker's json-file.
#[derive(Deserialize)]
struct DockerLine<'a> {
    #[serde(borrow)]
    log: Cow<'a, str>,
    #[serde(borrow, default)]
    stream: Cow<'a, str>,
    time: &'a str,
    #[serde(borrow)]
    attrs: Option<DockerAttrs<'a>>,
}

/// What `docker run --log-opt` adds.
#[derive(Deserialize)]
struct DockerAttrs<'a> {
    #[serde(borrow)]
    tag: Option<Cow<'a, str>>,
}

impl Container {
    /// The container whose log has this path: `…/var/log/containers/POD_NAMESPACE_NAME-ID.log` or
    /// `…/var/lib/docker/containers/ID/ID-json.log`.
    pub fn of(path: &Path) -> Option<Self> {
        let file = path.file_name()?.as_bytes();
        let directory = path.parent()?;
        let name = if directory.ends_with("var/log/containers") {
            let stem = file.strip_suffix(b".log").unwrap_or(file);
            let name = stem.rsplit(|byte| *byte == b'_').next()?;
            let id = name.iter().rposition(|byte| *byte == b'-');
            name.get(..id.unwrap_or(name.len()))?
        } else if directory.parent()?.ends_with("var/lib/docker/containers") {
            let id = file.strip_suffix(b"-json.log")?;
            id.get(..12).unwrap_or(id)
        } else {
            return None;
        };
        let word = !name.is_empty() && name.iter().all(u8::is_ascii_graphic);
        word.then(|| Self {
            name: name.to_vec(),
            stamp: Default::default(),
        })
    }

    /// Takes the complete lines of `data`, as [`Cutter::take`] does, and the lines that they hold.
    fn take(
        &mut self,
        data: &[u8],
        cutter: &mut Cutter<'_>,
        skipping: &mut bool,
        (full, last): (bool, bool),
    ) -> usize {
        let mut open = Open::new();
        let (mut at, mut taken) = (0, 0);
        let mut mark = (cutter.text.len(), cutter.counters.clone());
        while let Some(length) = data.get(at..).and_then(|rest| memchr(b'\n', rest)) {
            let line = &data[at..at + length];
            at += length + 1;
            if std::mem::take(skipping) {
                // The rest of a line that was cut.
            } else if line.len() > STRETCH {
                close(&mut open, cutter);
                cutter.push(line);
            } else {
                self.add(line, &mut open, cutter);
            }
            if at - taken >= STRETCH {
                close(&mut open, cutter);
            }
            if open.is_empty() {
                taken = at;
                mark = (cutter.text.len(), cutter.counters.clone());
            }
        }
        let rest = &data[at..];
        let nuls = rest.iter().take_while(|byte| **byte == 0).count();
        let long = rest.len() - nuls > STRETCH;
        if last && !long && !*skipping && nuls < rest.len() {
            self.add(rest, &mut open, cutter);
        }
        if last || long || (*skipping && !rest.is_empty()) {
            close(&mut open, cutter);
            if long && !*skipping {
                cutter.push(rest);
                *skipping = !last;
            }
            return data.len();
        }
        if full && taken == 0 && open.is_empty() && nuls == rest.len() {
            // The hole that a writer leaves after a truncation.
            return data.len();
        }
        cutter.text.truncate(mark.0);
        *cutter.counters = mark.1;
        taken
    }

    /// Adds a line of the file: a whole line is handed out, a part of one waits in `open`.
    fn add(&mut self, line: &[u8], open: &mut Open, cutter: &mut Cutter<'_>) {
        let nuls = line.iter().take_while(|byte| **byte == 0).count();
        let Some(entry) = read(&line[nuls..]) else {
            return cutter.push(line);
        };
        let time = match entry.whole && open.is_empty() {
            true => None,
            false => seconds(entry.time),
        };
        for part in open.extract_if(.., |part| {
            let newer = time
                .zip(part.time)
                .map(|(now, then)| now.saturating_sub(then));
            *part.stream != *entry.stream && newer.is_some_and(|seconds| seconds > PATIENCE)
        }) {
            push(&part.text, cutter);
        }
        let known = open.iter().position(|part| *part.stream == *entry.stream);
        let mut text = match known {
            Some(at) => open.swap_remove(at).text,
            None => match self.head(&entry) {
                Some(head) => head,
                None => return cutter.push(line),
            },
        };
        // What is longer is cut anyway.
        let room = (cutter.max_line + 1).saturating_sub(text.len());
        let more = entry.text.strip_suffix(b"\r").filter(|_| entry.whole);
        let more = more.unwrap_or(&entry.text);
        text.extend_from_slice(&more[..more.len().min(room)]);
        match entry.whole || open.len() >= MOST_STREAMS {
            true => push(&text, cutter),
            false => open.push(Part {
                stream: entry.stream.into_owned(),
                text,
                time,
            }),
        }
    }

    /// What stands in front of the text: stamp, host and program.
    fn head(&mut self, entry: &Entry<'_>) -> Option<Vec<u8>> {
        let stamp = self.stamp(entry.time)?.to_vec();
        let word = |name: &&Cow<'_, str>| {
            !name.is_empty() && name.len() < 256 && name.bytes().all(|byte| byte.is_ascii_graphic())
        };
        let name = entry.name.as_ref().filter(word);
        let name = name.map_or(&*self.name, |name| name.as_bytes());
        Some([&*stamp, host(), b" ", name, b": "].concat())
    }

    /// `Nov 23 21:44:00 ` in local time, for a time of RFC 3339.
    fn stamp(&mut self, time: &[u8]) -> Option<&[u8]> {
        let (second, rest) = time.split_at_checked(19)?;
        let fraction = |byte: &&u8| **byte == b'.' || byte.is_ascii_digit();
        let zone = rest.get(rest.iter().take_while(fraction).count()..)?;
        let (known, length) = (&self.stamp.0, second.len());
        if !(known.starts_with(second) && known[length..] == *zone) {
            let read = DateTime::parse_from_rfc3339(str::from_utf8(time).ok()?).ok()?;
            let local = read.with_timezone(&Local);
            let stamp = local.format("%b %e %H:%M:%S ").to_string();
            self.stamp = ([second, zone].concat(), stamp.into_bytes());
        }
        Some(&self.stamp.1)
    }
}

/// Hands out what came of the lines whose ends are yet to come.
fn close(open: &mut Open, cutter: &mut Cutter<'_>) {
    for part in open.drain(..) {
        push(&part.text, cutter);
    }
}

/// The seconds of a time of RFC 3339.
fn seconds(time: &[u8]) -> Option<i64> {
    let time = DateTime::parse_from_rfc3339(str::from_utf8(time).ok()?).ok()?;
    Some(time.timestamp())
}

/// Hands out a line. A newline in it is written as rsyslog writes it.
fn push(text: &[u8], cutter: &mut Cutter<'_>) {
    match memchr(b'\n', text) {
        None => cutter.push(text),
        Some(_) => cutter.push(&bstr::ByteSlice::replace(text, b"\n", b"#012")),
    }
}

/// Reads a line of the file; nothing if it has neither form.
fn read(line: &[u8]) -> Option<Entry<'_>> {
    match line.first() {
        Some(b'{') => docker(line),
        _ => cri(line),
    }
}

fn docker(line: &[u8]) -> Option<Entry<'_>> {
    let line: DockerLine<'_> = serde_json::from_slice(line).ok()?;
    let whole = line.log.ends_with('\n');
    let text = bytes(line.log);
    let text = match (whole, text) {
        (false, text) => text,
        (true, Cow::Borrowed(text)) => Cow::Borrowed(text.strip_suffix(b"\n").unwrap_or(text)),
        (true, Cow::Owned(mut text)) => {
            text.pop();
            Cow::Owned(text)
        }
    };
    Some(Entry {
        time: line.time.as_bytes(),
        stream: bytes(line.stream),
        text,
        whole,
        name: line.attrs.and_then(|attrs| attrs.tag),
    })
}

fn bytes(text: Cow<'_, str>) -> Cow<'_, [u8]> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
        Cow::Owned(text) => Cow::Owned(text.into_bytes()),
    }
}

/// `TIME STREAM TAGS TEXT`; the first of the tags says whether the line ends.
fn cri(line: &[u8]) -> Option<Entry<'_>> {
    let mut words = line.splitn(4, |byte| *byte == b' ');
    let (time, stream, tags) = (words.next()?, words.next()?, words.next()?);
    if !matches!(stream, b"stdout" | b"stderr") {
        return None;
    }
    let whole = match tags.split(|byte| *byte == b':').next()? {
        b"F" => true,
        b"P" => false,
        _ => return None,
    };
    Some(Entry {
        time,
        stream: Cow::Borrowed(stream),
        text: Cow::Borrowed(words.next().unwrap_or_default()),
        whole,
        name: None,
    })
}

/// The name of this machine, on which the container runs.
fn host() -> &'static [u8] {
    static NAME: LazyLock<Vec<u8>> = LazyLock::new(|| {
        let name = nix::unistd::gethostname().unwrap_or_default();
        name.into_vec()
    });
    &NAME
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::charset::Coding;
    use crate::counters::{Counter, Counters};
    use crate::random::Random;

    const DOCKER: &str =
        "/mnt/var/lib/docker/containers/0123456789abcdef/0123456789abcdef-json.log";
    const CRI: &str = "/var/log/containers/web-7d9_shop_nginx-0123abcd.log";

    fn cutter<'a>(text: &'a mut Vec<u8>, counters: &'a mut Counters) -> Cutter<'a> {
        Cutter {
            max_line: 60_000,
            charset: None,
            coding: Coding::Bytes,
            from: 0,
            text,
            counters,
        }
    }

    /// The lines that come of a file which is read up to each of `ends` in turn, without their stamps and host.
    fn lines(path: &str, data: &[u8], ends: &[usize]) -> (Vec<String>, u64) {
        let mut container = Container::of(Path::new(path)).expect("a container");
        let (mut text, mut counters) = (Vec::new(), Counters::default());
        let mut cutter = cutter(&mut text, &mut counters);
        let (mut from, mut skipping) = (0, false);
        for &end in ends.iter().chain([&data.len()]) {
            let now = (false, false);
            from += container.take(&data[from..end], &mut cutter, &mut skipping, now);
        }
        container.take(&data[from..], &mut cutter, &mut skipping, (false, true));
        let host = [b" ", host(), b" "].concat();
        let short = |line: &[u8]| {
            let at = bstr::ByteSlice::find(line, &host).map_or(0, |at| at + host.len());
            String::from_utf8_lossy(&line[at..]).into_owned()
        };
        let lines = bstr::ByteSlice::lines(&text[..]).map(short).collect();
        (lines, counters.get(Counter::TooLong))
    }

    fn docker_line(text: &str, stream: &str, second: usize) -> String {
        let log = serde_json::to_string(text).unwrap();
        format!(
            "{{\"log\":{log},\"stream\":\"{stream}\",\"time\":\"2026-11-23T21:44:{second:02}.123456789Z\"}}\n"
        )
    }

    #[test]
    fn the_paths_of_containers_are_known() {
        let name = |path: &str| {
            let container = Container::of(Path::new(path))?;
            String::from_utf8(container.name).ok()
        };
        assert_eq!(name(DOCKER).as_deref(), Some("0123456789ab"));
        assert_eq!(name(CRI).as_deref(), Some("nginx"));
        for other in [
            "/var/log/syslog",
            "/var/log/containers",
            "/srv/containers/a/a-json.log",
            "a.log",
            "/",
        ] {
            assert_eq!(name(other), None, "{other}");
        }
    }

    /// 16 KiB parts of two streams that stand between each other, cut anywhere while they are read.
    #[test]
    fn parts_are_joined_however_they_are_read() {
        let mut random = Random::new(20_261_129);
        let long = "x".repeat(20_000);
        let mut log = String::new();
        for n in 0..60 {
            let second = n % 60;
            log += &docker_line(&long[..16_384], "stdout", second);
            log += &docker_line("error\n", "stderr", second);
            log += &docker_line("half ", "stderr", second);
            log += &docker_line(
                &format!("{} end of {n}\n", &long[16_384..]),
                "stdout",
                second,
            );
            log += &docker_line("whole\r\n", "stderr", second);
            log += "no entry\n{\"log\":1}\n";
        }
        // An entry without an end.
        log += &docker_line("last", "stdout", 0);
        let (want, cut) = lines(DOCKER, log.as_bytes(), &[]);
        assert_eq!(cut, 0);
        assert_eq!(want.len(), 5 * 60 + 1);
        assert_eq!(want[0], "0123456789ab: error");
        assert_eq!(want[1], format!("0123456789ab: {long} end of 0"));
        assert_eq!(want[2], "0123456789ab: half whole");
        assert_eq!(want[3..5], ["no entry", "{\"log\":1}"]);
        assert_eq!(want[300], "0123456789ab: last");
        for _ in 0..50 {
            let mut ends: Vec<usize> = (0..random.below(40))
                .map(|_| random.below(log.len()))
                .collect();
            ends.sort_unstable();
            assert_eq!(lines(DOCKER, log.as_bytes(), &ends), (want.clone(), 0));
        }
    }

    #[test]
    fn kubernetes_files_are_read() {
        let log = "2026-11-23T21:44:00.5+09:00 stdout P one \n2026-11-23T21:44:00.6+09:00 stderr F oops\n\
                   2026-11-23T21:44:01.5+09:00 stdout F two\n2026-11-23T21:44:02Z stdout F\nNo entry\n\
                   2026-11-23T21:44:02Z stdout X y\n2026-11-33T21:44:02Z stdout F y\n";
        let (got, _) = lines(CRI, log.as_bytes(), &[50, 60, 120]);
        let want = [
            "nginx: oops",
            "nginx: one two",
            "nginx: ",
            "No entry",
            "2026-11-23T21:44:02Z stdout X y",
            "2026-11-33T21:44:02Z stdout F y",
        ];
        assert_eq!(got, want);
    }

    #[test]
    fn a_name_and_a_newline_of_docker_are_read() {
        let log = "{\"log\":\"a\\nb\\n\",\"stream\":\"stdout\",\"attrs\":{\"tag\":\"web\"},\"time\":\"2026-11-23T21:44:00Z\"}\n";
        assert_eq!(lines(DOCKER, log.as_bytes(), &[]).0, ["web: a#012b"]);
    }

    /// A prompt without an end on one stream does not hold the errors of the other one back.
    #[test]
    fn a_line_without_an_end_waits_for_ten_seconds_of_the_other_stream() {
        let mut log = docker_line("prompt> ", "stdout", 0);
        log += &docker_line("first\n", "stderr", 10);
        let (early, late) = (log.len(), docker_line("second\n", "stderr", 11));
        log += &late;
        log += &docker_line("answer\n", "stdout", 30);
        let want = ["first", "prompt> ", "second", "answer"];
        let want = want.map(|text| format!("0123456789ab: {text}"));
        for end in 0..=log.len() {
            assert_eq!(lines(DOCKER, log.as_bytes(), &[end]).0, want, "{end}");
        }
        let mut container = Container::of(Path::new(DOCKER)).expect("a container");
        let (mut text, mut counters) = (Vec::new(), Counters::default());
        let mut cutter = cutter(&mut text, &mut counters);
        let mut taken = |end: usize| {
            let now = (false, false);
            container.take(&log.as_bytes()[..end], &mut cutter, &mut false, now)
        };
        assert_eq!(taken(early), 0);
        assert_eq!(taken(early + late.len()), early + late.len());
    }

    /// A stranger's container never ends its line, or writes long ones.
    #[test]
    fn what_is_read_again_has_a_bound() {
        let mut random = Random::new(7);
        let mut log = docker_line("open ", "stderr", 0);
        for n in 0..2_000 {
            log += &docker_line(
                &format!("{n} {}\n", "y".repeat(random.below(300))),
                "stdout",
                1,
            );
        }
        log += &docker_line(&"z".repeat(200_000), "stdout", 2);
        log += &docker_line("behind\n", "stdout", 3);
        let (want, cut) = lines(DOCKER, log.as_bytes(), &[]);
        assert_eq!((want.len(), cut), (2_003, 1));
        assert!(want[..1_000].contains(&"0123456789ab: open ".to_owned()));
        assert_eq!(want[2_002], "0123456789ab: behind");
        for _ in 0..50 {
            // As the follower reads: a buffer from the position on, of 256 KiB.
            let mut ends = Vec::new();
            let mut end = 0;
            while end < log.len() {
                end = (end + 1 + random.below(60_000)).min(log.len());
                ends.push(end);
            }
            assert_eq!(lines(DOCKER, log.as_bytes(), &ends), (want.clone(), cut));
        }
    }
}
