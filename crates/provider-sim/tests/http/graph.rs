//! The Graph service over real HTTP: tokens, permissions, what is refused, pages, the states of tenants.

use provider_sim::Answer;
use provider_sim::login::directory::{ALERTS_ONLY, FULL, LEGACY_ONLY, UNCONSENTED};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::{Bed, answer, code};

const PREFER: (&str, &str) = ("Prefer", "include-unknown-enum-members");

struct Graph {
    bed: Bed,
    token: String,
}

impl Graph {
    /// As an application in a tenant.
    async fn start_as(application: &str, tenant: &str) -> Self {
        let bed = Bed::start().await;
        let token = bed.token(tenant, application, "https://graph.microsoft.com/.default").await;
        Self { bed, token }
    }

    async fn start(tenant: &str) -> Self {
        Self::start_as(FULL.id, tenant).await
    }

    fn get(&self, path: &str, query: &[(&str, &str)]) -> RequestBuilder {
        self.bed.get(&format!("/graph/security/{path}")).query(query).bearer_auth(&self.token)
    }

    fn hunt(&self, query: &str) -> RequestBuilder {
        let call = self.bed.call(Method::POST, "/graph/security/runHuntingQuery").bearer_auth(&self.token);
        call.json(&json!({"Query": query, "Timespan": "P30D"}))
    }
}

#[tokio::test]
async fn calls_without_a_good_token_are_refused() {
    let mut graph = Graph::start("corp.example").await;
    let refused = (401, "InvalidAuthenticationToken");
    let bare = graph.bed.get("/graph/security/alerts_v2");
    assert_eq!(code(&answer(bare).await), refused);
    graph.token = "e30.e30.e30".to_owned();
    assert_eq!(code(&answer(graph.get("alerts_v2", &[])).await), refused);
}

#[tokio::test]
async fn permissions_decide_what_may_be_called() {
    for (application, expected) in [
        (FULL.id, [200, 200, 200]),
        (ALERTS_ONLY.id, [403, 200, 403]),
        (LEGACY_ONLY.id, [200, 403, 403]),
        (UNCONSENTED.id, [403; 3]),
    ] {
        let graph = Graph::start_as(application, "late.example").await;
        let legacy = answer(graph.get("alerts", &[("$top", "0")])).await.0;
        let v2 = answer(graph.get("alerts_v2", &[("$top", "1")])).await.0;
        let hunting = answer(graph.hunt("AlertEvidence | top 1 by Timestamp desc")).await.0;
        assert_eq!([legacy, v2, hunting], expected, "{application}");
    }
}

#[tokio::test]
async fn tenants_differ_in_what_works() {
    let evidence = "evidence/any(e: e/microsoft.graph.security.ipEvidence/ipAddress eq '203.0.113.9')";
    let hunt = "AlertEvidence | where RemoteIP == '203.0.113.9'";
    for (tenant, legacy, v2, filter, hunting) in [
        ("corp.example", 410, 200, 200, 200),
        ("late.example", 200, 200, 200, 200),
        ("legacy.example", 200, 404, 404, 404),
        ("retired-404.example", 404, 200, 200, 200),
        ("retired-403.example", 403, 200, 200, 200),
        ("retired-empty.example", 200, 200, 200, 200),
        ("filter-refused.example", 410, 200, 400, 200),
        ("filter-ignored.example", 410, 200, 200, 200),
        ("no-hunting.example", 410, 200, 400, 403),
        ("no-tables.example", 410, 200, 400, 400),
    ] {
        let graph = Graph::start(tenant).await;
        let found = [
            answer(graph.get("alerts", &[])).await.0,
            answer(graph.get("alerts_v2", &[])).await.0,
            answer(graph.get("alerts_v2", &[("$filter", evidence)])).await.0,
            answer(graph.hunt(hunt)).await.0,
        ];
        assert_eq!(found, [legacy, v2, filter, hunting], "{tenant}");
    }
    let all = answer(Graph::start("filter-ignored.example").await.get("alerts_v2", &[("$filter", evidence)]))
        .await
        .1;
    assert_eq!(all["value"].as_array().unwrap().len(), 66, "an ignored filter lists everything");
    let none = answer(Graph::start("retired-empty.example").await.get("alerts", &[])).await.1;
    assert_eq!(none["value"], json!([]));
}

