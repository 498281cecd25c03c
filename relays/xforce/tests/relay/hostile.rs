//! Observables that try to be more than a value.

use crate::setup;

#[tokio::test(flavor = "multi_thread")]
async fn a_value_cannot_change_the_path_of_a_call() {
    let long = "a".repeat(5000);
    let values = [
        "../all-subscriptions/usage",
        "%2e%2e",
        "%2e%2e/usage",
        "a/b",
        "a?b=c",
        "a#b",
        "a&b=c",
        "a%2fb",
        "'\" or 1=1",
        "a\nb",
        "a\r\nHost: evil.example",
        "a\0b",
        "@evil.example",
        "//evil.example/x",
        "\\\\evil.example\\x",
        "\u{202e}elpmaxe",
        "\u{1f480}.example",
        &long,
    ];
    for value in values {
        let stage = setup().start().await;
        stage.deliberate(&[("domain", value)]).await;
        let calls = stage.sim.calls_to("xforce");
        assert_eq!(calls.len(), 1, "{value:?}");
        assert_eq!(calls[0].query, "", "{value:?}");
        let segments: Vec<&str> = calls[0].path.split('/').collect();
        assert_eq!(segments[..3], ["", "xforce", "url"], "{value:?}");
        assert_eq!(segments.len(), 4, "{value:?} is one segment: {}", calls[0].path);
        assert_eq!(decoded(segments[3]), value.as_bytes());
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
