//! Response actions on accounts: what is offered, and what the operator allows.

use provider_sim::{Answer, Fault};
use relay_testkit::{Setup, Stage, errors};
use serde_json::{Value, json};

use crate::{logins, setup};

pub(crate) const JDOE: &str = "0a0b0c0d-1111-4222-8333-444444444444";

pub(crate) fn acting() -> Setup {
    setup().setting("RELAY_PROVIDER__ACTIONS", "all")
}

/// The calls about accounts, without what they select.
pub(crate) fn calls(stage: &Stage) -> Vec<String> {
    let line = |call: &provider_sim::SeenCall| {
        let line = call.line().replacen("/graph", "", 1);
        line.split(['?', '&']).filter(|part| !part.contains("select=")).collect::<Vec<_>>().join("?")
    };
    stage.sim.calls_to("graph").iter().map(line).collect()
}

pub(crate) fn titles(answer: &Value) -> Vec<&str> {
    let actions = answer["data"].as_array().map(Vec::as_slice).unwrap_or_default();
    actions.iter().map(|action| action["title"].as_str().unwrap()).collect()
}

pub(crate) fn trigger(action: &str, kind: &str, value: &str) -> Value {
    json!({"action-id": format!("microsoft-entra-{action}"), "observable_type": kind, "observable_value": value})
}

pub(crate) fn of_jdoe(action: &str) -> Value {
    let mut body = trigger(action, "email", "jdoe@corp.example");
    body["user_id"] = json!(JDOE);
    body
}

pub(crate) fn success() -> Value {
    json!({"data": {"status": "success"}})
}

pub(crate) const REVOKE: &str = "Revoke sign-in sessions";
pub(crate) const DISABLE: &str = "Disable account";
pub(crate) const ENABLE: &str = "Enable account";

