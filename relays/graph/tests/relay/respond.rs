//! Response actions on accounts: what is offered, what a trigger does, what the operator allows.

use provider_sim::{Answer, Fault, What, When};
use relay_testkit::{Setup, Stage, audit_lines, errors};
use serde_json::{Value, json};

use crate::{logins, refusal, setup};

const JDOE: &str = "0a0b0c0d-1111-4222-8333-444444444444";

fn acting() -> Setup {
    setup().setting("RELAY_PROVIDER__ACTIONS", "all")
}

/// The calls about accounts, without what they select.
fn calls(stage: &Stage) -> Vec<String> {
    let line = |call: &provider_sim::SeenCall| {
        let line = call.line().replacen("/graph", "", 1);
        line.split(['?', '&']).filter(|part| !part.contains("select=")).collect::<Vec<_>>().join("?")
    };
    stage.sim.calls_to("graph").iter().map(line).collect()
}

fn titles(answer: &Value) -> Vec<&str> {
    let actions = answer["data"].as_array().map(Vec::as_slice).unwrap_or_default();
    actions.iter().map(|action| action["title"].as_str().unwrap()).collect()
}

fn trigger(action: &str, kind: &str, value: &str) -> Value {
    json!({"action-id": format!("microsoft-entra-{action}"), "observable_type": kind, "observable_value": value})
}

fn of_jdoe(action: &str) -> Value {
    let mut body = trigger(action, "email", "jdoe@corp.example");
    body["user_id"] = json!(JDOE);
    body
}

fn success() -> Value {
    json!({"data": {"status": "success"}})
}

