//! What the directives mean: the `Config` that comes of them.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

use bstr::BString;
use tenshi::config::{
    self, Action, BoardAddress, Charsets, ConsoleName, Listen, MailServer, MailTls, NewsQueues,
    NewsSettings, Output, QueueId, RedisServer, SiteName, SiteSettings, SortOrder, TailSettings,
    TailStart, TrendsSettings,
};
use tenshi::schedule::Schedule;

use super::{Dir, good, told};

const MAIL: &str = "set mailserver localhost\n";

#[test]
fn defaults() {
    let config = good(MAIL);
    assert_eq!(config.process.pidfile, Path::new("/var/run/tenshi.pid"));
    assert_eq!((config.process.uid, config.process.gid), (None, None));
    assert_eq!(
        config.inputs.tail,
        TailSettings::Follow {
            start: TailStart::End
        }
    );
    assert!(config.inputs.tail_missing && !config.inputs.tail_multiple);
    assert!(config.inputs.olddirs.is_empty());
    assert_eq!(config.inputs.max_line, 65_536);
    assert_eq!(config.state.max_memory, 256 << 20);
    assert_eq!(config.charsets, Charsets::default());
    assert!(!config.report.csv_safe);
    assert!(config.lines.rfc3339 && !config.lines.hidepid);
    assert_eq!(
        (config.report.mask.clone(), config.report.subject.clone()),
        (BString::from("______"), BString::from("tenshi report"))
    );
    assert_eq!(
        (config.report.limit, config.report.pager_limit),
        (None, None)
    );
    assert_eq!(config.report.sort_order, SortOrder::Descending);
    assert_eq!(
        config.mail.server,
        MailServer::Smtp {
            host: "localhost".into(),
            port: 25
        }
    );
    assert_eq!(config.mail.helo, "localhost.localdomain");
    assert_eq!(config.mail.timeout, Some(Duration::from_secs(10)));
    assert_eq!(config.mail.filter_timeout, Duration::from_secs(60));
    assert!(!config.mail.html && good("set mailserver h\nset html on\n").mail.html);
    assert_eq!(config.mail.tls, MailTls::May);
    assert_eq!(config.mail.fingerprint, None);
    assert_eq!(config.report.max_shown, 2048);
    assert_eq!((config.state.dir, config.state.catchup), (None, None));
    assert_eq!(config.state.archive, None);
    assert_eq!(
        (config.state.commit, config.state.max_lines),
        (Duration::from_secs(1), 1_000_000)
    );
    assert_eq!(config.sleep, Duration::from_secs(5));
    let news = NewsSettings {
        queues: NewsQueues::None,
        learn: 7,
        memory: 400,
        most_kinds: 200_000,
        limit: 20,
    };
    assert_eq!(config.news, news);
    let trends = TrendsSettings {
        on: false,
        factor: 2,
        floor: 20,
    };
    assert_eq!(config.trends, trends);
    assert_eq!(config.site, None);
}

#[test]
fn news_are_told_by_the_queues_that_are_named() {
    let head = "set mailserver h\nset queue a f@x a@x [now]\nset queue b f@x b@x [now]\n";
    let of = |text: &str| good(&format!("{head}{text}")).news;
    assert_eq!(of("set news on\n").queues, NewsQueues::All);
    assert_eq!(of("set news on\nset news off\n").queues, NewsQueues::None);
    let some = NewsQueues::Some(vec![QueueId(1), QueueId(0)]);
    let set = "set news b,a\nset news_learn 0\nset news_memory 30\nset news_max 5000\n\
               set news_limit 7\n";
    let want = NewsSettings {
        queues: some,
        learn: 0,
        memory: 30,
        most_kinds: 5000,
        limit: 7,
    };
    assert_eq!(of(set), want);
}

