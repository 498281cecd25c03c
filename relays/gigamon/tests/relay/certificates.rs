//! A provider that is not who it says it is.

use std::io::Write;
use std::net::TcpListener;
use std::path::PathBuf;
use std::thread;

use rcgen::{CertificateParams, date_time_ymd};
use relay_testkit::{errors, host_with_certificate};
use serde_json::Value;

use crate::setup;

/// A host with a certificate that it signed itself: its address, and a file with the certificate.
fn self_signed(name: &str, change: impl Fn(&mut CertificateParams)) -> (String, PathBuf) {
    let (base, certificate) = host_with_certificate(name, change);
    let port = base.rsplit_once(':').unwrap().1;
    let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("ca-{port}.pem"));
    std::fs::write(&file, certificate).unwrap();
    (base, file)
}

/// Sends some bytes to each client, and hangs up.
fn not_tls(bytes: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for mut connection in listener.incoming().flatten() {
            // A client that does not read them sees the end of the connection.
            let _ = connection.write_all(bytes);
        }
    });
    format!("https://{address}")
}

/// The answers about a provider at this address, trusting the certificate in a file.
async fn answers(base: &str, trusted: &str) -> [Value; 2] {
    let stage = setup()
        .setting("RELAY_PROVIDER__DETECTIONS_URL", base)
        .setting("RELAY_PROVIDER__EVENTS_URL", "off")
        .setting("RELAY_PROVIDER__RETRIES", "0")
        .setting("RELAY_PROVIDER__CA_FILE", trusted)
        .start()
        .await;
    [stage.observe(&[("domain", "a.example")]).await, stage.health().await]
}

#[tokio::test(flavor = "multi_thread")]
async fn an_untrusted_certificate_is_reported_with_its_reason() {
    let (base, _) = self_signed("127.0.0.1", |_| ());
    for answer in answers(&base, "").await {
        assert_eq!(errors(&answer), [("fatal", "unknown")]);
        let message = answer["errors"][0]["message"].as_str().unwrap();
        assert!(message.starts_with("Unable to verify SSL certificate: Self signed"), "{message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_fault_of_a_certificate_is_reported_as_well() {
    let of_another = self_signed("another.example", |_| ());
    let expired = self_signed("127.0.0.1", |params| params.not_after = date_time_ymd(2020, 1, 1));
    for ((base, file), reason) in [(of_another, "another host name"), (expired, "expired")] {
        for answer in answers(&base, &file.display().to_string()).await {
            assert_eq!(errors(&answer), [("fatal", "unknown")]);
            let message = answer["errors"][0]["message"].as_str().unwrap();
            let words = message.strip_prefix("Unable to verify SSL certificate: ").unwrap();
            assert!(words.contains(reason), "{message}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_no_tls_at_all_is_no_crash() {
    for bytes in [&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], b"\x15\x03\x03\x00\x02\x02\x28", b""] {
        for answer in answers(&not_tls(bytes), "").await {
            assert_eq!(errors(&answer), [("fatal", "connection error")], "{bytes:?}");
        }
    }
}
