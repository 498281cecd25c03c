//! A complete answer passes, and each rule finds what breaks it.

use serde_json::{Value, json};

use super::*;

fn example() -> Value {
    serde_json::from_str(include_str!("example.json")).unwrap()
}

/// Findings about the example after `spoil` changed it.
fn spoiled(spoil: impl FnOnce(&mut Value)) -> Vec<String> {
    spoiled_expecting(&Expect::default(), spoil)
}

fn spoiled_expecting(expect: &Expect<'_>, spoil: impl FnOnce(&mut Value)) -> Vec<String> {
    let mut answer = example();
    spoil(&mut answer);
    findings(&answer, AnswerKind::Observe, expect)
}

#[track_caller]
fn assert_finds(findings: &[String], place: &str, problem: &str) {
    let found = findings.iter().any(|finding| finding.starts_with(place) && finding.contains(problem));
    assert!(found, "no finding at {place} about {problem:?} in {findings:#?}");
}

fn sighting(answer: &mut Value) -> &mut Value {
    &mut answer["data"]["sightings"]["docs"][0]
}

fn indicator(answer: &mut Value) -> &mut Value {
    &mut answer["data"]["indicators"]["docs"][0]
}

const SIGHTING: &str = "/data/sightings/docs/0";

#[test]
fn a_complete_answer_passes() {
    check(&example(), AnswerKind::Observe);
    let sha256 = "9ffc7e4333d3be11b244d5f83b02ebcd194a671539f7faf1b5597d9209cc25c3";
    let expect = Expect { asked: Some(&[("sha256", sha256)]), ..Expect::default() };
    check_with(&example(), AnswerKind::Observe, &expect);
}

#[test]
fn every_endpoint_has_its_own_schema() {
    let errors = json!([{"type": "fatal", "code": "unknown", "message": "It broke."}]);
    let answers = [
        (AnswerKind::Observe, json!({"data": {}})),
        (AnswerKind::Deliberate, json!({"data": {}})),
        (
            AnswerKind::Refer,
            json!({"data": [{"id": "a", "title": "b", "description": "c", "url": "https://d.example/",
                "categories": ["e"]}]}),
        ),
        (
            AnswerKind::RespondObservables,
            json!({"data": [{"id": "a", "title": "b", "description": "c", "categories": ["e"],
                "query-params": {"observable_type": "ip", "observable_value": "192.0.2.1"}}]}),
        ),
        (AnswerKind::RespondTrigger, json!({"data": {"status": "failure"}, "errors": errors})),
        (AnswerKind::Health, json!({"data": {"status": "ok"}})),
        (AnswerKind::Version, json!({"version": "1.2.3"})),
        (AnswerKind::Watchdog, json!({"data": "key"})),
        (AnswerKind::Error, json!({"errors": errors})),
    ];
    for (kind, answer) in answers {
        check(&answer, kind);
        assert!(!findings(&json!({"data": 1}), kind, &Expect::default()).is_empty(), "{kind:?}");
    }
}

#[test]
#[should_panic(expected = "/data/sightings/count")]
fn the_check_panics_with_the_place() {
    let mut answer = example();
    answer["data"]["sightings"]["count"] = 7.into();
    check(&answer, AnswerKind::Observe);
}

#[test]
fn the_schema_is_enforced() {
    let findings = spoiled(|answer| sighting(answer)["tittle"] = "x".into());
    assert_finds(&findings, SIGHTING, "tittle");
    let findings = spoiled(|answer| sighting(answer)["severity"] = Value::Null);
    assert_finds(&findings, SIGHTING, "null");
    let findings = spoiled(|answer| answer["errors"] = json!([]));
    assert_finds(&findings, "/errors", "");
}

#[test]
fn a_wrong_count_is_found() {
    let findings = spoiled(|answer| answer["data"]["indicators"]["count"] = 2.into());
    assert_finds(&findings, "/data/indicators/count", "must be 1");
}

#[test]
fn a_second_entity_of_an_id_is_found() {
    let findings = spoiled(|answer| {
        let mut second = sighting(answer).clone();
        second["title"] = "Another".into();
        let sightings = &mut answer["data"]["sightings"];
        sightings["docs"].as_array_mut().unwrap().push(second);
        sightings["count"] = 2.into();
    });
    assert_finds(&findings, "/data/sightings/docs/1", "a second entity with the id");
}

#[test]
fn references_to_nothing_are_found() {
    let findings = spoiled(|answer| {
        answer["data"].as_object_mut().unwrap().remove("sightings");
    });
    assert_finds(&findings, "/data/relationships/docs/0/source_ref", "no entity");
    let findings = spoiled(|answer| {
        answer["data"]["verdicts"] = json!({"count": 1, "docs": [{
            "type": "verdict", "disposition": 2, "disposition_name": "Malicious",
            "observable": {"type": "ip", "value": "192.0.2.1"},
            "valid_time": {"start_time": "2026-01-01T00:00:00Z", "end_time": "2026-01-02T00:00:00Z"},
            "judgement_id": "transient:judgement-5c4fce4d-4872-503b-b22f-34a99966bf0c"}]});
    });
    assert_finds(&findings, "/data/verdicts/docs/0/judgement_id", "no entity");
}

