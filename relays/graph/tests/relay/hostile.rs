//! Values that want to be more than values: each stays one literal, in every language that it is asked in.

use proptest::prelude::*;
use provider_sim::kql::AlertQuery;
use provider_sim::odata::Filter;
use relay_core::observable::{Observable, ObservableType};
use relay_graph::search::query;
use relay_graph::search::query::hunting::Chunk;
use relay_testkit::errors;
use serde_json::json;

use crate::{calls_to, legacy, params, setup, v2};

const KINDS: [ObservableType; 13] = [
    ObservableType::Ip,
    ObservableType::Domain,
    ObservableType::Hostname,
    ObservableType::Url,
    ObservableType::FileName,
    ObservableType::FilePath,
    ObservableType::Sha256,
    ObservableType::Ipv6,
    ObservableType::Sha1,
    ObservableType::Md5,
    ObservableType::Email,
    ObservableType::User,
    ObservableType::MsMachineId,
];

/// Text with much of what means something to OData, KQL or URLs.
fn any_value() -> impl Strategy<Value = String> {
    let pieces = prop_oneof![
        "['\"\\\\/.:;,|()@$%&?#+= \t\r\n\0]{1,4}",
        Just("' or true eq true or 'a' eq '".to_owned()),
        Just("\" or 1==1 //".to_owned()),
        Just("') | take 1".to_owned()),
        Just("%27%20%2e%2e".to_owned()),
        Just("..".to_owned()),
        Just("\u{202e}\u{2028}\u{1f600}\u{0}".to_owned()),
        "\\PC{1,8}",
    ];
    prop_oneof![prop::collection::vec(pieces, 1..8).prop_map(|pieces| pieces.concat()), any::<String>(),]
}

/// What the literals of a question about a value may be.
fn parts(kind: ObservableType, value: &str) -> Vec<String> {
    let mut parts = vec![value.to_owned(), value.to_ascii_lowercase()];
    if kind == ObservableType::Hostname {
        parts.push(format!("{value}."));
    }
    if let (ObservableType::FilePath, Some(at)) = (kind, value.rfind(['\\', '/'])) {
        parts.extend([value[..at].to_owned(), value[at + 1..].to_owned()]);
    }
    parts
}

proptest! {
    #[test]
    fn a_value_is_one_literal_in_every_filter(value in any_value()) {
        for kind in KINDS {
            let Some(about) = Observable::new(kind, value.as_str()) else { continue };
            let filters = [query::legacy::filter(&about), query::v2::filter(&about)];
            for (filter, benign) in filters.into_iter().flatten().zip([shape(kind, query::legacy::filter), shape(kind, query::v2::filter)].into_iter().flatten()) {
                let parsed = Filter::parse(&filter);
                prop_assert!(parsed.is_ok(), "{filter}: {parsed:?}");
                let parsed = parsed.unwrap();
                for text in parsed.texts() {
                    prop_assert!(parts(kind, &value).iter().any(|part| part == text), "{text:?} of {value:?}");
                }
                let whole = [value.clone(), value.to_ascii_lowercase()];
                prop_assert!(parsed.texts().iter().any(|text| whole.iter().any(|whole| whole == text)));
                if kind != ObservableType::FilePath && kind != ObservableType::Sha256 {
                    prop_assert_eq!(parsed.paths(), benign, "{}", filter);
                }
            }
        }
    }

    #[test]
    fn a_value_is_one_literal_in_every_query(values in prop::collection::vec(any_value(), 1..4)) {
        const KINDS: [ObservableType; 5] = [
            ObservableType::FileName,
            ObservableType::FilePath,
            ObservableType::Url,
            ObservableType::Email,
            ObservableType::EmailSubject,
        ];
        let all = values.iter().flat_map(|value| KINDS.map(|kind| Observable::new(kind, value.as_str())));
        let about: Vec<Observable> = all.flatten().collect();
        let mut expected = vec!["MailMessage".to_owned(), "Mailbox".to_owned()];
        for value in &values {
            let bare = value.strip_suffix('/').unwrap_or(value).to_owned();
            expected.extend(parts(ObservableType::FilePath, value).into_iter().chain([format!("{value}/"), bare]));
        }
        for chunk in Chunk::all(&about) {
            let text = chunk.query(100, 30);
            let parsed = AlertQuery::parse(&text);
            prop_assert!(parsed.is_ok(), "{text}: {parsed:?}");
            let parsed = parsed.unwrap();
            prop_assert_eq!(parsed.legs.len(), chunk.positions.len(), "{}", text);
            for literal in parsed.literals() {
                prop_assert!(expected.iter().any(|part| part == literal), "{literal:?} of {values:?}");
            }
        }
    }

    #[test]
    fn one_value_in_a_query_is_found_whole(value in any_value()) {
        let about: Vec<Observable> = Observable::new(ObservableType::FileName, value.as_str()).into_iter().collect();
        for chunk in Chunk::all(&about) {
            let text = chunk.query(100, 30);
            let parsed = AlertQuery::parse(&text);
            prop_assert!(parsed.is_ok(), "{text}: {parsed:?}");
            let parsed = parsed.unwrap();
            prop_assert_eq!(parsed.literals(), vec![value.as_str()]);
        }
    }
}