#[test]
fn trends_are_asked_for_with_their_bounds() {
    let head = "set mailserver h\nset queue a f@x a@x [0 12 * * *]\n";
    let trends = |text: &str| good(&format!("{head}{text}")).trends;
    assert!(trends("set trends on\n").on);
    assert!(!trends("set trends on\nset trends off\n").on);
    let want = TrendsSettings {
        on: true,
        factor: 3,
        floor: 100,
    };
    let set = "set trends on\nset trends_factor 3\nset trends_floor 100\n";
    assert_eq!(trends(set), want);
}

#[test]
fn a_site_has_a_name_and_a_board() {
    let head = "set mailserver h\nset queue a f@x a@x [0 12 * * *]\n";
    let site = |text: &str| good(&format!("{head}{text}")).site;
    let set = "set site naoj redis://me:secret@board.example:6380/2 mirror\nset site_wait 5m\nset site_giveup 12h\n\
               set site_console east.example\n";
    let redis = RedisServer::parse("redis://me:secret@board.example:6380/2").unwrap();
    assert_eq!(redis.name(), "board.example:6380");
    let want = SiteSettings {
        name: SiteName::new("naoj").unwrap(),
        board: BoardAddress::Redis(redis),
        mirror: true,
        wait: Duration::from_secs(300),
        giveup: Duration::from_secs(12 * 3600),
        console: ConsoleName::new("east.example"),
    };
    assert_eq!(site(set), Some(want));
    let want = SiteSettings {
        name: SiteName::new("s").unwrap(),
        board: BoardAddress::Directory("/srv/board".into()),
        mirror: false,
        wait: SiteSettings::WAIT,
        giveup: SiteSettings::GIVEUP,
        console: None,
    };
    assert_eq!(site("set site s file:///srv/board\n"), Some(want));
    assert_eq!(site("set site_wait 5m\nset site_console x\n"), None);
}

#[test]
fn every_setting() {
    let config = good(
        "set uid root\nset gid adm\nset pidfile /run/t.pid\nset logfile /var/log/a\nset logfile b\n\
         set fifo /run/f\nset listen 127.0.0.1:514\nset listen tcp:[::1]:601\nset tail /usr/bin/tail -q -n +1 -F\n\
         set tail_multiple on\nset tail_missing off\nset redisqueue q1\nset redisqueue q2\n\
         set redisserver redis.example:6379\nset sleep 3\nset limit 10x\nset pager_limit 2\n\
         set logprefix ^(\\S+) \nset mask # #\nset mailserver [::1]:2525\nset mailtimeout 0\n\
         set mailhelo h.example\nset subject  a  subject \nset hidepid once\nset sort_order ascending\n\
         set resolve on\nset rfc3339 off\nset statedir /var/lib/t\nset catchup 24\nset commit 5\nset archive 400\n\
         set max_line 8K\nset max_lines 500\nset mailtls starttls\nset mailauth me /etc/secret\n\
         set filter_timeout 5\nset olddir old\nset olddir /var/old\nset olddir old\n",
    );
    assert_eq!(
        (config.process.uid.as_deref(), config.process.gid.as_deref()),
        (Some("root"), Some("adm"))
    );
    assert_eq!(config.process.pidfile, Path::new("/run/t.pid"));
    let logs: Vec<&Path> = config
        .inputs
        .logfiles
        .iter()
        .map(|log| log.as_path())
        .collect();
    assert_eq!(logs, [Path::new("/var/log/a"), Path::new("/b")]);
    assert_eq!(config.inputs.fifos, [Path::new("/run/f")]);
    let listen = [
        Listen::Udp("127.0.0.1:514".parse().unwrap()),
        Listen::Tcp("[::1]:601".parse().unwrap()),
    ];
    assert_eq!(config.inputs.listen, listen);
    assert_eq!(
        config.inputs.tail,
        TailSettings::Follow {
            start: TailStart::FromLine(1)
        }
    );
    assert!(config.inputs.tail_multiple && !config.inputs.tail_missing);
    assert_eq!(
        config.inputs.olddirs,
        [Path::new("old"), Path::new("/var/old")]
    );
    assert_eq!(config.inputs.redis_queues, ["q1", "q2"]);
    assert_eq!(config.inputs.redis_server.name(), "redis.example:6379");
    assert_eq!(
        (config.sleep, config.inputs.max_line),
        (Duration::from_secs(3), 8192)
    );
    let limits = (config.report.limit, config.report.pager_limit);
    assert_eq!(
        limits,
        (std::num::NonZeroU64::new(10), std::num::NonZeroU64::new(2))
    );
    assert_eq!(
        config.lines.prefixes[0].source(),
        b"^(\\S+) ",
        "a pattern keeps its blank"
    );
    assert!(config.lines.hidepid && !config.lines.rfc3339 && config.report.resolve);
    assert_eq!(
        (config.report.mask.clone(), config.report.subject.clone()),
        (BString::from("#"), BString::from("a  subject"))
    );
    assert_eq!(config.report.sort_order, SortOrder::Ascending);
    assert_eq!(
        config.mail.server,
        MailServer::Smtp {
            host: "::1".into(),
            port: 2525
        }
    );
    assert_eq!(
        (config.mail.timeout, &*config.mail.helo),
        (None, "h.example")
    );
    assert_eq!(
        (config.mail.tls, config.mail.filter_timeout),
        (MailTls::StartTls, Duration::from_secs(5))
    );
    let auth = config.mail.auth.unwrap();
    assert_eq!(
        (&*auth.user, &*auth.password_file),
        ("me", Path::new("/etc/secret"))
    );
    assert_eq!(config.state.dir.as_deref(), Some(Path::new("/var/lib/t")));
    assert_eq!(config.state.catchup, Some(Duration::from_secs(24 * 3600)));
    assert_eq!(config.state.archive, Some(400));
    assert_eq!(
        (config.state.commit, config.state.max_lines),
        (Duration::from_secs(5), 500)
    );
}

