//! Entities as a relay builds them, against CTIM's schema.

use serde_json::{Map, Value, json};

use super::*;
use crate::testing::schema::{AnswerKind, Expect, check_with};

const GIGAMON: Origin = Origin::new("gigamon", "Gigamon ThreatINSIGHT");
const XFORCE: Origin = Origin::new("xforce", "IBM X-Force Exchange");
const ENRICHMENT: ShortText = Text::constant("Gigamon ThreatINSIGHT");

fn observable(kind: ObservableType, value: &str) -> Observable {
    Observable::new(kind, value).unwrap()
}

fn domain(value: &str) -> Observable {
    observable(ObservableType::Domain, value)
}

fn time(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn json(value: &impl serde::Serialize) -> Value {
    serde_json::to_value(value).unwrap()
}

/// A bundle in which every field of every entity is set.
fn full() -> Bundle {
    let asked = domain("cdn-update.example");
    let now = time("2026-03-02T08:15:30.120Z");
    let seen = ObservedTime::between(now, time("2026-03-02T08:15:31.400Z"));
    let link = HttpUrl::parse("https://portal.example/search?query=a|b");
    let reference = ExternalReference::new(Text::constant("Gigamon ThreatINSIGHT"))
        .external_id("5f0c1f62")
        .url(link.clone())
        .description("The event");
    let client = Observable::address("10.20.30.40").unwrap();
    let mut relations = Relations::new(&ENRICHMENT);
    let mut info = Map::new();
    info.insert("first_seen".to_owned(), "2019-06-01".into());
    relations.add_with_info(asked.clone(), RelationType::RESOLVED_TO, client.clone(), info);
    relations.add(client.clone(), RelationType::QUERIED_FOR, asked.clone());
    let sighting = Sighting::new(GIGAMON, "event:1", &asked, seen)
        .title("An event")
        .short_description("It happened")
        .description("- Event: `DNS`")
        .source_uri(link.clone())
        .timestamp(now)
        .tlp(Tlp::Amber)
        .external_id("5f0c1f62")
        .external_reference(reference.clone())
        .confidence(Confidence::High)
        .count(3)
        .internal(true)
        .severity(Severity::Critical)
        .resolution(Resolution::BLOCKED)
        .sensor(Sensor::new("acm1"))
        .target(Target::new(Sensor::ENDPOINT, [client], seen).map(|target| target.os("Windows11x64")))
        .relations(relations)
        .data(Table::record().cell("Detection Summary", " ").cell("• rejected", false).build());
    let indicator = Indicator::new(GIGAMON, "rule:1", ValidTime::from(now))
        .title("A rule")
        .short_description("A rule")
        .description("It matches")
        .source_uri(link.clone())
        .timestamp(now)
        .tlp(Tlp::Green)
        .external_id("rule-1")
        .external_reference(reference.clone())
        .producer("SOC")
        .severity(Severity::High)
        .confidence(Confidence::Medium)
        .indicator_type(IndicatorType::CommandAndControl)
        .tag("Attack:Command and Control");
    let judgement =
        Judgement::new(GIGAMON, "report", &asked, Disposition::Malicious, ValidTime::days(now, 7))
            .source_uri(link.clone())
            .timestamp(now)
            .tlp(Tlp::White)
            .external_id("report-1")
            .external_reference(reference)
            .confidence(Confidence::Low)
            .severity(Severity::Info)
            .priority(85)
            .reason("Seen in spam")
            .reason_uri(link);
    let verdict = Verdict::new(&asked, Disposition::Malicious, ValidTime::days(now, 30)).based_on(&judgement);
    let mut bundle = Bundle::new();
    bundle.relate(&sighting, SightingOf, &indicator);
    bundle.relate(&sighting, BasedOn, &judgement);
    bundle.relate(&judgement, ElementOf, &indicator);
    bundle.push(sighting);
    bundle.push(indicator);
    bundle.push(judgement);
    bundle.push(verdict);
    bundle
}

/// A bundle in which no optional field is set.
fn bare() -> Bundle {
    let asked = observable(ObservableType::Sha256, "00ff");
    let now = time("2026-03-02T09:00:00Z");
    let sighting = Sighting::new(XFORCE, "cat:Spam", &asked, ObservedTime::at(now));
    let indicator = Indicator::for_observable(XFORCE, "cat:Spam", &asked, ValidTime::none());
    let judgement = Judgement::new(XFORCE, "cat:Spam", &asked, Disposition::Unknown, ValidTime::none());
    let verdict = Verdict::new(&asked, Disposition::Unknown, ValidTime::forever(now));
    let mut bundle = Bundle::new();
    bundle.relate(&sighting, MemberOf, &indicator);
    bundle.relate(&judgement, BasedOn, &indicator);
    bundle.push(sighting);
    bundle.push(indicator);
    bundle.push(judgement);
    bundle.push(verdict);
    bundle
}

#[test]
fn what_can_be_built_is_valid() {
    let expect = |asked| Expect { asked: Some(asked), related: &["indicators", "judgements"] };
    let data = |bundle: &Bundle| json!({"data": bundle});
    check_with(&data(&full()), AnswerKind::Observe, &expect(&[("domain", "cdn-update.example")]));
    check_with(&data(&bare()), AnswerKind::Observe, &expect(&[("sha256", "00ff")]));
    check_with(&data(&Bundle::new()), AnswerKind::Observe, &expect(&[]));
}

#[test]
fn the_json_is_stable() {
    insta::assert_json_snapshot!(full());
}

#[test]
fn only_required_fields_are_written_by_default() {
    insta::assert_json_snapshot!(bare());
}

#[test]
fn ids_follow_the_published_recipe() {
    let graph = Origin::new("graph", "Microsoft Graph Security");
    let at = ObservedTime::at(Timestamp::EPOCH);
    let ip = observable(ObservableType::Ip, "172.16.33.115");
    let sighting = Sighting::new(graph, "F42BFF8C-519A-4DE9-A655-1DA0EA511DFD", &ip, at);
    assert_eq!(sighting.id().to_string(), "transient:sighting-2de49520-9a44-562a-8905-38af4541b6f5");
    let indicator = Indicator::new(GIGAMON, "5b7d1cc6-21b1-4be2-ba4d-4cafe6ad8947", ValidTime::none());
    assert_eq!(indicator.id().to_string(), "transient:indicator-5c4fce4d-4872-503b-b22f-34a99966bf0c");
    let securitytrails = Origin::new("securitytrails", "SecurityTrails");
    let sighting = Sighting::new(
        securitytrails,
        "domains-by-address",
        &observable(ObservableType::Ipv6, "2001:db8::10"),
        at,
    );
    assert_eq!(sighting.id().to_string(), "transient:sighting-549fd3b6-e6cd-542a-8b99-fcec77b38d92");
}

#[test]
fn two_observables_of_one_fact_have_two_sightings_but_one_indicator() {
    let at = ObservedTime::at(Timestamp::EPOCH);
    let [one, two] = ["a.example", "b.example"].map(domain);
    let sighting = |about| Sighting::new(XFORCE, "dns", about, at).id();
    assert_ne!(sighting(&one), sighting(&two));
    let indicator = |about| Indicator::for_observable(XFORCE, "dns", about, ValidTime::none()).id();
    assert_ne!(indicator(&one), indicator(&two));

    let mut bundle = Bundle::new();
    let rule = Indicator::new(XFORCE, "dns", ValidTime::none());
    for about in [&one, &two] {
        let sighting = Sighting::new(XFORCE, "dns", about, at);
        bundle.relate(&sighting, SightingOf, &rule);
        bundle.push(sighting);
        bundle.push(rule.clone());
    }
    assert_eq!(
        bundle.counts(),
        [("verdicts", 0), ("judgements", 0), ("sightings", 2), ("indicators", 1), ("relationships", 2)]
    );
}

#[test]
fn the_first_entity_of_an_id_stays() {
    let asked = domain("a.example");
    let sighting =
        |title| Sighting::new(XFORCE, "1", &asked, ObservedTime::at(Timestamp::EPOCH)).title(title);
    let mut bundle = Bundle::new();
    assert!(bundle.push(sighting("first")));
    assert!(!bundle.push(sighting("second")));
    assert!(bundle.push(Verdict::new(&asked, Disposition::Clean, ValidTime::none())));
    assert!(!bundle.push(Verdict::new(&asked, Disposition::Common, ValidTime::none())));
    assert_eq!(json(&bundle)["sightings"]["docs"][0]["title"], "first");
    assert_eq!(bundle.verdicts()[0].disposition(), Disposition::Clean);
    assert_eq!(bundle.len(), 2);
}

#[test]
fn merging_keeps_order_and_drops_what_is_there() {
    let bundle = |keys: &[&str]| {
        let mut bundle = Bundle::new();
        bundle.extend(keys.iter().map(|key| {
            Sighting::new(XFORCE, key, &domain("a.example"), ObservedTime::at(Timestamp::EPOCH)).title(*key)
        }));
        bundle
    };
    let mut merged = Bundle::new();
    merged.merge(bundle(&["c", "a"]));
    merged.merge(Bundle::new());
    merged.merge(bundle(&["a", "b", "c"]));
    let titles: Vec<Value> =
        merged.sightings().iter().map(|sighting| json(sighting)["title"].clone()).collect();
    assert_eq!(titles, ["c", "a", "b"]);
    assert!(!merged.is_empty());
}

#[test]
fn a_relation_is_listed_once_and_never_leads_back_to_itself() {
    let mut relations = Relations::new(&ENRICHMENT);
    let [a, b] = ["a.example", "b.example"].map(domain);
    for _ in 0..2 {
        relations.add(a.clone(), RelationType::REFERS_TO, b.clone());
        relations.add(b.clone(), RelationType::REFERS_TO, a.clone());
        relations.add(a.clone(), RelationType::RELATED_TO, b.clone());
        relations.add(a.clone(), RelationType::REFERS_TO, a.clone());
        relations.add(Observable::address("10.0.0.1:80"), RelationType::CONNECTED_TO, a.clone());
        relations.add(a.clone(), RelationType::RESOLVED_TO, None);
    }
    assert_eq!(relations.len(), 3);
    relations.truncate(1);
    assert_eq!(relations.len(), 1);
    relations.add(b, RelationType::REFERS_TO, a);
    assert_eq!(relations.len(), 2);
}

#[test]
fn ten_thousand_relations_are_no_trouble() {
    let asked = domain("a.example");
    let mut relations = Relations::new(&ENRICHMENT);
    for _ in 0..2 {
        for number in 0..10_000 {
            let name = domain(&format!("{number}.example"));
            relations.add(name, RelationType::SUB_DOMAIN_OF, asked.clone());
        }
    }
    let sighting =
        Sighting::new(XFORCE, "1", &asked, ObservedTime::at(Timestamp::EPOCH)).relations(relations);
    assert_eq!(json(&sighting)["relations"].as_array().unwrap().len(), 10_000);
}

#[test]
fn empty_lists_are_written_only_where_a_relay_keeps_them() {
    let new = || Sighting::new(XFORCE, "1", &domain("a.example"), ObservedTime::at(Timestamp::EPOCH));
    let none = || Relations::new(&ENRICHMENT);
    let left_out = json(&new().relations(none()).target(None).external_reference(None));
    let kept = json(
        &new()
            .keep_empty_relations()
            .keep_empty_targets()
            .keep_empty_external_references()
            .relations(none())
            .target(None),
    );
    for list in ["relations", "targets", "external_references"] {
        assert_eq!(left_out.get(list), None);
        assert_eq!(kept[list], json!([]));
    }
}

#[test]
fn a_target_without_observables_is_none() {
    let at = ObservedTime::at(Timestamp::EPOCH);
    assert_eq!(Target::new(Sensor::ENDPOINT, [], at), None);
    let host = observable(ObservableType::Hostname, "ws-042");
    let target = Target::new(Sensor::ENDPOINT, [host.clone(), host.clone()], at);
    assert_eq!(target, Target::new(Sensor::ENDPOINT, [host], at));
    let sighting = Sighting::new(XFORCE, "1", &domain("a.example"), at).target(target.clone()).target(target);
    assert_eq!(json(&sighting)["targets"].as_array().unwrap().len(), 1);
}

#[test]
fn intervals_are_put_in_order_and_ends_written_where_needed() {
    let [early, late] = ["2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"].map(time);
    assert_eq!(ObservedTime::between(late, early), ObservedTime::between(early, late));
    assert_eq!(ValidTime::between(late, early), ValidTime::between(early, late));
    assert_eq!(json(&ValidTime::none()), json!({}));
    assert_eq!(json(&ValidTime::from(early)), json!({"start_time": "2026-01-01T00:00:00Z"}));
    let verdict = Verdict::new(&domain("a.example"), Disposition::Clean, ValidTime::none());
    assert_eq!(
        json(&verdict)["valid_time"],
        json!({"start_time": "1970-01-01T00:00:00Z", "end_time": "2525-01-01T00:00:00Z"})
    );
    let last = time("2525-01-01T00:00:30Z");
    assert_eq!(ValidTime::days(last, 1), ValidTime::between(last, last));
    assert_eq!(ValidTime::forever(last), ValidTime::between(last, last));
}

#[test]
fn addresses_and_hashes_are_typed_by_what_they_are() {
    let kind = |found: Option<Observable>| found.map(|observable| observable.kind());
    assert_eq!(kind(Observable::address(" 192.0.2.1 ")), Some(ObservableType::Ip));
    assert_eq!(Observable::address("2001:DB8::1").unwrap().value(), "2001:DB8::1");
    for text in ["fe80::1%eth0", "192.0.2.1:80", "[2001:db8::1]", "192.0.2.0/24", "192.0.2", "010.0.0.1", ""]
    {
        assert_eq!(Observable::address(text), None, "{text}");
    }
    assert_eq!(kind(Observable::hash("A".repeat(40).as_str())), Some(ObservableType::Sha1));
    assert_eq!(Observable::hash("g".repeat(40).as_str()), None);
    assert_eq!(Observable::hash("é".repeat(16).as_str()), None);
    assert_eq!(Observable::new(ObservableType::Domain, " \t"), None);
    assert_eq!(Observable::new(ObservableType::Domain, None), None);
}

fn sorted<T: ToString>(values: &[T]) -> Vec<String> {
    let mut values: Vec<String> = values.iter().map(T::to_string).collect();
    values.sort();
    values
}

#[test]
fn the_vocabularies_are_those_of_the_schema() {
    let schema: Value = serde_json::from_str(super::SCHEMA).unwrap();
    let published = |name: &str| {
        let values = schema["$defs"][name]["enum"].as_array().unwrap();
        let mut values: Vec<String> = values.iter().map(|value| value.as_str().unwrap().to_owned()).collect();
        values.sort();
        values
    };
    assert_eq!(sorted(ObservableType::ALL), published("ObservableType"));
    assert_eq!(sorted(Confidence::ALL), published("HighMedLow"));
    assert_eq!(sorted(Severity::ALL), published("Severity"));
    assert_eq!(sorted(Tlp::ALL), published("TLP"));
    assert_eq!(sorted(IndicatorType::ALL), published("IndicatorType"));
    assert_eq!(sorted(ColumnType::ALL), published("ColumnType"));
    assert_eq!(sorted(&Disposition::ALL.map(Disposition::name)), published("DispositionName"));
}
