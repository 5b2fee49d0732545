//! The examples of `examples/notify`, each line as it is shipped but for its addresses: Alertmanager, Icinga 2,
//! zabbix_sender, apprise and curl are Debian's; chats and the Zabbix server are receivers true to their protocols.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde_json::Value;

use crate::support::daemon::Daemon;
use crate::support::ports::free_port;
use crate::support::{Dir, NEVER, line, poll};

/// Programs in Python, five at once, on a busy machine.
const LONG: Duration = Duration::from_secs(120);
/// What no chat, JSON or shell may take for its own.
const TEXT: &str = "q\"uo\\te 'x' ü $(id) `id` %s </b> &amp;";

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/notify")
}

/// The lines of these programs in the shipped configuration, with other addresses.
fn lines(names: &[&str], replace: &[(&str, String)]) -> String {
    let text = fs::read_to_string(examples().join("tenshi.conf")).unwrap();
    let mut lines = String::new();
    for name in names {
        let begin = format!("set notify {name} ");
        let mut shipped = text.lines().filter(|line| line.starts_with(&begin));
        let mut line = shipped
            .next()
            .unwrap_or_else(|| panic!("no {name}"))
            .to_owned();
        for (from, to) in replace {
            line = line.replace(from, to);
        }
        lines.push_str(&line);
        lines.push('\n');
    }
    lines
}

/// A daemon whose queue `critical` has these programs for recipients, and has a report for them.
fn report(dir: &Dir, names: &[&str], lines: &str, environment: &[(&str, &Path)]) -> Daemon {
    dir.write("log", "");
    let to: Vec<String> = names.iter().map(|name| format!("notify:{name}")).collect();
    let config = format!(
        "set logfile {}\nset statedir {}\nset sleep 1\nset mailserver 127.0.0.1:9\n{lines}\
         set queue critical from@x {} {NEVER} [ALARM]\ncritical .*\n",
        dir.path("log").display(),
        dir.path("state").display(),
        to.join(",")
    );
    let daemon = Daemon::start_in(dir, &config, &["log"], &[], environment);
    dir.append("log", line("web1", TEXT).repeat(2));
    dir.append("log", line("db1", "other"));
    daemon.signal(Signal::SIGUSR2);
    daemon
}

/// A server that does not outlive its test, nor do the processes that it started.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let group = Pid::from_raw(i32::try_from(self.0.id()).expect("a pid"));
        let _ = killpg(group, Signal::SIGKILL);
        let _ = self.0.wait();
    }
}

/// Starts a server of a Debian package; its words are in `server.log`.
fn serve(dir: &Dir, command: &mut Command) -> Server {
    let log = File::create(dir.path("server.log")).unwrap();
    command
        .stdin(Stdio::null())
        .stderr(log.try_clone().unwrap());
    let started = command.stdout(log).process_group(0).spawn();
    Server(started.unwrap_or_else(|e| panic!("{command:?}: {e}")))
}

/// Asks a web server by curl until `good` takes the answer.
fn ask(dir: &Dir, arguments: &[&str], good: impl Fn(&Value) -> bool) -> Value {
    let found = poll(LONG, || {
        let output = Command::new("curl")
            .args(["-sS", "-m", "10"])
            .args(arguments)
            .output();
        let answer: Value = serde_json::from_slice(&output.ok()?.stdout).ok()?;
        let good = good(&answer);
        if !good {
            std::thread::sleep(Duration::from_millis(50));
        }
        good.then_some(answer)
    });
    let told = fs::read_to_string(dir.path("server.log")).unwrap_or_default();
    let messages = fs::read_to_string(dir.path("stderr")).unwrap_or_default();
    found.unwrap_or_else(|| panic!("{messages}\n{told}"))
}

