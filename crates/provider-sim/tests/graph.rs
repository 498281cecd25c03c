//! The Graph service over real HTTP: tokens, permissions, what is refused, pages, the states of tenants.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use provider_sim::login::directory::{ALERTS_ONLY, FULL, LEGACY_ONLY, SECRET, UNCONSENTED};
use provider_sim::{Answer, Options, Sim};
use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};

const PREFER: (&str, &str) = ("Prefer", "include-unknown-enum-members");

/// A simulator, a client, and a token.
struct Graph {
    sim: Sim,
    client: Client,
    token: String,
}

impl Graph {
    /// As an application in a tenant.
    async fn start_as(application: &str, tenant: &str) -> Self {
        let sim = Sim::start(Options::default()).await.unwrap();
        let client = Client::builder().no_proxy().build().unwrap();
        let mut graph = Self { sim, client, token: String::new() };
        graph.token = graph.token_for(application, tenant, "https://graph.microsoft.com/.default").await;
        graph
    }

    /// A token of an application in a tenant, for an API.
    async fn token_for(&self, application: &str, tenant: &str, scope: &str) -> String {
        let form = [
            ("client_id", application),
            ("client_secret", SECRET),
            ("grant_type", "client_credentials"),
            ("scope", scope),
        ];
        let url = format!("{}/login/{tenant}/oauth2/v2.0/token", self.sim.url());
        let granted: Value = self.client.post(url).form(&form).send().await.unwrap().json().await.unwrap();
        granted["access_token"].as_str().unwrap().to_owned()
    }

    async fn start(tenant: &str) -> Self {
        Self::start_as(FULL.id, tenant).await
    }

    fn get(&self, path: &str, query: &[(&str, &str)]) -> RequestBuilder {
        let url = format!("{}/graph/security/{path}", self.sim.url());
        self.client.get(url).query(query).bearer_auth(&self.token)
    }

    fn hunt(&self, query: &str) -> RequestBuilder {
        let url = format!("{}/graph/security/runHuntingQuery", self.sim.url());
        self.client.post(url).bearer_auth(&self.token).json(&json!({"Query": query, "Timespan": "P30D"}))
    }
}