#[tokio::test]
async fn parameters_are_checked_as_documented() {
    let graph = Graph::start("late.example").await;
    for (path, query, expected) in [
        ("alerts", vec![("$top", "1000"), ("$skip", "500")], 200),
        ("alerts", vec![("$top", "1001")], 400),
        ("alerts", vec![("$skip", "501")], 400),
        ("alerts", vec![("$top", "-1")], 400),
        ("alerts", vec![("$filter", "hostStates/any(x: x/netBiosName eq 'it's')")], 400),
        ("alerts", vec![("$filter", "hostStates/any(x: x/unknown eq 'a')")], 400),
        ("alerts", vec![("other", "1")], 400),
        ("alerts_v2", vec![("$top", "0")], 400),
        ("alerts_v2", vec![("$top", "5000")], 200),
        ("alerts_v2", vec![("$orderby", "createdDateTime")], 400),
        ("alerts_v2", vec![("$top", "1"), ("$top", "2")], 400),
        (
            "alerts_v2",
            vec![("$filter", "severity eq 'high' and createdDateTime ge 2026-01-01T00:00:00Z")],
            200,
        ),
        ("alerts_v2", vec![("$filter", "title eq 'x'")], 400),
        (
            "alerts_v2",
            vec![("$filter", "evidence/any(e: e/microsoft.graph.security.ipEvidence/port eq 'x')")],
            400,
        ),
    ] {
        let call = graph.get(path, &query);
        assert_eq!(answer(call).await.0, expected, "{path} {query:?}");
    }
    for (query, expected) in
        [("AlertEvidence | where RemoteIP == 'a' or 'b'", 400), ("Nothing | take 1", 400)]
    {
        assert_eq!(code(&answer(graph.hunt(query)).await), (expected, "BadRequest"), "{query}");
    }
    let post = graph.bed.call(Method::POST, "/graph/security/alerts").bearer_auth(&graph.token);
    assert_eq!(answer(post).await.0, 405);
}

#[tokio::test]
async fn pages_are_linked_until_the_end() {
    let graph = Graph::start("corp.example").await;
    let mut ids = Vec::new();
    let mut page =
        answer(graph.get("alerts_v2", &[("$filter", "severity ne 'x y&z'"), ("$top", "3")])).await.1;
    loop {
        ids.extend(page["value"].as_array().unwrap().iter().map(|alert| alert["id"].to_string()));
        let Some(next) = page["@odata.nextLink"].as_str() else { break };
        assert!(next.starts_with(&graph.bed.sim.url()), "{next}");
        let (status, body) = answer(graph.bed.client.get(next).bearer_auth(&graph.token)).await;
        assert_eq!(status, 200, "{next}");
        page = body;
    }
    assert_eq!(ids.len(), 66);
    ids.dedup();
    assert_eq!(ids.len(), 66);
}

#[tokio::test]
async fn newer_words_are_given_on_request_only() {
    let graph = Graph::start("corp.example").await;
    let words = |body: &Value| body.to_string().matches("microsoftSentinel").count();
    assert_eq!(words(&answer(graph.get("alerts_v2", &[])).await.1), 0);
    assert_eq!(words(&answer(graph.get("alerts_v2", &[]).header(PREFER.0, PREFER.1)).await.1), 1);
    let id = "alerts_v2/sn638000000000000002";
    assert_eq!(answer(graph.get(id, &[])).await.1["serviceSource"], "unknownFutureValue");
}

