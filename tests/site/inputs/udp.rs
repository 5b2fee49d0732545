//! `set listen` on UDP.

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use super::rig::{DEADLINE, MAX_LINE, Rsyslogd, Sink, clock, run, sink, sink_of};
use tenshi::config::Listen;
use tenshi::input::listen::{bind, spawn};
use tenshi::input::{Drain, InputThread};

fn listen(address: &str) -> (InputThread, Sink, SocketAddr) {
    let socket = bind(&Listen::Udp(address.parse().unwrap())).unwrap();
    let (sender, sink) = sink();
    let address = socket.address();
    let handle = spawn(socket, MAX_LINE, clock(), sender).unwrap();
    (handle, sink, address)
}

fn send(to: SocketAddr, datagrams: &[&[u8]]) {
    let local = if to.is_ipv6() {
        "[::1]:0"
    } else {
        "127.0.0.1:0"
    };
    let socket = UdpSocket::bind(local).unwrap();
    for datagram in datagrams {
        socket.send_to(datagram, to).unwrap();
    }
}

/// What stands behind the stamp of the manual clock, whose zone is the machine's.
fn behind_stamp(line: &str) -> &str {
    &line[16..]
}

#[test]
fn each_datagram_is_a_message_with_or_without_newline() {
    let (handle, mut sink, to) = listen("127.0.0.1:0");
    let long = format!("<13>Nov 23 21:44:00 h1 {} END", "x".repeat(60_000));
    let datagrams: [&[u8]; 9] = [
        b"<13>Nov 23 21:44:00 h1 prog: with pri\n",
        b"Nov 23 21:44:00 h2 prog: no pri",
        b"",
        b"\n",
        b"<14>Nov  3 21:44:00 h1 one\n<15>Nov  3 21:44:00 h1 two\n",
        b"<13>prog: message without header\n",
        b"<165>1 2026-11-23T21:44:00Z h5 app 12 ID47 [x y=\"z\"] five",
        b"<13>2026-11-23T21:44:00.5+09:00 h3 prog: rfc 3339\0",
        long.as_bytes(),
    ];
    send(to, &datagrams);
    let lines = sink.lines(8);
    let want = [
        "Nov 23 21:44:00 h1 prog: with pri",
        "Nov 23 21:44:00 h2 prog: no pri",
        "Nov  3 21:44:00 h1 one",
        "Nov  3 21:44:00 h1 two",
    ];
    assert_eq!(lines[..4], want);
    assert_eq!(
        behind_stamp(&lines[4]),
        "127.0.0.1 prog: message without header"
    );
    assert_eq!(behind_stamp(&lines[5]), "h5 app[12]: five");
    assert_eq!(lines[6], "2026-11-23T21:44:00.5+09:00 h3 prog: rfc 3339");
    assert_eq!(lines[7], long["<13>".len()..]);
    assert_eq!(*sink.batches[0].source, format!("listen {to}"));
    handle.stop();
}

#[test]
fn it_works_over_ipv6_and_shows_a_mapped_sender_as_what_it_is() {
    let (handle, mut sink, to) = listen("[::1]:0");
    send(to, &[b"<13>x"]);
    assert_eq!(behind_stamp(&sink.lines(1)[0]), "::1 x");
    handle.stop();
    let (handle, mut sink, to) = listen("[::]:0");
    send(SocketAddr::from(([127, 0, 0, 1], to.port())), &[b"<13>x"]);
    assert_eq!(behind_stamp(&sink.lines(1)[0]), "127.0.0.1 x");
    handle.stop();
}

#[test]
fn a_line_over_the_limit_is_cut_and_counted() {
    let socket = bind(&Listen::Udp("127.0.0.1:0".parse().unwrap())).unwrap();
    let (sender, mut sink) = sink();
    let to = socket.address();
    let handle = spawn(socket, 40, clock(), sender).unwrap();
    send(
        to,
        &[b"<13>Nov 23 21:44:00 h1 0123456789 0123456789 0123456789"],
    );
    assert_eq!(sink.lines(1), ["Nov 23 21:44:00 h1 0123456789  [... cut]"]);
    assert_eq!(sink.counters.get(tenshi::counters::Counter::TooLong), 1);
    handle.stop();
}

