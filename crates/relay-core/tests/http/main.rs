//! A whole relay over HTTP, with a made-up provider ([`acme`]) that each test scripts ([`mock`]) and the simulated
//! platform's keys. One binary, one module per theme.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

mod acme;
mod mock;

mod answers;
mod audience;
mod bodies;
mod bounds;
mod cancellation;
mod certificates;
mod connections;
mod endpoints;
mod errors;
mod explain;
mod lookups;
mod manners;
mod monitoring;
mod openapi;
mod platform_keys;
mod replicas;
mod retries;
mod stop;
mod store_access;
mod tenants;
mod tiles;
mod tokens;

use serde_json::Value;

/// The messages of an answer's errors.
fn messages(answer: &Value) -> Vec<&str> {
    answer["errors"].as_array().into_iter().flatten().filter_map(|error| error["message"].as_str()).collect()
}

/// The message of the only error of an answer, whose type and code are checked.
fn only_error<'a>(answer: &'a Value, kind: &str, code: &str) -> &'a str {
    assert_eq!(relay_testkit::errors(answer), [(kind, code)], "{answer}");
    messages(answer)[0]
}
