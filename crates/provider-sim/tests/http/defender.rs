//! The Defender for Endpoint service over real HTTP: who may call, what is refused, quotas, state.

use provider_sim::login::directory::{ALERTS_ONLY, FULL};
use reqwest::Method;
use serde_json::{Value, json};

use super::{Bed, answer, code};

const SCOPE: &str = "https://api.securitycenter.microsoft.com/.default";
const MACHINE: &str = "/machines/73e7e2de709dff64ef64b1d0c30e67fab63279db";

struct Defender {
    bed: Bed,
    token: String,
}

impl Defender {
    async fn start() -> Self {
        Self::of("corp.example", FULL.id, SCOPE).await
    }

    /// With a token of this application.
    async fn of(tenant: &str, application: &str, scope: &str) -> Self {
        let bed = Bed::start().await;
        let token = bed.token(tenant, application, scope).await;
        Self { bed, token }
    }

    async fn call(&self, method: Method, target: &str, body: Option<&Value>) -> (u16, Value) {
        let call = self.bed.call(method, &format!("/defender{target}")).bearer_auth(&self.token);
        answer(if let Some(body) = body { call.json(body) } else { call }).await
    }

    async fn get(&self, target: &str) -> (u16, Value) {
        self.call(Method::GET, target, None).await
    }

    async fn post(&self, target: &str, body: &Value) -> (u16, Value) {
        self.call(Method::POST, target, Some(body)).await
    }

    async fn hunt(&self, query: &str) -> (u16, Value) {
        self.post("/advancedqueries/run", &json!({ "Query": query })).await
    }
}

#[tokio::test]
async fn tokens_and_permissions_are_checked() {
    let mut defender = Defender::start().await;
    assert_eq!(defender.get("/exposureScore").await.0, 200);
    defender.token = "nonsense".to_owned();
    assert_eq!(code(&defender.get("/exposureScore").await), (401, "Unauthorized"));
    // A token for another API.
    let defender = Defender::of("corp.example", FULL.id, "https://graph.microsoft.com/.default").await;
    assert_eq!(code(&defender.get("/exposureScore").await), (401, "Unauthorized"));

    let defender = Defender::of("corp.example", ALERTS_ONLY.id, SCOPE).await;
    assert_eq!(defender.get("/alerts?$top=1").await.0, 200);
    for target in ["/exposureScore", "/domains/a.example/alerts", MACHINE, "/indicators"] {
        assert_eq!(code(&defender.get(target).await), (403, "Forbidden"), "{target}");
    }
    assert_eq!(code(&defender.hunt("DeviceFileEvents | where SHA1 == 'x'").await), (403, "Forbidden"));
}

#[tokio::test]
async fn paths_and_values_are_checked() {
    let defender = Defender::start().await;
    let sha256 = "0".repeat(64);
    let table = [
        ("/ips/2001:db8::1/alerts".to_owned(), 400, "InvalidIpAddress"),
        ("/ips/999.1.1.1/alerts".to_owned(), 400, "InvalidIpAddress"),
        ("/domains/a'b/alerts".to_owned(), 400, "InvalidDomainName"),
        (format!("/files/{sha256}/alerts"), 400, "InvalidHashValue"),
        ("/files/xyz".to_owned(), 400, "InvalidHashValue"),
        ("/machines/..%2fx".to_owned(), 404, "ResourceNotFound"),
        ("/alerts/unknown".to_owned(), 404, "ResourceNotFound"),
        ("/alerts?$top=x".to_owned(), 400, "ODataError"),
        ("/indicators?$top=10001".to_owned(), 400, "ODataError"),
        ("/indicators?$filter=indicatorValue eq 'a'b'".to_owned(), 400, "ODataError"),
        ("/v2/alerts".to_owned(), 404, "ResourceNotFound"),
        ("/advancedqueries/run".to_owned(), 405, "BadRequest"),
    ];
    for (target, status, expected) in table {
        assert_eq!(code(&defender.get(&target).await), (status, expected), "{target}");
    }
}

