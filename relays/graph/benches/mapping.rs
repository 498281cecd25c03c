//! CPU time of reading, matching, mapping and writing a large answer: 100 alerts of 5 kB, with evidence of every
//! kind that is read. The aim is at most 3 ms for the mapping. `cargo bench -p relay-graph`.

#![expect(clippy::unwrap_used, reason = "a benchmark panics where it cannot go on")]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use relay_core::ctim::Bundle;
use relay_core::observable::{Observable, ObservableType};
use relay_graph::mapping;
use relay_graph::mapping::matching::Matcher;
use relay_graph::model::AlertPage;
use relay_graph::model::v2::Alert;
use serde_json::{Value, json};
use url::Url;

const ALERTS: usize = 100;
const ADDRESS: &str = "203.0.113.9";

/// An alert of about 5 kB.
fn alert(number: usize) -> Value {
    let tenant = "11111111-2222-4333-8444-555555555555";
    let evidence = |kind: &str, fields: Value| {
        let mut evidence = json!({
            "@odata.type": format!("#microsoft.graph.security.{kind}Evidence"),
            "createdDateTime": "2026-11-02T08:01:00Z", "verdict": "suspicious", "remediationStatus": "none",
            "remediationStatusDetails": null, "roles": [], "detailedRoles": ["PrimaryDevice"], "tags": [],
        });
        evidence.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        evidence
    };
    let file = json!({
        "sha1": "b".repeat(40), "sha256": "a".repeat(64), "md5": null, "fileName": format!("drop-{number}.exe"),
        "filePath": "C:\\Users\\jdoe\\AppData\\Local\\Temp", "fileSize": 4096, "filePublisher": null, "signer": null,
    });
    let account = json!({
        "accountName": "jdoe", "domainName": "CORP", "userSid": "S-1-5-21-1-2-3-1001", "azureAdUserId": null,
        "userPrincipalName": "jdoe@corp.example", "displayName": "J. Doe",
    });
    let ends = json!({
        "sourceAddress": {"ipAddress": "10.20.30.42"}, "sourcePort": 51_544,
        "destinationAddress": {"ipAddress": ADDRESS}, "destinationPort": 443, "protocol": "tcp",
    });
    let device = json!({
        "mdeDeviceId": "73e7e2de709dff64ef64b1d0c30e67fab63279db", "deviceDnsName": "ws-042.corp.example",
        "hostName": "ws-042", "osPlatform": "Windows11", "osBuild": 22_631, "healthStatus": "active",
        "ipInterfaces": ["10.20.30.42", "fe80::1"], "loggedOnUsers": [{"accountName": "jdoe", "domainName": "CORP"}],
    });
    json!({
        "id": format!("da638000000000000000_-{number}"), "providerAlertId": format!("da638000000000000000_-{number}"),
        "incidentId": "4711", "status": "new", "severity": "high", "serviceSource": "microsoftDefenderForEndpoint",
        "productName": "Microsoft Defender for Endpoint", "tenantId": tenant,
        "title": "Suspicious outbound connection", "description": "What happened, in many words. ".repeat(20),
        "alertWebUrl": format!("https://security.microsoft.com/alerts/da638000000000000000_-{number}?tid={tenant}"),
        "incidentWebUrl": format!("https://security.microsoft.com/incidents/4711?tid={tenant}"),
        "mitreTechniques": ["T1071.001"], "createdDateTime": "2026-11-02T08:01:00.12Z",
        "lastUpdateDateTime": "2026-11-02T09:30:00Z", "firstActivityDateTime": "2026-11-02T07:55:10Z",
        "lastActivityDateTime": "2026-11-02T07:58:44Z", "customDetails": {}, "additionalData": null,
        "evidence": [
            evidence("device", device),
            evidence("ip", json!({"ipAddress": ADDRESS, "roles": ["commandAndControl"], "countryLetterCode": "NL"})),
            evidence("url", json!({"url": "https://c2.bad.example/p"})),
            evidence("file", json!({"fileDetails": file, "detectionStatus": "prevented"})),
            evidence("process", json!({
                "imageFile": file, "processCommandLine": "drop.exe -x", "userAccount": account,
                "parentProcessImageFile": {"fileName": "explorer.exe", "filePath": "C:\\Windows"},
            })),
            evidence("user", json!({"userAccount": account})),
            evidence("networkConnection", ends),
            evidence("dns", json!({
                "domainName": "c2.bad.example", "ipAddresses": [{"ipAddress": ADDRESS}],
                "hostIpAddress": {"ipAddress": "10.20.30.42"},
            })),
            evidence("fileHash", json!({"algorithm": "sha256", "value": "a".repeat(64)})),
        ],
    })
}

fn read(text: &str) -> Vec<Alert> {
    let page: AlertPage<Alert> = serde_json::from_str(text).unwrap();
    page.value.unwrap().items
}

fn map(alerts: &[Alert], about: &Observable, ui: &Url) -> Bundle {
    let matcher = Matcher::new(about).unwrap();
    let mut bundle = Bundle::default();
    for alert in alerts.iter().filter(|alert| matcher.concerns(alert)) {
        bundle.push(mapping::v2::sighting(alert, &matcher, ui).unwrap());
    }
    assert_eq!(bundle.sightings().len(), ALERTS);
    bundle
}

fn benchmark(criterion: &mut Criterion) {
    let text = json!({"value": (0..ALERTS).map(alert).collect::<Vec<Value>>()}).to_string();
    assert!((450_000..600_000).contains(&text.len()), "{} bytes", text.len());
    let about = Observable::new(ObservableType::Ip, ADDRESS).unwrap();
    let ui: Url = "https://security.microsoft.com".parse().unwrap();
    let alerts = read(&text);
    let bundle = map(&alerts, &about, &ui);
    let mut group = criterion.benchmark_group("graph/100 alerts of 5 kB");
    group.sample_size(20);
    group.bench_function("read", |bencher| bencher.iter(|| read(black_box(&text))));
    group.bench_function("map", |bencher| bencher.iter(|| map(black_box(&alerts), &about, &ui)));
    group.bench_function("write", |bencher| bencher.iter(|| serde_json::to_vec(black_box(&bundle))));
    group.finish();
}

criterion_group!(benches, benchmark);
criterion_main!(benches);
