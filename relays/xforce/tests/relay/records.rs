//! What a lookup costs of the month's records, and how the settings lower it.

use provider_sim::Answer;
use relay_testkit::cost::mixed;
use relay_testkit::{Setup, Stage, docs, errors};
use serde_json::{Value, json};

use crate::setup;

/// Settings by name.
type Settings<'a> = &'a [(&'static str, &'static str)];

fn lines(stage: &Stage) -> Vec<String> {
    stage.sim.calls_to("xforce").iter().map(|call| call.line().replace("/xforce", "")).collect()
}

async fn calls_of(setup: Setup, known: bool) -> usize {
    let stage = setup.start().await;
    if !known {
        for path in ["/url/", "/ipr/", "/malware/"] {
            stage.sim.faults().add(provider_sim::Fault::status(404).on("xforce").path(path));
        }
    }
    let answer = stage.ask("/observe/observables", Some(&stage.token()), &mixed([7, 7, 6])).await;
    assert_eq!(errors(&answer), [], "{answer}");
    stage.sim.calls_to("xforce").len()
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_observables_cost_what_the_readme_says() {
    let off = |name: &'static str| (name, "false");
    let (resolve, linkage) = (off("RELAY_PROVIDER__RESOLVE_ENABLED"), off("RELAY_PROVIDER__LINKAGE_ENABLED"));
    let first = ("RELAY_PROVIDER__REPORT_FIRST", "true");
    let table: [(Settings<'_>, bool, usize); 6] = [
        (&[], true, 54),
        (&[], false, 54),
        (&[first], false, 20),
        (&[resolve], true, 40),
        (&[linkage], true, 34),
        (&[resolve, linkage], true, 20),
    ];
    for (settings, known, expected) in table {
        let setup = settings.iter().fold(setup(), |setup, (name, value)| setup.setting(name, value));
        assert_eq!(calls_of(setup, known).await, expected, "{settings:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn spellings_of_one_value_share_their_calls() {
    let stage = setup()
        .setting("RELAY_CACHE__TTL", "0s")
        .setting("RELAY_PROVIDER__MAX_CONCURRENCY", "1")
        .start()
        .await;
    let spellings = ["LOGIN-Verify.Example.", "login-verify.example", "bücher.example"];
    let answer = stage.observe(&spellings.map(|name| ("domain", name))).await;
    let reports: Vec<String> =
        lines(&stage).into_iter().filter(|line| line.starts_with("GET /url/")).collect();
    assert_eq!(reports, ["GET /url/login-verify.example", "GET /url/xn--bcher-kva.example"]);
    let about: Vec<&Value> =
        docs(&answer, "verdicts").iter().map(|one| &one["observable"]["value"]).collect();
    assert_eq!(about[..2], [&json!("LOGIN-Verify.Example."), &json!("login-verify.example")]);
    let ids = docs(&answer, "judgements").iter().map(|one| one["id"].to_string());
    assert_eq!(ids.collect::<std::collections::BTreeSet<_>>().len(), docs(&answer, "judgements").len());
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_of_local_networks_are_asked_for_only_on_request() {
    for (setting, calls) in [("true", vec![]), ("false", vec!["GET /ipr/10.1.2.3"])] {
        let stage = setup().setting("RELAY_PROVIDER__SKIP_PRIVATE", setting).start().await;
        stage.deliberate(&[("ip", "10.1.2.3")]).await;
        assert_eq!(lines(&stage), calls, "{setting}");
        assert_eq!(
            stage.refer(&[("ip", "10.1.2.3")]).await["data"].as_array().unwrap().len(),
            1,
            "a link is free"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn as_many_collections_as_asked_for_may_not_be_all() {
    let stage =
        setup().setting("RELAY_CACHE__TTL", "0s").setting("RELAY_PROVIDER__COLLECTIONS", "5").start().await;
    let hash = "474b9ccf5ab9d72ca8a333889bbb34f0";
    let linked = |count: usize| {
        let one = |n: usize| json!({"id": format!("c{n}"), "title": format!("T{n}"), "type": "casefile"});
        json!({"linkedEntities": (0..count).map(one).collect::<Vec<_>>()})
    };
    for (count, noted) in [(4, false), (5, true)] {
        stage.sim.reset();
        stage.sim.answer(
            "xforce",
            Answer::get(&format!("/malware/{hash}")).json(json!({"malware": {"risk": null}})),
        );
        let path = format!("/api/linkage/malware/{hash}");
        stage.sim.answer("xforce", Answer::get(&path).query("maxpertype", "5").json(linked(count)));
        let answer = stage.observe(&[("md5", hash)]).await;
        assert!(lines(&stage).iter().any(|line| line.ends_with("maxpertype=5")), "{:?}", lines(&stage));
        let last = docs(&answer, "sightings").last().unwrap();
        assert_eq!(last["description"].as_str().is_some_and(|text| text.contains("may be more")), noted);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_report_is_none_and_asks_for_nothing_more() {
    let stage = setup().setting("RELAY_PROVIDER__REPORT_FIRST", "true").start().await;
    stage.sim.answer("xforce", Answer::get("/url/empty.example").json(json!({})));
    let answer = stage.observe(&[("domain", "empty.example")]).await;
    assert_eq!((errors(&answer), lines(&stage).len()), (vec![], 1), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_of_resolutions_is_described() {
    let stage = setup().start().await;
    let record = |n: usize| {
        let value = format!("203.0.{}.{}", n / 250, n % 250);
        json!({"value": value, "type": "ip", "recordType": "A", "last": format!("2026-01-{:02}T00:00:00Z", 1 + n % 28)})
    };
    let passive: Vec<Value> = (0..1499).map(record).collect();
    let dns = json!({"A": ["198.51.100.7"], "Passive": {"records": passive}});
    stage.sim.answer("xforce", Answer::get("/api/resolve/many.example").json(dns));
    let answer = stage.observe(&[("domain", "many.example")]).await;
    let sighting = docs(&answer, "sightings").iter().find(|one| one["title"] == "DNS Information").unwrap();
    assert_eq!(sighting["relations"].as_array().unwrap().len(), 100);
    let description = sighting["description"].as_str().unwrap();
    assert!(description.contains("the 100 newest of 1,500"), "{description}");
    assert!(sighting["relations"].to_string().contains("198.51.100.7"), "the live answer stays");
    let dns = json!({"Passive": {"records": (0..100).map(record).collect::<Vec<_>>()}});
    stage.sim.answer("xforce", Answer::get("/api/resolve/all.example").json(dns));
    let answer = stage.observe(&[("domain", "all.example")]).await;
    let sighting = docs(&answer, "sightings").iter().find(|one| one["title"] == "DNS Information").unwrap();
    let description = sighting["description"].as_str().unwrap();
    assert!(!description.contains("newest of"), "nothing was cut: {description}");
    assert_eq!(errors(&answer), []);
}
