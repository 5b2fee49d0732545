//! `set listen tcp:…`.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};

use super::rig::{DEADLINE, MAX_LINE, Rsyslogd, Sink, clock, run, sink};
use tenshi::config::Listen;
use tenshi::input::listen::{bind, spawn};
use tenshi::input::{Drain, InputThread};

fn listen() -> (InputThread, Sink, SocketAddr) {
    let socket = bind(&Listen::Tcp("127.0.0.1:0".parse().unwrap())).unwrap();
    let (sender, sink) = sink();
    let address = socket.address();
    let handle = spawn(socket, MAX_LINE, clock(), sender).unwrap();
    (handle, sink, address)
}

fn connect(to: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(to).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream
}

#[test]
fn both_framings_are_understood_whatever_the_pieces() {
    let (handle, mut sink, to) = listen();
    let (mut lines, mut counted) = (connect(to), connect(to));
    lines.write_all(b"<13>Nov 23 21:44:00 h1 o").unwrap();
    counted.write_all(b"2").unwrap();
    lines.write_all(b"ne\n<13>Nov 23 21:44:00 h1 two").unwrap();
    assert_eq!(sink.lines(1), ["Nov 23 21:44:00 h1 one"]);
    counted
        .write_all(b"8 <13>Nov 23 21:44:00 h2 three28 <13>Nov 23 21:44:00 h2 fou")
        .unwrap();
    assert_eq!(sink.lines(2)[1], "Nov 23 21:44:00 h2 three");
    counted.write_all(b"r!").unwrap();
    // The end of a connection ends its message.
    drop(lines);
    let mut last = sink.lines(4).split_off(2);
    last.sort();
    assert_eq!(last, ["Nov 23 21:44:00 h1 two", "Nov 23 21:44:00 h2 four!"]);
    handle.stop();
}

#[test]
fn a_peer_out_of_step_is_closed_and_told() {
    let (handle, mut sink, to) = listen();
    let (mut bad, mut tls, mut good) = (connect(to), connect(to), connect(to));
    bad.write_all(b"26 <13>Nov 23 21:44:00 h1 one<13>no count")
        .unwrap();
    let notice = sink.told("no count of octets");
    assert!(
        notice.text.contains(&bad.local_addr().unwrap().to_string()),
        "{}",
        notice.text
    );
    assert_eq!(bad.read(&mut [0; 10]).unwrap_or(0), 0);
    tls.write_all(b"\x16\x03\x01\x02\x00\x01\x00\x01").unwrap();
    assert_eq!(tls.read(&mut [0; 10]).unwrap_or(0), 0);
    good.write_all(b"<13>Nov 23 21:44:00 h1 two\n").unwrap();
    assert_eq!(
        sink.lines(2),
        ["Nov 23 21:44:00 h1 one", "Nov 23 21:44:00 h1 two"]
    );
    assert_eq!(sink.fault_count(), 2);
    handle.stop();
}

#[test]
fn many_peers_are_served_and_idle_ones_are_kept() {
    let (handle, mut sink, to) = listen();
    let mut peers: Vec<TcpStream> = (0..200u8)
        .map(|i| connect_from([127, 0, 0, 1 + i % 4], to))
        .collect();
    for round in 0..3 {
        for (i, peer) in peers.iter_mut().enumerate().filter(|(i, _)| i % 3 <= round) {
            writeln!(peer, "<13>Nov 23 21:44:00 h{i} round {round}").unwrap();
        }
    }
    let lines = sink.lines(67 + 134 + 200);
    for i in 0..200 {
        let host = format!(" h{i} round ");
        let rounds: Vec<&str> = lines
            .iter()
            .filter_map(|line| line.split_once(&host))
            .map(|(_, round)| round)
            .collect();
        assert_eq!(rounds, ["0", "1", "2"][i % 3..], "h{i}");
    }
    handle.stop();
}

/// Connects from an address of this machine.
fn connect_from(from: [u8; 4], to: SocketAddr) -> TcpStream {
    use nix::sys::socket::{AddressFamily, SockFlag, SockType, SockaddrIn};
    let flags = SockFlag::SOCK_CLOEXEC;
    let socket =
        nix::sys::socket::socket(AddressFamily::Inet, SockType::Stream, flags, None).unwrap();
    let [a, b, c, d] = from;
    let local = SockaddrIn::new(a, b, c, d, 0);
    nix::sys::socket::bind(std::os::fd::AsRawFd::as_raw_fd(&socket), &local).unwrap();
    let SocketAddr::V4(to) = to else {
        panic!("{to} is not IPv4")
    };
    let remote = SockaddrIn::from(to);
    nix::sys::socket::connect(std::os::fd::AsRawFd::as_raw_fd(&socket), &remote).unwrap();
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream
}

/// Whether the other side closed it.
fn closed(mut stream: &TcpStream) -> bool {
    stream.read(&mut [0; 10]).unwrap_or(0) == 0
}