#[test]
fn a_port_in_use_is_named() {
    let first = bind(&Listen::Udp("127.0.0.1:0".parse().unwrap())).unwrap();
    for listen in [
        Listen::Udp(first.address()),
        Listen::Udp("192.0.2.1:5514".parse().unwrap()),
    ] {
        let error = bind(&listen).unwrap_err().to_string();
        assert!(error.starts_with("can't listen on UDP "), "{error}");
    }
    let tcp = bind(&Listen::Tcp("127.0.0.1:0".parse().unwrap())).unwrap();
    let error = bind(&Listen::Tcp(tcp.address())).unwrap_err().to_string();
    assert!(error.contains("TCP") && error.contains("in use"), "{error}");
}

#[test]
fn a_drain_hands_over_all_that_was_sent_before_it() {
    let (handle, mut sink, to) = listen("127.0.0.1:0");
    for round in 1..=20 {
        send(to, &[&b"<13>Nov 23 21:44:00 h1 x"[..]; 50]);
        handle.drain(Drain::All);
        sink.answered();
        let lines: usize = sink.batches.iter().map(|b| b.text.len() / 21).sum();
        assert_eq!(lines, round * 50);
    }
    handle.stop();
}

#[test]
fn datagrams_that_find_no_room_are_told() {
    let socket = bind(&Listen::Udp("127.0.0.1:0".parse().unwrap())).unwrap();
    let (sender, mut sink) = sink_of(1);
    let to = socket.address();
    let handle = spawn(socket, MAX_LINE, clock(), sender).unwrap();
    // Nobody reads: the channel, then the kernel's buffer fill up.
    let datagram = format!("<13>Nov 23 21:44:00 h1 {}", "x".repeat(8000));
    for _ in 0..4000 {
        send(to, &[datagram.as_bytes()]);
    }
    // The loss is seen with a datagram that comes after it.
    let sender = std::thread::spawn(move || {
        for _ in 0..200 {
            send(to, &[b"<13>Nov 23 21:44:00 h1 after"]);
            std::thread::sleep(Duration::from_millis(5));
        }
    });
    let notice = sink.told("datagrams are lost");
    assert!(notice.report && sink.fault_count() > 0);
    // It ends, though nobody reads.
    let began = Instant::now();
    handle.stop();
    assert!(began.elapsed() < DEADLINE);
    sender.join().unwrap();
}

#[test]
fn logger_sends_both_forms() {
    let (handle, mut sink, to) = listen("127.0.0.1:0");
    let port = to.port().to_string();
    let base = [
        "-n",
        "127.0.0.1",
        "-P",
        &port,
        "--udp",
        "-t",
        "prog",
        "--id=77",
    ];
    for form in ["--rfc3164", "--rfc5424"] {
        let text = format!("sent as {form}");
        run(
            "bsdutils",
            "logger",
            &[&base[..], &[form, "-p", "user.warning", "--", &text]].concat(),
        );
    }
    let host = nix::unistd::gethostname().unwrap().into_string().unwrap();
    let short = host.split('.').next().unwrap().to_owned();
    let lines = sink.lines(2);
    assert_eq!(
        behind_stamp(&lines[0]),
        format!("{short} prog[77]: sent as --rfc3164")
    );
    assert_eq!(
        behind_stamp(&lines[1]),
        format!("{host} prog[77]: sent as --rfc5424")
    );
    handle.stop();
}

#[test]
fn rsyslogd_forwards_in_each_of_its_templates() {
    for template in [
        "RSYSLOG_TraditionalForwardFormat",
        "RSYSLOG_ForwardFormat",
        "RSYSLOG_SyslogProtocol23Format",
    ] {
        let (handle, mut sink, to) = listen("127.0.0.1:0");
        let rsyslogd = Rsyslogd::start(
            "",
            &format!(
                "action(type=\"omfwd\" target=\"127.0.0.1\" port=\"{}\" protocol=\"udp\" \
                 template=\"{template}\")",
                to.port()
            ),
        );
        let messages: Vec<String> = (0..100)
            .map(|i| format!("<13>Nov 23 21:44:00 prog[12]: message {i}"))
            .collect();
        rsyslogd.log(&messages);
        let lines = sink.lines(100);
        for (i, line) in lines.iter().enumerate() {
            assert!(
                line.ends_with(&format!("prog[12]: message {i}")),
                "{template}: {line}"
            );
            let known = tenshi::record::built_in(line.as_bytes());
            assert!(
                known.is_some_and(|(host, _)| host != b"prog[12]:"),
                "{line}"
            );
        }
        handle.stop();
    }
}