#[tokio::test(flavor = "multi_thread")]
async fn what_is_offered_depends_on_the_account() {
    let stage = acting().setting("RELAY_PROVIDER__PROTECTED_ACCOUNTS", "ADMIN@corp.example, x").start().await;
    let table: [(&str, &str, &[&str]); 13] = [
        ("email", "jdoe@corp.example", &[REVOKE, DISABLE]),
        ("user", "jdoe@corp.example", &[REVOKE, DISABLE]),
        ("user", "0A0B0C0D-1111-4222-8333-444444444444", &[REVOKE, DISABLE]),
        ("email", "john.doe@corp.example", &[REVOKE, DISABLE]),
        ("user", "john.doe@corp.example", &[]),
        ("email", "team@corp.example", &[]),
        ("email", "gone@corp.example", &[REVOKE, ENABLE]),
        ("email", "guest@partner.example", &[DISABLE]),
        ("email", "synced@corp.example", &[REVOKE]),
        ("email", "unknown@corp.example", &[REVOKE]),
        ("email", "admin@corp.example", &[]),
        ("user", "0a0b0c0d-1111-4222-8333-000000000004", &[]),
        ("email", "nobody@corp.example", &[]),
    ];
    for (kind, value, expected) in table {
        let answer = stage.respond(&[(kind, value)]).await;
        assert_eq!((titles(&answer), errors(&answer)), (expected.to_vec(), vec![]), "{kind} {value}");
    }
    let answer = stage.respond(&[("email", "John.Doe@corp.example")]).await;
    let action = &answer["data"][1];
    assert_eq!(action["id"], "microsoft-entra-disable-account");
    assert_eq!(action["categories"], json!(["Microsoft Entra ID", "Account Actions"]));
    assert_eq!(
        action["query-params"],
        json!({"observable_type": "email", "observable_value": "John.Doe@corp.example", "user_id": JDOE})
    );
    let description = action["description"].as_str().unwrap();
    assert!(
        description.contains("jdoe (jdoe@corp.example)") && description.contains("revoked"),
        "{description}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_names_nobody_in_particular_is_not_asked_for() {
    let stage = acting().start().await;
    let all = [
        ("user", "jdoe"),
        ("user", "CORP\\jdoe"),
        ("user", "SYSTEM"),
        ("email", "jdoe"),
        ("email", "@corp.example"),
        ("email", "a@b@c"),
        ("ip", "203.0.113.9"),
        ("hostname", "ws-042"),
    ];
    assert_eq!(stage.respond(&all).await, json!({"data": []}));
    assert_eq!((calls(&stage), logins(&stage)), (vec![], 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_reads_twenty_accounts() {
    let stage = acting().start().await;
    let names: Vec<String> = (0..23).map(|n| format!("u{n}@corp.example")).collect();
    let all: Vec<(&str, &str)> = names.iter().map(|name| ("user", name.as_str())).collect();
    let answer = stage.respond(&all).await;
    assert_eq!((titles(&answer), errors(&answer)), (vec![], vec![("warning", "unprocessed records")]));
    assert!(answer.to_string().contains("3 further accounts"), "{answer}");
    assert_eq!(calls(&stage).len(), 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_read_offers_nothing_and_says_why() {
    for (status, code) in [
        (400, "invalid argument"),
        (403, "permission denied"),
        (500, "unknown"),
        (503, "service unavailable"),
    ] {
        let stage = acting().setting("RELAY_PROVIDER__RETRIES", "0").start().await;
        stage.sim.faults().add(Fault::status(status).on("graph").path("jdoe"));
        let answer = stage.respond(&[("email", "jdoe@corp.example"), ("email", "gone@corp.example")]).await;
        assert_eq!(titles(&answer), [REVOKE, ENABLE], "{status}");
        assert_eq!(errors(&answer), [("fatal", code)], "{status}");
        assert_eq!(answer.to_string().contains("User.Read.All"), status == 403, "{answer}");
    }
    // Nothing that could be an account.
    for body in [json!([]), json!({}), json!({"id": "../x"}), json!({"id": 7})] {
        let stage = acting().start().await;
        stage.sim.answer("graph", Answer::get(&format!("/users/{JDOE}")).json(body.clone()));
        let answer = stage.respond(&[("user", JDOE)]).await;
        assert_eq!((titles(&answer), errors(&answer)), (vec![], vec![("fatal", "key error")]), "{body}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_switched_off_is_neither_offered_nor_done() {
    for (allowed, offered) in [("", vec![]), ("none", vec![]), ("enable", vec![]), ("disable", vec![DISABLE])]
    {
        let stage = setup().setting("RELAY_PROVIDER__ACTIONS", allowed).start().await;
        let answer = stage.respond(&[("email", "jdoe@corp.example")]).await;
        assert_eq!(answer.get("errors"), None, "{allowed}");
        assert_eq!(titles(&answer), offered, "{allowed}");
        let before = calls(&stage).len();
        assert_eq!(before, usize::from(!matches!(allowed, "" | "none")), "{allowed}");
        let answer = stage.trigger(&of_jdoe("revoke-sessions")).await;
        assert_eq!(answer["data"], json!({"status": "failure"}), "{allowed}");
        assert_eq!(errors(&answer), [("fatal", "permission denied")], "{allowed}");
        assert!(answer.to_string().contains("RELAY_PROVIDER__ACTIONS"), "{answer}");
        assert_eq!(calls(&stage).len(), before, "{allowed}");
    }
    // A token is needed all the same.
    let stage = setup().start().await;
    let answer = stage.ask("/respond/observables", None, &json!([])).await;
    assert_eq!(errors(&answer), [("fatal", "authorization error")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_values_stay_one_segment_and_one_literal() {
    let stage = acting().start().await;
    for value in [
        "a'b@corp.example",
        "x' or mail ne '@corp.example",
        "../../security/alerts?@corp.example",
        "%2e%2e/@corp.example",
        "a#b@corp.example&$top=9",
        "a\nb@corp.example",
        "..@..",
    ] {
        let before = calls(&stage).len();
        let answer = stage.respond(&[("email", value)]).await;
        assert_eq!(answer, json!({"data": []}), "{value:?}");
        let made = stage.sim.calls_to("graph").split_off(before);
        assert_eq!(made.len(), 2, "{value:?}");
        assert_eq!(made[0].path.matches('/').count(), 3, "{}", made[0].path);
        assert_eq!(made[1].path, "/graph/users");
        let params = crate::params(&made[1]);
        assert_eq!(params.len(), 3, "{params:?}");
        let filter = provider_sim::odata::Filter::parse(&params[0].1).unwrap();
        assert_eq!((filter.texts(), filter.paths()), (vec![value], vec!["mail".to_owned()]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn scripts_of_actions_are_the_golden_ones() {
    relay_testkit::golden_scripts(&setup(), "graph", env!("CARGO_MANIFEST_DIR")).await;
}
