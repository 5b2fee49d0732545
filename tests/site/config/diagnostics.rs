//! Errors and warnings: each with its place, what is wrong, what to write; all in one go.

use super::{Dir, check, told};

const START: &str = "set mailserver localhost\nset queue a root root [now]\n";

/// The first line of each diagnostic of directives after [`START`], without its place.
fn heads(text: &str) -> Vec<String> {
    let loaded = tenshi::config::parse_bytes(format!("{START}{text}").as_bytes());
    let head = |d: &tenshi::config::Diagnostic| {
        format!(
            "{}:{} {}: {}",
            d.place.line - 2,
            d.place.column,
            d.severity,
            d.message
        )
    };
    loaded
        .diagnostics
        .iter()
        .filter(|d| d.place.line > 2)
        .map(head)
        .collect()
}

#[test]
fn all_errors_come_in_one_go() {
    let dir = Dir::new();
    let loaded = dir.load(
        b"set mailsever localhost\nset sleep 61\nset queue b root root [0 8 * * sat-sun] late\n\
          b ^x\ngrop ^x\nset hidepid \xff\n\tb,trash x\n" as &[u8],
    );
    assert!(loaded.config.is_none());
    insta::assert_snapshot!(told(&loaded, &dir), @r"
    tenshi.conf: error: no mail server is set
    hint: write `set mailserver localhost`
    tenshi.conf:1:5: error: there is no setting `mailsever`
        set mailsever localhost
            ^^^^^^^^^
    hint: did you mean `mailserver`?
    tenshi.conf:2:11: error: `set sleep` takes at most 60 seconds
        set sleep 61
                  ^^
    hint: write a number from 0 to 60
    tenshi.conf:3:32: error: the range `sat-sun` runs backwards
        set queue b root root [0 8 * * sat-sun] late
                                       ^^^^^^^
    hint: a range ends with Sunday as 7: write `sat-7`
    tenshi.conf:5:1: error: there is no queue `grop` up to here
        grop ^x
        ^^^^
    hint: did you mean `group`?
    tenshi.conf:6:13: error: `\xff` is neither `on` nor `off`
        set hidepid \xff
                    ^^^^
    hint: write `on` or `off`, in small letters
    tenshi.conf:7:4: error: `trash` must stand alone, not in a list of queues
         b,trash x
           ^^^^^
    hint: write a rule of its own for it
    ");
}

#[test]
fn what_works_but_is_probably_not_meant() {
    let cases: [(&str, &[&str]); 24] = [
        (
            "a x\nset queue b f t [now]",
            &["2:11 warning: no rule sends anything to the queue `b`"],
        ),
        ("a x\nset queue noprefix f t [now]", &[]),
        (
            "a ^x\ntrash ^x",
            &[
                "2:7 warning: no line comes to this rule: the rule at /tenshi.conf:3:3 has the same pattern",
            ],
        ),
        (
            "a .*\ntrash ^x",
            &[
                "2:7 warning: no line comes to this rule: the rule at /tenshi.conf:3:3 takes every line",
            ],
        ),
        (
            "trash x\ngroup x\na y\ngroup_end",
            &[
                "2:7 warning: no line comes to this group: the rule at /tenshi.conf:3:7 has the same pattern",
            ],
        ),
        (
            "group x\na y",
            &[
                "1:7 warning: this group is never closed: it has no effect, every line goes through it",
            ],
        ),
        (
            "a x\nrepeat y",
            &["2:8 warning: a repeat rule counts by its first group, and this has none"],
        ),
        (
            "a x\nset logfile /v\nset logfile /v",
            &["3:13 warning: this log file is named already; it is followed once"],
        ),
        (
            "a x ",
            &["1:4 warning: the blanks at the end are a part of the pattern"],
        ),
        (
            "a x\nset subject s  ",
            &["2:14 warning: the blanks after the value of `subject` are left out"],
        ),
        ("a x\nset limit 3  ", &[]),
        (
            "a x\r\na y\r\n",
            &["1:4 warning: the lines of this file end with a carriage return (CRLF)"],
        ),
        (
            "a x\nset hidepid on # words",
            &["2:16 warning: what follows the value of `hidepid` is not read"],
        ),
        (
            "a x\nset hidepid offline",
            &["2:13 warning: `offline` is read as `off`"],
        ),
        ("a x\nset sleep 5s", &["2:12 warning: `5s` is read as 5"]),
        (
            "a x\nset maskfoo",
            &["2:5 warning: `maskfoo` is read as `mask` without a value"],
        ),
        (
            "a x\nset filter c /bin/cat",
            &["2:14 warning: there is no queue `c` to filter"],
        ),
        (
            "a x\nset queue a f t [now]",
            &[
                "2:11 warning: the queue `a` is defined again; this definition replaces /tenshi.conf:2:11",
            ],
        ),
        (
            "a x\nset mailserver x # y",
            &["2:16 warning: no mail will ever leave: there is no host `x # y`"],
        ),
        (
            "a x\nset queue b,c f t [now]",
            &[
                "2:11 warning: no rule can name the queue `b,c`",
                "2:11 warning: no rule sends anything to the queue `b,c`",
            ],
        ),
        (
            "group x\na y\ngroup_end # end",
            &["3:11 warning: what follows the value of `group_end` is not read"],
        ),
        (
            "group x\na y\ngroup_endx",
            &["3:10 warning: what follows the value of `group_end` is not read"],
        ),
        (
            "a  ",
            &["1:3 warning: the blanks at the end are a part of the pattern"],
        ),
        ("a x\nset subject ok", &[]),
    ];
    for (text, expected) in cases {
        assert_eq!(heads(text), expected, "{text:?}");
    }
}

#[test]
fn the_word_that_was_meant_is_named() {
    let hint = |text: &str| {
        let loaded = tenshi::config::parse_bytes(format!("{START}{text}").as_bytes());
        let hint = loaded.diagnostics.iter().find_map(|d| d.hint.clone());
        hint.unwrap_or_default()
    };
    for (text, meant) in [
        ("inclde f", "did you mean `include`?"),
        ("include_dir f", "did you mean `includedir`?"),
        ("gruop_end x", "did you mean `group_end`?"),
        ("Set limit 3", "did you mean `set`?"),
        ("gorup x", "did you mean `group`?"),
        ("set lmit 3", "did you mean `limit`?"),
        ("logfile /v", "a setting begins with `set`: `set logfile …`"),
        ("sleep 5", "a setting begins with `set`: `set sleep …`"),
        ("xyz x", "define it by `set queue` above this line"),
    ] {
        assert_eq!(hint(text), meant, "{text}");
    }
}

#[test]
fn a_byte_order_mark_is_left_out_with_a_warning() {
    let dir = Dir::new();
    let rules = dir.write("rules", "\u{feff}a x\r\n");
    let loaded = dir.load(format!(
        "\u{feff}{START}set listen 127.0.0.1:514\ninclude {}\n",
        rules.display()
    ));
    let told = told(&loaded, &dir);
    assert!(loaded.config.is_some(), "{told}");
    assert!(
        told.starts_with(
            "tenshi.conf:1:1: warning: this file begins with a byte order mark\n    \
             set mailserver localhost\n    ^\n"
        ),
        "{told}"
    );
    assert!(
        told.contains("rules:1:1: warning: this file begins"),
        "{told}"
    );
}

#[test]
fn a_rule_is_shadowed_only_by_what_every_line_has_passed() {
    let shadowed = |text: &str| {
        heads(text)
            .iter()
            .filter(|head| head.contains("no line comes"))
            .count()
    };
    // Inside a group, a pattern takes only what the group lets through.
    assert_eq!(shadowed("group g\na x\ngroup_end\na x"), 0);
    assert_eq!(shadowed("group g\na .*\ngroup_end\na x"), 0);
    assert_eq!(
        shadowed("group g\na x\ngroup_end\ngroup h\na x\ngroup_end"),
        0
    );
    // What stands before the group has been passed.
    assert_eq!(
        shadowed("a x\ngroup g\ngroup h\na x\ngroup_end\ngroup_end"),
        1
    );
    assert_eq!(
        shadowed("group g\na x\ngroup h\na x\ngroup_end\ngroup_end"),
        1
    );
    // A group that ends in a catch-all takes all that its own pattern matches.
    assert_eq!(shadowed("group g\na .*\ngroup_end\na g"), 1);
    assert_eq!(shadowed("group g\na x\na .*\na y\ngroup_end\na z"), 1);
    // A group takes nothing by itself.
    assert_eq!(shadowed("group g\na x\ngroup_end\na g"), 0);
    // The host is not the message.
    assert_eq!(shadowed("a x\ngroup_host x\na y\ngroup_end"), 0);
    assert_eq!(shadowed("group_host x\na .*\ngroup_end\na x"), 0);
    assert_eq!(shadowed("a .*\ngroup_host x\na y\ngroup_end"), 2);
    for all in ["^", "$", ".*", "^.*", "^.*$", "(.*)"] {
        assert_eq!(shadowed(&format!("a {all}\na y")), 1, "{all}");
    }
    for some in [".", ".+", "^$x", ".* "] {
        assert_eq!(shadowed(&format!("a {some}\na y")), 0, "{some}");
    }
}

#[test]
fn log_files_and_programs_are_looked_at() {
    let dir = Dir::new();
    let log = dir.write("log", "");
    let d = dir.0.path().display();
    let loaded = dir.load(format!(
        "{START}a x\nset logfile {}\nset logfile {d}/missing\nset logfile {d}\nset logfile {d}/lo?\n\
         set logfile {d}/*.none\nset filter a {d}/log\nset tail {d}/prog -x\n",
        log.display()
    ));
    let told = told(&loaded, &dir);
    assert!(loaded.config.is_some(), "{told}");
    for words in [
        "tenshi.conf:5:13: warning: cannot read the log file `missing`: No such file",
        "is waited for",
        "tenshi.conf:6:13: warning: cannot read the log file",
        "name the files in it",
        "tenshi.conf:8:13: warning: no file matches this pattern now",
        "tenshi.conf:9:14: warning: `log` is no program that can be run",
        "tenshi.conf:10:10: warning: `prog` is no program that can be run",
    ] {
        assert!(told.contains(words), "{words}\n{told}");
    }
    assert_eq!(told.matches("warning:").count(), 5, "{told}");
}

#[test]
fn the_check_says_what_was_understood() {
    let dir = Dir::new();
    let log = dir.write("log", "");
    let path = dir.write(
        "tenshi.conf",
        format!(
            "set mailserver [::1]:2525\nset logfile {}\nset listen tcp:127.0.0.1:601\nset statedir /var/lib/t\n\
             set queue now f root,pager:bob [now]\nset queue never f root [0 0 30 2 *]\n\
             set csv [now] /bin/cat -n\ngroup g\nnow,never:3 x (\\d+)\ngroup_end\ncsv y\ntrash z\n",
            log.display()
        ),
    );
    let (status, out, err) = check(&path, 1);
    assert_eq!((status, &*err), (0, ""));
    let out = out.replace(&dir.0.path().display().to_string(), "");
    insta::assert_snapshot!(out, @r"
    1 file read: no errors, no warnings

    inputs:
      log file /log
      syslog on TCP 127.0.0.1:601
      log files are followed from their end

    queues:
      now to root, pager:bob [now]
      never to root [0 0 30 2 *], which never comes
      csv CSV to `/bin/cat -n` [now]
      now may send 720 mails an hour in a storm: `set bundle now 10m` bundles them

    rules:
      4 rules: 2 to queues, 1 trash, 0 repeat, 1 group

    mail:
      by SMTP to [::1]:2525

    state:
      kept in /var/lib/t

    each rule:
      /tenshi.conf:8:7 group (else on to rule 3) g
      /tenshi.conf:9:13 now,never:3 x (\d+)
      /tenshi.conf:11:5 csv y
      /tenshi.conf:12:7 trash z
    ");
}

#[test]
fn the_check_says_how_storms_are_mailed() {
    let dir = Dir::new();
    let set = "set queue b f root [now]\nset bundle b 10m\nset bundle_first 2\nset pager_hour 6\n\
               set sleep 0\nset queue now f root [now]\nb,now x\n";
    let path = dir.write("tenshi.conf", format!("{START}{set}"));
    let (status, out, _) = check(&path, 0);
    assert_eq!(status, 0);
    for line in [
        "  b is bundled: windows of 10m to 1h, up to 2 early mails in each\n",
        "  a and now may send 3600 mails an hour each in a storm: a line as `set bundle a 10m` for each bundles \
         them\n",
        "  pagers get 6 reports an hour at most\n",
    ] {
        assert!(out.contains(line), "{line}: {out}");
    }
}

/// Five queues of an old configuration are one line.
#[test]
fn the_check_names_the_queues_that_are_not_bundled_in_one_line() {
    let dir = Dir::new();
    let queue = |name| format!("set queue {name} f root [now]\n{name} {name}\n");
    let set: String = ["one", "two", "bundled", "three"].map(queue).concat();
    let path = dir.write(
        "tenshi.conf",
        format!("{START}{set}set bundle bundled 10m\n"),
    );
    let (status, out, _) = check(&path, 0);
    assert_eq!(status, 0);
    let line = "  a, one, two and three may send 720 mails an hour each in a storm: a line as `set bundle a \
                10m` for each bundles them\n";
    assert!(out.contains(line), "{out}");
    assert_eq!(out.matches("in a storm").count(), 1, "{out}");
    assert!(out.contains("  bundled is bundled: "), "{out}");
}

#[test]
fn a_redis_server_is_checked_and_its_password_not_shown() {
    let dir = Dir::new();
    let mut checked = 0;
    for (server, wanted) in [
        (
            "redis://:secret@redis.example:6380/2",
            "on redis.example:6380\n",
        ),
        (
            "rediss://me:secret@redis.example",
            "on redis.example:6379\n",
        ),
        ("/run/redis.sock", "on /run/redis.sock\n"),
        ("redis.example", "on redis.example:6379\n"),
    ] {
        let config = format!("{START}set redisqueue q\nset redisserver {server}\n");
        let (status, out, err) = check(&dir.write("tenshi.conf", config), 0);
        assert_eq!(status, 0, "{server}: {err}");
        assert!(
            out.contains(&format!("Redis list q {wanted}")),
            "{server}: {out}"
        );
        assert!(!(out + &err).contains("secret"), "{server}");
        checked += 1;
    }
    // Nor does it stand in the line that an error shows: people paste these.
    for value in [
        "redisserver redis://me:secret@:bad",
        "redisserver redis://me:secret@h nonsense",
        "site s redis://:secret@h nonsense",
        "site s redis://:secret@h",
    ] {
        let config = format!("{START}set {value}\n");
        let (_, out, err) = check(&dir.write("tenshi.conf", config), 0);
        assert!(err.contains(":******@"), "{err}");
        assert!(!(out + &err).contains("secret"), "{value}");
    }
    for server in ["127.0.0.1:99999", "a b", "redis://x:y@:bad"] {
        let config = format!("{START}set redisqueue q\nset redisserver {server}\n");
        let line = config.lines().count();
        let (status, _, err) = check(&dir.write("tenshi.conf", config), 0);
        assert_eq!(status, 1, "{server}");
        let place = format!("tenshi.conf:{line}:17: error: this is no address of a Redis server");
        assert!(
            err.contains(&place) && err.contains("write HOST:PORT"),
            "{err}"
        );
        checked += 1;
    }
    assert_eq!(checked, 7);
}

#[test]
fn only_errors_change_the_exit_status() {
    let dir = Dir::new();
    let (status, out, err) = check(
        &dir.write("tenshi.conf", format!("{START}set hidepid on x\n")),
        0,
    );
    assert_eq!(status, 0, "{err}");
    assert!(
        err.contains("warning:") && out.contains("no errors, 3 warnings"),
        "{out}{err}"
    );
    let (status, out, err) = check(
        &dir.write("tenshi.conf", format!("{START}set hidepid x\n")),
        0,
    );
    assert_eq!(status, 1);
    assert!(
        err.contains("error:") && out.contains("1 error, 1 warning") && !err.contains('\x1b'),
        "{out}{err}"
    );
}

#[test]
fn settings_of_mail_that_protect_nothing_or_stop_it_are_told() {
    let told = |text: &str| {
        let loaded = tenshi::config::parse_bytes(text.as_bytes());
        let lines = loaded.diagnostics.iter().map(ToString::to_string);
        lines.collect::<Vec<_>>().join("\n")
    };
    let remote = "set mailserver mail.example\nset mailauth me /etc/secret\n";
    let local = "set mailserver localhost\nset mailauth me /etc/secret\n";
    let named = format!("set mailtls_fingerprint {}\n", "0f".repeat(32));
    let cases = [
        (
            format!("{remote}set mailtls may\n"),
            "is given to whoever answers",
        ),
        (
            format!("{remote}set mailtls off\n"),
            "no mail will ever leave",
        ),
        (
            format!("{remote}{named}set mailtls may\n"),
            "no certificate is looked at",
        ),
        (
            "set mailserver sendmail:/bin/true # why\n".to_owned(),
            "given to the program as its arguments",
        ),
        (
            format!("{remote}set mailtls_fingerprint 0f\n"),
            "`0f` is no SHA-256 of a certificate",
        ),
        (
            format!("{local}set max_shown 3\n"),
            "`3` is no length of a line",
        ),
        (
            format!("{local}set news repart\n"),
            "there is no queue `repart` up to here",
        ),
        (
            format!("{local}set news_learn 65536\n"),
            "65536 is no number of days for `news_learn`",
        ),
        (
            format!("{local}set news_memory 0\n"),
            "write a number from 1 to 65535",
        ),
        (format!("{local}set news_max 0\n"), "cannot be 0"),
        (
            format!("{local}set archive 0\n"),
            "0 is no number of days for `archive`",
        ),
        (format!("{local}set archive on\n"), "`on` is no number"),
        (
            format!("{local}set trends_factor 0\n"),
            "`set trends_factor` cannot be 0",
        ),
        (
            format!("{local}set trends some\n"),
            "is neither `on` nor `off`",
        ),
        (
            format!("{local}set trends on\n"),
            "no queue can tell trends",
        ),
        (
            format!("{local}set csv [now] /bin/cat\nset news csv\n"),
            "the reports of `csv` are for a program: they tell no news",
        ),
    ];
    for (text, words) in &cases {
        assert!(told(text).contains(words), "{text}\n{}", told(text));
    }
    let fine = [
        remote.to_owned(),
        format!("{remote}set mailtls starttls\n{named}"),
        format!("{local}set mailtls may\n"),
        "set mailserver sendmail:/usr/bin/msmtp -a account\nset max_shown 4K\n".to_owned(),
    ];
    for text in &fine {
        let warnings = told(text).replace("there is nothing to read", "");
        assert_eq!(
            warnings.matches("warning: ").count(),
            1,
            "{text}\n{warnings}"
        );
    }
}

#[test]
fn recipients_that_are_programs_must_be_defined() {
    let wrong = [
        (
            "set queue b f root,notify:chit [now]\nb x\nset notify chat /bin/true",
            "1:20 error: there is no program `chit` to notify",
        ),
        (
            "set queue b f notify: [now]\nb x",
            "1:15 error: the name of the program is missing",
        ),
        (
            "set queue b f notify-short:a/b [now]\nb x",
            "1:28 error: `a/b` is no name of a program",
        ),
        ("set notify chat", "1:5 error: `set notify` needs a value"),
        (
            "set notify a@b /bin/true",
            "1:12 error: `a@b` is no name of a program",
        ),
        (
            "set notify chat /bin/true",
            "1:17 warning: no queue has the recipient `notify:chat`",
        ),
    ];
    for (text, want) in wrong {
        let told = heads(text);
        assert!(told.contains(&want.to_owned()), "{text}: {told:?}");
    }
    let hint = tenshi::config::parse_bytes(
        b"set mailserver h\nset queue b f notify:chit [now]\nset notify chat /bin/true\nb x\n",
    );
    let told: Vec<String> = hint.diagnostics.iter().map(ToString::to_string).collect();
    assert!(told.join("").contains("did you mean `chat`?"), "{told:?}");
    // In any order, from several queues, and in both forms; a queue defined again has its last recipients alone.
    let good = "set queue b f notify:gone [now]\nset queue b f notify:chat,notify-short:chat,root [now]\nb x\n\
                set notify chat /bin/true -q $TENSHI_SUBJECT\nset queue c f notify:chat [0 8 * * *]\nc y";
    let told = heads(good);
    assert!(
        told.len() == 1 && told[0].contains("is defined again"),
        "{told:?}"
    );
}

#[test]
fn a_heartbeat_and_a_quiet_queue_have_their_times() {
    let wrong = [
        ("set heartbeat", "1:5 error: `set heartbeat` needs a value"),
        (
            "set heartbeat /bin/true",
            "1:15 error: a schedule in brackets must come first",
        ),
        (
            "set heartbeat [now] /bin/true",
            "1:15 error: the heartbeat has times, as in `[*/5 * * * *]`",
        ),
        (
            "set heartbeat [* * * * *]",
            "1:5 error: the program is missing",
        ),
        ("set heartbeat [99 * * * *] /bin/true", "1:16 error: "),
        (
            "set heartbeat [* * * * *] /bin/true\nset heartbeat [* * * * *] /bin/true",
            "2:5 warning: this heartbeat replaces that of ",
        ),
        ("set quiet", "1:5 error: `set quiet` needs a value"),
        (
            "set quiet nobody",
            "1:11 error: there is no queue `nobody` up to here",
        ),
        (
            "set queue b f t [now]\nb x\nset quiet b",
            "3:11 error: a `[now]` queue has no time at which nothing could be told",
        ),
        (
            "set csv [0 8 * * *] /bin/cat\ncsv x\nset quiet csv",
            "3:11 error: the reports of `csv` are for a program",
        ),
    ];
    for (text, want) in wrong {
        let told = heads(text);
        assert!(
            told.iter().any(|told| told.starts_with(want)),
            "{text}: {told:?}"
        );
    }
}

#[test]
fn a_program_for_mails_that_is_not_there_is_found() {
    let dir = Dir::new();
    let log = dir.write("log", "");
    let path = dir.write(
        "tenshi.conf",
        format!(
            "set mailserver sendmail:/nowhere/msmtp -a account\nset logfile {}\nset mailtls starttls\n",
            log.display()
        ),
    );
    let (status, out, err) = check(&path, 0);
    assert_eq!(status, 0);
    assert!(
        err.contains("tenshi.conf:1:16: warning: `/nowhere/msmtp` is no program that can be run"),
        "{err}"
    );
    assert!(
        out.contains("\nmail:\n  by /nowhere/msmtp -a account\n"),
        "{out}"
    );
    let named = format!("set mailtls_fingerprint {}\n", "0f".repeat(32));
    let text = format!(
        "set mailserver h\nset logfile {}\n{named}set max_shown 1K\n",
        log.display()
    );
    let (_, out, _) = check(&dir.write("tenshi.conf", text), 0);
    assert!(
        out.contains("  by SMTP to h:25\n  by STARTTLS, to the certificate 0F:0F:")
            && out.contains("\n  of a line, at most 1024 bytes are shown\n"),
        "{out}"
    );
}

/// Each rule is held to all groups around it: without a bound 200,000 of them took minutes, and a stack.
#[test]
fn groups_have_a_depth() {
    let nested = |depth: usize| {
        let (open, close) = ("group x\n".repeat(depth), "group_end\n".repeat(depth));
        format!("{open}a y\n{close}a z\n")
    };
    let error = "501:1 error: more than 500 groups inside each other";
    for depth in [501, 200_000] {
        let told = heads(&nested(depth));
        let errors: Vec<_> = told.iter().filter(|t| t.contains(" error: ")).collect();
        assert_eq!(errors, [error], "{depth}");
    }
    let told = heads(&nested(500));
    assert!(!told.iter().any(|t| t.contains(" error: ")), "{told:?}");
    // Groups one behind the other are no deeper than one.
    let told = heads(&"group x\na y\ngroup_end\n".repeat(2_000));
    assert!(
        !told.iter().any(|t| t.contains(" error: ")),
        "{:?}",
        told.first()
    );
}

#[test]
fn utf_16_is_for_files_alone() {
    let told = |set: &str, what: &str, at: &str| {
        (
            set.to_owned(),
            format!("{at} error: this is {what}, and UTF-16 is read from files alone"),
        )
    };
    let cases = [
        told(
            "set fifo /run/f\nset charset utf-16le /run/f",
            "a fifo",
            "2:22",
        ),
        told(
            "set charset utf-16 tcp:127.0.0.1:601\nset listen tcp:127.0.0.1:601",
            "an address of `set listen`",
            "1:20",
        ),
        told(
            "set redisqueue q\nset charset utf-16be q",
            "a Redis list",
            "2:22",
        ),
        told(
            "set logfile /l\nset tail /bin/cat -n\nset charset utf-16 /l",
            "a log that the program of `set tail` reads",
            "3:20",
        ),
    ];
    for (text, want) in cases {
        let told = heads(&text);
        assert!(told.contains(&want), "{text}: {told:?}");
    }
    for text in [
        "set fifo /run/f\nset charset euc-jp /run/f",
        "set fifo /run/f\nset charset utf-16le /var/log/f",
        "set logfile /l\nset charset utf-16 /l",
    ] {
        let told = heads(text);
        assert!(!told.iter().any(|told| told.contains("UTF-16")), "{told:?}");
    }
}

#[test]
fn what_is_wrong_with_bundles_is_told() {
    let cases = [
        ("set bundle", "1:5 error: `set bundle` needs a value"),
        ("set olddir", "1:5 error: `set olddir` needs a value"),
        (
            "set bundle x 10m",
            "1:12 error: there is no queue `x` up to here",
        ),
        (
            "set bundle a",
            "1:12 error: for how long are the lines of the queue collected?",
        ),
        ("set bundle a 10", "1:14 error: `10` is no length of time"),
        (
            "set bundle a 25h",
            "1:14 error: `25h` is too long for a window",
        ),
        ("set bundle_max 2d", "1:16 error: `2d` is too long"),
        ("set bundle_first x", "1:18 error: `x` is no number"),
        (
            "set pager_hour 0",
            "1:16 error: `set pager_hour` cannot be 0",
        ),
        (
            "set queue b f t [0 8 * * *]\nset bundle b 10m",
            "2:12 error: the queue `b` is mailed at [0 8 * * *], not at once",
        ),
        (
            "set csv [now] /bin/cat\nset bundle csv 10m",
            "2:12 error: the reports of `csv` are for a program",
        ),
    ];
    for (text, want) in cases {
        let told = heads(&format!("{text}\na x"));
        let is_wanted = |told: &String| told.starts_with(want);
        assert!(told.iter().any(is_wanted), "{text}: {told:?}");
    }
}

#[test]
fn what_is_wrong_with_silences_is_told() {
    let cases = [
        ("set silence", "1:5 error: `set silence` needs a value"),
        (
            "set silence x",
            "1:13 error: there is no queue `x` up to here",
        ),
        (
            "set silence off",
            "1:13 error: whose silence is not to be told?",
        ),
        (
            "set silence a ^x",
            "1:15 error: after what time is their silence told?",
        ),
        ("set silence a ^x 6", "1:18 error: `6` is no length of time"),
        (
            "set silence a ^x 0m",
            "1:18 error: `0m` is no length of time",
        ),
        (
            "set silence a ^x 999d",
            "1:18 error: `999d` is no length of time",
        ),
        ("set silence off ^(", "1:18 error: in the pattern: "),
        ("set site s", "1:5 error: `set site` needs a value"),
        (
            "set site a.b redis://h",
            "1:10 error: `a.b` is no name of a site",
        ),
        (
            "set site s h:6379",
            "1:12 error: this is no address of a board",
        ),
        (
            "set site s file://srv",
            "1:12 error: this is no address of a board",
        ),
        (
            "set site s redis://h mirrors",
            "1:22 error: `mirrors` has no meaning here",
        ),
        (
            "set statedir /s\nset site s redis://h",
            "2:10 warning: no queue is mailed at a time of the day",
        ),
        (
            "set site_wait soon",
            "1:15 error: `soon` is no length of time",
        ),
        (
            "set site_console a/b",
            "1:18 error: `a/b` is no name of a console",
        ),
        (
            "set hush ^db 4h",
            "1:10 error: the time at which the hush begins must follow the pattern, in brackets",
        ),
        (
            "set hush ^db [now] 4h",
            "1:14 error: a hush has a time of the day",
        ),
        (
            "set hush ^db [0 2 * * 6]",
            "1:14 error: how long does the hush last?",
        ),
        ("set hush ^db [0 2 * * 9] 4h", "1:23 error: "),
        (
            "expect b [0 2 * * *] 5m x",
            "1:8 error: there is no queue `b` up to here",
        ),
        (
            "expect a 5m x",
            "1:8 error: the time at which the message is expected must follow the queue, in brackets",
        ),
        (
            "expect a [now] 5m x",
            "1:10 error: a message is expected at a time of the day",
        ),
        (
            "expect a [0 2 * * *] 5 x",
            "1:22 error: `5` is no length of time",
        ),
        (
            "continue,a x",
            "1:1 error: `continue` must stand alone, not in a list of queues",
        ),
        ("set continue_lines some", "1:20 error: `some` is no number"),
        (
            "set json_field",
            "1:5 error: `set json_field` needs a value",
        ),
        ("set json_field host", "1:16 error: `host` names no keys"),
        (
            "set json_field host=a,,b",
            "1:16 error: `host=a,,b` has an empty key",
        ),
        (
            "set json_field host=a color=b",
            "1:23 error: `color` is nothing that a key can be",
        ),
        ("set join maybe", "1:10 error: `maybe` is neither"),
        (
            "expect a [0 2 * * *] 5m",
            "1:1 error: the rule has no pattern",
        ),
    ];
    for (text, want) in cases {
        let told = heads(&format!("{text}\na x"));
        assert!(
            told.len() == 1 && told[0].starts_with(want),
            "{text}: {told:?}"
        );
    }
}
