//! The Gigamon service over real HTTP: who may call, what is refused, paging, the event search, and the fixtures.

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::{Bed, answer, code};

struct Gigamon(Bed);

impl Gigamon {
    async fn start() -> Self {
        Self(Bed::start().await)
    }

    fn call(&self, method: Method, target: &str) -> RequestBuilder {
        self.0.call(method, &format!("/gigamon{target}"))
    }

    async fn get_as(&self, token: &str, target: &str) -> (u16, Value) {
        answer(self.call(Method::GET, target).header("Authorization", format!("IBToken {token}"))).await
    }

    async fn get(&self, target: &str) -> (u16, Value) {
        self.get_as("demo-token", target).await
    }

    async fn post(&self, target: &str, body: &Value) -> (u16, Value) {
        let call = self.call(Method::POST, target).header("Authorization", "IBToken demo-token");
        answer(call.json(body)).await
    }

    async fn search(&self, query: &str) -> (u16, Value) {
        self.post("/v2/query", &json!({"query": query, "start_date": START, "end_date": END})).await
    }
}

const START: &str = "2026-02-20T00:00:00.000Z";
const END: &str = "2026-02-27T00:00:00.000Z";

#[tokio::test]
async fn tokens_are_checked() {
    let gigamon = Gigamon::start().await;
    let target = "/v1/detections?indicator_value=login-verify.example";
    let invalid = (401, "client.invalid_authentication");
    assert_eq!(code(&answer(gigamon.call(Method::GET, target)).await), invalid);
    let bearer = gigamon.call(Method::GET, target).bearer_auth("demo-token");
    assert_eq!(code(&answer(bearer).await), invalid);
    for (token, expected) in [
        ("demo-token", (200, "")),
        ("revoked", invalid),
        ("forbidden-token", (403, "client.forbidden")),
        ("limited-token", (429, "client.too_many_requests")),
        ("detections-token", (200, "")),
    ] {
        assert_eq!(code(&gigamon.get_as(token, target).await), expected, "{token}");
    }
    let summary = "/v1/entity/203.0.113.9/summary";
    assert_eq!(code(&gigamon.get_as("detections-token", summary).await), (403, "client.forbidden"));
    assert_eq!(gigamon.get(summary).await.0, 200);
}

#[tokio::test]
async fn only_documented_parameters_and_values_are_taken() {
    let gigamon = Gigamon::start().await;
    for good in [
        "",
        "?limit=1000&offset=5&status=active&status=resolved",
        "?include=rules&include=indicators",
        "?created_or_shared_start_date=2026-02-20T00:00:00Z&rule_severity=high&rule_severity=low",
    ] {
        assert_eq!(gigamon.get(&format!("/v1/detections{good}")).await.0, 200, "{good}");
    }
    for bad in [
        "limit=0",
        "limit=1001",
        "limit=x",
        "offset=-1",
        "status=open",
        "include=rules,indicators",
        "created_or_shared_start_date=yesterday",
        "rule_severity=High",
        "sort_by=uuid",
        "sort_order=down",
        "indicator=x",
        "indicator_value=a.example&indicator_value=b.example",
        "device_ip=10.0.0.1&device_ip=10.0.0.2",
    ] {
        let refused = gigamon.get(&format!("/v1/detections?{bad}")).await;
        assert_eq!(code(&refused), (400, "client.invalid_request"), "{bad}");
    }
    assert_eq!(gigamon.get("/v1/events?limit=1").await.0, 400, "which detection?");
    let other = "/v1/detections?account_uuid=c0d9c1a4-5a83-4d0b-9a59-6b5f6f0f7e02";
    assert_eq!(code(&gigamon.get(other).await), (403, "client.forbidden"));
}

#[tokio::test]
async fn paths_and_methods_are_matched_strictly() {
    let gigamon = Gigamon::start().await;
    for path in [
        "/v2/detections",
        "/v1/detections/x",
        "/v1/rules/",
        "/v1/rules/a/b",
        "/v1/entity/a",
        "/v2/entity/tracking/ip/a",
    ] {
        assert_eq!(gigamon.get(path).await.0, 404, "{path}");
    }
    assert_eq!(gigamon.get("/v2/query").await.0, 405);
    assert_eq!(gigamon.post("/v1/detections", &json!({})).await.0, 405);
    assert_eq!(gigamon.get("/v1/rules/unknown").await.0, 404);
    assert_eq!(gigamon.get("/v1/events?detection_uuid=unknown").await.0, 404);
}