/// A certificate of its own for these names, and its key.
fn certificate(dir: &Dir, name: &str, names: &[&str]) -> (PathBuf, PathBuf) {
    let (crt, key) = (
        dir.path(&format!("{name}.crt")),
        dir.path(&format!("{name}.key")),
    );
    let names: Vec<String> = names.iter().map(|name| format!("DNS:{name}")).collect();
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
        ])
        .args([
            "-nodes",
            "-days",
            "30",
            "-subj",
            &format!("/CN={name}"),
            "-addext",
        ])
        .arg(format!("subjectAltName={}", names.join(",")))
        .arg("-keyout")
        .arg(&key)
        .arg("-out")
        .arg(&crt)
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    (crt, key)
}

#[test]
fn chats_get_the_report_by_apprise_and_by_curl() {
    let dir = Dir::new();
    let hosts = [
        "hooks.slack.com",
        "example.webhook.office.com",
        "matrix.example.org",
        "ntfy.sh",
    ];
    let (crt, key) = certificate(&dir, "receiver", &hosts);
    let (port, log) = (dir.path("port"), dir.path("received"));
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/site/notify/receiver.py");
    let mut python = Command::new("python3");
    let _server = serve(&dir, python.arg(script).args([&port, &log, &crt, &key]));
    let port = poll(LONG, || fs::read_to_string(&port).ok()).expect("the receiver's port");
    let names = ["phone", "ntfy", "slack", "matrix", "teams"];
    let apprise = examples().join("apprise.conf").display().to_string();
    let webhook = examples().join("slack.curl").display().to_string();
    let replace = [
        ("/etc/tenshi/apprise.conf", apprise),
        ("/etc/tenshi/slack.curl", webhook),
        ("/usr/local/lib/tenshi", examples().display().to_string()),
    ];
    let lines = lines(&names, &replace);
    let proxy = PathBuf::from(format!("http://127.0.0.1:{port}"));
    let environment = [
        ("https_proxy", proxy.as_path()),
        ("REQUESTS_CA_BUNDLE", crt.as_path()),
        ("CURL_CA_BUNDLE", crt.as_path()),
    ];
    let mut daemon = report(&dir, &names, &lines, &environment);
    let received = || {
        let text = fs::read_to_string(&log).unwrap_or_default();
        let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
        lines.collect::<Vec<Value>>()
    };
    let all = poll(LONG, || {
        Some(received()).filter(|all| all.len() >= names.len())
    });
    assert!(all.is_some(), "{:?}\n{}", received(), daemon.stderr());
    daemon.finish();
    let mut services = BTreeMap::new();
    for message in received() {
        let service = message["service"].as_str().unwrap().to_owned();
        let text = message["text"].as_str().unwrap();
        assert!(text.contains(&format!("    2: {TEXT}")), "{message}");
        assert!(text.contains("db1: \n    1: other"), "{message}");
        let title = message["title"].as_str().unwrap_or(text);
        assert!(title.contains("[ALARM] [critical]"), "{message}");
        *services.entry(service).or_insert(0) += 1;
    }
    let want = [("matrix", 1), ("ntfy", 2), ("slack", 1), ("teams", 1)];
    assert_eq!(services, want.map(|(name, n)| (name.to_owned(), n)).into());
    // Each program said so too: one that says that it failed has the report again and again.
    let told = daemon.stderr();
    assert!(!told.contains("notify "), "{told}");
}

