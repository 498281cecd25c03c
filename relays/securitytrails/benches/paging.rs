//! How long a domain with ten pages of history takes before a provider that is slow but sets no limit. The longest
//! chain is two calls: the first page says how many there are, then the other nine are read at once.

#![expect(clippy::expect_used, reason = "a benchmark fails by panicking")]

use std::time::{Duration, Instant};

use criterion::{BenchmarkGroup, Criterion, criterion_group, criterion_main, measurement::WallTime};
use provider_sim::Fault;
use relay_testkit::{Setup, Stage, asked};
use serde_json::json;
use tokio::runtime::Runtime;

/// How long the provider takes to answer.
const LATENCY: Duration = Duration::from_millis(100);
/// How much longer than the chain a lookup may take.
const AIM: f64 = 1.3;

/// Looks the domain up as a new tenant, with an unused rate.
async fn lookup(stage: &Stage, tenant: u64) {
    let token = stage.token_with(&json!({"key": format!("unlimited.{tenant}")}));
    let body = asked(&[("domain", "pages-10.example")]).to_string();
    let answer = stage.raw("/observe/observables", Some(&token), body).await;
    let answer = answer.bytes().await.expect("an answer");
    assert!(answer.len() > 10_000, "all pages are there");
}

/// The calls that wait for each other, made without a relay.
async fn chain(stage: &Stage, tenant: u64) {
    for page in [1, 10] {
        let url = format!("{}/securitytrails/history/pages-10.example/dns/a?page={page}", stage.sim.url());
        let call = stage.http.get(url).header("apikey", format!("unlimited.{tenant}"));
        let answer = call.header("accept", "application/json").send().await.expect("an answer");
        let page = answer.error_for_status().expect("a page").bytes().await.expect("all of it");
        assert!(page.len() > 1_000, "there are records");
    }
}

/// Measures, and returns the median, which criterion does not export.
fn median(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    runtime: &Runtime,
    run: impl AsyncFn(u64),
) -> Duration {
    let mut times = Vec::new();
    group.bench_function(name, |bencher| {
        bencher.iter_custom(|runs| {
            (0..runs)
                .map(|_| {
                    let start = Instant::now();
                    runtime.block_on(run(times.len() as u64));
                    times.push(start.elapsed());
                    times[times.len() - 1]
                })
                .sum()
        });
    });
    times.sort_unstable();
    times[times.len() / 2]
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
    let mut group = criterion.benchmark_group("paging");
    group.sample_size(10).measurement_time(Duration::from_secs(3)).warm_up_time(Duration::from_secs(1));
    let chain =
        median(&mut group, "two calls, one after the other", &runtime, async |n| chain(&stage, n).await);
    let lookup = median(&mut group, "a domain with ten pages", &runtime, async |n| lookup(&stage, n).await);
    group.finish();

    // Only a real run says something about time; `cargo test --benches` runs each once, unoptimized.
    if std::env::args().any(|argument| argument == "--bench") {
        let ratio = lookup.as_secs_f64() / chain.as_secs_f64();
        assert!(ratio <= AIM, "{lookup:?} is {ratio:.2} times the longest chain of calls, {chain:?}");
    }
}

criterion_group!(benches, paging);
criterion_main!(benches);