async fn ask(call: RequestBuilder) -> (u16, Value) {
    let answer = call.send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

fn code((status, body): (u16, Value)) -> (u16, String) {
    (status, body["error"]["code"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn calls_without_a_good_token_are_refused() {
    let mut graph = Graph::start("corp.example").await;
    let refused = (401, "InvalidAuthenticationToken".to_owned());
    let bare = graph.client.get(format!("{}/graph/security/alerts_v2", graph.sim.url()));
    assert_eq!(code(ask(bare).await), refused);
    graph.token = "e30.e30.e30".to_owned();
    assert_eq!(code(ask(graph.get("alerts_v2", &[])).await), refused);
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
        let legacy = ask(graph.get("alerts", &[("$top", "0")])).await.0;
        let v2 = ask(graph.get("alerts_v2", &[("$top", "1")])).await.0;
        let hunting = ask(graph.hunt("AlertEvidence | top 1 by Timestamp desc")).await.0;
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
            ask(graph.get("alerts", &[])).await.0,
            ask(graph.get("alerts_v2", &[])).await.0,
            ask(graph.get("alerts_v2", &[("$filter", evidence)])).await.0,
            ask(graph.hunt(hunt)).await.0,
        ];
        assert_eq!(found, [legacy, v2, filter, hunting], "{tenant}");
    }
    let all =
        ask(Graph::start("filter-ignored.example").await.get("alerts_v2", &[("$filter", evidence)])).await.1;
    assert_eq!(all["value"].as_array().unwrap().len(), 4, "an ignored filter lists everything");
    let none = ask(Graph::start("retired-empty.example").await.get("alerts", &[])).await.1;
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
        assert_eq!(ask(call).await.0, expected, "{path} {query:?}");
    }
    for (query, expected) in
        [("AlertEvidence | where RemoteIP == 'a' or 'b'", 400), ("Nothing | take 1", 400)]
    {
        assert_eq!(code(ask(graph.hunt(query)).await), (expected, "BadRequest".to_owned()), "{query}");
    }
    assert_eq!(
        ask(graph
            .client
            .post(format!("{}/graph/security/alerts", graph.sim.url()))
            .bearer_auth(&graph.token))
        .await
        .0,
        405
    );
}

#[tokio::test]
async fn pages_are_linked_until_the_end() {
    let graph = Graph::start("corp.example").await;
    let mut ids = Vec::new();
    let mut answer =
        ask(graph.get("alerts_v2", &[("$filter", "severity ne 'x y&z'"), ("$top", "3")])).await.1;
    loop {
        ids.extend(answer["value"].as_array().unwrap().iter().map(|alert| alert["id"].to_string()));
        let Some(next) = answer["@odata.nextLink"].as_str() else { break };
        assert!(next.starts_with(&graph.sim.url()), "{next}");
        let (status, body) = ask(graph.client.get(next).bearer_auth(&graph.token)).await;
        assert_eq!(status, 200, "{next}");
        answer = body;
    }
    assert_eq!(ids.len(), 4);
    ids.dedup();
    assert_eq!(ids.len(), 4);
}

#[tokio::test]
async fn newer_words_are_given_on_request_only() {
    let graph = Graph::start("corp.example").await;
    let words = |body: &Value| body.to_string().matches("microsoftSentinel").count();
    assert_eq!(words(&ask(graph.get("alerts_v2", &[])).await.1), 0);
    assert_eq!(words(&ask(graph.get("alerts_v2", &[]).header(PREFER.0, PREFER.1)).await.1), 1);
    let id = "alerts_v2/sn638000000000000002";
    assert_eq!(ask(graph.get(id, &[])).await.1["serviceSource"], "unknownFutureValue");
}

#[tokio::test]
async fn generated_alerts_are_the_same_by_filter_query_and_id() {
    let graph = Graph::start("corp.example").await;
    let mut found = 0;
    for n in 0..10 {
        let value = format!("203.0.113.{}", 100 + n);
        let filter = format!("evidence/any(e: e/microsoft.graph.security.ipEvidence/ipAddress eq '{value}')");
        let listed = ask(graph.get("alerts_v2", &[("$filter", &filter)])).await.1;
        let listed = listed["value"].as_array().unwrap();
        let query = format!(
            "AlertEvidence | where RemoteIP == '{value}' | summarize LastSeen = max(Timestamp) by AlertId"
        );
        let hunted = ask(graph.hunt(&query)).await.1;
        let mut hunted: Vec<&Value> =
            hunted["results"].as_array().unwrap().iter().map(|row| &row["AlertId"]).collect();
        let mut ids: Vec<&Value> = listed.iter().map(|alert| &alert["id"]).collect();
        hunted.sort_by_key(ToString::to_string);
        ids.sort_by_key(ToString::to_string);
        assert_eq!(ids, hunted, "{value}");
        for alert in listed {
            let id = format!("alerts_v2/{}", alert["id"].as_str().unwrap());
            assert_eq!(&ask(graph.get(&id, &[])).await.1, alert);
        }
        found += listed.len();
    }
    assert!(found > 3, "{found}");
    assert_eq!(
        code(ask(graph.get("alerts_v2/da1_mnothing", &[])).await),
        (404, "ResourceNotFound".to_owned())
    );
}

#[tokio::test]
async fn hunting_keeps_no_hashes_and_forgets_after_its_time() {
    let graph = Graph::start("corp.example").await;
    let rows = async |query: &str| ask(graph.hunt(query)).await.1["results"].as_array().unwrap().len();
    assert!(rows("AlertEvidence | where FileName =~ 'DROP.exe'").await > 0);
    let hash = "323bd9118547125694702f46aa6f4bb7087cd3844d0a1db84473e4f422911ef9";
    assert_eq!(rows(&format!("AlertEvidence | where SHA256 =~ '{hash}'")).await, 0);
    assert_eq!(rows("AlertEvidence | where Timestamp > ago(1d) | where FileName =~ 'drop.exe'").await, 0);
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
    let defender = graph.token_for(FULL.id, "corp.example", scope).await;
    let url = format!("{}/defender/advancedqueries/run", graph.sim.url());
    let mut found = 0;
    let made_up = (0..8).map(|n| CONNECTIONS.replace("2001:db8::77", &format!("203.0.113.{n}")));
    for query in [CONNECTIONS.to_owned()].into_iter().chain(made_up) {
        let other = graph.client.post(&url).bearer_auth(&defender).json(&json!({"Query": query}));
        let (status, other) = ask(other).await;
        let (own_status, own) = ask(graph.hunt(&query)).await;
        assert_eq!((status, own_status), (200, 200), "{own}");
        assert_eq!(own["results"], other["Results"], "{query}");
        assert_eq!(own["schema"][0], json!({"name": "Timestamp", "type": "DateTime"}));
        assert_eq!(own["schema"].as_array().unwrap().len(), 17);
        found += own["results"].as_array().unwrap().len();
        if query == CONNECTIONS {
            assert_eq!(own["results"][0]["RemoteIP"], "2001:db8::77", "a fixture: {own}");
        }
    }
    assert!(found > 8, "{found}");
    let own = std::mem::replace(&mut graph.token, defender);
    assert_eq!(ask(graph.hunt(CONNECTIONS)).await.0, 401, "Defender's token is none for Graph");
    graph.token = own;
    let refused = Graph::start_as(ALERTS_ONLY.id, "corp.example").await;
    assert_eq!(ask(refused.hunt(CONNECTIONS)).await.0, 403);
    let broken_out = CONNECTIONS.replace("::77", "::77' or 'x' == 'x");
    assert_eq!(code(ask(graph.hunt(&broken_out)).await), (400, "BadRequest".to_owned()));
    // Fixtures are no way around the checks, and only answer hunting.
    let url = format!("{}/graph/security/alerts_v2", graph.sim.url());
    let elsewhere = graph.client.post(url).bearer_auth(&graph.token).json(&json!({"Query": CONNECTIONS}));
    assert_eq!(ask(elsewhere).await.0, 405);
}

#[tokio::test]
async fn the_running_time_of_queries_is_limited() {
    let graph = Graph::start("corp.example").await;
    let large = "DeviceFileEvents | where SHA1 == 'x' | top 100000 by Timestamp desc";
    for _ in 0..2 {
        assert_eq!(ask(graph.hunt(large)).await.0, 200);
    }
    let refused = graph.hunt(large).send().await.unwrap();
    assert_eq!(refused.status(), 429);
    let wait: u64 = refused.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((600..=901).contains(&wait), "{wait}");
    let body: Value = refused.json().await.unwrap();
    assert_eq!(body["error"]["code"], "TooManyRequests");
    assert!(body["error"]["message"].as_str().unwrap().contains("CPU"), "{body}");
    assert_eq!(
        ask(graph.get("alerts_v2", &[("$top", "1")])).await.0,
        200,
        "alerts have nothing to do with it"
    );
    graph.sim.reset();
    assert_eq!(ask(graph.hunt(large)).await.0, 200);
}

#[tokio::test]
async fn a_pinned_answer_comes_after_the_checks() {
    let graph = Graph::start("corp.example").await;
    graph.sim.answer("graph", Answer::get("/security/alerts").json(json!({"value": []})));
    assert_eq!(ask(graph.get("alerts", &[])).await.0, 410);
    graph.sim.answer("graph", Answer::get("/security/alerts_v2").status(206).json(json!({"value": []})));
    assert_eq!(ask(graph.get("alerts_v2", &[])).await.0, 206);
    assert_eq!(ask(graph.get("alerts_v2", &[("$filter", "x")])).await.0, 400);
}
