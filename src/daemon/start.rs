//! The start: from the command line to the running loop, by configuration, checks, ids, threads.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, channel, sync_channel};
use std::time::Instant;

use super::commits::Commits;
use super::ending::Shutdown;
use super::event_loop::Daemon;
use super::inputs::Inputs;
use super::kept::JournalPositions;
use super::messages::{DEPTH, Message, Requests};
use super::pings::Pings;
use super::service_status::ServiceStatus;
use super::watchdog::Watchdog;
use crate::archive::Archive;
use crate::cli::RunArgs;
use crate::clock::{Clock, SystemClock, Time};
use crate::config::{self, Config, MailServer, ShellCommand, TailSettings, TailStart};
use crate::delivery::archiving::Archiving;
use crate::delivery::message::Identity;
use crate::delivery::outputs::Outputs;
use crate::delivery::smtp;
use crate::delivery::worker_pool::WorkerPool;
use crate::host_system::{self, is_executable};
use crate::input::file::RealFs;
use crate::input::journal::Positions;
use crate::input::{Drain, EventSender, Resume};
use crate::logging;
use crate::logpath::LogPath;
use crate::monitor::{EscalationSettlement, Monitor};
use crate::process::signals::{self, Signal};
use crate::process::{child, daemonize, ids, limits, pidfile::PidFile, service};
use crate::resolve::Resolver;
use crate::shown::shown_path;
use crate::state::{self, Snapshot, Store, make_hush_directory};
use crate::threads;

/// Runs the daemon. Gives the exit status.
pub fn run(args: &RunArgs) -> i32 {
    logging::init(logging::Target::Stderr, args.debug);
    limits::raise();
    child::shield();
    threads::guard();
    let config = match checked(&args.config) {
        Ok(config) => config,
        Err(faults) => {
            for fault in faults {
                log::error!("{fault}");
            }
            return 1;
        }
    };
    if args.foreground || args.print || args.debug > 0 {
        return match begin(args, config) {
            Ok(daemon) => running(daemon),
            Err(fault) => {
                log::error!("{fault}");
                1
            }
        };
    }
    in_background(args, config)
}

fn running(daemon: Daemon) -> i32 {
    service::ready();
    if !daemon.commits.on_disk() {
        log::info!(
            "no state directory: {}nothing is kept over a restart (`set statedir DIR` keeps it)",
            first_lines(&daemon.monitor.config().inputs.tail)
        );
    }
    daemon.run()
}

/// The words for where new files are begun.
fn first_lines(tail: &TailSettings) -> String {
    let TailSettings::Follow { start } = tail else {
        return String::new();
    };
    match start {
        TailStart::End | TailStart::LastLines(0) => {
            "files are followed from their ends, and ".into()
        }
        TailStart::LastLines(lines) => {
            format!("of each file the last lines are read first (`-n {lines}`), and ")
        }
        TailStart::FromLine(0 | 1) => "files are read from their beginnings, and ".into(),
        TailStart::FromLine(line) => format!("files are read from line {line} on, and "),
    }
}

/// Runs in the background: the parent ends when the child says that it runs.
fn in_background(args: &RunArgs, config: Config) -> i32 {
    // The daemon's directory will be `/`: a relative path is meant from here.
    let path = args.pid_file.as_ref().unwrap_or(&config.process.pidfile);
    let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
    let ready = match daemonize::daemonize() {
        Ok(ready) => ready,
        Err(fault) => {
            log::error!("{fault}");
            return 1;
        }
    };
    let begun = PidFile::create(&path).and_then(|pid| Ok((pid, begin(args, config)?)));
    match begun {
        Ok((pid_file, daemon)) => {
            logging::set_target(logging::Target::Syslog);
            ready.report_ok();
            let status = running(daemon);
            pid_file.remove();
            status
        }
        Err(fault) => {
            ready.report_error(&fault);
            1
        }
    }
}

