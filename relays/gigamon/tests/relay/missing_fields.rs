//! Fields that are missing, `null` or not of their type: each costs itself and nothing else.

use provider_sim::Answer;
use relay_testkit::{Stage, damaged, docs, errors};
use serde_json::{Value, json};

use crate::fixtures::{self, detection, event, found, listed, of_detection, pin, rule};
use crate::setup;

const DOMAIN: &str = "a.example";

fn merged(mut one: Value, other: &Value) -> Value {
    one.as_object_mut().unwrap().extend(other.as_object().unwrap().clone());
    one
}

/// An event of each type with specific fields, and of one without.
fn events() -> Vec<Value> {
    let end = |ip: &str, internal: bool| json!({"ip": ip, "port": 1, "internal": internal});
    [
        json!({"event_type": "flow", "flow_state": "SF", "proto": "tcp", "service": "ssl", "total_pkts": 7}),
        json!({
            "event_type": "dns", "qtype": 1, "qtype_name": "A", "rcode": 0, "rcode_name": "NOERROR", "rejected": false,
            "answers": [{"ip": "192.0.2.1"}, {"domain": "b.example"}],
        }),
        json!({
            "event_type": "http", "method": "GET", "status_code": 200, "status_msg": "OK", "user_agent": "curl/8",
            "host": {"domain": DOMAIN}, "uri": {"uri": "/x"},
            "files": [{"md5": "a".repeat(32), "sha1": "b".repeat(40), "sha256": "c".repeat(64), "name": "x.exe"}],
        }),
        json!({"event_type": "ssh", "direction": "OUTBOUND", "client": "one", "server": "other"}),
        json!({"event_type": "suricata", "sig_name": "n", "sig_category": "c", "sig_id": 1, "sig_rev": 1.5}),
        json!({
            "event_type": "suricata",
            "alert": {"signature": "n", "category": "c", "signature_id": 1, "rev": 2},
        }),
        json!({"event_type": "x509", "san_dns": [DOMAIN]}),
        json!({"event_type": "observation", "sensor_ids": ["acm1", "acm2"]}),
        json!({
            "event_type": "kerberos", "src": null, "dst": null, "src_ip": "10.1.1.1", "src_port": 5,
            "src_ip_enrichments": {"internal": true}, "dest_ip": "192.0.2.1", "dest_port": 6,
        }),
    ]
    .iter()
    .map(|own| {
        let ends = json!({"src": end("10.1.1.1", true), "dst": end("192.0.2.9", false)});
        merged(merged(event(0, DOMAIN), &ends), own)
    })
    .collect()
}

/// The whole answer has as many sightings, no error, and no cell without a value.
fn assert_whole(answer: &Value, sightings: usize) {
    assert_eq!(errors(answer), []);
    assert_eq!(docs(answer, "sightings").len(), sightings);
    for sighting in docs(answer, "sightings") {
        let cells = sighting["data"]["rows"][0].as_array().into_iter().flatten();
        assert!(cells.clone().all(|cell| !cell.is_null()), "{sighting}");
        let columns = sighting["data"]["columns"].as_array().map_or(0, Vec::len);
        assert_eq!(cells.count(), columns, "{sighting}");
    }
}

