//! Clients that go away take their lookups with them.

use relay_testkit::asked;

use crate::acme::setup;
use crate::mock::Mock;

#[tokio::test(flavor = "multi_thread")]
async fn a_vanished_client_ends_its_provider_calls() {
    let provider = Mock::silent().await;
    let stage = setup(&provider).start().await;
    let request =
        stage.http.post(format!("{}/observe/observables", stage.relay.url)).bearer_auth(stage.token());
    let body =
        asked(&[("domain", "a.example"), ("domain", "b.example"), ("domain", "c.example")]).to_string();
    let waiting = tokio::spawn(request.body(body).send());
    provider.until_in_flight(3).await;
    waiting.abort();
    provider.until_abandoned(3).await;
    let aborted = r#"relay_requests_total{endpoint="observe",outcome="aborted",relay="acme"} 1"#;
    stage.until_metrics(aborted).await;
    let calls = r#"relay_provider_calls_total{call="thing",outcome="aborted",relay="acme"} 3"#;
    stage.until_metrics(calls).await;
}
