//! `/refer/observables`: links, without a token and without a call.

use serde_json::{Value, json};

use crate::{calls, setup};

fn link(kind: &str, label: &str, value: &str, description: &str, url: &str) -> Value {
    json!({
        "id": format!("ref-securitytrails-search-{kind}-{value}"),
        "title": format!("Search for this {label}"),
        "description": description,
        "url": url,
        "categories": ["Search", "SecurityTrails"],
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn each_supported_observable_has_a_link() {
    let stage = setup().start().await;
    let about = [
        ("domain", "cisco.com"),
        ("ip", "1.1.1.1"),
        ("url", "https://cisco.com/"),
        ("ipv6", "2001:db8::1"),
        ("domain", "cisco.com"),
    ];
    let expected = json!({"data": [
        link(
            "domain", "domain", "cisco.com", "DNS records of this domain at SecurityTrails",
            "https://securitytrails.com/domain/cisco.com/dns",
        ),
        link(
            "ip", "IP", "1.1.1.1", "Domains on this IP address at SecurityTrails",
            "https://securitytrails.com/list/ip/1.1.1.1",
        ),
        link(
            "ipv6", "IPv6", "2001:db8::1", "Domains on this IPv6 address at SecurityTrails",
            "https://securitytrails.com/list/ip/2001:db8::1",
        ),
    ]});
    assert_eq!(stage.refer(&about).await, expected);
    assert_eq!(calls(&stage), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_with_a_path_in_it_stays_one_segment() {
    let stage = setup().start().await;
    for (value, segment) in [
        ("a b/c?d", "a%20b%2Fc%3Fd"),
        ("a/../../x?y#z", "a%2F..%2F..%2Fx%3Fy%23z"),
        ("%2e%2e", "%252e%252e"),
        ("bücher.example", "xn--bcher-kva.example"),
    ] {
        let answer = stage.refer(&[("domain", value)]).await;
        assert_eq!(answer["data"][0]["url"], format!("https://securitytrails.com/domain/{segment}/dns"));
        assert_eq!(answer["data"][0]["id"], format!("ref-securitytrails-search-domain-{segment}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dots_and_other_types_have_no_link() {
    let stage = setup().start().await;
    let about = [("domain", ".."), ("ip", "."), ("domain", " .. "), ("url", "https://a.example/")];
    for about in about.iter().map(std::slice::from_ref).chain([&about[..], &[]]) {
        assert_eq!(stage.refer(about).await, json!({"data": []}), "{about:?}");
    }
}
