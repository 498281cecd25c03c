//! Prometheus metrics. Every label value comes from a fixed set, never from a request or an observable.

use std::time::Duration;

use prometheus::{
    Encoder, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    TextEncoder, core::Collector,
};

use super::bounds::Bounds;
use super::queue::dropped_lines;
use crate::envelope::Outcome;

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
}

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
        let from_the_start = |fetches: IntCounterVec| {
            for ok in [true, false] {
                fetches.with_label_values(&[outcome(ok)]);
            }
            fetches
        };
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
        Ok(Self {
            certificate_expires,
            quota_left,
            requests: counter("relay_requests_total", "Answered requests", &["endpoint", "outcome"])?,
            request_seconds: seconds(
                "relay_request_seconds",
                "Time to answer a request",
                &["endpoint", "outcome"],
            )?,
            in_flight,
            entities: counter("relay_entities_total", "CTIM entities returned", &["type"])?,
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
            cache: counter("relay_cache_lookups_total", "Lookups of kept provider answers", &["outcome"])?,
            token_fetches: from_the_start(counter(
                "relay_token_fetches_total",
                "Access tokens asked for",
                &["outcome"],
            )?),
            jwks_fetches: from_the_start(counter(
                "relay_jwks_fetches_total",
                "Key sets of the platform asked for",
                &["outcome"],
            )?),
            bounds: Bounds::new(counter("relay_bounds_hit_total", "Bounds that were hit", &["bound"])?),
            tiles: counter("relay_tiles_total", "Answers with the data of a tile", &["tile", "outcome"])?,
            registry,
        })
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