/// Reads and checks the configuration.
fn checked(path: &Path) -> Result<Config, Vec<String>> {
    let mut loaded = config::load(path);
    host_system::check(&mut loaded);
    let errors = loaded.diagnostics.iter().filter(|d| d.is_error());
    let errors: Vec<String> = errors.map(ToString::to_string).collect();
    let config = loaded.config.ok_or(errors)?;
    let warnings = loaded.diagnostics.iter().filter(|d| !d.is_error()).count();
    if warnings > 0 {
        log::debug!("{warnings} warnings about the configuration: tenshi -C shows them");
    }
    let faults = faults(&config);
    if faults.is_empty() {
        Ok(config)
    } else {
        Err(faults)
    }
}

/// The reasons why this configuration cannot run on this machine.
pub(super) fn faults(config: &Config) -> Vec<String> {
    let inputs = &config.inputs;
    let mut faults = Vec::new();
    for queue in &config.queues {
        let command = queue.output.program();
        if let Some(ShellCommand { program, .. }) =
            command.filter(|c| !is_executable(Path::new(&c.program)))
        {
            faults.push(format!("{program}: not executable (queue {})", queue.name));
        }
    }
    for (name, ShellCommand { program, .. }) in &config.mail.programs {
        if !is_executable(Path::new(program)) {
            faults.push(format!("{program}: not executable (set notify {name})"));
        }
    }
    if let Some(ping) = &config.health_ping
        && !is_executable(Path::new(&ping.command.program))
    {
        let program = &ping.command.program;
        faults.push(format!("{program}: not executable (set heartbeat)"));
    }
    if let MailServer::Sendmail { program, .. } = &config.mail.server
        && !is_executable(program)
    {
        faults.push(format!(
            "{}: not executable (set mailserver)",
            crate::shown::shown_path(program)
        ));
    }
    if inputs.logfiles.is_empty() && !inputs.beside_logs() {
        faults.push("no valid log files: add a `set logfile` line".into());
    }
    faults.extend(without_logs(config).map(str::to_owned));
    if let Some(program) = &inputs.tail_program
        && !program.exists()
    {
        faults.push(format!(
            "set tail: {}: no such program",
            shown_path(&program)
        ));
    }
    faults
}

/// The reason why nothing would be read, if all log files are missing and none is waited for.
pub fn without_logs(config: &Config) -> Option<&'static str> {
    let inputs = &config.inputs;
    if inputs.tail_missing || inputs.beside_logs() || inputs.logfiles.is_empty() {
        return None;
    }
    let found = |path: &LogPath| !path.expand(&RealFs).paths.is_empty();
    let none = !inputs.logfiles.iter().any(found);
    none.then_some("no valid log files: none of them exists, and tail_missing is off")
}

/// Opens the inputs that only root may open, and drops root's rights; then looks whether mail can be
/// sent with those that are left. Gives the open inputs and the state directory.
fn drop_rights(args: &RunArgs, config: &Config) -> Result<(Inputs, Option<PathBuf>), String> {
    let process = &config.process;
    let identity = ids::Identity::resolve(process.uid.as_deref(), process.gid.as_deref())?;
    let mut inputs = Inputs::open(config, identity.is_some())?;
    // The daemon's own directory may be `/` by now.
    let given = args
        .state_dir
        .as_ref()
        .map(|dir| config.directory.join(dir));
    let dir = state::resolve(given.as_deref(), config.state.dir.as_deref());
    if let Some(identity) = &identity {
        if let Some(dir) = &dir {
            ids::make_directory(dir, identity)?;
        }
        ids::drop_to(identity)?;
        inputs.open_rest()?;
    }
    if let Err(fault) = smtp::check_auth(&config.mail) {
        log::warn!("mailauth: {fault}; no mail can be sent until that is mended");
    }
    Ok((inputs, dir))
}

/// The loop's ends of its channels.
type Channels = (SyncSender<Message>, Receiver<Message>, Receiver<Signal>);