#[test]
fn queues() {
    let config = good(
        "set mailserver sendmail:/usr/sbin/sendmail\n\
         set filter a /bin/cat -n # x\n\
         set queue a <> pager:one@x,,Foo<two@x>,pager:root [0 8 * * *] [ALERT] 0 \n\
         set queue b Me<me@x> root [now]\n\
         set threshold a 3 ^foo \n\
         set csv [now] /bin/cat -v\n\
         set queue noprefix f t [now]0\n",
    );
    assert_eq!(
        config.mail.server,
        MailServer::Sendmail {
            program: "/usr/sbin/sendmail".into(),
            arguments: Vec::new(),
        }
    );
    assert_eq!(
        config
            .noprefix
            .map(|id| config.queues[id.index()].name.clone()),
        Some("noprefix".into())
    );
    let [a, b, csv, noprefix] = &config.queues[..] else {
        panic!("{:?}", config.queues)
    };
    let Output::Mail(mail) = &a.output else {
        panic!()
    };
    assert_eq!(
        (mail.from.clone(), mail.sender.as_str()),
        (BString::from("<>"), "")
    );
    let to: Vec<_> = mail
        .recipients
        .iter()
        .map(|r| (r.text.to_string(), r.address.as_str(), r.pager))
        .collect();
    let expected = [
        ("one@x", "one@x", true),
        ("Foo<two@x>", "two@x", false),
        ("root", "root", true),
    ];
    assert_eq!(
        to,
        expected.map(|(text, address, pager)| (text.to_owned(), address, pager))
    );
    assert_eq!(
        mail.subject.as_ref().map(|s| s.as_slice()),
        Some(&b"[ALERT] 0"[..])
    );
    assert_eq!(
        mail.filter.as_ref().map(|f| (&*f.program, &*f.line)),
        Some(("/bin/cat", "/bin/cat -n # x"))
    );
    assert_eq!(a.schedule.to_string(), "[0 8 * * *]");
    assert_eq!(
        (
            a.thresholds[0].count.get(),
            a.thresholds[0].pattern.source()
        ),
        (3, &b"^foo "[..])
    );
    let Output::Mail(mail) = &b.output else {
        panic!()
    };
    assert_eq!(
        (mail.from.clone(), mail.sender.as_str(), &mail.subject),
        (BString::from("Me<me@x>"), "me@x", &None)
    );
    assert_eq!(b.schedule, Schedule::Now);
    let Output::Csv(command) = &csv.output else {
        panic!()
    };
    assert_eq!((&*csv.name, &*command.line), ("csv", "/bin/cat -v"));
    let Output::Mail(mail) = &noprefix.output else {
        panic!()
    };
    assert_eq!(
        mail.subject.as_ref().map(|s| s.as_slice()),
        Some(&b"0"[..]),
        "0 is a subject"
    );
}

