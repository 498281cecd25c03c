//! Logins by a certificate or a federated token of the operator's.

use relay_testkit::logins;

use crate::full;

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_takes_the_place_of_the_secret() {
    logins::by_certificate(full()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_federated_token_takes_the_place_of_the_secret() {
    logins::by_federated_token(full()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_is_refused_is_reported_with_what_to_do() {
    logins::refused_certificates(full()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operators_credential_is_not_lent_to_strangers() {
    logins::strangers(full(), "client_id").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewed_certificate_needs_no_restart() {
    logins::renewed_certificates(full()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_does_not_start_without_what_its_login_needs() {
    logins::bad_starts(&full());
}