/// Makes the channels to the loop, and has the signals and the death of a thread sent over them.
fn channels() -> Result<Channels, String> {
    let (sender, messages) = sync_channel(DEPTH);
    let death = sender.clone();
    threads::on_death(move || {
        let sent = death.try_send(Message::ThreadDied);
        !matches!(sent, Err(TrySendError::Full(_)))
    });
    let (signal_sender, signals) = channel();
    let wake = sender.clone();
    let receive = move |signal| {
        let _ = signal_sender.send(signal);
        // Where there is no room, the loop is awake.
        let _ = wake.try_send(Message::Signal);
    };
    signals::spawn(receive).map_err(|e| format!("no thread for the signals: {e}"))?;
    Ok((sender, messages, signals))
}

/// Starts the threads, on top of what the snapshot holds.
fn begin(args: &RunArgs, config: Config) -> Result<Daemon, String> {
    let (mut inputs, dir) = drop_rights(args, &config)?;
    let (sender, messages, signals) = channels()?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let now = clock.now();
    let config = Arc::new(config);
    let mut monitor = Monitor::new(config.clone(), now);
    monitor.name_console(&hostname());
    let (store, snapshot) = open_store(dir.as_deref(), &sender, &mut monitor)?;
    let mut before = snapshot.unwrap_or_default();
    let catching_up = !before.files.is_empty() || !before.journal.files.is_empty();
    let settlements = restore(&mut before, &mut monitor, now);
    let resume = resume(&config, &mut before);
    let events = EventSender::new(sender.clone(), |event| Message::Input(Box::new(event)));
    inputs.start(&config, &resume, &clock, &events)?;
    let requests = first_requests(&inputs, catching_up);
    let identity = identity();
    let begun = inputs.begun();
    let mut journal = JournalPositions::new(resume.journal);
    journal.make(begun.journal);
    let archive = store.as_ref().map(archive_of);
    let mut daemon = Daemon {
        outputs: outputs(&config, identity.clone(), args.print, &archive),
        archive,
        workers: workers(sender.clone()),
        next_due: None,
        files: resume.files.into_iter().chain(begun.files).collect(),
        journal,
        patterns: begun.patterns,
        resolver: resolver(&config),
        monitor,
        clock,
        config_file: config.file.clone(),
        identity,
        print: args.print,
        outbox: before.outbox,
        settlements,
        inputs,
        messages,
        sender,
        site: None,
        pings: Pings::new(&config, now),
        signals,
        requests,
        next_check: now + config.sleep,
        turned: now,
        watchdog: Watchdog::new(service::watchdog(), Instant::now()),
        next_heartbeat: now,
        service_status: ServiceStatus::new(),
        shutdown: Shutdown::default(),
        commits: Commits::new(store),
        counted: before.redis,
        faults: HashMap::new(),
        blind: BTreeSet::new(),
        started: now,
        catching_up,
    };
    daemon.begin_site(before.site, now)?;
    daemon.take_learnt(&config, now);
    daemon.commit_here(daemon.clock.now());
    Ok(daemon)
}

/// Where the inputs go on from a snapshot.
fn resume(config: &Config, before: &mut Snapshot) -> Resume {
    let journal = std::mem::take(&mut before.journal);
    Resume {
        files: std::mem::take(&mut before.files),
        patterns: std::mem::take(&mut before.patterns),
        counted: before.redis.clone(),
        journal: match config.inputs.journals.is_empty() {
            // A journal that is named again later is begun anew.
            true => Positions::default(),
            false => journal,
        },
    }
}

/// The workers of the run, whose results are messages to the loop.
fn workers(sender: SyncSender<Message>) -> WorkerPool {
    WorkerPool::new(move |result| {
        drop(sender.send(Message::Attempted(result)));
    })
}

/// The requests at the start: lines of before it are read to their end first.
fn first_requests(inputs: &Inputs, catching_up: bool) -> Requests {
    Requests {
        drains_awaited: match catching_up {
            true => inputs.drain(Drain::All),
            false => 0,
        },
        ..Requests::default()
    }
}

