//! `/refer/observables`, `/deliberate/observables` and the tokens that they want.

use relay_testkit::{asked, errors};
use serde_json::{Value, json};

use crate::{MACHINE, NOTEPAD, full, setup};

#[tokio::test(flavor = "multi_thread")]
async fn links_lead_into_the_portal() {
    let stage = setup().start().await;
    let table = [
        ("sha1", NOTEPAD[0], "SHA1", format!("/file/{}", NOTEPAD[0])),
        ("SHA256", NOTEPAD[1], "SHA256", format!("/file/{}", NOTEPAD[1])),
        ("domain", "c2.bad.example", "Domain", "/domains/overview?urlDomain=c2.bad.example".to_owned()),
        ("ip", "203.0.113.9", "IP", "/ip/203.0.113.9/overview".to_owned()),
        ("ipv6", "2001:db8::1", "IPV6", "/ip/2001:db8::1/overview".to_owned()),
        (
            "url",
            "https://a.example/?b=c d&e",
            "URL",
            "/url/overview?url=https%3A%2F%2Fa.example%2F%3Fb%3Dc%20d%26e".to_owned(),
        ),
        ("ms_machine_id", MACHINE, "device", format!("/machines/v2/{MACHINE}")),
    ];
    let mut about: Vec<(&str, &str)> = table.iter().map(|(kind, value, ..)| (*kind, *value)).collect();
    about.extend([("md5", NOTEPAD[2]), ("email", "a@b.example"), ("sha1", "..")]);
    let answer = stage.refer(&about).await;
    let links = answer["data"].as_array().unwrap();
    assert_eq!(links.len(), table.len());
    for (link, (kind, value, label, path)) in links.iter().zip(table) {
        assert_eq!(link["id"], format!("ref-md-search-{}-{value}", kind.to_lowercase()));
        assert_eq!(link["title"], format!("Search for this {label}"));
        assert_eq!(link["url"], format!("https://security.microsoft.com{path}"));
        assert_eq!(link["categories"], json!(["Search", "Microsoft Defender for Endpoint"]));
    }
    assert_eq!(stage.refer(&[("md5", NOTEPAD[2])]).await, json!({"data": []}));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_endpoint_lists_what_it_looks_up_with_these_settings() {
    let linked = ["sha1", "sha256", "ip", "ipv6", "domain", "url", "ms_machine_id"];
    let judged = ["sha1", "sha256", "md5", "ip", "ipv6", "domain", "url"];
    let everything = [&judged[..], &["ms_machine_id", "hostname", "user", "file_name", "file_path"]].concat();
    let offered = [&judged[..], &["ms_machine_id", "hostname"]].concat();
    for (settings, observed, judged) in [
        (vec![], &everything[..], Some(&judged[..])),
        (vec![("RELAY_PROVIDER__HUNTING_API", "off")], &everything[..10], Some(&judged[..])),
        (vec![("RELAY_PROVIDER__VERDICTS", "off")], &everything[..], None),
    ] {
        let setup = settings.iter().fold(full(), |setup, (name, value)| setup.setting(name, value));
        let stage = setup.start().await;
        let request = stage.http.get(&stage.relay.url).header("accept", "application/json");
        let page: Value = request.send().await.unwrap().json().await.unwrap();
        let listed = |path: &str| {
            let endpoints = page["endpoints"].as_array().unwrap();
            let endpoint = endpoints.iter().find(|one| one["path"] == path)?;
            Some(endpoint["observable_types"].clone())
        };
        assert_eq!(listed("/observe/observables"), Some(json!(observed)), "{settings:?}");
        assert_eq!(listed("/deliberate/observables"), judged.map(|judged| json!(judged)), "{settings:?}");
        assert_eq!(listed("/refer/observables"), Some(json!(linked)));
        assert_eq!(listed("/respond/observables"), Some(json!(offered)));
        let document = stage.http.get(format!("{}/openapi.json", stage.relay.url)).send().await.unwrap();
        let document: Value = document.json().await.unwrap();
        assert_eq!(
            document["paths"].get("/deliberate/observables").is_some(),
            judged.is_some(),
            "{settings:?}"
        );
        let body = asked(&[("domain", "a.example")]).to_string();
        let response = stage.raw("/deliberate/observables", Some(&stage.token()), body).await;
        assert_eq!(response.status() == 404, judged.is_none(), "{settings:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_with_a_shared_secret_work_as_in_the_original() {
    // The second name is the one that users of the original relay have set.
    for name in ["RELAY_AUTH__SECRET_KEY", "SECRET_KEY"] {
        let stage = setup().setting(name, "a secret of at least thirty-two bytes").start().await;
        let mut claims = stage.claims();
        for name in ["aud", "jwks_host"] {
            claims.as_object_mut().unwrap().remove(name);
        }
        let good = stage.sim.keys().hs256(b"a secret of at least thirty-two bytes", &claims);
        assert_eq!(
            stage.ask("/health", Some(&good), &json!(null)).await,
            json!({"data": {"status": "ok"}}),
            "{name}"
        );
        let bad = stage.sim.keys().hs256(b"another secret of the same length!!!!", &claims);
        assert_eq!(
            errors(&stage.ask("/health", Some(&bad), &json!(null)).await),
            [("fatal", "authorization error")]
        );
        assert_eq!(stage.health().await, json!({"data": {"status": "ok"}}), "and RS256 too");
    }
    let stage = setup().start().await;
    let token = stage.sim.keys().hs256(b"a secret of at least thirty-two bytes", &stage.claims());
    assert_eq!(
        errors(&stage.ask("/health", Some(&token), &json!(null)).await),
        [("fatal", "authorization error")]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_token_is_checked_before_the_body_and_before_idleness() {
    let stage = setup().start().await;
    for path in ["/observe/observables", "/respond/observables", "/respond/trigger"] {
        let answer = stage.ask(path, None, &json!("x")).await;
        assert_eq!(errors(&answer), [("fatal", "authorization error")], "{path}");
    }
    // Nothing to look up, an unknown action: the token is checked all the same.
    for path in ["/observe/observables", "/respond/observables"] {
        let answer = stage.ask(path, None, &asked(&[("email", "a@b.example")])).await;
        assert_eq!(errors(&answer), [("fatal", "authorization error")], "{path}");
    }
    let trigger = json!({"action-id": "x", "observable_type": "ip", "observable_value": "192.0.2.1"});
    assert_eq!(
        errors(&stage.ask("/respond/trigger", None, &trigger).await),
        [("fatal", "authorization error")]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_that_could_change_the_path_is_refused_without_a_call() {
    for tenant in ["../x", "a/b", "corp.example?x", "a..b", ""] {
        let stage = setup().claim("tenant_id", tenant).start().await;
        assert_eq!(errors(&stage.health().await), [("fatal", "authorization error")], "{tenant:?}");
        assert!(stage.sim.calls_to("login").is_empty());
    }
}
