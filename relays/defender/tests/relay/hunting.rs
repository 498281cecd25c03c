//! Which of the two hunting APIs is asked.

use provider_sim::Answer;
use relay_testkit::{Setup, Stage, docs, errors};
use serde_json::json;
use wiremock::matchers::{body_partial_json, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::{SHA1, alerts, calls, setup};

/// A stand-in for Microsoft Graph that finds one event, or refuses.
async fn graph(status: u16) -> MockServer {
    let server = MockServer::start().await;
    let found = json!({"schema": [], "results": [{"timestamp": "2026-11-01T00:00:00Z", "deviceName": "d", "reportId": 1}]});
    let answer = ResponseTemplate::new(status).set_body_json(found);
    let call = Mock::given(method("POST")).and(path("/v1.0/security/runHuntingQuery"));
    call.and(body_partial_json(json!({"Timespan": "P30D"}))).respond_with(answer).mount(&server).await;
    server
}

async fn stage(setup: Setup, graph: &MockServer, defender: u16) -> Stage {
    let stage = setup.setting("RELAY_PROVIDER__GRAPH_URL", &format!("{}/v1.0/", graph.uri())).start().await;
    alerts(&stage, &format!("/files/{SHA1}/alerts"), &json!([]));
    let found = json!({"Results": [{"Timestamp": "2026-11-02T00:00:00Z", "DeviceName": "d", "ReportId": 2}]});
    stage.sim.answer("defender", Answer::post("/advancedqueries/run").status(defender).json(found));
    stage
}

async fn asked(graph: &MockServer) -> usize {
    graph.received_requests().await.unwrap_or_default().len()
}

fn hunts(stage: &Stage) -> usize {
    calls(stage).iter().filter(|call| call.contains("advancedqueries")).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn graph_takes_over_where_defender_refuses_and_is_remembered() {
    for status in [403, 404, 410] {
        let graph = graph(200).await;
        let stage = stage(setup(), &graph, status).await;
        let about = [("sha1", SHA1)];
        let answer = stage.observe(&about).await;
        assert_eq!((docs(&answer, "sightings").len(), errors(&answer)), (1, vec![]), "{status}");
        assert_eq!((hunts(&stage), asked(&graph).await), (1, 1), "{status}");
        // Another observable, so that nothing comes from the cache.
        let other = "1".repeat(40);
        alerts(&stage, &format!("/files/{other}/alerts"), &json!([]));
        let answer = stage.observe(&[("sha1", &other)]).await;
        assert_eq!(docs(&answer, "sightings").len(), 1);
        assert_eq!((hunts(&stage), asked(&graph).await), (1, 2), "the second request goes to Graph first");
        let request = &graph.received_requests().await.unwrap()[0];
        let token = request.headers["authorization"].to_str().unwrap().trim_start_matches("Bearer ");
        assert_eq!(provider_sim::login::Grant::read(token).unwrap().aud, "https://graph.microsoft.com");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn from_february_2027_graph_is_asked_first() {
    for (now, first) in [("2027-01-31T23:59:59Z", (1, 0)), ("2027-02-01T00:00:00Z", (0, 1))] {
        let graph = graph(200).await;
        let stage = stage(setup().at(now), &graph, 200).await;
        assert_eq!(docs(&stage.observe(&[("sha1", SHA1)]).await, "sightings").len(), 1);
        assert_eq!((hunts(&stage), asked(&graph).await), first, "{now}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_neither_may_be_asked_it_is_told_each_time_and_not_tried_again() {
    let graph = graph(403).await;
    let stage = stage(setup(), &graph, 403).await;
    for _ in 0..3 {
        let answer = stage.observe(&[("sha1", SHA1)]).await;
        assert_eq!(errors(&answer), [("warning", "permission denied")]);
    }
    assert_eq!((hunts(&stage), asked(&graph).await), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn overload_and_faults_never_switch() {
    for (status, code) in
        [(400, "invalid argument"), (429, "too many requests"), (500, "unknown"), (503, "unavailable")]
    {
        let graph = graph(200).await;
        let setup = setup().setting("RELAY_PROVIDER__RETRIES", "0");
        let stage = stage(setup, &graph, status).await;
        let answer = stage.observe(&[("sha1", SHA1)]).await;
        assert_eq!(errors(&answer), [("fatal", code)]);
        assert_eq!(asked(&graph).await, 0, "{status}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_setting_chooses() {
    for (choice, expected) in [("mde", (1, 0)), ("graph", (0, 1)), ("off", (0, 0)), ("auto", (1, 0))] {
        let graph = graph(200).await;
        let stage = stage(setup().setting("RELAY_PROVIDER__HUNTING_API", choice), &graph, 200).await;
        let answer = stage.observe(&[("sha1", SHA1)]).await;
        assert_eq!(docs(&answer, "sightings").len(), expected.0 + expected.1, "{choice}");
        assert_eq!((hunts(&stage), asked(&graph).await), expected, "{choice}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_graph_url_a_relay_before_another_api_stays_there() {
    let stage = setup().start().await;
    alerts(&stage, &format!("/files/{SHA1}/alerts"), &json!([]));
    stage.sim.answer("defender", Answer::post("/advancedqueries/run").status(403));
    let answer = stage.observe(&[("sha1", SHA1)]).await;
    assert_eq!(errors(&answer), [("warning", "permission denied")]);
    assert_eq!(hunts(&stage), 1);
    assert_eq!(stage.sim.calls_to("login").len(), 1, "no token for Graph either");
}
