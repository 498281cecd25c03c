//! Logins by a certificate or a federated token of the operator's.

use relay_core::auth::Claims;
use relay_core::settings::{Environment, Settings};
use relay_testkit::logins;
use serde_json::json;

use crate::setup;

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_takes_the_place_of_the_secret() {
    logins::by_certificate(setup()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_federated_token_takes_the_place_of_the_secret() {
    logins::by_federated_token(setup()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_is_refused_is_reported_with_what_to_do() {
    logins::refused_certificates(setup()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operators_credential_is_not_lent_to_strangers() {
    logins::strangers(setup(), "application_id").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewed_certificate_needs_no_restart() {
    logins::renewed_certificates(setup()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_does_not_start_without_what_its_login_needs() {
    logins::bad_starts(&setup());
}

#[test]
fn an_application_that_is_not_allowed_is_known_before_any_call() {
    let id = |end: u8| format!("00000000-0000-4000-8000-{end:012}");
    let allowed = format!("{}/{}", id(1), id(2));
    let check = |credential: &str, application: String| {
        let variables = [
            ("RELAY_PROVIDER__CREDENTIAL", credential),
            ("AZURE_FEDERATED_TOKEN_FILE", "/nowhere"),
            ("RELAY_PROVIDER__ALLOWED_APPLICATIONS", allowed.as_str()),
        ];
        let relay = relay_graph::relay();
        let settings = Settings::load(relay.module(), Environment::of(variables)).unwrap().settings;
        let claims = json!({"tenant_id": id(1), "application_id": application, "client_secret": "s"});
        relay.check_claims(&settings, &Claims::from(claims.as_object().unwrap().clone()))
    };
    assert_eq!(check("federated", id(2)), Ok(()));
    let error = check("federated", id(3)).unwrap_err().to_string();
    assert!(error.contains("RELAY_PROVIDER__ALLOWED_APPLICATIONS"), "{error}");
    // A secret is the user's own, so that nobody has to allow it.
    assert_eq!(check("secret", id(3)), Ok(()));
}
