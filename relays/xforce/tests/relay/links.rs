//! `/refer/observables`: links into the portal, without token and without call.

use relay_testkit::Stage;
use serde_json::{Value, json};

use crate::setup;

async fn links(stage: &Stage, about: &[(&str, &str)]) -> Vec<Value> {
    stage.refer(about).await["data"].as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_type_has_its_link_in_the_order_asked() {
    let stage = setup().start().await;
    let md5 = "34d5ea586a61b0aba512c0cb1d3d8b15";
    let (sha1, sha256) = ("a".repeat(40), "b".repeat(64));
    let table = [
        ("domain", "ibm.com", "domain", "url/ibm.com"),
        ("url", "http://a.example/x?y=1", "URL", "url/http:%2F%2Fa.example%2Fx%3Fy%3D1"),
        ("ip", "192.0.2.1", "IP", "ip/192.0.2.1"),
        ("ipv6", "2001:db8::7", "IPv6", "ip/2001:db8::7"),
        ("md5", md5, "MD5", &format!("malware/{md5}")),
        ("sha1", &sha1, "SHA1", &format!("malware/{sha1}")),
        ("sha256", &sha256, "SHA256", &format!("malware/{sha256}")),
    ];
    let about: Vec<(&str, &str)> = table.iter().map(|(kind, value, ..)| (*kind, *value)).collect();
    let links = links(&stage, &about).await;
    assert_eq!(links.len(), table.len());
    for (link, (kind, _, label, path)) in links.iter().zip(table) {
        let encoded = path.split_once('/').unwrap().1;
        assert_eq!(link["id"], format!("ref-ibm-xforce-exchange-search-{kind}-{encoded}"));
        assert_eq!(link["title"], format!("Search for this {label}"));
        assert_eq!(link["url"], format!("https://exchange.xforce.ibmcloud.com/{path}"));
        assert_eq!(link["categories"], json!(["Search", "IBM X-Force Exchange"]));
    }
    assert_eq!(stage.sim.calls().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_that_has_no_address_has_no_link() {
    let stage = setup().start().await;
    assert_eq!(
        links(&stage, &[("domain", "."), ("domain", ".."), ("hostname", "x")]).await,
        [json!(null); 0]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn actions_are_not_served() {
    let stage = setup().start().await;
    for path in ["/respond/observables", "/respond/trigger"] {
        let response = stage.raw(path, Some(&stage.token()), "[]").await;
        assert_eq!(response.status(), 404, "{path}");
    }
}
