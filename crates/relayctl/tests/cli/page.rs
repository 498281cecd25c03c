//! The page that a relay shows of itself, in a real browser.

use serde_json::json;

use crate::ask::TestBed;
use crate::browser::{Browser, NO_SIDEWAYS};

#[tokio::test(flavor = "multi_thread")]
async fn a_relays_page_is_readable_on_phones_and_in_the_dark() {
    let Some(browser) = Browser::start().await else { return };
    let bed = TestBed::start("page").await;
    for scheme in ["light", "dark"] {
        browser.prefer("prefers-color-scheme", scheme).await;
        for width in [390, 1280] {
            browser.resize(width, 900).await;
            browser.client.goto(&bed.url).await.unwrap();
            assert_eq!(browser.script(NO_SIDEWAYS).await, json!(true), "{scheme}, {width} px");
            assert_eq!(browser.contrasts().await, json!([]), "{scheme}, {width} px");
            if let Some(folder) = std::env::var_os("RELAYCTL_PICTURES") {
                let file = format!("page-{scheme}-{width}.png");
                browser.picture(&std::path::Path::new(&folder).join(file)).await;
            }
        }
    }
    let ground = "return getComputedStyle(document.body).backgroundColor";
    assert_ne!(browser.script(ground).await, json!("rgb(255, 255, 255)"), "the last scheme was the dark one");
    browser.client.clone().close().await.unwrap();
}
