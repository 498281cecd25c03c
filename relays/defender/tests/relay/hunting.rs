//! Which of the two hunting APIs is asked, both of them simulated.

use provider_sim::login::directory::{ALERTS_ONLY, UNCONSENTED};
use provider_sim::{Answer, Fault, SeenCall};
use relay_testkit::{Setup, Stage, docs, errors};
use serde_json::{Value, json};

use crate::{SHA1, alerts, calls, setup, setup_with_graph};

/// A relay before both APIs, which find an event each. What a tenant or an application may not do comes first.
async fn stage(setup: Setup) -> Stage {
    let stage = setup.start().await;
    alerts(&stage, &format!("/files/{SHA1}/alerts"), &json!([]));
    let row =
        |report: u32| json!([{"Timestamp": "2026-11-02T00:00:00Z", "DeviceName": "d", "ReportId": report}]);
    let found = json!({"Results": row(1)});
    stage.sim.answer("defender", Answer::post("/advancedqueries/run").json(found));
    let found = json!({"schema": [], "results": row(2)});
    stage.sim.answer("graph", Answer::post("/security/runHuntingQuery").json(found));
    stage
}

/// The queries that Graph was asked.
fn by_graph(stage: &Stage) -> Vec<SeenCall> {
    stage.sim.calls_to("graph")
}

/// How many queries Defender was asked, and Graph.
fn hunts(stage: &Stage) -> (usize, usize) {
    (calls(stage).iter().filter(|call| call.contains("advancedqueries")).count(), by_graph(stage).len())
}

/// What a token is for.
fn audience(call: &SeenCall) -> String {
    let token = call.header("authorization").unwrap().trim_start_matches("Bearer ");
    provider_sim::login::Grant::read(token).unwrap().aud
}

