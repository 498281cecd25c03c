//! What the relay's own count of the provider's quotas comes to.

use relay_testkit::{docs, errors};
use serde_json::json;

use crate::{alert, alerts, queries, rows, setup};

#[tokio::test(flavor = "multi_thread")]
async fn a_used_up_hunting_quota_leaves_the_alerts_and_says_when_there_is_room() {
    let stage = setup().start().await;
    rows(&stage, &json!([]));
    alerts(&stage, "/domains/a.example/alerts", &json!([alert("a1", &json!({}))]));
    alerts(&stage, "/machines/m-1/alerts", &json!([]));
    // Names of files need nothing but hunting.
    for number in 0..45 {
        let answer = stage.observe(&[("file_name", &format!("drop-{number}.exe"))]).await;
        assert_eq!(answer, json!({"data": {}}), "{number}");
    }
    // A device is not hunted for, so the message names those that are.
    let about = [("domain", "a.example"), ("file_name", "drop.exe"), ("ms_machine_id", "m-1")];
    let answer = stage.observe(&about).await;
    assert_eq!(errors(&answer), [("error", "too many requests")]);
    assert_eq!(docs(&answer, "sightings").len(), 1);
    assert_eq!(queries(&stage).len(), 45);
    let message = answer["errors"][0]["message"].as_str().unwrap();
    for part in [
        "45 hunting queries a minute",
        "the tenant",
        "room again in",
        "UTC",
        "domain a.example",
        "file_name drop.exe",
    ] {
        assert!(message.contains(part), "{part}: {message}");
    }
    assert!(!message.contains("ran out") && !message.contains("timeout"), "{message}");
}