#[test]
fn whoever_floods_pushes_nobody_out() {
    // The quota follows the daemon's limit of open files, not this test's.
    tenshi::process::limits::raise();
    let (handle, mut sink, to) = listen();
    let mut quiet = connect(to);
    quiet
        .write_all(b"<13>Nov 23 21:44:00 h0 first\n<13>Nov 23 21:44:00 h0 rest")
        .unwrap();
    sink.lines(1);
    // One address has half of the places, the first comer's among them.
    let idle: Vec<TcpStream> = (0..600).map(|_| connect(to)).collect();
    let told = sink.told("256 from there are open");
    assert!(
        told.text.contains("a connection from 127.0.0.1:"),
        "{}",
        told.text
    );
    for refused in &idle[255..] {
        assert!(closed(refused));
    }
    let mut last = &idle[254];
    last.write_all(b"<13>Nov 23 21:44:00 h1 last\n").unwrap();
    assert_eq!(sink.lines(2)[1], "Nov 23 21:44:00 h1 last");
    // Others have theirs still, until all are taken.
    let mut other = connect_from([127, 0, 0, 2], to);
    other.write_all(b"<13>Nov 23 21:44:00 h2 other\n").unwrap();
    sink.lines(3);
    let more: Vec<TcpStream> = (0..256u16)
        .map(|i| connect_from([127, 0, 1, (i % 4) as u8], to))
        .collect();
    sink.until("a fault", |sink| !sink.health.is_empty());
    let (_, fault) = sink.health[0].clone();
    assert!(fault.unwrap().contains("512 are open"));
    assert!(closed(&more[255]));
    // The first one is there all the while.
    quiet.write_all(b" of it\n").unwrap();
    assert_eq!(sink.lines(4)[3], "Nov 23 21:44:00 h0 rest of it");
    assert_eq!(sink.fault_count(), 345 + 1);
    // What goes makes room.
    drop(more);
    sink.until("no fault", |sink| sink.health.len() == 2);
    assert_eq!(sink.health[1].1, None);
    let mut new = connect_from([127, 0, 0, 3], to);
    new.write_all(b"<13>Nov 23 21:44:00 h3 new\n").unwrap();
    assert_eq!(sink.lines(5)[4], "Nov 23 21:44:00 h3 new");
    handle.stop();
}

#[test]
fn the_last_drain_takes_what_has_no_newline_yet() {
    let (handle, mut sink, to) = listen();
    let mut peer = connect(to);
    peer.write_all(b"<13>Nov 23 21:44:00 h1 one\n<13>Nov 23 21:44:00 h1 two")
        .unwrap();
    sink.lines(1);
    handle.drain(Drain::All);
    sink.answered();
    assert_eq!(sink.lines(1).len(), 1);
    handle.drain(Drain::Last);
    sink.answered();
    assert_eq!(sink.lines(2)[1], "Nov 23 21:44:00 h1 two");
    handle.stop();
}

#[test]
fn a_slow_loop_slows_the_sender_and_nothing_is_lost() {
    let (handle, mut sink, to) = listen();
    let writer = std::thread::spawn(move || {
        let mut peer = connect(to);
        let text = "x".repeat(500);
        for i in 0..20_000 {
            writeln!(peer, "<13>Nov 23 21:44:00 h1 {i} {text}").unwrap();
        }
        peer.shutdown(Shutdown::Write).unwrap();
    });
    let lines = sink.lines(20_000);
    for (i, line) in lines.iter().enumerate() {
        assert!(
            line.starts_with(&format!("Nov 23 21:44:00 h1 {i} ")),
            "{line}"
        );
    }
    writer.join().unwrap();
    handle.stop();
}

#[test]
fn logger_sends_in_both_framings() {
    let (handle, mut sink, to) = listen();
    let port = to.port().to_string();
    let base = [
        "-n",
        "127.0.0.1",
        "-P",
        &port,
        "--tcp",
        "-t",
        "prog",
        "--id=77",
    ];
    let forms: [&[&str]; 4] = [
        &["--rfc3164"],
        &["--rfc5424"],
        &["--rfc3164", "--octet-count"],
        &["--rfc5424", "--octet-count"],
    ];
    for form in forms {
        sink.clear();
        run(
            "bsdutils",
            "logger",
            &[&base[..], form, &["--", "some text"]].concat(),
        );
        let lines = sink.lines(1);
        assert!(
            lines[0].ends_with(" prog[77]: some text"),
            "{form:?}: {lines:?}"
        );
    }
    handle.stop();
}

#[test]
fn rsyslogd_sends_in_both_framings() {
    for (framing, template) in [
        ("traditional", "RSYSLOG_TraditionalForwardFormat"),
        ("octet-counted", "RSYSLOG_SyslogProtocol23Format"),
    ] {
        let (handle, mut sink, to) = listen();
        let rsyslogd = Rsyslogd::start(
            "",
            &format!(
                "action(type=\"omfwd\" target=\"127.0.0.1\" port=\"{}\" protocol=\"tcp\" \
                 TCP_Framing=\"{framing}\" template=\"{template}\")",
                to.port()
            ),
        );
        let messages: Vec<String> = (0..500)
            .map(|i| format!("<13>Nov 23 21:44:00 prog[12]: message {i}"))
            .collect();
        rsyslogd.log(&messages);
        let lines = sink.lines(500);
        for (i, line) in lines.iter().enumerate() {
            assert!(
                line.ends_with(&format!("prog[12]: message {i}")),
                "{framing}: {line}"
            );
        }
        handle.stop();
    }
}
