//! What reading and mapping cost: a page as it comes, and the largest history that is ever mapped.

#![expect(clippy::expect_used, reason = "a benchmark fails by panicking")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use relay_core::observable::{Observable, ObservableType};
use relay_securitytrails::links::Links;
use relay_securitytrails::mapping::Mapping;
use relay_securitytrails::model::{Hosted, Page, Period};
use relay_securitytrails::query::RecordType;
use relay_securitytrails::settings::Options;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// Records of a page.
const PAGE: usize = 100;
/// Records of the 100 pages that are read at most.
const MOST: usize = 100 * PAGE;

fn history(periods: usize) -> String {
    let records: Value = (0..periods)
        .map(|n| {
            let (high, low) = (n / 256 % 256, n % 256);
            json!({
                "values": [
                    {"ip": format!("10.1.{high}.{low}"), "ip_count": n},
                    {"ip": format!("10.2.{}.{low}", high / 2), "ip_count": 1},
                ],
                "type": "a",
                "organizations": ["Example CDN, Inc."],
                "first_seen": "2019-06-01",
                "last_seen": "2024-02-10",
            })
        })
        .collect();
    json!({"type": "a/ipv4", "records": records, "pages": 1}).to_string()
}

fn domains(count: usize) -> String {
    let records: Value = (0..count)
        .map(|n| json!({"hostname": format!("host-{n}.example.org"), "computed": {"company_name": null}}))
        .collect();
    json!({"records": records, "record_count": count}).to_string()
}

fn read<R>(page: &str) -> Vec<R>
where
    Page<R>: DeserializeOwned,
{
    match serde_json::from_str::<Page<R>>(page) {
        Ok(Page { records, .. }) => records,
        _ => panic!("the page is as documented"),
    }
}

fn mapping(criterion: &mut Criterion) {
    let url = |text: &str| text.parse().expect("a URL");
    let links = Links(url("https://ui.example"));
    let domain = Observable::new(ObservableType::Domain, "shop.example.com").expect("a domain");
    let address = Observable::new(ObservableType::Ip, "192.0.2.1").expect("an address");
    let options = Options {
        max_pages: 100,
        max_relations: 10_000,
        history_table: true,
        domains_table: true,
        history_types: vec![RecordType::A, RecordType::Aaaa],
        extra_record_types: Vec::new(),
        subdomains: false,
        usage: true,
    };
    let now = jiff::Timestamp::UNIX_EPOCH;
    let of_domain = Mapping::new(&domain, &links, now, 100, &options);
    let of_address = Mapping::new(&address, &links, now, 100, &options);

    let mut group = criterion.benchmark_group("mapping");
    group.sample_size(10);
    for size in [PAGE, MOST] {
        group.throughput(Throughput::Elements(size as u64));
        let (history, domains) = (history(size), domains(size));
        group.bench_function(format!("history, {size} periods"), |bencher| {
            bencher.iter(|| of_domain.history(RecordType::A, &read::<Period>(black_box(&history))));
        });
        group.bench_function(format!("domains, {size} records"), |bencher| {
            bencher.iter(|| of_address.domains(&read::<Hosted>(black_box(&domains)), None));
        });
    }
    group.finish();
}

criterion_group!(benches, mapping);
criterion_main!(benches);
