//! Links into the Defender portal: no token, no call.

use std::io::Read as _;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use relay_testkit::{Setup, Stage};
use serde_json::{Value, json};
use url::Url;

use crate::{setup, v2};

async fn links(setup: Setup, observable: (&str, &str)) -> Vec<Value> {
    let stage: Stage = setup.start().await;
    let answer = stage.refer(&[observable]).await;
    assert_eq!(stage.sim.calls().len(), 0);
    answer["data"].as_array().unwrap().clone()
}

/// The query in a link to a hunt.
fn query(link: &Value) -> String {
    let url = Url::parse(link["url"].as_str().unwrap()).unwrap();
    assert_eq!(url.path(), "/v2/advanced-hunting");
    let params: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    assert_eq!(params[1], ("timeRangeId".to_owned(), "month".to_owned()));
    assert_eq!(params[0].0, "query");
    let packed = BASE64_URL_SAFE_NO_PAD.decode(&params[0].1).unwrap();
    assert_eq!(&packed[4..8], [0; 4], "no time in it");
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(packed.as_slice()).read_to_end(&mut bytes).unwrap();
    let units: Vec<u16> = bytes.chunks(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
    String::from_utf16(&units).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_type_has_its_page_and_a_hunt() {
    let hash = "ab".repeat(32);
    for (kind, value, page) in [
        ("ip", "203.0.113.9", Some("/ip/203.0.113.9/overview".to_owned())),
        ("ipv6", "2001:db8::7", Some("/ip/2001:db8::7/overview".to_owned())),
        ("domain", "c2.bad.example", Some("/domains/overview?urlDomain=c2.bad.example".to_owned())),
        (
            "url",
            "https://a.example/?b=c",
            Some("/url/overview?url=https%3A%2F%2Fa.example%2F%3Fb%3Dc".to_owned()),
        ),
        ("sha256", hash.as_str(), Some(format!("/file/{hash}"))),
        ("sha1", &hash[..40], Some(format!("/file/{}", &hash[..40]))),
        ("ms_machine_id", "73e7e2de", Some("/machines/v2/73e7e2de".to_owned())),
        ("md5", &hash[..32], None),
        ("hostname", "ws-042", None),
        ("file_name", "a\"b.exe", None),
        ("file_path", "C:\\Temp\\drop.exe", None),
        ("email", "jdoe@corp.example", None),
        ("user", "jdoe", None),
        ("email_subject", "Invoice", None),
        ("email_messageid", "<m@x.example>", None),
    ] {
        let links = links(setup(), (kind, value)).await;
        assert_eq!(links.len(), 1 + usize::from(page.is_some()), "{kind}");
        if let Some(page) = page {
            assert_eq!(links[0]["id"], format!("ref-graph-page-{kind}-{value}"));
            assert_eq!(links[0]["url"], format!("https://security.microsoft.com{page}"));
            assert_eq!(links[0]["categories"], json!(["Page", "Microsoft Graph Security"]));
        }
        let hunt = links.last().unwrap();
        assert_eq!(hunt["id"], format!("ref-graph-hunt-{kind}-{value}"));
        assert_eq!(hunt["categories"], json!(["Hunt", "Microsoft Graph Security"]));
        let query = query(hunt);
        let steps: Vec<&str> = query.split('\n').collect();
        assert_eq!((steps.len(), steps[0], steps[1]), (5, "AlertEvidence", "| where Timestamp > ago(30d)"));
        assert!(
            steps[2].starts_with("| extend Host = extract(") && steps[4] == "| sort by Timestamp desc",
            "{query}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hunt_asks_what_the_relay_asks() {
    let links = links(setup(), ("ip", "203.0.113.9")).await;
    assert_eq!(
        query(&links[1]).split('\n').nth(3).unwrap(),
        "| where RemoteIP in~ (\"203.0.113.9\", \"::ffff:203.0.113.9\") or LocalIP in~ (\"203.0.113.9\", \
         \"::ffff:203.0.113.9\") or Host == \"203.0.113.9\" or (EntityType == \"MailMessage\" and AdditionalFields has \
         \"203.0.113.9\")"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_linked_is_left_out() {
    let long = "x".repeat(20_000);
    for observable in [("file_name", "a\u{1}b"), ("ip", "no address"), ("user", "SYSTEM"), ("mutex", "x")] {
        assert_eq!(links(setup(), observable).await, [] as [Value; 0], "{observable:?}");
    }
    assert_eq!(links(setup(), ("url", &format!("https://a.example/{long}"))).await, [] as [Value; 0]);
    let only_legacy = v2("auto").setting("RELAY_PROVIDER__ALERTS_API", "legacy");
    assert_eq!(links(only_legacy, ("email", "a@b.example")).await, [] as [Value; 0]);
}