#[test]
fn the_last_definition_of_a_queue_wins_completely() {
    let config = good(
        "set mailserver x\nset queue a f pager:t [now] old\nset threshold a 2 x\nset queue b f t [now]\n\
         set queue a g u [0 0 * * *]\na,b x\n",
    );
    let a = &config.queues[0];
    let Output::Mail(mail) = &a.output else {
        panic!()
    };
    assert_eq!(a.schedule.to_string(), "[0 0 * * *]");
    assert!(mail.subject.is_none() && !mail.recipients[0].pager);
    assert_eq!(
        (mail.from.clone(), a.thresholds.len(), config.queues.len()),
        (BString::from("g"), 1, 2)
    );
}

#[test]
fn rules_and_groups() {
    let config = good(
        "set mailserver x\nset queue a f t [now]\nset queue b f t [now]\n\
         a,b:3,a:3, ^x \ngroup g\ntrash t\ngroup_host h\nrepeat (\\d)\ngroup_end\ngroup_end\ngroup open\na  \n",
    );
    let shown: Vec<String> = config
        .rules
        .iter()
        .map(|rule| {
            let action = match &rule.action {
                Action::Trash => "trash".into(),
                Action::Expect(_) => "expect".into(),
                Action::Repeat => "repeat".into(),
                Action::Continue => "continue".into(),
                Action::Group { end } => format!("group to {end}"),
                Action::GroupHost { end } => format!("group_host to {end}"),
                Action::Queues(targets) => targets
                    .iter()
                    .map(|t| format!("{}:{}", t.queue.0, t.escalation.map_or(0, |n| n.get())))
                    .collect::<Vec<_>>()
                    .join(","),
            };
            format!("{action} {:?}", rule.pattern)
        })
        .collect();
    assert_eq!(
        shown,
        [
            "0:0,1:3,0:3 /^x /",
            "group to 5 /g/",
            "trash /t/",
            "group_host to 5 /h/",
            "repeat /(\\d)/",
            "group to 6 /open/",
            "0:0 / /",
        ]
    );
}

#[test]
fn includes_are_read_in_place_and_in_bytewise_order() {
    let dir = Dir::new();
    let rules = [
        "10-b",
        "9-a",
        "B",
        "README.md",
        "a",
        "a.conf~",
        ".hidden",
        "sub/inner",
    ];
    for name in rules {
        dir.write(&format!("d/{name}"), format!("a {name}\n"));
    }
    dir.write("linked", "a zlink\n");
    std::os::unix::fs::symlink(dir.path("linked"), dir.path("d/zlink")).unwrap();
    std::os::unix::fs::symlink(dir.path("nowhere"), dir.path("d/ydangling")).unwrap();
    std::os::unix::fs::symlink(dir.path("d/sub"), dir.path("d/xdirlink")).unwrap();
    let nested = dir.write(
        "nested",
        format!("group g\nincludedir {}/\n", dir.path("d").display()),
    );
    // The mail server comes last: it is looked for once, at the end.
    let loaded = dir.load(format!(
        "set queue a f t [now]\ninclude {} # x\na inside\ngroup_end\nset mailserver x",
        nested.display()
    ));
    let files: Vec<_> = loaded
        .files
        .iter()
        .map(|f| f.strip_prefix(dir.0.path()).unwrap().display().to_string())
        .collect();
    let Some(config) = &loaded.config else {
        panic!("{}", told(&loaded, &dir))
    };
    let rules: Vec<_> = config
        .rules
        .iter()
        .map(|r| String::from_utf8_lossy(r.pattern.source()).into_owned())
        .collect();
    assert_eq!(
        rules,
        [
            "g",
            "10-b",
            "9-a",
            "B",
            "README.md",
            "a",
            "a.conf~",
            "zlink",
            "inside"
        ]
    );
    assert_eq!(
        config.rules[0].action,
        Action::Group { end: 9 },
        "a group may span files"
    );
    assert_eq!(files[..4], ["tenshi.conf", "nested", "d/10-b", "d/9-a"]);
}

