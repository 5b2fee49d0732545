//! From the command line to the running loop: configuration, checks, ids, threads.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};

use super::{Daemon, Message, PostOffice, forward};
use crate::cli::RunArgs;
use crate::clock::{Clock, SystemClock};
use crate::config::{self, Config, Output, ShellCommand, TailSettings, TailStart};
use crate::delivery::message::Identity;
use crate::delivery::outbox::Outbox;
use crate::delivery::worker::{Courier, Post, PrintCourier, SmtpCourier};
use crate::input::file;
use crate::logging;
use crate::monitor::Monitor;
use crate::process::{daemonize, ids, pidfile::PidFile, service, signals};

/// How many batches may wait for the loop: at 256 KiB each, this bounds what is read ahead.
const DEPTH: usize = 16;

/// Runs the daemon; the exit status.
pub fn run(args: &RunArgs) -> i32 {
    logging::init(logging::Target::Stderr, args.debug);
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
            Ok(daemon) => {
                service::ready();
                daemon.run()
            }
            Err(fault) => {
                log::error!("{fault}");
                1
            }
        };
    }
    in_background(args, config)
}

/// The daemon proper: the parent goes when the child says that it runs.
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
            service::ready();
            let status = daemon.run();
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
    let loaded = config::load(path);
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

/// What keeps this configuration from running here.
pub(super) fn faults(config: &Config) -> Vec<String> {
    let inputs = &config.inputs;
    let mut faults = Vec::new();
    let absent = [
        ("listen", !inputs.listen.is_empty()),
        ("fifo", !inputs.fifos.is_empty()),
        ("redisqueue", !inputs.redis_queues.is_empty()),
        (
            "tail with a program of your own",
            matches!(inputs.tail, TailSettings::Command { .. }),
        ),
        ("resolve on", config.report.resolve),
        ("statedir", config.state.dir.is_some()),
    ];
    for (name, _) in absent.iter().filter(|(_, used)| *used) {
        faults.push(format!(
            "`set {name}` does not work in this version yet: take the line out"
        ));
    }
    for queue in &config.queues {
        let command = match &queue.output {
            Output::Mail(mail) => mail.filter.as_ref(),
            Output::Csv(command) => Some(command),
        };
        if let Some(ShellCommand { program, .. }) = command.filter(|c| !executable(&c.program)) {
            faults.push(format!("{program}: not executable (queue {})", queue.name));
        }
    }
    if inputs.logfiles.is_empty() {
        faults.push("no valid log files: add a `set logfile` line".into());
    } else if !inputs.tail_missing && !inputs.logfiles.iter().any(|path| path.exists()) {
        faults.push("no valid log files: none of them exists, and tail_missing is off".into());
    }
    faults
}

fn executable(program: &str) -> bool {
    Path::new(program).is_file()
        && nix::unistd::access(program, nix::unistd::AccessFlags::X_OK).is_ok()
}

/// Drops the privileges and starts the threads.
fn begin(args: &RunArgs, config: Config) -> Result<Daemon, String> {
    if args.state_dir.is_some() {
        return Err("`--state-dir` does not work in this version yet".into());
    }
    let process = &config.process;
    if let Some(identity) = ids::Identity::resolve(process.uid.as_deref(), process.gid.as_deref())?
    {
        ids::drop_to(&identity)?;
    }
    let hostname = hostname();
    let (sender, messages) = sync_channel(DEPTH);
    let signal_sender = sender.clone();
    signals::spawn(move |signal| drop(signal_sender.send(Message::Signal(signal))))
        .map_err(|e| format!("no thread for the signals: {e}"))?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let follower = follow(&config, clock.clone(), sender.clone())?;
    let post_office = post_office(args.print, &hostname, sender);
    let now = clock.now();
    let config = Arc::new(config);
    let monitor = Monitor::new(config.clone(), now);
    Ok(Daemon {
        post: post_office(&config),
        post_office,
        next_due: monitor.next_due(),
        monitor,
        clock,
        config_file: config.file.clone(),
        hostname,
        outbox: Outbox::default(),
        hosts: HashMap::new(),
        follower,
        messages,
        wishes: Vec::new(),
        wishes_until: None,
        next_check: now + config.sleep,
        watchdog: service::watchdog(),
        next_alive: now,
        ending: None,
    })
}

fn follow(
    config: &Config,
    clock: Arc<dyn Clock>,
    sender: SyncSender<Message>,
) -> Result<file::Handle, String> {
    let inputs = &config.inputs;
    let start = match inputs.tail {
        TailSettings::Follow { start } => start,
        TailSettings::Command { .. } => TailStart::End,
    };
    let settings = file::Settings {
        start,
        wait_for_missing: inputs.tail_missing,
        max_line: inputs.max_line,
        catchup: config.state.catchup,
    };
    let follower = file::Follower::new(file::RealFs, settings, &inputs.logfiles, Vec::new());
    let (events, received) = sync_channel(DEPTH);
    forward(received, sender).map_err(|e| format!("no thread for the inputs: {e}"))?;
    file::spawn(follower, clock, events).map_err(|e| format!("no thread for the files: {e}"))
}

fn post_office(print: bool, hostname: &str, sender: SyncSender<Message>) -> PostOffice {
    let identity = Identity {
        version: env!("CARGO_PKG_VERSION").into(),
        hostname: hostname.into(),
    };
    Box::new(move |config| {
        let courier: Arc<dyn Courier> = match print {
            true => Arc::new(PrintCourier::new(identity.clone())),
            false => Arc::new(SmtpCourier::new(config.mail.clone(), identity.clone())),
        };
        let sender = sender.clone();
        Post::spawn(courier, config.mail.filter_timeout, move |outcome| {
            drop(sender.send(Message::Outcome(outcome)));
        })
    })
}

/// The machine's name, for `X-tenshi-hostname` and Message-IDs.
pub fn hostname() -> String {
    let name = nix::unistd::gethostname().ok();
    name.and_then(|name| name.into_string().ok())
        .unwrap_or_else(|| "localhost".into())
}
