//! Health, links, regions, and what is not served.

use provider_sim::{Answer, Fault, What};
use relay_testkit::{docs, errors};
use serde_json::json;

use crate::fixtures::{self, event, listed, pin};
use crate::setup;

#[tokio::test(flavor = "multi_thread")]
async fn health_is_one_small_call() {
    let stage = setup().start().await;
    assert_eq!(stage.health().await, json!({"data": {"status": "ok"}}));
    let calls = stage.sim.calls_to("gigamon");
    assert_eq!(calls.len(), 1);
    assert_eq!(calls[0].line(), "GET /gigamon/v1/detections?status=active&limit=1");
}

#[tokio::test(flavor = "multi_thread")]
async fn health_tells_what_is_wrong() {
    let stage = setup().claim("key", "revoked").start().await;
    assert_eq!(errors(&stage.health().await), [("fatal", "authorization error")]);
    let stage = setup().setting("RELAY_DEADLINE", "300ms").start().await;
    stage.sim.faults().add(Fault::new(What::Hang).on("gigamon"));
    assert_eq!(errors(&stage.health().await), [("fatal", "timeout")]);
    let stage = setup().start().await;
    stage.sim.faults().add(Fault::status(404).on("gigamon"));
    assert_eq!(errors(&stage.health().await), [("fatal", "not found")], "a wrong address");
    let stage = setup().start().await;
    stage.sim.faults().add(Fault::new(What::Html).on("gigamon"));
    assert_eq!(errors(&stage.health().await), [("fatal", "key error")]);
    for no_data in [202, 204] {
        let stage = setup().start().await;
        stage.sim.faults().add(Fault::status(no_data).body("").on("gigamon"));
        assert_eq!(stage.health().await, json!({"data": {"status": "ok"}}), "{no_data}: no detections yet");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn links_need_neither_token_nor_call() {
    let stage = setup().start().await;
    let answer = stage.refer(&[("ip", "8.8.8.8"), ("user", "x"), ("sha1", &"2d71".repeat(10))]).await;
    let [address, hash] = answer["data"].as_array().unwrap().as_slice() else { panic!("{answer}") };
    assert_eq!(address["id"], "ref-gti-search-ip-8.8.8.8");
    assert_eq!(address["title"], "Search for this IP");
    assert_eq!(address["url"], "https://portal.icebrg.io/search?query=8.8.8.8");
    assert_eq!(address["categories"], json!(["Search", "Gigamon ThreatINSIGHT"]));
    assert_eq!(hash["title"], "Search for this SHA1");
    assert_eq!(stage.sim.calls_to("gigamon").len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_is_encoded_whatever_the_value() {
    let stage = setup().start().await;
    let values = ["a' OR ip = '1.1.1.1", "../x", "a&b=c#d", "ü\u{202e}\u{1f480}", "a\r\nb\0c", "%2e%2e"];
    for value in values {
        let answer = stage.refer(&[("domain", value)]).await;
        let url = url::Url::parse(answer["data"][0]["url"].as_str().unwrap()).unwrap();
        assert_eq!((url.host_str(), url.path()), (Some("portal.icebrg.io"), "/search"), "{value:?}");
        let pairs: Vec<_> = url.query_pairs().into_owned().collect();
        assert_eq!(pairs, [("query".to_owned(), value.to_owned())]);
        assert_eq!(url.fragment(), None);
    }
    // What is never looked up, because it has not the form of its type, is linked all the same.
    for (kind, value) in [("ip", "10.0.0.0/8"), ("md5", "0123456789abcdef0123456789abcde")] {
        let answer = stage.refer(&[(kind, value)]).await;
        let encoded = value.replace('/', "%2F");
        assert_eq!(answer["data"][0]["url"], format!("https://portal.icebrg.io/search?query={encoded}"));
        assert_eq!(answer["data"][0]["id"], format!("ref-gti-search-{kind}-{value}"));
    }
    let long = "a".repeat(5000);
    assert_eq!(stage.refer(&[("domain", &long)]).await, json!({"data": []}));
}

#[tokio::test(flavor = "multi_thread")]
async fn europe_has_links_of_its_own_and_no_search() {
    let stage = setup().setting("RELAY_PROVIDER__EVENTS_URL", "").claim("region", "eu").start().await;
    fixtures::empty(&stage);
    fixtures::one_detection(&stage, "a.example", &[event(1, "a.example")]);
    let answer = stage.observe(&[("domain", "a.example")]).await;
    assert_eq!(errors(&answer), []);
    let portal = "https://portal-eu.fortindr.forticloud.com/detections/rules?rule_uuid=";
    let uri = docs(&answer, "indicators")[0]["source_uri"].as_str().unwrap();
    assert_eq!(uri, format!("{portal}{}", fixtures::RULE));
    let uri = docs(&answer, "sightings")[0]["source_uri"].as_str().unwrap();
    assert_eq!(uri, format!("{portal}{}&account_uuid={}", fixtures::RULE, fixtures::ACME));
    assert_eq!(fixtures::calls_to(&stage, "/v2/query"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_api_is_asked_at_its_own_base() {
    let elsewhere = provider_sim::Sim::start(provider_sim::Options::default()).await.unwrap();
    let base = format!("{}/gigamon", elsewhere.url());
    let stage = setup().setting("RELAY_PROVIDER__EVENTS_URL", &base).start().await;
    fixtures::empty(&stage);
    pin(&stage, Answer::get("/v1/detections").json(listed(&[])));
    stage.observe(&[("domain", "a.example")]).await;
    assert_eq!(elsewhere.calls_to("gigamon").len(), 1);
    assert!(stage.sim.calls_to("gigamon").iter().all(|call| !call.path.ends_with("/query")));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_not_served() {
    let stage = setup().start().await;
    for path in ["/respond/observables", "/respond/trigger", "/deliberate/observables"] {
        assert_eq!(stage.raw(path, Some(&stage.token()), "[]").await.status(), 404, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_authorization_headers_are_refused_in_words() {
    let stage = setup().start().await;
    for header in ["", "Bearer", "Bearer a b", "Basic a", "Bearer not.a.token"] {
        let request = stage.http.post(format!("{}/observe/observables", stage.relay.url));
        let answer: serde_json::Value =
            request.header("Authorization", header).body("[]").send().await.unwrap().json().await.unwrap();
        assert_eq!(errors(&answer), [("fatal", "authorization error")], "{header:?}");
    }
}
