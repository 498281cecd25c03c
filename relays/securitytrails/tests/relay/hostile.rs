//! Values that want to be more than a value.

use std::cell::Cell;

use proptest::prelude::*;
use relay_testkit::asked;
use serde_json::json;

use crate::{calls, setup};

#[tokio::test(flavor = "multi_thread")]
async fn a_domain_that_is_no_name_makes_no_call_with_the_customers_key() {
    let stage = setup().start().await;
    let long = format!("{}.example", "a".repeat(300));
    let huge = "a".repeat(5000);
    let domains = [
        "../ping?x=",
        "a/../../x?y#z",
        "a/b",
        ".",
        "..",
        " .. ",
        "%2e%2e",
        "a..b",
        "a b",
        "a#b",
        "a?b",
        "a'b",
        "a\"b",
        "a\nb",
        "a\r\nHost: b",
        "a\0b",
        "a\\b",
        "a:80",
        "a@b",
        "\u{202e}elpmaxe.a",
        "\u{1f9a0}\u{1f9a0}..example",
        &long,
        &huge,
    ];
    let addresses = [
        "192.0.2.1/24",
        "192.0.2.1:80",
        "[::1]",
        "fe80::1%eth0",
        "1",
        "0x7f.1",
        "1.1.1.1\"}",
        "::1'",
        "..",
        "ping",
    ];
    let about: Vec<_> = domains
        .iter()
        .map(|value| ("domain", *value))
        .chain(addresses.iter().flat_map(|value| [("ip", *value), ("ipv6", *value)]))
        .collect();
    assert_eq!(stage.observe(&about).await, json!({"data": {}}));
    assert_eq!(calls(&stage), [""; 0]);
}

#[test]
fn no_value_reaches_another_path() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let stage = runtime.block_on(setup().start());
    let accounts = Cell::new(0);
    let values = "\\PC{1,30}|[./?#%@:a-c]{1,16}|(\\.\\./){1,3}ping|[a-z.]{1,5}[\u{2024}\u{ff0e}\u{2f}\u{ff0f}][a-z]{1,5}";
    proptest!(ProptestConfig::with_cases(128), |(value in values)| {
        prop_assume!(!value.trim().is_empty());
        stage.sim.reset();
        // An account each, so that no case waits for another's calls.
        accounts.set(accounts.get() + 1);
        let token = stage.token_with(&json!({"key": format!("demo-key.{}", accounts.get())}));
        let about = asked(&[("domain", &value), ("ip", &value)]);
        runtime.block_on(stage.ask("/observe/observables", Some(&token), &about));
        for call in calls(&stage) {
            prop_assert!(is_of_a_name(&call) || call == "POST /domains/list?page=1", "{:?} made {}", value, call);
        }
    });
}

/// Whether a call asks for the history of what can be a name.
fn is_of_a_name(call: &str) -> bool {
    let name = call
        .strip_prefix("GET /history/")
        .and_then(|rest| rest.strip_suffix("/dns/a?page=1").or(rest.strip_suffix("/dns/aaaa?page=1")));
    let is_label = |label: &str| {
        !label.is_empty()
            && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_".contains(&b))
    };
    name.is_some_and(|name| name.split('.').all(is_label))
}