#[tokio::test]
async fn queries_are_read_strictly() {
    let defender = Defender::start().await;
    let good = "DeviceNetworkEvents | where RemoteIP in~ ('192.0.2.7') | top 5 by Timestamp desc";
    let (status, answer) = defender.hunt(good).await;
    assert_eq!(status, 200);
    assert!(answer["Results"].is_array() && answer["Schema"][0]["Name"] == "Timestamp", "{answer}");
    for bad in [
        "DeviceNetworkEvents | where RemoteIP == 'x' or 1 == 1",
        "DeviceNetworkEvents | where RemoteIP == 'it's'",
        "AlertEvidence | where SHA1 == 'x'",
        "",
    ] {
        assert_eq!(code(&defender.hunt(bad).await), (400, "BadRequest"), "{bad}");
    }
    let missing = defender.post("/advancedqueries/run", &json!({"query": good})).await;
    assert_eq!(code(&missing), (400, "MissingRequiredParameter"), "the case of names counts");
}

#[tokio::test]
async fn quotas_bite_and_say_for_how_long() {
    let defender = Defender::start().await;
    let query = json!({"Query": "DeviceFileEvents | where SHA1 == 'x' | top 1 by Timestamp desc"});
    for _ in 0..45 {
        assert_eq!(defender.post("/advancedqueries/run", &query).await.0, 200);
    }
    let call = defender.bed.call(Method::POST, "/defender/advancedqueries/run");
    let answer = call.bearer_auth(&defender.token).json(&query).send().await.unwrap();
    assert_eq!(answer.status(), 429);
    let wait: u64 = answer.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    let body: Value = answer.json().await.unwrap();
    assert_eq!(body["error"]["code"], "TooManyRequests");
    assert_eq!(defender.get("/exposureScore").await.0, 200, "each API has its own");
    // Running time: one large query uses up more than most of the hour's.
    defender.bed.sim.reset();
    let large = "DeviceFileEvents | where SHA1 == 'x' | top 100000 by Timestamp desc";
    let mut answers = Vec::new();
    for _ in 0..3 {
        answers.push(defender.hunt(large).await);
    }
    let last = answers.pop().unwrap();
    assert_eq!(code(&last), (429, "TooManyRequests"));
    assert!(last.1["error"]["message"].as_str().unwrap().contains("running time"), "{last:?}");
    assert!(answers.iter().all(|(status, _)| *status == 200));
}

#[tokio::test]
async fn some_tenants_hunt_no_more() {
    let table = [
        ("no-hunting.example", 403),
        ("retired-403.example", 403),
        ("retired-404.example", 404),
        ("late.example", 410),
    ];
    for (tenant, status) in table {
        let defender = Defender::of(tenant, FULL.id, SCOPE).await;
        assert_eq!(defender.hunt("DeviceFileEvents | where SHA1 == 'x'").await.0, status, "{tenant}");
        assert_eq!(defender.get("/exposureScore").await.0, 200, "{tenant}");
    }
}

#[tokio::test]
async fn indicators_are_kept_changed_and_removed() {
    let defender = Defender::start().await;
    let body = |action: &str| {
        json!({"indicatorValue": "new.example", "indicatorType": "DomainName", "action": action,
               "title": "t", "description": "d", "generateAlert": true})
    };
    let found = "/indicators?$filter=indicatorValue%20eq%20'new.example'&$top=10";
    assert_eq!(defender.get(found).await.1["value"], json!([]));
    let (status, created) = defender.post("/indicators", &body("Audit")).await;
    assert_eq!((status, &created["action"]), (200, &json!("Audit")));
    let id = created["id"].as_str().unwrap().to_owned();
    let (_, changed) = defender.post("/indicators", &body("Block")).await;
    assert_eq!(
        (&changed["id"], &changed["action"]),
        (&json!(id), &json!("Block")),
        "changed, not made twice"
    );
    assert_eq!(defender.get(found).await.1["value"].as_array().unwrap().len(), 1);
    let target = format!("/indicators/{id}");
    assert_eq!(defender.call(Method::DELETE, &target, None).await, (204, Value::Null));
    assert_eq!(code(&defender.call(Method::DELETE, &target, None).await), (404, "ResourceNotFound"));
}

