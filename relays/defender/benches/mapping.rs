//! CPU time of reading, mapping and writing 100 alerts on 10 devices:
//! `cargo bench -p relay-defender --bench mapping`.

#![expect(clippy::unwrap_used, reason = "a benchmark panics where it cannot go on")]

#[path = "load/answers.rs"]
mod answers;

use criterion::{Criterion, criterion_group, criterion_main};
use relay_core::ctim::Bundle;
use relay_core::observable::{Observable, ObservableType};
use relay_defender::mapping::{self, AlertTimes, Details, Device, Mapping};
use relay_defender::model::{Alert, Collection, Hashes, Machine};
use url::Url;

use answers::{DEVICES, FILE, answers};

fn hundred_alerts(criterion: &mut Criterion) {
    let (alerts, machine) = answers();
    let file = Hashes::new(None, None, Some("d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4"));
    let portal = Url::parse("https://security.microsoft.com").unwrap();
    let about = Observable::new(ObservableType::Sha1, FILE).unwrap();
    criterion.bench_function("defender/read, map and write 100 alerts on 10 devices", |bench| {
        bench.iter(|| {
            let alerts: Collection<Alert> = serde_json::from_str(&alerts).unwrap();
            let mut details = Details::default();
            for number in 0..DEVICES {
                let machine: Machine = serde_json::from_str(&machine).unwrap();
                details.devices.insert(format!("{number:040}"), Device::from(&machine));
            }
            for hash in ["2f00000000000000000000000000000000000b02", FILE] {
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