/// A query of a relay for Defender, of a table of devices.
const CONNECTIONS: &str = "DeviceNetworkEvents | where RemoteIP =~ '2001:db8::77' | top 100 by Timestamp desc | project \
     Timestamp, DeviceId, DeviceName, ActionType, RemoteIP, RemotePort, RemoteUrl, LocalIP, LocalPort, Protocol, \
     InitiatingProcessSHA1, InitiatingProcessSHA256, InitiatingProcessMD5, InitiatingProcessFileName, \
     InitiatingProcessFolderPath, InitiatingProcessParentFileName, ReportId";

#[tokio::test]
async fn the_tables_of_devices_hold_what_defender_finds_in_them() {
    let mut graph = Graph::start("corp.example").await;
    let scope = "https://api.securitycenter.microsoft.com/.default";
    let defender = graph.bed.token("corp.example", FULL.id, scope).await;
    for query in [CONNECTIONS.to_owned(), CONNECTIONS.replace("2001:db8::77", "203.0.113.7")] {
        let call = graph.bed.call(Method::POST, "/defender/advancedqueries/run").bearer_auth(&defender);
        let (_, other) = answer(call.json(&json!({"Query": query}))).await;
        let (_, own) = answer(graph.hunt(&query)).await;
        assert_eq!(own["results"], other["Results"], "{query}");
        assert_eq!(own["schema"][0], json!({"name": "Timestamp", "type": "DateTime"}));
        assert_eq!(own["schema"].as_array().unwrap().len(), 17);
        assert!(query != CONNECTIONS || own["results"][0]["RemoteIP"] == "2001:db8::77", "a fixture: {own}");
    }
    let own = std::mem::replace(&mut graph.token, defender);
    assert_eq!(answer(graph.hunt(CONNECTIONS)).await.0, 401, "Defender's token is none for Graph");
    graph.token = own;
    let refused = Graph::start_as(ALERTS_ONLY.id, "corp.example").await;
    assert_eq!(answer(refused.hunt(CONNECTIONS)).await.0, 403);
    let broken_out = CONNECTIONS.replace("::77", "::77' or 'x' == 'x");
    assert_eq!(code(&answer(graph.hunt(&broken_out)).await), (400, "BadRequest"));
    // Fixtures are no way around the checks, and only answer hunting.
    let elsewhere = graph.bed.call(Method::POST, "/graph/security/alerts_v2").bearer_auth(&graph.token);
    assert_eq!(answer(elsewhere.json(&json!({"Query": CONNECTIONS}))).await.0, 405);
}

#[tokio::test]
async fn the_running_time_of_queries_is_limited() {
    let graph = Graph::start("corp.example").await;
    let large = "DeviceFileEvents | where SHA1 == 'x' | top 100000 by Timestamp desc";
    for _ in 0..2 {
        assert_eq!(answer(graph.hunt(large)).await.0, 200);
    }
    let refused = graph.hunt(large).send().await.unwrap();
    assert_eq!(refused.status(), 429);
    let wait: u64 = refused.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((600..=901).contains(&wait), "{wait}");
    let body: Value = refused.json().await.unwrap();
    assert_eq!(body["error"]["code"], "TooManyRequests");
    assert!(body["error"]["message"].as_str().unwrap().contains("CPU"), "{body}");
    assert_eq!(
        answer(graph.get("alerts_v2", &[("$top", "1")])).await.0,
        200,
        "alerts have nothing to do with it"
    );
    graph.bed.sim.reset();
    assert_eq!(answer(graph.hunt(large)).await.0, 200);
}

#[tokio::test]
async fn a_pinned_answer_comes_after_the_checks() {
    let graph = Graph::start("corp.example").await;
    graph.bed.sim.answer("graph", Answer::get("/security/alerts").json(json!({"value": []})));
    assert_eq!(answer(graph.get("alerts", &[])).await.0, 410);
    graph.bed.sim.answer("graph", Answer::get("/security/alerts_v2").status(206).json(json!({"value": []})));
    assert_eq!(answer(graph.get("alerts_v2", &[])).await.0, 206);
    assert_eq!(answer(graph.get("alerts_v2", &[("$filter", "x")])).await.0, 400);
}
