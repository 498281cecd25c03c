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
async fn a_value_cannot_change_path_host_or_parameters_of_a_call() {
    // Which calls are made about a type, as path and query around the value.
    let table = [
        ("domain", vec![("/url/", ""), ("/api/resolve/", DNS), ("/api/linkage/url/", MOST)]),
        ("url", vec![("/url/", ""), ("/api/linkage/url/", MOST)]),
        ("ip", vec![("/ipr/", ""), ("/api/resolve/", DNS), ("/api/linkage/ip/", MOST)]),
        ("ipv6", vec![("/ipr/", ""), ("/api/resolve/", DNS), ("/api/linkage/ip/", MOST)]),
        ("md5", vec![("/malware/", ""), ("/api/linkage/malware/", MOST)]),
        ("sha256", vec![("/malware/", ""), ("/api/linkage/malware/", MOST)]),
    ];
    let stage = setup().setting("RELAY_CACHE__TTL", "0s").start().await;
    for value in hostile() {
        for (kind, expected) in &table {
            stage.sim.reset();
            stage.observe(&[(kind, &value)]).await;
            let mut calls = stage.sim.calls_to("xforce");
            assert_eq!(calls.len(), expected.len(), "{kind} {value:?}: {calls:?}");
            for (path, query) in expected {
                let place = calls.iter().position(|call| {
                    let rest = call.path.strip_prefix("/xforce").and_then(|rest| rest.strip_prefix(path));
                    rest.is_some_and(|segment| !segment.contains('/') && decoded(segment) == value.as_bytes())
                });
                let place = place.unwrap_or_else(|| panic!("{kind} {value:?}: {path} is not in {calls:?}"));
                assert_eq!(calls.swap_remove(place).query, *query, "{kind} {value:?}");
            }
        }
    }
}

const DNS: &str = "basicResolve=true";
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
            assert_eq!(decoded(segment), value.as_bytes());
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