async fn stage() -> Stage {
    let stage = setup()
        .claim("CTR_ENTITIES_LIMIT", 1000)
        .setting("RELAY_PROVIDER__EVENT_DAYS", "1")
        .setting("RELAY_CACHE__TTL", "0s")
        .start()
        .await;
    fixtures::empty(&stage);
    stage
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_lacks_a_field_is_a_sighting_nevertheless() {
    let stage = stage().await;
    for whole in events() {
        let mut copies = damaged(&whole, &["/uuid", "/event_type", "/timestamp"]);
        for (number, (_, copy)) in copies.iter_mut().enumerate() {
            copy["uuid"] = json!(format!("event-{number:05}"));
        }
        let copies: Vec<Value> = copies.into_iter().map(|(_, copy)| copy).collect();
        assert!((20..1000).contains(&copies.len()), "{}", copies.len());
        pin(&stage, Answer::post("/v2/query").json(found(&copies)));
        assert_whole(&stage.observe(&[("domain", DOMAIN)]).await, copies.len());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_detection_or_rule_that_lacks_a_field_is_a_sighting_nevertheless() {
    let more = json!({
        "sensor_id": "acm1", "hostname": "h", "created": "2026-02-01T00:00:00.000000Z", "event_count": 3,
    });
    let whole = merged(detection(0, DOMAIN), &more);
    let about_rule = json!({
        "description": "d", "created": "2025-11-20T10:00:00.000000Z",
        "primary_attack_id": "T1071", "secondary_attack_id": "T1071.004",
    });
    let damaged_rules = damaged(&merged(rule(), &about_rule), &["/uuid"]);
    let mut detections: Vec<Value> = damaged(&whole, &["/uuid"]).into_iter().map(|(_, copy)| copy).collect();
    let mut rules = vec![rule()];
    for (number, (_, mut copy)) in damaged_rules.into_iter().enumerate() {
        let id = json!(format!("rule-{number}"));
        detections.push(merged(whole.clone(), &json!({"rule_uuid": id})));
        copy["uuid"] = id;
        rules.push(copy);
    }
    for (number, copy) in detections.iter_mut().enumerate() {
        copy["uuid"] = json!(format!("detection-{number:04}"));
    }
    let stage = stage().await;
    let mut list = listed(&detections);
    list["rules"] = json!(rules);
    pin(&stage, Answer::get("/v1/detections").json(list));
    let answer = stage.observe(&[("domain", DOMAIN)]).await;
    assert_whole(&answer, detections.len());
    assert_eq!(docs(&answer, "indicators").len(), rules.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_whose_record_lacks_a_field_is_a_target_nevertheless() {
    let whole =
        json!({"ip": "10.1.1.1", "account_code": "acm", "hostname": "fin-ws-12", "mac": "02:42:ac:12:00:40"});
    let stage = stage().await;
    pin(&stage, Answer::post("/v2/query").json(found(&[event(0, DOMAIN)])));
    for (done, record) in damaged(&whole, &[]) {
        let records = json!({"entity_tracking_bulk_response": {"dhcp": [record]}});
        pin(&stage, Answer::post("/v2/entity/tracking/bulk/get/ip").json(records));
        let answer = stage.observe(&[("domain", DOMAIN)]).await;
        assert_whole(&answer, 1);
        let device = &docs(&answer, "sightings")[0]["targets"][0]["observables"];
        assert_eq!(device[0], json!({"type": "ip", "value": "10.1.1.1"}), "{done}");
        let is_ours = !done.ends_with("/ip") && !done.ends_with("/account_code");
        assert_eq!(device.as_array().unwrap().len(), 1 + usize::from(is_ours), "{done}: {device}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_severity_or_confidence_that_is_not_known_is_left_out() {
    for (severity, confidence) in [
        (json!("critical"), json!("sure")),
        (json!(null), json!(null)),
        (json!(3), json!("")),
        (json!("High"), json!([])),
    ] {
        let stage = stage().await;
        let mut list = listed(&[detection(0, DOMAIN)]);
        list["rules"][0]["severity"] = severity.clone();
        list["rules"][0]["confidence"] = confidence;
        pin(&stage, Answer::get("/v1/detections").json(list));
        pin(&stage, Answer::get("/v1/events").json(of_detection(&[event(1, DOMAIN)])));
        let answer = stage.observe(&[("domain", DOMAIN)]).await;
        assert_whole(&answer, 1);
        let (sighting, indicator) = (&docs(&answer, "sightings")[0], &docs(&answer, "indicators")[0]);
        assert_eq!(sighting.get("severity"), None, "{severity}");
        assert_eq!((indicator.get("severity"), indicator.get("confidence")), (None, None), "{severity}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_field_that_is_null_has_neither_column_nor_cell() {
    let stage = stage().await;
    let own = |number: usize, own: Value| merged(event(number, DOMAIN), &own);
    let events = [
        own(
            2,
            json!({"event_type": "flow", "flow_state": null, "proto": "tcp", "service": null, "total_pkts": 7}),
        ),
        own(1, json!({"event_type": "ssh", "direction": null, "client": null})),
    ];
    pin(&stage, Answer::post("/v2/query").json(found(&events)));
    let answer = stage.observe(&[("domain", DOMAIN)]).await;
    let [flow, ssh] = docs(&answer, "sightings") else { panic!("{answer}") };
    let names: Vec<&Value> =
        flow["data"]["columns"].as_array().unwrap().iter().map(|column| &column["name"]).collect();
    assert_eq!(names, ["Event Summary", "• proto", "• total_pkts"]);
    assert_eq!(flow["data"]["rows"], json!([[" ", "tcp", 7]]));
    assert_eq!(ssh.get("data"), None, "a table of nothing but its title");
}

#[tokio::test(flavor = "multi_thread")]
async fn files_have_no_direction_if_the_event_does_not_say_it() {
    let stage = stage().await;
    let files = json!([{"md5": "a".repeat(32), "sha1": "none", "sha256": null}]);
    let http = |number, method: Value| {
        let own = json!({"event_type": "http", "method": method, "files": files, "dst": {"ip": "192.0.2.9"}});
        merged(event(number, DOMAIN), &own)
    };
    let events = [http(3, json!("GET")), http(2, json!("get")), http(1, json!(null))];
    pin(&stage, Answer::post("/v2/query").json(found(&events)));
    let answer = stage.observe(&[("domain", DOMAIN)]).await;
    let relations: Vec<Vec<&str>> = docs(&answer, "sightings")
        .iter()
        .map(|sighting| {
            let relations = sighting["relations"].as_array().unwrap().iter();
            relations.map(|relation| relation["relation"].as_str().unwrap()).collect()
        })
        .collect();
    assert_eq!(
        relations,
        [
            vec!["Connected_To", "Downloaded_To", "Downloaded_From"],
            vec!["Connected_To", "Related_To", "Related_To"],
            vec!["Connected_To", "Related_To", "Related_To"],
        ]
    );
}
