//! Response actions on accounts: what a trigger does.

use provider_sim::{Answer, Fault, What, When};
use relay_testkit::{audit_lines, errors};
use serde_json::{Value, json};

use crate::respond::{DISABLE, ENABLE, JDOE, REVOKE, acting, calls, of_jdoe, success, titles, trigger};
use crate::{logins, refusal};

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
