//! How many calls a request costs, and which alerts it shows.

use relay_testkit::{docs, errors};
use serde_json::{Value, json};

use crate::{alert_about, api_calls, batch, calls_to, ids, row_about, rows, setup};

fn addresses(count: usize) -> Vec<String> {
    (1..=count).map(|number| format!("192.0.2.{number}")).collect()
}

/// The rows of alerts, dealt out to observables.
fn dealt(observables: usize, alerts: usize) -> Value {
    let row = |number: usize| {
        let (position, day) = (number % observables, 1 + u32::try_from(number / observables).unwrap());
        row_about(&format!("a{number}"), &position.to_string(), &format!("192.0.2.{}", position + 1), day)
    };
    (0..alerts).map(row).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_costs_few_calls_however_many_observables_it_has() {
    for (observables, alerts, calls, unread) in
        [(1, 3, 2, 0), (20, 12, 2, 0), (50, 250, 4, 190), (51, 0, 2, 0), (50, 0, 1, 0)]
    {
        // One call at a time, so that the batches come in the order of the plan.
        let stage = setup().setting("RELAY_PROVIDER__MAX_CONCURRENCY", "1").start().await;
        stage.sim.answer("graph", rows(&dealt(observables, alerts)));
        // Each batch is answered by the alerts that it asks for.
        let of = |n: usize| alert_about(&format!("a{n}"), &format!("192.0.2.{}", n % observables + 1));
        let turns: Vec<usize> = {
            // The newest alert of each observable first: as dealt, those are the last ones.
            let mut order: Vec<usize> = Vec::new();
            let rounds = alerts.div_ceil(observables);
            for round in (0..rounds).rev() {
                let first = round * observables;
                order.extend(first..alerts.min(first + observables));
            }
            order
        };
        for chunk in turns.chunks(20).take(3) {
            let responses: Vec<_> = chunk.iter().enumerate().map(|(at, n)| (at + 1, 200, of(*n))).collect();
            stage.sim.answer("graph", batch(&responses).times(1));
        }
        let names = addresses(observables);
        let all: Vec<(&str, &str)> = names.iter().map(|name| ("ip", name.as_str())).collect();
        let answer = stage.observe(&all).await;
        assert_eq!(api_calls(&stage), calls, "{observables} observables, {alerts} alerts");
        let not_read = docs(&answer, "sightings")
            .iter()
            .filter(|one| one["data"]["rows"][0] == json!(["Status", "not read"]))
            .count();
        assert_eq!(not_read, unread, "{observables} observables, {alerts} alerts");
        let expected = if unread > 0 { vec![("warning", "unprocessed records")] } else { vec![] };
        assert_eq!(errors(&answer), expected, "{observables} observables, {alerts} alerts: {answer}");
        assert_eq!(ids(&answer).len(), alerts, "{observables} observables, {alerts} alerts");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_observable_does_not_push_out_a_quiet_one() {
    let stage = setup().claim("CTR_ENTITIES_LIMIT", 1).start().await;
    let answer = stage.observe(&[("ip", "198.51.100.250"), ("ip", "198.51.100.7")]).await;
    let of: Vec<&Value> =
        docs(&answer, "sightings").iter().map(|one| &one["observables"][0]["value"]).collect();
    assert_eq!(of, ["198.51.100.250", "198.51.100.7"], "{answer}");
    assert_eq!(errors(&answer), []);
    let query = calls_to(&stage, "runHuntingQuery")[0].json().unwrap();
    assert_eq!(query["Query"].as_str().unwrap().matches("| top 1 by Seen desc").count(), 2);
    assert_eq!(api_calls(&stage), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_query_had_no_room_for_is_reported() {
    let stage = setup().start().await;
    let mut names = addresses(49);
    names.push("198.51.100.250".to_owned());
    let all: Vec<(&str, &str)> = names.iter().map(|name| ("ip", name.as_str())).collect();
    let answer = stage.observe(&all).await;
    let busy =
        docs(&answer, "sightings").iter().filter(|one| one["observables"][0]["value"] == "198.51.100.250");
    assert_eq!(busy.count(), 20);
    let cut: Vec<&Value> = answer["errors"].as_array().unwrap().iter().collect();
    assert!(
        cut.iter().any(|error| {
            error["code"] == "unprocessed records"
                && error["message"].as_str().unwrap().contains("198.51.100.250")
        }),
        "{cut:?}"
    );
    assert!(api_calls(&stage) <= 4, "{}", api_calls(&stage));
}

#[tokio::test(flavor = "multi_thread")]
async fn deliberate_shares_the_answers_of_observe() {
    let stage = setup().start().await;
    let all = [("ip", "203.0.113.9"), ("hostname", "ws-042"), ("user", "jdoe")];
    let observed = stage.observe(&all).await;
    let before = api_calls(&stage);
    let judged = stage.deliberate(&all).await;
    assert_eq!(api_calls(&stage), before);
    let (verdict, same) = (&docs(&observed, "verdicts")[0], &docs(&judged, "verdicts")[0]);
    assert_eq!(
        (&verdict["disposition"], &verdict["valid_time"]),
        (&same["disposition"], &same["valid_time"])
    );
    assert!(verdict.get("judgement_id").is_some() && same.get("judgement_id").is_none(), "{judged}");
    assert_eq!(stage.deliberate(&[("hostname", "ws-042")]).await, json!({"data": {}}));
}
