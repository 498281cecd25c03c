//! The X-Force service over real HTTP: who may call, what is refused, what is answered, and the fixtures.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};

use provider_sim::fixtures::{self, Observable};
use provider_sim::{Answer, Options, Sim};
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};

const DEMO: (&str, &str) = ("demo-key", "demo-password");

/// A simulator and a client to ask it with.
struct XForce {
    sim: Sim,
    client: Client,
}

impl XForce {
    async fn start() -> Self {
        let sim = Sim::start(Options::default()).await.unwrap();
        Self { sim, client: Client::builder().no_proxy().build().unwrap() }
    }

    /// A call without credentials.
    fn call(&self, method: Method, target: &str) -> RequestBuilder {
        self.client.request(method, format!("{}/xforce{target}", self.sim.url()))
    }

    /// The answer to a complete call of this tenant.
    async fn ask_as(&self, (key, password): (&str, &str), target: &str) -> (u16, Value) {
        let call = self.call(Method::GET, target).header("Accept", "application/json");
        answer(call.basic_auth(key, Some(password))).await
    }

    /// The answer to a complete call.
    async fn ask(&self, target: &str) -> (u16, Value) {
        self.ask_as(DEMO, target).await
    }
}

async fn answer(call: RequestBuilder) -> (u16, Value) {
    let answer = call.send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

fn refusal(status: u16, text: &str) -> (u16, Value) {
    (status, json!({ "error": text }))
}

#[tokio::test]
async fn credentials_are_checked() {
    let xforce = XForce::start().await;
    let target = "/ipr/203.0.113.9";
    let nobody = refusal(401, "Not authorized.");
    assert_eq!(answer(xforce.call(Method::GET, target).header("Accept", "application/json")).await, nobody);
    assert_eq!(
        answer(xforce.call(Method::GET, target).header("Accept", "application/json").bearer_auth("demo-key"))
            .await,
        nobody
    );
    for (who, expected) in [
        (("demo-key", "wrong"), nobody.clone()),
        (("stranger", "demo-password"), nobody.clone()),
        (("", ""), nobody.clone()),
        (("exhausted", "demo-password"), refusal(402, "Monthly quota exceeded.")),
        (("unsubscribed", "demo-password"), refusal(402, "No active API subscription.")),
        (("forbidden", "demo-password"), refusal(403, "Access denied.")),
        (("limited", "demo-password"), refusal(429, "Rate limit exceeded.")),
    ] {
        assert_eq!(xforce.ask_as(who, target).await, expected, "{who:?}");
    }
    assert_eq!(xforce.ask(target).await.0, 200);
}

#[tokio::test]
async fn json_has_to_be_asked_for() {
    let xforce = XForce::start().await;
    let bare = xforce.call(Method::GET, "/ipr/203.0.113.9").basic_auth(DEMO.0, Some(DEMO.1));
    assert_eq!(answer(bare).await, refusal(406, "Not acceptable."));
}

#[tokio::test]
async fn other_paths_and_methods_are_refused() {
    let xforce = XForce::start().await;
    for target in [
        "",
        "/",
        "/url",
        "/url/http://a.example/x",
        "/url/a.example/",
        "/linkage/url/a.example",
        "/api/linkage/md5/x",
        "/ipr/192.0.2.1/history",
    ] {
        assert_eq!(xforce.ask(target).await, refusal(404, "Not found."), "{target}");
    }
    let post = xforce.call(Method::POST, "/ipr/192.0.2.1").header("Accept", "application/json");
    let post = post.basic_auth(DEMO.0, Some(DEMO.1)).send().await.unwrap();
    assert_eq!((post.status().as_u16(), post.headers()["allow"].to_str().unwrap()), (405, "GET"));
}

#[tokio::test]
async fn a_traversal_shows_as_the_wrong_call() {
    let xforce = XForce::start().await;
    // The client follows the dots itself, as it would for a relay that pastes values into URLs.
    let (status, body) = xforce.ask("/url/../all-subscriptions/usage").await;
    assert_eq!((status, body.is_array()), (200, true));
    assert_eq!(xforce.sim.calls()[0].path, "/xforce/all-subscriptions/usage");
    let escaped = "/url/..%2Fall-subscriptions%2Fusage";
    assert_eq!(xforce.ask(escaped).await, refusal(400, "Invalid input."));
    assert_eq!(xforce.sim.calls()[1].path, format!("/xforce{escaped}"));
}

#[tokio::test]
async fn values_of_another_kind_are_refused() {
    let xforce = XForce::start().await;
    for target in [
        "/ipr/a.example",
        "/ipr/999.1.1.1",
        "/malware/abc",
        "/malware/0x474b9ccf5ab9d72ca8a333889bbb34f0",
        "/url/no%20such%20site.example",
        "/api/resolve/http:%2F%2Fa.example",
        "/api/linkage/ip/a.example",
        "/api/linkage/url/a.example?maxpertype=many",
    ] {
        assert_eq!(xforce.ask(target).await, refusal(400, "Invalid input."), "{target}");
    }
}

#[tokio::test]
async fn records_are_counted_per_key_and_run_out() {
    let xforce = XForce::start().await;
    let trial = ("trial", "demo-password");
    let used =
        async |who| xforce.ask_as(who, "/all-subscriptions/usage").await.1[0]["usageData"]["usage"].clone();
    assert_eq!(used(trial).await[0]["usage"], 4990);
    for n in 0..10 {
        assert_ne!(xforce.ask_as(trial, &format!("/ipr/192.0.2.{n}")).await.0, 402);
    }
    assert_eq!(xforce.ask_as(trial, "/ipr/192.0.2.1").await, refusal(402, "Monthly quota exceeded."));
    let cycles = used(trial).await;
    assert_eq!(cycles[0]["usage"], 5000, "what is refused costs nothing");
    assert_eq!(cycles[0]["cycle"].as_str().unwrap().len(), "2026-03".len());
    assert_eq!(used(("other-key", "demo-password")).await, json!([]), "keys count apart");
    xforce.sim.reset();
    assert_eq!(used(trial).await[0]["usage"], 4990);
}

#[tokio::test]
async fn made_up_answers_are_repeated_and_varied() {
    let xforce = XForce::start().await;
    let mut statuses = BTreeSet::new();
    let mut scores = BTreeSet::new();
    for n in 0..40 {
        let target = format!("/url/site{n}.example");
        let (status, body) = xforce.ask(&target).await;
        assert_eq!(xforce.ask(&target).await, (status, body.clone()));
        statuses.insert(status);
        if status == 200 {
            let result = &body["result"];
            assert_eq!(result["url"], format!("site{n}.example"));
            assert!(result["cats"].as_object().unwrap().values().all(Value::is_boolean));
            assert!(result["score"].is_null() || (0.0..=10.0).contains(&result["score"].as_f64().unwrap()));
            scores.insert(result["score"].to_string());
        }
    }
    assert_eq!(statuses, BTreeSet::from([200, 404]));
    assert!(scores.len() > 8 && scores.contains("null") && scores.contains("1"), "{scores:?}");
}

#[tokio::test]
async fn made_up_reports_have_the_providers_form() {
    let xforce = XForce::start().await;
    let (mut addresses, mut risks, mut servers) = (0, BTreeSet::new(), 0);
    for n in 0..60 {
        let (status, report) = xforce.ask(&format!("/ipr/198.51.100.{}", n + 100)).await;
        if status == 200 {
            addresses += 1;
            let shares = report["cats"].as_object().unwrap();
            assert!(shares.values().all(|share| (1..=100).contains(&share.as_u64().unwrap())), "{report}");
            assert!(report["score"].as_f64().unwrap() <= 10.0 && report["history"].is_array());
        }
        let hash = format!("{n:040x}");
        let (status, report) = xforce.ask(&format!("/malware/{hash}")).await;
        if status == 200 {
            let malware = &report["malware"];
            assert_eq!(malware["sha1"], format!("0x{}", hash.to_uppercase()));
            assert!(malware["created"].as_str().unwrap().ends_with('Z'));
            risks.insert(malware["risk"].to_string());
            servers += usize::from(malware["origins"]["CnCServers"]["rows"].is_array());
        }
    }
    assert!(addresses > 20 && servers > 0);
    assert_eq!(risks, ["\"high\"", "\"low\"", "\"medium\"", "null"].map(str::to_owned).into());
}

#[tokio::test]
async fn made_up_dns_has_the_providers_form() {
    let xforce = XForce::start().await;
    let (mut live, mut passive, mut nothing) = (0, 0, 0);
    for n in 0..40 {
        for (value, key) in [(format!("host{n}.example"), "A"), (format!("2001:db8::{n}"), "RDNS")] {
            let (status, body) = xforce.ask(&format!("/api/resolve/{value}?basicResolve=true")).await;
            nothing += usize::from(status == 404);
            if status == 200 {
                live += usize::from(body[key].is_array());
                let records = body["Passive"]["records"].as_array().unwrap();
                passive += records.len();
                assert!(records.iter().all(|record| record["last"].as_str() > record["first"].as_str()));
            }
        }
    }
    assert!(live > 20 && passive > 40 && nothing > 5, "{live} {passive} {nothing}");
}

#[tokio::test]
async fn collections_are_cut_to_the_number_asked_for() {
    let xforce = XForce::start().await;
    let mut most = 0;
    for n in 0..60 {
        let target = format!("/api/linkage/url/site{n}.example");
        let (status, all) = xforce.ask(&target).await;
        if status == 200 {
            let all = all["linkedEntities"].as_array().unwrap().clone();
            let cut = xforce.ask(&format!("{target}?maxpertype=1")).await.1;
            assert_eq!(cut["linkedEntities"].as_array().unwrap().as_slice(), &all[..all.len().min(1)]);
            most = most.max(all.len());
        }
    }
    assert!(most > 1);
}

#[tokio::test]
async fn the_portal_serves_the_same_below_api() {
    let xforce = XForce::start().await;
    let calls =
        ["/ipr/198.51.100.120", "/url/site3.example", "/resolve/host1.example", "/all-subscriptions/usage"];
    for target in calls {
        xforce.sim.reset();
        let plain = xforce.ask(target).await;
        xforce.sim.reset();
        assert_eq!(xforce.ask(&format!("/api{target}")).await, plain, "{target}");
    }
}

#[tokio::test]
async fn fixtures_are_served_to_those_who_may_ask() {
    let xforce = XForce::start().await;
    let case =
        fixtures::cases("xforce").unwrap().into_iter().find(|case| case.name == "url-escaped").unwrap();
    let target = "/url/http:%2F%2Fshop.example%2Fx%3Fy%3D1%23z";
    assert_eq!(answer(xforce.call(Method::GET, target).header("Accept", "application/json")).await.0, 401);
    assert_eq!(xforce.ask(target).await, (200, case.answers[0].json.clone().unwrap()));
    xforce.sim.answer("xforce", Answer::get(target).json(json!({})));
    assert_eq!(xforce.ask(target).await, (200, json!({})), "a pin goes before a fixture");
}

/// The calls that X-Force gets about an observable: what a relay must ask, written down once more.
fn calls_about(observable: &Observable, settings: &BTreeMap<String, String>) -> Vec<String> {
    let on = |setting: &str| settings.get(setting).is_none_or(|value| value == "true");
    let (report, kind, dns) = match observable.kind.as_str() {
        "domain" => ("url", "url", true),
        "url" => ("url", "url", false),
        "ip" | "ipv6" => ("ipr", "ip", true),
        "md5" | "sha1" | "sha256" => ("malware", "malware", false),
        _ => return Vec::new(),
    };
    let bare = observable.value.strip_prefix("0x").unwrap_or(&observable.value);
    let kept = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:".contains(&byte);
    let escaped: String = bare
        .bytes()
        .map(|byte| if kept(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect();
    let mut calls = vec![format!("/{report}/{escaped}")];
    calls.extend((dns && on("RESOLVE_ENABLED")).then(|| format!("/api/resolve/{escaped}")));
    calls.extend(on("LINKAGE_ENABLED").then(|| format!("/api/linkage/{kind}/{escaped}")));
    calls
}

#[test]
fn every_case_answers_all_calls_about_its_observables_and_no_others() {
    let cases = fixtures::cases("xforce").unwrap();
    let mut kinds = BTreeSet::new();
    for case in &cases {
        let wanted: BTreeSet<_> =
            case.observables.iter().flat_map(|one| calls_about(one, &case.settings)).collect();
        let given: BTreeSet<_> = case.answers.iter().map(|answer| answer.path.clone()).collect();
        assert_eq!(given, wanted, "{}", case.name);
        kinds.extend(case.observables.iter().map(|one| one.kind.as_str()));
    }
    let all = ["domain", "url", "ip", "ipv6", "md5", "sha1", "sha256"];
    assert!(all.iter().all(|kind| kinds.contains(kind)) && cases.len() >= 12, "{kinds:?}");
}

#[tokio::test]
async fn the_demonstration_shows_every_outcome() {
    let xforce = XForce::start().await;
    let mut outcomes = BTreeSet::new();
    let cases = fixtures::cases("xforce").unwrap();
    let paths: BTreeSet<_> =
        cases.iter().flat_map(|case| &case.answers).map(|answer| answer.path.as_str()).collect();
    for observable in fixtures::observables().unwrap() {
        let calls = calls_about(&observable, &BTreeMap::new());
        let Some(call) = calls.first() else { continue };
        assert!(paths.contains(call.as_str()), "a fixture stands behind {call}");
        let (status, report) = xforce.ask(call).await;
        let risk = &report["malware"]["risk"];
        let score = report["score"].as_f64().or_else(|| report["result"]["score"].as_f64());
        outcomes.insert(match (status, score, risk.as_str().map(str::to_lowercase).as_deref()) {
            (404, ..) => "nothing",
            (200, Some(score), _) if score > 6.9 => "malicious",
            (200, Some(score), _) if score > 3.9 => "suspicious",
            (200, _, Some("high")) => "malicious",
            (200, _, Some("medium")) => "suspicious",
            _ => "unknown",
        });
    }
    assert_eq!(outcomes, BTreeSet::from(["malicious", "nothing", "suspicious", "unknown"]));
    let kinds: BTreeSet<_> = fixtures::observables().unwrap().into_iter().map(|one| one.kind).collect();
    for kind in [
        "ip",
        "ipv6",
        "domain",
        "url",
        "md5",
        "sha1",
        "sha256",
        "hostname",
        "file_name",
        "file_path",
        "ms_machine_id",
    ] {
        assert!(kinds.contains(kind), "{kind}");
    }
}
