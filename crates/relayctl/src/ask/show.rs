//! Answers as tables: one for each kind of entity.

use std::fmt::Write as _;

use relay_core::endpoint::Endpoint;
use serde_json::Value;

use crate::answer::{Disposition, Entities, Observable, Offer, Opinion};
use crate::tiles::draw;
use crate::ui::{
    Align, BOLD, Cell, DIM, GOOD, LITERAL, PLAIN, Table, count, cut, disposition_style, harmless, styled,
};

/// Characters of an observable's value: those of the longest hash.
const VALUE: usize = 64;

/// What an endpoint answered; `None` where nothing is known.
///
/// # Errors
/// It is not what this endpoint answers.
pub(super) fn data(call: Endpoint, data: Value) -> serde_json::Result<Option<String>> {
    if data.is_null() {
        return Ok(None);
    }
    match call.response {
        Some("HealthResponse") => Ok(Some(health(&data))),
        Some("TilesResponse") => {
            serde_json::from_value(data).map(|tiles: Vec<Value>| Some(draw::list(&tiles)))
        }
        Some("TileResponse") => Ok(Some(draw::list(&[data]))),
        Some("TileDataResponse") => Ok(Some(draw::unnamed(&data))),
        Some("ReferResponse" | "RespondObservablesResponse") => {
            serde_json::from_value(data).map(|offers: Vec<Offer>| self::offers(&offers))
        }
        _ => serde_json::from_value(data).map(|entities| self::entities(&entities)),
    }
}

fn health(data: &Value) -> String {
    let status = data["status"].as_str().unwrap_or("unknown");
    format!("{}\n", styled(if status == "ok" { GOOD } else { PLAIN }, harmless(status)))
}

fn offers(offers: &[Offer]) -> Option<String> {
    if offers.is_empty() {
        return None;
    }
    let mut out = String::new();
    for offer in offers {
        let detail = match &offer.url {
            Some(url) => styled(LITERAL, harmless(url)),
            None => styled(DIM, format_args!("action {}", harmless(&offer.id))),
        };
        let title = styled(BOLD, harmless(&offer.title));
        let _ = write!(
            out,
            "{title}
  {}
  {detail}
",
            harmless(&offer.description)
        );
    }
    Some(out)
}

fn entities(found: &Entities) -> Option<String> {
    if found.is_empty() {
        return None;
    }
    let mut out = String::new();
    let mut section = |number: usize, noun: &str, table: String| {
        if number > 0 {
            let space = if out.is_empty() { "" } else { "\n" };
            let _ = write!(out, "{space}{}\n{table}", styled(BOLD, count(number, noun)));
        }
    };
    let (verdicts, judgements) = (&found.verdicts.docs, &found.judgements.docs);
    section(verdicts.len(), "verdict", opinions(verdicts));
    section(judgements.len(), "judgement", opinions(judgements));

    let mut sightings = Table::new([("", Align::Left); 3], 2, 2);
    for one in &found.sightings.docs {
        sightings.row([
            Cell::new(DIM, day(&one.observed.start)),
            Cell::new(PLAIN, harmless(one.severity.as_deref().unwrap_or(""))),
            Cell::new(PLAIN, harmless(one.title.as_deref().or(one.description.as_deref()).unwrap_or("–"))),
        ]);
    }
    section(found.sightings.docs.len(), "sighting", sightings.to_string());

    let mut indicators = Table::new([("", Align::Left); 2], 2, 2);
    for one in &found.indicators.docs {
        indicators.row([
            Cell::new(PLAIN, harmless(one.title.as_deref().unwrap_or("–"))),
            Cell::new(DIM, harmless(one.producer.as_deref().unwrap_or(""))),
        ]);
    }
    section(found.indicators.docs.len(), "indicator", indicators.to_string());

    let mut relations = Table::new([("", Align::Left); 3], 2, 2);
    for one in found.relations() {
        relations.row([
            Cell::new(PLAIN, value(&one.source)),
            Cell::new(DIM, harmless(&one.kind).replace('_', " ")),
            Cell::new(PLAIN, value(&one.related)),
        ]);
    }
    section(found.relations().count(), "relation", relations.to_string());
    Some(out)
}

fn opinions(opinions: &[Opinion]) -> String {
    let mut table = Table::new([("", Align::Left); 4], 2, 2);
    for one in opinions {
        let until = one.valid_time.end_time.as_deref().map(|end| format!("until {}", day(end)));
        table.row([
            Cell::new(
                disposition_style(Disposition::named(&one.disposition_name)),
                harmless(&one.disposition_name),
            ),
            Cell::new(PLAIN, value(&one.observable)),
            Cell::new(DIM, until.unwrap_or_default()),
            Cell::new(PLAIN, harmless(one.reason.as_deref().unwrap_or(""))),
        ]);
    }
    table.to_string()
}

/// The day of a time.
fn day(time: &str) -> String {
    harmless(&time.chars().take(10).collect::<String>())
}

fn value(observable: &Observable) -> String {
    cut(&harmless(&observable.value), VALUE)
}

#[cfg(test)]
mod tests {
    use relay_core::endpoint::{health, observe, refer, respond};
    use serde_json::json;

    use super::*;

    fn shown(call: Endpoint, data: Value) -> String {
        let text = super::data(call, data).unwrap().unwrap_or_default();
        anstream::adapter::strip_str(&text).to_string()
    }

    #[test]
    fn entities_are_listed_by_kind() {
        let about = json!({"type": "domain", "value": "bad.example"});
        let text = shown(
            observe::ENDPOINT,
            json!({
                "verdicts": {"count": 1, "docs": [
                    {"observable": about, "disposition_name": "Malicious", "valid_time": {"end_time": "2026-04-01T00:00:00Z"}}
                ]},
                "sightings": {"count": 1, "docs": [{
                    "title": "DNS\u{1b}[2J", "observed_time": {"start_time": "2026-03-02T09:00:00Z"},
                    "relations": [{"source": about, "relation": "Resolved_To", "related": {"type": "ip", "value": "192.0.2.1"}}]
                }]},
            }),
        );
        let expected = "1 verdict\n  Malicious  bad.example  until 2026-04-01\n\n\
            1 sighting\n  2026-03-02  DNS\u{fffd}[2J\n\n\
            1 relation\n  bad.example  Resolved To  192.0.2.1\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn links_actions_and_health_are_shown() {
        let link = json!([{"id": "i", "title": "T", "description": "D", "url": "https://a.example/"}]);
        assert_eq!(shown(refer::ENDPOINT, link), "T\n  D\n  https://a.example/\n");
        let action = json!([{"id": "isolate", "title": "T", "description": "D"}]);
        assert_eq!(shown(respond::ENDPOINT, action), "T\n  D\n  action isolate\n");
        assert_eq!(shown(health::ENDPOINT, json!({"status": "ok"})), "ok\n");
        assert_eq!(shown(observe::ENDPOINT, json!({})), "");
        assert_eq!(shown(refer::ENDPOINT, json!([])), "");
        assert!(super::data(refer::ENDPOINT, json!({})).is_err());
    }
}
