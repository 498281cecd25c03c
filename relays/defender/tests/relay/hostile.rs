//! No value changes the shape of a call.

use relay_testkit::errors;
use serde_json::{Value, json};

use crate::{MACHINE, calls, rows, setup};

/// Values with which one might try.
fn attempts() -> Vec<String> {
    let mut values: Vec<String> = [
        "@#$%^&",
        "..",
        ".",
        "%2e%2e",
        "a'b",
        "a' or 1 eq 1 or 'x' eq 'x",
        "x.example/../..",
        "x.example/alerts?$top=1",
        "x.example#y",
        "x' | union DeviceEvents //",
        "x\\' or true or '",
        "a\nb.example",
        "a\0b.example",
        "\u{202e}evil.example",
        "😀.example/..;/x",
        "http://[::1",
        "0123456789012345678901234567890123456789/../x",
    ]
    .map(str::to_owned)
    .to_vec();
    values.push("a".repeat(5000));
    values
}

#[tokio::test(flavor = "multi_thread")]
async fn unfit_values_are_never_sent() {
    let stage = setup().start().await;
    for value in attempts() {
        for kind in ["sha1", "sha256", "md5", "ip", "ipv6", "domain", "ms_machine_id"] {
            // Names in other scripts are names.
            if kind == "domain" && value.ends_with(".example") && !value.contains(['\n', '\0']) {
                continue;
            }
            for path in ["/observe/observables", "/respond/observables"] {
                let body = json!([{"type": kind, "value": value}]);
                let answer = stage.ask(path, Some(&stage.token()), &body).await;
                let nothing =
                    if path.starts_with("/observe") { json!({"data": {}}) } else { json!({"data": []}) };
                if kind == "ms_machine_id" && value == "." {
                    continue;
                }
                assert_eq!(answer, nothing, "{path} {kind} {value:?}");
            }
        }
    }
    // A digit too few or too many, or a hash of another kind.
    for (kind, digits) in [("sha1", 39), ("sha1", 41), ("sha1", 64), ("sha256", 63), ("md5", 40), ("md5", 31)]
    {
        let value = "0".repeat(digits);
        assert_eq!(stage.observe(&[(kind, &value)]).await, json!({"data": {}}), "{kind} {digits}");
        assert_eq!(stage.respond(&[(kind, &value)]).await, json!({"data": []}), "{kind} {digits}");
    }
    assert_eq!(calls(&stage), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_url_stays_one_literal_of_the_filter() {
    let stage = setup().start().await;
    for value in
        ["http://a'b.example/", "http://a.example/' or indicatorValue ne '", "http://a.example/?x=1&$top=9#'"]
    {
        let value = value.replace(' ', "%20");
        let answer = stage.respond(&[("url", &value)]).await;
        assert_eq!(errors(&answer), [], "{value}");
        assert_eq!(answer["data"].as_array().unwrap().len(), 4, "{value}");
        let call = stage.sim.calls_to("defender").pop().unwrap();
        let url = url::Url::parse(&format!("http://x/?{}", call.query)).unwrap();
        let query: Vec<(String, String)> = url.query_pairs().into_owned().collect();
        assert_eq!(query.len(), 2);
        let filter = provider_sim::odata::Filter::parse(&query[0].1).unwrap();
        assert_eq!(
            (filter.texts(), filter.paths()),
            (vec![value.as_str()], vec!["indicatorValue".to_owned()])
        );
        assert_eq!(query[1], ("$top".to_owned(), "10".to_owned()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_triggers_send_nothing() {
    let stage = setup().start().await;
    let table = [
        ("microsoft-defender-FullIsolation", "ms_machine_id", "../x", Value::Null),
        ("microsoft-defender-FullIsolation", "ms_machine_id", "a/unisolate", Value::Null),
        ("microsoft-defender-FullIsolation", "ms_machine_id", "%2e%2e", Value::Null),
        ("microsoft-defender-FullIsolation", "domain", "a.example", Value::Null),
        ("microsoft-defender-add-indicator-alert", "ms_machine_id", MACHINE, Value::Null),
        ("microsoft-defender-add-indicator-block-and-remediate", "domain", "a.example", Value::Null),
        ("microsoft-defender-remove-indicator", "ms_machine_id", MACHINE, json!("13")),
        ("microsoft-defender-remove-indicator", "domain", "a.example", Value::Null),
        ("microsoft-defender-remove-indicator", "domain", "a'b", json!("13")),
        ("microsoft-defender-OffBoard", "ms_machine_id", MACHINE, Value::Null),
        ("microsoft-defender-fullisolation", "ms_machine_id", MACHINE, Value::Null),
        ("x", "ip", "192.0.2.1", Value::Null),
    ];
    for (action, kind, value, id) in table {
        let body = json!({"action-id": action, "observable_type": kind, "observable_value": value, "indicator_id": id});
        let answer = stage.trigger(&body).await;
        assert_eq!(answer["data"], json!({"status": "failure"}), "{body}");
        assert_eq!(errors(&answer), [("fatal", "invalid argument")], "{body}");
    }
    for body in [
        json!({"action-id": " ", "observable_type": "ip", "observable_value": "192.0.2.1"}),
        json!({"action-id": "x", "observable_type": "ms_machine_id", "observable_value": ""}),
        json!({"action-id": "x", "observable_type": "ms_machine_id"}),
        json!({"action-id": "x", "observable_type": "ip", "observable_value": "192.0.2.1", "indicator_id": "13/../x"}),
        json!({"action-id": "x", "observable_type": "ip", "observable_value": "192.0.2.1", "indicator_id": 1.5}),
        json!({"action-id": "x", "observable_type": "ip", "observable_value": "192.0.2.1", "indicator_id": -1}),
    ] {
        let answer = stage.trigger(&body).await;
        assert_eq!(errors(&answer), [("fatal", "invalid argument")], "{body}");
        assert!(answer.get("data").is_none(), "{body}");
    }
    assert_eq!(calls(&stage), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_in_the_providers_answers_are_not_trusted_either() {
    let stage = setup().start().await;
    crate::alerts(
        &stage,
        "/domains/a.example/alerts",
        &json!([crate::alert("../../indicators", &json!({"evidence": [], "machineId": "../x"})),]),
    );
    rows(&stage, &json!([{"Timestamp": "2026-11-01T00:00:00Z", "DeviceId": "a' or 'x' =~ 'x"}]));
    let answer = stage.observe(&[("domain", "a.example")]).await;
    assert_eq!(errors(&answer), []);
    let made = calls(&stage);
    assert!(made.contains(&"GET /alerts/..%2F..%2Findicators".to_owned()), "{made:?}");
    assert!(!made.iter().any(|call| call.contains("machines")), "{made:?}");
}
