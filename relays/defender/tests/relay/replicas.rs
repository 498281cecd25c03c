//! Two relays that share a store. Each test ends where no program of one is installed.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use provider_sim::{Answer, Fault, What};
use relay_testkit::{Setup, Stage, Store, audit_lines, errors, eventually};
use serde_json::{Value, json};

use crate::{queries, rows, setup, setup_with_graph};

async fn pair(setup: Setup, store: &Store) -> [Stage; 2] {
    let one = setup.clone().shared(store).start().await;
    let two = setup.shared(store).before(Arc::clone(&one.sim));
    for stage in [&one, &two] {
        stage.until_metrics("relay_shared_up{relay=\"defender\"} 1").await;
    }
    [one, two]
}

fn isolation(machine: &str) -> Value {
    json!({"action-id": "microsoft-defender-FullIsolation", "observable_type": "ms_machine_id",
           "observable_value": machine})
}

/// How many isolations the provider got.
fn isolations(stage: &Stage) -> usize {
    stage.sim.calls_to("defender").iter().filter(|call| call.line().ends_with("/isolate")).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_replicas_hunt_no_more_than_a_tenant_may() {
    let Some(store) = Store::start() else { return };
    let replicas = pair(setup(), &store).await;
    rows(&replicas[0], &json!([]));
    // Names of files need nothing but hunting.
    let asked = (0..60).map(|number: usize| {
        let stage = &replicas[number % 2];
        async move { stage.observe(&[("file_name", &format!("drop-{number}.exe"))]).await }
    });
    let answers = join_all(asked).await;
    let refused = answers.iter().filter(|answer| errors(answer) == [("error", "too many requests")]).count();
    assert_eq!((queries(&replicas[0]).len(), refused), (45, 15));
    // The simulator answers 429 to the forty-sixth within a minute.
    let calls = replicas[0].sim.calls_to("defender");
    assert!(calls.iter().all(|call| call.status != Some(429)), "{calls:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_trigger_to_both_replicas_is_one_action() {
    let Some(store) = Store::start() else { return };
    let [one, two] = pair(setup(), &store).await;
    let machine = "b0d1700000000000000000000000000000000001";
    assert_eq!(audit_lines(machine), [""; 0]);
    let path = format!("/machines/{machine}/isolate");
    one.sim.answer("defender", Answer::post(&path).status(201));
    one.sim.faults().add(Fault::latency(Duration::from_millis(300)).on("defender").path("/isolate"));
    let trigger = isolation(machine);
    let (first, second) = tokio::join!(one.trigger(&trigger), two.trigger(&trigger));
    assert_eq!((&first, &second), (&json!({"data": {"status": "success"}}), &first));
    assert_eq!(isolations(&one), 1);
    let repeated = audit_lines(machine).iter().filter(|line| line.contains("repeat=answered")).count();
    assert_eq!((audit_lines(machine).len(), repeated), (2, 1));
    // A failure is an outcome too.
    let other = "b0d1700000000000000000000000000000000002";
    one.sim.faults().add(Fault::status(403).on("defender").path(&format!("/{other}/isolate")));
    let trigger = isolation(other);
    let (first, second) = (one.trigger(&trigger).await, two.trigger(&trigger).await);
    assert_eq!((errors(&first).len(), &first), (1, &second));
    assert_eq!(isolations(&one), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_action_of_a_replica_that_is_gone_is_not_taken_again() {
    let Some(store) = Store::start() else { return };
    let [one, two] = pair(setup().setting("RELAY_DEADLINE", "3s"), &store).await;
    let machine = "b0d1700000000000000000000000000000000003";
    let sim = Arc::clone(&one.sim);
    sim.faults().add(Fault::new(What::Hang).on("defender").path("/isolate"));
    let trigger = isolation(machine);
    let pending = {
        let trigger = trigger.clone();
        tokio::spawn(async move { one.trigger(&trigger).await })
    };
    eventually("the action is sent", async || isolations(&two) == 1).await;
    pending.abort();
    let answer = two.trigger(&trigger).await;
    assert_eq!(answer["data"], json!({"status": "failure"}));
    assert_eq!(errors(&answer), [("fatal", "timeout")]);
    let message = answer["errors"][0]["message"].as_str().unwrap();
    assert!(message.contains("already sent by another request and its outcome is not known"), "{message}");
    assert_eq!(isolations(&two), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trigger_that_could_not_be_checked_is_sent_and_says_so() {
    let Some(mut store) = Store::start() else { return };
    let [one, _two] = pair(setup(), &store).await;
    let machine = "b0d1700000000000000000000000000000000004";
    assert_eq!(audit_lines(machine), [""; 0]);
    one.sim.answer("defender", Answer::post(&format!("/machines/{machine}/isolate")).status(201));
    store.kill();
    for _ in 0..2 {
        assert_eq!(one.trigger(&isolation(machine)).await, json!({"data": {"status": "success"}}));
    }
    assert_eq!(isolations(&one), 1, "the process remembers");
    let lines = audit_lines(machine);
    assert!(lines[0].ends_with("repeat=unchecked outcome=success"), "{lines:?}");
    assert!(lines[1].ends_with("repeat=answered outcome=success"), "{lines:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_tenant_lacks_is_paid_for_by_one_replica() {
    let Some(store) = Store::start() else { return };
    let monitor = store.monitor();
    let [one, two] = pair(setup_with_graph().claim("tenant_id", "late.example"), &store).await;
    let hunts = || {
        let old = one
            .sim
            .calls_to("defender")
            .iter()
            .filter(|call| call.line().contains("advancedqueries"))
            .count();
        (old, one.sim.calls_to("graph").len())
    };
    one.observe(&[("domain", "c2.bad.example")]).await;
    assert_eq!(hunts(), (1, 1));
    monitor.until("XADD");
    for _ in 0..5 {
        monitor.until_next("XRANGE");
    }
    two.observe(&[("domain", "quiet-garden.example")]).await;
    assert_eq!(hunts(), (1, 2), "Graph is asked first");
    let clear = ["late.example", "c2.bad.example"];
    assert!(clear.iter().all(|text| monitor.commands_with(text).is_empty() && !store.dump().contains(text)));
}
