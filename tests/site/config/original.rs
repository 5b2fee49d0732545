//! Accepted and refused as by the Perl original, asked for each case; and where not, why not.

use std::process::{Command, Stdio};

use super::{Dir, check};

const PERL_TENSHI: &str = "/usr/sbin/tenshi";

/// What is in front of each case, if it does not say otherwise.
const PRELUDE: &str = "set mailserver localhost\nset queue a from@x to@x [0 0 1 1 *]\n\
                       set queue b from@x to@x [now]\n";

/// How our verdict compares with the verdict of Debian's 0.13.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Verdict {
    /// Both accept it, or both refuse it.
    Same,
    /// Upstream 0.18 accepts it, and so do we; 0.13 does not know it.
    Newer,
    /// We accept what the original refuses, or wrecks itself on.
    Kinder,
    /// We refuse what the original accepts, and then fails at or takes for something else.
    Stricter,
}
use Verdict::{Kinder, Newer, Same, Stricter};

/// Directives after the prelude.
const CASES: &[(&str, Verdict)] = &[
    ("", Same),
    ("# comment", Same),
    ("   \n\t\n \x0b\n", Same),
    ("  set hidepid on", Same),
    ("  # indented", Same),
    (
        "set hidepid on\r\n\r\n# x\r\na x\r\ngroup x\r\ngroup_end\r\n",
        Same,
    ),
    ("set hidepid on # words", Same),
    ("set queue c f t [now] # words", Same),
    ("set foo bar", Same),
    ("set", Same),
    ("set  ", Same),
    ("set foo", Same),
    ("SET hidepid on", Same),
    ("Set hidepid on", Same),
    ("foo", Same),
    ("a", Same),
    ("a ", Same),
    ("a  ", Same),
    ("a\t\t^x ", Same),
    ("include", Same),
    ("include /nonexistent", Same),
    ("includedir /nonexistent", Same),
    ("includedir", Same),
    ("zzz foo", Same),
    ("zzz foo\nset queue zzz f t [now]", Same),
    ("set queue a f t [now]", Same),
    ("set queue trash f t [now]", Same),
    ("set queue repeat f t [now]", Same),
    ("set queue group f t [now]", Same),
    ("set queue group_host f t [now]", Same),
    ("set queue csv f t [now]", Same),
    ("set queue noprefix f t [now]\nnoprefix x", Same),
    ("set queue a,b f t [now]", Same),
    ("set queue x:3 f t [now]", Same),
    ("set queue c f t [now]subject", Same),
    ("set queue c f t [now] subject", Same),
    ("set queue c f t", Same),
    ("set queue c f [now]", Same),
    ("set queue c f t, u [now]", Same),
    ("set queue c f t,u [now]", Same),
    ("set queue c f t[now]", Same),
    ("set queue c f t [NOW]", Same),
    ("set queue c f t [ now ]", Same),
    ("set queue c f t [now", Same),
    ("set queue c f t [* * * *]", Same),
    ("set queue c f t [* * * * * *]", Same),
    ("set queue c f t [ * * * * *]", Same),
    ("set queue c f t [* * * * * ]", Same),
    ("set queue c f t [*\t*  * * *] x", Same),
    ("set queue c f t [0 0 1 1 *] [ALERT] x", Same),
    ("set queue c f t [now] [ALERT] x", Kinder),
    ("set queue c f t [0 0 * * sat-sun]", Same),
    ("set queue c f t [0 0 * * 6-7]", Same),
    ("set queue c f t [60 0 * * *]", Same),
    ("set queue c f t [0 0 * january *]", Kinder),
    ("set queue c f t [0 0 * * monday]", Same),
    ("set queue c f t [0 0 * * foo]", Stricter),
    ("set queue c f t [@daily]", Same),
    ("set queue c <> t [now]", Same),
    ("set queue c f Foo<one@x> [now]", Same),
    ("set queue c f pager:t,,pager:u [now]", Same),
    ("set queue c f , [now]", Stricter),
    ("set queue c f \u{e9}@x [now]", Stricter),
    ("a,b x", Same),
    ("a,b:3 x", Same),
    ("a,b:3,a:3 x", Same),
    ("a,b:3,a:2 x", Same),
    ("a,b:3,a x", Same),
    ("a:3 x", Same),
    ("a:3,b x", Same),
    ("a,b:0 x", Same),
    ("a,b:03 x", Same),
    ("a,b:-1 x", Same),
    ("a,b:abc x", Same),
    ("a,b: x", Same),
    ("trash:3 x", Same),
    ("a,trash x", Same),
    ("trash,a x", Same),
    ("a, x", Same),
    ("a,,b x", Same),
    (",a x", Same),
    (", x", Stricter),
    ("a,a x", Same),
    ("a,c x", Same),
    ("csv x", Same),
    ("set csv [now] /bin/cat\ncsv x", Same),
    ("set csv [0 0 * * *] /bin/cat -n\na,csv x", Same),
    ("set csv [now]", Same),
    ("set csv /bin/cat", Same),
    ("set csv [now] /nonexistent", Same),
    ("noprefix x", Same),
    ("set sleep", Same),
    ("set sleep abc", Same),
    ("set sleep 0", Same),
    ("set sleep 60", Same),
    ("set sleep 61", Stricter),
    ("set sleep 5s", Same),
    ("set sleep -1", Same),
    ("set limit", Same),
    ("set limit 0", Same),
    ("set limit 10x", Same),
    ("set limit abc", Same),
    ("set limit off", Same),
    ("set pager_limit x", Same),
    ("set pager_limit 5", Same),
    ("set mailtimeout 0", Same),
    ("set mailtimeout", Same),
    ("set mask", Same),
    ("set mask ", Same),
    ("set mask a b", Same),
    ("set maskfoo", Same),
    ("set subject", Same),
    ("set subject x ", Same),
    ("set mailserver", Same),
    ("set mailserver localhost # c", Same),
    ("set mailserver [::1]:25", Same),
    ("set mailserver localhost:70000", Stricter),
    ("set mailhelo x.example", Newer),
    ("set redisqueue q", Newer),
    ("set redisserver 127.0.0.1:6379", Newer),
    ("set tail_missing on", Newer),
    ("set tail_missing yes", Same),
    ("set hidepid yes", Same),
    ("set hidepid 1", Same),
    ("set hidepid ON", Same),
    ("set hidepid offline", Same),
    ("set hidepid", Same),
    ("set resolve yes", Same),
    ("set resolve off", Same),
    ("set sort_order foo", Same),
    ("set sort_order Ascending", Same),
    ("set sort_order ascending foo", Same),
    ("set sort_order", Same),
    ("set tail_multiple yes", Same),
    ("set tail_multiple on", Same),
    ("set tail", Same),
    ("set tail /usr/bin/tail", Same),
    ("set tail /nonexistent -F", Same),
    ("set logfile", Same),
    ("set logfile /nonexistent", Same),
    ("set logfile /a b", Same),
    ("set fifo", Same),
    ("set fifo /nonexistent", Same),
    ("set pidfile", Same),
    ("set pidfile /tmp/x.pid", Same),
    ("set listen localhost:514", Same),
    ("set listen 514", Same),
    ("set listen 127.0.0.1", Same),
    ("set listen 127.0.0.1:514", Same),
    ("set listen 999.1.1.1:514", Stricter),
    ("set listen [::1]:514", Kinder),
    ("set uid nosuchuser", Same),
    ("set uid root", Same),
    ("set uid 0", Same),
    ("set uid root ", Kinder),
    ("set uid root\r", Kinder),
    ("set uid root # c", Same),
    ("set uid", Same),
    ("set gid nosuchgroup", Same),
    ("set gid root", Same),
    ("set gid root ", Kinder),
    ("set filter a", Same),
    ("set filter a /bin/cat", Same),
    ("set filter nosuchqueue /bin/cat", Same),
    ("set filter a /nonexistent", Same),
    ("set threshold a 3 x", Same),
    ("set threshold a 0 x", Same),
    ("set threshold a 3", Same),
    ("set threshold zzz 3 x", Same),
    ("set threshold a x x", Same),
    ("set threshold a 3 (", Same),
    ("set logprefix", Same),
    ("set logprefix ^(\\S+) ", Same),
    ("set logprefix ^x ", Stricter),
    ("set logprefix (", Same),
    ("group_end", Same),
    ("group x\ngroup_end", Same),
    ("group x\ngroup_end ", Same),
    ("group x\ngroup_end  ", Kinder),
    ("group x\ngroup_endfoo", Same),
    ("group x\ngroup_end # x", Kinder),
    ("group x\ngroup_end\ngroup_end", Same),
    ("group x", Same),
    ("group_host x\ngroup y\ngroup_end\ngroup_end", Same),
    ("group,a x", Same),
    ("a (", Same),
    ("a [", Same),
    ("a *x", Same),
    ("a foo$bar", Same),
    ("repeat ^x (\\d+)", Same),
    ("repeat ^x", Same),
    ("\u{feff}set hidepid on", Same),
];

