//! The observables of the demonstration, before what the simulator knows and makes up.

use provider_sim::fixtures;
use relay_testkit::{docs, errors};

use crate::setup;

#[tokio::test(flavor = "multi_thread")]
async fn the_demonstration_has_something_to_show() {
    let stage = setup().start().await;
    let all = fixtures::observables().unwrap();
    let about: Vec<(&str, &str)> = all.iter().map(|one| (one.kind.as_str(), one.value.as_str())).collect();
    let answer = stage.observe(&about).await;
    assert_eq!(errors(&answer), []);
    for (kind, value) in about {
        let found = docs(&answer, "sightings").iter().any(|one| one["observables"][0]["value"] == value);
        assert_eq!(found, value != "quiet-garden.example", "{kind} {value}");
    }
}
