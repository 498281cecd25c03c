//! A provider that is not who it says it is.

use std::net::TcpListener;
use std::sync::Arc;
use std::thread;

use relay_testkit::errors;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::{ServerConfig, ServerConnection};

use crate::setup;

/// Shakes hands with a certificate that nobody signed; its address.
fn self_signed() -> String {
    let certified = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let key = certified.signing_key.serialize_der().try_into().unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certified.cert.der().clone()], key)
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    // Ends with the test's process.
    thread::spawn(move || {
        for mut connection in listener.incoming().flatten() {
            let mut tls = ServerConnection::new(Arc::clone(&config)).unwrap();
            // The caller breaks off, which is what the test is about.
            while tls.is_handshaking() && tls.complete_io(&mut connection).is_ok() {}
        }
    });
    format!("https://{address}")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_untrusted_certificate_is_told_with_its_reason() {
    let base = self_signed();
    let stage = setup()
        .setting("RELAY_PROVIDER__DETECTIONS_URL", &base)
        .setting("RELAY_PROVIDER__EVENTS_URL", "off")
        .start()
        .await;
    for answer in [stage.observe(&[("domain", "a.example")]).await, stage.health().await] {
        assert_eq!(errors(&answer), [("fatal", "unknown")]);
        let message = answer["errors"][0]["message"].as_str().unwrap();
        assert!(message.starts_with("Unable to verify SSL certificate: "), "{message}");
    }
}
