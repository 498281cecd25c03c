//! Providers behind TLS whose certificates are right or wrong.

use std::path::PathBuf;
use std::sync::Arc;

use rcgen::{CertificateParams, CertifiedKey, KeyPair, date_time_ymd};
use relay_testkit::docs;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;

use crate::acme::{setup, thing};
use crate::mock::Mock;
use crate::only_error;

/// A provider with a self-signed certificate, and a file that holds it.
async fn provider(name: &str, change: impl Fn(&mut CertificateParams)) -> (Mock, PathBuf) {
    let mut params = CertificateParams::new([name.to_owned()]).expect("a host name");
    change(&mut params);
    let signing_key = KeyPair::generate().expect("a key");
    let cert = params.self_signed(&signing_key).expect("a certificate");
    let certified = CertifiedKey { cert, signing_key };
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| {
            let key = certified.signing_key.serialize_der().try_into().expect("a private key");
            builder.with_no_client_auth().with_single_cert(vec![certified.cert.der().clone()], key)
        })
        .expect("a TLS configuration");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let provider = Mock::start_tls(acceptor, |_| async { thing(true, &["a"]) }).await;
    let file =
        PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("ca-{}.pem", provider.url.replace('/', "")));
    std::fs::write(&file, certified.cert.pem()).expect("a file");
    (provider, file)
}

/// What the user reads about a provider whose certificate is among the trusted ones, but wrong.
async fn complaint(name: &str, change: impl Fn(&mut CertificateParams)) -> String {
    let (provider, file) = provider(name, change).await;
    let setup = setup(&provider).setting("RELAY_PROVIDER__CA_FILE", &file.display().to_string());
    let answer = setup.start().await.observe(&[("domain", "a.example")]).await;
    assert_eq!(provider.count(), 0, "credentials were sent all the same");
    only_error(&answer, "fatal", "unknown").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_self_signed_certificate_is_refused_with_its_reason() {
    let (provider, _) = provider("localhost", |_| ()).await;
    let answer = setup(&provider).start().await.observe(&[("domain", "a.example")]).await;
    assert_eq!(
        only_error(&answer, "fatal", "unknown"),
        "Unable to verify SSL certificate: Self signed certificate or unknown issuer; where that is right, name its \
         authority in RELAY_PROVIDER__CA_FILE"
    );
    assert_eq!((provider.count(), provider.connections()), (0, 1), "it was tried again, or the key was sent");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_in_the_ca_file_is_trusted() {
    let (provider, file) = provider("localhost", |_| ()).await;
    let setup = setup(&provider).setting("RELAY_PROVIDER__CA_FILE", &file.display().to_string());
    let answer = setup.start().await.observe(&[("domain", "a.example")]).await;
    assert_eq!(docs(&answer, "verdicts").len(), 1, "{answer}");
    assert_eq!(provider.count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_for_another_host_is_refused() {
    let message = complaint("another.example", |_| ()).await;
    assert_eq!(message, "Unable to verify SSL certificate: Certificate is for another host name");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_certificate_is_refused() {
    let message = complaint("localhost", |params| params.not_after = date_time_ymd(2020, 1, 1)).await;
    assert_eq!(message, "Unable to verify SSL certificate: Certificate has expired");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_of_the_future_is_refused() {
    let message = complaint("localhost", |params| params.not_before = date_time_ymd(4000, 1, 1)).await;
    assert_eq!(message, "Unable to verify SSL certificate: Certificate is not valid yet");
}