#[test]
fn stray_indicators_and_judgements_are_found() {
    let findings = spoiled(|answer| {
        answer["data"].as_object_mut().unwrap().remove("relationships");
    });
    assert_finds(&findings, "/data/indicators/docs/0", "no relationship");

    let judgement = json!({"count": 1, "docs": [{
        "type": "judgement", "id": "transient:judgement-5c4fce4d-4872-503b-b22f-34a99966bf0c",
        "schema_version": "1.1.3", "source": "x", "observable": {"type": "ip", "value": "192.0.2.1"},
        "disposition": 5, "disposition_name": "Unknown", "priority": 85, "confidence": "High",
        "severity": "Unknown", "valid_time": {"start_time": "2026-01-01T00:00:00Z"}}]});
    let add = |answer: &mut Value| answer["data"]["judgements"] = judgement.clone();
    assert_eq!(spoiled(add), [""; 0]);
    let findings = spoiled_expecting(&Expect { related: &["judgements"], ..Expect::default() }, add);
    assert_finds(&findings, "/data/judgements/docs/0", "no relationship");
}

#[test]
fn intervals_that_end_before_they_start_are_found() {
    let backwards = json!({"start_time": "2026-01-02T00:00:00Z", "end_time": "2026-01-01T23:59:59.9Z"});
    let findings = spoiled(|answer| sighting(answer)["observed_time"] = backwards.clone());
    assert_finds(&findings, "/data/sightings/docs/0/observed_time", "after");
    let findings = spoiled(|answer| sighting(answer)["targets"][0]["observed_time"] = backwards.clone());
    assert_finds(&findings, "/data/sightings/docs/0/targets/0/observed_time", "after");
    let findings = spoiled(|answer| indicator(answer)["valid_time"] = backwards.clone());
    assert_finds(&findings, "/data/indicators/docs/0/valid_time", "after");
    // The schema's pattern admits a 29th of February in every year.
    let findings =
        spoiled(|answer| indicator(answer)["valid_time"]["start_time"] = "2026-02-29T00:00:00Z".into());
    assert_finds(&findings, "/data/indicators/docs/0/valid_time", "cannot be read");
}

#[test]
fn text_is_measured_in_utf16() {
    let crabs = "🦀".repeat(513);
    let findings = spoiled(|answer| sighting(answer)["title"] = crabs.clone().into());
    assert_finds(&findings, "/data/sightings/docs/0/title", "1026 UTF-16 units");
    let findings = spoiled(|answer| indicator(answer)["tags"] = json!(["ok", crabs]));
    assert_finds(&findings, "/data/indicators/docs/0/tags", "1026 UTF-16 units");
}

#[test]
fn blank_text_is_found() {
    let findings = spoiled(|answer| sighting(answer)["description"] = "\u{a0} \n".into());
    assert_finds(&findings, "/data/sightings/docs/0/description", "blank");
}

#[test]
fn tables_that_do_not_fit_are_found() {
    let table = |columns: Value, rows: Value| {
        spoiled(|answer| {
            sighting(answer)["data"] = json!({"columns": columns, "rows": rows});
        })
    };
    let columns =
        json!([{"name": "a", "type": "string"}, {"name": "b", "type": "integer", "required": false}]);
    assert_eq!(table(columns.clone(), json!([["x", 1], ["y", null]])), [""; 0]);

    let data = "/data/sightings/docs/0/data";
    assert_finds(&table(columns.clone(), json!([["x"]])), data, "1 cells for 2 columns");
    assert_finds(&table(columns.clone(), json!([[null, 1]])), data, "null does not fit");
    assert_finds(&table(columns.clone(), json!([["x", "1"]])), data, "\"1\" does not fit");
    assert_finds(&table(columns.clone(), json!([["x", 1.5]])), data, "1.5 does not fit");
    assert_finds(&table(columns, json!([])), data, "without columns or rows");
    assert_finds(&table(json!([{"name": "a", "type": "observable"}]), json!([["x"]])), data, "does not fit");
    assert_finds(&table(json!([{"name": "a", "type": "number"}]), json!([[true]])), data, "does not fit");

    let findings = spoiled(|answer| sighting(answer)["data"]["row_count"] = 5.into());
    assert_finds(&findings, data, "row_count must be 1");
}

#[test]
fn repeated_and_circular_relations_are_found() {
    let findings = spoiled(|answer| {
        let relations = sighting(answer)["relations"].as_array_mut().unwrap();
        relations.push(relations[0].clone());
    });
    assert_finds(&findings, "/data/sightings/docs/0/relations/1", "second time");
    let findings = spoiled(|answer| {
        let relation = &mut sighting(answer)["relations"][0];
        relation["related"] = relation["source"].clone();
    });
    assert_finds(&findings, "/data/sightings/docs/0/relations/0", "itself");
}

#[test]
fn addresses_of_the_wrong_family_are_found() {
    let findings =
        spoiled(|answer| sighting(answer)["relations"][0]["related"]["value"] = "2001:db8::1".into());
    assert_finds(&findings, "/data/sightings/docs/0/relations/0/related", "no ip address");
    let findings = spoiled(|answer| sighting(answer)["targets"][0]["observables"][0]["type"] = "ipv6".into());
    assert_finds(&findings, "/data/sightings/docs/0/targets/0/observables/0", "no ipv6 address");
    // What was asked for is echoed, whatever it is.
    let odd = json!({"type": "ip", "value": "not an address"});
    assert_eq!(spoiled(|answer| sighting(answer)["observables"] = json!([odd])), [""; 0]);
}

#[test]
fn entities_about_what_was_not_asked_are_found() {
    let expect = Expect { asked: Some(&[("sha256", "00")]), ..Expect::default() };
    let findings = spoiled_expecting(&expect, |_| ());
    assert_finds(&findings, SIGHTING, "not asked for");
}