/// Restores the counts of a snapshot. Gives the escalation counters that are settled with each of
/// its mails.
pub(super) fn restore(
    before: &mut Snapshot,
    monitor: &mut Monitor,
    now: Time,
) -> HashMap<u64, EscalationSettlement> {
    if before.made != Time::default() {
        for queue in monitor.restore(before.take_monitor(), now) {
            log::error!("queue {queue} is not in the configuration any more: its lines are lost");
        }
    }
    before
        .outbox
        .set_notifications(std::mem::take(&mut before.notified));
    before.outbox.clock_was_set(now);
    let settlements = before.settlements.iter();
    settlements
        .map(|(id, saved)| (*id, monitor.settlement_from(saved)))
        .collect()
}

/// The outputs of a configuration.
pub(super) fn outputs(
    config: &Config,
    identity: Identity,
    print: bool,
    archive: &Option<Arc<Archive>>,
) -> Outputs {
    Outputs::new(&config.mail, identity, print).archiving(archiving(archive, config))
}

/// The archive of a state directory.
fn archive_of(store: &Store) -> Arc<Archive> {
    Arc::new(Archive::new(store.directory()))
}

/// How delivered letters are archived, where `set archive` asks for it.
fn archiving(archive: &Option<Arc<Archive>>, config: &Config) -> Option<Archiving> {
    let days = config.state.archive?;
    let Some(archive) = archive.clone() else {
        log::warn!("no state directory: delivered letters are not archived (`set archive`)");
        return None;
    };
    Some(Archiving { archive, days })
}

/// The version and the machine that our mails name; the outputs know their form.
pub(super) fn identity() -> Identity {
    Identity {
        version: env!("CARGO_PKG_VERSION").into(),
        hostname: hostname(),
        html: false,
    }
}

/// The resolver of host names, where `set resolve on` asks for one.
pub(super) fn resolver(config: &Config) -> Option<Resolver> {
    if !config.report.resolve {
        return None;
    }
    let left_out = |e| log::error!("no thread for the names of hosts, they are left out: {e}");
    Resolver::new().map_err(left_out).ok()
}

/// Takes the state directory into use, where there is one.
fn open_store(
    dir: Option<&Path>,
    sender: &SyncSender<Message>,
    monitor: &mut Monitor,
) -> Result<(Option<Store>, Option<Snapshot>), String> {
    let Some(dir) = dir else {
        return Ok((None, None));
    };
    let stored = sender.clone();
    let (store, loaded) = Store::open(dir, move |result| {
        drop(stored.send(Message::Written(result)));
    })?;
    if monitor.config().silence.is_on()
        && let Err(e) = make_hush_directory(dir)
    {
        log::warn!(
            "no directory for hushes can be made in {}: {e}",
            shown_path(&dir)
        );
    }
    if let Some(warning) = loaded.warning {
        log::error!("{warning}");
        monitor.remark(warning);
    }
    Ok((Some(store), loaded.snapshot))
}

/// The machine's name, for `X-tenshi-hostname` and Message-IDs.
pub fn hostname() -> String {
    let name = nix::unistd::gethostname().ok();
    name.and_then(|name| name.into_string().ok())
        .unwrap_or_else(|| "localhost".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_says_where_files_are_begun() {
        let words = |tail: &str| {
            let text = format!("set mailserver h\nset logfile /l\n{tail}\n");
            let loaded = config::parse_bytes(text.as_bytes());
            first_lines(&loaded.config.expect(tail).inputs.tail)
        };
        let tails = [
            ("", "from their ends"),
            ("set tail /usr/bin/tail -q -F -n 0", "from their ends"),
            (
                "set tail /usr/bin/tail -q -F -n +1",
                "from their beginnings",
            ),
            ("set tail /usr/bin/tail -q -F -n +7", "from line 7 on"),
            (
                "set tail /usr/bin/tail -q -F -n 7",
                "the last lines are read first (`-n 7`)",
            ),
        ];
        for (tail, says) in tails {
            assert!(words(tail).contains(says), "{tail}: {}", words(tail));
        }
    }
}
