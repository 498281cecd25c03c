//! For tests and benchmarks: a real relay on a free port, the check of its answers against CTIM, bounds for waiting.

pub mod schema;
mod time;
mod tokens;

use std::net::SocketAddr;

pub use tokens::Tokens;

pub use time::{PATIENCE, TestLimit, eventually, eventually_blocking, in_time};

use crate::relay::Relay;
use crate::server::{self, Running};
use crate::settings::{Clock, Environment, Settings};

/// A relay that runs inside a test and stops with it.
pub struct TestRelay {
    /// `http://127.0.0.1:<port>`, without a slash.
    pub url: String,
    /// The same for probes and metrics.
    pub admin_url: String,
    running: Running,
    _limit: TestLimit,
}

impl TestRelay {
    /// Starts a relay with these settings, named as in the environment (`RELAY_DEADLINE`).
    ///
    /// # Panics
    /// The relay does not start.
    pub fn start<'a>(relay: &Relay, settings: impl IntoIterator<Item = (&'a str, String)>) -> Self {
        Self::start_at(relay, settings, Clock::System)
    }

    /// As [`TestRelay::start`], with a clock of its own.
    ///
    /// # Panics
    /// The relay does not start.
    #[expect(clippy::expect_used, reason = "a test cannot go on without its relay")]
    pub fn start_at<'a>(
        relay: &Relay,
        settings: impl IntoIterator<Item = (&'a str, String)>,
        clock: Clock,
    ) -> Self {
        let running = Self::run(relay, settings, clock).expect("a relay that starts");
        let url = |address: SocketAddr| format!("http://{address}");
        Self {
            url: url(running.address),
            admin_url: running.admin_address.map(url).unwrap_or_default(),
            running,
            _limit: TestLimit::start(),
        }
    }

    /// Why a relay with these settings does not start.
    ///
    /// # Panics
    /// It starts.
    #[expect(clippy::panic, reason = "it is what the test is about")]
    pub fn refused<'a>(relay: &Relay, settings: impl IntoIterator<Item = (&'a str, String)>) -> String {
        match Self::run(relay, settings, Clock::System) {
            Ok(_) => panic!("the relay starts"),
            Err(error) => error.to_string(),
        }
    }

    #[expect(clippy::expect_used, reason = "a test cannot go on without its settings")]
    fn run<'a>(
        relay: &Relay,
        settings: impl IntoIterator<Item = (&'a str, String)>,
        clock: Clock,
    ) -> Result<Running, server::StartError> {
        let fixed = ["RELAY_LISTEN", "RELAY_ADMIN_LISTEN"].map(|name| (name, "127.0.0.1:0".to_owned()));
        let defaults = [("RELAY_WORKERS", "1"), ("RELAY_DRAIN_DELAY", "0s")]
            .map(|(name, value)| (name, value.to_owned()));
        let environment = defaults.into_iter().chain(settings).chain(fixed);
        let mut loaded = Settings::load(relay.module(), Environment::of(environment)).expect("good settings");
        assert_eq!(loaded.warnings, Vec::<String>::new(), "a test's settings have their right names");
        loaded.settings.clock = clock;
        server::start(relay, &loaded.settings)
    }

    /// Stops it as SIGTERM would.
    pub async fn stop(self) {
        self.running.stop().await;
    }
}