#[test]
fn a_file_may_be_included_twice_but_not_by_itself() {
    let dir = Dir::new();
    let rule = dir.write("rule", "a x\n");
    let twice = format!(
        "set mailserver x\nset queue a f t [now]\ninclude {0}\ninclude {0}\n",
        rule.display()
    );
    assert!(dir.load(&twice).config.is_some());
    std::os::unix::fs::symlink(dir.path("tenshi.conf"), dir.path("link")).unwrap();
    dir.write("b", format!("include {}\n", dir.path("link").display()));
    let loaded = dir.load(format!(
        "set mailserver x\ninclude {}\n",
        dir.path("b").display()
    ));
    let told = told(&loaded, &dir);
    assert!(loaded.config.is_none());
    assert!(
        told.contains("b:1:9: error: the includes run in a circle: tenshi.conf → b → link\n"),
        "{told}"
    );
}

#[test]
fn what_takes_a_restart_is_named() {
    let old = good(MAIL);
    let cases = [
        ("", vec![]),
        ("set limit 3\nset logfile /x\n", vec![]),
        ("set statedir /y\n", vec!["statedir"]),
        ("set uid root\nset gid root\n", vec!["uid", "gid"]),
        (
            "set pidfile /x\nset fifo /x\nset listen 127.0.0.1:514\n",
            vec!["pidfile", "listen", "fifo"],
        ),
        (
            "set tail /usr/bin/tail -n +1 -F\nset tail_multiple on\n",
            vec!["tail", "tail_multiple"],
        ),
        (
            "set tail_missing off\nset redisqueue x\nset redisserver y\n",
            vec!["tail_missing", "redisqueue", "redisserver"],
        ),
        ("set olddir old\n", vec!["olddir"]),
        (
            "set tail /usr/bin/tail -q -F -n 0\nset pidfile /var/run/tenshi.pid\n",
            vec![],
        ),
    ];
    for (text, names) in cases {
        let new = good(&format!("{MAIL}{text}"));
        assert_eq!(config::static_changes(&old, &new), names, "{text}");
        assert_eq!(config::static_changes(&new, &old), names, "removed: {text}");
    }
}

#[test]
fn a_tail_program_without_arguments_has_those_before_it_or_the_default_ones() {
    let cases = [
        ("set tail /x/follow", "-q --follow=name --retry -n 0"),
        ("set tail /x/follow 0", "-q --follow=name --retry -n 0"),
        ("set tail /x/follow -v", "-v"),
        ("set tail /x/other -a  -b\nset tail /x/follow", "-a  -b"),
        (
            "set tail /usr/bin/tail -n +1 -F\nset tail /x/follow",
            "-n +1 -F",
        ),
    ];
    for (text, want) in cases {
        let tail = good(&format!("{MAIL}{text}\n")).inputs.tail;
        let command = TailSettings::Command {
            program: "/x/follow".into(),
            arguments: want.into(),
        };
        assert_eq!(tail, command, "{text}");
    }
    let text = format!("{MAIL}set tail /x/other -n +1 -F\nset tail /usr/bin/tail\n");
    let start = TailStart::FromLine(1);
    assert_eq!(good(&text).inputs.tail, TailSettings::Follow { start });
}

