//! Prometheus metrics. Every label value comes from a fixed set, never from a request or an observable.

use std::collections::HashSet;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use prometheus::{
    Encoder, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    TextEncoder, core::Collector,
};

use super::bounds::Bounds;
use super::queue::dropped_lines;
use crate::ctim::Bundle;
use crate::envelope::Outcome;
use crate::module::Module;

/// Bounds of duration histograms in seconds: from a cache hit to a request at its deadline.
const SECONDS: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0];

/// The metrics of one relay, each registry of its own so that several relays can share a process.
pub struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    request_seconds: HistogramVec,
    in_flight: IntGauge,
    entities: IntCounterVec,
    provider_calls: IntCounterVec,
    provider_seconds: HistogramVec,
    retries: IntCounterVec,
    dropped: IntCounterVec,
    rate_waits: IntCounterVec,
    place_waits: IntCounterVec,
    breaker: IntCounter,
    cache: IntCounterVec,
    token_fetches: IntCounterVec,
    jwks_fetches: IntCounterVec,
    pub(crate) bounds: Bounds,
    tiles: IntCounterVec,
    quota_left: IntGaugeVec,
    certificate_expires: IntGaugeVec,
    /// The names of calls whose counters are there.
    calls: RwLock<HashSet<&'static str>>,
}

/// How a request can end.
const REQUEST_OUTCOMES: [&str; 5] = ["ok", "warning", "error", "refused", "aborted"];
/// How a call can end: what `Failure::label` says of one that was sent, and what a report of it adds.
const CALL_OUTCOMES: [&str; 16] = [
    "ok",
    "status_401",
    "status_403",
    "status_404",
    "status_429",
    "status_4xx",
    "status_5xx",
    "status_other",
    "connection",
    "certificate",
    "timeout",
    "unreadable",
    "too_large",
    "not_sent",
    "deadline",
    "aborted",
];