/// Asks the original whether it accepts a configuration.
fn original_accepts(path: &std::path::Path) -> bool {
    let status = Command::new(PERL_TENSHI)
        .args(["-C", "-c"])
        .arg(path)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    status.expect("the original runs").success()
}

fn require_original() {
    assert!(
        std::fs::read(PERL_TENSHI).is_ok_and(|text| text.starts_with(b"#!/usr/bin/perl")),
        "{PERL_TENSHI} is not the Perl original: install Debian's package `tenshi` 0.13"
    );
}

#[test]
fn accepted_and_refused_as_by_the_original() {
    require_original();
    let dir = Dir::new();
    let (mut differ, mut compared) = (Vec::new(), 0);
    for (text, verdict) in CASES {
        let path = dir.write("tenshi.conf", format!("{PRELUDE}{text}\n"));
        let theirs = original_accepts(&path);
        let (status, _, err) = check(&path, 0);
        let ours = status == 0;
        let expected = match verdict {
            Same => theirs,
            Newer | Kinder => true,
            Stricter => false,
        };
        // A verdict that needs no reason any more is a mistake as well.
        let reasoned = *verdict == Same || theirs != expected;
        if ours != expected || !reasoned {
            differ.push(format!(
                "{text:?} ({verdict:?}): the original {theirs}, ours {ours}\n{err}"
            ));
        }
        compared += 1;
    }
    assert!(differ.is_empty(), "{}", differ.join("\n"));
    println!("{compared} configurations compared");
    assert_eq!(compared, CASES.len());
}