#[test]
fn alertmanager_gets_the_report_as_an_alert() {
    let dir = Dir::new();
    let port = free_port();
    let config = "route:\n  receiver: none\nreceivers:\n- name: none\n";
    let config = dir.write("alertmanager.yml", config);
    let mut server = Command::new("prometheus-alertmanager");
    server.arg(format!("--config.file={}", config.display()));
    server.arg(format!("--storage.path={}", dir.path("data").display()));
    server.arg(format!("--web.listen-address=127.0.0.1:{port}"));
    let _server = serve(&dir, server.arg("--cluster.listen-address="));
    let url = format!("http://127.0.0.1:{port}");
    let replace = [
        (
            "/usr/local/lib/tenshi/",
            format!("{}/", examples().display()),
        ),
        ("http://alertmanager.example.org:9093", url.clone()),
    ];
    let lines = lines(&["alertmanager"], &replace);
    // It is tried until the server is up.
    let mut daemon = report(&dir, &["alertmanager"], &lines, &[]);
    let alerts = ask(&dir, &[&format!("{url}/api/v2/alerts")], |answer| {
        answer.as_array().is_some_and(|alerts| !alerts.is_empty())
    });
    let alert = &alerts[0];
    assert_eq!(alert["labels"]["queue"], "critical");
    assert_eq!(alert["labels"]["instance"], "web1");
    let notes = &alert["annotations"];
    assert_eq!(
        (&notes["lines"], &notes["hosts"]),
        (&"3".into(), &"2".into())
    );
    assert_eq!(notes["summary"], "[ALARM] [critical]");
    let text = notes["description"].as_str().unwrap();
    assert!(text.contains(&format!("    2: {TEXT}")), "{text}");
    assert!(alert["endsAt"].as_str() > alert["startsAt"].as_str());
    daemon.finish();
}

#[test]
fn icinga_gets_the_report_as_a_passive_result() {
    let dir = Dir::new();
    let (port, root) = (free_port(), dir.root().display());
    for name in ["certs", "logs", "run", "cache", "spool"] {
        fs::create_dir(dir.path(name)).unwrap();
    }
    let (crt, key) = certificate(&dir, "loghost", &["localhost", "loghost"]);
    for name in ["loghost.crt", "ca.crt"] {
        fs::copy(&crt, dir.path("certs").join(name)).unwrap();
    }
    fs::copy(&key, dir.path("certs/loghost.key")).unwrap();
    let config = format!(
        "include <itl>\nobject Endpoint \"loghost\" {{ }}\n\
         object Zone \"loghost\" {{ endpoints = [ \"loghost\" ] }}\n\
         object ApiListener \"api\" {{ bind_host = \"127.0.0.1\"; bind_port = \"{port}\" }}\n\
         object ApiUser \"tenshi\" {{ password = \"PASSWORD\"; permissions = [ \
         \"actions/process-check-result\", \"objects/query/Service\" ] }}\n\
         object Host \"loghost\" {{ check_command = \"passive\"; enable_active_checks = false }}\n\
         object Service \"tenshi\" {{ host_name = \"loghost\"; check_command = \"passive\"; \
         enable_active_checks = false }}\n"
    );
    let config = dir.write("icinga2.conf", config);
    let me = nix::unistd::User::from_uid(nix::unistd::geteuid())
        .unwrap()
        .unwrap();
    let mut server = Command::new("icinga2");
    server.arg("daemon").arg("-c").arg(config);
    let places = [
        ("DataDir", ""),
        ("LogDir", "/logs"),
        ("CacheDir", "/cache"),
        ("SpoolDir", "/spool"),
        ("InitRunDir", "/run"),
        ("PidPath", "/run/pid"),
        ("StatePath", "/icinga.state"),
        ("ModAttrPath", "/modified.conf"),
        ("ObjectsPath", "/cache/objects"),
        ("VarsPath", "/cache/vars"),
    ];
    server.args(places.map(|(name, place)| format!("-D{name}={root}{place}")));
    server
        .arg("-DNodeName=loghost")
        .arg(format!("-DRunAsUser={}", me.name));
    let group = nix::unistd::Group::from_gid(me.gid).unwrap().unwrap();
    let _server = serve(&dir, server.arg(format!("-DRunAsGroup={}", group.name)));
    let login = fs::read_to_string(examples().join("icinga.curl")).unwrap();
    let ca = crt.display().to_string();
    let login = dir.write(
        "icinga.curl",
        login.replace("/etc/tenshi/icinga-ca.crt", &ca),
    );
    let url = format!("https://localhost:{port}");
    let replace = [
        (
            "/usr/local/lib/tenshi/",
            format!("{}/", examples().display()),
        ),
        ("/etc/tenshi/icinga.curl", login.display().to_string()),
        ("https://icinga.example.org:5665", url.clone()),
    ];
    let lines = lines(&["icinga"], &replace);
    let mut daemon = report(&dir, &["icinga"], &lines, &[]);
    let object = format!("{url}/v1/objects/services/loghost!tenshi?attrs=last_check_result");
    let login = login.display().to_string();
    let answer = ask(&dir, &["-K", &login, &object], |answer| {
        answer["results"][0]["attrs"]["last_check_result"]["output"].is_string()
    });
    let result = &answer["results"][0]["attrs"]["last_check_result"];
    let output = result["output"].as_str().unwrap();
    let head = "[ALARM] [critical]: 3 lines of 2 hosts, most of them of web1\n";
    assert!(output.starts_with(head), "{output}");
    assert!(output.contains(&format!("    2: {TEXT}")), "{output}");
    assert_eq!(result["state"], 2);
    daemon.finish();
}