impl Metrics {
    /// Registers everything, `relay` as a label of every metric.
    ///
    /// # Errors
    /// A name is registered twice, which a test would show.
    pub fn new(relay: &'static str) -> Result<Self, prometheus::Error> {
        let labels = [("relay".to_owned(), relay.to_owned())].into();
        let registry = Registry::new_custom(None, Some(labels))?;
        let counter = |name: &str, help: &str, labels: &[&str]| -> Result<IntCounterVec, prometheus::Error> {
            let counter = IntCounterVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(counter.clone()))?;
            Ok(counter)
        };
        let seconds = |name: &str, help: &str, labels: &[&str]| -> Result<HistogramVec, prometheus::Error> {
            let histogram =
                HistogramVec::new(HistogramOpts::new(name, help).buckets(SECONDS.to_vec()), labels)?;
            registry.register(Box::new(histogram.clone()))?;
            Ok(histogram)
        };
        let in_flight =
            IntGauge::new("relay_requests_in_flight", "Platform requests that are being answered")?;
        registry.register(Box::new(in_flight.clone()))?;
        registry.register(Box::new(dropped_lines()?))?;
        #[cfg(target_os = "linux")]
        registry.register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))?;
        // There from the start, so that a first failure is an increase.
        let from_the_start = |name, help, label, values: &[&str]| {
            let counter = counter(name, help, &[label])?;
            for value in values {
                counter.with_label_values(&[value]);
            }
            Ok::<_, prometheus::Error>(counter)
        };
        let fetches = |name, help| from_the_start(name, help, "outcome", &[outcome(true), outcome(false)]);
        let breaker = IntCounter::new(
            "relay_breaker_opened_total",
            "Times that a tenant's calls to a host that is down began to fail at once",
        )?;
        registry.register(Box::new(breaker.clone()))?;
        let quota_left = Opts::new("relay_quota_left", "What the only tenant's account has left of a quota");
        let quota_left = IntGaugeVec::new(quota_left, &["quota"])?;
        registry.register(Box::new(quota_left.clone()))?;
        // Without labels, and yet a vector: it is shown only where there is a certificate.
        let certificate_expires = Opts::new(
            "relay_certificate_expires_timestamp_seconds",
            "When the certificate that the relay logs in with expires, in seconds since 1970",
        );
        let certificate_expires = IntGaugeVec::new(certificate_expires, &[])?;
        registry.register(Box::new(certificate_expires.clone()))?;
        let types = Bundle::default().counts().map(|(kind, _)| kind);
        let cached = ("relay_cache_lookups_total", "Lookups of kept provider answers");
        Ok(Self {
            calls: RwLock::default(),
            certificate_expires,
            quota_left,
            requests: counter("relay_requests_total", "Answered requests", &["endpoint", "outcome"])?,
            request_seconds: seconds(
                "relay_request_seconds",
                "Time to answer a request",
                &["endpoint", "outcome"],
            )?,
            in_flight,
            entities: from_the_start("relay_entities_total", "CTIM entities returned", "type", &types)?,
            provider_calls: counter(
                "relay_provider_calls_total",
                "Calls to the provider",
                &["call", "outcome"],
            )?,
            provider_seconds: seconds(
                "relay_provider_call_seconds",
                "Time of a provider call",
                &["call", "outcome"],
            )?,
            retries: counter("relay_provider_retries_total", "Repeated provider calls", &["call"])?,
            dropped: counter(
                "relay_provider_items_dropped_total",
                "Items of provider answers that could not be read",
                &["call"],
            )?,
            rate_waits: counter(
                "relay_rate_limit_waits_total",
                "Calls that waited for a rate limit",
                &["call"],
            )?,
            place_waits: counter(
                "relay_place_waits_total",
                "Calls that waited for a place among the credential's calls in flight",
                &["call"],
            )?,
            breaker,
            cache: from_the_start(cached.0, cached.1, "outcome", &["hit", "miss"])?,
            token_fetches: fetches("relay_token_fetches_total", "Access tokens asked for")?,
            jwks_fetches: fetches("relay_jwks_fetches_total", "Key sets of the platform asked for")?,
            bounds: Bounds::new(counter("relay_bounds_hit_total", "Bounds that were hit", &["bound"])?),
            tiles: counter("relay_tiles_total", "Answers with the data of a tile", &["tile", "outcome"])?,
            registry,
        })
    }

    /// Says which program it is: 1, with its version, and the revision of its source where it was built with one
    /// (`RELAY_REVISION` in the environment of the build).
    pub(crate) fn built(&self, module: &Module) -> Result<(), prometheus::Error> {
        let labels = [("version", Some(module.version)), ("revision", option_env!("RELAY_REVISION"))];
        let labels: Vec<(&str, &str)> =
            labels.iter().filter_map(|(name, value)| Some((*name, (*value)?))).collect();
        let (names, values): (Vec<&str>, Vec<&str>) = labels.into_iter().unzip();
        let info =
            IntGaugeVec::new(Opts::new("relay_build_info", "The program, by its version; always 1"), &names)?;
        info.with_label_values(&values).set(1);
        self.registry.register(Box::new(info))
    }

    /// An endpoint is served: its counters are there from the start, so that a first failure is an increase.
    pub(crate) fn serves(&self, endpoint: &'static str) {
        for outcome in REQUEST_OUTCOMES {
            self.requests.with_label_values(&[endpoint, outcome]);
        }
    }

    /// A call is about to be sent: its counters are there before it ends, so that a first failure is an increase.
    pub(crate) fn calls(&self, call: &'static str) {
        if self.calls.read().unwrap_or_else(PoisonError::into_inner).contains(call)
            || !self.calls.write().unwrap_or_else(PoisonError::into_inner).insert(call)
        {
            return;
        }
        for outcome in CALL_OUTCOMES {
            self.provider_calls.with_label_values(&[call, outcome]);
        }
        for counter in [&self.retries, &self.dropped, &self.rate_waits, &self.place_waits] {
            counter.with_label_values(&[call]);
        }
    }

    /// Adds metrics of a part of the relay that not every one has.
    pub(crate) fn register(&self, part: Box<dyn Collector>) -> Result<(), prometheus::Error> {
        self.registry.register(part)
    }

    /// All metrics as Prometheus text.
    pub(crate) fn text(&self) -> Vec<u8> {
        let mut out = Vec::new();
        if let Err(error) = TextEncoder::new().encode(&self.registry.gather(), &mut out) {
            log::error!("metrics cannot be written: {error}");
        }
        out
    }

    pub(crate) fn started(&self) {
        self.in_flight.inc();
    }

    pub(crate) fn finished(&self, endpoint: &'static str, outcome: &'static str, took: Duration) {
        self.in_flight.dec();
        self.requests.with_label_values(&[endpoint, outcome]).inc();
        self.request_seconds.with_label_values(&[endpoint, outcome]).observe(took.as_secs_f64());
    }

    pub(crate) fn entities(&self, kind: &'static str, count: usize) {
        self.entities.with_label_values(&[kind]).inc_by(count as u64);
    }

    pub(crate) fn provider_call(&self, call: &'static str, outcome: &'static str, took: Duration) {
        debug_assert!(CALL_OUTCOMES.contains(&outcome), "{outcome} is missing in the list");
        self.provider_calls.with_label_values(&[call, outcome]).inc();
        self.provider_seconds.with_label_values(&[call, outcome]).observe(took.as_secs_f64());
    }

    pub(crate) fn retry(&self, call: &'static str) {
        self.retries.with_label_values(&[call]).inc();
    }

    pub(crate) fn dropped(&self, call: &'static str, items: usize) {
        self.dropped.with_label_values(&[call]).inc_by(items as u64);
    }

    pub(crate) fn rate_wait(&self, call: &'static str) {
        self.rate_waits.with_label_values(&[call]).inc();
    }

    pub(crate) fn place_wait(&self, call: &'static str) {
        self.place_waits.with_label_values(&[call]).inc();
    }

    /// There from the start, so that a first failure is an increase.
    pub(crate) fn serves_tile(&self, tile: &'static str) {
        for outcome in TileOutcome::ALL {
            self.tiles.with_label_values(&[tile, outcome.name()]);
        }
    }

    pub(crate) fn tile(&self, tile: &'static str, outcome: TileOutcome) {
        self.tiles.with_label_values(&[tile, outcome.name()]).inc();
    }

    pub(crate) fn quota_left(&self, quota: &str, left: u64) {
        self.quota_left.with_label_values(&[quota]).set(i64::try_from(left).unwrap_or(i64::MAX));
    }

    pub(crate) fn certificate_expires(&self, seconds: i64) {
        self.certificate_expires.with_label_values::<&str>(&[]).set(seconds);
    }

    pub(crate) fn hide_quotas(&self) {
        self.quota_left.reset();
    }

    pub(crate) fn breaker_opened(&self) {
        self.breaker.inc();
    }

    pub(crate) fn cache(&self, hit: bool) {
        self.cache.with_label_values(&[if hit { "hit" } else { "miss" }]).inc();
    }

    pub(crate) fn token_fetch(&self, ok: bool) {
        self.token_fetches.with_label_values(&[outcome(ok)]).inc();
    }

    pub(crate) fn jwks_fetch(&self, ok: bool) {
        self.jwks_fetches.with_label_values(&[outcome(ok)]).inc();
    }
}

fn outcome(ok: bool) -> &'static str {
    if ok { "ok" } else { "failed" }
}

/// How the data of a tile were answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TileOutcome {
    Ok,
    Warning,
    Error,
    /// From an earlier answer.
    Kept,
}

impl TileOutcome {
    const ALL: [Self; 4] = [Self::Ok, Self::Warning, Self::Error, Self::Kept];

    fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Error => "error",
            Self::Kept => "kept",
        }
    }
}

impl From<Outcome> for TileOutcome {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Ok => Self::Ok,
            Outcome::Warning => Self::Warning,
            Outcome::Error => Self::Error,
        }
    }
}