const REVOKE: &str = "Revoke sign-in sessions";
const DISABLE: &str = "Disable account";
const ENABLE: &str = "Enable account";

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
async fn each_action_is_one_call_after_the_state_is_read() {
    let stage = acting().setting("RELAY_PROVIDER__REPEAT_WINDOW", "0s").start().await;
    let table = [
        ("revoke-sessions", Some((format!("POST /users/{JDOE}/revokeSignInSessions"), Value::Null))),
        ("disable-account", Some((format!("PATCH /users/{JDOE}"), json!({"accountEnabled": false})))),
        // It is disabled already.
        ("disable-account", None),
        ("enable-account", Some((format!("PATCH /users/{JDOE}"), json!({"accountEnabled": true})))),
        ("enable-account", None),
    ];
    for (action, expected) in table {
        let before = calls(&stage).len();
        assert_eq!(stage.trigger(&of_jdoe(action)).await, success(), "{action}");
        let made = calls(&stage).split_off(before);
        assert_eq!(made[0], format!("GET /users/{JDOE}"), "{action}");
        assert_eq!(made.len(), 1 + usize::from(expected.is_some()), "{action}: {made:?}");
        if let Some((line, body)) = expected {
            let last = stage.sim.calls_to("graph").pop().unwrap();
            assert_eq!((&made[1], last.json().unwrap_or_default()), (&line, body));
            let kind = last.headers.iter().find(|(name, _)| name == "content-type").unwrap();
            assert_eq!(kind.1, "application/json");
        }
    }
    // What was done is offered no more, and its reverse is; without the id the account is found by its mail address.
    assert_eq!(stage.trigger(&trigger("disable-account", "email", "john.doe@corp.example")).await, success());
    assert_eq!(titles(&stage.respond(&[("email", "jdoe@corp.example")]).await), [REVOKE, ENABLE]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_identical_trigger_is_answered_from_the_first() {
    let stage = acting().start().await;
    for count in [2, 3] {
        assert_eq!(stage.trigger(&of_jdoe("revoke-sessions")).await, success());
        assert_eq!(calls(&stage).len(), count, "the state is read again, nothing else");
    }
    // Another action on the account in between.
    stage.trigger(&of_jdoe("disable-account")).await;
    let before = calls(&stage).len();
    assert_eq!(stage.trigger(&of_jdoe("revoke-sessions")).await, success());
    assert_eq!(calls(&stage).len(), before + 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_changes_nothing_and_is_no_success() {
    let stage = acting().setting("RELAY_PROVIDER__DRY_RUN", "true").start().await;
    let offered = stage.respond(&[("email", "jdoe@corp.example")]).await;
    assert_eq!(titles(&offered), [format!("Dry run: {REVOKE}"), format!("Dry run: {DISABLE}")]);
    for _ in 0..2 {
        for action in ["revoke-sessions", "disable-account"] {
            let answer = stage.trigger(&of_jdoe(action)).await;
            assert_eq!(answer["data"], json!({"status": "failure"}));
            assert_eq!(errors(&answer), [("warning", "dry run")]);
        }
    }
    assert_eq!(stage.trigger(&of_jdoe("enable-account")).await, success(), "it is enabled");
    assert!(calls(&stage).iter().all(|call| call.starts_with("GET ")), "{:?}", calls(&stage));
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
async fn nothing_is_done_to_a_protected_account() {
    for protected in ["JDOE@corp.example", &JDOE.to_uppercase()] {
        let stage = acting().setting("RELAY_PROVIDER__PROTECTED_ACCOUNTS", protected).start().await;
        for body in [of_jdoe("disable-account"), trigger("disable-account", "email", "john.doe@corp.example")]
        {
            let answer = stage.trigger(&body).await;
            assert_eq!(answer["data"], json!({"status": "failure"}), "{body}");
            assert_eq!(errors(&answer), [("fatal", "permission denied")], "{body}");
        }
        assert!(calls(&stage).iter().all(|call| call.starts_with("GET ")), "{:?}", calls(&stage));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_the_failure_of_the_trigger() {
    let stage = acting().start().await;
    let refused = async |kind: &str, value: &str, action: &str, code: &str, words: &str| {
        let answer = stage.trigger(&trigger(action, kind, value)).await;
        assert_eq!(answer["data"], json!({"status": "failure"}), "{value}");
        assert_eq!(errors(&answer), [("fatal", code)], "{answer}");
        assert!(answer.to_string().contains(words), "{answer}");
    };
    refused("email", "admin@corp.example", "disable-account", "permission denied", "directory role").await;
    refused("email", "synced@corp.example", "disable-account", "invalid argument", "on-premises directory")
        .await;
    refused("email", "guest@partner.example", "revoke-sessions", "unknown", "did not revoke").await;
    refused("email", "nobody@corp.example", "revoke-sessions", "not found", "no such account").await;
    let stage =
        acting().claim("application_id", provider_sim::login::directory::ACCOUNT_READER.id).start().await;
    for (action, permission) in
        [("revoke-sessions", "User.RevokeSessions.All"), ("disable-account", "User.EnableDisableAccount.All")]
    {
        let answer = stage.trigger(&of_jdoe(action)).await;
        assert_eq!(errors(&answer), [("fatal", "permission denied")]);
        assert!(answer.to_string().contains(permission), "{answer}");
    }
}

/// The path of the calls that revoke sessions.
const REVOCATIONS: &str = "revokeSignInSessions";

#[tokio::test(flavor = "multi_thread")]
async fn an_action_that_may_have_arrived_is_not_sent_again() {
    for fault in [What::Reset, What::ResetLate, What::Status { code: 503, headers: vec![], body: None }] {
        let stage = acting().start().await;
        stage.sim.faults().add(Fault::new(fault.clone()).on("graph").path(REVOCATIONS));
        let answer = stage.trigger(&of_jdoe("revoke-sessions")).await;
        assert_eq!(answer["data"], json!({"status": "failure"}), "{fault:?}");
        assert!(answer.to_string().contains("not known whether the action took effect"), "{answer}");
        assert_eq!(calls(&stage).iter().filter(|call| call.contains(REVOCATIONS)).count(), 1, "{fault:?}");
        // And not by an impatient second trigger either.
        let again = stage.trigger(&of_jdoe("revoke-sessions")).await;
        assert_eq!(again, answer, "{fault:?}");
        assert_eq!(calls(&stage).iter().filter(|call| call.contains(REVOCATIONS)).count(), 1, "{fault:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_action_that_was_refused_at_the_door_is_sent_again() {
    let too_many = |wait: &str| What::Status {
        code: 429,
        headers: vec![("Retry-After".to_owned(), wait.to_owned())],
        body: None,
    };
    let unauthorized = What::Status { code: 401, headers: vec![], body: None };
    for (fault, logins_made) in [(too_many("0"), 1), (unauthorized.clone(), 2)] {
        let stage = acting().start().await;
        stage
            .sim
            .faults()
            .add(Fault { when: When::Next(1), ..Fault::new(fault.clone()).on("graph").path(REVOCATIONS) });
        assert_eq!(stage.trigger(&of_jdoe("revoke-sessions")).await, success(), "{fault:?}");
        assert_eq!(calls(&stage).iter().filter(|call| call.contains(REVOCATIONS)).count(), 2, "{fault:?}");
        assert_eq!(logins(&stage), logins_made, "{fault:?}");
    }
    for (fault, tries, code, words) in [
        (too_many("3600"), 1, "too many requests", "nothing was done; try again in 3600 s"),
        (unauthorized, 2, "authorization error", "Authorization failed"),
    ] {
        let stage = acting().start().await;
        stage.sim.faults().add(Fault::new(fault.clone()).on("graph").path(REVOCATIONS));
        let answer = stage.trigger(&of_jdoe("revoke-sessions")).await;
        assert_eq!(errors(&answer), [("fatal", code)], "{fault:?}");
        assert!(answer.to_string().contains(words), "{answer}");
        assert_eq!(
            calls(&stage).iter().filter(|call| call.contains(REVOCATIONS)).count(),
            tries,
            "{fault:?}"
        );
    }
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
async fn hostile_triggers_send_nothing() {
    let stage = acting().start().await;
    for (action, kind, value) in [
        ("revoke-sessions", "user", "jdoe"),
        ("revoke-sessions", "user", "CORP\\jdoe"),
        ("revoke-sessions", "user", "SYSTEM"),
        ("revoke-sessions", "email", "jdoe"),
        ("revoke-sessions", "ip", "203.0.113.9"),
        ("revoke-sessions", "EMAIL", "jdoe@corp.example"),
        ("REVOKE-SESSIONS", "email", "jdoe@corp.example"),
        ("delete-account", "email", "jdoe@corp.example"),
    ] {
        let answer = stage.trigger(&trigger(action, kind, value)).await;
        assert_eq!(answer["data"], json!({"status": "failure"}), "{action} {kind} {value}");
        assert_eq!(errors(&answer), [("fatal", "invalid argument")], "{action} {kind} {value}");
    }
    for id in [json!("../x"), json!(""), json!(7), json!(format!("{JDOE}/x")), json!("jdoe@corp.example")] {
        let mut body = of_jdoe("disable-account");
        body["user_id"] = id;
        let answer = stage.trigger(&body).await;
        assert_eq!(errors(&answer), [("fatal", "invalid argument")], "{body}");
        assert!(answer.get("data").is_none(), "{body}");
    }
    assert_eq!(calls(&stage), [""; 0]);
    assert_eq!(stage.sim.calls_to("graph").len(), 0);
    let body = json!({"status": 404, "x": [refusal("Request_ResourceNotFound", "")]});
    stage.sim.answer("graph", Answer::get(&format!("/users/{JDOE}")).status(404).json(body));
    assert_eq!(errors(&stage.trigger(&of_jdoe("disable-account")).await), [("fatal", "not found")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_trigger_leaves_one_line_without_credentials() {
    let principal = "audited@corp.example";
    assert_eq!(audit_lines(principal), [""; 0]);
    let stage = acting().claim("sub", "user-7\" outcome=success").start().await;
    let account = json!({"id": JDOE, "userPrincipalName": principal, "accountEnabled": true});
    stage.sim.answer("graph", Answer::get("/users/audited%40corp.example").json(account));
    for action in ["revoke-sessions", "revoke-sessions", "nonsense\noutcome=success"] {
        stage.trigger(&trigger(action, "email", principal)).await;
    }
    let lines = audit_lines(principal);
    assert_eq!(lines.len(), 3, "{lines:#?}");
    for line in &lines {
        assert!(!line.contains("demo-secret") && !line.contains("Bearer"), "{line}");
        assert!(line.contains(r#"asker=sub="user-7\" outcome=success""#), "{line}");
        assert!(
            line.contains("tenant=corp.example application=22222222-3333-4444-8555-666666666666"),
            "{line}"
        );
    }
    let first = format!(
        "INFO response action action=microsoft-entra-revoke-sessions observable_type=email \
         observable_value={principal} tenant="
    );
    assert!(lines[0].starts_with(&first), "{}", lines[0]);
    assert!(lines[0].ends_with(&format!(" user_id={JDOE} outcome=success")), "{}", lines[0]);
    assert!(lines[1].ends_with(&format!(" user_id={JDOE} repeat=answered outcome=success")), "{}", lines[1]);
    assert!(lines[2].ends_with("outcome=failure code=invalid argument"), "{}", lines[2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn scripts_of_actions_are_the_golden_ones() {
    relay_testkit::golden_scripts(&setup(), "graph", env!("CARGO_MANIFEST_DIR")).await;
}
