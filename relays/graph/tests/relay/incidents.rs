//! The tile of incidents, which is shown in the documentation too.

use provider_sim::login::directory::ALERTS_ONLY;
use provider_sim::{Answer, SeenCall};
use relay_testkit::{Stage, errors};
use serde_json::{Value, json};

use crate::tiles::{NOW, at, values};
use crate::{api_calls, calls_to, params};

const INCIDENTS: [(&str, &str, i64); 5] = [
    ("Active, high", "status eq 'active' and severity eq 'high'", 2),
    ("Active, medium", "status eq 'active' and severity eq 'medium'", 5),
    ("Active, low", "status eq 'active' and severity eq 'low'", 9),
    ("In progress", "status eq 'inProgress'", 1),
    ("New in this period", "createdDateTime ge 2026-11-20T00:00:00Z", 4),
];

fn incidents(filter: &str) -> Answer {
    Answer::get("/security/incidents").query("$filter", filter)
}

fn incident_answers(stage: &Stage) {
    for (_, filter, number) in INCIDENTS {
        let answer =
            json!({"@odata.count": number, "value": [{"id": "1"}], "@odata.nextLink": "https://x.example/"});
        stage.sim.answer("graph", incidents(filter).json(answer));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn incidents_are_counted_by_a_call_for_each_number() {
    let stage = at().start().await;
    incident_answers(&stage);
    let tile = stage.tile_data("incidents", None).await;
    assert_eq!(values(&tile), INCIDENTS.map(|(label, _, number)| (label, number)));
    let icons: Vec<&Value> =
        tile["data"]["data"].as_array().unwrap().iter().map(|one| &one["icon"]).collect();
    assert_eq!(icons, ["critical-stop", "warning", "information", "bulleted-list", "view-metadata"]);
    assert_eq!(tile["data"]["data"][0]["link_uri"], "https://security.microsoft.com/incidents");
    assert_eq!(tile["data"]["observed_time"], json!({"start_time": "2026-11-20T00:00:00Z", "end_time": NOW}));
    let calls = calls_to(&stage, "incidents");
    let mut filters: Vec<String> = calls
        .iter()
        .map(|call: &SeenCall| {
            assert_eq!(call.header("consistencylevel"), Some("eventual"));
            let given = params(call);
            assert_eq!(
                (given[0].1.as_str(), given[1].1.as_str(), given.len()),
                ("true", "1", 3),
                "{given:?}"
            );
            given[2].1.clone()
        })
        .collect();
    filters.sort();
    let mut expected = INCIDENTS.map(|(_, filter, _)| filter.to_owned());
    expected.sort();
    assert_eq!(filters, expected);
    assert_eq!(stage.tile_data("incidents", None).await, tile);
    assert_eq!(api_calls(&stage), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_of_incidents_that_failed_is_left_out() {
    let stage = at().start().await;
    incident_answers(&stage);
    stage.sim.answer("graph", incidents(INCIDENTS[4].1).status(503));
    let tile = stage.tile_data("incidents", None).await;
    assert_eq!(
        values(&tile),
        [("Active, high", 2), ("Active, medium", 5), ("Active, low", 9), ("In progress", 1)]
    );
    assert_eq!(errors(&tile), [("error", "service unavailable")]);
    assert_eq!(tile["data"]["cache_scope"], "none");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_count_the_list_itself_is_counted_where_it_is_whole() {
    let stage = at().start().await;
    incident_answers(&stage);
    let next = "https://graph.microsoft.com/v1.0/security/incidents?$skip=1";
    stage.sim.answer("graph", incidents(INCIDENTS[0].1).json(json!({"value": [{"id": "1"}]})));
    stage.sim.answer(
        "graph",
        incidents(INCIDENTS[1].1).json(json!({"value": [{"id": "1"}], "@odata.nextLink": next})),
    );
    let tile = stage.tile_data("incidents", None).await;
    assert_eq!(
        values(&tile),
        [("Active, high", 1), ("Active, low", 9), ("In progress", 1), ("New in this period", 4)]
    );
    assert_eq!(errors(&tile), [("warning", "key error")]);
    let message = tile["errors"][0]["message"].as_str().unwrap();
    assert!(message.contains("`Active, medium` is missing"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_permission_the_tile_names_it() {
    let stage = at().claim("application_id", ALERTS_ONLY.id).start().await;
    let tile = stage.tile_data("incidents", None).await;
    assert_eq!(errors(&tile), [("fatal", "permission denied")]);
    let message = tile["errors"][0]["message"].as_str().unwrap();
    assert!(message.contains("SecurityIncident.Read.All"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_documentation_names_the_tiles_and_shows_an_answer() {
    let stage = at().start().await;
    incident_answers(&stage);
    relay_testkit::documented_tiles(&stage, "incidents", env!("CARGO_MANIFEST_DIR")).await;
}