#[tokio::test]
async fn detections_page_and_lead_to_their_rules_and_events() {
    let gigamon = Gigamon::start().await;
    let all = "/v1/detections?indicator_value=login-verify.example&include=rules&include=indicators";
    let (_, whole) = gigamon.get(all).await;
    let detections = whole["detections"].as_array().unwrap();
    assert!(detections.len() > 2 && whole["total_count"] == detections.len(), "{whole}");
    let last_seen: Vec<_> = detections.iter().map(|one| one["last_seen"].as_str().unwrap()).collect();
    assert!(last_seen.is_sorted_by(|one, next| one >= next), "newest first: {last_seen:?}");
    let (_, second) = gigamon.get(&format!("{all}&limit=1&offset=1")).await;
    assert_eq!(second["detections"], json!([detections[1]]));
    for detection in detections {
        let rule = detection["rule_uuid"].as_str().unwrap();
        assert!(whole["rules"].as_array().unwrap().iter().any(|known| known["uuid"] == rule));
        assert_eq!(gigamon.get(&format!("/v1/rules/{rule}")).await.1["rule"]["uuid"], rule);
        let uuid = detection["uuid"].as_str().unwrap();
        let (status, events) = gigamon.get(&format!("/v1/events?detection_uuid={uuid}")).await;
        assert_eq!((status, &events["total_count"]), (200, &detection["event_count"]));
    }
    let (_, bare) = gigamon.get("/v1/detections?indicator_value=login-verify.example").await;
    assert!(bare.get("rules").is_none() && bare["detections"][0].get("indicators").is_none());
    assert_eq!(gigamon.get("/v1/detections?indicator_value=quiet-garden.example").await.1["total_count"], 0);
}

#[tokio::test]
async fn the_search_answers_the_query_and_the_time_that_are_asked() {
    let gigamon = Gigamon::start().await;
    let (status, whole) = gigamon.search("domain = 'login-verify.example'").await;
    let events = whole["events"].as_array().unwrap();
    assert_eq!(status, 200);
    assert!(!events.is_empty() && whole["total"] == events.len());
    let times: Vec<_> = events.iter().map(|event| event["timestamp"].as_str().unwrap()).collect();
    assert!(times.is_sorted_by(|one, next| one >= next), "newest first: {times:?}");
    assert!(times.iter().all(|time| (START..END).contains(time)));
    // The end is not part of the time, the start is.
    let between = |start: &str, end: &str| json!({"query": "login-verify.example", "start_date": start, "end_date": end});
    let (_, without) = gigamon.post("/v2/query", &between(START, times[0])).await;
    assert_eq!(without["total"], events.len() - 1);
    let (_, with) = gigamon.post("/v2/query", &between(times[0], END)).await;
    assert_eq!(with["events"], json!([events[0]]));
    assert_eq!(gigamon.search("domain = 'quiet-garden.example'").await.1["total"], 0);
}

#[tokio::test]
async fn a_malformed_search_is_refused() {
    let gigamon = Gigamon::start().await;
    for query in ["", "domain = 'a", "domain = 'it's'", "domain LIKE 'a%'", "domain = a.example or 1"] {
        assert_eq!(code(&gigamon.search(query).await), (400, "client.invalid_request"), "{query}");
    }
    let good = json!({"query": "8.8.8.8", "start_date": START, "end_date": END});
    for (field, value) in [
        ("limit", json!(0)),
        ("limit", json!(10_001)),
        ("limit", json!("100")),
        ("start_date", json!("2026-02-20T00:00Z")),
        ("start_date", json!(END)),
        ("end_date", json!("2026-02-27")),
        ("offset", json!(5)),
        ("order", json!("newest")),
        ("order_by", json!("uuid")),
    ] {
        let mut body = good.clone();
        body[field] = value.clone();
        assert_eq!(gigamon.post("/v2/query", &body).await.0, 400, "{field}: {value}");
    }
    assert_eq!(gigamon.post("/v2/query", &good).await.0, 200);
}

#[tokio::test]
async fn tracking_wants_at_least_one_address_with_a_time() {
    let gigamon = Gigamon::start().await;
    let path = "/v2/entity/tracking/bulk/get/ip";
    for body in [
        json!({}),
        json!({"entities": []}),
        json!({"entities": [{"ip": "10.20.30.40"}]}),
        json!({"entities": [{"ip": "10.20.30.40", "event_time": "now"}]}),
        json!({"entities": [{"ip": "x", "event_time": START}]}),
    ] {
        assert_eq!(code(&gigamon.post(path, &body).await), (400, "client.invalid_request"), "{body}");
    }
    let many: Vec<Value> =
        (20..60).map(|n| json!({"ip": format!("10.20.30.{n}"), "event_time": START})).collect();
    let (status, answer) = gigamon.post(path, &json!({"entities": many})).await;
    let records = answer["entity_tracking_bulk_response"]["dhcp"].as_array().unwrap();
    assert_eq!(status, 200);
    let of = |code: &str| records.iter().filter(|record| record["account_code"] == code).count();
    assert!(of("acm") > 20 && of("dmo") > 20, "private addresses occur in several networks");
}

