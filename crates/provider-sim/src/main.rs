//! The simulator as a separate process.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use clap::{Parser, Subcommand};
use provider_sim::fault::spec;
use provider_sim::{Fault, Keys, Options, Sim};
use tokio::signal::unix::{SignalKind, signal};

/// Simulates what relays depend on: provider APIs, Microsoft's login and the platform's key set
///
/// GET / lists the services; /_control/ controls faults and answers.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// Address to listen on
    #[arg(
        long,
        global = true,
        env = "PROVIDER_SIM_LISTEN",
        value_name = "ADDRESS",
        default_value_t = SocketAddr::from((Ipv4Addr::LOCALHOST, 9100))
    )]
    listen: SocketAddr,

    /// Delays all answers, for example by 50ms
    #[arg(long, value_name = "TIME", value_parser = spec::time)]
    latency: Option<Duration>,

    /// A fault from the start, such as xforce:status=503,rate=0.1 (repeatable)
    #[arg(long = "fault", value_name = "SPEC", long_help = spec::HELP)]
    faults: Vec<Fault>,

    /// The platform's RSA private key in PEM; by default a new one
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,

    /// Answer only from the calls that a relay has recorded in this folder (`RELAY_RECORD`)
    #[arg(long, value_name = "FOLDER")]
    fixtures: Option<PathBuf>,

    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Checks the simulator at --listen; exit code 0 if it is running
    Healthcheck,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("info,actix_server=warn"))
        .init();
    let arguments = Arguments::parse();
    match arguments.command {
        Some(Command::Healthcheck) => healthcheck(arguments.listen),
        None => serve(arguments).await,
    }
}

async fn serve(arguments: Arguments) -> anyhow::Result<()> {
    // Before anything is logged, because its reader may send a signal at once.
    let mut terminate = signal(SignalKind::terminate()).context("cannot handle signals")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot handle signals")?;

    let mut faults = arguments.faults;
    faults.extend(arguments.latency.map(Fault::latency));
    let key =
        arguments.key.map(|file| Keys::from_file(&file).with_context(|| format!("key {}", file.display())));
    let sim = Sim::start(Options {
        listen: arguments.listen,
        faults,
        keys: key.transpose()?,
        recording: arguments.fixtures,
        ..Options::default()
    });
    let sim = sim.await.with_context(|| format!("cannot serve on {}", arguments.listen))?;
    log::info!("provider-sim {} on {}", env!("CARGO_PKG_VERSION"), sim.url());
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    for call in sim.missing_calls() {
        log::warn!("the recording lacks {call}");
    }
    sim.stop().await;
    Ok(())
}

/// Without an HTTP client, which would be too much for one request.
fn healthcheck(mut address: SocketAddr) -> anyhow::Result<()> {
    const PATIENCE: Duration = Duration::from_secs(2);
    if address.ip().is_unspecified() {
        address.set_ip(Ipv4Addr::LOCALHOST.into());
    }
    let mut connection = TcpStream::connect_timeout(&address, PATIENCE).context("cannot connect")?;
    connection.set_read_timeout(Some(PATIENCE))?;
    connection.write_all(b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    connection.take(4096).read_to_string(&mut answer).context("no response")?;
    ensure!(answer.starts_with("HTTP/1.1 200 "), "not alive");
    Ok(())
}