#[tokio::test(flavor = "multi_thread")]
async fn graph_takes_over_where_defender_refuses_and_is_remembered() {
    // The tenants with an old hunting endpoint that is forbidden, unknown or gone.
    for tenant in ["retired-403.example", "retired-404.example", "late.example"] {
        let stage = setup_with_graph().claim("tenant_id", tenant).start().await;
        let answer = stage.observe(&[("domain", "c2.bad.example")]).await;
        let [sighting] = docs(&answer, "sightings") else { panic!("{tenant}: {answer}") };
        assert_eq!(sighting["id"], "transient:sighting-722f0cfa-d3a1-53bd-aea9-579a4b715b44", "{tenant}");
        assert_eq!((errors(&answer), hunts(&stage)), (vec![], (1, 1)), "{tenant}");
        let query = by_graph(&stage)[0].json().unwrap();
        assert_eq!(query["Timespan"], "P30D");
        assert_eq!(
            query["Query"],
            stage.sim.calls_to("defender")[1].json().unwrap()["Query"],
            "the same query"
        );
        assert_eq!(audience(&by_graph(&stage)[0]), "https://graph.microsoft.com");
        // Another observable, so that nothing comes from the cache.
        let answer = stage.observe(&[("domain", "quiet-garden.example")]).await;
        assert_eq!((errors(&answer), hunts(&stage)), (vec![], (1, 2)), "{tenant}: Graph is asked first");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_works_for_one_tenant_is_not_remembered_for_another() {
    let stage = stage(setup_with_graph().claim("tenant_id", "late.example")).await;
    stage.observe(&[("sha1", SHA1)]).await;
    let other = stage.token_with(&json!({"tenant_id": "corp.example"}));
    let body = json!([{"type": "sha1", "value": SHA1}]);
    stage.ask("/observe/observables", Some(&other), &body).await;
    assert_eq!(hunts(&stage), (2, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn from_february_2027_graph_is_asked_first() {
    for (now, first) in
        [("2027-01-31T23:59:59Z", (1, 0)), ("2027-02-01T00:00:00Z", (0, 1)), ("2027-02-02T00:00:00Z", (0, 1))]
    {
        let stage = stage(setup_with_graph().at(now)).await;
        assert_eq!(docs(&stage.observe(&[("sha1", SHA1)]).await, "sightings").len(), 1);
        assert_eq!(hunts(&stage), first, "{now}");
    }
    // And where Graph is not permitted, Defender is still tried.
    let stage = stage(setup_with_graph().at("2027-02-02T00:00:00Z")).await;
    stage.sim.faults().add(Fault::status(403).on("graph"));
    assert_eq!(docs(&stage.observe(&[("sha1", SHA1)]).await, "sightings").len(), 1);
    assert_eq!(hunts(&stage), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn where_neither_may_be_asked_each_answer_says_so_and_no_call_is_repeated() {
    let stage = stage(setup_with_graph().claim("tenant_id", "no-hunting.example")).await;
    for _ in 0..3 {
        let answer = stage.observe(&[("sha1", SHA1)]).await;
        assert_eq!(errors(&answer), [("warning", "permission denied")]);
        assert!(answer.to_string().contains("AdvancedQuery.Read.All"), "the first one's: {answer}");
    }
    assert_eq!(hunts(&stage), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn where_both_are_gone_the_answer_says_that_there_is_no_hunting() {
    let stage = stage(setup_with_graph().claim("tenant_id", "late.example")).await;
    stage.sim.faults().add(Fault::status(404).on("graph"));
    let answer = stage.observe(&[("sha1", SHA1)]).await;
    assert_eq!(errors(&answer), [("warning", "permission denied")]);
    assert!(answer["errors"][0]["message"].as_str().unwrap().contains("neither"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_that_may_do_nothing_at_all_gets_fatal_errors() {
    let stage = stage(setup_with_graph().claim("client_id", UNCONSENTED.id)).await;
    for _ in 0..2 {
        let answer = stage.observe(&[("sha1", SHA1)]).await;
        assert_eq!(errors(&answer), [("fatal", "permission denied"); 2], "not hunting alone: {answer}");
    }
    assert_eq!(hunts(&stage), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_permission_that_graph_wants_is_named() {
    let setup = setup_with_graph().setting("RELAY_PROVIDER__HUNTING_API", "graph");
    let stage = stage(setup.claim("client_id", ALERTS_ONLY.id)).await;
    let answer = stage.observe(&[("sha1", SHA1)]).await;
    assert_eq!(errors(&answer), [("warning", "permission denied")]);
    assert!(answer.to_string().contains("ThreatHunting.Read.All of Microsoft Graph"), "{answer}");
    assert_eq!(hunts(&stage), (0, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn overload_and_faults_never_switch() {
    for (status, code) in
        [(400, "invalid argument"), (429, "too many requests"), (500, "unknown"), (503, "unavailable")]
    {
        let stage = stage(setup_with_graph().setting("RELAY_PROVIDER__RETRIES", "0")).await;
        stage.sim.faults().add(Fault::status(status).on("defender").path("/advancedqueries/"));
        let answer = stage.observe(&[("sha1", SHA1)]).await;
        assert_eq!(errors(&answer), [("fatal", code)]);
        // A refused query is asked again in parts: each of two tables, with and without the fair cut.
        assert_eq!(hunts(&stage), (if status == 400 { 5 } else { 1 }, 0), "{status}");
    }
    let stage = stage(setup_with_graph().setting("RELAY_PROVIDER__READ_TIMEOUT", "300ms")).await;
    stage.sim.faults().add(Fault::new(provider_sim::What::Hang).on("defender").path("/advancedqueries/"));
    assert_eq!(errors(&stage.observe(&[("sha1", SHA1)]).await), [("fatal", "timeout")]);
    assert!(by_graph(&stage).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_setting_chooses() {
    for (choice, expected) in [("mde", (1, 0)), ("graph", (0, 1)), ("off", (0, 0)), ("auto", (1, 0))] {
        let stage = stage(setup_with_graph().setting("RELAY_PROVIDER__HUNTING_API", choice)).await;
        let answer = stage.observe(&[("sha1", SHA1)]).await;
        assert_eq!(docs(&answer, "sightings").len(), expected.0 + expected.1, "{choice}");
        assert_eq!(hunts(&stage), expected, "{choice}");
    }
    // Chosen for good: the other one is not tried, also where this one is gone.
    let stage = stage(
        setup_with_graph().setting("RELAY_PROVIDER__HUNTING_API", "mde").claim("tenant_id", "late.example"),
    );
    let stage = stage.await;
    assert_eq!(errors(&stage.observe(&[("sha1", SHA1)]).await), [("warning", "permission denied")]);
    assert_eq!(hunts(&stage), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_graph_url_a_relay_before_another_api_stays_there() {
    let stage = stage(setup().claim("tenant_id", "retired-403.example")).await;
    let answer = stage.observe(&[("sha1", SHA1)]).await;
    assert_eq!(errors(&answer), [("warning", "permission denied")]);
    assert_eq!(hunts(&stage), (1, 0));
    assert_eq!(stage.sim.calls_to("login").len(), 1, "no token for Graph either");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_made_up_is_found_by_graph_as_by_defender() {
    // Queries that the strict grammar of either side reads, over addresses, names and hashes.
    let about = [
        ("ip", "198.51.100.23"),
        ("domain", "login-verify.example"),
        ("md5", "0123456789abcdef0123456789abcdef"),
        ("ipv6", "2001:db8::5"),
    ];
    let mut answers: Vec<Value> = Vec::new();
    for choice in ["mde", "graph"] {
        let stage = setup_with_graph().setting("RELAY_PROVIDER__HUNTING_API", choice).start().await;
        let answer = stage.observe(&about).await;
        assert_eq!(errors(&answer), [], "{choice}");
        answers.push(answer);
    }
    assert_eq!(answers[0], answers[1]);
    assert!(!docs(&answers[0], "sightings").is_empty());
}
