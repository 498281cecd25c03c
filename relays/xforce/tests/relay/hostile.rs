//! Observables that try to be more than a value.

use crate::setup;

/// Values that a careless relay would let become something else than one value.
fn hostile() -> Vec<String> {
    let values = [
        "../all-subscriptions/usage",
        "..\\..",
        "...",
        "./",
        "%2e%2e",
        "%2e%2e/usage",
        "a/b",
        "a?b=c",
        "a#b",
        "a&b=c",
        "?maxpertype=9999&x=",
        "a%2fb",
        "a%",
        "a+b c",
        "'\" or 1=1",
        "`id`$(id)",
        "a\nb",
        "a\r\nHost: evil.example",
        "a\0b",
        "@evil.example",
        "user:password@evil.example:80",
        "//evil.example/x",
        "http://evil.example/",
        "\\\\evil.example\\x",
        "[::1]",
        "\u{202e}elpmaxe",
        "\u{feff}a",
        "\u{1f480}.example",
        "\u{10ffff}",
    ];
    values.into_iter().map(str::to_owned).chain(["a".repeat(5000), "💀".repeat(1250)]).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_of_another_form_makes_no_call() {
    let stage = setup().setting("RELAY_CACHE__TTL", "0s").start().await;
    for value in hostile().into_iter().filter(|value| value != "\u{1f480}.example") {
        for kind in ["domain", "ip", "ipv6", "md5", "sha256"] {
            assert_eq!(
                stage.observe(&[(kind, &value)]).await,
                serde_json::json!({"data": {}}),
                "{kind} {value:?}"
            );
        }
    }
    assert_eq!(stage.sim.calls_to("xforce").len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_url_cannot_change_path_host_or_parameters_of_a_call() {
    let stage = setup().setting("RELAY_CACHE__TTL", "0s").start().await;
    for value in hostile() {
        // The host is the part that is checked; whatever follows it is one segment.
        let value = format!("http://a.example/{value}");
        stage.sim.reset();
        stage.observe(&[("url", &value)]).await;
        let mut calls = stage.sim.calls_to("xforce");
        assert_eq!(calls.len(), 2, "{value:?}: {calls:?}");
        for (path, query) in [("/url/", ""), ("/api/linkage/url/", MOST)] {
            let place = calls.iter().position(|call| {
                let rest = call.path.strip_prefix("/xforce").and_then(|rest| rest.strip_prefix(path));
                let trimmed = value.trim().as_bytes();
                rest.is_some_and(|segment| !segment.contains('/') && decoded(segment) == trimmed)
            });
            let place = place.unwrap_or_else(|| panic!("{value:?}: {path} is not in {calls:?}"));
            assert_eq!(calls.swap_remove(place).query, query, "{value:?}");
        }
    }
}

const MOST: &str = "maxpertype=20";

#[tokio::test(flavor = "multi_thread")]
async fn a_value_stays_one_segment_of_a_link() {
    let stage = setup().start().await;
    for value in hostile() {
        let answer = stage.refer(&[("domain", &value)]).await;
        let links = answer["data"].as_array().unwrap();
        // A link may not be cut: one that is too long is left out.
        assert_eq!(links.len(), usize::from(value.len() < 1000), "{value:?}");
        for link in links {
            let segment =
                link["url"].as_str().unwrap().strip_prefix("https://exchange.xforce.ibmcloud.com/url/");
            let segment = segment.unwrap_or_else(|| panic!("{value:?}: {link}"));
            assert!(!segment.contains(['/', '?', '#']), "{value:?}: {link}");
            let form = if value == "\u{1f480}.example" { "xn--fr8h.example" } else { value.as_str() };
            assert_eq!(decoded(segment), form.as_bytes());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dots_alone_make_no_call() {
    let stage = setup().start().await;
    let answer = stage.observe(&[("domain", "."), ("url", ".."), ("ip", "..")]).await;
    assert_eq!(answer, serde_json::json!({"data": {}}));
    assert_eq!(stage.sim.calls_to("xforce").len(), 0);
}

/// An independent reading of percent-encoding.
fn decoded(segment: &str) -> Vec<u8> {
    let bytes = segment.as_bytes();
    let mut out = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] == b'%' {
            out.push(u8::from_str_radix(&segment[at + 1..at + 3], 16).unwrap());
            at += 3;
        } else {
            out.push(bytes[at]);
            at += 1;
        }
    }
    out
}
