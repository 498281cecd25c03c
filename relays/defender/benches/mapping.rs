//! CPU time of reading, mapping and writing 100 alerts on 10 devices:
//! `cargo bench -p relay-defender --bench mapping`.

#![expect(clippy::unwrap_used, reason = "a benchmark panics where it cannot go on")]

use criterion::{Criterion, criterion_group, criterion_main};
use provider_sim::fixtures;
use relay_core::ctim::Bundle;
use relay_core::observable::{Observable, ObservableType};
use relay_defender::mapping::{self, AlertTimes, Details, Device, Mapping};
use relay_defender::model::{Alert, Collection, Hashes, Machine};
use serde_json::{Value, json};
use url::Url;

/// The alert and the device of a fixture, as JSON.
fn fixture() -> (Value, Value) {
    let cases = fixtures::cases("defender").unwrap();
    let case = cases.iter().find(|case| case.name == "alert-process-injection").unwrap();
    let answer = |part: &str| {
        let answer = case.answers.iter().find(|answer| answer.path.contains(part)).unwrap();
        answer.json.clone().unwrap()
    };
    (answer("/alerts")["value"][0].clone(), answer("/machines/"))
}

fn hundred_alerts(criterion: &mut Criterion) {
    let (alert, machine) = fixture();
    let alerts: Vec<Value> = (0..100)
        .map(|number| {
            let mut alert = alert.clone();
            alert["id"] = json!(format!("da{number}"));
            alert["machineId"] = json!(format!("{:040}", number % 10));
            alert
        })
        .collect();
    let alerts = json!({ "value": alerts }).to_string();
    let machine = machine.to_string();
    let file = Hashes::new(None, None, Some("d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4"));
    let portal = Url::parse("https://security.microsoft.com").unwrap();
    let about = Observable::new(ObservableType::Sha1, "1f00000000000000000000000000000000000a01").unwrap();
    criterion.bench_function("defender/read, map and write 100 alerts on 10 devices", |bench| {
        bench.iter(|| {
            let alerts: Collection<Alert> = serde_json::from_str(&alerts).unwrap();
            let mut details = Details::default();
            for number in 0..10 {
                let machine: Machine = serde_json::from_str(&machine).unwrap();
                details.devices.insert(format!("{number:040}"), Device::from(&machine));
            }
            for hash in
                ["2f00000000000000000000000000000000000b02", "1f00000000000000000000000000000000000a01"]
            {
                details.files.insert(hash.to_owned(), file.clone());
            }
            let mapping = Mapping { about: &about, details: &details, portal: &portal };
            let mut bundle = Bundle::default();
            for alert in alerts.items().flatten() {
                let times = AlertTimes::of(&alert).unwrap();
                bundle.push(mapping::alert(&mapping, &alert, &times).unwrap());
            }
            serde_json::to_vec(&bundle).unwrap()
        });
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = hundred_alerts
}
criterion_main!(benches);