#[test]
fn paths_are_bytes_but_for_nul() {
    let text = b"set mailserver x\nset logfile /l\xe9g\nset fifo /f\xff\nset statedir /s\xe9\n\
                 set pidfile /p\xe9\nset tail /t\xe9 -f \xe9\n";
    let config = config::parse_bytes(text).config.unwrap();
    let path = |bytes| Path::new(OsStr::from_bytes(bytes));
    assert_eq!(config.inputs.logfiles[0].as_path(), path(b"/l\xe9g"));
    assert_eq!(config.inputs.fifos, [path(b"/f\xff")]);
    assert_eq!(config.state.dir.as_deref(), Some(path(b"/s\xe9")));
    assert_eq!(config.process.pidfile, path(b"/p\xe9"));
    let tail = TailSettings::Command {
        program: path(b"/t\xe9").into(),
        arguments: path(b"-f \xe9").into(),
    };
    assert_eq!(config.inputs.tail, tail);
    for word in ["logfile", "fifo", "statedir", "pidfile", "tail"] {
        let loaded = config::parse_bytes(format!("{MAIL}set {word} /a\0b\n").as_bytes());
        assert!(loaded.config.is_none(), "{word}");
    }
}

#[test]
fn a_carriage_return_is_part_of_the_line_end() {
    let config = good(
        "set mailserver x\r\nset subject s\r\nset queue a f t [now] my subj\r\na two\r\na one \r\n",
    );
    assert_eq!(
        config.mail.server,
        MailServer::Smtp {
            host: "x".into(),
            port: 25
        }
    );
    assert_eq!(config.report.subject, "s");
    let Output::Mail(mail) = &config.queues[0].output else {
        panic!()
    };
    assert_eq!(
        mail.subject.as_ref().map(|s| s.as_slice()),
        Some(&b"my subj"[..])
    );
    let sources: Vec<_> = config
        .rules
        .iter()
        .map(|rule| rule.pattern.source())
        .collect();
    assert_eq!(sources, [&b"two"[..], &b"one "[..]]);
}

#[test]
fn a_password_is_for_the_server_that_is_named() {
    let auth = "set mailauth me /etc/secret\n";
    let named = format!(
        "set mailtls_fingerprint {}\n",
        "0F:".repeat(32).trim_end_matches(':')
    );
    let cases = [
        ("mail.example", "", MailTls::May),
        ("mail.example", auth, MailTls::StartTls),
        ("192.0.2.1:587", auth, MailTls::StartTls),
        ("localhost", auth, MailTls::May),
        ("[::1]:587", auth, MailTls::May),
        ("127.0.0.2", auth, MailTls::May),
        ("localhost", &named, MailTls::StartTls),
        ("sendmail:/bin/true", auth, MailTls::May),
    ];
    for (server, more, tls) in cases {
        let text = format!("set mailserver {server}\n{more}");
        assert_eq!(good(&text).mail.tls, tls, "{text}");
        // What is written is what is meant, in any order.
        for (word, said) in [
            ("may", MailTls::May),
            ("tls", MailTls::Tls),
            ("off", MailTls::Off),
        ] {
            let text = format!("{more}set mailtls {word}\nset mailserver {server}\n");
            let config = config::parse_bytes(text.as_bytes()).config.unwrap();
            assert_eq!(config.mail.tls, said, "{text}");
        }
    }
    let shown = good(&format!("{MAIL}{named}")).mail.fingerprint.unwrap();
    assert_eq!(shown.to_string(), ["0F"; 32].join(":"));
}