#[tokio::test]
async fn bad_indicators_are_refused() {
    let defender = Defender::start().await;
    let table = [
        (json!({"IndicatorValue": "x"}), "MissingRequiredParameter"),
        (json!({"indicatorValue": "192.0.2.0/24", "indicatorType": "IpAddress"}), "InvalidIpAddress"),
        (json!({"indicatorValue": "abc", "indicatorType": "FileMd5"}), "InvalidHashValue"),
        (json!({"indicatorValue": "a.example", "indicatorType": "Url"}), "InvalidUrl"),
        (json!({"indicatorValue": "a.example", "indicatorType": "Host"}), "InvalidInput"),
        (
            json!({"indicatorValue": "a.example", "indicatorType": "DomainName", "action": "Ignore"}),
            "InvalidInput",
        ),
        (
            json!({"indicatorValue": "a.example", "indicatorType": "DomainName", "action": "BlockAndRemediate"}),
            "InvalidInput",
        ),
        (
            json!({"indicatorValue": "a.example", "indicatorType": "DomainName", "action": "Audit"}),
            "InvalidInput",
        ),
        (
            json!({"indicatorValue": "a.example", "indicatorType": "DomainName", "severity": "Extreme"}),
            "InvalidInput",
        ),
    ];
    for (fields, expected) in table {
        let mut body = json!({"action": "Allowed", "title": "t", "description": "d"});
        for (name, value) in fields.as_object().unwrap() {
            body[name.as_str()] = value.clone();
        }
        assert_eq!(code(&defender.post("/indicators", &body).await), (400, expected), "{body}");
    }
}

#[tokio::test]
async fn actions_change_the_device() {
    let defender = Defender::start().await;
    let isolate = json!({"Comment": "c", "IsolationType": "Full"});
    let available = async |action: &str| {
        let (_, list) = defender.get(&format!("{MACHINE}/availableMachineActions")).await;
        let list = list["value"].as_array().unwrap().clone();
        list.iter().find(|one| one["action"] == action).unwrap()["isAvailable"] == true
    };
    assert!(available("FullIsolation").await);
    let (status, action) = defender.post(&format!("{MACHINE}/isolate"), &isolate).await;
    assert_eq!((status, &action["status"], &action["scope"]), (201, &json!("Pending"), &json!("Full")));
    let again = defender.post(&format!("{MACHINE}/isolate"), &isolate).await;
    assert_eq!(code(&again), (400, "ActiveRequestAlreadyExists"));
    assert!(!available("SelectiveIsolation").await);
    let filter = "$filter=type%20in%20('Unisolate','Isolate')%20and%20status%20eq%20'Succeeded'&$top=1";
    let history = async || defender.get(&format!("{MACHINE}/machineactions?{filter}")).await.1;
    assert_eq!(history().await["value"][0]["type"], "Isolate");
    assert_eq!(defender.post(&format!("{MACHINE}/unisolate"), &json!({"Comment": "c"})).await.0, 201);
    assert_eq!(history().await["value"][0]["type"], "Unisolate");
    assert!(available("FullIsolation").await);
}

#[tokio::test]
async fn bad_actions_are_refused() {
    let defender = Defender::start().await;
    let table = [
        (MACHINE, "isolate", json!({"IsolationType": "Full"}), 400, "MissingRequiredParameter"),
        (MACHINE, "isolate", json!({"Comment": "c"}), 400, "MissingRequiredParameter"),
        (MACHINE, "isolate", json!({"Comment": "c", "IsolationType": "Half"}), 400, "InvalidInput"),
        (MACHINE, "unisolate", json!({"Comment": "c"}), 400, "InvalidInput"),
        (MACHINE, "Isolate", json!({"Comment": "c", "IsolationType": "Full"}), 404, "ResourceNotFound"),
        (
            "/machines/unknown",
            "isolate",
            json!({"Comment": "c", "IsolationType": "Full"}),
            404,
            "ResourceNotFound",
        ),
    ];
    for (machine, action, body, status, expected) in table {
        let answer = defender.post(&format!("{machine}/{action}"), &body).await;
        assert_eq!(code(&answer), (status, expected), "{action} {body}");
    }
}
