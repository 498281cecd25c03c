//! Lookups in the retired API: what is asked, and what becomes of the alerts.

use provider_sim::Answer;
use relay_testkit::{docs, errors};
use serde_json::{Value, json};

use crate::{alert, calls_to, legacy, logins, page, params};

#[tokio::test(flavor = "multi_thread")]
async fn each_type_is_asked_by_its_filter() {
    let stage = legacy().start().await;
    let upper = "AB".repeat(32);
    let lower = upper.to_lowercase();
    let table = [
        ("domain", "c2.bad.example", "networkConnections/any(x: x/destinationDomain eq 'c2.bad.example')".to_owned()),
        (
            "ip",
            "203.0.113.9",
            "networkConnections/any(x: x/sourceAddress eq '203.0.113.9' or x/destinationAddress eq '203.0.113.9')"
                .to_owned(),
        ),
        ("ip", "2001:db8::1", "networkConnections/any(x: x/sourceAddress eq '2001:db8::1' or x/destinationAddress eq '2001:db8::1')".to_owned()),
        ("url", "https://a.example/?a=b&c='d'#e", "networkConnections/any(x: x/destinationUrl eq 'https://a.example/?a=b&c=''d''#e')".to_owned()),
        ("hostname", "ws-042", "hostStates/any(x: x/netBiosName eq 'ws-042')".to_owned()),
        ("file_name", "a'b&c#d+e%f", "fileStates/any(x: x/name eq 'a''b&c#d+e%f')".to_owned()),
        ("file_path", "C:\\x y\\z.dll", "fileStates/any(x: x/path eq 'C:\\x y\\z.dll')".to_owned()),
        ("sha256", &lower, format!("fileStates/any(x: x/fileHash/hashValue eq '{lower}')")),
        (
            "sha256",
            &upper,
            format!("fileStates/any(x: x/fileHash/hashValue eq '{upper}' or x/fileHash/hashValue eq '{lower}')"),
        ),
    ];
    for (kind, value, filter) in table {
        let before = stage.sim.calls().len();
        let answer = stage.observe(&[(kind, value)]).await;
        assert_eq!(errors(&answer), [], "{kind} {value}");
        let calls = calls_to(&stage, "alerts");
        let call = calls.last().unwrap();
        let expected = [("$filter".to_owned(), filter), ("$top".to_owned(), "100".to_owned())];
        assert_eq!(params(call), expected, "{kind} {value}");
        assert!(!call.query.contains(['+', ' ', '#']), "{}", call.query);
        assert!(
            call.header("user-agent")
                .unwrap()
                .starts_with("Cisco-SecureXThreatResponseMicrosoftGraphSecurity/")
        );
        let others = if before == 0 { 2 } else { 0 };
        assert_eq!(
            stage.sim.calls().len() - before,
            1 + others,
            "key set and login for the first, then one call"
        );
    }
    assert_eq!(logins(&stage), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn other_types_cost_no_call_at_all() {
    let stage = legacy().start().await;
    for others in [&[("email", "a@b.example"), ("md5", "x"), ("ipv6", "2001:db8::1")][..], &[]] {
        assert_eq!(stage.observe(others).await, json!({"data": {}}));
    }
    assert_eq!(stage.sim.calls_to("graph").len() + logins(&stage), 0);
    stage.observe(&[("email", "a@b.example"), ("file_name", "drop.exe")]).await;
    assert_eq!((stage.sim.calls_to("graph").len(), logins(&stage)), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_duplicate_observable_and_a_duplicate_alert_count_once() {
    let stage = legacy().start().await;
    let next = format!("{}/graph/security/alerts?$skip=100", stage.sim.url());
    stage.sim.answer(
        "graph",
        Answer::get("/security/alerts")
            .json(json!({"value": [alert("a"), alert("a"), alert("b")], "@odata.nextLink": next})),
    );
    stage.sim.answer(
        "graph",
        Answer::get("/security/alerts").query("$skip", "100").json(page(&json!([alert("b"), alert("c")]))),
    );
    let answer = stage.observe(&[("domain", "a.example"), ("domain", "a.example")]).await;
    let ids: Vec<&Value> = docs(&answer, "sightings").iter().map(|one| &one["external_ids"][0]).collect();
    assert_eq!(ids, ["a", "b", "c"]);
    assert_eq!(stage.sim.calls_to("graph").len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_limit_cuts_what_is_asked_and_what_is_told() {
    for (limit, top, count) in [
        (json!("5"), "5", 5),
        (json!(0), "100", 100),
        (json!(-1), "100", 100),
        (json!("x"), "100", 100),
        (json!(null), "100", 100),
        (json!(5000), "1000", 120),
    ] {
        let stage = legacy().claim("CTR_ENTITIES_LIMIT", limit.clone()).start().await;
        let alerts: Vec<Value> = (0..120).map(|n| alert(&n.to_string())).collect();
        stage.sim.answer("graph", Answer::get("/security/alerts").json(page(&json!(alerts))));
        let answer = stage.observe(&[("domain", "a.example")]).await;
        assert_eq!(answer["data"]["sightings"]["count"], count, "{limit}");
        let asked = params(&calls_to(&stage, "alerts")[0]);
        assert_eq!(asked[1], ("$top".to_owned(), top.to_owned()), "{limit}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_are_followed_up_to_the_limit_and_within_the_host() {
    let alerts = |from: usize| -> Value { (from..from + 100).map(|n| alert(&n.to_string())).collect() };
    for (host, count, calls) in
        [(None, 150, 2), (Some("http://evil.example"), 100, 1), (Some("http://127.0.0.1:1"), 100, 1)]
    {
        let stage = legacy().claim("CTR_ENTITIES_LIMIT", 150).start().await;
        let host = host.map_or_else(|| stage.sim.url(), str::to_owned);
        let next = format!("{host}/graph/security/alerts?$skip=100");
        stage.sim.answer(
            "graph",
            Answer::get("/security/alerts").json(json!({"value": alerts(0), "@odata.nextLink": next})),
        );
        stage
            .sim
            .answer("graph", Answer::get("/security/alerts").query("$skip", "100").json(page(&alerts(100))));
        let answer = stage.observe(&[("domain", "a.example")]).await;
        assert_eq!(
            (answer["data"]["sightings"]["count"].clone(), errors(&answer)),
            (json!(count), vec![]),
            "{host}"
        );
        assert_eq!(stage.sim.calls_to("graph").len(), calls, "{host}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_without_end_is_left_after_ten_pages() {
    let stage = legacy().start().await;
    let next = format!("{}/graph/security/alerts?$skip=1", stage.sim.url());
    // The same page again and again: a link to itself, with a parameter that changes nothing.
    let answer = Answer::get("/security/alerts");
    stage.sim.answer("graph", answer.json(json!({"value": [alert("a")], "@odata.nextLink": next})));
    let answer = stage.observe(&[("domain", "a.example")]).await;
    assert_eq!((answer["data"]["sightings"]["count"].clone(), errors(&answer)), (json!(1), vec![]));
    assert!(stage.sim.calls_to("graph").len() <= 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_repeat_for_the_same_fact_only() {
    let stage = legacy().setting("RELAY_CACHE__TTL", "0s").start().await;
    stage.sim.answer("graph", Answer::get("/security/alerts").json(page(&json!([alert("a")]))));
    let id = async |value: &str| {
        let answer = stage.observe(&[("domain", value)]).await;
        docs(&answer, "sightings")[0]["id"].as_str().unwrap().to_owned()
    };
    let first = id("a.example").await;
    assert_eq!(id("a.example").await, first);
    assert_ne!(id("b.example").await, first);
    assert!(first.starts_with("transient:sighting-"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partial_answer_says_who_is_missing() {
    for (header, expected) in [
        (r#"199 - "Microsoft/Microsoft Defender ATP/504/10001""#, vec![("warning", "service unavailable")]),
        (r#"199 - "Microsoft/Office 365/429/3""#, vec![("warning", "too many requests")]),
        (r#"199 - "Microsoft/Microsoft Defender ATP/400/248""#, vec![]),
        ("whatever", vec![]),
    ] {
        let stage = legacy().start().await;
        let partial = Answer::get("/security/alerts").status(206).header("Warning", header);
        stage.sim.answer("graph", partial.json(page(&json!([alert("a")]))));
        let answer = stage.observe(&[("domain", "a.example")]).await;
        assert_eq!(
            (answer["data"]["sightings"]["count"].clone(), errors(&answer)),
            (json!(1), expected),
            "{header}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_alert_is_left_out_with_one_warning() {
    let stage = legacy().start().await;
    let odd = json!([alert("a"), 7, "b", [], {"title": "no id"}, {"id": " "}, {"id": "no time"}]);
    stage.sim.answer("graph", Answer::get("/security/alerts").json(page(&odd)));
    let answer = stage.observe(&[("domain", "a.example"), ("domain", "b.example")]).await;
    assert_eq!(answer["data"]["sightings"]["count"], 2);
    assert_eq!(errors(&answer), [("warning", "key error")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn made_up_alerts_are_found_by_their_value() {
    let stage = legacy().start().await;
    let mut hits = 0;
    for n in 0..10 {
        let value = format!("host-{n}.example");
        let answer = stage.observe(&[("domain", &value)]).await;
        assert_eq!(errors(&answer), []);
        hits += docs(&answer, "sightings").len();
    }
    assert!((3..=20).contains(&hits), "{hits}");
}