#[tokio::test]
async fn lists_of_values_are_searched_together_unless_the_token_may_not() {
    let gigamon = Gigamon::start().await;
    let totals = |answer: &(u16, Value)| answer.1["total"].as_u64().unwrap();
    let one = gigamon.search("domain = 'login-verify.example'").await;
    let other = gigamon.search("ip = '203.0.113.9'").await;
    let query =
        "ip IN ('203.0.113.9', '192.0.2.250') OR domain IN ('login-verify.example', 'quiet-garden.example')";
    let both = gigamon.search(query).await;
    assert!(totals(&both) >= totals(&one).max(totals(&other)) && totals(&both) > 0, "{both:?}");
    let call = gigamon.call(Method::POST, "/v2/query").header("Authorization", "IBToken no-lists-token");
    let body = json!({"query": query, "start_date": START, "end_date": END});
    assert_eq!(code(&answer(call.json(&body)).await), (400, "client.invalid_query"));
}

#[tokio::test]
async fn a_busy_value_has_more_events_than_an_answer_holds() {
    let gigamon = Gigamon::start().await;
    let (status, answer) = gigamon.search("domain = 'busy-hub.example'").await;
    assert_eq!((status, answer["events"].as_array().unwrap().len()), (200, 100));
    assert!(answer["total"].as_u64().unwrap() > 10_000, "{}", answer["total"]);
}

#[tokio::test]
async fn muted_detections_are_listed_unless_they_are_not_wanted() {
    let gigamon = Gigamon::start().await;
    let list = "/v1/detections?indicator_value=muted-scanner.example";
    let count =
        async |more: &str| gigamon.get(&format!("{list}{more}")).await.1["total_count"].as_u64().unwrap();
    let all = count("").await;
    for kind in ["muted", "muted_rule", "muted_device"] {
        assert_eq!(count(&format!("&{kind}=true")).await + count(&format!("&{kind}=false")).await, all);
        assert_eq!(count(&format!("&{kind}=true")).await, 1, "{kind}");
    }
    assert_eq!(count("&muted=false&muted_rule=false&muted_device=false").await, all - 3);
}

#[tokio::test]
async fn one_value_occurs_in_events_of_every_type() {
    let gigamon = Gigamon::start().await;
    let (_, answer) = gigamon.search("domain = 'every-kind.example'").await;
    let events = answer["events"].as_array().unwrap();
    for kind in
        ["flow", "dns", "http", "ssl", "x509", "suricata", "observation", "ssh", "smb_file", "pe", "kerberos"]
    {
        assert!(events.iter().any(|event| event["event_type"] == kind), "{kind}");
    }
    let feeds = |event: &Value| event["intel"].as_array().map_or(0, Vec::len);
    assert!(events.iter().any(|event| feeds(event) > 1), "feeds name the value and the other end");
}

#[tokio::test]
async fn what_was_detected_lately_is_listed_by_severity_and_time() {
    let gigamon = Gigamon::start().await;
    let total = async |query: &str| {
        let (status, answer) = gigamon.get(&format!("/v1/detections?limit=1{query}")).await;
        assert_eq!(status, 200, "{query}");
        answer["total_count"].as_u64().unwrap()
    };
    let all = total("").await;
    let by_severity = [total("&rule_severity=high").await, total("&rule_severity=moderate").await];
    assert!(by_severity.iter().all(|number| (1..all).contains(number)), "{by_severity:?} of {all}");
    assert_eq!(total("&rule_severity=high&rule_severity=moderate&rule_severity=low").await, all);
    let week_ago = jiff::Timestamp::now() - jiff::SignedDuration::from_hours(7 * 24);
    let week = total(&format!("&created_or_shared_start_date={week_ago:.0}")).await;
    assert!((1..all).contains(&week), "{week} of {all}");
    let active = total("&status=active").await;
    assert!((1..all).contains(&active), "{active} of {all}");
    assert_eq!(total("&created_or_shared_start_date=2999-01-01T00:00:00Z").await, 0);
}