#[test]
fn character_sets_and_bounds() {
    let config = good(
        "set mailserver h\nset charset sjis\nset csv_safe on\nset max_memory 1G\nset logfile /l\n",
    );
    let charset = config.charsets.default.map(|charset| charset.name());
    assert_eq!((charset, config.report.csv_safe), (Some("Shift_JIS"), true));
    assert_eq!(config.state.max_memory, 1 << 30);
    let charsets = good(
        "set mailserver h\nset charset UTF-8\nset charset sjis /l/*.log\nset charset utf-16 /l/w*\n\
         set charset euc-jp 127.0.0.1:514\nset charset koi8-r q\n",
    )
    .charsets;
    let of_path = |path: &str| charsets.of_path(Path::new(path)).map(|set| set.name());
    assert_eq!(of_path("/l/a.log"), Some("Shift_JIS"));
    // The last one that is for a source counts.
    assert_eq!(of_path("/l/w.log"), Some("UTF-16LE"));
    assert_eq!(of_path("/m/a.log"), Some("UTF-8"));
    let listen = Listen::Udp("127.0.0.1:514".parse().unwrap());
    assert_eq!(
        charsets.of_listen(listen).map(|set| set.name()),
        Some("EUC-JP")
    );
    assert_eq!(
        charsets.of_list("q".into()).map(|set| set.name()),
        Some("KOI8-R")
    );
    for (wrong, says) in [
        ("charset eucjpp", "no character set"),
        ("charset utf-32", "no character set"),
        ("max_memory 1K", "bytes from 1M on"),
        ("max_memory much", "bytes from 1M on"),
        ("csv_safe yes", "neither `on` nor `off`"),
        ("html yes", "neither `on` nor `off`"),
    ] {
        let text = format!("set mailserver h\nset {wrong}\n");
        let loaded = tenshi::config::parse_bytes(text.as_bytes());
        let told: String = loaded.diagnostics.iter().map(ToString::to_string).collect();
        assert!(
            loaded.config.is_none() && told.contains(says),
            "{wrong}: {told}"
        );
    }
}

#[test]
fn silences_are_watched_by_name_and_not_without_the_directive() {
    let queue = "set queue q f t [now]\nset queue r f t [now]\n";
    let off = good(&format!("{MAIL}{queue}q x\nr y\n"));
    assert!(!off.silence.is_on());
    let on = good(&format!(
        "{MAIL}{queue}set silence q\nset silence r ^sw 6h\nset silence off ^(?:ws|sw2)\n\
         set hush ^db [0 2 * * *] 90m\n"
    ));
    assert!(on.silence.is_on());
    let of = |name: &str| {
        let rule = on.silence.rule(name.into());
        let queue = on.silence.queue(name.into());
        let name = queue.map(|queue| on.queues[queue.index()].name.as_str());
        (rule.and_then(|rule| rule.watch).map(|(_, time)| time), name)
    };
    assert_eq!(of("web1"), (None, Some("q")));
    // The first that matches.
    assert_eq!(of("sw2"), (Some(Duration::from_secs(6 * 3600)), Some("r")));
    assert_eq!(of("ws1"), (None, None));
    let hush = &on.silence.hushes[0];
    assert_eq!(hush.lasts, Duration::from_secs(90 * 60));
    let at = |text: &str| text.parse().unwrap();
    let covers = |name: &str, from, to| hush.covers(name.into(), at(from), at(to), &chrono::Utc);
    let (before, within) = ("2026-11-27T01:59:00Z", "2026-11-27T03:29:00Z");
    assert_eq!(
        covers("db1", within, within),
        Some(at("2026-11-27T03:30:00Z"))
    );
    assert_eq!(covers("db1", before, before), None);
    assert_eq!(
        covers("db1", before, within),
        Some(at("2026-11-27T03:30:00Z"))
    );
    assert_eq!(covers("web1", within, within), None);
}