/// The properties that a filter about a harmless value compares.
fn shape(kind: ObservableType, filter: fn(&Observable) -> Option<String>) -> Option<Vec<String>> {
    let filter = filter(&Observable::new(kind, "x")?)?;
    Some(Filter::parse(&filter).unwrap().paths())
}

const HOSTILE: [&str; 16] = [
    "..",
    ".",
    "%2e%2e",
    "/",
    "?x=1",
    "#",
    "' or true eq true",
    "x') or networkConnections/any(y: y/sourceAddress ne 'x",
    "a&$top=1000",
    "\" or 1==1 //",
    "\\",
    "a\nb\r\tc",
    "nul\0nul",
    "\u{202e}gnp.exe",
    "\u{1f600}\u{10ffff}",
    "AlertEvidence | take 5",
];

#[tokio::test(flavor = "multi_thread")]
async fn hostile_values_reach_the_api_as_values() {
    let long = "x'\"\\".repeat(1280);
    let values: Vec<&str> = HOSTILE.into_iter().chain([long.as_str()]).collect();
    let kinds = ["ip", "domain", "hostname", "url", "file_name", "file_path", "sha256"];
    for (setup, path) in [(legacy(), "alerts"), (v2("filter"), "alerts_v2")] {
        let stage = setup.start().await;
        for kind in kinds {
            let all: Vec<(&str, &str)> = values.iter().map(|value| (kind, *value)).collect();
            let answer = stage.observe(&all[..8]).await;
            assert_eq!(errors(&answer), [], "{path} {kind}");
            let answer = stage.observe(&all[8..]).await;
            assert_eq!(errors(&answer), [], "{path} {kind}");
        }
        let calls = stage.sim.calls_to("graph");
        assert_eq!(calls.len(), calls_to(&stage, path).len(), "no value leads elsewhere");
        for call in calls {
            assert_eq!(call.status, Some(200), "{}", call.line());
            assert_eq!(params(&call).len(), 2, "{}", call.line());
        }
        stage.sim.reset();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_values_are_hunted_as_values() {
    let stage = v2("hunting").setting("RELAY_PROVIDER__ALERT_DETAILS", "200").start().await;
    let all: Vec<(&str, &str)> = HOSTILE
        .iter()
        .flat_map(|value| ["domain", "file_name", "file_path", "hostname"].map(|kind| (kind, *value)))
        .collect();
    let answer = stage.observe(&all).await;
    assert_eq!(errors(&answer), []);
    let hunts = calls_to(&stage, "runHuntingQuery");
    assert_eq!(hunts.len(), 1, "fifty observables share a query");
    for hunt in hunts {
        assert_eq!(hunt.status, Some(200));
        let text = hunt.json().unwrap()["Query"].as_str().unwrap().to_owned();
        assert!(AlertQuery::parse(&text).is_ok(), "{text}");
        assert!(!text.contains("nul"), "a value with other control characters is not asked about");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_with_a_hostile_id_leads_nowhere_else() {
    let stage = v2("hunting").start().await;
    let ids = ["..", ".", "a/../../x", "a?b", "%2e%2e", "a#b"];
    let rows: Vec<_> = ids.iter().map(|id| json!({"AlertId": id})).collect();
    stage.sim.answer(
        "graph",
        provider_sim::Answer::post("/security/runHuntingQuery").json(json!({"results": rows})),
    );
    assert_eq!(stage.observe(&[("ip", "192.0.2.1")]).await["data"], json!(null));
    let calls = stage.sim.calls_to("graph");
    assert_eq!(calls.len(), 2, "a query and a batch");
    let requests = calls[1].json().unwrap()["requests"].as_array().unwrap().clone();
    assert_eq!(requests.len(), 4, "two of the ids are no segment");
    for request in requests {
        let rest = request["url"].as_str().unwrap().strip_prefix("/security/alerts_v2/").unwrap().to_owned();
        assert!(!rest.contains(['/', '?', '#']), "{rest}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demonstration_shows_something() {
    let stage = setup().start().await;
    for observable in provider_sim::fixtures::observables().unwrap() {
        let answer = stage.observe(&[(&observable.kind, &observable.value)]).await;
        let known = KINDS.iter().any(|kind| kind.as_str() == observable.kind);
        let found = answer["data"]["sightings"]["count"].as_u64().unwrap_or(0) > 0;
        let quiet = observable.value == "quiet-garden.example";
        assert_eq!(found, known && !quiet, "{} {}: {answer}", observable.kind, observable.value);
    }
}
