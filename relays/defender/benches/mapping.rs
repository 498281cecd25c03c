//! CPU time of reading, mapping and writing 100 alerts on 10 devices, as the relay does it between its provider and
//! the platform; the load benchmark has the whole request. `cargo bench -p relay-defender --bench mapping`.

#![expect(clippy::unwrap_used, reason = "a benchmark panics where it cannot go on")]

#[path = "load/answers.rs"]
mod answers;

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use relay_core::ctim::Bundle;
use relay_core::observable::{Observable, ObservableType};
use relay_defender::mapping::{self, AlertTimes, Details, Device, Mapping};
use relay_defender::model::{Alert, Collection, File, Machine};
use url::Url;

use answers::{ALERTS, Answers, FILES, answers, device};

fn read(answers: &Answers) -> (Vec<Alert>, Details) {
    let alerts: Collection<Alert> = serde_json::from_str(&answers.alerts).unwrap();
    let mut details = Details::default();
    let machines: Collection<Machine> = serde_json::from_str(&answers.machines).unwrap();
    for (number, machine) in machines.list.items.iter().enumerate() {
        details.devices.insert(device(number), Device::from(machine));
    }
    for hash in FILES {
        let file: File = serde_json::from_str(&answers.file).unwrap();
        let mut hashes = file.hashes();
        hashes.sha1 = Some(hash.to_owned());
        details.files.add(&hashes);
    }
    (alerts.list.items, details)
}

fn map((alerts, details): &(Vec<Alert>, Details), about: &Observable, portal: &Url) -> Bundle {
    let mapping = Mapping { about, details, portal, command_lines: true };
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
