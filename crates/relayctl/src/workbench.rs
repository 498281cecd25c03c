//! `relayctl workbench`: a page for one person on their own machine, who pastes text and sees what all relays say.
//!
//! | module | what it is |
//! |---|---|
//! | [`guard`] | who may call: the address with the token, from the page itself |
//! | [`page`] | the page, its style and its scripts |
//! | [`routes`] | what the page calls |
//! | [`events`] | an investigation as server-sent events |
//! | [`act`] | response actions, in two steps |

mod act;
mod events;
mod guard;
mod page;
mod routes;
#[cfg(test)]
mod tests;

use std::io::Write;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::ExitCode;

use actix_web::middleware::from_fn;
use actix_web::{App, HttpServer, web};
use anyhow::{Context as _, bail, ensure};
use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use crate::connections::Config;
use crate::demo::Demonstration;
use crate::relay_client::{self, RelayClient};
use crate::token::{new_secret, secret_of};
use crate::ui::{BOLD, DIM, DOUBTFUL, LITERAL, styled};
use guard::Guard;

/// Serves a page on this machine: paste text, and see what all your relays say
///
/// The page asks the relays of relays.toml; with --demo, it starts simulated providers and relays in this process. It
/// prints an address with a random token; who has no such address gets nothing. Tokens and claims never reach the page.
#[derive(Args)]
pub(crate) struct Workbench {
    /// Start simulated providers and all relays in this process, without network or accounts
    #[arg(long)]
    demo: bool,

    #[command(flatten)]
    config: Config,

    /// Port of the page; 0 uses a free one
    #[arg(long, default_value_t = 9150)]
    port: u16,

    /// Address to listen on. Any other than this machine's own needs --password-file
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    listen: IpAddr,

    /// A further name by which the page may be called, besides localhost and addresses (repeatable)
    #[arg(long, value_name = "NAME")]
    host: Vec<String>,

    /// File with a password that the page asks for
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,

    /// Let the page carry response actions out, after it has shown what they do
    #[arg(long)]
    allow_actions: bool,
}

/// What the page works with.
pub(crate) struct Bench {
    relays: Vec<RelayClient>,
    guard: Guard,
    offered: act::Offered,
    allow_actions: bool,
    demo: bool,
}

impl Workbench {
    /// Whether the providers are simulated.
    pub(crate) fn is_simulated(&self) -> bool {
        self.demo
    }

    /// Runs the command until Ctrl-C.
    ///
    /// # Errors
    /// There are no relays, or the address cannot be used.
    pub(crate) async fn run(self, out: &mut impl Write, err: &mut impl Write) -> anyhow::Result<ExitCode> {
        ensure!(
            self.listen.is_loopback() || self.password_file.is_some(),
            "{} can be reached by others: add --password-file",
            self.listen
        );
        let password = self.password_file.as_deref().map(secret_of).transpose()?;
        let demonstration =
            if self.demo { Some(Demonstration::start(0, Vec::new(), err).await?) } else { None };
        let mut relays = match &demonstration {
            Some(demonstration) => demonstration.relays.clone(),
            None => self.config.connections(err)?.relays,
        };
        relay_client::learn(&mut relays).await;
        let listener = listen(SocketAddr::new(self.listen, self.port), err)?;
        let address = listener.local_addr()?;
        let bench = Bench {
            relays,
            guard: Guard { token: new_secret()?, password, names: self.host, listens_to: self.listen },
            offered: act::Offered::default(),
            allow_actions: self.allow_actions,
            demo: self.demo,
        };
        let url = format!("http://{address}/{}/", bench.guard.token);
        let mut terminate = signal(SignalKind::terminate()).context("cannot wait for signals")?;
        let mut interrupt = signal(SignalKind::interrupt()).context("cannot wait for signals")?;
        let server = serve(bench, listener)?;
        let handle = server.handle();
        let running = tokio::spawn(server);
        writeln!(out, "{}  {}", styled(BOLD, "The workbench is at"), styled(LITERAL, &url))?;
        if self.demo {
            writeln!(out, "{}", styled(DIM, "The providers are simulated. Their data are fictitious."))?;
        }
        if !self.listen.is_loopback() {
            let warning = styled(DOUBTFUL, "warning:");
            writeln!(err, "{warning} the page is served without TLS; put a proxy with TLS before it")?;
        }
        writeln!(out, "{}", styled(DIM, "It runs until Ctrl-C."))?;
        out.flush()?;
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        // Streams of open pages have no end of their own.
        handle.stop(false).await;
        running.await?.context("the page could not be served")?;
        Ok(ExitCode::SUCCESS)
    }
}

fn listen(address: SocketAddr, err: &mut impl Write) -> anyhow::Result<TcpListener> {
    match TcpListener::bind(address) {
        Ok(listener) => Ok(listener),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse && address.port() != 0 => {
            writeln!(err, "note: {address} is in use; the page gets a free port instead")?;
            Ok(TcpListener::bind(SocketAddr::new(address.ip(), 0))?)
        }
        Err(error) => bail!("cannot listen on {address}: {error}"),
    }
}

/// The server of a page, which runs while it is polled.
///
/// # Errors
/// The listener cannot be used.
pub(crate) fn serve(bench: Bench, listener: TcpListener) -> std::io::Result<actix_web::dev::Server> {
    let bench = web::Data::new(bench);
    let server = HttpServer::new(move || {
        App::new()
            .app_data(bench.clone())
            .app_data(web::JsonConfig::default().limit(routes::MAX_BODY))
            .configure(routes::configure)
            .wrap(from_fn(guard::guard))
    });
    Ok(server.workers(2).disable_signals().listen(listener)?.run())
}