#[test]
fn a_message_is_expected_unless_a_queue_has_that_name() {
    let queue = "set queue q f t [now]\n";
    let rule = "expect q [30 2 * * *] 90m ^backup: finished";
    let config = good(&format!("{MAIL}{queue}{rule}\n"));
    let Action::Expect(message) = &config.rules[0].action else {
        panic!("{:?}", config.rules[0].action);
    };
    assert_eq!(message.grace, Duration::from_secs(90 * 60));
    assert_eq!(message.begins.to_string(), "30 2 * * *");
    assert_eq!(config.rules[0].pattern.source(), b"^backup: finished");
    // In an old file the queue wins.
    let old = format!("{MAIL}{queue}set queue expect f t [now]\nq x\n{rule}\n");
    let config = good(&old);
    assert!(matches!(&config.rules[1].action, Action::Queues(_)));
    assert_eq!(
        config.rules[1].pattern.source(),
        b"q [30 2 * * *] 90m ^backup: finished"
    );
    let told = format!("{:?}", config::parse_bytes(old.as_bytes()).diagnostics);
    assert!(told.contains("a queue has the name `expect`"), "{told}");
}

#[test]
fn lines_continue_others_unless_a_queue_has_that_name() {
    let queue = "set queue q f t [now]\n";
    let config = good(&format!("{MAIL}{queue}q x\n"));
    assert!(!config.continues() && !config.lines.join);
    assert_eq!(config.continue_lines, 3);
    let rule = "continue ^ at";
    let config = good(&format!("{MAIL}{queue}set continue_lines 7\n{rule}\nq x\n"));
    assert!(config.continues() && !config.lines.join);
    assert_eq!(config.continue_lines, 7);
    assert_eq!(config.rules[0].action, Action::Continue);
    assert_eq!(config.rules[0].pattern.source(), b"^ at");
    assert!(good(&format!("{MAIL}set join on\n")).continues());
    // In an old file the queue wins.
    let old = format!("{MAIL}{queue}set queue continue f t [now]\nq x\n{rule}\n");
    let config = good(&old);
    assert!(matches!(&config.rules[1].action, Action::Queues(_)));
    let told = format!("{:?}", config::parse_bytes(old.as_bytes()).diagnostics);
    assert!(told.contains("a queue has the name `continue`"), "{told}");
}

#[test]
fn objects_and_structured_data_are_read_where_that_is_wanted() {
    let config = good(MAIL);
    let lines = &config.lines;
    assert!(!lines.json.on && !lines.structured && !lines.join);
    let fields = lines.json.fields.clone();
    assert_eq!(fields.message, ["msg", "message", "log", "MESSAGE"]);
    let on = good(&format!(
        "{MAIL}set json on\nset structured on\nset json_field host=node.name  drop=ts\n"
    ));
    assert!(on.lines.json.on && on.lines.structured);
    assert_eq!(on.lines.json.fields.host, ["node.name"]);
    assert_eq!(on.lines.json.fields.drop, ["ts"]);
    assert_eq!(on.lines.json.fields.message, fields.message);
    assert_eq!(config::deferred_changes(&config, &on), ["json"]);
}

#[test]
fn queues_are_bundled_by_name_and_not_without_the_directive() {
    let queue = "set queue q f t [now]\nset queue r f t [now]\n";
    let off = good(&format!("{MAIL}{queue}q x\nr y\n"));
    assert_eq!(off.bundle.length(QueueId(0), 0), None);
    assert_eq!(off.report.pager_hour, None);
    let on = good(&format!(
        "{MAIL}{queue}set bundle r 5m\nset bundle r 10m\nset bundle_max 30m\nset bundle_first 0\n\
         set pager_hour 6\n"
    ));
    let minutes = |n: u64| Some(Duration::from_secs(60 * n));
    let lengths = [0, 1, 2, 9].map(|doubled| on.bundle.length(QueueId(1), doubled));
    assert_eq!(lengths, [10, 20, 30, 30].map(minutes));
    assert_eq!(on.bundle.length(QueueId(0), 0), None);
    assert_eq!(on.bundle.first, 0);
    assert_eq!(on.report.pager_hour.map(u32::from), Some(6));
}
