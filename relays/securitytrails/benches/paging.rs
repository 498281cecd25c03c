//! How long a domain with ten pages of history takes before a provider that is slow but sets no limit. The longest
//! chain is two calls: the first page tells how many there are, then the other nine are read at once.

#![expect(clippy::expect_used, reason = "a benchmark fails by panicking")]

use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use provider_sim::Fault;
use relay_testkit::{Setup, Stage, asked};
use serde_json::json;
use tokio::runtime::Runtime;

/// How long the provider takes to answer.
const LATENCY: Duration = Duration::from_millis(50);
/// Calls that wait for each other.
const CHAIN: u32 = 2;
/// How much longer than the chain a lookup may take.
const AIM: f64 = 1.3;

/// Looks the domain up as a tenant of its own, which no earlier lookup has used the rate of.
async fn lookup(stage: &Stage, tenant: u64) -> Duration {
    let token = stage.token_with(&json!({"key": format!("unlimited.{tenant}")}));
    let body = asked(&[("domain", "pages-10.example")]).to_string();
    let start = Instant::now();
    let answer = stage.raw("/observe/observables", Some(&token), body).await;
    let answer = answer.bytes().await.expect("an answer");
    let took = start.elapsed();
    assert!(answer.len() > 10_000, "all pages are there");
    took
}

fn paging(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let setup = Setup::new(
        relay_securitytrails::relay,
        json!({"key": "unlimited", "GET_ALL_PAGES": true}),
        &[("RELAY_PROVIDER__API_URL", "/securitytrails")],
    );
    let stage = runtime.block_on(setup.setting("RELAY_CACHE__TTL", "0s").start());
    stage.sim.faults().add(Fault::latency(LATENCY).on("securitytrails"));
    let mut tenant = 0;
    let mut times = Vec::new();
    let mut group = criterion.benchmark_group("paging");
    group.sample_size(10).measurement_time(Duration::from_secs(3)).warm_up_time(Duration::from_secs(1));
    group.bench_function("a domain with ten pages, two calls deep", |bencher| {
        bencher.iter_custom(|lookups| {
            (0..lookups)
                .map(|_| {
                    tenant += 1;
                    let took = runtime.block_on(lookup(&stage, tenant));
                    times.push(took);
                    took
                })
                .sum()
        });
    });
    group.finish();

    times.sort_unstable();
    let median = times[times.len() / 2];
    // Only a real run says something about time; `cargo test --benches` runs it once, unoptimized.
    if std::env::args().any(|argument| argument == "--bench") {
        let ratio = median.as_secs_f64() / (LATENCY * CHAIN).as_secs_f64();
        assert!(ratio <= AIM, "{median:?} is {ratio:.2} times the longest chain of calls");
    }
}

criterion_group!(benches, paging);
criterion_main!(benches);
