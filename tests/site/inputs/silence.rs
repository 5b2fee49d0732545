//! A host whose rsyslogd stops, and comes back.

use std::time::Duration;

use super::rig::Rsyslogd;
use crate::support::daemon::Daemon;
use crate::support::ports::free_address;
use crate::support::postbox::Postbox;
use crate::support::{DEADLINE, Dir, poll};

#[test]
fn a_host_whose_rsyslogd_stops_is_told_and_told_to_be_back() {
    let (dir, postbox) = (Dir::new(), Postbox::open());
    let address = free_address();
    let config = format!(
        "set mailserver 127.0.0.1:{}\nset sleep 1\nset listen {address}\n\
         set queue n f@x n@x [now]\nset silence n . 3s\ntrash .*\n",
        postbox.port()
    );
    let daemon = Daemon::start(&dir, &config, &[]);
    let start = || {
        let action = format!(
            "action(type=\"omfwd\" target=\"127.0.0.1\" port=\"{}\" protocol=\"udp\" \
             template=\"RSYSLOG_ForwardFormat\")",
            address.port()
        );
        Rsyslogd::start("", &action)
    };
    let write = |rsyslogd: &Rsyslogd, seconds: u64| {
        for _ in 0..seconds * 2 {
            rsyslogd.log(&["<13>Nov 23 21:44:00 prog[12]: alive".to_owned()]);
            std::thread::sleep(Duration::from_millis(500));
        }
    };
    let told = |what: &str| {
        let body = poll(DEADLINE, || {
            let mails = postbox.mails();
            let bodies = mails.iter().map(|mail| mail.body());
            bodies.into_iter().find(|body| body.contains(what))
        });
        body.unwrap_or_else(|| panic!("no `{what}`: {}", daemon.stderr()))
    };
    let rsyslogd = start();
    write(&rsyslogd, 5);
    assert!(postbox.mails().is_empty(), "{:#?}", postbox.mails());
    drop(rsyslogd);
    told("    1: tenshi: silent since ");
    let rsyslogd = start();
    write(&rsyslogd, 1);
    let back = told("    1: tenshi: back since ");
    assert!(back.contains(", silent for "), "{back}");
}
