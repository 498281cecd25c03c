//! CPU time of reading, mapping and writing 100 alerts on 10 devices, as the relay does it between its provider and
//! the platform. The aim is at most 8 ms for all of it. `cargo bench -p relay-defender --bench mapping`.

#![expect(clippy::unwrap_used, reason = "a benchmark panics where it cannot go on")]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use provider_sim::fixtures;
use relay_core::ctim::Bundle;
use relay_core::observable::{Observable, ObservableType};
use relay_defender::mapping::{self, AlertTimes, Details, Device, Mapping};
use relay_defender::model::{Alert, Collection, Hashes, Machine};
use serde_json::{Value, json};
use url::Url;

const ALERTS: usize = 100;
const DEVICES: usize = 10;
/// The files of each alert.
const FILES: [&str; 2] =
    ["2f00000000000000000000000000000000000b02", "1f00000000000000000000000000000000000a01"];

/// What the provider answers: the alerts, and each device and file.
struct Answers {
    alerts: String,
    machine: String,
    file: String,
}

/// Those of a fixture: an alert with two processes, an address and a host name, a hundred times.
fn answers() -> Answers {
    let cases = fixtures::cases("defender").unwrap();
    let case = cases.iter().find(|case| case.name == "alert-process-injection").unwrap();
    let answer = |part: &str| {
        let answer = case.answers.iter().find(|answer| answer.path.contains(part)).unwrap();
        answer.json.clone().unwrap()
    };
    let alert = answer("/alerts")["value"][0].clone();
    let alerts: Vec<Value> = (0..ALERTS)
        .map(|number| {
            let mut alert = alert.clone();
            alert["id"] = json!(format!("da{number}"));
            alert["machineId"] = json!(device(number));
            alert
        })
        .collect();
    Answers {
        alerts: json!({ "value": alerts }).to_string(),
        machine: answer("/machines/").to_string(),
        file: answer(&format!("/files/{}", FILES[0])).to_string(),
    }
}

fn device(number: usize) -> String {
    format!("{:040}", number % DEVICES)
}

fn read(answers: &Answers) -> (Vec<Alert>, Details) {
    let alerts: Collection<Alert> = serde_json::from_str(&answers.alerts).unwrap();
    let mut details = Details::default();
    for number in 0..DEVICES {
        let machine: Machine = serde_json::from_str(&answers.machine).unwrap();
        details.devices.insert(device(number), Device::from(&machine));
    }
    for hash in FILES {
        let file: Hashes = serde_json::from_str(&answers.file).unwrap();
        details.files.insert(hash.to_owned(), file);
    }
    (alerts.items().flatten().collect(), details)
}

fn map((alerts, details): &(Vec<Alert>, Details), about: &Observable, portal: &Url) -> Bundle {
    let mapping = Mapping { about, details, portal };
    let mut bundle = Bundle::default();
    for alert in alerts {
        let times = AlertTimes::of(alert).unwrap();
        bundle.push(mapping::alert(&mapping, alert, &times).unwrap());
    }
    assert_eq!(bundle.sightings().len(), ALERTS);
    bundle
}

fn write(bundle: &Bundle) -> Vec<u8> {
    serde_json::to_vec(bundle).unwrap()
}

fn benchmark(criterion: &mut Criterion) {
    let portal = Url::parse("https://security.microsoft.com").unwrap();
    let about = Observable::new(ObservableType::Sha1, FILES[1]).unwrap();
    let answers = answers();
    let known = read(&answers);
    let bundle = map(&known, &about, &portal);
    let mut group = criterion.benchmark_group("defender/100 alerts on 10 devices");
    group.sample_size(20);
    group.bench_function("read", |bencher| bencher.iter(|| read(black_box(&answers))));
    group.bench_function("map", |bencher| bencher.iter(|| map(black_box(&known), &about, &portal)));
    group.bench_function("write", |bencher| bencher.iter(|| write(black_box(&bundle))));
    group.bench_function("all", |bencher| {
        bencher.iter(|| write(&map(&read(black_box(&answers)), &about, &portal)));
    });
    group.finish();
}

criterion_group!(benches, benchmark);
criterion_main!(benches);