#[test]
fn whole_files_too() {
    require_original();
    let dir = Dir::new();
    let cases: [(&[u8], bool); 9] = [
        (b"", false),
        (b"# only a comment\n", false),
        (b"set mailserver localhost", true),
        (b"set queue a f t [now]\n", false),
        (
            b"set mailserver localhost\nset queue a f t [now]\na \xe9t\xe9\n",
            true,
        ),
        (
            b"set mailserver localhost\nset queue a f t [now]\na x\0y\n",
            true,
        ),
        (b"\n\n\n", false),
        (b"set mailserver a\nset mailserver b\n", true),
        (b"set hidepid on\nset mailserver localhost", true),
    ];
    for (bytes, accepted) in cases {
        let path = dir.write("tenshi.conf", bytes);
        assert_eq!(
            original_accepts(&path),
            accepted,
            "the original, {:?}",
            bstr::BStr::new(bytes)
        );
        assert_eq!(
            check(&path, 0).0 == 0,
            accepted,
            "ours, {:?}",
            bstr::BStr::new(bytes)
        );
    }
}

/// What Debian ships must be taken as it is: the main file, and each of the rule files that it
/// offers.
#[test]
fn the_shipped_files_are_accepted() {
    require_original();
    let dir = Dir::new();
    let (status, _, err) = check(std::path::Path::new("/etc/tenshi/tenshi.conf"), 0);
    assert_eq!(status, 0, "{err}");
    let mut files = 0;
    for entry in
        std::fs::read_dir("/etc/tenshi/includes-available").expect("the package has rule files")
    {
        let rules = entry.expect("an entry").path();
        let names = [
            "mail", "nf", "report", "misc", "critical", "root", "pager", "mobile", "noprefix",
        ];
        let queues: String = names
            .iter()
            .map(|name| format!("set queue {name} f t [now]\n"))
            .collect();
        let text = format!(
            "set mailserver localhost\n{queues}include {}\n",
            rules.display()
        );
        let (status, _, err) = check(&dir.write("tenshi.conf", text), 0);
        assert_eq!(status, 0, "{}: {err}", rules.display());
        files += 1;
    }
    assert!(files >= 8, "only {files} rule files");
}