/// Takes one request of zabbix_sender as a Zabbix server does: the values of these items are processed, others fail.
fn zabbix(mut client: TcpStream, known: &[&str]) -> Value {
    let mut head = [0; 13];
    client.read_exact(&mut head).unwrap();
    assert_eq!(&head[..5], b"ZBXD\x01");
    let length = u32::from_le_bytes(head[5..9].try_into().unwrap());
    let mut body = vec![0; length as usize];
    client.read_exact(&mut body).unwrap();
    let request: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(request["request"], "sender data");
    let values = request["data"].as_array().unwrap();
    let fits = |value: &&Value| {
        value["host"] == "loghost" && known.contains(&value["key"].as_str().unwrap())
    };
    let processed = values.iter().filter(fits).count();
    let (failed, total) = (values.len() - processed, values.len());
    let info = format!(
        "processed: {processed}; failed: {failed}; total: {total}; seconds spent: 0.000055"
    );
    let reply = serde_json::json!({"response": "success", "info": info}).to_string();
    let length = u32::try_from(reply.len()).unwrap().to_le_bytes();
    let reply = [b"ZBXD\x01", &length[..], &[0; 4], reply.as_bytes()].concat();
    client.write_all(&reply).unwrap();
    request["data"].clone()
}

#[test]
fn zabbix_gets_the_report_as_values_of_items_and_what_it_refuses_is_sent_again() {
    let dir = Dir::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (sent, got) = channel();
    std::thread::spawn(move || {
        // At first an item is missing.
        let mut known = vec!["tenshi.lines[critical]"];
        for client in listener.incoming().flatten() {
            let _ = sent.send(zabbix(client, &known));
            known = vec!["tenshi.lines[critical]", "tenshi.report[critical]"];
        }
    });
    let replace = [
        (
            "/usr/local/lib/tenshi/",
            format!("{}/", examples().display()),
        ),
        ("-z zabbix.example.org", format!("-z 127.0.0.1 -p {port}")),
    ];
    let lines = lines(&["zabbix"], &replace);
    let mut daemon = report(&dir, &["zabbix"], &lines, &[]);
    let first = got
        .recv_timeout(LONG)
        .unwrap_or_else(|e| panic!("{e}: {}", daemon.stderr()));
    daemon.wait_stderr("notify zabbix: exit status 2");
    let second = got
        .recv_timeout(LONG)
        .unwrap_or_else(|e| panic!("{e}: {}", daemon.stderr()));
    daemon.finish();
    for values in [first, second] {
        assert_eq!(values[0]["value"], "3");
        let text = values[1]["value"].as_str().unwrap();
        assert!(text.contains(&format!("web1: \n    2: {TEXT}")), "{text}");
    }
}
