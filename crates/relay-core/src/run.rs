//! The whole `main` of a relay: its arguments, settings, logger, listeners and orderly end.

mod arguments;
mod doctor;

use std::ffi::OsString;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::process::ExitCode;
use std::sync::mpsc;
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::module::Module;
use crate::relay::Relay;
use crate::server::{self, StartError};
use crate::settings::{
    Environment, Loaded, SETTINGS, Settings, SettingsError, WrongSettings, listing, markdown,
};
use crate::telemetry;
use arguments::Task;

/// The C library keeps what a peak has fragmented; this one gives it back within seconds.
#[cfg(feature = "jemalloc")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Runs a relay until SIGTERM, SIGINT or SIGQUIT, or does what its arguments say (`--help` lists it). A relay that does
/// not start says why on standard error; the message names the setting that is wrong.
pub fn run(relay: &Relay) -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let task = match arguments::parse(relay.module(), &arguments) {
        Ok(task) => task,
        Err(error) if error.use_stderr() => {
            complain(error.render().to_string());
            return ExitCode::from(USAGE);
        }
        Err(help) => return done(relay, print(&help.render().to_string())),
    };
    done(relay, perform(relay, &task))
}

/// Exit code of a program whose arguments make no sense.
const USAGE: u8 = 2;

fn done(relay: &Relay, outcome: anyhow::Result<ExitCode>) -> ExitCode {
    outcome.unwrap_or_else(|error| {
        report(relay, &error);
        ExitCode::FAILURE
    })
}

/// Writes the error that ends the program, a line for each setting that is wrong. There is no backtrace, since it is a
/// user who is to read it.
fn report(relay: &Relay, error: &anyhow::Error) {
    let problems = match error.downcast_ref::<WrongSettings>() {
        Some(WrongSettings(wrong)) => wrong.iter().map(ToString::to_string).collect(),
        None => vec![format!("{error:#}")],
    };
    let format = Settings::log_format(relay.module(), &Environment::of_process());
    complain(telemetry::log::start_failed(format, &problems));
}

/// Writes what ends the program, unless nobody reads it: then the program ends without.
fn complain(text: String) {
    let (written, done) = mpsc::channel();
    std::thread::spawn(move || {
        let _ = std::io::stderr().write_all(text.as_bytes());
        let _ = written.send(());
    });
    let _ = done.recv_timeout(telemetry::log::FLUSH);
}

fn perform(relay: &Relay, task: &Task) -> anyhow::Result<ExitCode> {
    let module = relay.module();
    match task {
        Task::Serve => serve(relay).map(|()| ExitCode::SUCCESS),
        Task::Healthcheck => healthcheck(module),
        Task::Settings { markdown: false } => print(&listing(SETTINGS.iter().chain(module.settings))),
        Task::Settings { markdown: true } => print(&format!(
            "Settings of every relay:\n\n{}\nSettings of {}:\n\n{}",
            markdown(SETTINGS),
            module.package,
            markdown(module.settings)
        )),
        Task::Doctor(asked) => {
            let (text, code) = doctor::run(relay, asked)?;
            print(&text).map(|_| code)
        }
    }
}

fn print(text: &str) -> anyhow::Result<ExitCode> {
    std::io::stdout().write_all(text.as_bytes()).context("standard output is closed")?;
    Ok(ExitCode::SUCCESS)
}

fn serve(relay: &Relay) -> anyhow::Result<()> {
    let wrong = |error: SettingsError| {
        // One run is enough to put everything right.
        let all = server::problems(relay, &Environment::of_process());
        anyhow::Error::new(WrongSettings(if all.is_empty() { vec![error] } else { all }))
    };
    let Loaded { settings, warnings } =
        Settings::load(relay.module(), Environment::of_process()).map_err(wrong)?;
    let _logger = telemetry::log::install(&settings).context("no logger")?;
    for warning in &warnings {
        log::warn!("{warning}");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(settings.workers)
        .thread_name("lookup")
        .enable_all()
        .build()
        .context("no runtime")?;
    let outcome = runtime.block_on(async {
        let module = relay.module();
        // Before the listeners, so that a stop right after the start is an orderly one too.
        let mut signals = Signals::handled()?;
        let running = server::start(relay, &settings).map_err(|error| match error {
            StartError::Settings(error) => wrong(error),
            StartError::Listen { .. } | StartError::Threads(_) => error.into(),
        })?;
        for note in &running.notes {
            log::info!("{note}");
        }
        for warning in &running.warnings {
            log::warn!("{warning}");
        }
        log::info!(
            "{} {} serves {} on {}, probes and metrics on {}, accepts tokens: {}",
            module.package,
            module.version,
            module.title,
            running.address,
            running.admin_address.map_or_else(|| "no port".to_owned(), |address| address.to_string()),
            running.auth_modes,
        );
        signals.stop().await;
        log::info!(
            "stopping: requests are taken for {:?} more, then those at work may finish",
            settings.connections.drain_delay
        );
        running.stop().await;
        log::info!("stopped");
        Ok(())
    });
    // A name that is being resolved holds a thread for as long as it takes: nobody waits for that any more.
    runtime.shutdown_background();
    outcome
}

/// The signals that mean something to a relay.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    quit: Signal,
    /// Sent when a terminal goes away. Handled, it does not end the process.
    _hangup: Signal,
}

impl Signals {
    fn handled() -> anyhow::Result<Self> {
        let handled = |kind, name: &str| signal(kind).with_context(|| format!("no {name} handler"));
        Ok(Self {
            terminate: handled(SignalKind::terminate(), "SIGTERM")?,
            interrupt: handled(SignalKind::interrupt(), "SIGINT")?,
            quit: handled(SignalKind::quit(), "SIGQUIT")?,
            _hangup: handled(SignalKind::hangup(), "SIGHUP")?,
        })
    }

    /// Waits for one that asks the relay to stop.
    async fn stop(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
            _ = self.quit.recv() => {}
        }
    }
}

/// Asks the running relay of this container whether it lives; the exit code says so.
fn healthcheck(module: &'static Module) -> anyhow::Result<ExitCode> {
    let Loaded { settings, .. } = Settings::load(module, Environment::of_process())?;
    let (address, path) = match settings.admin_listen {
        Some(admin) => (admin, "/livez"),
        None => (settings.listen, "/version"),
    };
    let address = reachable(address);
    let patience = Duration::from_secs(3);
    let mut stream = TcpStream::connect_timeout(&address, patience)
        .with_context(|| format!("nothing answers on {address}"))?;
    stream.set_read_timeout(Some(patience))?;
    stream.set_write_timeout(Some(patience))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut head = [0; 12];
    stream.read_exact(&mut head).context("no answer")?;
    if &head != b"HTTP/1.1 200" {
        bail!("{address}{path} does not answer with status 200");
    }
    Ok(ExitCode::SUCCESS)
}

/// An address that can be called, where the listener's means "any of this machine".
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}
